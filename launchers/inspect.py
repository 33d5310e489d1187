"""Shows what an experiment really is: `python -m launchers.inspect --experiment=quickstart --blame`.

First the layers that it went through, then every value. `--path=swarm.*` filters, `--blame` says who set each value,
`--format=json` prints the document that `--experiment=resolved.json` runs again, `--graph=steps.svg` draws the steps.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

from launchers import _app, _flags
from olmix.config import draw, show
from olmix.errors import UserError

_FORMAT = flags.DEFINE_enum("format", "text", ["text", "json", "yaml"], "How the config is printed.")
_BLAME = flags.DEFINE_bool("blame", False, "Say of every value who set it last, and what it was before.")
_PATH = flags.DEFINE_string("path", None, "Only paths that match, such as swarm.proxy or *.learning_rate.")
_GRAPH = flags.DEFINE_string("graph", None, "Draw the steps into this SVG file.")


def main() -> int:
    """Resolves and prints; warnings go to stderr, so that the output stays one document."""
    resolved = _flags.resolve()
    for warning in resolved.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if _FORMAT.value == "text":
        text = show.text(resolved, blame=_BLAME.value, path=_PATH.value)
    else:
        text = show.document(resolved, _FORMAT.value, blame=_BLAME.value, path=_PATH.value)
    if _GRAPH.value:
        try:
            pathlib.Path(_GRAPH.value).write_text(draw.svg(resolved.config), encoding="utf-8")
        except OSError as error:
            raise UserError(f"--graph={_GRAPH.value} cannot be written: {error.strerror}.") from None
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    _app.launch(main)
