"""Opening hours through the nights when clocks change (CONTRACT.md section 2, promise 5).

The oracle is a door keeper with a wall clock: he reads the hands, second by second, and knows nothing of windows.
"""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.config.settings import Limits
from gateway.model.hours import Hours
from tests.simulation.loop import SimulatedLoop, simulate
from tests.simulation.world import Sent, World, hub, tenants

ONE_A_MINUTE = Limits("hub", per_second=1, per_minute=1, max_in_flight=3)
TIMEOUT_SECONDS = 60.0
HALF_SPAN = timedelta(hours=7)
GIVEN_UP_MINUTES = 4
"""Of each window its last minute, in which no call may begin, and what is left of the first one's turn."""
SHOWN_TWICE_MINUTES = 61

Night = tuple[str, str, str, str]
NIGHTS: list[Night] = [
    ("Europe/Copenhagen", "2026-03-29T01:00", "16:00", "08:00"),
    ("Europe/Copenhagen", "2026-10-25T01:00", "16:00", "08:00"),
    ("Europe/Copenhagen", "2026-03-29T01:00", "02:30", "08:00"),  # an opening that is skipped
    ("Europe/Copenhagen", "2026-03-29T01:00", "22:00", "02:30"),  # a closing that is skipped
    ("Europe/Copenhagen", "2026-10-25T01:00", "02:30", "08:00"),  # an opening that is shown twice
    ("Europe/Copenhagen", "2026-10-25T01:00", "22:00", "02:30"),  # a closing that is shown twice
    ("America/New_York", "2026-03-08T07:00", "18:30", "03:00"),
    ("America/New_York", "2026-11-01T06:00", "01:15", "01:45"),  # a window that is shown twice as a whole
    ("Australia/Sydney", "2026-10-03T16:00", "22:00", "02:00"),
    ("Australia/Sydney", "2026-04-04T16:00", "22:00", "03:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30", "02:15", "06:00"),  # by half an hour
    ("Australia/Lord_Howe", "2026-04-04T15:00", "22:00", "01:45"),
    ("America/Sao_Paulo", "2018-11-04T03:00", "00:00", "06:00"),  # midnight itself is skipped
    ("America/Sao_Paulo", "2018-02-18T02:00", "20:00", "23:30"),  # back across midnight
    ("Asia/Kathmandu", "2026-03-29T01:00", "16:00", "08:00"),  # never changes, and stands at +05:45
    ("Africa/Casablanca", "2026-02-15T02:00", "16:00", "02:30"),
]
SHORT = (2, 3, 4, 5, 10)


def open_by_the_hands(hours: Hours, moment: float) -> bool:
    shown = datetime.fromtimestamp(moment, ZoneInfo(hours.timezone)).time()
    if hours.opens < hours.closes:
        return hours.opens <= shown < hours.closes
    return shown >= hours.opens or shown < hours.closes


async def night(loop: SimulatedLoop, folder: Path, hours: Hours, change: datetime) -> list[Sent]:
    """Every call of a backend that has work all the time, and whose calls may take nearly their whole time-out."""
    start, end = change - HALF_SPAN, change + HALF_SPAN
    backend = hub(limits=ONE_A_MINUTE, hours=hours, timeout_seconds=TIMEOUT_SECONDS)
    world = World(loop, folder, start.isoformat(), [backend], tenants("hub", "acme", "other"))
    world.upstreams["hub"].duration = lambda: world.random.choice([0.1, 20.0, TIMEOUT_SECONDS - 0.001])
    async with world.at_work():
        operation_id = await world.submit("acme", *(f"CN{number}" for number in range(1_000)))
        await world.at(end.timestamp())
        assert (await world.get(operation_id))["summary"]["pending"] > 0
    return world.sent


def check(hours: Hours, calls: list[Sent], change: datetime) -> None:
    assert len({case for call in calls for case in call.cases}) == len(calls)
    for call in calls:
        assert call.ended is not None
        outside = [m for m in seconds(call.began, call.ended) if not open_by_the_hands(hours, m)]
        assert outside == [], f"{call} was under way at {datetime.fromtimestamp(outside[0], UTC)}"
    first, last = (change - HALF_SPAN).timestamp(), (change + HALF_SPAN).timestamp()
    opened = [minute for minute in range(int(first), int(last), 60) if open_by_the_hands(hours, minute)]
    assert len(calls) >= len(opened) - GIVEN_UP_MINUTES - SHOWN_TWICE_MINUTES


def seconds(began: float, ended: float) -> list[float]:
    """Both ends, and every whole second between."""
    return [began, *range(int(began) + 1, int(ended) + 1), ended]


def through(case: Night, folder: Path) -> None:
    zone, change, opens, closes = case
    hours = Hours(time.fromisoformat(opens), time.fromisoformat(closes), zone)
    moment = datetime.fromisoformat(change).replace(tzinfo=UTC)
    calls = simulate(lambda loop: night(loop, folder, hours, moment))
    check(hours, calls, moment)


@pytest.mark.parametrize("case", [NIGHTS[number] for number in SHORT], ids=" ".join)
def test_no_call_is_under_way_outside_the_hours_while_clocks_change(case: Night, folder: Path) -> None:
    """If the closing leaves no room for the slowest call, or the first of two openings counts, one is."""
    through(case, folder)


@pytest.mark.faults
@pytest.mark.parametrize("case", NIGHTS, ids=" ".join)
def test_no_call_is_under_way_outside_the_hours_in_any_of_these_nights(case: Night, folder: Path) -> None:
    through(case, folder)
