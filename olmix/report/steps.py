"""The step `report`: reads what the search found and writes `report.html`, a page that needs nothing else, `report.json`,
and the main figures as PNG in `figures`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from olmix.config.tags import RunIdentity
from olmix.graph.step import Context, FanOut, Step

if TYPE_CHECKING:
    from olmix.report.findings import Cost, Findings, StepRecord
    from olmix.report.trained import Trained

PAGE = "report.html"
DATA = "report.json"
FIGURES = "figures"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportResult:
    """The report in short: `verdict` is better, noise, worse, predicted, predicted noise, counterfactual or unknown.

    `answer` and `change` are its two sentences; `page`, `data` and `figures` are files in the artifact's folder. The gain
    is that over the prior in units of the objective, measured if it was, and `gain_error` its standard error (measured) or
    None.
    """

    verdict: str
    headline: str
    answer: str
    change: str
    gain: float | None
    gain_error: float | None
    page: str = PAGE
    data: str = DATA
    figures: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Step):
    """Writes the report of a search.

    `laws`, `proposal` and `runs` (the table that the laws were fitted on) are needed; every other step adds its sections.
    `question` is the hypothesis, the page's title.
    """

    laws: Step
    proposal: Step
    runs: Step
    limits: Step | None = None
    corpus: Step | None = None
    scan: Step | None = None
    design: Step | None = None
    validation: Step | None = None
    question: str = ""
    title: Annotated[str, RunIdentity] = ""

    #: Raised whenever the page says something else for the same results.
    version: ClassVar[int] = 4

    def upstream(self) -> dict[str, Step]:
        """The steps that the report reads, in the order of the road; the table of runs is called swarm where it is one."""
        runs = "swarm" if isinstance(self.runs, FanOut) else "runs"
        named = {
            "corpus": self.corpus,
            "scan": self.scan,
            "limits": self.limits,
            "design": self.design,
            runs: self.runs,
            "laws": self.laws,
            "proposal": self.proposal,
            "validation": self.validation,
        }
        return {name: step for name, step in named.items() if step is not None}

    def run(self, context: Context) -> ReportResult:
        """Gathers, judges, draws, writes."""
        import json

        import msgspec

        from olmix.report import figures
        from olmix.report.page import render
        from olmix.report.verdict import verdict

        findings = self.findings(context)
        answer = verdict(findings)
        (context.out / PAGE).write_text(render(findings), encoding="utf-8")
        plain = msgspec.to_builtins(findings)
        (context.out / DATA).write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        drawn = figures.write(findings, context.out / FIGURES)
        gain = findings.gain("prior", True) or findings.gain("prior", False)
        return ReportResult(
            verdict=answer.kind,
            headline=answer.label,
            answer=answer.answer,
            change=answer.change,
            gain=None if gain is None else gain.value,
            gain_error=None if gain is None else gain.standard_error,
            figures=tuple(f"{FIGURES}/{name}" for name in drawn),
        )

    def findings(self, context: Context) -> Findings:
        """Everything that the page says."""
        from olmix.report import gather, provenance, trained

        swarm = _trained(context, self.runs)
        validation = _trained(context, self.validation)
        table, laws = context.read(self.runs), context.read(self.laws)
        found = gather.search_findings(
            title=self.title or context.experiment,
            question=self.question,
            laws=laws,
            proposal=context.read(self.proposal),
            runs=table,
            limits=None if self.limits is None else context.read(self.limits),
            measured=trained.measured(validation),
            scatter_words=_scatter_words(self.laws),
            trade=_trade(self.proposal),
        )
        notes = () if self.scan is None else tuple(getattr(context.read(self.scan), "notes", ()))
        steps = self.upstream()
        runs = {id(self.runs): swarm, id(self.validation): validation}
        costs = {name: _cost(context, name, step, runs.get(id(step), [])) for name, step in steps.items()}
        return dataclasses.replace(
            found,
            warnings=(*notes, *found.warnings),
            curves=trained.curves(swarm, validation),
            failures=trained.failures(table.failed, swarm, validation),
            costs=tuple(costs.values()),
            steps=tuple(
                _record(context, name, step, runs.get(id(step), []), costs[name]) for name, step in steps.items()
            ),
            environment=provenance.environment(context, list(steps.values())),
        )


def _trained(context: Context, step: Step | None) -> list[Trained]:
    from olmix.report import trained
    from olmix.train.steps import Swarm, Validation

    return list(trained.trained(context, step)) if isinstance(step, Swarm | Validation) else []


def _cost(context: Context, name: str, step: Step, runs: list[Trained]) -> Cost:
    from olmix.report import trained

    return trained.training_cost(context, name, runs) if runs else trained.step_cost(context, name, step)


def _record(context: Context, name: str, step: Step, runs: list[Trained], cost: Cost) -> StepRecord:
    from olmix.report import provenance

    return provenance.record(name, context.folder(step), len(runs), cost.seconds if runs else 0.0)


def _trade(proposal: Step) -> Any:
    """What the proposal's front was asked for, as far as the step says."""
    from olmix.report.gather import Trade

    names = tuple(getattr(proposal, "front", ()))
    if len(names) != 2:
        return None
    settings = {name: getattr(proposal, name) for name in ("families", "maximise")}
    return Trade(*names, **settings, standardised=bool(getattr(proposal, "standardise", False)))


def _scatter_words(laws: Step) -> str:
    folds, repeats = getattr(laws, "folds", None), getattr(laws, "repeats", None)
    return f"{repeats} × {folds}-fold cross-validation" if folds and repeats else ""
