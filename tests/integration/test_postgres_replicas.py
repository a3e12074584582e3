"""Two replicas on one database keep together what each of them promises alone (CONTRACT.md section 2)."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest

from gateway.config.settings import Limits
from gateway.ledger.base import Accepted, Pause, QueueFull
from gateway.ledger.store import Transaction
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.model.outcomes import Code
from tests.contract.desk import NOT_FOUND, many, numbers
from tests.integration.conftest import Two
from tests.integration.replicas import Replica
from tests.postgres import Database

CLOSED = Pause(3_600, Code.UPSTREAM_CLOSED, closed=True)
LIMITS = Limits("hub", per_second=40, max_in_flight=4)
LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'case-gateway news' AND datname = current_database()"  # noqa: E501


async def ends(replica: Replica, operation_ids: list[str]) -> None:
    for operation_id in operation_ids:
        assert await replica.ledger.finished(operation_id, 30)


async def dispatch(replica: Replica, number: int) -> None:
    """Claim and settle as fast as the ledger permits, for ever, with calls that take a few milliseconds."""

    async def carry(call: Call) -> None:
        await asyncio.sleep(0.002 + (hash(call.id) % 10) / 1_000)
        await replica.settle(call)

    async with asyncio.TaskGroup() as under_way:
        while True:
            for call in (await replica.claim(4, limits=LIMITS)).calls:
                under_way.create_task(carry(call))
            await asyncio.sleep(0.001 * number)


async def test_pace_cap_and_exclusion_hold_over_replicas_that_dispatch_at_once(two: Two, database: Database) -> None:
    """Without the lock in `claim`, the windows are exceeded within a second; the rows are the witnesses."""
    one, other = two
    operations = [await one.accept(*many(40)), await other.accept(*many(40)), await one.accept(*many(10, "S"))]
    dispatchers = [asyncio.create_task(dispatch(replica, n)) for n, replica in enumerate((one, other, one, other), 1)]

    await ends(one, operations)
    for task in dispatchers:
        task.cancel()
    await asyncio.gather(*dispatchers, return_exceptions=True)

    grants = [row[0] for row in database.rows("SELECT granted_at FROM calls ORDER BY granted_at")]
    assert len(grants) == 90
    assert max(sum(start <= at < start + SECOND for at in grants) for start in grants) <= 40
    overlaps = """SELECT (SELECT count(*) FROM calls b
        WHERE b.granted_at <= a.granted_at AND b.settled_at > a.granted_at) FROM calls a"""
    assert max(row[0] for row in database.rows(overlaps)) <= 4
    twice = """SELECT count(*) FROM calls a JOIN cases c ON c.call_id = a.id JOIN cases d ON d.exclusion = c.exclusion
        JOIN calls b ON b.id = d.call_id WHERE a.id <> b.id AND b.granted_at < a.settled_at
        AND a.granted_at < b.settled_at"""
    assert database.rows(twice) == [(0,)]
    assert database.rows("SELECT sum(cases) FROM queue_slots") == [(0,)]
    assert grants[-1] - grants[0] < 3.2 * SECOND, "the pace was not used"


async def test_what_is_cancelled_while_others_claim_is_either_called_or_withdrawn(two: Two, database: Database) -> None:
    """Without `hold` in `claim`, a case that was just cancelled is granted a call."""
    one, other = two
    called = Counter[str]()
    for _ in range(12):
        operation_id = await one.accept(*many(25))
        called.update(call.operation_id for call in (await one.claim(1)).calls)

        async def claim_all() -> None:
            for _ in range(4):
                called.update(call.operation_id for call in (await one.claim(5)).calls)

        await asyncio.gather(claim_all(), other.ledger.cancel(operation_id))
        operation = await other.operation(operation_id)
        assert operation.cancelled + called[operation_id] == 25
        for row in database.rows(f"SELECT call_id FROM cases WHERE operation_id = '{operation_id}' AND state = 2"):  # noqa: S608
            assert row == (None,)


async def test_settles_of_one_operation_on_both_replicas_are_all_counted_and_once(two: Two) -> None:
    one, other = two
    operation_id = await one.accept(*many(80))
    calls = (await one.claim(80)).calls

    await asyncio.gather(*(replica.settle(call, NOT_FOUND) for call in calls for replica in two))

    operation = await other.operation(operation_id)
    assert (operation.failed, operation.pending, operation.status) == (80, 0, Status.FAILED)
    assert {case.attempts for case in await one.cases(operation_id)} == {1}


async def test_no_case_waits_again_when_its_operation_is_cancelled_as_its_call_comes_back(two: Two) -> None:
    """Without `hold` in `settle`, a case is put back that the cancellation took to be under way: it would be sent."""
    one, other = two
    for _ in range(8):
        operation_id = await one.accept(*many(12))
        calls = (await one.claim(12)).calls

        await asyncio.gather(*(one.wait_again(call) for call in calls), other.ledger.cancel(operation_id))

        assert (await one.operation(operation_id)).pending == 0


async def test_the_counts_are_those_of_the_cases_when_a_retry_meets_settles(two: Two) -> None:
    """Without `hold` in `retry`, it overwrites what was counted since it looked."""
    one, other = two
    for _ in range(6):
        operation_id = await one.accept(*many(40))
        calls = (await one.claim(40)).calls
        await asyncio.gather(*(one.settle(call, NOT_FOUND) for call in calls[:15]))

        await asyncio.gather(
            *(two[n % 2].settle(call) for n, call in enumerate(calls[15:])), other.ledger.retry(operation_id)
        )

        operation = await one.operation(operation_id)
        assert (operation.succeeded, operation.failed, operation.pending) == (25, 0, 15)
        await one.ledger.cancel(operation_id)


@pytest.mark.parametrize("go", range(3))
async def test_200_copies_of_one_request_over_both_replicas_make_one_operation(
    two: Two, database: Database, go: int
) -> None:
    """Without ON CONFLICT in `accept`, some copies meet the unique index."""
    cases = numbers("CN1", "CN2")
    answers = await asyncio.gather(*(two[n % 2].offer(cases, key=f"k{go}") for n in range(200)))

    assert len({answer.operation_id for answer in answers if isinstance(answer, Accepted)}) == 1
    assert Counter(isinstance(answer, Accepted) and answer.created for answer in answers) == {True: 1, False: 199}
    assert database.rows("SELECT (SELECT count(*) FROM operations), (SELECT count(*) FROM cases)") == [(1, 2)]


async def test_retries_on_both_replicas_at_once_run_an_operation_again_once(two: Two) -> None:
    one, other = two
    operation_id = await one.accept("CN1", key="k")
    await one.unanswered(await one.call())
    lost = await one.operation(operation_id)
    assert lost.unknown == 1

    await asyncio.gather(*(two[n % 2].ledger.retry(operation_id) for n in range(20)))

    assert (await other.operation(operation_id)).pending == 1


async def test_a_lost_call_that_both_replicas_find_is_settled_once(two: Two, database: Database) -> None:
    one, other = two
    operation_id = await one.accept("CN1")
    call = await one.call()
    database.connection.execute("UPDATE calls SET held_until = granted_at")
    lost = [claim.lost[0] for claim in await asyncio.gather(one.claim(0), other.claim(0))]

    await asyncio.gather(*(replica.unanswered(found) for replica, found in zip(two, lost, strict=True)))

    assert [found.id for found in lost] == [call.id, call.id]
    assert (await one.case(operation_id)).attempts == 1


async def test_closed_hours_that_several_calls_report_at_once_are_one_closure(two: Two, database: Database) -> None:
    """If `settle` wrote the closure before the pause, several would begin, and the same hours count several times."""
    for number in range(8):
        backend = f"hub-{number}"
        for case in many(8):
            await two[0].accept(case, backend=backend)
        calls = (await two[0].claim(8, backend=backend)).calls

        await asyncio.gather(*(two[n % 2].settle(call, NOT_FOUND, pause=CLOSED) for n, call in enumerate(calls)))

        assert database.rows(f"SELECT count(*) FROM closures WHERE backend = '{backend}'") == [(1,)]  # noqa: S608


async def test_who_waits_on_one_replica_is_woken_when_the_other_settles(two: Two) -> None:
    """By the news alone: nobody looks for himself in this test. Measured: 2 ms; the promise is 100."""
    one, other = two
    one.rely_on_news()
    for number in range(5):
        operation_id = await one.accept(f"CN{number}")
        waiting = asyncio.create_task(one.ledger.finished(operation_id, 10))
        await other.settle(await other.call())
        settled_at = time.monotonic()

        assert await waiting
        assert time.monotonic() - settled_at < 3  # whoever looked for himself would do so after 10


async def test_the_others_hear_what_may_be_due_and_what_was_freed(two: Two) -> None:
    one, other = two
    await one.accept("CN1", "CN2", backend="hub")
    await heard(lambda: ("hub", 2) in other.seen.hints)
    assert one.seen.hints.count(("hub", 2)) == 1, "own news are not heard twice"
    call = (await one.claim(1)).calls[0]
    other.freed.clear()

    await one.settle(call)

    await heard(lambda: "hub" in other.freed)


async def test_who_missed_the_news_finds_out_within_the_poll(two: Two) -> None:
    one, other = two
    operation_id = await one.accept("CN1")
    await asyncio.to_thread(one.be_deaf)
    waiting = asyncio.create_task(one.ledger.finished(operation_id, 10))
    await other.settle(await other.call())

    async with asyncio.timeout(3):
        assert await waiting


async def test_who_listens_is_back_after_its_connection_was_killed(two: Two, database: Database) -> None:
    """What happened meanwhile is read again: the news of it went nowhere."""
    one, other = two
    one.rely_on_news()
    first = await one.accept("CN1")
    waiting = asyncio.create_task(one.ledger.finished(first, 10))
    call = await other.call()
    await heard(lambda: bool(database.rows(LISTENERS)))
    await other.settle(call)

    assert await waiting
    second = await one.accept("CN2")
    waiting = asyncio.create_task(one.ledger.finished(second, 10))
    await other.settle(await other.call())
    assert await waiting


async def test_a_frozen_transaction_of_one_replica_does_not_stop_the_other_for_long(
    two: Two, database: Database
) -> None:
    """A process that is stopped inside `claim` holds its locks; the server ends its transaction after 5 seconds."""
    one, other = two
    await one.accept("CN1")
    assert one.store is not None

    def stand_still(tx: Transaction) -> None:
        tx.lock("limits hub")
        time.sleep(5.5)

    stuck = asyncio.create_task(one.store.write(stand_still))
    await asyncio.sleep(0.2)
    started_at = time.monotonic()

    calls = (await other.claim(1)).calls

    assert len(calls) == 1
    assert 3 < time.monotonic() - started_at < 15
    with pytest.raises(Exception, match="ledger cannot be used"):
        await stuck
    assert database.rows("SELECT count(*) FROM calls") == [(1,)]


async def test_claims_that_stand_in_line_keep_neither_requests_nor_settles_waiting(
    two: Two, database: Database
) -> None:
    """Without the limit on how many stand in line, they take up every connection."""
    one, _ = two
    backends = [f"hub-{number}" for number in range(8)]
    for backend in backends:
        await one.accept("CN1", backend=backend)
    call = await one.call(backend="hub-0", limits=Limits("hub-0"))
    for backend in backends:
        database.rows(f"SELECT pg_advisory_lock(hashtextextended('case-gateway limits {backend}', 0))")
    claims = [asyncio.create_task(one.claim(1, backend=name, limits=Limits(name))) for name in backends]
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await one.settle(call)
        await one.accept("CN2", "CN3")

    assert not any(claim.done() for claim in claims)
    database.rows("SELECT pg_advisory_unlock_all()")
    granted = [claim.calls for claim in await asyncio.gather(*claims)]
    assert [len(calls) for calls in granted] == [0, *[1] * 7]


async def test_requests_of_one_instant_on_both_replicas_stay_within_the_queue(two: Two, database: Database) -> None:
    """Without the lock in `accept`, some of them do not see each other."""
    await two[0].accept(*many(10, "FIRST"))
    answers = await asyncio.gather(*(two[n % 2].offer(numbers(f"CN{n}"), max_queued_cases=20) for n in range(60)))

    assert Counter(type(answer) for answer in answers) == {Accepted: 10, QueueFull: 50}
    assert database.rows("SELECT sum(cases) FROM queue_slots") == [(20,)]


async def heard(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a list that fills
            await asyncio.sleep(0.002)
