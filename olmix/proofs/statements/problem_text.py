r"""Reads a problem in English and LaTeX: who the variables are, what they satisfy, what is claimed.

The words are matched against the phrases in which problems are written (`phrases.py`): "Let $a,b,c$ be positive real
numbers whose product is $1$", "for all $x > 0$", "the sides of a triangle", "Find the largest constant $C$ such that ..."
(with the answer given, so that the claim is a statement), and "$A \quad () \quad B$" with the relation to fill in. Every
word and every formula has to be part of what was understood. What is not (a word that no phrase knows, a symbol that is
nowhere introduced, a family of n variables, a constant that is not given) makes the problem unread, with the reason: a
condition that is dropped would be a guess, and a guess is worse than no verdict.
"""

from __future__ import annotations

import re

from olmix.proofs.statements.phrases import without_header
from olmix.proofs.statements.problem_reader import ProblemReader, Span
from olmix.proofs.statements.statement import Statement

_MATH = re.compile(r"\$\$(.*?)\$\$|\\\[(.*?)\\\]|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)


def spans(document: str) -> list[Span]:
    """Text and formulas in order; a formula that was broken in two (`$x+y+$ $z=1$`) is one again."""
    out: list[Span] = []
    place = 0

    def put(text: str, math: bool) -> None:
        if not math and not text.strip() and out and out[-1].math and "\n\n" not in text:
            out.append(Span(text, False))
        elif math and len(out) > 1 and not out[-1].text.strip() and out[-2].math and _broken(out[-2].text, text):
            out[-2:] = [Span(f"{out[-2].text} {text}", True)]
        elif text:
            out.append(Span(text, math))

    for match in _MATH.finditer(document):
        if match.start() > place:
            put(document[place : match.start()], False)
        put(next(g for g in match.groups() if g is not None), True)
        place = match.end()
    put(document[place:], False)
    return out


_JOINT = r"(?:[-+=<>]|\\(?:leq?|geq?|cdot|times|leqslant|geqslant))"


def _broken(first: str, second: str) -> bool:
    return (
        bool(re.search(_JOINT + r"\s*$", first) or re.match(r"\s*" + _JOINT, second))
        and "\\begin" not in first + second
    )


def parse_latex(problem: str, answer: str | None = None) -> Statement:
    """The statement of a problem; `answer` fills the blank or gives the constant that is asked for.

    Raises UserError with the reason where the problem has no certain reading.
    """
    text = without_header(re.split(r"\bOptions\s*:", problem)[0])
    answer = _clean_answer(answer)
    document = spans(text)
    # A cyclic sum may stand before its variables are introduced: what they are is known after a first reading.
    names: tuple[str, ...] = ()
    for _ in range(2):
        reader = ProblemReader(answer, names)
        reader.read(document)
        if tuple(reader.domains) == names:
            break
        names = tuple(reader.domains)
    return reader.statement()


def _clean_answer(answer: str | None) -> str | None:
    if answer is None:
        return None
    found = re.search(r"\$+(.*?)\$+", answer, re.DOTALL)
    return (found[1] if found else answer).strip()


__all__ = ["Span", "parse_latex", "spans"]
