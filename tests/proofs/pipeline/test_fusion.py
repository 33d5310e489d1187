from __future__ import annotations

import fiddle as fdl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.errors import UserError
from olmix.proofs.pipeline.fusion import Component, TrainingSet, interleave, merged, resolve_size
from olmix.proofs.pipeline.items import read_items, write_items
from olmix.proofs.pipeline.splitting import Split
from tests.proofs.pipeline_items import context, item


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4), st.integers(1, 200))
def test_every_beginning_has_the_shares(weights, size):
    shares = [weight / sum(weights) for weight in weights]
    pools = [[item(1000 * pool + n) for n in range(7)] for pool in range(len(shares))]
    chosen = interleave(pools, shares, size)
    assert len(chosen) == size
    for end in range(1, size + 1):
        for pool, share in enumerate(shares):
            assert abs(sum(own == pool for own, _ in chosen[:end]) - share * end) <= len(shares)


def test_variants_replace_by_name_add_and_remove():
    base = [fdl.Config(Component, name="a", share=1.0), fdl.Config(Component, name="b", share=2.0)]
    variant = [fdl.Config(Component, name="b", share=0.0), fdl.Config(Component, name="c", share=3.0)]
    assert [(c.name, c.share) for c in merged(base, variant)] == [("a", 1.0), ("b", 0.0), ("c", 3.0)]


def test_the_size_follows_from_the_smallest_component():
    components = [Component(name="a", items="x", share=1), Component(name="b", items="x", share=3)]
    assert resolve_size(components, [100, 60], [0.25, 0.75], None, 1.0) == 80
    assert resolve_size(components, [100, 60], [0.25, 0.75], None, 2.0) == 160
    with pytest.raises(UserError, match=r"needs 150 items of 'b' and it has 60 .* at most size=80"):
        resolve_size(components, [100, 60], [0.25, 0.75], 200, 1.0)


@pytest.fixture
def made(tmp_path):
    split = Split(items=None)  # type: ignore[arg-type]
    folder = tmp_path / "split"
    folder.mkdir()
    train = [
        item(n, technique="sos" if n % 2 else "cauchy", source="m" if n % 4 < 2 else "symbolic") for n in range(40)
    ]
    write_items(folder, train, "train.jsonl")
    write_items(folder, [item(900), item(901)], "test.jsonl")
    return split, context(tmp_path, {split: folder}), tmp_path


def test_components_filter_by_technique_and_writer_and_counts_add_up(made):
    split, ctx, _ = made
    step = TrainingSet(
        components=(
            Component(name="squares", items=split, share=1, techniques=("sos",), writers=("m",)),
            Component(name="titu", items=split, share=1, techniques=("cauchy",)),
            Component(name="off", items=split, share=0),
        ),
        split=split,
    )
    result = step.run(ctx)
    assert [(c.name, c.available, c.used) for c in result.components] == [("squares", 10, 10), ("titu", 20, 10)]
    rows = read_items(ctx.out, "train.jsonl")
    assert [row.technique for row in rows] == ["sos", "cauchy"] * 10


def test_a_test_problem_in_a_component_from_outside_is_refused_and_named(made):
    split, ctx, tmp_path = made
    write_items(tmp_path, [item(5), item(777, key="k900")], "extra.jsonl")
    step = TrainingSet(components=(Component(name="extra", items=str(tmp_path / "extra.jsonl")),), split=split)
    with pytest.raises(UserError, match=r"1 training items are problems of the test set, such as i777 \(= i900\)"):
        step.run(ctx)


def test_a_key_from_outside_does_not_hide_a_test_problem(made):
    split, ctx, tmp_path = made
    write_items(tmp_path, [item(5), item(900, key="another")], "extra.jsonl")
    step = TrainingSet(components=(Component(name="extra", items=str(tmp_path / "extra.jsonl")),), split=split)
    with pytest.raises(UserError, match=r"1 training items are problems of the test set, such as i900 \(= i900\)"):
        step.run(ctx)


def test_shares_are_resolved_before_anything_is_there(made):
    split, *_ = made
    components = (("a", 1.0), ("b", 3.0), ("off", 0.0))
    step = TrainingSet(
        components=tuple(Component(name=n, items=split, share=share) for n, share in components), split=split
    )
    assert step.declared() == ("a: share 0.250", "b: share 0.750")


def test_a_file_from_outside_that_holds_no_items_is_named_with_its_line(made):
    split, ctx, tmp_path = made
    path = tmp_path / "extra.jsonl"
    write_items(tmp_path, [item(5)], "extra.jsonl")
    path.write_bytes(path.read_bytes() + b'{"problem": "p", "proof": "q"}\n')
    step = TrainingSet(components=(Component(name="extra", items=str(path)),), split=split)
    with pytest.raises(
        UserError, match=r"component 'extra' .* line 2 of .*extra\.jsonl is no item .*missing required field"
    ):
        step.run(ctx)


def test_mistakes_are_named(made):
    split, ctx, _ = made
    with pytest.raises(UserError, match="share a name: a, a"):
        TrainingSet(components=(Component(name="a", items=split), Component(name="a", items=split)), split=split)
    with pytest.raises(UserError, match="no component with a share above 0"):
        TrainingSet(components=(Component(name="a", items=split, share=0),), split=split)
    with pytest.raises(UserError, match=r"component 'b' of the training set has share=-0\.5"):
        TrainingSet(
            components=(Component(name="a", items=split), Component(name="b", items=split, share=-0.5)), split=split
        )
    whole = (Component(name="a", items=split),)
    with pytest.raises(UserError, match=r"training_set\.size .* it is 0"):
        TrainingSet(components=whole, split=split, size=0)
    with pytest.raises(UserError, match=r"training_set\.repetition .* it is 0"):
        TrainingSet(components=whole, split=split, repetition=0)
    with pytest.raises(UserError, match=r"technique 'soss', which it does not have \(nearest: sos\)"):
        TrainingSet(components=(Component(name="a", items=split, techniques=("soss",)),), split=split).run(ctx)
    with pytest.raises(
        UserError, match=r"file 'trian\.jsonl' of a step that wrote .*train\.jsonl.* \(nearest: train\.jsonl"
    ):
        TrainingSet(components=(Component(name="a", items=split, file="trian.jsonl"),), split=split).run(ctx)
    with pytest.raises(UserError, match="which is no file"):
        TrainingSet(components=(Component(name="a", items="/"),), split=split).observe()
    with pytest.raises(UserError, match="which is not there"):
        TrainingSet(components=(Component(name="a", items="/nowhere.jsonl"),), split=split).observe()
