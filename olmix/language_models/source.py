"""Which model: a name on a hub, a folder, or what an earlier step left behind.

A name or folder stands in the config as a string; the model of a step as `ModelOf(step=..., piece=...)`, so that its
fingerprint follows the step's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Any

from olmix.errors import UserError
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
    """The folder or hub name that `from_pretrained` takes."""
    return model if isinstance(model, str) else str(model.folder(context))


def short_name(model: Model) -> str:
    """The model's own name, without its owner: `qwen2.5-math-72b`. For comparisons and for tables."""
    if isinstance(model, str):
        return pathlib.PurePosixPath(model.rstrip("/")).name.casefold()
    return f"the model of {type(model.step).__name__}" + (f"/{model.piece}" if model.piece else "")


def same_model(one: Model, other: Model) -> bool:
    """Whether two references name the same weights, as far as names can tell; owners and spelling of case do not count."""
    if isinstance(one, str) and isinstance(other, str):
        return short_name(one) == short_name(other)
    return one == other


def observe(*models: Any) -> str | None:
    """A digest of those of the models that are local folders, for `Step.observe`; None if there are none.

    Raises:
      UserError: if something that looks like a path (./x, /x, ~/x) is not there.
    """
    digest = hashlib.sha256()
    found = False
    for model in models:
        if not isinstance(model, str):
            continue
        folder = pathlib.Path(model).expanduser()
        if not folder.is_dir():
            if model.startswith(("/", "./", "../", "~")):
                raise UserError(f"There is no model folder {model}.")
            continue
        found = True
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                about = file.stat()
                content = (
                    file.read_bytes() if about.st_size <= _WHOLE else f"{about.st_size} {about.st_mtime_ns}".encode()
                )
                digest.update(str(file.relative_to(folder)).encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest() if found else None
