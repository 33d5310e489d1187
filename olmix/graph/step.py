"""Steps: the nodes of an experiment's graph.

A step is a frozen, keyword-only dataclass. Its fields are its settings and the steps that it reads from; its `run` does
the work and returns a plain result. Whether it has to run at all, where its result lies, and what happens when the
machine dies are the executor's business.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Protocol, Self, TypeVar

from olmix.config.tags import Resources
from olmix.graph.resources import Needs

R = TypeVar("R")


class NotYet(Exception):
    """A forecast asked for a result that is not there and is not cheap to compute; the message names the step."""


class WorkerLost(Exception):
    """A process of a step is gone or about to be (killed, pre-empted, its node lost): the step is started again, elsewhere."""


class Context(Protocol):
    """What a running step may use of the world outside its own fields."""

    #: Whether this is a dry run: nothing is paid for, and nobody reads the results.
    dry: bool = False

    #: Files written here become part of the artifact when `run` returns, and vanish when it raises.
    out: pathlib.Path
    #: Kept between attempts of the same step (for checkpoints), removed once the artifact is whole.
    scratch: pathlib.Path
    #: For names in logs and dashboards only, such as `quickstart` and `swarm/variant-007`: never part of a result.
    experiment: str
    label: str

    def read(self, step: Step) -> Any:
        """The result that an upstream step (or a piece) returned, decoded into the type that its `run` declares."""
        ...

    def folder(self, step: Step) -> pathlib.Path:
        """The folder of an upstream artifact, for the files that it wrote into `out`. Read-only."""
        ...

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Says how far the work is. Cheap: call it as often as you like."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """The base of all steps.

    A subclass sets `version` and raises it whenever the same settings would now give another result. `run` must return
    something plain, declared in its return annotation: a frozen dataclass (or dict) of numbers, strings, booleans,
    None, lists, tuples, string-keyed dicts and more of these; bigger things it writes as files into `context.out`.
    JSON has no NaN: use None.
    """

    version: ClassVar[int] = 1

    #: Done in well under a second from its upstream results: a dry run may compute it, in a temporary folder.
    cheap: ClassVar[bool] = False

    #: What happened if `observe` finds something else than it did before, in words.
    observed_as: ClassVar[str] = "the data it reads changed under the same name"

    #: None runs the step inside the launcher's own process (cheap steps); otherwise it is a Ray task with these needs.
    needs: Annotated[Needs | None, Resources] = None

    def gang(self) -> int:
        """How many processes its work is split over, which must run at once.

        From 2 on these hold what `needs` asks for, in equal shares and maybe on several nodes (see `gangs.py`), and the
        step's own task, which starts them, holds nothing.
        """
        return 1

    def patience(self, together: int = 1) -> float | None:
        """Minutes without progress after which its task, or one of `together` like it, hangs for certain: it is ended and
        started again. Only asked where `needs.patience_minutes` is None; None waits for ever."""
        return None

    def observe(self) -> str | None:
        """A digest of data outside the store that the result depends on, as found now; None if there are none."""
        return None

    def declared(self) -> tuple[str, ...]:
        """Lines for the dry run that follow from the settings alone, for when a forecast needs results that are not there."""
        return ()

    def forecast(self, context: Context) -> tuple[str, ...]:
        """Lines for the dry run: what this step will use and cost. `context.read` raises `NotYet` where nothing is known."""
        return ()

    def check(self, context: Context) -> None:
        """Raises UserError for a mistake in these settings that shows before the step's turn; it must cost nothing.

        Asked in a dry run and before tasks of other steps are paid for. `context.read` raises `NotYet` where nothing is known.
        """

    def run(self, context: Context) -> Any:
        """Does the work and returns a plain result. Reads only its own fields, `context` and upstream artifacts."""
        raise TypeError(f"{type(self).__name__} does not define run().")

    @classmethod
    def run_together(cls, steps: Sequence[Self], contexts: Sequence[Context], scratch: pathlib.Path) -> list[Any]:
        """The work of several steps in one task: to each what its own `run` would have returned, in the same order.

        Each has a context of its own, whose `out` becomes its artifact; `scratch` is kept between attempts of the same
        steps, and so are the contexts' own. Progress may be told to any of them.
        """
        raise TypeError(f"{cls.__name__} does not define run_together().")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FanOut(Step):
    """A step whose work is many independent pieces, each an artifact of its own.

    `pieces` names them (once everything upstream is done); each is a Step with `needs`, run as one Ray task. `run` then
    gathers: `context.read(piece)`.
    """

    def pieces(self, context: Context) -> Mapping[str, Step]:
        """The pieces by name; the same name with other settings is another artifact."""
        raise TypeError(f"{type(self).__name__} does not define pieces().")

    def together(self, missing: Mapping[str, Step]) -> Sequence[tuple[str, ...]]:
        """Which of the missing pieces, by name, share a task: as many tuples as tasks, all pieces of one with like needs.

        How work is shared changes no result: what is finished is found by each piece's own fingerprint.
        """
        return [(name,) for name in missing]

    def planned_hours(self, context: Context) -> float | None:
        """Device-hours that all pieces will take by the plan: of accelerators, or of cores where none is asked for.

        None where nobody can say.
        """
        return None
