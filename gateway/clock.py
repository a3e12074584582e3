"""The one source of time, so that tests can hold it."""

import asyncio
import time
from typing import Protocol

from gateway.model.hours import SECOND


class Clock(Protocol):
    """Wall time for the ledger, monotonic time for durations, and waiting."""

    def now(self) -> int:
        """Wall-clock microseconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait until `event` is set, at most `seconds` (null: for ever); whether it is set."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        """Wall-clock microseconds since 1970, UTC."""
        return time.time_ns() * SECOND // 1_000_000_000

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait until `event` is set, at most `seconds` (null: for ever); whether it is set."""
        if event.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True
