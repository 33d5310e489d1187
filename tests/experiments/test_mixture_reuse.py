"""The stages of the case study against the reference's files, and a small search with a frozen mixture from end to end."""

from __future__ import annotations

import math

import msgspec
import pytest
import yaml

from experiments.mixture_reuse import mixtures
from olmix.config import experiments
from olmix.data.scan_result import ScanResult
from olmix.fit.log_linear import LogLinear
from olmix.fit.propose_step import Proposal
from olmix.fit.steps import Laws
from olmix.mix.limits import feasible_set
from olmix.mix.reuse import freeze
from olmix.mix.reuse_steps import ReusedLimits, ReusedRuns
from olmix.mix.steps import Design, Limits
from olmix.mixture_search import MixtureSearch
from olmix.report.findings import Findings
from olmix.report.steps import DATA, Report
from olmix.train.steps import Swarm, Validation
from tests.experiments.test_catalogue import paths
from tests.report.test_whole_search import note
from tests.shared_data import shared_data
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)

STAGES = {
    "stage_0_web": "0_dclm",
    "stage_1_add_stack_edu": "1_add_stackedu",
    "stage_2_add_sources": "2_add_more_sources",
    "stage_3_revise_pdfs": "3_revise_pdfs",
    "stage_5_partition_pdfs": "5_partition_pdfs",
}


def reference(file: str) -> dict:
    return yaml.safe_load(
        shared_data("olmix_configs", "mixture_reuse_case_study", "generate", f"{file}.yaml").read_text()
    )


def frozen_source(data: dict) -> dict | None:
    """The source of a reference file whose topics have weights: what it freezes."""
    return next((s for s in data["sources"] if any("weight" in topic for topic in s.get("topics", ()))), None)


@pytest.mark.parametrize(("stage", "file"), STAGES.items())
def test_a_stage_means_what_the_reference_file_means(stage, file):
    theirs = reference(file)
    search = experiments.resolve(f"mixture_reuse.{stage}").build()
    assert isinstance(search, MixtureSearch)
    ours = {leaf.name: set(leaf.paths) for leaf in search.scan.tree.leaves()}
    assert ours == {leaf.removeprefix("existing:"): where for leaf, where in paths(theirs["data"]["sources"]).items()}
    swarm, design = theirs["swarm"], search.design
    assert (design.variants, design.seed, design.minimum_weight) == (
        swarm["variants"],
        swarm["seed"],
        swarm["minimum_weight"],
    )
    # The defaults of the reference where its file has none.
    assert design.source_strength == (swarm.get("min_strength", 0.1), swarm.get("max_strength", 5.0))
    base = yaml.safe_load(shared_data("olmix_configs", "mixture_reuse_case_study", "launch", "base.yaml").read_text())
    training, proxy = base["training"], search.swarm.proxy
    assert (proxy.model, proxy.chinchilla_multiple) == (training["proxy_model_id"], training["chinchilla_multiple"])
    assert search.swarm.seed == training["seed"]
    old = frozen_source(theirs["data"])
    assert isinstance(search.limits, ReusedLimits) == (old is not None)
    if old is None:
        return
    prefix = "" if old["name"] == "existing" else f"{old['name']}:"
    wanted = {f"{prefix}{topic['name']}": topic["weight"] for topic in old["topics"]}
    assert search.limits.mixture.keys() == wanted.keys()
    whole = math.fsum(wanted.values())
    for leaf, weight in wanted.items():
        assert search.limits.mixture[leaf] == pytest.approx(weight / whole, rel=1e-9), leaf
    prior, given = search.limits.limits.prior, swarm["manual_prior"]
    assert math.fsum(prior[leaf] for leaf in wanted) == pytest.approx(given[old["name"]], abs=1e-9)
    assert {name: prior[name] for name in given if name != old["name"]} == {
        name: weight for name, weight in given.items() if name != old["name"]
    }
    never_without = {name for name in swarm.get("nonzero_weight", ()) if name != old["name"]}
    assert search.limits.limits.at_least.keys() == never_without


def test_a_limit_and_a_final_run_are_those_of_the_reference_fit():
    fit = yaml.safe_load(
        shared_data("olmix_configs", "mixture_reuse_case_study", "fit", "1_add_stackedu.yaml").read_text()
    )
    search = experiments.resolve("mixture_reuse.stage_1_add_stack_edu").build()
    everything = search.limits.limits
    assert everything.target_tokens == fit["constraints"]["target_tokens"]
    assert everything.repetition_limit == fit["constraints"]["repetition_factor"]
    assert search.proposal.kl == fit["proposer"]["kl_reg"]
    counts = [len(names) for names in search.swarm.proxy.tasks.families.values()]
    assert list(search.proposal.objective.values()) == counts


def test_the_limits_of_a_stage_leave_room_with_the_token_counts_of_the_reference():
    theirs = reference("1_add_stackedu")
    search = experiments.resolve("mixture_reuse.stage_1_add_stack_edu").build()
    tokens = {leaf.name: theirs["priors"]["token_counts"][leaf.name] for leaf in search.scan.tree.leaves()}
    limits = search.limits.limits
    everything = feasible_set(
        tokens, target_tokens=100_000_000_000, repetition_limit=4.0, prior=limits.prior, at_least=limits.at_least
    )
    reused = freeze(everything, search.limits.mixture, name="existing")
    assert len(reused.leaves) == 16
    assert dict(zip(reused.leaves, reused.prior, strict=True))["existing"] == pytest.approx(0.75)


def test_removing_a_leaf_keeps_the_ratios_of_the_others():
    left = mixtures.without({"a": 0.5, "b": 0.25, "c": 0.25}, "b")
    assert left == pytest.approx({"a": 2 / 3, "c": 1 / 3})
    assert math.fsum(mixtures.WITHOUT_ALGEBRAICSTACK.values()) == pytest.approx(1)


def test_the_constraints_experiment_is_300m_tokens_for_a_final_run_of_2800_billion():
    search = experiments.resolve("constraints.olmo2_30m_for_7b").build()
    assert search.limits.tokens() == 2_800_000_000_000
    assert search.limits.declared() == ("final run: 2,800,000,000,000 tokens = 20 × 20 × 7,000,000,000 (olmo2_7b)",)
    assert search.swarm.declared()[0].startswith(
        "each 299,892,736 tokens = 0.5 × 20 × 30,000,000 (olmo2_30m) = 300,000,000,"
    )
    limits = search.scan.tree.repetition_limits()
    assert {limit for leaf, limit in limits.items() if leaf.startswith("all_dressed")} == {5.0}


def test_a_search_with_a_frozen_mixture_from_scan_to_report(tmp_path, graph):  # noqa: F811
    corpus.write(tmp_path / "corpus")
    scan = corpus.scan(tmp_path / "corpus")
    proxy = toys.proxy(tokens=20 * 128, learning_rate=3e-2)
    everything = Limits(scan=scan, target_tokens=20_000)
    limits = ReusedLimits(limits=everything, mixture={"up": 0.75, "down": 0.25})
    design = Design(limits=limits, variants=6)
    swarm = Swarm(design=design, scan=scan, proxy=proxy)
    runs = ReusedRuns(runs=swarm, limits=limits)
    laws = Laws(runs=runs, law=LogLinear())
    proposal = Proposal(laws=laws, runs=runs, limits=limits, objective={"bpb/up": 1.0, "bpb/down": 1.0}, bootstrap=40)
    validation = Validation(proposal=proposal, scan=scan, proxy=proxy, seeds=2)
    report = Report(
        scan=scan, limits=limits, design=design, runs=runs, laws=laws, proposal=proposal, validation=validation
    )
    said = "\n".join(limits.forecast(graph))
    assert "existing: 2 leaves in fixed shares" in said
    graph.read(validation)
    for step, folder in graph.done:
        note(step, folder)
    graph.read(report)
    found = graph.read(proposal)
    assert {row.leaf for row in found.leaves} == {"existing", "noise"}
    mixture = found.mixture()
    assert mixture["up"] == pytest.approx(3 * mixture["down"])
    scanned: ScanResult = graph.read(scan)
    for leaf, weight in mixture.items():
        assert weight * 20_000 <= 4 * scanned.tokens[leaf] * (1 + 1e-9)
    for piece in swarm.results(graph).values():
        trained = piece.mixture
        assert trained.get("up", 0.0) == pytest.approx(3 * trained.get("down", 0.0))
    findings = msgspec.json.decode((graph.folder(report) / DATA).read_bytes(), type=Findings)
    assert findings.reused
