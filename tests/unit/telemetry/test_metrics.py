"""Events become the contract's metrics (CONTRACT.md section 5)."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.model.kinds import Kind, Purpose, Status
from gateway.model.outcomes import Code
from gateway.telemetry import events
from gateway.telemetry.events import Event
from gateway.telemetry.levels import BackendLevel
from gateway.telemetry.metrics import Metrics

ENDED = events.CallEnded("c", "o", "hub", "deleteCase", Purpose.EXECUTE, "200", None, 0.2, 0, None, None)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, "1.2.3")


def case_ended(status: Status, *items: Status) -> events.CaseEnded:
    return events.CaseEnded("o", 0, Kind.CUSTOMER_REMOVAL, "acme", "ecm", True, status, None, 1, items)


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        (
            events.HttpAnswered("GET", "/livez", 200, 0.1, "r", None, None, None),
            "gateway_http_requests_total",
            {"method": "GET", "route": "/livez", "status": "200"},
        ),
        (
            events.HttpAnswered("GET", "/livez", 200, 0.1, "r", None, None, None),
            "gateway_http_request_duration_seconds_count",
            {"method": "GET", "route": "/livez"},
        ),
        (ENDED, "gateway_upstream_requests_total", {"backend": "hub", "call": "deleteCase", "outcome": "200"}),
        (ENDED, "gateway_upstream_request_duration_seconds_count", {"backend": "hub", "call": "deleteCase"}),
        (
            events.CaseRetried("o", 0, "hub", Code.UPSTREAM_THROTTLED, 1.0),
            "gateway_upstream_retries_total",
            {"backend": "hub", "reason": "upstream_throttled"},
        ),
        (
            events.CallGranted("c", "o", "hub", Purpose.EXECUTE, 1, 0.5),
            "gateway_pacing_wait_seconds_count",
            {"backend": "hub"},
        ),
        (
            events.TokenRequested("scalepoint", "refused", 0.1),
            "gateway_token_requests_total",
            {"credential": "scalepoint", "outcome": "refused"},
        ),
        (
            case_ended(Status.UNKNOWN),
            "gateway_cases_total",
            {
                "kind": "customer-removal",
                "tenant": "acme",
                "backend": "ecm",
                "status": "unknown",
                "execute": "true",
            },
        ),
        (
            events.OperationFinished("o", Kind.CASE_DELETION, "acme", "hub", Status.PARTIAL),
            "gateway_operations",
            {"status": "partial"},
        ),
        (
            events.BackendPaused("hub", Code.UPSTREAM_CLOSED, 60.0),
            "gateway_backend_pauses_total",
            {"backend": "hub", "reason": "upstream_closed"},
        ),
        (events.LedgerFailed("settle", "disk full"), "gateway_ledger_failures_total", {"doing": "settle"}),
    ],
)
def test_an_event_counts_once_under_its_labels(
    registry: CollectorRegistry, metrics: Metrics, event: Event, name: str, labels: dict[str, str]
) -> None:
    metrics(event)
    assert registry.get_sample_value(name, labels) == 1.0


def test_items_are_counted_one_by_one(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(case_ended(Status.PARTIAL, Status.SUCCEEDED, Status.SUCCEEDED, Status.FAILED))
    labels = {"kind": "customer-removal", "backend": "ecm"}
    assert registry.get_sample_value("gateway_items_total", {**labels, "status": "succeeded"}) == 2.0
    assert registry.get_sample_value("gateway_items_total", {**labels, "status": "failed"}) == 1.0


def test_what_a_cancellation_withdrew_counts_as_so_many_cases(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(events.CasesWithdrawn("o", Kind.CASE_DELETION, "acme", "hub", False, 700))
    labels = {"kind": "case-deletion", "tenant": "acme", "backend": "hub", "status": "cancelled", "execute": "false"}
    assert registry.get_sample_value("gateway_cases_total", labels) == 700.0


def test_requests_and_calls_in_flight_rise_and_fall(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(events.HttpBegun())
    metrics(events.CallSent("c", "hub"))
    assert registry.get_sample_value("gateway_http_requests_in_flight") == 1.0
    assert registry.get_sample_value("gateway_upstream_in_flight", {"backend": "hub"}) == 1.0
    metrics(events.HttpAnswered("GET", "/livez", 200, 0.1, "r", None, None, None))
    metrics(ENDED)
    assert registry.get_sample_value("gateway_http_requests_in_flight") == 0.0
    assert registry.get_sample_value("gateway_upstream_in_flight", {"backend": "hub"}) == 0.0


@pytest.mark.parametrize("reason", ["late", "lost"])
def test_a_call_that_this_process_never_sent_leaves_the_gauge_alone(
    registry: CollectorRegistry, metrics: Metrics, reason: str
) -> None:
    metrics(events.CallEnded("c", "o", "hub", "deleteCase", Purpose.EXECUTE, "unknown", reason, 0.0, 0, None, None))
    assert registry.get_sample_value("gateway_upstream_in_flight", {"backend": "hub"}) is None
    labels = {"backend": "hub", "call": "deleteCase", "outcome": "unknown"}
    assert registry.get_sample_value("gateway_upstream_requests_total", labels) == 1.0


def test_entries_that_nobody_asked_for_are_counted(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(events.CallEnded("c", "o", "ecm", "removeAccount", Purpose.EXECUTE, "200", None, 0.1, 3, None, None))
    assert registry.get_sample_value("gateway_unasked_entries_total", {"backend": "ecm"}) == 3.0


def test_levels_are_set_for_each_backend(registry: CollectorRegistry, metrics: Metrics) -> None:
    closed = BackendLevel(12, 2, 33.0, open=False, running=1, scheduled=4)
    metrics.levels.set({"hub": closed, "ecm": BackendLevel(0, 0, 0.0, open=True, running=2, scheduled=0)})
    hub = {"backend": "hub"}
    assert registry.get_sample_value("gateway_cases_pending", hub) == 12.0
    assert registry.get_sample_value("gateway_unknown_cases", hub) == 2.0
    assert registry.get_sample_value("gateway_oldest_pending_seconds", hub) == 33.0
    assert registry.get_sample_value("gateway_backend_open", hub) == 0.0
    assert registry.get_sample_value("gateway_operations", {"status": "running"}) == 3.0
    assert registry.get_sample_value("gateway_operations", {"status": "scheduled"}) == 4.0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(None, "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
def test_the_exposition_is_in_the_format_that_was_asked_for(
    metrics: Metrics, accept: str | None, content_type: str
) -> None:
    kind, body = metrics.render(accept)
    assert kind.startswith(content_type)
    assert b'gateway_build_info{version="1.2.3"} 1.0' in body
