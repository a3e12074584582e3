"""A gateway of canned replies on a loopback port: it answers what the contract lets a gateway answer, and remembers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

OPERATION_ID = "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"
PATH = f"/v1/operations/{OPERATION_ID}"


class Canned(NamedTuple):
    """One reply. `body` null closes the connection without an answer."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


class Received(NamedTuple):
    """One request, its JSON body parsed."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class StubGateway:
    """Answers each request with the next canned reply; a request too many is answered with 500."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Canned] = []
        self.received: list[Received] = []


@contextmanager
def serving() -> Iterator[StubGateway]:
    """A stub that listens on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = StubGateway(f"http://127.0.0.1:{server.server_address[1]}")
    server.stub = stub  # type: ignore[attr-defined]  # the handler finds its script through the server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Takes a note of a request and sends the next reply."""

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Stay silent."""

    def _answer(self) -> None:
        stub: StubGateway = self.server.stub  # type: ignore[attr-defined]  # set by `serving`
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        stub.received.append(Received(self.command, self.path, headers, json.loads(text) if text else None))
        reply = stub.replies.pop(0) if stub.replies else Canned(500, "no reply is left")
        if reply.body is None:
            self.close_connection = True
            return
        content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in (
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(content))),
            *reply.headers,
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def result(name: str, status: str = "succeeded", **changes: object) -> dict[str, Any]:
    """The result of one deletion."""
    done = status == "succeeded"
    usual = {
        "case": {"caseNumber": name},
        "status": status,
        "found": done,
        "deleted": done,
        "requestId": "5f1c1c9e-6f0c-4f3c-9d38-0d5a3a0d4a11",
        "attempts": 1,
        "evidence": "confirmed",
        "items": [],
        "messages": [],
        "errors": [],
    }
    return {**usual, **changes}


def envelope(*results: dict[str, Any], status: str = "succeeded", **changes: object) -> dict[str, Any]:
    """A deletion's envelope with `results`."""
    counts = dict.fromkeys(("succeeded", "partial", "failed", "unknown", "pending", "cancelled"), 0)
    for each in results:
        counts[each["status"]] += 1
    ended = status not in {"running", "scheduled"}
    usual = {
        "operationId": OPERATION_ID,
        "kind": "case-deletion",
        "tenant": "acme-dk",
        "backend": "hub-dk",
        "system": "hub-property",
        "execute": True,
        "status": status,
        "summary": {"total": len(results), **counts},
        "results": list(results),
        "createdAt": "2025-11-21T20:00:00Z",
        "notBefore": None,
        "startedAt": "2025-11-21T20:00:00Z",
        "finishedAt": "2025-11-21T20:00:01Z" if ended else None,
        "estimatedFinishAt": None,
        "links": {"self": PATH, "results": f"{PATH}/results"},
    }
    return {**usual, **changes}


def accepted(*results: dict[str, Any], status: str = "running", not_before: str | None = None) -> Canned:
    """A 202, to be asked about again at once."""
    return Canned(
        202, envelope(*results, status=status, notBefore=not_before), (("Location", PATH), ("Retry-After", "0"))
    )


def problem(status: int, code: str, detail: str, errors: tuple[dict[str, str], ...] = ()) -> Canned:
    """A refusal (RFC 9457)."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail, "errors": errors}
    return Canned(status, body, content_type="application/problem+json")
