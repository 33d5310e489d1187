"""The mixture of finished runs, by anyone, can be bettered within what the data supply, and we can say how surely.

`--set ratios=A.csv --set metrics=B.csv` names the mixtures and the metrics of the runs; without both there is nothing to
fit. Further, all optional: `test_ratios` and `test_metrics` (runs to test on), `priors` and `token_counts` (files by
leaf), `target_tokens` and `repetition_limit` (which then cap the weights), `objective[METRIC]`, `maximise`, `kl`,
`drop_runs`, `drop_metrics`, `keep_metrics`.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.presets.finished_runs import finished_runs
from olmix.mixture_search import FitRuns


def experiment() -> fdl.Config[FitRuns]:
    """Fit, propose, report."""
    cfg = finished_runs()
    cfg.report.question = "Which mixture do these runs recommend?"
    return cfg
