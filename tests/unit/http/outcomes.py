"""Outcomes of cases, as a dispatcher records them."""

from gateway.model.kinds import Evidence, Status
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error

SUCCEEDED = CaseOutcome(Status.SUCCEEDED, found=True, deleted=True, evidence=Evidence.CONFIRMED)
UNKNOWN = CaseOutcome(Status.UNKNOWN, errors=(error(Code.OUTCOME_UNKNOWN, "No complete answer came."),))


def failed(code: Code) -> CaseOutcome:
    return CaseOutcome(Status.FAILED, found=False, deleted=False, errors=(error(code, f"It was {code}."),))


def mixed_items() -> CaseOutcome:
    """A partial ECM case: one item was removed, the other was not there."""
    missing = error(Code.ITEM_NOT_IN_CASE, "T2 does not exist in case.")
    items = (
        ItemOutcome("T1", "B", Status.SUCCEEDED, "Removed successfully.", Evidence.CONFIRMED),
        ItemOutcome("T2", "B", Status.FAILED, "T2 does not exist in case.", Evidence.CONFIRMED, (missing,)),
    )
    return CaseOutcome(Status.PARTIAL, evidence=Evidence.CONFIRMED, items=items, errors=(missing,))
