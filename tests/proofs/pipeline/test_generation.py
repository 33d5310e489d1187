"""Shards: what a killed one keeps, what a larger run adds, and the compact problems themselves."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from olmix.errors import UserError
from olmix.graph import identity
from olmix.graph.resources import Needs
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length, Sampling
from olmix.language_models.vllm_backend import Vllm
from olmix.proofs.pipeline import compact
from olmix.proofs.pipeline.checking import Checking, look_at_all
from olmix.proofs.pipeline.generation import Generate, Generated, GenerateShard
from olmix.proofs.pipeline.items import read_items, write_items
from olmix.proofs.pipeline.machine import look
from olmix.proofs.pipeline.sources import Compact, Prompted
from tests.language_models.endpoint import serving
from tests.proofs.pipeline_items import context


def shard_step(url: str) -> GenerateShard:
    source = Prompted(
        techniques=("sos",), length=Length(max_length=8192), batch=4, sampling=Sampling(temperature=0.8, max_new_tokens=64),
        backend=OpenAI(model="m", base_url=url, concurrency=1),
    )  # fmt: skip
    return GenerateShard(source=source, number=0, count=24, seed=5)


def test_a_killed_shard_goes_on_where_it_was(tmp_path: pathlib.Path):
    def answer(body: dict) -> str:
        time.sleep(0.05)
        return f"Problem: $a^2 \\ge 0$ ({body['seed']})\nProof: a square"

    script = f"""
import pathlib, sys
sys.path.insert(0, {os.getcwd()!r})
from tests.proofs.pipeline.test_generation import *
shard_step(sys.argv[1]).run(context(pathlib.Path({str(tmp_path)!r}), {{}}))
"""
    with serving(answer) as endpoint:
        process = subprocess.Popen([sys.executable, "-c", script, endpoint.url])
        deadline = time.monotonic() + 300
        while len(endpoint.bodies) < 9 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked = len(endpoint.bodies)
        assert 9 <= asked < 24
        result = shard_step(endpoint.url).run(context(tmp_path, {}))
    assert (result.items, result.failed) == (24, {})
    # At most the call that was under way is paid for twice.
    assert len(endpoint.bodies) <= 24 + 1


def test_more_problems_are_new_shards_and_the_old_ones_stay():
    source = Compact(techniques=("sos", "cauchy"))
    few = Generate(source=source, count=20, shard=10).pieces(None)  # type: ignore[arg-type]
    many = Generate(source=source, count=40, shard=10).pieces(None)  # type: ignore[arg-type]
    assert list(many)[:2] == list(few)
    assert all(many[name] == piece for name, piece in few.items())
    assert len(many) == 4


def test_the_cap_is_for_all_shards_together_and_no_part_of_what_they_are():
    def shards(cap: float) -> list[GenerateShard]:
        backend = OpenAI(
            model="m", base_url="http://h/v1", price=Price(input_per_million=1, output_per_million=1), cap_dollars=cap
        )
        source = Prompted(techniques=("sos",), length=Length(max_length=2048), backend=backend)
        return list(Generate(source=source, count=25, shard=10).pieces(None).values())  # type: ignore[arg-type]

    assert [shard.source.backend.cap_share for shard in shards(50.0)] == pytest.approx([0.4, 0.4, 0.2])  # type: ignore[attr-defined]
    for one, other in zip(shards(50.0), shards(5.0), strict=True):
        assert identity.fingerprint(one, lambda step: None, one.observe()) == identity.fingerprint(
            other, lambda step: None, other.observe()
        )


def test_a_problem_that_two_shards_wrote_is_kept_once_and_counted(tmp_path):
    generate = Generate(source=Compact(techniques=("sos",)), count=20, shard=10)
    pieces = {}
    for name, piece in generate.pieces(None).items():  # type: ignore[arg-type]
        (tmp_path / name).mkdir()
        written = Compact(techniques=("sos",)).write(
            10, 0 if name == "shard-000" else 1, name, context(tmp_path, {}), None
        )
        copied = [dataclasses.replace(written.items[3], problem="x", key="same"), *written.items[4:]]
        write_items(tmp_path / name, copied)
        pieces[piece] = (
            tmp_path / name,
            Generated(items=7, asked=10, failed={}, by_technique={"sos": 7}, engines=("compact",)),
        )
    ctx = context(tmp_path, {})
    ctx.folder, ctx.read = (lambda step: pieces[step][0]), (lambda step: pieces[step][1])  # type: ignore[method-assign]
    done = generate.run(ctx)
    kept = read_items(ctx.out)
    assert (done.items, done.failed) == (13, {"repeats another item": 1})
    assert [item.id for item in kept if item.key == "same"] == ["shard-000-00003"]
    assert done.by_technique == {"sos": 13}


def test_a_shard_is_the_same_again_and_another_is_other(tmp_path):
    source = Compact(techniques=compact.TECHNIQUES)
    ctx = context(tmp_path, {})
    one = source.write(40, 1, "p", ctx, None)
    assert one == source.write(40, 1, "p", ctx, None)
    other = source.write(40, 2, "p", ctx, None)
    assert {i.problem for i in one.items} != {i.problem for i in other.items}
    assert len({i.problem for i in one.items}) == 40
    assert {i.technique for i in one.items} == set(compact.TECHNIQUES)


@pytest.fixture
def poor_sos(monkeypatch):
    """Easy sums of squares in 6 orders of the letters and 4 wordings."""
    monkeypatch.setitem(compact._FAMILIES, ("sos", "easy"), (compact._three_points(1),))
    return 24


def test_a_source_that_repeats_itself_says_so(tmp_path, poor_sos):
    source = Compact(techniques=("sos",), difficulties=("easy",))
    written = source.write(100, 0, "p", context(tmp_path, {}), None)
    assert len(written.items) == poor_sos
    assert written.failed == {"repeats itself": 100 - poor_sos}


@pytest.mark.slow
def test_compact_proofs_are_accepted_by_the_checker():
    made = [row for technique in compact.TECHNIQUES for row in itertools.islice(compact.write(technique, 11), 6)]
    looks = look_at_all(
        [(problem, proof, None) for problem, proof, _ in made], Checking(seconds_each=30), 2, lambda *_: None
    )
    assert [(look.verdict, look.detail) for look in looks] == [("accepted", "")] * len(made)


def test_what_does_not_fit_is_said_when_the_step_is_made():
    source = Prompted(
        techniques=("sos",), length=Length(max_length=2048),
        backend=Vllm(model="Qwen/Qwen2.5-Math-72B-Instruct", tensor_parallel=2),
    )  # fmt: skip
    with pytest.raises(UserError, match=r"does not fit on each of 2 A100: weights 67\.7"):
        Generate(source=source, count=10, shard=5, each_needs=Needs(gpus=2, accelerator="A100"))


def test_unknown_techniques_are_named():
    for none in ((), ("sos", "sos")):
        with pytest.raises(UserError, match=r"techniques are different ones of .*, at least one"):
            Compact(techniques=none)
    with pytest.raises(UserError, match=r"Unknown technique 'cauhcy' \(nearest: cauchy\)"):
        Compact(techniques=("cauhcy",))


def test_compact_problems_of_one_difficulty_and_a_technique_that_runs_dry(tmp_path, poor_sos):
    source = Compact(techniques=("sos", "cauchy"), difficulties=("easy",))
    written = source.write(300, 0, "p", context(tmp_path, {}), None)
    counts = {name: sum(item.technique == name for item in written.items) for name in source.techniques}
    # The few of one technique do not hold up the other.
    assert 20 <= counts["sos"] <= poor_sos
    assert sum(counts.values()) == 300
    assert {item.difficulty for item in written.items} == {"easy"}
    with pytest.raises(UserError, match=r"Compact\.difficulties are some of easy, medium"):
        Compact(techniques=("cauchy",), difficulties=("hard",))


@pytest.mark.parametrize("proof", ["We have $1 \\ge 0$.", "Squares: $$ \\left(2 a - 5 b\\right)^{2} \\ge 0. $$"])
def test_true_words_about_something_else_prove_nothing_even_where_the_claim_is_plain(proof):
    problem = "Let $a, b$ be positive real numbers. Prove that $$ 9 a^{2} + 16 b^{2} \\ge 24 a b. $$"
    assert look(problem, proof).verdict == "undecided"
    assert look(problem, "Squares: $$ \\left(3 a - 4 b\\right)^{2} \\ge 0. $$").verdict == "accepted"
