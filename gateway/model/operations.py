"""An operation and its cases, as they are recorded."""

from msgspec import Struct

from gateway.model.cases import Case, Identifier
from gateway.model.kinds import Kind, Status, System
from gateway.model.outcomes import CaseOutcome


class NewOperation(Struct, frozen=True):
    """A validated request, ready to be recorded. `fingerprint` tells one JSON value, tenant and kind from another.

    `upstream`: which one the backend is now; the operation is carried out there or nowhere.
    """

    caller: str
    kind: Kind
    tenant: str
    backend: str
    system: System
    upstream_tenant: str
    execute: bool
    cases: tuple[Case, ...]
    fingerprint: str
    upstream: str = ""
    idempotency_key: str | None = None
    request_id: str | None = None
    trace_parent: str | None = None


class Operation(Struct, frozen=True):
    """An operation without its cases; instants are microseconds since 1970, counts are of ended cases.

    `status` is null until every case has ended. `in_flight`: a call of it is under way. `upstream`: which one the
    backend was when it was accepted.
    """

    id: str
    caller: str
    kind: Kind
    tenant: str
    backend: str
    system: System
    execute: bool
    total: int
    succeeded: int
    partial: int
    failed: int
    unknown: int
    cancelled: int
    status: Status | None
    created_at: int
    started_at: int | None
    finished_at: int | None
    cancelled_at: int | None
    in_flight: bool
    request_id: str | None = None
    trace_parent: str | None = None
    upstream: str = ""

    @property
    def pending(self) -> int:
        """How many cases have not ended."""
        return self.total - self.succeeded - self.partial - self.failed - self.unknown - self.cancelled


class CaseRecord(Struct, frozen=True):
    """One case of an operation, now. `outcome.status` is `pending` until it has ended.

    `retry_at`: when the same request may be made again at the earliest, microseconds since 1970, null: at once.
    """

    position: int
    identifier: Identifier
    request_id: str | None
    attempts: int
    outcome: CaseOutcome
    retry_at: int | None = None
