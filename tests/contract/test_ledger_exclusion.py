"""Never two calls at once for the same identifier of the same upstream tenant (CONTRACT.md section 2, promise 3)."""

import pytest

from gateway.config.settings import Limits
from gateway.model.cases import Case, Identifier
from gateway.model.kinds import IdentifierType, Purpose, System
from tests.contract.desk import LEASE_SECONDS, SUCCEEDED, Desk, Request, many, values

SAME = "CN1"
SHARED = Limits("shared")


async def test_the_later_operation_on_a_case_waits_for_the_earlier(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME)
    first = await desk.call()

    during = await desk.claim()
    await desk.settle(first)

    assert during.calls == ()
    assert values(await desk.call()) == [SAME]


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "acme-no", "upstream_tenant": "acme"},
        {"caller": "ui"},
        {"execute": False},
    ],
    ids=["another tenant of ours, the same upstream", "another caller", "a dry run"],
)
async def test_whoever_asks_the_case_is_the_same(desk: Desk, other: Request) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME, **other)

    assert len((await desk.claim()).calls) == 1
    assert (await desk.claim()).calls == ()


async def test_identifiers_of_different_types_or_tenants_or_of_another_spelling_do_not_wait(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(Case(Identifier(IdentifierType.CASE_TOKEN, SAME)))
    await desk.accept(SAME, tenant="other", upstream_tenant="other")
    await desk.accept(SAME.lower())

    assert len((await desk.claim()).calls) == 4


async def test_tenant_and_identifier_cannot_be_confused(desk: Desk) -> None:
    await desk.accept("b-c", upstream_tenant="a")
    await desk.accept("c", upstream_tenant="a-b")

    assert len((await desk.claim()).calls) == 2


async def test_backends_of_one_limits_group_exclude_each_other(desk: Desk) -> None:
    await desk.accept(SAME, backend="hub")
    await desk.accept(SAME, backend="hub-v2")
    first = await desk.call(backend="hub", limits=SHARED)

    during = await desk.claim(backend="hub-v2", limits=SHARED)
    await desk.settle(first)

    assert during.calls == ()
    assert values(await desk.call(backend="hub-v2", limits=SHARED)) == [SAME]


async def test_backends_of_different_groups_do_not(desk: Desk) -> None:
    await desk.accept(SAME, backend="hub")
    await desk.accept(SAME, backend="test")

    assert len((await desk.claim(backend="hub", limits=Limits("hub"))).calls) == 1
    assert len((await desk.claim(backend="test", limits=Limits("test"))).calls) == 1


async def test_an_unanswered_call_keeps_its_case_until_its_lease_ends(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME)
    await desk.unanswered(await desk.call())

    during = await desk.claim()
    desk.clock.advance(LEASE_SECONDS - 0.000_001)
    still = await desk.claim()
    desk.clock.advance(0.000_001)

    assert during.calls == still.calls == ()
    assert during.ask_again_at == desk.ledger.now()
    assert len((await desk.claim()).calls) == 1


@pytest.mark.parametrize("system", [System.HUB_PROPERTY, System.CLAIMSHOP])
async def test_a_lost_call_keeps_its_case_until_somebody_has_said_what_became_of_it(desk: Desk, system: System) -> None:
    """The next operation needs to know: its call goes on under the lost one's request id, or is a probe."""
    await desk.accept(SAME, system=system)
    await desk.accept(SAME, system=system)
    await desk.call()
    desk.clock.advance(LEASE_SECONDS)

    found = await desk.claim()
    (lost,) = found.lost
    await desk.unanswered(lost)
    following = await desk.call()

    assert found.calls == ()
    assert found.ask_again_at is not None
    assert values(following) == [SAME]
    if system is System.HUB_PROPERTY:
        assert following.cases[0].request_id == lost.cases[0].request_id
    else:
        assert following.purpose is Purpose.PROBE


async def test_a_backend_that_changed_its_group_still_knows_its_calls(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME)
    first = await desk.call(limits=Limits("before"))

    during = await desk.claim(limits=Limits("after"))
    await desk.unanswered(first)
    desk.clock.advance(LEASE_SECONDS)
    following = await desk.call(limits=Limits("after"))

    assert during.calls == ()
    assert following.cases[0].request_id == first.cases[0].request_id


async def test_a_retry_too_waits_for_the_lease_of_the_unanswered_call(desk: Desk) -> None:
    operation_id = await desk.accept(SAME)
    await desk.unanswered(await desk.call())

    await desk.ledger.retry(operation_id)
    during = await desk.claim()
    desk.clock.advance(LEASE_SECONDS)

    assert during.calls == ()
    assert len((await desk.claim()).calls) == 1


async def test_the_lease_holds_over_a_restart(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME)
    await desk.call()

    await desk.reopen()

    assert (await desk.claim()).calls == ()


async def test_a_call_that_was_not_sent_frees_its_case_at_once(desk: Desk) -> None:
    await desk.accept(SAME)
    await desk.accept(SAME)
    await desk.put_back(await desk.call())

    assert len((await desk.claim()).calls) == 1


async def test_many_copies_of_one_case_do_not_keep_others_from_free_slots(desk: Desk) -> None:
    for _ in range(10):
        await desk.accept(SAME)
    await desk.accept("CN2")
    await desk.accept("CN3")

    assert values(*(await desk.claim(3)).calls) == [SAME, "CN2", "CN3"]
    assert (await desk.claim(3)).calls == ()


async def test_copies_of_a_whole_operation_run_one_behind_the_other(desk: Desk) -> None:
    await desk.accept(*many(6))
    await desk.accept(*many(6))
    seen: list[str] = []
    while calls := (await desk.claim(4)).calls:
        assert len(set(values(*calls))) == len(calls)
        seen += values(*calls)
        for call in calls:
            await desk.settle(call, SUCCEEDED)

    assert sorted(seen) == sorted(2 * [f"CN{number}" for number in range(6)])


async def test_two_cases_of_one_call_are_never_the_same(desk: Desk) -> None:
    await desk.accept("CN1", "CN2", "CN3")
    await desk.accept("CN1", "CN2", "CN3")

    calls = (await desk.claim(cases_per_call=10)).calls

    assert [values(call) for call in calls] == [["CN1", "CN2", "CN3"]]
