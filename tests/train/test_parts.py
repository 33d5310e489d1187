"""Checkpoints in parts: what any number of processes wrote, any number reads, or not at all if something of it is missing."""

from __future__ import annotations

import contextlib
import errno
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olmix.train import parts
from olmix.train.checkpoint import Checkpoints
from olmix.train.distributed import World
from olmix.train.parts import Rows, joined, span, split
from olmix.train.shelves import Folder

ROWS = st.integers(0, 12)
SIZES = st.integers(1, 6)


def tensor(rows: int, value: float = 0.0) -> torch.Tensor:
    return torch.arange(rows * 2, dtype=torch.float32).reshape(rows, 2) + value


def held(rows: int, rank: int, size: int, value: float = 0.0) -> dict[str, Any]:
    """What one of several has of a state: a sharded tensor, in two places, and what all have alike."""
    mine = span(rows, rank, size)
    values = tensor(rows, value)[mine]
    return {"model": {"x": Rows(values, mine.start, rows)}, "list": [Rows(-values, mine.start, rows), 3], "n": value}


@given(rows=ROWS, size=SIZES)
def test_rows_are_those_of_chunk(rows: int, size: int) -> None:
    """`torch.chunk` is what FSDP2 shards by; it gives fewer chunks where there are too few rows, and the rest have none."""
    chunks = [chunk.tolist() for chunk in torch.arange(rows).chunk(size)] if rows else []
    spans = [list(range(rows))[span(rows, rank, size)] for rank in range(size)]
    assert [rows for rows in spans if rows] == [chunk for chunk in chunks if chunk]


@given(rows=ROWS, wrote=SIZES, reads=SIZES)
def test_any_number_reads_what_any_number_wrote(rows: int, wrote: int, reads: int) -> None:
    states = [split(held(rows, rank, wrote)) for rank in range(wrote)]
    together = []
    for rank in range(reads):
        asked: list[int] = []

        def open_part(number: int, asked: list[int] = asked) -> dict[str, torch.Tensor]:
            asked.append(number)
            return states[number][1]

        found = joined(states[0][0], wrote, open_part, rank, reads)
        assert len(asked) == len(set(asked))
        assert reads != wrote or set(asked) <= {rank}  # As many as before: each opens its own alone.
        assert (found["n"], found["list"][1]) == (0.0, 3)
        for mine in (found["model"]["x"], found["list"][0]):
            assert reads == 1 or (mine.start, mine.of) == (span(rows, rank, reads).start, rows)
        together.append([mine if reads == 1 else mine.values for mine in (found["model"]["x"], found["list"][0])])
    assert torch.equal(torch.cat([x for x, _ in together]), tensor(rows))
    assert torch.equal(torch.cat([y for _, y in together]), -tensor(rows))


def test_what_was_never_sharded_stays_as_it_is() -> None:
    state = {"x": tensor(3), "t": (1, [2])}
    common, mine = split(state)
    assert mine == {}
    assert joined(common, 0, lambda _: {}, 0, 1) == state


def save(folder: pathlib.Path, step: int, size: int, attempt: str = "one", **how: Any) -> None:
    """As `size` processes do that save one after the other."""
    for rank in how.pop("ranks", range(size)):
        world = World(rank, size, True, attempt)
        Checkpoints(folder, world=world, **how.pop("of", {})).save(step, held(7, rank, size, step), wait=True, **how)


def whole(folder: pathlib.Path) -> tuple[int, torch.Tensor] | None:
    found = Checkpoints(folder).newest()
    return found and (found[0], found[1]["model"]["x"])


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_other_numbers_of_processes_go_on(tmp_path, size: int) -> None:
    save(tmp_path, 10, 3)
    pieces = []
    for rank in range(size):
        newest = Checkpoints(tmp_path, world=World(rank, size, size > 1)).newest()
        assert newest is not None
        assert newest[0] == 10
        x = newest[1]["model"]["x"]
        pieces.append(x if size == 1 else x.values)
    assert torch.equal(torch.cat(pieces), tensor(7, 10))


def test_each_process_writes_no_more_than_its_part(tmp_path) -> None:
    for rank in range(2):
        state = {"x": Rows(torch.zeros(1, 10**6).expand(1, 10**6)[:, : 500_000 * (rank + 1)], rank, 2)}
        Checkpoints(tmp_path, world=World(rank, 2, True)).save(1, state, wait=True)
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.pt")}
    assert 2_000_000 < sizes["step-000000000001.part-0000-of-0002.pt"] < 2_010_000
    assert 4_000_000 < sizes["step-000000000001.part-0001-of-0002.pt"] < 4_010_000
    assert sizes["step-000000000001.pt"] < 10_000


@pytest.mark.parametrize("what", ["main", "part", "note", "main's note", "other attempt"])
def test_without_all_its_parts_it_is_none(tmp_path, what: str, caplog) -> None:
    save(tmp_path, 10, 2)
    save(tmp_path, 20, 2)
    last = tmp_path / "step-000000000020.pt"
    part = tmp_path / "step-000000000020.part-0001-of-0002.pt"
    if what == "other attempt":
        save(tmp_path, 20, 2, attempt="two", ranks=[0])
    else:
        {"main": last, "part": part, "note": part.with_suffix(".json"), "main's note": last.with_suffix(".json")}[
            what
        ].unlink()
    assert Checkpoints(tmp_path).steps() == [10]
    found = whole(tmp_path)
    assert found is not None
    assert found[0] == 10
    assert torch.equal(found[1], tensor(7, 10))
    assert "step-000000000020" in caplog.text or what == "main"


def test_a_damaged_part_is_named_by_who_needs_it(tmp_path, caplog) -> None:
    save(tmp_path, 10, 2)
    save(tmp_path, 20, 2)
    part = tmp_path / "step-000000000020.part-0001-of-0002.pt"
    content = part.read_bytes()
    part.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    found = [Checkpoints(tmp_path, world=World(rank, 2, True)).newest() for rank in range(2)]
    assert [each and each[0] for each in found] == [
        20,
        10,
    ]  # What the processes then agree on is `run._newest`'s matter.
    assert f"Skipped checkpoint {part}: its content is damaged." in caplog.text
    part.write_bytes(content[:-1])
    assert whole(tmp_path)[0] == 10  # type: ignore[index]
    assert f"{part}: it has {len(content) - 1} of {len(content)} bytes." in caplog.text


def test_old_ones_and_pieces_of_older_ones_go(tmp_path) -> None:
    """What an attempt with other processes has left unfinished goes too; what is marked stays with all its parts."""
    save(tmp_path, 5, 4, ranks=[1, 2])
    save(tmp_path, 10, 2, mark="period-end")
    for step in (20, 30, 40, 50):
        save(tmp_path, step, 2)
    kept = {int(path.name[5:17]) for path in tmp_path.iterdir()}
    assert kept == {
        10,
        30,
        40,
        50,
    }  # The first saw its own part of 50 and not yet the other's: one more stays meanwhile.
    assert len(list(tmp_path.iterdir())) == 4 * 6
    save(tmp_path, 60, 1)  # No part at all: of a model that one process holds.
    assert Checkpoints(tmp_path).steps()[-1] == 60


def test_saved_again_the_parts_stay(tmp_path) -> None:
    """Of the attempt that wrote them: a kill between two parts of another one would leave a checkpoint of neither."""
    save(tmp_path, 10, 3, mark="period-end")
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*part*")}
    for rank in range(2):  # Fewer processes than had written it.
        one = Checkpoints(tmp_path, world=World(rank, 2, True, "two"))
        one.save(10, held(7, rank, 2, 10) | {"list": ["measured"]}, wait=True, mark="period-end", again=True)
        assert Checkpoints(tmp_path).steps() == [10]
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*part*")} == before
    found = Checkpoints(tmp_path).at(10)
    assert found is not None
    assert torch.equal(found["model"]["x"], tensor(7, 10))
    assert found["list"] == ["measured"]
    Checkpoints(tmp_path).save(20, {"x": tensor(7)}, wait=True)  # One process alone, and then several again.
    whole = Checkpoints(tmp_path, world=World(0, 2, True, "three"))
    whole.save(20, held(7, 0, 2), wait=True, again=True)
    assert Checkpoints(tmp_path).at(20)["x"].shape == (7, 2)  # type: ignore[index]


def test_parts_lie_elsewhere_too(tmp_path) -> None:
    for step in (10, 20):
        for rank in range(2):
            one = Checkpoints(tmp_path / "here", store=str(tmp_path / "there"), world=World(rank, 2, True, "a"))
            one.save(step, held(7, rank, 2, step), wait=True)
    other = Checkpoints(tmp_path / "anew", store=str(tmp_path / "there"), world=World(1, 2, True))
    newest = other.newest()
    assert newest is not None
    assert (newest[0], newest[1]["model"]["x"].start) == (20, 4)
    other.forget_remote()
    assert not (tmp_path / "there").exists()


def test_a_disk_that_refuses_is_what_the_save_says(tmp_path, monkeypatch) -> None:
    """And not what torch makes of it: that a file is not as long as it should be."""

    @contextlib.contextmanager
    def full(folder: Folder, name: str) -> Iterator[Any]:
        with open("/dev/full", "wb", buffering=0) as file:
            yield file

    monkeypatch.setattr(Folder, "writing", full)
    with pytest.raises(OSError, match="No space left") as refused:
        Checkpoints(tmp_path).save(1, {"x": torch.zeros(10**5)}, wait=True)
    assert refused.value.errno == errno.ENOSPC


def test_what_a_killed_attempt_was_writing_is_removed(tmp_path) -> None:
    save(tmp_path, 10, 2)
    left = tmp_path / ".step-000000000020.pt.17.tmp"
    left.write_bytes(b"half")
    Checkpoints(tmp_path).tidy()
    assert not left.exists()
    assert Checkpoints(tmp_path).steps() == [10]
    Checkpoints(tmp_path / "nowhere").tidy()


def test_rows_of_a_process_are_spread_by_the_number_that_wrote() -> None:
    assert parts.needed(7, 3, 0, 2) == [(0, slice(0, 3)), (1, slice(0, 1))]
    assert parts.needed(7, 3, 1, 2) == [(1, slice(1, 3)), (2, slice(0, 1))]
    assert parts.needed(2, 2, 2, 3) == []
