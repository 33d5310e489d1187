"""Reading a fit config; see `read_config.py`."""

from __future__ import annotations

from olmix.errors import UserError
from olmix.importing.block import Block
from olmix.importing.read_parts import common, evaluation, priors
from olmix.importing.schema import LAWS, PROPOSERS, Fit


def fit(top: Block) -> Fit:
    """The fit config at the top of a file."""
    names = ("swarm", "regression", "proposer", "constraints", "filtering")
    swarm, regression, proposer, constraints, filtering = (top.block(name) for name in names)
    for key in ("alpha", "simulation_samples", "opt_avg_metric", "early_stopping"):
        regression.get(key)
    for key in ("temperature", "use_natural_kl"):
        proposer.get(key)
    enabled = constraints.flag("enabled", False)
    target = constraints.whole("target_tokens", least=1)
    if enabled and target is None:
        raise UserError(
            f"{top.at(constraints.entry)}.enabled is true without target_tokens, the length of the final run that they are for."
        )
    known = evaluation(top, "offline")
    config = Fit(
        **common(top),
        ratios=swarm.need("ratios").text,
        metrics=swarm.need("metrics").text,
        priors=priors(top),
        evaluation=known,
        law=regression.one_of("type", "log_linear", LAWS),
        seed=int(regression.whole("seed", 0) or 0),
        n_test=int(regression.whole("n_test", 0) or 0),
        train_split=_split(regression),
        by_family=regression.flag("aggregate_task_families", False),
        proposer=proposer.one_of("type", "exact", PROPOSERS),
        kl=proposer.number("kl_reg", least=0),
        worst=proposer.flag("make_worst_mix", False),
        fit_only=proposer.flag("fit_only", False),
        constrained=enabled,
        target_tokens=target,
        repetition=constraints.number("repetition_factor", 5.0, least=1e-9) or 5.0,
        drop_metrics=filtering.texts("drop_metrics"),
        keep_sources=filtering.texts("keep_sources"),
        support_domains=filtering.texts("support_domains"),
        fixed=filtering.numbers("fixed_weight", least=0),
        objective=filtering.numbers("obj_weights", least=0),
    )
    for block in (swarm, regression, proposer, constraints, filtering):
        block.close()
    return config


def _split(block: Block) -> tuple[float, ...]:
    found = block.get("train_split")
    if found is None:
        return (1.0,)
    entries = found.value if isinstance(found.value, list) else [found]
    values = tuple(block.as_number(entry, 0) for entry in entries)
    if not values or min(values) <= 0:
        raise UserError(f"{block.at(found)} must be a share of the runs above 0, or their number.")
    return values
