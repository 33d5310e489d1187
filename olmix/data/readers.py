"""Reading documents: `.txt`, `.jsonl` (also `.gz`, `.zst`) and Parquet files. A shard is what one process reads at a time."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from olmix.data.documents import Document
from olmix.errors import UserError, nearest

SUFFIXES = (".txt", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".parquet")


class Shard(Protocol):
    """A part of the input: small enough to pass around, and read where it is worked on. The same documents every time."""

    def read(self) -> Iterator[Document]:
        """The documents, in a fixed order."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileShard:
    """One file. A `.txt` file is one document; in the others `text`, `topic_column` and `score_column` name fields of a row.

    `topic` is given to all documents of the file; it and `topic_column` exclude each other.
    """

    path: str
    source: str
    topic: str | None = None
    text: str = "text"
    topic_column: str | None = None
    score_column: str | None = None

    def read(self) -> Iterator[Document]:
        """The documents of the file; rows without text are skipped.

        Raises:
          UserError: naming file and row, when the file cannot be read or a field is missing or no text.
        """
        if self.path.endswith(".txt"):
            try:
                text = pathlib.Path(self.path).read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                raise UserError(f"{self.path} cannot be read: {error}.") from error
            if text.strip():
                yield Document(text, self.source, self.topic, name=self.path)
            return
        rows = _parquet(self) if self.path.endswith(".parquet") else _json_lines(self.path)
        for number, row in enumerate(rows):
            document = self._document(number, row)
            if document.text.strip():
                yield document

    def _document(self, number: int, row: Mapping[str, Any]) -> Document:
        where = f"{self.path}, row {number + 1}"
        text = _field(row, self.text, where)
        if not isinstance(text, str):
            raise UserError(f"{where}: field {self.text!r} is {type(text).__name__}, not text.")
        topic, score = self.topic, None
        if self.topic_column is not None:
            topic = str(_field(row, self.topic_column, where))
        if self.score_column is not None:
            score = _field(row, self.score_column, where)
            if isinstance(score, bool) or not isinstance(score, int | float) or score != score:
                raise UserError(f"{where}: field {self.score_column!r} is {score!r}, not a number.")
        # Lone surrogates cannot be written as UTF-8, so they could not be counted in bytes either.
        text = text.encode("utf-8", "replace").decode("utf-8")
        return Document(text, self.source, topic, None if score is None else float(score), f"{self.path}#{number}")


@dataclasses.dataclass(frozen=True)
class MemoryShard:
    """Documents that are in memory already."""

    documents: Sequence[Document]

    def read(self) -> Iterator[Document]:
        """The documents."""
        return iter(self.documents)


def _field(row: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in row:
        known = [str(key) for key in row]
        raise UserError(f"{where}: there is no field {name!r}{nearest(name, known)}; the row has {', '.join(known)}.")
    return row[name]


def _json_lines(path: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_lines(path)):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number + 1} is not JSON: {error}.") from None
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number + 1} is not a JSON object.")
        yield row


def _lines(path: str) -> Iterator[str]:
    """The lines of a text file, unpacked by pyarrow, which (unlike `zstandard`) notices a truncated file."""
    import pyarrow as pa

    packing = {"gz": "gzip", "zst": "zstd"}.get(path.rpartition(".")[2])
    try:
        with pa.input_stream(path, compression=packing) as stream:
            yield from io.TextIOWrapper(stream, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}.") from error


def _parquet(shard: FileShard) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(shard.path)
        wanted = [name for name in (shard.text, shard.topic_column, shard.score_column) if name is not None]
        columns = [name for name in wanted if name in file.schema_arrow.names]
        if len(columns) < len(wanted):
            columns = file.schema_arrow.names  # so that the error about the missing one can name what there is
        for batch in file.iter_batches(batch_size=1024, columns=columns):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{shard.path} cannot be read: {error}.") from error
