"""Work that was accepted for an upstream that is not configured any more: it waits, and nothing of it is sent.

It is counted where all work is, and can be cancelled. What was under way when its process ended is settled as lost.
"""

import asyncio
from collections.abc import Callable

from gateway.backends.registry import backend_for
from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Credential, Limits, Retry, Settings
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.means import Means, Rules
from gateway.errors import LedgerError, NotSent
from gateway.ledger.base import ClaimRules, Ledger, Unended
from gateway.model.calls import Answer, UpstreamRequest
from gateway.telemetry.events import LedgerFailed, Observer, WorkLeftBehind

INTERVAL_SECONDS = 5.0


class LeftBehind:
    """Looks after such work as long as the process lives. `serves`: whether a backend is configured at it."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        serves: Callable[[str, str], bool],
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._serves = serves
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._told = set[tuple[str, str]]()

    async def run(self) -> None:
        """Look, wait, for ever."""
        never = asyncio.Event()
        while True:
            try:
                await self.once()
            except LedgerError as error:
                self._observer(LedgerFailed("claim", str(error)))
            await self._clock.wait(never, INTERVAL_SECONDS)

    async def once(self) -> None:
        """Settle what was lost of it, and say so when there is some that there was not before. Raises LedgerError."""
        found = [work for work in await self._ledger.unended() if not self._serves(work.backend, work.upstream)]
        for work in found:
            if (work.backend, work.upstream) not in self._told:
                self._observer(WorkLeftBehind(work.backend, work.system, work.cases))
            await self._settle_lost(work)
            await self._ledger.give_up(work.backend, work.upstream)
        self._told = {(work.backend, work.upstream) for work in found}

    async def _settle_lost(self, work: Unended) -> None:
        backend, retry = _as_known(work, self._limits(work.backend)), self._settings().retry
        claim = await self._ledger.claim(_rules(backend, work.upstream, retry))
        rules = Rules(backend, retry, self._settings().circuit)
        means = Means(lambda: rules, _Nowhere(), self._ledger, self._clock, self._observer)
        carrier = Carrier(means, backend_for(backend))
        for call in claim.lost:
            await carrier.lose(call)

    def _limits(self, backend: str) -> Limits:
        """Those of the group whose lock the backend's claims take, if it is configured elsewhere."""
        configured = self._settings().backends.get(backend)
        return configured.limits if configured else Limits(backend)


class _Nowhere:
    """A channel to an upstream of which only the past is known."""

    async def ready(self, count: int) -> None:
        raise NotSent("left_behind", f"{count} connections to an upstream that is not configured")

    async def send(self, request: UpstreamRequest, *, trace: tuple[tuple[str, str], ...] = ()) -> Answer:
        raise NotSent("left_behind", f"{request.method} to an upstream that is not configured {trace}")

    async def close(self) -> None:
        return


def _as_known(work: Unended, limits: Limits) -> BackendSettings:
    """What settling a lost call takes; no request is ever worded from it, so where the upstream was is left out."""
    return BackendSettings(work.backend, work.system, "", Credential("", "none"), limits, country="")


def _rules(backend: BackendSettings, upstream: str, retry: Retry) -> ClaimRules:
    """Only looks."""
    return ClaimRules(
        backend=backend.name,
        limits=backend.limits,
        hours=None,
        slots=0,
        cases_per_call=1,
        timeout_seconds=backend.timeout_seconds,
        linger_seconds=backend.linger_seconds,
        retry=retry,
        upstream=upstream,
    )
