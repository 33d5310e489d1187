"""Memory of a training step on a GPU, by arithmetic: what is held at the two moments when it is most.

The first moment is the last slice of the output head of the last piece of a batch: weights, gradients, both moments of
Adam, the 16-bit copies of the weights, all activations, a slice of logits. The second is the backward pass right after it.
Both are counted from what the operations of our models save, layer by layer; `tests/train/test_fake_gpu.py` holds the
result to what torch's fake tensors hold, operation by operation, and asks it to be no less and at most a quarter more. What
lies outside of torch's allocator (CUDA's context, NCCL, the libraries' workspaces) and what it loses to fragments is
`RESERVE_GIB` and `FILLED`. Of sharded processes it plans 10 to 16 % more than they hold (`python -m benchmarks.memory`).
What a device says when arithmetic was wrong, `is_shortage` knows.
"""

from __future__ import annotations

import re

from olmix.train.ladder import Shape, count_parameters, shape_of

#: Bytes per parameter of weights, gradients and Adam's two moments, all float32.
STATE_BYTES = 16
#: A slice of logits has so many numbers at most (`loss.GPU_SLICE`, which a test holds equal); torch is not imported here.
SLICE = 2**26
#: Of a GPU's memory, what is never ours, and the share of the rest that can be filled.
RESERVE_GIB, FILLED = 1.0, 0.94
#: For what is small and counted nowhere: norms, counters, indices, blocks of the allocator.
_MARGIN = 1.05


#: How it sounds when memory runs out and it was not torch's own allocator that asked for it: CUDA's runtime and driver,
#: cuBLAS and cuDNN (handles and workspaces are made by the libraries themselves, in what torch has left over; a cuBLAS that
#: finds no room for its handle may call itself not initialized), NCCL, ROCm, torch's allocator of a CPU. A Triton kernel that
#: is "out of resource: shared memory" asks for what no smaller batch would give it, and is none of these.
_SHORTAGE = re.compile(
    r"(CUDA|HIP|ROCm|XPU)[^\n]*\bout of memory|Cuda failure[^\n]*out of memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY"
    r"|(CUBLAS|CUDNN|CUSPARSE|HIPBLAS|ROCBLAS)_STATUS(_INTERNAL_ERROR_(HOST|DEVICE))?_ALLOC(ATION)?_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate"
    r"|DefaultCPUAllocator: (can't allocate|not enough) memory",
    re.IGNORECASE,
)


def is_shortage(error: BaseException) -> bool:
    """Whether an error of a forward or backward pass says that the memory of the device does not suffice.

    torch's own allocator raises `torch.OutOfMemoryError`; what libraries ask for themselves fails as a RuntimeError of some
    kind (`torch.AcceleratorError`, a `DistBackendError` of NCCL), and only its words tell it from other failures.
    """
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _SHORTAGE.search(str(error)) is not None


def first_line(error: BaseException) -> str:
    """What an error says, without the pages that libraries add to it."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _saved(shape: Shape, half: bool, stacked: bool) -> float:
    """Bytes per token of what one layer saves for its backward pass."""
    width, hidden = shape.width, shape.hidden
    queries, keys = shape.heads * shape.per_head, (shape.kv_heads or shape.heads) * shape.per_head
    # Norms are float32 and save what they were given and what they made; attention saves a normaliser for each head.
    norms = 8 * (queries + keys) + 16 * width + 4 * shape.heads
    if not half:
        return norms + 8 * width + 8 * queries + 8 * keys + 16 * hidden
    # transformers' layers cast their input once for each of q, k, v, gate and up; stacked ones once for each product.
    casts = (4 if stacked else 10) * width
    attention = 4 * queries + (8 if stacked else 4) * keys + (2 * queries if stacked else 0)
    return norms + casts + attention + 8 * hidden


def _masks(shape: Shape, length: int, half: bool) -> float:
    """Bytes of the masks that a pass saves: of each layer with a window its own, as attention adds it to its scores."""
    if shape.family == "olmo2" or length <= shape.window:
        return 0.0
    windows = sum(kind == "sliding_attention" for kind in shape.layer_types())
    # Beside them what one is made from, of booleans.
    return float(length**2 * (windows * (2 if half else 4) + 3))


def held_gib(
    model: str | Shape,
    vocabulary: int,
    micro_batch_tokens: int,
    *,
    half: bool,
    variants: int = 1,
    processes: int = 1,
    sharded: bool = False,
    length: int = 0,
) -> float:
    """GiB that torch holds at most in a training step with `micro_batch_tokens` tokens (of each variant) at once.

    Args:
      model: its dimensions or its name.
      vocabulary: the padded size.
      micro_batch_tokens: sequences per forward pass times their length.
      half: whether products are done in 16 bits.
      variants: how many models are stacked.
      processes: how many share the run; this is one's part.
      sharded: whether each of them holds a part of every layer (FSDP), and not the whole model (DDP).
    """
    shape = shape_of(model)
    counts = count_parameters(shape, vocabulary)
    table = vocabulary * shape.width
    tokens = variants * micro_batch_tokens
    # The last norm, the residual stream and its gradient come once.
    activations = tokens * (shape.layers * _saved(shape, half, variants > 1) + 16 * shape.width)
    activations += _masks(shape, length, half)
    backward = tokens * (20 * shape.width + 6 * shape.hidden)
    copies = 2 * counts.body if half else 0
    if sharded:
        # The ends are gathered for the whole step, two layers at a time, each with its gradient, in the format of the products,
        # so that no copies are made; logits come in one piece.
        state = STATE_BYTES * counts.total / processes + 8 * (2 * table + 2 * shape.layer_parameters)
        logits = tokens * vocabulary * (2 + 3 * 4 if half else 4 * 4)
        return _MARGIN * (state + activations + max(logits, backward)) / 2**30
    state = variants * STATE_BYTES * counts.total
    if processes > 1:
        state += 4 * counts.total  # DDP's buckets.
    head = variants * 8 * table
    logits = min(SLICE, tokens * vocabulary) * (8 if half else 4)
    return _MARGIN * (state + variants * copies + activations + head + max(logits, backward)) / 2**30


def room_gib(memory_gib: float) -> float:
    """What of a GPU's memory training can fill."""
    return FILLED * (memory_gib - RESERVE_GIB)


def micro_batch_that_fits(
    model: str | Shape,
    vocabulary: int,
    length: int,
    share: int,
    memory_gib: float,
    *,
    half: bool,
    variants: int = 1,
    processes: int = 1,
    sharded: bool = False,
) -> int | None:
    """The sequences at once that a run will come to which begins with its whole `share` and halves it; None: not even one."""
    count = share
    while True:
        held = held_gib(
            model, vocabulary, count * length,
            half=half, variants=variants, processes=processes, sharded=sharded, length=length,
        )  # fmt: skip
        if held <= room_gib(memory_gib):
            return count
        if count == 1:
            return None
        count = -(-count // 2)
