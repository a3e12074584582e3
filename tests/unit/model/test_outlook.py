from datetime import time

import pytest

from gateway.model.hours import SECOND, Hours
from gateway.model.outlook import Outlook, pace

NOON = 1_767_268_800 * SECOND
"""2026-01-01T12:00:00Z."""
HOUR = 3_600 * SECOND
NIGHT = Hours(time(16), time(8))


def test_a_backend_without_hours_is_open_and_never_closes() -> None:
    assert (Outlook(NOON).opens_at, Outlook(NOON).closes_at) == (None, None)


def test_a_closed_backend_opens_at_its_hour() -> None:
    assert (Outlook(NOON, NIGHT).opens_at, Outlook(NOON, NIGHT).closes_at) == (NOON + 4 * HOUR, None)


def test_an_open_backend_closes_at_its_hour() -> None:
    evening = Outlook(NOON + 6 * HOUR, NIGHT)

    assert (evening.opens_at, evening.closes_at) == (None, NOON + 20 * HOUR)


@pytest.mark.parametrize(
    ("now", "closed_until", "opens_at"),
    [
        (NOON + 6 * HOUR, NOON + 7 * HOUR, NOON + 7 * HOUR),
        (NOON, NOON + HOUR, NOON + 4 * HOUR),
        (NOON + 19 * HOUR, NOON + 21 * HOUR, NOON + 28 * HOUR),
        (NOON + 6 * HOUR, NOON + 6 * HOUR, None),
        (NOON + 6 * HOUR, NOON + 5 * HOUR, None),
    ],
)
def test_its_own_word_and_its_hours_both_count(now: int, closed_until: int, opens_at: int | None) -> None:
    assert Outlook(now, NIGHT, closed_until=closed_until).opens_at == opens_at


def test_what_closes_before_the_slowest_call_would_end_is_closed_for_what_is_new() -> None:
    closing = Outlook(NOON + 20 * HOUR - 30 * SECOND, NIGHT, call_seconds=60.0)
    assert closing.opens_at == NOON + 28 * HOUR
    assert Outlook(NOON + 20 * HOUR - 60 * SECOND, NIGHT, call_seconds=60.0).opens_at is None


def test_a_pause_for_another_reason_does_not_close_it() -> None:
    assert Outlook(NOON, paused_until=NOON + HOUR).opens_at is None


def test_cases_are_done_at_the_pace() -> None:
    assert Outlook(NOON, cases_per_second=2.0).done_at(120) == NOON + 60 * SECOND


def test_the_pace_counts_open_time_alone() -> None:
    evening = Outlook(NOON + 19 * HOUR, NIGHT, cases_per_second=1.0)

    assert evening.done_at(2 * 3_600) == NOON + 29 * HOUR


def test_a_pause_comes_first() -> None:
    assert Outlook(NOON, paused_until=NOON + HOUR, cases_per_second=1.0).done_at(60) == NOON + HOUR + 60 * SECOND


def test_without_a_pace_nobody_knows() -> None:
    assert Outlook(NOON).done_at(1) is None


@pytest.mark.parametrize(
    ("queues", "cases"),
    [
        ({"acme": 10}, 10),
        ({"acme": 10, "big": 10_000}, 20),
        ({"acme": 10, "big": 10_000, "small": 1}, 21),
        ({"big": 10_000}, 0),
    ],
)
def test_other_tenants_take_at_most_as_many_turns(queues: dict[str, int], cases: int) -> None:
    assert Outlook(NOON, cases_per_second=1.0, queues=queues).queue_done_at("acme") == NOON + cases * SECOND


@pytest.mark.parametrize(
    ("per_second", "per_minute", "max_in_flight", "mean_call_seconds", "cases_per_call", "expected"),
    [
        (5, 100, 5, None, 1, 100 / 60),
        (1, 100, None, None, 1, 1.0),
        (None, None, 20, 0.5, 1, 40.0),
        (5, None, 2, 1.0, 1, 2.0),
        (None, None, 20, 0.5, 10, 400.0),
        (None, None, 20, None, 1, None),
        (None, None, 20, 0.0, 1, None),
        (None, None, None, 1.0, 1, None),
    ],
)
def test_the_tightest_limit_makes_the_pace(
    per_second: int | None,
    per_minute: int | None,
    max_in_flight: int | None,
    mean_call_seconds: float | None,
    cases_per_call: int,
    expected: float | None,
) -> None:
    found = pace(
        per_second=per_second,
        per_minute=per_minute,
        max_in_flight=max_in_flight,
        mean_call_seconds=mean_call_seconds,
        cases_per_call=cases_per_call,
    )

    assert found == (None if expected is None else pytest.approx(expected))
