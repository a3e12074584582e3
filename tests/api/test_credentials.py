"""Credentials of the gateway at work: fetched once, renewed, refused, and working again."""

from itertools import pairwise

import pytest

from .conftest import Stacks
from .stack import DELETIONS, Caller, Json, Stack, Upstreams, customers, numbers, until

FIVE = ["CN1", "CN2", "CN3", "CN4", "CN5"]


async def tokens(up: Upstreams) -> list[Json]:
    return await up.history(system="token")


async def test_many_calls_share_one_token(job: Caller, up: Upstreams) -> None:
    assert (await job.delete("acme-dk", *FIVE)).status_code == 200
    assert (await job.delete("acme-no", *FIVE)).status_code == 200

    assert [call["done"] for call in await tokens(up)] == ["token_issued"]


async def test_a_token_that_is_revoked_is_replaced_once_for_all(job: Caller, up: Upstreams) -> None:
    await job.delete("acme-dk", "CN0")
    await up.revoke_tokens()

    assert (await job.delete("acme-dk", *FIVE)).status_code == 200
    assert len(await tokens(up)) == 2


async def test_a_token_is_renewed_before_it_expires(job: Caller, up: Upstreams) -> None:
    await up.switch(token={"lifetimeSeconds": 2}, hub={"latencySeconds": 0.25})

    answer = await job.delete("acme-dk", *(f"CN{i}" for i in range(30)))

    assert answer.status_code == 200
    assert {call["answered"] for call in await up.business()} == {200}
    assert len(await tokens(up)) >= 2


async def test_a_token_endpoint_that_is_down_fails_nothing_while_the_token_is_valid(job: Caller, up: Upstreams) -> None:
    await job.delete("acme-dk", "CN0")
    await up.switch(token={"down": True})

    assert (await job.delete("acme-dk", *FIVE)).status_code == 200


@pytest.mark.parametrize(
    ("system", "kind", "cases"),
    [
        ("hub", DELETIONS, numbers(*FIVE)),
        ("ecm", "customer-removals", [customers(name) for name in FIVE]),
    ],
)
async def test_a_refused_credential_fails_one_case_and_the_others_wait_until_it_works(
    system: str, kind: str, cases: list[Json], stacks: Stacks
) -> None:
    async with stacks({"limits.hub.max_in_flight": 1, "limits.ecm.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(**{system: {"fault": {"like": "UNAUTHORIZED"}}})
        operation_id = await job.accepted("acme-dk", kind, cases)

        async def one_failed() -> bool:
            return bool((await job.operation(operation_id))["summary"]["failed"])

        await until(one_failed)
        await up.arrived(6)
        assert (await job.operation(operation_id))["summary"]["failed"] == 1, "it is known to be no fault of the case"
        await up.switch(**{system: {"fault": None}})

        envelope = await job.ended(operation_id)
        assert envelope["summary"] | {"failed": 1, "succeeded": 4} == envelope["summary"]
        (failed,) = [result for result in envelope["results"] if result["status"] == "failed"]
        assert (failed["errors"][0]["code"], failed["attempts"]) == ("upstream_unauthorized", 2)


async def test_while_a_credential_is_refused_calls_come_one_at_a_time_and_seldom(stacks: Stacks) -> None:
    async with stacks({"retry.backoff_max_seconds": 0.5}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(ecm={"fault": {"like": "UNAUTHORIZED"}})
        operation_id = await job.accepted("acme-dk", "customer-removals", [customers("CA1"), customers("CA2")])
        await up.arrived(6)
        await job.cancel(operation_id)

        times = [call["receivedAt"] for call in await up.business()]
        gaps = [later - earlier for earlier, later in pairwise(times[3:])]
        assert min(gaps) > 0.4


async def test_a_client_that_is_unknown_fails_one_case_and_the_others_wait_until_it_is_known(both: Stack) -> None:
    up, job = both.upstreams, await both.caller()
    (thumbprint,) = (await up.http.get("/certificates")).json()["thumbprints"]
    certificate = (both.folder / "tls.crt").read_bytes()
    await up.http.delete("/certificates", params={"thumbprint": thumbprint})
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers(*FIVE))

    async def one_failed() -> bool:
        return bool((await job.operation(operation_id))["summary"]["failed"])

    await until(one_failed)
    assert await up.business() == []
    await up.http.post("/certificates", content=certificate)

    envelope = await job.ended(operation_id)
    assert envelope["summary"] | {"failed": 1, "succeeded": 4} == envelope["summary"]
    (failed,) = [result for result in envelope["results"] if result["status"] == "failed"]
    assert (failed["errors"][0]["code"], failed["attempts"]) == ("upstream_unauthorized", 0)
