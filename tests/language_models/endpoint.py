"""A real HTTP endpoint that speaks OpenAI's protocol, for tests: it answers, is slow, fails, or talks nonsense, as told."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Endpoint:
    """`answer` turns a request body into a text; `trouble` says what to do instead, by the number of the call."""

    def __init__(self, answer: Callable[[dict[str, Any]], str]) -> None:
        self.answer = answer
        self.trouble: Callable[[int], str] = lambda number: ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextlib.contextmanager
def serving(answer: Callable[[dict[str, Any]], str]) -> Iterator[Endpoint]:
    endpoint = Endpoint(answer)
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                endpoint.bodies.append(body)
                endpoint.headers.append(dict(self.headers))
                number = len(endpoint.bodies)
            trouble = endpoint.trouble(number)
            if trouble == "slow":
                time.sleep(1.5)
            if trouble == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True
                return
            if trouble == "trickle":
                self._trickle()
                return
            if trouble == "one choice":
                body["n"] = 1
            if trouble.startswith("wait "):
                self._send(429, b"slow down", {"Retry-After": trouble.removeprefix("wait ")})
                return
            if trouble.isdigit():
                self._send(int(trouble), b'{"error": "told to fail"}')
            elif trouble == "nonsense":
                self._send(200, b"<html>hello</html>")
            elif trouble == "empty":
                self._send(200, b'{"choices": []}')
            elif trouble == "odd usage":
                choice = {"message": {"content": "fine"}, "finish_reason": "stop"}
                self._send(200, json.dumps({"choices": [choice], "usage": "none of it"}).encode())
            else:
                text = endpoint.answer(body)
                choices = [
                    {"message": {"content": text}, "finish_reason": "stop"} if "messages" in body
                    else {"text": text, "finish_reason": "stop"}
                    for _ in range(body.get("n", 1))
                ]  # fmt: skip
                usage = {"prompt_tokens": 10, "completion_tokens": 5}
                self._send(200, json.dumps({"choices": choices, "usage": usage}).encode())

        def _trickle(self) -> None:
            """A byte now and then: never silent for long, and never done."""
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)

        def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
