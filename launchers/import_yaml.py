"""Turns a config of allenai/olmix into an experiment, and proves that it means the same.

    python -m launchers.import_yaml FILE [--out=experiments/my.py]

FILE is a launch, generate or fit config. A launch config becomes a single run, a generate config a mixture search (--base
names the launch config that its variants are trained with), a fit config laws and a proposal on finished runs. The module
is kept only if it means what the YAML means; what has no counterpart here is listed, in the module too. Exit codes: 0 written,
1 it does not mean the same (the differences are printed), 2 a mistake in the file or the flags.
"""

from __future__ import annotations

import pathlib

from absl import flags
from rich.console import Console
from rich.table import Table

from launchers import _app
from olmix.importing import Imported, Listed, Preset, import_yaml

_OUT = flags.DEFINE_string("out", None, "The module to write, below experiments/; default: named after the config.")
_BASE = flags.DEFINE_string(
    "base", None, "For a generate config: the launch config that says how variants are trained."
)
_FORCE = flags.DEFINE_bool("force", False, "Replace a module that is there.")

_FOLDERS = ("experiments.presets.reference_data",)
_TASKS = ("experiments.presets.reference_tasks", "ALL")
_RUN = ("olmix.mixture_run", "MixtureRun")
_SEARCH = ("olmix.mixture_search", "MixtureSearch")
_PROXY_RUN, _SWARM = "experiments.presets.proxy_run_14m", "experiments.presets.swarm_30m"
#: Where imported experiments start from; of several for one root, that which leaves least to be said.
PRESETS = (
    Preset("single_run", _PROXY_RUN, "proxy_run_14m", _RUN, _FOLDERS, _TASKS),
    Preset("single_run", _PROXY_RUN, "dclm_run_14m", _RUN, _FOLDERS, _TASKS),
    Preset("mixture_search", _SWARM, "swarm_30m", _SEARCH, _FOLDERS, _TASKS),
    Preset("fit_runs", "experiments.presets.finished_runs", "finished_runs", ("olmix.mixture_search", "FitRuns")),
    Preset("reuse_search", _SWARM, "reuse_swarm_30m", _SEARCH, _FOLDERS, _TASKS),
)


def main(file: str) -> int:
    """Imports one file and says how it went."""
    out, base = (None if path is None else pathlib.Path(path).expanduser() for path in (_OUT.value, _BASE.value))
    done = import_yaml(pathlib.Path(file).expanduser(), out, PRESETS, base=base, force=_FORCE.value)
    console = Console(highlight=False)
    console.print(_proof(done))
    for title, carried in (("not carried over", False), ("carried over, and different in how it works", True)):
        listed = [item for item in done.translation.listed if item.carried is carried]
        if listed:
            console.print(_listed(title, listed))
    for sentence in done.translation.assumed:
        console.print(sentence, markup=False)
    if not done.written:
        for difference in done.proof.differences():
            console.print(f"differs: {difference}", markup=False, soft_wrap=True)
        console.print(
            f"{file} and its experiment do not mean the same; nothing was written.", markup=False, soft_wrap=True
        )
        return _app.FAILURE
    console.print(
        f"{_relative(done.target)} means what {file} means: {len(done.proof.rows)} facts are equal, and every value is "
        "carried over or listed above.",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _proof(done: Imported) -> Table:
    table = Table("fact", "YAML", "experiment", "equal", title="what both mean", title_justify="left")
    for row in done.proof.rows:
        table.add_row(
            row.what, row.yaml, row.ours, ("yes" if row.equal else "NO") + (f", {row.remark}" if row.remark else "")
        )
    return table


def _listed(title: str, listed: list[Listed]) -> Table:
    table = Table("path", "line", "value", "why", title=title, title_justify="left")
    for item in listed:
        table.add_row(f"launch config: {item.path}" if item.base else item.path, str(item.line), item.said, item.reason)
    return table


def _relative(path: pathlib.Path) -> pathlib.Path:
    here = pathlib.Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    _app.launch(main, argument="FILE")
