"""What the configuration makes known from the start: limits as gauges, and series that begin at 0.

A counter that appears with its first event has no increase there: `rate` and `increase` would miss that event, and an
alert on a series that does not exist never fires.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from gateway.config.settings import BackendSettings, Settings
from gateway.model.kinds import ENDED, REMOVALS, Kind, System
from gateway.model.outcomes import Code
from gateway.telemetry.instruments import Instruments, Labels
from gateway.telemetry.labels import DOCUMENTED_OUTCOMES
from gateway.telemetry.levels import PAUSE_REASONS

TOKEN_OUTCOMES = ("granted", "refused", "unreachable")
AUTHENTICATIONS = ("api_key", "bearer", "none", "several")
QUOTAS = ("requests", "queued_cases")
KEY_SET_OUTCOMES = ("taken", "empty", "unusable", "unreachable")
LEDGER_WORK = ("check", "claim", "settle", "link", "checkpoint", "retention")
OWN_RETRY_REASONS = ("probe", "late")
"""Why a case waits for another call, where it is none of the codes."""

INFO = "Always 1: which system a backend is, and which limits it shares."
LIMIT_CALLS = "Calls that may begin in a second or minute, for all backends that share the limits; absent without one."
LIMIT_IN_FLIGHT = "Calls that may be under way, for all backends that share the limits; absent without such a limit."


class Expected(Struct, frozen=True):
    """What may come. `calls` are the upstream operations of each backend, `problems` the codes of refusals."""

    settings: Settings
    calls: Mapping[str, Collection[str]]
    problems: Collection[str]


class Configured:
    """Gauges that show the settings which a dashboard compares with."""

    def __init__(self, make: Instruments) -> None:
        self._info = make.gauge("backend_info", INFO, "backend", "system", "limits", across="max")
        self._calls = make.gauge("limit_calls", LIMIT_CALLS, "limits", "window", across="max")
        self._in_flight = make.gauge("limit_in_flight", LIMIT_IN_FLIGHT, "limits", across="max")
        self._queue = make.gauge(
            "queue_limit_cases", "Cases that may be queued (`server.max_queued_cases`).", across="max"
        )

    def show(self, settings: Settings) -> None:
        """Set them all anew."""
        for gauge in (self._info, self._calls, self._in_flight):
            gauge.clear()
        self._queue.set(settings.server.max_queued_cases)
        for backend in settings.backends.values():
            self._show(backend)

    def _show(self, backend: BackendSettings) -> None:
        limits = backend.limits
        self._info.labels(backend.name, backend.system, limits.name).set(1)
        for window, calls in (("second", limits.per_second), ("minute", limits.per_minute)):
            if calls is not None:
                self._calls.labels(limits.name, window).set(calls)
        if limits.max_in_flight is not None:
            self._in_flight.labels(limits.name).set(limits.max_in_flight)


def first_series(expected: Expected) -> Mapping[str, Iterable[Labels]]:
    """The label values of every series that is to be there from the start, by the name of its metric."""
    backends = expected.settings.backends
    calls = [(name, call) for name, called in expected.calls.items() for call in called]
    each_backend = [(name,) for name in backends]
    return {
        "problems": ((code,) for code in expected.problems),
        "upstream_requests": ((*call, outcome) for call in calls for outcome in DOCUMENTED_OUTCOMES),
        "upstream_request_duration_seconds": calls,
        "upstream_in_flight": each_backend,
        "upstream_retries": ((name, reason) for name in backends for reason in (*Code, *OWN_RETRY_REASONS)),
        "pacing_wait_seconds": each_backend,
        "unasked_entries": each_backend,
        "backend_pauses": ((name, reason) for name in backends for reason in PAUSE_REASONS),
        "token_requests": ((name, end) for name in _with_tokens(backends.values()) for end in TOKEN_OUTCOMES),
        "cases": _cases(expected.settings),
        "case_errors": ((name, code) for name in backends for code in Code),
        "items": _items(backends.values()),
        "ledger_failures": ((doing,) for doing in LEDGER_WORK),
        "evidence_broken": (("receipt",), ("chain",)),
        "checkpoints": (("written",), ("failed",)),
        "authentications": ((way, end) for way in AUTHENTICATIONS for end in ("accepted", "refused", "unavailable")),
        "quota_refusals": ((name, quota) for name in expected.settings.callers for quota in QUOTAS),
        "key_set_requests": ((name, end) for name in expected.settings.issuers for end in KEY_SET_OUTCOMES),
    }


def _with_tokens(backends: Collection[BackendSettings]) -> set[str]:
    return {backend.credential.name for backend in backends if backend.credential.token_url is not None}


def _cases(settings: Settings) -> Iterator[Labels]:
    for tenant in settings.tenants.values():
        for kind in Kind:
            route = tenant.route(kind)
            if route is not None:
                executes = ("true", "false") if kind is Kind.CASE_DELETION else ("true",)
                names = kind, tenant.name, route.backend
                yield from ((*names, status, execute) for status in ENDED for execute in executes)


def _items(backends: Collection[BackendSettings]) -> Iterator[Labels]:
    removing = [backend.name for backend in backends if backend.system is System.ORACLE_ECM]
    return ((kind, name, status) for name in removing for kind in REMOVALS for status in ENDED)
