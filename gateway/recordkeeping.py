"""What a process does for the record from time to time: link receipts, sign checkpoints, remove what is too old."""

import asyncio
from collections.abc import Callable

from gateway.checkpointing import Checkpointing
from gateway.clock import Clock
from gateway.config.settings import Settings
from gateway.errors import LedgerError
from gateway.ledger.records import Records
from gateway.model.hours import SECOND
from gateway.telemetry.events import LedgerFailed, Observer

LINK_SECONDS = 1.0
"""How long a receipt may stand outside of the chain."""
CLEAR_SECONDS = 60.0
BETWEEN_STEPS_SECONDS = 0.05
"""A step holds the writer for some milliseconds; in between it is free for what cannot wait."""
DAY_MICROSECONDS = 86_400 * SECOND


class Recordkeeping:
    """Runs as long as the process. `now` is the ledger's time."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        records: Records,
        now: Callable[[], int],
        clock: Clock,
        observer: Observer,
        checkpointing: Checkpointing | None,
    ) -> None:
        self._settings = settings
        self._records = records
        self._now = now
        self._clock = clock
        self._observer = observer
        self._checkpointing = checkpointing
        self._clear_at = clock.monotonic()
        self._to_wipe = True  # the last process may have been stopped in between

    async def run(self) -> None:
        """Link, sign, remove, wait, for ever."""
        never = asyncio.Event()
        while True:
            await self._clock.wait(never, await self.once())

    async def once(self) -> float:
        """Do what is due; in how many seconds there is more to do."""
        doing = "link"
        try:
            linked = await self._records.link()
            doing = "checkpoint"
            if self._checkpointing is not None:
                await self._checkpointing.once()
            doing = "retention"
            cleared = await self._clear()
        except LedgerError as error:
            self._observer(LedgerFailed(doing, str(error)))
            return LINK_SECONDS
        return BETWEEN_STEPS_SECONDS if linked or cleared else LINK_SECONDS

    async def _clear(self) -> bool:
        """Take a step, if it is time to; whether it removed something."""
        if self._clock.monotonic() < self._clear_at:
            return False
        kept = self._settings().store.retention_days * DAY_MICROSECONDS
        if await self._records.clear(self._now() - kept):
            self._to_wipe = True
            return True
        if self._to_wipe:
            self._to_wipe = not await self._records.wipe()
        self._clear_at = self._clock.monotonic() + CLEAR_SECONDS
        return False
