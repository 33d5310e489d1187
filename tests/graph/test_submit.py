"""A Ray job through the real Jobs API of a real head, dashboard on loopback."""

from __future__ import annotations

import contextlib
import pathlib
import socket
from collections.abc import Iterator

import pytest

from olmix.errors import UserError
from olmix.graph import submit as submitting
from olmix.graph.ray_engine import RayEngine, RaySettings
from olmix.graph.submit import for_the_job, submit


@pytest.fixture(scope="module")
def taken_port() -> Iterator[None]:
    """Another instance on this machine, as far as the port goes at which Ray's agents listen unless told otherwise."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Where it is taken by somebody else it is taken all the same.
        with contextlib.suppress(OSError):
            other.bind(("127.0.0.1", 52365))
            other.listen()
        yield


@pytest.fixture(scope="module")
def dashboard(taken_port: None) -> Iterator[str]:
    engine = RayEngine(RaySettings(cpus=2, dashboard=True))
    engine.start()
    assert engine.dashboard_url is not None
    assert engine.dashboard_url.startswith("http://127.0.0.1:")
    yield engine.dashboard_url
    engine.stop()


def test_a_job_runs_the_launcher_and_its_output_comes_back(dashboard: str, tmp_path: pathlib.Path) -> None:
    said: list[str] = []
    with pytest.raises(UserError, match="ended as FAILED"):
        submit(dashboard, "toy", ["--experiment=experiments.nothing_of_that_name"], said.append)
    assert said[0].startswith("submitted toy as job toy-")
    assert "nothing_of_that_name" in "\n".join(said[1:])


def test_a_job_is_not_told_where_it_runs() -> None:
    """With or without an equals sign; a value that looks like a flag of ours stays."""
    typed = (
        "--experiment quickstart --ray_address http://h:8265 --submit --set x=--store --store=a --until laws -store b c"
    )
    assert for_the_job(typed.split()) == ["--experiment", "quickstart", "--set", "x=--store", "--until", "laws", "c"]
    assert for_the_job(["--nosubmit", "--ray_address=h", "--dashboard"]) == ["--dashboard"]


@pytest.mark.parametrize("address", [None, "auto", "127.0.0.1:6379"])
def test_submit_needs_a_dashboards_address(address: str | None) -> None:
    with pytest.raises(UserError, match="--submit needs the address of a cluster's dashboard"):
        submit(address, "toy", [], print)


def test_nobody_answers() -> None:
    with pytest.raises(UserError, match=r"No Ray dashboard answers at --ray_address=http://127.0.0.1:1"):
        submit("http://127.0.0.1:1", "toy", [], print)


def test_a_head_whose_agent_is_not_there_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([RuntimeError("code 500: No available agent to submit job"), "job-1"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(submitting.time, "sleep", lambda seconds: None)
    assert submitting._accepted(ask) == "job-1"
    monkeypatch.setattr(submitting, "AGENT_SECONDS", -1.0)
    answers = iter([RuntimeError("No available agent")])
    with pytest.raises(UserError, match="nobody took the job"):
        submitting._accepted(ask)
