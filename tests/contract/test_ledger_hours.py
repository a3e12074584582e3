"""Opening hours and pauses: waiting is no attempt (CONTRACT.md section 2, promise 5)."""

from datetime import time

import pytest

from gateway.ledger.base import Again, Pause
from gateway.model.hours import OPENING_JITTER_SECONDS, SECOND, Hours
from gateway.model.kinds import Status
from gateway.model.outcomes import Code
from tests.clock import START
from tests.contract.desk import LEASE_SECONDS, THROTTLED, TIMEOUT_SECONDS, Desk, many, values

HOURS = Hours(time(16), time(8))
HOUR = 3_600
CLOSED = Code.UPSTREAM_CLOSED
AGAIN = Again("act", 0.0)


async def at(desk: Desk, hour: float) -> None:
    """Let time pass until it is so late on the first day."""
    await desk.wait_until(START + round(hour * HOUR * SECOND))


async def test_what_is_accepted_while_closed_waits_for_the_opening(desk: Desk) -> None:
    await at(desk, 9)
    operation_id = await desk.accept("CN1")

    claim = await desk.claim(hours=HOURS)

    assert claim.calls == ()
    assert claim.ask_again_at is not None
    assert 0 <= claim.ask_again_at - (START + 16 * HOUR * SECOND) <= OPENING_JITTER_SECONDS * SECOND
    await desk.wait_until(claim.ask_again_at)
    assert len((await desk.claim(hours=HOURS)).calls) == 1
    assert (await desk.case(operation_id)).attempts == 0


async def test_the_start_after_an_opening_is_the_same_however_often_it_is_asked_for(desk: Desk) -> None:
    await at(desk, 9)
    await desk.accept("CN1")

    first = await desk.claim(hours=HOURS)
    desk.clock.advance(60)
    await desk.reopen()

    assert (await desk.claim(hours=HOURS)).ask_again_at == first.ask_again_at


async def test_each_opening_and_backend_has_a_start_of_its_own(desk: Desk) -> None:
    starts = set[int]()
    for backend in ("a", "b", "c"):
        await at(desk, 9)
        await desk.accept("CN1", backend=backend)
        starts.add((await desk.claim(backend=backend, hours=HOURS)).ask_again_at or 0)

    assert len(starts) == 3


async def test_what_is_accepted_long_after_the_opening_starts_at_once(desk: Desk) -> None:
    await at(desk, 20)
    await desk.accept("CN1")

    assert len((await desk.claim(hours=HOURS)).calls) == 1


async def test_no_call_begins_that_could_last_past_the_closing(desk: Desk) -> None:
    await at(desk, 8 - TIMEOUT_SECONDS / HOUR)
    await desk.accept("CN1", "CN2")
    in_time = await desk.claim(1, hours=HOURS)
    desk.clock.advance(0.001)
    too_late = await desk.claim(hours=HOURS)

    assert len(in_time.calls) == 1
    assert too_late.calls == ()
    assert (too_late.ask_again_at or 0) >= START + 16 * HOUR * SECOND


async def test_closed_hours_do_not_count_towards_the_deadline(desk: Desk) -> None:
    await at(desk, 7.9)
    await desk.accept("CN1")
    await desk.wait_again(await desk.call(hours=HOURS))
    await at(desk, 16.1)

    left = (await desk.call(hours=HOURS)).cases[0].open_seconds_left

    assert left == pytest.approx(900 - 2 * 0.1 * HOUR, abs=1)


async def test_the_deadline_counts_from_the_first_call(desk: Desk) -> None:
    await desk.accept("CN1")
    desk.clock.advance(500)
    first = await desk.call()
    await desk.wait_again(first, seconds=100)
    desk.clock.advance(100)

    assert first.cases[0].open_seconds_left == 900
    assert (await desk.call()).cases[0].open_seconds_left == pytest.approx(800)


@pytest.mark.parametrize("hours", [None, HOURS])
async def test_an_upstreams_own_closing_is_obeyed_in_full_and_costs_no_deadline(
    desk: Desk, hours: Hours | None
) -> None:
    await at(desk, 16.1)
    await desk.accept("CN1", "CN2")
    first, second = (await desk.claim(hours=hours)).calls
    desk.clock.advance(10)
    await desk.settle(first, THROTTLED, AGAIN, pause=Pause(HOUR, CLOSED, closed=True))
    desk.clock.advance(10)
    await desk.settle(second, THROTTLED, AGAIN)

    during = await desk.claim(hours=hours)
    await desk.wait_until(during.ask_again_at or 0)
    after = await desk.claim(hours=hours)

    assert during.calls == ()
    assert during.ask_again_at == START + round(17.1 * HOUR) * SECOND + 10 * SECOND
    assert [call.cases[0].open_seconds_left for call in after.calls] == [890, 890]


async def test_several_answers_that_name_the_same_closing_do_not_add_up(desk: Desk) -> None:
    await desk.accept(*many(3))
    for call in (await desk.claim()).calls:
        await desk.settle(call, THROTTLED, AGAIN, pause=Pause(HOUR, CLOSED, closed=True))
    desk.clock.advance(HOUR + 100)

    assert {call.cases[0].open_seconds_left for call in (await desk.claim()).calls} == {800}


async def test_closed_hours_within_an_upstreams_own_closing_are_not_given_twice(desk: Desk) -> None:
    await at(desk, 7.9)
    await desk.accept("CN1")
    call = await desk.call(hours=HOURS)
    desk.clock.advance(60)
    await desk.settle(call, THROTTLED, AGAIN, pause=Pause(8.2 * HOUR, CLOSED, closed=True))
    await at(desk, 16.2)

    assert (await desk.call(hours=HOURS)).cases[0].open_seconds_left == pytest.approx(
        900 - 60 - (0.1 * HOUR - 60), abs=1
    )


async def test_a_pause_holds_the_whole_backend_and_no_other(desk: Desk) -> None:
    await desk.accept("CN1", "CN2")
    await desk.accept("CN1", backend="other")
    call, *_ = (await desk.claim(1)).calls
    await desk.settle(call, THROTTLED, pause=Pause(30, Code.UPSTREAM_THROTTLED))

    during = await desk.claim()

    assert (during.calls, during.ask_again_at) == ((), desk.ledger.now() + 30 * SECOND)
    assert len((await desk.claim(backend="other")).calls) == 1
    desk.clock.advance(30)
    assert values(*(await desk.claim()).calls) == ["CN2"]


async def test_a_shorter_pause_does_not_shorten_a_longer_one(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", "CN3")
    long, short, _ = (await desk.claim()).calls
    await desk.settle(long, THROTTLED, pause=Pause(30, Code.UPSTREAM_THROTTLED))
    await desk.settle(short, THROTTLED, AGAIN, pause=Pause(3, Code.UPSTREAM_UNREACHABLE))
    desk.clock.advance(29)

    assert (await desk.claim()).calls == ()


async def test_a_pause_outlives_the_process(desk: Desk) -> None:
    await desk.accept("CN1", "CN2")
    call, *_ = (await desk.claim(1)).calls
    await desk.settle(call, THROTTLED, pause=Pause(30, Code.UPSTREAM_THROTTLED))
    await desk.reopen()

    assert (await desk.claim()).calls == ()
    assert (await desk.ledger.queues(["hub"]))["hub"].paused_for is Code.UPSTREAM_THROTTLED


async def test_lost_calls_are_found_while_the_backend_is_closed(desk: Desk) -> None:
    await at(desk, 7.95)
    operation_id = await desk.accept("CN1", "CN2")
    await desk.claim(1, hours=HOURS)
    desk.clock.advance(LEASE_SECONDS + 100)

    claim = await desk.claim(hours=HOURS)

    assert [call.operation_id for call in claim.lost] == [operation_id]
    assert await desk.status(operation_id) is Status.PENDING
