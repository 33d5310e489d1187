"""Problems with proofs by technique, without end: techniques by turns, a family and its numbers by the dice, no problem twice.

What comes out is meant to be right and is not yet checked; `proofs.checking` does that, and drops and counts what it
does not accept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from olmix.errors import UserError
from olmix.proofs.proving.keys import canonical_key
from olmix.proofs.statements.problem_text import parse_latex
from olmix.proofs.statements.statement import Statement
from olmix.proofs.symbolic import amgm, amgm_given, cauchy, squares, tangent, weighted, wording
from olmix.proofs.symbolic.draft import Dice, Draft, Latex
from olmix.proofs.symbolic.vary import changed

FAMILIES = {
    "am_gm": (*amgm.FAMILIES, *amgm_given.FAMILIES),
    "weighted_am_gm": weighted.FAMILIES,
    "cauchy": cauchy.FAMILIES,
    "sos": squares.FAMILIES,
    "tangent_line": tangent.FAMILIES,
}

#: The share of problems whose variables are replaced by expressions in others.
CHANGED = 0.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A draft in words, with the statement that was read from them and its key."""

    draft: Draft
    problem: Latex
    proof: Latex
    statement: Statement
    key: str


@dataclasses.dataclass(frozen=True)
class Region:
    """One of `of` parts of all keys: those who write different ones cannot write the same problem."""

    number: int
    of: int

    def holds(self, key: str) -> bool:
        """Whether the key, in hexadecimal digits, is in this part."""
        return int(key[:8], 16) % self.of == self.number % self.of


def write(technique: str, seed: int) -> Iterator[Written]:
    """Problems of one technique for ever, the same for the same seed; now and then one comes again.

    Raises:
      UserError: if a problem cannot be read back from its words, which would be a fault of this room.
    """
    dice = Dice(f"{technique}/{seed}")
    while True:
        draft = dice.choice(FAMILIES[technique])(dice)
        if dice.random() < CHANGED:
            draft = changed(draft, dice)
        problem = wording.problem(draft, dice)
        try:
            statement = parse_latex(problem)
        except UserError as why:
            raise UserError(
                f"The symbolic generator wrote a problem that is not read back: {problem!r} ({why})"
            ) from why
        yield Written(
            draft=draft,
            problem=problem,
            proof=wording.proof(draft, dice),
            statement=statement,
            key=canonical_key(statement),
        )


def distinct(
    techniques: Sequence[str], count: int, seed: int, region: Region | None = None
) -> Iterator[Written | None]:
    """Techniques by turns until there are `count` problems with distinct keys; None for each that came again.

    Only keys of the `region` count, others are passed over. Gives up when it has met twenty times as many as were asked for.
    """
    writers = [write(name, seed) for name in techniques]
    seen: set[str] = set()
    repeats = 0
    while len(seen) < count and repeats < 20 * count:
        one = next(writers[len(seen) % len(writers)])
        if region is not None and not region.holds(one.key):
            continue
        if one.key in seen:
            repeats += 1
            yield None
            continue
        seen.add(one.key)
        yield one
