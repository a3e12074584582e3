"""Waiting for an operation's end (`Prefer: wait`)."""

import asyncio

import pytest

from gateway.errors import LedgerUnavailable
from tests.contract.desk import NOT_FOUND, Desk

LONG = 30.0


async def test_who_waits_is_woken_by_the_last_case(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    waiting = [asyncio.ensure_future(desk.ledger.finished(operation_id, LONG)) for _ in range(3)]
    first, second = (await desk.claim()).calls
    await desk.settle(first)
    early = any(task.done() for task in waiting)

    await desk.settle(second)

    assert not early
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_what_has_ended_needs_no_waiting(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call())

    assert await desk.ledger.finished(operation_id, 0)


async def test_the_wait_ends_with_its_time(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")

    assert not await desk.ledger.finished(operation_id, 0.001)


async def test_the_end_of_another_operation_wakes_nobody(desk: Desk) -> None:
    operation_id, other = await desk.accept("CN1"), await desk.accept("CN2")
    waiting = asyncio.ensure_future(desk.ledger.finished(operation_id, LONG))
    await desk.ledger.cancel(other)
    await desk.ledger.check()

    assert not waiting.done()
    await desk.ledger.cancel(operation_id)
    assert await waiting


async def test_after_a_retry_one_waits_for_the_new_end(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), NOT_FOUND)
    await desk.ledger.retry(operation_id)

    assert not await desk.ledger.finished(operation_id, 0.001)


async def test_who_gives_up_waiting_leaves_the_others_waiting(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    patient = asyncio.ensure_future(desk.ledger.finished(operation_id, LONG))
    hasty = asyncio.ensure_future(desk.ledger.finished(operation_id, LONG))
    await desk.ledger.check()
    hasty.cancel()
    await asyncio.gather(hasty, return_exceptions=True)

    await desk.ledger.cancel(operation_id)

    assert await patient


async def test_a_caller_that_hangs_up_changes_nothing_about_its_operation(desk: Desk) -> None:
    """Promise 8: the request is recorded although nobody waits for the answer any more."""
    accepting = asyncio.ensure_future(desk.offer((desk.new(()).cases), key="k"))
    accepting.cancel()
    accepted = asyncio.ensure_future(desk.accept("CN1", key="other"))
    await asyncio.sleep(0)
    accepted.cancel()
    await asyncio.gather(accepting, accepted, return_exceptions=True)
    await desk.reopen()  # what was begun is finished first

    assert await desk.ledger.find("job", "other", "one") is not None


async def test_a_closed_ledger_says_so(desk: Desk) -> None:
    await desk.ledger.close()

    with pytest.raises(LedgerUnavailable):
        await desk.accept("CN1")
    with pytest.raises(LedgerUnavailable):
        await desk.ledger.operation("any")
    with pytest.raises(LedgerUnavailable):
        await desk.ledger.check()
    await desk.ledger.close()


async def test_what_was_begun_before_closing_is_written(desk: Desk) -> None:
    accepting = [asyncio.ensure_future(desk.accept(f"CN{number}")) for number in range(20)]
    await asyncio.sleep(0)
    await desk.reopen()

    assert len(set(await asyncio.gather(*accepting))) == 20
    assert len((await desk.claim()).calls) == 20
