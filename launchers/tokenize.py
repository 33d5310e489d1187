"""Tokenises text files into shards that a data tree can name.

    python -m launchers.tokenize --out=/data/tokens \
        --input='web:science=/data/web/science/*.jsonl.zst' --input='wiki=/data/wiki/**/*.parquet'

An input is SOURCE=FILES or SOURCE:TOPIC=FILES, or SOURCE:{FIELD}=FILES where a field of each row holds its topic; FILES is
a file, a folder or a pattern of `.txt`, `.jsonl` (`.gz`, `.zst`) or Parquet files. Duplicates are dropped, sources named by
--quality are divided into percentile buckets, and of every leaf a slice is held out. Without --tokenizer a byte-pair encoding
is trained. It prints the tree for the experiment; --module=experiments/mine.py writes the experiment too.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import time
from collections.abc import Collection
from typing import Any

import msgspec
from absl import flags
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from launchers import _app
from olmix.data import listing
from olmix.data.corpus_result import CorpusResult, Tokenising
from olmix.data.readers import SUFFIXES, FileShard
from olmix.data.tokenise import tokenise
from olmix.errors import UserError
from olmix.graph.ray_engine import RayEngine, RayFailed, RaySettings
from olmix.graph.store import StoreError, refusal

_INPUT = flags.DEFINE_multi_string(
    "input", [], "SOURCE=FILES, SOURCE:TOPIC=FILES or SOURCE:{FIELD}=FILES. May be repeated."
)
_OUT = flags.DEFINE_string("out", None, "The folder to make; it must not be there yet.")
_TEXT = flags.DEFINE_string("text", "text", "The field that holds the text.")
_TOPIC = flags.DEFINE_string("topic_column", None, "The field that holds the topic, where the input does not name it.")
_SCORE = flags.DEFINE_string("score_column", None, "The field that holds a quality score; none: --scorer scores.")
_TOKENIZER = flags.DEFINE_string("tokenizer", None, "A Hugging Face tokenizer.json, or its folder; none: train one.")
_VOCABULARY = flags.DEFINE_integer("vocabulary", 4096, "The size of the vocabulary that is trained.", lower_bound=257)
_QUALITY = flags.DEFINE_list("quality", [], "The sources to divide by quality.")
_BUCKETS = flags.DEFINE_integer("buckets", 20, "Quality buckets: 2, 3, 4, 5, 10 or 20.")
_SCORER = flags.DEFINE_string("scorer", "prose", "What scores documents that have no score; see olmix/data/quality.py.")
_NEAR = flags.DEFINE_float("near_duplicates", 0.8, "Jaccard similarity of near duplicates; 0 keeps them.", 0, 1)
_HELD_OUT = flags.DEFINE_integer("held_out_bytes", 1_000_000, "Text held out of each leaf, at most 5 % of it.", 0)
_MODULE = flags.DEFINE_string(
    "module", None, "The experiment to write, as experiments/mine.py: a search on these shards."
)
_PROCESSES = flags.DEFINE_integer("processes", None, "Processes; none: one for each CPU; 1: without Ray.", 1)
_RAY_ADDRESS = flags.DEFINE_string("ray_address", None, "An existing cluster; none: start Ray here.")


_ROOT = pathlib.Path(__file__).resolve().parents[1]


def main() -> int:
    """Reads the flags, tokenises into a folder beside the wanted one, and moves it into place."""
    console = Console(highlight=False)
    if not _OUT.value:
        raise UserError("Say where the shards go: --out=FOLDER.")
    out = pathlib.Path(_OUT.value).expanduser().absolute()
    if out.exists():
        raise UserError(f"--out={out} is there already; tokenising would mix two corpora. Name a new folder.")
    module = None if _MODULE.value is None else _new_module(_MODULE.value)
    settings = Tokenising(
        tokenizer=_TOKENIZER.value,
        vocabulary=_VOCABULARY.value,
        near_duplicates=_NEAR.value or None,
        quality_sources=tuple(_QUALITY.value),
        quality_buckets=_BUCKETS.value,
        scorer=_SCORER.value,
        held_out_bytes=_HELD_OUT.value,
    )
    shards = _shards()
    unknown = set(settings.quality_sources) - {shard.source for shard in shards}
    if unknown:
        raise UserError(f"--quality names {', '.join(sorted(unknown))}, which no --input has as its source.")
    with_ray = _RAY_ADDRESS.value is not None or (_PROCESSES.value or os.cpu_count() or 1) > 1 < len(shards)
    engine = RayEngine(RaySettings(address=_RAY_ADDRESS.value, cpus=_PROCESSES.value))
    beside = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"--out={out} cannot be written: {error.strerror}.") from error
    try:
        if with_ray:
            engine.start()
        with _Bars(console) as bars:
            result = tokenise(shards, beside, settings, ray=with_ray, progress=bars.show)
        (beside / "corpus.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
        os.rename(beside, out)
    except Exception as error:
        refused = refusal(error)
        if refused is not None:
            raise StoreError(
                f"The disk of {out.parent} {refused.words}: nothing was left there; "
                f"{refused.remedy} and run the same command again."
            ) from error
        raise
    finally:
        engine.stop()
        shutil.rmtree(beside, ignore_errors=True)
    console.print(_table(result))
    dropped = f"{result.exact_duplicates:,} exact and {result.near_duplicates:,} near duplicates dropped"
    console.print(f"{dropped}; vocabulary {result.vocabulary:,}, dtype {result.dtype}", soft_wrap=True)
    if module is None:
        tree = tree_text(result, out, _QUALITY.value)
        console.print(f"the data tree, for an experiment (--module writes one):\n{tree}", markup=False, soft_wrap=True)
        return 0
    module.write_text(module_text(result, out, tree_text(result, out, _QUALITY.value, limit=4.0)))
    name = ".".join(module.relative_to(_ROOT / "experiments").with_suffix("").parts)
    console.print(
        f"{module} is the experiment; what it would do, before anything is trained:", markup=False, soft_wrap=True
    )
    console.print(f"    python -m launchers.run --experiment={name} --dry_run", markup=False, soft_wrap=True)
    return 0


def _new_module(asked: str) -> pathlib.Path:
    """Where the experiment goes. Raises UserError before hours of work, not after."""
    module = pathlib.Path(asked).expanduser().absolute()
    if module.suffix != ".py" or not module.is_relative_to(_ROOT / "experiments") or not module.stem.isidentifier():
        raise UserError(f"--module={asked} must be a module below {_ROOT / 'experiments'}, as experiments/mine.py.")
    if module.exists():
        raise UserError(f"--module={asked} is there already; name another one.")
    if not module.parent.is_dir():
        raise UserError(f"--module={asked}: there is no folder {module.parent}.")
    return module


class _Bars(contextlib.ExitStack):
    """One bar for each stage of the work; a line every ten seconds where there is no terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._told = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._bars = self.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))

    def show(self, done: float, total: float, note: str) -> None:
        """The stage `note` is at `done` of `total` files."""
        if note not in self._tasks:
            self._tasks[note] = self._bars.add_task(note, total=total)
        self._bars.update(self._tasks[note], completed=done)
        if not self._console.is_terminal and (done == total or time.monotonic() - self._told > 10):
            self._told = time.monotonic()
            self._console.print(f"{note}: {done:g} of {total:g} files")


def _shards() -> list[FileShard]:
    if not _INPUT.value:
        raise UserError("Say what to tokenise: --input=SOURCE=FILES (may be repeated).")
    shards = []
    for item in _INPUT.value:
        name, equals, pattern = item.partition("=")
        source, _, topic = name.partition(":")
        column = _TOPIC.value
        if not (equals and source and pattern):
            raise UserError(f"--input={item} must look like SOURCE=FILES or SOURCE:TOPIC=FILES.")
        if topic.startswith("{") and topic.endswith("}"):
            topic, column = "", topic[1:-1]
        if topic and _TOPIC.value:
            raise UserError(f"--input={item} names a topic, and so does --topic_column; give one of them.")
        found = listing.list_local(name, os.path.abspath(os.path.expanduser(pattern)), None, inside="**/*")
        readable = [file.path for file in found if file.path.endswith(SUFFIXES)]
        if not readable:
            raise UserError(f"--input={item}: none of {len(found)} files ends with {', '.join(SUFFIXES)}.")
        shards += [
            FileShard(
                path=path,
                source=source,
                topic=topic or None,
                text=_TEXT.value,
                topic_column=column,
                score_column=_SCORE.value,
            )
            for path in readable
        ]
    return shards


def _table(result: CorpusResult) -> Table:
    table = Table("leaf", *("documents", "bytes", "tokens", "held-out tokens"))
    for column in table.columns[1:]:
        column.justify = "right"
    for leaf, text in result.leaves.items():
        numbers = (text.documents, text.bytes, text.tokens, text.held_out_tokens)
        table.add_row(leaf, *(f"{number:,}" for number in numbers))
    return table


def tree_text(result: CorpusResult, out: pathlib.Path, by_quality: Collection[str], limit: float | None = None) -> str:
    """The data tree of a corpus in `out`, as Python; `by_quality` are the sources with quality buckets.

    `limit` is how often each source may be read.
    """
    nested: dict[str, Any] = {}
    for leaf in result.leaves:
        node = nested
        for name in leaf.split(":"):
            node = node.setdefault(name, {})

    def text(kind: str, name: str, below: dict[str, Any], path: str, indent: str) -> str:
        head = f"{indent}fdl.Config({kind}, name={name!r}"
        if limit is not None and kind == "Source":
            head += f", repetition_limit={limit}"
        if not below:
            return f"{head}, paths=[{path + '/*.npy'!r}]),\n"
        topics = kind == "Source" and (name not in by_quality or any(below.values()))
        field, inner = ("topics", "Topic") if topics else ("quality", "QualityBucket")
        inside = "".join(text(inner, key, value, f"{path}/{key}", indent + "    ") for key, value in below.items())
        return f"{head}, {field}=[\n{inside}{indent}]),\n"

    inside = "".join(text("Source", name, below, f"{out}/{name}", "    ") for name, below in nested.items())
    return f"fdl.Config(Tree, sources=[\n{inside}])"


def module_text(result: CorpusResult, out: pathlib.Path, tree: str) -> str:
    """An experiment on the shards in `out`, whose tree is `tree`, with a final run of twice all their tokens."""
    tokens = sum(text.tokens for text in result.leaves.values())
    first = next(iter(result.leaves))
    classes = sorted(name for name in ("QualityBucket", "Source", "Topic", "Tree") if f"Config({name}," in tree)
    sources = ", ".join(dict.fromkeys(leaf.split(":")[0] for leaf in result.leaves))
    quoted = json.dumps(str(out))
    tree = tree.replace(f"'{out}/", "TOKENS + '/").replace("\n", "\n    ")
    return f'''"""Some mixture of {sources} serves held-out text better than all of it does.

Say here what you expect: it is what lists of experiments show.
"""

from __future__ import annotations

import fiddle as fdl

from experiments.presets.local_text import small_search
from olmix.data.tree import {", ".join(classes)}
from olmix.mixture_search import MixtureSearch

#: What `python -m launchers.tokenize` wrote.
TOKENS = {quoted}


def experiment() -> fdl.Config[MixtureSearch]:
    """The small search on own text; the final run reads twice as many tokens as there are, none more often than its limit."""
    cfg = small_search()
    cfg.scan.tree = tree()
    cfg.scan.dtype = "{result.dtype}"
    cfg.limits.target_tokens = {2 * tokens:_}
    cfg.swarm.proxy.vocabulary = {result.vocabulary}
    # What the mixture is chosen for: held-out bits per byte, of all leaves alike; or {{"bpb/{first}": 1.0}}.
    cfg.proposal.objective = {{}}
    cfg.report.question = "How should this text be mixed?"
    return cfg


def tree() -> fdl.Config[Tree]:
    """Where the tokens lie, and how often those of each source may be read."""
    return {tree}
'''


if __name__ == "__main__":
    _app.launch(main, failures=(StoreError, RayFailed))
