"""The line between a coordinator and its processes, with a real process at the other end."""

from __future__ import annotations

import logging
import multiprocessing
import queue
import socket
import time

import pytest

from olmix.train.channel import GONE, Desk, Line


def other_end(address, rank: int, heard) -> None:
    line = Line(address, rank, heard.put)
    with line.logging():
        line.send("hello", "here")
        logging.getLogger("olmix.train").info("a line of %s", "log")
        for done in range(1000):
            line.progress(done, 999)
    time.sleep(60)


@pytest.fixture
def desk():
    desk = Desk("127.0.0.1")
    yield desk
    desk.close()


def start(desk: Desk, rank: int):
    context = multiprocessing.get_context("spawn")
    heard = context.Queue()
    process = context.Process(target=other_end, args=(desk.address, rank, heard), daemon=True)
    process.start()
    return process, heard


def until(desk: Desk, kind: str) -> list[tuple]:
    found = []
    while not found or found[-1][1] != kind:
        found.append(desk.messages.get(timeout=60))
    return found


def test_messages_words_and_the_end(desk: Desk) -> None:
    stranger = socket.create_connection(desk.address[0])  # Says nothing, and keeps nobody waiting.
    process, heard = start(desk, 3)
    assert until(desk, "log") == [(3, "hello", "here"), (3, "log", ("olmix.train", logging.INFO, "a line of log"))]
    end = time.monotonic() + 60
    told = []
    while not told or told[-1][2][0] < 999:
        told.append(desk.messages.get(timeout=60))
        assert time.monotonic() < end
    assert len(told) < 110  # Of a thousand: a hundredth at a time, and the end for sure.
    desk.tell("leave")
    assert heard.get(timeout=60) == "leave"
    process.kill()
    assert until(desk, GONE)[-1] == (3, GONE, None)
    stranger.close()


def test_a_late_comer_hears_what_was_said_and_ends_with_its_coordinator(desk: Desk) -> None:
    desk.tell("leave")
    process, heard = start(desk, 0)
    assert heard.get(timeout=60) == "leave"
    desk.close()
    process.join(60)
    assert process.exitcode == 1


def test_without_the_key_nobody_is_heard(desk: Desk) -> None:
    with pytest.raises(Exception, match=r"digest|rejected"):
        Line((desk.address[0], b"guess"), 0, print)
    with pytest.raises(queue.Empty):
        desk.messages.get(timeout=0.2)
