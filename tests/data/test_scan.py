import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from olmix.data import LocalCorpus, Scan, Source, Topic, Tree, open_manifest
from olmix.data.manifest import Manifest
from olmix.errors import UserError
from tests.fake_context import FakeContext


def shard(path, tokens, dtype="<u2"):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.arange(tokens).astype(dtype).tofile(path)


def tree(*names, root="", pattern="/*.npy"):
    return Tree(
        sources=[Source(name=name, paths=[f"{root}/{name}{pattern}" if root else f"{name}{pattern}"]) for name in names]
    )


def run(scan, tmp_path, corpus_folder=None):
    context = FakeContext(tmp_path / "context")
    if corpus_folder is not None:
        context.folders[id(scan.corpus)] = corpus_folder
    result = scan.run(context)
    context.results[id(scan)] = result
    context.folders[id(scan)] = context.out
    return result, context


def test_counts_prior_and_manifest(tmp_path):
    shard(tmp_path / "a/one.npy", 300)
    shard(tmp_path / "a/two.npy", 100)
    shard(tmp_path / "b/deep/er/one.npy", 600)
    scan = Scan(
        tree=Tree(
            sources=[
                Source(name="a", paths=[f"{tmp_path}/a/*.npy"], repetition_limit=2.0),
                Source(name="b", topics=[Topic(name="t", paths=[f"{tmp_path}/b"])]),
            ]
        ),
        held_out_tokens=0,
    )
    result, context = run(scan, tmp_path)
    assert result.tokens == {"a": 400, "b:t": 600}
    assert result.prior == {"a": 0.4, "b:t": 0.6}
    assert result.mixture == {"a": 0.4, "b:t": 0.6}
    assert result.repetition_limits == {"a": 2.0, "b:t": 1.0}
    assert (result.files, result.bytes) == (3, 2000)
    table = pq.read_table(context.out / "manifest.parquet").to_pylist()
    assert [row["path"] for row in table] == [
        f"{tmp_path}/a/one.npy",
        f"{tmp_path}/a/two.npy",
        f"{tmp_path}/b/deep/er/one.npy",
    ]
    assert [row["tokens"] for row in table] == [300, 100, 600]
    assert all(row["etag"] for row in table)
    assert any("400 tokens" in line and "40.000%" in line for line in scan.forecast(context))


def test_a_changed_file_under_an_old_name_changes_digest_and_observation(tmp_path):
    shard(tmp_path / "a/one.npy", 300)
    scan = Scan(tree=tree("a", root=tmp_path))
    before = (scan.observe(), run(scan, tmp_path)[0].digest)
    assert before == (scan.observe(), run(scan, tmp_path)[0].digest)
    shard(tmp_path / "a/one.npy", 302)
    after = (scan.observe(), run(scan, tmp_path)[0].digest)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_paths_are_relative_to_the_corpus(tmp_path):
    shard(tmp_path / "corpus/a/one.npy", 300)
    corpus = Scan(tree=tree("unused"))
    scan = Scan(tree=tree("a"), corpus=corpus, held_out_tokens=10)
    assert scan.observe() is None
    result, context = run(scan, tmp_path, tmp_path / "corpus")
    manifest = open_manifest(context, scan)
    assert manifest.leaves["a"].paths == ["a/one.npy"]
    assert manifest.held_out("a").tolist() == list(range(290, 300))
    assert result.tokens == {"a": 290}


def test_the_held_out_tail_crosses_files_and_never_enters_training(tmp_path):
    for number in range(4):
        path = tmp_path / f"a/{number}.npy"
        path.parent.mkdir(exist_ok=True)
        np.arange(number * 100, number * 100 + 100).astype("<u2").tofile(path)
    scan = Scan(tree=tree("a", root=tmp_path), held_out_tokens=15)
    result, context = run(scan, tmp_path)
    manifest = open_manifest(context, scan)
    assert manifest.held_out("a").tolist() == list(range(385, 400))
    assert manifest.leaves["a"].tokens == result.tokens["a"] == 385
    scan = dataclasses.replace(scan, held_out_tokens=10**9)
    result, context = run(scan, tmp_path)
    assert result.held_out["a"].tokens == 20
    assert result.held_out["a"].bytes is None
    with pytest.raises(UserError, match="no held-out"):
        open_manifest(context, scan).held_out("b")


def test_notes_beside_the_shards_say_what_is_held_out(tmp_path):
    shard(tmp_path / "a/one.npy", 300)
    np.arange(7).astype("<u2").tofile(tmp_path / "a/held_out.bin")
    (tmp_path / "a/leaf.json").write_text(json.dumps({"held_out": {"tokens": 7, "bytes": 31, "documents": 2}}))
    scan = Scan(tree=tree("a", root=tmp_path))
    result, context = run(scan, tmp_path)
    assert result.tokens == {"a": 300}
    assert (result.held_out["a"].tokens, result.held_out["a"].bytes, result.held_out["a"].documents) == (7, 31, 2)
    assert Manifest.read(context.out, result).held_out("a").tolist() == list(range(7))


def test_true_npy_files_are_told_from_raw_ones(tmp_path):
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a/one.npy", np.arange(500, dtype="<u2"))
    np.save(tmp_path / "a/two.npy", np.arange(123, dtype="<u2"))
    scan = Scan(tree=tree("a", root=tmp_path), held_out_tokens=3)
    result, context = run(scan, tmp_path)
    assert result.tokens == {"a": 620}
    assert open_manifest(context, scan).held_out("a").tolist() == [120, 121, 122]


@pytest.mark.parametrize(("dtype", "tokens"), [("uint8", 400), ("uint16", 200), ("uint32", 100)])
def test_dtypes(tmp_path, dtype, tokens):
    shard(tmp_path / "a/one.npy", 400, "u1")
    result, _ = run(Scan(tree=tree("a", root=tmp_path), dtype=dtype, held_out_tokens=0), tmp_path)
    assert result.tokens == {"a": tokens}


def test_errors_name_leaf_pattern_and_cause(tmp_path):
    shard(tmp_path / "wikipedia/en/one.npy", 300)

    def error(pattern, **more):
        scan = Scan(tree=Tree(sources=[Source(name="w", paths=[pattern])]), **more)
        with pytest.raises(UserError) as caught:
            run(scan, tmp_path)
        return str(caught.value)

    wrong = error(f"{tmp_path}/wikipedai/en/*.npy")
    assert "Leaf 'w'" in wrong
    assert f"{tmp_path}/wikipedai/en/*.npy" in wrong
    assert f"nearest folder that exists is '{tmp_path}', without 'wikipedai' (nearest: wikipedia)" in wrong
    assert "exists and holds one.npy" in error(f"{tmp_path}/wikipedia/en/*.bin")
    assert "relative path" in error("wikipedia/*.npy")
    assert "got dtype='int64'" in error(f"{tmp_path}/wikipedia", dtype="int64")
    (tmp_path / "wikipedia/en/cut.npy").write_bytes(b"123")
    assert "cut.npy has 3 bytes, which are not a whole number of uint16 tokens" in error(f"{tmp_path}/wikipedia")
    np.save(tmp_path / "wikipedia/en/cut.npy", np.arange(5, dtype="<u2"))
    assert "mixes raw token files and .npy" in error(f"{tmp_path}/wikipedia")
    np.save(tmp_path / "wikipedia/en/one.npy", np.arange(5, dtype="<u4"))
    assert "holds uint32" in error(f"{tmp_path}/wikipedia/en/one.npy")


def test_an_empty_leaf_and_a_shared_file_are_errors(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.npy").touch()
    with pytest.raises(UserError, match="'a' hold no training tokens"):
        run(Scan(tree=tree("a", root=tmp_path)), tmp_path)
    shard(tmp_path / "a/one.npy", 10)
    both = Tree(sources=[Source(name=name, paths=[f"{tmp_path}/a"]) for name in ("x", "y")])
    with pytest.raises(UserError, match="belongs to two leaves, 'x' and 'y'"):
        run(Scan(tree=both), tmp_path)


def test_what_a_dry_run_showed_is_what_the_run_uses_or_an_error_once(tmp_path, monkeypatch):
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "cache"))
    for name in ("a", "b"):
        shard(tmp_path / f"{name}/one.npy", 300)
        shard(tmp_path / f"{name}/two.npy", 100)
    scan = Scan(tree=tree("a", "b", root=str(tmp_path)), held_out_tokens=0)

    def dry_run():
        context = FakeContext(tmp_path / "preview")
        context.dry = True
        context.results[id(scan)] = scan.run(context)
        scan.forecast(context)

    dry_run()
    assert run(scan, tmp_path)[0].tokens == {"a": 400, "b": 400}
    dry_run()
    (tmp_path / "b/two.npy").unlink()
    with pytest.raises(UserError) as caught:
        run(scan, tmp_path)
    assert str(caught.value) == (
        "The data changed since the dry run (b): 4 files with 800 training tokens then, 3 with 700 now; run the same command "
        "again to use what is there now."
    )
    assert run(scan, tmp_path)[0].tokens == {"a": 400, "b": 300}
    dry_run()
    dry_run()  # A dry run only looks, whatever an earlier one showed.
    assert run(scan, tmp_path)[0].tokens == {"a": 400, "b": 300}


def test_a_root_with_brackets_is_a_name_and_no_pattern(tmp_path):
    store = tmp_path / "store [v2]*"
    shard(store / "a/one.npy", 300)
    corpus = LocalCorpus()
    for path in ("a/*.npy", "a", "a/one.npy"):
        scan = Scan(tree=Tree(sources=[Source(name="a", paths=[path])]), corpus=corpus, held_out_tokens=0)
        assert run(scan, tmp_path, store)[0].tokens == {"a": 300}


def test_a_root_with_brackets_is_named_whole_where_nothing_is_found(tmp_path):
    store = tmp_path / "store [v2]"
    shard(store / "a/one.npy", 300)
    scan = Scan(tree=Tree(sources=[Source(name="a", paths=["aa/*.npy"])]), corpus=LocalCorpus())
    with pytest.raises(
        UserError, match=r"nearest folder that exists is '.*/store \[v2\]', without 'aa' \(nearest: a\)"
    ):
        run(scan, tmp_path, store)


def test_a_folder_that_is_there_under_its_very_name_is_no_pattern(tmp_path):
    shard(tmp_path / "web [2024]/deep/one.npy", 300)
    shard(tmp_path / "web [2024]/two[1].npy", 20)
    for path, tokens in (("web [2024]", 320), ("web [2024]/two[1].npy", 20)):
        scan = Scan(tree=Tree(sources=[Source(name="a", paths=[f"{tmp_path}/{path}"])]), held_out_tokens=0)
        assert run(scan, tmp_path)[0].tokens == {"a": tokens}


def test_links_that_lead_back_count_no_file_twice(tmp_path):
    shard(tmp_path / "a/one.npy", 300)
    (tmp_path / "a/latest").symlink_to(".")
    (tmp_path / "a/deep").mkdir()
    (tmp_path / "a/deep/up").symlink_to(tmp_path / "a")
    shard(tmp_path / "elsewhere/two.npy", 20)
    (tmp_path / "a/linked").symlink_to(tmp_path / "elsewhere")
    result, _ = run(Scan(tree=tree("a", root=tmp_path, pattern=""), held_out_tokens=0), tmp_path)
    assert (result.tokens, result.files) == ({"a": 320}, 2)


@pytest.mark.parametrize("outside", ["/data/b/*.npy", "~/b/*.npy", "s3://bucket/b/*.npy"])
def test_files_beside_a_corpus_are_refused_because_nobody_would_see_them_change(outside):
    sources = [Source(name="a", paths=["a/*.npy"]), Source(name="b", paths=[outside])]
    with pytest.raises(UserError, match=r"Leaf 'b': .* lies outside of the corpus"):
        Scan(tree=Tree(sources=sources), corpus=LocalCorpus())


def test_a_pattern_that_takes_everything_leaves_notes_and_held_out_tokens_alone(tmp_path):
    shard(tmp_path / "a/part-00000.npy", 300)
    shard(tmp_path / "a/held_out.bin", 50)
    notes = json.dumps({"held_out": {"tokens": 50, "bytes": 210, "documents": 2}})
    (tmp_path / "a/leaf.json").write_text(notes + " " * (len(notes) % 2))
    result, _ = run(Scan(tree=tree("a", root=tmp_path, pattern="/*")), tmp_path)
    assert (result.tokens, result.held_out["a"].tokens) == ({"a": 300}, 50)
