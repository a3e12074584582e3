"""The end of a process: callers that wait are let go, and their operations stay for the next process."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Drain:
    """Begun once, on SIGTERM (CONTRACT.md section 2, 7)."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether this process is on its way out."""
        return self._begun

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waits)

    def begin(self) -> None:
        """Let go of everyone who waits, and let nobody wait from now on; on the event loop's thread."""
        self._begun = True
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    async def until(self, awaited: Awaitable[T]) -> T | None:
        """The result of `awaited`, or null as soon as the drain has begun.

        A timeout that is moved forward costs far less than a task of its own for each waiting caller.
        """
        wait = asyncio.timeout(0 if self._begun else None)
        self._waits.add(wait)
        try:
            async with wait:
                return await awaited
        except TimeoutError:
            return None
        finally:
            self._waits.discard(wait)
