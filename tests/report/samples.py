"""A made-up search with plausible numbers, from a law that is known, for tests of the page."""

from __future__ import annotations

import numpy as np

from olmix.report.findings import (
    Cost,
    Curve,
    Explorer,
    Failure,
    Findings,
    Front,
    Gain,
    Leaf,
    LearningPoint,
    Metric,
    NextRun,
    PathPoint,
    Reused,
    RunDoubt,
    Scatter,
    Sensitivity,
    Setting,
    StepRecord,
)

LEAVES = (
    "stdlib:code",
    "stdlib:tests",
    "docs:numpy:high",
    "docs:numpy:low",
    "docs:sympy:high",
    "docs:sympy:low",
    "reference",
    "licences",
    "speeches",
    "plays",
)
METRICS = (
    "bpb/stdlib:code",
    "bpb/stdlib:tests",
    "bpb/docs",
    "bpb/reference",
    "bpb/licences",
    "bpb/speeches",
    "bpb/plays",
)
TOKENS = (3_100_000, 4_800_000, 900_000, 1_300_000, 500_000, 700_000, 130_000, 720_000, 2_900_000, 1_200_000)


def sample(runs: int = 24, seed: int = 0, validated: bool = True, gain: float = 0.03, copies: int = 1) -> Findings:
    """Findings of a whole search; `copies` multiplies its metrics."""
    metrics_of = METRICS if copies == 1 else tuple(f"{name}/{i}" for i in range(copies) for name in METRICS)
    rng = np.random.default_rng(seed)
    tokens = np.array(TOKENS, dtype=float)
    prior = tokens / tokens.sum()
    cap = np.minimum(4 * tokens / 20e6, 1)
    weights = rng.dirichlet(12 * prior, runs)
    slopes = -1.2 * rng.random((len(metrics_of), len(LEAVES))) ** 2 - 0.1
    floor = 0.6 + 0.8 * rng.random(len(metrics_of))

    def law(w: np.ndarray) -> np.ndarray:
        return floor + np.exp(w @ slopes.T)

    observed = law(weights) + 0.004 * rng.standard_normal((runs, len(metrics_of)))
    predicted = law(weights) + 0.006 * rng.standard_normal((runs, len(metrics_of)))
    proposal = np.minimum(prior * np.exp(-1.8 * slopes[:3].mean(0)), cap)
    for _ in range(60):
        proposal = np.minimum(proposal / proposal.sum(), cap)
    shares = np.array([0.4, 0.4, 0.2] + [0] * (len(metrics_of) - 3))
    at_prior, at_proposal = law(prior), law(proposal) - gain * shares * 2
    metrics = tuple(
        Metric(
            name=name,
            weight=float(shares[k]),
            coefficient=float(shares[k]),
            prior_predicted=float(at_prior[k] + 0.001),
            predicted=float(at_proposal[k] + 0.002),
            predicted_interval=(float(at_proposal[k] - 0.009), float(at_proposal[k] + 0.012)),
            measured={
                arm: tuple(float(v) for v in base[k] + 0.004 * rng.standard_normal(3))
                for arm, base in (("prior", at_prior), ("proposal", at_proposal), ("best", at_proposal + 0.008))
            }
            if validated
            else {},
        )
        for k, name in enumerate(metrics_of)
    )

    def mixed(arm: str) -> tuple[float, ...]:
        return tuple(sum(m.weight * m.measured[arm][i] for m in metrics) for i in range(3))

    measured = {arm: mixed(arm) for arm in ("prior", "proposal", "best")} if validated else {}
    objective = Metric(
        name="objective",
        weight=1.0,
        prior_predicted=float(shares @ at_prior),
        predicted=float(shares @ at_proposal),
        predicted_interval=(float(shares @ at_proposal) - 0.007, float(shares @ at_proposal) + 0.008),
        measured=measured,
    )
    expected = float(shares @ (at_prior - at_proposal))
    gains = [
        Gain(
            against="prior",
            measured=False,
            value=expected,
            interval=(expected - 0.012, expected + 0.011),
            probability=0.973,
            reference=1.6,
        ),
        Gain(against="best", measured=False, value=0.011, interval=(-0.004, 0.021), probability=0.88),
    ]
    if validated:
        for arm in ("prior", "best"):
            a, b = np.array(measured[arm]), np.array(measured["proposal"])
            error = float(np.hypot(a.std(ddof=1), b.std(ddof=1)) / np.sqrt(3))
            gains.append(
                Gain(
                    against=arm,
                    measured=True,
                    value=float(a.mean() - b.mean()),
                    standard_error=error,
                    seeds=3,
                    reference=float(a.mean()),
                )
            )
    names = tuple(f"variant-{i:03d}" for i in range(runs))
    steps = np.linspace(0, 1, 60)[1:]
    curves = [
        Curve(
            run=name,
            role="swarm",
            tokens=tuple(400_000 * steps),
            loss=tuple(2.6 + 5.7 * np.exp(-4 * steps) + 0.25 * rng.standard_normal() + 0.02 * rng.standard_normal(59)),
        )
        for name in names
    ]
    for role, shift in (("prior", 0.0), ("best", -0.1), ("proposal", -0.2)) if validated else ():
        curves.append(
            Curve(
                run=f"{role}, seed 1000",
                role=role,
                tokens=tuple(400_000 * steps),
                loss=tuple(2.6 + shift + 5.7 * np.exp(-4 * steps) + 0.02 * rng.standard_normal(59)),
            )
        )
    matrix = slopes * np.exp(slopes @ proposal)[:, None]
    matrix = 0.01 * (matrix - (matrix @ proposal)[:, None]) / (1 - proposal)
    law_json = {
        "format": 1,
        "law": "LogLinear",
        "settings": {},
        "learned": {
            "slopes_": _array(slopes),
            "log_floor_": _array(np.log(floor)),
            "shift_": _array(np.zeros(len(metrics_of))),
        },
    }
    leaves = tuple(
        Leaf(
            name=name,
            prior=float(prior[j]),
            proposed=float(proposal[j]),
            interval=(float(max(proposal[j] * 0.8 - 0.004, 0)), float(min(proposal[j] * 1.15 + 0.01, cap[j]))),
            cap=float(cap[j]),
            tokens=TOKENS[j],
            repetition_limit=4.0,
            repetition=float(proposal[j] * 20e6 / tokens[j]),
            prior_repetition=float(prior[j] * 20e6 / tokens[j]),
            swarm=(float(weights[:, j].min()), float(weights[:, j].max())),
            identified=name != "reference",
            doubt="hardly varies" if name == "reference" else "",
        )
        for j, name in enumerate(LEAVES)
    )
    commit = "3f2c9b17d0aa55e2a1c34b0f7a9d11e0c5b6f788"
    records = tuple(
        StepRecord(
            label=label,
            kind=f"olmix.example:{label.title()}",
            artifact=f"{label}-1f0c2b6a9d3e",
            fingerprint="1f0c2b6a9d3e" + 13 * "7a0b",
            commit=commit,
            dirty=label == "swarm",
            started="2026-11-21T03:44:00+00:00",
            seconds=0.4 * (i + 1) ** 3,
            pieces=runs if label == "swarm" else 0,
            settings=(
                Setting(path=f"{label}.seed", value="0"),
                Setting(path=f"{label}.proxy.learning_rate", value="0.003", blame="experiments/quickstart.py:31"),
            ),
        )
        for i, label in enumerate(("corpus", "scan", "limits", "design", "swarm", "laws", "proposal", "validation"))
    )
    return Findings(
        title="quickstart",
        question="More code and fewer speeches lower the bits per byte of held-out Python code, within what the texts can supply",
        objective=objective,
        objective_words="the weighted mean of 3 metrics (BPB of code, tests and docs)",
        leaves=leaves,
        metrics=metrics,
        runs=runs,
        run_names=names,
        gains=tuple(gains),
        target_tokens=20_000_000,
        scatters=tuple(
            Scatter(
                metric=name,
                predicted=tuple(predicted[:, k]),
                observed=tuple(observed[:, k]),
                std=(0.005,) * runs,
                spearman=0.9 + 0.01 * k,
                pearson=0.95,
                rmse=0.0063,
                regret=0.001,
                coverage_90=0.88,
                z_spread=1.07,
            )
            for k, name in enumerate(metrics_of)
        ),
        calibration=((0.5, 0.47), (0.8, 0.79), (0.9, 0.88), (0.95, 0.93)),
        run_doubts=tuple(
            RunDoubt(run=name, leverage=0.5 - 0.01 * i, surprise=3.4 / (1 + i), gain_without=0.03 + i / 1000)
            for i, name in enumerate(names)
        ),
        scatter_words="3 × 5-fold cross-validation",
        curves=tuple(curves),
        learning=tuple(
            LearningPoint(runs=size, metric=name, spearman=1 - 0.5 / size**0.7 - 0.01 * k, rmse=0.02 / size**0.5)
            for k, name in enumerate(metrics_of)
            for size in (6, 9, 12, 16, 20, 24)
        ),
        sensitivity=Sensitivity(
            metrics=metrics_of, leaves=LEAVES, values=tuple(tuple(float(v) for v in row) for row in matrix)
        ),
        front=Front(
            first="code",
            prior=(1.08, 1.09),
            proposal=(1.03, 1.05),
            second="docs",
            points=tuple((1 + 0.1 * t, 1 + 0.1 * (1 - t) ** 2) for t in np.linspace(0, 1, 12)),
        ),
        next_runs=(
            NextRun(mixture={"stdlib:code": 0.6, "docs:numpy:high": 0.4}, remaining=0.62),
            NextRun(mixture={"plays": 0.5, "licences": 0.5}, remaining=0.48),
        ),
        reused=(Reused(leaf="speeches", parts=("speeches:before_1900", "speeches:since"), shares=(0.7, 0.3)),),
        path=tuple(
            PathPoint(
                strength=float(s), objective=float(1.5 + 0.05 * np.exp(-1 / s)), divergence=float(0.6 / (1 + 4 * s))
            )
            for s in (0.01, 0.03, 0.1, 0.3, 1)
        ),
        warnings=(
            "few-runs: 24 runs for 10 leaves; the ridge decides along 3 directions",
            "narrow-leaf: reference varies by less than 0.01 in weight",
        ),
        failures=(
            Failure(
                run="variant-017",
                reason="the loss ceased to be finite at step 212",
                mixture={"licences": 0.81, "plays": 0.19},
            ),
        ),
        costs=(
            Cost(part="swarm", runs=24, tokens=24 * 400_000, seconds=140, cpu_seconds=280),
            Cost(part="validation", runs=9, tokens=9 * 400_000, seconds=60, cpu_seconds=110),
        ),
        steps=records,
        environment={
            "python": "3.11.7",
            "system": "Linux x86_64",
            "cpus": "2",
            "numpy": "2.3.5",
            "torch": "2.13.0",
            "ray": "2.60.0",
            "transformers": "5.19.0",
        },
        explorer=Explorer(
            law=law_json,
            checks=tuple((tuple(map(float, w)), tuple(map(float, law(w)))) for w in (prior, proposal, *weights[:3])),
        ),
    )


def _array(values: np.ndarray) -> dict[str, object]:
    return {"array": values.tolist(), "shape": list(values.shape)}
