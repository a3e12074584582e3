"""What the rest of the gateway asks of the ledger.

Instants are the ledger's own time, microseconds since 1970. Every coroutine that writes may raise LedgerUnavailable
(nothing was written) or CommitUnknown (it may have been written); every one that reads, LedgerUnavailable.
"""

from collections.abc import Callable, Collection
from typing import Literal, Protocol

from msgspec import Struct

from gateway.config.settings import Circuit, Limits, Retry
from gateway.ledger.records import Records
from gateway.model.calls import Call
from gateway.model.hours import SECOND, Hours
from gateway.model.kinds import CircuitState, Kind, Status, System
from gateway.model.operations import CaseRecord, NewOperation, Operation
from gateway.model.outcomes import CaseOutcome, Code


class Accepted(Struct, frozen=True):
    """The operation is on durable storage. `created` is false for a further copy of an idempotent request."""

    operation_id: str
    created: bool


class KeyReused(Struct, frozen=True):
    """The caller's idempotency key belongs to another request; nothing was written."""


class QueueFull(Struct, frozen=True):
    """Too many cases are queued; nothing was written."""

    queued: int


class QuotaFull(Struct, frozen=True):
    """Too many cases of this caller are queued; nothing was written."""

    queued: int


class CircuitOpen(Struct, frozen=True):
    """The backend's circuit is open until then, and the caller would not have its request wait; nothing was written."""

    until: int


Acceptance = Accepted | KeyReused | QueueFull | QuotaFull | CircuitOpen
"""What may come of a request to record an operation."""


class ClaimRules(Struct, frozen=True):
    """What a claim for one backend must keep. `slots`: how many calls this process can begin at once; 0 only looks.

    `upstream`: which one the backend is to the one who asks; work that was accepted for another is not granted.
    """

    backend: str
    limits: Limits
    hours: Hours | None
    slots: int
    cases_per_call: int
    timeout_seconds: float
    linger_seconds: float
    retry: Retry
    upstream: str = ""

    @property
    def lease_microseconds(self) -> int:
        """How long a call holds its slot and its cases, where nobody says what became of it."""
        return round((self.timeout_seconds + self.linger_seconds) * SECOND)


class Claim(Struct, frozen=True):
    """What was granted.

    `lost` are calls whose lease ran out without an answer: they are to be settled as unknown. `ask_again_at` is when a
    further claim may grant something, null if and only if no case is waiting. `asked_at`: this process's monotonic
    seconds before the instant `now`, from which the delay of a call counts.
    """

    now: int
    calls: tuple[Call, ...] = ()
    lost: tuple[Call, ...] = ()
    ask_again_at: int | None = None
    asked_at: float = 0.0


Step = Literal["act", "probe"]
"""What the next call of a case does: carry out what was asked for, or find out what an earlier call did."""


class Again(Struct, frozen=True):
    """The case waits for another call, to act or to probe. `failure`: it counts towards `retry.max_attempts`."""

    step: Step
    delay_seconds: float
    failure: bool = False


class CaseSettlement(Struct, frozen=True):
    """What a call made of one case. `outcome` covers all of its items; `again` is null when the case has ended.

    `retry_after_seconds`: how long the same request should not be repeated, null for no such word. `met`: the code for
    which the case waits again, which `outcome` need not hold: that tells of the case as a whole.
    """

    position: int
    outcome: CaseOutcome
    again: Again | None = None
    retry_after_seconds: float | None = None
    met: Code | None = None


class Pause(Struct, frozen=True):
    """Nothing goes to the backend for so long. `closed`: the time does not count towards any case's deadline."""

    seconds: float
    reason: Code
    closed: bool = False


class Verdict(Struct, frozen=True):
    """Whether the backend itself failed a call, and when so many failures open its circuit."""

    failed: bool
    circuit: Circuit


NOT_BEGUN = "not_begun"
"""The outcome of a call that was granted, and came too late to be sent. It does not count in the pace."""


class CallSettlement(Struct, frozen=True):
    """How a call ended. `sent`: a byte of it left. `answered`: the upstream is done with it, so slot and case are free.

    `verdict` is null when the call says nothing of the backend. `not_begun` is null for a call that was begun; else it
    is one turn of the pace, in microseconds, which is there for another.
    """

    call: Call
    sent: bool
    answered: bool
    outcome: str
    cases: tuple[CaseSettlement, ...]
    pause: Pause | None = None
    verdict: Verdict | None = None
    not_begun: int | None = None


class OperationFilter(Struct, frozen=True):
    """Which operations to list. `tenants` null: all. `closed` are backends that are closed now, for `scheduled`."""

    tenants: frozenset[str] | None
    kind: Kind | None = None
    status: Status | None = None
    closed: frozenset[str] = frozenset()
    before: str | None = None
    limit: int = 100


class BackendQueue(Struct, frozen=True):
    """The queue of one backend: cases not ended by tenant, calls under way, and what a call takes of late.

    `singles` are those of the cases whose operation has no other. `granted`: when the calls of the last minute were
    granted, oldest first; of very many the last ones.
    `operations` have not ended; `operations_in_flight` of them have a call under way.
    `paused_until` and `paused_for`: a pause in force. `oldest_pending_at`: when the oldest unended case was accepted.
    `circuit_open_until`: nothing goes to the backend before then, null unless its circuit is open.
    `oldest_due_at`: since when a case waits that could have been sent first, in the past or not; null without one.
    `oldest_retry_due_at`: likewise of the cases whose next call the retry budget has to pay. `budget_spent_since`: null
    while it can; else when the backend had its last call.
    """

    pending: dict[str, int]
    singles: dict[str, int] = {}
    granted: tuple[int, ...] = ()
    in_flight: int = 0
    operations: int = 0
    operations_in_flight: int = 0
    unknown: int = 0
    mean_call_seconds: float | None = None
    oldest_pending_at: int | None = None
    oldest_due_at: int | None = None
    oldest_retry_due_at: int | None = None
    budget_spent_since: int | None = None
    paused_until: int | None = None
    paused_for: Code | None = None
    circuit: CircuitState = CircuitState.CLOSED
    circuit_open_until: int | None = None


class Unended(Struct, frozen=True):
    """So many cases of a backend at one upstream have not ended; calls that nobody settled yet are of such, too."""

    backend: str
    system: System
    upstream: str
    cases: int


class Ledger(Protocol):
    """Durable record and queue in one. `records`: what is kept about operations that have ended."""

    records: Records

    def subscribe(self, work: Callable[[str, int], None], freed: Callable[[str], None] | None = None) -> None:
        """Have `work(backend, cases)` called, on the event loop, whenever cases may have become due.

        `freed(backend)`: a call came back that a claim made since may not have seen to be over, such as another
        process's; so a slot, or a case that it held, may be free.
        """
        ...

    async def accept(
        self, new: NewOperation, *, max_queued_cases: int, quota: int | None = None, may_wait: bool = True
    ) -> Acceptance:
        """Record an operation and its cases, or find the one that the idempotency key already made.

        `quota`: most cases of its caller that may be queued, counted over all processes and exactly; null: no bound.
        A further copy of a finished request makes its retryable cases due again, no sooner than their `retry_at`.
        Unless it `may_wait`, a new operation is not recorded while the circuit of its backend is open.
        """
        ...

    async def find(self, caller: str, key: str, fingerprint: str) -> Accepted | KeyReused | None:
        """The operation that the caller's idempotency key already made, or null; reads only, and starts nothing."""
        ...

    async def operation(self, operation_id: str) -> Operation | None:
        """The operation, now."""
        ...

    async def view(self, operation_id: str, *, inline: int) -> tuple[Operation, tuple[CaseRecord, ...] | None] | None:
        """The operation with its cases in request order, both as of one instant; no cases if it has over `inline`."""
        ...

    async def results(
        self, operation_id: str, *, status: Status | None = None, after: int = -1, limit: int = 1_000
    ) -> tuple[CaseRecord, ...]:
        """Its cases behind position `after`, in request order."""
        ...

    async def operations(self, wanted: OperationFilter) -> tuple[Operation, ...]:
        """Operations, newest first."""
        ...

    async def finished(self, operation_id: str, seconds: float) -> bool:
        """Wait until every case has ended, at most `seconds`; whether it has."""
        ...

    async def cancel(self, operation_id: str) -> None:
        """Start no further case: what never began ends now, what began comes to its end. Idempotent."""
        ...

    async def retry(self, operation_id: str) -> None:
        """Make what is failed, unknown, partial or cancelled due again; what succeeded stays."""
        ...

    async def queues(self, backends: Collection[str]) -> dict[str, BackendQueue]:
        """The queue of each backend."""
        ...

    async def queued(self) -> int:
        """How many cases have not ended, over all backends and callers."""
        ...

    async def places(self, operations: Collection[Operation]) -> dict[str, int]:
        """By its id, each unended operation's place: unended cases in its tenant's queue up to its own last one.

        Operations of one case have a queue of their own, for each backend and tenant.
        """
        ...

    async def unended(self) -> tuple[Unended, ...]:
        """What has not ended, by backend and upstream."""
        ...

    async def give_up(self, backend: str, upstream: str) -> None:
        """Nobody can find out any more what happened there: end cancelled cases that wait for nothing else."""
        ...

    async def claim(self, rules: ClaimRules) -> Claim:
        """Permission to send, in one transaction (ARCHITECTURE.md, "One idea")."""
        ...

    async def settle(self, settlement: CallSettlement) -> None:
        """Record how a call ended; without effect on a case that has since been given to a newer call."""
        ...

    async def check(self) -> None:
        """Prove that the ledger can be written; raises LedgerUnavailable."""
        ...

    def now(self) -> int:
        """The ledger's time, as far as this process knows it."""
        ...

    async def close(self) -> None:
        """Finish what was begun, and release the store."""
        ...
