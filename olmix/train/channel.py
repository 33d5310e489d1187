"""The line between the coordinator of a run and its processes: results, progress and log lines one way, "leave" the other.

Plain sockets with the standard library's authentication, and not files or Ray's actors: a message arrives at once on any
file system, and both ends notice at once when the other dies. A process whose coordinator is gone ends itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any

from olmix.graph.seldom import Seldom

#: One message: who sent it (a rank, or a name), what kind of message it is, and its content.
Message = tuple[int | str, str, Any]
GONE = "gone"


class Desk:
    """The coordinator's end. `messages` fills up with what the others send, and with (who, GONE, None) when one's line ends."""

    def __init__(self, host: str) -> None:
        self._listener = Listener((host, 0), backlog=1024)
        self.address: tuple[tuple[str, int], bytes] = (self._listener.address, secrets.token_bytes(32))
        self.messages: queue.Queue[Message] = queue.Queue()
        self._lines: list[Connection] = []
        self._said: list[bytes] = []
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._listen, name="desk", daemon=True).start()

    def tell(self, word: str) -> None:
        """Sends a word to all who are there, and to those who will come."""
        with self._lock:
            self._said.append(word.encode())
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.send_bytes(word.encode())

    def close(self) -> None:
        """Ends all lines; processes that still live take that for the end of their coordinator."""
        with self._lock:
            self._closed = True
            for line in self._lines:
                _hang_up(line)
        with contextlib.suppress(OSError):  # Wakes up the listening thread, which then closes.
            Client(self.address[0]).close()

    def _listen(self) -> None:
        while not self._closed:
            try:
                line = self._listener.accept()
            except OSError:  # It left before it was let in.
                time.sleep(0.01)
                continue
            # In a thread of its own, for one who says nothing must not keep the others waiting.
            threading.Thread(target=self._read, args=(line,), name="desk-line", daemon=True).start()
        self._listener.close()

    def _welcome(self, line: Connection) -> None:
        """Checks that both ends know the key; whatever was said before is said again."""
        deliver_challenge(line, self.address[1])
        answer_challenge(line, self.address[1])
        with self._lock:
            if self._closed:
                _hang_up(line)
            self._lines.append(line)
            for word in self._said:
                line.send_bytes(word)

    def _read(self, line: Connection) -> None:
        who: int | str | None = None
        with contextlib.suppress(EOFError, OSError, AuthenticationError):
            self._welcome(line)
            while True:
                who, kind, content = pickle.loads(line.recv_bytes())
                self.messages.put((who, kind, content))
        if who is not None:
            self.messages.put((who, GONE, None))


def _hang_up(line: Connection) -> None:
    """Ends a line that another thread may be reading from; it reads an end."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(line.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


class Line:
    """One process's end. Words of the coordinator go to `heard`; when the coordinator is gone, the process ends, by force."""

    def __init__(self, address: tuple[tuple[str, int], bytes], who: int | str, heard: Callable[[str], None]) -> None:
        self.who = who
        self._connection = Client(address[0], authkey=address[1])
        self._lock = threading.Lock()
        self._heard = heard
        self._seldom = Seldom(0.2)
        threading.Thread(target=self._listen, name="line", daemon=True).start()

    def send(self, kind: str, content: Any) -> None:
        """Sends something that pickles, whole."""
        data = pickle.dumps((self.who, kind, content))
        with self._lock:
            self._connection.send_bytes(data)

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Sends how far the work is, at most five times a second, but for what must not be missed."""
        if self._seldom.due(done, total, note):
            self.send("progress", (done, total, note))

    @contextlib.contextmanager
    def logging(self, least: int = logging.INFO) -> Iterator[None]:
        """Sends the log lines of this package, from the level `least` on, for as long as the block lasts."""
        handler, root = _Sender(self, least), logging.getLogger("olmix")
        level = root.level
        root.addHandler(handler)
        root.setLevel(least)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._heard(self._connection.recv_bytes().decode())
        os._exit(1)


class _Sender(logging.Handler):
    def __init__(self, line: Line, least: int) -> None:
        super().__init__(least)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a record; a line that is gone is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self._line.send("log", (record.name, record.levelno, record.getMessage()))
