"""Spans, by OpenTelemetry. Only names of the configuration, fixed words, counts and our own ids are attributes."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import time_ns
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from gateway.model.calls import Call
from gateway.telemetry.events import CallEnded, HttpAnswered
from gateway.telemetry.tracing import NOTHING, CallSpan, RequestSpan

NANOSECONDS = 1_000_000_000
NO_ANSWER = frozenset({"not_sent", "unknown"})
SERVER_ERROR, CLIENT_ERROR = 500, 400
"""From which status on a span is in error: that of a server, and that of a client (semantic conventions for HTTP)."""


class Traces:
    """`Tracing` (see there). `requests` decides what is sampled; `work` records whatever follows from that."""

    def __init__(self, requests: Tracer, work: Tracer, close: Callable[[], Awaitable[None]]) -> None:
        self._requests = requests
        self._work = work
        self._close = close
        self._awaited: set[str] = set()

    def request(self, method: str, trace_parent: str | None) -> RequestSpan:
        """See `Tracing`."""
        caller = None if trace_parent is None else _context(trace_parent)
        parent = Context() if caller is None else _within(caller)
        span = self._requests.start_span(method, parent, SpanKind.SERVER)
        if not span.is_recording() and (caller is None or not caller.trace_flags.sampled):
            return NOTHING
        return _Request(span, self._awaited)

    def call(self, call: Call, claim_seconds: float | None) -> CallSpan:
        """See `Tracing`."""
        if call.trace_parent is None or not (request := _context(call.trace_parent)).trace_flags.sampled:
            return NOTHING
        began = time_ns() - round((claim_seconds or 0.0) * NANOSECONDS)
        name, known = f"call {call.kind}", _known_of(call)
        if call.trace_parent in self._awaited:
            span = self._work.start_span(name, _within(request), SpanKind.INTERNAL, known, start_time=began)
        else:
            links = [Link(request)]
            span = self._work.start_span(name, Context(), SpanKind.CONSUMER, known, links, start_time=began)
        within = set_span_in_context(span, Context())
        if claim_seconds is not None:
            self._work.start_span("claim", within, start_time=began).end()
        return _Call(span, within, self._work)

    async def close(self) -> None:
        """See `Tracing`."""
        await self._close()


class _Request:
    def __init__(self, span: Span, awaited: set[str]) -> None:
        self._span = span
        self._awaited = awaited
        self.trace_parent: str | None = _trace_parent(span)

    def wait(self) -> None:
        if self.trace_parent is not None:
            self._awaited.add(self.trace_parent)

    def end(self, answered: HttpAnswered) -> None:
        self._awaited.discard(self.trace_parent or "")
        self._span.update_name(f"{answered.method} {answered.route}")
        _set(
            self._span,
            {
                "http.request.method": answered.method,
                "http.route": answered.route,
                "http.response.status_code": answered.status,
                "gateway.request_id": answered.request_id,
                "gateway.operation_id": answered.operation_id,
                "gateway.caller": answered.caller,
                "gateway.problem": answered.problem,
            },
        )
        if answered.status >= SERVER_ERROR:
            _fail(self._span, answered.problem or str(answered.status))
        self._span.end()


class _Call:
    """The span of a call, and of what it does at the moment, which is one thing after another."""

    def __init__(self, span: Span, within: Context, tracer: Tracer) -> None:
        self._span = span
        self._within = within
        self._tracer = tracer
        self._doing: Span | None = None
        self.trace_parent: str | None = _trace_parent(span)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _frames: TracebackType | None
    ) -> None:
        for span in (self._doing, self._span):
            if span is not None:
                if kind is not None:
                    _fail(span, kind.__qualname__)
                span.end()

    def send(self, method: str, call: str, base_url: str) -> str | None:
        address, port = _server(base_url)
        given: dict[str, AttributeValue] = {
            "http.request.method": method,
            "server.address": address,
            "server.port": port,
            "gateway.call": call,
        }
        self._doing = self._tracer.start_span(f"{method} {call}", self._within, SpanKind.CLIENT, given)
        return _trace_parent(self._doing)

    def came_back(self, outcome: str, reason: str | None) -> None:
        if self._doing is None:
            return
        if outcome.isdigit():
            self._doing.set_attribute("http.response.status_code", int(outcome))
        if outcome in NO_ANSWER or (outcome.isdigit() and int(outcome) >= CLIENT_ERROR):
            _fail(self._doing, reason or outcome)
        self._doing.end()
        self._doing = None

    def settle(self) -> None:
        self._doing = self._tracer.start_span("settle", self._within)

    def end(self, ended: CallEnded) -> None:
        _set(self._span, {"gateway.call": ended.call, "gateway.outcome": ended.outcome, "gateway.reason": ended.reason})
        if ended.outcome in NO_ANSWER:
            _fail(self._span, ended.reason or ended.outcome)


def _known_of(call: Call) -> dict[str, AttributeValue]:
    known = {
        "gateway.call_id": call.id,
        "gateway.operation_id": call.operation_id,
        "gateway.request_id": call.request_id,
        "gateway.backend": call.backend,
        "gateway.tenant": call.tenant,
        "gateway.purpose": call.purpose.value,
        "gateway.positions": tuple(case.position for case in call.cases),
    }
    return {name: value for name, value in known.items() if value is not None}


def _set(span: Span, attributes: dict[str, str | int | None]) -> None:
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})


def _fail(span: Span, error_type: str) -> None:
    """`error_type` is a fixed word: what an error says of itself may hold anything."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


def _context(trace_parent: str) -> SpanContext:
    """Of a valid `traceparent` (Trace Context section 3.2), whatever its version."""
    _, trace_id, span_id, flags = trace_parent.split("-")[:4]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _trace_parent(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _within(parent: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(parent), Context())


@lru_cache(maxsize=64)
def _server(base_url: str) -> tuple[str, int]:
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
