"""The symbolic generator: how many problems with distinct keys and checked proofs in how long, and how varied they are.

`python -m benchmarks.generator [--count=1200] [--shards=4] [--workers=2] [--seed=0]`. Asked for: at least 1,000 with distinct
keys, all checked, in 600 s on two cores; no technique under 15 %; at least a third with equality elsewhere than at a = b = c.
Where equality holds is confirmed here in exact arithmetic, independently of what the generator says. `--check=0` only writes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from typing import Any

from olmix.proofs.pipeline.checking import Checking, look_at_all
from olmix.proofs.pipeline.sources import Symbolic
from olmix.proofs.statements.expr import Relation
from olmix.proofs.statements.numeric import holds_at
from olmix.proofs.symbolic.generate import FAMILIES, Region, Written, distinct


def equality_confirmed(one: Written) -> bool:
    """Whether the draft's point satisfies the hypotheses and makes both sides equal, exactly."""
    assert one.draft.equality is not None
    at: dict[str, Any] = dict(zip(one.draft.names, one.draft.equality, strict=True))
    claim = one.statement.claim
    both = Relation(claim.left, "=", claim.right)
    return all(holds_at(relation, at) is True for relation in (*one.statement.constraints, both))


def main() -> None:
    """Generates, checks, prints."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--count", type=int, default=1200)
    flags.add_argument("--shards", type=int, default=4)
    flags.add_argument("--check", type=int, default=1)
    flags.add_argument("--workers", type=int, default=2)
    flags.add_argument("--seed", type=int, default=0)
    options = flags.parse_args()
    began, cpu = time.monotonic(), sum(os.times()[:4])
    regions = Symbolic(techniques=tuple(FAMILIES)).regions
    made: list[Written] = []
    again = 0
    for number in range(options.shards):
        for one in distinct(
            tuple(FAMILIES), options.count // options.shards, options.seed * 1_000_003 + number, Region(number, regions)
        ):
            made += [one] if one is not None else []
            again += one is None
        print(f"{number + 1} shards: {len(made)} written, {len({one.key for one in made})} distinct keys, "
              f"{(sum(os.times()[:4]) - cpu) / len(made):.3f} s of CPU each", flush=True)  # fmt: skip
    written = time.monotonic() - began
    print(f"difficulty: {dict(Counter(one.draft.difficulty for one in made))}; variables: "
          f"{dict(sorted(Counter(len(one.draft.names) for one in made).items()))}")  # fmt: skip
    if not options.check:
        return
    looks = look_at_all(
        [(one.problem, one.proof, one.statement.to_text()) for one in made], Checking(seconds_each=60.0), options.workers,
        lambda *_: None,
    )  # fmt: skip
    wall, cpu = time.monotonic() - began, sum(os.times()[:4]) - cpu
    kept = [one for one, look in zip(made, looks, strict=True) if look.verdict == "accepted"]
    lost = Counter((one.draft.family, look.verdict, look.reason)
                   for one, look in zip(made, looks, strict=True) if look.verdict != "accepted")  # fmt: skip
    places = Counter(one.draft.place for one in kept)
    with_point = [one for one in kept if one.draft.equality is not None]
    confirmed = sum(map(equality_confirmed, with_point))
    keys = {look.key for look in looks if look.verdict == "accepted"}
    print(f"written {len(made)} in {written:.0f} s ({again} came again and were drawn anew)")
    print(f"checked and accepted {len(kept)} ({100 * len(kept) / len(made):.1f} %), distinct keys {len(keys)}")
    print(f"wall {wall:.0f} s with {options.workers} workers, {cpu:.0f} s of CPU, {cpu / len(made):.3f} s each; allowed 600 s: "
          f"ratio {600 / wall:.1f}")  # fmt: skip
    for name, count in sorted(Counter(one.draft.technique for one in kept).items()):
        print(f"  {name}: {count} ({100 * count / len(kept):.1f} %)")
    print("equality: " + ", ".join(f"{place} {n} ({100 * n / len(kept):.0f} %)" for place, n in places.most_common())
          + f"; {confirmed} of {len(with_point)} points confirmed exactly")  # fmt: skip
    print(f"constraints in {sum(bool(one.statement.constraints) for one in kept)}, substitutions in "
          f"{sum(',' in one.draft.family for one in kept)}, families {len({one.draft.family for one in kept})}")  # fmt: skip
    for (family, verdict, reason), count in lost.most_common(12):
        print(f"  not kept: {count} {family}: {verdict}, {reason}")
    refuted = [one for one, look in zip(made, looks, strict=True) if look.verdict == "rejected"]
    print(f"refuted by the machine: {len(refuted)}")
    for one in refuted[:3]:
        print(f"    {one.problem}\n    {one.proof}")


if __name__ == "__main__":
    main()
