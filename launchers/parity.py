"""The gate for migrations and refactorings: `python -m launchers.parity --pairs=pairs.toml`.

Compares every pair of old and new configs in the file (its form is told in `olmix/config/parity.py`) and prints a Markdown
table. Exit code 1 if a pair has a forbidden difference, or allows one that is not there, or cannot be resolved.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

from launchers import _app
from olmix.config import parity
from olmix.errors import UserError

_PAIRS = flags.DEFINE_string("pairs", None, "The TOML file of pairs.")
_OUT = flags.DEFINE_string("out", None, "Write the table here as well.")


def main() -> int:
    """Checks every pair, then prints the table."""
    if not _PAIRS.value:
        raise UserError("Say which file of pairs: --pairs=FILE.")
    try:
        text = pathlib.Path(_PAIRS.value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--pairs={_PAIRS.value} cannot be read: {error}.") from None
    results = [parity.check(pair) for pair in parity.read(text, _PAIRS.value)]
    table = parity.table(results)
    sys.stdout.write(table)
    if _OUT.value:
        try:
            pathlib.Path(_OUT.value).write_text(table, encoding="utf-8")
        except OSError as error:
            raise UserError(f"--out={_OUT.value} cannot be written: {error.strerror}.") from None
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    _app.launch(main)
