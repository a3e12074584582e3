"""A gateway that ends and another that takes up its ledger; and callers that go away."""

import asyncio

from .conftest import Stacks
from .stack import DELETIONS, Caller, Json, Stack, Upstreams, customers, numbers, until


async def test_a_bulk_operation_goes_on_after_a_restart_with_nothing_lost_or_sent_twice(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 3}) as both:
        up, cases = both.upstreams, [f"CN{i}" for i in range(30)]
        await up.switch(hub={"latencySeconds": 0.05})
        operation_id = await (await both.caller()).accepted("acme-dk", DELETIONS, numbers(*cases))
        for halt_after in (5, 12):
            await up.arrived(halt_after)
            await both.stop()
            made = len(await up.business())
            await both.start()
            assert halt_after <= made < 30

        envelope = await (await both.caller()).ended(operation_id)

        assert envelope["summary"]["succeeded"] == 30
        calls = await up.business()
        assert sorted(call["cases"][0] for call in calls) == sorted(cases)
        assert [call["violations"] for call in calls] == [[]] * 30
        assert {call["done"] for call in calls} == {"deleted"}


async def test_calls_in_flight_end_before_the_gateway_does(both: Stack, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 0.5})
    job = await both.caller()
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
    await up.arrived(1)

    await both.stop()
    await both.start()

    envelope = await (await both.caller()).operation(operation_id)
    assert (envelope["status"], envelope["results"][0]["attempts"]) == ("succeeded", 1)
    assert len(await up.business()) == 1


async def test_who_waits_while_the_gateway_drains_is_answered_202(both: Stack, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 1.0})
    client = await both.caller()
    waiting = asyncio.create_task(client.delete("acme-dk", "CN1"))
    await up.arrived(1)

    draining = asyncio.create_task(both.gateway.drain())
    answer = await waiting

    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    ready = await client.http.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["draining"])
    assert (await client.http.get("/livez")).status_code == 200
    await draining
    assert (await client.operation(answer.json()["operationId"]))["status"] == "succeeded"


async def test_the_pace_survives_a_restart(stacks: Stacks) -> None:
    paced = {"limits.hub": {"per_second": 3, "per_minute": None, "max_in_flight": 5}}
    async with stacks(paced) as both:
        await both.upstreams.switch(hub={"perSecond": 3})
        operation_id = await (await both.caller()).accepted("acme-dk", DELETIONS, numbers("CN1", "CN2", "CN3", "CN4"))
        await both.upstreams.arrived(2)
        await both.stop()
        await both.start()

        envelope = await (await both.caller()).ended(operation_id)

        assert envelope["summary"]["succeeded"] == 4
        assert [call["violations"] for call in await both.upstreams.business()] == [[]] * 4


async def test_an_idempotency_key_is_known_after_a_restart(both: Stack, up: Upstreams) -> None:
    first = await (await both.caller()).delete("acme-no", "CN1", key="k")
    await both.stop()
    await both.start()

    copy = await (await both.caller()).delete("acme-no", "CN1", key="k")

    assert copy.json() == first.json()
    assert len(await up.business()) == 1


async def test_a_caller_that_hangs_up_changes_nothing(both: Stack, up: Upstreams, job: Caller) -> None:
    await up.switch(hub={"latencySeconds": 0.5})
    leaving = asyncio.create_task(job.delete("acme-dk", "CN1", "CN2"))
    await up.arrived(1)

    leaving.cancel()
    await asyncio.wait([leaving])

    other = await both.caller()
    ((operation,),) = await other.pages("/v1/operations")
    assert (await other.ended(operation["operationId"]))["summary"]["succeeded"] == 2
    assert len(await up.business()) == 2


async def test_a_caller_that_hangs_up_within_its_request_leaves_no_operation(both: Stack, up: Upstreams) -> None:
    port = int(both.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"execute": true, "cases": [{"caseNumber": "CN1"}'
    head = (
        b"POST /v1/tenants/acme-dk/case-deletions HTTP/1.1\r\nHost: gateway\r\nX-API-Key: key of the job\r\n"
        b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    )
    writer.write(head + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    job = await both.caller()
    assert (await job.delete("acme-dk", "CN2")).status_code == 200
    assert [len(page) for page in await job.pages("/v1/operations")] == [1]
    assert [call["cases"] for call in await up.business()] == [["CN2"]]


async def test_an_operation_shows_its_progress_while_it_runs(up: Upstreams, job: Caller) -> None:
    await up.switch(ecm={"latencySeconds": 0.15})
    cases: list[Json] = [customers(f"CA{i}") for i in range(60)]
    operation_id = await job.accepted("acme-dk", "customer-removals", cases)

    async def is_half_done() -> bool:
        summary = (await job.operation(operation_id))["summary"]
        assert summary["succeeded"] + summary["pending"] == 60
        return bool(0 < summary["succeeded"] < 60)

    await until(is_half_done)
    half = await job.operation(operation_id)
    pending = [result for result in half["results"] if result["status"] == "pending"]
    assert {result["evidence"] for result in pending} <= {None}
    assert (await job.ended(operation_id))["summary"]["succeeded"] == 60


async def test_a_loop_that_breaks_is_told_to_the_process_rather_than_dispatching_no_more(
    both: Stack, job: Caller
) -> None:
    del both.gateway._lines._lines["hub-dk"].dispatcher._carrier
    await job.accepted("acme-dk", DELETIONS, numbers("CN1"))

    async def is_told() -> bool:
        return len(both.broken) == 1

    await until(is_told)
    assert isinstance(both.broken.pop(), AttributeError)
