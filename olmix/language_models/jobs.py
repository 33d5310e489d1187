"""One tuning with everything that it works on: what a step hands to `trainers.tune`. Imports no torch."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from olmix.graph.resources import Needs
from olmix.language_models.examples import Encoded, Example
from olmix.language_models.requests import Length
from olmix.language_models.tuning import Tuning

#: The reward of completions: for each the number of its example among `Job.train`, and its text; one number each.
Reward = Callable[[Sequence[int], Sequence[str]], list[float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """`model` and GKD's `teacher` are folders or a hub's names; GRPO is paid by `reward`.

    The result goes to `out`; `scratch` outlives a crash. `name` is for dashboards. At most the share `leave_out` of the
    examples may be too long for `length`. With `keep_failure`, a loss that is not a number is a result, not an error.
    """

    settings: Tuning
    model: str
    train: Sequence[Example]
    validation: Sequence[Example]
    length: Length
    needs: Needs | None
    out: pathlib.Path
    scratch: pathlib.Path
    name: str
    progress: Callable[[float, float, str], None]
    teacher: str | None = None
    reward: Reward | None = None
    leave_out: float = 0.0
    keep_failure: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The examples as tokens, and how many of them were too long."""

    train: list[Encoded]
    validation: list[Encoded]
    left_out: int

    @property
    def longest_prompt(self) -> int:
        """In tokens."""
        return max(len(one.prompt) for one in self.train)
