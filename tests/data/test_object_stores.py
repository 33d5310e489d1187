"""Scanning and reading a real S3 server on loopback."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
import types
import urllib.parse
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest

from olmix.data import Scan, Source, Topic, Tree, object_stores, open_manifest
from olmix.data.batches import Batches, MixtureOrder
from olmix.errors import UserError
from tests.data.s3_server import server  # noqa: F401
from tests.fake_context import FakeContext


@pytest.fixture
def s3(server, monkeypatch, tmp_path):  # noqa: F811
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(object_stores, "RETRIES", 1)
    monkeypatch.setattr(object_stores, "PATIENCE", 20)
    object_stores.store.cache_clear()
    server.reset()
    server.bucket("data")
    yield server
    object_stores.store.cache_clear()


def put_leaf(s3, folder, files=3, tokens=100, first=0):
    for number in range(files):
        start = first + number * tokens
        s3.put("data", f"{folder}/part-{number:05d}.npy", np.arange(start, start + tokens).astype("<u2").tobytes())


def scan_of(s3, *patterns, **more):
    sources = [Source(name=f"s{number}", paths=[pattern]) for number, pattern in enumerate(patterns)]
    return Scan(tree=Tree(sources=sources), endpoint=s3.url, **more)


def run(scan, tmp_path, name="context"):
    context = FakeContext(tmp_path / name)
    context.results[id(scan)] = result = scan.run(context)
    context.folders[id(scan)] = context.out
    return result, context


def error(scan, tmp_path):
    with pytest.raises(UserError) as caught:
        run(scan, tmp_path)
    return str(caught.value)


def test_three_pages_of_objects(s3, tmp_path):
    for number in range(2500):
        s3.put("data", f"big/part-{number:05d}.npy", bytes(2 + 2 * (number % 5)))
    result, context = run(scan_of(s3, "s3://data/big/*.npy", held_out_tokens=0), tmp_path)
    assert result.files == 2500
    assert result.tokens == {"s0": sum(1 + number % 5 for number in range(2500))}
    rows = pq.read_table(context.out / "manifest.parquet").to_pylist()
    assert rows[7]["path"] == "s3://data/big/part-00007.npy"
    assert len({row["etag"] for row in rows}) == 5


def test_globs_see_what_they_should(s3, tmp_path):
    for folder in ("a/x_01/one", "a/x_02/one", "a/x_02/two", "a/y"):
        put_leaf(s3, folder, files=2, tokens=50)
    put_leaf(s3, "a", files=1, tokens=7)
    s3.put("data", "a/y/readme.md", b"not tokens")

    def tokens(pattern):
        return run(scan_of(s3, pattern, held_out_tokens=0), tmp_path)[0].tokens["s0"]

    assert tokens("s3://data/a/*.npy") == 7
    assert tokens("s3://data/a/x_{01..02}/one/*.npy") == 200
    assert tokens("s3://data/a/x_*/*/*.npy") == 300
    assert tokens("s3://data/a/x_*/two/*.npy") == 100
    assert tokens("s3://data/a/**/*.npy") == 407
    assert tokens("s3://data/a/**/part-00001.npy") == 200
    assert tokens("s3://data/a/y") == tokens("s3://data/a/y/") == 100
    assert tokens("s3://data/a/y/part-00000.npy") == 50
    assert tokens("s3://data/a/{y,x_01/one}/*.npy") == 200


def test_a_missing_prefix_names_the_nearest(s3, tmp_path):
    put_leaf(s3, "preprocessed/wikipedia/en")
    wrong = error(scan_of(s3, "s3://data/preprocessed/wikipedai/en/*.npy"), tmp_path)
    assert "Leaf 's0': 's3://data/preprocessed/wikipedai/en/*.npy' matches no object" in wrong
    assert "nearest folder that exists is 's3://data/preprocessed', without 'wikipedai' (nearest: wikipedia)" in wrong
    assert "exists and holds part-00000.npy" in error(
        scan_of(s3, "s3://data/preprocessed/wikipedia/en/*.bin"), tmp_path
    )


def test_a_missing_bucket(s3, tmp_path):
    assert "NoSuchBucket" in error(scan_of(s3, "s3://nothere/x/*.npy"), tmp_path)


def test_a_forbidden_bucket(s3, tmp_path, monkeypatch):
    import boto3
    import requests

    put_leaf(s3, "a")
    s3.bucket("forbidden")
    iam = boto3.client("iam", endpoint_url=s3.url, region_name="us-east-1")
    iam.create_user(UserName="reader")
    allowed = [{"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    requests.post(f"{s3.url}/moto-api/reset-auth", data=b"0", timeout=60)
    try:
        assert run(scan_of(s3, "s3://data/a/*.npy"), tmp_path)[0].files == 3
        wrong = error(scan_of(s3, "s3://data/a/*.npy", "s3://forbidden/x/*.npy"), tmp_path)
        assert "Leaf 's1': 's3://forbidden/x/*.npy' cannot be listed: AccessDenied" in wrong
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOLDOLDOLDOLDOLD0")
        object_stores.store.cache_clear()
        assert "cannot be listed: InvalidAccessKeyId" in error(scan_of(s3, "s3://data/b/*.npy"), tmp_path)
    finally:
        requests.post(f"{s3.url}/moto-api/reset-auth", data=b"inf", timeout=60)


def test_a_truncated_file(s3, tmp_path):
    put_leaf(s3, "a")
    s3.put("data", "a/part-00001.npy", bytes(101))
    wrong = error(scan_of(s3, "s3://data/a/*.npy"), tmp_path)
    assert "Leaf 's0': s3://data/a/part-00001.npy has 101 bytes, which are not a whole number of uint16" in wrong


def test_true_npy_files(s3, tmp_path):
    import io

    for number in range(2):
        buffer = io.BytesIO()
        np.save(buffer, np.arange(50, dtype="<u4"))
        s3.put("data", f"a/{number}.npy", buffer.getvalue())
    assert run(scan_of(s3, "s3://data/a/*.npy", dtype="uint32", held_out_tokens=0), tmp_path)[0].tokens == {"s0": 100}
    assert "holds uint32" in error(scan_of(s3, "s3://data/a/*.npy"), tmp_path)


def test_a_file_that_changes_between_two_scans(s3, tmp_path):
    put_leaf(s3, "a")
    scan = scan_of(s3, "s3://data/a/*.npy", cache_hours=0)
    before = scan.observe()
    first, _ = run(scan, tmp_path)
    assert first.digest == before == scan.observe()
    s3.put("data", "a/part-00001.npy", bytes(200))
    after = scan.observe()
    assert after != before
    second, _ = run(scan, tmp_path)
    assert second.tokens == first.tokens
    assert second.digest == after


def test_scans_are_kept_by_the_whole_tree(s3, tmp_path):
    put_leaf(s3, "a/x")
    put_leaf(s3, "a/y")
    scan = Scan(
        tree=Tree(sources=[Source(name="s", topics=[Topic(name=n, paths=[f"s3://data/a/{n}/*.npy"]) for n in "xy"])]),
        endpoint=s3.url,
    )
    before = scan.observe()
    s3.put("data", "a/y/more.npy", bytes(10))
    assert scan.observe() == before
    fewer = dataclasses.replace(scan, tree=Tree(sources=[Source(name="s", paths=["s3://data/a/x/*.npy"])]))
    assert fewer.observe() != before
    assert dataclasses.replace(scan, cache_hours=0).observe() != before


def test_data_that_changed_between_plan_and_run(s3, tmp_path, monkeypatch):
    from olmix.data import steps

    put_leaf(s3, "a")
    scan = scan_of(s3, "s3://data/a/*.npy", held_out_tokens=0)
    scan.observe()
    s3.delete("data", "a/part-00002.npy")
    monkeypatch.setattr(steps, "_JUST_NOW", -1)
    wrong = error(scan, tmp_path)
    assert "changed since this run was planned (s0): 3 files with 300 training tokens then, 2 with 200 now" in wrong
    assert run(scan, tmp_path)[0].tokens == {"s0": 200}


def test_batches_from_the_store_and_from_its_cache(s3, tmp_path):
    put_leaf(s3, "a", files=5, tokens=103)
    local = tmp_path / "local"
    local.mkdir()
    for number in range(5):
        np.arange(number * 103, number * 103 + 103).astype("<u2").tofile(local / f"part-{number:05d}.npy")

    def batches(scan, name):
        _, context = run(scan, tmp_path, name)
        manifest = open_manifest(context, scan)
        plan = MixtureOrder(
            mixture={"s0": 1.0},
            available=manifest.scan.tokens,
            sequence_length=16,
            global_batch=4,
            tokens=16 * 60,
            seed=1,
        )
        return Batches(manifest, plan), manifest

    remote, manifest = batches(scan_of(s3, "s3://data/a/*.npy", held_out_tokens=5), "remote")
    here, _ = batches(Scan(tree=Tree(sources=[Source(name="s0", paths=[f"{local}/*.npy"])]), held_out_tokens=5), "here")
    wanted = [here.batch(step) for step in range(15)]
    assert all(np.array_equal(remote.batch(step), wanted[step]) for step in range(15))
    assert manifest.held_out("s0").tolist() == list(range(510, 515))
    # A second reader on this machine finds everything in the cache, even with the server's objects gone.
    again, _ = batches(scan_of(s3, "s3://data/a/*.npy", held_out_tokens=5), "again")
    for number in range(5):
        s3.delete("data", f"a/part-{number:05d}.npy")
    assert np.array_equal(again.batch(7), wanted[7])


def test_an_object_that_changed_or_went_after_the_scan_is_never_read(s3, tmp_path):
    put_leaf(s3, "a", files=1)
    scan = scan_of(s3, "s3://data/a/*.npy", held_out_tokens=0)
    _, context = run(scan, tmp_path)
    manifest = open_manifest(context, scan)
    plan = MixtureOrder(
        mixture={"s0": 1.0}, available=manifest.scan.tokens, sequence_length=10, global_batch=1, tokens=100, seed=1
    )
    Batches(manifest, plan).batch(0)
    s3.put("data", "a/part-00000.npy", bytes(200))
    with pytest.raises(UserError, match=r"s3://data/a/part-00000.npy has changed since the data was scanned"):
        Batches(manifest, plan).batch(1)
    s3.delete("data", "a/part-00000.npy")
    with pytest.raises(UserError, match=r"s3://data/a/part-00000.npy was there .* and is gone"):
        Batches(manifest, plan).batch(2)


def test_notes_and_held_out_text_in_the_store(s3, tmp_path):
    put_leaf(s3, "a")
    s3.put("data", "a/held_out.bin", np.arange(7).astype("<u2").tobytes())
    s3.put("data", "a/leaf.json", json.dumps({"held_out": {"tokens": 7, "bytes": 31, "documents": 2}}).encode())
    scan = scan_of(s3, "s3://data/a/*.npy")
    result, context = run(scan, tmp_path)
    assert result.tokens == {"s0": 300}
    assert result.held_out["s0"].bytes == 31
    assert open_manifest(context, scan).held_out("s0").tolist() == list(range(7))


def test_no_credentials_is_said_at_once(s3, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(object_stores, "_instance_metadata", lambda: False)
    scan = scan_of(s3, "s3://data/a/*.npy", if_unreadable="Or try --overlay=laptop.")
    wrong = error(scan, tmp_path)
    assert "Leaf 's0': 's3://data/a/*.npy' cannot be listed: there are no AWS credentials" in wrong
    assert wrong.endswith("Or try --overlay=laptop.")
    put_leaf(s3, "a")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    assert run(scan, tmp_path)[0].files == 3


def test_wrong_addresses(s3, tmp_path):
    assert "addresses begin with s3://, gs://, az://" in error(scan_of(s3, "ftp://x/y"), tmp_path)
    assert "must name a bucket" in error(scan_of(s3, "s3://"), tmp_path)
    assert "must name a bucket" in error(scan_of(s3, "s3://da*/x"), tmp_path)


def test_a_server_that_is_not_there(s3, tmp_path, monkeypatch):
    scan = dataclasses.replace(scan_of(s3, "s3://data/a/*.npy"), endpoint="http://127.0.0.1:9")
    assert "Leaf 's0': 's3://data/a/*.npy' cannot be listed: " in error(scan, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "Server returned non-2xx status code: 400 Bad Request: <Error><Code>ExpiredToken</Code>"
            "<Message>The provided token has expired.</Message></Error>\n\nDebug source:\nGeneric",
            "ExpiredToken: The provided token has expired (400 Bad Request)",
        ),
        ("Server returned non-2xx status code: 403 Forbidden: ", "the server answered 403 Forbidden"),
        ("Generic S3 error: something\n odd.", "Generic S3 error: something odd"),
    ],
)
def test_causes_are_short(text, says):
    assert object_stores.cause(Exception(text)) == says


class Stub(http.server.BaseHTTPRequestHandler):
    """As much of Google's and Azure's object stores as a listing and a read of two objects need."""

    objects: ClassVar = {"a/0.npy": bytes(20), "a/1.npy": bytes(30)}
    seen: ClassVar[list[str]] = []
    answers: ClassVar[list[tuple[int, str]]] = []

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        self.seen.append(self.path)
        if self.answers:
            return self.answer(*self.answers.pop(0))
        if "comp=list" in url.query:
            blobs = "".join(
                f"<Blob><Name>{key}</Name><Properties><Last-Modified>Sat, 21 Nov 2026 03:00:00 GMT</Last-Modified>"
                f"<Content-Length>{len(data)}</Content-Length><Content-Type>x</Content-Type><Etag>e{key}</Etag>"
                "</Properties></Blob>" for key, data in self.objects.items()
            )  # fmt: skip
            return self.answer(200, f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>")
        if "list-type=2" in url.query:
            found = "".join(
                f"<Contents><Key>{key}</Key><LastModified>2026-11-21T03:00:00.000Z</LastModified><ETag>e{key}</ETag>"
                f"<Size>{len(data)}</Size></Contents>" for key, data in self.objects.items()
            )  # fmt: skip
            return self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>")
        data = self.objects[urllib.parse.unquote(url.path).split("/bucket/", 1)[1]]
        first, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        last = min(int(last or len(data)), len(data) - 1)
        return self.answer(206, data[int(first) : last + 1], f"bytes {first}-{last}/{len(data)}")

    def answer(self, status, body, part=None):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in (
            ("Content-Length", str(len(body))),
            ("Content-Range", part),
            ("Last-Modified", "Sat, 21 Nov 2026 03:00:00 GMT"),
            ("ETag", '"e"'),
            ("x-ms-blob-type", "BlockBlob"),
        ):
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub(monkeypatch, tmp_path):
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "cache"))
    for name in ("AWS", "GOOGLE", "AZURE"):
        monkeypatch.setenv(f"{name}_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    object_stores.store.cache_clear()
    Stub.seen.clear()
    Stub.answers.clear()
    yield types.SimpleNamespace(url=f"http://127.0.0.1:{listener.server_port}")
    listener.shutdown()
    listener.server_close()
    object_stores.store.cache_clear()


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_google_and_azure(stub, tmp_path, scheme):
    result, context = run(scan_of(stub, f"{scheme}://bucket/a/*.npy", held_out_tokens=1), tmp_path)
    assert result.tokens == {"s0": 24}
    rows = pq.read_table(context.out / "manifest.parquet").to_pylist()
    assert [row["path"] for row in rows] == [f"{scheme}://bucket/a/{n}.npy" for n in (0, 1)]


def test_a_server_that_fails_is_asked_again(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(object_stores, "RETRIES", 3)
    Stub.answers += [(503, "slow down"), (500, "oh")]
    assert run(scan_of(stub, "s3://bucket/a/*.npy"), tmp_path)[0].files == 2
    assert sum("list-type=2" in path for path in Stub.seen) == 3


def test_expired_credentials(stub, tmp_path):
    body = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    Stub.answers += [(400, body)]
    wrong = error(scan_of(stub, "s3://bucket/a/*.npy"), tmp_path)
    assert (
        "Leaf 's0': 's3://bucket/a/*.npy' cannot be listed: ExpiredToken: The provided token has expired (400" in wrong
    )
