"""A ledger in memory: what the HTTP API sees of one, with outcomes that a test decides."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection

from msgspec.structs import replace

from gateway.clock import Clock
from gateway.errors import LedgerError
from gateway.ledger.base import (
    Acceptance,
    Accepted,
    BackendQueue,
    CallSettlement,
    CircuitOpen,
    Claim,
    ClaimRules,
    KeyReused,
    OperationFilter,
    QueueFull,
    QuotaFull,
    Unended,
)
from gateway.ledger.records import Head, ReceiptRecord, Records
from gateway.model.cases import Case, Item
from gateway.model.chain import GENESIS, Link, digest, link_hash
from gateway.model.ids import Ids
from gateway.model.kinds import ENDED, Kind, Status, System
from gateway.model.marks import ReceiptKey
from gateway.model.operations import CaseRecord, NewOperation, Operation
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error, merged_status
from gateway.model.receipts import body, receipt

SUCCEEDED = CaseOutcome(Status.SUCCEEDED)
CANCELLED = CaseOutcome(Status.CANCELLED, errors=(error(Code.CASE_CANCELLED, "Cancelled before it was sent."),))


class FakeLedger:
    """Records operations and answers for them; nothing is dispatched.

    `script`: outcomes that the cases of the next accepted operations get at once, in order. `failure` is raised by
    every coroutine while it is set. `known_queues` replaces what is said of a backend's queue.
    """

    def __init__(self, clock: Clock) -> None:
        self.records: Records = FakeRecords(self)
        self.operations_by_id: dict[str, Operation] = {}
        self.cases: dict[str, list[CaseRecord]] = {}
        self.accepted: list[NewOperation] = []
        self.script: list[CaseOutcome] = []
        self.failure: LedgerError | None = None
        self.circuits_open: dict[str, int] = {}
        self.known_queues: dict[str, BackendQueue] = {}
        self._unended: set[str] = set()
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        self._events: dict[str, asyncio.Event] = {}
        self._clock = clock
        self._ids = Ids()

    def settle_case(self, operation_id: str, position: int, outcome: CaseOutcome, retry_at: int | None = None) -> None:
        """End a case, as a dispatcher would."""
        case = self.cases[operation_id][position]
        self.cases[operation_id][position] = replace(
            case, outcome=outcome, attempts=case.attempts + 1, retry_at=retry_at
        )
        self._recount(operation_id)

    def subscribe(self, work: Callable[[str, int], None], freed: Callable[[str], None] | None = None) -> None:
        """Nobody is told."""

    async def accept(
        self, new: NewOperation, *, max_queued_cases: int, quota: int | None = None, may_wait: bool = True
    ) -> Acceptance:
        """See `Ledger`; a further copy starts nothing again."""
        if new.idempotency_key and (found := await self.find(new.caller, new.idempotency_key, new.fingerprint)):
            return found
        self._fail()
        unended = [self.operations_by_id[operation_id] for operation_id in self._unended]
        own = sum(operation.pending for operation in unended if operation.caller == new.caller)
        if quota is not None and own + len(new.cases) > quota:
            return QuotaFull(own)
        queued = sum(operation.pending for operation in unended)
        if queued + len(new.cases) > max_queued_cases:
            return QueueFull(queued)
        if not may_wait and new.backend in self.circuits_open:
            return CircuitOpen(self.circuits_open[new.backend])
        return Accepted(self._record(new), created=True)

    async def find(self, caller: str, key: str, fingerprint: str) -> Accepted | KeyReused | None:
        """See `Ledger`."""
        self._fail()
        found = self._keys.get((caller, key))
        if found is None:
            return None
        return Accepted(found[0], created=False) if found[1] == fingerprint else KeyReused()

    async def operation(self, operation_id: str) -> Operation | None:
        """See `Ledger`."""
        self._fail()
        return self.operations_by_id.get(operation_id)

    async def view(self, operation_id: str, *, inline: int) -> tuple[Operation, tuple[CaseRecord, ...] | None] | None:
        """See `Ledger`."""
        operation = await self.operation(operation_id)
        if operation is None:
            return None
        return operation, tuple(self.cases[operation_id]) if operation.total <= inline else None

    async def results(
        self, operation_id: str, *, status: Status | None = None, after: int = -1, limit: int = 1_000
    ) -> tuple[CaseRecord, ...]:
        """See `Ledger`."""
        self._fail()
        found = [case for case in self.cases[operation_id] if status is None or case.outcome.status is status]
        return tuple([case for case in found if case.position > after][:limit])

    async def operations(self, wanted: OperationFilter) -> tuple[Operation, ...]:
        """See `Ledger`."""
        self._fail()
        newest_first = sorted(self.operations_by_id.values(), key=lambda operation: operation.id, reverse=True)
        return tuple([operation for operation in newest_first if _wanted(operation, wanted)][: wanted.limit])

    async def finished(self, operation_id: str, seconds: float) -> bool:
        """See `Ledger`."""
        self._fail()
        return await self._clock.wait(self._events[operation_id], seconds)

    async def cancel(self, operation_id: str) -> None:
        """See `Ledger`: every pending case counts as never begun."""
        self._fail()
        self._end_all(operation_id, {Status.PENDING}, CANCELLED)

    async def retry(self, operation_id: str) -> None:
        """See `Ledger`."""
        self._fail()
        self._end_all(operation_id, ENDED - {Status.SUCCEEDED}, CaseOutcome(Status.PENDING))

    async def unended(self) -> tuple[Unended, ...]:
        """See `Ledger`: of no known upstream."""
        self._fail()
        pending: Counter[tuple[str, System]] = Counter()
        for operation in (self.operations_by_id[operation_id] for operation_id in self._unended):
            pending[operation.backend, operation.system] += operation.pending
        return tuple(Unended(backend, system, "", cases) for (backend, system), cases in sorted(pending.items()))

    async def give_up(self, backend: str, upstream: str) -> None:
        """See `Ledger`: nothing is ever left to find out."""

    async def queues(self, backends: Collection[str]) -> dict[str, BackendQueue]:
        """See `Ledger`."""
        self._fail()
        return {name: self.known_queues.get(name) or self._queue(name) for name in backends}

    async def queued(self) -> int:
        """See `Ledger`."""
        self._fail()
        return sum(self.operations_by_id[operation_id].pending for operation_id in self._unended)

    async def places(self, operations: Collection[Operation]) -> dict[str, int]:
        """See `Ledger`; each operation as if it were alone."""
        self._fail()
        return {operation.id: operation.pending for operation in operations}

    async def claim(self, rules: ClaimRules) -> Claim:
        """Nothing is ever granted."""
        raise NotImplementedError(rules.backend)

    async def settle(self, settlement: CallSettlement) -> None:
        """There are no calls."""
        raise NotImplementedError(settlement.call.id)

    async def check(self) -> None:
        """See `Ledger`."""
        self._fail()

    def now(self) -> int:
        """The clock's time."""
        return self._clock.now()

    async def close(self) -> None:
        """Nothing to release."""

    def _fail(self) -> None:
        if self.failure:
            raise self.failure

    def _record(self, new: NewOperation) -> str:
        operation_id = self._ids.make(self.now())
        if new.idempotency_key:
            self._keys[new.caller, new.idempotency_key] = (operation_id, new.fingerprint)
        self.accepted.append(new)
        self._unended.add(operation_id)
        self._events[operation_id] = asyncio.Event()
        self.cases[operation_id] = [
            CaseRecord(
                position=position,
                identifier=case.identifier,
                request_id=_request_id(new.kind, case.request_id),
                attempts=0,
                outcome=CaseOutcome(
                    Status.PENDING, items=tuple(ItemOutcome(i.id, i.type_code, Status.PENDING) for i in case.items)
                ),
            )
            for position, case in enumerate(new.cases)
        ]
        self.operations_by_id[operation_id] = Operation(
            id=operation_id, caller=new.caller, kind=new.kind, tenant=new.tenant, backend=new.backend,
            system=new.system, execute=new.execute, total=len(new.cases), succeeded=0, partial=0, failed=0, unknown=0,
            cancelled=0, status=None, created_at=self.now(), started_at=None, finished_at=None, cancelled_at=None,
            in_flight=False,
        )  # fmt: skip
        for position, outcome in enumerate(self.script[: len(new.cases)]):
            self.settle_case(operation_id, position, outcome)
        del self.script[: len(new.cases)]
        return operation_id

    def _end_all(self, operation_id: str, having: Collection[Status], outcome: CaseOutcome) -> None:
        self.cases[operation_id] = [
            replace(case, outcome=outcome) if case.outcome.status in having else case
            for case in self.cases[operation_id]
        ]
        self._recount(operation_id)

    def _recount(self, operation_id: str) -> None:
        counts = Counter(case.outcome.status for case in self.cases[operation_id])
        status = None if counts[Status.PENDING] else merged_status(set(counts))
        self.operations_by_id[operation_id] = replace(
            self.operations_by_id[operation_id],
            succeeded=counts[Status.SUCCEEDED], partial=counts[Status.PARTIAL], failed=counts[Status.FAILED],
            unknown=counts[Status.UNKNOWN], cancelled=counts[Status.CANCELLED], status=status,
            started_at=self.now(), finished_at=self.now() if status else None,
        )  # fmt: skip
        if status:
            self._events[operation_id].set()
            self._unended.discard(operation_id)
        else:
            self._events[operation_id].clear()
            self._unended.add(operation_id)

    def _queue(self, backend: str) -> BackendQueue:
        pending: Counter[str] = Counter()
        singles: Counter[str] = Counter()
        for operation in (self.operations_by_id[operation_id] for operation_id in self._unended):
            if operation.backend == backend:
                pending[operation.tenant] += operation.pending
                singles[operation.tenant] += operation.total == 1
        return BackendQueue(pending=pending, singles=singles)


def _request_id(kind: Kind, given: str | None) -> str | None:
    if kind is not Kind.CASE_DELETION:
        return None
    return given or "00000000-0000-4000-8000-000000000001"


def _wanted(operation: Operation, wanted: OperationFilter) -> bool:
    closed = operation.backend in wanted.closed
    now = operation.status or (Status.SCHEDULED if closed and not operation.in_flight else Status.RUNNING)
    return (
        (wanted.tenants is None or operation.tenant in wanted.tenants)
        and wanted.kind in {None, operation.kind}
        and wanted.status in {None, now}
        and (wanted.before is None or operation.id < wanted.before)
    )


class FakeRecords:
    """One receipt for each operation that has ended, the only link of a chain; nothing is ever removed."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    async def receipt(self, operation_id: str, number: int | None = None) -> ReceiptRecord | None:
        """See `Records`."""
        operation = await self._ledger.operation(operation_id)
        if operation is None or operation.status is None or number not in {None, 1}:
            return None
        cases, key = tuple(self._ledger.cases[operation_id]), ReceiptKey(b"a key")
        said = body(receipt(operation, "there", cases, 1, key))
        its_hash = link_hash(1, GENESIS, digest(said))
        names = tuple(
            Case(case.identifier, tuple(Item(item.id, item.type_code) for item in case.outcome.items), case.request_id)
            for case in cases
        )
        return ReceiptRecord(1, said, Link(1, digest(said), its_hash, key.seal(its_hash)), GENESIS, names)

    async def link(self) -> int:
        """See `Records`."""
        return 0

    async def head(self) -> Head | None:
        """See `Records`."""
        return None

    async def hash_at(self, sequence: int) -> str | None:  # noqa: ARG002 - see `Records`
        """See `Records`."""
        return None

    async def note_checkpoint(self, line: str) -> None:
        """See `Records`."""

    async def clear(self, before: int) -> int:  # noqa: ARG002 - see `Records`
        """See `Records`."""
        return 0

    async def wipe(self) -> bool:
        """See `Records`."""
        return True
