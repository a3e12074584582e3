"""What a process does on its own from time to time: prove that the ledger can be written, and take the levels."""

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Settings
from gateway.errors import LedgerError
from gateway.ledger.base import BackendQueue, Ledger
from gateway.model.hours import SECOND
from gateway.model.outcomes import Code
from gateway.telemetry.events import LedgerFailed, Observer
from gateway.telemetry.levels import BackendLevel, Levels

INTERVAL_SECONDS = 5.0
INTERVAL_IN_TROUBLE_SECONDS = 1.0


class Upkeep:
    """Runs as long as the process; `ledger_works` is what it last found."""

    def __init__(
        self, settings: Callable[[], Settings], ledger: Ledger, levels: Levels, clock: Clock, observer: Observer
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._levels = levels
        self._clock = clock
        self._observer = observer
        self._doubt = asyncio.Event()
        self.ledger_works = True

    def doubt(self) -> None:
        """The ledger failed somebody: it is not relied upon until it has been checked, which is done now."""
        self.ledger_works = False
        self._doubt.set()

    async def run(self) -> None:
        """Check, take the levels, wait, for ever."""
        while True:
            self._doubt.clear()
            await self.once()
            interval = INTERVAL_SECONDS if self.ledger_works else INTERVAL_IN_TROUBLE_SECONDS
            due = self._clock.monotonic() + interval
            if not await self._clock.wait(self._doubt, interval):
                self._levels.lag(max(0.0, self._clock.monotonic() - due))

    async def once(self) -> None:
        """Check the ledger and take the levels."""
        try:
            await self._ledger.check()
            queues = await self._ledger.queues(list(self._settings().backends))
        except LedgerError as error:
            self.ledger_works = False
            self._observer(LedgerFailed("check", str(error)))
            return
        self.ledger_works = True
        now, backends = self._ledger.now(), self._settings().backends
        self._levels.set({name: _level(backends[name], queue, now) for name, queue in queues.items()})


def _level(settings: BackendSettings, queue: BackendQueue, now: int) -> BackendLevel:
    closed = queue.paused_for is Code.UPSTREAM_CLOSED or not (settings.hours is None or settings.hours.is_open(now))
    scheduled = queue.operations - queue.operations_in_flight if closed else 0
    return BackendLevel(
        pending=sum(queue.pending.values()),
        unknown=queue.unknown,
        oldest_pending_seconds=0.0 if queue.oldest_pending_at is None else (now - queue.oldest_pending_at) / SECOND,
        open=not closed,
        running=queue.operations - scheduled,
        scheduled=scheduled,
    )
