"""One function over many arguments: in this process, or as Ray tasks of one CPU each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

A = TypeVar("A")
R = TypeVar("R")

Progress = Callable[[float, float, str], None]


def silent(done: float, total: float, note: str) -> None:
    """Shows no progress."""


def _apply(function: Callable[[A], R], argument: A) -> R:
    return function(argument)


def map_shards(
    function: Callable[[A], R],
    arguments: Sequence[A],
    *,
    ray: bool = False,
    progress: Progress = silent,
    note: str = "",
) -> list[R]:
    """The results in the order of the arguments. With `ray`, on the Ray instance that is running (started by the caller).

    The first failure ends it; Ray repeats a task whose worker was lost.
    """
    results: list[R] = []
    if not ray:
        for number, argument in enumerate(arguments):
            progress(number, len(arguments), note)
            results.append(function(argument))
    else:
        import ray as engine

        task: Any = engine.remote(num_cpus=1, max_retries=3)(_apply)
        waiting = [task.remote(function, argument) for argument in arguments]
        try:
            for number, reference in enumerate(waiting):
                progress(number, len(arguments), note)
                results.append(engine.get(reference))
        except engine.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        finally:
            for reference in waiting[len(results) :]:
                engine.cancel(reference)
    progress(len(arguments), len(arguments), note)
    return results
