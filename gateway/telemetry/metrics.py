"""Events become Prometheus metrics (CONTRACT.md section 5). Labels come from configuration and fixed sets only."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.telemetry import events
from gateway.telemetry.configured import Configured, Expected, first_series
from gateway.telemetry.events import Event
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.labels import outcome_label, trace_exemplar
from gateway.telemetry.levels import Levels

HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
UPSTREAM_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90)
WAIT_BUCKETS = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200)
NOT_SENT_HERE = frozenset({"late", "lost"})
"""Reasons of calls that ended without having been sent by this process."""
CASE_BUCKETS = (1, 2, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000)
COMMIT_BUCKETS = (0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

HTTP_SECONDS = "From the first byte of a request to the last of its answer; waiting for the outcome included."
APPLIED, REFUSED = "applied", "refused"
NEEDS_RESTART = "needs_restart"
DIFFERS = "1 while the process does not run by what its file holds, since that was refused or needs a restart (`why`)."
PROBLEMS = "Requests answered with a problem, by its code: no operation was made of them."
UPSTREAM_REQUESTS = "Calls that ended, by status code (or its class), `not_sent`, `not_begun` or `unknown`."
UPSTREAM_SECONDS = "From the beginning of a call to its recorded outcome."
PACING_WAIT = "How long a case that was due waited for permission; its count is that of granted calls."
CASE_ERRORS = "Cases that ended without success, by the code of their first error."
TOKEN_EXPIRES = "When the access token at hand expires, Unix time; it is renewed ahead of that."  # noqa: S105 - a help text
COMMIT = "How long the ledger's database took to make a transaction durable; concurrent writes may share one."


class Metrics:
    """An observer whose registry is served at `/metrics`."""

    def __init__(self, registry: CollectorRegistry, version: str, revision: str) -> None:
        self._registry = registry
        self.instruments = Instruments(registry)
        counter, histogram, gauge = self.instruments.counter, self.instruments.histogram, self.instruments.gauge

        self._http = counter("http_requests", "Requests answered.", "method", "route", "status")
        self._http_seconds = histogram("http_request_duration_seconds", HTTP_SECONDS, HTTP_BUCKETS, "method", "route")
        self._http_in_flight = gauge("http_requests_in_flight", "Requests being answered.")
        self._problems = counter("problems", PROBLEMS, "code")
        self._upstream = counter("upstream_requests", UPSTREAM_REQUESTS, "backend", "call", "outcome")
        self._upstream_seconds = histogram(
            "upstream_request_duration_seconds", UPSTREAM_SECONDS, UPSTREAM_BUCKETS, "backend", "call"
        )
        self._upstream_in_flight = gauge("upstream_in_flight", "Calls under way.", "backend")
        self._retries = counter("upstream_retries", "Cases sent back to wait.", "backend", "reason")
        self._wait = histogram("pacing_wait_seconds", PACING_WAIT, WAIT_BUCKETS, "backend")
        self._tokens = counter("token_requests", "Requests for a token.", "credential", "outcome")
        self._cases = counter("cases", "Cases that ended.", "kind", "tenant", "backend", "status", "execute")
        self._case_errors = counter("case_errors", CASE_ERRORS, "backend", "code")
        self._items = counter("items", "Items of cases that ended.", "kind", "backend", "status")
        self._fan_out = histogram("fan_out_cases", "Cases in an accepted operation.", CASE_BUCKETS)
        self._pauses = counter("backend_pauses", "Times a backend was left alone.", "backend", "reason")
        self._unasked = counter("unasked_entries", "Entries in answers that nobody asked for.", "backend")
        self._authentications = counter("authentications", "Who asked to be let in, and was.", "method", "outcome")
        self._quotas = counter("quota_refusals", "Requests over a caller's quota.", "caller", "quota")
        self._key_sets = counter("key_set_requests", "Times an issuer's keys were read.", "issuer", "outcome")
        self._ledger_failures = counter("ledger_failures", "Transactions that could not be done.", "doing")
        self._receipts = counter("receipts", "Receipts of operations that ended.")
        self._broken = counter(
            "evidence_broken", "Receipts or links that somebody has changed: see `gateway audit`.", "what"
        )
        self._checkpoints = counter("checkpoints", "Signed checkpoints of the chain of receipts.", "outcome")
        self._removed = counter("operations_removed", "Operations that retention took out of the ledger.")
        self._spans_lost = counter("spans_lost", "Spans of traces that could not be handed over to their receiver.")
        self._reloads = counter("config_reloads", "Changes of the configuration, applied or refused.", "outcome")
        self._differs = gauge("config_differs", DIFFERS, "why")
        for outcome in (APPLIED, REFUSED):
            self._reloads.labels(outcome)
        for why in (REFUSED, NEEDS_RESTART):
            self._differs.labels(why)
        self._commit = histogram("ledger_commit_seconds", COMMIT, COMMIT_BUCKETS)
        self._token_expires = gauge("token_expires_timestamp_seconds", TOKEN_EXPIRES, "credential", across="min")
        self.levels = Levels(self.instruments)
        self._configured = Configured(self.instruments)
        gauge("build_info", "Always 1.", "version", "revision").labels(version, revision).set(1)
        self._takes: dict[type, Callable[..., None]] = {
            events.HttpBegun: self._http_begun,
            events.HttpAnswered: self._http_answered,
            events.CallerAuthenticated: self._caller_authenticated,
            events.QuotaExceeded: self._quota_exceeded,
            events.OperationAccepted: self._operation_accepted,
            events.OperationFinished: self._operation_finished,
            events.CallGranted: self._call_granted,
            events.CallSent: self._call_sent,
            events.CallEnded: self._call_ended,
            events.CaseRetried: self._case_retried,
            events.CaseEnded: self._case_ended,
            events.CasesWithdrawn: self._cases_withdrawn,
            events.BackendPaused: self._backend_paused,
            events.CircuitChanged: self._circuit_changed,
            events.TokenRequested: self._token_requested,
            events.KeySetRequested: self._key_set_requested,
            events.LedgerFailed: self._ledger_failed,
            events.ReceiptIssued: self._receipt_issued,
            events.EvidenceBroken: self._evidence_broken,
            events.CheckpointWritten: self._checkpoint_written,
            events.CheckpointFailed: self._checkpoint_failed,
            events.OperationsRemoved: self._operations_removed,
            events.ConfigurationApplied: self._configuration_applied,
            events.ConfigurationRefused: self._configuration_refused,
            events.ConfigurationFollowed: self._configuration_followed,
            events.LedgerCommitted: self._ledger_committed,
            events.SpansLost: self._lost_spans,
            events.DrainBegun: self._drain_begun,
        }

    def expect(self, expected: Expected) -> None:
        """Show what is configured, and begin every series at 0 that it leads to: again after each change of it."""
        self._configured.show(expected.settings)
        for name, series in first_series(expected).items():
            self.instruments.begin(name, series)

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
        self._http_seconds.labels(event.method, event.route).observe(event.seconds, trace_exemplar(event.trace_parent))
        if event.problem is not None:
            self._problems.labels(event.problem).inc()

    def _operation_accepted(self, event: events.OperationAccepted) -> None:
        self._fan_out.observe(event.cases)

    def _operation_finished(self, event: events.OperationFinished) -> None:
        self.levels.ended(event.status)

    def _call_granted(self, event: events.CallGranted) -> None:
        self._wait.labels(event.backend).observe(event.waited_seconds)

    def _call_sent(self, event: events.CallSent) -> None:
        self._upstream_in_flight.labels(event.backend).inc()

    def _call_ended(self, event: events.CallEnded) -> None:
        self._upstream.labels(event.backend, event.call, outcome_label(event.outcome)).inc()
        if event.reason not in NOT_SENT_HERE:
            self._upstream_in_flight.labels(event.backend).dec()
            exemplar = trace_exemplar(event.trace_parent)
            self._upstream_seconds.labels(event.backend, event.call).observe(event.seconds, exemplar)
        if event.unasked:
            self._unasked.labels(event.backend).inc(event.unasked)

    def _case_retried(self, event: events.CaseRetried) -> None:
        self._retries.labels(event.backend, str(event.reason)).inc()

    def _case_ended(self, event: events.CaseEnded) -> None:
        execute = "true" if event.execute else "false"
        self._cases.labels(event.kind, event.tenant, event.backend, event.status, execute).inc()
        if event.code is not None:
            self._case_errors.labels(event.backend, event.code).inc()
        for status in event.item_statuses:
            self._items.labels(event.kind, event.backend, status).inc()

    def _cases_withdrawn(self, event: events.CasesWithdrawn) -> None:
        execute = "true" if event.execute else "false"
        self._cases.labels(event.kind, event.tenant, event.backend, Status.CANCELLED, execute).inc(event.count)

    def _backend_paused(self, event: events.BackendPaused) -> None:
        self._pauses.labels(event.backend, event.reason).inc()

    def _circuit_changed(self, event: events.CircuitChanged) -> None:
        self.levels.circuit(event.backend, event.state)

    def _token_requested(self, event: events.TokenRequested) -> None:
        self._tokens.labels(event.credential, event.outcome).inc()
        if event.expires_at is not None:
            self._token_expires.labels(event.credential).set(event.expires_at / SECOND)

    def _caller_authenticated(self, event: events.CallerAuthenticated) -> None:
        self._authentications.labels(event.method, event.outcome).inc()

    def _quota_exceeded(self, event: events.QuotaExceeded) -> None:
        self._quotas.labels(event.caller, event.quota).inc()

    def _key_set_requested(self, event: events.KeySetRequested) -> None:
        self._key_sets.labels(event.issuer, event.outcome).inc()

    def _ledger_failed(self, event: events.LedgerFailed) -> None:
        self._ledger_failures.labels(event.doing).inc()

    def _receipt_issued(self, _event: events.ReceiptIssued) -> None:
        self._receipts.inc()

    def _evidence_broken(self, event: events.EvidenceBroken) -> None:
        self._broken.labels(event.what).inc()

    def _checkpoint_written(self, _event: events.CheckpointWritten) -> None:
        self._checkpoints.labels("written").inc()

    def _checkpoint_failed(self, _event: events.CheckpointFailed) -> None:
        self._checkpoints.labels("failed").inc()

    def _operations_removed(self, event: events.OperationsRemoved) -> None:
        self._removed.inc(event.count)

    def _configuration_applied(self, event: events.ConfigurationApplied) -> None:
        self._reloads.labels(APPLIED).inc()
        for backend in event.gone:
            self.instruments.forget("backend", backend)

    def _configuration_refused(self, _event: events.ConfigurationRefused) -> None:
        self._reloads.labels(REFUSED).inc()
        self._differs.labels(REFUSED).set(1)

    def _configuration_followed(self, event: events.ConfigurationFollowed) -> None:
        self._differs.labels(REFUSED).set(0)
        self._differs.labels(NEEDS_RESTART).set(bool(event.needs_restart))

    def _ledger_committed(self, event: events.LedgerCommitted) -> None:
        self._commit.observe(event.seconds)

    def _lost_spans(self, event: events.SpansLost) -> None:
        self._spans_lost.inc(event.count)

    def _drain_begun(self, _event: events.DrainBegun) -> None:
        self.levels.draining()
