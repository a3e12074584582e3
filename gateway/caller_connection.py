"""A caller's connection: what is refused on it before there is a request to speak of."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.intake import CROWDED
from gateway.http.problems import MEDIA_TYPE, Problem, Refusal

REQUEST_HEAD_SECONDS = 10.0
"""How long a connection may take to say what it wants: who only holds it is let go of."""

REQUEST_HEAD_BYTES = 65_536
"""How long a head, or a trailer, may be, and what was read with its end: nothing else would bound them."""


class CallerConnection(HttpToolsProtocol):
    """Uvicorn's connection, closed if the head of a request does not come in time.

    Uvicorn's own refusals are plain text. What came over too many connections is for the application to refuse.
    """

    _has_head = False
    _offers_upgrade = False
    _bytes_in_vain = 0
    """Since something came of what was read."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as in uvicorn
        super().__init__(*given, **named)
        self._most_connections, self.limit_concurrency = self.limit_concurrency or 0, None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a request."""
        super().connection_made(transport)
        self._crowded = len(self.connections) > self._most_connections
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head or a trailer has no end, or another protocol was offered.

        The parser takes the body of a request with `Upgrade` for what follows it, where a proxy sees one request.
        """
        if self._offers_upgrade:
            return
        self._bytes_in_vain += len(data)
        super().data_received(data)
        if self._bytes_in_vain > REQUEST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"A head, or a trailer, may have {REQUEST_HEAD_BYTES} bytes.")
            self.flow.pause_reading()

    def on_message_begin(self) -> None:
        """A request begins: its head is to come."""
        super().on_message_begin()
        self._has_head, self._bytes_in_vain = False, 0
        self._head_due.cancel()
        self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; a trailer's is passed over: it might name another caller (RFC 9110 section 6.5.1)."""
        if not self._has_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._bytes_in_vain = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._has_head, self._bytes_in_vain = True, 0
        self._head_due.cancel()
        self._offers_upgrade = self.parser.should_upgrade()
        self.scope["state"][CROWDED] = self._crowded
        super().on_headers_complete()
        if (self._crowded or self._offers_upgrade) and self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, unless its sender still waits for an answer: it would take this one for it."""
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.more_body:
                self.transport.close()
            else:
                self.cycle.keep_alive = False
            return
        self.transport.write(_refusal(msg))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._head_due.cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_due = self.loop.call_later(REQUEST_HEAD_SECONDS, self.transport.close)


def _refusal(detail: str) -> bytes:
    body = Problem(Refusal.MALFORMED_REQUEST, detail).body()
    head = (
        "HTTP/1.1 400 Bad Request",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
