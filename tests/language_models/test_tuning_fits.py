"""What fits when Phi-1.5 is tuned in full, against sums made by hand."""

from __future__ import annotations

import pytest

from olmix.errors import UserError
from olmix.graph.hardware import hardware_of
from olmix.graph.resources import Needs
from olmix.language_models.requests import Length
from olmix.language_models.shapes import KNOWN
from olmix.language_models.tuning import Gkd, Grpo, Rollouts, Sft
from olmix.language_models.tuning_fits import check_tuning, tuning_sum

PHI = "microsoft/phi-1_5"
PARAMETERS = 1_418_270_720
LENGTH = Length(max_length=2048)
GIB = 2**30


def gpu(kind: str, memory: float | None = None):
    return hardware_of(Needs(gpus=1, accelerator=kind, gpu_memory_gib=memory))


def sft(**changes) -> Sft:
    return Sft(**{"learning_rate": 2e-5, "epochs": 1, "batch": 32, "evaluate_steps": 10, "micro_batch": 4, **changes})


def test_sft_on_an_a100_of_40():
    (line,) = check_tuning(PHI, gpu("A100"), sft(recompute=True), LENGTH)
    rows = 4 * 2048
    activations = (24 * 2 * rows * 2048 + 34 * rows * 2048) / GIB
    logits = rows * 51200 * (2 + 3 * 4) / GIB
    total = (16 + 2) * PARAMETERS / GIB + activations + logits + 1.5
    assert line == (
        "fine-tuning phi-1_5 by sft (batch 4 × 2048 tokens, bfloat16) fits on one A100: weights 5.3 + gradients 5.3 + Adam 10.6 "
        f"+ weights in bfloat16 2.6 + activations {activations:.1f} + logits {logits:.1f} + runtime 1.5 "
        f"= {total:.1f} GiB of 40 × 0.95 = 38.0 GiB"
    )


def test_checkpointing_is_what_makes_it_fit():
    with pytest.raises(UserError, match=r"activations 12\.8 .* GiB of 40 × 0\.95 = 38\.0 GiB\.$"):
        check_tuning(PHI, gpu("A100"), sft(recompute=False), LENGTH)


def test_sft_on_v100s():
    with pytest.raises(
        UserError, match=r"does not fit on one V100: weights 5\.3 \+ gradients 5\.3 \+ Adam 10\.6 .* of 16 × 0\.95"
    ):
        check_tuning(PHI, gpu("V100"), sft(recompute=True, micro_batch=1), LENGTH)
    with pytest.raises(UserError, match=r"of 32 × 0\.95"):
        check_tuning(PHI, gpu("V100", 32), sft(recompute=True, micro_batch=8), LENGTH)
    (line,) = check_tuning(PHI, gpu("V100", 32), sft(recompute=True, micro_batch=2), LENGTH)
    assert "float16) fits on one V100" in line


def test_a_v100_does_not_compute_in_bfloat16():
    with pytest.raises(UserError, match=r"train\.tuning\.dtype=bfloat16 cannot work on V100"):
        check_tuning(PHI, gpu("V100", 32), sft(dtype="bfloat16"), LENGTH)


def test_gkd_holds_its_teacher_and_compares_vocabularies():
    def gkd(teacher: str) -> Gkd:
        return Gkd(
            teacher=teacher, learning_rate=1e-5, epochs=1, batch=32, micro_batch=2, evaluate_steps=10, recompute=True
        )

    (line,) = check_tuning(PHI, gpu("A100"), gkd("microsoft/phi-2"), Length(max_length=1024))
    assert "teacher 5.2 + divergence 2.3 + cache of its own texts 0.8" in line
    *_, unknown = check_tuning(PHI, gpu("A100"), gkd("someone/new"), Length(max_length=1024))
    assert unknown == "the teacher new is not in the sum: its shape is not known"
    with pytest.raises(UserError, match=r"teacher 14\.2"):
        check_tuning(PHI, gpu("A100"), gkd("qwen2.5-math-7b"), Length(max_length=1024))


def test_grpo_counts_its_rollouts():
    def grpo(**changes) -> Grpo:
        return Grpo(
            learning_rate=1e-6, epochs=1, batch=64, micro_batch=4, group=8, evaluate_steps=10, recompute=True, **changes
        )

    length = Length(max_length=1024)
    # 64 texts of 1,024 tokens at 2 x 24 x 32 x 64 x 4 bytes a token.
    with pytest.raises(UserError, match=r"cache of 64 rollouts 24\.0"):
        check_tuning(PHI, gpu("A100"), grpo(), length)
    trainer, beside = check_tuning(
        PHI, gpu("A100"), grpo(rollouts=Rollouts(engine="vllm_colocated", memory_share=0.2)), length
    )
    assert "vLLM 8.0" in trainer
    assert "generating with phi-1_5 in bfloat16 fits on one A100" in beside
    assert "of 40 × 0.2 = 8.0 GiB" in beside
    with pytest.raises(UserError, match=r"generating .* does not fit .* of 40 × 0\.1 = 4\.0 GiB"):
        check_tuning(PHI, gpu("A100"), grpo(rollouts=Rollouts(engine="vllm_colocated", memory_share=0.1)), length)
    with pytest.raises(UserError, match="cannot be colocated there"):
        check_tuning(PHI, gpu("V100", 64), grpo(rollouts=Rollouts(engine="vllm_colocated", memory_share=0.2)), length)
    server = Rollouts(engine="vllm_server", server_url="http://127.0.0.1:8000")
    _, how = check_tuning(PHI, gpu("A100"), grpo(rollouts=server, beta=0.04), length)
    assert how == (
        "rollouts come from a server on another GPU, started by hand: trl vllm-serve --model microsoft/phi-1_5 --host 127.0.0.1 "
        "--port 8000 --max_model_len 1024 --dtype auto"
    )


def test_the_servers_command_line_is_one_that_trl_takes():
    """Against the parser of the pinned trl, and what it makes of it for vLLM's own server."""
    import shlex

    from trl.scripts import vllm_serve

    server = Rollouts(engine="vllm_server", server_url="http://node-7:8123/")
    program, command, *given = shlex.split(server.server_command("/models/my phi", 1024, "bfloat16"))
    assert (program, command) == ("trl", "vllm-serve")
    known, unknown = vllm_serve.make_parser().parse_args_and_config(args=given, return_remaining_strings=True)
    assert unknown == []
    assert (known.model, known.host, known.port) == ("/models/my phi", "node-7", 8123)
    assert (known.max_model_len, known.dtype) == (1024, "bfloat16")
    made = vllm_serve.build_command(known)
    assert made[made.index("--max-model-len") + 1] == "1024"


def test_what_rollouts_hand_to_trl_are_settings_that_it_has():
    import dataclasses

    import trl

    names = {field.name for field in dataclasses.fields(trl.GRPOConfig)}
    assert {
        "use_vllm",
        "vllm_mode",
        "vllm_server_base_url",
        "vllm_gpu_memory_utilization",
        "vllm_max_model_length",
    } <= names


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://h:1", "http://", "http://h:8000/v1"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UserError, match=r"server_url is like http://host:8000"):
        Rollouts(engine="vllm_server", server_url=url)


def test_phi_on_one_gpu_matrix_by_matrix():
    """Full fine-tuning with AdamW: 16 bytes a parameter, and the copy that it computes with; by hand from the config."""
    hidden, inner, layers, vocabulary = 2048, 8192, 24, 51200
    attention = 4 * (hidden * hidden + hidden)
    mlp = hidden * inner + inner + inner * hidden + hidden
    parameters = (
        layers * (attention + mlp + 2 * hidden) + vocabulary * hidden + (vocabulary * hidden + vocabulary) + 2 * hidden
    )
    assert parameters == PARAMETERS
    for kind, memory, micro, fits in (
        ("A100", 40, 4, True), ("A100", 40, 8, False), ("V100", 32, 2, True), ("V100", 32, 4, False), ("V100", 16, 1, False),
    ):  # fmt: skip
        rows = micro * 2048
        # Checkpointed: a layer's input each (2 bytes), one layer whole (34 bytes a token and width).
        activations = rows * hidden * (2 * layers + 34)
        logits = rows * vocabulary * (2 + 12)
        total = ((16 + 2) * parameters + activations + logits) / GIB + 1.5
        hardware = gpu(kind, memory)
        assert hardware.resolve_dtype("auto") == {"A100": "bfloat16", "V100": "float16"}[kind]
        found = tuning_sum("phi", KNOWN["phi-1_5"], None, hardware, sft(recompute=True, micro_batch=micro), LENGTH)
        assert found.needed == pytest.approx(total, rel=1e-9)
        assert found.fits is fits


def test_what_is_not_known_is_said_and_a_cpu_has_no_sum():
    assert check_tuning("someone/new", gpu("A100"), sft(), LENGTH) == (
        "whether new fits is not known before it is loaded",
    )
    assert check_tuning(PHI, hardware_of(Needs()), sft(), LENGTH) == ()
