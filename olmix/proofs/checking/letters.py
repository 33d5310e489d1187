"""What the letters of a proof stand for: the answer, new symbols, functions, old variables in terms of new ones.

Definitions change what later relations mean and are no steps; whether anything has used them is told at the end, for a
definition that nothing uses has been checked by nothing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from olmix.proofs.checking.links import Context
from olmix.proofs.checking.shapes import has_numbers
from olmix.proofs.statements.expr import Expr, Mul, Relation, Var, substitute, variables_of, walk
from olmix.proofs.statements.formulas import Chain
from olmix.proofs.statements.latex import Scope, Unreadable, parse_tokens, variable_groups
from olmix.proofs.statements.sum_groups import sum_groups


class Letters:
    """The letters of a proof, as it brings them in; what it knows of them goes into the context."""

    def __init__(self, context: Context, constant: Relation | None) -> None:
        self.context = context
        statement = context.statement
        sides = (statement.claim.left, statement.claim.right)
        self.scope = Scope(statement.variables, sum_groups(statement), sides=sides)
        #: The constant that the problem asks for.
        self.constant = constant
        #: Symbols of the proof's own that an assumption brought in.
        self.introduced: set[str] = set()
        #: Symbols and functions of the proof's own: what they stand for.
        self.named: dict[str, Expr] = {}

    def answers(self, relation: Relation, role: str) -> bool:
        """`C = 2`, the constant that the problem asks for: no step, but it has to be the right one."""
        left, right = relation.left, relation.right
        known = self.constant
        if known is not None and relation.op == "=" and left == known.left:
            if right == known.right:
                return True
            # With variables on the other side the proof uses the letter for something of its own.
            if not variables_of(right) or variables_of(known.right):
                self.context.definitions.setdefault(left.name, known.right)  # type: ignore[union-attr]
            return False
        if relation.op != "=" or not isinstance(left, Var) or self.context.knows(left.name):
            return False
        if not variables_of(right) and role in ("define", "assume"):
            self.context.definitions[left.name] = self.named[left.name] = right
        return not variables_of(right)

    def sign(self, relation: Relation) -> bool:
        """`x > 0` for a symbol that is new or defined: its domain, or a fact about it that needs no check."""
        if relation.op in ("<", "<="):
            relation = relation.flipped()
        if not isinstance(relation.left, Var) or getattr(relation.right, "value", None) != 0:
            return False
        name = relation.left.name
        taken = name in self.context.statement.variables or name in self.context.definitions
        if relation.op not in (">", ">=") or taken:
            return False
        self.context.domains[name] = "pos" if relation.op == ">" else "nonneg"
        return True

    def introduce(self, relation: Relation) -> bool:
        """New symbols without a word about where they live: they live where the problem's variables do."""
        kinds = set(self.context.statement.domains)
        new = [name for name in relation.variables() if not self.context.knows(name)]
        self.introduced.update(new)
        for name in new:
            self.context.domains[name] = next(iter(kinds)) if len(kinds) == 1 else "real"
        return bool(new)

    def defines(self, relation: Relation, role: str) -> bool:
        """`S = a + b`: a new symbol; `a = x/y`: an old variable in terms of new ones."""
        if relation.op != "=":
            return False
        known = self.context.knows
        for left, right in ((relation.left, relation.right), (relation.right, relation.left)):
            if not isinstance(left, Var):
                continue
            inside = variables_of(right)
            if not known(left.name) and left.name not in inside and all(known(v) for v in inside) and inside:
                self.context.definitions[left.name] = self.named[left.name] = right
                self._regroup()
                return True
            new = [v for v in inside if not known(v)]
            old = left.name in self.context.statement.variables and left.name not in self.context.substitutions
            substitution = role in ("define", "assume") or bool(self.context.substitutions)
            if old and substitution and inside and left.name not in inside:
                fresh = {v for e in self.context.substitutions.values() for v in variables_of(e)}
                declared = set(self.context.domains)
                if (new or set(inside) <= fresh | declared) and not set(inside) & set(self.context.statement.variables):
                    self.context.substitutions[left.name] = right
                    self._regroup()
                    return True
        return False

    def _regroup(self) -> None:
        """New variables of the same number may be what sum signs run over from now on."""
        new = tuple(sorted({*self.context.definitions, *(
            v for e in self.context.substitutions.values() for v in variables_of(e))}))  # fmt: skip
        old = self.context.statement.variables
        groups = sum_groups(self.context.statement)
        if len(new) == len(groups[0]) and len(new) > 1:
            groups = (*groups, *variable_groups(new))
        self.scope = dataclasses.replace(self.scope, variables=(*old, *new), groups=groups)

    def function(self, chain: Chain) -> tuple[Expr | None, Chain] | None:
        """`f(a, b, c) = ...` where f is not yet known: what `f(a, b, c)` stands for, and the chain after it."""
        head = chain.sides[0]
        if head.expr is not None or not chain.ops or chain.ops[0] != "=" or chain.sides[1].expr is None:
            return None
        match = re.match(r"^([A-Za-z]) \( ((?:[A-Za-z] , )*[A-Za-z]) \)$", head.text)
        if not match or match[1] in self.scope.functions:
            return None
        params = tuple(match[2].split(" , "))
        functions = {**self.scope.functions, match[1]: (params, chain.sides[1].expr)}
        self.named[match[1]] = chain.sides[1].expr
        self.scope = dataclasses.replace(self.scope, functions=functions)
        rest = dataclasses.replace(chain, sides=chain.sides[1:], ops=chain.ops[1:])
        try:
            return parse_tokens(head.text.split(" "), self.scope), rest
        except Unreadable:
            return None, rest

    def unused(self, used: Iterable[str], relations: Iterable[Relation], texts: Iterable[str]) -> str | None:
        """A definition with numbers in it that no relation has used, so that nothing has checked it; or None."""
        grown = {*used, *(n for e in self.context.substitutions.values() for n in variables_of(e))}
        for name in reversed(self.named):
            if name in grown:
                grown |= set(variables_of(self.named[name]))
        texts, relations = list(texts), list(relations)
        for name, expr in self.named.items():
            called = any(re.search(rf"(?<![A-Za-z\\\\]){re.escape(name)} ('+ |\^ .*?)?\(", text) for text in texts)
            if name not in grown and not called and has_numbers(expr) and not self._shows(name, expr, relations):
                return name
        return None

    def _shows(self, name: str, expr: Expr, relations: list[Relation]) -> bool:
        """Whether a relation contains the body of a function of one variable at some place, as Jensen's inequality does."""
        params = self.scope.functions.get(name, ((), None))[0]
        if len(params) != 1:
            return False
        nodes = {node for relation in relations for side in (relation.left, relation.right) for node in walk(side)}
        return any(substitute(expr, {params[0]: at}) in nodes for at in nodes if isinstance(at, Var | Mul))
