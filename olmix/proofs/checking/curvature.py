"""`f is convex`, said in words: looked at where the problem's variables lie, because Jensen's inequality turns round with it.

Seen in floats: a function that bends the other way between all values that the variables take makes a proof doubtful. Where a
sentence names a condition of its own (`on (0, 1)`, `for x < 0`) that is not an interval of numbers, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from olmix.errors import UserError
from olmix.proofs.checking.proof_text import Formula
from olmix.proofs.refuting.falsify import Budget, feasible_points
from olmix.proofs.statements.expr import Expr, variables_of
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.statement import Statement

_BENDS = re.compile(r"\b(convex|concave)\b(?:\s+(up|down)(?:wards?)?\b)?", re.IGNORECASE)
_NOT_SAID = re.compile(
    r"\b(not|neither|nor|if|unless|would|either|were|prove|show|whether|where|when)\b", re.IGNORECASE
)
_INTERVAL = re.compile(
    r"\s*\\?(?:left)?[\[(]\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*\\?(?:right)?[\])]\s*[.,]?\s*"
)
#: Fewer pairs of values than these show nothing.
_PAIRS = 12

Functions = Mapping[str, tuple[tuple[str, ...], Expr]]


def wrong_bend(formulas: Sequence[Formula], functions: Functions, statement: Statement) -> str | None:
    """The first function that is said to bend one way and bends the other way; None where there is none."""
    sentences: dict[tuple[int, int], list[Formula]] = {}
    for formula in formulas:
        sentences.setdefault((formula.paragraph, formula.sentence), []).append(formula)
    for told in sentences.values():
        words = told[0].sentence_words
        bends = _BENDS.findall(words)
        if len(bends) != 1 or _NOT_SAID.search(words):
            continue
        named = [f for f in told if _function_in(f, functions)]
        others = [f for f in told if f not in named]
        intervals = [_INTERVAL.fullmatch(f.latex) for f in others]
        if len(named) != 1 or len(others) > 1 or not all(intervals):
            continue
        name = _function_in(named[0], functions)
        interval = next(((float(m[1]), float(m[2])) for m in intervals if m), None)
        kind, way = bends[0][0].lower(), bends[0][1].lower()
        convex = way != "up" if kind == "convex" else way == "up"  # `concave up` is convex, `convex up` is not.
        if _bends_the_other_way(functions[name], convex, interval, statement):
            return f"{name} is said to be {kind}, and it is {'concave' if convex else 'convex'} where the variables lie"
    return None


def _function_in(formula: Formula, functions: Functions) -> str:
    match = re.match(r"\s*([A-Za-z])\s*(?:\(|$)", formula.latex)
    return match[1] if match and match[1] in functions and len(functions[match[1]][0]) == 1 else ""


def _bends_the_other_way(
    function: tuple[tuple[str, ...], Expr], convex: bool, interval: tuple[float, float] | None, statement: Statement
) -> bool:
    (name,), body = function
    if set(variables_of(body)) != {name}:
        return False
    if interval is None:
        values = np.unique(feasible_points(statement, Budget(starts=60, seed=7)).ravel())
        values = values[(np.abs(values) > 1e-3) & (np.abs(values) < 1e3)]
    else:
        values = np.linspace(*interval, 27)[1:-1]
    if len(values) < 2 * _PAIRS:
        return False
    rng = np.random.default_rng(3)
    pairs = rng.choice(values, size=(200, 2))
    low, high = pairs.T
    with np.errstate(all="ignore"):
        try:
            at = [compile_floats([body], (name,))(x[:, None])[:, 0] for x in (low, high, (low + high) / 2)]
        except (UserError, KeyError, ValueError):
            return False
        over = (at[0] + at[1]) / 2 - at[2]
        size = np.abs(at[0]) + np.abs(at[1]) + np.abs(at[2])
    apart = np.isfinite(over) & (np.abs(low - high) > 0.1 * (np.abs(low) + np.abs(high)))
    clear = over[apart & (np.abs(over) > 1e-9 * size)]
    if np.isfinite(over).sum() < len(over) or len(clear) < _PAIRS:
        return False
    return bool((clear < 0).all() if convex else (clear > 0).all())
