"""A configuration that is changed while the gateway works, as callers, upstreams and operators see it."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import httpx2

from gateway.telemetry.events import ConfigurationApplied, ConfigurationRefused, WorkLeftBehind

from .configuration import JOB_KEY, NORWAY_KEY, SHORT_LEASES, Change, digest, write
from .conftest import Stacks
from .stack import DELETIONS, Caller, Json, Stack, Upstreams, customers, numbers, until

HUB_NO: Json = {"system": "hub-property", "credentials": "scalepoint", "limits": "hub", "hours": None}
WITHOUT_CLAIMSHOP: Change = {
    "backends.claimshop-dk": ...,
    "limits.claimshop": ...,
    "tenants.acme-no.cases": ...,
}


def applied(*changed: str, needs_restart: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> ConfigurationApplied:
    return ConfigurationApplied(changed, needs_restart, gone)


async def metrics(both: Stack) -> Mapping[str, float]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        lines = (await http.get(f"{both.url}/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def most_at_once(calls: list[Json]) -> int:
    return max(len([o for o in calls if o["receivedAt"] <= c["receivedAt"] < o["answeredAt"]]) for c in calls)


async def test_a_tighter_limit_is_kept_from_the_next_claim_on_under_load(
    both: Stack, up: Upstreams, job: Caller
) -> None:
    """A gateway that keeps its lines goes on with five calls at once; one that forgets the old ones waits for 5 s."""
    await up.switch(hub={"latencySeconds": 0.1})
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers(*(f"CN{i}" for i in range(40))))
    await up.arrived(10)

    assert await both.reconfigure({"limits.hub.max_in_flight": 2}) == applied("limits.hub")
    begun = len(await up.business())

    assert (await job.ended(operation_id))["summary"]["succeeded"] == 40
    calls = await up.business()
    assert most_at_once(calls[:begun]) == 5
    assert most_at_once(calls[begun + 5 :]) == 2
    assert len(calls) == 40
    arrivals = [call["receivedAt"] for call in calls]
    assert max(later - earlier for earlier, later in pairwise(arrivals)) < 3, "slots that the old calls free are used"


async def test_a_looser_limit_is_used_too(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 0.1})
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers(*(f"CN{i}" for i in range(20))))
        await up.arrived(3)

        await both.reconfigure({"limits.hub.max_in_flight": 5})

        assert (await job.ended(operation_id))["summary"]["succeeded"] == 20
        assert most_at_once(await up.business()) == 5


async def test_opening_hours_that_are_taken_away_let_waiting_work_go(stacks: Stacks) -> None:
    closed = {"backends.hub-dk.hours": {"open": "00:00", "close": "00:01"}, "backends.hub-dk.timeout_seconds": 1}
    async with stacks(closed) as both:
        job = await both.caller()
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
        assert (await job.operation(operation_id))["status"] == "scheduled"

        await both.reconfigure({"backends.hub-dk.hours": None})

        assert (await job.ended(operation_id))["status"] == "succeeded"


async def test_a_change_takes_effect_by_itself(both: Stack, job: Caller) -> None:
    both.tree["callers"]["job"]["execute"] = False
    write(both.folder, both.tree)

    async def is_refused() -> bool:
        return (await job.delete("acme-no", "NOTFOUND-1")).status_code == 403

    await until(is_refused)


async def test_a_backend_that_is_added_works_and_has_its_series(both: Stack, up: Upstreams, job: Caller) -> None:
    new = {**HUB_NO, "base_url": f"{both.sandbox.url}/ecx"}
    moved = {"backend": "hub-no", "tenant": "acmeno"}

    said = await both.reconfigure({"backends.hub-no": new, "tenants.acme-no.cases": moved})

    assert said == applied("backends.hub-no", "tenants.acme-no")
    answer = await job.delete("acme-no", "CN1")
    assert (answer.status_code, answer.json()["backend"]) == (200, "hub-no")
    assert [call["system"] for call in await up.business()] == ["hub-property"]
    assert (await metrics(both))['gateway_backend_open{backend="hub-no"}'] == 1


async def test_a_backend_with_work_is_not_removed_until_the_work_has_ended(
    both: Stack, up: Upstreams, job: Caller
) -> None:
    await up.switch(claimshop={"latencySeconds": 0.5})
    operation_id = await job.accepted("acme-no", DELETIONS, numbers("CN1"))
    await up.arrived(1)

    said = await both.reconfigure({**WITHOUT_CLAIMSHOP, "callers.ui": ...})

    assert isinstance(said, ConfigurationRefused)
    (fault,) = said.faults
    assert fault.startswith("backends.claimshop-dk: not removed while ")
    assert "ui" in both.gateway.settings().callers, "nothing of it is applied"
    assert (await job.ended(operation_id))["status"] == "succeeded"

    assert await both.look_now() == applied(
        "callers.ui", "limits.claimshop", "backends.claimshop-dk", "tenants.acme-no", gone=("claimshop-dk",)
    )
    answer = await job.delete("acme-no", "CN2")
    assert (answer.status_code, answer.json()["code"]) == (422, "operation_not_configured")
    assert (await job.operation(operation_id))["status"] == "succeeded"
    found = await metrics(both)
    assert [name for name in found if 'backend="claimshop-dk"' in name] == []
    assert found['gateway_config_reloads_total{outcome="refused"}'] == 1
    assert found['gateway_config_reloads_total{outcome="applied"}'] == 1


async def test_a_backend_with_work_keeps_its_system_and_its_base_url(both: Stack, up: Upstreams, job: Caller) -> None:
    await up.switch(hub={"latencySeconds": 1.0})
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
    await up.arrived(1)
    before = both.tree["backends"]["hub-dk"]
    claimshop = {"system": "claimshop", "country": "dk"}
    for change in ({"base_url": f"{both.sandbox.url}/elsewhere"}, claimshop):
        said = await both.reconfigure({"backends.hub-dk": before | change})
        assert isinstance(said, ConfigurationRefused)

    assert (await job.ended(operation_id))["status"] == "succeeded"
    assert isinstance(await both.reconfigure({"backends.hub-dk": before | claimshop}), ConfigurationApplied)
    assert (await job.delete("acme-dk", "CN2")).status_code != 200, "the Hub's URL is no ClaimShop"


async def test_a_base_url_is_changed_without_work_and_used_at_once(both: Stack, up: Upstreams, job: Caller) -> None:
    await job.delete("acme-dk", "CN1")

    said = await both.reconfigure({"backends.hub-dk.base_url": f"{both.sandbox.url}/webapp/ScalePoint/../elsewhere"})
    assert isinstance(said, ConfigurationRefused), "not even a URL"
    await both.reconfigure({"backends.hub-dk.base_url": f"{both.sandbox.url}/elsewhere", "retry.max_attempts": 1})
    answer = await job.delete("acme-dk", "CN2")

    assert answer.status_code == 504
    assert [call["cases"] for call in await up.history(system="hub-property")] == [["CN1"]]


async def test_a_caller_that_is_removed_is_let_in_no_more(both: Stack, job: Caller) -> None:
    norway = await both.caller(NORWAY_KEY)
    assert (await norway.delete("acme-no", "CN1")).status_code == 200

    await both.reconfigure({"callers.norway": ..., "callers.job.api_key_sha256": [digest(JOB_KEY), digest("new")]})

    assert (await norway.delete("acme-no", "CN2")).status_code == 401
    assert (await (await both.caller("new")).delete("acme-no", "CN2")).status_code == 200
    assert (await job.delete("acme-no", "CN3")).status_code == 200


async def test_another_credential_is_used_from_the_next_claim_on(both: Stack, up: Upstreams, job: Caller) -> None:
    (both.folder / "other-password").write_text("wrong", encoding="utf-8")
    await up.switch(ecm={"latencySeconds": 0.5})
    under_way = await job.accepted("acme-dk", "customer-removals", [customers("CA1")])
    await up.arrived(1)

    assert await both.reconfigure({"credentials.ecm.password_file": "other-password"}) == applied("credentials.ecm")

    refused = await job.submit("acme-dk", "customer-removals", [customers("CA2")])
    assert refused.json()["results"][0]["errors"][0]["code"] == "upstream_unauthorized"
    assert (await job.ended(under_way))["status"] == "succeeded", "what was under way ended as it had begun"


async def test_a_call_under_way_keeps_the_time_out_that_its_lease_was_made_for(
    both: Stack, up: Upstreams, job: Caller
) -> None:
    """With one channel for old and new calls, the call is cut off, or outlasts its lease."""
    await up.switch(hub={"latencySeconds": 1.5})
    under_way = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
    await up.arrived(1)

    await both.reconfigure({"backends.hub-dk.timeout_seconds": 0.5, "retry.max_attempts": 1})
    cut_off = await job.delete("acme-dk", "CN2")

    assert cut_off.status_code == 504
    envelope = await job.ended(under_way)
    assert (envelope["status"], envelope["results"][0]["attempts"]) == ("succeeded", 1)


async def test_an_invalid_change_is_told_and_ignored_and_a_mended_one_applied(both: Stack, job: Caller) -> None:
    said = await both.reconfigure(
        {"limits.hub.per_second": "five", "callers.job.tenants": ["nobody"], "callers.ui": ...}
    )

    assert isinstance(said, ConfigurationRefused)
    assert [fault.split(": ")[0] for fault in said.faults] == ["callers.job.tenants[0]", "limits.hub.per_second"]
    assert (await job.delete("acme-dk", "CN1")).status_code == 200
    assert "ui" in both.gateway.settings().callers
    mended = await both.reconfigure({"limits.hub.per_second": 4, "callers.job.tenants": ["acme-dk"]})
    assert mended == applied("callers.job", "callers.ui", "limits.hub")


async def differs(both: Stack) -> tuple[float, float]:
    """What the metric says: refused, and in need of a restart."""
    found = await metrics(both)
    return found['gateway_config_differs{why="refused"}'], found['gateway_config_differs{why="needs_restart"}']


async def test_a_metric_tells_for_as_long_as_the_process_does_not_run_by_its_file(both: Stack) -> None:
    """Also where what is put right is what was there before, and so changes nothing that is in force."""
    wait_seconds = both.tree["server"]["wait_seconds"]
    assert await differs(both) == (0, 0)
    await both.reconfigure({"limits.hub.per_second": "five"})
    assert await differs(both) == (1, 0)
    await both.reconfigure({"limits.hub.per_second": 5, "server.wait_seconds": wait_seconds + 1})
    assert await differs(both) == (0, 1)
    both.tree["server"]["wait_seconds"] = wait_seconds
    write(both.folder, both.tree)

    async def agrees() -> bool:
        return await differs(both) == (0, 0)

    await until(agrees)


async def test_what_needs_a_restart_is_told_and_the_rest_is_applied(both: Stack, job: Caller) -> None:
    port = both.gateway.settings().server.port

    said = await both.reconfigure({"server.port": 1, "server.wait_seconds": 1, "retry.max_attempts": 2})

    assert said == applied("retry.max_attempts", needs_restart=("server.port", "server.wait_seconds"))
    assert both.gateway.settings().server.port == port
    assert both.gateway.settings().retry.max_attempts == 2
    assert (await job.delete("acme-dk", "CN1")).status_code == 200


async def test_many_changes_under_load_lose_nothing_and_repeat_nothing(both: Stack, up: Upstreams, job: Caller) -> None:
    await up.switch(hub={"latencySeconds": 0.02}, claimshop={"latencySeconds": 0.02})
    both_kinds = [("acme-dk", f"CN{i}") for i in range(60)] + [("acme-no", f"CN{i}") for i in range(60)]
    submitted = [asyncio.create_task(job.delete(tenant, number)) for tenant, number in both_kinds]
    for turn in range(6):
        await up.arrived(10 * turn)
        said = await both.reconfigure(
            {"limits.hub.max_in_flight": 2 + turn % 4, "backends.claimshop-dk.timeout_seconds": 5 + turn}
        )
        assert isinstance(said, ConfigurationApplied)

    answers = await asyncio.gather(*submitted)

    assert {answer.status_code for answer in answers} == {200}
    calls = await up.business()
    assert len(calls) == len(both_kinds)
    assert {(call["done"], *call["violations"]) for call in calls} == {("deleted",)}
    assert both.gateway._lines._finishing == {}, "lines that ended are not kept"


async def test_at_start_work_of_a_backend_that_is_gone_waits_is_counted_and_can_be_cancelled(stacks: Stacks) -> None:
    async with stacks({"backends.claimshop-dk.hours": {"open": "00:00", "close": "00:05"}}) as both:
        operation_id = await (await both.caller()).accepted("acme-no", DELETIONS, numbers("CN1", "CN2"))
        await both.stop()
        both.tree["tenants"]["acme-no"].pop("cases")
        both.tree["backends"].pop("claimshop-dk")
        both.events.clear()
        await both.start()
        job = await both.caller()

        assert (await metrics(both))['gateway_cases_pending{backend="claimshop-dk"}'] == 2
        assert (await metrics(both))['gateway_backend_open{backend="claimshop-dk"}'] == 0
        ((listed,),) = await job.pages("/v1/operations", status="running")
        assert (listed["operationId"], listed["backend"]) == (operation_id, "claimshop-dk")
        assert (await job.operation(operation_id))["summary"]["pending"] == 2
        tenants = (await job.http.get("/v1/tenants")).json()["items"]
        assert "acme-no" in {tenant["tenant"] for tenant in tenants}
        assert [event.cases for event in both.events if isinstance(event, WorkLeftBehind)] == [2]
        assert (await job.cancel(operation_id)).json()["status"] == "cancelled"
        assert (await job.delete("acme-dk", "CN1")).status_code == 200


async def test_at_start_work_of_another_system_waits_and_new_work_goes_on(stacks: Stacks) -> None:
    """Without upstreams, the ClaimShop deletion is sent to the Hub."""
    async with stacks() as both:
        up = both.upstreams
        await both.sandbox_goes()
        old = await (await both.caller()).accepted("acme-no", DELETIONS, numbers("CN1"))
        await both.stop()
        await both.sandbox_returns()
        hub = {**HUB_NO, "base_url": f"{both.sandbox.url}/ecx"}
        both.tree["backends"]["claimshop-dk"] = hub
        await both.start()
        job = await both.caller()

        assert (await job.delete("acme-no", "CN2")).status_code == 200
        assert (await job.operation(old))["summary"]["pending"] == 1
        assert (await job.operation(old))["system"] == "claimshop"
        assert [(call["system"], call["cases"]) for call in await up.business()] == [("hub-property", ["CN2"])]
        assert (await job.cancel(old)).json()["status"] in {"cancelled", "running"}
        assert (await job.ended(old))["status"] == "cancelled"


async def test_work_that_waited_for_its_upstream_goes_on_when_it_is_configured_again(
    both: Stack, up: Upstreams
) -> None:
    await both.sandbox_goes()
    old = await (await both.caller()).accepted("acme-dk", DELETIONS, numbers("CN1"))
    await both.stop()
    await both.sandbox_returns()
    right = both.tree["backends"]["hub-dk"]["base_url"]
    both.tree["backends"]["hub-dk"]["base_url"] = f"{both.sandbox.url}/elsewhere"
    await both.start()
    assert (await (await both.caller()).operation(old))["summary"]["pending"] == 1

    await both.reconfigure({"backends.hub-dk.base_url": right})

    assert (await (await both.caller()).ended(old))["status"] == "succeeded"
    assert [call["cases"] for call in await up.business()] == [["CN1"]]


async def test_a_call_of_a_backend_that_is_gone_is_settled_when_its_lease_ends(stacks: Stacks) -> None:
    """A process that died in the midst of a call: without somebody who looks after it, it is under way for ever."""
    async with stacks(SHORT_LEASES | {"server.drain_seconds": 0}) as both:
        await both.upstreams.switch(claimshop={"latencySeconds": 0.6})
        operation_id = await (await both.caller()).accepted("acme-no", DELETIONS, numbers("CN1"))
        await both.upstreams.arrived(1)
        await both.stop()
        both.tree["tenants"]["acme-no"].pop("cases")
        both.tree["backends"].pop("claimshop-dk")
        await both.start()
        job = await both.caller()

        await job.cancel(operation_id)

        assert (await job.ended(operation_id))["status"] == "unknown"
