"""A receiver of traces, in memory: OTLP over HTTP, as a collector takes it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

KINDS = {value: name.removeprefix("SPAN_KIND_").lower() for name, value in Span.SpanKind.items()}


class Taken(Struct, frozen=True):
    """A span as it was received. `links` are (trace id, span id); `failed`: its status is an error."""

    name: str
    kind: str
    trace_id: str
    id: str
    parent: str | None
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool
    began: int
    ended: int

    @property
    def trace_parent(self) -> str:
        """The `traceparent` that is sent from within it, without its flags."""
        return f"00-{self.trace_id}-{self.id}"


class Receiver:
    """Takes what is sent to `url`, unless it is `held`, or answers with another `status`."""

    def __init__(self) -> None:
        self.spans: list[Taken] = []
        self.resources: list[dict[str, Any]] = []
        self.bodies = b""
        self.status = 200
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.url = ""

    @property
    def environ(self) -> dict[str, str]:
        """What has a gateway send its traces here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def take(self, body: bytes) -> None:
        self.bodies += body
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(_attributes(of_resource.resource.attributes))
            for of_scope in of_resource.scope_spans:
                self.spans += [_taken(span) for span in of_scope.spans]

    def named(self, name: str) -> list[Taken]:
        return [span for span in self.spans if span.name == name]

    def within(self, parent: Taken) -> dict[str, Taken]:
        """Spans of one parent, by their names."""
        return {span.name: span for span in self.spans if (span.trace_id, span.parent) == (parent.trace_id, parent.id)}

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.set()
                receiver.go_on.wait()
                if receiver.status == 200 and self.path == "/v1/traces":
                    receiver.take(body)
                self.send_response(receiver.status if self.path == "/v1/traces" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's signature
                """Nobody reads it."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                self.go_on.set()
                server.shutdown()
                thread.join()


def _taken(span: Span) -> Taken:
    return Taken(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex() or None,
        attributes=_attributes(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:  # noqa: ANN401 - a protobuf list, untyped
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:  # noqa: ANN401 - a protobuf union, untyped
    chosen = value.WhichOneof("value")
    if chosen == "array_value":
        return tuple(_value(one) for one in value.array_value.values)
    return getattr(value, chosen)
