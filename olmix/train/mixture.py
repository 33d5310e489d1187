"""One training run on one mixture: `MixturePlan` says what it will read, `TrainMixture` trains it.

The mixture is that of the data tree's weights, which are shares only once the tokens are counted; so the run's piece, a
`TrainProxy` like any other, is made when the scan is there. A swarm that happens to hold the same mixture shares it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Annotated, ClassVar

from olmix.config.tags import Resources
from olmix.data import budgets
from olmix.data.budgets import Budget, RunPlan
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.train import compiling, planner
from olmix.train.checks import check_settings
from olmix.train.continuing import check_settings as check_continues
from olmix.train.recipe import resolve
from olmix.train.results import ProxyResult
from olmix.train.settings import Proxy
from olmix.train.steps import TrainProxy, ready

if TYPE_CHECKING:
    from olmix.data.scan_result import ScanResult

PIECE = "proxy"


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixturePlan(Step):
    """What a run will read of every leaf, to the token, and what a final run in the same mixture would need.

    `mixture` (leaf -> weight, summing to 1) replaces the shares that the weights of the scanned tree give. The final
    run is `target_tokens` long, or `target_chinchilla_multiple` × 20 × the parameters of `target_model`; with
    neither there is none. Repetition limits are those of the tree.
    """

    version: ClassVar[int] = 2  # As of `TrainProxy`.
    cheap: ClassVar[bool] = True

    scan: Step
    proxy: Proxy
    mixture: dict[str, float] = dataclasses.field(default_factory=dict)
    target_tokens: int | None = None
    target_chinchilla_multiple: float | None = None
    target_model: str | None = None

    def __post_init__(self) -> None:
        self.target()  # A declaration that does not add up shows here, with who made it.

    def run(self, context: Context) -> RunPlan:
        """The plan.

        Raises:
          UserError: when training itself would exceed the repetition limits, naming the leaves and what is possible.
        """
        from olmix.train.source import order_of

        scan: ScanResult = context.read(self.scan)
        training = planner.training_budget(self.proxy)
        plan = functools.partial(
            budgets.plan,
            tokens=scan.tokens,
            mixture=self.mixture or scan.mixture,
            repetition_limits=scan.repetition_limits,
            training=training,
            target=self.target(),
        )
        self._check(plan())
        order = order_of(self.mixture or scan.mixture, scan, resolve(self.proxy))
        return plan(drawn={leaf: drawn.tokens for leaf, drawn in order.drawn().items()})

    def target(self) -> Budget | None:
        """The final run, None if there is none. Raises UserError for a declaration that does not add up."""
        return budgets.resolve(
            tokens=self.target_tokens,
            chinchilla_multiple=self.target_chinchilla_multiple,
            model=self.target_model,
        )

    def _check(self, run: RunPlan) -> None:
        batch = resolve(self.proxy).batch_tokens
        # The order of sequences trims a leaf by less than one; what exceeds the limit by more is a mistake.
        over = [row for row in run.leaves if row.drawn > row.limit * row.tokens + self.proxy.sequence_length]
        if not over:
            return
        most = min(row.limit * row.tokens / row.weight for row in over)
        possible = int(most // batch * batch)
        multiple = budgets.as_multiple(possible, run.training.model)
        short = "; ".join(
            f"{row.leaf} would be read {row.repetition:.3g} times of at most {row.limit:g} "
            f"({row.drawn:,} tokens from the {row.tokens:,} it has)"
            for row in sorted(over, key=lambda row: -row.repetition / row.limit)[:3]
        )
        more = f"; and {len(over) - 3} more leaves" if len(over) > 3 else ""
        raise UserError(
            f"The data cannot supply {run.training.tokens:,} training tokens in this mixture: {short}{more}. The longest "
            f"run that it can supply is {possible:,} tokens{multiple}. Train less, raise repetition limits, or add data."
        )

    def declared(self) -> tuple[str, ...]:
        """The lengths of this run and of the final one, and how they were computed."""
        target = self.target()
        final = () if target is None else (f"final run: {target.tokens:,} tokens = {target.computed}",)
        return (budgets.training_line(planner.training_budget(self.proxy)), *final)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """Tokens, weights, repetitions and limits of every leaf."""
        return budgets.lines(context.read(self))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainMixture(FanOut):
    """Trains `proxy` on the mixture of `plan`; the result is that of its one piece, a `TrainProxy`.

    A final run that `plan` declares and the leaves cannot supply is an error before anything is trained. `groups` as in
    `TrainProxy`; the piece runs with `each_needs`. `continues` is a shorter run on the same mixture with `proxy.save_states`,
    from whose end this one goes on; if that one diverged, this one begins anew.
    """

    version: ClassVar[int] = 2  # As of `TrainProxy`.

    scan: Step
    plan: Step
    proxy: Proxy
    seed: int = 0
    groups: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    each_needs: Annotated[Needs, Resources] = ONE_CPU
    continues: Annotated[TrainMixture | None, Resources] = None

    def training_tokens(self) -> int:
        """The tokens of the run, for lists of experiments."""
        return resolve(self.proxy).tokens

    def piece(self, context: Context) -> TrainProxy:
        """The run itself."""
        plan: RunPlan = context.read(self.plan)
        made = TrainProxy(
            scan=self.scan,
            mixture={row.leaf: row.weight for row in plan.leaves if row.weight > 0},
            proxy=ready(self.proxy, self.each_needs),
            seed=self.seed,
            groups=self.groups,
            needs=self.each_needs,
            name=PIECE,
        )
        if self.continues is None or not context.read(self.continues).finished:
            return made
        shorter = self.continues.piece(context)
        check_continues(shorter, made)
        return dataclasses.replace(made, continues=shorter)

    def pieces(self, context: Context) -> dict[str, Step]:
        """The run, as the only piece.

        Raises:
          UserError: when the leaves cannot supply the final run that the plan declares.
        """
        check_settings(ready(self.proxy, self.each_needs), self.each_needs)  # Before anything is started.
        plan: RunPlan = context.read(self.plan)
        if plan.short:
            raise UserError(budgets.shortage(plan))
        return {PIECE: self.piece(context)}

    def declared(self) -> tuple[str, ...]:
        """What it will take: tokens, operations, hours, memory."""
        return (*planner.lines(self.proxy, 1, self.each_needs), *compiling.lines(self.proxy, (self.each_needs,), 1))

    def forecast(self, context: Context) -> tuple[str, ...]:
        """The same, which does not depend on the data, and what is missing here."""
        corpus = getattr(self.scan, "corpus", None)
        return (*self.declared(), *planner.not_here(self.proxy, None if corpus is None else context.folder(corpus)))

    def run(self, context: Context) -> ProxyResult:
        """The result of the run."""
        found: ProxyResult = context.read(self.piece(context))
        return found
