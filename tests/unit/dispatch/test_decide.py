"""What becomes of a case after a call: the whole table of promise 2."""

import pytest
from msgspec.structs import replace

from gateway.config.settings import Retry
from gateway.dispatch.decide import Circumstances, decide
from gateway.ledger.base import Again, Step
from gateway.model.calls import Call, GrantedCase
from gateway.model.cases import Identifier, Item
from gateway.model.kinds import Evidence, IdentifierType, Kind, Purpose, Status, System
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error

HUB, SHOP, ECM = System.HUB_PROPERTY, System.CLAIMSHOP, System.ORACLE_ECM
CASE = GrantedCase(0, Identifier(IdentifierType.CASE_NUMBER, "CN1"), request_id="r", open_seconds_left=900.0)
DONE = CaseOutcome(Status.SUCCEEDED, found=True, deleted=True, evidence=Evidence.CONFIRMED)
UNKNOWN = CaseOutcome(Status.UNKNOWN, errors=(error(Code.OUTCOME_UNKNOWN, "no answer"),))
PARTLY = CaseOutcome(
    Status.FAILED, True, False, Evidence.CONFIRMED, errors=(error(Code.UPSTREAM_ERROR, "broke", resumable=True),)
)


def failed(code: Code) -> CaseOutcome:
    return CaseOutcome(Status.FAILED, evidence=Evidence.CONFIRMED, errors=(error(code, "said no"),))


def given(system: System = HUB, purpose: Purpose = Purpose.EXECUTE, **changes: object) -> Circumstances:
    call = Call("c", "o", "b", Kind.CASE_DELETION, "t", "u", purpose, (CASE,), 0)
    # The random number is always the highest, so that a delay is its ceiling.
    base = Circumstances(call=call, system=system, retry=Retry(), uniform=lambda _low, high: high)
    return replace(base, **changes)


@pytest.mark.parametrize("system", [HUB, SHOP])
@pytest.mark.parametrize("purpose", [Purpose.EXECUTE, Purpose.DRY_RUN])
def test_what_succeeded_has_ended(system: System, purpose: Purpose) -> None:
    assert decide(CASE, DONE, given(system, purpose)).again is None


@pytest.mark.parametrize(
    "code",
    [
        Code.UPSTREAM_THROTTLED,
        Code.UPSTREAM_CLOSED,
        Code.UPSTREAM_UNREACHABLE,
        Code.DELETION_IN_PROGRESS,
        Code.CASE_LOCKED,
    ],
)
@pytest.mark.parametrize("system", [HUB, SHOP])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_was_turned_away_is_tried_again_until_the_deadline(code: Code, system: System, purpose: Purpose) -> None:
    step: Step = "probe" if purpose is Purpose.PROBE else "act"
    assert decide(CASE, failed(code), given(system, purpose)).again == Again(step, 1.0)

    tired = replace(CASE, attempts=50, failures=2)
    assert decide(tired, failed(code), given(system, purpose)).again == Again(step, 60.0), "attempts do not bound it"

    late = replace(CASE, open_seconds_left=1.0)
    assert decide(late, failed(code), given(system, purpose)).again is None


@pytest.mark.parametrize(
    "code",
    [
        Code.CASE_NOT_FOUND,
        Code.DELETION_FORBIDDEN_BY_STATE,
        Code.UPSTREAM_REJECTED,
    ],
)
@pytest.mark.parametrize("system", [HUB, SHOP])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_the_upstream_settled_has_ended(code: Code, system: System, purpose: Purpose) -> None:
    outcome = failed(code)
    settlement = decide(CASE, outcome, given(system, purpose))
    assert settlement.again is None
    assert settlement.outcome == outcome


@pytest.mark.parametrize(
    ("system", "purpose", "outcome", "step"),
    [
        (HUB, Purpose.EXECUTE, UNKNOWN, "act"),
        (HUB, Purpose.EXECUTE, PARTLY, "act"),
        (SHOP, Purpose.EXECUTE, failed(Code.UPSTREAM_ERROR), "act"),
        (HUB, Purpose.DRY_RUN, UNKNOWN, "act"),
        (SHOP, Purpose.DRY_RUN, UNKNOWN, "act"),
        (SHOP, Purpose.DRY_RUN, failed(Code.UPSTREAM_ERROR), "act"),
        (SHOP, Purpose.EXECUTE, UNKNOWN, "probe"),
        (SHOP, Purpose.PROBE, UNKNOWN, "probe"),
        (SHOP, Purpose.PROBE, failed(Code.UPSTREAM_ERROR), "probe"),
    ],
)
def test_after_a_call_that_may_have_acted_only_what_does_no_harm_follows(
    system: System, purpose: Purpose, outcome: CaseOutcome, step: Step
) -> None:
    again = decide(CASE, outcome, given(system, purpose)).again
    assert again == Again(step, 1.0, failure=True), "it counts towards max_attempts"


def test_repetitions_end_with_max_attempts() -> None:
    assert decide(replace(CASE, failures=1), UNKNOWN, given()).again is not None
    assert decide(replace(CASE, failures=2), UNKNOWN, given()).again is None


def test_what_the_last_attempt_did_is_still_found_out() -> None:
    again = decide(replace(CASE, failures=2), UNKNOWN, given(SHOP)).again
    assert again == Again("probe", 1.0, failure=True)
    assert decide(replace(CASE, failures=3), UNKNOWN, given(SHOP, Purpose.PROBE)).again is None


def test_a_case_that_is_still_there_after_the_last_attempt_has_failed() -> None:
    found = CaseOutcome(Status.SUCCEEDED, found=True, deleted=False, evidence=Evidence.CONFIRMED)
    case = replace(CASE, begun=True, earlier=UNKNOWN, failures=3)
    settlement = decide(case, found, given(SHOP, Purpose.PROBE))
    assert settlement.again is None
    assert (settlement.outcome.status, settlement.outcome.code) == (Status.FAILED, Code.UPSTREAM_ERROR)
    assert (settlement.outcome.found, settlement.outcome.deleted) == (True, False)


def test_a_pause_that_the_upstream_asked_for_is_waited_out_in_full() -> None:
    settlement = decide(CASE, failed(Code.UPSTREAM_THROTTLED), given(wait_seconds=30.0, asked_to_wait=True))
    assert settlement.again == Again("act", 30.0)


def test_a_pause_beyond_the_deadline_ends_the_case_and_is_passed_on() -> None:
    settlement = decide(CASE, failed(Code.UPSTREAM_THROTTLED), given(wait_seconds=1000.0, asked_to_wait=True))
    assert settlement.again is None
    assert settlement.retry_after_seconds == 1000.0


def test_the_time_that_an_upstream_says_it_is_closed_costs_no_deadline() -> None:
    late = replace(CASE, open_seconds_left=-5.0)
    settlement = decide(late, failed(Code.UPSTREAM_CLOSED), given(wait_seconds=28_800.0, asked_to_wait=True))
    assert settlement.again == Again("act", 28_800.0)


def test_closed_without_a_word_when_it_opens_ends_with_the_deadline() -> None:
    late = replace(CASE, open_seconds_left=10.0)
    assert decide(late, failed(Code.UPSTREAM_CLOSED), given(wait_seconds=60.0)).again is None


def test_a_401_is_answered_with_one_fresh_credential_at_once() -> None:
    refused = failed(Code.UPSTREAM_UNAUTHORIZED)
    assert decide(CASE, refused, given()).again == Again("act", 0.0)
    assert decide(replace(CASE, last_code=Code.UPSTREAM_UNAUTHORIZED), refused, given()).again is None


def test_once_the_credential_is_known_not_to_work_no_further_case_pays_for_it() -> None:
    refused, second = failed(Code.UPSTREAM_UNAUTHORIZED), replace(CASE, last_code=Code.UPSTREAM_UNAUTHORIZED)
    assert decide(second, refused, given(distrusted=True, wait_seconds=60.0)).again == Again("act", 60.0)


def test_a_refused_token_request_fails_the_case_that_found_out() -> None:
    assert decide(CASE, failed(Code.UPSTREAM_UNAUTHORIZED), given(sent=False)).again is None


@pytest.mark.parametrize("earlier", [UNKNOWN, PARTLY])
@pytest.mark.parametrize(
    "code", [Code.UPSTREAM_THROTTLED, Code.UPSTREAM_UNREACHABLE, Code.UPSTREAM_UNAUTHORIZED, Code.UPSTREAM_REJECTED]
)
def test_a_refusal_does_not_settle_what_an_earlier_call_may_have_done(earlier: CaseOutcome, code: Code) -> None:
    case = replace(CASE, begun=True, earlier=earlier, open_seconds_left=0.0, last_code=Code.UPSTREAM_UNAUTHORIZED)
    settlement = decide(case, failed(code), given())
    assert settlement.again is None
    assert settlement.outcome.status is earlier.status
    assert [fault.code for fault in settlement.outcome.errors] == [earlier.code, code]


def test_a_last_call_without_an_answer_leaves_unknown_what_an_earlier_one_had_left_undone() -> None:
    """An earlier 500 says that the case was there then; the call after it may have deleted it."""
    case = replace(CASE, begun=True, earlier=PARTLY, failures=2)
    settlement = decide(case, UNKNOWN, given())
    assert settlement.again is None
    assert (settlement.outcome.status, settlement.outcome.deleted) == (Status.UNKNOWN, None)
    assert [fault.code for fault in settlement.outcome.errors] == [Code.OUTCOME_UNKNOWN, Code.UPSTREAM_ERROR]


def test_a_resumption_that_succeeded_settles_what_came_before() -> None:
    case = replace(CASE, begun=True, earlier=UNKNOWN)
    assert decide(case, DONE, given()).outcome == DONE


def test_a_failure_that_the_upstream_confirms_settles_what_came_before() -> None:
    case = replace(CASE, begun=True, earlier=UNKNOWN, failures=2)
    assert decide(case, PARTLY, given()).outcome == PARTLY


def test_a_probe_that_finds_the_case_lets_it_be_deleted_again() -> None:
    found = CaseOutcome(Status.SUCCEEDED, found=True, deleted=False, evidence=Evidence.CONFIRMED)
    case = replace(CASE, begun=True, earlier=UNKNOWN)
    settlement = decide(case, found, given(SHOP, Purpose.PROBE))
    assert settlement.again == Again("act", 0.0)
    assert not settlement.outcome.begun, "what the probe proved is that nothing happened"


def test_a_probe_that_finds_nothing_ends_the_case_as_inferred() -> None:
    gone = CaseOutcome(Status.SUCCEEDED, found=False, evidence=Evidence.INFERRED)
    settlement = decide(replace(CASE, begun=True, earlier=UNKNOWN), gone, given(SHOP, Purpose.PROBE))
    assert settlement.again is None
    assert settlement.outcome == gone


def test_a_probe_that_comes_to_nothing_leaves_the_case_unknown() -> None:
    case = replace(CASE, begun=True, earlier=UNKNOWN, failures=2)
    settlement = decide(case, failed(Code.UPSTREAM_ERROR), given(SHOP, Purpose.PROBE))
    assert settlement.again is None
    assert settlement.outcome.status is Status.UNKNOWN


A, B = Item("A", "XA"), Item("B", "XA")
PENDING_ITEMS = (ItemOutcome("A", "XA", Status.PENDING), ItemOutcome("B", "XA", Status.PENDING))
ECM_CASE = GrantedCase(
    0,
    Identifier(IdentifierType.CASE_ID, "CA1"),
    items=(A, B),
    earlier_items=PENDING_ITEMS,
    open_seconds_left=900.0,
)


def item(name: str, status: Status, code: Code | None = None) -> ItemOutcome:
    errors = () if code is None else (error(code, "said no"),)
    evidence = None if status is Status.UNKNOWN else Evidence.CONFIRMED
    return ItemOutcome(name, "XA", status, None, evidence, errors)


def over(*items: ItemOutcome) -> CaseOutcome:
    return CaseOutcome(Status.PARTIAL, items=items)


def test_only_items_that_were_turned_away_wait_for_another_call() -> None:
    removed, locked = item("A", Status.SUCCEEDED), item("B", Status.FAILED, Code.CASE_LOCKED)
    settlement = decide(ECM_CASE, over(removed, locked), given(ECM))
    assert settlement.again == Again("act", 1.0)
    assert [i.status for i in settlement.outcome.items] == [Status.SUCCEEDED, Status.PENDING]
    assert settlement.outcome.status is Status.PENDING


def test_a_lock_beyond_the_deadline_ends_the_case() -> None:
    locked = replace(ECM_CASE, open_seconds_left=0.5)
    both = over(item("A", Status.FAILED, Code.CASE_LOCKED), item("B", Status.FAILED, Code.CASE_LOCKED))
    settlement = decide(locked, both, given(ECM))
    assert settlement.again is None
    assert (settlement.outcome.status, settlement.outcome.code) == (Status.FAILED, Code.CASE_LOCKED)


@pytest.mark.parametrize(
    ("told", "waits_as"),
    [
        (item("B", Status.UNKNOWN, Code.OUTCOME_UNKNOWN), Status.UNKNOWN),
        (item("B", Status.FAILED, Code.UPSTREAM_ERROR), Status.PENDING),
    ],
)
def test_an_item_that_was_not_removed_for_sure_is_asked_for_again(told: ItemOutcome, waits_as: Status) -> None:
    settlement = decide(ECM_CASE, over(item("A", Status.SUCCEEDED), told), given(ECM))
    assert settlement.again == Again("act", 1.0, failure=True)
    assert [i.status for i in settlement.outcome.items] == [Status.SUCCEEDED, waits_as]
    assert settlement.met is told.errors[0].code


def test_items_are_asked_for_again_only_as_often_as_max_attempts_says() -> None:
    lost = over(item("A", Status.SUCCEEDED), item("B", Status.UNKNOWN, Code.OUTCOME_UNKNOWN))
    settlement = decide(replace(ECM_CASE, failures=2), lost, given(ECM))
    assert settlement.again is None
    assert settlement.outcome.status is Status.PARTIAL


def test_items_that_ended_in_an_earlier_call_stay_as_they_were() -> None:
    case = replace(ECM_CASE, items=(B,), earlier_items=(item("A", Status.SUCCEEDED), PENDING_ITEMS[1]))
    settlement = decide(case, over(item("B", Status.SUCCEEDED)), given(ECM))
    assert [i.id for i in settlement.outcome.items] == ["A", "B"]
    assert settlement.outcome.status is Status.SUCCEEDED


def test_a_refusal_does_not_settle_an_item_that_an_earlier_call_may_have_removed() -> None:
    case = replace(ECM_CASE, items=(A, B), unsettled_items=frozenset({("A", "XA")}), open_seconds_left=0.0)
    both = over(item("A", Status.FAILED, Code.CASE_LOCKED), item("B", Status.FAILED, Code.CASE_LOCKED))
    first, second = decide(case, both, given(ECM)).outcome.items
    assert first.status is Status.UNKNOWN
    assert second.status is Status.FAILED
