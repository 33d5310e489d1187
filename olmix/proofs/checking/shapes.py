"""What relations and expressions of a proof look like: ends of a chain, points, numbers in a definition, theorems' names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from olmix.proofs.statements.expr import Expr, Num, Pow, Relation, Var, children, num
from olmix.proofs.statements.formulas import Chain

#: Names of theorems.
CITED = re.compile(
    r"cauchy|schwarz|titu|engel|h[^a-z]{0,3}o?lder|muirhead|schur|jensen|cheb[iy]sh|rearrangement|minkowski|bernoulli|karamata"
    r"|power.?mean|\b[aghq]m\b|arithmetic|geometric mean|bunyakovsky|huygens|mean inequality",
    re.IGNORECASE,
)


_AFTERWARDS = re.compile(
    r"^\W*(?:but |and )?(?:this|which|it|that)(?: last)?(?: inequality| relation)? (?:is|follows|holds|was)\b",
    re.IGNORECASE,
)


def names_afterwards(text: str) -> bool:
    """`This is precisely the Cauchy-Schwarz inequality`, after a relation."""
    return bool(_AFTERWARDS.search(text) and CITED.search(text))


_ANALOGUES = re.compile(
    r"similar|analog|likewise|cycl|symmetr|permut|same (way|manner|argument|reason)|\\sum|the other (two|three|ones)"
    r"|(two|three|four) (other|inequalities|such)|and so on|in turn|each of",
    re.IGNORECASE,
)


def speaks_of_analogues(text: str) -> bool:
    """Whether a proof says that what it spells out for some variables holds for the others as well."""
    return bool(_ANALOGUES.search(text))


def names_a_theorem(chain: Chain) -> bool:
    """`A M \\geq G M` and its kin name an inequality between means."""
    if all(_POWER_MEAN.fullmatch(side.text) for side in chain.sides):
        return True
    names = [re.sub(r"\\(text|mathrm|operatorname)|[{}]", "", side.text).strip() for side in chain.sides]
    return all(re.fullmatch(r"[AGHQKR] ?M?( _ .*)?|[AGHQKR]", name) and "M" in name for name in names)


#: `M_2(a, b, c)`, `M_{-1}^m(a, b, c)`: a power mean by its order, weighted or not.
_POWER_MEAN = re.compile(r"M _ (?:\{ )?(-? ?[0-9]+)(?: \})?(?: \^ (?:\{ )?[A-Za-z](?: \})?)? \( [^()]* \)")
#: The means from the least to the greatest.
_MEANS = "HGAQ"


def is_turned_theorem(chain: Chain) -> bool:
    """`A M \\leq G M`: the inequality between means the wrong way round."""
    orders = [_POWER_MEAN.fullmatch(side.text) for side in chain.sides]
    ranks = [
        int(m[1].replace(" ", "")) if m else _MEANS.find(s.text[:1]) for m, s in zip(orders, chain.sides, strict=True)
    ]
    known = all(orders) or (not any(orders) and -1 not in ranks)
    return known and any(
        (op in (">=", ">") and left < right) or (op in ("<=", "<") and left > right)
        for left, op, right in zip(ranks, chain.ops, ranks[1:], strict=False)
    )


def written(chain: Chain) -> str:
    """A chain as it stands in the proof."""
    return " ".join(
        " ".join(pair) for pair in zip(("", *chain.ops), (s.text for s in chain.sides), strict=True)
    ).strip()


def turns_round(chain: Chain) -> bool:
    """`A >= B <= C`: nothing follows about the ends of such a chain."""
    return len({op[0] for op in chain.ops} - {"=", "!"}) > 1


def ends(relations: Sequence[Relation]) -> list[Relation]:
    """The relation between the ends of a chain: it is an equality only where all links are."""
    directions = {r.op[0] for r in relations if r.op not in ("=", "!=")}
    linked = all(a.right == b.left for a, b in itertools.pairwise(relations))
    if len(directions) == 1 and linked:
        return [Relation(relations[0].left, f"{directions.pop()}=", relations[-1].right)]
    return list(relations)


def bridges(chain: Chain) -> Iterator[Relation]:
    """Relations across the sides of a chain that were not read: `X >= (unread) >= Y` says that X >= Y."""
    read = [i for i, side in enumerate(chain.sides) if side.expr is not None]
    for i, j in itertools.pairwise(read):
        directions = {op[0] for op in chain.ops[i:j]} - {"="}
        if j - i > 1 and len(directions) == 1 and "!" not in directions:
            yield Relation(chain.sides[i].expr, f"{directions.pop()}=", chain.sides[j].expr)  # type: ignore[arg-type]


def is_point(relation: Relation) -> bool:
    """Whether a relation says where a variable is: `a = b`, `x = 1`."""
    return (
        relation.op == "="
        and bool(relation.variables())
        and all(isinstance(s, Var | Num) for s in (relation.left, relation.right))
    )


def has_numbers(expr: Expr) -> bool:
    """Whether numbers stand in an expression, other than signs and the exponents of quotients."""
    if isinstance(expr, Num):
        return abs(expr.value) != 1
    if isinstance(expr, Pow) and expr.exponent == num(-1):
        return has_numbers(expr.base)
    return any(has_numbers(part) for part in children(expr))
