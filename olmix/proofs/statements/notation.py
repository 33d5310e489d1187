r"""A claim and its hypotheses as people write them: plain text, or LaTeX, or a claim in LaTeX with `abc = 1` beside it.

Plain text is tried first wherever there is no sign of LaTeX, because its rules leave no doubt (`text.py`). Without any such
sign in the whole statement it stays with that. With one, what plain text refuses is read as LaTeX, where letters side
by side are a product; but only if all letters of it stand elsewhere too, since a misspelt function is no product.

A bare sum sign runs over all letters of the statement, as they follow each other in the alphabet. Where that is not one
certain list (a, b, c and k; two letters only), or a letter could be a function or Euler's number, nothing is read.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from olmix.errors import UserError
from olmix.proofs.statements.expr import Relation, Var, substitute
from olmix.proofs.statements.formulas import Member, Piece, read_formula
from olmix.proofs.statements.latex import FUNCTION_NAMES, tokenize
from olmix.proofs.statements.literals import TooLarge, check_length
from olmix.proofs.statements.sums import Scope, variable_groups
from olmix.proofs.statements.text import parse_relations

_MARKS = re.compile(r"[\\${}]")
_FENCES = (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)"))
_BOX = re.compile(r"\\f?box(?:ed)?\s*\{(.*)\}", re.DOTALL)
_WORDS = re.compile(r"\\(?:text|mbox|textrm|textit|textbf|mathrm)\s*\{([^{}]*)\}")
#: Braces around one letter: its fractional part, or nothing but brackets.
_FRACTIONAL = re.compile(r"\\(?:lbrace|\{)\s*[A-Za-z]\s*(?:\\right\s*)?\\(?:rbrace|\})")
#: `| P Q |`, `[ A B C ]`, a triangle, `\\tau ( m )`, as tokens with spaces between them.
_FIGURE = re.compile(
    r"(?:\||\\[lr]?vert)(?: [A-Z]){2,3} (?:\||\\[lr]?vert)|\[(?: [A-Z]){3,} \]|\\triangle|\\overline"
    r"|\\(?:tau|sigma|phi|varphi|varepsilon|epsilon|pi|mu|omega|Omega|Phi|Gamma|zeta) \( [A-Za-z] \)"
)
_FOR_ALL = ("for all", "for any", "for every", "for each")
_SUMS = (r"\sum", r"\prod")


def read_statement(claim: str, hypotheses: Iterable[str]) -> tuple[tuple[Relation, ...], tuple[Relation, ...]]:
    """The relations of the claim (several for a chain) and those of all hypotheses.

    Raises:
      UserError: with the piece that has no certain reading, and why.
    """
    hypotheses = list(hypotheses)
    if not any(_MARKS.search(text) for text in (claim, *hypotheses)):
        return parse_relations(claim), tuple(r for text in hypotheses for r in parse_relations(text))
    reader = _Reader([_unfenced(text) for text in (claim, *hypotheses)])
    chain, *rest = reader.found
    return chain, tuple(relation for group in rest for relation in group)


class _Reader:
    """Reads the texts of one statement, some of which are LaTeX."""

    def __init__(self, texts: list[str]) -> None:
        self.plain = [_plain(text) for text in texts]
        tokens = [[] if isinstance(p, tuple) else tokenize(_limited(t)) for t, p in zip(texts, self.plain, strict=True)]
        self.letters = [
            {v for r in plain for v in r.variables()} if isinstance(plain, tuple) else _letters(each)
            for each, plain in zip(tokens, self.plain, strict=True)
        ]
        names = tuple(sorted(set().union(*self.letters)))
        functions = {a for each in tokens for a, b in itertools.pairwise(each) if a in FUNCTION_NAMES and b == "("}
        self.scope = Scope(tuple(n for n in names if n not in functions), variable_groups(names))
        self.trouble = _unclear_sums(tokens, names, self.scope) or _unclear_letters(tokens)
        self.found = [self._relations(text, at) for at, text in enumerate(texts)]

    def _relations(self, text: str, at: int) -> tuple[Relation, ...]:
        plain = self.plain[at]
        if isinstance(plain, tuple):
            return plain
        if plain is not None and not self._is_product(at):
            raise plain
        trouble = self.trouble or _unclear_words(text)
        if trouble:
            raise UserError(f"{text!r} is not read: {trouble}.")
        found = [relation for piece in read_formula(text, self.scope) for relation in self._of_piece(piece, text)]
        if not found:
            raise UserError(f"{text!r} is no relation: it needs one of \\le \\lt \\ge \\gt = \\ne.")
        return tuple(found)

    def _is_product(self, at: int) -> bool:
        """Whether letters side by side are factors: letters that stand in other texts too, or next to those in the alphabet."""
        others = set().union(*self.letters[:at], *self.letters[at + 1 :])
        return self.letters[at] <= others or (bool(others) and all(_is_run(group) for group in self.scope.groups))

    def _of_piece(self, piece: Piece, text: str) -> tuple[Relation, ...]:
        if isinstance(piece, Member):
            if piece.domain == "real" and piece.lead in ("", ",", *_FOR_ALL):
                return piece.relations
            raise UserError(f"{text!r} is not read: domains are stated apart from the relations.")
        unread = next((side for side in piece.sides if side.expr is None), None)
        if unread:
            raise UserError(f"{text!r} is not read: {unread.trouble or 'a side is missing'}.")
        names_only = not piece.ops and piece.sides[0].text in self.scope.variables
        if names_only and piece.lead in (",", *_FOR_ALL):
            return ()  # "for all a, b" says what the letters are, as the domain does.
        if piece.lead not in ("", ",", "and") or piece.continues or not piece.ops:
            what = piece.lead if piece.lead not in ("", ",") else " ".join(side.text for side in piece.sides)
            raise UserError(f"{text!r} is not read: {what!r} is no part of a relation.")
        return piece.relations()


def _plain(text: str) -> tuple[Relation, ...] | UserError | None:
    """The relations of plain text, the error where it is none, or nothing where signs of LaTeX stand in it."""
    if _MARKS.search(text):
        return None
    try:
        return tuple(_indexed(relation) for relation in parse_relations(text))
    except UserError as error:
        return error


def _limited(text: str) -> str:
    try:
        return check_length(text)
    except TooLarge as error:
        raise UserError(f"{text[:40] + '...'!r} is too large: {error}.") from None


def _unfenced(text: str) -> str:
    """The formula without dollar signs, brackets or a box around the whole of it, and without a full stop."""
    inner = text.strip()
    for opened, closed in _FENCES:
        if inner.startswith(opened) and inner.rstrip(".").endswith(closed):
            inner = inner.rstrip(".").removeprefix(opened).removesuffix(closed).strip()
    inner = re.sub(r"\\displaystyle(?![A-Za-z])", " ", inner).strip()
    box = _BOX.fullmatch(inner)
    return box[1] if box else inner


def _letters(tokens: list[str]) -> set[str]:
    """The names in a formula, except those that only sums run over."""
    out: set[str] = set()
    bound: set[str] = set()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token in _SUMS:
            while at + 1 < len(tokens) and tokens[at] in ("_", "^"):
                end = _after_group(tokens, at + 1)
                if "=" in tokens[at:end]:
                    bound |= set(tokens[at + 1 : end])
                at = end
        elif token in (r"\word", r"\text", r"\mathrm", r"\operatorname", r"\tag", r"\begin", r"\end"):
            at = _after_group(tokens, at)
        elif len(token) == 1 and token.isascii() and token.isalpha():
            if at < len(tokens) and tokens[at] == "_":
                end = _after_group(tokens, at + 1)
                token += "_" + "".join(t for t in tokens[at + 1 : end] if t not in "{}")
                at = end
            out.add(token)
    return out - bound


def _after_group(tokens: list[str], at: int) -> int:
    """The place after the group (or single token) that begins here."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i] == "{") - (tokens[i] == "}")
        if depth <= 0:
            return i + 1
    return len(tokens)


def _unclear_sums(tokens: list[list[str]], names: tuple[str, ...], scope: Scope) -> str:
    """Why a sum sign without numbers as bounds has no certain list of letters; nothing where it has."""
    if not any(_is_bare(each, at) for each in tokens for at, token in enumerate(each) if token in _SUMS):
        return ""
    together = "".join(scope.groups[0]) if scope.groups else ""
    runs = all(_is_run(group) for group in scope.groups) or together in ("xyzt", "xyzw")
    if len(names) > 2 and runs:
        return ""
    return f"it is not certain which of {', '.join(names) or 'no letters'} a sum sign runs over"


def _is_run(group: tuple[str, ...]) -> bool:
    if all("_" in name for name in group):
        return len({name.partition("_")[0] for name in group}) == 1
    return all(len(name) == 1 for name in group) and ord(group[-1]) - ord(group[0]) == len(group) - 1


def _is_bare(tokens: list[str], at: int) -> bool:
    bound = tokens[at + 1 : _after_group(tokens, at + 2)] if tokens[at + 1 : at + 2] == ["_"] else []
    return "=" not in bound


def _unclear_letters(tokens: list[list[str]]) -> str:
    """`e^{x}` is Euler's number or a variable, `x2` a variable or a product: both readings are usual."""
    for each in tokens:
        figure = _FIGURE.search(" ".join(each))
        if figure:
            return f"{figure[0].replace(' ', '')} may stand for something that is not defined (a length, an area, a function)"
        for at, (token, after) in enumerate(itertools.pairwise(each)):
            if len(token) == 1 and token.isalpha() and after[0].isdigit() and each[at - 1 : at] not in (["^"], ["_"]):
                return f"{token}{after} may be a variable ({token}_{after}) or a product ({after} {token})"
            if (token, after) == ("e", "^"):
                exponent = each[at + 2 : _after_group(each, at + 2)]
                if any(t.isalpha() or t.startswith("\\") for t in exponent):
                    return "e may be Euler's number (\\exp) or a variable (another letter)"
    return ""


def _unclear_words(text: str) -> str:
    """Words may change what is claimed; `for all` and `and` do not."""
    if _FRACTIONAL.search(text):
        return "braces around one letter may be its fractional part"
    for words in _WORDS.findall(text):
        if words.strip(" ,.;:~").lower() not in ("", "and", "cyc", "sym", *_FOR_ALL):
            return f"{words.strip()!r} is no part of a relation"
    return ""


def _indexed(relation: Relation) -> Relation:
    """`x1` of plain text under the name that LaTeX gives it, `x_1`."""
    names = {v: Var(f"{v[0]}_{v[1:]}") for v in relation.variables() if re.fullmatch("[A-Za-z][0-9]+", v)}
    return relation.map(lambda expr: substitute(expr, dict(names))) if names else relation
