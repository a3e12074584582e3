"""The outlook of backends, from the settings and the ledger's queues."""

from collections import Counter
from collections.abc import Collection

from gateway.config.settings import BackendSettings, Settings
from gateway.http.parts import Parts
from gateway.ledger.base import BackendQueue
from gateway.model.outcomes import Code
from gateway.model.outlook import Outlook, pace


async def outlooks(parts: Parts, settings: Settings, names: Collection[str]) -> dict[str, Outlook]:
    """The outlook of each of the named backends that is still configured. Raises LedgerUnavailable."""
    groups = {settings.backends[name].limits.name for name in names if name in settings.backends}
    sharing = [backend for backend in settings.backends.values() if backend.limits.name in groups]
    if not sharing:
        return {}
    queues = await parts.ledger.queues([backend.name for backend in sharing])
    now = parts.ledger.now()
    return {
        backend.name: _outlook(backend, queues[backend.name], _by_tenant(backend, sharing, queues), now)
        for backend in sharing
        if backend.name in names
    }


def _outlook(backend: BackendSettings, queue: BackendQueue, by_tenant: Counter[str], now: int) -> Outlook:
    return Outlook(
        now=now,
        hours=backend.hours,
        closed_until=queue.paused_until if queue.paused_for is Code.UPSTREAM_CLOSED else None,
        paused_until=queue.paused_until,
        call_seconds=backend.timeout_seconds,
        cases_per_second=pace(
            per_second=backend.limits.per_second,
            per_minute=backend.limits.per_minute,
            max_in_flight=backend.limits.max_in_flight,
            mean_call_seconds=queue.mean_call_seconds,
            cases_per_call=backend.cases_per_call,
        ),
        queues=by_tenant,
    )


def _by_tenant(
    backend: BackendSettings, sharing: Collection[BackendSettings], queues: dict[str, BackendQueue]
) -> Counter[str]:
    """The unended cases of every backend that shares this one's limits."""
    total: Counter[str] = Counter()
    for other in sharing:
        if other.limits.name == backend.limits.name:
            total.update(queues[other.name].pending)
    return total
