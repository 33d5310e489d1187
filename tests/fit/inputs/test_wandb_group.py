"""W&B groups through wandb's own client, which talks to a server on loopback with recorded answers."""

from __future__ import annotations

import copy
import json

import fiddle as fdl
import numpy as np
import pytest

from olmix.config import experiments
from olmix.config.overrides import Override
from olmix.errors import UserError
from olmix.fit import LogLinear
from olmix.fit.inputs import runs_from_wandb
from olmix.fit.inputs.steps import WandbRuns, _fetched
from olmix.graph.plan import make_plan
from olmix.graph.store import Store
from tests.experiments.test_fit_csv import ran
from tests.fake_context import FakeContext
from tests.fit.inputs.wandb_server import LEAVES, node, recorded, served

pytest.importorskip("wandb")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Only the server on loopback is ever asked."""
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    _fetched.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def gone():
    yield
    import wandb

    wandb.teardown()


def test_the_table_of_a_group():
    """Pages are followed; the order is the server's; other keys of the summary stay out."""
    nodes = recorded(12)
    others = copy.deepcopy(nodes[0])
    others.update(group="swarm-2", name="idxx")
    with served([others, *nodes], page=5) as (url, asked):
        table = runs_from_wandb("team/mix", "swarm-1", base_url=url)
    assert [query["cursor"] for query in asked] == [None, "5", "10"]
    assert asked[0]["entity"] == "team"
    assert asked[0]["project"] == "mix"
    assert json.loads(asked[0]["filters"]) == {"group": "swarm-1"}
    assert table.runs == tuple(f"variant-{i:03d}" for i in range(12))
    assert table.leaves == LEAVES
    assert table.metrics == ("bpb/web", "bpb/code")
    np.testing.assert_allclose(np.array(table.values)[:, 0], 1 - np.array(table.weights)[:, 0] / 4, atol=1e-12)


def test_runs_that_did_not_finish_are_failures_and_not_rows():
    nodes = recorded(4)
    nodes[1]["state"], nodes[2]["state"] = "crashed", "running"
    with served(nodes) as (url, _):
        table = runs_from_wandb("team/mix", "swarm-1", base_url=url)
        kept = runs_from_wandb("team/mix", "swarm-1", base_url=url, drop_runs=["id01", "variant-002"])
    assert table.runs == ("variant-000", "variant-003")
    assert table.failed == {"variant-001": "its state is crashed", "variant-002": "its state is running"}
    assert kept.failed == {}


def test_mixtures_as_allenai_olmix_logs_them():
    sources = [{"source_name": "web", "target_ratio": 0.7}, {"source_name": "code", "target_ratio": 0.3}]
    config = {"dataset": {"value": {"source_mixture_config": {"source_configs": sources}}}}
    nodes = [node(f"id{i}", "same name", config, {"eval/arc (BPB)": 1.0 + i}, "finished") for i in range(2)]
    key = "dataset.source_mixture_config.source_configs"
    with served(nodes) as (url, _):
        table = runs_from_wandb("team/mix", "swarm-1", mixture=key, metrics=["eval/*"], base_url=url)
    assert table.leaves == ("web", "code")
    assert table.runs == ("same name (id0)", "same name (id1)")
    assert table.values == ((1.0,), (2.0,))


def test_what_is_missing_is_named():
    nodes = recorded(3)
    with served(nodes) as (url, _):
        for words, settings in (
            (r"config of the run variant-000 has no 'mix'.*nearest: mixture", {"mixture": "mix"}),
            (r"no weights of leaves under 'seed', but '0'", {"mixture": "seed"}),
            (
                r"No summary of team/mix, group swarm-1 has the metric 'bpb/cod'.*nearest: bpb/code",
                {"metrics": ["bpb/cod"]},
            ),
            (r"drop_runs names 'variant-9'", {"drop_runs": ["variant-9"]}),
        ):
            with pytest.raises(UserError, match=words):
                runs_from_wandb("team/mix", "swarm-1", base_url=url, **settings)
        with pytest.raises(UserError, match=r"no runs in the group 'swarm-9' of team/mix"):
            runs_from_wandb("team/mix", "swarm-9", base_url=url)
        with pytest.raises(UserError, match=r"W&B cannot list the group 'swarm-1' of team/nowhere"):
            runs_from_wandb("team/nowhere", "swarm-1", base_url=url)
    nodes[1]["summaryMetrics"] = json.dumps({"bpb/web": "NaN"})
    with served(nodes) as (url, _), pytest.raises(UserError, match=r"1 of 3 runs: variant-001 \(bpb/web, bpb/code\)"):
        runs_from_wandb("team/mix", "swarm-1", base_url=url)


def test_the_step_sees_what_changed_on_the_server(tmp_path):
    nodes = recorded(6)
    with served(nodes) as (url, asked):
        step = WandbRuns(project="team/mix", group="swarm-1", base_url=url)
        before = step.observe()
        assert len(step.run(FakeContext(tmp_path)).runs) == 6
        assert len(asked) == 2  # one fetch of two pages for plan and run
        nodes[0]["summaryMetrics"] = nodes[1]["summaryMetrics"]
        _fetched.cache_clear()
        assert step.observe() != before


def test_the_experiment_ends_in_laws(tmp_path):
    """`fit_wandb` from the command line's settings to fitted laws, all over wandb's own client."""
    with served(recorded(24)) as (url, _):
        changes = {"project": "team/mix", "group": "swarm-1", "swarm.base_url": url, "laws.repeats": "1"}
        resolved = experiments.resolve(
            "fit_wandb", [Override("set", f"{name}={value}") for name, value in changes.items()]
        )
        resolved.config.laws.law = fdl.Config(LogLinear)
        search = resolved.build()
        laws = ran(tmp_path, search, "laws").read(search.laws)
    assert len(laws.runs) == 24
    assert min(score.spearman for score in laws.scores) > 0.98
    with pytest.raises(UserError, match=r"group is missing: which W&B runs to fit. Say --set group=NAME"):
        make_plan(experiments.resolve("fit_wandb", [Override("set", "project=a/b")]).build(), Store(tmp_path / "runs"))


def test_runs_whose_names_are_patterns_are_dropped_by_name():
    """As in CSV files: a name as it stands comes before a pattern."""
    nodes = recorded(6)
    nodes[2]["displayName"] = "swarm [1]*"
    with served(nodes) as (url, _):
        table = runs_from_wandb("team/mix", "swarm-1", base_url=url, drop_runs=("swarm [1]*",))
    assert table.runs == tuple(f"variant-{i:03d}" for i in (0, 1, 3, 4, 5))
