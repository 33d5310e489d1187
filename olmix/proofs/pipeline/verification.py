"""The step `verify`: which items are kept, which are dropped, and why; nothing vanishes.

The machine's verdict is final where it has one. For the rest a language model other than the generator is asked,
several times each, with examples of right and wrong proofs that the machine knows; how far it can be trusted is
measured on further items that the machine knows. Without a verifier the rest stays undecided.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs, workers
from olmix.graph.step import Context, Step
from olmix.language_models.asking import Asker
from olmix.language_models.backend import Backend
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.source import observe, same_model, short_name
from olmix.proofs.pipeline.checking import CHECKED, CHECKING, Checked, Checking, CheckResult, look_at_all
from olmix.proofs.pipeline.corruption import Corrupted, corruptions
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.items import Item, read_records, words_key, write_items, write_records
from olmix.proofs.pipeline.opinions import Opinion, Reliability, count_votes, read_verdict, reliability

SAMPLING = Sampling(temperature=0.7, top_p=0.95, samples=5, max_new_tokens=1024)
PROMPT = Prompt(name="verify")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verifier:
    """Who is asked about what the machine cannot decide, and how.

    `shots` right and as many wrong proofs stand in the prompt; `measured` of each are used to measure agreement;
    a verdict needs `share` of the samples (self-consistency: Wang et al. 2022, arXiv:2203.11171).
    """

    backend: Backend
    length: Length
    prompt: Prompt = PROMPT
    sampling: Sampling = SAMPLING
    shots: int = 4
    measured: int = 50
    share: float = 0.6
    batch: Annotated[int, Resources] = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fate:
    """So many items of one technique had this fate for this reason."""

    technique: str
    fate: str
    reason: str
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verified:
    """The fates of all items; `agreement` of the verifier with the machine where the machine knows.

    `shots` right and as many wrong proofs stood in its prompt: fewer than asked for where the machine knows fewer.
    """

    items: int
    kept: int
    dropped: int
    undecided: int
    fates: tuple[Fate, ...]
    agreement: Reliability | None
    engine: str
    shots: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lost:
    """An item that was not kept."""

    item: Item
    fate: str
    reason: str
    detail: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verify(Step):
    """Writes `items.jsonl` (kept) and `lost.jsonl` (dropped and undecided, with reasons).

    At most `per_key` items with one canonical key are kept, the first ones, and none twice in the same words.
    """

    generated: tuple[Generate, ...]
    checked: Step
    verifier: Verifier | None = None
    per_key: int = 1
    checking: Checking = CHECKING
    seed: int = 0
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        ids = Counter((step.source.writer, step.seed) for step in self.generated)
        for (who, seed), count in ids.items():
            if count > 1:
                raise UserError(
                    f"verify.generated has {count} steps by {who} with seed={seed}, whose items would have the same ids: give "
                    "each another seed."
                )
        if self.verifier is None:
            return
        writers = [step.source.model for step in self.generated if step.source.model is not None]
        writer = next((writer for writer in writers if same_model(self.verifier.backend.model, writer)), None)
        if writer is not None:
            raise UserError(
                f"verify.verifier is {short_name(writer)}, which also wrote the proofs: a model that checks itself agrees with "
                "itself. Set verify.verifier.backend.model to a different one."
            )
        self.verifier.backend.check(self.needs, self.verifier.length)

    def observe(self) -> str | None:
        """The verifier's prompt and a local model's files."""
        return (
            None if self.verifier is None else f"{self.verifier.prompt.digest()} {observe(self.verifier.backend.model)}"
        )

    def most_items(self) -> int:
        """How many items can be kept at most."""
        return sum(step.count for step in self.generated)

    def run(self, context: Context) -> Verified:
        """Decides every item."""
        checked: list[Checked] = read_records(context.folder(self.checked) / CHECKED, Checked)
        kept: list[Item] = []
        lost: list[Lost] = []
        seen: Counter[str] = Counter()
        open_items: list[Checked] = []
        fates: Counter[tuple[str, str, str]] = Counter()

        def decide(record: Checked, fate: str, reason: str, detail: str = "") -> None:
            words = words_key(record.item.problem)
            if fate == "kept" and seen[words]:
                fate, reason, detail = "dropped", "same words as another", ""
            elif fate == "kept" and seen[record.item.key] >= self.per_key:
                fate, reason, detail = "dropped", "same problem as another", ""
            if fate == "kept":
                seen.update({record.item.key, words})
                kept.append(record.item)
            else:
                lost.append(Lost(item=record.item, fate=fate, reason=reason, detail=detail))
            fates[record.item.technique, fate, reason] += 1

        for record in checked:
            look = record.look
            if look.verdict == "undecided" and self.verifier is not None:
                open_items.append(record)
            else:
                fate = {"accepted": "kept", "rejected": "dropped", "undecided": "undecided"}[look.verdict]
                decide(record, fate, f"machine: {look.reason}", look.detail)
        heard = None
        if self.verifier is not None and open_items:
            heard = self._ask(self.verifier, checked, open_items, context)
            for record in open_items:
                decide(record, *heard.fate(record.item.id))
        if not kept:
            raise UserError(f"None of {len(checked)} items was kept: {_in_words(fates)}.")
        write_items(context.out, kept)
        write_records(context.out / "lost.jsonl", lost)
        totals = Counter(fate for (_, fate, _), count in fates.items() for _ in range(count))
        if sum(totals.values()) != len(checked):
            raise AssertionError("items vanished")
        return Verified(
            items=len(checked), kept=totals["kept"], dropped=totals["dropped"], undecided=totals["undecided"],
            fates=tuple(
                Fate(technique=technique, fate=fate, reason=reason, count=count)
                for (technique, fate, reason), count in sorted(fates.items())
            ),
            agreement=heard.agreement if heard else None, engine=heard.engine if heard else "",
            shots=heard.shots if heard else 0,
        )  # fmt: skip

    def declared(self) -> tuple[str, ...]:
        """Who is asked about what the machine cannot decide, and what fits."""
        if self.verifier is None:
            return ("the machine alone decides",)
        who = f"{short_name(self.verifier.backend.model)} is asked about what the machine cannot decide"
        return (who, *self.verifier.backend.check(self.needs, self.verifier.length))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared, and how many proofs it will be asked about."""
        found: CheckResult = context.read(self.checked)
        known = f"the machine accepts {found.accepted:,}, rejects {found.rejected:,}, leaves {found.undecided:,} open"
        return (f"of {found.items:,} items {known}", *self.declared())

    def _ask(
        self, verifier: Verifier, checked: Sequence[Checked], open_items: Sequence[Checked], context: Context
    ) -> Hearing:
        """Verdicts on the open items, and the measured agreement."""
        right, wrong = known_pairs(
            [record.item for record in checked if record.look.verdict == "accepted"], verifier.shots + verifier.measured,
            self.checking, self.seed, workers(self.needs), context,
        )  # fmt: skip
        shown = min(verifier.shots, len(right), len(wrong))
        shots = [
            {"problem": item.problem, "proof": item.proof, "verdict": verdict}
            for pair in zip(right[:shown], wrong[:shown], strict=True)
            for item, verdict in ((pair[0], "right"), (pair[1].item, "wrong"))
        ]
        known = [(item, (True, "")) for item in right[shown:]] + [
            (one.item, (False, one.fault)) for one in wrong[shown:]
        ]

        def request(item: Item) -> Request:
            return verifier.prompt.render(item.id, {"problem": item.problem, "proof": item.proof}, shots)

        asker = Asker(
            backend=verifier.backend, length=verifier.length, sampling=verifier.sampling, batch=verifier.batch,
            needs=self.needs,
        )  # fmt: skip
        requests = [request(item) for item in [*(record.item for record in open_items), *(item for item, _ in known)]]
        long = asker.too_long(requests, context)
        if len(long) == len(requests):
            asker.ask(requests[:1], context)  # Not one fits: says so.
        asked = asker.ask([one for one in requests if one.id not in long], context)
        opinions = {answer.id: count_votes(answer, read_verdict, verifier.share) for answer in asked.answers}
        heard = [(opinions[item.id], truth) for item, truth in known if item.id in opinions]
        return Hearing(
            opinions={record.item.id: opinions.get(record.item.id) for record in open_items},
            too_long=long,
            shots=shown,
            agreement=reliability([one for one, _ in heard], [truth for _, truth in heard]) if heard else None,
            engine=asked.engine,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hearing:
    """What the verifier said: an opinion per open item (None where the prompt was too long, with its tokens)."""

    opinions: dict[str, Opinion | None]
    too_long: dict[str, int]
    shots: int
    agreement: Reliability | None
    engine: str

    def fate(self, id: str) -> tuple[str, str, str]:
        """What becomes of that item, why, and the votes."""
        opinion = self.opinions[id]
        if opinion is None:
            return "undecided", "too long for the model", f"the prompt has {self.too_long[id]} tokens"
        fate = {"right": "kept", "wrong": "dropped", "none": "undecided"}[opinion.verdict]
        said = "no verdict" if opinion.verdict == "none" else opinion.verdict
        return fate, f"model: {said}", f"{opinion.right} right, {opinion.wrong} wrong, {opinion.unreadable} unreadable"


def known_pairs(
    right: Sequence[Item], count: int, checking: Checking, seed: int, workers: int, context: Context
) -> tuple[list[Item], list[Corrupted]]:
    """Up to `count` right proofs, and as many made wrong from others where possible, each confirmed wrong by the machine.

    The faults take turns, so that each is as frequent as the proofs allow.
    """
    order = list(right)
    random.Random(seed).shuffle(order)
    chosen = order[:count]
    candidates = [one for item in order[count : 3 * count] or chosen for one in corruptions(item, seed)]
    random.Random(seed + 1).shuffle(candidates)
    candidates = candidates[: 4 * count]
    looks = look_at_all(
        [(one.item.problem, one.item.proof, one.item.statement) for one in candidates],
        checking,
        workers,
        context.progress,
    )
    by_fault: dict[str, list[Corrupted]] = {}
    for one, look in zip(candidates, looks, strict=True):
        if look.verdict == "rejected":
            by_fault.setdefault(one.fault, []).append(one)
    wrong: list[Corrupted] = []
    while len(wrong) < count and any(by_fault.values()):
        for queue in by_fault.values():
            if queue and len(wrong) < count:
                wrong.append(queue.pop(0))
    return chosen, wrong


def _in_words(fates: Counter[tuple[str, str, str]]) -> str:
    reasons: Counter[str] = Counter()
    for (_, fate, reason), count in fates.items():
        reasons[f"{fate} ({reason})"] += count
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
