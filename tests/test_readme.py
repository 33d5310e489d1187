"""What the README shows of notebooks runs as it stands."""

from __future__ import annotations

import pathlib
import re

import numpy as np

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def test_the_snippet_for_notebooks(tmp_path: pathlib.Path, monkeypatch, capsys) -> None:
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (snippet,) = [text for text in snippets if "runs_from_csv(" in text]
    rng = np.random.default_rng(0)
    w = rng.dirichlet(np.ones(3), 30)
    y = 1 + np.exp(-w @ rng.random((3, 2))) + 0.01 * rng.normal(size=(30, 2))
    for name, columns, values in (("ratios", ("web", "code", "books"), w), ("metrics", ("a", "b"), y)):
        rows = [f"r{i}," + ",".join(map(str, row)) for i, row in enumerate(values.tolist())]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"run,{','.join(columns)}", *rows]))
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(compile(snippet, str(README), "exec"), found)
    assert found["limits"].contains(found["best"].weights)
    assert found["best"].gap <= 1e-9
    assert found["mean"].shape == found["std"].shape == (1, 2)
    assert "spearman" in capsys.readouterr().out
