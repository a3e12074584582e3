"""Callers x tenants x routes: what each may do, over every route that the API has. What is not granted is denied."""

from collections.abc import Callable, Mapping
from itertools import product

import httpx2
import pytest
from msgspec.structs import replace

from gateway.config.settings import Caller
from gateway.http.app import routes
from gateway.ledger.base import Ledger, OperationFilter
from gateway.model.hours import SECOND
from gateway.model.kinds import Kind
from gateway.model.operations import Operation
from tests.unit.http.api import Api, caller

TENANTS = ("acme-dk", "acme-both")
KINDS = (Kind.CASE_DELETION, Kind.CUSTOMER_REMOVAL)
UNKNOWN_TENANT, UNKNOWN_OPERATION = "nobody", "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"
ASYNC = {"Prefer": "respond-async"}
OWNER = "owner"
"""Made every operation, and may do everything."""

Verdict = tuple[int, str | None]
"""The status of an answer, and the code of a problem."""
OK, NOT_FOUND, UNAUTHENTICATED = (200, None), (404, "not_found"), (401, "unauthenticated")
NO_KIND, NO_EXECUTE = (403, "operation_not_granted"), (403, "execute_not_granted")


def sees(by: Caller, tenant: str) -> Verdict:
    """What belongs to a tenant exists for those who have a grant for it, and for nobody else."""
    return OK if tenant in by.tenants else NOT_FOUND


def acts(by: Caller, tenant: str, kind: Kind, *, execute: bool, done: int) -> Verdict:
    """To make an operation, to cancel it and to retry it take the same grants."""
    if tenant not in by.tenants:
        return NOT_FOUND
    if kind not in by.operations:
        return NO_KIND
    return NO_EXECUTE if execute and not by.execute else (done, None)


OfTenant = Callable[[Caller, str], Verdict]
OfOperation = Callable[[Caller, Operation], Verdict]

OF_NOBODY = {("GET", path) for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs")}
OF_CALLERS = {("GET", "/v1/operations"), ("GET", "/v1/tenants")}
"""Lists: whoever is known gets those of its tenants."""
OF_TENANTS: Mapping[tuple[str, str], OfTenant] = {("GET", "/v1/tenants/{tenant}"): sees}
OF_OPERATIONS: Mapping[tuple[str, str], OfOperation] = {
    ("GET", "/v1/operations/{operationId}"): lambda by, of: sees(by, of.tenant),
    ("GET", "/v1/operations/{operationId}/results"): lambda by, of: sees(by, of.tenant),
    ("GET", "/v1/operations/{operationId}/receipt"): lambda _by, _of: NOT_FOUND,  # none of them has ended
    ("POST", "/v1/operations/{operationId}/cancel"): (
        lambda by, of: acts(by, of.tenant, of.kind, execute=of.execute, done=200)
    ),
    ("POST", "/v1/operations/{operationId}/retry"): (
        lambda by, of: acts(by, of.tenant, of.kind, execute=of.execute, done=202)
    ),
}
SUBMISSIONS = {("POST", f"/v1/tenants/{{tenant}}/{kind}s"): kind for kind in Kind}

CALLERS = {
    f"{'+'.join(tenants) or 'none'}, {'+'.join(kinds) or 'none'}, {'executes' if execute else 'dry runs'}": Caller(
        "", frozenset(tenants), frozenset(kinds), execute
    )
    for tenants, kinds, execute in product(
        [(), (TENANTS[0],), (TENANTS[1],), TENANTS], [(), (KINDS[0],), (KINDS[1],), KINDS], [True, False]
    )
}
"""By what they may do, which is their API key, too."""


def body_of(kind: Kind, *, execute: bool) -> dict[str, object]:
    if kind is Kind.CASE_DELETION:
        return {"execute": execute, "cases": [{"caseNumber": "CN1"}]}
    members = {
        Kind.EXTERNAL_ENTITY_REMOVAL: ("externalEntities", {"externalEntity": "E", "externalEntityTypeCode": "X"}),
        Kind.TRANSACTION_REMOVAL: ("transactions", {"transactionReferenceId": "T", "transactionTypeCode": "B"}),
        Kind.CUSTOMER_REMOVAL: ("customers", {"customerId": "C"}),
        Kind.ACCOUNT_REMOVAL: ("accounts", {"accountId": "A"}),
    }
    name, item = members[kind]
    return {"execute": execute, "cases": [{"caseId": "CA1", name: [item]}]}


@pytest.fixture
def api(ledger: Ledger) -> Api:
    """Two tenants, each with both systems, and every caller; nothing is dispatched."""
    made = Api(ledger=ledger)
    tenants = {name: replace(made.settings.tenants["acme-dk"], name=name) for name in TENANTS}
    known = [replace(caller(key, key), **_grants(granted)) for key, granted in CALLERS.items()]
    owner = caller(OWNER, OWNER, *TENANTS)
    made.settings = replace(made.settings, tenants=tenants, callers={one.name: one for one in [owner, *known]})
    return made


def _grants(granted: Caller) -> dict[str, object]:
    return {"tenants": granted.tenants, "operations": granted.operations, "execute": granted.execute}


@pytest.fixture
async def operations(api: Api, ledger: Ledger) -> list[Operation]:
    """One of each tenant and kind, executed and, where there is such a thing, as a dry run; all pending."""
    async with api.client(OWNER) as client:
        for tenant, (kind, execute) in product(TENANTS, [(KINDS[0], True), (KINDS[0], False), (KINDS[1], True)]):
            body = body_of(kind, execute=execute)
            answer = await client.post(f"/v1/tenants/{tenant}/{kind}s", json=body, headers=ASYNC)
            assert answer.status_code == 202
    return await everything(ledger)


async def everything(ledger: Ledger) -> list[Operation]:
    return list(await ledger.operations(OperationFilter(tenants=None, limit=1_000)))


def verdict(answer: httpx2.Response) -> Verdict:
    problem = answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"] if problem else None


def test_every_route_of_the_api_has_its_rule(api: Api) -> None:
    """Whoever adds a route says here who may use it."""
    parts = api.parts
    served = {
        (method, path.replace(":str}", "}"))
        for handler in routes(parts)
        for path in handler.paths
        for method in handler.http_methods
        if method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    }

    assert served == {*OF_NOBODY, *OF_CALLERS, *OF_TENANTS, *OF_OPERATIONS, *SUBMISSIONS}


async def test_who_is_not_known_gets_nowhere_but_to_the_probes(
    api: Api, ledger: Ledger, operations: list[Operation]
) -> None:
    places = {"tenant": TENANTS[0], "operationId": operations[0].id}
    for key in (None, "", "wrong", OWNER.upper()):
        async with api.client(key) as client:
            for method, path in [*OF_CALLERS, *OF_TENANTS, *OF_OPERATIONS, *SUBMISSIONS]:
                answer = await client.request(method, path.format(**places), json=body_of(KINDS[0], execute=True))
                assert verdict(answer) == UNAUTHENTICATED, path
            for method, path in OF_NOBODY:
                assert (await client.request(method, path)).status_code == 200

    assert await everything(ledger) == operations


@pytest.mark.parametrize("key", CALLERS)
async def test_operations_of_tenants_without_a_grant_do_not_exist(
    api: Api, operations: list[Operation], key: str
) -> None:
    async with api.client(key) as client:
        for (method, path), rule in OF_OPERATIONS.items():
            for operation in operations:
                answer = await client.request(method, path.format(operationId=operation.id))
                assert verdict(answer) == rule(CALLERS[key], operation), (method, path)
                if answer.status_code == 404:
                    unknown = await client.request(method, path.format(operationId=UNKNOWN_OPERATION))
                    assert answer.content == unknown.content


@pytest.mark.parametrize("key", CALLERS)
async def test_receipts_belong_to_their_tenants_also_when_retention_has_removed_the_operations(
    api: Api, ledger: Ledger, operations: list[Operation], key: str
) -> None:
    by = CALLERS[key]
    for operation in operations:
        await ledger.cancel(operation.id)
    async with api.client(key) as client:
        for _ in range(2):
            for operation in operations:
                answer = await client.get(f"/v1/operations/{operation.id}/receipt")
                assert verdict(answer) == sees(by, operation.tenant)
            while await ledger.records.clear(ledger.now() + SECOND):
                pass
        unknown = await client.get(f"/v1/operations/{UNKNOWN_OPERATION}/receipt")

    assert sees(by, operations[-1].tenant) == OK or answer.content == unknown.content


@pytest.mark.parametrize("key", CALLERS)
async def test_what_a_caller_may_not_cancel_or_retry_is_left_as_it_was(
    api: Api, ledger: Ledger, operations: list[Operation], key: str
) -> None:
    async with api.client(key) as client:
        for method, path in OF_OPERATIONS:
            if method == "POST":
                for operation in operations:
                    await client.request(method, path.format(operationId=operation.id))

    changed = {after.id for before, after in zip(operations, await everything(ledger), strict=True) if before != after}
    cancel = OF_OPERATIONS["POST", "/v1/operations/{operationId}/cancel"]
    assert changed <= {operation.id for operation in operations if cancel(CALLERS[key], operation) == OK}


@pytest.mark.parametrize("key", CALLERS)
async def test_operations_are_made_for_granted_tenants_kinds_and_execution_alone(
    api: Api, ledger: Ledger, key: str
) -> None:
    expected = 0
    async with api.client(key) as client:
        for ((_, path), kind), tenant in product(SUBMISSIONS.items(), (*TENANTS, UNKNOWN_TENANT)):
            for execute in (True, False) if kind is Kind.CASE_DELETION else (True,):
                body = body_of(kind, execute=execute)
                answer = await client.post(path.format(tenant=tenant), json=body, headers=ASYNC)
                rule = acts(CALLERS[key], tenant, kind, execute=execute, done=202)
                assert verdict(answer) == rule, (path, tenant, execute)
                expected += rule == (202, None)

    assert len(await everything(ledger)) == expected


@pytest.mark.parametrize("key", CALLERS)
async def test_lists_and_tenants_hold_what_is_granted_and_no_more(
    api: Api, operations: list[Operation], key: str
) -> None:
    by = CALLERS[key]
    async with api.client(key) as client:
        listed = (await client.get("/v1/operations")).json()["items"]
        of_tenant = {name: await client.get("/v1/operations", params={"tenant": name}) for name in TENANTS}
        shown = (await client.get("/v1/tenants")).json()["items"]
        for (method, path), rule in OF_TENANTS.items():
            for name in (*TENANTS, UNKNOWN_TENANT):
                assert verdict(await client.request(method, path.format(tenant=name))) == rule(by, name)

    visible = [operation for operation in operations if operation.tenant in by.tenants]
    assert [item["operationId"] for item in listed] == [operation.id for operation in visible]
    assert {name: verdict(answer) for name, answer in of_tenant.items()} == {name: sees(by, name) for name in TENANTS}
    assert {tenant["tenant"] for tenant in shown} == by.tenants
    for tenant in shown:
        assert {kind["kind"] for kind in tenant["kinds"]} == by.operations
        assert {kind["execute"] for kind in tenant["kinds"]} <= {by.execute}


async def test_one_caller_s_idempotency_key_never_meets_another_s(api: Api) -> None:
    full = "acme-dk+acme-both, case-deletion+customer-removal, executes"
    part = "acme-dk, case-deletion, executes"
    headers = {**ASYNC, "Idempotency-Key": "the-same"}
    path, other = "/v1/tenants/acme-dk/case-deletions", "/v1/tenants/acme-both/case-deletions"
    body = body_of(Kind.CASE_DELETION, execute=True)
    async with api.client(full) as first, api.client(part) as second:
        one = await first.post(path, json=body, headers=headers)
        two = await second.post(path, json={**body, "cases": [{"caseNumber": "CN2"}]}, headers=headers)
        again = await first.post(path, json=body, headers=headers)
        denied = await second.post(other, json=body, headers=headers)

    ids = [answer.json()["operationId"] for answer in (one, two, again)]
    assert ids[0] != ids[1], "the key of the one was answered from the record of the other"
    assert ids[0] == ids[2]
    assert verdict(denied) == NOT_FOUND


async def test_a_grant_that_is_taken_back_holds_from_the_next_request(api: Api, operations: list[Operation]) -> None:
    mine = next(operation for operation in operations if operation.tenant == TENANTS[0])
    async with api.client(OWNER) as client:
        before = await client.get(f"/v1/operations/{mine.id}")
        owner = replace(api.settings.callers[OWNER], tenants=frozenset({TENANTS[1]}))
        api.settings = replace(api.settings, callers={**api.settings.callers, OWNER: owner})
        after = await client.get(f"/v1/operations/{mine.id}")

    assert (verdict(before), verdict(after)) == (OK, NOT_FOUND)
