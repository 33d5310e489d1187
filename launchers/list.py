"""Lists all experiments: `python -m launchers.list --match=code`.

For each: its hypothesis, then its layers, the hardware of its tasks, and the tokens of its largest training run. One that
cannot be imported is listed with its error.
"""

from __future__ import annotations

from absl import flags

from launchers import _app
from olmix.config import catalogue, remembered
from olmix.config.catalogue import Entry
from olmix.errors import UserError

_MATCH = flags.DEFINE_string("match", "", "Only experiments with this in their name or hypothesis.")


def _lines(entry: Entry, width: int) -> list[str]:
    if entry.error:
        return [f"{entry.name:<{width}}  BROKEN: {entry.error}"]
    family = entry.name.rpartition(".")[0]
    named = (layer.name for layer in entry.layers if layer.kind in ("base", "preset", "overlay"))
    layers = " → ".join(name.removeprefix(f"{family}.") for name in named)
    facts = [layers or "no layers", entry.hardware, catalogue.count(entry.tokens, entry.at_most)]
    return [f"{entry.name:<{width}}  {entry.hypothesis or '(no hypothesis)'}", f"{'':<{width}}  {' | '.join(facts)}"]


def main() -> int:
    """Prints the list."""
    entries = catalogue.matching(remembered.entries(), _MATCH.value)
    if not entries:
        raise UserError(
            f"No experiment has {_MATCH.value!r} in its name or hypothesis."
            if _MATCH.value
            else "There are no experiments here yet."
        )
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        print("\n".join(_lines(entry, width)))
    return 0


if __name__ == "__main__":
    _app.launch(main)
