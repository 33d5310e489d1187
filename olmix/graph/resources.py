"""What a step asks of the machine that runs it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from olmix.errors import UserError, nearest

ACCELERATORS = ("A100", "H100", "H200", "V100")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    """CPUs, GPUs and the kind of accelerator of one task; `gpus` may be a fraction.

    A task that reports no progress for `patience_minutes` is ended and started again. None: for as long as the step thinks
    right, which for training follows from its plan (half an hour, more for a large model) and for any other is for ever.
    `gpu_memory_gib` is for accelerators that come in several sizes (A100 of 80, V100 of 32), where the profile's is the
    smallest: what is planned counts on so much, and the cluster must have it, because Ray does not tell the sizes apart.

    Raises:
      UserError: on an amount that is negative or a fraction above 1, an unknown accelerator, or one without GPUs.
    """

    cpus: float = 1
    gpus: float = 0
    accelerator: str | None = None
    memory_gib: float | None = None
    gpu_memory_gib: float | None = None
    patience_minutes: float | None = None

    def __post_init__(self) -> None:
        for name in ("cpus", "gpus", "memory_gib", "gpu_memory_gib"):
            amount = getattr(self, name)
            if amount is not None and not math.isfinite(amount):
                raise UserError(f"A step cannot need {name}={amount:g}: no machine has that.")
        if self.cpus < 0 or self.gpus < 0:
            raise UserError(f"A step cannot need a negative amount: cpus={self.cpus}, gpus={self.gpus}.")
        for name, amount in (("cpus", self.cpus), ("gpus", self.gpus)):
            if amount > 1 and amount != int(amount):
                raise UserError(
                    f"A step can need a part of one or whole {name}, not {amount:g}: Ray divides no others."
                )
        if self.patience_minutes is not None and not self.patience_minutes > 0:
            raise UserError(
                f"patience_minutes={self.patience_minutes:g}: it must be more than 0; a very large number waits for ever."
            )
        if self.memory_gib is not None and self.memory_gib <= 0:
            raise UserError(f"memory_gib={self.memory_gib:g}: a step needs more than none, or None for any.")
        if self.accelerator is not None and self.accelerator not in ACCELERATORS:
            raise UserError(f"Unknown accelerator {self.accelerator!r}{nearest(self.accelerator, ACCELERATORS)}.")
        if self.accelerator is not None and self.gpus == 0:
            raise UserError(
                f"A step that asks for accelerator={self.accelerator!r} must ask for gpus too; it has gpus=0."
            )
        if self.gpu_memory_gib is not None and (self.accelerator is None or self.gpu_memory_gib <= 0):
            raise UserError(
                f"gpu_memory_gib={self.gpu_memory_gib:g} is the memory of each GPU of one kind: it must be above 0, and needs an "
                "accelerator."
            )

    def text(self) -> str:
        """For a reader: `8 CPUs, 4 A100`."""
        parts = [f"{self.cpus:g} CPU{'s' if self.cpus != 1 else ''}"]
        if self.gpus:
            size = f" of {self.gpu_memory_gib:g} GiB" if self.gpu_memory_gib is not None else ""
            parts.append(f"{self.gpus:g} {self.accelerator or 'GPU'}{size}")
        if self.memory_gib is not None:
            parts.append(f"{self.memory_gib:g} GiB")
        return ", ".join(parts)

    def ray_options(self) -> dict[str, Any]:
        """The options of `ray.remote` that ask for this."""
        options: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        if self.accelerator is not None:
            options["accelerator_type"] = self.accelerator
        if self.memory_gib is not None:
            options["memory"] = int(self.memory_gib * 2**30)
        return options


def workers(needs: Needs | None) -> int:
    """How many processes a task with these needs may keep busy."""
    return int(max(1, needs.cpus)) if needs is not None else 1


#: The usual needs of a task, as a default of dataclass fields.
ONE_CPU = Needs()
