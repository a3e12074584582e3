"""Events become the contract's metrics (CONTRACT.md section 5)."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway.model.kinds import Kind, Purpose, Status
from gateway.model.outcomes import Code
from gateway.telemetry import events
from gateway.telemetry.events import Event
from gateway.telemetry.levels import BackendLevel
from gateway.telemetry.metrics import Metrics

ENDED = events.CallEnded("c", "o", "hub", "deleteCase", Purpose.EXECUTE, "200", None, 0.2, 0, None, None)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, "1.2.3", "abc123")


def case_ended(status: Status, *items: Status) -> events.CaseEnded:
    return events.CaseEnded("o", 0, Kind.CUSTOMER_REMOVAL, "acme", "ecm", True, status, None, 1, "c", "r", items)


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
            events.CaseRetried("o", 0, "hub", Code.UPSTREAM_THROTTLED, 1.0, "c", "r"),
            "gateway_upstream_retries_total",
            {"backend": "hub", "reason": "upstream_throttled"},
        ),
        (
            events.CallGranted("c", "o", "r", "hub", Purpose.EXECUTE, 1, 0.5),
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
            events.CallerAuthenticated("bearer", "refused", "expired", None, "r"),
            "gateway_authentications_total",
            {"method": "bearer", "outcome": "refused"},
        ),
        (
            events.QuotaExceeded("claims-ui", "requests", "r"),
            "gateway_quota_refusals_total",
            {"caller": "claims-ui", "quota": "requests"},
        ),
        (
            events.KeySetRequested("cluster", "unreachable", 0, 0.1),
            "gateway_key_set_requests_total",
            {"issuer": "cluster", "outcome": "unreachable"},
        ),
        (
            events.OperationFinished("o", Kind.CASE_DELETION, "acme", "hub", Status.PARTIAL, "r"),
            "gateway_operations",
            {"status": "partial"},
        ),
        (
            events.BackendPaused("hub", Code.UPSTREAM_CLOSED, 60.0),
            "gateway_backend_pauses_total",
            {"backend": "hub", "reason": "upstream_closed"},
        ),
        (events.LedgerFailed("settle", "disk full"), "gateway_ledger_failures_total", {"doing": "settle"}),
        (events.LedgerCommitted(0.002), "gateway_ledger_commit_seconds_count", {}),
        (
            events.HttpAnswered("GET", "/livez", 503, 0.1, "r", None, None, None, "ledger_unavailable"),
            "gateway_problems_total",
            {"code": "ledger_unavailable"},
        ),
        (events.SpansLost(1), "gateway_spans_lost_total", {}),
        (events.DrainBegun(), "gateway_draining", {}),
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
    metrics(events.CasesWithdrawn("o", Kind.CASE_DELETION, "acme", "hub", False, 700, "r"))
    labels = {"kind": "case-deletion", "tenant": "acme", "backend": "hub", "status": "cancelled", "execute": "false"}
    assert registry.get_sample_value("gateway_cases_total", labels) == 700.0


def test_requests_and_calls_in_flight_rise_and_fall(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(events.HttpBegun())
    metrics(events.CallSent("c", "o", "r", "hub"))
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
    closed = BackendLevel(pending=12, unknown=2, oldest_pending_seconds=33.0, open=False, running=1, scheduled=4)
    metrics.levels.set({"hub": closed, "ecm": BackendLevel(running=2)})
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
    assert b'gateway_build_info{revision="abc123",version="1.2.3"} 1.0' in body


def test_a_failed_case_is_counted_by_the_code_of_its_error(registry: CollectorRegistry, metrics: Metrics) -> None:
    failed = msgspec.structs.replace(case_ended(Status.FAILED), backend="hub", code=Code.UPSTREAM_ERROR)
    metrics(failed)
    labels = {"backend": "hub", "code": "upstream_error"}
    assert registry.get_sample_value("gateway_case_errors_total", labels) == 1.0


def test_a_new_token_s_end_is_shown_and_a_refusal_leaves_it(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics(events.TokenRequested("scalepoint", "granted", 0.1, 1_795_262_400_000_000))
    metrics(events.TokenRequested("scalepoint", "refused", 0.1))
    name, labels = "gateway_token_expires_timestamp_seconds", {"credential": "scalepoint"}
    assert registry.get_sample_value(name, labels) == 1_795_262_400.0


@pytest.mark.parametrize(
    ("answered", "label"),
    [("200", "200"), ("429", "429"), ("418", "4xx"), ("307", "3xx"), ("999", "other"), ("unknown", "unknown")],
)
def test_whatever_status_an_upstream_makes_up_the_labels_are_few(
    registry: CollectorRegistry, metrics: Metrics, answered: str, label: str
) -> None:
    metrics(msgspec.structs.replace(ENDED, outcome=answered))
    labels = {"backend": "hub", "call": "deleteCase", "outcome": label}
    assert registry.get_sample_value("gateway_upstream_requests_total", labels) == 1.0


def test_openmetrics_has_the_trace_of_a_request_and_of_a_call_in_their_buckets(metrics: Metrics) -> None:
    metrics(events.HttpAnswered("GET", "/v1/tenants", 200, 0.1, "r", TRACE, None, None))
    metrics(msgspec.structs.replace(ENDED, trace_parent=TRACE))

    _, body = metrics.render("application/openmetrics-text; version=1.0.0")
    exemplar = ' # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} '
    with_exemplar = [line.split("{")[0] for line in body.decode().splitlines() if exemplar in line]
    assert with_exemplar == [
        "gateway_http_request_duration_seconds_bucket",
        "gateway_upstream_request_duration_seconds_bucket",
    ]
    assert exemplar.encode() not in metrics.render(None)[1]


def test_gauges_of_a_backend_that_is_no_longer_there_go(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.levels.set({"hub": BackendLevel(), "ecm": BackendLevel()})
    metrics.levels.set({"ecm": BackendLevel()})
    assert registry.get_sample_value("gateway_backend_open", {"backend": "hub"}) is None
    assert registry.get_sample_value("gateway_backend_open", {"backend": "ecm"}) == 1.0


def test_a_pause_is_shown_under_its_reason_and_what_nobody_can_tell_is_left_out(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.levels.set({"hub": BackendLevel(paused_for=Code.UPSTREAM_CLOSED, paused_seconds=60.0, empty_seconds=None)})
    paused = {
        reason: registry.get_sample_value("gateway_backend_paused_seconds", {"backend": "hub", "reason": reason})
        for reason in ("upstream_closed", "upstream_throttled")
    }
    assert paused == {"upstream_closed": 60.0, "upstream_throttled": 0.0}
    assert registry.get_sample_value("gateway_queue_empty_seconds", {"backend": "hub"}) is None
