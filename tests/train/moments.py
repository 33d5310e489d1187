"""Runs of several processes that end at every kind of moment and go on: are they the run that nothing disturbed?

    python -m tests.train.moments [--only WORDS] [--via ray]

Each case starts a run (a model on every process, or a sharded one), lets something happen at a moment of it, in one process
or in all, ends what is left, as Ray Train does, and starts it again on as many processes or on others. What it comes to
is compared with an uninterrupted run: the whole state at its end (weights, Adam's moments, counters), losses, evaluations, the
metrics file, the models at the ends of periods. On as many processes it must be equal bit for bit. Processes are forked
and joined by gloo directly, a second or two each; `--via ray` takes `olmix.train.processes.launch`, ten times as slow.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import logging
import os
import pathlib
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from tests.train.killable import TIMES, warm_context

#: The recipe's parameter count that makes a run of 20 steps with periods that end after 5, 10 and 20.
PARAMETERS = 200
BATCH = 24 * 16
STEPS = 20


@dataclasses.dataclass(frozen=True)
class Fault:
    """At the `moment` of a run (see `Moments`), in each process of `ranks`: "kill", "term" (SIGTERM) or "leave" (told so)."""

    moment: str
    how: str = "kill"
    ranks: tuple[int, ...] = (0, 1, 2)

    def __str__(self) -> str:
        who = {(0, 1, 2): "all", (0,): "the first", (1,): "the second"}[self.ranks]
        return f"{self.how} {who} {self.moment}"


class Moments:
    """Wraps what a run calls, so that a fault can happen between."""

    def __init__(self, fault: Fault | None, rank: int, mark: Callable[[str], None]) -> None:
        self.fault, self.rank, self.mark, self.done = fault, rank, mark, False

    def now(self, *names: str) -> None:
        fault = self.fault
        if fault is None or self.done or fault.moment not in names or self.rank not in fault.ranks:
            return
        self.done = True
        self.mark(fault.how)
        if fault.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        elif fault.how == "term":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)  # Until the main thread has heard.
        elif fault.how == "leave":
            from olmix.train.distributed import LEAVE

            LEAVE.set()
        else:
            raise ValueError(fault.how)

    def around(
        self, owner: Any, name: str, before: Callable[..., str] | None, after: Callable[..., str] | None
    ) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                self.now(before(*args, **kwargs))
            result = original(*args, **kwargs)
            if after is not None:
                self.now(after(*args, **kwargs))
            return result

        setattr(owner, name, call)

    def install(self) -> None:
        """The moments, by name."""
        from olmix.train import evaluate, work
        from olmix.train.checkpoint import Checkpoints
        from olmix.train.diary import Diary
        from olmix.train.proxy import Trainer
        from olmix.train.shelves import Folder

        self.around(Trainer, "step", lambda t, *_: f"before step {t.done + 1}", lambda t, *_: f"after step {t.done}")
        self.around(Trainer, "_update", lambda t, *_, **__: f"in step {t.done + 1}", None)
        self.around(Trainer, "state", lambda t: f"before a state {t.done}", lambda t: f"after a state {t.done}")
        self.around(Trainer, "restore", lambda *_: "before restoring", lambda *_: "after restoring")
        self.around(
            Diary, "evaluation", lambda d, *_: f"before noting evaluation {d.steps}",
            lambda d, *_: f"after evaluation {d.steps}",
        )  # fmt: skip
        counted = iter(range(10**9))
        self.around(evaluate, "nats_of", lambda *_, **__: f"in an evaluation {next(counted)}", None)
        self.around(
            Checkpoints, "save", lambda c, step, *_, **__: f"before saving {step}",
            lambda c, step, *_, **__: f"after saving {step}",
        )  # fmt: skip
        original = Folder.writing

        @contextlib.contextmanager
        def writing(folder: Folder, name: str) -> Iterator[Any]:
            self.now(f"writing {name}")
            with original(folder, name) as file:
                yield file
            self.now(f"written {name}")

        Folder.writing = writing  # type: ignore[method-assign]
        folder = lambda model, state, folder, *_: folder.name  # noqa: E731
        self.around(work, "save_model", lambda *a: f"before model {folder(*a)}", lambda *a: f"after model {folder(*a)}")
        self.around(work, "finish", lambda *_: "before finishing", lambda *_: "after finishing")


def work(world: Any, progress: Any, case: dict[str, Any]) -> Any:
    """What one process does: the work of a run, with a fault in it."""
    import torch

    from olmix.train import recipe, run
    from olmix.train.work import _train

    recipe.nominal_parameters = lambda model: PARAMETERS  # type: ignore[assignment]
    run.AT_RISK = case["at_risk"]
    torch.set_num_threads(1)
    folder = pathlib.Path(case["folder"])

    def mark(what: str) -> None:
        (folder / f"fault-{world.rank}-{what}").touch()

    moments = Moments(case["fault"], world.rank, mark)
    moments.install()

    def told(done: float, total: float, note: str = "") -> None:
        progress(done, total, note)
        moments.now(f"{note} {int(done) // BATCH}", note)

    world = dataclasses.replace(world, sharded=case["sharded"] and world.size > 1)
    return _train(world, told, case["step"], case["manifest"], case["place"], None)


def member(rank: int, size: int, case: dict[str, Any], store: str, told: str) -> None:
    """One process of a run, as Ray Train's are: the work is in another thread than the main one."""
    log = os.open(f"{case['folder']}/log-{rank}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, force=True)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    import datetime

    import torch.distributed as dist

    from olmix.train.distributed import LEAVE, World

    signal.signal(signal.SIGTERM, lambda *_: LEAVE.set())
    outcome: list[tuple[str, Any]] = []

    def live() -> None:
        try:
            dist.init_process_group(
                "gloo",
                init_method=f"file://{store}",
                rank=rank,
                world_size=size,
                timeout=datetime.timedelta(seconds=60),
            )
            world = World(rank, size, attempt=pathlib.Path(store).parent.name)
            outcome.append(("result", work(world, lambda *_: None, case)))
        except BaseException as error:
            outcome.append((type(error).__name__, str(error)))
            traceback.print_exc()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)
    pathlib.Path(f"{told}.tmp").write_bytes(pickle.dumps(outcome[0]))
    os.replace(f"{told}.tmp", told)
    time.sleep(0 if size == 1 else 1.0)  # Others may still wait for it.
    os._exit(0)


def by_fork(size: int, case: dict[str, Any]) -> str:
    """One attempt on `size` processes: "finished", or how it ended."""
    context, place = warm_context(), pathlib.Path(tempfile.mkdtemp(dir=case["folder"]))
    answers = [place / f"answer-{rank}" for rank in range(size)]
    processes = [
        context.Process(target=member, args=(rank, size, case, str(place / "store"), str(answers[rank])))
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    until, dead_since = time.monotonic() + 120, None
    while any(process.is_alive() for process in processes) and time.monotonic() < until:
        dead = [n for n, process in enumerate(processes) if not process.is_alive() and not answers[n].exists()]
        dead_since = dead_since or (time.monotonic() if dead else None)
        if dead_since is not None and time.monotonic() > dead_since + 0.7:
            break
        time.sleep(0.02)
    timed_out = time.monotonic() >= until
    for process in processes:
        process.kill()
        process.join()
    found = [pickle.loads(answer.read_bytes()) if answer.exists() else ("gone", None) for answer in answers]
    if timed_out:
        return f"HUNG {found}"
    kinds = {kind for kind, _ in found}
    if found[0][0] == "result":
        case["result"] = found[0][1]
        return "finished" if kinds == {"result"} else f"finished, others {sorted(kinds)}"
    if "gone" in kinds:
        return "lost"
    if kinds == {"Interrupted"}:
        return f"interrupted ({found[0][1][:26]})"
    return f"FAILED {found}"


def by_ray(size: int, case: dict[str, Any]) -> str:
    """As `by_fork`, through Ray Train."""
    from olmix.errors import UserError
    from olmix.graph.step import WorkerLost
    from olmix.train.processes import WorkerFailed, launch
    from olmix.train.run import Interrupted

    folder = pathlib.Path(case["folder"])
    try:
        case["result"] = launch(
            size, "cpu", case["sharded"], work, (case,), folder / "scratch", threading.Event(), lambda *_: None
        )
        return "finished"
    except Interrupted as error:
        return f"interrupted ({str(error)[:26]})"
    except WorkerLost as error:
        return f"lost ({error})"
    except (WorkerFailed, UserError) as error:
        return f"FAILED {error}"


@dataclasses.dataclass(frozen=True)
class Case:
    """A run on `size` processes with a fault, then on `then` processes; `again` happens in the second attempt."""

    fault: Fault | None
    sharded: bool
    size: int = 2
    then: int = 2
    again: Fault | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    at_risk: float = 30.0
    dtype: str = "float32"
    #: Whether the second attempt is on another machine, which knows the checkpoints from where else they lie alone.
    moved: bool = False

    def __str__(self) -> str:
        more = "" if self.dtype == "float32" else f" {self.dtype}"
        more += f", then {self.again}" if self.again else ""
        more += "".join(f" {name}={value}" for name, value in self.settings) + (" safe" if self.at_risk < 0 else "")
        more += " moved" if self.moved else ""
        return f"{'FSDP' if self.sharded else 'DDP'} {self.size}->{self.then}: {self.fault}{more}"


def prepared(folder: pathlib.Path, data: pathlib.Path, case: Case) -> dict[str, Any]:
    """The step of a case and where it may write."""
    from olmix.train import recipe, source
    from olmix.train.settings import Device
    from olmix.train.steps import TrainProxy
    from olmix.train.training import Place
    from tests.train import corpus, toys

    recipe.nominal_parameters = lambda model: PARAMETERS  # type: ignore[assignment]
    scan = corpus.scan(data)
    proxy = toys.proxy(**{
        "tokens": None, "chinchilla_multiple": 2.0, "periods": True, "batch_tokens": BATCH,
        "learning_rate": 2e-3, "save_model": True, "save_states": True, "evaluate_tokens": 3 * BATCH,
        "checkpoint_tokens": 4 * BATCH, "log_tokens": 1, "device": Device(dtype=case.dtype, micro_batch=6),
        **({"checkpoint_store": str(folder / "elsewhere")} if case.moved else {}), **dict(case.settings),
    })  # fmt: skip
    step = TrainProxy(scan=scan, mixture={"up": 0.25, "down": 0.25, "noise": 0.5}, proxy=proxy)
    for name in ("scratch", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    context = corpus.Graph(folder / "store")
    return {
        "folder": str(folder), "step": step, "manifest": source.open_scan(context, scan), "sharded": case.sharded,
        "place": Place(folder / "out", folder / "scratch", "test", ""), "at_risk": case.at_risk, "fault": None,
    }  # fmt: skip


def what_it_came_to(case: dict[str, Any]) -> dict[str, Any]:
    """All that must be the same, by name."""
    import msgspec
    from safetensors.torch import load_file

    from olmix.train.checkpoint import Checkpoints
    from olmix.train.metrics import read_metrics

    out = pathlib.Path(case["folder"]) / "out"
    found: dict[str, Any] = {}
    result = msgspec.to_builtins(case["result"])
    found["result"] = {name: value for name, value in result.items() if name not in TIMES}
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    records = [r for r in read_metrics(out / "metrics.jsonl") if "step" in r]
    found["metrics"] = [{k: v for k, v in r.items() if not k.startswith("throughput/")} for r in records]
    found["resumptions"] = sum(line.get("event") == "resumed" for line in lines)
    found["lines"] = len(lines)
    for step in Checkpoints(out / "states").steps():
        state = Checkpoints(out / "states").at(step)
        assert state is not None
        diary = state["diaries"][0]
        found[f"state {step}"] = (state["trainer"], {k: v for k, v in diary.items() if k not in ("seconds", "waited")})
    for path in (*sorted((out / "periods").glob("*")), out / "model"):
        found[f"model {path.name}"] = load_file(path / "model.safetensors")
    return found


def numbers(value: Any, where: str = "") -> dict[str, Any]:
    """Every leaf of what a run came to, by its path."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in numbers(inner, f"{where}/{key}").items()}
    if isinstance(value, list | tuple):
        return {k: v for key, inner in enumerate(value) for k, v in numbers(inner, f"{where}/{key}").items()}
    return {where: value}


def apart(one: dict[str, Any], other: dict[str, Any]) -> tuple[float, str]:
    """The largest difference, relative to the largest entry of its array; infinite where something is missing."""
    import torch

    skip = ("resumptions", "lines")
    a, b = (numbers({k: v for k, v in each.items() if k not in skip}) for each in (one, other))
    if a.keys() != b.keys():
        return float("inf"), f"only in one: {sorted(a.keys() ^ b.keys())[:4]}"
    worst, where = 0.0, ""
    for name, x in a.items():
        y = b[name]
        if isinstance(x, torch.Tensor):
            x, y = x.double(), y.double()
            distance = (
                float((x - y).abs().max() / x.abs().max().clamp(min=1e-30))
                if x.shape == y.shape and x.numel()
                else (0.0 if x.shape == y.shape else float("inf"))
            )
        elif isinstance(x, float) and isinstance(y, float):
            distance = abs(x - y) / max(abs(x), 1e-30)
        else:
            distance = 0.0 if x == y else float("inf")
        if distance > worst:
            worst, where = distance, name
    return worst, where


ALL, FIRST, SECOND = (0, 1, 2), (0,), (1,)
#: Where anything may happen to any process.
ANYWHERE = (
    "building the model", "looking for a checkpoint", "before step 1", "in step 1", "after step 1", "after step 2",
    "in an evaluation 1", "before noting evaluation 3", "after evaluation 3", "before step 5", "after step 5",
    "after evaluation 5", "the end of a period 5", "before a state 8", "after a state 8", "in step 11", "after evaluation 12",
    "before step 20", "in step 20", "after step 20", "after evaluation 20", "the end of a period 20",
    "waiting for the last checkpoint", "writing the result",
)  # fmt: skip
#: What the first process does alone.
BY_THE_FIRST = (
    "before saving 4", "after saving 4", "before model 1920", "after model 1920", "writing step-000000000005.pt",
    "writing step-000000000005.json", "written step-000000000005.json", "before saving 12",
    "writing step-000000000012.json", "after saving 12", "before finishing", "after finishing", "before model model",
    "after model model",
)  # fmt: skip
#: What each of sharded processes does for itself.
BY_EACH = (
    "writing step-000000000005.part-0001-of-0002.pt", "writing step-000000000012.part-0001-of-0002.json",
    "written step-000000000012.part-0001-of-0002.json", "before saving 8", "after saving 12",
)  # fmt: skip
TOLD = (
    "before step 1",
    "after step 7",
    "in an evaluation 1",
    "after step 19",
    "before step 20",
    "the end of a period 10",
)
#: Before others go on.
HANDED_ON = ("after step 7", "after evaluation 9", "after saving 12", "after model 3840", "the end of a period 20")
#: In the second attempt.
AGAIN = (
    "looking for a checkpoint", "before restoring", "after restoring", "the first step", "in an evaluation 1", "after step 10",
)  # fmt: skip
#: Where a save is due by the clock after every step, heard of a step late.
TIMED = (
    "after step 3",
    "in an evaluation 1",
    "after step 4",
    "after saving 4",
    "after saving 12",
    "after step 12",
    "after step 20",
)
#: Where a period's end is saved before it is measured.
SAFE = (
    "after saving 5", "in an evaluation 12", "the end of a period 5", "after model 1920", "after evaluation 20",
    "the end of a period 20", "after saving 20",
)  # fmt: skip


def cases() -> list[Case]:
    """The matrix."""
    made: list[Case] = []
    who = lambda moment: FIRST if moment in BY_THE_FIRST or "saving" in moment or "model " in moment else SECOND  # noqa: E731
    for sharded in (False, True):
        one = functools.partial(Case, sharded=sharded)
        for moment in ANYWHERE:
            made += [one(Fault(moment, "kill", SECOND)), one(Fault(moment, "kill")), one(Fault(moment, "term", SECOND))]
        for moment in BY_THE_FIRST:
            made += [one(Fault(moment, how, FIRST)) for how in ("kill", "term")]
        if sharded:
            made += [one(Fault(moment, how, SECOND)) for moment in BY_EACH for how in ("kill", "term")]
        made += [one(Fault(moment, "leave")) for moment in TOLD]
        for moment in HANDED_ON:
            for size, then in ((2, 1), (1, 2), (2, 3), (3, 2)):
                ranks = who(moment) if size > 1 else FIRST
                made += [one(Fault(moment, how, ranks), size=size, then=then) for how in ("kill", "term")]
        for moment in AGAIN:
            made += [
                one(Fault("after step 9", how, SECOND), again=Fault(moment, how, SECOND)) for how in ("kill", "term")
            ]
        half = functools.partial(one, dtype="bfloat16")
        for moment in (
            "in an evaluation 1",
            "after evaluation 5",
            "after step 7",
            "the end of a period 10",
            "after evaluation 12",
        ):
            made += [half(Fault(moment, "kill", SECOND)), half(Fault(moment, "term", SECOND))]
            made += [half(Fault(moment, "kill", SECOND), then=then) for then in (1, 3)]
        for moment in ("after step 9", "after evaluation 12", "in step 18"):
            made += [one(Fault(moment, "kill", SECOND), then=then, moved=True) for then in (1, 2, 3)]
        timed = (("checkpoint_seconds", 0.0), ("checkpoint_tokens", None))
        for how in ("kill", "term"):
            made += [one(Fault(moment, how, who(moment)), settings=timed) for moment in TIMED]
            made += [one(Fault(moment, how, who(moment)), at_risk=-1.0) for moment in SAFE]
    return made


class Bench:
    """Runs cases in a folder, and what they are compared with."""

    def __init__(self, root: pathlib.Path, attempt: Callable[[int, dict[str, Any]], str] = by_fork) -> None:
        from tests.train import corpus

        self.root, self.attempt = root, attempt
        self._known: dict[tuple[bool, int, str], dict[str, Any]] = {}
        root.mkdir(exist_ok=True)
        corpus.write(root / "text")

    def undisturbed(self, sharded: bool, size: int, dtype: str = "float32") -> dict[str, Any]:
        """What a run comes to where nothing happens."""
        if (sharded, size, dtype) not in self._known:
            folder = self.root / f"undisturbed-{sharded}-{size}-{dtype}"
            case = prepared(folder, self.root / "text", Case(None, sharded, dtype=dtype))
            said = by_fork(size, case)
            assert said == "finished", said
            self._known[sharded, size, dtype] = what_it_came_to(case)
        return self._known[sharded, size, dtype]

    def run(self, each: Case, name: str) -> tuple[bool, str]:
        """Whether a case comes to what it should, and in words what it came to."""
        folder, began = self.root / name, time.monotonic()
        case = prepared(folder, self.root / "text", each)
        attempts = [
            (each.fault, each.size),
            *([(each.again, each.then)] if each.again else []),
            *[(None, each.then)] * 2,
        ]
        said: list[str] = []
        for case["fault"], size in attempts:
            if each.moved and len(said) == 1:
                shutil.rmtree(folder / "scratch")
                (folder / "scratch").mkdir()
            said.append(self.attempt(size, case))
            if said[-1].startswith(("finished", "FAILED", "HUNG")):
                break
        distance, where = float("inf"), "no result"
        if "result" in case:
            pair = [self.undisturbed(each.sharded, each.then, each.dtype), what_it_came_to(case)]
            if each.moved:  # The metrics file stays where the first attempt was.
                pair = [{key: value for key, value in one.items() if key != "metrics"} for one in pair]
            distance, where = apart(*pair)
        happened = any(folder.glob("fault-*"))
        # Another number of processes sums in another order.
        most = 0.0 if each.size == each.then else 1e-3 if each.dtype == "float32" else 0.3
        fine = happened and distance <= most
        shutil.rmtree(folder / "store", ignore_errors=True)
        return fine, (
            f"{each}: {'; '.join(said)}; {'equal' if distance == 0 else f'{distance:.1e} at {where}'}"
            f"{'' if happened else '; it did not happen'} ({time.monotonic() - began:.0f} s)"
        )


def main() -> None:
    """Prints a line a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--only", default="", help="words that a case must contain, separated by commas; or others, after a semicolon"
    )
    parser.add_argument("--via", choices=("fork", "ray"), default="fork")
    parser.add_argument("--keep", default="", help="a new folder, where what was written stays")
    options = parser.parse_args()
    wanted = [[word for word in words.split(",") if word] for words in options.only.split(";")]
    chosen = [case for case in cases() if any(all(word in str(case) for word in words) for words in wanted)]
    root = pathlib.Path(options.keep or tempfile.mkdtemp())
    bench, bad = Bench(root, by_ray if options.via == "ray" else by_fork), 0
    with contextlib.ExitStack() as stack:
        if options.via == "ray":
            from olmix.graph.ray_engine import RayEngine, RaySettings

            engine = RayEngine(RaySettings(cpus=3))
            engine.start()
            stack.callback(engine.stop)
        for number, each in enumerate(chosen):
            fine, said = bench.run(each, f"case-{number}")
            bad += not fine
            print(f"{'ok ' if fine else 'BAD'} {said}", flush=True)
    for sharded, size, dtype in sorted(bench._known):
        distance, where = apart(bench.undisturbed(sharded, size, dtype), bench.undisturbed(sharded, 2, dtype))
        print(f"without faults, {'FSDP' if sharded else 'DDP'} {size} against 2, {dtype}: {distance:.1e} {where}")
    print(f"{len(chosen) - bad} of {len(chosen)} as they should be")
    if not options.keep:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
