"""`python -m launchers.tokenize`, as a user runs it."""

from __future__ import annotations

import json
import pathlib
import random
import subprocess
import sys

import fiddle as fdl
import pytest

from olmix.data import QualityBucket, Scan, Source, Topic, Tree
from tests.fake_context import FakeContext


def tokenize(*flags):
    root = pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-m", "launchers.tokenize", *flags]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)


@pytest.fixture
def texts(tmp_path):
    rng = random.Random(0)
    words = [f"{a}{b}" for a in "bcdfgh" for b in ("a", "eno", "ist", "ol")]
    for name in ("web/x", "web/y", "wiki"):
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        for number in range(2):
            rows = [{"text": " ".join(rng.choices(words, k=60))} for _ in range(40)]
            (folder / f"{number}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "in"


def run(texts, out, *more):
    return tokenize(
        f"--input=web:x={texts}/web/x/*.jsonl", f"--input=web:y={texts}/web/y", f"--input=wiki={texts}/wiki",
        "--quality=web", "--buckets=2", "--vocabulary=300", f"--out={out}", *more,
    )  # fmt: skip


def test_the_tree_that_it_prints_can_be_scanned(texts, tmp_path):
    out = tmp_path / "made" / "here"
    done = run(texts, out, "--processes=1")
    assert done.returncode == 0, done.stderr
    made = json.loads((out / "corpus.json").read_text())
    printed = done.stdout[done.stdout.index("fdl.Config(Tree") :]
    names = {"fdl": fdl, "Tree": Tree, "Source": Source, "Topic": Topic, "QualityBucket": QualityBucket}
    scan = Scan(tree=fdl.build(eval(printed, names)))
    found = scan.run(FakeContext(tmp_path / "context"))
    assert set(found.tokens) == {"web:x:low", "web:x:high", "web:y:low", "web:y:high", "wiki"}
    assert found.tokens == {leaf: text["tokens"] for leaf, text in made["leaves"].items()}
    assert not list((tmp_path / "made").glob(".*"))


def test_the_experiment_that_it_writes_plans_and_topics_may_come_from_a_field_of_one_source(texts, tmp_path):
    rows = [{"text": f"{topic} {number} " * 200, "about": topic} for topic in ("cats", "dogs") for number in range(40)]
    (texts / "pets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    root = pathlib.Path(__file__).parents[2]
    module = root / "experiments" / f"made_by_a_test_{tmp_path.parent.name.replace('-', '_')}.py"
    try:
        done = run(
            texts,
            tmp_path / "out",
            f"--input=pets:{{about}}={texts}/pets.jsonl",
            f"--module={module}",
            "--near_duplicates=0",
        )
        assert done.returncode == 0, done.stderr
        assert f"--experiment={module.stem} --dry_run" in done.stdout
        command = [
            sys.executable,
            "-m",
            "launchers.run",
            f"--experiment={module.stem}",
            "--dry_run",
            f"--store={tmp_path}/store",
        ]
        plan = subprocess.run(
            [*command, "--overlay=reduced"],
            cwd=root, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert plan.returncode == 0, plan.stdout + plan.stderr
        assert "12 of 12 pieces to run" in plan.stdout
        assert "pets:cats" in plan.stdout
        again = run(texts, tmp_path / "out2", f"--module={module}")
        assert "is there already" in again.stderr
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--ignore=E501", str(module)],
            cwd=root,
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout
    finally:
        module.unlink(missing_ok=True)
    assert "below" in run(texts, tmp_path / "out2", f"--module={tmp_path}/mine.py").stderr


@pytest.mark.slow
def test_several_processes_make_the_same_files(texts, tmp_path):
    digests = []
    for processes in (1, 2):
        done = run(texts, tmp_path / f"out{processes}", f"--processes={processes}")
        assert done.returncode == 0, done.stderr
        digests.append(json.loads((tmp_path / f"out{processes}" / "corpus.json").read_text())["digest"])
    assert digests[0] == digests[1]
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "out1", tmp_path / "out2")
    )
    assert one == two


def test_mistakes_are_one_sentence(texts, tmp_path):
    def said(*flags):
        done = tokenize(*flags)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    out = f"--out={tmp_path}/out"
    assert "--input=SOURCE=FILES" in said(out)
    (tmp_path / "in/x.pdf").touch()
    assert "none of 1 files ends with .txt" in said(out, f"--input=a={texts}/x.pdf")
    assert "is there already" in said(f"--out={texts}", f"--input=a={texts}")
    (tmp_path / "in/bad.jsonl").write_text('{"txt": "a"}')
    assert "row 1: there is no field 'text' (nearest: txt)" in said(
        out, f"--input=a={texts}/bad.jsonl", "--processes=1"
    )
    assert not (tmp_path / "out").exists()
