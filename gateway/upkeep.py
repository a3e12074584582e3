"""What a process does on its own from time to time: prove that the ledger can be written, and take the levels."""

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Retry, Settings
from gateway.errors import LedgerError
from gateway.ledger.base import BackendQueue, Ledger
from gateway.ledger.outlooks import outlooks_of
from gateway.model.hours import SECOND, Hours, open_microseconds
from gateway.model.outlook import Outlook
from gateway.telemetry.events import LedgerFailed, Observer
from gateway.telemetry.levels import BackendLevel, CertificateEnds, Levels

INTERVAL_SECONDS = 5.0
INTERVAL_IN_TROUBLE_SECONDS = 1.0
DAY_SECONDS = 86_400.0


class Upkeep:
    """Runs as long as the process; `ledger_works` is what it last found.

    `certificates` tells when they expire.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        ledger: Ledger,
        levels: Levels,
        clock: Clock,
        observer: Observer,
        certificates: Callable[[Settings], CertificateEnds],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._levels = levels
        self._clock = clock
        self._observer = observer
        self._certificates = certificates
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
            settings = self._settings()
            left = {work.backend for work in await self._ledger.unended()}
            queues = await self._ledger.queues([*left | settings.backends.keys()])
        except LedgerError as error:
            self.ledger_works = False
            self._observer(LedgerFailed("check", str(error)))
            return
        self.ledger_works = True
        backends, now = settings.backends, self._ledger.now()
        outlooks = outlooks_of(backends.values(), queues, now)
        levels = {name: _level(backends[name], queues[name], outlooks[name], settings.retry) for name in outlooks}
        left_behind = {name: _left_behind(queues[name], now) for name in left - backends.keys()}
        self._levels.set(levels | left_behind)
        self._levels.certificates(self._certificates(settings))


def _left_behind(queue: BackendQueue, now: int) -> BackendLevel:
    """The level of a backend that is configured no more, and still has work."""
    return BackendLevel(
        pending=sum(queue.pending.values()),
        unknown=queue.unknown,
        oldest_pending_seconds=_seconds_since(queue.oldest_pending_at, now),
        empty_seconds=None,
        open=False,
        hours_open=False,
        running=queue.operations,
        circuit=queue.circuit,
    )


def _level(settings: BackendSettings, queue: BackendQueue, outlook: Outlook, retry: Retry) -> BackendLevel:
    now, hours = outlook.now, settings.hours
    closed = outlook.opens_at is not None
    scheduled = queue.operations - queue.operations_in_flight if closed else 0
    return BackendLevel(
        pending=sum(queue.pending.values()),
        unknown=queue.unknown,
        oldest_pending_seconds=_seconds_since(queue.oldest_pending_at, now),
        oldest_pending_open_seconds=open_microseconds(hours, queue.oldest_pending_at or now, now) / SECOND,
        oldest_due_seconds=max(_seconds_since(at, now) for at in (queue.oldest_due_at, _retry_due_at(queue, retry))),
        empty_seconds=_empty_seconds(outlook),
        open=not closed,
        hours_open=hours is None or hours.is_open(now),
        opening_window_seconds=DAY_SECONDS if hours is None else _window_seconds(hours, now),
        opens_at=None if outlook.opens_at is None else outlook.opens_at / SECOND,
        paused_for=queue.paused_for,
        paused_seconds=max(0, (queue.paused_until or now) - now) / SECOND,
        running=queue.operations - scheduled,
        scheduled=scheduled,
        circuit=queue.circuit,
    )


def _seconds_since(instant: int | None, now: int) -> float:
    return 0.0 if instant is None else max(0, now - instant) / SECOND


def _retry_due_at(queue: BackendQueue, retry: Retry) -> int | None:
    """Since when a retry could have been sent: without a token only once the backend has been left alone for long."""
    if queue.oldest_retry_due_at is None or queue.budget_spent_since is None:
        return queue.oldest_retry_due_at
    return max(queue.oldest_retry_due_at, queue.budget_spent_since + round(retry.backoff_max_seconds * SECOND))


def _window_seconds(hours: Hours, now: int) -> float:
    start, end = hours.window(now)
    return (end - start) / SECOND


def _empty_seconds(outlook: Outlook) -> float | None:
    if not any(waiting.total for waiting in outlook.queues.values()):
        return 0.0
    ends = [outlook.queue_done_at(tenant) for tenant, waiting in outlook.queues.items() if waiting.total]
    known = [end for end in ends if end is not None]
    return (max(known) - outlook.now) / SECOND if known else None
