"""What happened, as frozen values. Parts emit them; observers make metrics and log lines of them.

No event holds a case's identifier, a header, a body or a URL.
"""

from typing import Protocol

from msgspec import Struct

from gateway.model.kinds import Kind, Purpose, Status
from gateway.model.outcomes import Code


class HttpBegun(Struct, frozen=True):
    """A request of a caller came in: `http_requests_in_flight` rises until its HttpAnswered."""


class HttpAnswered(Struct, frozen=True):
    """A request of a caller was answered. `route` is the template, never the raw path; `operation_id` may be null."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str
    trace_parent: str | None
    caller: str | None
    operation_id: str | None


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


class CallGranted(Struct, frozen=True):
    """The ledger permitted a call; `waited_seconds` is how long its oldest case had been due."""

    call_id: str
    operation_id: str
    backend: str
    purpose: Purpose
    cases: int
    waited_seconds: float


class CallSent(Struct, frozen=True):
    """A call is on its way to the upstream: `upstream_in_flight` rises."""

    call_id: str
    backend: str


class CallEnded(Struct, frozen=True):
    """A call came back, or is given up. `outcome`: a status code as text, `not_sent`, `not_begun` or `unknown`.

    `reason` is a fixed word for what is no answer; `late` and `lost` calls were not sent by this process.
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


class CaseRetried(Struct, frozen=True):
    """A case waits for another call; `reason` is the code that sent it back, or `probe`, or `late`."""

    operation_id: str
    position: int
    backend: str
    reason: Code | str
    delay_seconds: float


class CaseEnded(Struct, frozen=True):
    """A case ended; `item_statuses` are those of its items, in order."""

    operation_id: str
    position: int
    kind: Kind
    tenant: str
    backend: str
    execute: bool
    status: Status
    code: Code | None
    attempts: int
    item_statuses: tuple[Status, ...] = ()


class CasesWithdrawn(Struct, frozen=True):
    """An operation was cancelled: so many of its cases ended without ever having been sent."""

    operation_id: str
    kind: Kind
    tenant: str
    backend: str
    execute: bool
    count: int


class BackendPaused(Struct, frozen=True):
    """Nothing goes to a backend for a while."""

    backend: str
    reason: Code
    seconds: float


class TokenRequested(Struct, frozen=True):
    """A token request ended; `outcome` is `granted`, `refused` or `unreachable`."""

    credential: str
    outcome: str
    seconds: float


class LedgerFailed(Struct, frozen=True):
    """The ledger could not do what was asked; `doing` is a fixed word."""

    doing: str
    detail: str


Event = (
    HttpBegun
    | HttpAnswered
    | OperationAccepted
    | OperationFinished
    | CallGranted
    | CallSent
    | CallEnded
    | CaseRetried
    | CaseEnded
    | CasesWithdrawn
    | BackendPaused
    | TokenRequested
    | LedgerFailed
)


class Observer(Protocol):
    """Takes events; must not block and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take note of `event`."""
        ...


def nobody(_event: Event) -> None:
    """An observer that takes no note."""
