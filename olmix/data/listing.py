"""Finding the files of a leaf, by listing only: one walk or one listing per narrowest prefix, never a request per file.

Local folders are listed here; addresses such as `s3://bucket/...` by `olmix.data.object_stores`. A pattern that matches
nothing is an error that names the leaf, the pattern, and the nearest folder that does exist.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator

from olmix.data import globs
from olmix.data.token_files import local_etag
from olmix.errors import UserError, nearest

#: What a folder given without a pattern stands for.
SHARDS = "**/*.npy"


@dataclasses.dataclass(frozen=True)
class Found:
    """A file that a pattern matched. `etag` changes when the content does."""

    path: str
    size: int
    etag: str


def is_address(path: str) -> bool:
    """Whether a path is in an object store (`s3://...`) and not in a local folder."""
    return "://" in path


def list_local(leaf: str, pattern: str, root: pathlib.Path | None, inside: str = SHARDS) -> list[Found]:
    """The local files that a pattern of a leaf matches; a folder stands for `inside` it.

    Relative paths are resolved in `root` and come back relative to it.

    Raises:
      UserError: for a pattern that matches nothing, a relative path without a root, or a folder that cannot be read.
    """
    found = list(_matches(leaf, pattern, root, inside))
    if not found:
        raise UserError(f"Leaf {leaf!r}: {pattern!r} matches no file{_where(pattern, root)}.")
    return found


def _matches(leaf: str, pattern: str, root: pathlib.Path | None, inside: str) -> Iterator[Found]:
    if not pattern.startswith(("/", "~")) and root is None:
        raise UserError(
            f"Leaf {leaf!r}: {pattern!r} is a relative path, and the scan has no corpus step in whose folder to look; "
            "write an absolute path."
        )
    for alternative in globs.expand_braces(pattern):
        full = os.path.expanduser(alternative) if root is None else os.path.join(root, alternative)
        # What is there under that very name is meant, brackets or not; and the root is a name, never a pattern.
        if os.path.isdir(full):
            base, wild = full, inside
        else:
            base, wild = ("", full) if root is None or os.path.isfile(full) else (str(root), alternative)
        try:
            for path, status in _walk(base, wild):
                shown = path if root is None else os.path.relpath(path, root)
                yield Found(shown, status.st_size, local_etag(status))
        except OSError as error:
            raise UserError(f"Leaf {leaf!r}: {pattern!r} cannot be read: {error}.") from error


def _walk(base: str, pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of every file below the folder `base` ("": anywhere) that a pattern without braces matches."""
    whole = os.path.join(base, pattern)
    if os.path.isfile(whole):
        yield whole, os.stat(whole)
        return
    if not globs.is_glob(pattern):
        return
    matcher, depth = globs.matcher(pattern), globs.depth_below(pattern)
    known = len(os.path.join(base, ""))
    pending = [(os.path.join(base, globs.literal_folder(pattern)), 1)]
    while pending:
        folder, level = pending.pop()
        if not os.path.isdir(folder):
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    if (depth is None or level < depth) and not _leads_back(entry):
                        pending.append((entry.path, level + 1))
                elif matcher.fullmatch(entry.path[known:]):
                    yield entry.path, entry.stat()


def _leads_back(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a link to one that it lies in: following it would count every file again."""
    if not entry.is_symlink():
        return False
    target = os.path.realpath(entry.path)
    return os.path.commonpath([target, os.path.realpath(os.path.dirname(entry.path))]) == target


def _where(pattern: str, root: pathlib.Path | None) -> str:
    """`; the nearest folder that exists is ... (it holds ...)`, to show where the pattern went wrong."""
    first = globs.expand_braces(pattern)[0]
    known = globs.literal_folder(first) if globs.is_glob(first) else first
    folder = pathlib.Path(known).expanduser() if root is None else root / known
    missed = ""
    while not folder.is_dir() and folder != folder.parent:
        missed, folder = folder.name, folder.parent
    inside = sorted(os.listdir(folder))
    if not missed:
        return f"; the folder {str(folder)!r} exists and holds {_some(inside)}"
    return f"; the nearest folder that exists is {str(folder)!r}, without {missed!r}{nearest(missed, inside)}"


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return (shown + (f" and {len(names) - most} more" if len(names) > most else "")) or "nothing"
