"""An upstream on loopback that takes note of all it receives and answers byte for byte as a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from msgspec import Struct


class Received(Struct, frozen=True):
    """One request as it came; header names as they were written."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        """The only value of `name`."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1
        return values[0] if values else None


Answering = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer. The connection stays open unless it closes the writer."""


class Upstream:
    """`requests` and `connections` so far; `serving` connections now; `ended` counts those that the client closed."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.requests: list[Received] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.serving = 0
        self.ended = 0
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, until either side closes it."""
        self.connections += 1
        self.serving += 1
        self.writers.append(writer)
        number = self.connections
        try:
            while not writer.is_closing():
                self.requests.append(await self._request(reader, number))
                await self.answering(self.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self.ended += 1
        finally:
            writer.close()
            self.serving -= 1

    async def _request(self, reader: asyncio.StreamReader, number: int) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        return Received(method, target, headers, await reader.readexactly(length), number)


@asynccontextmanager
async def upstream(answering: Answering, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """An Upstream that listens while the context lasts."""
    served = Upstream(answering)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    served.scheme = "https" if tls else "http"
    try:
        yield served
    finally:
        server.close()
        await turns()  # in which connections that are just being accepted come up
        for writer in served.writers:
            writer.transport.abort()
        await until(lambda: served.serving == 0)
        await turns()


def reply(body: bytes = b"{}", status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """A whole answer with a Content-Length."""
    lines = (f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(body) if length is None else length}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


def sends(*parts: bytes) -> Answering:
    """Writes `parts` and leaves the connection open."""

    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def sends_and_closes(*parts: bytes) -> Answering:
    """Writes `parts` and closes the connection."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        await sends(*parts)(received, writer)
        writer.close()

    return answer


async def says_nothing(_received: Received, _writer: asyncio.StreamWriter) -> None:
    """Leaves the client waiting."""


async def turns() -> None:
    """A few turns of the loop, for what needs no waiting but is not done at once."""
    for _ in range(5):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds; two seconds at most."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - what is waited for is a state of the code under test, with no event
            await asyncio.sleep(0.001)
