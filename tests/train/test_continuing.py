"""A run that goes on from a shorter one is the run that it would have been from the beginning."""

from __future__ import annotations

import dataclasses
import os

import pytest
import torch

from olmix import weights
from olmix.errors import UserError
from olmix.fit.propose import ProposalResult
from olmix.graph.step import Context
from olmix.train import continuing, recipe
from olmix.train.checkpoint import Checkpoints
from olmix.train.metrics import read_metrics
from olmix.train.settings import SkipRule
from olmix.train.steps import Swarm, Validation
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)
from tests.train.test_mixture import steps
from tests.train.test_steps import Propose, scan, step, swarm  # noqa: F401 (scan is a fixture)

TIMES = {"seconds": 0.0, "seconds_setting_up": 0.0, "tokens_per_second": 0.0, "share_waiting_for_data": 0.0}


@pytest.fixture(autouse=True)
def small_counts(monkeypatch) -> None:
    """Chinchilla for 200 parameters: 4,000 tokens, of which 7 batches of 512 are whole; then 15 for twice as many."""
    monkeypatch.setattr(recipe, "MICRO_PARAMETERS", 200)


def proxy(multiple: float, **changes):
    settings = {
        "model": "olmo3_micro", "tokens": None, "chinchilla_multiple": multiple, "periods": True, "batch_tokens": 512,
        "learning_rate": 2e-3, "save_model": True, "save_states": True, "evaluate_tokens": 1024,
    }  # fmt: skip
    return toys.proxy(**{**settings, **changes})


def searched(scan, **changes) -> tuple[Swarm, Swarm]:  # noqa: F811
    """A swarm of two variants, and one of twice the length and three variants that continues it."""
    shorter = swarm(scan, 2, proxy=proxy(1.0), **changes)
    return shorter, swarm(scan, 3, proxy=proxy(2.0), continues=shorter, **changes)


def files(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_it_is_the_same_run_and_trains_only_the_rest(graph, scan, monkeypatch) -> None:  # noqa: F811
    from olmix.train.proxy import Trainer

    steps: list[int] = []
    original = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self, batch: (steps.append(self.done), original(self, batch))[1])
    _, longer = searched(scan)
    graph.read(longer)
    assert steps == [*range(7), *range(7), *range(7, 15), *range(7, 15), *range(15)]
    fresh = corpus.Graph(graph.root / "fresh")
    anew = dataclasses.replace(longer, continues=None)
    for name, piece in anew.pieces(fresh).items():
        continued = longer.pieces(graph)[name]
        assert (continued.continues is None) == (name == "v2")
        # Where it began is not part of what it is.
        assert graph.same(continued, piece)
        found, expected = graph.read(continued), fresh.read(piece)
        assert dataclasses.replace(found, **TIMES) == dataclasses.replace(expected, **TIMES)
        folders = graph.folder(continued), fresh.folder(piece)
        assert files(folders[0]) == files(folders[1])
        assert "states/step-000000000007.pt" in files(folders[0])
        one, other = (Checkpoints(folder / "states").at(15)["trainer"]["model"] for folder in folders)
        assert all(torch.equal(value, other[key]) for key, value in one.items())
        lines = [[r.get("train/loss") for r in read_metrics(f / "metrics.jsonl") if "step" in r] for f in folders]
        assert lines[0] == lines[1]


def test_a_stack_goes_on_from_single_runs_and_single_runs_from_a_stack(graph, scan) -> None:  # noqa: F811
    shorter, longer = searched(scan)
    whole = {
        name: graph.read(piece) for name, piece in dataclasses.replace(longer, continues=None).pieces(graph).items()
    }
    for first, then, sizes in ((1, 2, [2]), (2, 1, [2]), (2, 3, [2, 2])):
        other = corpus.Graph(graph.root / f"{first}-{then}")
        start = dataclasses.replace(shorter, stack=first)
        asked = dataclasses.replace(longer, continues=start, stack=then)
        other.read(asked)
        assert other.together == sizes  # The third variant is new, and begins where the others do not.
        for name, piece in asked.pieces(other).items():
            curve = [loss for _, loss in other.read(piece).loss_curve]
            assert curve == pytest.approx([loss for _, loss in whole[name].loss_curve], rel=1e-4)
            assert files(other.folder(piece)) == files(graph.folder(dataclasses.replace(piece, continues=None)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Other(Propose):
    """Another proposal, against the same prior."""

    def run(self, context: Context) -> ProposalResult:
        found = super().run(context)
        weights = {"down": 0.75, "noise": 0.0, "up": 0.25}
        return dataclasses.replace(
            found, leaves=tuple(dataclasses.replace(row, weight=weights[row.leaf]) for row in found.leaves)
        )


def test_a_validation_goes_on_with_the_arms_that_are_still_the_same(graph, scan) -> None:  # noqa: F811
    """A prior goes on, a proposal that has changed begins anew, and so does a new seed; the verdict is that of whole runs."""
    shorter = Validation(proposal=Propose(best=False), scan=scan, proxy=proxy(1.0), seeds=1)
    longer = Validation(proposal=Other(best=False), scan=scan, proxy=proxy(2.0), seeds=2, continues=shorter)
    found = graph.read(longer)
    ends = {name: piece.continues is not None for name, piece in longer.pieces(graph).items()}
    assert [name for name, goes_on in ends.items() if goes_on] == ["prior-seed-1000"]
    assert found == corpus.Graph(graph.root / "whole").read(dataclasses.replace(longer, continues=None))
    with pytest.raises(UserError, match=r"proxy.weight_decay is 0.1 there and 0.2 here"):
        dataclasses.replace(longer, proxy=proxy(2.0, weight_decay=0.2)).pieces(graph)


def test_a_single_run_goes_on(graph, tmp_path) -> None:  # noqa: F811
    corpus.write(tmp_path / "text", tokens=20_000)
    plan, shorter, _ = steps(tmp_path / "text", proxy(1.0))
    longer = dataclasses.replace(
        shorter, plan=dataclasses.replace(plan, proxy=proxy(2.0)), proxy=proxy(2.0), continues=shorter
    )
    found = graph.read(longer)
    whole = corpus.Graph(graph.root / "whole").read(dataclasses.replace(longer, continues=None))
    assert longer.piece(graph).continues == shorter.piece(graph)
    assert dataclasses.replace(found, **TIMES) == dataclasses.replace(whole, **TIMES)


@pytest.mark.parametrize(
    ("short", "long", "says"),
    [
        ({"save_states": False}, {}, "save_states is set"),
        ({"weight_decay": 0.2}, {}, r"proxy.weight_decay is 0.2 there and 0.1 here"),
        ({"skip": SkipRule(enabled=False)}, {}, "proxy.skip.enabled is False there"),
        ({"warmup_tokens": None}, {"warmup_tokens": None}, "set proxy.warmup_tokens in both"),
        ({"chinchilla_multiple": 0.75}, {}, "one of its own periods ends, at 1,536, 3,584, 7,680 tokens"),
    ],
)
def test_another_run_cannot_be_continued(scan, short, long, says) -> None:  # noqa: F811
    from olmix.train.continuing import check_settings

    if "warmup_tokens" in short:
        short = {**short, "chinchilla_multiple": 0.5}
    shorter = step(scan, proxy=proxy(1.0, **short))
    with pytest.raises(UserError, match=says):
        check_settings(shorter, step(scan, proxy=proxy(2.0, **long), continues=shorter))


def test_other_mixtures_and_orders_cannot_be_continued(graph, scan) -> None:  # noqa: F811
    from olmix.train.continuing import check_order, check_settings

    shorter = step(scan, proxy=proxy(1.0))
    with pytest.raises(UserError, match=r"mixture\['down'\] is 0.25 there and 0.5 here"):
        check_settings(shorter, step(scan, proxy=proxy(2.0), mixture={"up": 0.5, "down": 0.5}))
    limited = {"repetition_limits": {"noise": 3840 / 8000 - 0.001}}
    shorter, longer = step(scan, proxy=proxy(1.0), **limited), step(scan, proxy=proxy(2.0), **limited)
    with pytest.raises(UserError, match="reads other sequences"):
        check_order(shorter, longer, graph.read(scan))


def test_states_that_are_gone_are_named(graph, scan) -> None:  # noqa: F811
    shorter = step(scan, proxy=proxy(1.0))
    for path in (graph.folder(shorter) / "states").glob("step-000000000007.pt"):
        path.write_bytes(b"half")
    with pytest.raises(UserError, match="no whole state after 7 steps"):
        graph.read(step(scan, proxy=proxy(2.0), continues=shorter))


def test_what_a_killed_attempt_had_taken_over_in_part_is_taken_over_again(tmp_path, monkeypatch) -> None:
    """Linked already, half copied, or not there at all: nothing of the shorter run is lost, and nothing of it is touched."""
    monkeypatch.setattr(weights, "flaw", lambda _: None)
    source, target = tmp_path / "shorter", tmp_path / "longer"
    for name in ("periods/512/model.safetensors", "periods/1024/model.safetensors", "states/step-000000000001.pt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"all of {name}")
    (target / "periods" / "512").mkdir(parents=True)
    os.link(source / "periods/512/model.safetensors", target / "periods/512/model.safetensors")
    (target / "periods" / "1024").mkdir()
    (target / "periods" / "1024" / "model.safetensors").write_text("all o")
    continuing.take_over(source, target, models=True, states=True, remedy="")
    assert files(target) == files(source)
    assert all((folder / name).read_text() == f"all of {name}" for name in files(source) for folder in (source, target))


def cut(model) -> None:
    os.truncate(model / "model.safetensors", (model / "model.safetensors").stat().st_size - 1)


def test_a_saved_model_that_was_cut_off_is_not_taken_over(graph, scan) -> None:  # noqa: F811
    shorter = step(scan, proxy=proxy(1.0))
    folder = graph.folder(shorter)
    cut(*(folder / "periods").iterdir())
    with pytest.raises(
        UserError, match=rf"model.safetensors is cut off: .* bytes; remove {folder} to have it trained again"
    ):
        graph.read(step(scan, proxy=proxy(2.0), continues=shorter))
    (folder / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match=rf"metrics.jsonl is missing.*; remove {folder}"):
        graph.read(step(scan, proxy=proxy(2.0), continues=shorter))


def test_a_model_of_a_period_is_kept_if_it_is_whole(graph, scan, caplog) -> None:  # noqa: F811
    one = step(scan, proxy=proxy(1.0, save_states=False))
    folder = graph.folder(one)
    (model,) = (folder / "periods").iterdir()
    assert continuing.is_kept(one, folder, int(model.name))
    assert not continuing.is_kept(one, folder, int(model.name) + 512)
    assert not caplog.records
    cut(model)
    assert not continuing.is_kept(one, folder, int(model.name))
    assert "is cut off" in caplog.text
    assert "made again" in caplog.text
