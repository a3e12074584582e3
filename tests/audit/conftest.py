from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .evidence import Evidence


@pytest.fixture
async def evidence(tmp_path: Path) -> AsyncIterator[Evidence]:
    """Five receipts in the chain, signed up to the fifth; one more linked, and one not yet."""
    made = Evidence(tmp_path)
    for number in range(4):
        await made.end(f"CN{number}", f"CN{number}-absent")
    await made.cancel_removal("CA1", "ITEM1", "ITEM2")
    await made.link()
    await made.sign()
    await made.end("CN8")
    await made.link()
    await made.end("CN9")
    yield made
    await made.desk.ledger.close()
