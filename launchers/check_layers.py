"""Reviews the layers of all experiments: `python -m launchers.check_layers`. Part of `make check`.

Reports more than four layers, presets that leave a learning rate, batch, budget or model to a default, overlays that
change more than a third of their preset, claim a field together, depend on their order or change nothing, and experiments
that are broken or state no hypothesis. Exit code 1 if there is anything to report.
"""

from __future__ import annotations

from absl import flags

from launchers import _app
from olmix.config import experiments, review

_MATCH = flags.DEFINE_string("match", "", "Only experiments with this in their name.")


def main() -> int:
    """Prints the findings, one a line."""
    names = [name for name in experiments.names() if _MATCH.value in name]
    findings = [finding for name in names for finding in review.review(name)]
    for finding in findings:
        print(finding)
    print(f"{len(names)} experiments, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    _app.launch(main)
