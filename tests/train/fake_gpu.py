"""A GPU that computes nothing, for a machine without one: torch's fake tensors on the device "cuda", backward passes included.

A fake tensor has a shape, a type and a device, and no numbers. All that a training step does on a GPU is done with it: an operand
left on the host, a number read in the middle of a step, a format that the device does not know, and every byte that
is held, show here. A build of torch for CPUs lets fake tensors be on "cuda", but its autograd asks a driver for streams;
`fake_cuda.cpp`, compiled on first use (two seconds), is a driver that has none. It must be loaded before torch, and
for good: only in processes of their own (`python -m tests.train.on_fake_gpu`).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

SOURCE = pathlib.Path(__file__).with_name("fake_cuda.cpp")
#: What CUDA's caching allocator hands out at least, and multiples of it.
BLOCK = 512


def compiler() -> str | None:
    """A C++ compiler, if there is one here."""
    return shutil.which("g++") or shutil.which("c++")


def _library() -> pathlib.Path:
    found = importlib.util.find_spec("torch")
    assert found is not None
    assert found.origin is not None
    torch = pathlib.Path(found.origin).parent
    key = SOURCE.read_bytes() + importlib.metadata.version("torch").encode() + str(torch).encode()
    path = (
        pathlib.Path(tempfile.gettempdir())
        / f"olmix-{os.getuid()}-{hashlib.blake2b(key, digest_size=8).hexdigest()}.so"
    )
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}")
        libraries = [f"-L{torch}/lib", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{torch}/lib"]
        command = [compiler() or "g++", "-std=c++20", "-O0", "-shared", "-fPIC", f"-I{torch}/include", str(SOURCE)]
        subprocess.run([*command, "-o", str(made), *libraries], check=True)
        made.replace(path)
    return path


def load() -> None:
    """Makes "cuda" a device that fake tensors can be on, in this process and for good. Before torch is imported."""
    if "torch" in sys.modules:
        raise RuntimeError("The fake driver must be loaded before torch.")
    ctypes.CDLL(str(_library()), mode=ctypes.RTLD_GLOBAL)
    import torch

    torch.cuda.is_available = lambda: True
    torch.cuda.amp.common.amp_definitely_not_available = lambda: False
    torch.cuda.is_bf16_supported = lambda *_: True
    torch.cuda.device_count = lambda: 1
    torch.cuda.current_device = lambda: 0
    torch.cuda.get_device_name = lambda *_: "no GPU"
    torch.cuda.get_rng_state = lambda *_: torch.zeros(16, dtype=torch.uint8)
    torch.cuda.set_rng_state = lambda *_: None
    torch.cuda.manual_seed_all = lambda *_: None
    torch.cuda.empty_cache = lambda: None
    torch.cuda.synchronize = lambda *_: None
    torch.cuda.reset_peak_memory_stats = torch.cuda.empty_cache
    torch.cuda.max_memory_allocated = lambda *_: 0
    torch.cuda.Event = _Event
    torch.Tensor.pin_memory = lambda self, *_: self
    torch.nn.Module._apply = _apply
    torch.nn.functional.scaled_dot_product_attention = _attention


class _Event:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def record(self) -> None:
        """Of nothing."""

    def synchronize(self) -> None:
        """Waits for nothing."""


def _apply(self: Any, function: Any, recurse: bool = True) -> Any:
    """`Module._apply` by replacement; torch's own cannot swap fake parameters that a memo still knows."""
    import torch

    for module in self.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = torch.nn.Parameter(function(value.detach()), value.requires_grad)
        for name, value in module._buffers.items():
            if value is not None:
                module._buffers[name] = function(value)
    return self


#: Whether the pretended device has kernels for flash attention (a V100 has not).
FLASH = True


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """The kernels that torch chooses on a GPU: a CPU's build would choose, and hold, the whole matrix of weights."""
    import torch

    assert query.dtype == key.dtype == value.dtype, (query.dtype, key.dtype, value.dtype)
    half = query.dtype in (torch.float16, torch.bfloat16)
    if FLASH and attn_mask is None and half:
        if enable_gqa and query.shape[1] != key.shape[1]:
            key, value = (z.repeat_interleave(query.shape[1] // z.shape[1], dim=1) for z in (key, value))
        pad = -query.shape[-1] % 8
        query, key, value = (torch.nn.functional.pad(z, (0, pad)) if pad else z for z in (query, key, value))
        out = torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, scale=scale)[
            0
        ]
        return out[..., : out.shape[-1] - pad]
    # What torch's `sdp_utils.cpp` asks of the memory-efficient kernel; without it, all weights would be held.
    assert query.shape[1] == key.shape[1], "shared heads make torch fall back to products that hold all weights"
    assert query.shape[-1] % (8 if half else 4) == 0, (
        "this width makes torch fall back to products that hold all weights"
    )
    if attn_mask is not None:
        bias = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(~attn_mask, float("-inf"))
        attn_mask = bias.expand(query.shape[0], query.shape[1], *bias.shape)
    return torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, True, dropout_p, is_causal, scale=scale
    )[0]


@contextlib.contextmanager
def pretending(memory: Memory | None = None) -> Iterator[None]:
    """All tensors made in the block are fake; `memory` counts the bytes of those on the GPU."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    resize = torch.UntypedStorage.resize_

    def resized(storage: Any, size: int) -> Any:
        result = resize(storage, size)
        if memory is not None:
            memory.resized(storage)
        return result

    with FakeTensorMode(allow_non_fake_inputs=True), contextlib.ExitStack() as stack:
        if memory is not None:
            stack.enter_context(memory.counting())
        stack.callback(setattr, torch.UntypedStorage, "resize_", resize)
        torch.UntypedStorage.resize_ = resized
        yield


class Memory:
    """Bytes of storages on a device, now and at most so far, in whole blocks; views and copies in place cost nothing."""

    def __init__(self, device: str = "cuda") -> None:
        self.device, self.now, self.peak = device, 0, 0
        self._sizes: dict[int, int] = {}

    def counting(self) -> Any:
        """A mode that sees every operation's results."""
        import torch
        import torch.distributed.tensor
        from torch.utils._python_dispatch import TorchDispatchMode

        def see(value: Any) -> None:
            if isinstance(value, torch.distributed.tensor.DTensor):
                value = value.to_local()  # It claims the size of the whole.
            if isinstance(value, torch.Tensor) and value.device.type == self.device:
                self._add(value.untyped_storage())

        class Counting(TorchDispatchMode):
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                result = func(*args, **(kwargs or {}))
                for value in result if isinstance(result, tuple | list) else (result,):
                    see(value)
                return result

        return Counting()

    def _add(self, storage: Any) -> None:
        key = storage._cdata
        if key not in self._sizes:
            size = -(-storage.nbytes() // BLOCK) * BLOCK
            self._sizes[key] = size
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, key)

    def resized(self, storage: Any) -> None:
        """After a storage was made larger or smaller in place, as FSDP does with gathered weights."""
        key = storage._cdata
        if key in self._sizes:
            size = -(-storage.nbytes() // BLOCK) * BLOCK
            self.now += size - self._sizes[key]
            self._sizes[key] = size
            self.peak = max(self.peak, self.now)

    def _gone(self, key: int) -> None:
        self.now -= self._sizes.pop(key)
