"""Designs: prefixes, duplicates, sparsity, extremes, spread."""

from __future__ import annotations

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.mix.design import DirichletSettings, design, draws
from olmix.mix.variants import coverage, hellinger
from tests.mix.sets import box, group

PRIOR = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
NAMES = ["web:code", "web:sci", "web:law", "arxiv", "wiki", "books"]


def limits(**more):
    return box([0.7, 0.5, 0.4, 0.3, 0.2, 0.2], prior=PRIOR, names=NAMES, **more)


@pytest.mark.parametrize("options", [{}, {"space_filling": True}, {"settings": DirichletSettings(minimum_weight=0.05)}])
def test_enlarging_keeps_the_first_variants(options):
    few = design(limits(), 24, seed=7, **options)
    many = design(limits(), 40, seed=7, **options)
    assert many.names[:24] == few.names
    assert many.weights[:24] == few.weights
    assert few.names[3] == "variant-003"
    assert len(set(many.weights)) == 40
    assert design(limits(), 24, seed=8, **options).weights != few.weights


def test_all_variants_are_feasible_and_the_prior_comes_first():
    feasible = limits(limits=(group("web", [0, 1, 2], 0.5, 0.7),))
    variants = design(feasible, 50, seed=0, include_extremes=True)
    w = np.array(variants.weights)
    assert feasible.excess(w).max() <= 1e-9
    assert variants.kinds[0] == "prior"
    assert w[0] == pytest.approx(feasible.feasible_prior)
    extremes = w[[kind == "extreme" for kind in variants.kinds]]
    assert extremes.max(0) == pytest.approx(feasible.ranges[1], abs=2e-9)


def test_draws_avoid_existing_runs_and_each_other():
    feasible = limits()
    plain = design(feasible, 30, seed=1, include_prior=False)
    again = design(feasible, 30, seed=1, include_prior=False, existing=np.array(plain.weights))
    assert hellinger(again.weights, plain.weights).min() > 0
    distances = hellinger(again.weights, again.weights)
    everything = hellinger(draws(feasible, DirichletSettings(), 128, 1), draws(feasible, DirichletSettings(), 128, 1))
    threshold = 0.1 * np.median(everything[np.triu_indices(128, 1)])
    assert distances[np.triu_indices(30, 1)].min() > threshold
    assert hellinger(again.weights, plain.weights).min() > threshold


def test_space_filling_spreads_wider_than_drawing():
    feasible = limits()
    drawn = coverage(design(feasible, 40, seed=3, minimum_distance=0.0))
    spread = coverage(design(feasible, 40, seed=3, space_filling=True))
    assert spread.closest is not None
    assert drawn.closest is not None
    assert spread.closest[2] > 3 * drawn.closest[2]
    assert spread.spacing > 1.5 * drawn.spacing


@pytest.mark.parametrize("rows", [(), (group("web", [0, 1, 2], 0.5, 0.7),)])
def test_minimum_weight_is_zero_or_at_least_that(rows):
    feasible = box([0.7, 0.5, 0.4, 0.3, 0.2, 0.2], [0, 0, 0, 0.02, 0, 0], PRIOR, NAMES, rows)
    settings = DirichletSettings(source_strength=(1, 4), topic_strength=(1, 4), minimum_weight=0.08)
    w = np.array(design(feasible, 60, seed=2, settings=settings, include_prior=False).weights)
    assert feasible.excess(w).max() <= 1e-9
    assert ((w == 0) | (w >= 0.08 - 1e-9)).all()
    assert (w == 0).mean() > 0.1
    assert (w[:, 3] >= 0.08 - 1e-9).all()  # a required leaf is never left out


def test_strengths_hold_draws_near_the_prior():
    free = box([1.0] * 6, prior=PRIOR, names=NAMES)
    near = draws(free, DirichletSettings(source_strength=1000.0, topic_strength=1000.0), 500, 0)
    assert near.mean(0) == pytest.approx(PRIOR, abs=0.005)
    sources = draws(free, DirichletSettings(source_strength=3.0, topic_strength=1e6), 500, 0)
    assert np.ptp(sources[:, 0] / sources[:, 1]) < 0.1  # topics stay, sources move
    assert sources[:, 3].std() > 0.1
    flat = draws(free, DirichletSettings(source_strength=1e5, topic_strength=1e5, temperature=0.0), 50, 0)
    assert flat.mean(0) == pytest.approx([1 / 12] * 3 + [0.25] * 3, abs=0.01)


def test_fixed_shares_hold_in_every_draw():
    from olmix.mix.limits import feasible_set

    tokens = {
        "web:code:high": 300,
        "web:code:low": 500,
        "web:sci:high": 200,
        "web:sci:low": 100,
        "arxiv": 300,
        "wiki": 100,
    }
    feasible = feasible_set(
        tokens,
        target_tokens=800,
        repetition_limit=2,
        fixed_within={"web": {"code": 0.6, "sci": 0.4}},
        at_most={"web": 0.8},
    )
    w = np.array(design(feasible, 60, seed=5, include_prior=False).weights)
    web = w[:, :4].sum(1)
    assert w[:, :2].sum(1) == pytest.approx(0.6 * web, abs=1e-9)
    assert feasible.excess(w).max() <= 1e-9
    assert web.std() > 0.05
    assert (w[:, 0] / w[:, :2].sum(1)).std() > 0.05


def test_equalities_across_the_tree_that_no_exchange_can_keep_are_refused():
    halves = (group("g", [0, 3], 0.5, 0.5), group("h", [0, 4], 0.4, 0.4), group("i", [1, 3], 0.5, 0.5))
    feasible = box([0.7, 0.5, 0.4, 0.3, 0.2, 0.2], prior=PRIOR, names=NAMES, limits=halves)
    with pytest.raises(UserError, match="cannot vary the mixture in"):
        design(feasible, 5, seed=0)


@pytest.mark.parametrize(
    ("count", "options", "words"),
    [
        (0, {}, "at least 1"),
        (5, {"include_extremes": True}, "already 7"),
        (3, {"settings": DirichletSettings(source_strength=0.0)}, "above 0"),
        (3, {"settings": DirichletSettings(node_strengths={"wbe": 1.0})}, "nearest: web"),
        (3, {"settings": DirichletSettings(minimum_weight=0.6)}, "lower minimum_weight"),
        (5000, {"space_filling": True}, "raise `pool`"),
    ],
)
def test_mistakes(count, options, words):
    with pytest.raises(UserError, match=words):
        design(limits(), count, seed=0, **options)


def test_a_single_feasible_mixture_cannot_hold_a_swarm():
    only = box(PRIOR, prior=PRIOR, names=NAMES)
    assert design(only, 1, seed=0).weights[0] == pytest.approx(tuple(PRIOR))
    with pytest.raises(UserError, match="too small for so many"):
        design(only, 3, seed=0)
    with pytest.raises(UserError, match="different mixtures"):
        design(only, 3, seed=0, space_filling=True)


@pytest.mark.parametrize("existing", [False, True])
def test_spreading_does_not_give_again_what_is_there(existing):
    only = box([0.5, 0.5], lower=[0.5, 0.5])
    given = {"include_prior": False, "existing": np.array([[0.5, 0.5]])} if existing else {}
    with pytest.raises(UserError, match="holds only 0 different mixtures beside those that are there"):
        design(only, 1 if existing else 2, seed=0, space_filling=True, **given)


def test_coverage_reads_as_a_table():
    text = str(coverage(design(limits(), 12, seed=0)))
    assert "effective dimension" in text
    assert "closest pair variant-" in text
    assert "web:code" in text
