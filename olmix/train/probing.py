"""The probe: how fast a proxy trains on the hardware that is asked for, measured before a swarm of it is paid for.

Its result is for the dry run only and changes no run; so what it is of (hardware, how the work is split) is checked when it is
believed, and is part of which probe it is, though no run's fingerprint knows of it.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

from olmix.config.tags import Resources
from olmix.errors import UserError
from olmix.graph.resources import ONE_CPU, Needs
from olmix.graph.step import Context, NotYet, Step
from olmix.lean import import_transformers
from olmix.train import planner
from olmix.train.recipe import resolve
from olmix.train.settings import Proxy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe(Step):
    """Measures the speed of a proxy on the hardware that `needs` asks for, in 20 steps on random tokens.

    Ask for one with `cfg.swarm.probe = fdl.Config(Probe, proxy=cfg.swarm.proxy, needs=cfg.swarm.each_needs)`, run it with
    `--until=swarm.probe`, and the dry run plans with what it measured.
    """

    observed_as: ClassVar[str] = "it is asked for on other hardware"

    proxy: Proxy
    steps: int = 20
    needs: Annotated[Needs | None, Resources] = ONE_CPU

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"A probe measures at least 1 step; it has steps={self.steps}.")

    def observe(self) -> str | None:
        """What its speed depends on that changes no result of a run: the hardware, and how the work is split on it."""
        needs, device = self.needs or ONE_CPU, self.proxy.device
        hardware = (needs.cpus, needs.gpus, needs.accelerator, needs.gpu_memory_gib)
        return repr((*hardware, device.micro_batch, device.processes, device.compile, device.threads))

    def patience(self, together: int = 1) -> float | None:
        """As of a run."""
        return planner.patience(self.proxy, self.needs, together)

    def run(self, context: Context) -> planner.Speed:
        """Trains the steps and measures."""
        import_transformers()
        from olmix.train.work import probe

        speed, memory, device = probe(self.proxy, self.needs, self.steps, context.progress)
        return planner.Speed(device=device, tokens_per_second=speed, memory_gib=memory, steps=self.steps)


def check_probe(probe: Step | None, proxy: Proxy, needs: Needs) -> None:
    """Raises UserError if a probe measures something else than runs of `proxy` on what `needs` asks for."""
    if not isinstance(probe, Probe):
        return
    theirs, ours = (
        {
            "model": of.model,
            "vocabulary": of.vocabulary,
            "sequence_length": of.sequence_length,
            "batch_tokens": resolve(of).batch_tokens,
            "device": of.device,
            "hardware": on.text() + (f" of {on.gpu_memory_gib:g} GiB" if on.gpu_memory_gib is not None else ""),
        }
        for of, on in ((probe.proxy, probe.needs or ONE_CPU), (proxy, needs))
    )
    for what, value in ours.items():
        if theirs[what] != value:
            raise UserError(
                f"The probe measures other runs than those that are planned with it: its {what} is {theirs[what]}, and theirs "
                f"{value}; give it the same proxy and needs."
            )


def measured_speed(context: Context, probe: Step | None) -> planner.Speed | None:
    """What the probe measured, if there is one and it has run."""
    if probe is None:
        return None
    try:
        speed: planner.Speed = context.read(probe)
    except NotYet:
        return None
    return speed
