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


def encode(examples: Sequence[Example], tokenizer: Any, length: Length, what: str = "training") -> list[Encoded]:
    """The examples as tokens: prompt and completion are encoded apart, as they will be when the model continues the prompt.

    Raises:
      UserError: naming the longest ones, if some do not fit `length.max_length`, or if there are none.
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
    long = sorted((one for one in encoded if one.length > length.max_length), key=lambda one: -one.length)
    if long:
        alone = sum(len(one.prompt) >= length.max_length for one in long)
        raise UserError(
            f"{len(long)} of {len(encoded)} {what} examples are longer than length.max_length={length.max_length} tokens "
            f"({alone} of them by their prompt alone); the longest is {long[0].id} with {long[0].length}. "
            f"Set length.max_length to {long[0].length}, or leave long items out of the training set."
        )
    return encoded
