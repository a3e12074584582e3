"""A small, fast caller: keep-alive connections on asyncio protocols, one request at a time on each."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import msgspec
from msgspec import Struct

from bench.upstream import content_length

REQUEST_SECONDS = 120.0


class Reply(Struct, frozen=True):
    """A whole answer, and how long it took in seconds."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Caller(asyncio.Protocol):
    """One connection to 127.0.0.1."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiter: asyncio.Future[tuple[int, bytes]]
        self._transport: asyncio.Transport

    @classmethod
    async def connected(cls, port: int) -> "Caller":
        """A caller that is connected to `port`."""
        _, caller = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return caller

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = content_length(bytes(self._buffer[:end]))
        if len(self._buffer) < end + 4 + length:
            return
        status, body = int(self._buffer[9:12]), bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        self._waiter.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        waiter = getattr(self, "_waiter", None)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error or ConnectionResetError("the server closed the connection"))

    async def call(self, request: bytes) -> Reply:
        """Send the bytes of one request and wait for the answer."""
        self._waiter = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        self._transport.write(request)
        status, body = await asyncio.wait_for(self._waiter, REQUEST_SECONDS)
        return Reply(status, body, time.perf_counter() - begun)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def request(method: str, path: str, body: object = None, headers: str = "") -> bytes:
    """The bytes of one request; `headers` are whole lines, each ending in CRLF."""
    content = b"" if body is None else msgspec.json.encode(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def call_once(port: int, data: bytes) -> Reply:
    """One request on a connection of its own."""
    caller = await Caller.connected(port)
    try:
        return await caller.call(data)
    finally:
        caller.close()


async def latencies(port: int, count: int, next_request: Callable[[], bytes]) -> list[float]:
    """The seconds of each of `count` requests, one after the other on one connection."""
    caller = await Caller.connected(port)
    try:
        return [_succeeded(await caller.call(next_request())).seconds for _ in range(count)]
    finally:
        caller.close()


async def throughput(port: int, callers: int, seconds: float, next_request: Callable[[], bytes]) -> float:
    """Requests a second that `callers` connections get answered within `seconds`."""
    connected = [await Caller.connected(port) for _ in range(callers)]
    begun = time.perf_counter()

    async def repeat(caller: Caller) -> int:
        done = 0
        while time.perf_counter() - begun < seconds:
            _succeeded(await caller.call(next_request()))
            done += 1
        return done

    done = sum(await asyncio.gather(*[repeat(caller) for caller in connected]))
    took = time.perf_counter() - begun
    for caller in connected:
        caller.close()
    return done / took


def _succeeded(reply: Reply) -> Reply:
    if reply.status != 200:  # noqa: PLR2004 - HTTP's
        raise RuntimeError(f"status {reply.status}: {reply.body[:500]!r}")
    return reply
