r"""The answer that a solution gives, and whether two answers are the same.

`Therefore, the answer is (B) $\geq$.`, `\boxed{C=\frac32}`, `The correct option is **(B)**`: answers are compared by what they
mean (the relation that a letter stands for among the problem's options, the value of a constant) and not by how they are written.
What cannot be read is the same as nothing, and different from nothing either.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from olmix.errors import UserError
from olmix.proofs.statements.expr import Expr, variables_of
from olmix.proofs.statements.formulas import Chain, read_formula
from olmix.proofs.statements.latex import Scope
from olmix.proofs.statements.numeric import compile_floats

#: How relations are written, longer ones first.
_OPS = {
    r"\leqslant": "<=", r"\geqslant": ">=", r"\leqq": "<=", r"\geqq": ">=", r"\leq": "<=", r"\geq": ">=",
    r"\le": "<=", r"\ge": ">=", r"\lt": "<", r"\gt": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">=",
    "⩽": "<=", "⩾": ">=", "<": "<", ">": ">", "=": "=",
}  # fmt: skip
#: What comes before an answer.
_TOLD = re.compile(
    r"(?:\banswer\s+is|\bcorrect\s+(?:option|choice|answer|relation)\s+is|\banswer\s*:)[\s:*]*"
    r"|(?=\\boxed\b)",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"(?:\*{0,2}\(?[A-F]\)?\*{0,2}[.:]?\s*)?(?:\$\$(.*?)\$\$|\$(.*?)\$|\\\[(.*?)\\\]|\\\((.*?)\\\))", re.DOTALL
)
_OPTION = re.compile(r"\(([A-F])\)\s*(.*?)(?=\s*(?:\([A-F]\)|\n\s*\n|$))", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer as it is written, with the option's letter, the relation and the value that it names, where it does."""

    text: str
    letter: str | None = None
    op: str | None = None
    value: Expr | None = None
    #: Not only a box, which may stand around anything.
    announced: bool = True

    def latex(self) -> str:
        r"""As `parse_latex` takes it: `\geq`, or `C = 3`."""
        return next((symbol for symbol in (r"\leq", r"\geq", "<", ">", "=") if _OPS[symbol] == self.op), self.text)


def find_answer(solution: str) -> Answer | None:
    """The last answer that a solution gives."""
    found = None
    for match in _TOLD.finditer(solution):
        answer = read_answer(_sentence(solution[match.end() :]))
        if answer is not None:
            # `the answer is $\\boxed{3}$` is found twice, as an announced answer and as a box.
            again = found is not None and found.announced and answer.text == found.text
            found = dataclasses.replace(answer, announced=match[0] != "" or again)
    return found


def _sentence(text: str) -> str:
    """Up to the end of a line or of a formula that ends the sentence; a point between digits ends nothing."""
    text = text.lstrip()
    math = _MATH.match(text)
    if math:
        return math[0]
    return re.split(r"\n|(?<!\d)\.(?!\d)|\.\s|\$|\\\]|\\\)|\.$", text, maxsplit=1)[0]


def read_answer(text: str) -> Answer | None:
    """What a written answer says; None where it says nothing that is known."""
    bare = _bare(text)
    letter = re.match(r"\(?\s*([A-F])\s*\)?(?=[\s,.:;]|$)(?!\s*=)", bare)
    rest = (bare[letter.end() :] if letter else bare).strip(" .,:;")
    if letter and rest not in ("", *_OPS) and not letter[0].startswith("("):
        letter, rest = None, bare  # `Answer: A standard argument shows ...`
    op = _OPS.get(rest)
    words = re.search(r"(?<![\\A-Za-z])[A-Za-z]{2,}", rest)
    value = None if op or words or not rest else _value(rest)
    if letter is None and op is None and value is None:
        return None
    return Answer(rest or bare, letter[1] if letter else None, op, value)


def _bare(text: str) -> str:
    r"""Without dollars, boxes, fonts, markdown: `$\boxed{\text{(B) } \geq}$` is `(B) \geq`."""
    text = re.sub(r"\$|\*\*|\\\[|\\\]|\\\(|\\\)|\\(?:displaystyle|left|right|,|;|!|quad)(?![A-Za-z])", " ", text)
    for _ in range(4):
        inner = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
        text = re.sub(r"\\(?:boxed|text|textbf|mathbf|mathrm|textrm|mbox|boldsymbol)\s*" + inner, r" \1 ", text)
    return " ".join(text.split()).strip(" .,:;")


def _value(text: str) -> Expr | None:
    """The last side of `C = 3`, or `3` alone."""
    try:
        pieces = read_formula(text, Scope())
    except UserError:
        return None
    if len(pieces) != 1 or not isinstance(pieces[0], Chain) or any(op != "=" for op in pieces[0].ops):
        return None
    return pieces[0].sides[-1].expr


def options(problem: str) -> dict[str, str]:
    """The relation that each letter of the problem's options stands for."""
    after = re.split(r"\bOptions\s*:", problem)
    if len(after) < 2:
        return {}
    said = {letter: _OPS.get(_bare(text)) for letter, text in _OPTION.findall(after[-1])}
    return {letter: op for letter, op in said.items() if op}


def same_answer(one: Answer, other: Answer, meaning: Mapping[str, str]) -> bool | None:
    """Whether two answers say the same, `meaning` being what the letters stand for; None where that cannot be told."""
    ops = [answer.op or meaning.get(answer.letter or "") for answer in (one, other)]
    # A letter and a relation that contradict each other.
    for answer, op in zip((one, other), ops, strict=True):
        if answer.op and answer.letter and meaning.get(answer.letter, answer.op) != op:
            return False
    if ops[0] and ops[1]:
        return ops[0] == ops[1]
    if one.value is not None and other.value is not None:
        return _equal(one.value, other.value)
    if one.letter and other.letter:
        return one.letter == other.letter
    return None


def _equal(one: Expr, other: Expr) -> bool | None:
    """Whether two values agree, at several values of their letters where they have any."""
    names = variables_of(one)
    if names != variables_of(other):
        return None
    points = np.random.default_rng(5).uniform(1.2, 2.8, size=(6 if names else 1, len(names)))
    try:
        with np.errstate(all="ignore"):
            values = compile_floats([one, other], names)(points)
    except (UserError, KeyError, ValueError):
        return None
    if not np.isfinite(values).all():
        return None
    return bool(np.allclose(values[:, 0], values[:, 1], rtol=1e-10, atol=0))
