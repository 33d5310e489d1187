"""Prompts and completions as tokens for tuning, with the one rule about length: nothing is cut, what does not fit is an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from olmix.errors import UserError
from olmix.language_models.requests import Length


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """One prompt with the completion to learn. `id` names it in errors."""

    id: str
    prompt: str
    completion: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """An example as tokens; `completion` ends with the end-of-text token."""

    id: str
    prompt: list[int]
    completion: list[int]

    @property
    def length(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.completion)


def encode(
    examples: Sequence[Example], tokenizer: Any, length: Length, what: str = "training", leave_out: float = 0.0
) -> tuple[list[Encoded], int]:
    """The examples as tokens, and how many were left out because they are too long: at most the share `leave_out`.

    Prompt and completion are encoded apart, as they will be when the model continues the prompt.

    Raises:
      UserError: naming the longest ones, if more do not fit `length.max_length`, or if nothing is there or left.
    """
    if not examples:
        raise UserError(f"There are no {what} examples: nothing to tune on.")
    end = [tokenizer.eos_token_id]
    prompts = tokenizer([example.prompt for example in examples])["input_ids"]
    completions = tokenizer([example.completion for example in examples], add_special_tokens=False)["input_ids"]
    encoded = [
        Encoded(id=example.id, prompt=prompt, completion=completion + end)
        for example, prompt, completion in zip(examples, prompts, completions, strict=True)
    ]
    fitting = [one for one in encoded if one.length <= length.max_length]
    left_out = len(encoded) - len(fitting)
    if left_out > leave_out * len(encoded) or not fitting:
        long = max(encoded, key=lambda one: one.length)
        alone = sum(len(one.prompt) >= length.max_length for one in encoded)
        raise UserError(
            f"{left_out} of {len(encoded)} {what} examples are longer than length.max_length={length.max_length} tokens "
            f"({alone} of them by their prompt alone); the longest is {long.id} with {long.length}. Set length.max_length "
            f"to {long.length}, or let train.leave_out={left_out / len(encoded):.3f} of them be left out and counted "
            f"(it is {leave_out:g})."
        )
    return fitting, left_out
