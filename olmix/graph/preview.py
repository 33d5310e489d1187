"""The dry run: what every step would do, without writing anything into the store.

Results that are there are read; cheap steps (a scan, the limits, a design) are computed in a temporary folder, so that
impossible limits show before anything is paid for; for the rest the forecast says what it waits for.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from olmix.errors import UserError
from olmix.graph import result
from olmix.graph.experiment import Experiment
from olmix.graph.plan import Node, Plan, make_pieces
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
    """What the dry run says about one step: the pieces that are there and missing (None: not known yet), and lines."""

    node: Node
    done: int | None
    missing: int | None
    lines: tuple[str, ...]


def forecasts(plan: Plan) -> Iterator[Forecast]:
    """One forecast per step, in the order in which they run.

    Raises:
      UserError: for a mistake that a cheap step notices, after what is known of that step.
    """
    with tempfile.TemporaryDirectory(prefix="olmix-preview-") as folder:
        context = PreviewContext(plan, pathlib.Path(folder))
        for node in plan.nodes:
            done = missing = None
            lines: tuple[str, ...] = ()
            try:
                if isinstance(node.step, FanOut) and node.state != "done":
                    states = [piece.state for piece in make_pieces(plan, node, node.step.pieces(context)).values()]
                    done = states.count("done")
                    missing = len(states) - done
                if node.state != "done" and node.step.cheap:
                    context.read(node.step)
                lines = node.step.forecast(context)
            except NotYet as waits:
                lines = (*node.step.declared(), f"more is known once {waits} is done")
            except UserError:
                yield Forecast(node, done, missing, node.step.declared())
                raise
            yield Forecast(node, done, missing, lines)


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
        if forecast.missing is not None:
            state += f"; {forecast.missing} of {forecast.missing + (forecast.done or 0)} pieces to run"
        text = [f"{node.label}: {state}"]
        needs = node.step.needs
        where = "in the launcher" if needs is None else "task with " + ", ".join(
            f"{field.name}={getattr(needs, field.name):g}" if isinstance(getattr(needs, field.name), int | float)
            else f"{field.name}={getattr(needs, field.name)}"
            for field in dataclasses.fields(needs) if getattr(needs, field.name) not in (None, 0)
        )  # fmt: skip
        text.append(f"    {plan.store.artifact(node.artifact)}  [{where}]")
        text.extend(f"    {line}" for line in forecast.lines)
        yield "\n".join(text)
