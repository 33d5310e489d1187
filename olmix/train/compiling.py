"""Whether torch.compile pays for itself within a run: what it takes at the start against what it saves, as a sum to check.

`device.compile` says so outright (True or False); None leaves it to the sum. It is on where it is expected to save at least
`MARGIN` times what it takes, for both sides are guesses until `python -m benchmarks.gpu` has measured them. Compiled are the
layers and what is done with each slice of logits (`loss._of_slice`), where most of a small model's time goes. Only the steps of
training are compiled: an evaluation has so many lengths that compiling for each of them would cost more than it saves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import shutil
import sysconfig
from collections.abc import Iterator, Sequence

from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import Needs
from olmix.train import planner
from olmix.train.arithmetic import Arithmetic
from olmix.train.ladder import Foreign, count_parameters, padded, shape_of
from olmix.train.settings import Proxy

#: Seconds before the first step is done, forward and backward: of any model, and more for each of its layers. Guesses.
START_SECONDS, LAYER_SECONDS = 20.0, 3.0
#: The share of a step's time that it saves: a guess on the low side of what is published for models of this kind.
SAVED = 0.15
MARGIN = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether to compile, and why: a sentence for the dry run and the log. Seconds are None where nobody can say."""

    on: bool
    why: str
    takes: float | None = None
    saves: float | None = None


def decide(proxy: Proxy, needs: Needs | None, *, variants: int = 1, speed: planner.Speed | None = None) -> Decision:
    """What is right for a run, or for `variants` of them side by side; `speed` is that of one run, if it was measured."""
    if proxy.device.compile is not None:
        return Decision(on=proxy.device.compile, why="as device.compile says")
    if needs is None or not needs.gpus:
        return Decision(on=False, why="on a CPU only where device.compile=True")
    if proxy.device.processes > 1:
        return Decision(on=False, why="with several processes only where device.compile=True")
    if needs.accelerator is None or isinstance(proxy.model, Foreign):
        return Decision(on=False, why="nobody can say how long the run is; device.compile=True sets it")
    one = planner.estimate(proxy, hardware_of(needs), speed)
    assert one is not None
    seconds = 3600 * one.hours
    if variants > 1:
        # Side by side they fill the device as one model of all their parameters would.
        parameters = count_parameters(proxy.model, padded(proxy.vocabulary)).non_embedding
        seconds *= variants * planner.utilisation(parameters) / planner.utilisation(variants * parameters)
    takes, saves = START_SECONDS + LAYER_SECONDS * shape_of(proxy.model).layers, SAVED * seconds
    on = saves >= MARGIN * takes
    how = "guessed" if one.guessed else "after a probe"
    why = (
        f"it takes about {takes:,.0f} s once and saves about {saves:,.0f} s, {SAVED:.0%} of {seconds:,.0f} s ({how}), "
        f"{'at least' if on else 'less than'} {MARGIN:g} times that"
    )
    return Decision(on=on, why=why, takes=takes, saves=saves)


def line(decision: Decision) -> str:
    """A decision in words."""
    return f"torch.compile {'on' if decision.on else 'off'}: {decision.why}"


def lines(proxy: Proxy, pool: Sequence[Needs], variants: int, speed: planner.Speed | None = None) -> tuple[str, ...]:
    """The decisions for each kind of GPU in a pool, for the dry run."""
    kinds = {needs.accelerator or "GPU": needs for needs in pool if needs.gpus}
    return tuple(
        f"{kind}: {line(decide(proxy, needs, variants=variants, speed=speed))}" for kind, needs in kinds.items()
    )


def missing_here(device: str) -> str | None:
    """What this machine lacks to compile for a device; None if nothing."""
    cuda = device == "cuda"
    if cuda and importlib.util.find_spec("triton") is None:
        return "the package triton"
    # Triton builds what calls its kernels with these, torch what it makes for CPUs with those, both against Python itself.
    asked, names = os.environ.get("CC" if cuda else "CXX"), ("gcc", "clang") if cuda else ("g++", "clang++", "c++")
    if not any(shutil.which(name) for name in ([asked] if asked else names)):
        return "a C compiler (gcc or clang)" if cuda else "a C++ compiler"
    if not (pathlib.Path(sysconfig.get_path("include", "posix_prefix")) / "Python.h").exists():
        return "the C headers of Python (the system's package python3-dev, or the like)"
    return None


def possible_here(decision: Decision, device: str) -> Decision:
    """The decision, as far as this machine can follow it.

    Raises:
      UserError: if it was asked for outright, and cannot be done.
    """
    lacks = missing_here(device) if decision.on else None
    if lacks is None:
        return decision
    if decision.takes is None:
        raise UserError(f"device.compile=True needs {lacks}, which this machine has not; set it to False.")
    return Decision(on=False, why=f"this machine lacks {lacks}; it would pay, for {decision.why}")


@contextlib.contextmanager
def uncompiled(arithmetic: Arithmetic) -> Iterator[None]:
    """A block in which compiled models are run as they were written."""
    if not arithmetic.compile:
        yield
        return
    import torch

    with torch.compiler.set_stance("force_eager"):
        yield
