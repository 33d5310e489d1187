"""The one interface of all generation backends: a `Backend` is declared in a config, an `Engine` is the loaded model.

Three backends, one file each: `vllm_backend` (A100 and newer, or vLLM's build for CPUs), `transformers_backend`
(anything that torch runs on, V100 in fp16 included; slower), `openai_backend` (any compatible endpoint). `Preferred`
takes the first that is installed and says which. Local backends tokenise and decode alike, in `LocalEngine`, so that
what differs between them is arithmetic only.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.cost import FREE, Meter
from olmix.language_models.loading import load_tokenizer
from olmix.language_models.requests import Answer, Completion, Length, Request, Sampling, rooms
from olmix.language_models.source import Model


class Engine(abc.ABC):
    """A loaded model (or a reachable endpoint). `name` says what runs, with its version: it belongs in results.

    `meter` is its bill.
    """

    name: str
    meter: Meter

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

    #: How far `count_tokens` is known, as it stands before a number in a sentence.
    counted: ClassVar[str] = ""

    model: Model
    chat: bool = True

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """Lines about what it will use of that hardware.

        Raises:
          UserError: if it cannot work there.
        """
        return ()

    def part(self, share: float) -> Backend:
        """The same for one of several tasks that do `share` of the work; what it may spend is divided."""
        return self

    @property
    def priced(self) -> bool:
        """Whether anybody bills for it."""
        return False

    def bill(self, requests: Sequence[Request], sampling: Sampling, length: Length) -> float:
        """The most that asking could cost, in dollars, as known without the model's tokenizer."""
        return 0.0

    def count_tokens(self, name: str, requests: Sequence[Request]) -> list[int]:
        """How many tokens each prompt has for the model `name`, which is not loaded for it."""
        raise TypeError(f"{type(self).__name__} does not define count_tokens().")

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """The engine for the model `name` (a folder or a hub's name)."""
        raise TypeError(f"{type(self).__name__} does not define load().")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalBackend(Backend):
    """A model on this machine, with its tokenizer."""

    def count_tokens(self, name: str, requests: Sequence[Request]) -> list[int]:
        """See `Backend.count_tokens`."""
        prompts = Prompts.of(name, self.chat)
        return [len(prompts.encode(request)) for request in requests]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preferred(Backend):
    """The first of `backends` whose package is installed; `model` and `chat` are this one's, not theirs.

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
                return dataclasses.replace(backend, model=self.model, chat=self.chat)
        raise UserError(f"None of {', '.join(backend.package for backend in self.backends)} is installed.")

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """See `Backend.check`."""
        choice = self.choice()
        return (f"{choice.package} is installed and will be used", *choice.check(needs, length))

    def count_tokens(self, name: str, requests: Sequence[Request]) -> list[int]:
        """See `Backend.count_tokens`."""
        return self.choice().count_tokens(name, requests)

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """See `Backend.load`."""
        return self.choice().load(name, needs, length)


@dataclasses.dataclass(frozen=True)
class Prompts:
    """Prompts as a local model's tokens, in its chat template where `chat`."""

    tokenizer: Any
    chat: bool

    @classmethod
    def of(cls, name: str, chat: bool) -> Prompts:
        """Those of the model in a folder or on a hub.

        Raises:
          UserError: if `chat`, and the model has no chat template.
        """
        tokenizer = load_tokenizer(name)
        if chat and not getattr(tokenizer, "chat_template", None):
            raise UserError(
                f"The tokenizer of {name} has no chat template; set chat=False to continue the bare prompt."
            )
        return cls(tokenizer, chat)

    def encode(self, request: Request) -> list[int]:
        """The prompt's tokens, as the model will see them."""
        if self.chat:
            return self.tokenizer(self._chat(request), add_special_tokens=False)["input_ids"]
        if request.system:
            raise UserError(f"The prompt of {request.id} has a system part, which needs chat=True.")
        return self.tokenizer(request.prompt)["input_ids"]

    def _chat(self, request: Request) -> str:
        """The prompt in the template; where that knows no system role (Gemma, early Mistral), that part opens the prompt."""
        import jinja2

        def fill(*messages: tuple[str, str]) -> str:
            turns = [{"role": role, "content": content} for role, content in messages if content]
            return self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)

        try:
            return fill(("system", request.system), ("user", request.prompt))
        except jinja2.TemplateError:
            if not request.system:
                raise
            return fill(("user", f"{request.system}\n\n{request.prompt}"))


class LocalEngine(Engine):
    """What engines on this machine share: the tokenizer. Subclasses continue token ids, `chunk` texts at a time."""

    chunk: int | None = None

    def __init__(self, name: str, prompts: Prompts, length: Length) -> None:
        self.name = name
        self.prompts = prompts
        self.tokenizer = prompts.tokenizer
        self.length = length
        self.meter = FREE

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        """See `Engine.generate`."""
        prompts = [self.prompts.encode(request) for request in requests]
        limits = rooms(requests, [len(ids) for ids in prompts], sampling, self.length)
        answers: list[Answer] = []
        step = self.chunk or max(1, len(requests))
        for start in range(0, len(requests), step):
            part = slice(start, start + step)
            continued = self.continue_tokens(requests[part], prompts[part], limits[part], sampling)
            for request, prompt, limit, samples in zip(
                requests[part], prompts[part], limits[part], continued, strict=True
            ):
                completions = tuple(self.completion(ids, limit, sampling) for ids in samples)
                answers.append(Answer(id=request.id, prompt_tokens=len(prompt), completions=completions))
                keep(answers[-1])
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
