"""Work belongs to the upstream that it was accepted for: another one under the same name never gets it."""

from gateway.config.settings import Limits
from gateway.ledger.base import Again, Unended
from gateway.model.kinds import Status, System
from tests.contract.desk import LEASE_SECONDS, UNKNOWN, Desk, values

OLD, NEW = "hub-property https://old/ecx", "hub-property https://new/ecx"


async def test_a_claim_gets_the_work_of_its_own_upstream_only(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", upstream=OLD)
    await desk.accept("CN3", upstream=NEW)

    assert values(*(await desk.claim(upstream=NEW)).calls) == ["CN3"]
    assert sorted(values(*(await desk.claim(upstream=OLD)).calls)) == ["CN1", "CN2"]


async def test_work_of_another_upstream_is_no_reason_to_ask_again(desk: Desk) -> None:
    await desk.accept("CN1", upstream=OLD)

    assert (await desk.claim(upstream=NEW)).ask_again_at is None


async def test_a_call_that_was_lost_is_told_to_its_own_upstream_only(desk: Desk) -> None:
    await desk.accept("CN1", upstream=OLD)
    await desk.call(upstream=OLD)
    desk.clock.advance(LEASE_SECONDS + 1)

    assert (await desk.claim(upstream=NEW)).lost == ()
    assert values(*(await desk.claim(upstream=OLD)).lost) == ["CN1"]


async def test_what_waits_again_or_is_asked_for_again_stays_with_its_upstream(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", upstream=OLD)
    await desk.unanswered(await desk.call(upstream=OLD), Again("act", 0.0))
    desk.clock.advance(LEASE_SECONDS + 1)
    assert (await desk.claim(upstream=NEW)).calls == ()
    await desk.settle(await desk.call(upstream=OLD), UNKNOWN)
    await desk.ledger.retry(operation_id)

    assert (await desk.claim(upstream=NEW)).calls == ()
    assert values(await desk.call(upstream=OLD)) == ["CN1"]


async def test_two_upstreams_under_one_name_share_the_limits_of_their_group(desk: Desk) -> None:
    one = Limits("hub", max_in_flight=1)
    await desk.accept("CN1", upstream=OLD)
    await desk.accept("CN2", upstream=NEW)
    call = await desk.call(upstream=OLD, limits=one)

    assert (await desk.claim(upstream=NEW, limits=one)).calls == ()
    await desk.settle(call)
    assert len((await desk.claim(upstream=NEW, limits=one)).calls) == 1


async def test_what_has_not_ended_is_known_by_backend_and_upstream(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", upstream=OLD)
    await desk.accept("CN3", upstream=NEW)
    await desk.accept("CN4", backend="claimshop", system=System.CLAIMSHOP, upstream="claimshop")
    for call in (await desk.claim(1, upstream=OLD)).calls:
        await desk.settle(call)
    await desk.settle(await desk.call(upstream=NEW))

    assert await desk.ledger.unended() == (
        Unended("claimshop", System.CLAIMSHOP, "claimshop", 1),
        Unended("hub", System.HUB_PROPERTY, OLD, 1),
    )


async def test_work_that_no_claim_gets_is_listed_counted_and_cancelled(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", upstream=OLD)

    queue = (await desk.ledger.queues(["hub"]))["hub"]
    await desk.ledger.cancel(operation_id)

    assert queue.pending == {"acme": 2}
    assert (await desk.operation(operation_id)).status is Status.CANCELLED
    assert await desk.ledger.unended() == ()


async def test_a_freed_slot_is_told_to_others_and_not_to_the_backend_that_knows_it(desk: Desk) -> None:
    await desk.accept("CN1", backend="a")
    await desk.accept("CN2", backend="b")
    limits = Limits("both", max_in_flight=1)
    call = await desk.call(backend="a", limits=limits)
    await desk.claim(backend="b", limits=limits)
    desk.seen.hints.clear()

    await desk.settle(call)

    assert desk.seen.hints == [("b", 0)]


async def test_a_cancelled_case_that_only_waits_to_find_out_ends_as_unknown_when_nobody_can(desk: Desk) -> None:
    operation_id = await desk.accept("CN1", "CN2", upstream=OLD)
    other = await desk.accept("CN3", upstream=OLD)
    for call in (await desk.claim(3, upstream=OLD)).calls:
        await desk.unanswered(call, Again("probe", 60.0))
    await desk.ledger.cancel(operation_id)

    await desk.ledger.give_up("hub", NEW)
    assert (await desk.operation(operation_id)).status is None
    await desk.ledger.give_up("hub", OLD)

    assert (await desk.operation(operation_id)).status is Status.UNKNOWN
    assert (await desk.operation(other)).status is None
