"""Runs experiments of the catalogue on a laptop and says whether each read exactly what it declared.

    python -m benchmarks.catalogue verify_tokens quality_upsampling.heavy_code_aggressive

Names are experiments or beginnings of them; without any, all single runs (most of an hour on one core). One store, so the corpus
is made once. `exact` compares tokens counted by the trainer with the plan's, leaf by leaf.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import time

from olmix.config import experiments

SINGLE = ("data_proportions", "quality_thresholds", "quality_upsampling", "training_duration", "verify_tokens")


def run(name: str, store: pathlib.Path) -> str:
    """Runs one experiment; a line of figures."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "launchers.run", f"--experiment=experiments.{name}", f"--store={store}"]
    done = subprocess.run(
        [*command, "--overlay=experiments.overlays.laptop"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"{name:<44} FAILED: {done.stderr.strip()}"
    seconds = time.perf_counter() - began
    artifacts = store / "experiments" / name / "latest" / "artifacts"
    found = json.loads((artifacts / "report" / "result.json").read_text())
    trained = json.loads((artifacts / "train" / "result.json").read_text())
    rows = found["rows"]
    exact = found["verified"] and all(row["planned"] == row["counted"] for row in rows)
    return (
        f"{name:<44} {len(rows):>4} leaves  asked {trained['declared_tokens']:>9,}  counted {trained['tokens']:>9,}  "
        f"{'exact' if exact else 'NOT EXACT'}  {seconds:6.1f} s ({trained['seconds']:.1f} s of training)"
    )


def main(wanted: list[str]) -> None:
    """Prints a line per experiment."""
    names = [name for name in experiments.names() if name.startswith(tuple(wanted) or SINGLE)]
    with tempfile.TemporaryDirectory(prefix="olmix-catalogue-") as folder:
        for name in names:
            print(run(name, pathlib.Path(folder)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
