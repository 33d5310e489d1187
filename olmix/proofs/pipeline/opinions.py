"""What a language model thinks of proofs: asked several times, counted, and measured where the truth is known.

Shared by the verifier (right or wrong, many examples in the prompt) and the judge (a rubric). An answer without a
readable verdict is no verdict; it is never taken for one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Literal

from olmix.language_models.requests import Answer
from olmix.proofs.pipeline.intervals import Rate, wilson

Verdict = Literal["right", "wrong", "none"]

RUBRIC = ("claim", "relations", "reasons", "complete")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opinion:
    """Votes on one proof. `verdict` is the side with at least the asked share of all samples, else "none"."""

    id: str
    right: int
    wrong: int
    unreadable: int
    verdict: Verdict
    fault: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reliability:
    """How a model does where the truth is known. No verdict counts as a miss on both sides.

    `accepts_right` is the share of right proofs that it calls right, `rejects_wrong` that of wrong ones it calls wrong;
    `by_fault` splits the latter by what was done to the proof.
    """

    accepts_right: Rate
    rejects_wrong: Rate
    no_verdict: int
    by_fault: dict[str, Rate]


def read_verdict(text: str) -> tuple[Verdict, str]:
    """The last line "Verdict: right/wrong" of a verifier's answer."""
    found = re.findall(r"verdict\W*(right|wrong|correct|incorrect)\b", text, re.IGNORECASE)
    if not found:
        return "none", ""
    return ("right" if found[-1].lower() in ("right", "correct") else "wrong"), ""


#: An item of the rubric as a judge writes it: yes and no, or JSON's own true and false.
_MARK = {
    name: re.compile(rf'"{name}"\s*:\s*("?)\s*(yes|no|true|false)\b\s*\.?\s*\1\s*(?=[,}}\n])', re.I) for name in RUBRIC
}

_FAULT = re.compile(r'"first_fault"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)


def read_rubric(text: str) -> tuple[Verdict, str]:
    """The JSON object of a judge's answer: right if every item of the rubric is "yes"; and the first fault that it names.

    It is read item by item, not as JSON: a fault quotes LaTeX, whose backslashes and braces are seldom valid there.
    """
    for start in reversed([match.start() for match in re.finditer(r"\{", text)]):
        found = [mark.search(text, start) for mark in _MARK.values()]
        marks = [match[2].lower() in ("yes", "true") for match in found if match]
        if len(marks) < len(RUBRIC):
            continue
        named = _FAULT.search(text, start)
        fault = named[1].strip() if named else ""
        missed = [name for name, mark in zip(RUBRIC, marks, strict=True) if not mark]
        if not missed:
            return "right", ""
        return "wrong", ", ".join(missed) + (f": {fault}" if fault else "")
    return "none", ""


def count_votes(answer: Answer, read: Callable[[str], tuple[Verdict, str]], share: float) -> Opinion:
    """The votes of one answer's samples."""
    votes = [read(completion.text) for completion in answer.completions]
    right = sum(verdict == "right" for verdict, _ in votes)
    wrong = sum(verdict == "wrong" for verdict, _ in votes)
    needed = share * len(votes)
    verdict: Verdict = "none"
    if right > wrong and right >= needed:
        verdict = "right"
    elif wrong > right and wrong >= needed:
        verdict = "wrong"
    fault = next((text for kind, text in votes if kind == "wrong" and text), "")
    return Opinion(
        id=answer.id, right=right, wrong=wrong, unreadable=len(votes) - right - wrong, verdict=verdict,
        fault=fault if verdict == "wrong" else "",
    )  # fmt: skip


def reliability(opinions: Sequence[Opinion], truths: Sequence[tuple[bool, str]]) -> Reliability:
    """Opinions against what is known: whether each proof is right, and, where it is not, what was done to it."""
    on_right = [opinion.verdict == "right" for opinion, (right, _) in zip(opinions, truths, strict=True) if right]
    on_wrong = [
        (opinion.verdict == "wrong", fault)
        for opinion, (right, fault) in zip(opinions, truths, strict=True)
        if not right
    ]
    faults = sorted({fault for _, fault in on_wrong})
    return Reliability(
        accepts_right=wilson(sum(on_right), len(on_right)),
        rejects_wrong=wilson(sum(hit for hit, _ in on_wrong), len(on_wrong)),
        no_verdict=sum(opinion.verdict == "none" for opinion in opinions),
        by_fault={
            name: wilson(
                sum(hit for hit, fault in on_wrong if fault == name), sum(fault == name for _, fault in on_wrong)
            )
            for name in faults
        },
    )
