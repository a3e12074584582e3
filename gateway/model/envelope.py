"""An operation, its cases and the outlook of its backend, merged into what a caller is shown."""

from msgspec import Struct
from msgspec.structs import replace

from gateway.model.kinds import Status
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, ItemOutcome
from gateway.model.outlook import Outlook


class Envelope(Struct, frozen=True):
    """What is shown of an operation, whatever its backend and its stage; `cases` is null where they are left out.

    `not_before`: when the closed backend opens, of a scheduled operation. `estimated_finish_at`: of an unended one.
    """

    operation: Operation
    status: Status
    cases: tuple[CaseRecord, ...] | None = None
    not_before: int | None = None
    estimated_finish_at: int | None = None


def envelope(
    operation: Operation, cases: tuple[CaseRecord, ...] | None, outlook: Outlook | None, place: int | None = None
) -> Envelope:
    """Merge what is recorded; `outlook` and `place`, that of its last case in the queue, matter until it has ended."""
    shown = None if cases is None else tuple(shown_case(case) for case in cases)
    status = status_of(operation, closed=outlook is not None and outlook.opens_at is not None)
    if operation.status is not None or outlook is None:
        return Envelope(operation, status, shown)
    not_before = outlook.opens_at if status is Status.SCHEDULED else None
    single = operation.total == 1
    estimate = None if place is None else outlook.done_at(operation.tenant, place, single=single)
    return Envelope(operation, status, shown, not_before, estimate)


def status_of(operation: Operation, *, closed: bool) -> Status:
    """Until the operation has ended: `scheduled` if nothing is in flight and the backend is closed, else `running`."""
    if operation.status is not None:
        return operation.status
    return Status.SCHEDULED if closed and not operation.in_flight else Status.RUNNING


def shown_case(case: CaseRecord) -> CaseRecord:
    """The case without what was noted on the way: until it has ended, nothing is said of it but what succeeded."""
    if case.outcome.status is not Status.PENDING:
        return case
    items = tuple(_shown_item(item) for item in case.outcome.items)
    return replace(case, outcome=CaseOutcome(Status.PENDING, items=items), retry_at=None)


def _shown_item(item: ItemOutcome) -> ItemOutcome:
    return item if item.status is Status.SUCCEEDED else ItemOutcome(item.id, item.type_code, Status.PENDING)
