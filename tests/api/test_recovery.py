"""What was lost on the way is found again, or stays told as unknown; never is it sent again blindly."""

from itertools import pairwise

from .configuration import SHORT_LEASES, Change
from .conftest import Stacks
from .stack import DELETIONS, Caller, Stack, Upstreams, customers, numbers, until


async def test_an_upstream_that_was_away_is_taken_up_again_by_itself(both: Stack, job: Caller, up: Upstreams) -> None:
    assert (await job.delete("acme-dk", "CN0")).status_code == 200
    await both.sandbox_goes()
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1", "CN2", "CN3"))

    async def has_tried() -> bool:
        return any("unreachable" in str(event).lower() for event in both.events)

    await until(has_tried)
    assert (await job.operation(operation_id))["summary"]["pending"] == 3
    await both.sandbox_returns()

    envelope = await job.ended(operation_id)
    assert envelope["summary"]["succeeded"] == 3
    assert [result["attempts"] for result in envelope["results"]] == [1, 1, 1], "what was not sent is no attempt"
    assert [call["violations"] for call in await up.business()] == [[]] * 4


async def test_a_lost_call_keeps_its_case_and_its_slot_until_its_lease_ends(stacks: Stacks) -> None:
    change = SHORT_LEASES | {"backends.hub-dk.linger_seconds": 1.0, "limits.hub.max_in_flight": 2}
    async with stacks(change) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 0.1})

        answer = await job.delete("acme-dk", "DROP-1", "CN1", "CN2", "CN3")

        assert answer.status_code == 200
        calls = await up.business()
        lost, again = (call for call in calls if call["cases"] == ["DROP-1"])
        assert again["receivedAt"] - lost["receivedAt"] >= 1.65
        others = sorted((call["receivedAt"], call["answeredAt"]) for call in calls if call["cases"] != ["DROP-1"])
        assert all(begun >= ended for (_, ended), (begun, _) in pairwise(others))


async def test_a_copy_of_a_request_whose_outcome_is_unknown_finds_out(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES) as both:
        up, job = both.upstreams, await both.caller()
        first = await job.delete("acme-no", "DROP-AFTER-3-x", key="k")
        copy = await job.delete("acme-no", "DROP-AFTER-3-x", key="k")

        assert (first.status_code, copy.status_code) == (504, 200)
        assert copy.json()["results"][0]["evidence"] == "inferred"
        assert [call["execute"] for call in await up.business()] == [True, False, False, False]


async def test_another_operation_does_not_delete_what_is_unsettled_at_claimshop_before_it_has_looked(
    stacks: Stacks,
) -> None:
    async with stacks(SHORT_LEASES) as both:
        up, job = both.upstreams, await both.caller()
        unknown = (await job.delete("acme-no", "HTML-3-x")).json()
        later = (await job.delete("acme-no", "HTML-3-x")).json()

        assert (unknown["status"], later["status"]) == ("unknown", "succeeded")
        assert [call["execute"] for call in await up.business()] == [True, False, False, False, True]


async def test_a_cancelled_claimshop_case_is_probed_but_not_executed_again(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES | {"backends.claimshop-dk.linger_seconds": 1.5}) as both:
        up, job = both.upstreams, await both.caller()
        operation_id = await job.accepted("acme-no", DELETIONS, numbers("DROP-1"))
        await up.arrived(1)

        await job.cancel(operation_id)

        (result,) = (await job.ended(operation_id))["results"]
        assert (result["status"], result["errors"][0]["code"]) == ("cancelled", "case_cancelled")
        assert [(call["execute"], call["done"]) for call in await up.business()] == [
            (True, "nothing"),
            (False, "nothing"),
        ]


async def test_another_operation_takes_up_an_unsettled_hub_deletion_with_its_id(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES | {"retry.max_attempts": 1}) as both:
        up, job = both.upstreams, await both.caller()
        unknown = (await job.delete("acme-dk", "DROP-AFTER-1")).json()["results"][0]
        later = (await job.delete("acme-dk", "DROP-AFTER-1")).json()["results"][0]

        assert (unknown["status"], later["status"], later["evidence"]) == ("unknown", "succeeded", "inferred")
        assert later["requestId"] == unknown["requestId"]
        assert [call["violations"] for call in await up.business()] == [[], []]


async def test_a_hub_deletion_that_stayed_unknown_is_resumed_by_retry_with_its_id(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES) as both:
        up, job = both.upstreams, await both.caller()
        unknown = (await job.delete("acme-dk", "HTML-3-x")).json()
        assert (unknown["status"], unknown["results"][0]["attempts"]) == ("unknown", 3)

        (result,) = (await job.retry(unknown["operationId"])).json()["results"]

        assert (result["status"], result["deleted"], result["attempts"]) == ("succeeded", True, 4)
        assert {call["requestId"] for call in await up.business()} == {result["requestId"]}


async def test_a_refused_credential_after_a_lost_answer_leaves_the_outcome_unknown(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES | {"retry.deadline_seconds": 3}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"fault": {"like": "DROP-AFTER", "calls": 1}})
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
        await up.arrived(1)
        await up.switch(hub={"fault": {"like": "UNAUTHORIZED"}})

        (result,) = (await job.ended(operation_id))["results"]

        assert (result["status"], result["errors"][0]["code"]) == ("unknown", "outcome_unknown")
        assert result["attempts"] == len(await up.business()) == 3


async def test_a_dead_upstream_after_a_lost_ecm_answer_leaves_the_items_unknown(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES | {"retry.deadline_seconds": 0.5, "retry.max_attempts": 1}) as both:
        job = await both.caller()
        unknown = (await job.submit("acme-dk", "customer-removals", [customers("DROP-AFTER-1")])).json()
        await both.sandbox_goes()

        answer = await job.retry(unknown["operationId"])

        (result,) = answer.json()["results"]
        assert (answer.status_code, result["status"]) == (504, "unknown")
        assert [error["code"] for error in result["errors"]] == ["outcome_unknown", "upstream_unreachable"]
        await both.sandbox_returns()


async def test_a_drain_that_takes_too_long_is_given_up_and_the_next_gateway_settles_it(stacks: Stacks) -> None:
    change: Change = {"server.drain_seconds": 0.2, "backends.hub-dk.timeout_seconds": 1.5}
    async with stacks(change) as both:
        up = both.upstreams
        await up.switch(hub={"latencySeconds": 1.2})
        operation_id = await (await both.caller()).accepted("acme-dk", DELETIONS, numbers("CN1"))
        await up.arrived(1)

        await both.stop()
        await up.switch(hub={"latencySeconds": 0})
        await both.start()

        (result,) = (await (await both.caller()).ended(operation_id))["results"]
        assert (result["status"], result["evidence"]) == ("succeeded", "inferred")
        assert len({call["requestId"] for call in await up.business()}) == 1
