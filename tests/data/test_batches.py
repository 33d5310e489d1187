import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.data import Scan, Source, Tree, open_manifest
from olmix.data.batches import Batches, MixtureOrder, whole_steps
from olmix.errors import UserError
from tests.fake_context import FakeContext

LENGTH = 16


def write_leaf(folder, first, tokens, files=3):
    """A leaf of distinct tokens first, first + 1, ... in files of unequal length."""
    folder.mkdir(parents=True)
    whole = np.arange(first, first + tokens, dtype="<u2")
    for number, part in enumerate(np.array_split(whole, files)):
        part.tofile(folder / f"part-{number:05d}.npy")
    return whole


@pytest.fixture
def manifest(tmp_path):
    write_leaf(tmp_path / "a", 0, 1003)
    write_leaf(tmp_path / "b", 2000, 517)
    write_leaf(tmp_path / "c", 3000, 4099, files=11)
    tree = Tree(sources=[Source(name=name, paths=[f"{tmp_path}/{name}/*.npy"]) for name in "abc"])
    scan = Scan(tree=tree, held_out_tokens=0)
    context = FakeContext(tmp_path)
    context.results[id(scan)] = scan.run(context)
    context.folders[id(scan)] = context.out
    return open_manifest(context, scan)


def order(manifest, tokens=LENGTH * 8 * 25, mixture=None, seed=1, limits=None, batch=8):
    return MixtureOrder(
        mixture=mixture or {"a": 0.5, "b": 0.2, "c": 0.3},
        available=manifest.scan.tokens,
        sequence_length=LENGTH,
        global_batch=batch,
        tokens=tokens,
        seed=seed,
        repetition_limits=limits,
    )


def everything(manifest, plan):
    batches = Batches(manifest, plan)
    return np.concatenate([batches.batch(step) for step in range(plan.steps)])


def test_sequences_are_runs_of_one_leaf(manifest):
    plan = order(manifest)
    rows = everything(manifest, plan)
    assert rows.shape == (200, LENGTH)
    steps = np.diff(rows.astype(int), axis=1)
    ends = {1002 - 0, 516, 4098}
    assert all((row == 1).sum() >= LENGTH - 2 and set(-row[row != 1]) <= ends for row in steps)


def test_tokens_drawn_are_counted_per_leaf_exactly(manifest):
    plan = order(manifest)
    rows = everything(manifest, plan)
    for leaf, low, high in (("a", 0, 1003), ("b", 2000, 2517), ("c", 3000, 7099)):
        seen = int(((rows >= low) & (rows < high)).sum())
        assert plan.drawn()[leaf].tokens == seen
        assert plan.drawn()[leaf].epochs == pytest.approx(seen / (high - low))
    assert sum(part.tokens for part in plan.drawn().values()) == plan.tokens == rows.size
    early = Batches(manifest, plan).read(0, 80)
    assert plan.drawn(steps=10)["b"].tokens == int(((early >= 2000) & (early < 2517)).sum())


@settings(max_examples=40)
@given(st.integers(17, 400), st.integers(1, 17), st.integers(0, 5))
def test_a_leaf_is_repeated_only_after_all_of_it_was_read(available, length, seed):
    draws = 4 * available // length
    plan = MixtureOrder(
        mixture={"x": 1.0}, available={"x": available}, sequence_length=length, global_batch=1,
        tokens=draws * length, seed=seed,
    )  # fmt: skip
    _, places = plan.rows(0, draws)
    read = np.zeros(available, dtype=int)
    for place in places:
        for token in (place + np.arange(length)) % available:
            # No token is read again while another has been read less often.
            assert read[token] == read.min()
            read[token] += 1
    assert read.sum() == draws * length


def test_epochs_are_shuffled_differently(manifest):
    plan = order(manifest, mixture={"b": 1.0}, tokens=LENGTH * 8 * 8)
    _, places = plan.rows(0, 64)
    first, second = places[:32].tolist(), places[33:64].tolist()
    assert first != sorted(first)
    assert [place // LENGTH for place in first[:31]] != [place // LENGTH for place in second]
    assert not np.array_equal(places, order(manifest, mixture={"b": 1.0}, tokens=LENGTH * 64, seed=2).rows(0, 64)[1])


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_the_same_for_any_number_of_readers(manifest, world):
    plan = order(manifest)
    whole = everything(manifest, plan)
    readers = [Batches(manifest, order(manifest)) for _ in range(world)]
    step = 7
    parts = [reader.batch(step, rank, world) for rank, reader in enumerate(readers)]
    assert np.array_equal(np.concatenate(parts), whole[step * 8 : step * 8 + 8])


def test_resuming_anywhere_gives_the_same_batches(manifest):
    whole = everything(manifest, order(manifest))
    late = Batches(manifest, order(manifest))
    for step in (24, 3, 11):
        assert np.array_equal(late.batch(step), whole[step * 8 : step * 8 + 8])
    with pytest.raises(IndexError):
        late.batch(25)


def test_a_limit_holds_exactly(manifest):
    # 517 tokens once are 32 sequences and a bit; the cap in tokens lies between 32 and 33 sequences.
    plan = order(manifest, tokens=LENGTH * 200, mixture={"a": 0.3, "b": 517 / (LENGTH * 200), "c": 0.7 - 517 / 3200},
                 limits={"a": 1.0, "b": 1.0, "c": 1.0})  # fmt: skip
    assert plan.drawn()["b"].sequences == 32
    assert plan.drawn()["b"].epochs <= 1
    assert sum(part.tokens for part in plan.drawn().values()) == LENGTH * 200
    _, tokens = np.unique(everything(manifest, plan), return_counts=True)
    assert tokens.max() == 1


def test_a_leaf_that_holds_less_than_a_draw_within_its_limit_is_left_out(manifest):
    mixture = {"a": 0.5, "b": 0.002, "c": 0.498}
    plan = order(manifest, mixture=mixture, limits={"b": 0.02})
    assert plan.drawn()["b"].sequences == 0
    assert plan.weights["b"] == 0
    assert sum(part.sequences for part in plan.drawn().values()) == plan.sequences


def test_parts_over_chunks(manifest, monkeypatch):
    whole = order(manifest).rows(0, 200)
    monkeypatch.setattr("olmix.data.batches._CHUNK", 48)
    plan = order(manifest)
    for start, stop in ((0, 200), (40, 50), (48, 96), (191, 200), (200, 200), (96, 96)):
        owners, places = plan.rows(start, stop)
        assert np.array_equal(owners, whole[0][start:stop])
        assert np.array_equal(places, whole[1][start:stop])
    with pytest.raises(IndexError):
        plan.rows(0, 201)


def test_more_than_a_limit_is_refused(manifest):
    with pytest.raises(UserError, match=r"Leaf 'b' would be read 1\.24 times .* limit is 1"):
        order(manifest, tokens=LENGTH * 200, limits={"a": 5, "b": 1.0, "c": 1.0})
    with pytest.raises(UserError, match="cannot supply"):
        order(manifest, mixture={"b": 1.0}, tokens=LENGTH * 33, batch=1, limits={"b": 1.0})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mixture": {"a": 0.5, "d": 0.5}}, "unknown leaf 'd'"),
        ({"mixture": {"a": 0.5, "b": 0.4}}, "sum to 0.9"),
        ({"mixture": {"a": 1.5, "b": -0.5}}, "0 or more"),
        ({"tokens": 100}, r"100 training tokens are less than one global batch .*\(128\)"),
    ],
)
def test_a_wrong_mixture_or_budget_is_an_error(manifest, change, says):
    with pytest.raises(UserError, match=says):
        order(manifest, **change)


def test_a_leaf_shorter_than_a_sequence(manifest):
    with pytest.raises(UserError, match="less than one sequence"):
        MixtureOrder(mixture={"a": 1.0}, available={"a": 5}, sequence_length=16, global_batch=1, tokens=64, seed=0)


def test_batches_that_readers_cannot_divide(manifest):
    with pytest.raises(UserError, match="divided among 3"):
        Batches(manifest, order(manifest)).batch(0, 0, 3)


def test_budgets_round_down_to_whole_batches():
    assert whole_steps(1000, 10, 9) == 11
    assert whole_steps(90, 10, 9) == 1


def test_a_file_that_vanished_or_shrank_after_the_scan(manifest):
    plan = order(manifest)
    victim = next(path for path in manifest.leaves["a"].paths)
    with open(victim, "r+b") as file:
        file.truncate(10)
    with pytest.raises(UserError, match="has changed since the data was scanned"):
        everything(manifest, plan)
    status = os.stat(victim)
    with open(victim, "wb") as file:
        file.write(bytes(manifest.leaves["a"].starts[1].item() * 2))
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    with pytest.raises(UserError, match="has changed since the data was scanned"):
        everything(manifest, plan)
    os.remove(victim)
    with pytest.raises(UserError, match="is gone"):
        everything(manifest, plan)
