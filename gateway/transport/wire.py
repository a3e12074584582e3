"""One origin: a request out, one complete answer back, never twice."""

import asyncio

import httpcore2

from gateway.clock import Clock
from gateway.errors import AnswerUnknown
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport.connecting import Origin, connect
from gateway.transport.connections import Connection, Pool, Reply
from gateway.transport.errors_table import broken_call
from gateway.transport.tls import Tls
from gateway.version import __version__

CONNECT_SECONDS = 10.0
"""How long making a connection may take, from its name to the end of the TLS handshake."""

MAX_IDLE_CONNECTIONS = 100
"""How many connections wait for work where no limit of the configuration says less."""

OWN_HEADERS = (("Accept-Encoding", "identity"), ("User-Agent", f"case-gateway/{__version__}"))
"""Sent with every request; no coding, so that the byte cap is one of memory too."""


class Wire:
    """Requests to one origin over HTTP/1.1: no redirects, no proxies from the environment, no second try."""

    def __init__(self, origin: Origin, tls: Tls, clock: Clock, *, timeout_seconds: float, most: int) -> None:
        self._origin = origin
        self._tls = tls
        self._clock = clock
        self._connect_seconds = min(CONNECT_SECONDS, timeout_seconds)
        self._pool = Pool(self._connect, most, clock)

    async def ready(self, count: int) -> None:
        """Have up to `count` idle connections. Raises NotSent: there is none, and none could be made."""
        await self._pool.ready(count)

    async def call(self, request: UpstreamRequest, headers: tuple[tuple[str, str], ...], deadline: float) -> Answer:
        """Send `request` with `headers` added, and read the answer, until `deadline` (the event loop's time).

        Raises NotSent: no byte left. Raises AnswerUnknown: a byte left, and no answer came that is whole, of at most
        1 MiB, and without a content coding.
        """
        connection: Connection | None = None
        try:
            message = self._worded(request, headers)
            async with asyncio.timeout_at(deadline):
                connection = await self._pool.take()
                _demand_time(deadline)
                reply = await connection.call(message)
        except Exception as error:
            raise broken_call(error, sent=connection is not None and connection.sent) from error
        finally:
            if connection is not None:
                self._pool.put_back(connection)
        return self._answer(reply)

    def close(self) -> None:
        """Close every idle connection, and those in use when they come back."""
        self._pool.close()

    async def _connection(self, deadline: float) -> Connection:
        if asyncio.get_running_loop().time() >= deadline:
            # A connection at hand is taken without a turn of the loop, so asyncio's timeout alone would come too late.
            raise TimeoutError
        async with asyncio.timeout_at(deadline):
            return await self._pool.take()

    async def _connect(self) -> Connection:
        tls = self._tls() if self._origin.scheme == "https" else None
        stream = await connect(self._origin, tls, self._connect_seconds)
        return Connection(self._origin, stream, self._clock.monotonic())

    def _worded(self, request: UpstreamRequest, headers: tuple[tuple[str, str], ...]) -> httpcore2.Request:
        framing = (("Host", self._origin.authority), ("Content-Length", str(len(request.body))))
        return httpcore2.Request(
            request.method,
            httpcore2.URL(
                scheme=self._origin.scheme.encode(),
                host=self._origin.host.encode(),
                port=self._origin.port,
                target=request.path.encode("ascii"),
            ),
            headers=_as_bytes((*framing, *OWN_HEADERS, *request.headers, *headers)),
            content=request.body,
        )

    def _answer(self, reply: Reply) -> Answer:
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in reply.headers)
        answer = Answer(reply.status, headers, reply.body, self._clock.now())
        if answer.header("content-encoding") not in {None, "", "identity"}:
            raise AnswerUnknown("encoding", "the answer has a content coding that was not asked for")
        return answer


def _demand_time(deadline: float) -> None:
    """A timeout alone would end a call only once it waits, and then it is on its way."""
    if asyncio.get_running_loop().time() >= deadline:
        raise TimeoutError


def _as_bytes(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
