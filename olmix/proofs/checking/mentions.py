"""Relations that a sentence mentions and does not assert: `unless a = b`, `either a >= b or b > a`, `a >= b need not hold`.

Such a relation is no step of the proof: it is neither refuted where it fails nor a fact where it holds. Where the words
only may be meant so (`A if and only if B`, `A implies B`), nothing is refuted as long as both sides fail.
"""

from __future__ import annotations

import re

from olmix.proofs.checking.proof_text import Formula

#: Words just before a relation that take away its assertion.
_BEFORE = re.compile(
    r"\b(unless|not (always )?true( in general)?,? that"
    r"|(cannot|can not|can't|could not|never|impossible to) (ever )?(have|be|get)( that| true that)?"
    r"|there (is|are|exists?) no\b[^.;:]*\b(with|such that|for which|satisfying|where)"
    r"|(analogous|similar|identical|symmetric) to( the case| that of)?|(same|just) as( in)?( the)? case"
    r"|(might|could|may|would) (hope|expect|think|try|guess|like|be tempted)\b[^.;:]*"
    r"|condition)\s*$",
    re.IGNORECASE,
)
#: Alternatives are listed: `two cases: A and B`, `either A or B`.
_LISTED = re.compile(
    r"\b((two|three|four|several|possible|following|all|the) (cases|possibilities|situations)( are| arise| occur)?|either)"
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
