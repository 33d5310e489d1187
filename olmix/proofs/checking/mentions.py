"""Relations that a sentence mentions and does not assert: `unless a = b`, `either a >= b or b > a`, `a >= b need not hold`.

Such a relation is no step of the proof: it is neither refuted where it fails nor a fact where it holds. Where the words
only may be meant so (`A if and only if B`, `A implies B`), nothing is refuted as long as both sides fail. What a sentence
says with `would`, or under a condition that is given in words alone (`one of them is zero, so the right side is 0`), counts
where it holds, and is no certain mistake where it does not.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from olmix.proofs.checking.link import Link
from olmix.proofs.checking.proof_text import Formula

#: Words just before a relation that take away its assertion.
_BEFORE = re.compile(
    r"\b(unless|not (always )?true( in general)?,? that"
    r"|(cannot|can not|can't|could not|never|impossible to) (ever )?(have|be|get)( that| true that)?"
    r"|there (is|are|exists?) no\b[^.;:]*\b(with|such that|for which|satisfying|where)"
    r"|(analogous|similar|identical|symmetric) to( the case| that of)?|(same|just) as( in)?( the)? case"
    r"|(might|could|may|would) (hope|expect|think|try|guess|like|be tempted)\b[^.;:]*"
    r"|unlike|in contrast to|as opposed to|condition)\s*$",
    re.IGNORECASE,
)
#: Alternatives are listed: `two cases: A and B`, `either A or B`.
_LISTED = re.compile(
    r"\b((two|three|four|several|possible|following|all|the) (cases|possibilities|situations)( are| arise| occur)?|either"
    r"|not (all|both|every one) of|(at least|at most|exactly|only|precisely) one of"
    r"|(no matter|regardless of|depending on|irrespective of) (whether|if)|(cannot|can not|can't|can never) (happen|be) that)"
    r"\W*((and|or|when|where|according to whether|\d|i+|,|;)\W*)*$",
    re.IGNORECASE,
)
#: Words just after a relation that take away its assertion.
_AFTER = re.compile(
    r"^\W*((need|does|do|must) not\b|(is|are) not (always|necessarily|generally|in general)|may (fail|not)|fails\b|is false"
    r"|cannot (hold|occur|happen|be)|would (be|make|imply|follow|help))",
    re.IGNORECASE,
)
#: `The case a < b is analogous`.
_ALIKE = re.compile(
    r"^\W*(is|are|works|goes|can be (handled|treated)) (analogous|similar|symmetric|identical|the same|in the same)",
    re.IGNORECASE,
)
_IF = re.compile(
    r"^\W*(iff|if and only if|implies( that)?|is equivalent to|exactly when|means( as usual)?( that)?)\W*$"
)

#: Words before a relation in its own clause that leave open whether it holds.
_OPEN = re.compile(
    r"\b(would|might|could|try|it (may|can|need not) (well )?(be|happen)( that)?|(order|arrang|label|renam)\w* (the|our)\b[^.;]*"
    r"|(suffices|enough) to (consider|look at|treat|study))\b[^;]*$",
    re.IGNORECASE,
)
#: The same, just after it.
_OPEN_AFTER = re.compile(
    r"^[\s,)]*((it|this|that|we|one|there)? ?(would|might)\b"
    r"|(is|are) (not (available|given|known|assumed|guaranteed|satisfied|at our disposal)|(allowed|permitted|legitimate)\b))",
    re.IGNORECASE,
)
#: A condition in words: `if they are the sides of a triangle`, `in the acute case`.
_CONDITION = re.compile(
    r"\b(if(?! (we|you|one(?! of))\b)|in case|in the (?!(first|second|third|last|next|other)\b)[\w-]+ case)\b",
    re.IGNORECASE,
)
#: A case that a sentence without formulas opens; one that any sentence opens.
_CASE = re.compile(
    r"(^|[.:;]\s)\W*((first|now|next|finally|then)\W+)?"
    r"(case\b\W*\w*\W+(?!is\b)\w+ \w+ \w+|(suppose|assume|consider the case|if(?! (we|you|one(?! of))\b))\b)",
    re.IGNORECASE,
)
_NEXT_CASE = re.compile(
    r"(?<!this )(?<!that )(?<!which )(?<!such a )\bcase\b|^\W*(otherwise|else|in general|suppose|assume|if)\b",
    re.IGNORECASE,
)
_TRY = re.compile(r"^\W*(let us |we )?try\b", re.IGNORECASE)


def mentioned(formula: Formula) -> bool:
    """Whether a formula is mentioned only."""
    if formula.role not in ("fact", "goal", "assume", "define"):
        return False
    if _BEFORE.search(formula.between or formula.words) or _LISTED.search(formula.words):
        return True
    after = formula.sentence_words.strip()[len(formula.words) :]
    if formula.role == "assume":
        return formula.words.lower().endswith("case") and bool(_ALIKE.match(after))
    return formula.role == "fact" and bool(_AFTER.match(after))


def conditional(formula: Formula) -> bool:
    """Whether the words before a formula tie it to the one just before, so that neither need be asserted."""
    return bool(_IF.match(formula.between.lower()))


def spared(
    links: list[Link], first: int, place: tuple[int, int], places: Mapping[int, tuple[int, int]]
) -> dict[int, Link]:
    """`A if and only if B`, where both are refuted: neither need be asserted. `first` is the first link of B."""
    here = [i for i in range(len(links)) if places.get(links[i].chain) == place]
    if first - 1 not in here or first not in here or links[first - 1].status not in ("refuted", "unread"):
        return {}
    return {i: doubted(links[i], "but it may be a condition only") for i in here}


def doubted(link: Link, why: str) -> Link:
    """A link that is no certain mistake."""
    return (
        dataclasses.replace(link, status="doubtful", reason=f"{link.reason}; {why}")
        if link.status == "refuted"
        else link
    )


class Governed:
    """What the words of a sentence, or a case that only words describe, keep from being asserted plainly."""

    def __init__(self) -> None:
        #: Whether a case in words is on, and its paragraph once that is known.
        self.case = False
        self.paragraph: int | None = None
        #: The last sentence with a condition that is a formula.
        self.read = (-1, -1)

    def remark(self, text: str) -> None:
        """A sentence without formulas."""
        if _CASE.search(text) or _NEXT_CASE.search(text):
            self.case, self.paragraph = bool(_CASE.search(text)), None

    def why(self, formula: Formula, relation: bool) -> str:
        """Why the relations of a formula need not hold, in words, or empty; `relation`: whether it has any, or stands for one."""
        place = (formula.paragraph, formula.sentence)
        if formula.role == "assume" and relation:
            self.read = place
        self.paragraph = formula.paragraph if self.paragraph is None else self.paragraph
        if self.paragraph != formula.paragraph or _NEXT_CASE.search(formula.words):
            # `Case 1: one of $x, y, z$ is zero` is a case in words still.
            self.case = formula.role == "assume" and not relation and "case" in formula.words.lower()
        self.case = self.case or bool(_TRY.match(formula.words))
        self.paragraph = formula.paragraph
        clause = formula.words.rsplit(";", 1)[-1]
        after = formula.sentence_words.strip()[len(formula.words) :]
        if _OPEN.search(clause) or _OPEN_AFTER.match(after):
            return "but the sentence need not assert it"
        in_words = self.case or (self.read != place and _CONDITION.search(clause))
        return "but a condition in words may hold here" if in_words else ""
