"""Every implementation of `Ledger` runs the same suite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clock import ManualClock
from tests.contract.desk import Desk
from tests.contract.places import PLACES, Place


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return PLACES[request.param](tmp_path)


@pytest.fixture
async def desk(place: Place, clock: ManualClock) -> AsyncIterator[Desk]:
    desk = Desk(place, clock)
    yield desk
    await desk.ledger.close()
