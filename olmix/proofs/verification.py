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
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, Step
from olmix.language_models.backend import Backend, opened
from olmix.language_models.ledger import generate_kept
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.source import observe, same_model, short_name
from olmix.proofs.checking import CHECKED, CHECKING, Checked, Checking, look_at_all
from olmix.proofs.corruption import Corrupted, corruptions
from olmix.proofs.generation import Generate
from olmix.proofs.items import Item, read_records, words_key, write_items, write_records
from olmix.proofs.opinions import Reliability, Verdict, count_votes, read_verdict, reliability

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
    """The fates of all items; `agreement` of the verifier with the machine where the machine knows."""

    items: int
    kept: int
    dropped: int
    undecided: int
    fates: tuple[Fate, ...]
    agreement: Reliability | None
    engine: str


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
        agreement, engine = None, ""
        if self.verifier is not None and open_items:
            verdicts, agreement, engine = self._ask(self.verifier, checked, open_items, context)
            for record, (verdict, votes) in zip(open_items, verdicts, strict=True):
                fate = {"right": "kept", "wrong": "dropped", "none": "undecided"}[verdict]
                decide(record, fate, f"model: {'no verdict' if verdict == 'none' else verdict}", votes)
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
            agreement=agreement, engine=engine,
        )  # fmt: skip

    def _ask(
        self, verifier: Verifier, checked: Sequence[Checked], open_items: Sequence[Checked], context: Context
    ) -> tuple[list[tuple[Verdict, str]], Reliability | None, str]:
        """Verdicts on the open items with their votes, the measured agreement, and what ran."""
        right, wrong = known_pairs(
            [record.item for record in checked if record.look.verdict == "accepted"], verifier.shots + verifier.measured,
            self.checking, self.seed, int(max(1, self.needs.cpus if self.needs else 1)), context,
        )  # fmt: skip
        shots = [
            {"problem": item.problem, "proof": item.proof, "verdict": verdict}
            for pair in zip(right[: verifier.shots], wrong[: verifier.shots], strict=False)
            for item, verdict in ((pair[0], "right"), (pair[1].item, "wrong"))
        ]
        measured = [*right[verifier.shots :], *(one.item for one in wrong[verifier.shots :])]
        truths = [(True, "")] * len(right[verifier.shots :]) + [(False, one.fault) for one in wrong[verifier.shots :]]
        asked = [*(record.item for record in open_items), *measured]
        requests = [
            verifier.prompt.render(item.id, {"problem": item.problem, "proof": item.proof}, shots) for item in asked
        ]
        with opened(verifier.backend, context, self.needs, verifier.length) as engine:
            answers, _ = generate_kept(
                engine, short_name(verifier.backend.model), requests, verifier.sampling,
                context.scratch / "answers.jsonl", verifier.batch, context.progress,
            )  # fmt: skip
            name = engine.name
        opinions = [count_votes(answer, read_verdict, verifier.share) for answer in answers]
        verdicts = [
            (opinion.verdict, f"{opinion.right} right, {opinion.wrong} wrong, {opinion.unreadable} unreadable")
            for opinion in opinions[: len(open_items)]
        ]
        return verdicts, reliability(opinions[len(open_items) :], truths) if measured else None, name


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
