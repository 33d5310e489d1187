"""What W&B's GraphQL server answers to a client that lists a group's runs, on loopback: recorded shapes, our own runs."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

LEAVES = ("web", "code:high", "code:low")


def recorded(count: int = 12, seed: int = 0) -> list[dict[str, Any]]:
    """Nodes of runs as the server has them: config and summary are JSON in a string."""
    rng = np.random.default_rng(seed)
    nodes = []
    for i, w in enumerate(rng.dirichlet(np.ones(3), count)):
        config = {"mixture": {"value": dict(zip(LEAVES, w.tolist(), strict=True))}, "seed": {"value": i}}
        summary = {"bpb/web": 1 - w[0] / 4, "bpb/code": 1.2 - w[1] / 2, "_step": 100, "lr": 0.1, "note": "ok"}
        nodes.append(node(f"id{i:02d}", f"variant-{i:03d}", config, summary, "finished"))
    return nodes


def node(run: str, name: str, config: Any, summary: Any, state: str) -> dict[str, Any]:
    return {
        "projectId": 1,
        "id": f"UnVuOnYx{run}",
        "tags": [],
        "name": run,
        "displayName": name,
        "sweepName": None,
        "state": state,
        "config": json.dumps(config),
        "group": "swarm-1",
        "jobType": None,
        "commit": None,
        "readOnly": False,
        "createdAt": "2026-01-01T00:00:00Z",
        "heartbeatAt": "2026-01-01T01:00:00Z",
        "description": None,
        "notes": None,
        "systemMetrics": "{}",
        "summaryMetrics": json.dumps(summary),
        "historyLineCount": 100,
        "user": {"name": "A", "username": "a"},
        "historyKeys": None,
    }


@contextlib.contextmanager
def served(nodes: list[dict[str, Any]], page: int = 5) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address and the variables of every listing of runs that it answered."""
    asked: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/graphql":  # the client's own telemetry
                return self.answer({})
            request = json.loads(body)
            return self.answer({"data": reply(request["query"], request.get("variables") or {})})

        def do_GET(self) -> None:
            self.answer({})

        def answer(self, data: Any) -> None:
            body = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    def reply(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "runs(" not in query:
            viewer = {"id": "VXNlcjox", "entity": "team", "username": "a", "flags": "{}", "teams": {"edges": []}}
            return {"viewer": viewer, "serverInfo": {"features": [], "cliVersionInfo": {}}, "organization": None}
        asked.append(variables)
        wanted = json.loads(variables["filters"] or "{}").get("group")
        matching = [n for n in nodes if wanted in (None, n["group"])]
        start = int(variables.get("cursor") or 0)
        size = min(variables.get("perPage") or page, page)
        edges = [{"node": n, "cursor": str(start + i + 1)} for i, n in enumerate(matching[start : start + size])]
        info = {"endCursor": edges[-1]["cursor"] if edges else None, "hasNextPage": start + size < len(matching)}
        if variables["project"] == "nowhere":
            return {"project": None}
        return {
            "project": {
                "internalId": "1",
                "runCount": len(matching),
                "readOnly": False,
                "runs": {"edges": edges, "pageInfo": info},
            }
        }

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
