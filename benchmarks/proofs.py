r"""What the machine proves, refutes and catches: `python -m benchmarks.proofs [--only=PART ...] [--subset=N]`.

`statements`: every item of statements.json, proved, refuted or unknown, with seconds. `own`: the same for our own list of
classical statements (tests/proofs/own_true.json), all true. `false`: 20 classical statements made false by 0.1 % or at infinity
only, our own longer list (own_false.json), and every tight statement of `own` with its right side off by 0.1 %.
`links`: the relations of the reference proofs of ineqmath_100.json, the refuted ones
listed (several are misprints). `corrupted`: those proofs with one relation flipped, or one number of an equality changed;
caught means rejected. `bogus`: texts that prove nothing (tests/proofs/bogus.py), none of which may be accepted.
The data are read from shared/data, see tests/shared_data.py.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from olmix.proofs.checking.check_proof import check_proof
from olmix.proofs.proving.prove import Effort, prove
from olmix.proofs.refuting.falsify import falsify, search
from olmix.proofs.statements.expr import Relation, mul, num
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement, parse_text
from tests import shared_data
from tests.proofs.bogus import all_bogus, drawn

FALSE: tuple[tuple[str, str, list[str]], ...] = (
    # Constants off by 0.1 %.
    ("a**2 + b**2 >= 2.002*a*b", "real", []),
    ("a/(b+c) + b/(c+a) + c/(a+b) >= 1.5015", "pos", []),
    ("a + b + c >= 3.003*(a*b*c)**(1/3)", "pos", []),
    ("a*b + b*c + c*a <= 0.999", "pos", ["a**2 + b**2 + c**2 = 1"]),
    ("7*a + 5*b + 12*a*b <= 8.991", "pos", ["9*a**2 + 8*a*b + 7*b**2 <= 6"]),
    ("(a**2+b**2+c**2)**2 >= 3.003*(a**3*b+b**3*c+c**3*a)", "real", []),
    ("a**3+b**3+c**3+2.997*a*b*c >= a*b*(a+b)+b*c*(b+c)+c*a*(c+a)", "nonneg", []),
    ("(a-1+1/b)*(b-1+1/c)*(c-1+1/a) <= 0.999", "pos", ["a*b*c = 1"]),
    ("a/sqrt(a**2+8*b*c) + b/sqrt(b**2+8*c*a) + c/sqrt(c**2+8*a*b) >= 1.001", "pos", []),
    ("1/(a**3*(b+c)) + 1/(b**3*(c+a)) + 1/(c**3*(a+b)) >= 1.5015", "pos", ["a*b*c = 1"]),
    ("x*y + y*z + z*x - 2*x*y*z <= 6.993/27", "nonneg", ["x + y + z = 1"]),
    ("x**4*y**2 + x**2*y**4 + 1 >= 3.003*x**2*y**2", "real", []),
    ("sqrt(a**2+b**2) + sqrt(b**2+c**2) + sqrt(c**2+a**2) >= 1.4157*(a+b+c)", "pos", []),
    # Suprema and infima that are reached only at infinity or on the boundary.
    ("a/(a+b) + b/(b+c) + c/(c+a) <= 1.998", "pos", []),
    ("a/(a+b) + b/(b+c) + c/(c+a) >= 1.001", "pos", []),
    ("a/(a+b) <= 0.999", "pos", []),
    ("a**2*b + b**2*c + c**2*a <= 3.996", "nonneg", ["a + b + c = 3"]),
    ("sqrt(a**2 + 1) - a >= 0.001", "pos", []),
    ("a/sqrt(a**2+8*b*c) + b/sqrt(b**2+8*c*a) + c/sqrt(c**2+8*a*b) <= 1.998", "pos", []),
    ("1/a + 1/b + 1/c <= 1/(a+b-c) + 1/(b+c-a) + 0.999/(c+a-b)", "pos", ["a+b>c", "b+c>a", "c+a>b"]),
)


OWN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "proofs"
SECONDS = 36.0


def statements(name: str, items: list[dict[str, Any]], subset: int | None) -> None:
    """Every statement of a list, with its verdict and time."""
    items = items[:: max(1, len(items) // subset)] if subset else items
    counts: Counter[str] = Counter()
    quick, slowest = 0, 0.0
    began = time.monotonic()
    for item in items:
        statement = parse_text(item["statement"], item["domain"], item["constraints"])
        verdict = prove(statement, Effort(wall_seconds=SECONDS))
        counts[verdict.verdict] += 1
        quick += verdict.verdict == "proved" and verdict.seconds < 5
        slowest = max(slowest, verdict.seconds)
        print(f"{item['id']:<16} {verdict.verdict:<8} {verdict.seconds:5.1f} s  {verdict.reason[:90]}", flush=True)
    share = 100 * counts["proved"] / len(items)
    print(
        f"{name}: {counts['proved']} of {len(items)} proved ({share:.1f} %), {quick} of them in under 5 s; "
        f"{counts['refuted']} refuted, {counts['unknown']} unknown; slowest {slowest:.1f} s; "
        f"{time.monotonic() - began:.0f} s in all"
    )


def own_list(name: str) -> list[dict[str, Any]]:
    """Our own true or false statements."""
    items: list[dict[str, Any]] = json.loads((OWN / f"own_{name}.json").read_text(encoding="utf-8"))
    return items


def false_variants() -> None:
    """How many of the false variants are refuted, and how long all of a list take together."""
    own = [(item["statement"], item["domain"], item["constraints"]) for item in own_list("false")]
    for name, texts in (("classical", FALSE), ("own", own)):
        _refute(name, [parse_text(*item) for item in texts])
    true = [parse_text(item["statement"], item["domain"], item["constraints"]) for item in own_list("true")]
    _refute("tight ones off by 0.1 %", [wrong for s in true if (wrong := off_by(s, Fraction(1, 1000))) is not None])


def _refute(name: str, wrong: list[Statement]) -> None:
    began = time.monotonic()
    found = [falsify(statement) for statement in wrong]
    seconds = time.monotonic() - began
    for statement, counterexample in zip(wrong, found, strict=True):
        if counterexample is None:
            print(f"  not refuted: {statement.to_text()}")
    print(f"false, {name}: {sum(f is not None for f in found)} of {len(wrong)} refuted in {seconds:.1f} s together")


def off_by(statement: Statement, share: Fraction) -> Statement | None:
    """A true statement with its right side off by a share of itself, where that makes it false: where equality is nearly
    reached and the right side is not 0 there.
    """
    seen = search(statement)
    if not seen.at or abs(seen.tightest) > 1e-9 or statement.claim.op == "=":
        return None
    at = np.array([[dict(seen.at)[name] for name in statement.variables]])
    right = float(compile_floats([statement.claim.right], statement.variables)(at)[0, 0])
    if not abs(right) > 1e-6:
        return None
    factor = 1 + share if (statement.claim.op in (">=", ">")) == (right > 0) else 1 - share
    claim = Relation(statement.claim.left, statement.claim.op, mul(num(factor), statement.claim.right))
    return statement.with_claim(claim)


def _proofs(data: Any, subset: int | None) -> list[dict[str, Any]]:
    items = json.loads((data / "inequalities" / "ineqmath_100.json").read_text())
    return items[:: max(1, len(items) // subset)] if subset else items


def _solution(item: dict[str, Any]) -> str:
    return item["solution"] if isinstance(item["solution"], str) else item["solution"][0]


def links(data: Any, subset: int | None) -> None:
    """The links of the reference proofs by what the check gave; the refuted ones are listed."""
    counts: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    began = time.monotonic()
    for item in _proofs(data, subset):
        solutions = [item["solution"]] if isinstance(item["solution"], str) else item["solution"]
        verdict = check_proof(item["problem"], solutions, item["answer"])
        counts.update(verdict.counts())
        verdicts[verdict.verdict] += 1
        for link in verdict.links:
            if link.status == "refuted":
                print(f"  {item['data_id']}: {link.describe()[:180]}", flush=True)
    read = sum(n for status, n in counts.items() if status in ("proved", "unrefuted", "refuted", "doubtful"))
    good = counts["proved"] + counts["unrefuted"]
    print(
        f"links: {good} of {read} parsed links accepted ({100 * good / read:.1f} %), {counts['refuted']} refuted, "
        f"{counts['unread']} not read; proofs {dict(verdicts)}; {time.monotonic() - began:.0f} s"
    )


_RELATION = re.compile(r"\\geq|\\leq|\\ge\b|\\le\b")
_TURNED = {r"\geq": r"\leq", r"\leq": r"\geq", r"\ge": r"\le", r"\le": r"\ge"}
_MATH = re.compile(r"\$\$.*?\$\$|\$.*?\$", re.DOTALL)


def flipped(text: str, rng: random.Random) -> str | None:
    """The proof with one relation of a formula turned; names of theorems (AM \\geq GM) are left alone."""
    spots = [m for f in _MATH.finditer(text) for m in _RELATION.finditer(text, f.start(), f.end())]
    spots = [m for m in spots if not re.search(r"M\s*$", text[: m.start()])]
    if not spots:
        return None
    m = rng.choice(spots)
    return text[: m.start()] + _TURNED[m.group()] + text[m.end() :]


def wrong_equality(text: str, rng: random.Random) -> str | None:
    """The proof with one number after an equality sign larger by one."""
    spots = []
    number = re.compile(r"(?<![\d_{^])\d+(?![\d}])")
    for f in _MATH.finditer(text):
        if re.search(r"[a-z]", f.group()):
            for e in re.finditer(r"(?<![<>])=", f.group()):
                m = number.search(text, f.start() + e.end(), f.end())
                spots += [m] if m else []
    if not spots:
        return None
    m = rng.choice(spots)
    return text[: m.start()] + str(int(m.group()) + 1) + text[m.end() :]


def corrupted(data: Any, subset: int | None, seeds: int = 1) -> None:
    """Reference proofs that the check does not reject, made wrong: how many are rejected then."""
    kinds: dict[str, Callable[[str, random.Random], str | None]] = {
        "flipped relation": flipped,
        "wrong equality": wrong_equality,
    }
    caught: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    began = time.monotonic()
    for item in _proofs(data, subset):
        text = _solution(item)
        right = check_proof(item["problem"], text, item["answer"], connect=False)
        if right.statement is None or not right.links or right.verdict == "rejected":
            continue
        for seed in range(seeds):
            for kind, change in kinds.items():
                wrong = change(text, random.Random(f"{seed}/{item['data_id']}/{kind}"))
                if wrong is None:
                    continue
                verdict = check_proof(item["problem"], wrong, item["answer"])
                caught[kind][verdict.verdict] += 1
                if verdict.verdict != "rejected":
                    print(f"  {item['data_id']} {kind}: {verdict.verdict}: {verdict.reason[:110]}", flush=True)
    for kind, counts in caught.items():
        total = sum(counts.values())
        print(
            f"corrupted, {kind}: {counts['rejected']} of {total} rejected "
            f"({100 * counts['rejected'] / max(1, total):.1f} %), {counts['accepted']} accepted"
        )
    print(f"corrupted: {time.monotonic() - began:.0f} s")


def bogus(subset: int | None, seeds: int) -> None:
    """Texts that prove nothing, for true claims: every one of them, or `--subset` many drawn anew for each seed."""
    began = time.monotonic()
    items = list(all_bogus()) if subset is None else [one for seed in range(seeds) for one in drawn(subset, seed)]
    verdicts: Counter[str] = Counter()
    for one in items:
        verdict = check_proof(one.problem, one.proof)
        verdicts[verdict.verdict] += 1
        if verdict.verdict == "accepted":
            print(f"  {one.name}: accepted: {verdict.reason[:110]}", flush=True)
    print(f"bogus: of {len(items)} bogus proofs {verdicts['accepted']} accepted; {dict(verdicts)}; "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip


PARTS = ("false", "links", "corrupted", "bogus", "statements", "own")


def main() -> None:
    """Runs the parts that were asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    parser.add_argument("--subset", type=int, help="about so many items of each file, evenly spread")
    parser.add_argument("--seeds", type=int, default=1, help="corruptions of each kind for each proof")
    given = parser.parse_args()
    data = shared_data.find()
    for part in given.only or PARTS:
        if part == "false":
            false_variants()
        elif part == "own":
            statements("own", own_list("true"), given.subset)
        elif part == "bogus":
            bogus(given.subset, given.seeds)
        elif data is None:
            print(f"{part}: the shared data are absent")
        elif part == "links":
            links(data, given.subset)
        elif part == "corrupted":
            corrupted(data, given.subset, given.seeds)
        else:
            listed = json.loads((data / "inequalities" / "statements.json").read_text(encoding="utf-8"))
            statements("statements", listed, given.subset)


if __name__ == "__main__":
    main()
