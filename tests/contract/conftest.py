"""Every implementation of `Ledger` runs the same suite."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.ledger.sqlite_file import open_for_writing
from tests.clock import ManualClock
from tests.contract.desk import Desk
from tests.contract.places import PLACES, Place


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite ledger with its tables and nothing else: to migrate one for each test takes longer than most tests."""
    path = tmp_path_factory.mktemp("tables") / "ledger.db"
    open_for_writing(path, 0).close()
    return path


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path, sqlite_tables: Path) -> Place:
    if request.param == "sqlite":
        shutil.copy(sqlite_tables, tmp_path / "ledger.db")
    return PLACES[request.param](tmp_path)


@pytest.fixture
async def desk(place: Place, clock: ManualClock) -> AsyncIterator[Desk]:
    desk = Desk(place, clock)
    yield desk
    await desk.ledger.close()
