"""What stands, rather than happens: gauges that are set anew from time to time."""

from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge, Histogram

from gateway.model.kinds import Status

LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class BackendLevel(Struct, frozen=True):
    """One backend, now."""

    pending: int
    unknown: int
    oldest_pending_seconds: float
    open: bool
    running: int
    scheduled: int


class Levels:
    """Gauges of queue and schedule, a series for each configured backend, and the event loop's lag."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"gateway_{name}", text, ("backend",), registry=registry)

        self._pending = gauge("cases_pending", "Cases that have not ended.")
        self._oldest = gauge("oldest_pending_seconds", "Age of the oldest case that has not ended, 0 without one.")
        self._unknown = gauge("unknown_cases", "Cases that ended without a trustworthy answer, and still stand so.")
        self._open = gauge("backend_open", "1 within the opening hours, by the configuration and the upstream's word.")
        self._operations = Gauge(
            "gateway_operations",
            "Operations by status: unended ones as they stand, ended ones since this process began.",
            ("status",),
            registry=registry,
        )
        self._lag = Histogram(
            "gateway_event_loop_lag_seconds",
            "How much later than asked a timer of the event loop fires.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )

    def set(self, levels: dict[str, BackendLevel]) -> None:
        """Set every backend's gauges."""
        for backend, level in levels.items():
            self._pending.labels(backend).set(level.pending)
            self._oldest.labels(backend).set(level.oldest_pending_seconds)
            self._unknown.labels(backend).set(level.unknown)
            self._open.labels(backend).set(level.open)
        self._operations.labels(Status.RUNNING).set(sum(level.running for level in levels.values()))
        self._operations.labels(Status.SCHEDULED).set(sum(level.scheduled for level in levels.values()))

    def ended(self, status: Status) -> None:
        """An operation ended."""
        self._operations.labels(status).inc()

    def lag(self, seconds: float) -> None:
        """A timer fired so much too late."""
        self._lag.observe(seconds)
