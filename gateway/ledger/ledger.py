"""The ledger over any store: each method is one transaction, and its effects follow the commit."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from gateway.errors import LedgerUnavailable
from gateway.ledger import queries
from gateway.ledger.accept import accept, find
from gateway.ledger.base import (
    Accepted,
    BackendQueue,
    CallSettlement,
    Claim,
    ClaimRules,
    KeyReused,
    OperationFilter,
    QueueFull,
)
from gateway.ledger.claim import claim
from gateway.ledger.settle import settle
from gateway.ledger.store import Effects, Store, Transaction
from gateway.ledger.withdraw import cancel, retry
from gateway.model.ids import Ids
from gateway.model.kinds import Status
from gateway.model.operations import CaseRecord, NewOperation, Operation
from gateway.telemetry.events import Observer


class SqlLedger:
    """`Ledger` (see there) on a `Store`."""

    def __init__(self, store: Store, observer: Observer) -> None:
        self._store = store
        self._observer = observer
        self._ids = Ids()
        self._work: list[Callable[[str, int], None]] = []
        self._freed: list[Callable[[str], None]] = []
        self._waiting: dict[str, set[_Waiter]] = {}
        self._groups: dict[str, str] = {}
        store.on_effects(self._follow)

    def subscribe(self, work: Callable[[str, int], None], freed: Callable[[str], None] | None = None) -> None:
        """See `Ledger`."""
        self._work.append(work)
        if freed is not None:
            self._freed.append(freed)

    async def accept(self, new: NewOperation, *, max_queued_cases: int) -> Accepted | KeyReused | QueueFull:
        """See `Ledger`."""
        return await self._store.write(partial(accept, new=new, ids=self._ids, max_queued_cases=max_queued_cases))

    async def find(self, caller: str, key: str, fingerprint: str) -> Accepted | KeyReused | None:
        """See `Ledger`."""
        return await self._store.read(partial(find, caller=caller, key=key, fingerprint=fingerprint))

    async def operation(self, operation_id: str) -> Operation | None:
        """See `Ledger`."""
        return await self._store.read(partial(queries.operation, operation_id=operation_id))

    async def view(self, operation_id: str, *, inline: int) -> tuple[Operation, tuple[CaseRecord, ...] | None] | None:
        """See `Ledger`."""
        return await self._store.read(partial(queries.view, operation_id=operation_id, inline=inline))

    async def results(
        self, operation_id: str, *, status: Status | None = None, after: int = -1, limit: int = 1_000
    ) -> tuple[CaseRecord, ...]:
        """See `Ledger`."""
        return await self._store.read(
            partial(queries.results, operation_id=operation_id, status=status, after=after, limit=limit)
        )

    async def operations(self, wanted: OperationFilter) -> tuple[Operation, ...]:
        """See `Ledger`."""
        return await self._store.read(partial(queries.operations, wanted=wanted))

    async def finished(self, operation_id: str, seconds: float) -> bool:
        """See `Ledger`."""
        waiter = _Waiter()
        self._waiting.setdefault(operation_id, set()).add(waiter)
        try:
            if await self._has_finished(operation_id):
                return True
            async with asyncio.timeout(seconds):
                await self._told_or_seen(waiter, operation_id)
        except TimeoutError:
            return False
        finally:
            waiting = self._waiting[operation_id]
            waiting.discard(waiter)
            if not waiting:
                del self._waiting[operation_id]
        return True

    async def _has_finished(self, operation_id: str) -> bool:
        return await self._store.read(partial(queries.has_finished, operation_id=operation_id))

    async def _told_or_seen(self, waiter: "_Waiter", operation_id: str) -> None:
        """Wait for the word that the operation has finished; who may miss it looks from time to time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._store.poll_seconds):
                    await waiter.woken.wait()
            if waiter.finished:
                return
            waiter.woken.clear()
            with suppress(LedgerUnavailable):  # the word may come when the ledger is back
                if await self._has_finished(operation_id):
                    return

    async def cancel(self, operation_id: str) -> None:
        """See `Ledger`."""
        await self._store.write(partial(cancel, operation_id=operation_id))

    async def retry(self, operation_id: str) -> None:
        """See `Ledger`."""
        await self._store.write(partial(retry, operation_id=operation_id))

    async def queues(self, backends: Collection[str]) -> dict[str, BackendQueue]:
        """See `Ledger`."""
        return await self._store.read(partial(queries.queues, backends=backends))

    async def claim(self, rules: ClaimRules) -> Claim:
        """See `Ledger`."""
        self._groups[rules.backend] = rules.limits.name
        return await self._store.write(partial(claim, rules=rules, ids=self._ids))

    async def settle(self, settlement: CallSettlement) -> None:
        """See `Ledger`."""
        await self._store.write(partial(settle, settlement=settlement))

    async def check(self) -> None:
        """See `Ledger`."""
        await self._store.write(_touch)

    def now(self) -> int:
        """See `Ledger`."""
        return self._store.now()

    async def close(self) -> None:
        """See `Ledger`."""
        await self._store.close()

    def _follow(self, effects: Effects) -> None:
        for event in effects.events:
            self._observer(event)
        for operation_id in effects.finished:
            for waiter in self._waiting.get(operation_id, ()):
                waiter.wake(finished=True)
        for backend, cases in effects.due.items():
            self._hint(backend, cases)
        if effects.missed:
            self._look_again()

    def _hint(self, backend: str, cases: int) -> None:
        """Tell who dispatches; a freed slot or case may be what backends with the same limits wait for."""
        group = self._groups.get(backend)
        others = [other for other, shared in self._groups.items() if shared == group and other != backend]
        for work in self._work:
            work(backend, cases)
            for other in others:
                work(other, 0)
        if self._store.poll_seconds is not None:
            for freed in self._freed:
                freed(backend)

    def _look_again(self) -> None:
        """Anything may have happened without a word of it."""
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.wake(finished=False)
        for backend in self._groups:
            self._hint(backend, 1)


class _Waiter:
    """Somebody who waits for an operation to finish."""

    __slots__ = ("finished", "woken")

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.finished = False

    def wake(self, *, finished: bool) -> None:
        self.finished = self.finished or finished
        self.woken.set()


def _touch(tx: Transaction) -> None:
    tx.run("UPDATE installation SET checked_at = :now", {"now": tx.now})
