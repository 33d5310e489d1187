"""Running an experiment as a Ray job: the launcher itself moves to the cluster, so that a laptop may be closed."""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence

import olmix
from olmix.errors import UserError

#: Not sent with the code: large, private to this machine, or both.
_STAYS_HERE = [".git", ".venv", "runs", "**/__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "build"]

#: A head that has just started answers before its agent, which takes the jobs, is there.
AGENT_SECONDS = 120.0


def submit(
    address: str | None, experiment: str, arguments: Sequence[str], say: Callable[[str], None], *, follow: bool = True
) -> str:
    """Submits `python -m launchers.run` with `arguments` to the cluster whose dashboard is at `address`; returns the job's id.

    The code beside `olmix` travels with the job. With `follow`, its output is printed until it ends; Ctrl-C then only stops
    the printing.

    Raises:
      UserError: if there is no address, nobody answers there, or the job failed.
    """
    if address is None or not address.startswith(("http://", "https://")):
        raise UserError(
            f"--submit needs the address of a cluster's dashboard, --ray_address=http://HOST:8265; got {address or 'none'}."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.job_submission import JobStatus, JobSubmissionClient

    try:
        client = JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"No Ray dashboard answers at --ray_address={address}: {str(error).splitlines()[0]}") from error
    root = pathlib.Path(olmix.__file__).resolve().parent.parent
    job = _accepted(
        lambda: client.submit_job(
            entrypoint=shlex.join(["python", "-m", "launchers.run", *arguments, "--ray_address=auto"]),
            submission_id=f"{re.sub(r'[^A-Za-z0-9_.-]', '-', experiment)}-{secrets.token_hex(4)}",
            runtime_env={"working_dir": str(root), "excludes": _STAYS_HERE},
            metadata={"job_name": experiment},
        )
    )
    say(f"submitted {experiment} as job {job} to {address} (stop it with: ray job stop --address={address} {job})")
    if not follow:
        return job

    async def tail() -> None:
        async for lines in client.tail_job_logs(job):
            say(lines.rstrip("\n"))

    try:
        asyncio.run(tail())
    except KeyboardInterrupt:
        say(f"job {job} goes on; its output: ray job logs --address={address} --follow {job}")
        return job
    status = client.get_job_status(job)
    if status != JobStatus.SUCCEEDED:
        raise UserError(f"job {job} ended as {status.value}; its output is above.")
    return job


def for_the_job(arguments: Sequence[str]) -> list[str]:
    """The command line of a job: without what says where it runs, `--flag=value` and `--flag value` alike."""
    kept: list[str] = []
    passed_over = False
    for argument in arguments:
        name, equals, _ = argument.lstrip("-").partition("=")
        flag = argument.startswith("-") and not passed_over
        if flag and name in ("ray_address", "store"):
            passed_over = not equals
        elif not (passed_over or (flag and name in ("submit", "nosubmit"))):
            kept.append(argument)
        else:
            passed_over = False
    return kept


def _accepted(ask: Callable[[], str]) -> str:
    """The id of the job that `ask` submits, once the cluster takes jobs at all."""
    until = time.monotonic() + AGENT_SECONDS
    while True:
        try:
            return ask()
        except RuntimeError as error:
            if "No available agent" not in str(error):
                raise
            if time.monotonic() > until:
                raise UserError(
                    f"The cluster's dashboard answers, but for {AGENT_SECONDS:.0f} s nobody took the job; "
                    "is its head node overloaded?"
                ) from error
            time.sleep(1)
