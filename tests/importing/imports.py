"""Importing in tests: YAML text to a resolved root, in a package of its own."""

from __future__ import annotations

import pathlib
import sys
import textwrap

from launchers.import_yaml import PRESETS
from olmix.importing import Imported, import_yaml
from olmix.importing.importer import resolved


def write(folder: pathlib.Path, text: str, name: str = "config.yaml") -> pathlib.Path:
    file = folder / name
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def run(folder: pathlib.Path, file: pathlib.Path, **more) -> Imported:
    """Imports a file into the package `imported_lab` below the folder."""
    home = folder / "imported_lab"
    home.mkdir(exist_ok=True)
    (home / "__init__.py").touch()
    sys.path.insert(0, str(folder))
    try:
        more = {"out": home / "made.py", "force": True} | more
        return import_yaml(file, more.pop("out"), PRESETS, package="imported_lab", **more)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("imported_lab", None)


def root_of(done: Imported):
    """The root of an imported experiment, built."""
    assert done.written, done.proof.differences()
    return resolved(done.target.read_text(), "made")


TRAINING = """
training:
  proxy_model_id: olmo3_14m
  tokenizer: dolma2
  chinchilla_multiple: 0.5
  seed: 42
  global_batch_size: 16
"""
DATA = """
data:
  sources:
  - name: web
    topics:
    - name: code
      quality:
      - {name: high, paths: ["s3://b/web/code/high/*.npy"]}
      - {name: low, paths: ["s3://b/web/code/low/*.npy"]}
    - name: news
      paths: ["s3://b/web/news/*.npy"]
  - name: wiki
    paths: ["s3://b/wiki/*.npy"]
"""
LEAVES = ("web:code:high", "web:code:low", "web:news", "wiki")
PRIORS = """
priors:
  token_counts: {"web:code:high": 1_000_000_000, "web:code:low": 3_000_000_000, "web:news": 4_000_000_000, wiki: 2_000_000_000}
"""
