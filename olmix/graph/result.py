"""How a step's result becomes a file and comes back: JSON, checked against the type that `run` declares.

A result that does not survive the round trip (a NaN, an array, a value of another type than declared) is refused when it
is written, on the machine that made it, and not three steps later.
"""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from olmix.graph.step import Step


def result_type(step: Step) -> Any:
    """The return annotation of the step's `run`."""
    hints = typing.get_type_hints(type(step).run)
    if "return" not in hints:
        raise TypeError(f"{type(step).__qualname__}.run must declare what it returns.")
    return hints["return"]


def encode(step: Step, result: Any) -> bytes:
    """`result` as indented JSON.

    Raises:
      TypeError: if it cannot be written, or would not come back as the declared type.
    """
    try:
        encoded = msgspec.json.encode(result, order="deterministic")
        msgspec.json.decode(encoded, type=result_type(step))
    except (msgspec.ValidationError, TypeError) as error:
        raise TypeError(
            f"{type(step).__qualname__}.run returned what its annotation does not allow: {error} (JSON has no NaN; use None)."
        ) from error
    return msgspec.json.format(encoded, indent=1) + b"\n"


def decode(step: Step, data: bytes) -> Any:
    """What `encode` wrote, as the declared type."""
    return msgspec.json.decode(data, type=result_type(step))
