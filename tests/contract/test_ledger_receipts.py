"""Each end of an operation has a receipt, and receipts form one chain (docs/evidence.md)."""

from typing import Any

import msgspec
import pytest

from gateway.ledger.base import Again
from gateway.ledger.records import ReceiptRecord
from gateway.model.chain import GENESIS, digest, link_hash
from gateway.model.kinds import Status
from gateway.model.outcomes import Code
from gateway.telemetry.events import ReceiptIssued
from tests.contract.desk import NOT_FOUND, SUCCEEDED, THROTTLED, UNKNOWN, Desk, ecm_case, removed


async def receipt(desk: Desk, operation_id: str, number: int | None = None) -> ReceiptRecord:
    found = await desk.ledger.records.receipt(operation_id, number)
    assert found is not None
    return found


async def said(desk: Desk, operation_id: str, number: int | None = None) -> Any:  # noqa: ANN401 - JSON
    return msgspec.json.decode((await receipt(desk, operation_id, number)).body)


async def ended(desk: Desk, number: str = "CN1") -> str:
    operation_id = await desk.accept(number)
    await desk.settle(await desk.call())
    return operation_id


async def test_it_says_who_asked_for_what_and_when_and_what_became_of_it(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", caller="job", tenant="acme", upstream_tenant="acme-there")
    first, second = (await desk.claim()).calls
    await desk.settle(first)
    desk.clock.advance(1)
    await desk.settle(second, NOT_FOUND)

    found = await said(desk, operation_id)
    cases = found.pop("cases")

    assert found == {
        "version": 1,
        "operationId": operation_id,
        "number": 1,
        "caller": "job",
        "tenant": "acme",
        "upstreamTenant": "acme-there",
        "backend": "hub",
        "system": "hub-property",
        "kind": "case-deletion",
        "execute": True,
        "status": "partial",
        "createdAt": "2026-01-01T00:00:00.000001Z",
        "startedAt": "2026-01-01T00:00:00.000001Z",
        "finishedAt": "2026-01-01T00:00:01.000001Z",
        "cancelledAt": None,
        "key": found["key"],
    }
    assert [(case["status"], case["found"], case["deleted"], case["evidence"], case["code"]) for case in cases] == [
        ("succeeded", True, True, "confirmed", None),
        ("failed", False, False, None, "case_not_found"),
    ]
    assert [(case["attempts"], case["items"]) for case in cases] == [(1, []), (1, [])]


async def test_identifiers_stand_in_it_as_marks_only(desk: Desk) -> None:
    item, other = "ITEM-4711", "ITEM-4712"
    operation_id = await desk.remove(ecm_case("CASE-0815", item, other))
    words: dict[str, Status | Code] = {item: Status.SUCCEEDED, other: Code.ITEM_NOT_IN_CASE}
    outcome = removed(**words)
    await desk.settle(await desk.call(), msgspec.structs.replace(SUCCEEDED, status=Status.PARTIAL, items=outcome))

    found = await receipt(desk, operation_id)
    [case] = msgspec.json.decode(found.body)["cases"]

    assert not any(name in found.body for name in ("CASE-0815", "ITEM-4711", '"XA"', "said so"))
    assert [(one["status"], one["code"]) for one in case["items"]] == [
        ("succeeded", None),
        ("failed", "item_not_in_case"),
    ]
    assert len({one["item"] for one in case["items"]}) == 2
    assert len({one["typeCode"] for one in case["items"]}) == 1


async def test_while_the_record_is_there_the_marks_have_their_names(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call())

    names = (await receipt(desk, operation_id)).names

    assert names is not None
    assert [case.identifier.value for case in names] == ["CN1"]
    assert names[0].request_id == (await desk.case(operation_id)).request_id is not None


async def test_the_same_identifier_has_the_same_mark_in_every_receipt(desk: Desk) -> None:
    first, second, third = [await ended(desk, number) for number in ("CN1", "CN1", "CN2")]

    marks = [(await said(desk, operation))["cases"][0]["case"] for operation in (first, second, third)]

    assert marks[0] == marks[1] != marks[2]


async def test_an_operation_that_has_not_ended_has_none(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.wait_again(await desk.call())

    assert await desk.ledger.records.receipt(operation_id) is None
    assert await desk.ledger.records.receipt("no such operation") is None


async def test_a_retry_that_ends_has_a_further_one_and_the_first_stays(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), NOT_FOUND)
    before = await receipt(desk, operation_id)
    await desk.ledger.retry(operation_id)
    while_running = await receipt(desk, operation_id)
    await desk.settle(await desk.call())

    after = await receipt(desk, operation_id)

    assert while_running == before
    assert (after.number, (await said(desk, operation_id))["status"]) == (2, "succeeded")
    assert (await receipt(desk, operation_id, 1)).body == before.body
    assert [event.number for event in desk.seen.of(ReceiptIssued)] == [1, 2]


async def test_a_further_copy_that_runs_cases_again_has_a_further_one(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")
    await desk.settle(await desk.call(), THROTTLED)
    await desk.accept("CN1", key="k")
    await desk.settle(await desk.call())

    assert (await receipt(desk, operation_id)).number == 2


async def test_a_cancelled_operation_has_one(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    [call] = (await desk.claim(1)).calls
    await desk.ledger.cancel(operation_id)
    early = await desk.ledger.records.receipt(operation_id)
    await desk.settle(call)

    found = await said(desk, operation_id)

    assert early is None
    assert [case["status"] for case in found["cases"]] == ["succeeded", "cancelled"]
    assert found["cancelledAt"] is not None


async def test_an_answer_that_comes_after_the_end_has_a_receipt_of_its_own(desk: Desk) -> None:
    """The first one said `unknown`, which was true when it was written."""
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)
    await desk.settle(call)

    assert [(await said(desk, operation_id, number))["status"] for number in (1, 2)] == ["unknown", "succeeded"]


async def test_what_is_told_twice_has_one_receipt(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)
    await desk.settle(call, UNKNOWN)

    assert (await receipt(desk, operation_id)).number == 1


async def test_each_link_holds_the_hash_of_the_one_before(desk: Desk) -> None:
    operations = [await ended(desk, f"CN{number}") for number in range(5)]
    await desk.ledger.records.link()

    previous = GENESIS
    for sequence, operation_id in enumerate(operations, 1):
        found = await receipt(desk, operation_id)
        assert found.link is not None
        assert (found.link.sequence, found.previous) == (sequence, previous)
        assert found.link.digest == digest(found.body)
        assert found.link.hash == link_hash(sequence, previous, found.link.digest)
        previous = found.link.hash
    head = await desk.ledger.records.head()
    assert head is not None
    assert (head.sequence, head.hash) == (5, previous)


async def test_what_is_asked_for_is_linked_at_once(desk: Desk) -> None:
    assert (await receipt(desk, await ended(desk))).link is not None
    assert await desk.ledger.records.link() == 0


async def test_the_chain_goes_on_after_a_restart(desk: Desk) -> None:
    await receipt(desk, await ended(desk))
    unlinked = await ended(desk, "CN2")
    await desk.reopen()

    linked = await desk.ledger.records.link()
    found = await receipt(desk, unlinked)

    assert linked == 1
    assert found.link is not None
    assert found.link.sequence == 2


@pytest.mark.parametrize("finish", ["cancel", "settle"])
async def test_an_end_that_is_undone_leaves_no_receipt(
    desk: Desk, finish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in the same transaction; so neither is ever there without the other."""
    operation_id = await desk.accept("CN1")
    call = await desk.call() if finish == "settle" else None

    def fail(*_: object) -> None:
        message = "no receipt"
        raise RuntimeError(message)

    with monkeypatch.context() as patched:
        patched.setattr("gateway.ledger.receipts.composed", fail)
        with pytest.raises(RuntimeError):
            await (desk.settle(call) if call else desk.ledger.cancel(operation_id))
    undone = await desk.operation(operation_id)
    await (desk.settle(call) if call else desk.ledger.cancel(operation_id))

    assert undone.finished_at is None
    assert (await receipt(desk, operation_id)).number == 1


async def test_a_case_that_waits_again_ends_nothing(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.unanswered(await desk.call(), Again("probe", 1.0))

    assert await desk.ledger.records.receipt(operation_id) is None
