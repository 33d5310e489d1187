"""Ray, as this project uses it: one task per step or piece, and nothing that a result depends on in Ray's memory.

On a laptop an instance of our own is started when the first task needs it, bound to loopback, and gone when the launcher
ends, however it ends. Elsewhere an existing cluster is joined by address; the store must then lie on a file system that
all of its nodes share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from olmix.errors import UserError
from olmix.graph import gangs
from olmix.graph.guardian import Guardian, descendants
from olmix.graph.resources import Needs
from olmix.graph.worker import Job, Outcome, perform_apart

if TYPE_CHECKING:
    import ray

log = logging.getLogger(__name__)
#: Read by Ray when it is imported or starts its processes, so they are set before the first import.
#: The last keeps a local instance's listeners on 127.0.0.1; a cluster must not have it.
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled"}


@dataclasses.dataclass(frozen=True)
class RaySettings:
    """Where tasks run. `address` None starts an instance here, with `cpus` processors (None: all) and maybe a dashboard."""

    address: str | None = None
    cpus: int | None = None
    dashboard: bool = False


class RayFailed(Exception):
    """Ray, which is to be started here, does not start: a sentence or two, and none of the user's settings is to blame."""


class RayEngine:
    """Starts Ray when it is first needed, runs jobs as tasks, and stops what it started."""

    def __init__(self, settings: RaySettings) -> None:
        self.settings = settings
        self.dashboard_url: str | None = None
        self._task: Any = None
        self._embedded = settings.address is None
        self._started = False
        self._guardian: Guardian | None = None
        self._gangs = False
        self._looked = 0.0

    def start(self) -> None:
        """Starts or joins Ray; a second call does nothing.

        Raises:
          UserError: if no cluster answers at the address.
          RayFailed: if the instance that is to be started here does not come up.
        """
        if self._started:
            return
        os.environ.update(_ALWAYS)
        if self._embedded:
            os.environ.update(_LOOPBACK_ONLY)
        import ray

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
        if self._embedded:
            options |= {
                "address": "local",
                "num_cpus": self.settings.cpus,
                "include_dashboard": self.settings.dashboard,
                "dashboard_host": "127.0.0.1",
                "object_store_memory": 100 * 2**20,  # Results go through the store, not through Ray.
            }
        else:
            options["address"] = self.settings.address
        self._started = True
        if self._embedded and os.path.isdir("/proc/self"):
            self._guardian = Guardian()
        with _unstoppable(), _only_what_is_used(self.settings.dashboard):
            try:
                context = ray.init(**options)
            except Exception as error:  # Of a node that does not come up, Ray raises just that.
                first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
                if self._embedded:
                    raise RayFailed(
                        f"No instance of Ray came up on this machine: {first}. Is it very busy, or limited (memory, `ulimit -a`, "
                        "/dev/shm)? The run's log has the traceback."
                    ) from error
                if not isinstance(error, ConnectionError | ValueError | RuntimeError):
                    raise
                raise UserError(f"No Ray cluster answers at --ray_address={self.settings.address}: {first}") from error
        if self.settings.dashboard and context.dashboard_url:
            self.dashboard_url = f"http://{context.dashboard_url}"
        if self._guardian is not None:
            self._guardian.watch(pid for pid in descendants(os.getpid()) if pid != self._guardian.pid)
        self._task = ray.remote(perform_apart)
        _tell_log()

    def check(self, label: str, needs: Needs, gang: int = 1) -> None:
        """Refuses what no node (or for a gang: not all of them together) could ever run; Ray would let it wait for ever.

        Raises:
          UserError: naming the step, what it asks for and what there is.
        """
        nodes = gangs.nodes()
        if gangs.placement(gangs.share(needs, gang), gang, nodes) is not None:
            return
        asked = [f"{needs.cpus:g} CPU"] + ([f"{needs.gpus:g} {needs.accelerator or 'GPU'}"] if needs.gpus else [])
        asked += [f"{needs.memory_gib:g} GiB"] if needs.memory_gib is not None else []
        where = (
            "on one node, and no node has that" if gang == 1 else f"for {gang} processes, and there is no room for them"
        )
        there = "; ".join(_describe(resources) for resources in nodes)
        raise UserError(
            f"{label} asks for {' and '.join(asked)} {where} (there: {there}): "
            f"join a cluster with --ray_address, or change {label}'s needs."
        )

    def at_once(self, needs: Needs, gang: int) -> int | None:
        """How many jobs of a kind may be with Ray at once: gangs as many as there is room for, the rest as you like (None)."""
        return gangs.at_once(gangs.share(needs, gang), gang, gangs.nodes()) if gang > 1 else None

    def submit(self, jobs: Sequence[Job], needs: Needs) -> ray.ObjectRef[list[Outcome]]:
        """Queues jobs as one task. Ray starts it when a node has what it needs; a lost worker is our business, not Ray's.

        The task of a gang holds nothing: its processes do, and it waits for them.
        """
        options = needs.ray_options()
        if jobs[0].step.gang() > 1:
            self._gangs = True
            options = {"num_cpus": 0, "num_gpus": 0}
        name = f"{jobs[0].experiment}/{jobs[0].label}" + (f" and {len(jobs) - 1} more" if len(jobs) > 1 else "")
        return self._task.options(name=name, max_retries=0, **options).remote(jobs)

    def wait(self, references: Sequence[Any], seconds: float) -> list[Any]:
        """Those of the references that are finished after at most `seconds`."""
        import ray

        if self._gangs and time.monotonic() > self._looked + 2:
            gangs.free_orphans()  # A killed coordinator's processes are gone, and what they held must be too.
            self._looked = time.monotonic()
        done, _ = ray.wait(list(references), num_returns=len(references), timeout=0)
        if not done:
            done, _ = ray.wait(list(references), num_returns=1, timeout=seconds)
        return done

    def outcomes(self, reference: Any) -> list[Outcome] | str:
        """How the jobs of a finished task ended, or, if its worker or one of theirs was lost, one line about that."""
        import ray

        try:
            outcomes: list[Outcome] = ray.get(reference)
            return next((outcome.message for outcome in outcomes if outcome.status == "lost"), outcomes)
        except ray.exceptions.RayError as error:
            return _lost(error)

    def kill(self, reference: Any) -> None:
        """Ends a job that hangs, by force; its outcome is then a lost worker."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.cancel(reference, force=True)

    def stop(self) -> None:
        """Stops the instance that we started, or leaves the cluster, and forgets what is still running there."""
        if not self._started:
            return
        import ray

        with _unstoppable():
            session = _session_folder() if self._embedded else None
            ray.shutdown()
            if session is not None:
                _remove_when_idle(session)
            if self._guardian is not None:
                self._guardian.dismiss()
                self._guardian = None
        self._started = False


def _lost(error: Exception) -> str:
    """One line about a lost worker. Ray's own, of the commonest, send people to files that are gone with it."""
    import ray

    if isinstance(error, ray.exceptions.TaskCancelledError):
        return "its worker was ended"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        return "its worker died (killed, out of memory, or its machine is being taken away?)"
    lines = str(error).strip().splitlines()
    if isinstance(error, ray.exceptions.NodeDiedError):
        where = re.search(r"Node IP: ([^\s,]+)", lines[0])
        return f"its node{f' {where[1]}' if where else ''} is gone"
    # Of what went wrong around a task, Ray's last line says what; of anything else its first.
    line = -1 if isinstance(error, ray.exceptions.RayTaskError) else 0
    return f"{type(error).__name__}: {lines[line] if lines else 'no details'}"


def _describe(resources: dict[str, float]) -> str:
    kinds = [name.split(":", 1)[1] for name in resources if name.startswith("accelerator_type:")]
    text = f"{resources.get('CPU', 0):g} CPU"
    text += f", {resources['GPU']:g} {kinds[0] if kinds else 'GPU'}" if resources.get("GPU") else ", no GPU"
    return text + f", {resources.get('memory', 0) / 2**30:.0f} GiB"


def _tell_log() -> None:
    """What Ray's daemons say goes to the run's log: about each lost worker seven lines, in the middle of ours, and we say one."""
    from ray._private import worker

    told: Any = worker
    told.print_to_stdstream = lambda data, *_, **__: log.info("Ray: %s", " ".join(map(str, data["lines"])))


def _session_folder() -> pathlib.Path | None:
    from ray._private import worker

    node = getattr(worker, "_global_node", None)
    return pathlib.Path(node.get_session_dir_path()) if node is not None else None


def _remove_when_idle(session: pathlib.Path) -> None:
    """Ray leaves some megabytes of logs in the temporary folder for every instance; ours end up in the run's log."""
    for _ in range(10):
        shutil.rmtree(session, ignore_errors=True)
        if not session.exists():
            return
        time.sleep(0.05)


@contextlib.contextmanager
def _only_what_is_used(dashboard: bool) -> Iterator[None]:
    """An instance that starts here listens for jobs at any free port, so that several may live on one machine: Ray's own
    choice is the same for all of them, and the second takes no jobs.

    Without a dashboard, nothing reads what three of its processes would do (the autoscaler's monitor, the log monitor, a
    dashboard server that serves nothing): a third of the processor time of a start. `ray.init` has no argument for these.
    """
    import ray._private.parameter
    import ray._private.services

    parameter: Any = ray._private.parameter
    services: Any = ray._private.services
    known, server = parameter.RayParams, services.start_api_server
    spared = {} if dashboard else {"no_monitor": True, "include_log_monitor": False}
    parameter.RayParams = functools.partial(known, dashboard_agent_listen_port=None, **spared)
    if not dashboard:
        services.start_api_server = lambda *_, **__: ("", None)
    try:
        yield
    finally:
        parameter.RayParams, services.start_api_server = known, server


@contextlib.contextmanager
def _unstoppable() -> Iterator[None]:
    """Keeps Ctrl-C and SIGTERM for later while Ray starts or stops (half-started, it would leave processes behind), and
    puts back the handlers that Ray replaces by its own. Not by blocking them: Ray's daemons would inherit that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: kept.append(got)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    if kept:
        signal.raise_signal(kept[0])
