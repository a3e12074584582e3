"""One TCP or TLS connection as httpx2's engine reads and writes it, on asyncio itself.

It exists for three things that the engine's own streams do not give: it knows whether a byte was ever given away for
sending, so that *not sent* is a fact; it tells whether the other side closed an idle connection, over TLS too, where a
session ticket is no close; and closing takes no turn of the loop, so that no cancelled call can leave it half used.
"""

import asyncio
import select
from typing import cast

import httpcore2


class Stream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """The bytes of one connection. Every wait is bounded by its caller's deadline; the `timeout` arguments are unused.

    Neither direction holds the other side back: a request is in memory as a whole already, and an answer is read as
    fast as it comes and ended at the byte cap.
    """

    def __init__(self) -> None:
        self.written = 0
        """How many bytes were given away for sending, ever. From then on they may arrive."""
        self._transport: asyncio.Transport  # set by `connection_made`, before anyone holds the stream
        self._arrived = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are alike, but no subclass

    def data_received(self, data: bytes) -> None:
        """Bytes came (asyncio)."""
        self._arrived += data
        self._wake()

    def eof_received(self) -> None:
        """The other side sends no more; asyncio then closes the connection."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone (asyncio)."""
        self._ended = True
        self._error = exc
        self._wake()

    @property
    def intact(self) -> bool:
        """Whether, as far as the loop knows, the connection is open and holds nothing that was not read."""
        return not self._ended and not self._arrived

    @property
    def quiet(self) -> bool:
        """`intact`, and the socket has nothing either: a close may have come that the loop has not read yet."""
        return self.intact and not self._readable()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore2's
        """Up to `max_bytes`, as soon as there are any; empty when the other side ended. Raises httpcore2.ReadError."""
        while not self._arrived and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if self._error is not None and not self._arrived:
            raise httpcore2.ReadError(self._error) from self._error
        data = bytes(self._arrived[:max_bytes])
        del self._arrived[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - httpcore2's
        """Give `buffer` away for sending, all of it at once. Raises httpcore2.WriteError: the connection is gone."""
        if not buffer:
            return
        if self._ended:
            raise httpcore2.WriteError("the connection is closed")
        self.written += len(buffer)
        self._transport.write(buffer)

    def close(self) -> None:
        """Close at once, dropping what was not sent yet."""
        self._ended = True
        self._transport.abort()

    async def aclose(self) -> None:
        """Close at once (httpcore2)."""
        self.close()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _readable(self) -> bool:
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))
