"""Opening hours: across midnight, and both nights a year when clocks change."""

from datetime import UTC, datetime, time
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.model.hours import (
    OPENING_JITTER_SECONDS,
    SECOND,
    Hours,
    after_open_time,
    next_start,
    open_microseconds,
    start_within,
)

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


def test_an_opening_that_the_clock_shows_twice_is_the_second() -> None:
    hours = Hours(time(2, 30), time(6), "Europe/Copenhagen")
    assert hours.window(at("2026-10-25T00:00:00"))[0] == at("2026-10-25T01:30:00")


@pytest.mark.parametrize(
    ("closes", "evening", "closed_at"),
    [
        (time(2, 30), "2026-03-28T22:00:00", "2026-03-29T01:00:00"),
        (time(3), "2026-03-28T22:00:00", "2026-03-29T01:00:00"),
        (time(2), "2026-03-28T22:00:00", "2026-03-29T01:00:00"),
        (time(2, 30), "2026-10-24T22:00:00", "2026-10-25T00:30:00"),
        (time(3), "2026-10-24T22:00:00", "2026-10-25T02:00:00"),
    ],
    ids=["skipped", "at the end of what is skipped", "at its beginning", "shown twice", "behind what is shown twice"],
)
def test_a_closing_is_met_as_soon_as_the_clock_has_reached_it(closes: time, evening: str, closed_at: str) -> None:
    hours = Hours(time(22), closes, "Europe/Copenhagen")
    assert hours.window(at(evening))[1] == at(closed_at)


def test_a_window_that_the_clock_skips_is_left_out() -> None:
    hours = Hours(time(2), time(3), "Europe/Copenhagen")
    assert hours.window(at("2026-03-29T00:00:00")) == (at("2026-03-30T00:00:00"), at("2026-03-30T01:00:00"))


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


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_an_opening_is_met_within_the_jitter(fraction: float) -> None:
    opening = at("2026-11-21T16:00:00")
    met = start_within(SCALEPOINT, opening, 60 * SECOND, fraction)
    assert met == opening + fraction * OPENING_JITTER_SECONDS * SECOND
    assert start_within(SCALEPOINT, met + 1, 60 * SECOND, fraction) == met + 1


def test_the_jitter_leaves_room_for_the_slowest_call_in_a_window_that_a_clock_change_made_short() -> None:
    hours = Hours(time(2), time(3, 10), "Europe/Copenhagen")
    start, end = hours.window(at("2026-03-29T00:30:00"))
    assert end - start == 600 * SECOND
    assert start_within(hours, start, 598 * SECOND, 1.0) + 598 * SECOND == end


CLOCK_CHANGES = [
    ("Europe/Copenhagen", "2026-03-29"),
    ("Europe/Copenhagen", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Sydney", "2026-04-05"),
    ("Australia/Sydney", "2026-10-04"),
    ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Sao_Paulo", "2018-02-18"),  # at midnight, back into the day before
    ("America/Sao_Paulo", "2018-11-04"),  # midnight itself is skipped
    ("America/Santiago", "2026-04-05"),
    ("Europe/Dublin", "2026-03-29"),  # winter time is what is "saved"
    ("Africa/Casablanca", "2026-02-15"),
    ("Asia/Kathmandu", "1986-01-01"),  # from +5:30 to +5:45
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
]
STEP = 5 * 60 * SECOND
times = st.builds(time, st.sampled_from([0, 1, 2, 3, 6, 12, 22, 23]), st.sampled_from([0, 5, 15, 30, 45, 55]))


def shown_open(hours: Hours, instant: int) -> bool:
    """Whether a door keeper with a wall clock would let somebody in: written without any of `Hours`' arithmetic."""
    hands = datetime.fromtimestamp(instant // SECOND, ZoneInfo(hours.timezone)).time()
    if hours.opens < hours.closes:
        return hours.opens <= hands < hours.closes
    return hands >= hours.opens or hands < hours.closes


@pytest.mark.parametrize(("zone", "day"), CLOCK_CHANGES, ids=lambda value: value)
@settings(max_examples=60)
@given(opens=times, closes=times)
def test_around_a_clock_change_nothing_is_open_while_the_clock_shows_that_it_is_closed(
    zone: str, day: str, opens: time, closes: time
) -> None:
    """Over 72 hours; and what is lost is no more than what the change took or gave.

    With the first of two openings, or a skipped closing met late, hours are open that the clock shows as closed.
    """
    assume(opens != closes)
    hours = Hours(opens, closes, zone)
    first = at(day) - 36 * HOUR
    minutes = range(first, first + 72 * HOUR, STEP)
    windows = list(takewhile(lambda window: window[0] < first + 72 * HOUR, hours.windows(first)))

    opened = {minute for minute in minutes if any(start <= minute < end for start, end in windows)}

    assert {minute for minute in opened if not shown_open(hours, minute)} == set()
    lost = [minute for minute in minutes if minute not in opened and shown_open(hours, minute)]
    assert len(lost) * STEP <= (24 if zone == "Pacific/Apia" else 2) * HOUR


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
