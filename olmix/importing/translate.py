"""From what a config says to the settings of our roots: a launch config to a single run, the others in files of their own."""

from __future__ import annotations

from typing import Any

from olmix.data.tree import Tree
from olmix.errors import UserError
from olmix.importing.schema import Config, Fit, Generate, Launch
from olmix.importing.translate_training import HELD_OUT, check_model, needs, proxy_fields
from olmix.importing.translate_tree import access, list_ratios, mixed, unmixed
from olmix.importing.translation import Notes, Translation


def translate(config: Config, base: Launch | None = None) -> Translation:
    """The experiment that a config means. `base` is the launch config that a generate config is for.

    Raises:
      UserError: for what cannot be an experiment here.
    """
    from olmix.importing.translate_fit import fit
    from olmix.importing.translate_generate import generate, swarm_of

    if base is not None and not isinstance(config, Generate):
        raise UserError(f"{config.file} is no generate config, and only those are for a launch config.")
    if isinstance(config, Generate):
        return generate(config, base)
    if isinstance(config, Fit):
        return fit(config)
    if not isinstance(config, Launch):
        raise TypeError(type(config))
    return swarm_of(config) if config.sampling is not None and config.mix is None else single_run(config)


def single_run(config: Launch) -> Translation:
    """One run on one mixture."""
    notes = Notes(config)
    assumed = [HELD_OUT]
    if config.mix is not None:
        sources = mixed(config, config.sources, config.mix, notes)
        if config.sampling is not None:
            notes.drop("swarm", "the mix is given, so none is sampled")
    else:
        sources = unmixed(config, config.sources, weights=True)
        if all(node.weight is None for node in config.sources):
            assumed.append("The YAML has no mix: sources without weights share by their token counts.")
    if config.priors is not None:
        notes.drop("priors", "the scan counts the tokens; a run on a given mixture needs no prior")
    settings: dict[str, Any] = {
        "scan.tree": Tree(sources=sources),
        "scan.dtype": config.dtype,
        "train.seed": config.training.seed,
    }
    settings |= needs(config, "train")
    settings |= final_run(config) | access(sources)
    list_ratios(config.sources, notes)
    notes.drop("repetition_factor", "repetition limits stand in the data tree")
    return Translation(
        config=config,
        root="single_run",
        sources=sources,
        proxy=proxy_fields(config, notes),
        proxy_at=("plan.proxy", "train.proxy"),
        settings=settings,
        listed=notes.all(),
        assumed=tuple(assumed),
    )


def final_run(config: Launch) -> dict[str, Any]:
    """The settings of `plan` for the final run that older launch configs declare."""
    target = config.target
    if target.model is not None:
        check_model(config, target.model)
    named: dict[str, Any] = {"target_tokens": target.tokens}
    if target.tokens is None:
        named |= {"target_chinchilla_multiple": target.multiple, "target_model": target.model}
    return {f"plan.{name}": value for name, value in named.items() if value is not None}
