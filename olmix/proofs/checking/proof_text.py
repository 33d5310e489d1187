r"""A proof in LaTeX as an ordered list of relations, each with the role that the words before it give it.

Roles: a *fact* is asserted and has to be true; a *goal* ("it suffices to show that") is announced and has to be true as
well; an *assumption* ("without loss of generality", "if", "let") and a *definition* ("denote", "put") change what later
relations mean; an *equality* case (also an *impossible* one) is looked at separately; what stands inside a proof by
contradiction is *hypothetical*, and the *absurd* end of it cannot be checked on its own. Sentences without a relation are
kept as text: reported, never counted as proved; a *point* that is named for an extremum is not checked.
"""

from __future__ import annotations

import dataclasses
import re

from olmix.proofs.statements.problem_text import spans

ROLES = ("fact", "goal", "assume", "define", "equality", "impossible", "hypothetical", "absurd", "point")


@dataclasses.dataclass(frozen=True)
class Formula:
    """A formula of a proof: its LaTeX, its role, the words before it, and where it stands."""

    latex: str
    role: str
    words: str
    paragraph: int
    sentence: int
    #: How long an assumption lasts: `sentence`, `paragraph` or `proof`.
    lasts: str = "proof"
    #: The words between the formula before and this one.
    between: str = ""
    #: All words of its sentence.
    sentence_words: str = ""


@dataclasses.dataclass(frozen=True)
class Remark:
    """A sentence in which no relation stands."""

    text: str


_CUES: tuple[tuple[str, str, str], ...] = (
    # (pattern, role, how long an assumption lasts)
    (r"(?<!\(or )\bequality\b|\bequals? (holds|occurs)|\battained\b|\bat the point\b|\bboth sides are equal\b", "equality", ""),
    (r"\bcontrary\b|\b(is|were) false\b|\bdoes not hold\b|\bnot true\b(?! (in general|always|for all))",
     "hypothetical", ""),
    (r"^\W*(otherwise|else)\W*((we (may|can) assume|assume|suppose|we have)( that)?\W*)?$", "assume", "paragraph"),
    (r"\bwithout (any )?loss of generality\b|\bwlog\b|\bw\.l\.o\.g", "assume", "proof"),
    (r"\b(normali[sz]\w*|(re)?scal(e|ed|ing)|restrict ourselves|(suffices|enough) to (consider|look at|treat|study))"
     r"( \w+){0,6}(?<!with)(?<!where)$", "normalise", "proof"),
    (r"\b(assum(e|ed|ing|ption)|suppos(e|ed|ing))\b", "assume", "proof"),
    (r"\b(case|in the case|let us say|say)\b", "assume", "paragraph"),
    (r"\b(minimum|maximum|minimal|maximal|extrem\w+|zeros?|roots?|vanish\w*|attains?)\b[^.$]*\bat$", "point", ""),
    (r"^\W*(case )?\(?([0-9]|[ivx]{1,3})[).:] *(if|when|let|for)\b", "assume", "paragraph"),
    (r"\b(if|when|whenever|provided|given that|under the (condition|assumption))\b", "assume", "sentence"),
    (r"\b(for|for all|for any|for every)\s*(real|positive|non-?negative|numbers?|reals?|\s|the|sequences?)*$", "assume",
     "sentence"),
    (r"\b(where|with)\b", "assume", "paragraph"),
    (r"\bthere (exists?|are)\b(?! (only )?(two|three|four|several) (cases|possibilities))[^.$]*"
     r"|\bfor (some|suitable)\b[^.$]*", "define", "proof"),
    (r"\b(let|denote|set|put|setting|putting|taking|take|choose|define|substitut\w*|introduce|let us|defined|notation)\b",
     "define", "proof"),
    (r"\b(suffices?|enough|remains?|need(s|ed)?|want|have to|must|equivalent\w*|rewritten|rewrite|becomes?|reduces?|"
     r"will prove|will show|shall prove|shall show|prove that|show that|(?:re)?written as|rewrite (?:it |this )?as|"
     r"written|claim|(?<!'s )lemma|equivalent to|to prove|to show)\b",
     "goal", ""),
    (r"\b(then|thus|hence|therefore|so|we get|get|gives?|obtain\w*|have|has|deduces?|since|because|as|clearly|obviously|by|"
     r"from|using|implies|follows?|yields?|which is|note|know|i\.e|that is|and|conclude|find|holds?|inequality|also|"
     r"adding|summing|similarly|analogously|due|apply\w*|furthermore|further|finally|now|notice|observe|it is|are|is)\b",
     "fact", ""),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), role, lasts) for pattern, role, lasts in _CUES)
#: Sentences end with a period that is followed by a new sentence, or with a blank line.
_SENTENCE_END = re.compile(r"(?<!i\.e)(?<!e\.g)(?<!w\.l\.o\.g)[.?!](?=\s+[A-Z0-9]|\s*$)|\n\s*\n(?=\s*[A-Z])")


def read_proof(text: str) -> list[Formula | Remark]:
    """The formulas and remarks of a proof; within a sentence, the conditions ("when", "where") come first."""
    reader = _Reader()
    for span in spans(_clean(text)):
        if span.math:
            reader.math(span.text)
        else:
            reader.text(span.text)
    reader.end_sentence("")
    return reader.out


#: `for all` or `if` just before a formula.
_FOR = re.compile(
    r"\b(for( all| any| every| each)?( real| positive| non-?negative| numbers?)*|if|when|whenever)\s*$", re.IGNORECASE
)
#: A letter and what it is, or how it compares with a number or another letter.
_SHORT = {
    "define": re.compile(r"[A-Za-z](_\{?\d\}?)?\s*=[^=<>]*"),
    "assume": re.compile(
        r"[A-Za-z](_\{?\d\}?)?\s*(=|<|>|\\[lg](?:eq?|t|eqslant)(?![a-z]))\s*([A-Za-z]|\d+|\\[dt]?frac\W?\d\W*\d\W?)"
    ),
}
_INEQUALITY = re.compile(r"\\(?:leq?|geq?|leqslant|geqslant|lt|gt)\b|[<>]")
_IMPOSSIBLE = re.compile(
    r"\b(contradiction|impossible|absurd|equality (cannot|can not|can never|never) (hold|occur|be)\w*)\b", re.I
)
#: What opens the part of a sentence that a contradiction ends.
_SUPPOSED = re.compile(r"\b(equality|if|suppose|assume|contrary|would|otherwise)\b", re.IGNORECASE)

#: A point before the words that say that equality holds there.
_OPENS = re.compile(
    r"^\W*(\w+,? )?(for|when|if|with|at|in( the)? case|taking|setting|putting)( the point)?$", re.IGNORECASE
)
_EQUATIONS = re.compile(r"[^<>=\\]+(=[^<>=\\]+)+")
_EQUAL_THERE = re.compile(
    r"^\W*(then |that |indeed |clearly |the )*(we )?((see|find|observe|note|check) )?(that )?(then )?(there is |we have |the )*"
    r"(equality\b|both sides (are|become) (equal|the same)"
    r"|(upper |lower )?(bound|value|maximum|minimum) (is|can be) (attained|reached|achieved))[^.]{0,40}$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(not|never|cannot|no|fails|impossible|only|unless|would|iff|otherwise|contradict\w*)\b", re.IGNORECASE
)


class _Reader:
    """Cuts the document into sentences and paragraphs and gives every formula its role."""

    def __init__(self) -> None:
        self.out: list[Formula | Remark] = []
        self.words = ""
        self.between = ""
        self.paragraph = self.sentence = 0
        #: `equality` colours a paragraph, `hypothetical` the rest of the proof.
        self.colour = ""
        self.waiting: list[Formula] = []
        #: Whether a supposition has led to its contradiction.
        self.refuted = False
        #: Whether the sentence has no formula yet.
        self.fresh = True

    def text(self, text: str) -> None:
        place = 0
        for match in _SENTENCE_END.finditer(text):
            opened = place and re.match(r"\s*\n\s*\n", text[place:])
            if not opened and re.search(r"\n\s*\n", text[place : match.start()]):
                self._new_paragraph()
            self.words += text[place : match.start()]
            self.end_sentence(match.group())
            place = match.end()
            if text[place : place + 2].startswith("\n\n") or re.match(r"\s*\n\s*\n", text[place:]):
                self._new_paragraph()
        self.words += text[place:]
        self.between += text

    def _new_paragraph(self) -> None:
        self.paragraph += 1
        if self.colour == "equality":
            self.colour = ""

    def math(self, latex: str) -> None:
        role, lasts = self._listed(latex) or _role(self.words)
        if role == "normalise":
            # Only an equation is a scale.
            role = "fact" if _INEQUALITY.search(latex) else "assume"
        opens = role == "equality" and (
            self.refuted or (self.fresh and re.match(r"\W*(the |for )?equality\b", self.words, re.IGNORECASE))
        )
        if role == "hypothetical" or (self.colour == "hypothetical" and not opens):
            self.colour = role = "hypothetical"
        elif role == "equality" or (self.colour == "equality" and not (self.fresh and _INEQUALITY.search(latex))):
            self.colour = role = "equality"
        else:
            # A new sentence with an inequality is about something else than the case of equality.
            self.colour = ""
        self.fresh = False
        place = (self.paragraph, self.sentence)
        between = " ".join(self.between.split())
        self.waiting.append(Formula(latex, role, self.words.strip(), *place, lasts or "proof", between))
        self.between = ""
        if re.search(r"\.\s*(\\end\{[a-z*]+\}\s*)*$", latex.strip()):
            self.end_sentence("")

    def _listed(self, latex: str) -> tuple[str, str] | None:
        """The role of what goes on after a formula: lists of definitions and conditions; what holds "for t >= 0"."""
        before = self.waiting[-1] if self.waiting else None
        between = self.between.strip(" ,\n").lower()
        if before is None or before.role not in ("assume", "define"):
            return None
        if between == "and" and _SHORT[before.role].fullmatch(latex.strip(" .,;\n")):
            return before.role, before.lasts
        cue = _FOR.search(before.words)
        if not self.between.strip() and cue and not _FOR.search(self.words[len(before.words) :]):
            return _role(before.words[: cue.start()])
        return None

    def end_sentence(self, mark: str) -> None:
        """Closes the sentence; a blank line (in `mark`) closes the paragraph."""
        if _IMPOSSIBLE.search(self.words):
            self.refuted = self.refuted or self.colour == "hypothetical"
            supposed = [i for i, f in enumerate(self.waiting) if _SUPPOSED.search(f.words)]
            start = supposed[0] if supposed else 0
            about = bool(re.search(r"\bequality\b", self.words, re.IGNORECASE))
            for i in range(start, len(self.waiting)):
                self.waiting[i] = dataclasses.replace(self.waiting[i], role="impossible" if about else "absurd")
        self.waiting = [dataclasses.replace(f, sentence_words=self.words) for f in self.waiting]
        if _points_of_equality(self.waiting, self.words):
            self.waiting = [dataclasses.replace(f, role="equality") for f in self.waiting]
        if self.waiting:
            for group in _by_condition(self.waiting):
                group = [dataclasses.replace(f, sentence=self.sentence) for f in group]
                first = [f for f in group if _is_condition(f)]
                self.out.extend(first)
                self.out.extend(f for f in group if f not in first)
                self.sentence += 1
        elif self.words.strip():
            role, _ = _role(self.words)
            if role in ("hypothetical", "equality"):
                self.colour = role
            self.out.append(Remark(" ".join(self.words.split())))
        self.waiting, self.words, self.fresh = [], "", True
        self.sentence += 1
        if "\n" in mark:
            self._new_paragraph()


def _points_of_equality(formulas: list[Formula], words: str) -> bool:
    """Whether a sentence names a point and then says that equality holds there: `For x = 2y equality holds`."""
    if not formulas or not _OPENS.match(formulas[0].words) or any(f.role == "hypothetical" for f in formulas):
        return False
    after = words.strip()[len(formulas[-1].words) :]
    plain = all(_EQUATIONS.fullmatch(f.latex.strip(" .,;\n")) for f in formulas)
    return plain and bool(_EQUAL_THERE.match(after)) and not _DENIED.search(words)


def _is_condition(formula: Formula) -> bool:
    return formula.role == "assume" and formula.lasts != "proof"


def _by_condition(formulas: list[Formula]) -> list[list[Formula]]:
    """`f < 0 for x < 1 and f > 0 for x > 1` are two sentences in one, each with its condition."""
    kinds = [_is_condition(f) for f in formulas]
    blocks = sum(kind and not before for before, kind in zip([False, *kinds], kinds, strict=False))
    if blocks < 2:
        return [formulas]
    groups: list[list[Formula]] = [[]]
    for i, formula in enumerate(formulas):
        # A group ends after its condition, or begins with it, as the sentence begins.
        starts = kinds[i] and not kinds[i - 1] if kinds[0] else not kinds[i] and i > 0 and kinds[i - 1]
        if starts and i:
            groups.append([])
        groups[-1].append(formula)
    return groups


def _clean(text: str) -> str:
    """Removes comments, markdown and the sentence about the answer, which is no step of the proof."""
    text = _COMMENT.sub("", text)
    text = _BECAUSE.sub(r"\\quad \\text{ \1 } \2", text)
    text = re.sub(r"(Therefore|Thus|Hence),? the answer is.*?(\$\$?.*?\$\$?\.?|$)", " ", text, flags=re.DOTALL)
    text = _ANSWER.sub(" ", text)
    text = _DISPLAYS.sub(
        lambda m: m[0] if _inside_math(text, m.start()) else f"$$\\begin{{aligned}}{m[2]}\\end{{aligned}}$$", text
    )
    text = re.sub(r"(?m)^\s*#{1,6}\s*(.*?)[ :.]*$", r"\n\n\1.\n\n", _without_boxes(text))
    text = re.sub(r"\*\*(.*?)\*\*", r"\1", text)
    text = re.sub(r"(?<![\w*\\^])\*([A-Z][^*$\n]{1,60})\*(?![\w*])", r"\1", text)  # *Case 1:*
    # An item of a list that begins with a word begins a sentence.
    return re.sub(r"(?m)^[ \t]*[-*•][ \t]+(?=[A-Z][a-z]+[ ,:])", "", text)


#: `So the correct relation is (B) $\\geq$`, with the formula just behind it.
_ANSWER = re.compile(
    r"(?:\b(?:Therefore|Thus|Hence|So|Consequently),?\s+)?\b[Tt]he\s+(?:(?:final\s+)?answer|correct\s+(?:answer|option|choice|relation))\s+is"
    r"[\s:*]*(?:\(?[A-F]\)?[\s.:*]*)?\$\$?[^$]*\$\$?\.?"
)
#: A LaTeX comment: a line of its own, or the end of a line; `50%` in plain text is none.
_COMMENT = re.compile(r"(?m)^[ \t]*%.*\n?|(?<![\\\d])%.*$")
#: A reason in brackets inside a formula.
_BECAUSE = re.compile(
    r"\(\s*\\text\s*\{\s*(since|because|as|by)\s*\}((?:[^()$]|\((?:[^()$]|\([^()$]*\))*\))*)\)(?=\s*\.?\s*(?:\\\\|\$|\\end))"
)
#: Displays outside of dollars.
_DISPLAYS = re.compile(
    r"\\begin\{(equation|align|alignat|flalign|gather|multline|eqnarray|displaymath|math)\*?\}(?:\{\d\})?(.*?)\\end\{\1\*?\}",
    re.DOTALL,
)


def _without_boxes(text: str) -> str:
    r"""Frames around results removed: `\boxed{X}` is X."""
    while (found := re.search(r"\\(?:boxed|fbox)\s*\{", text)) is not None:
        depth, at = 1, found.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0) if text[at - 1] != "\\" else 0
            at += 1
        text = text[: found.start()] + text[found.end() : at - (depth == 0)] + text[at:]
    return text


def _inside_math(text: str, place: int) -> bool:
    return len(re.findall(r"\$\$", text[:place])) % 2 == 1 or text[:place].count("\\[") > text[:place].count("\\]")


def _role(words: str) -> tuple[str, str]:
    """The role that the last cue before a formula gives it, and how long an assumption would last."""
    low = " ".join(words.lower().split())
    last: tuple[int, str, str] = (-1, "fact", "")
    for pattern, role, lasts in _COMPILED:
        found = [m.end() for m in pattern.finditer(low)]
        if found and role in ("equality", "hypothetical"):
            return role, lasts
        if found and found[-1] > last[0]:
            last = (found[-1], role, lasts)
    return last[1], last[2]


def words_role(word: str) -> str | None:
    """The role that a word inside a formula (`\\text{where}`) gives to what follows; None where it gives none."""
    low = word.lower()
    for pattern, role, _ in _COMPILED:
        if pattern.search(low):
            return "assume" if role == "normalise" else role
    return None
