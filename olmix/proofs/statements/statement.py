"""A statement: under these constraints, on this domain, this relation holds between two expressions.

A variable is `real`, `nonneg`, `pos` or `natural` (a positive whole number). Expressions that are undefined
somewhere on the domain make a claim there neither true nor false: such points are no counterexamples, and a
proof must not use them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from olmix.errors import UserError, nearest
from olmix.proofs.statements.expr import Expr, Relation, all_variables, substitute
from olmix.proofs.statements.notation import read_statement
from olmix.proofs.statements.printing import relation_latex, relation_text
from olmix.proofs.statements.text import is_variable

DOMAINS = ("real", "nonneg", "pos", "natural")


@dataclasses.dataclass(frozen=True)
class Statement:
    """A claim with its hypotheses. `domains` runs parallel to `variables`; `notes` says how ambiguous wording
    was read.
    """

    claim: Relation
    variables: tuple[str, ...]
    domains: tuple[str, ...]
    constraints: tuple[Relation, ...] = ()
    notes: tuple[str, ...] = ()

    def domain(self, name: str) -> str:
        """The domain of one variable."""
        return self.domains[self.variables.index(name)]

    def with_claim(self, claim: Relation) -> Statement:
        """The same hypotheses with another claim (whose variables must be known)."""
        return dataclasses.replace(self, claim=claim)

    def to_text(self) -> dict[str, object]:
        """The statement as `{statement, domain, constraints}` for a JSON file; `parse_text` reads it back."""
        kinds = set(self.domains)
        domain: object = kinds.pop() if len(kinds) == 1 else dict(zip(self.variables, self.domains, strict=True))
        return {
            "statement": relation_text(self.claim),
            "domain": domain if self.domains else "real",
            "constraints": [relation_text(constraint) for constraint in self.constraints],
        }

    def to_latex(self) -> str:
        """The statement as an English sentence with LaTeX, which `parse_latex` reads back."""
        sentence = f"Let {_domain_words(self)}"
        if self.constraints:
            listed = ", ".join(f"${relation_latex(c)}$" for c in self.constraints[:-1])
            last = f"${relation_latex(self.constraints[-1])}$"
            sentence += f" such that {listed} and {last}" if listed else f" such that {last}"
        return f"{sentence}. Prove that\n$$\n{relation_latex(self.claim)}.\n$$"


_WORDS = {
    "pos": "positive real numbers",
    "nonneg": "non-negative real numbers",
    "real": "real numbers",
    "natural": "positive integers",
}


def _domain_words(statement: Statement) -> str:
    groups = [
        (
            [name for name, kind in zip(statement.variables, statement.domains, strict=True) if kind == domain],
            domain,
        )
        for domain in dict.fromkeys(statement.domains)
    ]
    from olmix.proofs.statements.expr import Var
    from olmix.proofs.statements.printing import to_latex

    return " and ".join(f"${', '.join(to_latex(Var(n)) for n in names)}$ be {_WORDS[kind]}" for names, kind in groups)


def make_statement(
    claim: Relation,
    domain: str | Mapping[str, str] = "real",
    constraints: Iterable[Relation] = (),
    notes: Iterable[str] = (),
) -> Statement:
    """A statement over the variables that occur in it; `domain` is one word for all of them or one for
    each.
    """
    constraints = tuple(constraints)
    variables = all_variables((claim, *constraints))
    kinds = dict.fromkeys(variables, domain) if isinstance(domain, str) else dict(domain)
    for kind in kinds.values():
        if kind not in DOMAINS:
            raise UserError(
                f"The domain {kind!r} is unknown; it is one of {', '.join(DOMAINS)}{nearest(kind, DOMAINS)}."
            )
    missing = [name for name in variables if name not in kinds]
    if missing:
        raise UserError(f"The domain says nothing about {', '.join(missing)}.")
    return Statement(claim, variables, tuple(kinds[name] for name in variables), constraints, tuple(notes))


def parse_text(statement: str, domain: str | Mapping[str, str] = "real", constraints: Iterable[str] = ()) -> Statement:
    """A statement from text, e.g. `parse_text("a/(b+c)+b/(c+a)+c/(a+b) >= 3/2", "pos", ["a*b*c = 1"])`.

    Raises UserError with what could not be read. A chain `x >= y >= z` as the claim is an error: it is two
    claims.
    """
    claims, read = read_statement(statement, constraints)
    if len(claims) != 1:
        raise UserError(f"{statement!r} is a chain of {len(claims)} relations; state one claim at a time.")
    return make_statement(claims[0], domain, read)


def parse_claims(
    statement: str, domain: str | Mapping[str, str] = "real", constraints: Iterable[str] = ()
) -> list[Statement]:
    """Like `parse_text`, one statement for each relation of a chain such as `0 <= x*y <= 1/4`."""
    claims, hypotheses = read_statement(statement, constraints)
    whole = [make_statement(claim, domain, hypotheses) for claim in claims]
    if len(whole) == 1:
        return whole
    # A variable that one claim of a chain mentions and another does not is a variable of both.
    kinds = {name: kind for part in whole for name, kind in zip(part.variables, part.domains, strict=True)}
    return [dataclasses.replace(part, variables=tuple(kinds), domains=tuple(kinds.values())) for part in whole]


def rename(statement: Statement, names: Mapping[str, Expr]) -> Statement:
    """The statement with variables replaced by other variables, domains following them."""
    from olmix.proofs.statements.expr import Var

    new = {
        (names[v].name if v in names and isinstance(names[v], Var) else v): kind  # type: ignore[union-attr]
        for v, kind in zip(statement.variables, statement.domains, strict=True)
    }
    claim = statement.claim.map(lambda e: substitute(e, names))
    constraints = [c.map(lambda e: substitute(e, names)) for c in statement.constraints]
    return make_statement(claim, new, constraints, statement.notes)


__all__ = ["DOMAINS", "Statement", "is_variable", "make_statement", "parse_claims", "parse_text", "rename"]
