"""What the store makes of disks that fail, and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import pathlib
import resource
import subprocess
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from olmix.graph.store import disk_sentence, refusal, whole_folder


@pytest.fixture
def small(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _plain(path: pathlib.Path) -> None:
    path.write_bytes(bytes(1_000_000))


def _numpy(path: pathlib.Path) -> None:
    np.zeros(1_000_000, np.uint8).tofile(path)


def _safetensors(path: pathlib.Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(250_000)}, path)


def _tokenizers(path: pathlib.Path) -> None:
    import tokenizers

    words = {f"word-{number}": number for number in range(20_000)}
    tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="word-0")).save(str(path))


def _torch(path: pathlib.Path) -> None:
    import torch

    with open(path, "wb") as file:  # As checkpoints are written.
        torch.save({"x": torch.zeros(250_000)}, file)


@pytest.mark.parametrize("write", [_plain, _numpy, _safetensors, _tokenizers, _torch])
def test_a_full_disk_is_known_whoever_writes(small: pathlib.Path, write: Callable[[pathlib.Path], None]) -> None:
    """Three of the four libraries give the error no number, and two of them are not even an OSError."""
    with pytest.raises(Exception, match=r".") as failed:
        write(small / "file")
    assert refusal(failed.value) is not None
    sentence = disk_sentence(small, failed.value)
    assert sentence is not None
    assert sentence.startswith(f"The disk of the store {small} is full (")


@pytest.fixture
def limited() -> Iterator[None]:
    """This process may write 64 kB into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [_plain, _safetensors, _tokenizers, _torch])
def test_a_file_that_may_not_be_that_large_is_no_full_disk(
    tmp_path: pathlib.Path, limited: None, write: Callable[[pathlib.Path], None]
) -> None:
    with pytest.raises(Exception, match=r"File too large|unexpected pos") as failed:
        write(tmp_path / "file")
    sentence = disk_sentence(tmp_path, failed.value) or ""
    assert f"The disk of the store {tmp_path} takes no file as large" in sentence
    assert "; raise that limit and run the same command again." in sentence


def test_a_quota_that_is_used_up_is_no_full_disk(tmp_path: pathlib.Path) -> None:
    for error in (
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: Disk quota exceeded (os error 122)"),
    ):
        assert "has no room left within your quota: nothing half-written" in (disk_sentence(tmp_path, error) or "")


def test_what_is_wrong_with_the_disk_is_said_of_the_right_one(tmp_path: pathlib.Path) -> None:
    ours, other = str(tmp_path / "store" / "x"), "/elsewhere/x"
    full = lambda name: OSError(errno.ENOSPC, "No space left on device", name)  # noqa: E731
    assert (disk_sentence(tmp_path, full(ours)) or "").startswith("The disk of the store")
    assert "not that of the store: [Errno 28] No space left on device: '/elsewhere/x'" in (
        disk_sentence(tmp_path, full(other)) or ""
    )
    # A write to an open file names none: read-only or broken, it is the store's; forbidden, it may be anything.
    assert "any more: Read-only" in (disk_sentence(tmp_path, OSError(errno.EROFS, "Read-only file system")) or "")
    assert "any more: Input/output" in (disk_sentence(tmp_path, OSError(errno.EIO, "Input/output error")) or "")
    assert disk_sentence(tmp_path, OSError(errno.EIO, "Input/output error", other)) is None
    assert disk_sentence(tmp_path, PermissionError(errno.EPERM, "Operation not permitted")) is None
    assert disk_sentence(tmp_path, ValueError("3 requested and not one written")) is None


def test_a_folder_is_whole_or_not_there(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "periods" / "100"
    with contextlib.suppress(KeyError), whole_folder(folder) as beside:
        (beside / "half").touch()
        raise KeyError
    assert not any(folder.parent.iterdir())
    left = folder.with_name(".100.partial")  # Of a writer that was killed.
    left.mkdir()
    (left / "half").touch()
    for name in ("one", "two"):
        with whole_folder(folder) as beside:
            (beside / name).touch()
        assert [path.name for path in folder.iterdir()] == [name]
    assert [path.name for path in folder.parent.iterdir()] == ["100"]
