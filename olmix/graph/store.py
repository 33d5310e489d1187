"""The store: plain files that outlive every process.

    artifacts/<step>-<short fingerprint>/   result.json, about.json, config.txt, blame.json, and what the step wrote
    experiments/<name>/<time>/              the runs of an experiment: resolved config, blame, plan, log, links, report
    staging/, scratch/, locks/              work in progress; safe to delete when nothing runs

An artifact appears whole or not at all: it is written in `staging`, flushed to the disk, and renamed. Whoever works on
one holds its lock, which the kernel frees when the process dies, so two runners share a store and a killed one blocks
nobody. Needs a file system with atomic rename and `flock` (local disks, NFSv4, Lustre); not an object store.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from olmix.errors import UserError

RESULT = "result.json"
ABOUT = "about.json"


class StoreError(Exception):
    """The store's disk failed us (full, read-only, gone). One sentence; nothing half-written was left."""


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder of artifacts and runs. Any number of processes may use it at once."""

    root: pathlib.Path

    @property
    def artifacts(self) -> pathlib.Path:
        """Where finished artifacts live."""
        return self.root / "artifacts"

    def prepare(self) -> None:
        """Makes the folders and proves that the store can be written.

        Raises:
          UserError: if it cannot.
        """
        try:
            for name in ("artifacts", "experiments", "staging", "scratch", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "staging" / f"probe-{os.getpid()}-{secrets.token_hex(4)}"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            raise UserError(
                f"The store {self.root} cannot be written: {error.strerror} (--store names another place)."
            ) from error

    def artifact(self, name: str) -> pathlib.Path:
        """The folder of an artifact, whether or not it exists."""
        return self.artifacts / name

    def has(self, name: str) -> bool:
        """Whether a whole artifact of that name is there."""
        return (self.artifact(name) / RESULT).is_file()

    def about(self, name: str) -> dict[str, Any]:
        """What is recorded beside an artifact's result: fingerprint, upstream, code, environment, timings."""
        return json.loads((self.artifact(name) / ABOUT).read_text())

    def scratch(self, name: str) -> pathlib.Path:
        """A folder that survives attempts, for checkpoints and progress."""
        return self.root / "scratch" / name

    def try_lock(self, name: str) -> int | None:
        """The descriptor of the artifact's lock, or None while another process holds it. Closing it unlocks."""
        descriptor = os.open(self.root / "locks" / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        return descriptor

    @contextlib.contextmanager
    def staging(self, name: str) -> Iterator[pathlib.Path]:
        """A fresh folder to write an artifact in; removed on the way out unless `publish` moved it."""
        folder = self.root / "staging" / f"{name}-{os.getpid()}-{secrets.token_hex(4)}"
        with disk_errors(self.root):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, staged: pathlib.Path, name: str, result: bytes, notes: Mapping[str, str]) -> None:
        """Makes `staged` the artifact `name`, with its result and the notes (file name → text) beside it."""
        self.seal(staged, result, notes)
        self.reveal(staged, name)

    def seal(self, staged: pathlib.Path, result: bytes, notes: Mapping[str, str]) -> None:
        """All of `publish` that takes time: writes the result and the notes, and flushes everything to the disk."""
        with disk_errors(self.root):
            for file, text in notes.items():
                (staged / file).write_text(text)
            (staged / RESULT).write_bytes(result)
            flush(staged)

    def reveal(self, staged: pathlib.Path, name: str) -> None:
        """The rest of it: makes the sealed `staged` the artifact `name`."""
        with disk_errors(self.root):
            try:
                os.rename(staged, self.artifact(name))
            except OSError as error:
                # Only a runner that lost its lock (a frozen machine, a broken NFS) can meet a finished artifact here.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            flush_folder(self.artifacts)

    def sweep(self, name: str) -> None:
        """Removes what attempts at `name` left behind. Call it while holding the artifact's lock."""
        for left in (self.root / "staging").glob(f"{name}-*"):
            shutil.rmtree(left, ignore_errors=True)


def flush(folder: pathlib.Path) -> None:
    """fsync every file and folder below `folder`, so that a rename after it never exposes a hole."""
    for parent, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(parent, file)
            if os.path.islink(path):
                continue
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        flush_folder(pathlib.Path(parent))


def flush_folder(folder: pathlib.Path) -> None:
    """fsync one folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def whole_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A new folder to write in, which becomes `folder`, in place of an earlier one, once all of it is on the disk.

    One writer at a time; what a killed one left is removed by the next of the same folder.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        flush(beside)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(beside, folder)
        flush_folder(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_atomically(path: pathlib.Path, text: str, *, durable: bool = True) -> None:
    """Replaces `path` by `text` in one step; `durable=False` skips the flush (for progress, which may be lost)."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}")
    try:
        with open(beside, "w") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


@contextlib.contextmanager
def disk_errors(root: pathlib.Path) -> Iterator[None]:
    """Turns errors of the disk below `root` into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        sentence = disk_sentence(root, error)
        if sentence is None:
            raise
        raise StoreError(sentence) from error


def disk_sentence(root: pathlib.Path, error: BaseException) -> str | None:
    """The sentence for an error of the disk below `root`, or None if it is not one."""
    named = getattr(error, "filename", None)
    ours = named is None or os.path.abspath(str(named)).startswith(os.path.abspath(root))
    refused = refusal(error)
    if refused is not None:
        if not ours:
            return f"A disk {refused.words}, and not that of the store: {error}; {refused.remedy} and run the same command again."
        left = f" ({shutil.disk_usage(root).free / 2**20:.0f} MiB free)" if refused.number == errno.ENOSPC else ""
        return (
            f"The disk of the store {root} {refused.words}{left}: nothing half-written was left; "
            f"{refused.remedy} and run the same command again."
        )
    number = error.errno if isinstance(error, OSError) else None
    # What goes wrong with an open file has no name.
    kinds = {errno.EROFS, errno.EIO, errno.ESTALE} | ({errno.EACCES, errno.EPERM} if named is not None else set())
    if ours and isinstance(error, OSError) and number in kinds:
        return f"The store {root} cannot be written any more: {error.strerror}; run the same command again once it can."
    return None


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a disk takes no more: how libraries word it that give the error no number, how we do, and what helps.

    Those are Rust's (safetensors, tokenizers), numpy's `tofile`, and whatever has become a traceback.
    """

    number: int
    sounds_like: str
    words: str
    remedy: str


_REFUSALS = (
    Refusal(errno.ENOSPC, r"No space left on device|\b\d+ requested and \d+ written", "is full", "free some space"),
    Refusal(errno.EDQUOT, r"Disk quota exceeded", "has no room left within your quota", "free some space"),
    Refusal(
        errno.EFBIG,
        r"File too large \(os error|Errno 27\b",
        "takes no file as large as one of these (`ulimit -f` shows what a process may write)",
        "raise that limit",
    ),
)


def refusal(error: BaseException) -> Refusal | None:
    """Why a disk takes no more, if that is what an error says, or one in whose wake it was raised.

    torch's writer of archives, which cannot finish what it began, raises about that and not about the disk.
    """
    found, looked_at = None, error
    while found is None:
        number = getattr(looked_at, "errno", None)
        for refused in _REFUSALS:
            if refused.number == number or (number is None and re.search(refused.sounds_like, str(looked_at))):
                found = refused
        above = looked_at.__cause__ or (None if looked_at.__suppress_context__ else looked_at.__context__)
        if above is None:
            break
        looked_at = above
    return found
