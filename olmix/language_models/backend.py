"""The one interface of all generation backends: a `Backend` is declared in a config, an `Engine` is the loaded model.

Three backends, one file each: `vllm_backend` (A100 and newer, or vLLM's build for CPUs), `transformers_backend`
(anything that torch runs on, V100 in fp16 included; slower), `openai_backend` (any compatible endpoint). `Preferred`
takes the first that is installed and says which. Local backends tokenise and decode alike, in `LocalEngine`, so that
what differs between them is arithmetic only.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.graph.step import Context
from olmix.language_models.requests import Answer, Completion, Length, Request, Sampling, room
from olmix.language_models.source import Model, locate


class Engine(abc.ABC):
    """A loaded model (or a reachable endpoint). `name` says what runs, with its version: it belongs in results."""

    name: str

    @abc.abstractmethod
    def count(self, request: Request) -> int:
        """How many tokens the request's prompt has; an upper estimate where the tokenizer is out of reach."""

    @abc.abstractmethod
    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        """One answer per request, in the same order; `keep` is called with each as soon as it is there.

        Raises:
          UserError: if a prompt leaves no room within the length, or an endpoint fails for good.
        """

    def close(self) -> None:  # noqa: B027  (an endpoint has nothing to free)
        """Frees the memory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backend:
    """Which model answers, through what. Subclasses add their settings.

    `chat` wraps a prompt in the model's chat template; False continues the bare text (base models, tuned small ones).
    """

    package: ClassVar[str] = ""

    model: Model
    chat: bool = True
    batch: Annotated[int, Resources] = 256

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """Lines about what it will use of that hardware.

        Raises:
          UserError: if it cannot work there.
        """
        return ()

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """The engine for the model `name` (a folder or a hub's name)."""
        raise TypeError(f"{type(self).__name__} does not define load().")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preferred(Backend):
    """The first of `backends` whose package is installed; `model`, `chat` and `batch` are this one's, not theirs.

    Only for backends that give the same text: which one it was is in the result, but not in the fingerprint.
    """

    backends: Annotated[tuple[Backend, ...], Resources]

    def choice(self) -> Backend:
        """The backend that will be used here, for this model.

        Raises:
          UserError: if none is installed.
        """
        for backend in self.backends:
            if importlib.util.find_spec(backend.package) is not None:
                return dataclasses.replace(backend, model=self.model, chat=self.chat, batch=self.batch)
        raise UserError(f"None of {', '.join(backend.package for backend in self.backends)} is installed.")

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """See `Backend.check`."""
        choice = self.choice()
        return (f"{choice.package} is installed and will be used", *choice.check(needs, length))

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """See `Backend.load`."""
        return self.choice().load(name, needs, length)


@contextlib.contextmanager
def opened(backend: Backend, context: Context, needs: Needs | None, length: Length) -> Iterator[Engine]:
    """The backend's engine, closed at the end."""
    backend.check(needs, length)
    engine = backend.load(locate(backend.model, context), needs, length)
    try:
        yield engine
    finally:
        engine.close()


class LocalEngine(Engine):
    """What engines on this machine share: the tokenizer. Subclasses continue token ids."""

    def __init__(self, name: str, tokenizer: Any, chat: bool, length: Length) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.chat = chat
        self.length = length
        if chat and not getattr(tokenizer, "chat_template", None):
            raise UserError(f"{name}: the tokenizer has no chat template; set chat=False to continue the bare prompt.")

    def encode(self, request: Request) -> list[int]:
        """The prompt's tokens, as the model will see them."""
        if self.chat:
            messages = [{"role": "system", "content": request.system}] if request.system else []
            messages.append({"role": "user", "content": request.prompt})
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            return self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if request.system:
            raise UserError(f"The prompt of {request.id} has a system part, which needs chat=True.")
        return self.tokenizer(request.prompt)["input_ids"]

    def count(self, request: Request) -> int:
        """See `Engine.count`."""
        return len(self.encode(request))

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        """See `Engine.generate`."""
        prompts = [self.encode(request) for request in requests]
        rooms = [room(request, len(ids), sampling, self.length) for request, ids in zip(requests, prompts, strict=True)]
        continued = self.continue_tokens(requests, prompts, rooms, sampling)
        answers = [
            Answer(
                id=request.id,
                prompt_tokens=len(prompt),
                completions=tuple(self.completion(ids, limit, sampling) for ids in samples),
            )
            for request, prompt, limit, samples in zip(requests, prompts, rooms, continued, strict=True)
        ]
        for answer in answers:
            keep(answer)
        return answers

    @abc.abstractmethod
    def continue_tokens(
        self, requests: Sequence[Request], prompts: list[list[int]], rooms: list[int], sampling: Sampling
    ) -> list[list[list[int]]]:
        """For each prompt `sampling.samples` lists of new tokens, with the end-of-text token where it ended by itself."""

    def completion(self, ids: list[int], limit: int, sampling: Sampling) -> Completion:
        """New tokens as text: up to the end of text, the limit, or the first stop string."""
        ends = self.end_tokens()
        length = next((index for index, token in enumerate(ids) if token in ends), None)
        finished = length is not None and length < limit
        kept = ids[: limit if length is None else min(length, limit)]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        cuts = [text.find(stop) for stop in sampling.stop if stop in text]
        if cuts:
            text, finished = text[: min(cuts)], True
        return Completion(text=text, finished=finished, tokens=len(kept))

    def end_tokens(self) -> frozenset[int]:
        """Tokens that end a text."""
        return frozenset({self.tokenizer.eos_token_id} - {None})
