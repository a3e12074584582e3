"""After a crash at any instant everything goes on to an end (CONTRACT.md section 2, promise 1)."""

from typing import Unpack

import pytest

from gateway.config.settings import Limits
from gateway.ledger.base import Again
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import Purpose, Status
from gateway.model.outcomes import CaseOutcome, Code
from tests.contract.desk import LEASE_SECONDS, SUCCEEDED, UNKNOWN, Desk, Rules, ecm_case, removed, values

CAPPED = Limits("hub", max_in_flight=1)


async def lost_after(desk: Desk, seconds: float, **rules: Unpack[Rules]) -> tuple[Call, ...]:
    desk.clock.advance(seconds)
    return (await desk.claim(**rules)).lost


@pytest.mark.parametrize("restart", [False, True])
async def test_a_call_without_a_word_is_found_once_its_lease_has_run_out(desk: Desk, *, restart: bool) -> None:
    await desk.accept("CN1", "CN2")
    call, *_ = (await desk.claim(1)).calls
    if restart:
        await desk.reopen()

    early = await lost_after(desk, LEASE_SECONDS - 0.001)
    (lost,) = await lost_after(desk, 0.001)

    assert early == ()
    assert (lost.id, lost.operation_id, values(lost)) == (call.id, call.operation_id, values(call))
    assert (lost.purpose, lost.granted_at) == (Purpose.EXECUTE, call.granted_at)


async def test_it_holds_slot_and_case_until_then(desk: Desk) -> None:
    await desk.accept("CN1", "CN2")
    held = await desk.call(limits=CAPPED)
    await desk.reopen()

    during = await desk.claim(limits=CAPPED)
    desk.clock.advance(LEASE_SECONDS)

    assert (during.calls, during.ask_again_at) == ((), held.granted_at + LEASE_SECONDS * SECOND)
    assert values(*(await desk.claim(limits=CAPPED)).calls) == ["CN2"]


async def test_it_stays_lost_until_it_is_settled(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.call()
    (first,) = await lost_after(desk, LEASE_SECONDS)
    await desk.reopen()
    (again,) = (await desk.claim()).lost
    await desk.unanswered(again)

    assert first == again
    assert (await desk.claim()).lost == ()
    assert await desk.status(operation_id) is Status.UNKNOWN


async def test_it_may_be_resumed(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    call = await desk.call()
    (lost,) = await lost_after(desk, LEASE_SECONDS)
    await desk.settle(lost, UNKNOWN, Again("act", 0.0, failure=True), answered=False)

    resumed = await desk.call()
    await desk.settle(resumed, SUCCEEDED)

    assert resumed.cases[0].request_id == call.cases[0].request_id
    assert (resumed.cases[0].begun, resumed.cases[0].attempts) == (True, 1)
    assert await desk.status(operation_id) is Status.SUCCEEDED


async def test_a_call_that_was_settled_in_time_is_not_lost(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", "CN3")
    answered, unanswered, put_back = (await desk.claim()).calls
    await desk.settle(answered)
    await desk.unanswered(unanswered)
    await desk.put_back(put_back)

    assert await lost_after(desk, LEASE_SECONDS) == ()


async def test_calls_of_other_backends_are_theirs_to_find(desk: Desk) -> None:
    await desk.accept("CN1", backend="other")
    await desk.call(backend="other")

    assert await lost_after(desk, LEASE_SECONDS) == ()
    assert len(await lost_after(desk, 0, backend="other")) == 1


async def test_a_lost_call_of_a_cancelled_operation_comes_to_its_end(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.call()
    await desk.ledger.cancel(operation_id)
    (lost,) = await lost_after(desk, LEASE_SECONDS)

    await desk.unanswered(lost, Again("act", 0.0))

    assert (await desk.operation(operation_id)).status is Status.UNKNOWN


async def test_a_lost_removal_knows_its_items(desk: Desk) -> None:
    await desk.remove(ecm_case("CA1", "A", "B"))
    first = CaseOutcome(Status.PENDING, items=removed(A=Status.SUCCEEDED, B=Status.PENDING))
    await desk.settle(await desk.call(), first, Again("act", 0.0))
    await desk.call()

    (lost,) = await lost_after(desk, LEASE_SECONDS)

    assert [item.id for item in lost.cases[0].items] == ["B"]
    assert lost.cases[0].earlier_items == first.items


async def test_lost_calls_with_several_cases_are_one_call(desk: Desk) -> None:
    await desk.remove(ecm_case("CA1", "A"), ecm_case("CA2", "A"))
    await desk.call(cases_per_call=2)

    (lost,) = await lost_after(desk, LEASE_SECONDS)

    assert values(lost) == ["CA1", "CA2"]


async def test_a_lost_call_is_under_way_for_who_asks(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    await desk.call()
    await desk.reopen()

    assert (await desk.operation(operation_id)).in_flight
    assert (await desk.ledger.queues(["hub"]))["hub"].in_flight == 1


async def test_no_code_of_an_unanswered_call_is_forgotten_over_a_restart(desk: Desk) -> None:
    await desk.accept("CN1")
    await desk.unanswered(await desk.call(), Again("act", 0.0))
    await desk.reopen()
    desk.clock.advance(LEASE_SECONDS)

    earlier = (await desk.call()).cases[0].earlier

    assert earlier is not None
    assert earlier.code is Code.OUTCOME_UNKNOWN
