"""What fits when text is generated: weights, cache, activations and the runtime, summed per device, before hardware is asked for.

An estimate on the safe side, not a measurement; the runtime (CUDA context, kernels, communication buffers, graphs) is
taken as 1.5 GiB. What fits when a model is tuned: `tuning_fits`.
"""

from __future__ import annotations

import dataclasses

from olmix.errors import UserError
from olmix.graph.hardware import HardwareProfile
from olmix.language_models.shapes import ModelShape, shape_of
from olmix.language_models.source import Model, short_name

GIB = 2**30
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

#: Per device.
RUNTIME_GIB = 1.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemorySum:
    """GiB per device: the parts, what there is, and the share of it that may be filled."""

    what: str
    parts: tuple[tuple[str, float], ...]
    device: str
    devices: int
    memory: float
    share: float = 1.0

    @property
    def needed(self) -> float:
        """The sum of the parts, in GiB per device."""
        return sum(size for _, size in self.parts)

    @property
    def available(self) -> float:
        """What may be filled, in GiB per device."""
        return self.memory * self.share

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return self.needed <= self.available

    def text(self) -> str:
        """The sum, as a person would write it."""
        terms = " + ".join(f"{label} {size:.1f}" for label, size in self.parts)
        there = f"{self.memory:g}" + (f" × {self.share:g} = {self.available:.1f}" if self.share != 1 else "")
        count = f"each of {self.devices} " if self.devices > 1 else "one "
        sign = "fits" if self.fits else "does not fit"
        return f"{self.what} {sign} on {count}{self.device}: {terms} = {self.needed:.1f} GiB of {there} GiB"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """What generation holds in memory: `tokens` in the cache, `prefill` of them read in one pass, `rows` texts at a time."""

    tokens: int
    prefill: int
    rows: int


def generation_sum(
    name: str, shape: ModelShape, hardware: HardwareProfile, load: Load, *, devices: int, dtype: str, utilisation: float
) -> MemorySum:
    """Generating, with the model split evenly over the devices; logits, in float32, are whole on each."""
    each = BYTES[dtype]
    passing = load.prefill * (2 * shape.inner / devices + 4 * shape.hidden) * each
    return MemorySum(
        what=f"generating with {name} in {dtype}",
        parts=(
            ("weights", shape.parameters * each / devices / GIB),
            (f"cache of {load.tokens:,} tokens", shape.cache_bytes_per_token(each) * load.tokens / devices / GIB),
            ("activations", (passing + 4 * load.rows * shape.vocabulary) / GIB),
            ("runtime", RUNTIME_GIB),
        ),
        device=hardware.name,
        devices=devices,
        memory=hardware.memory_gib or 0.0,
        share=utilisation,
    )


def require(total: MemorySum) -> tuple[str, ...]:
    """The sum as a line for a forecast.

    Raises:
      UserError: with the sum, if it does not fit.
    """
    if not total.fits:
        raise UserError(f"{total.text()}.")
    return (total.text(),)


def of_generation(
    model: Model, hardware: HardwareProfile, load: Load, *, devices: int, dtype: str, utilisation: float
) -> MemorySum | None:
    """The sum for generating; None where the model's shape or the memory is not known."""
    shape = shape_of(model)
    if shape is None or hardware.memory_gib is None:
        return None
    return generation_sum(
        short_name(model), shape, hardware, load, devices=devices, dtype=dtype, utilisation=utilisation
    )


def check_generation(
    model: Model, hardware: HardwareProfile, load: Load, *, devices: int, dtype: str, utilisation: float
) -> tuple[str, ...]:
    """The line of `require` for generating; says so where the model's shape is not known, nothing for a CPU.

    Raises:
      UserError: with the sum, if it does not fit.
    """
    if hardware.memory_gib is None:
        return ()
    shape = shape_of(model)
    total = of_generation(model, hardware, load, devices=devices, dtype=dtype, utilisation=utilisation)
    if shape is None or total is None:
        return (f"whether {short_name(model)} fits is not known before it is loaded",)
    lines = require(total)
    spare = (total.available - total.needed) * devices * GIB / shape.cache_bytes_per_token(BYTES[dtype])
    return (*lines, f"room for {load.tokens + int(spare):,} tokens in the cache at a time")
