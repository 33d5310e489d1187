"""The root of every experiment: a frozen dataclass whose fields are its steps, so that every value has a short path."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import RunIdentity
from olmix.errors import UserError, nearest
from olmix.graph.step import Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """Subclasses add one field per step, in the order in which a reader should meet them.

    `name` is how the store, the dashboard and Weights & Biases call the experiment; the launcher fills it in with the
    module's path below `experiments` when a preset leaves it empty.
    """

    #: Short names for `--set`: `ratios` for `swarm.ratios`, or for several paths. They are not fields: what they set is shown
    #: under its full path.
    shortcuts: ClassVar[Mapping[str, str | tuple[str, ...]]] = {}

    name: Annotated[str, RunIdentity] = ""

    def steps(self) -> dict[str, Step]:
        """The named steps, by field name, in order."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Step)}

    def step(self, name: str) -> Step:
        """The step of that name, or one that a step reads from and that has no name of its own: `swarm.probe`.

        Raises:
          UserError: naming the nearest steps if there is none of that name.
        """
        steps = self.steps()
        first, *rest = name.split(".")
        found: Any = steps.get(first)
        for part in rest:
            found = getattr(found, part, None)
        if not isinstance(found, Step):
            raise UserError(
                f"No step {name!r} in this experiment{nearest(name, steps)}; its steps: {', '.join(steps)}."
            )
        return found

    def summary(self, read: Callable[[Step], Any], folder: Callable[[Step], pathlib.Path]) -> Sequence[Any]:
        """What the launcher prints when all is done: strings and rich's renderables. `folder` is an artifact's place."""
        return ()
