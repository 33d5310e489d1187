"""Who writes problems: a symbolic generator whose proofs are right by construction, or a language model with a prompt.

Both return `Item`s, unchecked; `verification` trusts neither.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, ClassVar

import numpy as np

from olmix.config.tags import Resources
from olmix.errors import UserError, nearest
from olmix.graph.resources import Needs
from olmix.graph.step import Context
from olmix.language_models.asking import Asker
from olmix.language_models.backend import Backend
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.source import Model, observe, short_name
from olmix.proofs.pipeline import compact
from olmix.proofs.pipeline.items import Item, words_key

#: What a prompt calls them; the names are those of the symbolic generator.
TECHNIQUES = {
    "am_gm": "the inequality of arithmetic and geometric means (AM-GM)",
    "weighted_am_gm": "weighted AM-GM, with weights that fit the exponents",
    "cauchy": "the Cauchy-Schwarz inequality, also in Engel's form (Titu's lemma)",
    "sos": "writing the difference of both sides as a sum of squares",
    "tangent_line": "the tangent line trick: a linear bound for each term at the point of equality",
}

DIFFICULTIES = ("easy", "medium", "hard")

_VARIABLES = (
    "two positive reals a, b",
    "three positive reals a, b, c",
    "three non-negative reals x, y, z",
    "three reals x, y, z",
    "four positive reals a, b, c, d",
)
_CONDITIONS = (
    "none",
    "the sum of the variables is 1",
    "the sum of the variables is 3",
    "the product of the variables is 1",
    "the sum of their squares is 3",
    "of your choice",
)
_EQUALITIES = (
    "where all variables are equal",
    "where the variables are not all equal",
    "on the boundary of the domain",
    "never, the inequality is strict",
    "of your choice",
)

SAMPLING = Sampling(temperature=0.8, top_p=0.95)
PROMPT = Prompt(name="generate")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """What a source wrote, and what it tried in vain: reason to count."""

    items: tuple[Item, ...]
    failed: dict[str, int]
    engine: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Base of all sources."""

    techniques: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.techniques or len(set(self.techniques)) < len(self.techniques):
            raise UserError(
                f"source.techniques are different ones of {', '.join(TECHNIQUES)}, at least one, not {list(self.techniques)}."
            )
        for name in self.techniques:
            if name not in TECHNIQUES:
                raise UserError(
                    f"Unknown technique {name!r}{nearest(name, TECHNIQUES)}; known: {', '.join(TECHNIQUES)}."
                )

    name: ClassVar[str] = ""

    @property
    def writer(self) -> str:
        """Who writes, for the items' ids and their `source`."""
        return self.name

    @property
    def model(self) -> Model | None:
        """The language model that writes, if one does."""
        return None

    def check(self, needs: Needs | None) -> tuple[str, ...]:
        """Lines about what it will use. Raises UserError if it cannot work on that hardware."""
        return ()

    def observe(self) -> str | None:
        """See `Step.observe`."""
        return None

    def part(self, share: float) -> Source:
        """The same for a shard that does `share` of the work; what it may spend is divided."""
        return self

    def write(self, count: int, seed: int, prefix: str, context: Context, needs: Needs | None) -> Written:
        """`count` items (fewer where it fails), named `<prefix>-<number>`."""
        raise TypeError(f"{type(self).__name__} does not define write().")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Symbolic(Source):
    """Problems as people write them, true by construction, with the proof: varied in form, conditions and place of equality.

    The keys of all problems are in `regions` parts, and shards (whose seeds are in a row) write in them by turns: up to so
    many shards never write the same problem. Drawing takes time in proportion, at 16 a fifth of what checking takes.
    """

    name: ClassVar[str] = "symbolic"

    regions: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.regions < 1:
            raise UserError(f"Symbolic.regions must be at least 1; it is {self.regions}.")

    def write(self, count: int, seed: int, prefix: str, context: Context, needs: Needs | None) -> Written:
        """See `Source.write`."""
        from olmix.proofs.symbolic.generate import Region, distinct

        items: list[Item] = []
        repeats = 0
        for one in distinct(self.techniques, count, seed, Region(seed, self.regions)):
            if one is None:
                repeats += 1
                continue
            items.append(
                Item(
                    id=f"{prefix}-{len(items):05d}", problem=one.problem, proof=one.proof, technique=one.draft.technique,
                    difficulty=one.draft.difficulty, source=self.writer, key=one.key, statement=one.statement.to_text(),
                )
            )  # fmt: skip
            context.progress(len(items), count, "")
        failed = {"repeats itself": repeats} if repeats else {}
        return Written(items=tuple(items), failed=failed, engine="symbolic")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compact(Source):
    """The short regular problems of `compact`, that a model of a million parameters can learn; `difficulties` of them."""

    name: ClassVar[str] = "compact"

    difficulties: tuple[str, ...] = compact.DIFFICULTIES

    def __post_init__(self) -> None:
        super().__post_init__()
        missing = [name for name in self.techniques if name not in compact.TECHNIQUES]
        if missing:
            raise UserError(
                f"There are no compact problems for {missing[0]!r}; there are for {', '.join(compact.TECHNIQUES)}."
            )
        unknown = [name for name in self.difficulties if name not in compact.DIFFICULTIES]
        if unknown or not self.difficulties:
            raise UserError(
                f"Compact.difficulties are some of {', '.join(compact.DIFFICULTIES)}; they are {self.difficulties}."
            )

    def write(self, count: int, seed: int, prefix: str, context: Context, needs: Needs | None) -> Written:
        """See `Source.write`; techniques by turns, no statement twice in a shard."""
        writers = {name: compact.write(name, seed, self.difficulties) for name in self.techniques}
        items: list[Item] = []
        seen: set[str] = set()
        repeats = 0
        while len(items) < count and repeats < 20 * count:
            # By turns of tries, so that a technique that has said everything does not hold up the others.
            technique = self.techniques[(len(items) + repeats) % len(self.techniques)]
            problem, proof, difficulty = next(writers[technique])
            if problem in seen:
                repeats += 1
                continue
            seen.add(problem)
            items.append(
                Item(
                    id=f"{prefix}-{len(items):05d}", problem=problem, proof=proof, technique=technique, difficulty=difficulty,
                    source=self.writer, key=words_key(problem),
                )
            )  # fmt: skip
        missing = count - len(items)
        return Written(items=tuple(items), failed={"repeats itself": missing} if missing else {}, engine="compact")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prompted(Source):
    """A language model writes problem and proof. Each request names a technique and circumstances drawn from the seed."""

    backend: Backend
    length: Length
    prompt: Prompt = PROMPT
    sampling: Sampling = SAMPLING
    batch: Annotated[int, Resources] = 256

    @property
    def writer(self) -> str:
        """See `Source.writer`."""
        return short_name(self.backend.model)

    @property
    def model(self) -> Model | None:
        """See `Source.model`."""
        return self.backend.model

    def check(self, needs: Needs | None) -> tuple[str, ...]:
        """See `Source.check`."""
        return self.backend.check(needs, self.length)

    def part(self, share: float) -> Prompted:
        """See `Source.part`."""
        return dataclasses.replace(self, backend=self.backend.part(share))

    def observe(self) -> str | None:
        """The prompt's text and a local model's files."""
        return f"{self.prompt.digest()} {observe(self.backend.model)}"

    def write(self, count: int, seed: int, prefix: str, context: Context, needs: Needs | None) -> Written:
        """See `Source.write`; answers are kept in the step's scratch as they come, so a killed shard goes on from there."""
        rng = np.random.default_rng(seed)
        wishes = [self._wish(rng, number) for number in range(count)]
        requests = [
            self.prompt.render(f"{prefix}-{number:05d}", {**wish, "technique": TECHNIQUES[wish["technique"]]})
            for number, wish in enumerate(wishes)
        ]
        asker = Asker(backend=self.backend, length=self.length, sampling=self.sampling, batch=self.batch, needs=needs)
        asked = asker.ask(requests, context)
        items, failed = [], dict[str, int]()
        for wish, answer in zip(wishes, asked.answers, strict=True):
            for number, completion in enumerate(answer.completions):
                read = read_answer(completion.text)
                if isinstance(read, str) or not completion.finished:
                    reason = read if isinstance(read, str) else "cut off at the length"
                    failed[reason] = failed.get(reason, 0) + 1
                    continue
                suffix = f"-{number}" if len(answer.completions) > 1 else ""
                items.append(
                    Item(
                        id=answer.id + suffix, problem=read[0], proof=read[1], technique=wish["technique"],
                        difficulty=wish["difficulty"], source=self.writer, key=words_key(read[0]),
                    )
                )  # fmt: skip
        return Written(items=tuple(items), failed=failed, engine=asked.engine)

    def _wish(self, rng: np.random.Generator, number: int) -> dict[str, str]:
        def pick(choices: tuple[str, ...]) -> str:
            return choices[rng.integers(len(choices))]

        return {
            "technique": self.techniques[number % len(self.techniques)], "difficulty": pick(DIFFICULTIES),
            "variables": pick(_VARIABLES), "condition": pick(_CONDITIONS), "equality": pick(_EQUALITIES),
        }  # fmt: skip


def read_answer(text: str) -> tuple[str, str] | str:
    """Problem and proof from a model's answer, or the reason why they are not there."""
    match = re.search(r"Problem:\s*(.+?)\s*^\W*Proof\W*?:\**\s*(.+)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        return "not in the form that was asked for"
    problem, proof = match[1].strip().strip("*").strip(), match[2].strip()
    if not problem or not proof:
        return "no problem or no proof in it"
    return problem, proof
