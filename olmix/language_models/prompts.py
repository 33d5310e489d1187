"""Prompts, versioned in files: `<name>.v<version>.txt` in a package's folder, never edited once a result depends on them.

A file has up to three parts, each begun by a line of its own: `<<system>>` (for models that chat), `<<example>>`
(repeated for each example given), `<<prompt>>`. `{{name}}` stands for a field. Changing a file in place changes its
digest, and with it the fingerprint of every step that used it; a new version is a new file.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.resources
import re
from collections.abc import Mapping, Sequence

from olmix.errors import UserError, nearest
from olmix.language_models.requests import Request

_PART = re.compile(r"^<<(system|example|prompt)>>[ \t]*\n", re.MULTILINE)
_FIELD = re.compile(r"\{\{(\w+)\}\}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prompt:
    """One version of one prompt in the folder of `package`."""

    name: str
    version: int = 1
    package: str = "olmix.proofs.prompts"

    def text(self) -> str:
        """The file.

        Raises:
          UserError: naming what there is, if there is no such file.
        """
        return _read(self.package, f"{self.name}.v{self.version}.txt")

    def digest(self) -> str:
        """What `Step.observe` says of it."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def render(self, id: str, fields: Mapping[str, str], examples: Sequence[Mapping[str, str]] = ()) -> Request:
        """The request: the system part, every example, the prompt.

        Raises:
          UserError: if a field is missing, or examples are given and the file has no part for them.
        """
        parts = _parts(self.text())
        if examples and "example" not in parts:
            raise UserError(f"The prompt {self.name} version {self.version} has no <<example>> part.")
        shown = [self._fill(parts["example"], example) for example in examples]
        prompt = "".join([*shown, self._fill(parts["prompt"], fields)])
        return Request(id=id, prompt=prompt.rstrip(), system=self._fill(parts.get("system", ""), fields).strip())

    def _fill(self, template: str, fields: Mapping[str, str]) -> str:
        def put(match: re.Match[str]) -> str:
            if match[1] not in fields:
                raise UserError(
                    f"The prompt {self.name} version {self.version} asks for {match[1]!r}{nearest(match[1], fields)}; "
                    f"given: {', '.join(fields)}."
                )
            return fields[match[1]]

        return _FIELD.sub(put, template)


@functools.cache
def _read(package: str, name: str) -> str:
    folder = importlib.resources.files(package)
    file = folder / name
    if not file.is_file():
        there = [entry.name for entry in folder.iterdir() if entry.name.endswith(".txt")]
        raise UserError(f"There is no prompt {name}{nearest(name, there)}; there are {', '.join(sorted(there))}.")
    return file.read_text(encoding="utf-8")


def _parts(text: str) -> dict[str, str]:
    pieces = _PART.split(text)
    parts = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    if "prompt" not in parts:
        raise UserError("A prompt file needs a <<prompt>> part.")
    return parts
