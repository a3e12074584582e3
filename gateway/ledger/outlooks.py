"""The outlook of backends, from their settings and the ledger's queues. Pure."""

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from gateway.config.settings import BackendSettings
from gateway.ledger.base import BackendQueue
from gateway.ledger.pace import windows_of
from gateway.model.forecast import Bounds, Waiting
from gateway.model.hours import SECOND
from gateway.model.outcomes import Code
from gateway.model.outlook import Outlook

AT_ONCE_MICROSECONDS = 10 * SECOND
"""Backends that begin to work within this time are open together."""


def outlooks_of(
    backends: Collection[BackendSettings], queues: Mapping[str, BackendQueue], now: int
) -> dict[str, Outlook]:
    """The outlook of each of `backends`, which must hold whole limits groups: who shares a pace shares a queue."""
    alone = {backend.name: _alone(backend, queues[backend.name], now) for backend in backends}
    return {
        backend.name: _among(
            alone[backend.name],
            [queues[other.name] for other in backends if other.limits.name == backend.limits.name],
            [alone[other.name] for other in backends if other.limits.name == backend.limits.name and other != backend],
        )
        for backend in backends
    }


def _alone(backend: BackendSettings, queue: BackendQueue, now: int) -> Outlook:
    """As if nobody shared its limits."""
    limits, mean_seconds = backend.limits, queue.mean_call_seconds
    return Outlook(
        now=now,
        hours=backend.hours,
        closed_until=queue.paused_until if queue.paused_for is Code.UPSTREAM_CLOSED else None,
        paused_until=max(queue.paused_until or 0, queue.circuit_open_until or 0) or None,
        call_seconds=backend.timeout_seconds,
        bounds=Bounds(
            windows=windows_of(limits),
            max_in_flight=limits.max_in_flight,
            call_microseconds=None if mean_seconds is None else round(mean_seconds * SECOND),
        ),
        cases_per_call=backend.cases_per_call,
        queues={tenant: _waiting(queue, tenant) for tenant in queue.pending},
    )


def _waiting(queue: BackendQueue, tenant: str) -> Waiting:
    singles = queue.singles.get(tenant, 0)
    return Waiting(singles, queue.pending[tenant] - singles)


def _among(alone: Outlook, queues: list[BackendQueue], others: list[Outlook]) -> Outlook:
    """With what all who share its limits have under way, and what those have waiting who are open when it is."""
    bounds = replace(
        alone.bounds,
        granted=tuple(sorted(granted for queue in queues for granted in queue.granted)),
        in_flight=sum(queue.in_flight for queue in queues),
    )
    soon = alone.works_from + AT_ONCE_MICROSECONDS
    return replace(alone, bounds=bounds, rivals=tuple(_calls(other) for other in others if other.works_from <= soon))


def _calls(outlook: Outlook) -> Waiting:
    calls = [waiting.in_calls(outlook.cases_per_call) for waiting in outlook.queues.values()]
    return Waiting(sum(each.singles for each in calls), sum(each.bulk for each in calls))
