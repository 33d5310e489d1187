"""What a swarm design costs: `python -m benchmarks.design` (about a minute).

512 variants over 60 leaves by exchange moves, against drawing from the same Dirichlet and keeping what is feasible (the
way of allenai/olmix). The reference gets five seconds per case; its time for 512 is extrapolated from what it accepted.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from olmix.mix.design import DirichletSettings, concentrations, draws
from olmix.mix.feasible import FeasibleSet
from olmix.mix.tree import Tree, tree

LEAVES, VARIANTS, SECONDS = 60, 512, 5.0


def feasible_set(cap: float, branches: int | None) -> FeasibleSet:
    """60 leaves, flat or below `branches` sources, with caps of `cap` x an uneven prior."""
    prior = np.random.default_rng(0).dirichlet(np.ones(LEAVES))
    names = (f"leaf{i}" if branches is None else f"source{i % branches}:leaf{i}" for i in range(LEAVES))
    return FeasibleSet(
        leaves=tuple(names),
        lower=(0.0,) * LEAVES,
        upper=tuple(np.minimum(cap * prior, 1.0).tolist()),
        prior=tuple(prior.tolist()),
    )


def unconditioned(structure: Tree, parameters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One draw from the hierarchical Dirichlet, by numpy's own."""
    w = np.ones(len(structure.leaves))
    for split in structure.splits:
        share = generator.dirichlet(np.maximum(parameters[list(split.children)], 1e-3))
        for child, value in zip(split.children, share, strict=True):
            w[list(structure.members[child])] *= value
    return w


def rejection(
    feasible: FeasibleSet, settings: DirichletSettings, seconds: float, seed: int = 0
) -> tuple[int, int, float]:
    """Draws and keeps what is feasible for some seconds: (kept, tried, seconds used)."""
    structure = tree(feasible.leaves)
    generator = np.random.default_rng(seed)
    parameters = concentrations(feasible, structure, settings)
    upper = np.array(feasible.upper)
    kept = tried = 0
    began = time.perf_counter()
    while kept < VARIANTS and time.perf_counter() - began < seconds:
        w = unconditioned(structure, parameters(generator, 1)[0], generator)
        tried += 1
        kept += bool((w <= upper).all())
    return kept, tried, time.perf_counter() - began


def main() -> None:
    """Prints one line per case."""
    print(f"{VARIANTS} variants over {LEAVES} leaves, default strengths")
    print(f"{'case':<28} {'ours, wall':>10} {'CPU':>9}  worst breach  {'rejection (kept of tried)':<28} ratio")
    settings = DirichletSettings()
    for branches in (None, 10):
        for cap in (1.05, 2.0, 10.0):
            feasible = feasible_set(cap, branches)
            times, seconds = [], []
            for seed in range(7):
                began, used = time.perf_counter(), time.process_time()
                w = draws(feasible, settings, VARIANTS, seed)
                times.append(time.perf_counter() - began)
                seconds.append(time.process_time() - used)
            ours, cpu = statistics.median(times), statistics.median(seconds)
            kept, tried, used = rejection(feasible, settings, SECONDS)
            needed = used * VARIANTS / kept if kept else float("inf")
            reference = f"{kept} of {tried} in {used:.1f} s"
            ratio = f"{needed / ours:,.0f}" if kept else f"> {used * VARIANTS / ours:,.0f}"
            name = f"{'flat' if branches is None else '10 sources'}, caps {cap:g} x prior"
            print(
                f"{name:<28} {ours * 1e3:7.1f} ms {cpu * 1e3:6.1f} ms  {feasible.excess(w).max():12.1e}  {reference:<28} {ratio}"
            )


if __name__ == "__main__":
    main()
