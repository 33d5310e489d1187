"""What the quickstart costs: `python -m benchmarks.quickstart` (about six minutes; `--store=DIR` keeps the store).

Runs the real command in a fresh store, again unchanged, and as a dry run, each as a process of its own; reads the time of
every step from the artifacts and samples the memory of all processes that descend from the launcher.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import psutil

COMMAND = [sys.executable, "-m", "launchers.run", "--experiment=experiments.quickstart"]
CHEAP = ("scan", "limits", "design", "laws", "proposal")


def timed(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and the peak of the summed memory (GiB, proportional set size) of a command and its descendants."""
    began = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL)
    peak = 0.0
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not over.wait(0.5):
            total = 0
            try:
                family = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for member in family:
                try:
                    # Proportional set size: memory that processes share counts once.
                    total += member.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            peak = max(peak, total / 2**30)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    over.set()
    watcher.join()
    if code != 0:
        raise SystemExit(f"the command ended with {code}")
    return time.perf_counter() - began, peak


def steps(store: pathlib.Path) -> list[dict[str, Any]]:
    """about.json of every artifact, with its result."""
    found = []
    for folder in (store / "artifacts").iterdir():
        about = json.loads((folder / "about.json").read_text())
        found.append({**about, "result": json.loads((folder / "result.json").read_text())})
    return found


def overhead(found: list[dict[str, Any]], cpus: int) -> float:
    """Processor seconds per proxy that went into anything but its training: scheduling, imports, set-up, evaluation."""
    proxies = [about for about in found if about["label"].startswith("swarm/")]
    begins = [datetime.datetime.fromisoformat(about["started"]).timestamp() for about in proxies]
    ends = [start + about["seconds"] for start, about in zip(begins, proxies, strict=True)]
    busy = (max(ends) - min(begins)) * min(cpus, len(proxies))
    return (busy - sum(about["result"]["seconds"] for about in proxies)) / len(proxies)


def main() -> None:
    """Prints the figures as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store")
    parser.add_argument("--repeats", type=int, default=5, help="runs of the cheap commands")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        store = pathlib.Path(options.store or temporary)
        flag = [f"--store={store}"]
        wall, memory = timed(flag)
        found = steps(store)
        by_label = {about["label"]: about["seconds"] for about in found}
        again = statistics.median(timed(flag)[0] for _ in range(options.repeats))
        dry = statistics.median(timed([*flag, "--dry_run"])[0] for _ in range(options.repeats))
        rates = [about["result"]["tokens_per_second"] for about in found if about["label"].startswith("swarm/")]
        rows = (
            ("first run, wall (s)", wall, "≤ 300"),
            ("peak memory of all processes (GiB)", memory, "≤ 8"),
            ("unchanged second run, wall (s)", again, "≤ 12"),
            ("--dry_run, wall (s)", dry, "≤ 2"),
            ("scan + limits + design + laws + proposal (s)", sum(by_label[label] for label in CHEAP), "≤ 3"),
            ("overhead per proxy (s)", overhead(found, psutil.cpu_count() or 1), "≤ 3"),
            ("corpus (s)", by_label["corpus"], ""),
            ("tokens per second of one proxy, median", statistics.median(rates), ""),
        )
    print("| measure | figure | asked |\n| --- | --- | --- |")
    for name, figure, asked in rows:
        print(f"| {name} | {figure:.3g} | {asked} |")


if __name__ == "__main__":
    main()
