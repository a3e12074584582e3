from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.telemetry.events import nobody
from tests.tables import put_tables
from tests.unit.http.api import Api, HeldClock


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A real one, in a file of the test's own; nothing dispatches its work."""
    put_tables(tmp_path / "ledger.db")
    ledger = open_ledger("sqlite:///ledger.db", HeldClock(), nobody, folder=tmp_path)
    yield ledger
    await ledger.close()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    async with api.client() as client:
        yield client
