"""The limits are kept, and used (CONTRACT.md section 2, promise 4), by who asks exactly when told to ask again."""

from bisect import bisect_left
from itertools import cycle, pairwise

import pytest

from gateway.config.settings import Limits
from gateway.ledger.pace import margin_microseconds, windows_of
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from tests.contract.desk import LEASE_SECONDS, Desk, many

SLOWER = Limits("pace", per_second=20, per_minute=400)
"""The longer window allows a third of the shorter, as 50 a second and 1,000 a minute do (`make test-faults`)."""
HUB = Limits("pace", per_second=5, per_minute=100, max_in_flight=5)
SECONDLY = Limits("pace", per_second=50)
TENFOLD = Limits("pace", per_second=10)
MINUTELY = Limits("pace", per_minute=100)
CAPPED = Limits("pace", max_in_flight=3)
WINDOWS = ((SECOND, "per_second"), (60 * SECOND, "per_minute"))


async def grants(desk: Desk, limits: Limits, count: int, *, call_seconds: float = 0.0, late: float = 0.0) -> list[int]:
    """When each of the next `count` calls is granted, if each takes so long and the asker comes so late each time."""
    granted, under_way = list[int](), list[tuple[int, Call]]()
    delays = cycle([late, 0.0, late / 2])
    while len(granted) < count:
        while under_way and under_way[0][0] <= desk.ledger.now():
            await desk.settle(under_way.pop(0)[1])
        claim = await desk.claim(min(20, count - len(granted)), limits=limits)
        granted += [call.granted_at for call in claim.calls]
        for call in claim.calls:
            under_way.append((call.granted_at + round(call_seconds * SECOND), call))
        assert claim.ask_again_at is not None or len(granted) >= count
        if claim.ask_again_at is not None and claim.ask_again_at > desk.ledger.now():
            ends = [under_way[0][0]] if under_way and call_seconds else []
            await desk.wait_until(min([claim.ask_again_at, *ends]))
            desk.clock.advance(next(delays))
    return granted


def most_in(instants: list[int], length: int) -> int:
    """The most that any window of `length`, wherever it begins, holds."""
    return max(bisect_left(instants, first + length) - number for number, first in enumerate(instants))


def assert_kept(instants: list[int], limits: Limits) -> None:
    for length, name in WINDOWS:
        allowed = getattr(limits, name)
        assert allowed is None or most_in(instants, length) <= allowed


def least_in(instants: list[int], seconds: int = 60) -> int:
    """The fewest in any time of that length that lies between the first and the last instant, in steps of a second."""
    length = seconds * SECOND
    starts = range(instants[0], instants[-1] - length, SECOND)
    return min(bisect_left(instants, start + length) - bisect_left(instants, start) for start in starts)


@pytest.mark.parametrize(
    ("limits", "count", "seconds", "allowed"),
    [(SLOWER, 480, 60, 400), (HUB, 200, 60, 100), (SECONDLY, 300, 5, 250), (MINUTELY, 200, 60, 100)],
    ids=["20/s and 400/min", "Hub", "50/s only", "100/min only"],
)
async def test_bulk_keeps_both_windows_and_uses_the_tighter(
    desk: Desk, limits: Limits, count: int, seconds: int, allowed: int
) -> None:
    await desk.accept(*many(count))

    instants = await grants(desk, limits, count)

    assert_kept(instants, limits)
    assert least_in(instants, seconds) >= 0.95 * allowed


@pytest.mark.parametrize(
    ("limits", "count", "seconds", "allowed"), [(SLOWER, 480, 60, 400), (TENFOLD, 250, 20, 200)], ids=["both", "second"]
)
async def test_askers_that_come_late_lose_little_of_the_pace(
    desk: Desk, limits: Limits, count: int, seconds: int, allowed: int
) -> None:
    await desk.accept(*many(count))

    instants = await grants(desk, limits, count, late=0.01)

    assert_kept(instants, limits)
    assert least_in(instants, seconds) >= 0.95 * allowed


@pytest.mark.parametrize(
    "limits", [Limits("pace", per_second=5), Limits("pace", per_minute=20), HUB], ids=["second", "minute", "both"]
)
async def test_requests_that_travel_unevenly_still_arrive_within_the_windows(desk: Desk, limits: Limits) -> None:
    """Up to the margin that the windows have: one that travels slowly, and the next one fast."""
    for number in range(60):
        await desk.accept(f"CN{number}")
    margin = margin_microseconds(limits) or 0
    travels = cycle([margin - 1, 0, margin // 2])

    instants = await grants(desk, limits, 60)
    arrivals = sorted(instant + next(travels) for instant in instants)

    assert_kept(arrivals, limits)


@pytest.mark.parametrize(
    ("limits", "counted"),
    [
        (SECONDLY, [1_045_000]),
        (MINUTELY, [60_250_000]),
        (HUB, [1_250_000, 60_250_000]),
        (SLOWER, [1_250_000, 60_250_000]),
        (Limits("pace", per_second=5, per_minute=285), [1_052_632, 60_250_000]),
        (Limits("pace", per_second=5, per_minute=1_000), [1_045_000, 60_250_000]),
    ],
)
def test_a_window_has_the_margin_that_the_tighter_one_leaves_it(limits: Limits, counted: list[int]) -> None:
    assert [window.microseconds for window in windows_of(limits)] == counted


async def test_bulk_is_spread_evenly_over_the_tighter_window(desk: Desk) -> None:
    await desk.accept(*many(100))

    instants = await grants(desk, HUB, 100)

    assert most_in(instants[1:], SECOND) == 2
    assert max(late - early for early, late in pairwise(instants)) <= 0.61 * SECOND


async def test_single_operations_use_the_burst_that_the_limits_allow(desk: Desk) -> None:
    for number in range(7):
        await desk.accept(f"CN{number}")

    first = await desk.claim(limits=HUB)

    assert len(first.calls) == 5
    for call in first.calls:
        await desk.settle(call)
    await desk.wait_until((await desk.claim(limits=HUB)).ask_again_at or 0)
    assert desk.ledger.now() - first.now == 1.25 * SECOND
    assert len((await desk.claim(limits=HUB)).calls) == 2


async def test_a_cap_alone_lets_go_as_many_as_have_a_slot(desk: Desk) -> None:
    await desk.accept(*many(5))
    first = await desk.claim(limits=CAPPED)
    full = await desk.claim(limits=CAPPED)
    await desk.settle(first.calls[0])
    await desk.unanswered(first.calls[1])

    assert (len(first.calls), len(full.calls)) == (3, 0)
    assert full.ask_again_at == first.now + LEASE_SECONDS * SECOND
    assert len((await desk.claim(limits=CAPPED)).calls) == 1
    assert (await desk.claim(limits=CAPPED)).calls == ()


async def test_a_slow_upstream_is_never_given_more_than_the_cap(desk: Desk) -> None:
    await desk.accept(*many(60))

    instants = await grants(desk, HUB, 60, call_seconds=4.0)

    assert most_in(instants, 4 * SECOND) <= 5
    assert instants[-1] - instants[0] <= 1.05 * 60 / 5 * 4 * SECOND


async def test_without_limits_everything_goes_at_once(desk: Desk) -> None:
    await desk.accept(*many(500))

    assert len((await desk.claim(500)).calls) == 500


async def test_no_more_is_granted_than_the_process_can_begin(desk: Desk) -> None:
    await desk.accept(*many(5))

    looked, granted = await desk.claim(0), await desk.claim(2)

    assert looked.calls == ()
    assert looked.ask_again_at == looked.now
    assert len(granted.calls) == 2
    assert granted.ask_again_at == granted.now


async def test_nothing_is_said_of_asking_again_when_nothing_waits(desk: Desk) -> None:
    empty = await desk.claim()
    await desk.accept("CN1")

    assert empty.ask_again_at is None
    assert (await desk.claim(5)).ask_again_at is None


async def test_a_restart_keeps_the_pace(desk: Desk) -> None:
    await desk.accept(*many(250))

    instants = await grants(desk, HUB, 90)
    await desk.reopen()
    desk.clock.advance(0.1)
    instants += await grants(desk, HUB, 110)

    assert_kept(instants, HUB)
    assert least_in(instants) >= 95


@pytest.mark.parametrize("seconds", [-3_600, -0.5, 0.5])
async def test_a_clock_that_jumps_while_the_gateway_runs_breaks_no_window(desk: Desk, seconds: float) -> None:
    """Measured on the ledger's own time, and for a step back on the time that really passed as well."""
    await desk.accept(*many(300))
    real = desk.clock.seconds

    instants = await grants(desk, HUB, 90)
    desk.clock.jump(seconds)
    instants += await grants(desk, HUB, 110)

    assert_kept(instants, HUB)
    passed = (desk.clock.seconds - real) * SECOND
    assert instants[-1] - instants[0] == pytest.approx(passed, abs=max(0.0, seconds) * SECOND + 0.02 * SECOND)


async def test_a_clock_set_back_between_two_processes_causes_neither_burst_nor_standstill(desk: Desk) -> None:
    await desk.accept(*many(300))
    real = desk.clock.seconds

    instants = await grants(desk, HUB, 100)
    desk.clock.jump(-3_600)
    await desk.reopen()
    instants += await grants(desk, HUB, 100)

    assert_kept(instants, HUB)
    assert desk.clock.seconds - real <= 121


async def test_calls_that_were_turned_away_count_and_those_that_were_not_begun_do_not(desk: Desk) -> None:
    for number in range(9):
        await desk.accept(f"CX{number}")
    calls = (await desk.claim(limits=HUB)).calls
    await desk.put_back(calls[0], HUB)
    for call in calls[1:]:
        await desk.wait_again(call, seconds=0.0)

    assert len(calls) == 5
    assert len((await desk.claim(limits=HUB)).calls) == 1


async def test_a_turn_of_bulk_that_was_not_begun_is_there_for_the_next(desk: Desk) -> None:
    await desk.accept(*many(9))
    late, *_ = (await desk.claim(limits=HUB)).calls
    spread = await desk.claim(limits=HUB)
    await desk.put_back(late, HUB)

    assert spread.calls == ()
    assert len((await desk.claim(limits=HUB)).calls) == 1


async def test_backends_of_one_group_share_pace_and_cap(desk: Desk) -> None:
    await desk.accept(*many(20), backend="a")
    await desk.accept(*many(20, "X"), backend="b")
    limits = Limits("both", per_second=4, max_in_flight=6)
    instants, calls = list[int](), list[Call]()
    for backend in (name for _ in range(12) for name in "ab"):
        claim = await desk.claim(backend=backend, limits=limits)
        instants += [call.granted_at for call in claim.calls]
        calls += claim.calls
        desk.clock.advance(0.11)

    assert most_in(sorted(instants), SECOND) <= 4
    assert len(calls) == 6
    assert {call.backend for call in calls} == {"a", "b"}


async def test_a_slot_that_one_backend_frees_is_told_to_those_that_share_it(desk: Desk) -> None:
    await desk.accept("CN1", backend="a")
    await desk.accept("CN2", backend="b")
    limits = Limits("both", max_in_flight=1)
    call = await desk.call(backend="a", limits=limits)
    assert (await desk.claim(backend="b", limits=limits)).calls == ()
    desk.seen.hints.clear()

    await desk.settle(call)

    assert ("b", 0) in desk.seen.hints
    assert len((await desk.claim(backend="b", limits=limits)).calls) == 1


async def test_other_groups_have_a_pace_of_their_own(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", backend="a")
    await desk.accept("CN1", "CN2", backend="b")
    one = {"per_minute": 1}

    assert len((await desk.claim(backend="a", limits=Limits("a", **one))).calls) == 1
    assert len((await desk.claim(backend="b", limits=Limits("b", **one))).calls) == 1


async def test_a_backend_that_comes_from_another_group_waits_until_its_calls_there_have_left_window_and_cap(
    desk: Desk,
) -> None:
    """What it was granted there is counted there alone: at once it would get twice what the upstream allows."""
    for number in range(10):
        await desk.accept(f"CN{number}")
    before = await desk.claim(limits=Limits("former", per_minute=5))

    at_once = await desk.claim(limits=MINUTELY)

    assert (len(before.calls), at_once.calls) == (5, ())
    assert at_once.ask_again_at == before.now + LEASE_SECONDS * SECOND
    await desk.wait_until(at_once.ask_again_at)
    assert len((await desk.claim(limits=MINUTELY)).calls) == 5
    assert (await desk.claim(limits=Limits("former"))).calls == (), "nor back again at once"


def test_the_measure_of_these_tests_sees_a_window_that_is_too_full() -> None:
    assert most_in([0, 10, 20, 29], 30) == 4
    assert most_in([0, 10, 20, 30], 30) == 3
