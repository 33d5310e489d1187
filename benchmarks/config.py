"""How fast configs can be looked at: `python -m benchmarks.config`. Medians; a minute or two, alone on the machine.

Process starts are measured on a package of 50 generated experiments, each with a data tree of 480 leaves (24 topics with
20 quality buckets, the size of the largest published ones), and on the repository's own. Beside ours, in the same
process and on the same configs, stands what Fiddle itself offers: `dump_json` and `build_diff`.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import fiddle as fdl
from fiddle import diffing
from fiddle.experimental import serialization

from olmix.config import blame, canonical, diff, experiments
from olmix.config.experiments import Resolved
from olmix.config.fingerprint import fingerprint
from olmix.data.tree import QualityBucket, Source, Topic, Tree

REPO = pathlib.Path(__file__).parents[1]

_PRESET = '''"""Presets."""
import fiddle as fdl
from benchmarks.config import Search, large_tree
from olmix.train.settings import Proxy


def search():
    """A search over 480 leaves."""
    proxy = fdl.Config(Proxy, model="olmo3_14m", vocabulary=100278, sequence_length=2048, chinchilla_multiple=5.0)
    proxy.learning_rate = 6e-3
    proxy.batch_tokens = 262144
    return fdl.Config(Search, tree=large_tree(), proxy=proxy)
'''
_OVERLAYS = '''"""Overlays."""


def code(cfg):
    """More code."""
    cfg.tree.sources[0].topics[3].weight = 0.5
    cfg.proxy.learning_rate = 3e-3
'''
_EXPERIMENT = '''"""Hypothesis {i}: more of topic {topic} helps."""
from . import overlays, presets


def experiment():
    cfg = presets.search()
    overlays.code(cfg)
    cfg.seed = {i}
    return cfg
'''


def large_tree() -> fdl.Config[Tree]:
    """24 topics with 20 quality buckets each."""
    topics = [
        fdl.Config(
            Topic,
            name=f"topic{t:02d}",
            weight=1 / 24,
            quality=[
                fdl.Config(
                    QualityBucket, name=f"bucket{q:02d}", paths=[f"s3://data/t{t:02d}/q{q:02d}/*.npy"], weight=1.0
                )
                for q in range(20)
            ],
        )
        for t in range(24)
    ]
    return fdl.Config(Tree, sources=[fdl.Config(Source, name="web", topics=topics)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """The root of the generated experiments."""

    name: str = ""
    tree: Tree
    proxy: Any
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the deep and of the wide config."""

    value: Any = None
    other: Any = None


def wide(leaves: int) -> fdl.Config[Node]:
    """A config with that many values, ten to a node."""
    nodes = [
        fdl.Config(Node, value={f"k{i}": i * 0.5 for i in range(j, j + 9)}, other=j)
        for j in range(0, leaves * 9 // 10, 9)
    ]
    return fdl.Config(Node, value=nodes)


def ladder(levels: int) -> fdl.Config[Node]:
    """A node used twice by a node that is used twice, and so on."""
    node = fdl.Config(Node, value=1)
    for _ in range(levels):
        node = fdl.Config(Node, value=node, other=node)
    return node


def resolved(config: fdl.Config[Any]) -> Resolved:
    """A config as `resolve` would give it."""
    defaults = canonical.document(config)["defaults"]
    return Resolved(name="it", hypothesis="", config=config, layers=(), blame=blame.blame(config), defaults=defaults)


def median(work: Callable[[], object], times: int) -> float:
    """Seconds of wall time, after one run to warm up."""
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def start(folder: pathlib.Path, *arguments: str, cache: pathlib.Path) -> Callable[[], object]:
    """A launcher in a process of its own."""
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OLMIX_CACHE": str(cache)}

    def run() -> None:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1) or "BROKEN" in done.stdout:
            raise RuntimeError(done.stderr + done.stdout)

    return run


def generate(folder: pathlib.Path, count: int) -> None:
    """Writes a package of `count` experiments."""
    package = folder / "experiments"
    package.mkdir()
    (package / "__init__.py").write_text('"""Generated."""\n')
    (package / "presets.py").write_text(_PRESET)
    (package / "overlays.py").write_text(_OVERLAYS)
    for i in range(count):
        (package / f"e{i:02d}.py").write_text(_EXPERIMENT.format(i=i, topic=i % 24))


def say(what: str, seconds: float, limit: float, peer: str = "", peer_seconds: float | None = None) -> None:
    """One line of the result."""
    beside = (
        "" if peer_seconds is None else f"; {peer} {1e3 * peer_seconds:.1f} ms: {peer_seconds / seconds:.1f} times ours"
    )
    verdict = "ok" if seconds < limit else "TOO SLOW"
    print(f"{what}: {1e3 * seconds:.1f} ms (limit {1e3 * limit:.0f} ms, {verdict}){beside}", flush=True)


def starts(folder: pathlib.Path, names: list[str], what: str) -> None:
    """The launchers on a package of experiments; the first list finds nothing remembered."""
    cache = folder / "cache"
    first = start(folder, "launchers.list", cache=cache)

    def forgetful() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        first()

    say(f"list, {what}, from process start", median(first, 9), 1.0)
    print(f"  nothing remembered, after a change: {1e3 * median(forgetful, 3):.0f} ms")
    say("  inspect", median(start(folder, "launchers.inspect", f"--experiment={names[0]}", cache=cache), 9), 1.0)
    both = (f"--left={names[0]}", f"--right={names[-1]}")
    say("  diff", median(start(folder, "launchers.diff", *both, cache=cache), 9), 1.0)


def main() -> None:
    """Measures and prints."""
    own = experiments.names()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "repository").mkdir()
        for part in ("experiments", "olmix", "launchers"):
            (folder / "repository" / part).symlink_to(REPO / part)
        starts(folder / "repository", own, f"the repository's {len(own)} experiments")
        (folder / "generated").mkdir()
        generate(folder / "generated", 50)
        starts(folder / "generated", ["e07", "e08"], "50 generated experiments of 480 leaves each")

    largest = fdl.Config(Search, tree=large_tree(), proxy=None)
    made = {experiment: experiments.resolve(experiment).config for experiment in own}
    biggest = max(made, key=lambda experiment: len(canonical.lines(made[experiment])))
    for what, config in {"a tree of 480 leaves": largest, f"the largest experiment ({biggest})": made[biggest]}.items():
        count = len(canonical.lines(config))
        ours = median(lambda config=config: (canonical.text(config), fingerprint(config)), 21)  # type: ignore[misc]
        theirs = median(lambda config=config: serialization.dump_json(config), 5)  # type: ignore[misc]
        say(f"canonical text and fingerprint, {what}, {count} lines", ours, 0.010, "fiddle's dump_json", theirs)

    left = wide(5000)
    right = copy.deepcopy(left)
    for node in right.value[::10]:
        node.other += 1
    sides = resolved(left), resolved(right)
    ours = median(lambda: diff.diff(*sides), 9)
    theirs = median(lambda: diffing.build_diff(left, right), 3)
    say(f"diff of two configs of {len(sides[0].blame)} lines", ours, 0.200, "fiddle's build_diff", theirs)

    deep = ladder(20)
    say(
        "canonical text and fingerprint, 20 levels of sharing",
        median(lambda: (canonical.text(deep), fingerprint(deep)), 9),
        0.010,
    )
    twelve = ladder(12)
    ours = median(lambda: (canonical.text(twelve), fingerprint(twelve)), 9)
    say(
        "the same with 12 levels", ours, 0.010, "fiddle's dump_json", median(lambda: serialization.dump_json(twelve), 3)
    )


if __name__ == "__main__":
    # By the module's own name: configs name their classes by it.
    importlib.import_module("benchmarks.config").main()
