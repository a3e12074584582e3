"""What readers see: operations, results by page, lists with cursors, queues."""

from collections.abc import Collection

import pytest

from gateway.config.settings import Circuit
from gateway.ledger.base import Again, BackendQueue, OperationFilter, Pause
from gateway.model.kinds import Kind, Status
from gateway.model.outcomes import CaseOutcome, Code
from tests.contract.desk import NOT_FOUND, RESUMABLE, SUCCEEDED, THROTTLED, UNKNOWN, Desk, ecm_case, many, removed

ALL = OperationFilter(None)
NEVER = Circuit(window_calls=100_000)


async def ids(desk: Desk, wanted: OperationFilter = ALL) -> list[str]:
    return [operation.id for operation in await desk.ledger.operations(wanted)]


def positions(cases: Collection[object]) -> list[int]:
    return [case.position for case in cases]  # type: ignore[attr-defined]  # case records


async def test_an_operation_that_does_not_exist_is_null(desk: Desk) -> None:
    assert await desk.ledger.operation("0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10") is None
    assert await desk.ledger.view("0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10", inline=10) is None
    assert await desk.ledger.results("0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10") == ()


async def test_a_view_has_the_cases_unless_there_are_too_many(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2")

    full = await desk.ledger.view(operation_id, inline=2)
    short = await desk.ledger.view(operation_id, inline=1)

    operation, cases = await desk.operation(operation_id), await desk.cases(operation_id)
    assert (full, short) == ((operation, cases), (operation, None))


async def test_results_come_in_request_order_whatever_order_they_ended_in(desk: Desk) -> None:
    operation_id = await desk.accept("C", "A", "B")
    for call in reversed((await desk.claim()).calls):
        await desk.settle(call)

    assert [case.identifier.value for case in await desk.cases(operation_id)] == ["C", "A", "B"]


async def test_results_come_in_pages(desk: Desk) -> None:
    operation_id = await desk.accept(*many(7))

    pages = [await desk.ledger.results(operation_id, after=after, limit=3) for after in (-1, 2, 5, 6)]

    assert [positions(page) for page in pages] == [[0, 1, 2], [3, 4, 5], [6], []]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.SUCCEEDED, [0]),
        (Status.FAILED, [1]),
        (Status.UNKNOWN, [2]),
        (Status.PENDING, [3, 4, 5]),
        (Status.CANCELLED, []),
        (None, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_results_by_status_never_show_what_waits_as_ended(
    desk: Desk, status: Status | None, expected: list[int]
) -> None:
    operation_id = await desk.accept(*many(6))
    calls = (await desk.claim(5)).calls
    for call, outcome in zip(calls, (SUCCEEDED, NOT_FOUND, UNKNOWN), strict=False):
        await desk.settle(call, outcome)
    await desk.wait_again(calls[3], RESUMABLE)

    assert positions(await desk.ledger.results(operation_id, status=status)) == expected


async def test_results_by_status_carry_their_own_items(desk: Desk) -> None:
    operation_id = await desk.remove(*(ecm_case(f"CA{number}", f"I{number}") for number in range(3)))
    for number, call in enumerate((await desk.claim()).calls):
        word = Status.SUCCEEDED if number == 1 else Code.ITEM_NOT_IN_CASE
        status = Status.SUCCEEDED if number == 1 else Status.FAILED
        await desk.settle(call, CaseOutcome(status, items=removed(**{f"I{number}": word})))

    failed = await desk.ledger.results(operation_id, status=Status.FAILED)

    assert [(case.position, [item.id for item in case.outcome.items]) for case in failed] == [(0, ["I0"]), (2, ["I2"])]


async def test_operations_are_listed_newest_first_with_a_stable_cursor(desk: Desk) -> None:
    made = [await desk.accept(f"CN{number}") for number in range(5)]
    first = await ids(desk, OperationFilter(None, limit=2))
    newer = await desk.accept("CN9")

    second = await ids(desk, OperationFilter(None, before=first[-1], limit=2))
    third = await ids(desk, OperationFilter(None, before=second[-1], limit=2))

    assert first + second + third == made[::-1]
    assert (await ids(desk))[0] == newer


async def test_operations_are_listed_by_tenant_and_kind(desk: Desk) -> None:
    a, b = await desk.accept("CN1", tenant="a"), await desk.accept("CN1", tenant="b")
    removal = await desk.remove(ecm_case("CA1", "A"), tenant="a")

    assert await ids(desk, OperationFilter(frozenset({"a"}))) == [removal, a]
    assert await ids(desk, OperationFilter(frozenset({"a", "b"}))) == [removal, b, a]
    assert await ids(desk, OperationFilter(frozenset())) == []
    assert await ids(desk, OperationFilter(None, kind=Kind.EXTERNAL_ENTITY_REMOVAL)) == [removal]
    assert await ids(desk, OperationFilter(frozenset({"b"}), kind=Kind.EXTERNAL_ENTITY_REMOVAL)) == []


async def test_operations_are_listed_by_status(desk: Desk) -> None:
    succeeded, failed = await desk.accept("CN1"), await desk.accept("CN2")
    for call, outcome in zip((await desk.claim()).calls, (SUCCEEDED, NOT_FOUND), strict=True):
        await desk.settle(call, outcome)
    under_way = await desk.accept("CN3")
    await desk.call()
    waiting = await desk.accept("CN4")
    elsewhere = await desk.accept("CN5", backend="open")
    closed = frozenset({"hub"})

    assert await ids(desk, OperationFilter(None, status=Status.SUCCEEDED)) == [succeeded]
    assert await ids(desk, OperationFilter(None, status=Status.FAILED)) == [failed]
    assert await ids(desk, OperationFilter(None, status=Status.SCHEDULED, closed=closed)) == [waiting]
    assert await ids(desk, OperationFilter(None, status=Status.RUNNING, closed=closed)) == [elsewhere, under_way]
    assert await ids(desk, OperationFilter(None, status=Status.SCHEDULED)) == []
    assert await ids(desk, OperationFilter(None, status=Status.RUNNING)) == [elsewhere, waiting, under_way]


async def test_an_idle_backend_has_an_empty_queue(desk: Desk) -> None:
    assert await desk.ledger.queues(["hub", "ecm"]) == {"hub": BackendQueue({}), "ecm": BackendQueue({})}


async def test_a_queue_tells_what_is_pending_and_under_way(desk: Desk) -> None:
    await desk.accept(*many(3), tenant="a")
    oldest = desk.ledger.now()
    desk.clock.advance(5)
    await desk.accept("X", "Y", tenant="b")
    first, second, third = (await desk.claim(3)).calls
    await desk.settle(first, UNKNOWN)
    await desk.wait_again(second)

    queue = (await desk.ledger.queues(["hub"]))["hub"]

    assert third.tenant in {"a", "b"}
    assert sum(queue.pending.values()) == 4
    assert set(queue.pending) == {"a", "b"}
    assert (queue.in_flight, queue.operations, queue.operations_in_flight, queue.unknown) == (1, 2, 1, 1)
    assert queue.oldest_pending_at == oldest


async def test_a_queue_tells_since_when_the_first_of_its_cases_could_have_been_sent(desk: Desk) -> None:
    """In whichever tenant and lane that case waits; a case that waits for its next attempt is due only then."""
    bulk_at = desk.ledger.now()
    await desk.accept(*many(2), tenant="z")
    desk.clock.advance(5)
    await desk.accept("ONE", tenant="a")
    first = (await desk.ledger.queues(["hub"]))["hub"].oldest_due_at
    for call in (await desk.claim(3)).calls:
        await desk.wait_again(call, seconds=60.0)
    later = (await desk.ledger.queues(["hub"]))["hub"].oldest_due_at

    assert first == bulk_at
    assert later is not None
    assert later >= desk.ledger.now() + 59_000_000
    assert (await desk.ledger.queues(["ecm"]))["ecm"].oldest_due_at is None


async def test_a_queue_tells_since_when_a_retry_could_have_been_sent_and_whether_its_budget_can_pay(desk: Desk) -> None:
    """Fails when cases that the backend failed are left out of what is due."""
    await desk.accept(*many(11))
    calls = (await desk.claim(11)).calls
    for call in calls:
        await desk.judge(call, failed=True, again=Again("act", 5.0, failure=True), circuit=NEVER)
    due_at = desk.ledger.now() + 5_000_000
    before = (await desk.ledger.queues(["hub"]))["hub"]
    desk.clock.advance(6)
    tokens = await desk.claim(11)
    after = (await desk.ledger.queues(["hub"]))["hub"]

    assert before.oldest_due_at is None
    assert before.oldest_retry_due_at == pytest.approx(due_at, abs=100_000)
    assert before.budget_spent_since is None
    assert len(tokens.calls) == 10
    assert after.oldest_retry_due_at == pytest.approx(due_at, abs=100_000)
    assert after.budget_spent_since == tokens.calls[-1].granted_at


async def test_a_commit_is_told_with_its_duration_and_what_wrote_nothing_is_not(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.claim(0)
    await desk.ledger.queues(["hub"])
    await desk.ledger.check()

    assert len(desk.seen.commits) == 2
    assert all(0 < seconds < 10 for seconds in desk.seen.commits)


async def test_a_queue_tells_how_long_calls_take_of_late(desk: Desk) -> None:
    await desk.accept(*many(110))
    for seconds in [9.0] * 10 + [1.0, 3.0] * 50:
        call = (await desk.claim(1)).calls[0]
        desk.clock.advance(seconds)
        await desk.settle(call)

    assert (await desk.ledger.queues(["hub"]))["hub"].mean_call_seconds == pytest.approx(2.0)


async def test_a_queue_tells_of_a_pause_while_it_is_in_force(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.settle(await desk.call(), THROTTLED, pause=Pause(30, Code.UPSTREAM_CLOSED, closed=True))
    during = (await desk.ledger.queues(["hub"]))["hub"]
    desk.clock.advance(30)
    after = (await desk.ledger.queues(["hub"]))["hub"]

    assert (during.paused_until, during.paused_for) == (desk.ledger.now(), Code.UPSTREAM_CLOSED)
    assert (after.paused_until, after.paused_for) == (None, None)


async def test_unknown_cases_stay_counted_after_the_end_until_they_are_settled(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.settle(await desk.call(), UNKNOWN)
    before = (await desk.ledger.queues(["hub"]))["hub"].unknown
    await desk.ledger.retry(operation_id)
    await desk.settle(await desk.call())

    assert (before, (await desk.ledger.queues(["hub"]))["hub"].unknown) == (1, 0)


async def test_an_operations_place_is_how_many_cases_of_its_tenants_lane_are_up_to_its_last(desk: Desk) -> None:
    first, single, second = await desk.accept(*many(5)), await desk.accept("S1"), await desk.accept(*many(3, "B"))
    other = await desk.accept(*many(7, "C"), tenant="other")
    later = await desk.accept("S2")
    await desk.settle((await desk.claim(1)).calls[0])
    operations = await desk.ledger.operations(OperationFilter(tenants=None))

    places = await desk.ledger.places(operations)

    done = next(operation.id for operation in operations if operation.status is not None)
    assert done == single
    assert places == {first: 5, second: 8, other: 7, later: 1}
    assert await desk.ledger.places([]) == {}


async def test_a_queue_tells_its_singles_and_the_grants_of_the_last_minute(desk: Desk) -> None:
    await desk.accept("S1")
    await desk.accept("S2")
    await desk.accept(*many(3))
    await desk.claim(1)
    desk.clock.advance(62)
    later = (await desk.claim(1)).calls[0].granted_at

    queue = (await desk.ledger.queues(["hub"]))["hub"]

    assert (queue.pending, queue.singles) == ({"acme": 5}, {"acme": 2})
    assert queue.granted == (later,)
