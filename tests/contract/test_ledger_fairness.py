"""Nobody starves (CONTRACT.md section 2, promise 6)."""

from collections import Counter
from itertools import pairwise

import pytest

from gateway.config.settings import Limits
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from tests.contract.desk import Desk, many, values

PACE = Limits("pace", per_second=50, per_minute=400)
SLOW = Limits("pace", per_minute=60)
TURN = 60 * SECOND // 400


async def turns(desk: Desk, count: int, limits: Limits = SLOW) -> list[Call]:
    """The next `count` calls, one at a time, each settled at once."""
    calls = list[Call]()
    while len(calls) < count:
        claim = await desk.claim(1, limits=limits)
        calls += claim.calls
        for call in claim.calls:
            await desk.settle(call)
        assert claim.ask_again_at is not None or len(calls) >= count
        await desk.wait_until(claim.ask_again_at or 0)
    return calls


async def test_a_single_operation_starts_within_three_turns_of_another_tenants_bulk(desk: Desk) -> None:
    await desk.accept(*many(10_000), tenant="bulk")
    await turns(desk, 440, PACE)

    for number in range(5):
        asked_at = desk.ledger.now()
        await desk.accept(f"S{number}", tenant="ui")
        calls = await turns(desk, 3, PACE)

        started = [call.granted_at for call in calls if call.tenant == "ui"]
        assert started
        assert started[0] - asked_at <= 3 * TURN


@pytest.mark.parametrize("limits", [SLOW, Limits("pace", max_in_flight=1)], ids=["windows", "cap"])
async def test_singles_leave_bulk_each_fourth_turn(desk: Desk, limits: Limits) -> None:
    await desk.accept(*many(90), tenant="bulk")
    for number in range(90):
        await desk.accept(f"S{number}", tenant="ui")

    order = [call.tenant for call in (await turns(desk, 100, limits))]

    bulk = [number for number, tenant in enumerate(order) if tenant == "bulk"]
    assert 25 <= len(bulk) <= 26
    assert max(later - earlier for earlier, later in pairwise(bulk)) <= 4


async def test_the_bulk_of_several_tenants_takes_turns(desk: Desk) -> None:
    await desk.accept(*many(30, "A"), tenant="a")
    await turns(desk, 5)
    await desk.accept(*many(30, "B"), tenant="b")
    await desk.accept(*many(30, "C"), tenant="c")

    order = [call.tenant for call in await turns(desk, 12)]

    assert Counter(order) == {"a": 4, "b": 4, "c": 4}
    assert all(len(set(order[start : start + 3])) == 3 for start in range(0, 12, 3))


async def test_turns_are_remembered_over_a_restart(desk: Desk) -> None:
    await desk.accept(*many(30, "A"), tenant="a")
    await desk.accept(*many(30, "B"), tenant="b")
    order = [call.tenant for call in await turns(desk, 3)]

    await desk.reopen()
    order += [call.tenant for call in await turns(desk, 3)]

    assert order == ["a", "b", "a", "b", "a", "b"]


async def test_the_singles_of_several_tenants_take_turns(desk: Desk) -> None:
    for number in range(6):
        await desk.accept(f"A{number}", tenant="a")
    for number in range(2):
        await desk.accept(f"B{number}", tenant="b")

    assert [call.tenant for call in await turns(desk, 4)] == ["a", "b", "a", "b"]


async def test_within_a_tenant_what_was_called_before_goes_first(desk: Desk) -> None:
    await desk.accept(*many(3, "BULK"))
    resumed, *_ = (await desk.claim(1, limits=SLOW)).calls
    await desk.wait_again(resumed, seconds=0.5)
    await desk.accept("SINGLE")
    desk.clock.advance(1)

    order = values(*await turns(desk, 4))

    assert order == ["BULK0", "SINGLE", "BULK1", "BULK2"]


async def test_what_one_tenant_resumes_does_not_starve_another_tenants_singles(desk: Desk) -> None:
    await desk.accept(*many(20), tenant="bulk")
    for call in (await desk.claim(20)).calls:
        await desk.wait_again(call, seconds=0.0)
    await desk.accept("S1", tenant="ui")

    order = [call.tenant for call in await turns(desk, 3)]

    assert "ui" in order[:2]


async def test_within_a_lane_the_oldest_goes_first(desk: Desk) -> None:
    for number in range(3):
        await desk.accept(f"S{number}")
        desk.clock.advance(0.001)

    assert values(*await turns(desk, 3)) == ["S0", "S1", "S2"]


async def test_a_call_tells_since_when_it_could_have_been_granted(desk: Desk) -> None:
    await desk.accept("CN1")
    due_at = desk.ledger.now()
    desk.clock.advance(7)

    call = await desk.call()

    assert (call.due_at, call.granted_at - call.due_at) == (due_at, 7 * SECOND)
