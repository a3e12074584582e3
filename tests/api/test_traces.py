"""Traces of a whole gateway, as a receiver gets them by OTLP."""

import asyncio
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from gateway.telemetry import exporting
from gateway.telemetry.events import CallEnded, HttpAnswered, ServingBegun, SpansLost
from tests.receiver import Receiver

from .canaries import IDENTIFIER, SECRET
from .configuration import SHORT_LEASES
from .conftest import Stacks
from .stack import DELETIONS, PATIENCE_SECONDS, Stack, customers, numbers

TRACE_ID, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-{CALLER_SPAN}-01", f"00-{TRACE_ID}-{CALLER_SPAN}-00"
SUBMIT = "POST /v1/tenants/{tenant}/case-deletions"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as receiver:
        yield receiver


def of_calls(both: Stack) -> list[CallEnded]:
    return [event for event in both.events if isinstance(event, CallEnded)]


async def upstream_parents(both: Stack) -> set[str]:
    """The traces that upstream calls came with, without their flags."""
    return {entry["traceparent"][:-3] for entry in await both.upstreams.business()}


async def test_a_deletion_that_its_caller_waits_for_is_one_trace(stacks: Stacks, receiver: Receiver) -> None:
    async with stacks(environ=receiver.environ) as both:
        job = await both.caller()
        job.http.headers |= {"traceparent": SAMPLED, "X-Request-Id": "r-1"}
        answer = await job.delete("acme-dk", "CN1")
        exposed = (await job.http.get("/metrics", headers=OPENMETRICS)).text
        upstream = await upstream_parents(both)

    [request] = receiver.named(SUBMIT)
    within = receiver.within(request)
    call = within["call case-deletion"]
    steps = receiver.within(call)
    assert (request.trace_id, request.parent, request.kind) == (TRACE_ID, CALLER_SPAN, "server")
    assert (call.kind, call.links, list(within)) == ("internal", (), ["call case-deletion"])
    assert {name: step.kind for name, step in steps.items()} == {
        "claim": "internal", "DELETE deleteCase": "client", "settle": "internal",
    }  # fmt: skip
    assert upstream == {steps["DELETE deleteCase"].trace_parent}
    order = [steps["claim"], steps["DELETE deleteCase"], steps["settle"]]
    assert all(one.ended <= other.began for one, other in pairwise(order))
    assert request.began < call.began == steps["claim"].began
    assert steps["settle"].ended <= call.ended
    assert not any(span.failed for span in receiver.spans)
    assert (answer.status_code, answer.headers["traceparent"]) == (200, SAMPLED)
    assert [event.traces for event in both.events if isinstance(event, ServingBegun)] == [True]
    # What a log line, an exemplar and a span say is the same trace, and leads from one to the other.
    [ended] = of_calls(both)
    assert ended.trace_parent is not None
    assert ended.trace_parent.startswith(call.trace_parent)
    assert call.attributes["gateway.call_id"] == ended.call_id
    ids = {span.attributes["gateway.request_id"] for span in (request, call)}
    assert ids == {ended.request_id} == {"r-1"}
    exemplars = [line.split("{")[0] for line in exposed.splitlines() if f'# {{trace_id="{TRACE_ID}"}}' in line]
    assert exemplars == [
        "gateway_http_request_duration_seconds_bucket", "gateway_upstream_request_duration_seconds_bucket",
    ]  # fmt: skip
    assert {(one["service.name"], one["service.version"] != "") for one in receiver.resources} == {
        ("case-gateway", True)
    }


async def test_work_that_nobody_waits_for_is_traces_of_its_own_with_a_link_to_its_request(
    stacks: Stacks, receiver: Receiver
) -> None:
    async with stacks(environ=receiver.environ) as both:
        job = await both.caller()
        job.http.headers["traceparent"] = SAMPLED
        operation = await job.accepted("acme-dk", DELETIONS, numbers("CN1", "CN2", "THROTTLED-1"))
        await job.ended(operation)
        upstream = await upstream_parents(both)

    [request] = receiver.named(SUBMIT)
    calls = receiver.named("call case-deletion")
    assert request.attributes["gateway.operation_id"] == operation
    assert [(call.kind, call.parent, call.links) for call in calls] == [
        ("consumer", None, ((TRACE_ID, request.id),))
    ] * 4
    assert len({call.trace_id for call in [request, *calls]}) == 5
    assert sorted(call.attributes["gateway.positions"] for call in calls) == [(0,), (1,), (2,), (2,)]
    sent = [receiver.within(call)["DELETE deleteCase"] for call in calls]
    assert {one.trace_parent for one in sent} == upstream
    assert sorted(one.attributes["http.response.status_code"] for one in sent) == [200, 200, 200, 429]
    assert [one.attributes["error.type"] for one in sent if one.failed] == ["429"]
    assert {ended.trace_parent[3:35] for ended in of_calls(both) if ended.trace_parent} == {
        call.trace_id for call in calls
    }


async def test_what_is_not_answered_in_time_goes_on_with_a_link(stacks: Stacks, receiver: Receiver) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}, environ=receiver.environ) as both:
        await both.upstreams.switch(hub={"latencySeconds": 0.8})
        job = await both.caller()
        answer = await job.delete("acme-dk", "CN1", "CN2", "CN3", prefer="wait=1")
        await job.ended(answer.json()["operationId"])

    [request] = receiver.named(SUBMIT)
    calls = receiver.named("call case-deletion")
    assert answer.status_code == 202
    assert {call.kind for call in calls} == {"internal", "consumer"}
    assert {call.parent for call in calls if call.kind == "internal"} == {request.id}
    linked = {call.links for call in calls if call.kind == "consumer"}
    assert linked == {((request.trace_id, request.id),)}
    assert answer.headers["traceparent"].startswith(request.trace_parent)


async def test_what_its_caller_does_not_sample_is_not_recorded_and_goes_on_as_it_came(
    stacks: Stacks, receiver: Receiver
) -> None:
    async with stacks(environ=receiver.environ) as both:
        job = await both.caller()
        answer = await job.http.post(
            f"/v1/tenants/acme-dk/{DELETIONS}",
            json={"execute": True, "cases": numbers("CN1")},
            headers={"traceparent": UNSAMPLED},
        )
        [call] = await both.upstreams.business()

    assert answer.headers["traceparent"] == call["traceparent"] == UNSAMPLED
    assert receiver.spans == []


async def test_probes_make_no_spans_and_raw_paths_are_in_none(stacks: Stacks, receiver: Receiver) -> None:
    async with stacks(environ=receiver.environ) as both:
        http = (await both.caller()).http
        for path in ("/livez", "/readyz", "/metrics", f"/{IDENTIFIER}"):
            await http.get(path)

    assert [span.name for span in receiver.spans] == ["GET unrouted"]


async def test_no_identifier_no_secret_and_no_text_of_an_upstream_is_in_a_span(
    stacks: Stacks, receiver: Receiver
) -> None:
    words = ("NOTFOUND", "FORBIDDEN", "ERROR500", "HTML", "DROP-AFTER", "UNAUTHORIZED", "THROTTLED")
    change = SHORT_LEASES | {"retry.max_attempts": 2, "retry.deadline_seconds": 2}
    async with stacks(change, environ=receiver.environ, ecm_password="sandbox") as both:
        job = await both.caller()
        for tenant in ("acme-dk", "acme-no"):
            cases = numbers(*(f"{word}-{IDENTIFIER}" for word in words))
            await job.ended(await job.accepted(tenant, DELETIONS, cases, key=f"k-{IDENTIFIER}-{tenant}"))
        await job.submit("acme-dk", "customer-removals", [customers(f"MISSING-{IDENTIFIER}", f"ABSENT-{IDENTIFIER}")])
        await job.http.post(f"/v1/tenants/acme-dk/{DELETIONS}", content=b'{"cases": "%s"}' % IDENTIFIER.encode())
        await job.http.get("/v1/operations", headers={"X-API-Key": SECRET, "traceparent": SECRET})

    assert len(receiver.named("call case-deletion")) > 2 * len(words)
    assert IDENTIFIER.encode() not in receiver.bodies
    assert SECRET.encode() not in receiver.bodies
    texts = {value for span in receiver.spans for value in span.attributes.values() if isinstance(value, str)}
    assert [text for text in texts if " " in text] == []


async def test_a_receiver_that_is_down_hurts_nobody_and_what_is_lost_is_told(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"no header {SECRET}")
    async with stacks(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) as both:
        answer = await (await both.caller()).delete("acme-dk", "CN1")

    assert answer.status_code == 200
    assert [event.count for event in both.events if isinstance(event, SpansLost)] == [5]
    assert "opentelemetry" not in {record.name.split(".")[0] for record in caplog.records}
    assert SECRET not in caplog.text


async def test_a_receiver_that_refuses_is_told_of_likewise(stacks: Stacks, receiver: Receiver) -> None:
    receiver.status = 401
    async with stacks(environ=receiver.environ) as both:
        answer = await (await both.caller()).delete("acme-dk", "CN1")

    assert answer.status_code == 200
    assert [event.count for event in both.events if isinstance(event, SpansLost)] == [5]


async def test_a_receiver_that_stands_still_holds_up_no_request_and_no_end(
    stacks: Stacks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    monkeypatch.setattr(exporting, "LAST_SPANS_SECONDS", 0.05)
    receiver.go_on.clear()
    async with asyncio.timeout(PATIENCE_SECONDS), stacks(environ=receiver.environ) as both:
        job = await both.caller()
        first = await job.delete("acme-dk", "CN1")
        assert await asyncio.to_thread(receiver.asked.wait, PATIENCE_SECONDS)
        second = await job.delete("acme-dk", "CN2")

    # Nor does it go on in the background: a receiver that answers at last is not asked again.
    exporters = [thread for thread in threading.enumerate() if "Otel" in thread.name]
    receiver.status = 503
    receiver.go_on.set()
    for thread in exporters:
        await asyncio.to_thread(thread.join, PATIENCE_SECONDS)
    assert exporters != []
    assert not any(thread.is_alive() for thread in exporters)
    assert (first.status_code, second.status_code, receiver.spans) == (200, 200, [])


async def test_without_a_receiver_nothing_is_different(stacks: Stacks) -> None:
    async with stacks() as both:
        job = await both.caller()
        job.http.headers["traceparent"] = SAMPLED
        await job.delete("acme-dk", "CN1")
        [call] = await both.upstreams.business()

    assert [event.traces for event in both.events if isinstance(event, ServingBegun)] == [False]
    [answered] = [event for event in both.events if isinstance(event, HttpAnswered)]
    [ended] = of_calls(both)
    assert call["traceparent"] == answered.trace_parent == ended.trace_parent == SAMPLED
