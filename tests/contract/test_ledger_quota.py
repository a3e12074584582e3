"""How many cases of one caller may be queued: exact, whoever else is queued, and however many ask at once."""

import asyncio

from gateway.ledger.base import Accepted, KeyReused, QueueFull, QuotaFull
from tests.contract.desk import NOT_FOUND, UNKNOWN, Desk, many, numbers


async def test_what_would_overfill_the_caller_s_quota_is_refused_whole(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", "CN3")

    refused = await desk.offer(numbers("CN4", "CN5"), quota=4)
    accepted = await desk.offer(numbers("CN4"), quota=4)

    assert refused == QuotaFull(3)
    assert isinstance(accepted, Accepted)
    assert await desk.offer(numbers("CN5"), quota=4) == QuotaFull(4)
    assert await desk.offer(numbers("CN5"), quota=4, tenant="acme-no", backend="other") == QuotaFull(4)


async def test_other_callers_cases_take_nothing_of_it(desk: Desk) -> None:
    await desk.offer(many(50), caller="bulk")

    assert isinstance(await desk.offer(numbers("CN1"), caller="ui", quota=1), Accepted)
    assert await desk.offer(many(9), max_queued_cases=0) == QueueFull(51), "the sum over all callers"


async def test_cases_count_until_they_end_and_again_when_they_are_retried(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", "CN3", "CN4")
    first, second, third = (await desk.claim(3)).calls
    await desk.settle(first)
    await desk.settle(second, NOT_FOUND)
    await desk.settle(third, UNKNOWN)
    left = await desk.offer(many(9), quota=0)

    await desk.ledger.cancel(operation_id)
    none_left = await desk.offer(many(9), quota=0)
    await desk.ledger.retry(operation_id)

    assert (left, none_left, await desk.offer(many(9), quota=0)) == (QuotaFull(1), QuotaFull(0), QuotaFull(3))


async def test_the_count_outlives_the_process(desk: Desk) -> None:
    await desk.accept("CN1", "CN2")
    await desk.reopen()

    assert await desk.offer(numbers("CN3"), quota=2) == QuotaFull(2)


async def test_a_copy_is_answered_however_full_the_quota_is(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", key="k")

    assert await desk.offer(numbers("CN1"), key="k", quota=0) == Accepted(operation_id, created=False)
    assert await desk.offer(numbers("CN1"), key="k", fingerprint="two", quota=0) == KeyReused()


async def test_of_many_that_come_at_once_exactly_as_many_are_accepted_as_there_is_room_for(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.offer(numbers(f"CN{number}"), quota=7) for number in range(30)))

    assert len([answer for answer in answers if isinstance(answer, Accepted)]) == 7
    assert [answer for answer in answers if isinstance(answer, QuotaFull)] == [QuotaFull(7)] * 23
