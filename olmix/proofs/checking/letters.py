"""What the letters of a proof stand for: the answer, new symbols, functions, old variables in terms of new ones.

Definitions change what later relations mean and are no steps; whether anything has used them is told at the end, for a
definition that nothing uses has been checked by nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable

from olmix.proofs.checking.limits import TooLarge, too_large
from olmix.proofs.checking.links import Assumption, Context
from olmix.proofs.checking.shapes import has_numbers
from olmix.proofs.statements.expr import Expr, Mul, Relation, Var, add, mul, num, sub, substitute, variables_of, walk
from olmix.proofs.statements.formulas import Chain, Side
from olmix.proofs.statements.latex import Scope, Unreadable, parse_tokens, variable_groups
from olmix.proofs.statements.sum_groups import sum_groups

#: Words before a constant that say that it is the one that was asked for.
_ANSWER = re.compile(
    r"\b(answer|constant|optimal|best|largest|greatest|smallest|least|(max|min)im(al|um))\b[^.]*$", re.IGNORECASE
)
#: Words before a point: where something is looked at, for one sentence at most.
_AT = re.compile(r"\bat( the point)?$", re.IGNORECASE)
_FOR = re.compile(r"\b(for|when|if)$", re.IGNORECASE)
#: Words after a list of letters that say what holds for all of them.
_TOGETHER = re.compile(
    r"^\W*(?:have|has|having|with|whose)(?: the| a)? (product|sum)(?: is| equal to|=)? ?([0-9]+)", re.IGNORECASE
)
_BETWEEN = re.compile(r"^\W*(?:is |lies |be )between\b", re.IGNORECASE)
_LEAST = ("minimum", "minimal", "smallest", "least")
#: Words after a letter that say how it stands among the others.
_EXTREME = re.compile(
    r"^\W*(?:be |is |being |denotes? )?(?:the )?(minimum|minimal|smallest|least|maximum|maximal|largest|greatest|biggest)"
    r"(?: \w+)?(?: among| of| from|\W|$)",
    re.IGNORECASE,
)
#: A term of a sequence with a running index.
_INDEXED = re.compile(r"(?<![A-Za-z\\\\])([A-Za-z]) ?_ ?(?:\{ ?)?([ijk])(?: ?\})?(?![A-Za-z0-9])")
#: `Denote the left-hand side by S`, `denote by S the right side of the inequality`.
_SIDE = re.compile(r"\bdenot\w*\b.*?\b(left|right)[- ]*(?:hand[- ]*)?side\b", re.IGNORECASE)


def _neighbours(names: tuple[str, ...]) -> bool:
    """Whether names are consecutive letters, or one letter with consecutive indices."""
    ends = [name.rpartition("_")[2] for name in names]
    if any("_" in name for name in names):
        return all(end.isdigit() for end in ends)
    return all(len(a) == len(b) == 1 and ord(b) == ord(a) + 1 for a, b in itertools.pairwise(names))


#: `a_i > 0`.
_FAMILY_SIGN = re.compile(r"\s*[A-Za-z]\s*_\s*\{?\s*[ijk]\s*\}?\s*(>|\\gt|\\geq?)\s*0\W*")


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
        #: Numbers that the proof finds for letters that it had not brought in: `1/3 = 3/k, so k = 9`.
        self.found: dict[str, set[Expr]] = {}
        #: The sentence that is read, and what has been defined in it.
        self.sentence = -1
        self.fresh: list[tuple[str, Expr]] = []
        #: Symbols and functions of the proof's own: what they stand for.
        self.named: dict[str, Expr] = {}

    def at(self, sentence: int) -> None:
        """A sentence begins, or goes on."""
        if sentence != self.sentence:
            self.sentence, self.fresh = sentence, []

    def answers(self, relation: Relation, role: str, words: str) -> bool:
        """`C = 2`, the constant that the problem asks for: no step, but it has to be the right one."""
        left, right = relation.left, relation.right
        known = self.constant
        if known is not None and relation.op == "=" and left == known.left:
            if right == known.right:
                return True
            # With variables on the other side the proof uses the letter for something of its own, unless it says so.
            if not variables_of(right) or variables_of(known.right) or _ANSWER.search(words):
                self.context.definitions.setdefault(left.name, known.right)  # type: ignore[union-attr]
            return False
        if relation.op != "=" or not isinstance(left, Var) or self.context.knows(left.name):
            return False
        if variables_of(right):
            return False
        if _AT.search(words):
            return True  # `Its tangent line at t = 1`: the letter stays free.
        self.fresh.append((left.name, right))
        if role == "assume" and _FOR.search(words) and "_" not in left.name:
            # `for t = 1`; but `for a_1 = 1, a_2 = 3` are the numbers that a theorem is applied to.
            self.context.assumptions.append(Assumption(relation, "sentence", -1, self.sentence))
            return True
        if role in ("define", "assume"):
            self.context.definitions[left.name] = self.named[left.name] = right
        else:
            self.found.setdefault(left.name, set()).add(right)
        return True

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

    def kind(self, piece: Chain, words: str) -> None:
        """`for positive x`: a new variable with the domain that the words name."""
        only = piece.sides[0].expr
        if isinstance(only, Var) and not self.context.knows(only.name):
            low = words.lower()
            kind = "nonneg" if re.search(r"non-?negative", low) else "pos" if "positive" in low else "real"
            if kind != "real" or "real" in low:
                self.context.domains[only.name] = kind

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
            new_name = not known(left.name) or (role in ("define", "assume") and self._again(left.name))
            if new_name and left.name not in inside and all(known(v) for v in inside) and inside:
                if too_large(right, self.context.definitions):
                    raise TooLarge(f"{left.name} is too large to be written out")
                self.context.definitions[left.name] = self.named[left.name] = right
                self.fresh.append((left.name, right))
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

    def _again(self, name: str) -> bool:
        """Whether a term of a sequence may be defined anew: another sentence uses `a_1` for something else."""
        taken = any(name == other for other, _ in self.fresh)
        return "_" in name and name in self.named and name not in self.context.statement.variables and not taken

    def _regroup(self) -> None:
        """New variables of the same number may be what sum signs run over from now on: all together, those that old ones
        were written in, or a family `a_1, ..., a_n`.
        """
        ours = self.context.definitions
        into = list(dict.fromkeys(v for e in self.context.substitutions.values() for v in variables_of(e)))
        families: dict[str, list[str]] = {}
        for name in ours:
            if "_" in name:
                families.setdefault(name.partition("_")[0], []).append(name)
        new = tuple(sorted({*ours, *into}))
        old = self.context.statement.variables
        groups = sum_groups(self.context.statement)
        seen = {frozenset(g) for g in groups}
        for some in (new, tuple(into), *map(tuple, families.values())):
            if len(some) == len(groups[0]) > 1 and frozenset(some) not in seen:
                found = variable_groups(some)
                # Letters that are no neighbours stand in the order in which they were written.
                groups = (*groups, *(found if _neighbours(found[0]) else (some,)))
                seen.add(frozenset(some))
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

    def family(self, names: list[str], after: str) -> None:
        """`If a, b, c, d have product 1, then`: new letters for the problem's, and what the words after them say."""
        said = _TOGETHER.match(after)
        low = after[:60].lower()
        kinds = set(self.context.statement.domains)
        kind = (
            "nonneg"
            if re.search(r"non-?negative", low)
            else "pos"
            if "positive" in low
            else "real"
            if "real" in low
            else ""
        )
        if len(names) < 2 or not (said or kind):
            return
        for name in names:
            self.context.domains[name] = kind or (next(iter(kinds)) if len(kinds) == 1 else "real")
        self.scope = dataclasses.replace(
            self.scope, groups=(*self.scope.groups, tuple(names)), variables=(*self.scope.variables, *names)
        )
        if said:
            combine = add if said[1].lower() == "sum" else mul
            relation = Relation(combine(*map(Var, names)), "=", num(said[2]))
            self.context.assumptions.append(Assumption(relation, "proof", 0, 0))
        elif re.search(r"\b(sum|product|such that|satisfy\w*|perimeter)\b", low):
            self.context.unread.append(after[:60].strip())

    def extreme(self, name: str, after: str) -> None:
        """`Let d be the least of a, b, c, d`, `b lies between a and c`: where a letter stands among those of its group."""
        match, between = _EXTREME.match(after), _BETWEEN.match(after)
        if not (match or between) or not self.context.knows(name):
            return
        group = next((g for g in reversed(self.scope.groups) if name in g), self.context.statement.variables)
        if match is None:
            steps = [sub(Var(name), Var(other)) for other in group if other != name]
            if len(steps) == 2:
                self.context.assume(Assumption(Relation(mul(*steps), "<=", num(0)), "proof", 0, 0))
            else:
                self.context.unread.append(f"{name} {after[:40].strip()}")
            return
        op = "<=" if match[1].lower() in _LEAST else ">="
        for other in group:
            if other != name:
                self.context.assume(Assumption(Relation(Var(name), op, Var(other)), "proof", 0, 0))

    def spelled(self, latex: str) -> str:
        """`a_i > 0` for letters a_1, ..., a_n of the proof: each of them in turn. Sums are left alone."""
        found = {(m[1], m[2]) for m in _INDEXED.finditer(latex)}
        if not found or "\\sum" in latex or "\\prod" in latex or len({index for _, index in found}) > 1:
            return latex
        if _FAMILY_SIGN.fullmatch(latex) and set(self.context.statement.domains) == {"pos"}:
            return ""  # New letters are taken to be positive where all of the problem are.
        counts = {letter: 0 for letter, _ in found}
        for letter in counts:
            while self.context.knows(f"{letter}_{counts[letter] + 1}"):
                counts[letter] += 1
        if len(set(counts.values())) != 1 or min(counts.values()) < 2:
            return latex
        return ", ".join(
            _INDEXED.sub(lambda m, k=k: f"{m[1]}_{{{k}}}", latex)  # type: ignore[misc]
            for k in range(1, min(counts.values()) + 1)
        )

    def side(self, piece: Chain, words: str) -> None:
        """`Denote the left-hand side by f(x)`, `by S`: a name for a side of the claim."""
        match, sides = _SIDE.search(words), self.scope.sides
        if match is None or sides is None:
            return
        value = sides[match[1].lower() == "right"]
        only = piece.sides[0]
        if isinstance(only.expr, Var) and not self.context.knows(only.expr.name):
            self.context.definitions[only.expr.name] = value
            self._regroup()
        elif only.expr is None:
            self.function(Chain((only, Side("", value)), ("=",)))

    def late(self) -> Context:
        """The context with the numbers that the proof has found for its letters."""
        values = {name: next(iter(found)) for name, found in self.found.items() if len(found) == 1}
        return dataclasses.replace(self.context, definitions={**values, **self.context.definitions})

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
