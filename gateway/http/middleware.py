"""Around everything: request id and trace, the headers of every answer, HEAD, and an event for each request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from typing import Any

from gateway.clock import Clock
from gateway.http.drain import Drain
from gateway.http.exchange import SCOPE_KEY, Exchange, Headers
from gateway.http.intake import CROWDED, Intake
from gateway.http.problems import MEDIA_TYPE, Problem, Refusal
from gateway.telemetry.events import HttpAnswered, HttpBegun, Observer
from gateway.telemetry.tracing import OFF, Tracing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ALWAYS_ANSWERED = frozenset({"/livez", "/readyz", "/metrics"})
UNROUTED = "unrouted"
CLIENT_GONE = 499
"""Recorded where the caller hung up before its answer."""
INTERNAL_ERROR = 500

_logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class Edge:
    """The outermost ASGI application (ASGI 3, HTTP)."""

    def __init__(
        self, app: App, clock: Clock, observer: Observer, drain: Drain, intake: Intake, tracing: Tracing = OFF
    ) -> None:
        self._app = app
        self._clock = clock
        self._observer = observer
        self._drain = drain
        self._intake = intake
        self._tracing = tracing

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, method, exchange = self._clock.monotonic(), scope["method"], Exchange(scope["headers"])
        inner = {**scope, SCOPE_KEY: exchange, "method": "GET" if method == "HEAD" else method}
        talk = _Talk(exchange, receive, send, head=method == "HEAD", drain=self._drain)
        known_method = method if method in METHODS else "OTHER"
        if scope["path"] not in ALWAYS_ANSWERED:
            exchange.follow(self._tracing.request(known_method, exchange.given_trace))
        self._observer(HttpBegun())
        try:
            await self._run(inner, talk)
        finally:
            answered = HttpAnswered(
                method=known_method,
                route=inner.get("path_template", UNROUTED),
                status=talk.status,
                seconds=self._clock.monotonic() - began,
                request_id=exchange.request_id,
                trace_parent=exchange.trace_parent,
                caller=exchange.caller,
                operation_id=exchange.operation_id,
                problem=exchange.problem,
            )
            self._observer(answered)
            exchange.span.end(answered)

    async def _run(self, scope: Message, talk: "_Talk") -> None:
        try:
            with nullcontext() if scope["path"] in ALWAYS_ANSWERED else self._intake.request(crowded=_crowded(scope)):
                await self._app(scope, talk.receive, talk.send)
        except Problem as problem:
            await talk.refuse(problem)
        except Exception:
            talk.status = INTERNAL_ERROR
            if talk.started:
                raise  # the server closes the connection: nobody takes half an answer for a whole one
            _logger.exception("a request failed outside of its handler", extra=talk.exchange.ids)
            await talk.refuse(Problem(Refusal.INTERNAL_ERROR))


class _Talk:
    """One request's messages, looked at as they pass."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send, *, head: bool, drain: Drain) -> None:
        self.status = INTERNAL_ERROR
        self.started = False
        self.exchange = exchange
        self._receive = receive
        self._send = send
        self._head = head
        self._drain = drain
        self._body_read = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_read = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = CLIENT_GONE if self._body_read and await self._hung_up() else message["status"]
            message["headers"] = [*_allowing_head(message["headers"]), *self._own_headers()]
        elif self._head:
            message["body"] = b""
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        self.exchange.problem = problem.refusal.code
        body = problem.body()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self.send({"type": "http.response.start", "status": problem.refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def _hung_up(self) -> bool:
        """Whether the caller is gone. Once its body is read, nothing else can come of it."""
        try:
            async with asyncio.timeout(0):
                message = await self._receive()
        except TimeoutError:
            return False
        return bool(message["type"] == "http.disconnect")

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        # A process on its way out asks every caller to come back on another connection, which leads to another process.
        leaving = [(b"connection", b"close")] if self._drain.begun else []
        return [
            *leaving,
            (b"x-request-id", self.exchange.request_id.encode("ascii")),
            (b"traceparent", self.exchange.echoed_trace.encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *self.exchange.answer_headers,
        ]


def _crowded(scope: Message) -> bool:
    return bool(scope.get("state", {}).get(CROWDED, False))


def _allowing_head(headers: Headers) -> Headers:
    """HEAD works wherever GET does."""
    return [(name, value + b", HEAD" if name == b"allow" and b"GET" in value else value) for name, value in headers]
