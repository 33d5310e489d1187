"""What each kind of hardware can do: number formats, attention, memory, peak speed. Said before a job starts.

V100 (Volta, sm_70) has no bf16; CUDA 13 dropped it, so a V100 node needs a CUDA 12.6 build of torch, fp16 with loss
scaling, and generates through transformers.

Peaks are NVIDIA's dense figures (its data sheets show some doubled, for sparse matrices), those of the SXM parts: V100 125
TFLOP/s in fp16 and 15.7 in fp32 (data sheet of January 2020; the PCIe card 112 and 14), A100 312 in bf16 and 156 in TF32
(r4, 2022; PCIe the same), H100 989 and 495 (2023; PCIe 756 and 378, NVL 835 and 418), H200 as H100; `of_part` knows those others.

Bandwidths of memory are from the same sheets, of the smallest part: V100 900 GB/s, A100 1,555 (80 GB: 2,039), H100 3,350,
H200 4,800; 50 for a CPU is a guess.

Memory is in GiB (2^30 bytes), of the smallest part, rounded up: torch says that it has 15.8 on a V100 (or 31.7), 39.4 on an
A100 (or 79.1), 79.1 on an H100 and 139.7 on an H200. They are sold as 16, 40, 80 and 141 GB, which is neither. What a planner
fills of them (`olmix.train.memory.room_gib`) is less than even so many times 10^9 bytes.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from olmix.errors import UserError, nearest
from olmix.graph.resources import Needs

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardwareProfile:
    """One kind of hardware. `memory_gib` is None for a CPU; `peak_flops` is per device and second in 16 bits.

    `peak_float32` is the same of matrix products of float32 numbers, through TF32 where there is that; `bandwidth` is that of
    its memory in bytes a second.
    """

    name: str
    dtype: Dtype
    dtypes: tuple[Dtype, ...]
    tf32: bool
    loss_scaling: bool
    attention: Literal["eager", "sdpa", "flash_attention_2"]
    flash_attention: bool
    memory_gib: float | None
    peak_flops: float
    peak_float32: float
    bandwidth: float
    vllm: bool
    note: str = ""

    def peak(self, dtype: str) -> float:
        """Floating-point operations a second of matrix products in a format."""
        return self.peak_float32 if dtype == "float32" else self.peak_flops

    def of_part(self, device_name: str) -> HardwareProfile:
        """The same with the peaks of the very part that a driver calls `device_name`, such as "NVIDIA H100 PCIe"."""
        for (kind, word), (half, single) in _PARTS.items():
            if kind == self.name and word in device_name.upper():
                return dataclasses.replace(self, peak_flops=half, peak_float32=single)
        return self

    def resolve_dtype(self, asked: str, where: str = "dtype") -> Dtype:
        """`asked`, or the profile's own for "auto".

        Raises:
          UserError: if this hardware cannot compute in it.
        """
        if asked == "auto":
            return self.dtype
        known = next((dtype for dtype in self.dtypes if dtype == asked), None)
        if known is None:
            why = self.note or f"it computes in {', '.join(self.dtypes)}"
            raise UserError(f"{where}={asked} cannot work on {self.name}: {why} (use {where}=auto or {self.dtype}).")
        return known


#: Of the parts that are slower than the module of their kind (or faster: V100S), by a word in the name that torch gives
#: them: 16 bits and float32.
_PARTS = {
    ("V100", "V100S"): (1.30e14, 1.64e13),
    ("V100", "PCIE"): (1.12e14, 1.40e13),
    ("H100", "PCIE"): (7.56e14, 3.78e14),
    ("H100", "NVL"): (8.35e14, 4.18e14),
    ("H200", "NVL"): (8.35e14, 4.18e14),
}

_AMPERE_ON: tuple[Dtype, ...] = ("float32", "bfloat16", "float16")

PROFILES = {
    profile.name: profile
    for profile in (
        HardwareProfile(
            name="cpu", dtype="float32", dtypes=("float32", "bfloat16"), tf32=False, loss_scaling=False,
            attention="sdpa", flash_attention=False, memory_gib=None, peak_flops=5e10, peak_float32=5e10,
            bandwidth=5e10, vllm=True,
        ),
        HardwareProfile(
            name="V100", dtype="float16", dtypes=("float32", "float16"), tf32=False, loss_scaling=True,
            attention="sdpa", flash_attention=False, memory_gib=16, peak_flops=1.25e14, peak_float32=1.57e13,
            bandwidth=9e11, vllm=False,
            note="Volta (sm_70) has no bf16 in hardware and needs a CUDA 12.6 build of torch",
        ),
        HardwareProfile(
            name="A100", dtype="bfloat16", dtypes=_AMPERE_ON, tf32=True, loss_scaling=False,
            attention="sdpa", flash_attention=True, memory_gib=40, peak_flops=3.12e14, peak_float32=1.56e14,
            bandwidth=1.555e12, vllm=True,
        ),
        HardwareProfile(
            name="H100", dtype="bfloat16", dtypes=_AMPERE_ON, tf32=True, loss_scaling=False,
            attention="sdpa", flash_attention=True, memory_gib=80, peak_flops=9.89e14, peak_float32=4.95e14,
            bandwidth=3.35e12, vllm=True,
        ),
        HardwareProfile(
            name="H200", dtype="bfloat16", dtypes=_AMPERE_ON, tf32=True, loss_scaling=False,
            attention="sdpa", flash_attention=True, memory_gib=140, peak_flops=9.89e14, peak_float32=4.95e14,
            bandwidth=4.8e12, vllm=True,
        ),
    )
}  # fmt: skip


def profile(accelerator: str | None) -> HardwareProfile:
    """The profile of an accelerator as `Needs.accelerator` names it; None is the CPU.

    Raises:
      UserError: on an unknown name.
    """
    name = accelerator or "cpu"
    if name not in PROFILES:
        raise UserError(f"Unknown hardware {name!r}{nearest(name, PROFILES)}; known: {', '.join(PROFILES)}.")
    return PROFILES[name]


def hardware_of(needs: Needs | None) -> HardwareProfile:
    """The profile of what a task asks for, with the memory that it says its GPUs have; the CPU for a task without GPUs."""
    if needs is None or not needs.gpus:
        return profile(None)
    found = profile(needs.accelerator)
    return found if needs.gpu_memory_gib is None else dataclasses.replace(found, memory_gib=needs.gpu_memory_gib)
