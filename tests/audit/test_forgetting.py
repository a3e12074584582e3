"""After retention nothing is left of an identifier but its mark, in whatever file one looks (docs/evidence.md)."""

from pathlib import Path

import pytest

from gateway.ledger.base import Accepted
from gateway.model.cases import Case, Identifier, Item
from gateway.model.hours import SECOND
from gateway.model.kinds import Evidence as Confirmation
from gateway.model.kinds import IdentifierType, Kind, Status, System
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from tests.contract.desk import Desk

from .evidence import DAY, Evidence

CASES = 400
MARKER = "Zq7"
"""Every identifier that a caller gave begins with it, and nothing else does."""
ITEMS = 3


async def delete_many(desk: Desk) -> None:
    """Cases whose identifiers stand in what the upstream says, too; settled, resumable and unknown."""
    for number in range(CASES):
        case = Case(Identifier(IdentifierType.CASE_NUMBER, f"{MARKER}case{number:05}"))
        new = desk.new((case,), key=f"{MARKER}key{number:05}", fingerprint=f"{MARKER}print{number:05}")
        assert isinstance(await desk.ledger.accept(new, max_queued_cases=10**6), Accepted)
        texts = f"{MARKER}said{number:05}"
        code = (Code.CASE_NOT_FOUND, Code.OUTCOME_UNKNOWN, Code.UPSTREAM_ERROR)[number % 3]
        status = Status.UNKNOWN if code is Code.OUTCOME_UNKNOWN else Status.FAILED
        outcome = CaseOutcome(status, messages=(texts,), errors=(error(code, texts, resumable=number % 3 == 2),))
        await desk.settle(await desk.call(), outcome)
        desk.clock.advance(100)


async def remove_many(desk: Desk) -> None:
    for number in range(CASES // 4):
        items = tuple(Item(f"{MARKER}item{number:05}-{one}", f"{MARKER}type") for one in range(ITEMS))
        case = Case(Identifier(IdentifierType.CASE_ID, f"{MARKER}ecm{number:05}"), items)
        new = desk.new((case,), kind=Kind.CUSTOMER_REMOVAL, system=System.ORACLE_ECM, upstream_tenant="")
        await desk.ledger.accept(new, max_queued_cases=10**6)
        done = tuple(
            ItemOutcome(item.id, item.type_code, Status.SUCCEEDED, f"{MARKER}says {item.id}", Confirmation.CONFIRMED)
            for item in items
        )
        await desk.settle(await desk.call(), CaseOutcome(Status.SUCCEEDED, items=done))


async def test_no_identifier_is_left_in_any_file_nor_in_the_export(tmp_path: Path) -> None:
    made = Evidence(tmp_path)
    await delete_many(made.desk)
    await remove_many(made.desk)
    request_ids = {row[0] for row in made.rows("SELECT request_id FROM cases WHERE request_id IS NOT NULL")}
    await made.link()
    await made.sign()
    before = made.bytes_of_ledger()
    sound_before = made.run("verify").exit_code
    export_before = made.run("export").stdout
    made.clock.advance(11 * DAY)

    await made.clear(10)
    after = made.bytes_of_ledger()

    assert before.count(MARKER.encode()) > CASES
    assert after.count(MARKER.encode()) == 0
    assert [one for one in request_ids if one.encode() in after] == []
    assert made.run("export").stdout == export_before
    assert MARKER not in export_before
    assert (sound_before, made.run("verify").exit_code) == (0, 0)
    assert made.rows("SELECT count(*) FROM operations") == made.rows("SELECT count(*) FROM calls") == [(0,)]
    await made.desk.ledger.close()


async def test_a_known_identifier_is_still_found(tmp_path: Path) -> None:
    made = Evidence(tmp_path)
    operation_id = await made.end("CN1")
    made.clock.advance(11 * DAY)
    await made.clear(10)

    done = made.run("find", "CN1")

    assert done.exit_code == 0
    assert operation_id in done.stdout
    await made.desk.ledger.close()


async def test_the_space_is_used_again(tmp_path: Path) -> None:
    """The file does not shrink, and does not grow for ever: only receipts are added."""
    made = Evidence(tmp_path)
    sizes = []
    for _ in range(4):
        await remove_many(made.desk)
        await made.link()
        made.clock.advance(11 * DAY)
        await made.clear(10)
        [(pages,)] = made.rows("PRAGMA page_count")
        [(receipts,)] = made.rows("SELECT sum(length(body || digest || hash || seal || operation_id)) FROM receipts")
        sizes.append(pages * 4096 - 1.5 * receipts)

    assert sizes[-1] < 1.2 * sizes[0]
    await made.desk.ledger.close()


@pytest.mark.parametrize("days", [1, 400])
async def test_what_is_young_enough_stays(tmp_path: Path, days: int) -> None:
    made = Evidence(tmp_path)
    await made.end("CN1")
    made.clock.advance(days * DAY - 10)

    await made.clear(days)

    assert made.rows("SELECT identifier FROM cases") == [("CN1",)]
    assert made.desk.ledger.now() > SECOND
    await made.desk.ledger.close()
