"""The step `verify`: which items are kept, which are dropped, and why; nothing vanishes.

The machine's verdict is final where it has one. For the rest a language model other than the generator is asked,
several times each, with examples of right and wrong proofs that the machine knows; how far it can be trusted is
measured on further items that the machine knows. Without a verifier the rest stays undecided.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.language_models.backend import Backend
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.shards import Questions, ask_shards, gather, too_long_of
from olmix.language_models.source import observe, same_model, short_name
from olmix.proofs.pipeline.checking import CHECKED, Checked, CheckResult
from olmix.proofs.pipeline.generation import Generate
from olmix.proofs.pipeline.items import Item, read_records, words_key, write_items, write_records
from olmix.proofs.pipeline.known import read_known
from olmix.proofs.pipeline.opinions import Opinion, Reliability, count_votes, read_verdict, reliability

SAMPLING = Sampling(temperature=0.7, top_p=0.95, samples=5, max_new_tokens=1024)
PROMPT = Prompt(name="verify")

#: A proof, whether it is right, and what was done to it where it is not.
KnownOne = tuple[Item, tuple[bool, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verifier:
    """Who is asked about what the machine cannot decide, and how.

    Of the `known` right proofs and of the wrong ones, `shots` stand in the prompt, and agreement is measured on the others;
    a verdict needs `share` of the samples (self-consistency: Wang et al. 2022, arXiv:2203.11171).
    """

    backend: Backend
    length: Length
    known: Step
    prompt: Prompt = PROMPT
    sampling: Sampling = SAMPLING
    shots: int = 4
    share: float = 0.6
    batch: Annotated[int, Resources] = 64
    shard: Annotated[int, Resources] = 500

    def __post_init__(self) -> None:
        if self.shots < 0 or self.shard < 1 or not 0 < self.share <= 1:
            raise UserError(
                f"A verifier needs shots >= 0, shard >= 1 and 0 < share <= 1; it has {self.shots}, {self.shard} and "
                f"{self.share:g}."
            )


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
class DoubtfulProofs(Questions):
    """Is this proof right? Asked of those that the machine leaves open, and of known ones.

    `shots` of these stand in the prompt, right and wrong; the others are asked about.
    """

    checked: Step
    known: Step
    shots: int

    def count(self, context: Context) -> int:
        """See `Questions.count`."""
        return len(self._items(context))

    def requests(self, context: Context, first: int, count: int) -> list[Request]:
        """See `Questions.requests`."""
        shown, _ = self.known_ones(context)
        shots = [
            {"problem": item.problem, "proof": item.proof, "verdict": "right" if right else "wrong"}
            for item, (right, _) in shown
        ]
        asked = self._items(context)[first : first + count]
        return [self.prompt.render(item.id, {"problem": item.problem, "proof": item.proof}, shots) for item in asked]

    def _items(self, context: Context) -> list[Item]:
        _, measured = self.known_ones(context)
        return [*(record.item for record in open_items(self.checked, context)), *(item for item, _ in measured)]

    def known_ones(self, context: Context) -> tuple[list[KnownOne], list[KnownOne]]:
        """Those that are shown, right and wrong by turns, and those that it is measured on."""
        right, wrong = read_known(self.known, context)
        shown = min(self.shots, len(right), len(wrong))
        rights: list[KnownOne] = [(item, (True, "")) for item in right]
        wrongs: list[KnownOne] = [(one.item, (False, one.fault)) for one in wrong]
        pairs = zip(rights[:shown], wrongs[:shown], strict=True)
        return [one for pair in pairs for one in pair], [*rights[shown:], *wrongs[shown:]]


def open_items(checked: Step, context: Context) -> list[Checked]:
    """What the machine leaves open."""
    records: list[Checked] = read_records(context.folder(checked) / CHECKED, Checked)
    return [record for record in records if record.look.verdict == "undecided"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verify(FanOut):
    """Writes `items.jsonl` (kept) and `lost.jsonl` (dropped and undecided, with reasons).

    The verifier is asked in shards, each a task with `each_needs`. At most `per_key` items with one canonical key are
    kept, the first ones, and none twice in the same words.
    """

    generated: tuple[Generate, ...]
    checked: Step
    verifier: Verifier | None = None
    per_key: int = 1
    each_needs: Annotated[Needs, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.per_key < 1:
            raise UserError(f"verify.per_key is how many items of a key are kept, at least 1; it is {self.per_key}.")
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
        self.verifier.backend.check(self.each_needs, self.verifier.length)

    def observe(self) -> str | None:
        """The verifier's prompt and a local model's files."""
        return (
            None if self.verifier is None else f"{self.verifier.prompt.digest()} {observe(self.verifier.backend.model)}"
        )

    def most_items(self) -> int:
        """How many items can be kept at most."""
        return sum(step.count for step in self.generated)

    def pieces(self, context: Context) -> dict[str, Step]:
        """The shards of what the verifier is asked; none without one, or where the machine leaves nothing open."""
        if self.verifier is None or not open_items(self.checked, context):
            return {}
        verifier = self.verifier
        return dict(
            ask_shards(
                self._questions(verifier), context, backend=verifier.backend, length=verifier.length,
                sampling=verifier.sampling, shard=verifier.shard, batch=verifier.batch, needs=self.each_needs, skip_long=True,
            )
        )  # fmt: skip

    def _questions(self, verifier: Verifier) -> DoubtfulProofs:
        return DoubtfulProofs(prompt=verifier.prompt, checked=self.checked, known=verifier.known, shots=verifier.shots)

    def run(self, context: Context) -> Verified:
        """Decides every item."""
        checked: list[Checked] = read_records(context.folder(self.checked) / CHECKED, Checked)
        kept: list[Item] = []
        lost: list[Lost] = []
        seen: Counter[str] = Counter()
        doubtful: list[Checked] = []
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
                doubtful.append(record)
            else:
                fate = {"accepted": "kept", "rejected": "dropped", "undecided": "undecided"}[look.verdict]
                decide(record, fate, f"machine: {look.reason}", look.detail)
        heard = None
        if self.verifier is not None and doubtful:
            heard = self._hear(self.verifier, context)
            for record in doubtful:
                decide(record, *heard.fate(record.item.id))
        if not kept:
            raise UserError(f"None of {len(checked)} items was kept: {_in_words(fates)}{_example(lost)}.")
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
        shards = f"in shards of at most {self.verifier.shard:,}, each a task with {self.each_needs.text()}"
        return (f"{who}, {shards}", *self.verifier.backend.check(self.each_needs, self.verifier.length))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """As declared, and how many proofs it will be asked about."""
        found: CheckResult = context.read(self.checked)
        known = f"the machine accepts {found.accepted:,}, rejects {found.rejected:,}, leaves {found.undecided:,} open"
        return (f"of {found.items:,} items {known}", *self.declared())

    def _hear(self, verifier: Verifier, context: Context) -> Hearing:
        """Verdicts on the open items, and the measured agreement, from all shards."""
        questions = self._questions(verifier)
        found = gather(self.pieces(context).values(), context)
        if not found.answers:
            raise UserError(too_long_of(found, verifier.length))
        shown, measured = questions.known_ones(context)
        opinions = {answer.id: count_votes(answer, read_verdict, verifier.share) for answer in found.answers}
        heard = [(opinions[item.id], truth) for item, truth in measured if item.id in opinions]
        return Hearing(
            opinions=opinions,
            too_long=found.too_long,
            shots=len(shown) // 2,
            agreement=reliability([one for one, _ in heard], [truth for _, truth in heard]) if heard else None,
            engine=found.engine,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hearing:
    """What the verifier said: an opinion by item, or where the prompt was too long its tokens."""

    opinions: dict[str, Opinion]
    too_long: dict[str, int]
    shots: int
    agreement: Reliability | None
    engine: str

    def fate(self, id: str) -> tuple[str, str, str]:
        """What becomes of that item, why, and the votes."""
        if id in self.too_long:
            return "undecided", "too long for the model", f"the prompt has {self.too_long[id]} tokens"
        opinion = self.opinions[id]
        fate = {"right": "kept", "wrong": "dropped", "none": "undecided"}[opinion.verdict]
        said = "no verdict" if opinion.verdict == "none" else opinion.verdict
        return fate, f"model: {said}", f"{opinion.right} right, {opinion.wrong} wrong, {opinion.unreadable} unreadable"


def _example(lost: Sequence[Lost]) -> str:
    one = next((one for one in lost if one.detail), None)
    return f"; such as {one.item.id}: {one.detail.rstrip('.')}" if one is not None else ""


def _in_words(fates: Counter[tuple[str, str, str]]) -> str:
    reasons: Counter[str] = Counter()
    for (_, fate, reason), count in fates.items():
        reasons[f"{fate} ({reason})"] += count
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
