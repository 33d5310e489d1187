"""What a proposal costs and is worth: `python -m benchmarks.propose` (some minutes).

1. One exact proposal over 60 leaves and 50 metrics, against cvxpy with Clarabel: time, and how far apart.
2. 1,000 refits and proposals of a bootstrap.
3. Regret: the part of the gap between prior and true optimum that the proposal leaves, from 128 runs under caps of
   2 x the prior. Once on simulated truths of a form that no law has, once with the surface of RegMix's published swarm as
   the truth (a Gaussian process on all 512 runs) and 128 of RegMix's own mixtures, which lie far outside the caps.
4. How often the 90 % interval of the gain lies wholly above the truth, when metrics do not depend on the mixture.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

import olmix.fit
from olmix.fit import convex
from olmix.fit.law import Law
from olmix.fit.log_linear import LogLinear
from olmix.fit.propose import optimum, propose
from olmix.fit.propose_objective import objective
from olmix.mix.design import design
from olmix.mix.feasible import FeasibleSet
from tests import shared_data

T = TypeVar("T")

Array = np.ndarray


def feasible_set(leaves: int, cap: float, seed: int) -> FeasibleSet:
    """Caps of `cap` x an uneven prior."""
    prior = np.random.default_rng(seed).dirichlet(np.full(leaves, 2.0))
    return FeasibleSet(
        leaves=tuple(f"source{i % 5}:leaf{i}" for i in range(leaves)),
        lower=(0.0,) * leaves,
        upper=tuple(np.minimum(cap * prior, 1.0).tolist()),
        prior=tuple(prior.tolist()),
    )


def truth(leaves: int, metrics: int, seed: int) -> Callable[[Array], Array]:
    """Losses as sums of skills: y_k = E_k + sum_s c_ks (eps + sum_j a_sj w_j)^(-p_s).

    Every skill saturates on its own and feeds several metrics; no law of ours has this form.
    """
    generator = np.random.default_rng([seed, 1])
    skills = 6
    use = generator.gamma(0.4, size=(skills, leaves))
    use /= use.max(1, keepdims=True)
    power = generator.uniform(0.1, 0.5, skills)
    needs = generator.dirichlet(np.full(skills, 0.6), metrics)
    floor = generator.uniform(0.5, 2.0, metrics)

    def losses(w: Array) -> Array:
        held = 0.02 + np.atleast_2d(w) @ use.T
        return floor + held ** (-power) @ needs.T

    return losses


def speed() -> None:
    """Part 1."""
    generator = np.random.default_rng(0)
    feasible = feasible_set(60, 2.0, 0)
    part = convex.Exponential(np.full((1, 50), 1 / 50), 2 * generator.normal(size=(1, 50, 60)))
    for kl in (0.0, 0.05):
        parts: list[convex.Surface] = [part, *([convex.Divergence(np.array([kl]), feasible.prior_array)] if kl else [])]
        ours, solution = timed(functools.partial(convex.minimise, parts, feasible), 25)
        line = f"60 leaves x 50 metrics, kl {kl:g}: {ours * 1e3:.2f} ms of CPU, gap {solution.gap[0]:.1e}"
        try:
            import cvxpy
        except ImportError:
            print(line + " (cvxpy is not installed)")
            continue

        def peer(kl: float = kl) -> float:
            w = cvxpy.Variable(60)
            goal = part.coefficients[0] @ cvxpy.exp(part.slopes[0] @ w)
            if kl:
                goal += kl * cvxpy.sum(cvxpy.rel_entr(w, feasible.prior_array))
            problem = cvxpy.Problem(cvxpy.Minimize(goal), [w >= 0, w <= np.array(feasible.upper), cvxpy.sum(w) == 1])
            problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
            return float(problem.value)

        theirs, value = timed(peer, 5)
        print(
            f"{line}; cvxpy/Clarabel {theirs * 1e3:.1f} ms, ratio {theirs / ours:.0f},"
            f" values differ by {abs(value - solution.value[0]):.1e}"
        )


def timed(call: Callable[[], T], repeats: int) -> tuple[float, T]:
    """The median CPU seconds of a call after a first one, and its result."""
    result, times = call(), []
    for _ in range(repeats):
        began = time.process_time()
        result = call()
        times.append(time.process_time() - began)
    return statistics.median(times), result


def laws() -> dict[str, Law]:
    """The laws that ship and can be compared here."""
    names = ("LogLinear", "EffectiveData", "GaussianProcess", "Quadratic", "Best")
    return {name: getattr(olmix.fit, name)() for name in names if name in olmix.fit.__all__}


def bootstrap(refits: int) -> None:
    """Part 2."""
    for leaves, metrics, runs in ((20, 13, 128), (60, 50, 128)):
        feasible = feasible_set(leaves, 2.0, 0)
        variants = design(feasible, runs, seed=0)
        w = np.array(variants.weights)
        y = truth(leaves, metrics, 0)(w) + 0.003 * np.random.default_rng(0).normal(size=(runs, metrics))
        goal = objective([f"m{k}" for k in range(metrics)], y)
        for name, law in laws().items():
            if name not in ("LogLinear", "EffectiveData"):
                continue
            fitted = law.fit(w, y)
            began = time.perf_counter()
            result, _, _ = propose(fitted, goal, feasible, w, y, variants.names, bootstrap=refits)
            took = time.perf_counter() - began
            print(
                f"{leaves} leaves x {metrics} metrics x {runs} runs, {name}: {result.refits} refits and proposals {took:.1f} s"
            )


def regret(seeds: int) -> None:
    """Part 3, simulated truths."""
    leaves, metrics, runs = 24, 10, 128
    print(f"regret in % of the prior-to-optimum gap, {leaves} leaves, {metrics} metrics, {runs} runs, caps 2 x prior")
    even = np.full(metrics, 1 / metrics)
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        feasible = feasible_set(leaves, 2.0, seed)
        losses = truth(leaves, metrics, seed)
        w = np.array(design(feasible, runs, seed=seed).weights)
        compare(losses, even, feasible, w, 0.05, true_optimum(losses, even, feasible), seed, found)
    report(found)


def regmix_regret(seeds: int) -> None:
    """Part 3, RegMix's surface."""
    root = shared_data.find()
    if root is None or "GaussianProcess" not in olmix.fit.__all__:
        print("regret on RegMix's surface: skipped, it needs the shared data and the Gaussian process")
        return
    folder = root / "regmix"
    mixtures = np.loadtxt(folder / "train_mixture_1m.csv", delimiter=",", skiprows=1)
    losses = np.loadtxt(folder / "train_pile_loss_1m.csv", delimiter=",", skiprows=1)
    mixtures = mixtures[mixtures[:, 0].argsort(), 1:]
    mixtures /= mixtures.sum(1, keepdims=True)
    values = losses[losses[:, 0].argsort(), 1:]
    some = [0, 5, 8]  # arXiv, GitHub, Pile-CC: three tastes
    surface = olmix.fit.GaussianProcess().fit(mixtures, values[:, some])
    prior = mixtures.mean(0)
    feasible = FeasibleSet(
        leaves=tuple(f"leaf{i}" for i in range(len(prior))),
        lower=(0.0,) * len(prior),
        upper=tuple(np.minimum(2 * prior, 1.0).tolist()),
        prior=tuple(prior.tolist()),
    )
    even = np.full(len(some), 1 / len(some))
    best = optimum(surface, even, feasible, seed=0).weights
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        rows = np.random.default_rng([seed, 4]).permutation(len(mixtures))[:128]
        compare(surface.predict, even, feasible, mixtures[rows], 0.02, best, seed, found)
    print("regret in % of the prior-to-optimum gap on RegMix's surface, 128 of its own runs, caps 2 x prior")
    report(found)


def compare(
    losses: Callable[[Array], Array],
    even: Array,
    feasible: FeasibleSet,
    w: Array,
    noise: float,
    best: Array,
    seed: int,
    found: dict[str, list[float]],
) -> None:
    """Adds the regret of every law, fitted on noisy runs at `w`, to `found`; noise in units of each metric's spread."""
    exact = losses(w)
    y = exact + noise * exact.std(0) * np.random.default_rng([seed, 2]).normal(size=exact.shape)

    def mean(point: Array) -> float:
        return float(losses(point[None])[0] @ even)

    chosen = {}
    inside = np.flatnonzero(feasible.excess(w) <= 1e-9)
    if len(inside):
        chosen["best observed run"] = w[inside[(y[inside] @ even).argmin()]]
    for name, law in laws().items():
        chosen[name] = optimum(law.fit(w, y), even, feasible, known=w, seed=seed).weights
    gap = mean(feasible.prior_array) - mean(best)
    for name, point in chosen.items():
        found.setdefault(name, []).append(100 * (mean(point) - mean(best)) / gap)


def report(found: dict[str, list[float]]) -> None:
    """Prints mean, median and worst per law."""
    for name, values in found.items():
        print(f"  {name:<18} mean {np.mean(values):6.1f}  median {np.median(values):6.1f}  worst {np.max(values):6.1f}")


def true_optimum(losses: Callable[[Array], Array], even: Array, feasible: FeasibleSet) -> Array:
    """The minimum of the true (convex) mean loss, by projected gradients from differences and mirror steps."""
    w, rate = feasible.prior_array.copy(), 1.0
    value = float(losses(w)[0] @ even)
    for _ in range(3000):
        eye = 1e-6 * np.eye(len(w))
        slope = (losses(w + eye) - losses(w - eye)) @ even / 2e-6
        step = feasible.project_kl(np.maximum(w, 1e-12) * np.exp(-rate * (slope - slope.min()) / np.ptp(slope)))
        new = float(losses(step)[0] @ even)
        if new < value:
            done = value - new < 1e-12
            w, value, rate = step, new, 1.5 * rate
            if done:
                break
        else:
            rate *= 0.5
            if rate < 1e-9:
                break
    return w


def calibration(swarms: int) -> None:
    """Part 4."""
    for runs in (24, 64):
        above = clear = 0
        for seed in range(swarms):
            feasible = feasible_set(8, 2.5, seed)
            variants = design(feasible, runs, seed=seed)
            w = np.array(variants.weights)
            y = 2 + 0.05 * np.random.default_rng([seed, 3]).normal(size=(runs, 4))
            goal = objective([f"m{k}" for k in range(4)], y)
            result, _, _ = propose(
                LogLinear().fit(w, y), goal, feasible, w, y, variants.names, bootstrap=100, seed=seed
            )
            above += result.over_prior.low > 0
            clear += result.over_prior.fitted > 0.01
        print(
            f"{runs} runs of metrics that do not depend on the mixture: the interval excludes 0 in {above} of {swarms} swarms;"
            f" the fitted gain looks like one in {clear}"
        )


def main() -> None:
    """Prints all parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--swarms", type=int, default=60)
    arguments = parser.parse_args()
    speed()
    bootstrap(arguments.refits)
    regret(arguments.seeds)
    regmix_regret(arguments.seeds)
    calibration(arguments.swarms)


if __name__ == "__main__":
    main()
