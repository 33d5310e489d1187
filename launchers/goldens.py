"""Rewrites the goldens of all experiments: `python -m launchers.goldens`, or `make goldens`.

Do this when a change of configs was meant, and review the difference: it is what the change does to every experiment.
`--check` only compares, prints what differs and who set it, and exits with 1 if anything does.
"""

from __future__ import annotations

import pathlib

from absl import flags

from launchers import _app
from olmix.config import goldens

_FOLDER = flags.DEFINE_string("folder", "tests/goldens", "Where the goldens are.")
_CHECK = flags.DEFINE_bool("check", False, "Only compare.")


def main() -> int:
    """Writes or compares."""
    folder = pathlib.Path(_FOLDER.value)
    if _CHECK.value:
        problems = goldens.check(folder)
        print("\n".join(problems) if problems else "all goldens are up to date")
        return 1 if problems else 0
    changed = goldens.write(folder)
    print("\n".join(f"changed: {name}" for name in changed) if changed else "all goldens are up to date")
    return 0


if __name__ == "__main__":
    _app.launch(main)
