"""Ended spans go to a receiver by OTLP over HTTP, in batches, on a thread of their own.

Whatever becomes of them there, no request waits for it or fails for it: what cannot be handed over in time is lost, and
that is told; what finds no room in the queue is lost, too. The libraries read further `OTEL_...` variables themselves:
batches, headers, certificates, time-outs, the sampler, names of the service.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from gateway.telemetry.events import Observer, SpansLost
from gateway.telemetry.traces import Traces
from gateway.version import __version__

NAME = "case-gateway"
LAST_SPANS_SECONDS = 5.0
"""How long a process that ends waits for its last spans to be taken."""

TALKATIVE = ("opentelemetry.exporter", "opentelemetry.util.re")
"""What they log holds URLs and words of the receiver (SpansLost is told instead), and headers that are secrets."""


def traces(endpoint: str, observer: Observer) -> Traces:
    """Spans that go to `endpoint`. Raises whatever the libraries say of a variable that they cannot use."""
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    resource = _resource()
    exporter = Told(OTLPSpanExporter(endpoint=endpoint), observer)
    processor = BatchSpanProcessor(exporter)
    sampled = TracerProvider(resource=resource, shutdown_on_exit=False)
    followed = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    for provider in (sampled, followed):
        provider.add_span_processor(processor)

    async def close() -> None:
        # The library's own end may take half a minute, and its thread is none that an interpreter waits for.
        ending = threading.Thread(target=processor.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_SPANS_SECONDS)
        # What still has no answer then is not sent again: the library's thread ends with the request that it waits for.
        exporter.shutdown()

    return Traces(sampled.get_tracer(NAME, __version__), followed.get_tracer(NAME, __version__), close)


class Told(SpanExporter):
    """An exporter that tells of what it lost."""

    def __init__(self, exporter: SpanExporter, observer: Observer) -> None:
        self._exporter = exporter
        self._observer = observer

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand over; called on the processor's thread."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._observer(SpansLost(len(spans)))
        return result

    def shutdown(self) -> None:
        """Try no more."""
        self._exporter.shutdown()


def _resource() -> Resource:
    """What the variables say; where they name no service, the library makes one up, and the name is ours."""
    found = Resource({SERVICE_VERSION: __version__}).merge(Resource.create())
    is_named = not str(found.attributes[SERVICE_NAME]).startswith("unknown_service")
    return found if is_named else found.merge(Resource({SERVICE_NAME: NAME}))
