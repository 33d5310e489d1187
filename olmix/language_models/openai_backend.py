"""Generation through any endpoint that speaks OpenAI's protocol, with what a bill needs: an estimate first, and a cap.

Written against the protocol with a plain HTTP client: requests in parallel, each with a time limit, tried again with
growing pauses on what may pass (no connection, 408, 429, 5xx, an answer that is no JSON), and given up in one sentence.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.backend import Backend, Engine
from olmix.language_models.cost import Meter, Price
from olmix.language_models.requests import Answer, Completion, Length, Request, Sampling, room

#: Tokens are counted on the safe side without the model's tokenizer: mathematics in LaTeX has 2.5 to 4 bytes a token.
BYTES_PER_TOKEN = 2.0

_MAY_PASS = {408, 409, 429, 500, 502, 503, 504}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenAI(Backend):
    """`base_url` ends in /v1. The key is read from the environment variable `key_variable` and is never part of a config.

    `price` None means that nobody bills for it; with a price, work stops before its estimated cost exceeds
    `cap_dollars`.
    """

    package: ClassVar[str] = "httpx"

    base_url: Annotated[str, RunIdentity]
    key_variable: Annotated[str, RunIdentity] = "OPENAI_API_KEY"
    price: Annotated[Price | None, Resources] = None
    cap_dollars: Annotated[float | None, Resources] = None
    concurrency: Annotated[int, Resources] = 16
    timeout_seconds: Annotated[float, Resources] = 120.0
    attempts: Annotated[int, Resources] = 5
    pause_seconds: Annotated[float, Resources] = 1.0

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """See `Backend.check`."""
        if not self.base_url.startswith(("http://", "https://")):
            raise UserError(f"OpenAI.base_url must begin with http:// or https://; it is {self.base_url!r}.")
        if self.price is not None and self.cap_dollars is None:
            raise UserError("OpenAI.price is set and OpenAI.cap_dollars is not: say how much this may cost at most.")
        return (f"asks {self.base_url}" + (f", at most ${self.cap_dollars:g}" if self.cap_dollars is not None else ""),)

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """See `Backend.load`."""
        return OpenAIEngine(self, name, length)


class OpenAIEngine(Engine):
    """One endpoint; calls from several threads."""

    def __init__(self, settings: OpenAI, name: str, length: Length) -> None:
        import httpx

        self.name = f"{name} at {settings.base_url}"
        self.settings = settings
        self.model = name
        self.length = length
        self.meter = Meter(settings.price, settings.cap_dollars)
        key = os.environ.get(settings.key_variable, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=settings.concurrency)
        self.client = httpx.Client(headers=headers, timeout=settings.timeout_seconds, limits=limits)
        self._stopped = threading.Event()

    def count(self, request: Request) -> int:
        """An upper estimate from the bytes."""
        return math.ceil(len((request.system + request.prompt).encode()) / BYTES_PER_TOKEN) + 8

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        """See `Engine.generate`. The bill of the whole batch is estimated before its first call."""
        # The estimate of the prompt is high, so the room is low: never more than the endpoint's context holds.
        counts = [self.count(request) for request in requests]
        rooms = [room(request, count, sampling, self.length) for request, count in zip(requests, counts, strict=True)]
        self.meter.admit(sum(counts), sum(rooms) * sampling.samples)
        self._stopped.clear()
        answers: dict[str, Answer] = {}
        failure: BaseException | None = None
        with concurrent.futures.ThreadPoolExecutor(self.settings.concurrency) as pool:
            futures = [pool.submit(self._ask, *pair, sampling) for pair in zip(requests, rooms, strict=True)]
            for future in concurrent.futures.as_completed(futures):
                if future.cancelled():
                    continue
                if (error := future.exception()) is None:
                    answers[future.result().id] = future.result()
                    keep(future.result())
                elif failure is None:
                    failure = error
                    self._stopped.set()  # The others need not try for minutes what has just failed for good.
                    for other in futures:
                        other.cancel()
        if failure is not None:
            raise failure
        return [answers[request.id] for request in requests]

    def _ask(self, request: Request, limit: int, sampling: Sampling) -> Answer:
        body: dict[str, Any] = {
            "model": self.model, "max_tokens": limit, "temperature": sampling.temperature, "top_p": sampling.top_p,
            "n": sampling.samples, "seed": sampling.seed_of(request),
        }  # fmt: skip
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if self.settings.chat:
            messages = [{"role": "system", "content": request.system}] if request.system else []
            body["messages"] = [*messages, {"role": "user", "content": request.prompt}]
        else:
            body["prompt"] = request.prompt
        reply = self._post("chat/completions" if self.settings.chat else "completions", body)
        usage = reply.get("usage") or {}
        completions = tuple(_completion(choice) for choice in reply["choices"])
        prompt_tokens = int(usage.get("prompt_tokens") or self.count(request))
        new_tokens = int(usage.get("completion_tokens") or sum(c.tokens for c in completions))
        self.meter.spend(prompt_tokens, new_tokens)
        return Answer(id=request.id, completions=completions, prompt_tokens=prompt_tokens)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to one call.

        Raises:
          UserError: when the endpoint refuses, or after the last attempt.
        """
        import httpx

        url = f"{self.settings.base_url.rstrip('/')}/{path}"
        trouble = "stopped"
        for attempt in range(self.settings.attempts):
            if attempt and self._stopped.wait(self.settings.pause_seconds * 2 ** (attempt - 1)):
                break
            try:
                response = self.client.post(url, json=body)
            except httpx.TimeoutException:
                trouble = f"no answer within {self.settings.timeout_seconds:g} s"
                continue
            except httpx.TransportError as error:
                trouble = f"no connection ({error})"
                continue
            if response.status_code in _MAY_PASS:
                trouble = f"HTTP {response.status_code}: {response.text[:200].strip()}"
                self._obey_retry_after(response.headers.get("retry-after"))
                continue
            if response.status_code != 200:
                raise UserError(f"{url} refuses the call: HTTP {response.status_code}: {response.text[:300].strip()}")
            try:
                reply = response.json()
                if isinstance(reply, dict) and len(reply.get("choices") or ()) == body["n"]:
                    for choice in reply["choices"]:
                        _completion(choice)
                    return reply
                trouble = f"an answer without {body['n']} choices: {response.text[:200].strip()}"
            except (ValueError, KeyError, TypeError):
                trouble = f"an answer that is not what the protocol promises: {response.text[:200].strip()}"
        raise UserError(
            f"{url} failed {self.settings.attempts} times, the last time with: {trouble}. "
            "What was answered is kept; run the same command again once the endpoint works."
        )

    def _obey_retry_after(self, seconds: str | None) -> None:
        if seconds and seconds.isdigit():
            self._stopped.wait(min(float(seconds), self.settings.timeout_seconds))

    def close(self) -> None:
        """See `Engine.close`."""
        self.client.close()


def _completion(choice: dict[str, Any]) -> Completion:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError("no text")
    return Completion(
        text=text,
        finished=choice.get("finish_reason") == "stop",
        tokens=math.ceil(len(text.encode()) / BYTES_PER_TOKEN),
    )
