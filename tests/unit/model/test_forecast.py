"""When the nth call may begin, by what bounds it."""

import pytest

from gateway.model.forecast import Bounds, Window
from gateway.model.hours import SECOND

NOW = 1_767_268_800 * SECOND
HUB = (Window(5, SECOND), Window(100, 60 * SECOND))


def seconds(instant: int) -> float:
    return (instant - NOW) / SECOND


@pytest.mark.parametrize(
    ("nth", "after"), [(1, 0), (5, 0), (6, 1), (100, 19), (101, 60), (150, 69), (200, 79), (201, 120)]
)
def test_calls_that_all_wait_use_both_windows(nth: int, after: float) -> None:
    assert seconds(Bounds(HUB).start(nth, NOW)) == after


@pytest.mark.parametrize(("nth", "after"), [(1, 0), (100, 59.4), (101, 60), (150, 89.4), (201, 120)])
def test_spread_calls_come_one_a_turn(nth: int, after: float) -> None:
    assert seconds(Bounds(HUB).spread(nth, NOW)) == pytest.approx(after)


def test_what_was_granted_in_the_last_minute_has_used_its_part_of_the_window() -> None:
    used = Bounds(HUB, granted=tuple(NOW - 40 * SECOND + number * SECOND // 5 for number in range(100)))

    assert seconds(used.start(1, NOW)) == 20
    assert seconds(used.start(11, NOW)) == 22
    assert seconds(used.spread(11, NOW)) == pytest.approx(26)


def test_what_was_granted_longer_ago_counts_no_more() -> None:
    assert seconds(Bounds(HUB, granted=(NOW - 60 * SECOND,) * 100).start(5, NOW)) == 0


@pytest.mark.parametrize(
    ("in_flight", "nth", "after"), [(0, 20, 0), (0, 30, 1), (20, 1, 0.1), (20, 40, 4), (10, 10, 0)]
)
def test_a_full_house_lets_in_as_many_as_leave(in_flight: int, nth: int, after: float) -> None:
    bounds = Bounds(max_in_flight=20, call_microseconds=2 * SECOND, in_flight=in_flight)
    assert seconds(bounds.start(nth, NOW)) == pytest.approx(after)


def test_the_tightest_bound_counts() -> None:
    slow = Bounds(HUB, max_in_flight=5, call_microseconds=10 * SECOND)
    assert seconds(slow.start(105, NOW)) == 200
