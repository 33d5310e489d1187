"""The plan: for every step of an experiment, whether its result is there, and if not, why not.

Nothing is written and nothing is run here, but `observe` is called, so data that changed under the same name shows up as
a changed fingerprint. A step whose result is missing is *stale* when an earlier run of the same experiment had a result
for it: then the plan names what changed since.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from olmix.graph import identity
from olmix.graph.experiment import Experiment
from olmix.graph.step import Step
from olmix.graph.store import Store

State = Literal["done", "run", "stale"]
CONFIG = "config.txt"


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One step in a plan. `label` is its short path in the experiment, or `<fan-out>/<piece>`."""

    label: str
    step: Step
    upstream: dict[str, Node]
    observed: str | None
    fingerprint: str
    artifact: str
    settings: dict[str, str]
    state: State
    reason: str

    def ancestors(self) -> Iterator[Node]:
        """Every node that this one reads from, directly or not, each once, in the order in which they run."""
        seen: set[int] = set()

        def visit(node: Node) -> Iterator[Node]:
            for above in node.upstream.values():
                if id(above) not in seen:
                    seen.add(id(above))
                    yield from visit(above)
                    yield above

        yield from visit(self)

    def about(self, experiment: str) -> dict[str, Any]:
        """What is recorded beside the result, as far as the plan knows it."""
        return {
            "step": f"{type(self.step).__module__}:{type(self.step).__qualname__}",
            "version": type(self.step).version,
            "label": self.label,
            "experiment": experiment,
            "fingerprint": self.fingerprint,
            "observed": self.observed,
            "upstream": {path: node.artifact for path, node in self.upstream.items()},
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """The steps of an experiment in the order in which they run, upstream first."""

    experiment: Experiment
    store: Store
    nodes: tuple[Node, ...]

    def node(self, step: Step) -> Node:
        """The node of a step of this plan."""
        return next(node for node in self.nodes if node.step is step)


def make_plan(experiment: Experiment, store: Store, until: str | None = None) -> Plan:
    """Plans all of the experiment's steps, or those that the step `until` needs, with itself.

    Raises:
      UserError: if there is no such step, or a step cannot see its data.
    """
    steps = experiment.steps() if until is None else {until: experiment.step(until)}
    labels = {id(step): name for name, step in experiment.steps().items()}
    before = last_run(store, experiment.name)
    nodes: dict[int, Node] = {}

    def visit(step: Step, path: str) -> Node:
        if id(step) not in nodes:
            label = labels.get(id(step), path)
            above = {field: visit(other, f"{label}.{field}") for field, other in identity.upstream(step).items()}
            nodes[id(step)] = make_node(step, label, above, store, before)
        return nodes[id(step)]

    for name, step in steps.items():
        visit(step, name)
    return Plan(experiment, store, tuple(nodes.values()))


def make_pieces(plan: Plan, parent: Node, pieces: Mapping[str, Step]) -> dict[str, Node]:
    """The nodes of a fan-out's pieces, by name. A piece may read from steps of the plan, and from pieces of such a step."""
    before = last_run(plan.store, plan.experiment.name)
    known = {id(node.step): node for node in plan.nodes}

    def visit(step: Step, label: str) -> Node:
        if id(step) not in known:
            above = {field: visit(other, f"{label}.{field}") for field, other in identity.upstream(step).items()}
            known[id(step)] = make_node(step, label, above, plan.store, before)
        return known[id(step)]

    return {name: visit(step, f"{parent.label}/{name}") for name, step in pieces.items()}


def make_node(step: Step, label: str, above: dict[str, Node], store: Store, before: Mapping[str, str]) -> Node:
    """A node with its fingerprint and state."""
    by_id = {id(node.step): node for node in above.values()}
    observed = step.observe()
    full = identity.fingerprint(
        step, lambda other: by_id[id(other)].fingerprint if id(other) in by_id else None, observed
    )
    artifact = identity.artifact_name(step, full)
    settings = identity.settings(step, lambda other: by_id[id(other)].artifact)
    node = Node(label, step, above, observed, full, artifact, settings, "run", "")
    if store.has(artifact):
        recorded = store.about(artifact)["fingerprint"]
        if recorded != full:
            raise RuntimeError(f"Two fingerprints share the short form {artifact}: {recorded} and {full}.")
        return dataclasses.replace(node, state="done")
    earlier = before.get(label)
    if earlier is None or earlier == artifact or not store.has(earlier):
        return dataclasses.replace(node, reason="never run" if earlier is None else "its result is gone")
    return dataclasses.replace(node, state="stale", reason=what_changed(node, store, earlier))


def what_changed(node: Node, store: Store, earlier: str, most: int = 3) -> str:
    """In words: how the step differs from the one whose result an earlier run of the experiment used."""
    about = store.about(earlier)
    old = settings_of(store, earlier)
    changes = []
    if about["version"] != type(node.step).version:
        changes.append(f"the step's version {about['version']} → {type(node.step).version}")
    if about["observed"] != node.observed:
        changes.append(type(node.step).observed_as)
    stale = [above.label for path, above in node.upstream.items() if about["upstream"].get(path) != above.artifact]
    for path in sorted(set(node.settings) | set(old)):
        was, now = old.get(path, "(unset)"), node.settings.get(path, "(unset)")
        if was != now and not (was.startswith("-> ") and now.startswith("-> ")):
            changes.append(f"{path} {was} → {now}")
    if stale:
        changes.append(f"new {', '.join(stale)}")
    if not changes:
        return "something it depends on changed"
    return "; ".join(changes[:most]) + (f"; and {len(changes) - most} more" if len(changes) > most else "")


def settings_of(store: Store, artifact: str) -> dict[str, str]:
    """The semantic settings recorded beside an artifact, by path."""
    lines = (store.artifact(artifact) / CONFIG).read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def settings_text(node: Node) -> str:
    """What `settings_of` reads back."""
    return "".join(f"{path}: {value}\n" for path, value in node.settings.items())


def last_run(store: Store, experiment: str) -> dict[str, str]:
    """Label → artifact of the latest run of an experiment, empty if it never ran."""
    path = store.root / "experiments" / experiment / "last.json"
    return json.loads(path.read_text()) if path.is_file() else {}
