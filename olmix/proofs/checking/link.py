"""A link of a proof: one relation with where it stands, what was assumed there, and what its check gave."""

from __future__ import annotations

import dataclasses

from olmix.proofs.statements.expr import Relation
from olmix.proofs.statements.printing import relation_text


@dataclasses.dataclass(frozen=True)
class Link:
    """One relation of the proof: where it stands, what it says, and what the check gave."""

    number: int
    latex: str
    relation: Relation | None
    role: str
    status: str
    reason: str = ""
    #: Links of one chain share its number.
    chain: int = 0
    #: Whether it was checked under an assumption of a case or of its sentence, so that it is no fact by itself.
    conditional: bool = False
    #: Theorems that the words around it name.
    cited: frozenset[str] = frozenset()
    #: What was assumed where it stands.
    under: tuple[Relation, ...] = ()

    def describe(self) -> str:
        """For a reader: the relation and the verdict."""
        what = relation_text(self.relation) if self.relation else self.latex
        return f"step {self.number}: {what}: {self.status}" + (f" ({self.reason})" if self.reason else "")
