"""Marked secrets and identifiers, an upstream that throws everything back, and all that a gateway has written."""

import asyncio
import gc
import io
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog

from gateway.telemetry import logs
from gateway.telemetry.events import Event

SECRET = "s3cr3tCanary"
"""In every secret that a test makes up."""
IDENTIFIER = "iDcAnArY"
"""In every identifier, idempotency key and item that a test makes up."""

ECM_PASSWORD, CLIENT_SECRET, API_KEY = f"{SECRET}-ecm", f"{SECRET}-client", f"{SECRET}-of-the-job"
RECEIPT_KEY = f"{SECRET}-of-receipts-0123456789abcdef"


class Written:
    """Everything that leaves a gateway for a log: its events as lines, and what libraries log, at every level."""

    def __init__(self) -> None:
        self.lines = io.BytesIO()
        self.libraries = io.StringIO()

    def text(self) -> str:
        return self.lines.getvalue().decode() + self.libraries.getvalue()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """The product's own set-up of logs, at debug level, into memory."""
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        logs.configure(logging.DEBUG)
        structlog.configure(logger_factory=structlog.BytesLoggerFactory(self.lines), cache_logger_on_first_use=False)
        [handler] = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self.libraries)
        ours = logging.getLogger("gateway")
        ours.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.handlers[:], root.level = before, level
            ours.setLevel(logging.NOTSET)
            structlog.reset_defaults()

    def add(self, events: list[Event]) -> None:
        """What the events would be logged as, and what they look like in a debugger."""
        log = logs.Logs(logging.DEBUG)
        for event in events:
            log(event)
        self.libraries.write("\n".join(repr(event) for event in events))


class Echo:
    """An upstream that answers with what it was sent, credentials included, wherever an answer has room for it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.shape = 0
        self.port = 0

    SHAPES = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 500 Internal\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 200 OK\r\nX-Echo: {one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 200 {one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 503 Closed\r\nRetry-After: {one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/{one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: {one}\r\nContent-Length: %d\r\n\r\n%s",
        b"{one} %d %s\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n{one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: {one}\r\nContent-Length: %d\r\n\r\n%s",
        b"HTTP/1.1 200 OK\r\nContent-Type: {one}\r\nTransfer-Encoding: chunked\r\n\r\n{one}%d%s",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999%d\r\n\r\n%s",
    )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        body = await reader.readexactly(int(length.split(b":")[1]))
        self.heard.append(head + body)
        one = b" ".join((head + body).split())
        shape = self.SHAPES[self.shape].replace(b"{one}", one)
        writer.write(shape.replace(b"%d", str(len(head + body)).encode()).replace(b"%s", head + body))
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Echo"]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


def representations() -> Iterator[str]:
    """What every object of the gateway that is in memory now looks like in a debugger or a crash dump.

    Structs of plain values are not tracked by the collector, so they are looked for in what holds them.
    """
    seen: set[int] = set()
    found = [one for one in gc.get_objects() if _is_ours(one)]
    while found:
        one = found.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if _is_ours(one):
            yield repr(one)
        found += [held for held in gc.get_referents(one) if _is_ours(held) or isinstance(held, CONTAINERS)]


CONTAINERS = (dict, list, tuple, set, frozenset, deque)


def _is_ours(one: object) -> bool:
    """Not the sandbox's: that is not part of the product that runs."""
    module = str(type(one).__module__)
    return module.startswith("gateway.") and not module.startswith("gateway.sandbox")


def bytes_in(folder: Path, pattern: str) -> bytes:
    """What stands in files."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob(pattern)))
