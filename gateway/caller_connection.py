"""A caller's connection: what is refused on it before there is a request to speak of."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.intake import CROWDED
from gateway.http.problems import MEDIA_TYPE, Problem, Refusal

REQUEST_HEAD_SECONDS = 10.0
"""How long a connection may take to say what it wants: who only holds it is let go of."""


class CallerConnection(HttpToolsProtocol):
    """Uvicorn's connection, closed if the head of a request does not come in time.

    Uvicorn's own refusals are plain text. What came over too many connections is for the application to refuse.
    """

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as in uvicorn
        super().__init__(*given, **named)
        self._most_connections, self.limit_concurrency = self.limit_concurrency or 0, None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a request."""
        super().connection_made(transport)
        self._crowded = len(self.connections) > self._most_connections
        self._expect_head()

    def on_message_begin(self) -> None:
        """A request begins: its head is to come."""
        super().on_message_begin()
        self._head_due.cancel()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_due.cancel()
        self.scope["state"][CROWDED] = self._crowded
        super().on_headers_complete()
        if (self._crowded) and self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse what is not HTTP, unless its sender still waits for an answer: it would take this one for it."""
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.more_body:
                self.transport.close()
            else:
                self.cycle.keep_alive = False
            return
        self.transport.write(_not_http())
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._head_due.cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_due = self.loop.call_later(REQUEST_HEAD_SECONDS, self.transport.close)


def _not_http() -> bytes:
    body = Problem(Refusal.MALFORMED_REQUEST, "This is not HTTP/1.1.").body()
    head = (
        "HTTP/1.1 400 Bad Request",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
