"""Opening hours: across midnight, and both nights a year when clocks change."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.hours import SECOND, Hours, after_open_time, next_start, open_microseconds

SCALEPOINT = Hours(time(16), time(8))
COPENHAGEN = Hours(time(22), time(6), "Europe/Copenhagen")
OFFICE = Hours(time(9), time(17), "Europe/Copenhagen")
HOUR = 3600 * SECOND


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2026-11-21T15:59:59", False),
        ("2026-11-21T16:00:00", True),
        ("2026-11-22T00:00:00", True),
        ("2026-11-22T07:59:59", True),
        ("2026-11-22T08:00:00", False),
        ("2026-11-22T12:00:00", False),
    ],
)
def test_a_window_across_midnight_includes_its_opening_and_not_its_closing(instant: str, *, is_open: bool) -> None:
    assert SCALEPOINT.is_open(at(instant)) is is_open


def test_while_closed_the_window_is_the_next_one() -> None:
    assert SCALEPOINT.window(at("2026-11-21T12:00:00")) == (at("2026-11-21T16:00:00"), at("2026-11-22T08:00:00"))


@pytest.mark.parametrize(
    ("night", "hours"),
    [("2026-03-28T21:00:00", 7), ("2026-10-24T20:00:00", 9), ("2026-11-21T21:00:00", 8)],
    ids=["clocks go forward", "clocks go back", "an ordinary night"],
)
def test_a_night_on_which_clocks_change_is_an_hour_shorter_or_longer(night: str, hours: int) -> None:
    start, end = COPENHAGEN.window(at(night))
    assert start == at(night)
    assert end - start == hours * HOUR


@pytest.mark.parametrize(
    ("opens", "opened_at"),
    [(time(2, 30), "2026-03-29T01:30:00"), (time(1, 59), "2026-03-29T00:59:00")],
    ids=["an opening that the clock skips", "an opening just before"],
)
def test_an_opening_that_the_clock_skips_is_met_as_if_it_had_not(opens: time, opened_at: str) -> None:
    hours = Hours(opens, time(6), "Europe/Copenhagen")
    assert hours.window(at("2026-03-29T00:00:00"))[0] == at(opened_at)


def test_an_opening_that_the_clock_shows_twice_is_the_first() -> None:
    hours = Hours(time(2, 30), time(6), "Europe/Copenhagen")
    assert hours.window(at("2026-10-25T00:00:00"))[0] == at("2026-10-25T00:30:00")


def test_a_window_within_a_day_does_not_span_midnight() -> None:
    assert OFFICE.window(at("2026-11-21T08:00:00")) == (at("2026-11-21T08:00:00"), at("2026-11-21T16:00:00"))
    assert not OFFICE.is_open(at("2026-11-21T23:00:00"))


def test_open_time_leaves_out_what_is_closed() -> None:
    assert open_microseconds(SCALEPOINT, at("2026-11-21T06:00:00"), at("2026-11-21T18:00:00")) == 4 * HOUR
    assert open_microseconds(None, at("2026-11-21T06:00:00"), at("2026-11-21T18:00:00")) == 12 * HOUR


def test_open_time_between_an_instant_and_an_earlier_one_is_none() -> None:
    assert open_microseconds(SCALEPOINT, at("2026-11-21T18:00:00"), at("2026-11-21T17:00:00")) == 0
    assert open_microseconds(None, at("2026-11-21T18:00:00"), at("2026-11-21T17:00:00")) == 0


def test_work_that_is_not_done_by_closing_goes_on_at_the_next_opening() -> None:
    assert after_open_time(SCALEPOINT, at("2026-11-21T07:00:00"), 2 * HOUR) == at("2026-11-21T17:00:00")
    assert after_open_time(None, at("2026-11-21T07:00:00"), 2 * HOUR) == at("2026-11-21T09:00:00")


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-11-21T07:59:00", "2026-11-21T07:59:00"),
        ("2026-11-21T07:59:01", "2026-11-21T16:00:00"),
        ("2026-11-21T12:00:00", "2026-11-21T16:00:00"),
        ("2026-11-21T20:00:00", "2026-11-21T20:00:00"),
    ],
)
def test_what_takes_a_minute_begins_a_minute_before_closing_at_the_latest(now: str, start: str) -> None:
    assert next_start(SCALEPOINT, at(now), 60 * SECOND) == at(start)
    assert next_start(None, at(now), 60 * SECOND) == at(now)


instants = st.integers(at("2026-01-01T00:00:00"), at("2027-12-31T00:00:00"))


@given(instants, st.sampled_from([SCALEPOINT, COPENHAGEN, OFFICE]))
def test_the_window_holds_the_instant_or_follows_it_and_is_never_empty(instant: int, hours: Hours) -> None:
    start, end = hours.window(instant)
    assert start < end
    assert instant < end
    assert hours.is_open(instant) is (start <= instant)


@given(instants, st.integers(1, 100 * HOUR), st.sampled_from([SCALEPOINT, COPENHAGEN, OFFICE]))
def test_the_instant_after_some_open_time_has_that_much_open_time_before_it(
    instant: int, length: int, hours: Hours
) -> None:
    assert open_microseconds(hours, instant, after_open_time(hours, instant, length)) == length
