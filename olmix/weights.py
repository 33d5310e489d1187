"""Whether a Hugging Face folder is whole, judged by names, sizes and headers: in a moment, whatever the weights weigh.

A file of safetensors begins with a table of where each tensor lies, so a file that was cut off is known by its length. What
was changed inside of it is not: that would take reading all of it.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

#: A table longer than this is none: the safetensors library's own limit.
_LONGEST_HEADER = 100_000_000
_DESCRIPTIONS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
_INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"


def flaw(folder: pathlib.Path) -> str | None:
    """What is wrong with a folder that `from_pretrained` is to read, as the beginning of a sentence; None: it is whole.

    Weights in other formats than safetensors are only asked to be there.
    """
    for name in _DESCRIPTIONS:
        path = folder / name
        if path.is_file() and _json(path) is None:
            return f"{path} is damaged ({path.stat().st_size:,} bytes that are no JSON)"
    if (folder / "adapter_config.json").is_file():
        return None  # Few weights beside a model that lies elsewhere.
    if not (folder / "config.json").is_file():
        return f"{folder} has no config.json"
    if not (folder / _INDEX).is_file():
        if (folder / _WHOLE).is_file():
            return _flaw_of_file(folder / _WHOLE, set())
        return None if any(folder.glob("*.bin")) else f"{folder} has no weights ({_WHOLE})"
    parts: dict[str, set[str]] = {}
    index = _json(folder / _INDEX)
    found = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(found, dict) or not found:
        return f"{folder / _INDEX} is damaged: it names no weights"
    for tensor, file in found.items():
        parts.setdefault(str(file), set()).add(tensor)
    return next(filter(None, (_flaw_of_file(folder / file, tensors) for file, tensors in sorted(parts.items()))), None)


def _json(path: pathlib.Path) -> Any:
    """What a file of JSON says; None if it is none."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _flaw_of_file(path: pathlib.Path, tensors: set[str]) -> str | None:
    """What is wrong with a file of safetensors that is to hold `tensors`, at least."""
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if 2 <= length <= min(_LONGEST_HEADER, size) else b""
    try:
        header = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return f"{path} is damaged ({size:,} bytes without a table of tensors)"
    if size != whole:
        return f"{path} is {'cut off' if size < whole else 'damaged'}: it has {size:,} of {whole:,} bytes"
    missing = sorted(tensors - header.keys())
    return f"{path} is damaged: it lacks {missing[0]}" if missing else None
