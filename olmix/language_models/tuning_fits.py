"""What fits when a model is tuned in full on one device with AdamW: the sum for SFT, GKD and GRPO.

Weights, gradients and both moments are float32, 16 bytes a parameter (Rajbhandari et al. 2019, arXiv:1910.02054, section
3.1, with gradients in float32); arithmetic in another format keeps a copy of the weights in it. Activations are 34 bytes
per token, width and layer in 16-bit formats (Korthikanti et al. 2022, arXiv:2205.05198, table 2) with attention that
stores no scores. The logits stand there in the arithmetic's format and, for the loss, three times in float32: as such,
as log-probabilities, as gradient.
"""

from __future__ import annotations

from olmix.errors import UserError
from olmix.graph.hardware import HardwareProfile
from olmix.language_models.fits import BYTES, GIB, RUNTIME_GIB, Load, MemorySum, generation_sum, require
from olmix.language_models.requests import Length
from olmix.language_models.shapes import ModelShape, shape_of
from olmix.language_models.source import Model, short_name
from olmix.language_models.tuning import Gkd, Grpo, Tuning

#: What a trainer may fill: a card of 40 GB tells of 39.6 GiB, and the allocator loses some of it to pieces.
_SHARE = 0.95

#: GKD's divergence keeps log-probabilities of student, teacher and their mixture, and the three terms that compare them.
_DIVERGENCE_COPIES = 6


def tuning_sum(
    name: str, shape: ModelShape, teacher: ModelShape | None, hardware: HardwareProfile, tuning: Tuning, length: Length
) -> MemorySum:
    """The sum. `teacher` is GKD's; its parts are left out where its shape is not known."""
    dtype = hardware.resolve_dtype(tuning.dtype, "train.tuning.dtype")
    each = BYTES[dtype]
    rows = tuning.micro * length.max_length
    layer = 17 * rows * shape.hidden * each
    kept = rows * shape.hidden * each * shape.layers + layer if tuning.recompute else layer * shape.layers
    parts = [
        ("weights", 4.0 * shape.parameters),
        ("gradients", 4.0 * shape.parameters),
        ("Adam", 8.0 * shape.parameters),
        *([(f"weights in {dtype}", float(each * shape.parameters))] if each < 4 else []),
        ("activations", kept),
        ("logits", rows * shape.vocabulary * ((each if each < 4 else 0) + 3 * 4.0)),
    ]
    if isinstance(tuning, Gkd):
        if teacher is not None:
            parts.append(("teacher", float(each * teacher.parameters)))
        parts.append(("divergence", _DIVERGENCE_COPIES * 4.0 * rows * shape.vocabulary))
        if tuning.on_policy:
            parts.append(("cache of its own texts", float(shape.cache_bytes_per_token(4) * rows)))
    if isinstance(tuning, Grpo):
        if tuning.beta:
            parts.append(("reference", 4.0 * shape.parameters))
        if tuning.rollouts.engine == "transformers":
            tokens = tuning.batch * length.max_length
            parts.append((f"cache of {tuning.batch} rollouts", float(shape.cache_bytes_per_token(4) * tokens)))
        if tuning.rollouts.engine == "vllm_colocated":
            parts.append(("vLLM", tuning.rollouts.memory_share * (hardware.memory_gib or 0.0) * GIB))
    return MemorySum(
        what=f"fine-tuning {name} by {tuning.kind} (batch {tuning.micro} × {length.max_length} tokens, {dtype})",
        parts=(*((label, size / GIB) for label, size in parts), ("runtime", RUNTIME_GIB)),
        device=hardware.name,
        devices=1,
        memory=hardware.memory_gib or 0.0,
        share=_SHARE,
    )


def served_name(model: Model) -> str:
    """What a command line calls it."""
    return model if isinstance(model, str) else "MODEL"


def check_tuning(model: Model, hardware: HardwareProfile, tuning: Tuning, length: Length) -> tuple[str, ...]:
    """Lines with the sums; says so where a model's shape is not known, nothing for a CPU.

    Raises:
      UserError: with the sum, if it does not fit; if the hardware lacks the number format.
    """
    dtype = hardware.resolve_dtype(tuning.dtype, "train.tuning.dtype")
    if hardware.memory_gib is None:
        return ()
    shape = shape_of(model)
    if shape is None:
        return (f"whether {short_name(model)} fits is not known before it is loaded",)
    teacher = shape_of(tuning.teacher) if isinstance(tuning, Gkd) else None
    lines = require(tuning_sum(short_name(model), shape, teacher, hardware, tuning, length))
    if isinstance(tuning, Gkd) and teacher is None:
        lines += (f"the teacher {short_name(tuning.teacher)} is not in the sum: its shape is not known",)
    if isinstance(tuning, Grpo) and tuning.rollouts.engine == "vllm_server":
        # In the format of the server's own GPU, which this one need not share.
        command = tuning.rollouts.server_command(served_name(model), length.max_length, "auto")
        lines += (f"rollouts come from a server on another GPU, started by hand: {command}",)
    if isinstance(tuning, Grpo) and tuning.rollouts.engine == "vllm_colocated":
        if not hardware.vllm:
            raise UserError(
                f"vLLM has no kernels for the {hardware.name} ({hardware.note}), so it cannot be colocated there: "
                "tuning.rollouts.engine=transformers, or a server on another kind of GPU."
            )
        load = Load(tokens=length.max_length, prefill=length.max_length, rows=tuning.batch)
        share = tuning.rollouts.memory_share
        lines += require(
            generation_sum(short_name(model), shape, hardware, load, devices=1, dtype=dtype, utilisation=share)
        )
    return lines
