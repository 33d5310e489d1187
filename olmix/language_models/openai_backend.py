"""Generation through any endpoint that speaks OpenAI's protocol, with what a bill needs: an estimate first, and a cap.

Written against the protocol with a plain HTTP client: requests in parallel, each with a time limit, tried again with
growing pauses (or after the one that the endpoint asks for) on what may pass (no connection, 408, 429, 5xx, an answer
that is no JSON), and given up in one sentence.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import email.utils
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Resources, RunIdentity
from olmix.errors import UserError
from olmix.graph.resources import Needs
from olmix.language_models.backend import Backend, Engine
from olmix.language_models.cost import Meter, Price
from olmix.language_models.requests import Answer, Completion, Length, Request, Sampling, room, rooms

#: Tokens are counted on the safe side without the model's tokenizer: mathematics in LaTeX has 2.5 to 4 bytes a token.
BYTES_PER_TOKEN = 2.0

_MAY_PASS = {408, 409, 429, 500, 502, 503, 504}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenAI(Backend):
    """`base_url` ends in /v1. The key is read from the environment variable `key_variable` and is never part of a config.

    `price` None means that nobody bills for it; with a price, work stops before its estimated cost exceeds
    `cap_dollars`. Steps that work in shards give each its `cap_share`. `concurrency` counts the calls of one task.
    """

    package: ClassVar[str] = "httpx"
    counted: ClassVar[str] = "at most "

    base_url: Annotated[str, RunIdentity]
    key_variable: Annotated[str, RunIdentity] = "OPENAI_API_KEY"
    price: Annotated[Price | None, Resources] = None
    cap_dollars: Annotated[float | None, Resources] = None
    cap_share: Annotated[float, Resources] = 1.0
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
        if self.cap_dollars is not None and self.price is None:
            raise UserError("OpenAI.cap_dollars is set and OpenAI.price is not: without a price nothing can be capped.")
        if self.attempts < 1 or self.concurrency < 1 or self.timeout_seconds <= 0:
            raise UserError("OpenAI needs attempts >= 1, concurrency >= 1 and timeout_seconds > 0.")
        return (f"asks {self.base_url}" + (f", at most ${self.cap_dollars:g}" if self.cap_dollars is not None else ""),)

    def part(self, share: float) -> OpenAI:
        """See `Backend.part`."""
        return self if self.cap_dollars is None else dataclasses.replace(self, cap_share=self.cap_share * share)

    @property
    def priced(self) -> bool:
        """See `Backend.priced`."""
        return self.price is not None

    def bill(self, requests: Sequence[Request], sampling: Sampling, length: Length) -> float:
        """See `Backend.bill`; a prompt without room costs nothing, because it is not sent."""
        if self.price is None:
            return 0.0
        sizes = [(count, room(count, sampling, length)) for count in self.count_tokens("", requests)]
        return sum(self.price.of(count, new * sampling.samples) for count, new in sizes if new is not None)

    def count_tokens(self, name: str, requests: Sequence[Request]) -> list[int]:
        """See `Backend.count_tokens`: an upper estimate from the bytes."""
        return [math.ceil(len((one.system + one.prompt).encode()) / BYTES_PER_TOKEN) + 8 for one in requests]

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
        self.meter = Meter(settings.price, settings.cap_dollars, settings.cap_share)
        key = os.environ.get(settings.key_variable, "").strip()
        self._authorised = bool(key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=settings.concurrency)
        self.client = httpx.Client(headers=headers, timeout=settings.timeout_seconds, limits=limits)
        self._stopped = threading.Event()

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        """See `Engine.generate`. The bill of the whole batch is estimated before its first call."""
        # The estimate of the prompt is high, so the room is low: never more than the endpoint's context holds.
        counts = self.settings.count_tokens(self.model, requests)
        limits = rooms(requests, counts, sampling, self.length, self.settings.counted)
        self.meter.admit(sum(counts), sum(limits) * sampling.samples)
        self._stopped.clear()
        answers: dict[str, Answer] = {}
        failure: BaseException | None = None
        with concurrent.futures.ThreadPoolExecutor(self.settings.concurrency) as pool:
            futures = [pool.submit(self._ask, *pair, sampling) for pair in zip(requests, limits, strict=True)]
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
        (prompt,) = self.settings.count_tokens(self.model, [request])
        reply = self._post("chat/completions" if self.settings.chat else "completions", body, prompt)
        completions = tuple(_completion(choice) for choice in reply["choices"])
        return Answer(id=request.id, completions=completions, prompt_tokens=_usage(reply, "prompt_tokens", prompt))

    def _post(self, path: str, body: dict[str, Any], prompt: int) -> dict[str, Any]:
        """The reply to one call, whose prompt has at most `prompt` tokens.

        Raises:
          UserError: when the endpoint refuses, after the last attempt, or where another one could end above the cap.
        """
        import httpx

        url = f"{self.settings.base_url.rstrip('/')}/{path}"
        trouble, pause = "stopped", 0.0
        for attempt in range(self.settings.attempts):
            if pause and self._stopped.wait(pause):
                break
            if attempt:  # What could not be read was paid for all the same.
                self.meter.admit(prompt, body["max_tokens"] * body["n"])
            pause = self.settings.pause_seconds * 2**attempt
            try:
                status, headers, text = self._send(url, body)
            except httpx.TimeoutException:
                trouble = f"no answer within {self.settings.timeout_seconds:g} s"
                continue
            except httpx.ConnectError as error:
                trouble = f"no connection ({error})"
                continue
            except httpx.TransportError as error:
                trouble = f"the connection broke ({error or type(error).__name__})"
                continue
            if status in _MAY_PASS:
                trouble = f"HTTP {status}: {text[:200].strip()}"
                pause = max(pause, min(_retry_after(headers), self.settings.timeout_seconds))
                continue
            if status != 200:
                raise UserError(f"{url} refuses the call: HTTP {status}: {text[:300].strip()}{self._about_key(status)}")
            try:
                reply = json.loads(text)
                most = body["max_tokens"] * body["n"]
                self.meter.spend(_usage(reply, "prompt_tokens", prompt), _usage(reply, "completion_tokens", most))
                found = len(reply["choices"])
                if 0 < found < body["n"]:
                    raise UserError(
                        f"{url} gives {found} of the {body['n']} samples that were asked for: it ignores `n`. Use "
                        "sampling.samples=1 with it, or an endpoint that gives several."
                    )
                if found == body["n"]:
                    for choice in reply["choices"]:
                        _completion(choice)
                    return reply
                trouble = f"{found} choices where {body['n']} were asked for: {text[:200].strip()}"
            except (ValueError, KeyError, TypeError, AttributeError):
                trouble = f"an answer that is not what the protocol promises: {text[:200].strip()}"
        raise UserError(
            f"{url} failed {self.settings.attempts} times, the last time with: {trouble}. "
            "What was answered is kept; run the same command again once the endpoint works."
        )

    def _send(self, url: str, body: dict[str, Any]) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and text of one attempt, all of it within the time limit, however slowly it trickles in."""
        import httpx

        deadline = time.monotonic() + self.settings.timeout_seconds
        with self.client.stream("POST", url, json=body) as response:
            parts = []
            for part in response.iter_bytes():
                parts.append(part)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("too slow")
            return response.status_code, response.headers, b"".join(parts).decode(errors="replace")

    def _about_key(self, status: int) -> str:
        if status not in (401, 403):
            return ""
        state = "is set" if self._authorised else "is not set"
        return f" (the key is read from the environment variable {self.settings.key_variable}, which {state})"

    def close(self) -> None:
        """See `Engine.close`."""
        self.client.close()


def _usage(reply: Mapping[str, Any], what: str, most: int) -> int:
    """Tokens as the endpoint counted them; the most that they can be where it does not say."""
    usage = reply.get("usage")
    found = usage.get(what) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and found >= 0 else most


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the endpoint asks us to wait: the header is a number or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, then.timestamp() - time.time())


def _completion(choice: dict[str, Any]) -> Completion:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError("no text")
    return Completion(
        text=text,
        finished=choice.get("finish_reason") == "stop",
        tokens=math.ceil(len(text.encode()) / BYTES_PER_TOKEN),
    )
