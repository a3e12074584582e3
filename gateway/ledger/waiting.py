"""Who waits for an operation's end, and the one look into the ledger that serves all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from gateway.errors import LedgerUnavailable

Look = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Which of these operations have finished. Raises LedgerUnavailable."""


class WaitingRoom:
    """Wakes whoever waits for an operation, at the word that it has finished.

    A word can be lost where other processes are the ones to say it. So, if `poll_seconds` is given, all operations that
    are waited for are looked up together that often, however many wait; and at once after `look_again`.
    """

    def __init__(self, look: Look, poll_seconds: Callable[[], float | None]) -> None:
        self._look = look
        self._poll_seconds = poll_seconds
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._overdue = asyncio.Event()
        self._lookout: asyncio.Task[None] | None = None

    async def finished(self, operation_id: str, seconds: float) -> bool:
        """Wait until the operation has finished, at most `seconds`; whether it has. Raises LedgerUnavailable."""
        woken = asyncio.Event()
        self._waiting.setdefault(operation_id, set()).add(woken)
        try:
            if await self._look((operation_id,)):
                return True
            self._watch()
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return False
        finally:
            self._leave(operation_id, woken)
        return True

    def tell(self, finished: Iterable[str]) -> None:
        """These operations have finished."""
        for operation_id in finished:
            for woken in self._waiting.get(operation_id, ()):
                woken.set()

    def look_again(self) -> None:
        """Words may have been lost."""
        self._overdue.set()

    async def close(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.cancel()
            await asyncio.gather(self._lookout, return_exceptions=True)

    def _leave(self, operation_id: str, woken: asyncio.Event) -> None:
        others = self._waiting[operation_id]
        others.discard(woken)
        if not others:
            del self._waiting[operation_id]

    def _watch(self) -> None:
        if self._poll_seconds() is not None and (self._lookout is None or self._lookout.done()):
            self._lookout = asyncio.create_task(self._look_out())

    async def _look_out(self) -> None:
        """Look for everybody, from time to time, as long as somebody waits."""
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds()):
                    await self._overdue.wait()
            self._overdue.clear()
            with suppress(LedgerUnavailable):  # the next look finds what this one could not
                self.tell(await self._look(tuple(self._waiting)))
