"""The flags by which every launcher takes an experiment: `--experiment`, `--set`, `--overlay`.

`--set` and `--overlay` may be repeated and mixed; they are applied in the order in which they stand on the command line.
"""

from __future__ import annotations

import itertools
from typing import Any

from absl import flags

from olmix.config import experiments
from olmix.config.experiments import Resolved
from olmix.config.overrides import Override
from olmix.errors import UserError

_ORDER = itertools.count()

Holders = tuple[flags.FlagHolder[Any], ...]


class OverrideParser(flags.ArgumentParser[tuple[int, Override]]):
    """Keeps beside each override its place among all overrides, whichever flag it came with."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def parse(self, argument: Any) -> tuple[int, Override]:
        """The override and its number."""
        return argument if isinstance(argument, tuple) else (next(_ORDER), Override(self.kind, argument))

    def flag_type(self) -> str:
        """What `--help` calls the type."""
        return "string"


class OverrideSerializer(flags.ArgumentSerializer[tuple[int, Override]]):
    """Writes an override as it was typed."""

    def serialize(self, value: tuple[int, Override]) -> str:
        """The text after the flag."""
        return value[1].text


def define_overrides(prefix: str = "") -> Holders:
    """Defines `--set` and `--overlay`, with a prefix such as `left_`."""
    wanted = (
        ("set", "Set a value, such as swarm.proxy.learning_rate=3e-3. May be repeated."),
        ("overlay", "Apply an overlay, such as laptop or 'lowlr(factor=0.5)'. May be repeated."),
    )
    return tuple(
        flags.DEFINE_multi(OverrideParser(kind), OverrideSerializer(), f"{prefix}{kind}", None, text)
        for kind, text in wanted
    )


def in_order(holders: Holders) -> list[Override]:
    """The overrides of several flags in the order in which they were typed."""
    return [override for _, override in sorted(item for holder in holders for item in holder.value or [])]


_EXPERIMENT = flags.DEFINE_string(
    "experiment", None, "An experiment such as quickstart, a resolved.json, or the folder of a run."
)
_OVERRIDES = define_overrides()


def resolve() -> Resolved:
    """The experiment that the flags ask for.

    Raises:
      UserError: if there is none, or it cannot be resolved.
    """
    if not _EXPERIMENT.value:
        raise UserError("Say which experiment: --experiment=NAME (`python -m launchers.list` shows them all).")
    return experiments.resolve(_EXPERIMENT.value, in_order(_OVERRIDES))
