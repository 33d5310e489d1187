"""What is asked of a language model and what it answers: the words that all backends share.

A `Request` is one prompt; a `Sampling` says how to continue it, the same for a whole batch; a `Completion` is one
continuation. Seeds are per request and sample, so that a shard that is done again, alone or in other company, says
the same (as far as the engine's arithmetic does not depend on its batch).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from olmix.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Length:
    """The single length knob of a fine-tuning preset: prompt and completion together, in tokens.

    The positions of a new model, the truncation of training (there is none: what is longer is an error), the context
    of vLLM and the room for new tokens all follow from it.
    """

    max_length: int

    def __post_init__(self) -> None:
        if self.max_length < 16:
            raise UserError(f"length.max_length counts tokens and must be at least 16; it is {self.max_length}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to continue a prompt. `temperature` 0 is greedy. `max_new_tokens` None is all the room that the prompt leaves.

    `samples` continuations per request; `stop` ends one before any of these strings, which are left out.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    samples: int = 1
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise UserError(
                f"Sampling needs temperature >= 0 and 0 < top_p <= 1; it has {self.temperature:g} and {self.top_p:g}."
            )
        if self.samples < 1:
            raise UserError(f"Sampling needs samples >= 1; it has {self.samples}.")
        if self.samples > 1 and self.temperature == 0:
            raise UserError(
                f"{self.samples} samples at temperature 0 would be {self.samples} times the same text; "
                "set a temperature above 0, or samples=1."
            )

    def seed_of(self, request: Request) -> int:
        """A seed that depends on this request alone, not on its place in a batch."""
        digest = hashlib.sha256(f"{self.seed}\0{request.id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt. `id` is unique within a batch. `system` is only for models that chat."""

    id: str
    prompt: str
    system: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completion:
    """One continuation. `finished` is False where it was cut off for want of room."""

    text: str
    finished: bool
    tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """All continuations of one request, and how many tokens its prompt had."""

    id: str
    completions: tuple[Completion, ...]
    prompt_tokens: int

    @property
    def text(self) -> str:
        """The first continuation."""
        return self.completions[0].text


def room(prompt_tokens: int, sampling: Sampling, length: Length) -> int | None:
    """How many tokens the model may add to a prompt of so many; None if that is less than was asked for, or nothing."""
    left = length.max_length - prompt_tokens
    wanted = sampling.max_new_tokens or left
    return wanted if 1 <= wanted <= left else None


def rooms(
    requests: Sequence[Request], counts: Sequence[int], sampling: Sampling, length: Length, counted: str = ""
) -> list[int]:
    """The room of each request, whose prompts have `counts` tokens; `counted` says how far that is known ("at most ").

    Raises:
      UserError: naming the longest prompt that leaves no room.
    """
    found = [room(count, sampling, length) for count in counts]
    long = sorted(
        (-count, request.id) for request, count, one in zip(requests, counts, found, strict=True) if one is None
    )
    if long:
        count, id = -long[0][0], long[0][1]
        wanted = sampling.max_new_tokens
        needs = f"and {wanted} new tokens " if wanted else ""
        others = f" ({len(long)} of {len(requests):,} prompts leave no room)" if len(long) > 1 else ""
        raise UserError(
            f"The prompt of {id} has {counted}{count} tokens {needs}and length.max_length is {length.max_length}{others}: "
            f"raise length.max_length to at least {count + (wanted or 1)}, or shorten the prompt (fewer examples)."
        )
    return [one for one in found if one is not None]
