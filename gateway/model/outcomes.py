"""What became of a case or an item: status, evidence, and errors by the contract's codes."""

from enum import StrEnum

from msgspec import Struct

from gateway.model.kinds import Evidence, Status

MAX_TEXT_CHARACTERS = 1_000
"""Upstream texts that are passed on are cut to this length."""


class Code(StrEnum):
    """The codes of a case (CONTRACT.md section 1, "Status codes")."""

    CASE_NOT_FOUND = "case_not_found"
    DELETION_FORBIDDEN_BY_STATE = "deletion_forbidden_by_state"
    DELETION_IN_PROGRESS = "deletion_in_progress"
    CASE_LOCKED = "case_locked"
    CASE_CANCELLED = "case_cancelled"
    ITEM_NOT_IN_CASE = "item_not_in_case"
    UPSTREAM_REJECTED = "upstream_rejected"
    UPSTREAM_UNAUTHORIZED = "upstream_unauthorized"
    UPSTREAM_THROTTLED = "upstream_throttled"
    UPSTREAM_CLOSED = "upstream_closed"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_ERROR = "upstream_error"
    OUTCOME_UNKNOWN = "outcome_unknown"


RETRYABLE = frozenset(
    {
        Code.DELETION_IN_PROGRESS,
        Code.CASE_LOCKED,
        Code.UPSTREAM_UNAUTHORIZED,
        Code.UPSTREAM_THROTTLED,
        Code.UPSTREAM_CLOSED,
        Code.UPSTREAM_UNREACHABLE,
        Code.UPSTREAM_ERROR,
        Code.OUTCOME_UNKNOWN,
    }
)
"""Codes after which the same request may be made again by its caller, as it stands."""


class Error(Struct, frozen=True):
    """One error of a case or an item. `resumable`: partly done, and the same `requestId` goes on where it stopped."""

    code: Code
    detail: str
    retryable: bool
    resumable: bool = False


def error(code: Code, detail: str, *, resumable: bool = False) -> Error:
    """An error with the `retryable` that its code has; a `detail` over 1,000 characters is cut."""
    return Error(code, shortened(detail), code in RETRYABLE, resumable)


def shortened(text: str) -> str:
    """`text`, cut to 1,000 characters."""
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[: MAX_TEXT_CHARACTERS - 1] + "…"


class ItemOutcome(Struct, frozen=True):
    """What became of one item; `message` is the upstream's own text."""

    id: str
    type_code: str | None
    status: Status
    message: str | None = None
    evidence: Evidence | None = None
    errors: tuple[Error, ...] = ()


class CaseOutcome(Struct, frozen=True):
    """What one call, or all calls together, made of one case.

    `found` and `deleted` are null for ECM and where they are not known. `items` stand in the order of the request.
    """

    status: Status
    found: bool | None = None
    deleted: bool | None = None
    evidence: Evidence | None = None
    items: tuple[ItemOutcome, ...] = ()
    messages: tuple[str, ...] = ()
    errors: tuple[Error, ...] = ()

    @property
    def code(self) -> Code | None:
        """The code of the first error, or null."""
        return self.errors[0].code if self.errors else None

    @property
    def begun(self) -> bool:
        """Whether a deletion may have begun, and is not settled. ECM's items say this each for itself."""
        return not self.items and (self.status is Status.UNKNOWN or any(e.resumable for e in self.errors))


def merged_status(statuses: set[Status]) -> Status:
    """The status that all share, else `partial`; `pending` while one of them is."""
    if Status.PENDING in statuses:
        return Status.PENDING
    if len(statuses) == 1:
        return next(iter(statuses))
    return Status.PARTIAL
