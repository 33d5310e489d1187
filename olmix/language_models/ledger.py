"""Answers that outlive the process: a file of JSON lines, one per finished request, that the next attempt reads first.

So a shard that is killed loses the requests of one batch, and a judge that is asked the same thing again costs
nothing. Any number of processes may append to one ledger; a line that a crash cut short is passed over.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from olmix.language_models.backend import Engine
from olmix.language_models.requests import Answer, Length, Request, Sampling


def key_of(model: str, request: Request, sampling: Sampling, length: Length) -> str:
    """What makes two calls the same call: the model, the words, the sampling and, if there is chance in it, the seed.

    `model` is `source.identity`. A greedy answer is the same under any id; the seed of a sampled one depends on the id.
    Where `sampling` sets no limit to the new tokens, `length` does.
    """
    chance = sampling.seed_of(request) if sampling.temperature else 0
    how = dataclasses.asdict(dataclasses.replace(sampling, seed=0))
    limit = None if sampling.max_new_tokens else length.max_length
    parts = (model, request.system, request.prompt, how, limit, chance)
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


class _Line(msgspec.Struct, frozen=True):
    key: str
    answer: Answer


class Ledger:
    """A file of answers by key. Reads the whole file when it is opened."""

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._known: dict[str, Answer] = {}
        if path.is_file():
            for line in path.read_bytes().splitlines():
                try:
                    entry = msgspec.json.decode(line, type=_Line)
                except msgspec.MsgspecError:
                    continue
                self._known[entry.key] = entry.answer
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def get(self, key: str) -> Answer | None:
        """The answer to that call, if it was ever finished."""
        return self._known.get(key)

    def add(self, key: str, answer: Answer) -> None:
        """Keeps an answer; on the disk when this returns. The line begins with a newline, in case the last one was cut."""
        self._known[key] = answer
        line = b"\n" + msgspec.json.encode(_Line(key, answer)) + b"\n"
        os.write(self._file, line)
        os.fdatasync(self._file)

    def add_named(self, keys: Mapping[str, str], answer: Answer) -> None:
        """Keeps an answer under the key that `keys` has for its request's id."""
        self.add(keys[answer.id], answer)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def unknown(ledger: pathlib.Path, keys: Sequence[str]) -> set[str]:
    """Those of the keys that the ledger has no answer to."""
    book = Ledger(ledger)
    try:
        return {key for key in keys if book.get(key) is None}
    finally:
        book.close()


def generate_kept(
    engine: Engine,
    keys: Sequence[str],
    requests: Sequence[Request],
    sampling: Sampling,
    ledger: pathlib.Path,
    batch: int,
    progress: Callable[[float, float, str], None],
) -> tuple[list[Answer], int]:
    """One answer per request, and how many of them were known before; new ones are kept as soon as they are there.

    `keys` are those of `key_of`, one a request. Requests go to the engine `batch` at a time, always cut at the same
    places, so that what shares a batch does not depend on where an earlier attempt ended.
    """
    book = Ledger(ledger)
    try:
        known = sum(book.get(key) is not None for key in keys)
        note = f"{engine.name}" + (f", {known} known before" if known else "")
        for start in range(0, len(requests), batch):
            progress(start, len(requests), note)
            pairs = dict(zip(keys[start : start + batch], requests[start : start + batch], strict=True))
            missing = {key: request for key, request in pairs.items() if book.get(key) is None}
            if not missing:
                continue
            by_id = {request.id: key for key, request in missing.items()}
            engine.generate(list(missing.values()), sampling, keep=functools.partial(book.add_named, by_id))
        answers = []
        for key, request in zip(keys, requests, strict=True):
            answer = book.get(key)
            assert answer is not None
            answers.append(dataclasses.replace(answer, id=request.id))
        progress(len(requests), len(requests), note)
        return answers, known
    finally:
        book.close()
