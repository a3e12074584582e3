"""`estimatedFinishAt` is true: within a tenth of what is left, whatever bounds the pace.

Each situation runs to its end. On the way the API is asked, and what it said is held against what then happened.
"""

from datetime import datetime, time
from pathlib import Path

import pytest
from msgspec import Struct

from gateway.config.settings import BackendSettings, Limits, Tenant
from gateway.model.hours import Hours
from tests.simulation.loop import SimulatedLoop, simulate
from tests.simulation.world import World, ecm, hub, tenants

SHORT, WHOLE = 300, 10_000
"""Cases of a large operation, in `make test` and in `make test-faults`; a request has no more than the latter."""
LOOKS = 12
"""How often an operation is asked after, or a few more."""
LEAST_SECONDS = 20.0
"""With less than this, or a sixth of the whole time, left, single calls make the difference: that is not judged."""
TOLERANCE = 0.1
"""By how much of the time left an estimate may be wrong."""
NIGHT = Hours(time(16), time(8))
COPENHAGEN = Hours(time(1), time(4), "Europe/Copenhagen")
EVENING = "2026-11-21T18:00:00+00:00"


class Wanted(Struct, frozen=True):
    """An operation: whose, of how many cases, how long after the start it is asked for, and whether it is judged."""

    tenant: str
    cases: int
    after_seconds: float = 0.0
    judged: bool = True


class Situation(Struct, frozen=True):
    start: str
    backends: list[BackendSettings]
    tenants: list[Tenant]
    wanted: list[Wanted]
    call_seconds: float = 0.2


def situations(count: int) -> dict[str, Situation]:
    """With `count` cases in a large operation."""
    large, a, ab = Wanted("a", count), tenants("hub", "a"), tenants("hub", "a", "b")
    night, warm = [hub(hours=NIGHT)], Wanted("a", 60)
    singles = [Wanted("b", 1)] * 100
    return {
        "accepted before the opening": Situation("2026-11-21T15:50:00+00:00", night, a, [large]),
        "closed on the way": Situation("2026-11-22T07:58:00+00:00", night, a, [large]),
        "two tenants": Situation(EVENING, [hub()], ab, [large, Wanted("b", count // 3, 20)]),
        "behind another one of the same tenant": Situation(EVENING, [hub()], a, [large, Wanted("a", count // 2, 30)]),
        "two backends share the limits": Situation(
            EVENING,
            [hub("one"), hub("two")],
            [*tenants("one", "a"), *tenants("two", "b")],
            # Whoever asks first has a contested turn (decision 4): only the end of both together can be told.
            [large, Wanted("b", count // 2, judged=False)],
        ),
        "singles beside it": Situation(EVENING, [hub()], ab, [large, *(Wanted("b", 1, 20) for _ in range(60))]),
        "nothing but singles": Situation(EVENING, [hub()], ab, singles * 2),
        "a window that singles have used up": Situation(EVENING, [hub()], ab, [*singles, Wanted("a", count // 3, 22)]),
        "as many at once as the cap allows": Situation(
            EVENING, [ecm()], tenants("ecm", "a"), [warm, Wanted("a", min(5 * count, WHOLE), 60)], call_seconds=2.0
        ),
        "ten cases a call": Situation(
            EVENING,
            [ecm(cases_per_call=10)],
            tenants("ecm", "a"),
            [Wanted("a", 300), Wanted("a", min(20 * count, WHOLE), 60)],
            call_seconds=2.0,
        ),
        "calls so slow that the cap is tighter than the pace": Situation(
            EVENING, [hub()], a, [warm, Wanted("a", count, 180)], call_seconds=10.0
        ),
        "a pace of so many a second": Situation(EVENING, [hub(limits=Limits("hub", per_second=5))], a, [large]),
        "clocks go forward on the way": Situation("2026-03-29T00:58:00+00:00", [hub(hours=COPENHAGEN)], a, [large]),
    }


class Estimate(Struct, frozen=True):
    made_at: float
    finish_at: float


async def observed(loop: SimulatedLoop, folder: Path, given: Situation) -> list[tuple[float, list[Estimate], float]]:
    """Of each operation that is judged: when it began, what was said of its end, and its end."""
    world = World(loop, folder, given.start, given.backends, given.tenants)
    for upstream in world.upstreams.values():
        upstream.duration = lambda: world.random.uniform(0.5, 1.5) * given.call_seconds
    found = []
    async with world.at_work():
        begun = world.now()
        operations = []
        for number, wanted in enumerate(given.wanted):
            await world.at(begun + wanted.after_seconds)
            cases = (f"{wanted.tenant}-{number}-{case}" for case in range(wanted.cases))
            operations.append((world.now(), await world.submit(wanted.tenant, *cases)))
        looks = await _looked_after(world, [operation_id for _, operation_id in operations])
        for (began, operation_id), wanted in zip(operations, given.wanted, strict=True):
            finished = datetime.fromisoformat((await world.ended(operation_id))["finishedAt"]).timestamp()
            if wanted.judged:
                found.append((began, looks[operation_id], finished))
    return found


async def _looked_after(world: World, operations: list[str]) -> dict[str, list[Estimate]]:
    """Estimates of each, made every now and then until all have ended."""
    looks: dict[str, list[Estimate]] = {operation_id: [] for operation_id in operations}
    unended = set(operations)
    while unended:
        until = list[float]()
        for operation_id in sorted(unended):
            envelope = await world.get(operation_id)
            if envelope["finishedAt"] is not None:
                unended.discard(operation_id)
            elif envelope["estimatedFinishAt"] is not None:
                said = datetime.fromisoformat(envelope["estimatedFinishAt"]).timestamp()
                looks[operation_id].append(Estimate(world.now(), said))
                until.append(said)
        await world.at(world.now() + max(1.0, (max(until, default=0.0) - world.now()) / LOOKS))
    return looks


def check(given: Situation, folder: Path) -> None:
    right, wrong = 0, list[str]()
    for began, looks, finished in simulate(lambda loop: observed(loop, folder, given)):
        for look in looks:
            left = finished - look.made_at
            if left >= max(LEAST_SECONDS, (finished - began) / 6):
                error = (look.finish_at - finished) / left
                right += abs(error) <= TOLERANCE
                wrong += [f"{error:+.0%} at {left:.0f} s before the end"] if abs(error) > TOLERANCE else []
    assert right >= LOOKS / 2
    # A call on the edge of a window may go in this one or the next, and nobody can tell which.
    assert len(wrong) <= max(1, right / 50), wrong


@pytest.mark.parametrize("name", situations(0))
def test_an_estimate_is_within_a_tenth_of_what_is_left(name: str, folder: Path) -> None:
    """With the tenant's whole queue in place of the operation's own place in it, with closed hours or turns of others
    left out, or the grants of the last minute forgotten, one of these is off by far more."""
    check(situations(SHORT)[name], folder)


@pytest.mark.faults
@pytest.mark.parametrize("name", situations(0))
def test_so_is_that_of_ten_thousand_cases(name: str, folder: Path) -> None:
    check(situations(WHOLE)[name], folder)
