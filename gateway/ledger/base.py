"""What the rest of the gateway asks of the ledger.

Instants are the ledger's own time, microseconds since 1970. Every coroutine that writes may raise LedgerUnavailable
(nothing was written) or CommitUnknown (it may have been written); every one that reads, LedgerUnavailable.
"""

from collections.abc import Callable, Collection
from typing import Literal, Protocol

from msgspec import Struct

from gateway.config.settings import Limits
from gateway.model.calls import Call
from gateway.model.hours import Hours
from gateway.model.kinds import Kind, Status
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


class ClaimRules(Struct, frozen=True):
    """What a claim for one backend must keep. `slots`: how many calls this process can begin at once; 0 only looks."""

    backend: str
    limits: Limits
    hours: Hours | None
    slots: int
    cases_per_call: int
    timeout_seconds: float
    linger_seconds: float
    deadline_seconds: float


class Claim(Struct, frozen=True):
    """What was granted.

    `lost` are calls whose lease ran out without an answer: they are to be settled as unknown. `ask_again_at` is when a
    further claim may grant something, null if and only if no case is waiting.
    """

    now: int
    calls: tuple[Call, ...] = ()
    lost: tuple[Call, ...] = ()
    ask_again_at: int | None = None


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


class CallSettlement(Struct, frozen=True):
    """How a call ended. `sent`: a byte of it left. `answered`: a complete answer came, so slot and case are free."""

    call: Call
    sent: bool
    answered: bool
    outcome: str
    cases: tuple[CaseSettlement, ...]
    pause: Pause | None = None


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

    `operations` have not ended; `operations_in_flight` of them have a call under way.
    `paused_until` and `paused_for`: a pause in force. `oldest_pending_at`: when the oldest unended case was accepted.
    """

    pending: dict[str, int]
    in_flight: int = 0
    operations: int = 0
    operations_in_flight: int = 0
    unknown: int = 0
    mean_call_seconds: float | None = None
    oldest_pending_at: int | None = None
    paused_until: int | None = None
    paused_for: Code | None = None


class Ledger(Protocol):
    """Durable record and queue in one."""

    def subscribe(self, work: Callable[[str, int], None], freed: Callable[[str], None] | None = None) -> None:
        """Have `work(backend, cases)` called, on the event loop, whenever cases may have become due.

        `freed(backend)`: a call came back that a claim made since may not have seen to be over, such as another
        process's; so a slot, or a case that it held, may be free.
        """
        ...

    async def accept(self, new: NewOperation, *, max_queued_cases: int) -> Accepted | KeyReused | QueueFull:
        """Record an operation and its cases, or find the one that the idempotency key already made.

        A further copy of a finished request makes its retryable cases due again, no sooner than their `retry_at`.
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
