"""Neither bulk nor single calls starve (CONTRACT.md section 2, promise 6), whenever a single call arrives."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import Struct

from tests.simulation.loop import SimulatedLoop, simulate
from tests.simulation.world import Reply, Sent, World, hub, tenants

TURN_SECONDS = 60.045 / 100
"""100 calls a minute, as the pace counts its minute."""
BULK = [f"bulk-{number}" for number in range(5)]
OTHERS = [f"ui-{number}" for number in range(20)]


class Arrival(Struct, frozen=True):
    """A single call: its case, and when it was asked for."""

    case: str
    at: float


def bulk_calls(calls: list[Sent]) -> list[int]:
    """Where in the order of calls those of bulk stand."""
    return [number for number, call in enumerate(calls) if call.cases[0].startswith("BULK")]


def once_spoiled(spoiled: Callable[[Sent], bool]) -> Reply:
    """The first call of a case that is to be spoiled breaks; the next one works."""
    met = set[str]()

    def reply(sent: Sent) -> int:
        breaks = spoiled(sent) and sent.cases[0] not in met
        met.add(sent.cases[0])
        return 500 if breaks else 200

    return reply


async def arrivals(
    loop: SimulatedLoop, folder: Path, *, cases: int, singles: int, spoiled: Callable[[Sent], bool]
) -> tuple[list[Arrival], list[Sent]]:
    """The bulk of some, and two other tenants' single calls at random instants, never more than the pace can take."""
    world = World(loop, folder, "2026-11-21T18:00:00+00:00", [hub()], tenants("hub", *BULK, *OTHERS))
    world.upstreams["hub"].reply = once_spoiled(spoiled)
    asked = list[Arrival]()
    async with world.at_work():
        for tenant in BULK:
            await world.submit(tenant, *(f"BULK-{tenant}-{number}" for number in range(cases // len(BULK))))
        await world.at(world.now() + 20)
        for number in range(singles):
            await world.at(world.now() + world.random.uniform(3, 8) * TURN_SECONDS)
            asked.append(Arrival(f"S{number}", world.now()))
            await world.submit(world.random.choice(OTHERS[:2]), f"S{number}")
        await world.at(world.now() + 10)
        return asked, world.sent


def check_single_calls(asked: list[Arrival], sent: list[Sent]) -> None:
    first = {call.cases[0]: call.began for call in reversed(sent)}
    late = {single.case: (first[single.case] - single.at) / TURN_SECONDS for single in asked}
    assert max(late.values()) <= 3


def every_fifth_of_bulk(sent: Sent) -> bool:
    return sent.cases[0].startswith("BULK") and sent.cases[0][-1] in "05"


SPOILED: dict[str, Callable[[Sent], bool]] = {
    "all goes well": lambda _sent: False,
    "many of the bulk's calls are due again": every_fifth_of_bulk,
}


@pytest.mark.parametrize("situation", SPOILED)
def test_a_single_call_starts_within_three_turns_of_another_tenants_bulk(situation: str, folder: Path) -> None:
    """With tenants first and lanes second some take longer; and by far, if bulk makes no room for what goes at once:
    the minute is then used up before its time, and nothing can start in the rest of it."""
    spoiled = SPOILED[situation]
    check_single_calls(*simulate(lambda loop: arrivals(loop, folder, cases=1_000, singles=100, spoiled=spoiled)))


@pytest.mark.faults
@pytest.mark.parametrize("situation", SPOILED)
def test_so_do_a_thousand_while_ten_thousand_cases_run(situation: str, folder: Path) -> None:
    spoiled = SPOILED[situation]
    check_single_calls(*simulate(lambda loop: arrivals(loop, folder, cases=10_000, singles=1_000, spoiled=spoiled)))


def test_bulk_has_each_fourth_turn_while_twenty_tenants_have_more_single_calls_than_the_pace_takes(
    folder: Path,
) -> None:
    """If singles went before bulk without end, bulk would stand still."""

    async def flooded(loop: SimulatedLoop) -> list[Sent]:
        world = World(loop, folder, "2026-11-21T18:00:00+00:00", [hub()], tenants("hub", "bulk", *OTHERS))
        async with world.at_work():
            await world.submit("bulk", *(f"BULK-{number}" for number in range(300)))
            await world.at(world.now() + 61)
            begun = world.now()
            for tenant in OTHERS:
                for number in range(15):
                    await world.submit(tenant, f"{tenant}-{number}")
            await world.at(begun + 180)
            return [call for call in world.sent if call.began >= begun]

    calls = simulate(flooded)

    places = bulk_calls(calls)
    assert len(calls) >= 285
    assert len(places) >= len(calls) // 4 - 1
    assert max(later - earlier for earlier, later in pairwise(places)) <= 4
    started = {call.cases[0].rsplit("-", 1)[0] for call in calls}
    assert started >= set(OTHERS), "and no tenant waits for another's last"
