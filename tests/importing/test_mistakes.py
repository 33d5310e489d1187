"""What cannot be imported is one sentence with a line, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
import sys

import pytest

from olmix.errors import UserError
from olmix.importing import importer
from tests.importing.imports import DATA, PRIORS, TRAINING, run, write

MIX = "mix: {web:code:high: 0.3, web:code:low: 0.1, web:news: 0.4, wiki: 0.2}\n"
GENERATE = DATA + PRIORS + "max_tokens: 140000000\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "holds a list"),
        ("a: [1, 2\n", "config.yaml:2 is not YAML"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("a: !!python/object:os.system {}\n", "is no config"),
        ("a: &a [*a]\n", "refers to itself"),
        ("hello: world\n", "it has hello, and none of launch"),
        ("extends: base.yaml\n" + TRAINING + DATA, "config.yaml:1: extends refers to another file"),
        (TRAINING + DATA + "mix: {wiki: 1}\nmix: {wiki: 2}\n", "mix stands twice, first in line"),
        (TRAINING.replace("olmo3_14m", "olmo3_15m") + DATA + MIX, "is not on the ladder (nearest: "),
        (TRAINING.replace("dolma2", "dolma3") + DATA + MIX, "the tokenizer 'dolma3' is not known (nearest: dolma2)"),
        (TRAINING.replace("tokenizer: dolma2", "tokeniser: dolma2") + DATA + MIX, "needs 'tokenizer', and has none"),
        (TRAINING.replace("0.5", "0") + DATA + MIX, "chinchilla_multiple must be more than 0"),
        (TRAINING.replace("0.5", "1e-9") + DATA + MIX, "A budget of 0 tokens is smaller than one global batch"),
        (TRAINING.replace("olmo3_14m", '""') + DATA + MIX, "training.proxy_model_id is empty"),
        (TRAINING.replace("42", "many") + DATA + MIX, "training.seed must be a number; it is 'many'"),
        (TRAINING.replace("16", "1.5") + DATA + MIX, "training.global_batch_size must be a whole number"),
        (TRAINING + DATA + MIX.replace("0.2", "-0.2"), "mix.wiki must be 0 or more; it is -0.2"),
        (TRAINING + DATA + MIX.replace("0.2", ".nan"), "mix.wiki must be a number"),
        (TRAINING + DATA + "mix: {wiki: 0}\n", "every weight of mix is 0"),
        (TRAINING + DATA + "mix: {}\n", "mix is empty"),
        (TRAINING + DATA + MIX.replace("wiki", "wikl"), "mix.wikl gives a weight to wikl, which the data do not"),
        (TRAINING + DATA + "mix: {web: 0.8, wiki: 0.2}\n", "which is divided into 3 leaves; give those their weights"),
        (TRAINING + DATA + "mix: {web: {news: 0.5}, web:news: 0.5}\n", "gives web:news a second weight"),
        (TRAINING + DATA + "mix: {wiki: {weight: 1, repetition_factor: 0}}\n", "repetition_factor must be more than 0"),
        (
            TRAINING + DATA.replace("  - name: wiki\n", "  - name: wiki\n    topics: [{name: a, paths: [x]}]\n") + MIX,
            "config.yaml:19: data.sources[1] (wiki) must have exactly one of paths, topics, quality; it has paths and topics",
        ),
        (TRAINING + "data: {sources: [{name: a}]}\n", "(a) must have exactly one of paths, topics, quality; it has none of them"),
        (TRAINING + "data: {sources: [{name: a, paths: [x]}, {name: a, paths: [y]}]}\n", "data.sources[1] has the name 'a'"),
        (TRAINING + "data: {sources: [{name: a, paths: x}]}\n", "data.sources[0].paths must be a list; it is 'x'"),
        (TRAINING + "data: {sources: [{name: a, paths: [null]}]}\n", "data.sources[0].paths[0] must be a text; it is null"),
        (TRAINING + DATA + "mix: {wiki: {weight: null}}\n", "mix.wiki.weight is null"),
        (TRAINING + "data: {sources: [{name: a, paths: []}]}\n", "data.sources[0].paths is empty"),
        (TRAINING + "data: {sources: [{name: a, weight: 1, paths: [x]}, {name: b, paths: [y]}]}\n", "has no weight and a sibl"),
        (GENERATE.replace("140000000", "0"), "max_tokens must be 1 or more; it is 0"),
        (GENERATE + "swarm: {variants: 0}\n", "swarm.variants must be 1 or more"),
        (GENERATE + "swarm: {min_strength: 9, max_strength: 2}\n", "swarm.min_strength is 9, above max_strength 2"),
        (GENERATE + "swarm: {nonzero_weight: [wikj]}\n", "names 'wikj', which is no source or leaf (nearest: wiki"),
        (GENERATE + "swarm: {fixed_source_weights: {web: 1}}\n", "fixed_source_weights has none for wiki"),
        (GENERATE.replace("2_000_000_000", "minus one"), "must be a number; it is 'minus one'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_its_place(tmp_path, text, says):
    with pytest.raises(UserError) as caught:
        run(tmp_path, write(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in (tmp_path / "imported_lab").iterdir()) == ["__init__.py"]


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        run(tmp_path, tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not text in UTF-8"):
        run(tmp_path, tmp_path / "binary.yaml")


def test_the_module_must_have_a_place_and_a_name(tmp_path):
    file = write(tmp_path, TRAINING + DATA + MIX)
    home = tmp_path / "imported_lab"
    for out, says in (
        (tmp_path / "elsewhere.py", "must be a .py file below imported_lab/"),
        (home / "made.txt", "must be a .py file"),
        (home / "two words.py", "'two words' is no name of a Python module"),
        (home / "class.py", "'class' is no name of a Python module"),
        (home / "presets" / "made.py", "building material"),
    ):
        with pytest.raises(UserError, match=says):
            run(tmp_path, file, out=out)


def test_a_module_that_is_there_stays_unless_forced(tmp_path):
    file = write(tmp_path, TRAINING + DATA + MIX)
    target = tmp_path / "imported_lab" / "made.py"
    target.parent.mkdir()
    target.write_text("mine")
    with pytest.raises(UserError, match=r"is there already; --force replaces it"):
        run(tmp_path, file, force=False)
    assert target.read_text() == "mine"
    assert run(tmp_path, file).written
    assert "def experiment()" in target.read_text()
    assert sorted(p.name for p in target.parent.iterdir() if p.name != "__pycache__") == ["__init__.py", "made.py"]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("train.seed", 43, "seed"), ("scan.dtype", "uint16", "dtype"), ("plan.target_tokens", 5, "final run")],
)
def test_a_translation_that_is_wrong_is_not_kept(tmp_path, monkeypatch, field, value, says):
    """The proof must be able to fail: a changed seed or dtype is found, and nothing is written."""
    real = importer.translate

    def wrong(config, base=None):
        made = real(config, base)
        return dataclasses.replace(made, settings={**made.settings, field: value})

    monkeypatch.setattr(importer, "translate", wrong)
    done = run(tmp_path, write(tmp_path, TRAINING + DATA + MIX))
    assert not done.written
    assert says in " ".join(done.proof.differences())
    assert not done.target.exists()


@pytest.mark.parametrize("path", ["training.proxy_model_id", "infra.budget"])
def test_a_value_that_is_neither_carried_nor_listed_fails_the_proof(tmp_path, monkeypatch, path):
    real = importer.translate

    def forgetful(config, base=None):
        made = real(config, base)
        return dataclasses.replace(made, listed=tuple(item for item in made.listed if item.path != path))

    monkeypatch.setattr(importer, "translate", forgetful)
    done = run(tmp_path, write(tmp_path, "infra: {budget: b}\n" + TRAINING + DATA + MIX))
    # The model is a fact as well, so that only the budget is forgotten.
    assert done.proof.forgotten == (("infra.budget",) if path == "infra.budget" else ())
    assert done.written is (path != "infra.budget")


def launcher(folder: pathlib.Path, *arguments: str):
    command = [sys.executable, "-m", "launchers.import_yaml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_the_command(tmp_path):
    root = pathlib.Path(__file__).parents[2]
    for part in ("experiments", "launchers", "olmix"):
        shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    file = write(tmp_path, "name: My mix!\n" + TRAINING + DATA + MIX)
    done = launcher(tmp_path, str(file))
    assert done.returncode == 0, done.stderr
    assert "experiments/imported_my_mix.py means what" in done.stdout
    assert "def experiment()" in (tmp_path / "experiments/imported_my_mix.py").read_text()
    for arguments, says in (
        ((), "needs one FILE"),
        ((str(file),), "is there already"),
        ((str(file), "--base=nothing.yaml", "--force"), "nothing.yaml cannot be read"),
        ((str(tmp_path / "no.yaml"),), "no.yaml cannot be read"),
    ):
        done = launcher(tmp_path, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert says in done.stderr
