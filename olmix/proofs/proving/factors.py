"""Products of sums without expanding them: (1+x1)...(1+xn) >= 2**n where x1...xn = 1, (a+b)**512 >= a**512.

A claim is brought to the form `number * monomial * product of P**n >= 1` with sums P of positive terms and n > 0, times any
powers of constraints of that form. Weighted AM-GM bounds each P from below by one monomial, `c1 x**e1 + c2 x**e2 + ... >=
product of (c x**e / w)**w`, and if the variables then cancel, two numbers remain to be compared. The best weights are the
shares of the terms where the product is least (geometric programming: Duffin, Peterson & Zener 1967); `factor_search.py`
finds them in floats, this file checks them exactly.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.tasks import RuleError
from olmix.proofs.statements.expr import ZERO, Add, Expr, Mul, Num, Pow, Relation, Var, add, neg
from olmix.proofs.statements.statement import Statement

#: A sum of monomials with positive coefficients: ((exponents, coefficient), ...), sorted.
Sum = tuple[tuple[tuple[Fraction, ...], Fraction], ...]
MOST_TERMS = 400
#: Numbers with more bits than this are compared by ball arithmetic, which cannot see that two are equal.
_EXACT_BITS = 200_000


@dataclasses.dataclass
class Product:
    """number * monomial * product of sums to powers; the number is a product of powers, because it may be irrational."""

    numbers: dict[Fraction, Fraction]
    monomial: list[Fraction]
    sums: dict[Sum, Fraction]

    def times(self, other: Product, power: Fraction) -> None:
        """Multiplies by a power of another product."""
        for number, n in other.numbers.items():
            self.numbers[number] = self.numbers.get(number, Fraction(0)) + n * power
        self.monomial = [a + power * b for a, b in zip(self.monomial, other.monomial, strict=True)]
        for base, n in other.sums.items():
            self.sums[base] = self.sums.get(base, Fraction(0)) + n * power
            if not self.sums[base]:
                del self.sums[base]


@dataclasses.dataclass(frozen=True)
class Problem:
    """The claim as `claim >= 1`; each constraint as a product that is 1, or at most 1 where it is not `equal`."""

    claim: Product
    constraints: tuple[tuple[Product, bool], ...]


def read_problem(statement: Statement) -> Problem:
    """The statement in this form; raises RuleError where it has none. Constraints of other forms are left out.

    A variable that may be 0 is treated as positive: a claim with >= carries over to 0 by continuity, as long as no constraint
    of monomials alone is used. Where real variables occur, a sum must not change with their signs, and a monomial
    below must not exceed what it is without them.
    """
    claim = _large_and_small(statement.claim)
    if claim is None:
        raise RuleError("the claim is no inequality")
    large, small = (_product(side, statement.variables) for side in claim)
    real = [i for i, domain in enumerate(statement.domains) if domain == "real"]
    if not (_signless(large, real, monomials=True) and _signless(small, real, monomials=False)):
        raise RuleError("a side may change with the sign of a variable")
    large.times(small, Fraction(-1))
    constraints = []
    for relation in statement.constraints:
        made = _constraint(relation, statement.variables)
        if made is not None and _signless(made[0], real, monomials=True):
            constraints.append(made)
    if statement.constraints and set(statement.domains) - {"pos"}:
        constraints = [made for made in constraints if made[0].sums]
    if claim_is_strict(statement) and set(statement.domains) - {"pos"}:
        raise RuleError("a strict claim needs positive variables")
    return Problem(large, tuple(constraints))


def claim_is_strict(statement: Statement) -> bool:
    """Whether equality would not do."""
    return statement.claim.op in ("<", ">")


def _large_and_small(relation: Relation) -> tuple[Expr, Expr] | None:
    """The sides of an inequality, the larger one first, with what a side subtracts moved to the other."""
    if relation.op not in (">=", ">", "<=", "<"):
        return None
    upward = relation.op in (">=", ">")
    sides = (relation.left, relation.right) if upward else (relation.right, relation.left)
    if not any(_subtracted(term) for side in sides for term in _terms(side)):
        return sides
    terms = [*_terms(sides[0]), *(neg(term) for term in _terms(sides[1]) if term != ZERO)]
    return add(*(t for t in terms if not _subtracted(t))), add(*(neg(t) for t in terms if _subtracted(t)))


def _terms(side: Expr) -> tuple[Expr, ...]:
    return side.terms if isinstance(side, Add) else (side,)


def _subtracted(term: Expr) -> bool:
    number = term.factors[0] if isinstance(term, Mul) else term
    return isinstance(number, Num) and number.value < 0


def _constraint(relation: Relation, names: Sequence[str]) -> tuple[Product, bool] | None:
    """A constraint as a product that is (at most) 1; None where it has no such form."""
    sides = (relation.left, relation.right) if relation.op == "=" else _large_and_small(relation)
    if sides is None:
        return None
    try:
        large, small = (_product(side, names) for side in sides)
    except RuleError:
        return None
    small.times(large, Fraction(-1))
    if relation.op == "=" and any(n < 0 for n in small.sums.values()):
        inverse = Product({}, [Fraction(0)] * len(names), {})
        inverse.times(small, Fraction(-1))
        small = inverse
    if any(n < 0 for n in small.sums.values()):
        return None
    return small, relation.op == "="


def _signless(product: Product, places: Sequence[int], *, monomials: bool) -> bool:
    """Whether the signs of some variables do not matter: even whole exponents; for a monomial below (`monomials` is False)
    whole ones will do, because it is at most what it is at the absolute values.
    """
    for base in product.sums:
        if any(e[i].denominator > 1 or e[i] % 2 for e, _ in base for i in places):
            return False
    step = 2 if monomials else 1
    return all(not product.monomial[i] % step for i in places)


def _product(expr: Expr, names: Sequence[str]) -> Product:
    """An expression as a product; raises RuleError where a sum in it has a term that is not visibly positive."""
    out = Product({}, [Fraction(0)] * len(names), {})
    stack = [(expr, Fraction(1))]
    while stack:
        node, power = stack.pop()
        if isinstance(node, Mul):
            stack.extend((factor, power) for factor in node.factors)
        elif isinstance(node, Pow) and isinstance(node.exponent, Num):
            stack.append((node.base, power * node.exponent.value))
        else:
            _multiply(out, _sum(node, names), power)
    return out


def _multiply(out: Product, base: Sum, power: Fraction) -> None:
    lead = base[0][1]
    if lead != 1:
        out.numbers[lead] = out.numbers.get(lead, Fraction(0)) + power
    if len(base) == 1:
        out.monomial = [a + power * e for a, e in zip(out.monomial, base[0][0], strict=True)]
        return
    scaled = tuple((e, c / lead) for e, c in base)
    out.sums[scaled] = out.sums.get(scaled, Fraction(0)) + power
    if not out.sums[scaled]:
        del out.sums[scaled]


def _sum(expr: Expr, names: Sequence[str]) -> Sum:
    """An expression as a sum of monomials with positive coefficients; raises RuleError where it is none, or too long."""
    zero = (Fraction(0),) * len(names)
    if isinstance(expr, Num) and expr.value > 0:
        return ((zero, expr.value),)
    if isinstance(expr, Var):
        return ((tuple(Fraction(int(name == expr.name)) for name in names), Fraction(1)),)
    if isinstance(expr, Add):
        return _collected([term for part in expr.terms for term in _sum(part, names)])
    if isinstance(expr, Mul):
        out: Sum = ((zero, Fraction(1)),)
        for factor in expr.factors:
            out = _times(out, _sum(factor, names))
        return out
    if isinstance(expr, Pow) and isinstance(expr.exponent, Num):
        base, n = _sum(expr.base, names), expr.exponent.value
        if len(base) == 1 and (base[0][1] == 1 or (n.denominator == 1 and abs(n) <= MOST_TERMS)):
            return ((tuple(e * n for e in base[0][0]), base[0][1] ** int(n) if base[0][1] != 1 else Fraction(1)),)
        if n.denominator == 1 and 0 < n <= 8:
            out = base
            for _ in range(int(n) - 1):
                out = _times(out, base)
            return out
    raise RuleError("a term is not visibly positive")


def _times(left: Sum, right: Sum) -> Sum:
    if len(left) * len(right) > 4 * MOST_TERMS:
        raise RuleError("a sum is too long")
    return _collected(
        [(tuple(a + b for a, b in zip(x, y, strict=True)), c * d) for x, c in left for y, d in right]
    )  # fmt: skip


def _collected(terms: Sequence[tuple[tuple[Fraction, ...], Fraction]]) -> Sum:
    out: dict[tuple[Fraction, ...], Fraction] = {}
    for e, c in terms:
        out[e] = out.get(e, Fraction(0)) + c
    if len(out) > MOST_TERMS:
        raise RuleError("a sum is too long")
    return tuple(sorted(out.items()))


def check_factors(statement: Statement, params: Mapping[str, Any]) -> None:
    """Returns where the powers of the constraints and the weights prove the statement; raises RuleError where they do not.

    `powers`: one for each usable constraint; `weights`: for each sum of the product (in the order of `Product.sums`), one for
    each of its terms, non-negative and adding up to 1.
    """
    problem = read_problem(statement)
    whole = whole_product(problem, [Fraction(p) for p in params["powers"]])
    numbers, exponents = dict(whole.numbers), list(whole.monomial)
    if len(params["weights"]) != len(whole.sums):
        raise RuleError("one list of weights for each sum is needed")
    for (base, n), row in zip(whole.sums.items(), params["weights"], strict=True):
        weights = [Fraction(w) for w in row]
        if n < 0 or len(weights) != len(base) or any(w < 0 for w in weights) or sum(weights) != 1:
            raise RuleError("the weights of a sum are non-negative and add up to 1, and its power is positive")
        for (e, c), w in zip(base, weights, strict=True):
            exponents = [a + n * w * b for a, b in zip(exponents, e, strict=True)]
            if w:
                numbers[c / w] = numbers.get(c / w, Fraction(0)) + n * w
    if any(exponents):
        raise RuleError("the variables do not cancel")
    if not _exceeds_one(numbers, claim_is_strict(statement)):
        raise RuleError("the number that is left is too small")


def whole_product(problem: Problem, powers: Sequence[Fraction]) -> Product:
    """The claim times powers of the constraints: at least 1 only where the claim is."""
    if len(powers) != len(problem.constraints):
        raise RuleError("one power for each constraint is needed")
    whole = Product({}, [Fraction(0)] * len(problem.claim.monomial), {})
    whole.times(problem.claim, Fraction(1))
    for (product, equal), power in zip(problem.constraints, powers, strict=True):
        if power < 0 and not equal:
            raise RuleError("a constraint is used in the wrong direction")
        if power:
            whole.times(product, power)
    return whole


def _exceeds_one(numbers: Mapping[Fraction, Fraction], strict: bool) -> bool:
    """Whether a product of rational powers of positive rationals is at least (more than) 1."""
    scale = math.lcm(*(n.denominator for n in numbers.values()))
    bits = sum(
        abs(int(n * scale)) * max(c.numerator.bit_length(), c.denominator.bit_length()) for c, n in numbers.items()
    )
    if bits <= _EXACT_BITS:
        value = Fraction(1)
        for c, n in numbers.items():
            value *= c ** int(n * scale)
        return value > 1 if strict else value >= 1
    import flint

    with flint.ctx.workprec(300):
        total = flint.arb(0)
        for c, n in numbers.items():
            total += (flint.arb(c.numerator) / c.denominator).log() * (flint.arb(n.numerator) / n.denominator)
        return bool(total > 0)


def explain_factors(statement: Statement, params: Mapping[str, Any]) -> list[str]:
    """The proof that `check_factors` accepts, in words."""
    problem = read_problem(statement)
    whole = whole_product(problem, [Fraction(p) for p in params["powers"]])
    names = statement.variables
    out = ["Weighted AM-GM for each sum, with x standing for the values of its terms and w for their weights,"]
    out[0] += " x1 + x2 + ... >= (x1/w1)**w1*(x2/w2)**w2*...:"
    for (base, n), row in zip(whole.sums.items(), params["weights"], strict=True):
        weights = [Fraction(w) for w in row]
        terms = " + ".join(_term_text(names, e, c) for e, c in base)
        bound = "*".join(
            f"({_term_text(names, e, c / w)})**({w})" for (e, c), w in zip(base, weights, strict=True) if w
        )
        out.append(f"  {terms} >= {bound}" + (f", to the power {n}" if n != 1 else ""))
    used = [p for p in params["powers"] if Fraction(p)]
    given = f" and powers ({', '.join(used)}) of the constraints" if used else ""
    return [*out, f"Multiplied together{given}, the variables cancel, and the number that is left is large enough."]


def _term_text(names: Sequence[str], exponents: Sequence[Fraction], coefficient: Fraction) -> str:
    powers = [name if e == 1 else f"{name}**{e}" if e.denominator == 1 and e > 0 else f"{name}**({e})"
              for name, e in zip(names, exponents, strict=True) if e]  # fmt: skip
    return "*".join([str(coefficient), *powers] if coefficient != 1 or not powers else powers)
