"""What stands, rather than happens: gauges that are set anew from time to time."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from prometheus_client import Gauge

from gateway.model.kinds import CircuitState, Status
from gateway.model.outcomes import Code
from gateway.telemetry.instruments import Instruments, Labels

CIRCUIT_LEVELS = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

PAUSE_REASONS = (
    Code.UPSTREAM_CLOSED,
    Code.UPSTREAM_THROTTLED,
    Code.UPSTREAM_UNREACHABLE,
    Code.UPSTREAM_UNAUTHORIZED,
)
"""For what a backend is left alone."""

OLDEST_OPEN = "How long the backend was open, by its hours, since the oldest case that has not ended was accepted."
OLDEST_DUE = "How long the case has waited that could have been sent first, were it not for the backend; 0 without one."
WINDOW = "How long the backend is open at a time, by its hours; a day where it never closes."
PAUSED = "For how much longer the backend is left alone, by reason; 0 while it is not."
EMPTY = "In how many seconds the queue may be empty, closed hours included; absent where that cannot be told."
OPENS = "When the backend opens next, Unix time; absent while it is open."
OPEN = "1 if a call may begin: within the hours, and not closed by the upstream's own word."
HOURS_OPEN = "1 within the configured hours, whatever the upstream itself says."
CERTIFICATE = "When the certificate of a credential expires, Unix time."
TLS_CERTIFICATE = (
    "When the certificate of a TLS connection expires, Unix time: the listener's, or one shown to a backend."
)
LISTENER, BACKEND = "listener", "backend"
"""Whose certificate it is; that of the listener has no backend."""


class BackendLevel(Struct, frozen=True):
    """One backend, now. Times are seconds; `opens_at` is Unix time, null while open.

    `paused_for` is why it is left alone for `paused_seconds`, null if it is not. `empty_seconds` is null where nobody
    can tell.
    """

    pending: int = 0
    unknown: int = 0
    oldest_pending_seconds: float = 0.0
    oldest_pending_open_seconds: float = 0.0
    oldest_due_seconds: float = 0.0
    empty_seconds: float | None = 0.0
    open: bool = True
    hours_open: bool = True
    opening_window_seconds: float = 86_400.0
    opens_at: float | None = None
    paused_for: Code | None = None
    paused_seconds: float = 0.0
    running: int = 0
    scheduled: int = 0
    circuit: CircuitState = CircuitState.CLOSED


class CertificateEnds(Struct, frozen=True):
    """When certificates expire, Unix time, of those that can be read: of credentials and backends by name."""

    credentials: Mapping[str, float] = {}
    listener: float | None = None
    backends: Mapping[str, float] = {}


class Levels:
    """Gauges of queue and schedule, for each backend that is configured or has work left, and of this process."""

    def __init__(self, make: Instruments) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return make.gauge(name, text, "backend", *labels, across="max")

        self._pending = gauge("cases_pending", "Cases that have not ended.")
        self._oldest = gauge("oldest_pending_seconds", "Age of the oldest case that has not ended, 0 without one.")
        self._oldest_open = gauge("oldest_pending_open_seconds", OLDEST_OPEN)
        self._oldest_due = gauge("oldest_due_seconds", OLDEST_DUE)
        self._empty = gauge("queue_empty_seconds", EMPTY)
        self._unknown = gauge("unknown_cases", "Cases that ended without a trustworthy answer, and still stand so.")
        self._open = gauge("backend_open", OPEN)
        self._hours_open = gauge("backend_schedule_open", HOURS_OPEN)
        self._window = gauge("backend_opening_window_seconds", WINDOW)
        self._opens = gauge("backend_opens_timestamp_seconds", OPENS)
        self._paused = gauge("backend_paused_seconds", PAUSED, "reason")
        self._circuit = gauge("circuit_state", "0: calls go to the backend. 1: one, to test it. 2: none.")
        self._operations = make.gauge(
            "operations",
            "Operations by status: unended ones as they stand, ended ones since this process began.",
            "status",
        )
        self._certificates = make.gauge(
            "certificate_expires_timestamp_seconds", CERTIFICATE, "credential", across="min"
        )
        self._tls = make.gauge(
            "tls_certificate_expires_timestamp_seconds", TLS_CERTIFICATE, "side", "backend", across="min"
        )
        self._draining = make.gauge("draining", "1 once this process was told to end, and sees its calls to their end.")
        self._lag = make.histogram(
            "event_loop_lag_seconds", "How much later than asked a timer of the event loop fires.", LAG_BUCKETS
        )
        for status in Status:
            if status is not Status.PENDING:
                self._operations.labels(status)

    def set(self, levels: Mapping[str, BackendLevel]) -> None:
        """Set every backend's gauges; those of backends that are no longer there go."""
        each = levels.items()
        _put(self._pending, (((name,), level.pending) for name, level in each))
        _put(self._oldest, (((name,), level.oldest_pending_seconds) for name, level in each))
        _put(self._oldest_open, (((name,), level.oldest_pending_open_seconds) for name, level in each))
        _put(self._oldest_due, (((name,), level.oldest_due_seconds) for name, level in each))
        _put(self._empty, (((name,), level.empty_seconds) for name, level in each))
        _put(self._unknown, (((name,), level.unknown) for name, level in each))
        _put(self._open, (((name,), level.open) for name, level in each))
        _put(self._hours_open, (((name,), level.hours_open) for name, level in each))
        _put(self._window, (((name,), level.opening_window_seconds) for name, level in each))
        _put(self._circuit, (((name,), CIRCUIT_LEVELS[level.circuit]) for name, level in each))
        _put(self._opens, (((name,), level.opens_at) for name, level in each))
        _put(
            self._paused,
            (
                ((name, reason), level.paused_seconds if reason is level.paused_for else 0.0)
                for name, level in each
                for reason in PAUSE_REASONS
            ),
        )
        self._operations.labels(Status.RUNNING).set(sum(level.running for level in levels.values()))
        self._operations.labels(Status.SCHEDULED).set(sum(level.scheduled for level in levels.values()))

    def circuit(self, backend: str, state: CircuitState) -> None:
        """The circuit of a backend opened or closed."""
        self._circuit.labels(backend).set(CIRCUIT_LEVELS[state])

    def ended(self, status: Status) -> None:
        """An operation ended."""
        self._operations.labels(status).inc()

    def lag(self, seconds: float) -> None:
        """A timer fired so much too late."""
        self._lag.observe(seconds)

    def certificates(self, ends: CertificateEnds) -> None:
        """When they expire, now."""
        _put(self._certificates, (((name,), at) for name, at in ends.credentials.items()))
        shown = [((BACKEND, name), at) for name, at in ends.backends.items()]
        _put(self._tls, [((LISTENER, ""), ends.listener), *shown])

    def draining(self) -> None:
        """The process is on its way out."""
        self._draining.set(1)


def _put(gauge: Gauge, series: Iterable[tuple[Labels, float | None]]) -> None:
    """Make these the gauge's series, and only these; a null one is left out."""
    gauge.clear()
    for labels, value in series:
        if value is not None:
            gauge.labels(*labels).set(value)
