"""From a request to an operation on the ledger, and to the answer that its state gives."""

import asyncio
from typing import Any

import httpx2
import pytest

from gateway.http.answers import STATUS_OF_CODE
from gateway.model.hours import SECOND
from gateway.model.kinds import Kind, System
from gateway.model.outcomes import CaseOutcome, Code
from tests.unit.http.api import (
    CLOSED_DELETIONS,
    DELETIONS,
    DRY_KEY,
    NOON,
    ONE_CASE,
    ONE_ENTITY,
    OTHER_KEY,
    TWO_CASES,
    Api,
)
from tests.unit.http.outcomes import SUCCEEDED, UNKNOWN, failed, mixed_items

ASYNC = {"Prefer": "respond-async"}
Json = dict[str, Any]


def body(response: httpx2.Response, status: int) -> Json:
    assert response.status_code == status, response.text
    parsed: Json = response.json()
    return parsed


async def test_what_is_asked_for_reaches_the_ledger(api: Api, client: httpx2.AsyncClient) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"Idempotency-Key": "k1", "X-Request-Id": "r1", "traceparent": trace, **ASYNC}

    answer = await client.post(DELETIONS, json=TWO_CASES, headers=headers)

    (new,) = api.fake.accepted
    assert body(answer, 202)["summary"]["total"] == 2
    assert (new.caller, new.tenant, new.upstream_tenant) == ("retention-job", "acme-dk", "acme")
    assert (new.kind, new.backend, new.system, new.execute) == (
        Kind.CASE_DELETION, "hub-dk", System.HUB_PROPERTY, True,
    )  # fmt: skip
    assert [case.identifier.value for case in new.cases] == ["CN10000", "CN39983"]
    assert (new.idempotency_key, new.request_id, new.trace_parent) == ("k1", "r1", trace)


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("external-entity-removals", {"externalEntities": [{"externalEntity": "E", "externalEntityTypeCode": "XA"}]}),
        ("transaction-removals", {"transactions": [{"transactionReferenceId": "T", "transactionTypeCode": "B"}]}),
        ("customer-removals", {"customers": [{"customerId": "C"}]}),
        ("account-removals", {"accounts": [{"accountId": "A"}]}),
    ],
)
async def test_removals_go_to_the_tenants_ecm(api: Api, client: httpx2.AsyncClient, path: str, member: Json) -> None:
    request = {"execute": True, "cases": [{"caseId": "CA100", **member}]}

    answer = body(await client.post(f"/v1/tenants/acme-dk/{path}", json=request, headers=ASYNC), 202)

    assert (answer["backend"], answer["system"], answer["kind"] + "s") == ("ecm", "oracle-ecm", path)
    assert len(api.fake.accepted[0].cases[0].items) == 1


async def test_the_envelope_has_every_member_in_order(api: Api, client: httpx2.AsyncClient) -> None:
    api.fake.script = [SUCCEEDED, failed(Code.CASE_NOT_FOUND)]

    answer = body(await client.post(DELETIONS, json=TWO_CASES), 207)

    identifier = answer["operationId"]
    request_id = answer["results"][0]["requestId"]
    assert list(answer) == [
        "operationId", "kind", "tenant", "backend", "system", "execute", "status", "summary", "results", "createdAt",
        "notBefore", "startedAt", "finishedAt", "estimatedFinishAt", "links",
    ]  # fmt: skip
    assert answer == {
        "operationId": identifier,
        "kind": "case-deletion",
        "tenant": "acme-dk",
        "backend": "hub-dk",
        "system": "hub-property",
        "execute": True,
        "status": "partial",
        "summary": {
            "total": 2, "succeeded": 1, "partial": 0, "failed": 1, "unknown": 0, "pending": 0, "cancelled": 0,
        },
        "results": [
            {
                "case": {"caseNumber": "CN10000"}, "status": "succeeded", "found": True, "deleted": True,
                "requestId": request_id, "attempts": 1, "evidence": "confirmed", "items": [], "messages": [],
                "errors": [],
            },
            {
                "case": {"caseNumber": "CN39983"}, "status": "failed", "found": False, "deleted": False,
                "requestId": request_id, "attempts": 1, "evidence": None, "items": [], "messages": [],
                "errors": [
                    {
                        "code": "case_not_found", "detail": "It was case_not_found.",
                        "retryable": False, "resumable": False,
                    }
                ],
            },
        ],
        "createdAt": "2026-01-01T12:00:00.000Z",
        "notBefore": None,
        "startedAt": "2026-01-01T12:00:00.000Z",
        "finishedAt": "2026-01-01T12:00:00.000Z",
        "estimatedFinishAt": None,
        "links": {"self": f"/v1/operations/{identifier}", "results": f"/v1/operations/{identifier}/results"},
    }  # fmt: skip


async def test_the_items_of_an_ecm_case_stand_in_its_result(api: Api, client: httpx2.AsyncClient) -> None:
    api.fake.script = [mixed_items()]

    answer = body(await client.post("/v1/tenants/acme-ecm/external-entity-removals", json=ONE_ENTITY), 207)

    (result,) = answer["results"]
    assert answer["status"] == "partial"
    assert (result["case"], result["found"], result["deleted"], result["requestId"]) == (
        {"caseId": "CA100"}, None, None, None,
    )  # fmt: skip
    assert result["items"] == [
        {
            "id": "T1", "typeCode": "B", "status": "succeeded", "message": "Removed successfully.",
            "evidence": "confirmed", "errors": [],
        },
        {
            "id": "T2", "typeCode": "B", "status": "failed", "message": "T2 does not exist in case.",
            "evidence": "confirmed", "errors": result["errors"],
        },
    ]  # fmt: skip


@pytest.mark.parametrize("code", Code)
async def test_one_case_that_did_not_succeed_is_answered_with_the_status_of_its_code(
    api: Api, client: httpx2.AsyncClient, code: Code
) -> None:
    api.fake.script = [failed(code)]

    answer = await client.post(DELETIONS, json=ONE_CASE)

    assert body(answer, STATUS_OF_CODE[code])["status"] == "failed"
    assert ("Retry-After" in answer.headers) == (STATUS_OF_CODE[code] == 503)


async def test_one_unknown_case_is_answered_504(api: Api, client: httpx2.AsyncClient) -> None:
    api.fake.script = [UNKNOWN]

    assert body(await client.post(DELETIONS, json=ONE_CASE), 504)["status"] == "unknown"


@pytest.mark.parametrize(
    ("outcomes", "status", "http"),
    [
        ([SUCCEEDED, SUCCEEDED], "succeeded", 200),
        ([SUCCEEDED, UNKNOWN], "partial", 207),
        ([failed(Code.CASE_NOT_FOUND), failed(Code.CASE_NOT_FOUND)], "failed", 207),
        ([UNKNOWN, UNKNOWN], "unknown", 207),
    ],
)
async def test_several_cases_are_answered_200_or_207(
    api: Api, client: httpx2.AsyncClient, outcomes: list[CaseOutcome], status: str, http: int
) -> None:
    api.fake.script = list(outcomes)

    assert body(await client.post(DELETIONS, json=TWO_CASES), http)["status"] == status


async def test_a_case_says_when_it_may_be_asked_for_again(api: Api, client: httpx2.AsyncClient) -> None:
    accepted = body(await client.post(DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k", **ASYNC}), 202)
    retry_at = api.clock.instant + 90 * SECOND
    api.fake.settle_case(accepted["operationId"], 0, failed(Code.UPSTREAM_ERROR), retry_at)

    answer = await client.post(DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (502, "90")


async def test_what_has_not_finished_in_time_is_answered_202(api: Api, client: httpx2.AsyncClient) -> None:
    answer = await client.post(DELETIONS, json=ONE_CASE)

    shown = body(answer, 202)
    assert answer.headers["Location"] == shown["links"]["self"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert (shown["status"], shown["results"][0]["status"], shown["finishedAt"]) == ("running", "pending", None)
    assert api.clock.instant == NOON + 30 * SECOND


@pytest.mark.parametrize(
    ("prefer", "waited_seconds", "applied"),
    [("respond-async", 0, "respond-async"), ("wait=7", 7, "wait=7"), ("wait=9999", 300, "wait=300"),
     ("respond-async, wait=7", 7, "respond-async, wait=7"), ("wait=never", 30, None)],
)  # fmt: skip
async def test_a_caller_says_how_long_it_waits(
    api: Api, client: httpx2.AsyncClient, prefer: str, waited_seconds: int, applied: str | None
) -> None:
    answer = await client.post(DELETIONS, json=ONE_CASE, headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert answer.headers.get("Preference-Applied") == applied
    assert api.clock.instant == NOON + waited_seconds * SECOND


async def test_what_has_finished_is_answered_from_the_record_to_an_asynchronous_caller_too(
    api: Api, client: httpx2.AsyncClient
) -> None:
    api.fake.script = [SUCCEEDED]

    answer = await client.post(DELETIONS, json=ONE_CASE, headers=ASYNC)

    assert body(answer, 200)["status"] == "succeeded"
    assert "Preference-Applied" not in answer.headers


async def test_a_waiting_caller_gets_the_end_as_it_comes(api: Api, client: httpx2.AsyncClient) -> None:
    api.clock.patient = True
    waiting = asyncio.create_task(client.post(DELETIONS, json=ONE_CASE))
    await api.clock.waited_for.wait()

    api.fake.settle_case(next(iter(api.fake.cases)), 0, SUCCEEDED)

    async with asyncio.timeout(5):
        assert (await waiting).status_code == 200


async def test_a_draining_process_lets_waiting_callers_go_with_202(api: Api, client: httpx2.AsyncClient) -> None:
    api.clock.patient = True
    waiting = asyncio.create_task(client.post(DELETIONS, json=ONE_CASE))
    await api.clock.waited_for.wait()

    api.drain.begin()

    async with asyncio.timeout(5):
        assert (await waiting).status_code == 202


async def test_a_draining_process_accepts_for_the_next_one(api: Api, client: httpx2.AsyncClient) -> None:
    api.clock.patient = True
    api.drain.begin()

    async with asyncio.timeout(5):
        assert (await client.post(DELETIONS, json=ONE_CASE)).status_code == 202
    assert len(api.fake.accepted) == 1


async def test_over_a_thousand_cases_have_their_results_in_pages_only(client: httpx2.AsyncClient) -> None:
    cases = [{"caseNumber": str(number)} for number in range(1_001)]

    few = body(await client.post(DELETIONS, json={"execute": True, "cases": cases[:1_000]}, headers=ASYNC), 202)
    many = body(await client.post(DELETIONS, json={"execute": True, "cases": cases}, headers=ASYNC), 202)

    assert len(few["results"]) == 1_000
    assert (many["results"], many["summary"]["total"]) == (None, 1_001)


async def test_a_large_request_is_taken_and_refused_as_a_small_one_is(api: Api, client: httpx2.AsyncClient) -> None:
    cases = [{"caseNumber": f"CN{number}"} for number in range(10_000)]

    taken = await client.post(DELETIONS, json={"execute": True, "cases": cases}, headers=ASYNC)
    refused = await client.post(DELETIONS, json={"execute": True, "cases": [*cases[:-1], cases[0]]}, headers=ASYNC)

    assert body(taken, 202)["summary"]["pending"] == 10_000
    assert body(refused, 422)["errors"][0]["pointer"] == "/cases/9999/caseNumber"
    assert len(api.fake.accepted) == 1


async def test_a_copy_is_the_same_operation_whatever_the_order_of_its_members(
    api: Api, client: httpx2.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "k", **ASYNC, "Content-Type": "application/json"}
    one = await client.post(DELETIONS, content=b'{"execute": true, "cases": [{"caseNumber": "x"}]}', headers=headers)
    other = await client.post(
        DELETIONS, content=b'{"cases":[{"caseNumber":"\\u0078"}],"execute":true}', headers=headers
    )

    assert one.json()["operationId"] == other.json()["operationId"]
    assert len(api.fake.accepted) == 1


async def test_a_key_of_another_request_is_refused(api: Api, client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", **ASYNC}
    await client.post(DELETIONS, json=ONE_CASE, headers=headers)

    assert body(await client.post(DELETIONS, json=TWO_CASES, headers=headers), 422)["code"] == "idempotency_key_reused"
    assert len(api.fake.accepted) == 1


async def test_keys_of_different_callers_have_nothing_to_do_with_each_other(api: Api) -> None:
    headers = {"Idempotency-Key": "k", **ASYNC}
    async with api.client() as one, api.client(OTHER_KEY) as other:
        first = body(await one.post(CLOSED_DELETIONS, json=ONE_CASE, headers=headers), 202)
        second = body(await other.post(CLOSED_DELETIONS, json=ONE_CASE, headers=headers), 202)

    assert first["operationId"] != second["operationId"]


async def test_a_closed_backend_refuses_whoever_would_wait(api: Api, client: httpx2.AsyncClient) -> None:
    answer = await client.post(CLOSED_DELETIONS, json=ONE_CASE)

    assert body(answer, 503)["code"] == "outside_opening_hours"
    assert answer.headers["Retry-After"] == str(4 * 3_600)
    assert api.fake.accepted == []


async def test_a_closed_backend_takes_what_can_wait_as_scheduled(client: httpx2.AsyncClient) -> None:
    answer = await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers=ASYNC)

    shown = body(answer, 202)
    assert (shown["status"], shown["notBefore"]) == ("scheduled", "2026-01-01T16:00:00.000Z")
    assert shown["estimatedFinishAt"] > shown["notBefore"]
    assert answer.headers["Retry-After"] == str(4 * 3_600)


async def test_a_copy_is_answered_from_the_record_though_the_backend_is_closed(
    api: Api, client: httpx2.AsyncClient
) -> None:
    api.fake.script = [SUCCEEDED]
    await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k", **ASYNC})

    copy = await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k"})
    reused = await client.post(CLOSED_DELETIONS, json=TWO_CASES, headers={"Idempotency-Key": "k"})
    other = await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "other"})

    assert body(copy, 200)["status"] == "succeeded"
    assert body(reused, 422)["code"] == "idempotency_key_reused"
    assert body(other, 503)["code"] == "outside_opening_hours"


async def test_a_dry_run_needs_no_grant_to_execute(api: Api) -> None:
    async with api.client(DRY_KEY) as client:
        dry_run = await client.post(DELETIONS, json={**ONE_CASE, "execute": False}, headers=ASYNC)
        executed = await client.post(DELETIONS, json=ONE_CASE, headers=ASYNC)

    assert body(dry_run, 202)["execute"] is False
    assert body(executed, 403)["code"] == "execute_not_granted"
    assert len(api.fake.accepted) == 1


async def test_a_full_queue_refuses(api: Api, client: httpx2.AsyncClient) -> None:
    api.configure(max_queued_cases=1)

    answer = await client.post(DELETIONS, json=TWO_CASES, headers=ASYNC)

    assert body(answer, 503)["code"] == "overloaded"
    assert int(answer.headers["Retry-After"]) >= 1


async def test_without_authentication_anyone_may_do_anything(api: Api) -> None:
    api.configure(authenticate=False)
    async with api.client(None) as client:
        answer = await client.post(DELETIONS, json=ONE_CASE, headers=ASYNC)

    assert answer.status_code == 202
    assert api.fake.accepted[0].caller == "anonymous"
