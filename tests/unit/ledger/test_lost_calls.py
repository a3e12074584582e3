"""A call without a word whose cases have gone on without it."""

import sqlite3
from pathlib import Path

from gateway.model.kinds import Kind
from tests.clock import ManualClock
from tests.contract.desk import LEASE_SECONDS, Desk, ecm_case
from tests.contract.places import sqlite


async def test_it_is_still_a_call_of_its_kind_and_can_be_closed(tmp_path: Path) -> None:
    """If it is taken for one of another kind, the backend has no word for it, and the process ends."""
    desk = Desk(sqlite(tmp_path), ManualClock())
    operation_id = await desk.remove(ecm_case("CA1", "A"))
    call = await desk.call()
    with sqlite3.connect(tmp_path / "ledger.db") as behind_its_back:
        behind_its_back.execute("UPDATE cases SET call_id = NULL")
    desk.clock.advance(LEASE_SECONDS)

    (lost,) = (await desk.claim()).lost
    await desk.unanswered(lost)

    assert (lost.id, lost.operation_id, lost.cases) == (call.id, operation_id, ())
    assert lost.kind is Kind.EXTERNAL_ENTITY_REMOVAL
    assert (await desk.claim()).lost == ()
    await desk.ledger.close()
