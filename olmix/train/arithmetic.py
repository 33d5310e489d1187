"""How the arithmetic of one run is done, after "auto" is replaced by what the hardware can do."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from olmix.errors import UserError
from olmix.graph.hardware import profile
from olmix.graph.resources import Needs
from olmix.train.settings import Device

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """`device` is "cpu" or "cuda"; weights are float32 and `dtype` is what matrix products are done in."""

    device: str = "cpu"
    dtype: str = "float32"
    attention: str = "sdpa"
    tf32: bool = False
    loss_scaling: bool = False
    micro_batch: int | None = None
    compile: bool = False
    threads: int = 1
    peak_flops: float | None = None

    @property
    def autocast(self) -> torch.dtype | None:
        """The dtype that torch's autocast is given; None for float32."""
        import torch

        return None if self.dtype == "float32" else {"bfloat16": torch.bfloat16, "float16": torch.float16}[self.dtype]


def resolve_device(device: Device, needs: Needs | None) -> Device:
    """`device` with every "auto" replaced by what the hardware named in `needs` does best.

    Raises:
      UserError: if that hardware cannot do what was asked (bf16 on a V100).
    """
    hardware = profile(needs.accelerator if needs is not None else None)
    if needs is not None and needs.gpus and needs.accelerator is None and "auto" in (device.dtype, device.attention):
        raise UserError(
            "device.dtype or device.attention is 'auto' on a GPU of unknown kind: name it (needs.accelerator='A100'), "
            "or set both."
        )
    gpu = needs is not None and needs.gpus > 0
    dtype = device.dtype
    if dtype == "auto" or not gpu or needs.accelerator is not None:  # type: ignore[union-attr]
        dtype = hardware.resolve_dtype(device.dtype, where="device.dtype")
    attention = hardware.attention if device.attention == "auto" else device.attention
    if attention == "flash_attention_2" and (not gpu or not hardware.flash_attention):
        raise UserError(
            f"device.attention=flash_attention_2 cannot work on {hardware.name}; use attention='auto' or 'sdpa'."
        )
    return dataclasses.replace(device, dtype=dtype, attention=attention)


def arithmetic_of(device: Device, needs: Needs | None) -> Arithmetic:
    """The arithmetic of a run on the hardware that `needs` asks for; `compile` only where it was asked for outright.

    Raises:
      UserError: as `resolve_device`, and if the processes are not one for each GPU.
    """
    device = resolve_device(device, needs)
    gpu = needs is not None and needs.gpus > 0
    if gpu and device.processes != max(1, needs.gpus):  # type: ignore[union-attr]
        raise UserError(
            f"The step asks for {needs.gpus:g} GPUs and device.processes is {device.processes}; "  # type: ignore[union-attr]
            f"one process uses one GPU, so make them equal."
        )
    hardware = profile(needs.accelerator if needs is not None and gpu else None)
    known = not gpu or (needs is not None and needs.accelerator is not None)
    return Arithmetic(
        device="cuda" if gpu else "cpu",
        dtype=device.dtype,
        attention=device.attention,
        tf32=gpu and hardware.tf32,
        loss_scaling=device.dtype == "float16",
        micro_batch=device.micro_batch,
        compile=bool(device.compile),
        threads=device.threads,
        peak_flops=hardware.peak(device.dtype) if known else None,
    )


def on_this_gpu(arithmetic: Arithmetic, needs: Needs | None) -> Arithmetic:
    """The arithmetic with the peak of the very part that torch sees here: cards for PCIe are slower than modules."""
    if arithmetic.device != "cuda" or needs is None or needs.accelerator is None:
        return arithmetic
    import torch

    peak = profile(needs.accelerator).of_part(torch.cuda.get_device_name()).peak(arithmetic.dtype)
    return dataclasses.replace(arithmetic, peak_flops=peak)


def check_kernels(name: str, capability: tuple[int, int], built_for: Sequence[str]) -> None:
    """Raises UserError if a build of torch has no kernels for a GPU.

    Args:
      name: the GPU's.
      capability: its compute capability, (7, 0) for a V100.
      built_for: what torch was compiled for, such as ("sm_80", "compute_120"); code for sm_80 runs on 8.0 to 8.9, and what is
        meant for compute_120 is compiled anew for any later GPU.
    """
    found = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", arch) for arch in built_for]
    known = [(match[1], (int(match[2]), int(match[3]))) for match in found if match is not None]
    runs = [
        built <= capability and (kind == "compute" or built[0] == capability[0]) for kind, built in known
    ]  # fmt: skip
    if known and not any(runs):
        major, minor = capability
        raise UserError(
            f"This build of torch has no kernels for the {name} (sm_{major}{minor}), only for {', '.join(built_for)}; "
            f"install one that has them (for a V100 one for CUDA 12.6)."
        )


def _matmul_precision() -> str:
    """How float32 matrix products are done now, as torch's older switch names it.

    Who has set it by the newer one before us, in the same process (transformers' `enable_tf32`), has made torch refuse to
    answer by the older. Set by the older, both ways agree.
    """
    import torch

    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "high" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "highest"


@contextlib.contextmanager
def in_force(arithmetic: Arithmetic) -> Iterator[None]:
    """Sets torch's process-wide switches (threads, TF32) for a block, and puts them back.

    The random state is forked too: what a run draws neither depends on its process's past nor leaks into its future.
    """
    import torch

    threads, precision = torch.get_num_threads(), _matmul_precision()
    torch.set_num_threads(arithmetic.threads)
    torch.set_float32_matmul_precision("high" if arithmetic.tf32 else "highest")
    try:
        # Of several GPUs that this process may see, the one that is its own.
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if arithmetic.device == "cuda" else []):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
