"""The mixture of a group of W&B runs, by anyone, can be bettered within what the data supply, and we can say how surely.

`--set project=ENTITY/PROJECT --set group=GROUP` names the runs, `--set metrics=['eval/*']` what of their summaries counts
(else `bpb/*`), `--set mixture=KEY` where a run's config has its mixture. Everything else is as in `fit_csv`.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.presets.finished_runs import finished_runs
from olmix.fit.inputs.steps import WandbRuns
from olmix.mixture_search import FitRuns


def experiment() -> fdl.Config[FitRuns]:
    """Fetch, fit, propose, report."""
    cfg = finished_runs(fdl.Config(WandbRuns))
    cfg.report.question = "Which mixture do these runs recommend?"
    return cfg
