"""What a call's end changes, and what comes too late to change anything."""

import pytest
from msgspec.structs import replace

from gateway.ledger.base import Again, CallSettlement, CaseSettlement
from gateway.model.kinds import Evidence, Purpose, Status, System
from gateway.model.outcomes import CaseOutcome, Code, error
from gateway.telemetry.events import CaseEnded, CaseRetried, OperationFinished
from tests.contract.desk import (
    LEASE_SECONDS,
    NOT_FOUND,
    RESUMABLE,
    STILL_THERE,
    SUCCEEDED,
    THROTTLED,
    UNKNOWN,
    Desk,
    ecm_case,
    numbers,
    removed,
    values,
)

INFERRED = CaseOutcome(
    Status.SUCCEEDED, found=False, evidence=Evidence.INFERRED, messages=("gone", "æøå"),
    errors=(error(Code.UPSTREAM_ERROR, "said before", resumable=True),),
)  # fmt: skip


@pytest.mark.parametrize("outcome", [SUCCEEDED, UNKNOWN, NOT_FOUND, RESUMABLE, INFERRED])
async def test_an_outcome_is_shown_as_it_was_settled(desk: Desk, outcome: CaseOutcome) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), outcome)
    await desk.reopen()

    case, operation = await desk.case(operation_id), await desk.operation(operation_id)

    assert case.outcome == outcome
    assert operation.status is outcome.status


async def test_an_operation_ends_with_its_last_case(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", "CN3")
    started_at = desk.ledger.now()
    for outcome in (SUCCEEDED, NOT_FOUND):
        await desk.settle((await desk.claim(1)).calls[0], outcome)
        desk.clock.advance(1)
    unended = await desk.operation(operation_id)
    await desk.settle(await desk.call(), UNKNOWN)

    ended = await desk.operation(operation_id)

    assert (unended.status, unended.finished_at, unended.pending) == (None, None, 1)
    assert (ended.succeeded, ended.failed, ended.unknown, ended.pending) == (1, 1, 1, 0)
    assert (ended.status, ended.started_at, ended.finished_at) == (Status.PARTIAL, started_at, desk.ledger.now())
    assert [event.status for event in desk.seen.of(OperationFinished)] == [Status.PARTIAL]
    assert [(event.position, event.status) for event in desk.seen.of(CaseEnded)] == [
        (0, Status.SUCCEEDED), (1, Status.FAILED), (2, Status.UNKNOWN)
    ]  # fmt: skip


async def test_an_operation_is_in_flight_while_a_call_of_it_is_under_way(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    before = (await desk.operation(operation_id)).in_flight
    call, *_ = (await desk.claim(1)).calls
    during = (await desk.operation(operation_id)).in_flight
    await desk.settle(call)

    assert (before, during, (await desk.operation(operation_id)).in_flight) == (False, True, False)


async def test_what_waits_for_another_call_is_pending_and_gets_it_when_it_is_due(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.wait_again(await desk.call(), RESUMABLE, seconds=5)

    claim = await desk.claim()
    pending = await desk.case(operation_id)
    desk.clock.advance(5)
    case = (await desk.call()).cases[0]

    assert (claim.calls, claim.ask_again_at) == ((), claim.now + 5_000_000)
    assert (pending.outcome, pending.attempts, pending.retry_at) == (CaseOutcome(Status.PENDING), 1, None)
    assert (case.attempts, case.begun, case.earlier) == (1, True, RESUMABLE)


async def test_only_failures_count_towards_the_bound_and_only_sent_calls_as_attempts(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.put_back(await desk.call())
    await desk.settle(await desk.call(), RESUMABLE, Again("act", 0.0, failure=True))
    await desk.settle(await desk.call(), THROTTLED, Again("act", 0.0))

    case = (await desk.call()).cases[0]

    assert (case.attempts, case.failures) == (2, 1)


async def test_what_was_put_back_keeps_what_earlier_calls_told(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.wait_again(await desk.call(), RESUMABLE, seconds=0)
    await desk.put_back(await desk.call())

    case = (await desk.call()).cases[0]

    assert (case.begun, case.earlier) == (True, RESUMABLE)


async def test_the_code_that_a_case_last_met_is_told_to_its_next_call(desk: Desk) -> None:
    await desk.accept("CN1")
    call = await desk.call()
    met = CaseSettlement(0, UNKNOWN, Again("act", 0.0), met=Code.UPSTREAM_UNAUTHORIZED)
    await desk.ledger.settle(CallSettlement(call, sent=True, answered=True, outcome="401", cases=(met,)))

    assert (await desk.call()).cases[0].last_code is Code.UPSTREAM_UNAUTHORIZED
    assert [event.reason for event in desk.seen.of(CaseRetried)] == [Code.UPSTREAM_UNAUTHORIZED]


async def test_a_probe_is_a_call_of_its_own_and_then_the_case_is_acted_on(desk: Desk) -> None:
    await desk.accept("CN1", system=System.CLAIMSHOP)
    await desk.unanswered(await desk.call(), Again("probe", 0.0))
    desk.clock.advance(LEASE_SECONDS)

    probe = await desk.call()
    await desk.settle(probe, STILL_THERE, Again("act", 0.0))
    act = await desk.call()

    assert (probe.purpose, act.purpose) == (Purpose.PROBE, Purpose.EXECUTE)
    assert (act.cases[0].begun, act.cases[0].earlier) == (False, None)


async def test_a_dry_run_says_so(desk: Desk) -> None:
    await desk.accept("CN1", execute=False)

    assert (await desk.call()).purpose is Purpose.DRY_RUN


async def test_an_answer_frees_slot_and_case_and_none_does_not(desk: Desk) -> None:
    await desk.accept("CN1", "CN2")
    answered, unanswered = (await desk.claim()).calls
    await desk.settle(answered)
    await desk.unanswered(unanswered)
    await desk.accept("CN1", "CN2")

    assert values(*(await desk.claim()).calls) == ["CN1"]


async def test_a_settlement_is_fenced_by_its_call(desk: Desk) -> None:
    """The older call's answer comes while a newer call of the case is under way."""
    operation_id = await desk.accept("CN1")
    old = await desk.call()
    await desk.unanswered(old, Again("act", 0.0))
    desk.clock.advance(LEASE_SECONDS)
    new = await desk.call()

    await desk.settle(old, NOT_FOUND)
    during = await desk.status(operation_id)
    await desk.settle(new, SUCCEEDED)
    await desk.settle(old, NOT_FOUND)

    assert during is Status.PENDING
    assert await desk.status(operation_id) is Status.SUCCEEDED
    assert (await desk.operation(operation_id)).succeeded == 1


async def test_a_late_answer_counts_after_the_case_was_given_up_as_unknown(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    desk.clock.advance(LEASE_SECONDS)
    (lost,) = (await desk.claim()).lost
    await desk.unanswered(lost)
    given_up = await desk.operation(operation_id)

    await desk.settle(call, SUCCEEDED)

    operation = await desk.operation(operation_id)
    assert (given_up.status, given_up.unknown) == (Status.UNKNOWN, 1)
    assert (operation.status, operation.unknown, operation.succeeded) == (Status.SUCCEEDED, 0, 1)
    assert operation.finished_at == given_up.finished_at
    assert (await desk.case(operation_id)).attempts == 1


async def test_a_late_answer_counts_while_the_case_waits_to_be_resumed(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    desk.clock.advance(LEASE_SECONDS)
    (lost,) = (await desk.claim()).lost
    await desk.unanswered(lost, Again("act", 5.0))

    await desk.settle(call, SUCCEEDED)

    assert await desk.status(operation_id) is Status.SUCCEEDED
    assert (await desk.claim()).ask_again_at is None


async def test_a_late_answer_that_tells_no_more_changes_no_count(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)

    await desk.settle(call, UNKNOWN)

    operation = await desk.operation(operation_id)
    assert (operation.status, operation.unknown) == (Status.UNKNOWN, 1)


async def test_a_late_answer_of_items_counts_too(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A", "B"))
    call = await desk.call()
    lost = CaseOutcome(Status.PARTIAL, items=removed(A=Status.SUCCEEDED, B=Code.OUTCOME_UNKNOWN))
    await desk.settle(call, lost, answered=False)

    await desk.settle(call, CaseOutcome(Status.SUCCEEDED, items=removed(A=Status.SUCCEEDED, B=Status.SUCCEEDED)))

    assert await desk.status(operation_id) is Status.SUCCEEDED


async def test_a_late_word_does_not_set_in_motion_what_has_ended(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)

    await desk.wait_again(call, THROTTLED, seconds=0)

    assert await desk.status(operation_id) is Status.UNKNOWN
    assert (await desk.operation(operation_id)).status is Status.UNKNOWN
    assert (await desk.claim()).ask_again_at is None


@pytest.mark.parametrize("again", [None, Again("act", 5.0, failure=True)])
@pytest.mark.parametrize("answered", [True, False])
async def test_a_settlement_that_is_said_again_changes_nothing(
    desk: Desk, again: Again | None, *, answered: bool
) -> None:
    """As after a commit whose result was not known."""
    operation_id = await desk.accept("CN1", "CN2")
    call, _other = (await desk.claim()).calls
    await desk.settle(call, UNKNOWN, again, answered=answered)
    before, events = (await desk.operation(operation_id), await desk.cases(operation_id)), len(desk.seen.events)

    await desk.settle(call, UNKNOWN, again, answered=answered)

    assert (await desk.operation(operation_id), await desk.cases(operation_id)) == before
    assert len(desk.seen.events) == events


async def test_a_settlement_that_is_said_again_after_a_retry_changes_nothing(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    await desk.settle(call, UNKNOWN)
    await desk.ledger.retry(operation_id)

    await desk.settle(call, UNKNOWN)

    assert await desk.status(operation_id) is Status.PENDING


async def test_what_a_call_tells_of_each_case_is_its_own(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A"), ecm_case("CA2", "B"))
    call = await desk.call(cases_per_call=2)
    told = (
        CaseSettlement(0, CaseOutcome(Status.SUCCEEDED, items=removed(A=Status.SUCCEEDED))),
        CaseSettlement(1, CaseOutcome(Status.FAILED, items=removed(B=Code.ITEM_NOT_IN_CASE))),
    )
    await desk.ledger.settle(CallSettlement(call, sent=True, answered=True, outcome="200", cases=told))

    first, second = await desk.cases(operation_id)

    assert (first.outcome, second.outcome) == (told[0].outcome, told[1].outcome)
    assert (await desk.operation(operation_id)).status is Status.PARTIAL


async def test_items_that_were_turned_away_are_asked_for_again_alone(desk: Desk) -> None:
    await desk.remove(ecm_case("CA1", "A", "B", "C"))
    mixed = CaseOutcome(Status.PENDING, items=removed(A=Status.SUCCEEDED, B=Status.PENDING, C=Code.ITEM_NOT_IN_CASE))
    await desk.settle(await desk.call(), mixed, Again("act", 0.0))

    case = (await desk.call()).cases[0]

    assert [item.id for item in case.items] == ["B"]
    assert case.earlier_items == mixed.items


async def test_a_call_carries_only_cases_of_one_operation_and_step(desk: Desk) -> None:
    first = await desk.remove(*(ecm_case(f"A{number}", "I") for number in range(5)))
    second = await desk.remove(*(ecm_case(f"B{number}", "I") for number in range(2)))

    calls = (await desk.claim(cases_per_call=3)).calls

    assert [(call.operation_id, values(call)) for call in calls] == [
        (first, ["A0", "A1", "A2"]), (first, ["A3", "A4"]), (second, ["B0", "B1"])
    ]  # fmt: skip


async def test_trace_and_request_id_of_the_caller_go_with_the_call(desk: Desk) -> None:
    new = replace(desk.new(numbers("CN1")), trace_parent="00-1-2-01", request_id="r-1")
    await desk.ledger.accept(new, max_queued_cases=10)

    call = await desk.call()

    assert (call.trace_parent, call.request_id) == ("00-1-2-01", "r-1")
