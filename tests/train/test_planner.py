from __future__ import annotations

import dataclasses
import pathlib

import pytest

from olmix.errors import UserError
from olmix.graph import identity
from olmix.graph.hardware import PROFILES, hardware_of
from olmix.graph.resources import Needs
from olmix.graph.step import NotYet
from olmix.train import evaluate, loss, memory, planner
from olmix.train.ladder import Foreign, count_parameters, padded
from olmix.train.probing import Probe
from olmix.train.settings import Device, Proxy, SkipRule, Tasks
from olmix.train.steps import Swarm
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)
from tests.train.test_steps import Given

A100, V100 = (Needs(gpus=1, accelerator=name) for name in ("A100", "V100"))


def proxy(model: str = "olmo3_14m", **changes) -> Proxy:
    return Proxy(
        **{"model": model, "vocabulary": 100_278, "sequence_length": 2048, "chinchilla_multiple": 0.5, **changes}
    )


def test_operations_are_tokens_times_the_convention() -> None:
    """14m: 6 · 13.9M + 12 · 128 · 2,048 · 4 layers (windows of 4,096 see all of 2,048), over 139,984,896 tokens."""
    found = planner.estimate(proxy(), PROFILES["A100"])
    assert found is not None
    assert found.flops == pytest.approx(139_984_896 * (6 * 13_895_808 + 12 * 128 * 2048 * 4))
    assert found.guessed


def test_a_probe_replaces_the_guess() -> None:
    speed = planner.Speed(device="A100", tokens_per_second=1e6, memory_gib=3.0, steps=20)
    found = planner.estimate(proxy(), PROFILES["A100"], speed)
    assert found is not None
    assert found.hours == pytest.approx(139_984_896 / 1e6 / 3600)
    assert (found.memory_gib, found.guessed) == (3.0, False)
    text = "\n".join(planner.lines(proxy(), 10, A100, speed))
    assert "from a probe of 20 steps" in text
    assert "guessed" not in text


def test_memory_knows_what_cannot_fit() -> None:
    """A 7b model with its gradients and moments takes 16 bytes a parameter: 117 GB, more than an A100 has, less than four."""
    text = "\n".join(planner.lines(proxy("olmo3_7b"), 1, A100))
    assert "DOES NOT FIT" in text
    four, eight = (planner.estimate(proxy("olmo3_7b", device=Device(processes=n)), PROFILES["H100"]) for n in (2, 8))
    assert four is not None
    assert eight is not None
    assert (four.fits, eight.fits) == (False, True)
    assert planner.estimate(proxy("olmo3_190m"), PROFILES["V100"]).fits  # type: ignore[union-attr]


def test_the_micro_batch_is_the_largest_half_of_the_batch_that_fits() -> None:
    """Of 512 sequences at once, 14m fills 45 GiB: an A100 of 40 takes half of them, one of 80 all of them."""
    large = proxy(batch_tokens=512 * 2048, chinchilla_multiple=8)
    small = planner.estimate(large, PROFILES["A100"])
    whole = planner.estimate(large, hardware_of(Needs(gpus=1, accelerator="A100", gpu_memory_gib=80)))
    assert small is not None
    assert whole is not None
    assert (small.micro_batch, whole.micro_batch) == (256, 512)
    assert small.memory_gib < memory.room_gib(40) < whole.memory_gib
    asked = planner.estimate(dataclasses.replace(large, device=Device(micro_batch=100)), PROFILES["A100"])
    assert asked is not None
    assert asked.micro_batch == 100
    assert "with 256 sequences at once" in "\n".join(planner.lines(large, 1, A100))


def test_what_is_planned_knows_the_slices_of_the_loss() -> None:
    assert memory.SLICE == loss.GPU_SLICE


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, 1),
        ({"needs": Needs(gpus=1, accelerator="H200")}, 1),
        ({"batch_tokens": 2048}, 4),
        ({"batch_tokens": 8192}, 1),
        ({"batch_tokens": 2048, "vocabulary": 4096}, 16),
        ({"batch_tokens": 2048, "vocabulary": 4096, "needs": V100}, 8),
        ({"batch_tokens": 2048, "vocabulary": 4096, "needs": Needs(gpus=1, accelerator="H200")}, 32),
        ({"batch_tokens": 2048, "vocabulary": 4096, "variants": 5}, 4),
        ({"batch_tokens": 2048, "vocabulary": 4096, "variants": 1}, 1),
        ({"batch_tokens": 2048, "vocabulary": 4096, "model": "olmo3_1b"}, 1),
        (
            {
                "batch_tokens": 2048,
                "vocabulary": 4096,
                "needs": Needs(gpus=1, accelerator="A100", gpu_memory_gib=2),
            },
            4,
        ),
        ({"batch_tokens": 2048, "vocabulary": 4096, "needs": Needs()}, 1),
        ({"batch_tokens": 2048, "vocabulary": 4096, "needs": Needs(gpus=1)}, 1),
        ({"batch_tokens": 2048, "model": Foreign(model_type="llama")}, 1),
    ],
)
def test_stacks_are_for_steps_that_are_done_before_the_next_is_launched(changes, size) -> None:
    """By their launches and bytes: the recipe's batch and vocabulary keep any GPU busy, a batch of one sequence does not."""
    needs, variants = changes.pop("needs", A100), changes.pop("variants", 128)
    asked = proxy(changes.pop("model", "olmo3_14m"), **changes)
    assert planner.stack_size(asked, needs, variants) == size


def test_a_stack_is_as_fast_as_its_launches_or_its_bytes_allow() -> None:
    small = proxy(batch_tokens=2048, vocabulary=4096)
    launches, work = planner.step_seconds(small, PROFILES["A100"])
    assert launches == 8e-6 * (127 + 208 * 4 + 34)
    assert work < launches
    many, all_work = planner.step_seconds(small, PROFILES["A100"], 8)
    assert many == 8e-6 * (177 + 321 * 4 + 34)
    assert all_work == pytest.approx(8 * work)
    said = "\n".join(planner.lines(small, 128, A100, stack=8))
    assert f"8 variants side by side in one model: the operations of a step take about {1000 * many:.3g} ms to" in said
    assert f"and {1000 * work:.3g} ms of the A100 for each variant (by arithmetic)" in said
    assert "8 variants side by side in one model\n" in "\n".join(planner.lines(small, 128, Needs(gpus=1), stack=8))


def test_guesses_grow_with_the_model_and_stay_shares() -> None:
    shares = [planner.utilisation(n) for n in (1e5, 1e6, 14e6, 1e8, 1e9, 1e11)]
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] <= 0.5


def test_lines_say_tokens_and_rounding_and_every_kind_of_gpu_where_none_is_named() -> None:
    text = "\n".join(planner.lines(proxy(), 128, Needs(gpus=1)))
    budget = (
        "139,984,896 tokens = 0.5 × 20 × 14,000,000 (olmo3_14m) = 140,000,000, rounded down to 1,068 global batches"
    )
    assert f"each {budget} of 64 × 2,048 tokens" in text
    assert f"128 runs, {128 * 139_984_896:,} tokens" in text
    # 4 layers of 4 · 128² + 3 · 128 · 512 + 4 · 128, one norm more, and a head of 100,352 · 128.
    body = 4 * (4 * 128**2 + 3 * 128 * 512 + 4 * 128) + 128
    counted = (
        f"{body + 100_352 * 128:,} parameters beside the input embedding (14,000,000 by its name), {body:,} without"
    )
    assert counted in text
    assert all(kind in text for kind in ("A100", "V100", "H100", "H200"))
    foreign = Foreign(model_type="llama")
    few = planner.lines(
        proxy(foreign, tokens=10**6, chinchilla_multiple=None, batch_tokens=2048, learning_rate=1e-3, warmup_tokens=0),
        2,
        A100,
    )
    assert len(few) == 2


def test_probe_measures_and_a_dry_run_reads_it(graph, tmp_path) -> None:  # noqa: F811
    corpus.write(tmp_path / "corpus")
    settings = toys.proxy()
    probe = Probe(proxy=settings, steps=3)
    design = Given(names=("a", "b"), weights=((0.5, 0.5, 0.0), (0.2, 0.3, 0.5)))
    swarm = Swarm(design=design, scan=corpus.scan(tmp_path / "corpus"), proxy=settings, probe=probe)
    text = "\n".join(swarm.forecast(graph))
    assert "from a probe of 3 steps" in text
    assert f"2 runs, {2 * 30 * 128:,} tokens" in text

    class Unknown(corpus.Graph):
        def read(self, step):
            if isinstance(step, Probe):
                raise NotYet("probe")
            return super().read(step)

    assert "guessed" in "\n".join(swarm.forecast(Unknown(tmp_path / "other")))
    assert dataclasses.replace(swarm, probe=None).pieces(graph) == swarm.pieces(graph)
    for other, says in (
        (dataclasses.replace(probe, needs=Needs(cpus=2)), "its hardware is 2 CPUs, and theirs 1 CPU;"),
        (dataclasses.replace(probe, proxy=toys.proxy(batch_tokens=256)), "its batch_tokens is 256, and theirs 128;"),
    ):
        with pytest.raises(UserError, match=says):
            dataclasses.replace(swarm, probe=other).pieces(graph)
    assert dataclasses.replace(swarm, probe=dataclasses.replace(probe, proxy=toys.proxy(tokens=1280))).pieces(graph)


def test_a_probe_is_of_the_hardware_that_it_was_measured_on() -> None:
    """The settings that change no result of a run change what a probe measures: it is measured again, and not believed."""
    one = Probe(proxy=toys.proxy())
    others = [
        Probe(proxy=toys.proxy(), needs=Needs(cpus=2)),
        Probe(proxy=toys.proxy(), needs=A100),
        Probe(proxy=toys.proxy(device=Device(dtype="float32", attention="sdpa", threads=2))),
        Probe(proxy=toys.proxy(device=Device(dtype="float32", attention="sdpa", micro_batch=1))),
    ]
    kinds = {identity.fingerprint(probe, lambda _: None, probe.observe()) for probe in (one, *others)}
    assert len(kinds) == 5
    patient = dataclasses.replace(one, needs=Needs(patience_minutes=5.0))
    assert patient.observe() == one.observe()


def test_a_probe_that_diverges_has_a_speed_all_the_same(graph) -> None:  # noqa: F811
    settings = toys.proxy(learning_rate=1e30, clip=0.0, skip=SkipRule(enabled=False))
    assert graph.read(Probe(proxy=settings, steps=3)).tokens_per_second > 0
    with pytest.raises(UserError, match="at least 1 step; it has steps=0"):
        Probe(proxy=settings, steps=0)


def test_a_run_may_be_silent_for_half_an_hour_and_as_long_as_its_longest_step_takes() -> None:
    """By hand: 30 minutes, 20 steps at the guessed speed, and 16 bytes a parameter to a disk of 50 MB/s."""
    found = planner.patience(proxy(), A100)
    step = 131_072 * (6 * 13_895_808 + 12 * 128 * 2048 * 4) / (3.12e14 * planner.utilisation(13_895_808))
    written = 16 * count_parameters("olmo3_14m", padded(100_278)).total
    assert found == pytest.approx(30 + (20 * step + written / 50e6) / 60)
    assert 30 < found < 31
    stored = planner.patience(proxy(checkpoint_store="s3://bucket/runs"), A100)
    assert stored == pytest.approx(found + written / 10e6 / 60)
    assert planner.patience(proxy(), A100, 16) == pytest.approx(30 + 16 * (found - 30))


def test_who_is_slower_may_be_silent_longer_and_of_the_unknown_nobody_says() -> None:
    small, large = (planner.patience(proxy(name), A100) or 0 for name in ("olmo3_14m", "olmo3_1b"))
    many = dataclasses.replace(A100, gpus=64)
    huge = planner.patience(proxy("olmo3_32b", device=Device(processes=64)), many) or 0
    assert 30 < small < large < huge < 10 * 60
    unknown, cpu = (planner.patience(proxy(), needs) or 0 for needs in (Needs(gpus=1), Needs()))
    assert small < unknown < cpu < 24 * 60
    assert planner.patience(proxy(Foreign(model_type="llama"), learning_rate=1e-3), A100) is None
    assert planner._EVALUATED_AT_ONCE == evaluate.EVALUATION_TOKENS


def test_device_hours_are_those_of_one_run_times_the_runs() -> None:
    one = planner.estimate(proxy("olmo3_14m"), PROFILES["A100"])
    assert one is not None
    assert planner.device_hours(proxy("olmo3_14m"), 12, A100) == pytest.approx(12 * one.hours)
    assert planner.device_hours(proxy("olmo3_14m"), 12, None) is None
    assert planner.device_hours(proxy("olmo3_14m"), 12, Needs(gpus=1)) is None


def test_what_is_missing_here_is_said(tmp_path: pathlib.Path) -> None:
    bare = dataclasses.replace(proxy(), tokenizer="mine/tokenizer.json", tasks=Tasks())
    assert planner.not_here(bare) == (
        "not here: the file proxy.tokenizer='mine/tokenizer.json', without which no run begins",
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/tokenizer.json").write_text("{}")
    assert planner.not_here(bare, tmp_path) == ()
    assert planner.not_here(dataclasses.replace(bare, tokenizer=str(tmp_path / "mine/tokenizer.json"))) == ()


def test_the_dry_run_says_how_a_run_is_split() -> None:
    four = Needs(cpus=8, gpus=4, accelerator="A100")
    text = "\n".join(planner.lines(proxy(device=Device(processes=4)), 1, four))
    assert "each on 4 processes of Ray Train with 2 CPU and 1 A100, the whole model in each; on one node if" in text
    text = "\n".join(planner.lines(proxy("olmo3_7b", device=Device(processes=4)), 1, four))
    assert "a part of every layer in each" in text
    assert "Ray Train" not in "\n".join(planner.lines(proxy(), 1, A100))
