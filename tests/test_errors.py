from __future__ import annotations

import pathlib
import subprocess
import sys

from olmix.errors import nearest_path


def test_what_lies_near_a_path_that_is_not_there(tmp_path: pathlib.Path) -> None:
    assert nearest_path(tmp_path / "a.json") == f" ({tmp_path} is empty)"
    for name in ("tokenizer.json", "b", "c", "d", "e"):
        (tmp_path / name).touch()
    assert nearest_path(tmp_path / "tokenzier.json") == f" (nearest in {tmp_path}: tokenizer.json)"
    assert nearest_path(tmp_path / "xyz") == f" ({tmp_path} has b, c, d and 2 more)"
    assert nearest_path(tmp_path / "folder" / "xyz") == f" (there is no folder {tmp_path}/folder)"
    (tmp_path / "folders").mkdir()
    assert nearest_path(tmp_path / "folder" / "xyz") == f" (nearest in {tmp_path}: folders)"


def test_a_relative_path_is_looked_for_here(tmp_path: pathlib.Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").touch()
    assert nearest_path(pathlib.Path("run.csv")) == f" (nearest in {tmp_path}: runs.csv)"


def test_a_python_without_our_packages_is_told_where_they_are() -> None:
    """A new shell, in which nobody has activated the environment."""
    told = subprocess.run([sys.executable, "-S", "-m", "launchers.run"], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "source .venv/bin/activate" in told.stderr
    assert "Traceback" not in told.stderr
