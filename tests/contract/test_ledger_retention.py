"""What ended long ago is removed, with every identifier in it; its receipts stay (docs/evidence.md)."""

import pytest

from gateway.ledger.base import Accepted, KeyReused, Pause
from gateway.ledger.retention import STEP_ROWS
from gateway.model.hours import SECOND
from gateway.model.outcomes import Code
from gateway.telemetry.events import OperationsRemoved
from tests.contract.desk import NOT_FOUND, THROTTLED, Desk, ecm_case, many

DAY_SECONDS = 86_400.0


async def clear(desk: Desk, days: float = 10) -> int:
    """Take every step; how many were taken."""
    before = desk.ledger.now() - round(days * DAY_SECONDS * SECOND)
    steps = 0
    while rows := await desk.ledger.records.clear(before):
        assert rows <= STEP_ROWS
        steps += 1
    return steps


async def ended(desk: Desk, *numbers: str, key: str | None = None) -> str:
    operation_id = await desk.accept(*numbers, key=key)
    for call in (await desk.claim()).calls:
        await desk.settle(call)
    return operation_id


async def test_an_operation_that_ended_long_ago_is_gone(desk: Desk) -> None:
    old = await ended(desk, "CN1", "CN2")
    desk.clock.advance(11 * DAY_SECONDS)
    young = await ended(desk, "CN3")

    await clear(desk)

    assert await desk.ledger.view(old, inline=10) is None
    assert await desk.cases(old) == ()
    assert (await desk.operation(young)).succeeded == 1
    assert [event.count for event in desk.seen.of(OperationsRemoved)] == [1]


async def test_its_receipts_stay_and_name_nothing(desk: Desk) -> None:
    old = await ended(desk, "CN1")
    before = await desk.ledger.records.receipt(old)
    desk.clock.advance(11 * DAY_SECONDS)

    await clear(desk)
    after = await desk.ledger.records.receipt(old)

    assert before is not None
    assert after is not None
    assert (after.body, after.link, after.previous) == (before.body, before.link, before.previous)
    assert before.names is not None
    assert after.names is None


async def test_its_idempotency_key_is_free_again(desk: Desk) -> None:
    old = await ended(desk, "CN1", key="k")
    desk.clock.advance(11 * DAY_SECONDS)
    before = await desk.ledger.find("job", "k", "another request")
    await clear(desk)

    again = await desk.offer(many(1), key="k", fingerprint="another request")

    assert isinstance(before, KeyReused)
    assert isinstance(again, Accepted)
    assert again.operation_id != old


async def test_what_has_not_ended_stays_however_old_it_is(desk: Desk) -> None:
    waiting = await desk.accept("CN1")
    in_flight = await desk.accept("CN2")
    await desk.wait_again((await desk.claim(1)).calls[0])
    call = (await desk.claim(1)).calls[0]
    desk.clock.advance(11 * DAY_SECONDS)

    assert await clear(desk) == 0

    await desk.settle(call)
    assert (await desk.operation(waiting)).total == 1
    assert (await desk.operation(in_flight)).total == 1


async def test_the_end_counts_and_not_the_beginning(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    desk.clock.advance(11 * DAY_SECONDS)
    await desk.settle(await desk.call(), NOT_FOUND)

    assert await clear(desk) == 0
    assert (await desk.operation(operation_id)).failed == 1


async def test_a_retry_begins_its_time_anew(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), NOT_FOUND)
    desk.clock.advance(11 * DAY_SECONDS)
    await desk.ledger.retry(operation_id)
    running = await clear(desk)
    await desk.settle(await desk.call())

    assert (running, await clear(desk)) == (0, 0)


async def test_each_step_is_small_however_large_the_operation(desk: Desk) -> None:
    large = await desk.accept(*many(3 * STEP_ROWS))
    items = [f"I{number}" for number in range(2 * STEP_ROWS)]
    wide = await desk.remove(ecm_case("CA1", *items))
    for operation_id in (large, wide):
        await desk.ledger.cancel(operation_id)
    desk.clock.advance(11 * DAY_SECONDS)

    steps = await clear(desk)

    assert steps >= 6


async def test_a_removal_that_was_interrupted_goes_on(desk: Desk) -> None:
    old = await desk.accept(*many(3 * STEP_ROWS))
    await desk.ledger.cancel(old)
    desk.clock.advance(11 * DAY_SECONDS)
    before = desk.ledger.now() - round(10 * DAY_SECONDS * SECOND)
    for _ in range(2):
        await desk.ledger.records.clear(before)
    shown = await desk.ledger.operation(old)
    left = len(await desk.cases(old))
    await desk.reopen()

    await clear(desk)

    assert (shown, 0 < left < 3 * STEP_ROWS) == (None, True)
    assert await desk.cases(old) == ()


async def test_a_case_that_was_removed_excludes_nobody_and_lends_nothing(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.unanswered(await desk.call())
    desk.clock.advance(11 * DAY_SECONDS)
    await clear(desk)

    later = await desk.accept("CN1")
    call = await desk.call()

    assert call.operation_id == later
    assert not call.cases[0].begun


async def test_the_pace_is_kept_over_it(desk: Desk) -> None:
    """Calls within a window are never removed, since no operation can be kept for less than a day."""
    await ended(desk, "CN1")
    await clear(desk, days=1)
    await desk.accept("CN2")

    assert (await desk.claim()).calls != ()


async def test_a_closure_that_a_deadline_may_reach_back_to_stays(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    pause = Pause(DAY_SECONDS, Code.UPSTREAM_CLOSED, closed=True)
    await desk.settle(await desk.call(), THROTTLED, again=None, pause=pause)
    await desk.ledger.retry(operation_id)
    desk.clock.advance(2 * DAY_SECONDS)
    await clear(desk, days=0.5)

    assert (await desk.call()).cases[0].open_seconds_left == pytest.approx(900.0)


async def test_what_was_removed_can_be_wiped(desk: Desk) -> None:
    await ended(desk, "CN1")
    desk.clock.advance(11 * DAY_SECONDS)
    await clear(desk)

    assert await desk.ledger.records.wipe()
