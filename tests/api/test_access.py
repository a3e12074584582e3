"""Who may do what."""

import pytest

from .configuration import ENTITIES_KEY, JOB_KEY, NORWAY_KEY, UI_KEY
from .conftest import Stacks
from .stack import Caller, Json, Stack, customers

ENTITIES: Json = {
    "caseId": "CA1",
    "externalEntities": [{"externalEntity": "E1", "externalEntityTypeCode": "XA"}],
}
PROTECTED = [
    ("POST", "/v1/tenants/acme-dk/case-deletions"),
    ("POST", "/v1/tenants/acme-dk/customer-removals"),
    ("GET", "/v1/operations"),
    ("GET", "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"),
    ("GET", "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10/results"),
    ("GET", "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10/receipt"),
    ("POST", "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10/cancel"),
    ("POST", "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10/retry"),
    ("GET", "/v1/tenants"),
    ("GET", "/v1/tenants/acme-dk"),
]


@pytest.mark.parametrize("key", [None, "", "wrong", f"{JOB_KEY} "[:-2]])
async def test_without_a_valid_key_everything_but_the_probes_answers_401(key: str | None, both: Stack) -> None:
    caller = await both.caller(key)

    for method, path in PROTECTED:
        answer = await caller.http.request(method, path, json={"execute": True, "cases": [{"caseNumber": "CN1"}]})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path
        assert answer.headers["WWW-Authenticate"]
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await caller.http.get(path)).status_code == 200
    assert await both.upstreams.history() == []


async def test_a_tenant_without_a_grant_is_told_from_an_unknown_one_nowhere(both: Stack) -> None:
    job, norway = await both.caller(), await both.caller(NORWAY_KEY)
    operation = (await job.delete("acme-dk", "CN1")).json()["operationId"]
    unknown = "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"

    for method, path in [
        ("POST", "/v1/tenants/{tenant}/case-deletions"),
        ("POST", "/v1/tenants/{tenant}/customer-removals"),
        ("GET", "/v1/tenants/{tenant}"),
        ("GET", "/v1/operations?tenant={tenant}"),
        ("GET", "/v1/operations/{operation}"),
        ("GET", "/v1/operations/{operation}/results"),
        ("GET", "/v1/operations/{operation}/receipt"),
        ("POST", "/v1/operations/{operation}/cancel"),
        ("POST", "/v1/operations/{operation}/retry"),
    ]:
        body = {"execute": True, "cases": [{"caseNumber": "CN2"}]}
        others = await norway.http.request(method, path.format(tenant="acme-dk", operation=operation), json=body)
        nobodys = await norway.http.request(method, path.format(tenant="nobody", operation=unknown), json=body)
        assert (others.status_code, others.json()["code"]) == (404, "not_found"), path
        assert others.content == nobodys.content
    assert len(await both.upstreams.business()) == 1


async def test_lists_hold_only_what_the_caller_may_see(both: Stack) -> None:
    job, norway = await both.caller(), await both.caller(NORWAY_KEY)
    await job.delete("acme-dk", "CN1")
    seen = (await job.delete("acme-no", "CN1")).json()["operationId"]

    assert [[item["operationId"] for item in page] for page in await norway.pages("/v1/operations")] == [[seen]]
    assert [[item["tenant"] for item in page] for page in await norway.pages("/v1/tenants")] == [["acme-no"]]


async def test_a_caller_for_dry_runs_may_not_execute_cancel_or_retry(both: Stack) -> None:
    job, ui = await both.caller(), await both.caller(UI_KEY)
    executed = (await job.delete("acme-dk", "NOTFOUND-1")).json()["operationId"]

    refusals = [await ui.delete("acme-dk", "CN1"), await ui.cancel(executed), await ui.retry(executed)]

    assert [(answer.status_code, answer.json()["code"]) for answer in refusals] == [(403, "execute_not_granted")] * 3
    assert (await ui.delete("acme-dk", "CN1", execute=False)).status_code == 200
    assert (await ui.operation(executed))["status"] == "failed", "to read it, the tenant's grant is enough"
    assert [call["execute"] for call in await both.upstreams.business()] == [True, False]


async def test_a_kind_without_a_grant_is_refused(both: Stack) -> None:
    job, entities = await both.caller(), await both.caller(ENTITIES_KEY)
    customer = await job.submit("acme-dk", "customer-removals", [customers("MISSING-1")])

    refusals = [
        await entities.submit("acme-dk", "customer-removals", [customers("CA1")]),
        await entities.delete("acme-dk", "CN1"),
        await entities.cancel(customer.json()["operationId"]),
        await entities.retry(customer.json()["operationId"]),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refusals] == [(403, "operation_not_granted")] * 4
    assert (await entities.submit("acme-dk", "external-entity-removals", [ENTITIES])).status_code == 200


async def test_a_tenant_shows_the_kinds_that_the_caller_may_use(both: Stack) -> None:
    async def kinds(caller: Caller) -> list[tuple[str, bool]]:
        shown = (await caller.http.get("/v1/tenants/acme-dk")).json()["kinds"]
        return [(kind["kind"], kind["execute"]) for kind in shown]

    assert await kinds(await both.caller(UI_KEY)) == [("case-deletion", False)]
    assert await kinds(await both.caller(ENTITIES_KEY)) == [("external-entity-removal", True)]
    assert len(await kinds(await both.caller())) == 5


async def test_with_authentication_disabled_everybody_on_loopback_may_do_everything(stacks: Stacks) -> None:
    async with stacks({"server.auth": "disabled"}) as both:
        anybody = await both.caller(None)

        assert (await anybody.delete("acme-dk", "CN1")).status_code == 200
        assert [len(page) for page in await anybody.pages("/v1/tenants")] == [3]
