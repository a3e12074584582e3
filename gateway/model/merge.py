"""Outcomes made of other outcomes: a case over its items, and a whole call that got no answer."""

from gateway.model.calls import Call, GrantedCase, Reading
from gateway.model.kinds import Evidence, Status
from gateway.model.outcomes import CaseOutcome, Code, Error, ItemOutcome, error, merged_status

NO_ANSWER = "The request was sent, and no complete answer came: it may have been carried out."
MIXED_CODES = "The items failed for different reasons, which stand with each of them."
MIXED_DETAILS = "Several items failed in this way; what was said of each stands with it."


def case_over_items(items: tuple[ItemOutcome, ...], messages: tuple[str, ...] = ()) -> CaseOutcome:
    """An ECM case, from the outcomes of at least one item (CONTRACT.md section 1, "The envelope", "Status codes").

    The status is the one that all items share, else `partial`. A failed case takes its items' code if they share one,
    else `upstream_rejected`; a case of any other status has one error for each code of its items, so that whoever reads
    `results[].errors` alone sees every reason and whether it is retryable. `evidence` is null while that of an item is,
    and inferred if that of an item is; `found` and `deleted` are always null.
    """
    status = merged_status({item.status for item in items})
    return CaseOutcome(
        status, evidence=_evidence_of(items), items=items, messages=messages, errors=_errors_of(status, items)
    )


def whole_case(case: GrantedCase, status: Status, fault: Error, evidence: Evidence | None = None) -> CaseOutcome:
    """The same outcome for a case and for each of the items that were to be sent with it."""
    items = tuple(ItemOutcome(item.id, item.type_code, status, None, evidence, (fault,)) for item in case.items)
    return case_over_items(items) if items else CaseOutcome(status, evidence=evidence, errors=(fault,))


def unknown_case(case: GrantedCase, detail: str) -> CaseOutcome:
    """Sent, and no trustworthy answer: neither failed nor succeeded."""
    return whole_case(case, Status.UNKNOWN, error(Code.OUTCOME_UNKNOWN, detail))


def unanswered(call: Call, detail: str = NO_ANSWER) -> Reading:
    """What is known of a call that was sent, at least in part, and got no complete answer: nothing."""
    return Reading({case.position: unknown_case(case, detail) for case in call.cases})


def not_sent(call: Call, code: Code, detail: str) -> Reading:
    """What became of a call of which no byte was sent: failed with `code`, and nobody can confirm it."""
    fault = error(code, detail)
    return Reading({case.position: whole_case(case, Status.FAILED, fault) for case in call.cases})


def _evidence_of(items: tuple[ItemOutcome, ...]) -> Evidence | None:
    found = {item.evidence for item in items}
    if None in found:
        return None
    return Evidence.INFERRED if Evidence.INFERRED in found else Evidence.CONFIRMED


def _errors_of(status: Status, items: tuple[ItemOutcome, ...]) -> tuple[Error, ...]:
    by_code: dict[Code, set[Error]] = {}
    for fault in (fault for item in items for fault in item.errors):
        by_code.setdefault(fault.code, set()).add(fault)
    if status is Status.FAILED and len(by_code) > 1:
        return (error(Code.UPSTREAM_REJECTED, MIXED_CODES),)
    return tuple(faults.pop() if len(faults) == 1 else error(code, MIXED_DETAILS) for code, faults in by_code.items())
