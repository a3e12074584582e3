"""The outlook of backends, from the settings and the ledger's queues."""

from collections.abc import Collection

from gateway.config.settings import Settings
from gateway.http.parts import Parts
from gateway.ledger.outlooks import outlooks_of
from gateway.model.outlook import Outlook


async def outlooks(parts: Parts, settings: Settings, names: Collection[str]) -> dict[str, Outlook]:
    """The outlook of each of the named backends that is still configured. Raises LedgerUnavailable."""
    groups = {settings.backends[name].limits.name for name in names if name in settings.backends}
    sharing = [backend for backend in settings.backends.values() if backend.limits.name in groups]
    if not sharing:
        return {}
    queues = await parts.ledger.queues([backend.name for backend in sharing])
    every = outlooks_of(sharing, queues, parts.ledger.now())
    return {name: outlook for name, outlook in every.items() if name in names}
