"""Connections to one origin: opened ahead of their use, handed out last in, first out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import httpcore2
from msgspec import Struct

from gateway.clock import Clock
from gateway.errors import AnswerUnknown
from gateway.transport.connecting import Origin
from gateway.transport.stream import Stream

IDLE_SECONDS = 3.0
"""How long a connection may lie idle. A request that meets a server's closing of it is lost without an answer, so this
is less than the shortest idle times in common use (5 s: Apache httpd, Node.js, uvicorn), slow networks included."""

MAX_ANSWER_BYTES = 1_048_576
"""CONTRACT.md section 1: an answer over 1 MiB is one that the upstream's contract does not allow."""


class Reply(Struct, frozen=True):
    """A complete answer, as it came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


class Connection:
    """One HTTP/1.1 connection, which carries one call at a time. `idle_since` is in monotonic seconds."""

    def __init__(self, origin: Origin, stream: Stream, idle_since: float) -> None:
        self.idle_since = idle_since
        self._stream = stream
        self._written_before = 0
        target = httpcore2.Origin(origin.scheme.encode(), origin.host.encode(), origin.port)
        self._engine = httpcore2.AsyncHTTP11Connection(target, stream)

    @property
    def intact(self) -> bool:
        """Whether, as far as the event loop knows, the other side has neither closed nor said anything unasked."""
        return self._stream.intact

    @property
    def quiet(self) -> bool:
        """`intact`, and the socket itself has nothing to read: to be asked right before a call."""
        return self._stream.quiet

    @property
    def sent(self) -> bool:
        """Whether a byte of the latest call left."""
        return self._stream.written > self._written_before

    @property
    def done(self) -> bool:
        """Whether the latest call ended cleanly, so that another may follow.

        Bytes after the end of its answer would be read as the start of the next one's: the answer to another case.
        """
        left_over, _ = self._engine._h11_state.trailing_data  # noqa: SLF001 - no public way; a test holds it in place
        return self._engine.is_idle() and not left_over

    async def call(self, request: httpcore2.Request) -> Reply:
        """Send `request` and read the whole answer. Raises httpcore2's errors; AnswerUnknown over 1 MiB."""
        self._written_before = self._stream.written
        response = await self._engine.handle_async_request(request)
        body = bytearray()
        async with aclosing(response.aiter_stream()) as parts:
            async for part in parts:
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise AnswerUnknown("too_large", f"the answer is over {MAX_ANSWER_BYTES} bytes")
        await response.aclose()
        return Reply(response.status, response.headers, bytes(body))

    def close(self) -> None:
        """Close at once."""
        self._stream.close()


class Pool:
    """Idle connections to one origin, `most` at the utmost; how many are in use is the ledger's business."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int, clock: Clock) -> None:
        self._connect = connect
        self._most = most
        self._clock = clock
        self._idle: list[Connection] = []
        self._closed = False

    async def ready(self, count: int) -> None:
        """Have up to `count` idle connections. Raises NotSent: there is none, and none could be made."""
        self._drop_worn_out()
        missing = min(count, self._most) - len(self._idle)
        if missing <= 0:
            return
        results = await asyncio.gather(*(self._open_one() for _ in range(missing)), return_exceptions=True)
        failures = [result for result in results if result is not None]
        if len(failures) == missing and not self._idle:
            raise failures[0]

    async def take(self) -> Connection:
        """The connection that was used last, else a new one. Raises NotSent: none could be made."""
        while self._idle:
            connection = self._idle.pop()
            if self._fresh(connection) and connection.quiet:
                return connection
            connection.close()
        return await self._connect()

    def put_back(self, connection: Connection) -> None:
        """Keep a connection whose call is over for the next one, or close it."""
        if self._closed or not connection.done or len(self._idle) >= self._most:
            connection.close()
            return
        connection.idle_since = self._clock.monotonic()
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _open_one(self) -> None:
        connection = await self._connect()
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _drop_worn_out(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            if self._fresh(connection) and connection.intact:
                self._idle.append(connection)
            else:
                connection.close()

    def _fresh(self, connection: Connection) -> bool:
        return self._clock.monotonic() - connection.idle_since <= IDLE_SECONDS
