"""Serves the sandbox over HTTP/1.1: in a test's event loop, or as a process of its own."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Generator
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.sandbox.app import Sandbox
from gateway.sandbox.http import TRANSPORT

STOP_SECONDS = 1
BACKLOG = 2048


class PortTaken(OSError):
    """Another process listens on the address already."""


class SandboxServer:
    """``async with SandboxServer(build(options)) as server: ...`` serves on ``server.url`` inside the block.

    ``port`` 0 takes a free one; ``server.port`` is the one bound.  Raises PortTaken on entering, OSError for an address
    that cannot be bound.  On leaving, calls under way get a second to finish, and one more after
    their connections are closed.
    """

    def __init__(self, app: Sandbox, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        self.host = host
        self.port = port
        self._server = _Embedded(_config(app))
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bind and serve; returns when connections are answered."""
        listener = listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        await self._server.serving.wait()

    async def stop(self) -> None:
        """Stop serving; harmless if it does not."""
        if self._task is not None:
            self._server.stop()
            await self._task
            self._task = None


def serve(app: Sandbox, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    _Process(_config(app)).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.  Raises PortTaken, or OSError for another reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(error.errno, f"port {port} on {host} is taken") from error
    # Accepted connections inherit it.  asyncio sets it only on sockets made with an explicit protocol, and without it
    # head and body of an answer, which are two writes, arrive 40 ms apart.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Protocol(HttpToolsProtocol):
    """Hands its connection to the application, which has to be able to break it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]  # extensions are free


class _Embedded(uvicorn.Server):
    """Leaves signals to whoever runs the event loop, and stops when told instead of at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            self.serving.set()
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - its servers close them
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finish()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._finish()
        for task in self.server_state.tasks:
            task.cancel()

    async def _finish(self) -> None:
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=STOP_SECONDS)


class _Process(_Embedded):
    """Stops on SIGINT and SIGTERM, and then ends well instead of raising them once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield


def _config(app: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        loop="uvloop",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
