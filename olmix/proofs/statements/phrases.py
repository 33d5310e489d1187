r"""The phrases in which problems say who their variables are and what they satisfy, as patterns over marked text.

In marked text a problem is one line of lower-case words, with every formula replaced by a letter and its number: `N0` a
list of names, `V1` a value, `R2` relations or a membership, `I3` an interval, `B4` a relation with a blank, `U5` what has
no reading. Every word has to belong to a phrase or to `HARMLESS`: what is not understood makes a problem unread.
"""

from __future__ import annotations

import re

NAMES = r"N\d+(?: (?:, and|,|and) N\d+)*"
_ADJECTIVE = (
    r"(?:strictly|positive|nonnegative|nonzero|negative|nonpositive|real|rational|natural|whole|integer|distinct|different"
    r"|pairwise|mutually|arbitrary|fixed|finite|two|three|four|five|six)"
)
_NOUN = r"(?:numbers?|reals?|integers?|naturals?|variables?|values?|quantities|quantity)"
#: `distinct positive real numbers`, or an adjective alone.
DOMAIN = rf"(?P<domain>(?:{_ADJECTIVE} )*(?:{_NOUN}|{_ADJECTIVE}))"

_WORDS_FOR_NUMBERS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "unity": 1}
VALUE = rf"(?P<value>[NV]\d+|[0-9]+|{'|'.join(_WORDS_FOR_NUMBERS)})"
_COMPARISONS = (
    (r"(?:is |are |being )?(?:(?:greater|larger|bigger) than or equal to|at least|(?:not|no) (?:less|smaller) than)", ">="),
    (r"(?:is |are |being )?(?:(?:less|smaller) than or equal to|at most|(?:not|no) (?:greater|larger|bigger|more) than"
     r"|not exceeding)|(?:does|do) not exceed", "<="),
    (r"(?:is |are |being )?(?:strictly )?(?:greater|larger|bigger|more) than|exceeds?", ">"),
    (r"(?:is |are |being )?(?:strictly )?(?:less|smaller) than", "<"),
    (r"(?:is |are |being )?(?:equal to|equals?)|(?:is|are|being|of)", "="),
)  # fmt: skip
COMPARED = "(?P<compared>" + "|".join(f"(?:{pattern})" for pattern, _ in _COMPARISONS) + ")"
_BOUND = "(?P<compared>" + "|".join(f"(?:{pattern})" for pattern, _ in _COMPARISONS[:4]) + ")"

_PARTS = r"(?:squares|cubes|reciprocals|pairwise products|square roots)"
_SIDES = (
    r"(?:the )?(?:lengths of (?:the )?(?:three )?sides|(?:side ?lengths|sidelengths|three sides|sides)(?: lengths)?)"
)
#: The rest of a sentence, up to words that open a condition.
_TO_THE_END = (
    r"(?:(?! (?:for all|for any|for every|whenever|where|subject|given|such that|satisfying|provided)\b)[^.?])*"
)
_INTERVAL = r"(?:the )?(?:closed |open )?(?:unit )?(?:interval |segment |range |set )?(?P<interval>I\d+)"
_EXTREME = r"(?:smallest|largest|greatest|least|maximal|minimal|maximum|minimum|best|optimal|possible|biggest)"

#: Phrases and what the reader does with them, the longer before the shorter; all are matched where words begin.
PHRASES = tuple(
    (re.compile(rf"(?:{pattern})(?= |$)"), action)
    for pattern, action in (
        # Sentences about the case of equality say nothing about the variables.
        (rf"(?:and )?(?:also )?(?:when|where|determine|find|state|with) (?:[a-z]+ )*equality{_TO_THE_END}"
         rf"|(?:the )?equality (?:holds?|occurs?|is)\b{_TO_THE_END}", "equality"),
        (r"(?:determine|choose|find|select) the correct (?:inequality )?(?:relation|sign|symbol)(?: to fill in the blank)?"
         r"|prove your answer|justify your answer|prove it",
         "skip"),
        # Triangles.
        (rf"(?:be |are |denote |being |as )*{_SIDES} of (?:a|an|the|some|any)(?: (?:given|nondegenerate|arbitrary|certain))* "
         r"triangle", "triangle"),
        (rf"(?:a|an|any|every|the) triangle with (?:sides|side lengths|sidelengths|sides of lengths?) (?P<names>{NAMES})",
         "triangle"),
        (r"satisfying the triangle inequality", "is_triangle"),
        (r"satisfying (?:the )?(?:given|above|this|these|those) (?:constraints?|conditions?)"
         r"|under (?:the )?(?:given|above|this|these) (?:constraints?|conditions?)", "skip"),
        # What holds for all variables together.
        (rf"(?:with |having |of )?(?:the )?perimeter (?:of )?(?:{COMPARED} )?{VALUE}", "perimeter"),
        (rf"(?:the )?(?P<aggregate>sum|product) of (?:the |some )*{DOMAIN} (?P<these>{NAMES}) {COMPARED} {VALUE}",
         "aggregate_of"),
        (rf"(?:for which |such that |and |where |if )?(?:the )?sum of (?:whose|the|their)? ?(?P<parts>{_PARTS})"
         rf"(?: of (?:which|whom|them|{NAMES}))? (?:{COMPARED} )?{VALUE}", "all"),
        (rf"(?:whose|with|having|and|their|for which|such that|where|if|of)? ?(?:the |their |whose |a |constant )*"
         rf"(?P<aggregate>sum|product|arithmetic mean|mean|average)(?: of (?:which|them|these numbers|the numbers|{NAMES}))? "
         rf"(?:{COMPARED} )?{VALUE}", "all"),
        (rf"(?:that |which |and )?(?:adding|summing|adds?|sums?)(?: up)? to {VALUE}", "all"),
        (r"(?:with |where |and |if )?(?:no two (?:of (?:which|them|these numbers|" + NAMES + r")|numbers)?"
         r"|at most one of (?:which|them|" + NAMES + r")) ?(?:are |being |is |of them )?(?:both |simultaneously |equal to )*"
         r"(?:zero|0|V\d+)", "no_two_zero"),
        (r"(?:with |where |and |which |that |are )*not (?:all|both) (?:of (?:which|them|" + NAMES + r") )?(?:are |being "
         r"|simultaneously |equal to |of them )*(?:zero|0|V\d+)", "not_all_zero"),
        (rf"(?:such that )?(?:(?:all |both |pairwise |mutually )*(?:different|distinct) from) {VALUE}", "different"),
        (rf"no two (?:of (?:which|them) )?(?:are )?equal|(?:all |pairwise |mutually )*distinct(?! {_ADJECTIVE}| {_NOUN})",
         "distinct"),
        # What holds for each of them.
        (rf"(?:(?:be|are|is|lie|lies|lying|belong|belongs|belonging|taken|chosen|all|numbers|each) )*(?:in|from|to|within|on) "
         rf"{_INTERVAL}", "interval"),
        (rf"(?:which are |that are |with |and )?(?:(?:be|are|is|being) )?(?:each|all|both)(?: of (?:them|which))? {_BOUND} "
         rf"{VALUE}", "bound"),
        (rf"(?P<left>[NV]\d+) {_BOUND} {VALUE}|(?P<left2>V\d+) (?P<compared2>equals?|is equal to|is|be) (?P<value2>[NV]\d+)",
         "compare"),
        (rf"(?:which are |that are )?{_BOUND} {VALUE}", "bound"),
        # Who the variables are.
        (r"(?:we )?(?:are|is|were) given(?: that)?", "condition"),
        (rf"(?:be|are|is|being|denote|represent)(?: (?:all|any|some|given|both|a|an|the))* {DOMAIN}", "is_domain"),
        (rf"(?P<these>{NAMES}) (?:a |an )?{DOMAIN}(?! ,? ?[NR][0-9])", "domain_of"),
        (rf"{DOMAIN} ,? ?(?P<these>{NAMES}|R\d+)", "domain_of"),
        # Constants that a problem asks for, and what is no statement.
        (rf"(?:find|determine|what is|compute|there exists) (?:the |a |an )?(?:{_EXTREME} )*(?:real |positive )*"
         r"(?:(?:constant|number|value|real)(?: of)? )?(?P<constant>N\d+)", "constant"),
        # What comes is the claim, or a condition.
        (r"(?:prove or disprove|is it true|true or false|determine whether|decide whether|check whether"
         r"|determine if)(?: that)?", "claim"),
        (rf"(?:find|determine|what is|compute|calculate|evaluate|maximi[sz]e|minimi[sz]e)\b(?=[^.]*\b(?:{_EXTREME}|value|values|"
         r"constants?|all|range)\b)|maximi[sz]e|minimi[sz]e|solve|(?:find|determine) all", "asks"),
        (r"(?:please )?(?:prove|show|establish|verify|demonstrate|deduce|conclude|proof)(?: that)?", "claim"),
        (r"(?:then|we have|one has|it holds|it follows|there holds|the following (?:inequality|inequalities|relation|holds)"
         r"|(?:this|the) (?:inequality|inequalities|expressions?) (?:below )?holds?)(?: that)?", "claim"),
        (r"consider the (?:following )?(?:inequality|expressions?)", "claim"),
        (r"(?:for|over) (?:all|any|every|each|arbitrary)(?: such| these| those)?|for|whenever|when|if|where|with"
         r"|given(?: that)?|such that|so that"
         r"|satisf(?:y|ies|ying|ied)|subject to|under|provided(?: that)?|suppose(?: that)?|assume(?: that)?|assuming(?: that)?"
         r"|let|consider|that satisfy|obeying|verifying|fulfilling", "condition"),
        (r"[RN]\d+|[VIBU]\d+", "formula"),
        (r"[.?!]", "stop"),
        (r":", "colon"),
        (r",|;|and", "join"),
    )
)  # fmt: skip

_PLAIN_WORDS = """
a above additionally all also always an any are as be been below both by called choice choices condition
conditions constraint constraints each every expression expressions following further furthermore given
has have hence here hold holds in inequalities inequality is it its moreover now number numbers of please
relation relations satisfied so statement that the these this those thus to true us valid variable
variables we which you
"""

#: Words that limit nothing wherever they stand between phrases.
HARMLESS = frozenset(_PLAIN_WORDS.split())


#: Why integers are not read where nothing says that they are positive.
WHOLE = "integers that may be negative or zero are none of the domains"


def operator(words: str | None) -> str:
    """The relation that words such as `is at least` stand for; nothing said is equality."""
    return next((op for pattern, op in _COMPARISONS if words and re.fullmatch(pattern, words)), "=")


def number_word(word: str) -> int:
    """The number of `one` or `1`."""
    return _WORDS_FOR_NUMBERS[word] if word in _WORDS_FOR_NUMBERS else int(word)


def domain_of(words: str) -> tuple[str | None, str | None, str | None]:
    """What `positive real numbers` says: a domain (or None), a relation to zero that goes with it, and what is not read."""
    said = set(words.split())
    whole = said & {"integer", "integers", "whole", "natural", "naturals"}
    if "rational" in said:
        return None, None, "rational numbers are none of the domains"
    if whole and not said & {"positive", "natural", "naturals"}:
        return None, None, WHOLE
    if whole:
        return "natural", None, None
    for word, kind, relation in (
        ("nonnegative", "nonneg", None), ("positive", "pos", "!=" if "nonzero" in said else None),
        ("nonzero", "real", "!="), ("negative", "real", "<"), ("nonpositive", "real", "<="), ("real", "real", None),
        ("reals", "real", None),
    ):  # fmt: skip
        if word in said:
            return kind, relation, None
    return None, None, None


_HEADER = re.compile(
    r"^\s*(?:(?:problem|exercise|example|question|lemma|theorem|claim|proposition|task)?\s*[0-9]*\s*[.:)]?\s*"
    r"(?:[(\[][^()\[\]$]*[)\]]\s*[.:]?)?)\s*",
    re.IGNORECASE,
)
_PART = re.compile(r"(?:^|[.:;,] )(?:\( )?(?:b|ii|2|part b) \)|\bpart (?:b|ii|2)\b|(?:^|[.:;] )(?:b|ii|2) \. ")


def without_header(problem: str) -> str:
    """The problem without `**Problem 3.** (Nesbitt)`, markdown, LaTeX that only lays out, and years in parentheses."""
    text = re.sub(
        r"\*\*|__|\\(?:noindent|bigskip|medskip|smallskip|newline|par)\b|^#+", " ", problem, flags=re.MULTILINE
    )
    text = re.sub(
        r"\\(?:textbf|textit|emph|text)\{([^{}$]*)\}", lambda m: m[0] if _in_math(text, m.start()) else m[1], text
    )
    text = re.sub(r"\((?=[^()$]*\b(?:1[89]|20)[0-9][0-9]\b)[^()$]*\)", " ", text)
    text = re.sub(
        r"\\begin\{(equation|align|gather|multline|eqnarray)\*?\}(.*?)\\end\{\1\*?\}",
        lambda m: m[0] if _in_math(text, m.start()) else f"$$\\begin{{aligned}}{m[2]}\\end{{aligned}}$$",
        text, flags=re.DOTALL,
    )  # fmt: skip
    return _HEADER.sub("", text, count=1)


def _in_math(text: str, place: int) -> bool:
    before = text[:place]
    odd = before.count("$$") % 2 or before.replace("$$", "").count("$") % 2
    return bool(odd) or before.count("\\[") > before.count("\\]") or before.count("\\(") > before.count("\\)")


def plain(words: str) -> str:
    """Words in marked text: lower case, one space around everything, hyphens and abbreviations gone."""
    low = words.lower().replace("’", "'").replace("~", " ").replace("\\\\", " ")
    low = re.sub(r"\bnon[-– ]?(negative|zero|positive|degenerate)", r"non\1", low)
    low = re.sub(r"\bi\.e\.,?|\bw\.r\.t\.", " that is ", low).replace("s.t.", "such that")
    low = re.sub(r"\bpairwise different\b", "pairwise distinct", low).replace("side-length", "side length")
    low = re.sub(r"[–—-]", " ", low)
    return " ".join(re.sub(r"([.,;:?!()\[\]])", r" \1 ", low).split())


def has_parts(marked: str) -> bool:
    """Whether a problem, as marked text, comes in several parts, (a), (b)."""
    return bool(_PART.search(marked))
