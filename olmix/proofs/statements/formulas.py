r"""From a formula in LaTeX to its pieces: chains of relations, memberships, and the words between them.

A display such as `\begin{aligned} A & \geq B \\ & = C \Leftrightarrow D \geq 0, \quad \text{i.e. } E \geq F
\end{aligned}` gives three chains: `A >= B = C`, then `D >= 0` (introduced by an arrow), then `E >= F`
(introduced by a word). Sides that cannot be read stay in their chain with the reason, so that what was not
understood is counted.
"""

from __future__ import annotations

import dataclasses
import re

from olmix.proofs.statements.expr import Expr, Relation, Var, div, num, variables_of
from olmix.proofs.statements.latex import Scope, Unreadable, parse_tokens, tokenize

_RELATIONS = {
    r"\leq": "<=", r"\le": "<=", r"\leqslant": "<=", r"\leqq": "<=", "≤": "<=",
    r"\geq": ">=", r"\ge": ">=", r"\geqslant": ">=", r"\geqq": ">=", "≥": ">=",
    "<": "<", ">": ">", r"\lt": "<", r"\gt": ">", "=": "=", r"\neq": "!=", r"\ne": "!=", r"\equiv": "=",
    "<=": "<=", ">=": ">=", "=<": "<=", "!=": "!=", "≠": "!=",
}  # fmt: skip
_ARROWS = {
    r"\Rightarrow": "=>", r"\implies": "=>", r"\Longrightarrow": "=>", r"\therefore": "=>", r"\to": "->",
    r"\rightarrow": "->", r"\Leftrightarrow": "<=>", r"\iff": "<=>", r"\Longleftrightarrow": "<=>",
    r"\leftrightarrow": "<=>", r"\Leftarrow": "<=", r"\because": "since", r"\longrightarrow": "->",
    "=>": "=>", "<=>": "<=>",
}  # fmt: skip
_ARROW_WORDS = {"<=": "<=="}


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a relation: its LaTeX, and the expression or the reason why there is none."""

    text: str
    expr: Expr | None = None
    trouble: str = ""


@dataclasses.dataclass(frozen=True)
class Chain:
    """`sides[0] ops[0] sides[1] ops[1] ...`; a side without an op is a chain of length one.

    `lead`: what introduced it (`=>`, `<=>`, a word, or nothing). `continues`: it starts with a relation, so
    that its left side is the last side of the chain before it.
    """

    sides: tuple[Side, ...]
    ops: tuple[str, ...]
    lead: str = ""
    continues: bool = False

    def relations(self) -> tuple[Relation, ...]:
        """The links whose two sides were read."""
        return tuple(
            Relation(left.expr, op, right.expr)
            for left, op, right in zip(self.sides, self.ops, self.sides[1:], strict=False)
            if left.expr is not None and right.expr is not None
        )


@dataclasses.dataclass(frozen=True)
class Member:
    r"""`a, b, c \in S`: names and a domain word, or an interval (as relations)."""

    names: tuple[str, ...]
    domain: str
    relations: tuple[Relation, ...] = ()
    lead: str = ""


Piece = Chain | Member


def read_formula(latex: str, scope: Scope) -> list[Piece]:
    """The pieces of one formula, in order."""
    pieces: list[Piece] = []
    for lead, tokens in _parts(_prepare(latex)):
        pieces.extend(_read_part(lead, tokens, scope))
    return _spread_lists(pieces)


#: A definition by cases has no single expression; a system of equations in the same brackets is read row by row.
_CASES = re.compile(r"\\begin\{d?cases\}(.*?)\\end\{d?cases\}", re.DOTALL)
#: `\text{AM}`: the name of a mean.
_MEANS = re.compile(r"\\(?:text|mathrm|textrm|textbf|mbox|operatorname)\s*\{\s*([AGHQ])\.?\s?M\.?\s*\}")
#: `\text{LHS}`, `\mathrm{R.H.S.}`, or the bare letters.
_SIDE_NAMES = re.compile(
    r"\\(?:text|mathrm|textrm|textbf|mbox|operatorname|mathit)\s*\{\s*([LR])\.?\s?H\.?\s?S\.?\s*\}|(?<![A-Za-z\\])\b([LR])HS\b"
)


def _prepare(latex: str) -> str:
    """Environments, tags and stacked relations removed; words kept as `\\word{...}`."""
    out = re.sub(r"\\(tag|label|ref|eqref)\*?\s*\{[^{}]*\}", " ", latex)
    out = re.sub(r"\\(?:left|right)\s*\.", " ", out)
    out = _CASES.sub(lambda m: " \\unread " if "&" in m[1] else m[1], out)
    out = _MEANS.sub(lambda m: f" {m[1]} M ", out)
    out = _SIDE_NAMES.sub(lambda m: f" \\{(m[1] or m[2]).lower()}hs ", out)
    out = re.sub(r"\\begin\{array\}\s*\{[^{}]*\}|\\hline", " ", out)
    out = re.sub(r"\\(begin|end)\{[A-Za-z]+\*?\}", " ", out)
    out = re.sub(
        r"\\(stackrel|overset|underset)\s*\{(?:[^{}]|\{[^{}]*\})*\}\s*(\{([^{}]*)\}|(\\[A-Za-z]+|[<>=]))",
        lambda m: f" {m[3] or m[4]} ",
        out,
    )
    out = re.sub(r"\\(?:operatorname|mathop)\*?\s*\{(sin|cos|tan|cot|max|min|log|ln|exp)\}", r"\\\1 ", out)
    out = re.sub(r"_\s*\{\s*\\(?:text|mathrm|operatorname)\s*\{\s*(\w+)\s*\}\s*\}", r"_{\1}", out)
    out = re.sub(r"\\mathbb\s*\{?\s*([A-Z])\s*\}?", r"\\set\1 ", out)
    return re.sub(r"\\(?:text|textit|textbf|mbox|textrm)\s*\{([^{}]*)\}", lambda m: f"\\word{{{_plain(m[1])}}}", out)


def _plain(words: str) -> str:
    return re.sub(r"[^A-Za-z0-9 .,-]", " ", words).strip() or ","


def _parts(latex: str) -> list[tuple[str, list[str]]]:
    """Splits at words, arrows, top-level commas, wide spaces and rows that start afresh; each with what led
    to it.
    """
    parts: list[tuple[str, list[str]]] = []
    lead, current, depth = "", [], 0  # type: tuple[str, list[str], int]
    brackets = _Depth()
    # Words, wide spaces and rows are looked at before the tokenizer throws spacing away.
    for raw in re.split(r"(\\word\{[^{}]*\}|\\qquad|\\quad|\\\\(?:\[[^\]]*\])?)", latex):
        if raw.startswith("\\word{"):
            if depth == 0:
                parts.append((lead, current))
                lead, current = raw[6:-1].strip().lower(), []
            else:
                current.append("\\unread")
            continue
        if raw in (r"\quad", r"\qquad") or raw.startswith("\\\\"):
            if depth == 0:
                current.append("\\gap" if raw.startswith("\\q") else "\\row")
            continue
        for token in tokenize(raw):
            depth = brackets.after(token)
            if depth == 0 and token in _ARROWS:
                parts.append((lead, current))
                lead, current = _ARROW_WORDS.get(_ARROWS[token], _ARROWS[token]), []
            elif depth == 0 and token in (",", ";"):
                parts.append((lead, current))
                lead, current = ",", []
            else:
                current.append(token)
    parts.append((lead, current))
    out: list[tuple[str, list[str]]] = []
    for lead, tokens in parts:
        pieces = _at_gaps(tokens)
        out.extend((lead if i == 0 else ",", piece) for i, piece in enumerate(pieces))
    return [(lead, _strip(tokens)) for lead, tokens in out if _strip(tokens) or lead not in ("", ",")]


_CLOSES = {")": "(", "]": "[", "}": "{", r"\}": r"\{"}


class _Depth:
    """How deep inside brackets a token stands; braces, which TeX itself balances, close what was left open in them."""

    def __init__(self) -> None:
        self.open: list[str] = []

    def after(self, token: str) -> int:
        """The depth after the token."""
        if token in _CLOSES.values():
            self.open.append(token)
        elif token in ("}", r"\}") and _CLOSES[token] in self.open:
            while self.open.pop() != _CLOSES[token]:
                pass
        elif token in (")", "]") and self.open and self.open[-1] != "{":
            self.open.pop()
        return len(self.open)


def _strip(tokens: list[str]) -> list[str]:
    while tokens and tokens[-1] in (".", ",", ":"):
        tokens = tokens[:-1]
    return tokens


def _at_gaps(tokens: list[str]) -> list[list[str]]:
    """Splits at a wide space or a new row, unless an operator or relation beside it shows that the line goes
    on.
    """
    out: list[list[str]] = [[]]
    for i, token in enumerate(tokens):
        if token not in ("\\gap", "\\row"):
            out[-1].append(token)
            continue
        before = out[-1][-1] if out[-1] else ""
        after = next((t for t in tokens[i + 1 :] if t not in ("\\gap", "\\row")), "")
        joins = ("+", "-", r"\cdot", "/", "")
        if before in joins or after in joins or before in _RELATIONS or after in _RELATIONS:
            continue
        out.append([])
    return [piece for piece in out if piece]


def _read_part(lead: str, tokens: list[str], scope: Scope) -> list[Piece]:
    if not tokens:
        return []
    if r"\in" in tokens:
        return _membership(lead, tokens, scope)
    sides, ops = _split_relations(tokens)
    continues = bool(ops) and not sides[0]
    ratios = _ratios(sides, ops, scope)
    if ratios is not None:
        return [Chain(tuple(ratios), ("=",) * (len(ratios) - 1), lead)]
    both = _tuples(sides, ops, scope)
    if both is not None:
        return [Chain(tuple(pair), ("=",), lead) for pair in both]
    read = tuple(_side(side, scope) for side in (sides[1:] if continues else sides))
    if continues:
        read = (Side("", None, "continues the line before"), *read)
    return [Chain(read, tuple(ops), lead, continues)]


def _split_relations(tokens: list[str]) -> tuple[list[list[str]], list[str]]:
    sides: list[list[str]] = [[]]
    ops: list[str] = []
    brackets = _Depth()
    for token in tokens:
        depth = brackets.after(token)
        if depth == 0 and token in _RELATIONS:
            if ops and not sides[-1]:
                # A line that ends with a relation and is continued by the same one (by the opposite one: both hold).
                ops[-1] = _both(ops[-1], _RELATIONS[token])
                continue
            ops.append(_RELATIONS[token])
            sides.append([])
        else:
            sides[-1].append(token)
    return sides, ops


def has_relation(text: str) -> bool:
    """Whether a relation stands somewhere in a side that was not split, because brackets around it do not close."""
    tokens = text.split(" ")
    return r"\sum" not in tokens and r"\prod" not in tokens and any(_RELATIONS.get(t, "=") != "=" for t in tokens)


def _both(first: str, second: str) -> str:
    """One relation for two that stand side by side: opposite ones can only both hold as an equality."""
    if first == "=" or first == second:
        return second
    if second == "=" or first[0] == second[0]:
        return first
    return "="


def _side(tokens: list[str], scope: Scope) -> Side:
    text = " ".join(tokens)
    try:
        return Side(text, parse_tokens(tokens, scope))
    except Unreadable as why:
        return Side(text, None, str(why))


def _tuples(sides: list[list[str]], ops: list[str], scope: Scope) -> list[list[Side]] | None:
    """`(a, b, c) = (1, 1, 2)` as equations, or None."""
    if ops != ["="] or any(len(s) < 5 or s[0] != "(" or s[-1] != ")" or "," not in s for s in sides):
        return None
    split = [_commas(s[1:-1]) for s in sides]
    if len(split[0]) != len(split[1]):
        return None
    return [[_side(x, scope), _side(y, scope)] for x, y in zip(*split, strict=True)]


def _ratios(sides: list[list[str]], ops: list[str], scope: Scope) -> list[Side] | None:
    """`a : b : c = 1 : 2 : 3` as a/1 = b/2 = c/3, or None."""
    if ops != ["="] or any(side.count(":") < 2 for side in sides):
        return None
    split = [_commas(side, ":") for side in sides]
    if len(split[0]) != len(split[1]):
        return None
    out = []
    for x, y in zip(*split, strict=True):
        top, bottom = _side(x, scope), _side(y, scope)
        if top.expr is None or bottom.expr is None or bottom.expr == num(0):
            return None
        out.append(Side(f"{top.text} / {bottom.text}", div(top.expr, bottom.expr)))
    return out


def _commas(tokens: list[str], mark: str = ",") -> list[list[str]]:
    out: list[list[str]] = [[]]
    brackets = _Depth()
    for token in tokens:
        depth = brackets.after(token)
        if token == mark and depth == 0:
            out.append([])
        else:
            out[-1].append(token)
    return out


_SETS = {
    r"\setR": "real", r"\setR^+": "pos", r"\setR^{+}": "pos", r"\setR_+": "pos", r"\setR_{+}": "pos",
    r"\setN": "natural", r"\setZ^+": "natural", r"\setZ^{+}": "natural", r"\setR^{*}_{+}": "pos",
    r"\setR_{>0}": "pos", r"\setR_{\geq0}": "nonneg", r"\setR^{+}_0": "nonneg", r"\setR^{+}_{0}": "nonneg",
    r"\setR_{0}^{+}": "nonneg", r"\setR_0^+": "nonneg", r"\setR^{>0}": "pos",
}  # fmt: skip


def _membership(lead: str, tokens: list[str], scope: Scope) -> list[Piece]:
    at = tokens.index(r"\in")
    names, where = _side(tokens[:at], scope).expr, tokens[at + 1 :]
    unread = Chain((Side(" ".join(tokens), None, "a membership that is not read"),), (), lead)
    if not isinstance(names, Var):
        return [unread]
    spelled = "".join(r"\geq" if _RELATIONS.get(token) == ">=" else token for token in where)
    if spelled in _SETS:
        return [Member((names.name,), _SETS[spelled], (), lead)]
    if where and where[0] in ("(", "[") and where[-1] in (")", "]"):
        ends = [_side(end, scope).expr for end in _commas(where[1:-1])]
        infinite = "".join(_commas(where[1:-1])[-1]) in (r"\infty", r"+\infty")
        if len(ends) == 2 and ends[0] is not None and (ends[1] is not None or infinite):
            relations = [Relation(names, ">" if where[0] == "(" else ">=", ends[0])]
            if not infinite and ends[1] is not None:
                relations.append(Relation(names, "<" if where[-1] == ")" else "<=", ends[1]))
            return [Member((names.name,), "real", tuple(relations), lead)]
    return [unread]


def _spread_lists(pieces: list[Piece]) -> list[Piece]:
    """`a, b, c > 0` and `a, b, c \\in S`: what stands after the last name holds for all of them."""
    out: list[Piece] = []
    for piece in pieces:
        waiting: list[str] = []
        while out and isinstance(out[-1], Chain) and not out[-1].ops and piece.lead in (",", "and", "or"):
            only = out[-1].sides[0].expr
            if not isinstance(only, Var) or (waiting and out[-1].lead not in ("", ",")):
                break
            if isinstance(piece, Chain) and not (
                piece.ops and isinstance(piece.sides[0].expr, Var) and not piece.continues
            ):
                break
            waiting.insert(0, only.name)
            lead = out[-1].lead
            out.pop()
            piece = dataclasses.replace(piece, lead=lead)
        if isinstance(piece, Member):
            names = (*waiting, *piece.names)
            relations = tuple(Relation(Var(name), r.op, r.right) for name in names for r in piece.relations)
            out.append(dataclasses.replace(piece, names=names, relations=relations))
            continue
        for name in waiting:
            out.append(dataclasses.replace(piece, sides=(Side(name, Var(name)), *piece.sides[1:])))
        out.append(piece)
    return out


def distributed(pieces: list[Piece]) -> list[Piece]:
    """`0 < a, b, c < 1`: both bounds hold for all of them (and the one bound of `0 < a, b, c`)."""
    first = pieces[0] if pieces else None
    if not isinstance(first, Chain) or not first.ops or first.continues or len(pieces) < 2:
        return pieces
    number, last = first.sides[0].expr, first.sides[-1].expr
    if len(first.ops) != 1 or number is None or variables_of(number) or not isinstance(last, Var):
        return pieces
    names, rest = [first.sides[-1]], list(pieces[1:])
    upper: Chain | None = None
    while rest:
        piece = rest[0]
        if not isinstance(piece, Chain) or piece.lead not in (",", "and") or not isinstance(piece.sides[0].expr, Var):
            break
        if piece.ops and (len(piece.ops) != 1 or piece.sides[1].expr is None or variables_of(piece.sides[1].expr)):
            break
        if upper and (piece.ops, piece.sides[1:]) != (upper.ops, upper.sides[1:]):
            break
        names.append(piece.sides[0])
        upper = piece if piece.ops else None
        rest.pop(0)
    if len(names) < 2 or (upper and first.ops[0][0] != upper.ops[0][0]):
        return pieces
    ends, ops = ((upper.sides[1],), upper.ops) if upper else ((), ())
    return [Chain((first.sides[0], name, *ends), (*first.ops, *ops), "," if i else first.lead)
            for i, name in enumerate(names)] + rest  # fmt: skip
