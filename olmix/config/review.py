"""What a reviewer would say about the layers of an experiment, found by machine.

An experiment has a hypothesis and at most four layers; its preset sets what matters in a training run itself; an overlay
changes a few fields, not a third of the preset; overlays give the same whatever their order, and each changes something.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import blame, canonical, experiments, nodes, recording
from olmix.config.recording import Layer, OverlayCall
from olmix.errors import UserError

MAX_LAYERS = 4
MAX_SHARE = 1 / 3

#: What a node that trains must be told by the preset: any one of the fields of each row that the node has.
EXPLICIT = {
    "learning rate": ("learning_rate",),
    "batch": ("batch_tokens", "batch", "batch_size", "global_batch", "global_batch_size"),
    "tokens": ("tokens", "chinchilla_multiple", "steps", "max_steps", "epochs"),
    "model": ("model",),
}

_NOT_PRESET = ("overlay", "experiment", "flag", "default")


def review(name: str, package: str = experiments.PACKAGE) -> list[str]:
    """Findings about one experiment, a sentence each; a broken experiment is one."""
    recorder = experiments.make_recorder(package, keep_overlays=True)
    try:
        module, config = experiments.make(name, package, recorder)
        resolved = experiments.resolve(name, (), package)
        return list(_findings(name, module, config, resolved, recorder))
    except UserError as error:
        return [f"{name}: {error}"]


def _findings(
    name: str, module: object, config: fdl.Config[Any], resolved: experiments.Resolved, recorder: recording.Recorder
) -> Iterator[str]:
    yield from (f"{name}: {warning}" for warning in resolved.warnings)
    if not experiments.hypothesis(module):
        yield f"{name} has no docstring that states its hypothesis"
    own = any(item.layer == name for path, item in resolved.blame.items() if path != "name")
    counted = layers(recorder.layers(config), own_edits=own)
    if len(counted) > MAX_LAYERS:
        yield f"{name} has {len(counted)} layers ({', '.join(counted)}); {MAX_LAYERS} are the limit"
    calls = recorder.overlay_calls
    for finding in itertools.chain(implicit(config), heavy(calls), conflicts(calls)):
        yield f"{name}: {finding}"


def layers(found: list[Layer], *, own_edits: bool) -> list[str]:
    """The layers that count: base once, each preset and overlay, and what the experiment itself sets."""
    names = [layer.name for layer in found if layer.kind in ("preset", "overlay")]
    base = ["base"] if any(layer.kind == "base" for layer in found) else []
    return base + names + (["its own settings"] if own_edits else [])


def implicit(config: fdl.Config[Any]) -> Iterator[str]:
    """Settings of training runs that no preset sets: a default of the code would decide them."""
    homes = {id(line.value): line.path for line in canonical.lines(config) if line.kind == "node"}
    for node in recording.configs_in(config):
        known = nodes.field_map(nodes.target(node))
        if "learning_rate" not in known or nodes.is_off(node):
            continue
        for what, names in EXPLICIT.items():
            there = [field for field in names if field in known]
            if there and not any(_set_by_preset(node, field) for field in there):
                path = homes.get(id(node), "")
                yield f"its preset leaves the {what} to a default: {' or '.join(nodes.join(path, f) for f in there)}"


def _set_by_preset(node: fdl.Buildable[Any], field: str) -> bool:
    return any(
        entry.kind is history.ChangeKind.NEW_VALUE and getattr(entry.location, "kind", "code") not in _NOT_PRESET
        for entry in node.__argument_history__.get(field, [])
    )


def heavy(calls: list[OverlayCall]) -> Iterator[str]:
    """Overlays that change more than a third of what was set explicitly before them."""
    for call in calls:
        before = {line.path: line.text for line in canonical.lines(call.before) if line.kind == "leaf"}
        blames = blame.blame(call.before)
        said = {path: text for path, text in before.items() if blames[path].kind != "default"}
        after = {line.path: line.text for line in canonical.lines(_applied(call.before, call))}
        touched = [path for path, text in said.items() if after.get(path) != text]
        if len(touched) > MAX_SHARE * len(said):
            yield (
                f"{call.layer.name} changes {len(touched)} of the {len(said)} values that were set before it; "
                "more than a third is a preset of its own"
            )


def conflicts(calls: list[OverlayCall]) -> Iterator[str]:
    """Overlays that change nothing, pairs that claim the same field, and pairs that do not commute."""
    if not calls:
        return
    start = calls[0].before
    texts = {}
    for i, call in enumerate(calls):
        changed = _changes(start, call)
        texts[i] = changed
        if canonical.text(call.before) == canonical.text(_applied(call.before, call)):
            yield f"{call.layer.name} changes nothing"
    for (i, one), (j, two) in itertools.combinations(enumerate(calls), 2):
        both = sorted(p for p in texts[i].keys() & texts[j].keys() if texts[i][p] != texts[j][p])
        if both:
            yield f"{one.layer.name} and {two.layer.name} both set {', '.join(both[:3])}"
        elif _order_matters(start, one, two):
            yield f"{one.layer.name} and {two.layer.name} give something else in the other order"


def _changes(start: fdl.Buildable[Any], call: OverlayCall) -> dict[str, str | None]:
    """What an overlay does to a config when it comes first: the new text (None: gone) of every line it changes."""
    try:
        after = {line.path: line.text for line in canonical.lines(_applied(start, call))}
    except Exception:
        return {}  # it needs what another overlay does; `_order_matters` says so
    before = {line.path: line.text for line in canonical.lines(start)}
    paths = before.keys() | after.keys()
    return {path: after.get(path) for path in sorted(paths) if before.get(path) != after.get(path)}


def _order_matters(start: fdl.Buildable[Any], one: OverlayCall, two: OverlayCall) -> bool:
    results = []
    for order in ((one, two), (two, one)):
        try:
            results.append(canonical.text(_applied(start, *order)))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    return results[0] != results[1]


def _applied(start: fdl.Buildable[Any], *calls: OverlayCall) -> fdl.Buildable[Any]:
    config = copy.deepcopy(start)
    for call in calls:
        call.function(config, **call.arguments)
    return config
