"""How long a proof, a chain and a definition may be: more than anybody writes, less than what would keep the check busy.

What is beyond the limits is unknown, and says so; a model that is rewarded by the checker learns that length is no proof.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from olmix.errors import UserError
from olmix.proofs.statements.expr import Expr, Var, walk

MOST_CHARACTERS = 60_000
MOST_RELATIONS = 300
#: Of longer chains only the pieces from the beginning and to the end are looked at.
LONG_CHAIN = 24
#: Parts of an expression, defined letters spelled out.
MOST_PARTS = 1000


class TooLarge(UserError):
    """A definition that nobody could write out; the proof is given up, for everything after it would rest on it."""


_RELATION = re.compile(r"[=<>≤≥]|\\(?:geq?|leq?|[gl]eqslant|gt|lt|neq?)(?![A-Za-z])")


def too_long(text: str) -> str | None:
    """Why a text is not read at all, or None."""
    if len(text) > MOST_CHARACTERS:
        return f"the proof has more than {MOST_CHARACTERS} characters"
    if sum(1 for _ in _RELATION.finditer(text)) > MOST_RELATIONS:
        return f"the proof has more than {MOST_RELATIONS} relations"
    return None


def too_large(expr: Expr, definitions: Mapping[str, Expr]) -> bool:
    """Whether an expression, its letters spelled out, has too many parts; nothing is spelled out to find that."""
    known: dict[str, int] = {}

    def parts(of: Expr, depth: int) -> int:
        total = 0
        for node in walk(of):
            name = node.name if isinstance(node, Var) else ""
            if name in definitions and depth < len(definitions) + 1:
                if name not in known:
                    known[name] = parts(definitions[name], depth + 1)
                total += known[name]
            else:
                total += 1
        return total

    return parts(expr, 0) > MOST_PARTS
