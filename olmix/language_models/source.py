"""Which model: a name on a hub, a folder, or what an earlier step left behind.

A name or folder stands in the config as a string; the model of a step as `ModelOf(step=..., piece=...)`, so that its
fingerprint follows the step's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re
from typing import Any

from olmix import weights
from olmix.errors import UserError, nearest_path
from olmix.graph.step import Context, FanOut, Step

#: Where a step that makes a model leaves it, inside its artifact.
FOLDER = "model"

#: Files up to this size are part of a folder's digest with their content, larger ones with size and time of change.
_WHOLE = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOf:
    """The model that `step` left in its artifact, or that one `piece` of a fan-out did."""

    step: Step
    piece: str | None = None

    def folder(self, context: Context) -> pathlib.Path:
        """Where that model lies.

        Raises:
          UserError: if the fan-out has no such piece.
        """
        if self.piece is None:
            return context.folder(self.step) / FOLDER
        if not isinstance(self.step, FanOut):
            raise UserError(f"{type(self.step).__name__} is no fan-out: it has no piece {self.piece!r}.")
        pieces = self.step.pieces(context)
        if self.piece not in pieces:
            raise UserError(f"{type(self.step).__name__} has no piece {self.piece!r}; its pieces: {', '.join(pieces)}.")
        return context.folder(pieces[self.piece]) / FOLDER


Model = str | ModelOf


def locate(model: Model, context: Context) -> str:
    """The folder or hub name that `from_pretrained` takes.

    Raises:
      UserError: if it is a folder that is not whole.
    """
    folder = pathlib.Path(model).expanduser() if isinstance(model, str) else model.folder(context)
    if isinstance(model, str) and not folder.is_dir():
        return model
    flaw = weights.flaw(folder)
    if flaw is not None:
        raise UserError(
            f"{flaw}; copy that model anew."
            if isinstance(model, str)
            else f"{flaw}; remove {folder.parent}, and the step that made it is done again."
        )
    return str(folder)


def identity(name: str) -> str:
    """What tells the weights behind a located name from others: a folder's digest, a hub's name as it is."""
    return observe(name) or name


def short_name(model: Model) -> str:
    """The model's own name, without its owner: `qwen2.5-math-72b`. For tables, and for what is known about models by name."""
    if isinstance(model, str):
        return pathlib.PurePosixPath(model.rstrip("/")).name.casefold()
    return f"the model of {type(model.step).__name__}" + (f"/{model.piece}" if model.piece else "")


def same_model(one: Model, other: Model) -> bool:
    """Whether two references mean the same model, as far as names and files can tell.

    Owner, case, punctuation, revision (`name@revision`), and number format (`-AWQ`, `-FP8`) of a name do not count; a folder of
    a hub's cache is its model; a folder is the model that its `config.json` says it was made from; a link or a copy of a
    folder is that folder. What an endpoint serves under another name cannot be known.
    """
    if not (isinstance(one, str) and isinstance(other, str)):
        return one == other
    if _names(one) & _names(other):
        return True
    folders = [pathlib.Path(name).expanduser() for name in (one, other)]
    if not all(folder.is_dir() for folder in folders):
        return False
    weights = [_sample_weights(folder) for folder in folders]
    return folders[0].samefile(folders[1]) or (weights[0] == weights[1] != ())


#: Formats that a model's weights are offered in; the same model all the same.
_FORMAT = re.compile(
    r"(-(awq|gptq|gguf|fp8|fp16|bf16|fp32|int4|int8|4bit|8bit|w4a16|w8a8|w8a16|bnb|dynamic|quantized))+$"
)


def _names(model: str) -> set[str]:
    """What a model is called, in one spelling."""
    path = pathlib.Path(model).expanduser()
    found = {path.name}
    cached = [part for part in path.parts if part.startswith("models--")]
    if cached:
        found = {cached[-1].rsplit("--", 1)[-1]}
    config = path / "config.json"
    if config.is_file():
        origin = json.loads(config.read_text()).get("_name_or_path")
        found |= {pathlib.PurePosixPath(origin).name} if origin else set()
    plain = {re.sub(r"[^a-z0-9]+", "-", name.split("@")[0].casefold()).strip("-") for name in found}
    return {_FORMAT.sub("", name) for name in plain} - {""}


def _sample_weights(folder: pathlib.Path, pieces: int = 16, size: int = 2**16) -> tuple[tuple[int, str], ...]:
    """Size and digest of evenly spaced pieces of every file of weights: equal for copies, in a moment for any size."""
    found = []
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.gguf")]):
        total = file.stat().st_size
        digest = hashlib.sha256()
        with open(file, "rb") as handle:
            for piece in range(pieces):
                handle.seek(max(0, total - size) * piece // (pieces - 1))
                digest.update(handle.read(size))
        found.append((total, digest.hexdigest()))
    return tuple(sorted(found))


def observe(*models: Any) -> str | None:
    """A digest of those of the models that are local folders, for `Step.observe`; None if there are none.

    Raises:
      UserError: if something that looks like a path (./x, /x, ~/x) is not there, or a folder is not whole.
    """
    digest = hashlib.sha256()
    found = False
    for model in models:
        if not isinstance(model, str):
            continue
        folder = pathlib.Path(model).expanduser()
        if not folder.is_dir():
            if model.startswith(("/", "./", "../", "~")):
                raise UserError(f"There is no model folder {model}{nearest_path(folder)}.")
            continue
        if (flaw := weights.flaw(folder)) is not None:
            raise UserError(f"{flaw}; copy that model anew.")
        found = True
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                about = file.stat()
                content = (
                    file.read_bytes() if about.st_size <= _WHOLE else f"{about.st_size} {about.st_mtime_ns}".encode()
                )
                digest.update(str(file.relative_to(folder)).encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest() if found else None
