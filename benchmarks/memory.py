"""Memory that the planner counts on beside what torch's fake tensors hold on a GPU: `python -m benchmarks.memory` (minutes).

No GPU is needed: `tests/train/fake_gpu.py` says how. Sequences of 2,048 tokens, 100,352 vocabulary entries, two micro-batches
a step. The ratio planned / held is to lie between 1 and 1.25.
"""

from __future__ import annotations

import json
import subprocess
import sys

#: Model, format, sequences at once, variants.
ONE = (
    ("14m", "bfloat16", 1, 1), ("14m", "bfloat16", 16, 1), ("14m", "float16", 16, 1), ("14m", "float32", 16, 1),
    ("30m", "bfloat16", 8, 1), ("60m", "bfloat16", 8, 1), ("190m", "bfloat16", 1, 1), ("190m", "float16", 8, 1),
    ("1b", "bfloat16", 1, 1), ("1b", "bfloat16", 4, 1), ("14m", "bfloat16", 1, 8), ("14m", "bfloat16", 8, 8),
    ("14m", "bfloat16", 1, 16), ("14m", "bfloat16", 1, 32), ("30m", "bfloat16", 4, 8), ("60m", "bfloat16", 4, 4),
)  # fmt: skip
#: Model, processes, sequences at once.
SHARDED = (("1b", 8, 1), ("7b", 8, 1), ("7b", 8, 2))


def main() -> None:
    """Prints the table as it comes."""
    names = [f"memory olmo3_{model} {dtype} {rows} {variants}" for model, dtype, rows, variants in ONE]
    names += [f"fsdp olmo3_{model} {processes} {rows}" for model, processes, rows in SHARDED]
    command = [sys.executable, "-m", "tests.train.on_fake_gpu", *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            ((name, found),) = json.loads(line).items()
            if isinstance(found, str):
                print(f"{name}: {found.strip().splitlines()[-1]}", flush=True)
                continue
            held, planned = found
            print(f"{name:<36} held {held:7.2f} GiB  planned {planned:7.2f}  ratio {planned / held:.2f}", flush=True)


if __name__ == "__main__":
    main()
