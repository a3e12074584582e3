"""A store, prepared and closed again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.ledger.stores import Notes


@pytest.fixture
async def notes(tmp_path: Path) -> AsyncIterator[Notes]:
    notes = Notes(tmp_path)
    await notes.prepare()
    yield notes
    await notes.store.close()
