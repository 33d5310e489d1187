"""How fast and how good the laws are: `python -m benchmarks.fit` (about fifteen minutes; `--only=speed,regret` for parts).

* speed: all 13 metrics of RegMix's 512 runs per law, in CPU seconds, beside the reference: torch's LBFGS with Huber's loss
  from 300 random starts, one metric at a time, as log-linear laws are usually fitted. Few starts are run and the
  time is scaled to 300; the best loss among those run is compared with ours.
* accuracy: RegMix's 256 test mixtures, never seen: Spearman averaged over the 13 losses and for Pile-CC, mean squared
  error, from 32, 64, 128 (means of four random subsets) and all 512 runs. `Best` chooses by cross-validation of the runs.
* regret: what proposals leave of the prior-to-optimum gap, 128 runs, caps of 2 x the prior: on simulated truths, and with
  RegMix's surface as the truth.
* proposals: 60 leaves x 50 metrics against cvxpy/Clarabel.
* bootstrap: 1,000 refits and proposals.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # CPU seconds of one core; before numpy is imported

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np

from benchmarks import propose
from olmix.fit import Best, BoostedTrees, EffectiveData, GaussianProcess, Law, Linear, LogLinear
from olmix.fit.levenberg import huber_loss
from olmix.fit.scores import correlation, ranks
from tests import shared_data

Array = np.ndarray

HUBER_DELTA = 0.02
STARTS = 300
LAWS: dict[str, Law] = {
    "Linear": Linear(),
    "LogLinear": LogLinear(),
    "BoostedTrees": BoostedTrees(),
    "EffectiveData": EffectiveData(),
    "GaussianProcess": GaussianProcess(),
    "Best": Best(),
}


def load(part: str) -> tuple[Array, Array, int]:
    """Mixtures [n, 17], losses [n, 13] of RegMix's `train` or `test` runs, and the column of Pile-CC."""
    root = shared_data.find()
    if root is None:
        raise SystemExit("The shared data are absent (set OLMIX_SHARED_DATA); this benchmark needs RegMix's runs.")
    tables = []
    for kind in ("mixture", "pile_loss"):
        table = np.genfromtxt(root / "regmix" / f"{part}_{kind}_1m.csv", delimiter=",", skip_header=1)
        tables.append(table[table[:, 0].argsort(), 1:])
    header = (root / "regmix" / f"{part}_pile_loss_1m.csv").read_text().split("\n", 1)[0]
    return (
        tables[0] / tables[0].sum(axis=1, keepdims=True),
        tables[1],
        header.split(",")[1:].index("metric/the_pile_pile_cc_val_loss"),
    )


def cpu(call: Callable[[], object], repeats: int) -> float:
    """The smallest CPU seconds of `repeats` calls."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def speed(starts: int) -> None:
    """CPU seconds for 13 metrics x 512 runs, and the Huber loss beside the reference's."""
    w, y, pile_cc = load("train")
    print(f"13 metrics x {len(w)} runs x {w.shape[1]} leaves, CPU seconds")
    for law, repeats, asked in ((LogLinear(), 3, 0.2), (EffectiveData(), 3, 1.0), (GaussianProcess(), 1, 60.0)):
        took = cpu(functools.partial(law.clone().fit, w, y), repeats)
        print(f"  {type(law).__name__:<16} {took:8.2f}   (asked: {asked:g})")
    plain = LogLinear(ridge=0.0, huber_delta=HUBER_DELTA)
    took = cpu(lambda: plain.clone().fit(w, y), 3)
    fitted = plain.fit(w, y)
    ours = huber_loss((y - fitted.predict(w)).T, np.ones_like(y.T), np.full(y.shape[1], HUBER_DELTA))[pile_cc]
    began = time.process_time()
    theirs = naive(w, y[:, pile_cc], starts)
    each = (time.process_time() - began) / starts
    print(
        f"  log-linear, Huber {HUBER_DELTA}, no ridge: ours {took:.2f} s for 13 metrics, loss for Pile-CC {ours:.8f};"
        f" torch LBFGS {each:.2f} s a start, {each * STARTS:.0f} s for {STARTS} (scaled from {starts}) and one metric,"
        f" best loss {theirs:.8f}; ratio of time per metric {each * STARTS / (took / y.shape[1]):.0f}"
    )


def naive(w: Array, y: Array, starts: int) -> float:
    """The best summed Huber loss of exp(c) + exp(t . w) by torch's LBFGS from random starts."""
    import torch

    torch.set_num_threads(1)
    inputs, target = torch.tensor(w), torch.tensor(y)
    generator = torch.Generator().manual_seed(0)
    best = float("inf")
    for _ in range(starts):
        floor = float(y.min()) * (0.1 + 0.85 * torch.rand(1, generator=generator, dtype=torch.float64))
        slopes = torch.log(target.mean() - floor) + 0.5 * torch.randn(
            w.shape[1], generator=generator, dtype=torch.float64
        )
        theta = torch.cat([torch.log(floor), slopes]).requires_grad_()
        optimiser = torch.optim.LBFGS(
            [theta], lr=1.0, max_iter=2000, max_eval=2500, history_size=10, line_search_fn="strong_wolfe",
            tolerance_grad=1e-9, tolerance_change=1e-12,
        )  # fmt: skip

        def closure(theta: torch.Tensor = theta, optimiser: torch.optim.LBFGS = optimiser) -> torch.Tensor:
            optimiser.zero_grad()
            predicted = torch.exp(theta[0]) + torch.exp(inputs @ theta[1:])
            loss = torch.nn.functional.huber_loss(predicted, target, delta=HUBER_DELTA, reduction="sum")
            loss.backward()
            return loss

        optimiser.step(closure)
        found = float(closure().detach())
        best = min(best, found) if np.isfinite(found) else best
    return best


def accuracy(names: list[str], sizes: list[int]) -> None:
    """Out-of-sample scores on RegMix's test mixtures."""
    w, y, pile_cc = load("train")
    fresh, truth, _ = load("test")
    print("  runs  law               Spearman  Pile-CC      MSE  MSE Pile-CC  CPU s a fit")
    for runs in sizes:
        subsets = [np.random.default_rng(r).permutation(len(w))[:runs] for r in range(4 if runs < len(w) else 1)]
        for name in names:
            rows = []
            for subset in subsets:
                began = time.process_time()
                predicted = LAWS[name].clone().fit(w[subset], y[subset]).predict(fresh)
                took = time.process_time() - began
                each = [correlation(ranks(predicted[:, k]), ranks(truth[:, k])) or 0.0 for k in range(y.shape[1])]
                square = np.mean((predicted - truth) ** 2, axis=0)
                rows.append((np.mean(each), each[pile_cc], square.mean(), square[pile_cc], took))
            spearman, pile, square, square_pile, took = np.mean(np.array(rows), axis=0)
            errors = f"{square:7.4f}  {square_pile:11.5f}"
            print(
                f"  {runs:>4}  {name:<16}  {100 * spearman:8.2f}  {100 * pile:7.2f}  {errors}  {took:6.1f}", flush=True
            )


def main() -> None:
    """Prints the parts asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="speed,accuracy,regret,proposals,bootstrap")
    parser.add_argument("--laws", default=",".join(LAWS))
    parser.add_argument("--sizes", default="32,64,128,512")
    parser.add_argument("--starts", type=int, default=10, help="of the naive reference; its time is scaled to 300")
    parser.add_argument("--seeds", type=int, default=10, help="simulated truths of the regret")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], object]] = {
        "speed": lambda: speed(arguments.starts),
        "accuracy": lambda: accuracy(arguments.laws.split(","), [int(size) for size in arguments.sizes.split(",")]),
        "regret": lambda: [part(arguments.seeds) for part in (propose.regret, propose.regmix_regret)],
        "proposals": propose.speed,
        "bootstrap": lambda: propose.bootstrap(1000),
    }
    for part in arguments.only.split(","):
        if part not in parts:
            raise SystemExit(f"There is no part {part!r}; there are {', '.join(parts)}.")
        print(f"== {part}", flush=True)
        parts[part]()


if __name__ == "__main__":
    main()
