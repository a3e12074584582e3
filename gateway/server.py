"""The listening sockets, and uvicorn on them."""

import asyncio
import socket
from contextlib import suppress

import uvicorn

from gateway.config import settings
from gateway.errors import ConfigurationError, Fault

BACKLOG = 2048
"""How many connections may wait to be accepted."""

TICK_SECONDS = 0.1
"""Uvicorn's tick: every tenth of them it makes the Date header anew."""


class Server(uvicorn.Server):
    """Uvicorn on a socket of ours; signals are for the whole process, not for one listener."""

    def __init__(self, app: object, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI 3 application
            lifespan="off",
            access_log=False,
            log_config=None,
            http="httptools",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._listener = listener
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Exit, at once rather than at the next of uvicorn's ticks."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Uvicorn's own loop, but for what ends its waiting."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Serve until told to exit."""
        await self._serve([self._listener])


def listeners(server: settings.Server) -> list[socket.socket]:
    """The listening sockets: the API's, and that of metrics and probes if there is one.

    Connections to them wait until something serves. Raises ConfigurationError: a port is taken.
    """
    bound = [_listen(server.host, "server.port", server.port)]
    if server.metrics_port is not None:
        try:
            bound.append(_listen(server.host, "server.metrics_port", server.metrics_port))
        except ConfigurationError:
            bound[0].close()
            raise
    return bound


def _listen(host: str, key: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; uvloop does so anyway. Without it head and
    # body of an answer, which are two writes, arrive 40 ms apart.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host}:{port} ({error.strerror}); choose another port"
        raise ConfigurationError((Fault(key, message),)) from error
    return listener
