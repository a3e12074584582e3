"""Cancelling settles what was never sent; what has begun comes to its end (CONTRACT.md section 2, promise 8)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.ledger.base import Again
from gateway.model.kinds import Kind, Status, System
from gateway.model.outcomes import CaseOutcome, Code
from gateway.telemetry.events import CasesWithdrawn, OperationFinished
from tests.contract.desk import (
    LEASE_SECONDS,
    NOT_FOUND,
    RESUMABLE,
    STILL_THERE,
    THROTTLED,
    UNKNOWN,
    Desk,
    ecm_case,
    many,
    removed,
)

ACT, PROBE = Again("act", 0.0), Again("probe", 0.0)


async def untouched(_desk: Desk) -> None:
    """Never granted."""


async def throttled(desk: Desk) -> None:
    await desk.wait_again(await desk.call(), THROTTLED, seconds=60)


async def not_begun(desk: Desk) -> None:
    await desk.put_back(await desk.call())


async def unreachable(desk: Desk) -> None:
    await desk.settle(await desk.call(), NOT_FOUND, Again("act", 9.0), sent=False, answered=False)


async def partly_deleted(desk: Desk) -> None:
    await desk.wait_again(await desk.call(), RESUMABLE, seconds=60)


async def partly_deleted_then_not_begun(desk: Desk) -> None:
    await desk.wait_again(await desk.call(), RESUMABLE, seconds=0)
    await desk.put_back(await desk.call())


async def unanswered(desk: Desk) -> None:
    await desk.unanswered(await desk.call(), ACT)


@pytest.mark.parametrize(
    ("before", "ends_as"),
    [
        (untouched, Status.CANCELLED),
        (throttled, Status.CANCELLED),
        (not_begun, Status.CANCELLED),
        (unreachable, Status.CANCELLED),
        (partly_deleted, Status.FAILED),
        (partly_deleted_then_not_begun, Status.FAILED),
        (unanswered, Status.UNKNOWN),
    ],
)
async def test_a_waiting_case_ends_at_once(
    desk: Desk, before: Callable[[Desk], Awaitable[None]], ends_as: Status
) -> None:
    operation_id = await desk.accept("CN1")
    await before(desk)

    await desk.ledger.cancel(operation_id)

    operation, case = await desk.operation(operation_id), await desk.case(operation_id)
    assert (operation.status, operation.pending) == (ends_as, 0)
    assert operation.cancelled_at == operation.finished_at == desk.ledger.now()
    assert case.outcome.status is ends_as
    assert (case.outcome.code is Code.CASE_CANCELLED) == (ends_as is Status.CANCELLED)
    assert len(desk.seen.of(OperationFinished)) == 1
    assert (await desk.claim()).ask_again_at is None


@pytest.mark.parametrize(
    ("outcome", "again", "ends_as"),
    [
        (NOT_FOUND, None, Status.FAILED),
        (THROTTLED, ACT, Status.CANCELLED),
        (RESUMABLE, ACT, Status.FAILED),
        (UNKNOWN, ACT, Status.UNKNOWN),
    ],
)
async def test_a_case_in_flight_ends_with_its_call_and_is_not_sent_again(
    desk: Desk, outcome: CaseOutcome, again: Again | None, ends_as: Status
) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    call, *_ = (await desk.claim(1)).calls
    await desk.ledger.cancel(operation_id)
    during = await desk.operation(operation_id)

    await desk.settle(call, outcome, again)

    assert (during.status, during.cancelled, during.in_flight) == (None, 1, True)
    assert await desk.status(operation_id) is ends_as
    assert (await desk.operation(operation_id)).finished_at is not None
    assert (await desk.claim()).ask_again_at is None


@pytest.mark.parametrize("earlier", [None, RESUMABLE])
async def test_a_case_whose_call_is_put_back_after_the_cancellation_ends_as_it_stood(
    desk: Desk, earlier: CaseOutcome | None
) -> None:
    operation_id = await desk.accept("CN1")
    if earlier is not None:
        await desk.wait_again(await desk.call(), earlier, seconds=0)
    call = await desk.call()
    await desk.ledger.cancel(operation_id)

    await desk.put_back(call)

    assert await desk.status(operation_id) is (earlier.status if earlier else Status.CANCELLED)


async def test_an_unsettled_case_is_still_probed_but_not_executed_again(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", system=System.CLAIMSHOP)
    await desk.unanswered(await desk.call(), PROBE)
    await desk.ledger.cancel(operation_id)
    waiting = await desk.operation(operation_id)
    desk.clock.advance(LEASE_SECONDS)

    await desk.settle(await desk.call(), STILL_THERE, ACT)

    assert waiting.status is None
    assert (await desk.operation(operation_id)).status is Status.CANCELLED


async def test_a_probe_that_is_turned_away_is_made_again(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", system=System.CLAIMSHOP)
    await desk.unanswered(await desk.call(), PROBE)
    await desk.ledger.cancel(operation_id)
    desk.clock.advance(LEASE_SECONDS)
    await desk.settle(await desk.call(), UNKNOWN, PROBE)

    assert (await desk.operation(operation_id)).status is None
    assert len((await desk.claim()).calls) == 1


async def test_what_has_ended_keeps_its_outcome(desk: Desk) -> None:
    operation_id = await desk.accept(*many(4))
    for outcome in (NOT_FOUND, UNKNOWN):
        await desk.settle((await desk.claim(1)).calls[0], outcome)

    await desk.ledger.cancel(operation_id)

    operation = await desk.operation(operation_id)
    assert (operation.failed, operation.unknown, operation.cancelled) == (1, 1, 2)
    assert operation.status is Status.PARTIAL
    assert [event.count for event in desk.seen.of(CasesWithdrawn)] == [2]


async def test_cancelling_again_or_after_the_end_changes_nothing(desk: Desk) -> None:
    cancelled, finished = await desk.accept("CN1"), await desk.accept("CN2")
    await desk.ledger.cancel(cancelled)
    await desk.settle(await desk.call())
    before = [await desk.operation(cancelled), await desk.operation(finished)]
    desk.clock.advance(1)

    for operation_id in (cancelled, finished, "no such operation"):
        await desk.ledger.cancel(operation_id)

    assert [await desk.operation(cancelled), await desk.operation(finished)] == before
    assert len(desk.seen.of(OperationFinished)) == 2


async def test_the_items_of_a_case_that_was_never_sent_are_cancelled_with_it(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A", "B"), ecm_case("CA2", "A"))

    await desk.ledger.cancel(operation_id)

    for case in await desk.cases(operation_id):
        assert {item.status for item in case.outcome.items} == {Status.CANCELLED}
        assert {item.errors[0].code for item in case.outcome.items} == {Code.CASE_CANCELLED}


async def test_a_removal_that_is_put_back_after_the_cancellation_ends_with_its_items(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A", "B"))
    call = await desk.call()
    await desk.ledger.cancel(operation_id)

    await desk.put_back(call)

    outcome = (await desk.case(operation_id)).outcome
    assert [outcome.status, *(item.status for item in outcome.items)] == [Status.CANCELLED] * 3


@pytest.mark.parametrize("in_flight", [False, True])
async def test_items_are_cancelled_each_for_itself(desk: Desk, *, in_flight: bool) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A", "B", "C"))
    mixed = CaseOutcome(Status.PENDING, items=removed(A=Status.SUCCEEDED, B=Status.PENDING, C=Code.ITEM_NOT_IN_CASE))
    call = await desk.call()
    if in_flight:
        await desk.ledger.cancel(operation_id)
        await desk.settle(call, mixed, ACT)
    else:
        await desk.settle(call, mixed, ACT)
        await desk.ledger.cancel(operation_id)

    outcome = (await desk.case(operation_id)).outcome

    assert outcome.status is Status.PARTIAL
    assert [item.status for item in outcome.items] == [Status.SUCCEEDED, Status.CANCELLED, Status.FAILED]


async def test_an_item_whose_earlier_removal_is_unsettled_stays_unknown(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A"))
    await desk.settle(await desk.call(), CaseOutcome(Status.UNKNOWN, items=removed(A=Code.OUTCOME_UNKNOWN)))
    await desk.ledger.retry(operation_id)
    await desk.settle(await desk.call(), CaseOutcome(Status.PENDING, items=removed(A=Status.PENDING)), ACT)

    await desk.ledger.cancel(operation_id)

    assert (await desk.operation(operation_id)).status is Status.UNKNOWN


async def test_cancelling_wakes_who_waits_for_the_operation(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    waiting = asyncio.ensure_future(desk.ledger.finished(operation_id, 30))
    await desk.ledger.check()

    await desk.ledger.cancel(operation_id)

    assert await waiting


async def test_cancelling_one_operation_leaves_others_alone(desk: Desk) -> None:
    cancelled, other = await desk.accept("CN1"), await desk.accept("CN1")
    await desk.ledger.cancel(cancelled)

    assert (await desk.call()).operation_id == other
    assert (await desk.operation(other)).kind is Kind.CASE_DELETION


async def test_ten_thousand_cases_are_cancelled_at_once(desk: Desk) -> None:
    operation_id = await desk.accept(*many(10_000))
    await desk.ledger.cancel(operation_id)

    assert (await desk.operation(operation_id)).cancelled == 10_000
