r"""A proof in LaTeX as an ordered list of relations, each with the role that the words before it give it.

Roles: a *fact* is asserted and has to be true; a *goal* ("it suffices to show that") is announced and has to be true as
well; an *assumption* ("without loss of generality", "if", "let") and a *definition* ("denote", "put") change what later
relations mean; an *equality* case is looked at separately; what stands inside a proof by contradiction is
*hypothetical* and cannot be checked on its own. Sentences without a relation are kept as text: reported, never counted
as proved.
"""

from __future__ import annotations

import dataclasses
import re

from olmix.proofs.problem_text import spans

ROLES = ("fact", "goal", "assume", "define", "equality", "hypothetical")


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
    display: bool = False


@dataclasses.dataclass(frozen=True)
class Remark:
    """A sentence in which no relation stands."""

    text: str


_CUES: tuple[tuple[str, str, str], ...] = (
    # (pattern, role, how long an assumption lasts)
    (r"\bequality\b|\bequals? (holds|occurs)|\battained\b|\bwith equality\b", "equality", ""),
    (r"\b(contrary|contradiction|is false|does not hold|were false|not true)\b", "hypothetical", ""),
    (r"\bwithout (any )?loss of generality\b|\bwlog\b|\bw\.l\.o\.g", "assume", "proof"),
    (r"\b(assume|suppose)\b", "assume", "proof"),
    (r"\b(case|in the case)\b", "assume", "paragraph"),
    (r"\b(if|when|whenever|provided|given that|under the (condition|assumption))\b", "assume", "sentence"),
    (r"\b(for|for all|for any|for every)\s*(real|positive|non-?negative|numbers?|reals?|\s|the|sequences?)*$", "assume",
     "sentence"),
    (r"\b(where|with)\b", "assume", "paragraph"),
    (r"\b(let|denote|set|put|setting|putting|taking|take|choose|define|substitut\w*|introduce|let us|defined|notation)\b",
     "define", "proof"),
    (r"\b(suffices?|enough|remains?|need(s|ed)?|want|have to|must|equivalent\w*|rewritten|rewrite|becomes?|reduces?|"
     r"will prove|will show|shall prove|shall show|prove that|show that|written|claim|lemma|to prove|to show)\b",
     "goal", ""),
    (r"\b(then|thus|hence|therefore|so|we get|get|gives?|obtain\w*|have|has|deduces?|since|because|as|clearly|obviously|by|"
     r"from|using|implies|follows?|yields?|which is|note|know|i\.e|that is|and|conclude|find|holds?|inequality|also|"
     r"adding|summing|similarly|analogously|due|apply\w*|furthermore|further|finally|now|notice|observe|it is|are|is)\b",
     "fact", ""),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), role, lasts) for pattern, role, lasts in _CUES)
#: Sentences end with a period that is followed by a new sentence, or with a blank line.
_SENTENCE_END = re.compile(r"(?<!i\.e)(?<!e\.g)(?<!w\.l\.o\.g)[.?!](?=\s+[A-Z0-9]|\s*$)|\n\s*\n")


def read_proof(text: str) -> list[Formula | Remark]:
    """The formulas and remarks of a proof, in order."""
    out: list[Formula | Remark] = []
    words, paragraph, sentence = "", 0, 0
    role_of_sentence = ""
    had_formula = False
    for span in spans(_clean(text)):
        if span.math:
            role, lasts = _role(words, role_of_sentence)
            if role in ("equality", "hypothetical"):
                role_of_sentence = role
            display = "\\begin" in span.text or "\n" in span.text
            out.append(Formula(span.text, role, words.strip(), paragraph, sentence, lasts or "proof", display))
            had_formula = True
            if _ends_sentence(span.text):
                # `... \geq 0.` inside the dollars closes the sentence.
                words, sentence, role_of_sentence = "", sentence + 1, ""
                had_formula = False
            continue
        place = 0
        for match in _SENTENCE_END.finditer(span.text):
            words += span.text[place : match.start()]
            if words.strip() and not had_formula:
                out.append(Remark(" ".join(words.split())))
            blank = "\n" in match.group()
            if blank and span.text[: match.start()].strip() == "" and had_formula and not match.group().startswith("."):
                # A display set off by blank lines does not end its sentence by itself.
                pass
            words, had_formula, role_of_sentence, sentence = "", False, "", sentence + 1
            paragraph += blank
            place = match.end()
        words += span.text[place:]
    if words.strip() and not had_formula:
        out.append(Remark(" ".join(words.split())))
    return out


def _clean(text: str) -> str:
    """Removes markdown and the sentence about the answer, which is no step of the proof."""
    text = re.sub(r"(Therefore|Thus|Hence),? the answer is.*?(\$\$?.*?\$\$?\.?|$)", " ", text, flags=re.DOTALL)
    text = re.sub(r"\\begin\{(equation|align|gather|multline)\*?\}(.*?)\\end\{\1\*?\}",
                  lambda m: m[0] if _inside_math(text, m.start()) else f"$$\\begin{{aligned}}{m[2]}\\end{{aligned}}$$",
                  text, flags=re.DOTALL)  # fmt: skip
    return re.sub(r"\*\*(.*?)\*\*", r"\1", text)


def _inside_math(text: str, place: int) -> bool:
    return len(re.findall(r"\$\$", text[:place])) % 2 == 1 or text[:place].count("\\[") > text[:place].count("\\]")


def _ends_sentence(latex: str) -> bool:
    return bool(re.search(r"\.\s*(\\end\{[a-z*]+\}\s*)*$", latex.strip()))


def _role(words: str, sentence_role: str) -> tuple[str, str]:
    """The role that the last cue before a formula gives it; equality and contradiction colour the whole sentence."""
    low = " ".join(words.lower().split())
    if sentence_role:
        return sentence_role, ""
    last: tuple[int, str, str] = (-1, "fact", "")
    for pattern, role, lasts in _COMPILED:
        found = [m.start() for m in pattern.finditer(low)]
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
            return role
    return None
