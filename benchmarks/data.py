"""What the data room costs: `python -m benchmarks.data` (`--quick` for a tenth of the size).

Listing against a HEAD request per file (how allenai/olmix counts tokens), on a real S3 server (moto) in another process,
so that only the client's CPU time is counted; a warm scan; batches from 10,000 files against one memory map opened per
read; resuming at step 1,000,000; and building the quickstart's corpus.
"""

from __future__ import annotations

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from olmix.data import LocalCorpus, Scan, Source, Topic, Tree, object_stores, open_manifest
from olmix.data.batches import Batches, MixtureOrder

QUICK = "--quick" in sys.argv
OBJECTS = 10_000 if QUICK else 100_000
FILES = 1_000 if QUICK else 10_000
FOLDERS = 100
HEADS = 1_000

SERVER = """
import logging, sys, time
from moto.server import ThreadedMotoServer
from moto.backends import get_backend
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
store = get_backend("s3")["123456789012"]["aws"]
store.create_bucket("data", "us-east-1")
for number in range({objects}):
    store.put_object("data", f"tokens/{{number % {folders}:03d}}/part-{{number:06d}}.npy", bytes(8))
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


class Context:
    """The least that a scan needs to run."""

    dry = False

    def __init__(self, folder: pathlib.Path) -> None:
        self.out = self.scratch = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.results: dict[int, object] = {}

    def read(self, step: object) -> object:
        """The result of a step."""
        return self.results[id(step)]

    def folder(self, step: object) -> pathlib.Path:
        """Its folder."""
        return self.out

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Shows nothing."""


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a piece of work in this process."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def listing(scratch: pathlib.Path) -> Iterator[str]:
    """The scan of a bucket."""
    import boto3

    os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "OLMIX_CACHE": str(scratch / "cache")}
    code = SERVER.format(objects=OBJECTS, folders=FOLDERS)
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        topics = [Topic(name=f"t{n:03d}", paths=(f"s3://data/tokens/{n:03d}/*.npy",)) for n in range(FOLDERS)]
        scan = Scan(tree=Tree(sources=(Source(name="s", topics=tuple(topics)),)), dtype="uint32", endpoint=url)
        object_stores.store("s3://data", url)
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        keys = [f"tokens/{n % FOLDERS:03d}/part-{n:06d}.npy" for n in range(HEADS)]
        _, peer = timed(lambda: [client.head_object(Bucket="data", Key=key) for key in keys])
        peer *= OBJECTS / HEADS
        wall, cpu = timed(scan.observe)
        yield f"listing {OBJECTS:,} objects: {cpu:.2f} CPU-s ({wall:.1f} s wall, the server's); a HEAD for each, by boto3: "
        yield f"  {peer:.1f} CPU-s (from {HEADS:,}); ratio {peer / cpu:.0f}x (wanted: 20x)"
        warm = min(timed(scan.observe)[0] for _ in range(5))
        context = Context(scratch / "scan")
        run = min(timed(lambda: scan.run(context))[0] for _ in range(3))  # type: ignore[arg-type]
        yield f"warm scan of {OBJECTS:,} objects: {1000 * warm:.1f} ms, with its manifest {1000 * run:.1f} ms (wanted: 50)"
    finally:
        server.kill()
        server.wait()


def anonymous_memory() -> float:
    """MB of memory of this process that is not the page cache's."""
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) / 1000


def batches(scratch: pathlib.Path) -> Iterator[str]:
    """Reading batches."""
    tokens, length, batch = 32_000, 2048, 64
    rng = np.random.default_rng(0)
    for leaf in range(10):
        (scratch / f"files/{leaf}").mkdir(parents=True)
    for number in range(FILES):
        rng.integers(0, 1 << 16, tokens, dtype="<u2").tofile(scratch / f"files/{number % 10}/{number:05d}.npy")
    sources = tuple(Source(name=f"s{n}", paths=(f"{scratch}/files/{n}/*.npy",)) for n in range(10))
    scan = Scan(tree=Tree(sources=sources), held_out_tokens=0)
    context = Context(scratch / "manifest")
    context.results[id(scan)] = scan.run(context)  # type: ignore[arg-type]
    before = anonymous_memory()
    manifest = open_manifest(context, scan)  # type: ignore[arg-type]
    weights = dict(zip(manifest.leaves, rng.dirichlet(np.ones(10)), strict=True))

    def order(steps: int) -> MixtureOrder:
        return MixtureOrder(
            mixture=weights, available=manifest.scan.tokens, sequence_length=length, global_batch=batch,
            tokens=steps * batch * length, seed=0,
        )  # fmt: skip

    steps = FILES // 10
    reader = Batches(manifest, order(steps))
    reader.batch(0)
    highest = 0.0

    def ours() -> None:
        nonlocal highest
        for step in range(steps):
            reader.batch(step)
            highest = max(highest, anonymous_memory())

    timed(ours)  # so that both find the files in the page cache
    wall, cpu = timed(ours)
    size = steps * batch * length * 2 / 1e6

    def naive() -> None:
        plan = order(steps)
        for step in range(steps):
            rows = []
            for owner, place in zip(*plan.rows(step * batch, step * batch + batch), strict=True):
                leaf = manifest.leaves[plan.leaves[owner]]
                file = int(np.searchsorted(leaf.starts, place, side="right")) - 1
                here = int(place - leaf.starts[file])
                rows.append(np.array(np.memmap(leaf.paths[file], dtype="<u2", mode="r")[here : here + length]))

    naive_wall, naive_cpu = timed(naive)
    rate = f"{size / cpu:.0f} MB per CPU-s, {size / wall:.0f} MB/s wall on one core"
    yield f"batches of {batch} x {length} uint16 from {FILES:,} files: {rate} (wanted: 200)"
    naive_rate = f"{size / naive_cpu:.0f} MB per CPU-s, {size / naive_wall:.0f} MB/s wall"
    yield f"  a memory map opened for each sequence: {naive_rate}; ratio {naive_cpu / cpu:.1f}x"
    yield f"  memory beyond the page cache: {highest - before:.0f} MB (wanted: 100)"
    wall, cpu = timed(lambda: Batches(manifest, order(1_500_000)).batch(1_000_000))
    yield f"resuming at step 1,000,000 (sequence {1_000_000 * batch:,}): {wall:.2f} s, {cpu:.2f} CPU-s (wanted: 1)"


def corpus(scratch: pathlib.Path) -> Iterator[str]:
    """The quickstart's corpus."""
    made: list = []
    wall, cpu = timed(lambda: made.append(LocalCorpus().run(Context(scratch / "corpus"))))  # type: ignore[arg-type]
    leaves = made[0].leaves.values()
    size, tokens = sum(leaf.bytes for leaf in leaves) / 1e6, sum(leaf.tokens for leaf in leaves) / 1e6
    made_of = f"{size:.0f} MB of text and {tokens:.1f}M tokens in {len(leaves)} leaves"
    yield f"local corpus, {made_of}: {wall:.0f} s wall, {cpu:.0f} CPU-s"
    yield "  (wanted: 60 s on 2 cores)"


def main() -> None:
    """Runs all of it."""
    with tempfile.TemporaryDirectory(prefix="olmix-bench-") as folder:
        for number, part in enumerate((listing, batches, corpus)):
            scratch = pathlib.Path(folder) / str(number)
            scratch.mkdir()
            for line in part(scratch):
                print(line, flush=True)


if __name__ == "__main__":
    main()
