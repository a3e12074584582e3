from datetime import time
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.model.forecast import Bounds, Waiting, Window
from gateway.model.hours import OPENING_JITTER_SECONDS, SECOND, Hours
from gateway.model.outlook import Outlook

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


ONE_A_SECOND = Bounds((Window(1, SECOND),))


def bulk(now: int, place: int, bounds: Bounds = ONE_A_SECOND, **more: Any) -> int | None:  # noqa: ANN401 - its fields
    return Outlook(now, bounds=bounds, queues={"acme": Waiting(bulk=place)}, **more).done_at(
        "acme", place, single=False
    )


def test_the_last_of_some_cases_is_sent_when_its_turn_comes() -> None:
    assert bulk(NOON, 121) == NOON + 120 * SECOND


def test_only_time_counts_in_which_a_call_could_begin() -> None:
    now = NOON + 19 * HOUR

    assert bulk(now, 3_600 + 1, hours=NIGHT) == NOON + 20 * HOUR
    assert bulk(now, 3_600 + 61, hours=NIGHT, call_seconds=60.0) == NOON + 28 * HOUR + 120 * SECOND


def test_behind_an_opening_work_begins_within_the_jitter() -> None:
    assert bulk(NOON, 1, hours=NIGHT) == NOON + 4 * HOUR + round(OPENING_JITTER_SECONDS / 2 * SECOND)


def test_a_pause_comes_first() -> None:
    assert bulk(NOON, 61, paused_until=NOON + HOUR) == NOON + HOUR + 60 * SECOND


def test_the_last_call_takes_its_time() -> None:
    assert bulk(NOON, 1, Bounds((Window(1, SECOND),), call_microseconds=SECOND // 2)) == NOON + SECOND // 2


@pytest.mark.parametrize("bounds", [Bounds(), Bounds(max_in_flight=20), Bounds(call_microseconds=SECOND)])
def test_without_a_pace_nobody_knows(bounds: Bounds) -> None:
    assert bulk(NOON, 1, bounds) is None


def test_what_is_under_way_waits_for_no_turn() -> None:
    bounds = replace(ONE_A_SECOND, in_flight=20)
    assert bulk(NOON, 121, bounds) == NOON + 100 * SECOND


@pytest.mark.parametrize(
    ("queues", "rivals", "turns"),
    [
        ({"acme": Waiting(bulk=10)}, (), 10),
        ({"acme": Waiting(bulk=10), "big": Waiting(bulk=10_000)}, (), 20),
        ({"acme": Waiting(bulk=10), "big": Waiting(bulk=10_000), "small": Waiting(bulk=1)}, (), 21),
        ({"acme": Waiting(singles=5, bulk=10)}, (), 15),
        ({"acme": Waiting(bulk=10), "big": Waiting(singles=10_000)}, (), 40),
        ({"acme": Waiting(bulk=10)}, (Waiting(bulk=10_000),), 20),
        ({"acme": Waiting(bulk=10)}, (Waiting(singles=7),), 17),
    ],
)
def test_bulk_shares_its_turns_with_others_bulk_and_leaves_three_of_four_to_singles(
    queues: dict[str, Waiting], rivals: tuple[Waiting, ...], turns: int
) -> None:
    outlook = Outlook(NOON, bounds=ONE_A_SECOND, queues=queues, rivals=rivals)

    assert outlook.done_at("acme", 10, single=False) == NOON + (turns - 1) * SECOND


@pytest.mark.parametrize(
    ("queues", "turns"),
    [
        ({"acme": Waiting(singles=6)}, 6),
        ({"acme": Waiting(singles=100)}, 6),
        ({"acme": Waiting(singles=6), "other": Waiting(singles=100)}, 12),
        ({"acme": Waiting(singles=6), "big": Waiting(bulk=10_000)}, 8),
    ],
)
def test_singles_share_their_turns_with_others_singles_and_leave_each_fourth_to_bulk(
    queues: dict[str, Waiting], turns: int
) -> None:
    outlook = Outlook(NOON, bounds=ONE_A_SECOND, queues=queues)

    assert outlook.done_at("acme", 6, single=True) == NOON + (turns - 1) * SECOND


def test_a_queue_is_done_when_the_last_of_both_kinds_is() -> None:
    outlook = Outlook(NOON, bounds=ONE_A_SECOND, queues={"acme": Waiting(singles=3, bulk=10)})

    assert outlook.queue_done_at("acme") == NOON + 12 * SECOND
    assert outlook.queue_done_at("nobody") == NOON


def test_several_cases_of_a_call_take_one_turn() -> None:
    assert bulk(NOON, 95, cases_per_call=10) == NOON + 9 * SECOND
