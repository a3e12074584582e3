"""A caller's connection, byte for byte: client libraries clean up what they send."""

import asyncio
import json
from contextlib import suppress
from typing import Any, NamedTuple

PATIENCE_SECONDS = 10


class Answer(NamedTuple):
    """One answer, its JSON read; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


class Connection:
    """HTTP/1.1 to one port of loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def say(self, *pieces: bytes) -> Answer:
        """Send the pieces, one after the other, and read an answer."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._answer()

    async def rest(self) -> bytes:
        """All that comes before the other side closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.read()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def _answer(self) -> Answer:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), f"a header twice: {lines}"
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split(" ")[1]), headers, json.loads(body, parse_constant=_no_constant))


class Line:
    """Requests of one caller to one port, over one connection as long as the server keeps it."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key.encode()
        self._connection: Connection | None = None

    async def request(
        self, method: str, target: str | bytes, headers: tuple[tuple[bytes, bytes], ...] = (), body: bytes = b""
    ) -> Answer:
        """`headers` besides Host, X-API-Key and Content-Length are sent as they are."""
        place = target if isinstance(target, bytes) else target.encode("ascii")
        lines = [method.encode() + b" " + place + b" HTTP/1.1", b"Host: gateway", b"X-API-Key: " + self._key]
        lines += [name + b": " + value for name, value in headers]
        if b"transfer-encoding" not in {name.lower() for name, _ in headers}:
            lines.append(b"Content-Length: %d" % len(body))
        if self._connection is None:
            self._connection = await Connection.open(self._port)
        answer = await self._connection.say(b"\r\n".join((*lines, b"", b"")) + body)
        if answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        self._connection = None


def _no_constant(word: str) -> None:
    raise AssertionError(word)
