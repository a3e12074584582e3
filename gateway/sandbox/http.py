"""Between ASGI and the sandbox's own values: read a request, deliver a reply, break a connection on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.sandbox.replies import Delivery, Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT = "gateway.sandbox.transport"
MAX_BODY_BYTES = 64 * 1024 * 1024


class BrokenOnPurpose(Exception):
    """Raised to an ASGI server that does not hand over its connection: nothing else ends one without an answer."""


class Request:
    """One request, read whole.  ``too_large`` if its body is over 64 MiB; the body is then empty."""

    __slots__ = ("_receive", "_send", "body", "headers", "method", "path", "query", "too_large", "transport")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.transport: asyncio.Transport | None = (scope.get("extensions") or {}).get(TRANSPORT)
        self.body = b""
        self.too_large = False
        self._receive = receive
        self._send = send

    async def read(self) -> bool:
        """Read the body; false if the caller went away before its end."""
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            size += len(part)
            self.too_large = size > MAX_BODY_BYTES
            if not self.too_large:
                parts.append(part)
            more = message.get("more_body", False)
        self.body = b"" if self.too_large else b"".join(parts)
        return True

    async def gone(self) -> None:
        """Wait until the caller has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def is_gone(self) -> bool:
        """Whether the caller has closed the connection, as far as is known."""
        return self.transport is not None and self.transport.is_closing()

    async def deliver(self, reply: Reply) -> None:
        """Send the reply, or break the connection as it says."""
        if reply.delivery in (Delivery.DROPPED, Delivery.HUNG):
            await self._hang_up()
            return
        length = str(len(reply.body)).encode()
        own = [(b"content-type", reply.content_type), (b"content-length", length)]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": [*own, *reply.headers]})
        if reply.delivery is Delivery.DRIPPED:
            await self._drip(reply)
        elif reply.delivery is Delivery.CUT_OFF:
            await self._send_part(reply.body[: len(reply.body) // 2])
            await self._hang_up()
        else:
            await self._send({"type": "http.response.body", "body": reply.body})

    async def _drip(self, reply: Reply) -> None:
        pause_seconds = reply.drip_seconds / max(1, len(reply.body))
        for byte in reply.body:
            if self.is_gone:
                await self.gone()
                return
            await self._send_part(bytes((byte,)))
            await asyncio.sleep(pause_seconds)
        await self._send({"type": "http.response.body", "body": b""})

    async def _send_part(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def _hang_up(self) -> None:
        if self.transport is None:
            raise BrokenOnPurpose
        self.transport.close()
        await self.gone()
