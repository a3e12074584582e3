"""Spans as OpenTelemetry has them, without a receiver."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, Sampler
from opentelemetry.trace import Tracer

from gateway.model.calls import Call
from gateway.model.kinds import Kind, Purpose
from gateway.telemetry.events import CallEnded, HttpAnswered
from gateway.telemetry.traces import Traces
from gateway.telemetry.tracing import NOTHING

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CALL = Call("c", "o", "hub", Kind.CASE_DELETION, "acme", "acme", Purpose.EXECUTE, (), 0, trace_parent=TRACE)
ENDED = CallEnded("c", "o", "hub", "deleteCase", Purpose.EXECUTE, "200", None, 0.2, 0, "r", None)
ANSWERED = HttpAnswered("GET", "/v1/tenants", 200, 0.1, "r", None, "job", None)


async def nothing_to_close() -> None:
    return


class Kept:
    """Traces whose spans are kept."""

    def __init__(self, sampler: Sampler = DEFAULT_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.traces = Traces(self._tracer(sampler), self._tracer(ALWAYS_ON), nothing_to_close)

    def _tracer(self, sampler: Sampler) -> Tracer:
        provider = TracerProvider(sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        return provider.get_tracer("test")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in that order."""
        return self._exporter.get_finished_spans()

    def told(self) -> list[tuple[str, str | None]]:
        """Their names, and what went wrong in them."""
        return [
            (span.name, str((span.attributes or {}).get("error.type")) if span.status.is_ok is False else None)
            for span in self.spans
        ]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.mark.parametrize(
    ("outcome", "reason", "error"),
    [
        ("200", None, (None, None)),
        ("404", None, ("404", None)),
        ("unknown", "read_timeout", ("read_timeout", "read_timeout")),
        ("not_sent", "connect", ("connect", "connect")),
    ],
)
def test_what_was_sent_fails_as_http_has_it_and_a_call_without_an_answer(
    kept: Kept, outcome: str, reason: str | None, error: tuple[str | None, str | None]
) -> None:
    with kept.traces.call(CALL, 0.1) as span:
        span.send("DELETE", "deleteCase", "https://hub.test/ecx")
        span.came_back(outcome, reason)
        span.settle()
        span.end(CallEnded("c", "o", "hub", "deleteCase", Purpose.EXECUTE, outcome, reason, 0.2, 0, "r", None))

    of_sent, of_call = error
    assert kept.told() == [
        ("claim", None), ("DELETE deleteCase", of_sent), ("settle", None), ("call case-deletion", of_call),
    ]  # fmt: skip


def test_a_call_that_came_too_late_is_a_claim_and_a_settle(kept: Kept) -> None:
    with kept.traces.call(CALL, 0.1) as span:
        span.settle()
        span.end(ENDED)

    assert [name for name, _ in kept.told()] == ["claim", "settle", "call case-deletion"]


def test_a_lost_call_was_claimed_elsewhere(kept: Kept) -> None:
    with kept.traces.call(CALL, None) as span:
        span.settle()
        span.end(ENDED)

    assert [name for name, _ in kept.told()] == ["settle", "call case-deletion"]


def test_a_fault_of_ours_ends_what_was_being_done_without_its_text(kept: Kept) -> None:
    span = kept.traces.call(CALL, 0.1)
    span.send("DELETE", "deleteCase", "https://hub.test/ecx")
    span.__exit__(KeyError, KeyError("CN10000"), None)

    assert kept.told()[1:] == [("DELETE deleteCase", "KeyError"), ("call case-deletion", "KeyError")]
    assert not any(span.events or span.status.description for span in kept.spans)


def test_a_call_is_of_its_caller_s_trace_while_that_waits_and_no_longer(kept: Kept) -> None:
    request = kept.traces.request("POST", TRACE)
    request.wait()
    asked = replace(CALL, trace_parent=request.trace_parent)
    for wait_is_over in (False, True):
        if wait_is_over:
            request.end(ANSWERED)
        with kept.traces.call(asked, None):
            pass

    first, _request, second = kept.spans
    assert first.parent is not None
    assert (f"{first.parent.span_id:016x}", len(first.links)) == ((request.trace_parent or "")[36:52], 0)
    assert (second.parent, [f"{link.context.span_id:016x}" for link in second.links]) == (
        None, [(request.trace_parent or "")[36:52]],
    )  # fmt: skip


def test_what_is_not_sampled_goes_on_as_it_came(kept: Kept) -> None:
    assert kept.traces.request("POST", f"{TRACE[:-2]}00") is NOTHING
    assert kept.traces.call(replace(CALL, trace_parent=f"{TRACE[:-2]}00"), 0.1) is NOTHING
    assert kept.traces.call(replace(CALL, trace_parent=None), 0.1) is NOTHING


def test_where_the_sampler_will_not_have_what_the_caller_sampled_nobody_behind_has_it() -> None:
    kept = Kept(ALWAYS_OFF)
    request = kept.traces.request("POST", TRACE)
    request.end(ANSWERED)

    assert request.trace_parent is not None
    assert (request.trace_parent[:36], request.trace_parent[-2:]) == (TRACE[:36], "00")
    assert kept.traces.request("POST", None) is NOTHING
    assert kept.spans == ()


def test_what_a_sampler_took_is_taken_as_a_whole() -> None:
    """What is done later is a trace of its own: a sampler that decided anew would take a share of a share."""
    kept = Kept(ALWAYS_OFF)
    with kept.traces.call(CALL, 0.1) as span:
        span.end(ENDED)

    assert [name for name, _ in kept.told()] == ["claim", "call case-deletion"]


@pytest.mark.parametrize(("status", "problem", "error"), [(404, "not_found", None), (503, "overloaded", "overloaded")])
def test_a_request_fails_where_the_gateway_could_not(kept: Kept, status: int, problem: str, error: str | None) -> None:
    kept.traces.request("GET", None).end(HttpAnswered("GET", "/v1/x", status, 0.1, "r", None, None, None, problem))

    assert kept.told() == [("GET /v1/x", error)]
