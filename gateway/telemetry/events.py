"""What happened, as frozen values. Parts emit them; observers make metrics and log lines of them.

No event holds a case's identifier, a header, a body or a URL.
"""

from typing import Protocol

from msgspec import Struct

from gateway.model.kinds import CircuitState, Kind, Purpose, Status, System
from gateway.model.outcomes import Code


class HttpBegun(Struct, frozen=True):
    """A request of a caller came in: `http_requests_in_flight` rises until its HttpAnswered."""


class HttpAnswered(Struct, frozen=True):
    """A request of a caller was answered. `route` is the template, never the raw path; `operation_id` may be null.

    `problem` is the code of the problem that it was answered with, null for none.
    """

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    trace_parent: str | None
    caller: str | None
    operation_id: str | None
    problem: str | None = None


class CallerAuthenticated(Struct, frozen=True):
    """A request was let in, or not.

    `method` is `api_key`, `bearer`, `none` or `several`; `outcome` `accepted`, `refused` or `unavailable`; `reason`
    a fixed word for a refusal. `caller` is null for who was not let in.
    """

    method: str
    outcome: str
    reason: str | None
    caller: str | None
    request_id: str


class QuotaExceeded(Struct, frozen=True):
    """A request was refused because its caller has used up `quota`: `requests` or `queued_cases`."""

    caller: str
    quota: str
    request_id: str


class OperationAccepted(Struct, frozen=True):
    """An operation is on the ledger."""

    operation_id: str
    caller: str
    kind: Kind
    tenant: str
    backend: str
    execute: bool
    cases: int
    request_id: str


class OperationFinished(Struct, frozen=True):
    """The last case of an operation ended."""

    operation_id: str
    kind: Kind
    tenant: str
    backend: str
    status: Status
    request_id: str | None


class CallGranted(Struct, frozen=True):
    """The ledger permitted a call; `waited_seconds` is how long its oldest case had been due."""

    call_id: str
    operation_id: str
    request_id: str | None
    backend: str
    purpose: Purpose
    cases: int
    waited_seconds: float


class CallSent(Struct, frozen=True):
    """A call is on its way to the upstream: `upstream_in_flight` rises."""

    call_id: str
    operation_id: str
    request_id: str | None
    backend: str


class CallEnded(Struct, frozen=True):
    """A call came back, or is given up. `outcome`: a status code as text, `not_sent`, `not_begun` or `unknown`.

    `reason` is a fixed word for what is no answer; `late` and `lost` calls were not sent by this process. `positions`
    are those of its cases in the operation; `deletion_id` is the upstream's `requestId`, null where there is none.
    """

    call_id: str
    operation_id: str
    backend: str
    call: str
    purpose: Purpose
    outcome: str
    reason: str | None
    seconds: float
    unasked: int
    request_id: str | None
    trace_parent: str | None
    positions: tuple[int, ...] = ()
    deletion_id: str | None = None


class CaseRetried(Struct, frozen=True):
    """A case waits for another call; `reason` is the code that sent it back, or `probe`, or `late`."""

    operation_id: str
    position: int
    backend: str
    reason: Code | str
    delay_seconds: float
    call_id: str
    request_id: str | None


class CaseEnded(Struct, frozen=True):
    """A case ended; `item_statuses` are those of its items, in order.

    `call_id` is its last call, null if it never had one.
    """

    operation_id: str
    position: int
    kind: Kind
    tenant: str
    backend: str
    execute: bool
    status: Status
    code: Code | None
    attempts: int
    call_id: str | None
    request_id: str | None
    item_statuses: tuple[Status, ...] = ()


class CasesWithdrawn(Struct, frozen=True):
    """An operation was cancelled: so many of its cases ended without ever having been sent."""

    operation_id: str
    kind: Kind
    tenant: str
    backend: str
    execute: bool
    count: int
    request_id: str | None


class BackendPaused(Struct, frozen=True):
    """Nothing goes to a backend for a while."""

    backend: str
    reason: Code
    seconds: float


class CircuitChanged(Struct, frozen=True):
    """The circuit of a backend opened or closed; `seconds`: how long nothing goes to it, 0 once it has closed."""

    backend: str
    state: CircuitState
    seconds: float = 0.0


class TokenRequested(Struct, frozen=True):
    """A token request ended; `outcome` is `granted`, `refused` or `unreachable`.

    `expires_at` is when the new token expires, microseconds since 1970, null without one.
    """

    credential: str
    outcome: str
    seconds: float
    expires_at: int | None = None


class KeySetRequested(Struct, frozen=True):
    """An issuer's keys were asked for, or read from its file.

    `outcome` is `taken`, `empty`, or, where the last ones stay, `unusable` or `unreachable`.
    """

    issuer: str
    outcome: str
    keys: int
    seconds: float


class LedgerFailed(Struct, frozen=True):
    """The ledger could not do what was asked; `doing` is a fixed word. The ids are those of a call that was settled."""

    doing: str
    detail: str
    call_id: str | None = None
    operation_id: str | None = None
    request_id: str | None = None


class ReceiptIssued(Struct, frozen=True):
    """An operation ended, and got its receipt with this number."""

    operation_id: str
    number: int


class EvidenceBroken(Struct, frozen=True):
    """Somebody has changed what is evidence. `what`: `receipt` or `chain`; `where`: an operation's id or a place."""

    what: str
    where: str


class CheckpointWritten(Struct, frozen=True):
    """The chain of receipts up to `sequence` is signed."""

    sequence: int


class CheckpointFailed(Struct, frozen=True):
    """A checkpoint could not be written; it is tried again."""

    detail: str


class OperationsRemoved(Struct, frozen=True):
    """So many operations ended longer ago than is kept, and are gone from the ledger."""

    count: int


class ConfigurationApplied(Struct, frozen=True):
    """A changed configuration is in force, but for what `needs_restart`; both hold paths such as `limits.hub`.

    `gone`: backends that it does not have any more.
    """

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class ConfigurationRefused(Struct, frozen=True):
    """A changed configuration is not put in force: everything that is wrong with it, each with its path."""

    faults: tuple[str, ...]


class ConfigurationFollowed(Struct, frozen=True):
    """The process runs by what its configuration file holds, changed or not, but for `needs_restart`."""

    needs_restart: tuple[str, ...]


class WorkLeftBehind(Struct, frozen=True):
    """So many cases wait for an upstream that is not configured: they are sent nowhere until it is, or cancelled."""

    backend: str
    system: System
    cases: int


class LedgerCommitted(Struct, frozen=True):
    """A transaction of the ledger became durable; `seconds` is how long its COMMIT took."""

    seconds: float


class SpansLost(Struct, frozen=True):
    """So many spans of traces could not be handed over to their receiver. Nothing else is amiss for that."""

    count: int


class ServingBegun(Struct, frozen=True):
    """The process answers callers on `ports`: the API's, and that of metrics if any. `traces`: whether they are on."""

    version: str
    revision: str
    ports: tuple[int, ...]
    traces: bool


class DrainBegun(Struct, frozen=True):
    """The process was told to end: it begins nothing more, and sees its calls to their end."""


Event = (
    HttpBegun
    | HttpAnswered
    | CallerAuthenticated
    | QuotaExceeded
    | OperationAccepted
    | OperationFinished
    | CallGranted
    | CallSent
    | CallEnded
    | CaseRetried
    | CaseEnded
    | CasesWithdrawn
    | BackendPaused
    | CircuitChanged
    | TokenRequested
    | KeySetRequested
    | LedgerFailed
    | ReceiptIssued
    | EvidenceBroken
    | CheckpointWritten
    | CheckpointFailed
    | OperationsRemoved
    | ConfigurationApplied
    | ConfigurationRefused
    | ConfigurationFollowed
    | WorkLeftBehind
    | LedgerCommitted
    | SpansLost
    | ServingBegun
    | DrainBegun
)


class Observer(Protocol):
    """Takes events; must not block and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take note of `event`."""
        ...


def nobody(_event: Event) -> None:
    """An observer that takes no note."""
