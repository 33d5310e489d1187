r"""Whether the constant that a proof finds is the best one, where the problem asks for "the largest constant such that ...".

A proof shows that the claim holds with its constant; that it fails with a better one is looked for by the search for
counterexamples, with the constant moved by a thousandth (by one where an integer is asked for).
"""

from __future__ import annotations

import math
import re

import numpy as np

from olmix.errors import UserError
from olmix.proofs.checking.links import LINK_BUDGET, LinkResult, exact_result
from olmix.proofs.refuting.falsify import search
from olmix.proofs.statements.expr import Relation, Var, variables_of
from olmix.proofs.statements.numeric import compile_floats
from olmix.proofs.statements.problem_text import parse_latex

_ASKED = re.compile(
    r"\b(?:(?P<up>largest|greatest|biggest|maximum|maximal)|(?P<down>smallest|least|minimum|minimal)|best|optimal)\b"
    r"[^.]{0,40}?\b(?:constant|value|number|integer|real|parameter|\$\s*[A-Za-z\\])",
    re.IGNORECASE,
)


def check_best(problem: str, answer: str, constant: Relation) -> LinkResult | None:
    """None where the constant is the best or none is asked for; `refuted` where a better one is proved to do."""
    asked = _ASKED.search(problem)
    value = _value(constant)
    if asked is None or value is None or not isinstance(constant.left, Var):
        return None
    name = constant.left.name
    step = "1" if re.search(r"\binteger", problem) else _thousandth(value)
    found = re.search(r"=(.*)", answer.strip("$ .\n"), re.DOTALL)
    if found is None:
        return None
    signs = ["+"] if asked["up"] else ["-"] if asked["down"] else ["+", "-"]
    unclear = None
    for sign in signs:
        moved = f"{name} = \\left({found[1].strip()}\\right) {sign} {step}"
        try:
            statement = parse_latex(problem, moved)
        except UserError:
            return LinkResult("unread", f"the problem is not read with {moved}")
        if search(statement, LINK_BUDGET).counterexample is not None:
            return None
        if unclear is None or unclear.status != "refuted":
            proved = exact_result(statement) is not None
            unclear = LinkResult("refuted" if proved and len(signs) == 1 else "unread", f"it also holds with {moved}")
    return unclear


def _value(constant: Relation) -> float | None:
    if variables_of(constant.right) or constant.op != "=":
        return None
    try:
        value = float(compile_floats([constant.right], ())(np.zeros((1, 0)))[0, 0])
    except (UserError, KeyError, ValueError, IndexError):
        return None
    return value if math.isfinite(value) else None


def _thousandth(value: float) -> str:
    """About a thousandth of the value, as LaTeX."""
    size = 10 ** (math.floor(math.log10(abs(value))) if value else 0)
    return f"\\frac{{{size}}}{{1000}}" if size >= 1 else f"\\frac{{1}}{{{round(1000 / size)}}}"
