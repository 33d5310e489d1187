"""What fits: weights, cache, activations and the runtime, summed per device and shown, before any hardware is asked for.

An estimate on the safe side, not a measurement: activations follow Korthikanti et al. 2022 (arXiv:2205.05198, table
2) with attention that stores no scores; the runtime (CUDA context, kernels, communication buffers, graphs) is taken
as 1.5 GiB.
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

#: vLLM prefills at most so many tokens at a time by default.
PREFILL_TOKENS = 8192


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


def generation_sum(
    name: str,
    shape: ModelShape,
    hardware: HardwareProfile,
    *,
    devices: int,
    dtype: str,
    tokens: int,
    utilisation: float,
) -> MemorySum:
    """Generating with `tokens` tokens in the cache at a time, the model split evenly over the devices."""
    each = BYTES[dtype]
    prefill = min(tokens, PREFILL_TOKENS)
    activations = prefill * (2 * shape.inner / devices + 4 * shape.hidden) * each + 4 * 64 * shape.vocabulary
    return MemorySum(
        what=f"generating with {name} in {dtype}",
        parts=(
            ("weights", shape.parameters * each / devices / GIB),
            (f"cache of {tokens:,} tokens", shape.cache_bytes_per_token(each) * tokens / devices / GIB),
            ("activations", activations / GIB),
            ("runtime", RUNTIME_GIB),
        ),
        device=hardware.name,
        devices=devices,
        memory=hardware.memory_gib or 0.0,
        share=utilisation,
    )


def training_sum(
    name: str, shape: ModelShape, hardware: HardwareProfile, *, batch: int, length: int, dtype: str, recompute: bool,
    extra_models: tuple[tuple[str, ModelShape, int], ...] = (),
    reserved: tuple[tuple[str, float], ...] = (),
) -> MemorySum:  # fmt: skip
    """Full fine-tuning with AdamW on one device: weights, gradients and two moments in float32, arithmetic in `dtype`.

    `recompute` keeps only each layer's input and computes one layer again at a time (gradient checkpointing).
    `extra_models` are held frozen beside it, with so many bytes per parameter: a teacher, a reference.
    `reserved` is a share of the memory that something else fills: vLLM beside the trainer.
    """
    each = BYTES[dtype]
    rows = batch * length
    layer = 17 * rows * shape.hidden * each
    kept = rows * shape.hidden * each * shape.layers + layer if recompute else layer * shape.layers
    frozen = tuple((label, other.parameters * size / GIB) for label, other, size in extra_models)
    return MemorySum(
        what=f"fine-tuning {name} (batch {batch} × {length} tokens, {dtype})",
        parts=(
            ("weights", 4 * shape.parameters / GIB),
            ("gradients", 4 * shape.parameters / GIB),
            ("Adam", 8 * shape.parameters / GIB),
            ("activations", kept / GIB),
            ("logits", 2 * 4 * rows * shape.vocabulary / GIB),
            *frozen,
            *((label, share * (hardware.memory_gib or 0.0)) for label, share in reserved),
            ("runtime", RUNTIME_GIB),
        ),
        device=hardware.name,
        devices=1,
        memory=hardware.memory_gib or 0.0,
    )


def require(total: MemorySum) -> tuple[str, ...]:
    """The sum as a line for a forecast.

    Raises:
      UserError: with the sum, if it does not fit.
    """
    if not total.fits:
        raise UserError(f"{total.text()}.")
    return (total.text(),)


def in_words(
    model: Model, hardware: HardwareProfile, *, devices: int, dtype: str, tokens: int, utilisation: float
) -> str | None:
    """Whether generating fits, with the sum; None where the model's shape or the memory is not known."""
    shape = shape_of(model)
    if shape is None or hardware.memory_gib is None:
        return None
    return generation_sum(
        short_name(model), shape, hardware, devices=devices, dtype=dtype, tokens=tokens, utilisation=utilisation
    ).text()


def check_generation(
    model: Model, hardware: HardwareProfile, *, devices: int, dtype: str, tokens: int, utilisation: float
) -> tuple[str, ...]:
    """The line of `require` for generating; says so where the model's shape is not known, nothing for a CPU.

    Raises:
      UserError: with the sum, if it does not fit.
    """
    if hardware.memory_gib is None:
        return ()
    shape = shape_of(model)
    name = short_name(model)
    if shape is None:
        return (f"whether {name} fits is not known before it is loaded",)
    total = generation_sum(name, shape, hardware, devices=devices, dtype=dtype, tokens=tokens, utilisation=utilisation)
    lines = require(total)
    spare = (total.available - total.needed) * devices * GIB / shape.cache_bytes_per_token(BYTES[dtype])
    return (*lines, f"room for {tokens + int(spare):,} tokens in the cache at a time")
