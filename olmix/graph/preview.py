"""The dry run: what every step would do, without writing anything into the store.

Results that are there are read; cheap steps (a scan, the limits, a design) are computed in a temporary folder, so that
impossible limits show before anything is paid for; for the rest the forecast says what it waits for.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from olmix.errors import UserError
from olmix.graph import result
from olmix.graph.experiment import Experiment
from olmix.graph.plan import Node, Plan, make_pieces
from olmix.graph.resources import Needs
from olmix.graph.step import Context, FanOut, NotYet, Step
from olmix.graph.store import RESULT


class PreviewContext(Context):
    """Reads what is there, computes what is cheap, and says `NotYet` about the rest."""

    dry = True

    def __init__(self, plan: Plan, folder: pathlib.Path) -> None:
        self.plan = plan
        self.root = folder
        self.experiment = plan.experiment.name
        self.label = "preview"
        self.out = self.scratch = folder
        self._computed: dict[int, tuple[Any, pathlib.Path]] = {}

    def read(self, step: Step) -> Any:
        """See `Context.read`."""
        node = self.plan.node(step)
        if node.state == "done":
            return result.decode(step, (self.plan.store.artifact(node.artifact) / RESULT).read_bytes())
        return self._compute(node)[0]

    def folder(self, step: Step) -> pathlib.Path:
        """See `Context.folder`."""
        node = self.plan.node(step)
        return self.plan.store.artifact(node.artifact) if node.state == "done" else self._compute(node)[1]

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Nobody watches a preview."""

    def _compute(self, node: Node) -> tuple[Any, pathlib.Path]:
        if id(node.step) not in self._computed:
            if not node.step.cheap:
                raise NotYet(node.label)
            inner = PreviewContext(self.plan, self.root)
            inner.label, inner._computed = node.label, self._computed
            inner.out = inner.scratch = self.root / node.artifact
            inner.out.mkdir(exist_ok=True)
            value = node.step.run(inner)
            # Through JSON and back, as in a real run.
            self._computed[id(node.step)] = (result.decode(node.step, result.encode(node.step, value)), inner.out)
        return self._computed[id(node.step)]


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What the dry run says about one step: its pieces, and of those missing what each task needs and for how many processes.

    None: not known yet.
    """

    node: Node
    pieces: int | None
    missing: int | None
    tasks: tuple[tuple[Needs, int], ...] | None
    lines: tuple[str, ...]


def forecasts(plan: Plan) -> Iterator[Forecast]:
    """One forecast per step, in the order in which they run.

    Raises:
      UserError: for a mistake that a cheap step notices, or that shows before a step's turn, after what is known of it.
    """
    with tempfile.TemporaryDirectory(prefix="olmix-preview-") as folder:
        context = PreviewContext(plan, pathlib.Path(folder))
        for node in plan.nodes:
            pieces = missing = tasks = None
            lines: tuple[str, ...] = ()
            try:
                if isinstance(node.step, FanOut) and node.state != "done":
                    found = make_pieces(plan, node, node.step.pieces(context))
                    left = {name: piece.step for name, piece in found.items() if piece.state != "done"}
                    pieces, missing = len(found), len(left)
                    firsts = [left[names[0]] for names in node.step.together(left)]
                    tasks = tuple((first.needs or Needs(), first.gang()) for first in firsts)
                if node.state != "done" and node.step.cheap:
                    context.read(node.step)
                with contextlib.suppress(NotYet):
                    if node.state != "done":
                        node.step.check(context)
                lines = node.step.forecast(context)
            except NotYet as waits:
                lines = (*node.step.declared(), f"more is known once {waits} is done")
            except UserError as error:
                yield Forecast(node, pieces, missing, tasks, node.step.declared())
                raise UserError(f"{node.label}: {error}") from error
            yield Forecast(node, pieces, missing, tasks, lines)


def render(plan: Plan) -> str:
    """The dry run as text."""
    return "\n".join(blocks(plan))


def declared(experiment: Experiment) -> Iterator[str]:
    """What follows from the settings of an experiment alone, step by step: for when its data cannot be seen."""
    for name, step in experiment.steps().items():
        lines = step.declared()
        if lines:
            yield "\n".join([f"{name}:", *(f"    {line}" for line in lines)])


def blocks(plan: Plan) -> Iterator[str]:
    """The dry run as text, step by step: what is known before a mistake is shown before it is raised."""
    for forecast in forecasts(plan):
        node = forecast.node
        state = node.state + (f" ({node.reason})" if node.reason else "")
        if forecast.pieces:
            state += f"; {forecast.missing} of {forecast.pieces} pieces to run"
        text = [f"{node.label}: {state}"]
        text.append(f"    {plan.store.artifact(node.artifact)}  [{_where(forecast)}]")
        text.extend(f"    {line}" for line in forecast.lines)
        yield "\n".join(text)


def _where(forecast: Forecast) -> str:
    """`in the launcher`; `task with 1 CPU`; `2 tasks with 8 CPUs, 1 A100 each, gathered in the launcher`."""
    needs = forecast.node.step.needs
    gang = forecast.node.step.gang()
    own = "in the launcher" if needs is None else f"task with {needs.text()}" + _split(gang)
    if not isinstance(forecast.node.step, FanOut):
        return own
    if forecast.tasks is None:
        return own if forecast.node.state == "done" else f"tasks of their own for its pieces, gathered {own}"
    kinds = collections.Counter(forecast.tasks)
    tasks = [
        f"{count} task{'s' if count > 1 else ''} with {kind.text()}{' each' if count > 1 else ''}{_split(gang)}"
        for (kind, gang), count in kinds.items()
    ]
    return f"{', '.join(tasks)}, gathered {own}" if tasks else f"gathered {own}"


def _split(gang: int) -> str:
    return f" over {gang} processes" if gang > 1 else ""
