"""A clock that stands still until it is told to go on."""

import asyncio
from collections.abc import Callable

START = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC, in microseconds since 1970."""


class ManualClock:
    """`gateway.clock.Clock`, held by a test."""

    def __init__(self, now: int = START) -> None:
        self.microseconds = now
        self.seconds = 100.0
        self.followers: list[Callable[[int], None]] = []
        """Clocks elsewhere that show the same time: each is told it, in microseconds."""
        self._moved = asyncio.Event()

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.jump(seconds)
        self.seconds += seconds
        self._moved.set()

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; no time passes."""
        self.microseconds += round(seconds * 1_000_000)
        for follow in self.followers:
            follow(self.microseconds)

    def now(self) -> int:
        return self.microseconds

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        end = None if seconds is None else self.seconds + seconds
        while not event.is_set() and (end is None or self.seconds < end):
            self._moved.clear()
            waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._moved.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return event.is_set()
