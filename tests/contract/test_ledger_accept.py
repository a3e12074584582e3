"""Recording a request once, whatever number of copies of it arrive (CONTRACT.md section 1, "Requests")."""

import asyncio

import pytest
from msgspec.structs import replace

from gateway.ledger.base import Accepted, KeyReused, QueueFull
from gateway.model.cases import Case, Identifier
from gateway.model.kinds import IdentifierType, Kind, Status, System
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from gateway.telemetry.events import OperationAccepted
from tests.contract.desk import NOT_FOUND, SUCCEEDED, THROTTLED, UNKNOWN, Desk, ecm_case, many, numbers, values

BAD_ITEM = CaseOutcome(Status.FAILED, errors=(error(Code.UPSTREAM_REJECTED, "no"),))


async def test_an_operation_is_recorded_as_it_was_asked_for(desk: Desk) -> None:
    token = Case(Identifier(IdentifierType.CASE_TOKEN, "d1a72df4"))
    operation_id = await desk.accept("CN1", token, tenant="acme-dk", upstream_tenant="acme", execute=False)

    operation = await desk.operation(operation_id)
    cases = await desk.cases(operation_id)

    assert (operation.kind, operation.tenant, operation.execute) == (Kind.CASE_DELETION, "acme-dk", False)
    assert (operation.total, operation.pending, operation.status) == (2, 2, None)
    assert (operation.created_at, operation.started_at, operation.finished_at) == (desk.ledger.now(), None, None)
    assert [case.identifier for case in cases] == [numbers("CN1")[0].identifier, token.identifier]
    assert {case.outcome for case in cases} == {CaseOutcome(Status.PENDING)}


async def test_an_operation_outlives_the_process(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")
    before = await desk.cases(operation_id)

    await desk.reopen()

    assert await desk.cases(operation_id) == before


async def test_it_is_told_to_the_observer_and_to_who_dispatches(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")

    assert [(event.operation_id, event.cases) for event in desk.seen.of(OperationAccepted)] == [(operation_id, 2)]
    assert desk.seen.hints == [("hub", 2)]


async def test_ids_sort_by_time_also_after_a_restart(desk: Desk) -> None:
    ids = [await desk.accept("CN1")]
    await desk.reopen()
    ids += [await desk.accept("CN1"), await desk.accept("CN1")]

    assert sorted(ids) == ids


@pytest.mark.parametrize("value", ["MAERSK A/S", "2024/123", "æ" * 128, "\U0001f600", "'; DROP TABLE cases", "a:b ?"])
async def test_identifiers_are_opaque(desk: Desk, value: str) -> None:
    await desk.accept(value)

    assert values(await desk.call()) == [value]


async def test_a_case_may_have_thousands_of_items(desk: Desk) -> None:
    operation_id = await desk.remove(ecm_case("CA1", *(f"E{number}" for number in range(5_000))))

    call = await desk.call()
    await desk.settle(call, _all_items(call.cases[0].items, Status.SUCCEEDED))

    assert len(call.cases[0].items) == 5_000
    assert [item.id for item in call.cases[0].items[:3]] == ["E0", "E1", "E2"]
    assert await desk.status(operation_id) is Status.SUCCEEDED


async def test_two_hundred_copies_at_once_make_one_operation(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.offer(many(3), key="k") for _ in range(200)))

    assert sum(answer.created for answer in answers if isinstance(answer, Accepted)) == 1
    assert len({answer.operation_id for answer in answers if isinstance(answer, Accepted)}) == 1
    assert len((await desk.claim()).calls) == 3


async def test_the_same_key_with_another_request_is_refused(desk: Desk) -> None:
    await desk.accept("CN1", key="k", fingerprint="one")

    assert await desk.offer(numbers("CN2"), key="k", fingerprint="two") == KeyReused()
    assert await desk.ledger.find("job", "k", "two") == KeyReused()
    assert len((await desk.claim()).calls) == 1


async def test_each_caller_has_keys_of_its_own(desk: Desk) -> None:
    first = await desk.accept("CN1", key="k", caller="job")
    second = await desk.accept("CN2", key="k", caller="ui", fingerprint="two")

    assert first != second
    assert await desk.ledger.find("ui", "k", "two") == Accepted(second, created=False)


async def test_requests_without_a_key_are_operations_of_their_own(desk: Desk) -> None:
    assert await desk.accept("CN1") != await desk.accept("CN1")


async def test_a_key_is_found_without_starting_anything(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")
    await desk.settle(await desk.call(), UNKNOWN)

    assert await desk.ledger.find("job", "k", "one") == Accepted(operation_id, created=False)
    assert await desk.ledger.find("job", "other", "one") is None
    assert await desk.status(operation_id) is Status.UNKNOWN


async def test_a_copy_of_an_unfinished_request_starts_nothing(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", key="k")
    first, second = (await desk.claim()).calls
    await desk.settle(first, THROTTLED)

    await desk.accept("CN1", "CN2", key="k")
    await desk.settle(second)

    assert (await desk.claim()).ask_again_at is None


async def test_a_copy_of_a_finished_request_runs_its_retryable_cases_again(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", "CN3", "CN4", key="k")
    outcomes = [SUCCEEDED, NOT_FOUND, THROTTLED, UNKNOWN]
    for call, outcome in zip((await desk.claim()).calls, outcomes, strict=True):
        await desk.settle(call, outcome)
    finished = await desk.operation(operation_id)

    copy = await desk.offer(numbers("CN1", "CN2", "CN3", "CN4"), key="k")

    assert copy == Accepted(operation_id, created=False)
    assert finished.status is Status.PARTIAL
    assert (await desk.operation(operation_id)).pending == 2
    assert values(*(await desk.claim()).calls) == ["CN3", "CN4"]


async def test_a_copy_runs_no_case_before_its_time(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", key="k")
    soon, later = (await desk.claim()).calls
    await desk.settle(soon, THROTTLED, retry_after_seconds=5)
    await desk.settle(later, THROTTLED, retry_after_seconds=60)
    told = (await desk.case(operation_id, 1)).retry_at

    await desk.accept("CN1", "CN2", key="k")
    early = await desk.claim()
    desk.clock.advance(5)
    await desk.accept("CN1", "CN2", key="k")

    assert told == desk.ledger.now() + 55_000_000
    assert early.ask_again_at is None
    assert values(*(await desk.claim()).calls) == ["CN1"]


async def test_a_copy_of_a_cancelled_request_starts_nothing(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")
    await desk.ledger.cancel(operation_id)

    await desk.accept("CN1", key="k")

    assert (await desk.operation(operation_id)).status is Status.CANCELLED


async def test_a_copy_asks_again_only_for_items_that_did_not_succeed(desk: Desk) -> None:
    case = ecm_case("CA1", "A", "B")
    await desk.remove(case, key="k")
    locked = error(Code.CASE_LOCKED, "locked")
    items = (ItemOutcome("A", "XA", Status.SUCCEEDED), ItemOutcome("B", "XA", Status.FAILED, errors=(locked,)))
    await desk.settle(await desk.call(), CaseOutcome(Status.PARTIAL, items=items, errors=(locked,)))

    await desk.remove(case, key="k")

    assert [item.id for item in (await desk.call()).cases[0].items] == ["B"]


async def test_what_would_overfill_the_queue_is_refused_whole(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", "CN3")

    refused = await desk.offer(numbers("CN4", "CN5"), max_queued_cases=4)
    accepted = await desk.offer(numbers("CN4"), max_queued_cases=4)

    assert refused == QueueFull(3)
    assert isinstance(accepted, Accepted)
    assert sorted(values(*(await desk.claim()).calls)) == ["CN1", "CN2", "CN3", "CN4"]


async def test_ended_cases_leave_the_queue_and_retried_ones_return(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", "CN3")
    first, second = (await desk.claim(2)).calls
    await desk.settle(first)
    await desk.settle(second, NOT_FOUND)
    left = await desk.offer(many(9), max_queued_cases=0)

    await desk.ledger.cancel(operation_id)
    none_left = await desk.offer(many(9), max_queued_cases=0)
    await desk.ledger.retry(operation_id)

    assert (left, none_left) == (QueueFull(1), QueueFull(0))
    assert await desk.offer(many(9), max_queued_cases=0) == QueueFull(2)


async def test_a_copy_is_answered_however_full_the_queue_is(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")

    assert await desk.offer(numbers("CN1"), key="k", max_queued_cases=0) == Accepted(operation_id, created=False)


@pytest.mark.parametrize("system", [System.HUB_PROPERTY, System.CLAIMSHOP])
async def test_every_deletion_has_a_request_id_and_no_removal_has(desk: Desk, system: System) -> None:
    deletion = await desk.accept("CN1", system=system)
    removal = await desk.remove(ecm_case("CA1", "A"))

    assert (await desk.case(deletion)).request_id is not None
    assert (await desk.case(removal)).request_id is None


def _all_items(items: tuple[object, ...], status: Status) -> CaseOutcome:
    outcomes = tuple(ItemOutcome(f"E{number}", "XA", status) for number in range(len(items)))
    return replace(CaseOutcome(status), items=outcomes)
