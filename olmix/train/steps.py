"""The steps of training: one proxy, a swarm of them, and the validation of a proposal.

A swarm's piece holds its own mixture and not the design it came from, so that a larger design trains only what is new, and the
same mixture asked for twice (by a swarm and a validation) is trained once. Several pieces may be trained side by side in
one task (`stack`); each is then an artifact as from a run alone, so no other stack and no other hardware trains it again.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, FanOut, Step
from olmix.lean import import_transformers
from olmix.mix.runs import RunTable
from olmix.train import compiling, planner, results
from olmix.train.arithmetic import resolve_device
from olmix.train.checks import check_seed, check_settings, check_supply
from olmix.train.continuing import check_settings as check_continues
from olmix.train.probing import check_probe, measured_speed
from olmix.train.recipe import resolve
from olmix.train.results import BPB, ProxyResult, ValidationResult
from olmix.train.settings import Proxy
from olmix.train.stacks import check_stack, side_by_side
from olmix.train.tasks import FAMILY, METRIC
from olmix.train.training import Training

#: Seeds of a validation start here by default: far from a swarm's, whose luck chose the best observed variant.
VALIDATION_SEED = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainProxy(Training):
    """Trains one proxy on one mixture of the scanned leaves and measures it on held-out text.

    `groups` names further metrics of its log, each the mean over leaves: `{"code": ("python", "c")}` adds `bpb/code`. The
    result has those of the leaves alone; a swarm adds its groups, so that new ones train nothing anew.
    `repetition_limits` (leaf -> how often it may be read in this run) win over those of the scan. Writes
    `metrics.jsonl`, and with `proxy.save_model` the model as a Hugging Face folder, `model/`. `name` appears in logs only.
    `continues` is a shorter run of the same kind, whose `proxy.save_states` is set: this one goes on from its end, with the
    result that it would have had from the beginning.
    """

    version: ClassVar[int] = 2  # 2: the last sequences of a run are those of a longer one

    def gang(self) -> int:
        """The processes that its global batches are split over."""
        return self.proxy.device.processes

    def run(self, context: Context) -> ProxyResult:
        """Trains, or goes on from a checkpoint of an earlier attempt. A run that diverges is a result, not an error."""
        import_transformers()
        from olmix.train.work import train_proxy

        return train_proxy(self, context)

    @classmethod
    def run_together(
        cls, steps: Sequence[Self], contexts: Sequence[Context], scratch: pathlib.Path
    ) -> list[ProxyResult]:
        """Trains several as one stacked model: results as of each alone, to rounding. They may differ in mixture and seed.

        A variant that diverges leaves the others as they are.
        """
        import_transformers()
        from olmix.train.stack_work import train_stack

        return train_stack(steps, contexts, scratch)


def ready(proxy: Proxy, needs: Needs) -> Proxy:
    """The proxy with what "auto" means on this hardware, so that it is part of the fingerprint."""
    return dataclasses.replace(proxy, device=resolve_device(proxy.device, needs))


def _ready_for_all(proxy: Proxy, pool: tuple[Needs, ...]) -> Proxy:
    """As `ready`, for hardware of several kinds: what is "auto" must mean the same on all of it.

    Raises:
      UserError: if it does not: two proxies may differ by nothing but their mixture.
    """
    found = [ready(proxy, needs) for needs in pool]
    if any(other.device != found[0].device for other in found):
        kinds = ", ".join(f"{p.device.dtype} on {n.accelerator or 'a CPU'}" for p, n in zip(found, pool, strict=True))
        raise UserError(
            f"The pool's accelerators would compute in different formats ({kinds}); "
            f"set proxy.device.dtype to one that all have."
        )
    return found[0]


def _name(arm: str, seed: int) -> str:
    """The name of one run of a validation."""
    return f"{arm.replace(' ', '-')}-seed-{seed}"


def _failure(result: ProxyResult) -> str:
    mixture = ", ".join(f"{leaf} {weight:.4f}" for leaf, weight in sorted(result.mixture.items()))
    return f"{result.reason}; its mixture: {mixture}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Swarm(FanOut):
    """Trains one proxy per variant of `design`, all with the same seed: they differ by nothing but their mixture.

    The pieces run with `each_needs`, or in turns with each of `pool` (a mixed pool of accelerators, which must be able to
    do the same arithmetic: name `proxy.device.dtype`), `stack` of those that are missing in one task (1: each alone; more:
    side by side in one model, for small models on large GPUs; None: as the planner thinks, always 1 on a CPU). `probe` is
    a `Probe` for the dry run's estimates. `continues` is a swarm of shorter runs with `proxy.save_states`, from whose ends
    these go on; a variant that is not among its finished ones begins anew. Gathers a `RunTable`; a run that diverged is in
    its `failed`, with its mixture.
    """

    version: ClassVar[int] = 2  # As of `TrainProxy`.

    design: Step
    scan: Step
    proxy: Proxy
    seed: int = 0
    groups: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    each_needs: Annotated[Needs, Resources] = ONE_CPU
    pool: Annotated[tuple[Needs, ...], Resources] = ()
    stack: Annotated[int | None, Resources] = None
    probe: Annotated[Step | None, Resources] = None
    continues: Annotated[Swarm | None, Resources] = None

    def training_tokens(self) -> int:
        """The tokens of one of its runs, for lists of experiments."""
        return resolve(self.proxy).tokens

    def _shorter(self, context: Context) -> dict[str, TrainProxy]:
        """The runs, by variant, from which those of this swarm can go on."""
        if self.continues is None:
            return {}
        finished: RunTable = context.read(self.continues)
        pieces = self.continues.pieces(context)
        return {name: piece for name, piece in pieces.items() if name in finished.runs}

    def pieces(self, context: Context) -> dict[str, TrainProxy]:
        """One `TrainProxy` per variant, by the variant's name."""
        pool = tuple(self.pool) or (self.each_needs,)
        proxy = _ready_for_all(self.proxy, pool)
        check_settings(proxy, *pool)  # A mistake shows here, before anything is started.
        check_stack(self.stack, proxy, "swarm")
        check_seed("swarm.seed", self.seed)
        if not self.pool:
            check_probe(self.probe, self.proxy, self.each_needs)
        mixtures = context.read(self.design).mixtures()
        if not mixtures:
            raise UserError("The design has no variants, so there is nothing to train; ask for at least 1.")
        check_supply(proxy, mixtures, context.read(self.scan), self.repetition_limits, self.groups)
        shorter = self._shorter(context)
        pieces = {
            name: TrainProxy(
                scan=self.scan,
                mixture=dict(mixture),
                proxy=proxy,
                seed=self.seed,
                groups=self.groups,
                repetition_limits=self.repetition_limits,
                needs=pool[number % len(pool)],
                continues=shorter.get(name),
                name=name,
            )
            for number, (name, mixture) in enumerate(mixtures.items())
        }
        for name in shorter.keys() & pieces.keys():
            check_continues(shorter[name], pieces[name])
        return pieces

    def together(self, missing: Mapping[str, Step]) -> list[tuple[str, ...]]:
        """Stacks of those that are missing."""
        return side_by_side(missing, self.stack)

    def declared(self) -> tuple[str, ...]:
        """The tokens of one of its runs, exactly."""
        return planner.declared(self.proxy, self.each_needs)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What it will take: tokens, operations, hours, memory."""
        count = len(context.read(self.design).names)
        speed = measured_speed(context, self.probe)
        corpus = getattr(self.scan, "corpus", None)
        missing = planner.not_here(self.proxy, None if corpus is None else context.folder(corpus))
        stack = self._stack(count)
        compiled = compiling.lines(self.proxy, self.pool or (self.each_needs,), stack, speed)
        return (*planner.lines(self.proxy, count, self.each_needs, speed, stack), *compiled, *missing)

    def planned_hours(self, context: Context) -> float | None:
        """As the planner thinks, or as a probe that has been run has measured."""
        count = len(context.read(self.design).names)
        if self.pool:
            shares = [planner.device_hours(self.proxy, count, needs) for needs in self.pool]
            known = [share for share in shares if share is not None]
            return sum(known) / len(known) if len(known) == len(shares) else None
        return planner.device_hours(self.proxy, count, self.each_needs, measured_speed(context, self.probe))

    def _stack(self, variants: int) -> int:
        if self.stack is None:
            return min(planner.stack_size(self.proxy, needs, variants) for needs in self.pool or (self.each_needs,))
        return self.stack

    def results(self, context: Context) -> dict[str, ProxyResult]:
        """The results by variant, with the groups."""
        return {
            name: results.with_groups(context.read(piece), self.groups) for name, piece in self.pieces(context).items()
        }

    def metrics_to_come(self, context: Context) -> tuple[str, ...]:
        """What its runs will be measured on: held-out text of leaves and groups, tasks and families of tasks."""
        texts = (*context.read(self.scan).held_out, *self.groups)
        asked = self.proxy.tasks
        return (
            *(f"{BPB}{name}" for name in texts),
            *(METRIC.format(name) for name in asked.names),
            *(FAMILY.format(name) for name in asked.families),
        )

    def run(self, context: Context) -> RunTable:
        """Gathers the finished runs.

        Raises:
          UserError: if every run failed.
        """
        leaves: tuple[str, ...] = tuple(context.read(self.design).leaves)
        done = self.results(context)
        finished = {name: result for name, result in done.items() if result.finished}
        failed = {name: _failure(result) for name, result in done.items() if not result.finished}
        if not finished:
            name, reason = next(iter(failed.items()))
            raise UserError(
                f"All {len(failed)} proxies of the swarm failed, so there is nothing to learn from; {name}: {reason}."
            )
        measured = next(iter(finished.values())).metrics
        of_leaves = [f"{BPB}{leaf}" for leaf in leaves if f"{BPB}{leaf}" in measured]
        metrics = (*of_leaves, *sorted(set(measured) - set(of_leaves)))
        return RunTable(
            runs=tuple(finished),
            leaves=leaves,
            weights=tuple(tuple(result.mixture.get(leaf, 0.0) for leaf in leaves) for result in finished.values()),
            metrics=metrics,
            values=tuple(tuple(result.metrics[m] for m in metrics) for result in finished.values()),
            failed=failed,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Validation(FanOut):
    """Trains the proposal, the prior and the best observed variant with new seeds, and says whether the gain is more than noise.

    `proposal` is a `Proposal` step: its result has the three mixtures (the last one may be missing) and each metric's
    coefficient in the objective. Seeds are `first_seed`, `first_seed` + 1, …: not the swarm's, for the best observed
    variant was chosen by its luck there. `stack` as in `Swarm`: runs that differ in mixture and seed go side by side.
    `continues` is a validation with shorter runs and `proxy.save_states`: arms whose mixture is still the same go on from
    theirs, seed by seed; a proposal that has changed since is trained from the beginning.
    """

    version: ClassVar[int] = 3  # 2: Student's t says what is more than noise; 3: as of `TrainProxy`

    proposal: Step
    scan: Step
    proxy: Proxy
    seeds: int = 3
    first_seed: int = VALIDATION_SEED
    groups: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    repetition_limits: dict[str, float] = dataclasses.field(default_factory=dict)
    each_needs: Annotated[Needs, Resources] = ONE_CPU
    stack: Annotated[int | None, Resources] = None
    probe: Annotated[Step | None, Resources] = None
    continues: Annotated[Validation | None, Resources] = None

    def _shorter(self, context: Context) -> dict[str, TrainProxy]:
        """The finished runs of the shorter validation, by name."""
        if self.continues is None:
            return {}
        finished: ValidationResult = context.read(self.continues)
        pieces = self.continues.pieces(context)
        return {name: pieces[name] for arm in finished.arms for name in (_name(arm.name, seed) for seed in arm.seeds)}

    def _arms(self, context: Context) -> dict[str, dict[str, float]]:
        proposal: Any = context.read(self.proposal)
        best: dict[str, float] | None = proposal.best_mixture()
        arms = {"proposal": proposal.mixture(), "prior": proposal.prior_mixture()}
        return arms if best is None else {**arms, "best observed": best}

    def training_tokens(self) -> int:
        """The tokens of one of its runs, for lists of experiments."""
        return resolve(self.proxy).tokens

    def pieces(self, context: Context) -> dict[str, TrainProxy]:
        """One `TrainProxy` per arm and seed, named `<arm>-seed-<n>` with dashes."""
        if self.seeds < 1:
            raise UserError(f"A validation needs at least 1 seed; it has {self.seeds}.")
        proxy = ready(self.proxy, self.each_needs)
        check_settings(proxy, self.each_needs)
        check_stack(self.stack, proxy, "validation")
        check_seed("validation.first_seed", self.first_seed)
        check_probe(self.probe, self.proxy, self.each_needs)
        arms = self._arms(context)
        check_supply(proxy, arms, context.read(self.scan), self.repetition_limits, self.groups)
        pieces = {
            _name(arm, seed): TrainProxy(
                scan=self.scan,
                mixture={leaf: weight for leaf, weight in mixture.items() if weight > 0},
                proxy=proxy,
                seed=seed,
                groups=self.groups,
                repetition_limits=self.repetition_limits,
                needs=self.each_needs,
                name=f"{arm}, seed {seed}",
            )
            for arm, mixture in arms.items()
            for seed in range(self.first_seed, self.first_seed + self.seeds)
        }
        for name, shorter in self._shorter(context).items():
            if name in pieces and pieces[name].mixture == shorter.mixture:
                check_continues(shorter, pieces[name])
                pieces[name] = dataclasses.replace(pieces[name], continues=shorter)
        return pieces

    def together(self, missing: Mapping[str, Step]) -> list[tuple[str, ...]]:
        """Stacks of those that are missing, arms and seeds mixed."""
        return side_by_side(missing, self.stack)

    def declared(self) -> tuple[str, ...]:
        """The tokens of one of its runs, exactly."""
        return planner.declared(self.proxy, self.each_needs)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """What it will take: tokens, operations, hours, memory."""
        speed = measured_speed(context, self.probe)
        stack = planner.stack_size(self.proxy, self.each_needs, 3 * self.seeds) if self.stack is None else self.stack
        plan = planner.lines(self.proxy, 3 * self.seeds, self.each_needs, speed, stack)
        compiled = compiling.lines(self.proxy, (self.each_needs,), stack, speed)
        return (f"proposal, prior and best observed variant with {self.seeds} seeds each", *plan, *compiled)

    def results(self, context: Context) -> dict[str, ProxyResult]:
        """The results by name, with the groups."""
        return {
            name: results.with_groups(context.read(piece), self.groups) for name, piece in self.pieces(context).items()
        }

    def run(self, context: Context) -> ValidationResult:
        """Means, standard errors and gains.

        Raises:
          UserError: if no run of any arm finished.
        """
        proposal: Any = context.read(self.proposal)
        objective = {row.metric: row.coefficient for row in proposal.metrics if row.coefficient}
        done = self.results(context)
        arms = []
        for arm in self._arms(context):
            runs = {seed: done[_name(arm, seed)] for seed in range(self.first_seed, self.first_seed + self.seeds)}
            arms.append(results.summarise_arm(arm, objective, runs))
        if all(arm.mean is None for arm in arms):
            raise UserError(
                "No validation run finished; their reasons: "
                + "; ".join(r for arm in arms for r in arm.failed.values())
                + "."
            )
        comparisons = tuple(results.compare(arms[0], other) for other in arms[1:])
        return ValidationResult(
            objective=objective,
            arms=tuple(arms),
            comparisons=comparisons,
            sentence=" ".join(results.in_words(comparison) for comparison in comparisons),
        )
