import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from olmix.data.readers import FileShard
from olmix.errors import UserError

ROWS = [{"text": "one", "kind": "a", "score": 1}, {"text": "  "}, {"text": "zwei \ud800", "kind": "b", "score": 0.5}]


def write(path, kind):
    lines = "\n".join(map(json.dumps, ROWS)).encode() + b"\n\n"
    if kind == ".gz":
        lines = gzip.compress(lines)
    elif kind == ".zst":
        # Two frames, as parallel compressors write them.
        half = lines.index(b"\n") + 1
        lines = b"".join(zstandard.compress(part) for part in (lines[:half], lines[half:]))
    path.write_bytes(lines)
    return FileShard(path=str(path), source="s")


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_json_lines(tmp_path, kind):
    shard = write(tmp_path / f"x.jsonl{kind}", kind)
    found = list(shard.read())
    assert [document.text for document in found] == ["one", "zwei ?"]
    assert [document.name for document in found] == [f"{shard.path}#0", f"{shard.path}#2"]


def test_columns(tmp_path):
    pq.write_table(pa.table({"body": ["one", "two"], "kind": ["a", "b"], "score": [1.5, 2.5]}), tmp_path / "x.parquet")
    shard = FileShard(path=f"{tmp_path}/x.parquet", source="s", text="body", topic_column="kind", score_column="score")
    assert [(one.text, one.topic, one.score) for one in shard.read()] == [("one", "a", 1.5), ("two", "b", 2.5)]


def test_a_text_file_is_a_document(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb")
    assert [one.text for one in FileShard(path=f"{tmp_path}/x.txt", source="s", topic="t").read()] == ["a\nb"]


def test_a_text_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"x\.txt cannot be read"):
        list(FileShard(path=f"{tmp_path}/x.txt", source="s").read())


def test_errors_name_file_and_row(tmp_path):
    def error(name, content, **more):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as caught:
            list(FileShard(path=f"{tmp_path}/{name}", source="s", **more).read())
        return str(caught.value)

    assert "x.jsonl, line 2 is not JSON" in error("x.jsonl", b'{"text": "a"}\n{"te\n')
    assert "x.jsonl, line 1 is not a JSON object" in error("x.jsonl", b"[1]\n")
    assert "row 1: there is no field 'txt' (nearest: text); the row has text" in error(
        "x.jsonl", b'{"text": "a"}', text="txt"
    )
    assert "field 'text' is int, not text" in error("x.jsonl", b'{"text": 1}')
    assert "field 'q' is 'high', not a number" in error("x.jsonl", b'{"text": "a", "q": "high"}', score_column="q")
    assert "cannot be read" in error("x.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 999)[:-20])
    assert "cannot be read" in error("x.jsonl.zst", b"nonsense")
    assert "cannot be read" in error("x.parquet", b"nonsense")
    assert "cannot be read" in error("x.jsonl.zst", zstandard.compress(b'{"text": "a"}\n' * 9999)[:-5])
