"""The listener's end: no connection is closed that a caller is about to use again."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway import server as module
from gateway.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"


class App:
    """Answers `hello` as soon as it may."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, _scope: object, _receive: object, send: Callable[[dict[str, Any]], Any]) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def stopping(app: App) -> AsyncIterator[tuple[Server, int]]:
    """A server, and its port; within the block it has to be told to stop."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    made = Server(app, listener)
    task = asyncio.create_task(made.serve())
    try:
        yield made, port
    finally:
        made.stop()
        async with asyncio.timeout(10):
            await task


async def refused(port: int) -> None:
    """Return when nobody listens any more."""
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()


async def test_an_answer_that_is_due_when_it_stops_says_that_it_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_REQUESTS_SECONDS", 0.0)
    app = App()
    async with stopping(app) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await app.asked.wait()
        server.stop()
        await refused(port)
        app.may_answer.set()
        answer = await reader.read()
        writer.close()

    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhello")


async def test_a_request_on_an_open_connection_is_answered_while_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_REQUESTS_SECONDS", 2.0)
    app = App()
    app.may_answer.set()
    async with stopping(app) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"connection: close" not in await reader.readuntil(b"hello")
        server.stop()
        await refused(port)
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()

    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhello")
