"""Proofs made wrong on purpose, each by one change that a careless reader would pass over; the machine confirms that it is wrong.

The changes are those that proofs by language models suffer from: a relation the wrong way round, a wrong constant, a wrong sign,
a wrong exponent, another claim than the one that was to be shown.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Iterator

from olmix.proofs.pipeline.items import Item

_RELATION = re.compile(r"\\geq?\b|\\leq?\b|(?<![<>=])[<>](?!=)")
_NUMBER = re.compile(r"(?<![\d^{])\d+(?!\d)")
_EXPONENT = re.compile(r"\^\{?(\d)\}?")
_SIGN = re.compile(r"(?<=[\w})]) ([+-]) (?=[\w\\(])")

_TURNED = {r"\ge": r"\le", r"\geq": r"\leq", r"\le": r"\ge", r"\leq": r"\geq", "<": ">", ">": "<"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corrupted:
    """An item whose proof was made wrong, and how: `fault` is one of `FAULTS`."""

    item: Item
    fault: str


def _relation(proof: str, rng: random.Random) -> str | None:
    return _change(proof, _RELATION, rng, lambda match: _TURNED[match[0]])


def _number(proof: str, rng: random.Random) -> str | None:
    return _change(proof, _NUMBER, rng, lambda match: str(int(match[0]) + rng.choice((1, 2))))


def _exponent(proof: str, rng: random.Random) -> str | None:
    return _change(proof, _EXPONENT, rng, lambda match: f"^{{{int(match[1]) + 1}}}")


def _sign(proof: str, rng: random.Random) -> str | None:
    return _change(proof, _SIGN, rng, lambda match: " - " if match[1] == "+" else " + ")


def _change(text: str, pattern: re.Pattern[str], rng: random.Random, new: Callable[[re.Match[str]], str]) -> str | None:
    places = list(pattern.finditer(text))
    if not places:
        return None
    place = rng.choice(places)
    return text[: place.start()] + new(place) + text[place.end() :]


#: Name to change; each returns None where there is nothing that it could change.
FAULTS: dict[str, Callable[[str, random.Random], str | None]] = {
    "relation turned": _relation,
    "wrong constant": _number,
    "wrong exponent": _exponent,
    "wrong sign": _sign,
}


def corruptions(item: Item, seed: int) -> Iterator[Corrupted]:
    """The item with its proof made wrong in every way that applies, one change each, the same for the same seed."""
    for name, change in FAULTS.items():
        rng = random.Random(f"{seed}/{item.id}/{name}")
        proof = change(item.proof, rng)
        if proof is not None and proof != item.proof:
            yield Corrupted(item=dataclasses.replace(item, proof=proof, id=f"{item.id}/{name}"), fault=name)
