"""The listening sockets, and uvicorn on them."""

import asyncio
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn

from gateway.caller_connection import CallerConnection
from gateway.config import settings
from gateway.errors import ConfigurationError, Fault

BACKLOG = 2048
"""How many connections may wait to be accepted."""

MOST_CONNECTIONS = 10_000
"""What comes over more of them is refused."""

LAST_REQUESTS_SECONDS, FIRST_REQUEST_SECONDS = 0.5, 2.0
"""How long requests are taken on open connections when no more are accepted: what was accepted is answered. Who has
just connected is about to ask, and is given longer."""

KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle. Longer than callers and proxies usually keep one, so that it is they who close it:
who closes while a request is on its way leaves the caller without an answer."""

LOOK_SECONDS = 0.02
"""How often it is looked whether connections are still open."""

TICK_SECONDS = 0.1
"""Uvicorn's tick: every tenth of them it makes the Date header anew."""


def most_connections() -> int:
    """At most half of the files that this process may open: the other half is for the ledger and the upstreams."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if allowed == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, allowed // 2)


class Server(uvicorn.Server):
    """Uvicorn on a socket of ours; signals are for the whole process, not for one listener.

    `tls` null: plain HTTP. `most`: how many connections, null for as many as the process can have.
    """

    def __init__(
        self, app: object, listener: socket.socket, tls: ssl.SSLContext | None = None, most: int | None = None
    ) -> None:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI 3 application
            lifespan="off",
            access_log=False,
            log_config=None,
            http=CallerConnection,
            limit_concurrency=most_connections() if most is None else most,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
        super().__init__(config)
        self._listener = listener
        self._tls = tls
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, answer what is there or just arriving, then close; 5 seconds later at the latest."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(LOOK_SECONDS)  # the loop closes its own copy of the socket with its next turn
        await self._accept_the_last()
        began = time.monotonic()
        while self._expects_requests(time.monotonic() - began):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)

    def _expects_requests(self, seconds: float) -> bool:
        """Whether one may come on an open connection, so many seconds after the last was accepted."""
        connections = self.server_state.connections
        if seconds < LAST_REQUESTS_SECONDS:
            return bool(connections)
        callers = (connection for connection in connections if isinstance(connection, CallerConnection))
        return seconds < FIRST_REQUEST_SECONDS and any(caller.cycle is None for caller in callers)

    async def _accept_the_last(self) -> None:
        """Whoever is still in line would be reset when the socket closes: let them in, and close it behind them."""
        self._listener.setblocking(False)
        connections = []
        with suppress(OSError):  # nobody is left
            while True:
                connections.append(self._listener.accept()[0])
        self._listener.close()
        loop = asyncio.get_running_loop()
        opening = [
            asyncio.ensure_future(loop.connect_accepted_socket(self._connection, connection, ssl=self._tls))
            for connection in connections
        ]
        if opening:
            await asyncio.wait(opening, timeout=LAST_REQUESTS_SECONDS)

    def _connection(self) -> CallerConnection:
        return CallerConnection(self.config, self.server_state, self.lifespan.state)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve within the block."""
        task = asyncio.create_task(self.serve())
        try:
            yield
        finally:
            self.stop()
            await task

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Serve until told to exit."""
        # A copy, so that those in line when it is closed are not lost.
        await self._serve([self._listener.dup()])


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
