"""Which request id a deletion carries (CONTRACT.md section 1, "Requests"; UPSTREAMS.md, "Hub Property")."""

from typing import Unpack
from uuid import UUID

import pytest

from gateway.config.settings import Limits
from gateway.ledger.base import Again
from gateway.model.calls import GrantedCase
from gateway.model.kinds import Purpose, System
from gateway.model.outcomes import CaseOutcome
from tests.contract.desk import (
    CIRCUIT,
    LEASE_SECONDS,
    NOT_FOUND,
    RESUMABLE,
    SUCCEEDED,
    THROTTLED,
    UNKNOWN,
    Desk,
    Request,
    numbers,
)

GIVEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
SHARED = Limits("shared")


async def granted(desk: Desk, outcome: CaseOutcome, **request: Unpack[Request]) -> GrantedCase:
    """The case of a new operation that ended so."""
    await desk.accept("CN1", **request)
    call = await desk.call()
    await desk.settle(call, outcome)
    return call.cases[0]


async def next_of(desk: Desk, **request: Unpack[Request]) -> GrantedCase:
    await desk.accept("CN1", **request)
    return (await desk.call()).cases[0]


async def test_the_gateway_makes_a_uuid_and_shows_it(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    case = (await desk.call()).cases[0]

    assert case.request_id is not None
    assert str(UUID(case.request_id)) == case.request_id == (await desk.case(operation_id)).request_id


async def test_a_deletion_keeps_its_id_over_every_call(desk: Desk) -> None:
    operation_id = await desk.accept("CN1")
    ids = [(await desk.case(operation_id)).request_id]
    for outcome in (THROTTLED, RESUMABLE, UNKNOWN):
        call = await desk.call()
        ids.append(call.cases[0].request_id)
        await desk.wait_again(call, outcome, seconds=0)
        await desk.reopen()
    call = await desk.call()
    await desk.put_back(call)
    await desk.settle(await desk.call(), UNKNOWN)
    await desk.ledger.retry(operation_id)

    assert {*ids, call.cases[0].request_id, (await desk.call()).cases[0].request_id} == {ids[0]}


@pytest.mark.parametrize("system", [System.HUB_PROPERTY, System.CLAIMSHOP])
async def test_an_id_that_the_caller_gave_is_kept(desk: Desk, system: System) -> None:
    await granted(desk, UNKNOWN, system=system)
    operation_id = await desk.accept(*numbers("CN1", request_id=GIVEN), system=system)
    call = await desk.call()
    await desk.wait_again(call, THROTTLED, seconds=0)

    assert call.cases[0].request_id == (await desk.call()).cases[0].request_id == GIVEN
    assert (await desk.case(operation_id)).request_id == GIVEN


@pytest.mark.parametrize("earlier", [RESUMABLE, UNKNOWN])
async def test_a_resumable_or_unsettled_deletion_of_the_same_case_lends_its_id(
    desk: Desk, earlier: CaseOutcome
) -> None:
    lender = await granted(desk, earlier)
    operation_id = await desk.accept("CN1", tenant="acme-no", upstream_tenant="acme")
    case = (await desk.call()).cases[0]

    assert (case.request_id, case.begun, case.earlier) == (lender.request_id, True, None)
    assert (await desk.case(operation_id)).request_id == lender.request_id


async def test_an_id_that_a_caller_gave_is_lent_as_well(desk: Desk) -> None:
    await desk.accept(*numbers("CN1", request_id=GIVEN))
    await desk.settle(await desk.call(), RESUMABLE)

    assert (await next_of(desk)).request_id == GIVEN


async def test_what_borrows_goes_on_with_the_same_id(desk: Desk) -> None:
    lender = await granted(desk, RESUMABLE)
    await desk.accept("CN1")
    await desk.wait_again(await desk.call(), THROTTLED, seconds=0)

    case = (await desk.call()).cases[0]

    assert (case.request_id, case.begun) == (lender.request_id, True)


@pytest.mark.parametrize("outcome", [SUCCEEDED, NOT_FOUND, THROTTLED])
async def test_a_deletion_that_is_settled_lends_nothing(desk: Desk, outcome: CaseOutcome) -> None:
    earlier = await granted(desk, outcome)
    case = await next_of(desk)

    assert case.request_id != earlier.request_id
    assert not case.begun


async def test_nothing_is_lent_once_the_deletion_succeeded_with_that_id(desk: Desk) -> None:
    lender = await granted(desk, RESUMABLE)
    borrower = await granted(desk, SUCCEEDED)
    case = await next_of(desk)

    assert borrower.request_id == lender.request_id
    assert case.request_id != lender.request_id
    assert not case.begun


async def test_a_borrower_does_not_use_the_id_of_a_deletion_that_has_succeeded_since(desk: Desk) -> None:
    lender = await desk.accept("CN1")
    call = await desk.call()
    lent = call.cases[0].request_id
    await desk.settle(call, RESUMABLE)
    borrower = await desk.accept("CN1")
    await desk.wait_again(await desk.call(), THROTTLED, seconds=10)
    await desk.ledger.retry(lender)
    await desk.settle(await desk.call(), SUCCEEDED)
    desk.clock.advance(10)

    case = (await desk.call()).cases[0]

    assert case.request_id != lent
    assert not case.begun
    assert (await desk.case(borrower)).request_id == case.request_id


@pytest.mark.parametrize(
    "other",
    [{"upstream_tenant": "other"}, {"execute": False}, {"system": System.CLAIMSHOP}],
    ids=["another upstream tenant", "a dry run", "another system"],
)
async def test_nothing_is_lent_to(desk: Desk, other: Request) -> None:
    lender = await granted(desk, RESUMABLE)
    case = await next_of(desk, **other)

    assert case.request_id != lender.request_id
    assert not case.begun


async def test_nothing_is_lent_by_a_dry_run(desk: Desk) -> None:
    dry_run = await granted(desk, UNKNOWN, execute=False)

    assert (await next_of(desk)).request_id != dry_run.request_id


async def test_backends_of_one_group_lend_to_each_other_and_others_do_not(desk: Desk) -> None:
    await desk.accept("CN1", backend="a")
    call = await desk.call(backend="a", limits=SHARED)
    await desk.settle(call, RESUMABLE)
    await desk.accept("CN1", backend="b")
    await desk.accept("CN1", backend="elsewhere")

    same = (await desk.call(backend="b", limits=SHARED)).cases[0]
    other = (await desk.call(backend="elsewhere", limits=Limits("elsewhere"))).cases[0]

    assert same.request_id == call.cases[0].request_id
    assert other.request_id != call.cases[0].request_id
    assert not other.begun


async def test_a_dry_run_has_a_fresh_id_for_each_call(desk: Desk) -> None:
    operation_id = await desk.accept(*numbers("CN1", request_id=GIVEN), execute=False)
    ids = [GIVEN]
    for _ in range(3):
        call = await desk.call()
        ids.append(call.cases[0].request_id or "")
        await desk.wait_again(call, UNKNOWN, seconds=0)
    assert not call.cases[0].begun
    await desk.settle(await desk.call(), UNKNOWN)
    await desk.ledger.retry(operation_id)
    ids.append((await desk.call()).cases[0].request_id or "")

    assert len(set(ids)) == len(ids)


async def test_an_unsettled_call_lends_once_its_lease_is_over(desk: Desk) -> None:
    await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)
    await desk.accept("CN1")
    desk.clock.advance(LEASE_SECONDS)

    assert (await desk.call()).cases[0].request_id == call.cases[0].request_id


async def test_what_was_left_unsettled_goes_on_with_what_another_began_after_its_end(desk: Desk) -> None:
    """The first one's id has come to its end in the second's hands; the third then began under an id of its own."""
    first = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)
    desk.clock.advance(LEASE_SECONDS)
    second = await granted(desk, SUCCEEDED)
    await desk.accept("CN1")
    third = await desk.call()
    await desk.unanswered(third)
    desk.clock.advance(LEASE_SECONDS)

    await desk.ledger.retry(first)
    again = await desk.call()

    assert second.request_id == call.cases[0].request_id
    assert third.cases[0].request_id not in {None, second.request_id}
    assert again.operation_id == first
    assert again.cases[0].request_id == third.cases[0].request_id


async def test_a_trial_is_no_later_call_of_its_case(desk: Desk) -> None:
    """As above, but the first one's case tries the backend out before it goes on."""
    first = await desk.accept("CN1")
    call = await desk.call()
    await desk.unanswered(call)
    desk.clock.advance(LEASE_SECONDS)
    await granted(desk, SUCCEEDED)
    await desk.accept("CN1")
    third = await desk.call()
    await desk.unanswered(third)
    desk.clock.advance(LEASE_SECONDS)
    await desk.accept("CN2", "CN3")
    for other in (await desk.claim()).calls:
        await desk.judge(other, failed=True)
    await desk.ledger.retry(first)
    desk.clock.advance(CIRCUIT.open_seconds)
    trial = await desk.call()
    await desk.judge(trial, failed=False, again=Again("act", 0.0))
    again = await desk.call()

    assert trial.purpose is Purpose.TRIAL
    assert trial.operation_id == again.operation_id == first
    assert again.cases[0].request_id == third.cases[0].request_id
