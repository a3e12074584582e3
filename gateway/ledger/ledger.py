"""The ledger over any store: each method is one transaction, and its effects follow the commit."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

from gateway.ledger import queries
from gateway.ledger.accept import accept, find
from gateway.ledger.base import (
    Acceptance,
    Accepted,
    BackendQueue,
    CallSettlement,
    Claim,
    ClaimRules,
    KeyReused,
    OperationFilter,
    Unended,
)
from gateway.ledger.claim import claim
from gateway.ledger.receipts import receipted
from gateway.ledger.records import Records
from gateway.ledger.recount import queued_cases
from gateway.ledger.settle import settle
from gateway.ledger.sql_records import SqlRecords
from gateway.ledger.store import Effects, Store, Transaction
from gateway.ledger.waiting import WaitingRoom
from gateway.ledger.withdraw import cancel, give_up, retry
from gateway.model.ids import Ids
from gateway.model.kinds import Status
from gateway.model.marks import Keyring
from gateway.model.operations import CaseRecord, NewOperation, Operation
from gateway.telemetry.events import LedgerCommitted, Observer

T = TypeVar("T")


class SqlLedger:
    """`Ledger` (see there) on a `Store`."""

    def __init__(self, store: Store, observer: Observer, keyring: Keyring | None = None) -> None:
        self._store = store
        self._keyring = keyring or Keyring()
        self.records: Records = SqlRecords(store, self._keyring)
        self._observer = observer
        self._ids = Ids()
        self._work: list[Callable[[str, int], None]] = []
        self._freed: list[Callable[[str], None]] = []
        self._waiting = WaitingRoom(self._finished_among, lambda: store.poll_seconds)
        self._groups: dict[str, str] = {}
        store.on_effects(self._follow)
        store.on_commit(lambda seconds: observer(LedgerCommitted(seconds)))

    def subscribe(self, work: Callable[[str, int], None], freed: Callable[[str], None] | None = None) -> None:
        """See `Ledger`."""
        self._work.append(work)
        if freed is not None:
            self._freed.append(freed)

    async def accept(
        self, new: NewOperation, *, max_queued_cases: int, quota: int | None = None, may_wait: bool = True
    ) -> Acceptance:
        """See `Ledger`."""
        return await self._write(
            partial(accept, new=new, ids=self._ids, max_queued_cases=max_queued_cases, quota=quota, may_wait=may_wait)
        )

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
        return await self._waiting.finished(operation_id, seconds)

    async def _finished_among(self, operation_ids: Sequence[str]) -> set[str]:
        return await self._store.read(partial(queries.finished_among, operation_ids=operation_ids))

    async def cancel(self, operation_id: str) -> None:
        """See `Ledger`."""
        await self._write(partial(cancel, operation_id=operation_id))

    async def retry(self, operation_id: str) -> None:
        """See `Ledger`."""
        await self._write(partial(retry, operation_id=operation_id))

    async def queues(self, backends: Collection[str]) -> dict[str, BackendQueue]:
        """See `Ledger`."""
        return await self._store.read(partial(queries.queues, backends=backends))

    async def queued(self) -> int:
        """See `Ledger`."""
        return await self._store.read(queued_cases)

    async def places(self, operations: Collection[Operation]) -> dict[str, int]:
        """See `Ledger`."""
        return await self._store.read(partial(queries.places, operations=operations))

    async def unended(self) -> tuple[Unended, ...]:
        """See `Ledger`."""
        return await self._store.read(queries.unended)

    async def give_up(self, backend: str, upstream: str) -> None:
        """See `Ledger`."""
        await self._store.write(partial(give_up, backend=backend, upstream=upstream))

    async def claim(self, rules: ClaimRules) -> Claim:
        """See `Ledger`."""
        self._groups[rules.backend] = rules.limits.name
        return await self._write(partial(claim, rules=rules, ids=self._ids), in_line=True)

    async def settle(self, settlement: CallSettlement) -> None:
        """See `Ledger`."""
        await self._write(partial(settle, settlement=settlement))

    async def check(self) -> None:
        """See `Ledger`."""
        await self._store.write(_touch)

    def now(self) -> int:
        """See `Ledger`."""
        return self._store.now()

    async def close(self) -> None:
        """See `Ledger`."""
        await self._waiting.close()
        await self._store.close()

    async def _write(self, work: Callable[[Transaction], T], *, in_line: bool = False) -> T:
        return await self._store.write(partial(receipted, work=work, keyring=self._keyring), in_line=in_line)

    def _follow(self, effects: Effects) -> None:
        for event in effects.events:
            self._observer(event)
        self._waiting.tell(effects.finished)
        for backend, cases in effects.due.items():
            self._hint(backend, cases)
        if effects.missed:
            self._look_again()

    def _hint(self, backend: str, cases: int) -> None:
        """Tell who dispatches; a freed slot or case may be what backends with the same limits wait for.

        Of the slots that its own calls free, a dispatcher knows without being told.
        """
        group = self._groups.get(backend)
        others = [other for other, shared in self._groups.items() if shared == group and other != backend]
        for work in self._work:
            if cases:
                work(backend, cases)
            for other in others:
                work(other, 0)
        if self._store.poll_seconds is not None:
            for freed in self._freed:
                freed(backend)

    def _look_again(self) -> None:
        """Anything may have happened without a word of it."""
        self._waiting.look_again()
        for backend in self._groups:
            self._hint(backend, 1)


def _touch(tx: Transaction) -> None:
    tx.run("UPDATE installation SET checked_at = :now", {"now": tx.now})
