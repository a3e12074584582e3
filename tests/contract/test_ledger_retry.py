"""A retry runs again what did not succeed; what succeeded is never sent again (CONTRACT.md section 1)."""

from typing import Unpack

import pytest

from gateway.ledger.base import Again
from gateway.model.kinds import Purpose, Status, System
from gateway.model.outcomes import CaseOutcome, Code
from gateway.telemetry.events import OperationFinished
from tests.contract.desk import (
    NOT_FOUND,
    RESUMABLE,
    SUCCEEDED,
    THROTTLED,
    UNKNOWN,
    Desk,
    Request,
    ecm_case,
    numbers,
    removed,
    values,
)


async def run(desk: Desk, *outcomes: CaseOutcome, **request: Unpack[Request]) -> str:
    """An operation of so many cases that ended so."""
    operation_id = await desk.accept(*(f"CN{number}" for number in range(len(outcomes))), **request)
    for call, outcome in zip((await desk.claim()).calls, outcomes, strict=True):
        await desk.settle(call, outcome)
    return operation_id


async def test_everything_but_what_succeeded_is_due_again(desk: Desk) -> None:
    operation_id = await run(desk, SUCCEEDED, NOT_FOUND, UNKNOWN, RESUMABLE)
    finished = await desk.operation(operation_id)

    await desk.ledger.retry(operation_id)

    operation = await desk.operation(operation_id)
    assert (finished.status, finished.pending) == (Status.PARTIAL, 0)
    assert (operation.status, operation.finished_at, operation.pending, operation.succeeded) == (None, None, 3, 1)
    assert values(*(await desk.claim()).calls) == ["CN1", "CN2", "CN3"]


async def test_the_operation_ends_anew(desk: Desk) -> None:
    operation_id = await run(desk, SUCCEEDED, NOT_FOUND)
    desk.clock.advance(60)
    await desk.ledger.retry(operation_id)
    await desk.settle(await desk.call())

    operation = await desk.operation(operation_id)

    assert (operation.status, operation.succeeded, operation.failed) == (Status.SUCCEEDED, 2, 0)
    assert operation.finished_at == desk.ledger.now()
    assert [event.status for event in desk.seen.of(OperationFinished)] == [Status.PARTIAL, Status.SUCCEEDED]


async def test_what_all_succeeded_stays_as_it_is(desk: Desk) -> None:
    operation_id = await run(desk, SUCCEEDED, SUCCEEDED)
    before = await desk.operation(operation_id)

    await desk.ledger.retry(operation_id)
    await desk.ledger.retry("no such operation")

    assert await desk.operation(operation_id) == before
    assert (await desk.claim()).ask_again_at is None


async def test_a_cancelled_operation_runs_again(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    await desk.ledger.cancel(operation_id)
    await desk.ledger.retry(operation_id)

    operation = await desk.operation(operation_id)
    first, second = (await desk.claim()).calls
    await desk.wait_again(first, THROTTLED, seconds=0)
    await desk.settle(second)

    assert (operation.cancelled_at, operation.pending) == (None, 2)
    assert values(await desk.call()) == ["CN1"]


async def test_what_has_ended_of_a_running_operation_runs_again(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    await desk.settle((await desk.claim(1)).calls[0], NOT_FOUND)

    await desk.ledger.retry(operation_id)

    assert values(*(await desk.claim()).calls) == ["CN1", "CN2"]


async def test_retrying_twice_sends_once(desk: Desk) -> None:
    operation_id = await run(desk, NOT_FOUND)
    await desk.ledger.retry(operation_id)
    await desk.ledger.retry(operation_id)

    assert len((await desk.claim()).calls) == 1
    await desk.ledger.retry(operation_id)
    assert (await desk.claim()).ask_again_at is None


async def test_attempts_go_on_and_bounds_begin_anew(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), RESUMABLE, Again("act", 0.0, failure=True))
    desk.clock.advance(899)
    await desk.settle(await desk.call(), RESUMABLE, retry_after_seconds=60)
    desk.clock.advance(100)

    await desk.ledger.retry(operation_id)
    case = (await desk.call()).cases[0]

    assert (case.attempts, case.failures, case.open_seconds_left, case.last_code) == (2, 0, 900, None)
    assert (await desk.case(operation_id)).retry_at is None


@pytest.mark.parametrize(
    ("system", "execute", "purpose"),
    [
        (System.CLAIMSHOP, True, Purpose.PROBE),
        (System.HUB_PROPERTY, True, Purpose.EXECUTE),
        (System.CLAIMSHOP, False, Purpose.DRY_RUN),
    ],
)
async def test_an_unsettled_deletion_without_an_idempotency_key_is_probed_first(
    desk: Desk, system: System, purpose: Purpose, *, execute: bool
) -> None:
    operation_id = await run(desk, UNKNOWN, system=system, execute=execute)
    await desk.ledger.retry(operation_id)

    assert (await desk.call()).purpose is purpose


async def test_an_unsettled_deletion_that_was_cancelled_is_probed_too(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", system=System.CLAIMSHOP)
    await desk.unanswered(await desk.call(), Again("act", 500.0))
    await desk.ledger.cancel(operation_id)
    desk.clock.advance(500)

    await desk.ledger.retry(operation_id)

    assert (await desk.call()).purpose is Purpose.PROBE


async def test_a_failed_one_is_sent_without_a_probe(desk: Desk) -> None:
    await desk.ledger.retry(await run(desk, NOT_FOUND, system=System.CLAIMSHOP))

    assert (await desk.call()).purpose is Purpose.EXECUTE


async def test_the_next_call_knows_what_was_unsettled(desk: Desk) -> None:
    await desk.ledger.retry(await run(desk, UNKNOWN))

    case = (await desk.call()).cases[0]

    assert (case.begun, case.earlier) == (True, UNKNOWN)


async def test_only_items_that_did_not_succeed_are_asked_for_again_and_unsettled_ones_are_remembered(
    desk: Desk,
) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A", "B", "C"))
    mixed = removed(A=Status.SUCCEEDED, B=Code.OUTCOME_UNKNOWN, C=Code.ITEM_NOT_IN_CASE)
    await desk.settle(await desk.call(), CaseOutcome(Status.PARTIAL, items=mixed))

    await desk.ledger.retry(operation_id)
    case = (await desk.call()).cases[0]

    assert [item.id for item in case.items] == ["B", "C"]
    assert case.unsettled_items == {("B", "XA")}
    assert [item.status for item in case.earlier_items] == [Status.SUCCEEDED, Status.PENDING, Status.PENDING]


async def test_an_unsettled_item_stays_so_until_it_is_told(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", "A"))
    await desk.settle(await desk.call(), CaseOutcome(Status.UNKNOWN, items=removed(A=Code.OUTCOME_UNKNOWN)))
    await desk.ledger.retry(operation_id)
    await desk.settle(
        await desk.call(), CaseOutcome(Status.PENDING, items=removed(A=Status.PENDING)), Again("act", 0.0)
    )
    waiting = await desk.call()
    await desk.settle(waiting, CaseOutcome(Status.FAILED, items=removed(A=Code.UPSTREAM_ERROR)))
    await desk.ledger.retry(operation_id)

    assert waiting.cases[0].unsettled_items == {("A", "XA")}
    assert (await desk.call()).cases[0].unsettled_items == frozenset()


async def test_a_retried_bulk_operation_stays_bulk(desk: Desk) -> None:
    await desk.ledger.retry(await run(desk, NOT_FOUND, NOT_FOUND))
    await desk.accept("SINGLE")

    assert values(*(await desk.claim(1)).calls) == ["SINGLE"]


async def test_who_dispatches_is_told(desk: Desk) -> None:
    operation_id = await run(desk, NOT_FOUND, NOT_FOUND)
    desk.seen.hints.clear()
    await desk.ledger.retry(operation_id)

    assert desk.seen.hints == [("hub", 2)]


async def test_a_copy_and_a_retry_do_not_send_twice(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")
    await desk.settle(await desk.call(), THROTTLED)

    await desk.ledger.retry(operation_id)
    await desk.offer(numbers("CN1"), key="k")

    assert len((await desk.claim()).calls) == 1
