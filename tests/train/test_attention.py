"""Our attention gives what the library's own gives, and reads nothing on the host."""

from __future__ import annotations

import pytest
import torch

from olmix.train import attention
from olmix.train.arithmetic import Arithmetic
from olmix.train.ladder import Shape
from olmix.train.proxy import build_model
from olmix.train.recipe import resolve
from tests.train import toys


@pytest.mark.parametrize(
    "shape",
    [
        Shape(family="olmo2", width=24, layers=2, heads=3, hidden=40),
        Shape(width=32, layers=5, heads=4, kv_heads=2, hidden=48, window=5),
        Shape(width=32, layers=4, heads=4, hidden=48),
    ],
)
def test_models_give_what_they_give_with_the_library_s_own(shape: Shape) -> None:
    """Also the one with every mask written out, as the definition has it ("eager")."""
    tokens = torch.randint(0, toys.VOCABULARY, (3, 16), generator=torch.Generator().manual_seed(0))
    logits = {}
    for name in ("sdpa", "eager"):
        model = build_model(
            shape, vocabulary=toys.VOCABULARY, plan=resolve(toys.proxy()), arithmetic=Arithmetic(attention=name), seed=1
        ).eval()
        logits[name] = model(input_ids=tokens).logits
        assert model.config._attn_implementation == (attention.NAME if name == "sdpa" else "eager")
    model.set_attn_implementation("sdpa")
    torch.testing.assert_close(logits["sdpa"], logits["eager"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits["sdpa"], model(input_ids=tokens).logits, rtol=1e-4, atol=1e-5)


def test_a_window_is_what_it_says() -> None:
    seen = attention.near(4, 2, torch.device("cpu"))
    assert seen.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize(("heads", "keys", "width", "window"), [(4, 2, 4, None), (6, 2, 12, 5), (3, 3, 8, None)])
def test_what_fused_kernels_of_a_gpu_are_given_has_the_same_answer(heads, keys, width, window) -> None:
    """Shared heads written out and widths filled up, with a scale of the caller's own and the usual one."""
    q, k, v = (torch.randn(2, n, 9, width, generator=torch.Generator().manual_seed(n)) for n in (heads, keys, keys + 1))
    v = v[:, :keys]
    mask = None if window is None else attention.near(9, window, q.device)
    for scale in (None, 0.3):
        told = attention.for_fused_kernels(q, k, v, scale)
        assert {z.shape[1] for z in told[:3]} == {heads}
        assert all(z.shape[-1] % 8 == 0 for z in told[:3])
        found = attention.mixed(*told[:3], mask=mask, scale=told[3])[..., :width]
        torch.testing.assert_close(found, attention.mixed(q, k, v, mask=mask, scale=scale))


def test_evaluations_go_without_plans_for_each_shape() -> None:
    """cuDNN's attention is off for a GPU within the block, and as it was afterwards."""
    enabled = torch.backends.cuda.cudnn_sdp_enabled
    assert enabled()
    for device, within in (("cpu", True), ("cuda", False)):
        with attention.of_many_lengths(torch.device(device)):
            assert enabled() is within
        assert enabled()
