"""Asking a model many things: the one road from requests to kept answers that all steps take.

In this order: does it fit the hardware, is there room for every prompt, what will the bill be; only then is the model
loaded and asked. So what cannot work is said before any GPU time or money is spent, and what was answered is kept.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from olmix.graph.resources import Needs
from olmix.graph.step import Context
from olmix.language_models.backend import Backend
from olmix.language_models.ledger import generate_kept, key_of, unknown
from olmix.language_models.requests import Answer, Length, Request, Sampling, room, rooms
from olmix.language_models.source import identity, locate

#: Where a step keeps its answers, in its scratch folder.
ANSWERS = "answers.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """One answer per request, in order. `engine` says what ran; `known` answers were there before.

    `estimate` is what the new ones could have cost at most and `dollars` what they did.
    """

    answers: tuple[Answer, ...]
    engine: str
    known: int
    estimate: float
    dollars: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asker:
    """A backend with what it needs for a step's work. `batch` requests go to it at a time."""

    backend: Backend
    length: Length
    sampling: Sampling
    batch: int
    needs: Needs | None

    def too_long(self, requests: Sequence[Request], context: Context) -> dict[str, int]:
        """Requests whose prompt leaves no room, by id, with the tokens of their prompts."""
        counts = self._count(requests, locate(self.backend.model, context))
        return {
            request.id: count
            for request, count in zip(requests, counts, strict=True)
            if room(count, self.sampling, self.length) is None
        }

    def ask(self, requests: Sequence[Request], context: Context, ledger: pathlib.Path | None = None) -> Asked:
        """The answers; kept in `ledger`, by default one in the step's scratch folder.

        Raises:
          UserError: if the model does not fit, a prompt is too long, it would cost more than its cap, or an endpoint fails.
        """
        self.backend.check(self.needs, self.length)
        name = locate(self.backend.model, context)
        counts = self._count(requests, name)
        left = rooms(requests, counts, self.sampling, self.length, self.backend.counted)
        model, book = identity(name), ledger or context.scratch / ANSWERS
        keys = [key_of(model, request, self.sampling, self.length) for request in requests]
        new = unknown(book, keys)
        engine = self.backend.load(name, self.needs, self.length)
        try:
            # The whole bill, before the first call; what an engine asks at a time is held against the cap as well.
            sizes = {key: size for key, *size in zip(keys, counts, left, strict=True) if key in new}
            tokens_in, tokens_out = (sum(size[side] for size in sizes.values()) for side in (0, 1))
            estimate = engine.meter.admit(tokens_in, tokens_out * self.sampling.samples)
            if estimate:
                context.progress(0, len(requests), f"{len(new)} calls, at most ${estimate:.2f}")
            answers, known = generate_kept(engine, keys, requests, self.sampling, book, self.batch, context.progress)
            return Asked(
                answers=tuple(answers), engine=engine.name, known=known, estimate=estimate, dollars=engine.meter.spent
            )
        finally:
            engine.close()

    def _count(self, requests: Sequence[Request], name: str) -> list[int]:
        return self.backend.count_tokens(name, requests) if requests else []
