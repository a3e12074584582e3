"""Events become Prometheus metrics (CONTRACT.md section 5). Labels come from configuration and fixed sets only."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from gateway.model.kinds import Status
from gateway.telemetry import events
from gateway.telemetry.events import Event
from gateway.telemetry.levels import Levels

HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
UPSTREAM_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90)
WAIT_BUCKETS = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200)
NOT_SENT_HERE = frozenset({"late", "lost"})
"""Reasons of calls that ended without having been sent by this process."""
CASE_BUCKETS = (1, 2, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000)

HTTP_SECONDS = "From the first byte of a request to the last of its answer; waiting for the outcome included."
UPSTREAM_REQUESTS = "Calls that ended, by status code, `not_sent`, `not_begun` or `unknown`."
UPSTREAM_SECONDS = "From the beginning of a call to its recorded outcome."
PACING_WAIT = "How long a case that was due waited for permission."

Buckets = tuple[float, ...]


class Metrics:
    """An observer whose registry is served at `/metrics`."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self._registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"gateway_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Buckets, *labels: str) -> Histogram:
            return Histogram(f"gateway_{name}", text, labels, buckets=buckets, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"gateway_{name}", text, labels, registry=registry)

        self._http = counter("http_requests", "Requests answered.", "method", "route", "status")
        self._http_seconds = histogram("http_request_duration_seconds", HTTP_SECONDS, HTTP_BUCKETS, "method", "route")
        self._http_in_flight = gauge("http_requests_in_flight", "Requests being answered.")
        self._upstream = counter("upstream_requests", UPSTREAM_REQUESTS, "backend", "call", "outcome")
        self._upstream_seconds = histogram(
            "upstream_request_duration_seconds", UPSTREAM_SECONDS, UPSTREAM_BUCKETS, "backend", "call"
        )
        self._upstream_in_flight = gauge("upstream_in_flight", "Calls under way.", "backend")
        self._retries = counter("upstream_retries", "Cases sent back to wait.", "backend", "reason")
        self._wait = histogram("pacing_wait_seconds", PACING_WAIT, WAIT_BUCKETS, "backend")
        self._tokens = counter("token_requests", "Requests for a token.", "credential", "outcome")
        self._cases = counter("cases", "Cases that ended.", "kind", "tenant", "backend", "status", "execute")
        self._items = counter("items", "Items of cases that ended.", "kind", "backend", "status")
        self._fan_out = histogram("fan_out_cases", "Cases in an accepted operation.", CASE_BUCKETS)
        self._pauses = counter("backend_pauses", "Times a backend was left alone.", "backend", "reason")
        self._unasked = counter("unasked_entries", "Entries in answers that nobody asked for.", "backend")
        self._ledger_failures = counter("ledger_failures", "Transactions that could not be done.", "doing")
        self.levels = Levels(registry)
        gauge("build_info", "Always 1.", "version").labels(version).set(1)
        self._takes: dict[type, Callable[..., None]] = {
            events.HttpBegun: self._http_begun,
            events.HttpAnswered: self._http_answered,
            events.OperationAccepted: self._operation_accepted,
            events.OperationFinished: self._operation_finished,
            events.CallGranted: self._call_granted,
            events.CallSent: self._call_sent,
            events.CallEnded: self._call_ended,
            events.CaseRetried: self._case_retried,
            events.CaseEnded: self._case_ended,
            events.CasesWithdrawn: self._cases_withdrawn,
            events.BackendPaused: self._backend_paused,
            events.TokenRequested: self._token_requested,
            events.LedgerFailed: self._ledger_failed,
        }

    def __call__(self, event: Event) -> None:
        """Count `event`, if there is a metric for it."""
        take = self._takes.get(type(event))
        if take is not None:
            take(event)

    def render(self, accept: str | None) -> tuple[str, bytes]:
        """The exposition in the format that `accept` prefers, as (content type, body)."""
        encode, content_type = choose_encoder(accept or "")
        return content_type, encode(self._registry)

    def _http_begun(self, _event: events.HttpBegun) -> None:
        self._http_in_flight.inc()

    def _http_answered(self, event: events.HttpAnswered) -> None:
        self._http_in_flight.dec()
        self._http.labels(event.method, event.route, str(event.status)).inc()
        self._http_seconds.labels(event.method, event.route).observe(event.seconds)

    def _operation_accepted(self, event: events.OperationAccepted) -> None:
        self._fan_out.observe(event.cases)

    def _operation_finished(self, event: events.OperationFinished) -> None:
        self.levels.ended(event.status)

    def _call_granted(self, event: events.CallGranted) -> None:
        self._wait.labels(event.backend).observe(event.waited_seconds)

    def _call_sent(self, event: events.CallSent) -> None:
        self._upstream_in_flight.labels(event.backend).inc()

    def _call_ended(self, event: events.CallEnded) -> None:
        self._upstream.labels(event.backend, event.call, event.outcome).inc()
        if event.reason not in NOT_SENT_HERE:
            self._upstream_in_flight.labels(event.backend).dec()
            self._upstream_seconds.labels(event.backend, event.call).observe(event.seconds)
        if event.unasked:
            self._unasked.labels(event.backend).inc(event.unasked)

    def _case_retried(self, event: events.CaseRetried) -> None:
        self._retries.labels(event.backend, str(event.reason)).inc()

    def _case_ended(self, event: events.CaseEnded) -> None:
        execute = "true" if event.execute else "false"
        self._cases.labels(event.kind, event.tenant, event.backend, event.status, execute).inc()
        for status in event.item_statuses:
            self._items.labels(event.kind, event.backend, status).inc()

    def _cases_withdrawn(self, event: events.CasesWithdrawn) -> None:
        execute = "true" if event.execute else "false"
        self._cases.labels(event.kind, event.tenant, event.backend, Status.CANCELLED, execute).inc(event.count)

    def _backend_paused(self, event: events.BackendPaused) -> None:
        self._pauses.labels(event.backend, event.reason).inc()

    def _token_requested(self, event: events.TokenRequested) -> None:
        self._tokens.labels(event.credential, event.outcome).inc()

    def _ledger_failed(self, event: events.LedgerFailed) -> None:
        self._ledger_failures.labels(event.doing).inc()
