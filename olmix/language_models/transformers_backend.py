"""Generation with transformers: runs wherever torch does, V100 in fp16 included; a plain loop over padded batches.

Trades away speed: no paged cache, and a batch lasts as long as its longest text. Where vLLM runs, prefer it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from olmix.config.tags import Hardware, Resources
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import Needs
from olmix.language_models import fits
from olmix.language_models.backend import Engine, LocalBackend, LocalEngine, Prompts
from olmix.language_models.loading import load_model
from olmix.language_models.requests import Length, Request, Sampling
from olmix.lean import import_transformers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transformers(LocalBackend):
    """`dtype` "auto" is the hardware's own: float16 on a V100, bfloat16 on newer ones, float32 on a CPU.

    Sampled texts depend on which requests share a batch (`batch` requests, in order), greedy ones do not.
    """

    package: ClassVar[str] = "transformers"

    dtype: Annotated[str, Hardware] = "auto"
    batch: Annotated[int, Resources] = 32

    def check(self, needs: Needs | None, length: Length) -> tuple[str, ...]:
        """See `Backend.check`."""
        hardware = hardware_of(needs)
        dtype = hardware.resolve_dtype(self.dtype, f"{type(self).__name__}.dtype")
        tokens = self.batch * length.max_length
        load = fits.Load(tokens=tokens, prefill=tokens, rows=self.batch)
        return fits.check_generation(self.model, hardware, load, devices=1, dtype=dtype, utilisation=1.0)

    def load(self, name: str, needs: Needs | None, length: Length) -> Engine:
        """See `Backend.load`."""
        return TransformersEngine(self, name, needs, length)


class TransformersEngine(LocalEngine):
    """A causal language model and its tokenizer, on the GPU if the step has one."""

    def __init__(self, settings: Transformers, name: str, needs: Needs | None, length: Length) -> None:
        import_transformers()
        import torch
        import transformers

        hardware = hardware_of(needs)
        dtype = hardware.resolve_dtype(settings.dtype)
        super().__init__(f"transformers {transformers.__version__}", Prompts.of(name, settings.chat), length)
        self.chunk = settings.batch
        self.device = "cuda" if needs is not None and needs.gpus else "cpu"
        model = load_model(name, dtype=getattr(torch, dtype), attn_implementation=hardware.attention)
        self.model: Any = model.to(self.device).eval()
        # Some models bring penalties and cut-offs of their own, which the other backends know nothing of.
        self.model.generation_config = transformers.GenerationConfig(
            eos_token_id=self.model.generation_config.eos_token_id
        )
        pad, end = self.tokenizer.pad_token_id, self.tokenizer.eos_token_id
        # What stands where nothing is read; a base model may have neither.
        self.pad = next((token for token in (pad, end) if token is not None), 0)

    def end_tokens(self) -> frozenset[int]:
        """Those of the tokenizer and of the model's generation config."""
        configured = self.model.generation_config.eos_token_id
        more = configured if isinstance(configured, list) else [configured]
        return super().end_tokens() | (frozenset(more) - {None})

    def continue_tokens(
        self, requests: Sequence[Request], prompts: list[list[int]], rooms: list[int], sampling: Sampling
    ) -> list[list[list[int]]]:
        """See `LocalEngine.continue_tokens`."""
        import torch

        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self.pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        how: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            how = {
                "do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0,
                "num_return_sequences": sampling.samples,
            }  # fmt: skip
        if sampling.stop:
            how |= {"stop_strings": list(sampling.stop), "tokenizer": self.tokenizer}
        devices = [self.device] if self.device != "cpu" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(_seed_of(requests, sampling))
            out = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                max_new_tokens=max(rooms),
                pad_token_id=self.pad,
                eos_token_id=sorted(self.end_tokens()) or None,
                **how,
            )
        new = out[:, width:].tolist()
        return [new[row * sampling.samples : (row + 1) * sampling.samples] for row in range(len(prompts))]

    def close(self) -> None:
        """See `Engine.close`."""
        import torch

        self.model = None
        if self.device != "cpu":
            torch.cuda.empty_cache()


def _seed_of(requests: Sequence[Request], sampling: Sampling) -> int:
    """One seed for a batch: torch draws the samples of all its rows from one stream."""
    digest = hashlib.sha256("\0".join(str(sampling.seed_of(request)) for request in requests).encode()).digest()
    return int.from_bytes(digest[:7], "big")
