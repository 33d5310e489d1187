from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmix.errors import UserError
from olmix.proofs.pipeline.decontamination import Foreign, contaminated, read_test_set, runs
from olmix.proofs.pipeline.items import read_items, write_items
from olmix.proofs.pipeline.splitting import Split, nested_order, split_by_key
from olmix.proofs.pipeline.verification import Verify
from tests.proofs.pipeline_items import context, item

SHARES = (0.8, 0.1, 0.1)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("xyz")), min_size=1, max_size=120), st.integers(0, 5))
def test_no_key_is_on_two_sides_and_nothing_is_lost(rows, seed):
    items = [item(n, key=f"k{key}", technique=technique) for n, (key, technique) in enumerate(rows)]
    sides = split_by_key(items, SHARES, seed)
    keys = [{i.key for i in side} for side in sides]
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert not keys[1] & keys[2]
    assert sorted(i.id for side in sides for i in side) == sorted(i.id for i in items)


def test_every_stratum_has_its_share_on_every_side():
    items = [
        item(n, technique="sos" if n % 3 else "cauchy", difficulty="easy" if n % 2 else "hard") for n in range(600)
    ]
    sides = split_by_key(items, SHARES, 0)
    for stratum, count in Counter(i.stratum for i in items).items():
        for side, share in zip(sides, SHARES, strict=True):
            assert abs(sum(i.stratum == stratum for i in side) - share * count) <= 1


def test_a_side_depends_on_keys_and_seed_not_on_the_order_of_items():
    items = [item(n) for n in range(100)]
    once = [{i.id for i in side} for side in split_by_key(items, SHARES, 0)]
    again = [{i.id for i in side} for side in split_by_key(items[::-1], SHARES, 0)]
    other = [{i.id for i in side} for side in split_by_key(items, SHARES, 1)]
    assert once == again
    assert once != other


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.05, 1.0))
def test_every_beginning_is_a_fair_sample(sos, cauchy, share):
    items = [item(n, technique="sos" if n < sos else "cauchy") for n in range(sos + cauchy)]
    ordered = nested_order(items, 0)
    part = ordered[: round(share * len(items))]
    for technique, count in (("sos", sos), ("cauchy", cauchy)):
        assert abs(sum(i.technique == technique for i in part) - count * len(part) / len(items)) <= 1.5


def split_step(tmp_path, items, **settings):
    verify = Verify(generated=(), checked=None)  # type: ignore[arg-type]
    folder = tmp_path / "verified"
    folder.mkdir()
    write_items(folder, items)
    step = Split(items=verify, **settings)
    ctx = context(tmp_path, {verify: folder})
    return step, ctx


def test_a_test_problem_in_train_is_removed_and_named(tmp_path):
    items = [item(n) for n in range(100)]
    victim = split_by_key(items, (0.85, 0.05, 0.1), 0)[0][0]
    # The same inequality in other letters and another order.
    number = victim.id[1:]
    theirs = [
        {"id": "imo-1", "statement": f"y^2 + {number}*x^2 >= 0", "domain": "pos", "constraints": []},
        {"problem": "a riddle"},
    ]
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(theirs))
    from olmix.proofs.pipeline.machine import key_of

    key = key_of("", theirs[0])
    assert key is not None
    keyed = [dataclasses.replace(i, key=key) if i.id == victim.id else i for i in items]
    step, ctx = split_step(tmp_path, keyed, test_sets=(str(path),))
    result = step.run(ctx)
    assert list(result.removed.values()) in ([], ["same key as benchmark.json:imo-1"])
    on_test_side = victim.id in {i.id for i in read_items(ctx.out, "test.jsonl")}
    assert bool(result.removed) != on_test_side
    assert (result.foreign, result.foreign_by_words) == (2, 1)
    assert victim.id not in {i.id for i in read_items(ctx.out, "train.jsonl")}


def test_words_in_a_row_are_caught_and_boilerplate_is_not():
    story = (
        "Let $a, b$ be positive with a + b = 7. Determine all cases in which the gardener wins, and show a b \\le 49/4."
    )
    items = [item(n) for n in range(60)]
    items.append(item(60, problem=story + " Hint: use symmetry."))
    tests = [
        Foreign(id="set:1", problem=story, key=None),
        Foreign(id="set:2", problem=items[0].problem + " or else", key=None),
    ]
    hits = contaminated(items, tests, size=10)
    assert "i60" in hits
    assert "set:1" in hits["i60"]
    # Sixty problems share the opening words: that is boilerplate. The one that shares all of its words is not.
    assert set(hits) <= {"i60", "i0"}


def test_runs_see_through_spacing_and_brackets():
    assert runs(r"$a^{2}+\left(b\right)$ is", 4) == runs(r"$ a ^ 2 + ( b ) $ IS", 4)


def test_bad_test_sets_are_errors(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match="holds no objects"):
        read_test_set(path)
    path.write_text("{")
    with pytest.raises(UserError, match="no JSON"):
        read_test_set(path)
    path.write_text("3")
    with pytest.raises(UserError, match="holds no objects"):
        read_test_set(path)
    path.write_bytes(b"[\xff]")
    with pytest.raises(UserError, match="no text in UTF-8: invalid start byte at byte 1"):
        read_test_set(path)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_test_set(tmp_path)
    with pytest.raises(UserError, match="not there"):
        Split(items=None, test_sets=("/nowhere.json",)).observe()  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no file"):
        Split(items=None, test_sets=(str(tmp_path),)).observe()  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ['{"text": "a^2 >= 0"}', '{"problem": ""}', '{"problem": 7}', '"a^2 >= 0"'])
def test_a_row_of_a_test_set_without_a_problem_is_not_passed_over(tmp_path, row):
    path = tmp_path / "x.json"
    good = '{"problem": "Prove that $a^2 \\\\ge 0$."}'
    path.write_text(f'{{"about": ["words", "of ours"], "problems": [{good}, {row}]}}')
    with pytest.raises(UserError, match=r"Row 2 of the test set .*x\.json has no 'problem' and no 'statement'"):
        read_test_set(path)
    path.write_text(f"{good}\n\n{good}\n")  # JSON lines.
    assert [one.id for one in read_test_set(path)] == ["x.json:0", "x.json:1"]


def test_too_few_items_and_silly_shares_are_errors(tmp_path):
    step, ctx = split_step(tmp_path, [item(0), item(1)])
    with pytest.raises(UserError, match=r"side of the split is empty: 2 items are too few for split\.\w+=0\.\d+\.$"):
        step.run(ctx)
    with pytest.raises(UserError, match="leave something to train on"):
        Split(items=None, validation=0.5, test=0.5)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"run_words .* at least 1; it is 0"):
        Split(items=None, run_words=0)  # type: ignore[arg-type]


def test_a_changed_test_set_changes_what_is_observed(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('[{"problem": "one"}]')
    step = Split(items=None, test_sets=(str(path),))  # type: ignore[arg-type]
    before = step.observe()
    path.write_text('[{"problem": "two"}]')
    assert step.observe() != before
