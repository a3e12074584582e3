"""A clock that stands still until it is told to go on."""

import asyncio


class ManualClock:
    def __init__(self, now: int = 1_767_225_600_000_000) -> None:
        self.microseconds = now
        self.seconds = 100.0

    def advance(self, seconds: float) -> None:
        self.microseconds += round(seconds * 1_000_000)
        self.seconds += seconds

    def now(self) -> int:
        return self.microseconds

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        raise AssertionError(f"the transport waits for {event} without a deadline of the loop, {seconds} s")
