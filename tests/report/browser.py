"""A headless Chromium, driven over its debugging port: what a page logs, requests, measures and looks like."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import itertools
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed, so the page cannot be looked at."
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


@dataclasses.dataclass
class Page:
    """An open page: `problems` are errors of console and script, `requests` the addresses that it asked for."""

    send: Callable[..., Coroutine[Any, Any, dict[str, Any]]]
    problems: list[str]
    requests: list[str]

    async def value(self, expression: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def size(self, width: int, height: int = 900, *, dark: bool = False, media: str = "screen") -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])

    async def screenshot(self, path: pathlib.Path) -> None:
        answer = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    async def pdf(self, path: pathlib.Path) -> None:
        answer = await self.send("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextlib.asynccontextmanager
async def opened(path: pathlib.Path) -> AsyncIterator[Page]:
    """A page from a file, loaded; the browser ends with the block."""
    import aiohttp

    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = await _port(pathlib.Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json") as response:
                    targets = await response.json()
                address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    yield await _load(socket, path)
        finally:
            process.terminate()
            process.wait(timeout=120)


async def _port(file: pathlib.Path, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended with {process.returncode} before it could be asked anything.")
        await asyncio.sleep(0.05)
    raise TimeoutError("Chromium did not open its debugging port within five minutes.")


async def _load(socket: Any, path: pathlib.Path) -> Page:
    numbers = itertools.count(1)
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
    loaded = asyncio.get_running_loop().create_future()
    problems: list[str] = []
    requests: list[str] = []

    async def listen() -> None:
        async for message in socket:
            event = message.json()
            if "id" in event:
                waiting.pop(event["id"]).set_result(event)
                continue
            kind, told = event["method"], event["params"]
            if kind == "Page.loadEventFired" and not loaded.done():
                loaded.set_result(None)
            elif kind == "Network.requestWillBeSent":
                requests.append(told["request"]["url"])
            elif kind == "Runtime.exceptionThrown":
                problems.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
            elif kind == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                problems.append(str(told["args"]))
            elif kind == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                problems.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    listener = asyncio.ensure_future(listen())

    async def send(method: str, **params: Any) -> dict[str, Any]:
        number = next(numbers)
        waiting[number] = asyncio.get_running_loop().create_future()
        await socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(waiting[number], 300)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    for domain in ("Page", "Runtime", "Network", "Log"):
        await send(f"{domain}.enable")
    await send("Page.navigate", url=path.resolve().as_uri())
    await asyncio.wait_for(loaded, 300)
    page = Page(send, problems, requests)
    page.listener = listener  # type: ignore[attr-defined]  # keeps the task alive as long as the page
    return page


def look(path: pathlib.Path, visit: Callable[[Page], Coroutine[Any, Any, Any]]) -> Any:
    """What `visit` finds on the page in the file."""

    async def whole() -> Any:
        async with opened(path) as page:
            return await visit(page)

    return asyncio.run(whole())
