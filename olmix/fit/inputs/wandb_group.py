"""A group of Weights & Biases runs, through W&B's public API.

The mixture of a run is read from its config, its metrics from its summary. Runs that did not finish are in the table's
`failed`, so that whoever fits has to say that they may be missing. Everything is fetched anew each time: a cache that does
not notice what changed on the server is how wrong mixtures come about.
"""

from __future__ import annotations

import fnmatch
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from olmix.errors import UserError, nearest
from olmix.fit.inputs.sheet import Sheet, join, listed
from olmix.mix.runs import RunTable

#: (key of the leaf's name, key of its weight) in configs that list their sources.
_LISTED = (("source_name", "target_ratio"), ("name", "weight"), ("name", "ratio"))


def runs_from_wandb(
    project: str,
    group: str,
    *,
    mixture: str = "mixture",
    metrics: Sequence[str] = ("bpb/*",),
    drop_runs: Sequence[str] = (),
    base_url: str | None = None,
) -> RunTable:
    """The table of the runs in a W&B group.

    Args:
      project: `entity/project`, or `project` of the default entity.
      group: the group's name.
      mixture: the key in a run's config, with dots between levels, under which its mixture lies: leaf to weight, or a list
        of sources with `source_name` and `target_ratio` (`dataset.source_mixture_config.source_configs` of allenai/olmix).
      metrics: keys of the summary, or patterns of them.
      drop_runs: names, ids or patterns of runs to leave out.
      base_url: the server, where it is not W&B's own; else `WANDB_BASE_URL` counts.

    Raises:
      UserError: if W&B cannot be reached or refuses, there are no such runs, or they lack the mixture or metrics.
    """
    table = read_runs(project, group, mixture=mixture, metrics=metrics, drop_runs=drop_runs, base_url=base_url)
    for note in table.notes:
        warnings.warn(note, stacklevel=2)
    return table


def read_runs(
    project: str,
    group: str,
    *,
    mixture: str = "mixture",
    metrics: Sequence[str] = ("bpb/*",),
    drop_runs: Sequence[str] = (),
    base_url: str | None = None,
) -> RunTable:
    """As `runs_from_wandb`, for steps: without Python warnings."""
    return table_of(
        _fetch(project, group, base_url),
        f"{project}, group {group}",
        mixture=mixture,
        metrics=metrics,
        drop_runs=drop_runs,
    )


def table_of(
    runs: Sequence[Any], source: str, *, mixture: str, metrics: Sequence[str], drop_runs: Sequence[str] = ()
) -> RunTable:
    """The table of W&B's run objects (with `id`, `name`, `state`, `config` and `summary`)."""
    names = _names(runs)
    unwanted: set[int] = set()
    for pattern in drop_runs:
        hits = {i for i, run in enumerate(runs) if pattern in (names[i], run.id)} or {
            i for i, run in enumerate(runs) for text in (names[i], run.id) if fnmatch.fnmatchcase(text, pattern)
        }
        if not hits:
            raise UserError(f"drop_runs names {pattern!r}, but there is no such run{nearest(pattern, names)}.")
        unwanted |= hits
    kept = [(name, run) for i, (name, run) in enumerate(zip(names, runs, strict=True)) if i not in unwanted]
    failed = {name: f"its state is {run.state}" for name, run in kept if run.state != "finished"}
    done = [(name, run) for name, run in kept if run.state == "finished"]
    if not done:
        raise UserError(f"{source} has no finished run: {listed(f'{name} is {why}' for name, why in failed.items())}.")
    mixtures = {name: _mixture(run.config, mixture, name) for name, run in done}
    leaves = tuple(dict.fromkeys(leaf for found in mixtures.values() for leaf in found))
    results = {name: _summary(run.summary) for name, run in done}
    columns = _columns(results, metrics, source)
    order = tuple(mixtures)
    ratios = np.array([[mixtures[name].get(leaf, 0.0) for leaf in leaves] for name in order])
    values = np.array([[results[name].get(column, math.nan) for column in columns] for name in order])
    return join(
        Sheet(f"{source} (mixtures)", order, leaves, ratios),
        Sheet(f"{source} (metrics)", order, columns, values),
        failed=failed,
    )


def _names(runs: Sequence[Any]) -> list[str]:
    """The display names; where two runs share one, the id beside it."""
    shown = [run.name or run.id for run in runs]
    return [name if shown.count(name) == 1 else f"{name} ({run.id})" for name, run in zip(shown, runs, strict=True)]


def _mixture(config: Mapping[str, Any], key: str, run: str) -> dict[str, float]:
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = list(found) if isinstance(found, Mapping) else []
            raise UserError(
                f"The config of the run {run} has no {key!r}, where its mixture should be{nearest(part, known)}; it has"
                f" {listed(known) or 'nothing'} there. Say mixture=KEY."
            )
        found = found[part]
    if isinstance(found, Mapping):
        pairs = list(found.items())
    else:
        pairs = [
            (item[name], item[weight])
            for item in (found if isinstance(found, list | tuple) else ())
            for name, weight in _LISTED
            if isinstance(item, Mapping) and name in item and weight in item
        ]
    if not pairs or not all(isinstance(w, int | float) and not isinstance(w, bool) for _, w in pairs):
        raise UserError(f"The config of the run {run} has no weights of leaves under {key!r}, but {str(found)[:80]!r}.")
    weights = dict(pairs)
    if len(weights) < len(pairs):
        raise UserError(f"The config of the run {run} names a leaf twice under {key!r}.")
    return {str(leaf): float(weight) for leaf, weight in weights.items()}


def _summary(summary: Any) -> dict[str, float]:
    """The numbers in a summary; `{"bpb": {"web": 1}}` is `bpb/web` too. W&B writes NaN and infinity as words."""
    found: dict[str, float] = {}

    def visit(value: Any, path: str) -> None:
        if hasattr(value, "items"):
            for key, item in value.items():
                visit(item, f"{path}/{key}" if path else str(key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[path] = float(value)
        elif value in ("NaN", "Infinity", "-Infinity"):
            found[path] = math.nan

    visit(summary, "")
    return found


def _columns(results: Mapping[str, Mapping[str, float]], metrics: Sequence[str], source: str) -> tuple[str, ...]:
    known = list(dict.fromkeys(key for found in results.values() for key in found))
    chosen: dict[str, None] = {}
    for pattern in metrics:
        hits = [pattern] if pattern in known else fnmatch.filter(known, pattern)
        if not hits:
            public = [key for key in known if not key.startswith("_")]
            raise UserError(
                f"No summary of {source} has the metric {pattern!r}{nearest(pattern, public)}; there are {listed(public)}."
            )
        chosen.update(dict.fromkeys(hits))
    return tuple(chosen)


def _fetch(project: str, group: str, base_url: str | None) -> list[Any]:
    """W&B's run objects of a group, oldest first, with config and summary."""
    import wandb

    try:
        api = wandb.Api(overrides={"base_url": base_url} if base_url else None)
        # Not lazy: configs and summaries come with the list, page by page, instead of one request per run.
        found = list(api.runs(project, filters={"group": group}, order="+created_at", per_page=200, lazy=False))
    except (wandb.errors.Error, ValueError, OSError) as error:
        raise UserError(f"W&B cannot list the group {group!r} of {project}: {' '.join(str(error).split())}") from error
    if not found:
        raise UserError(f"W&B has no runs in the group {group!r} of {project}; check both names.")
    return found
