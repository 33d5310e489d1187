"""A real S3 server (moto) on loopback, filled from inside the process."""

from __future__ import annotations

import logging

import pytest


class S3Server:
    """`url` is its endpoint; `put` and `delete` act on its storage directly."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    @property
    def backend(self):
        from moto.backends import get_backend

        return get_backend("s3")["123456789012"]["aws"]

    def bucket(self, name: str) -> None:
        self.backend.create_bucket(name, "us-east-1")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.backend.put_object(bucket, key, content)

    def delete(self, bucket: str, key: str) -> None:
        self.backend.delete_object(bucket, key)

    def reset(self) -> None:
        self.backend.reset()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("moto", reason="moto is a test dependency")
    running = S3Server()
    yield running
    running.stop()
