"""How many sequences go through the model at once: found by trying, and remembered per model and device.

On a GPU a run starts with what is remembered, else with the whole share of the global batch (variants side by side and
sharded processes: with what arithmetic says, `work.fits_by_arithmetic`); each time the memory does not suffice, half as
many go through at once and twice as often. What is computed stays the same, so the memory is
a file of hints that may be lost or shared at will: `$OLMIX_CACHE/micro_batch.json`, or `~/.cache/olmix`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import tempfile


def key(model_config: str, length: int, dtype: str, device_name: str, variants: int = 1) -> str:
    """What a hint is good for: `model_config` is the config's JSON, `device_name` as torch names the GPU."""
    model = hashlib.blake2b(model_config.encode(), digest_size=8).hexdigest()
    return f"{device_name} {dtype} {length} {model} x{variants}"


def _path() -> pathlib.Path:
    folder = os.environ.get("OLMIX_CACHE")
    return (pathlib.Path(folder) if folder else pathlib.Path.home() / ".cache" / "olmix") / "micro_batch.json"


def remembered(key: str) -> int | None:
    """The micro-batch that fitted last time, or None."""
    try:
        value = json.loads(_path().read_text()).get(key)
    except (OSError, ValueError, AttributeError):
        return None
    return value if isinstance(value, int) and value > 0 else None


def remember(key: str, micro_batch: int) -> None:
    """Keeps a hint; where that cannot be done nothing is lost but the hint."""
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            known = json.loads(path.read_text())
        except (OSError, ValueError):
            known = {}
        if known.get(key) == micro_batch:
            return
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump({**known, key: micro_batch}, file, indent=1, sort_keys=True)
        os.replace(file.name, path)
