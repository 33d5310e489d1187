"""Compares two configs: `python -m launchers.diff --left=quickstart --right=runs/experiments/quickstart/latest`.

Each side is an experiment (with `--left_set`, `--left_overlay`, `--right_set`, `--right_overlay`), a resolved.json or the
folder of a run. Exit code 0: the profile holds; 1: there are forbidden differences; 2: a side cannot be resolved.
`--as_overlay` prints the Python overlay that turns left into right instead.
"""

from __future__ import annotations

import sys

from absl import flags

from launchers import _app, _flags
from olmix.config import as_overlay, diff, experiments, show_diff
from olmix.config.experiments import Resolved
from olmix.errors import UserError

_LEFT = flags.DEFINE_string("left", None, "An experiment, a resolved.json, or the folder of a run.")
_RIGHT = flags.DEFINE_string("right", None, "The same for the other side.")
_PROFILE = flags.DEFINE_string("profile", "parity", f"What may differ: {', '.join(diff.PROFILES)}.")
_AS_OVERLAY = flags.DEFINE_bool("as_overlay", False, "Print the overlay that turns left into right.")
_LEFT_OVERRIDES = _flags.define_overrides("left_")
_RIGHT_OVERRIDES = _flags.define_overrides("right_")


def _resolve(name: str, side: str | None, overrides: _flags.Holders) -> Resolved:
    if not side:
        raise UserError(f"Say what to compare: --{name}=NAME (an experiment, a resolved.json, or the folder of a run).")
    try:
        resolved = experiments.resolve(side, _flags.in_order(overrides))
    except UserError as error:
        raise UserError(f"--{name}: {error}") from error
    for warning in resolved.warnings:
        print(f"warning: --{name}: {warning}", file=sys.stderr)
    return resolved


def main() -> int:
    """Resolves both sides, compares and prints."""
    if _PROFILE.value not in diff.PROFILES:
        raise UserError(f"Unknown profile {_PROFILE.value!r}; the profiles are {', '.join(diff.PROFILES)}.")
    left = _resolve("left", _LEFT.value, _LEFT_OVERRIDES)
    right = _resolve("right", _RIGHT.value, _RIGHT_OVERRIDES)
    if _AS_OVERLAY.value:
        sys.stdout.write(as_overlay.overlay(left, right))
        return 0
    found = diff.diff(left, right, _PROFILE.value)
    sys.stdout.write(show_diff.render(found))
    return 0 if found.holds else 1


if __name__ == "__main__":
    _app.launch(main)
