"""From documents to token files: duplicates out, quality buckets, a held-out slice, a tokenizer, shards.

Two passes over the input, each a map over its shards: the first keeps a signature, a score and a size of every document; then it
is decided, for all documents at once, what goes where; the second encodes and writes. Text is never all in memory, only
about 1 KiB for each document. Reading twice is the price.

    <out>/tokenizer.json
    <out>/<source>/<topic>/<bucket>/part-00000.npy    raw little-endian tokens, one file for each shard of the input
                                    held_out.bin      tokens that are never trained on
                                    leaf.json         counts of both, with the bytes of their text
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from olmix.data.corpus_result import CorpusResult, LeafText, Tokenising
from olmix.data.dedup import Signature, duplicates, signature
from olmix.data.documents import Document, stable_order
from olmix.data.encode import Encoder, read_tokenizer, train_bpe
from olmix.data.parallel import Progress, map_shards, silent
from olmix.data.quality import bucket_names, percentile_buckets, scorer
from olmix.data.readers import Shard
from olmix.data.scan import HELD_OUT, LEAF_NOTES
from olmix.errors import UserError

TOKENIZER = "tokenizer.json"
#: The tokenizer is trained on about this much text, taken evenly from all shards.
TRAINING_BYTES = 8_000_000
#: Texts encoded at a time.
_CHUNK = 512
_PLAIN_NAME = re.compile(r"[^/\\\s:.][^/\\\s:]*")


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the first pass keeps of a document."""

    name: str
    group: tuple[str, str | None]
    size: int
    score: float
    signature: Signature


@dataclasses.dataclass(frozen=True)
class Fate:
    """What becomes of a document: the leaf that it goes to (None: dropped), and how many of its last bytes are held out."""

    leaf: str | None
    held_out: int = 0


@dataclasses.dataclass(frozen=True)
class Written:
    """What the second pass made of one shard: by leaf, counts, a digest of the tokens, and the held-out tokens."""

    texts: dict[str, LeafText]
    digests: dict[str, str]
    held_out: dict[str, npt.NDArray[np.unsignedinteger]]


def tokenise(
    shards: Sequence[Shard],
    out: pathlib.Path,
    settings: Tokenising,
    *,
    ray: bool = False,
    progress: Progress = silent,
) -> CorpusResult:
    """Tokenises the documents of all shards into `out`; with `ray` on all CPUs of the running Ray instance.

    The same input and settings give the same files, whatever does the work.

    Raises:
      UserError: for input that cannot be read, names that cannot be folders, or nothing to tokenise.
    """
    read = functools.partial(_look, settings=settings)
    seen = map_shards(read, shards, ray=ray, progress=progress, note="reading")
    fates, exact, near = decide(seen, settings)
    definition = _tokenizer(shards, seen, settings)
    (out / TOKENIZER).write_text(definition, encoding="utf-8")
    write = functools.partial(_write, definition=definition, out=out, settings=settings)
    jobs = [(number, shard, fate) for number, (shard, fate) in enumerate(zip(shards, fates, strict=True))]
    written = map_shards(write, jobs, ray=ray, progress=progress, note="encoding")
    encoder = Encoder(definition)
    leaves = {leaf: _finish(leaf, written, out) for leaf in sorted({leaf for part in written for leaf in part.texts})}
    whole = hashlib.sha256(definition.encode())
    for number, part in enumerate(written):
        for leaf, digest in sorted(part.digests.items()):
            whole.update(f"{leaf}\t{number}\t{digest}\n".encode())
    return CorpusResult(
        leaves=leaves,
        vocabulary=encoder.vocabulary,
        end_token=encoder.end,
        dtype=encoder.dtype.name,
        tokenizer=TOKENIZER,
        exact_duplicates=exact,
        near_duplicates=near,
        digest=whole.hexdigest(),
    )


def decide(seen: Sequence[Sequence[Seen]], settings: Tokenising) -> tuple[list[list[Fate]], int, int]:
    """The fate of every document, and how many were exact and near duplicates. Pure."""
    flat = [one for shard in seen for one in shard]
    if not flat:
        raise UserError("There is no text to tokenise: no document of the input holds any.")
    exact, near = duplicates([one.signature for one in flat], settings.near_duplicates or 1.0)
    gone = {*exact, *near}
    leaves: list[str | None] = [None] * len(flat)
    groups: dict[tuple[str, str | None], list[int]] = {}
    for place, one in enumerate(flat):
        if place not in gone:
            groups.setdefault(one.group, []).append(place)
    for (source, topic), places in groups.items():
        path = ":".join(part for part in (source, topic) if part is not None)
        for name, members in _buckets(source, flat, places, settings).items():
            leaf = f"{path}:{name}" if name else path
            for place in members:
                leaves[place] = leaf
    held = _held_out(flat, leaves, settings)
    fates = iter([Fate(leaf, held.get(place, 0)) for place, leaf in enumerate(leaves)])
    return [[next(fates) for _ in shard] for shard in seen], len(exact), len(near)


def _look(shard: Shard, settings: Tokenising) -> list[Seen]:
    score = scorer(settings.scorer)
    found = []
    for document in _documents(shard, settings):
        wanted = document.source in settings.quality_sources
        value = document.score if document.score is not None else score(document.text) if wanted else 0.0
        found.append(
            Seen(
                name=document.name,
                group=(document.source, document.topic),
                size=len(document.text.encode("utf-8", "replace")),
                score=value,
                signature=signature(document.text, near=settings.near_duplicates is not None),
            )
        )
    return found


def _documents(shard: Shard, settings: Tokenising) -> Iterator[Document]:
    """The documents of a shard under their final names, divided if they are too long: the same in both passes."""
    for document in shard.read():
        document = _renamed(document, settings)
        if settings.longest_document is None:
            yield document
            continue
        for number, text in enumerate(_parts(document.text, settings.longest_document)):
            yield document._replace(text=text, name=f"{document.name}@{number}")


def _parts(text: str, most: int) -> Iterator[str]:
    """A text in pieces of about equal length, none longer than `most` bytes but for a single line that is."""
    lines = text.splitlines(keepends=True)
    sizes = [len(line.encode("utf-8", "replace")) for line in lines]
    pieces = -(-sum(sizes) // most)
    piece: list[str] = []
    filled = 0
    for line, size in zip(lines, sizes, strict=True):
        if piece and filled + size > max(1, sum(sizes) // max(1, pieces)):
            yield "".join(piece)
            piece, filled = [], 0
        piece.append(line)
        filled += size
    if piece:
        yield "".join(piece)


def _renamed(document: Document, settings: Tokenising) -> Document:
    path = document.source if document.topic is None else f"{document.source}:{document.topic}"
    for name in (path, document.source):
        if name in settings.rename:
            source, _, topic = settings.rename[name].partition(":")
            document = document._replace(source=source, topic=topic or (document.topic if name != path else None))
            break
    for part in (document.source, document.topic):
        if part is not None and not _PLAIN_NAME.fullmatch(part):
            raise UserError(
                f"{document.name}: {part!r} cannot be the name of a source or topic (no spaces, slashes or colons)."
            )
    return document


def _buckets(source: str, flat: Sequence[Seen], places: list[int], settings: Tokenising) -> dict[str, list[int]]:
    if source not in settings.quality_sources:
        return {"": places}
    names = bucket_names(settings.quality_buckets)
    numbers = percentile_buckets(
        [flat[place].score for place in places], [flat[place].size for place in places], len(names)
    )
    buckets: dict[str, list[int]] = {}
    for place, number in zip(places, numbers.tolist(), strict=True):
        buckets.setdefault(names[number], []).append(place)
    return buckets


def _held_out(flat: Sequence[Seen], leaves: Sequence[str | None], settings: Tokenising) -> dict[int, int]:
    """Bytes held out of each document that has any: whole documents as far as they fit, else the end of the shortest one."""
    members: dict[str, list[int]] = {}
    for place, leaf in enumerate(leaves):
        if leaf is not None:
            members.setdefault(leaf, []).append(place)
    held: dict[int, int] = {}
    for leaf, places in members.items():
        room = min(settings.held_out_bytes, int(settings.held_out_share * sum(flat[place].size for place in places)))
        taken = False
        for place in sorted(places, key=lambda place: stable_order(f"{leaf}/{flat[place].name}")):
            if flat[place].size <= room:
                held[place] = flat[place].size
                room -= flat[place].size
                taken = True
        if not taken and room > 0:
            held[min(places, key=lambda place: flat[place].size)] = room
    return held


def _tokenizer(shards: Sequence[Shard], seen: Sequence[Sequence[Seen]], settings: Tokenising) -> str:
    if settings.tokenizer is not None:
        return read_tokenizer(settings.tokenizer)
    total = sum(one.size for part in seen for one in part)
    share = min(1.0, TRAINING_BYTES / total)

    def sample() -> Sequence[str]:
        limit = int(share * 2**64).to_bytes(9, "big")
        return [
            document.text
            for shard in shards
            for document in _documents(shard, settings)
            if b"\0" + stable_order(document.name) < limit
        ]

    return train_bpe(sample(), settings.vocabulary)


def _write(job: tuple[int, Shard, Sequence[Fate]], definition: str, out: pathlib.Path, settings: Tokenising) -> Written:
    number, shard, fates = job
    encoder = Encoder(definition)
    training: dict[str, list[npt.NDArray[np.unsignedinteger]]] = {}
    aside: dict[str, list[npt.NDArray[np.unsignedinteger]]] = {}
    counts: dict[str, LeafText] = {}
    pending: list[tuple[str, bool, str]] = []

    def flush() -> None:
        for (leaf, held, text), tokens in zip(pending, encoder.encode([text for _, _, text in pending]), strict=True):
            (aside if held else training).setdefault(leaf, []).append(tokens)
            counts[leaf] = counts.get(leaf, LeafText()).plus(len(text.encode("utf-8")), len(tokens), held)
        pending.clear()

    for document, fate in zip(_documents(shard, settings), fates, strict=True):
        if fate.leaf is None:
            continue
        text = document.text.encode("utf-8", "replace")
        cut = len(text) - fate.held_out
        pieces = ((False, text[:cut]), (True, text[cut:]))
        pending.extend((fate.leaf, held, piece.decode("utf-8", "ignore")) for held, piece in pieces if piece)
        if len(pending) >= _CHUNK:
            flush()
    flush()
    digests: dict[str, str] = {}
    for leaf in counts:
        tokens = np.concatenate([*training.get(leaf, ()), np.empty(0, encoder.dtype)])
        folder = out.joinpath(*leaf.split(":"))
        folder.mkdir(parents=True, exist_ok=True)
        if len(tokens):
            tokens.tofile(folder / f"part-{number:05d}.npy")
        digests[leaf] = hashlib.sha256(tokens.tobytes() + b"".join(map(bytes, aside.get(leaf, ())))).hexdigest()
    return Written(counts, digests, {leaf: np.concatenate(parts) for leaf, parts in aside.items()})


def _finish(leaf: str, written: Sequence[Written], out: pathlib.Path) -> LeafText:
    """Gathers what the shards held out of a leaf, and writes its notes."""
    folder = out.joinpath(*leaf.split(":"))
    total = LeafText()
    for part in written:
        total = total.together(part.texts.get(leaf, LeafText()))
    held = [part.held_out[leaf] for part in written if leaf in part.held_out]
    if held:
        np.concatenate(held).tofile(folder / HELD_OUT)
    notes = {
        "training": {"documents": total.documents, "bytes": total.bytes, "tokens": total.tokens},
        "held_out": {
            "documents": total.held_out_documents,
            "bytes": total.held_out_bytes,
            "tokens": total.held_out_tokens,
        },
    }
    (folder / LEAF_NOTES).write_text(json.dumps(notes, indent=1) + "\n")
    return total
