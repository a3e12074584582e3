"""Backends that share their limits share them evenly (CONTRACT.md section 2, 4 and 6)."""

from collections import Counter
from pathlib import Path

import pytest

from tests.api.configuration import Change
from tests.faults.fleet import fleet
from tests.postgres import Database

CASES = 120
SANDBOX = ["--hub-rate", "0", "--hub-per-minute", "0", "--latency-seconds", "0.03"]


def change(sandbox_url: str) -> Change:
    return {
        "limits.hub.max_in_flight": 3,
        "backends.hub-no": {
            "system": "hub-property",
            "base_url": f"{sandbox_url}/ecx",
            "credentials": "scalepoint",
            "limits": "hub",
            "hours": None,
        },
        "tenants.acme-no.cases": {"backend": "hub-no", "tenant": "acmeno"},
    }


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_two_backends_with_bulk_and_one_cap_both_get_their_share(tmp_path: Path, store: str) -> None:
    """If who frees a slot asks first, it keeps every slot: 690 calls to 2 within 15 seconds, on SQLite."""
    url = "sqlite:///gateway.db" if store == "sqlite" else Database(empty=True).url
    async with fleet(tmp_path, [url], change, options=SANDBOX) as here:
        (replica,) = here.replicas
        for tenant in ("acme-dk", "acme-no"):
            await replica.accepted(*(f"{tenant}-{number}" for number in range(CASES)), tenant=tenant)
        await here.upstream.have_arrived(CASES)
        history = await here.upstream.history()

    turns = Counter(call["tenant"] for call in history)
    assert min(turns["acme"], turns["acmeno"]) >= CASES // 5
