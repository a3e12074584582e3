"""What is refused, with which code, in which order; and that nothing was written then."""

from typing import Any

import httpx2
import pytest

from tests.unit.http.api import DELETIONS, DRY_KEY, KEY, ONE_CASE, ONE_ENTITY, OTHER_KEY, Api

BROKEN = b'{"execute": true'
ECM = "/v1/tenants/acme-ecm"


async def refused(client: httpx2.AsyncClient, path: str, status: int, code: str, **request: Any) -> Any:  # noqa: ANN401
    answer = await client.post(path, **request)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"/docs#{code}"
    return problem


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-API-Key", "")],
        [("X-API-Key", "wrong")],
        [("X-API-Key", f" {KEY}x")],
        [("X-API-Key", "nøgle")],
        [("X-API-Key", KEY), ("X-API-Key", KEY)],
        [("X-API-Key", KEY), ("X-API-Key", "wrong")],
        [("Authorization", f"Bearer {KEY}")],
        [("Authorization", "Basic !")],
    ],
    ids=repr,
)
async def test_who_has_no_valid_key_is_unauthenticated(api: Api, headers: list[tuple[str, str]]) -> None:
    async with api.client(None) as client:
        sent = [(name.encode(), value.encode()) for name, value in headers]
        for path in (DELETIONS, "/v1/tenants/nobody/case-deletions"):
            answer = await client.post(path, content=BROKEN, headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].endswith('ApiKey realm="case-gateway"')
        for path in ("/v1/operations", "/v1/operations/x", "/v1/tenants", "/v1/tenants/acme-dk"):
            assert (await client.get(path, headers=sent)).status_code == 401
    assert api.answered.caller is None


async def test_an_unknown_tenant_and_one_of_others_are_answered_alike(api: Api) -> None:
    async with api.client(OTHER_KEY) as client:
        problems = [
            await refused(client, f"/v1/tenants/{name}/case-deletions", 404, "not_found", content=BROKEN)
            for name in ("acme-dk", "nobody", "%2e%2e", "a%00b")
        ]

    assert all(problem == problems[0] for problem in problems)


async def test_a_kind_that_is_not_granted_is_refused_before_the_body_is_read(api: Api) -> None:
    async with api.client(DRY_KEY) as client:
        path = "/v1/tenants/acme-dk/account-removals"
        await refused(client, path, 403, "operation_not_granted", content=BROKEN)


async def test_the_body_comes_before_what_the_tenant_lacks(client: httpx2.AsyncClient) -> None:
    json = {"Content-Type": "application/json"}
    path = f"{ECM}/case-deletions"

    await refused(client, path, 415, "unsupported_media_type", content=BROKEN)
    await refused(client, path, 400, "malformed_request", content=BROKEN, headers=json)
    await refused(client, path, 422, "invalid_request", json={**ONE_CASE, "cases": []})
    await refused(client, path, 422, "operation_not_configured", json=ONE_CASE)


async def test_ecm_makes_no_dry_runs(api: Api, client: httpx2.AsyncClient) -> None:
    request = {**ONE_ENTITY, "execute": False}

    await refused(client, f"{ECM}/external-entity-removals", 422, "dry_run_unsupported", json=request)

    assert api.fake.accepted == []


async def test_the_configured_bounds_are_kept(api: Api, client: httpx2.AsyncClient) -> None:
    api.configure(max_body_bytes=200, max_cases=2)
    cases = [{"caseNumber": str(number)} for number in range(3)]

    await refused(client, DELETIONS, 422, "invalid_request", json={"execute": True, "cases": cases})
    await refused(client, DELETIONS, 413, "too_large", json={"execute": True, "cases": cases * 5})


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ø", "a\tb"])
async def test_a_key_for_copies_has_1_to_255_visible_characters(client: httpx2.AsyncClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("utf-8")}

    problem = await refused(client, DELETIONS, 422, "invalid_request", json=ONE_CASE, headers=headers)

    assert problem["errors"][0]["pointer"] == "Idempotency-Key"


async def test_two_keys_for_copies_are_refused(client: httpx2.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    await refused(client, DELETIONS, 422, "invalid_request", json=ONE_CASE, headers=headers)


async def test_the_place_and_the_reason_are_named(client: httpx2.AsyncClient) -> None:
    request = {"execute": True, "cases": [{"caseNumber": "x"}, {"caseNumber": 7}]}

    problem = await refused(client, DELETIONS, 422, "invalid_request", json=request)

    assert problem["errors"] == [{"pointer": "/cases/1/caseNumber", "detail": "Expected `str`, got `int`."}]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v2/tenants", "/v1/tenants/acme-dk/cases", "/docs/x"])
async def test_a_path_that_leads_nowhere_is_a_problem(api: Api, client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.answered.route == "unrouted"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", DELETIONS, {"POST", "OPTIONS"}),
        ("DELETE", DELETIONS, {"POST", "OPTIONS"}),
        ("POST", "/v1/operations", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/livez", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/docs", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/docs", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_method_without_meaning_is_refused_with_those_that_have_one(
    client: httpx2.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


async def test_options_says_what_is_allowed(client: httpx2.AsyncClient) -> None:
    answer = await client.options("/v1/operations")

    assert answer.status_code == 204
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


async def test_an_impossible_host_is_malformed(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"Host": "a b"})

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
