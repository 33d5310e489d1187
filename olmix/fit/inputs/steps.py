"""The steps that read finished runs, in the place of a swarm, and what data there is when nothing was scanned.

Their settings name files and servers; what was found there is part of the fingerprint, so a changed file makes everything
that was learned from it stale.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import Any, ClassVar

from olmix.errors import UserError
from olmix.graph.step import Context, Step
from olmix.mix.runs import RunTable


@dataclasses.dataclass(frozen=True, kw_only=True)
class CsvRuns(Step):
    """Runs from two CSV files, joined by the name of the run; see `olmix.fit.inputs.csv_files`.

    Paths are relative to the folder where the launcher was started. `run_column` names the column that names the runs,
    where it is none of `run`, `run_id`, `index`. `drop_runs`, `drop_metrics` and `keep_metrics` are names or patterns.
    """

    cheap: ClassVar[bool] = True
    #: What the files are called in messages: `ratios`, or `test_ratios` for runs to test on.
    prefix: ClassVar[str] = ""

    ratios: str = ""
    metrics: str = ""
    run_column: str = ""
    drop_runs: tuple[str, ...] = ()
    drop_metrics: tuple[str, ...] = ()
    keep_metrics: tuple[str, ...] = ()

    def observe(self) -> str | None:
        """A hash of both files.

        Raises:
          UserError: if one is not given or cannot be read.
        """
        from olmix.fit.inputs import csv_files

        self._require_both()
        return csv_files.digest(self.ratios, self.metrics)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """How many runs, leaves and metrics, and what was mended."""
        return described(context.read(self))

    def run(self, context: Context) -> RunTable:
        """Reads, checks and joins."""
        from olmix.fit.inputs import csv_files

        self._require_both()
        return csv_files.read_runs(
            self.ratios,
            self.metrics,
            run_column=self.run_column,
            drop_runs=self.drop_runs,
            drop_metrics=self.drop_metrics,
            keep_metrics=self.keep_metrics,
        )

    def _require_both(self) -> None:
        for name, given, what in (("ratios", self.ratios, "mixture"), ("metrics", self.metrics, "metrics")):
            if not given:
                raise UserError(
                    f"{self.prefix}{name} is missing: the CSV file with the {what} of each run. Say"
                    f" --set {self.prefix}{name}=FILE.csv."
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestCsvRuns(CsvRuns):
    """Runs that no law is fitted on, only tested; without files, none."""

    prefix: ClassVar[str] = "test_"
    __test__: ClassVar[bool] = False  # no test of pytest's

    def observe(self) -> str | None:
        """A hash of both files, None if there are none."""
        return super().observe() if self.ratios or self.metrics else None

    def forecast(self, context: Context) -> tuple[str, ...]:
        """Nothing, or how many runs."""
        return super().forecast(context) if self.ratios or self.metrics else ("no test runs were given",)

    def run(self, context: Context) -> RunTable:
        """The runs; an empty table if there are no files."""
        if self.ratios or self.metrics:
            return super().run(context)
        return RunTable(runs=(), leaves=(), weights=(), metrics=(), values=())


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredRuns(Step):
    """The runs of an earlier search: `folder` is that of a run, or of a swarm's artifact."""

    cheap: ClassVar[bool] = True

    folder: str

    def observe(self) -> str:
        """A hash of the table."""
        from olmix.fit.inputs import stored

        return stored.digest(self.folder)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """How many runs, leaves and metrics."""
        return described(context.read(self))

    def run(self, context: Context) -> RunTable:
        """Reads the table."""
        from olmix.fit.inputs import stored

        return stored.runs_from_store(self.folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WandbRuns(Step):
    """A group of W&B runs, fetched when the run is planned; see `olmix.fit.inputs.wandb_group`.

    `mixture` is the key of a run's config under which its mixture lies, `metrics` are keys of its summary or patterns.
    """

    project: str = ""
    group: str = ""
    mixture: str = "mixture"
    metrics: tuple[str, ...] = ("bpb/*",)
    drop_runs: tuple[str, ...] = ()
    base_url: str | None = None

    def observe(self) -> str:
        """A hash of what W&B has now, of that which counts here.

        Raises:
          UserError: if project or group is not given, or W&B cannot be asked.
        """
        import msgspec

        for name, given in (("project", self.project), ("group", self.group)):
            if not given:
                raise UserError(f"{name} is missing: which W&B runs to fit. Say --set {name}=NAME.")
        return hashlib.sha256(msgspec.json.encode(_wandb(self), order="deterministic")).hexdigest()

    def run(self, context: Context) -> RunTable:
        """The table that `observe` saw."""
        return _wandb(self)


@functools.lru_cache(maxsize=8)
def _fetched(key: tuple[Any, ...]) -> RunTable:
    from olmix.fit.inputs import wandb_group

    project, group, mixture, metrics, drop_runs, base_url = key
    return wandb_group.read_runs(
        project, group, mixture=mixture, metrics=metrics, drop_runs=drop_runs, base_url=base_url
    )


def _wandb(step: WandbRuns) -> RunTable:
    """One fetch a process: a run learns from the very table that its plan was made for."""
    return _fetched((step.project, step.group, step.mixture, tuple(step.metrics), tuple(step.drop_runs), step.base_url))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupplyResult:
    """What is known of the data: the `leaves` of the runs, their `tokens` (empty if nobody counted), and a prior.

    `repetition_limits` are those of a data tree; here there is none, so the limits' own count.
    """

    leaves: tuple[str, ...]
    tokens: dict[str, int]
    prior: dict[str, float]
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Supply(Step):
    """Token counts and prior for runs that come without a data tree: what a scan would have said.

    `token_counts` and `priors` are files by leaf: CSV with two columns, JSON or YAML; `tokens` and `prior` are the same
    numbers within the config. The prior is, in this order, what is given, the shares of the token counts, or the mean mixture
    of the runs, and then a note says so.
    """

    cheap: ClassVar[bool] = True

    runs: Step
    token_counts: str = ""
    priors: str = ""
    tokens: dict[str, int] = dataclasses.field(default_factory=dict)
    prior: dict[str, float] = dataclasses.field(default_factory=dict)

    def observe(self) -> str | None:
        """A hash of the files, None without any."""
        from olmix.fit.inputs import csv_files

        given = [path for path in (self.token_counts, self.priors) if path]
        return csv_files.digest(*given) if given else None

    def forecast(self, context: Context) -> tuple[str, ...]:
        """Prior and tokens of each leaf."""
        found: SupplyResult = context.read(self)
        wide = max(map(len, found.leaves))
        lines = [f"{leaf:<{wide}}  prior {found.prior[leaf]:7.3%}" for leaf in found.leaves]
        if found.tokens:
            lines = [
                f"{line}  {found.tokens[leaf]:>18,} tokens" for line, leaf in zip(lines, found.leaves, strict=True)
            ]
        return (*lines, *found.notes)

    def run(self, context: Context) -> SupplyResult:
        """Reads the files and fills in the prior."""
        from olmix.fit.inputs import supply

        for file, inline, name in (("token_counts", self.tokens, "tokens"), ("priors", self.prior, "prior")):
            if getattr(self, file) and inline:
                raise UserError(f"Both scan.{file} (a file) and scan.{name} (numbers) are given; give one of them.")
        table: RunTable = context.read(self.runs)
        given = self.token_counts or self.tokens
        counts = supply.token_counts(given, table.leaves) if given else {}
        if self.priors or self.prior:
            prior = supply.priors(self.priors or self.prior, table.leaves)
            return SupplyResult(leaves=table.leaves, tokens=counts, prior=prior)
        prior, notes = supply.default_prior(table, counts)
        return SupplyResult(leaves=table.leaves, tokens=counts, prior=prior, notes=notes)


def described(table: RunTable) -> tuple[str, ...]:
    """What a table of runs holds, for a dry run."""
    first = f"{len(table.runs)} runs, {len(table.leaves)} leaves, {len(table.metrics)} metrics"
    failed = (f"{len(table.failed)} runs without a result",) if table.failed else ()
    return (first, *failed, *table.notes)
