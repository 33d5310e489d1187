"""The convex solver against Clarabel, and the derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest

import olmix.fit
from olmix.errors import UserError
from olmix.fit import convex
from tests.mix.sets import box, group


def exponential(generator, n, count, batch=1):
    return convex.Exponential(
        generator.uniform(0.1, 1, (batch, count)) / count, 2 * generator.normal(size=(batch, count, n))
    )


def power(generator, n, count, batch=1):
    shape = (batch, count)
    return convex.Power(
        generator.uniform(0.1, 1, shape) / count,
        np.full(shape, 0.02),
        generator.gamma(0.5, size=(*shape, n)) * 10,
        generator.choice([0.3, 0.55, 1.0], shape),
        generator.uniform(0.1, 1, shape),
        offset=generator.choice([0.0, 1e-4]),
    )


def limits(generator, n, rows):
    prior = generator.dirichlet(np.ones(n))
    groups = (group("g", range(n // 4), 0.05, 0.3), group("h", range(n // 8, n // 2), 0.2, 0.45)) if rows else ()
    feasible = box(np.minimum(3 * prior, 1), prior=prior, limits=groups)
    assert feasible.is_feasible
    return feasible


@pytest.mark.parametrize("make", [exponential, power])
def test_derivatives_agree_with_differences(make):
    generator = np.random.default_rng(0)
    part = make(generator, 5, 3, batch=2)
    w = generator.dirichlet(np.full(5, 3.0), 2)
    value, gradient, hessian = part.derivatives(w)
    assert value.shape == (2,)
    step = 1e-5
    for j in range(5):
        up, down = w.copy(), w.copy()
        up[:, j] += step
        down[:, j] -= step
        above, below = part.derivatives(up), part.derivatives(down)
        assert (above[0] - below[0]) / (2 * step) == pytest.approx(gradient[:, j], rel=1e-5)
        assert (above[1] - below[1]) / (2 * step) == pytest.approx(hessian[:, j], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("kl", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_equals_clarabel(seed, kl, rows):
    """60 leaves, 50 exponential metrics, against cvxpy's conic solver at its tightest settings."""
    cvxpy = pytest.importorskip("cvxpy")
    generator = np.random.default_rng(seed)
    n, count = 60, 50
    feasible = limits(generator, n, rows)
    part = exponential(generator, n, count)
    parts = [part] + ([convex.Divergence(np.array([kl]), feasible.prior_array)] if kl else [])
    ours = convex.minimise(parts, feasible)
    assert ours.gap[0] <= 1e-9
    assert feasible.contains(ours.w[0], 1e-12)

    w = cvxpy.Variable(n)
    goal = part.coefficients[0] @ cvxpy.exp(part.slopes[0] @ w)
    if kl:
        goal += kl * cvxpy.sum(cvxpy.rel_entr(w, feasible.prior_array))
    lower, upper, matrix, low, high = feasible.arrays
    constraints = [w >= lower, w <= upper, cvxpy.sum(w) == 1]
    if rows:
        constraints += [matrix @ w >= low, matrix @ w <= high]
    problem = cvxpy.Problem(cvxpy.Minimize(goal), constraints)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert ours.value[0] == pytest.approx(problem.value, abs=1e-8)
    assert ours.w[0] == pytest.approx(w.value, abs=1e-4)


def test_powers_agree_with_a_general_solver():
    from scipy.optimize import minimize

    generator = np.random.default_rng(3)
    feasible = limits(generator, 8, True)
    part = power(generator, 8, 4)
    ours = convex.minimise([part], feasible)
    assert ours.gap[0] <= 1e-9
    lower, upper, matrix, low, high = feasible.arrays
    reference = minimize(
        lambda w: part.derivatives(np.maximum(w, 1e-12)[None])[0][0],
        feasible.center,
        jac=lambda w: part.derivatives(np.maximum(w, 1e-12)[None])[1][0],
        bounds=np.stack([lower, upper], 1),
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "ineq", "fun": lambda w: np.concatenate([matrix @ w - low, high - matrix @ w])},
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert ours.value[0] <= reference.fun + 1e-9
    assert ours.value[0] == pytest.approx(reference.fun, abs=1e-6)


def test_the_gap_bounds_the_true_distance():
    """Stopped early, the certificate still lies above the distance to the minimum."""
    from olmix.mix import interior

    generator = np.random.default_rng(5)
    feasible = limits(generator, 12, True)
    part = exponential(generator, 12, 6)
    exact = convex.minimise([part], feasible, tolerance=1e-12)
    for iterations in range(1, 8):
        early = interior.minimise(part.derivatives, feasible.standard_form, iterations=iterations)
        assert early.value[0] - exact.value[0] <= early.gap[0] + 1e-12


def test_a_batch_gives_what_each_gives_alone():
    generator = np.random.default_rng(6)
    feasible = limits(generator, 10, False)
    parts = exponential(generator, 10, 5, batch=7)
    together = convex.minimise([parts], feasible)
    for b in range(7):
        alone = convex.minimise([parts.take(np.array([b]))], feasible)
        assert together.value[b] == pytest.approx(alone.value[0], abs=1e-9)


def test_a_tiny_scale_is_solved_as_exactly():
    """Gains of 1e-5 bits must not drown in the tolerance."""
    generator = np.random.default_rng(7)
    feasible = limits(generator, 10, False)
    part = exponential(generator, 10, 5)
    small = convex.Exponential(part.coefficients * 1e-5, part.slopes)
    assert convex.minimise([small], feasible).w[0] == pytest.approx(convex.minimise([part], feasible).w[0], abs=1e-6)


@pytest.mark.parametrize("extremity", [1.0, 30.0, 300.0])
def test_steep_laws_and_wide_priors_end_with_a_certificate(extremity):
    generator = np.random.default_rng(8)
    prior = generator.dirichlet(np.full(40, 0.1)) + 1e-9
    prior /= prior.sum()
    feasible = box([1.0] * 40, prior=prior)
    slopes = extremity * generator.normal(size=(1, 5, 40))
    part = convex.Exponential(np.full((1, 5), 0.2), slopes - slopes.max())
    for parts in ([part], [part, convex.Divergence(np.array([0.1]), prior)]):
        solution = convex.minimise(parts, feasible)
        assert solution.gap[0] <= 1e-9


CONVEX = [name for name in ("LogLinear", "EffectiveData", "Linear") if name in olmix.fit.__all__]


@pytest.mark.parametrize("name", CONVEX)
def test_a_law_becomes_surfaces_with_the_same_values(name):
    generator = np.random.default_rng(9)
    w = generator.dirichlet(np.ones(6), 60)
    y = 1 + np.exp(w @ generator.normal(size=(6, 3))) + 0.02 * generator.normal(size=(60, 3))
    law = getattr(olmix.fit, name)().fit(w, y)
    coefficients = np.array([0.2, 0.0, 0.8])
    parts = convex.surfaces(law, coefficients)
    assert parts is not None
    points = generator.dirichlet(np.ones(6), 4)
    for point in points:
        value = sum(part.derivatives(point[None])[0][0] for part in parts)
        gradient = sum(part.derivatives(point[None])[1][0] for part in parts)
        assert value == pytest.approx(law.predict(point[None])[0] @ coefficients, rel=1e-12)
        assert gradient == pytest.approx(coefficients @ law.gradient(point), rel=1e-9)
    feasible = box([0.6] * 6)
    solution = convex.minimise(parts, feasible)
    assert solution.gap[0] <= 1e-9
    pool = generator.dirichlet(np.ones(6), 500)
    pool = pool[feasible.excess(pool) <= 0]
    assert solution.value[0] <= (law.predict(pool) @ coefficients).min()
    if name != "Linear":
        assert convex.surfaces(law, -coefficients) is None  # maximising a convex law is not convex


@pytest.mark.parametrize("name", CONVEX)
def test_refits_become_a_batch(name):
    generator = np.random.default_rng(10)
    w = generator.dirichlet(np.ones(5), 50)
    y = 1 + np.exp(w @ generator.normal(size=(5, 2))) + 0.01 * generator.normal(size=(50, 2))
    law = getattr(olmix.fit, name)().fit(w, y)
    refits = law.refit(w, y, generator.exponential(size=(4, 50)))
    parts = convex.surfaces(refits, np.array([0.5, 0.5]))
    assert parts is not None
    point = np.full((4, 5), 0.2)
    values = np.sum([part.derivatives(point)[0] for part in parts], axis=0)
    assert values == pytest.approx(refits.predict(point[:1])[:, 0] @ [0.5, 0.5])


def test_leaves_of_prior_zero_under_kl():
    feasible = box([0.6] * 3, prior=[0.5, 0.5, 0.0])
    assert convex.within_prior(feasible, feasible.prior_array).upper == (0.6, 0.6, 0.0)
    needed = box([0.6] * 3, [0, 0, 0.1], prior=[0.5, 0.5, 0.0])
    with pytest.raises(UserError, match="kl=0"):
        convex.within_prior(needed, needed.prior_array)
