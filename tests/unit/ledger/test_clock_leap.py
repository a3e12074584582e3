"""The wall clock of a ledger in a file is set forward: no time has passed for the upstream."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config.settings import Limits
from gateway.model.hours import SECOND
from tests.clock import ManualClock
from tests.contract.desk import LEASE_SECONDS, Desk
from tests.contract.places import sqlite

HUB = Limits("hub", per_second=5, per_minute=100, max_in_flight=8)
HOUR = 3_600


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(sqlite(tmp_path), ManualClock())
    yield desk
    await desk.ledger.close()


async def test_the_windows_are_as_full_as_before(desk: Desk) -> None:
    """Otherwise as many calls again would go at once, and the upstream would answer 429."""
    for number in range(9):
        await desk.accept(f"CN{number}")
    for call in (await desk.claim(limits=HUB)).calls:
        await desk.settle(call)
    before = desk.ledger.now()

    desk.clock.jump(HOUR)

    full = await desk.claim(limits=HUB)
    assert desk.ledger.now() - before == pytest.approx(HOUR * SECOND, abs=10), "hours follow the wall clock"
    assert full.calls == ()
    desk.clock.advance(1.25)
    assert len((await desk.claim(limits=HUB)).calls) == 4


async def test_a_call_under_way_keeps_its_lease(desk: Desk) -> None:
    """Otherwise it would count as lost, and the case would be sent a second time beside it."""
    await desk.accept("CN1")
    call = await desk.call()

    desk.clock.jump(HOUR)

    assert (await desk.claim()).lost == ()
    desk.clock.advance(LEASE_SECONDS)
    assert [lost.id for lost in (await desk.claim()).lost] == [call.id]
