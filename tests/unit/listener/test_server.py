"""The listener's end: who has connected is answered."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

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


async def test_who_was_in_line_when_it_stopped_is_answered() -> None:
    """If the socket is closed over those who are in line, their connections are reset."""
    app, late = App(), list[socket.socket]()
    app.may_answer.set()
    async with stopping(app) as (server, port):
        shutdown = server.shutdown

        async def shutdown_with_callers_in_line(sockets: list[socket.socket] | None = None) -> None:
            late.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(20))
            for connection in late:
                connection.sendall(REQUEST)
            await shutdown(sockets)

        server.shutdown = shutdown_with_callers_in_line  # type: ignore[method-assign]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        writer.close()
    answers = [connection.makefile("rb").read() for connection in late]
    for connection in late:
        connection.close()

    assert len(answers) == 20
    assert {answer.endswith(b"\r\n\r\nhello") for answer in answers} == {True}


async def test_an_open_connection_is_served_until_it_has_stopped() -> None:
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

    assert answer.endswith(b"\r\n\r\nhello")
