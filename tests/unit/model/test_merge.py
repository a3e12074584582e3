import pytest

from gateway.model.kinds import Evidence, Purpose, Status
from gateway.model.merge import NO_ANSWER, case_over_items, not_sent, unanswered
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from tests.samples import deletion_call, removal_call, removal_case


def item(item_id: str, status: Status, evidence: Evidence | None, *codes: Code, detail: str = "x") -> ItemOutcome:
    return ItemOutcome(item_id, None, status, None, evidence, tuple(error(code, detail) for code in codes))


def done(item_id: str) -> ItemOutcome:
    return item(item_id, Status.SUCCEEDED, Evidence.CONFIRMED)


def gone(item_id: str) -> ItemOutcome:
    return item(item_id, Status.SUCCEEDED, Evidence.INFERRED)


def failure(item_id: str, code: Code, detail: str = "x") -> ItemOutcome:
    return item(item_id, Status.FAILED, Evidence.CONFIRMED, code, detail=detail)


def unknown(item_id: str) -> ItemOutcome:
    return item(item_id, Status.UNKNOWN, None, Code.OUTCOME_UNKNOWN)


def pending(item_id: str) -> ItemOutcome:
    return item(item_id, Status.PENDING, None)


NOT_IN_CASE, LOCKED = Code.ITEM_NOT_IN_CASE, Code.CASE_LOCKED


@pytest.mark.parametrize(
    ("items", "status", "codes", "evidence"),
    [
        ([done("a"), done("b")], Status.SUCCEEDED, [], Evidence.CONFIRMED),
        ([done("a"), gone("b")], Status.SUCCEEDED, [], Evidence.INFERRED),
        ([failure("a", LOCKED), failure("b", LOCKED)], Status.FAILED, [LOCKED], Evidence.CONFIRMED),
        (
            [failure("a", LOCKED), failure("b", NOT_IN_CASE)],
            Status.FAILED,
            [Code.UPSTREAM_REJECTED],
            Evidence.CONFIRMED,
        ),
        ([unknown("a"), unknown("b")], Status.UNKNOWN, [Code.OUTCOME_UNKNOWN], None),
        ([done("a"), failure("b", NOT_IN_CASE)], Status.PARTIAL, [NOT_IN_CASE], Evidence.CONFIRMED),
        (
            [failure("a", LOCKED), done("b"), failure("c", NOT_IN_CASE), failure("d", LOCKED)],
            Status.PARTIAL,
            [LOCKED, NOT_IN_CASE],
            Evidence.CONFIRMED,
        ),
        ([gone("a"), failure("b", NOT_IN_CASE)], Status.PARTIAL, [NOT_IN_CASE], Evidence.INFERRED),
        ([done("a"), unknown("b")], Status.PARTIAL, [Code.OUTCOME_UNKNOWN], None),
        ([done("a"), pending("b")], Status.PENDING, [], None),
    ],
)
def test_a_case_is_what_its_items_are(
    items: list[ItemOutcome], status: Status, codes: list[Code], evidence: Evidence | None
) -> None:
    outcome = case_over_items(tuple(items))
    assert (outcome.status, [fault.code for fault in outcome.errors], outcome.evidence) == (status, codes, evidence)
    assert (outcome.items, outcome.found, outcome.deleted) == (tuple(items), None, None)


def test_a_detail_that_the_items_share_is_the_cases_own() -> None:
    outcome = case_over_items((failure("a", LOCKED, "by JSMITH"), failure("b", LOCKED, "by JSMITH")))
    assert [fault.detail for fault in outcome.errors] == ["by JSMITH"]


def test_details_that_differ_stay_with_the_items() -> None:
    outcome = case_over_items((failure("a", LOCKED, "by JSMITH"), failure("b", LOCKED, "by KJONES")))
    assert [fault.detail for fault in outcome.errors] == [
        "Several items failed in this way; what was said of each stands with it."
    ]


def test_a_partial_case_says_that_a_part_of_it_can_be_retried() -> None:
    assert [fault.retryable for fault in case_over_items((done("a"), failure("b", LOCKED))).errors] == [True]


def test_the_cases_own_messages_are_kept() -> None:
    assert case_over_items((done("a"),), ("Removed.",)).messages == ("Removed.",)


def test_a_deletion_without_an_answer_is_unknown() -> None:
    assert unanswered(deletion_call()).outcomes == {
        7: CaseOutcome(Status.UNKNOWN, errors=(error(Code.OUTCOME_UNKNOWN, NO_ANSWER),))
    }


def test_a_removal_without_an_answer_is_unknown_for_each_item_that_was_sent() -> None:
    call = removal_call(removal_case(0, "CA100", ["A", "B"]), removal_case(3, "CA101", ["C"]))
    outcomes = unanswered(call).outcomes
    assert {position: outcome.status for position, outcome in outcomes.items()} == dict.fromkeys((0, 3), Status.UNKNOWN)
    assert [(one.id, one.type_code, one.status) for one in outcomes[0].items] == [
        ("A", "XA", Status.UNKNOWN),
        ("B", "XA", Status.UNKNOWN),
    ]


@pytest.mark.parametrize("code", [Code.UPSTREAM_UNREACHABLE, Code.UPSTREAM_UNAUTHORIZED])
def test_what_was_not_sent_has_failed_and_nobody_can_confirm_it(code: Code) -> None:
    outcome = not_sent(deletion_call(Purpose.DRY_RUN), code, "No connection.").outcomes[7]
    assert outcome == CaseOutcome(Status.FAILED, errors=(error(code, "No connection."),))


def test_a_removal_that_was_not_sent_has_failed_for_each_item() -> None:
    call = removal_call(removal_case(0, "CA100", ["A", "B"]))
    outcome = not_sent(call, Code.UPSTREAM_UNREACHABLE, "No connection.").outcomes[0]
    fault = (error(Code.UPSTREAM_UNREACHABLE, "No connection."),)
    assert (outcome.status, outcome.evidence, outcome.errors) == (Status.FAILED, None, fault)
    assert [(one.status, one.evidence, one.errors) for one in outcome.items] == [(Status.FAILED, None, fault)] * 2
