"""Reading, listing, cancelling and retrying operations."""

from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from gateway.ledger.base import BackendQueue
from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome
from tests.unit.http.api import (
    CLOSED_DELETIONS,
    DELETIONS,
    DRY_KEY,
    ONE_CASE,
    ONE_ENTITY,
    OTHER_KEY,
    TWO_CASES,
    Api,
)
from tests.unit.http.outcomes import SUCCEEDED, UNKNOWN, failed

Json = dict[str, Any]


async def made(client: httpx2.AsyncClient, path: str = DELETIONS, request: Json = ONE_CASE) -> Json:
    """An accepted operation."""
    answer = await client.post(path, json=request, headers={"Prefer": "respond-async"})
    parsed: Json = answer.json()
    return parsed


async def read(client: httpx2.AsyncClient, path: str, **parameters: str | int) -> Json:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    parsed: Json = answer.json()
    return parsed


async def invalid(client: httpx2.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    pointer: str = answer.json()["errors"][0]["pointer"]
    return pointer


async def test_an_operation_is_answered_200_at_every_stage(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client)
    place = operation["links"]["self"]

    assert await read(client, place) == operation
    api.fake.settle_case(operation["operationId"], 0, failed(Code.CASE_NOT_FOUND))
    assert (await read(client, place))["status"] == "failed"
    assert api.answered.operation_id == operation["operationId"]


async def test_what_was_noted_of_a_pending_case_is_not_shown(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client, "/v1/tenants/acme-ecm/external-entity-removals", ONE_ENTITY)
    items = (
        ItemOutcome("E", "XA", Status.FAILED, "locked by another user X.", errors=failed(Code.CASE_LOCKED).errors),
    )
    noted = replace(failed(Code.CASE_LOCKED), status=Status.PENDING, items=items, messages=("x",))
    api.fake.settle_case(operation["operationId"], 0, noted)

    (result,) = (await read(client, operation["links"]["self"]))["results"]

    assert (result["status"], result["found"], result["deleted"], result["evidence"]) == ("pending", None, None, None)
    assert (result["messages"], result["errors"]) == ([], [])
    assert result["items"] == [
        {"id": "E", "typeCode": "XA", "status": "pending", "message": None, "evidence": None, "errors": []}
    ]


@pytest.mark.parametrize("name", ["x", "0", "%00", "'", "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10", "{}", "ø"])
@pytest.mark.parametrize("path", ["", "/results", "/cancel", "/retry"])
async def test_what_is_no_operation_is_not_found(client: httpx2.AsyncClient, name: str, path: str) -> None:
    method = "POST" if path in {"/cancel", "/retry"} else "GET"

    answer = await client.request(method, f"/v1/operations/{name}{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_operation_whose_record_ends_while_it_is_read_is_not_found(
    api: Api, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_args: object, **_named: object) -> None:
        return None

    operation = await made(client)
    monkeypatch.setattr(api.fake, "view", gone)

    assert (await client.get(operation["links"]["self"])).status_code == 404


async def test_a_case_is_called_as_it_was_in_the_request(client: httpx2.AsyncClient) -> None:
    case = {"caseToken": "d1a72df4-f7d5-402c-a495-cc31b8b39a59", "requestId": "3F0C7B1E-4F5A-4A53-9D0E-6F1C2B7A9E55"}

    (result,) = (await made(client, DELETIONS, {"execute": True, "cases": [case]}))["results"]

    assert result["case"] == {"caseToken": case["caseToken"]}
    assert result["requestId"] == case["requestId"].lower()


async def test_an_id_may_be_written_in_capitals(client: httpx2.AsyncClient) -> None:
    operation = await made(client)

    found = await read(client, f"/v1/operations/{operation['operationId'].upper()}")

    assert found["operationId"] == operation["operationId"]


async def test_an_operation_is_seen_by_every_caller_of_its_tenant_and_by_no_other(api: Api) -> None:
    async with api.client() as maker, api.client(DRY_KEY) as colleague, api.client(OTHER_KEY) as stranger:
        operation = await made(maker)
        place = operation["links"]["self"]

        assert (await colleague.get(place)).status_code == 200
        for path in (place, f"{place}/results"):
            assert (await stranger.get(path)).status_code == 404
        for path in (f"{place}/cancel", f"{place}/retry"):
            assert (await stranger.post(path)).status_code == 404
        assert (await read(colleague, "/v1/operations"))["items"][0]["operationId"] == operation["operationId"]
        assert (await read(stranger, "/v1/operations"))["items"] == []


async def test_a_scheduled_operation_runs_once_its_backend_has_opened(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client, CLOSED_DELETIONS)
    api.clock.instant += 5 * 3_600 * SECOND

    shown = await read(client, operation["links"]["self"])

    assert (operation["status"], shown["status"], shown["notBefore"]) == ("scheduled", "running", None)


async def test_a_backend_that_calls_itself_closed_schedules(api: Api, client: httpx2.AsyncClient) -> None:
    until = api.clock.instant + 600 * SECOND
    pause = BackendQueue(pending={"acme-dk": 1}, paused_until=until, paused_for=Code.UPSTREAM_CLOSED)
    api.fake.known_queues["hub-dk"] = pause

    assert (await made(client))["notBefore"] == "2026-01-01T12:10:00.000Z"


async def test_a_backend_that_pauses_for_another_reason_does_not(api: Api, client: httpx2.AsyncClient) -> None:
    until = api.clock.instant + 600 * SECOND
    pause = BackendQueue(pending={"acme-dk": 1}, paused_until=until, paused_for=Code.UPSTREAM_THROTTLED)
    api.fake.known_queues["hub-dk"] = pause

    operation = await made(client)

    assert (operation["status"], operation["notBefore"]) == ("running", None)
    assert operation["estimatedFinishAt"] >= "2026-01-01T12:10:00.000Z"


async def test_an_operation_whose_backend_is_no_longer_configured_is_shown(
    api: Api, client: httpx2.AsyncClient
) -> None:
    operation = await made(client)
    api.settings = replace(api.settings, backends={}, tenants={})

    shown = await read(client, operation["links"]["self"])

    assert (shown["status"], shown["estimatedFinishAt"]) == ("running", None)
    assert len((await read(client, "/v1/operations"))["items"]) == 1


async def test_results_come_in_pages_in_request_order(api: Api, client: httpx2.AsyncClient) -> None:
    cases = [{"caseNumber": str(number)} for number in range(5)]
    operation = await made(client, DELETIONS, {"execute": True, "cases": cases})
    for position in (0, 2, 3):
        api.fake.settle_case(operation["operationId"], position, SUCCEEDED)
    place = operation["links"]["results"]

    first = await read(client, place, limit=2)
    second = await read(client, place, limit=2, cursor=first["nextCursor"])
    third = await read(client, place, limit=2, cursor=second["nextCursor"])
    succeeded = await read(client, place, status="succeeded")
    pending = await read(client, place, status="pending")

    numbers = [result["case"]["caseNumber"] for page in (first, second, third) for result in page["items"]]
    assert numbers == ["0", "1", "2", "3", "4"]
    assert third["nextCursor"] is None
    assert [result["case"]["caseNumber"] for result in succeeded["items"]] == ["0", "2", "3"]
    assert len(pending["items"]) == 2


async def test_operations_come_in_pages_newest_first_while_more_are_added(api: Api, client: httpx2.AsyncClient) -> None:
    made_ids = [(await made(client))["operationId"] for _ in range(4)]
    newest, middle, *_ = made_ids[::-1]

    first = await read(client, "/v1/operations", limit=2)
    api.clock.instant += SECOND
    await made(client)
    second = await read(client, "/v1/operations", limit=2, cursor=first["nextCursor"])

    assert [operation["operationId"] for operation in first["items"]] == [newest, middle]
    assert [operation["operationId"] for operation in second["items"]] == made_ids[1::-1]
    assert second["nextCursor"] is None
    assert {operation["results"] for operation in first["items"]} == {None}


async def test_operations_are_chosen_by_tenant_kind_and_status(api: Api, client: httpx2.AsyncClient) -> None:
    running = await made(client)
    scheduled = await made(client, CLOSED_DELETIONS)
    api.fake.script = [SUCCEEDED]
    removal = await made(client, "/v1/tenants/acme-ecm/external-entity-removals", ONE_ENTITY)

    async def chosen(**parameters: str) -> list[str]:
        page = await read(client, "/v1/operations", **parameters)
        return [operation["operationId"] for operation in page["items"]]

    assert await chosen(tenant="acme-night") == [scheduled["operationId"]]
    assert await chosen(kind="external-entity-removal") == [removal["operationId"]]
    assert await chosen(status="running") == [running["operationId"]]
    assert await chosen(status="scheduled") == [scheduled["operationId"]]
    assert await chosen(status="succeeded") == [removal["operationId"]]
    assert await chosen(status="succeeded", tenant="acme-dk") == []


async def test_a_tenant_that_is_not_granted_is_as_unknown_in_a_filter_as_in_a_path(api: Api) -> None:
    async with api.client(OTHER_KEY) as client:
        answers = [await client.get("/v1/operations", params={"tenant": name}) for name in ("acme-dk", "nobody", "")]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("limit=-1", "?limit"),
        ("limit=ten", "?limit"),
        ("limit=", "?limit"),
        ("limit=1e2", "?limit"),
        ("limit=%C2%B2", "?limit"),
        ("limit=" + "9" * 5_000, "?limit"),
        ("limit=1&limit=2", "?limit"),
        ("kind=everything", "?kind"),
        ("kind=", "?kind"),
        ("status=pending", "?status"),
        ("status=done", "?status"),
        ("page=2", "?page"),
        ("cursor=", "?cursor"),
        ("cursor=x", "?cursor"),
        ("cursor=%FF", "?cursor"),
        ("cursor=WzEsInJlc3VsdHMiLDBd", "?cursor"),
        ("cursor=" + "W" * 5_000, "?cursor"),
        ("%00=1", "?\x00"),
    ],
)
async def test_query_parameters_are_known_single_and_of_the_right_form(
    client: httpx2.AsyncClient, query: str, pointer: str
) -> None:
    assert await invalid(client, f"/v1/operations?{query}") == pointer


@pytest.mark.parametrize(
    "query", ["status=running", "status=scheduled", "tenant=acme-dk", "cursor=WzEsIm9wZXJhdGlvbnMiLDBd"]
)
async def test_results_have_parameters_of_their_own(client: httpx2.AsyncClient, query: str) -> None:
    operation = await made(client)

    assert await invalid(client, f"{operation['links']['results']}?{query}") == f"?{query.partition('=')[0]}"


async def test_cancelling_ends_what_was_never_sent_and_can_be_repeated(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client, DELETIONS, TWO_CASES)
    api.fake.settle_case(operation["operationId"], 0, SUCCEEDED)

    first = await client.post(f"{operation['links']['self']}/cancel")
    second = await client.post(f"{operation['links']['self']}/cancel")

    assert (first.status_code, first.json()["status"]) == (200, "partial")
    assert first.json()["results"][1]["errors"][0]["code"] == "case_cancelled"
    assert (second.status_code, second.json()) == (200, first.json())


async def test_a_retry_runs_again_what_did_not_succeed_and_is_answered_202(
    api: Api, client: httpx2.AsyncClient
) -> None:
    operation = await made(client, DELETIONS, TWO_CASES)
    api.fake.settle_case(operation["operationId"], 0, SUCCEEDED)
    api.fake.settle_case(operation["operationId"], 1, UNKNOWN)

    answer = await client.post(f"{operation['links']['self']}/retry")

    assert (answer.status_code, answer.headers["Location"]) == (202, operation["links"]["self"])
    assert int(answer.headers["Retry-After"]) >= 1
    assert [result["status"] for result in answer.json()["results"]] == ["succeeded", "pending"]


async def test_a_retry_waits_if_asked_to(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client)
    api.fake.settle_case(operation["operationId"], 0, UNKNOWN)
    began = api.clock.instant

    await client.post(f"{operation['links']['self']}/retry", headers={"Prefer": "wait=5"})

    assert api.clock.instant == began + 5 * SECOND


async def test_a_retry_of_what_succeeded_changes_nothing(api: Api, client: httpx2.AsyncClient) -> None:
    operation = await made(client)
    api.fake.settle_case(operation["operationId"], 0, SUCCEEDED)

    answer = await client.post(f"{operation['links']['self']}/retry")

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


@pytest.mark.parametrize("change", ["cancel", "retry"])
async def test_changing_an_operation_needs_the_grants_that_making_it_needs(api: Api, change: str) -> None:
    async with api.client() as maker, api.client(DRY_KEY) as dry_runner:
        executing = await made(maker)
        dry_run = await made(maker, DELETIONS, {**ONE_CASE, "execute": False})
        removal = await made(maker, "/v1/tenants/acme-dk/external-entity-removals", ONE_ENTITY)

        answers = {
            name: await dry_runner.post(f"{operation['links']['self']}/{change}")
            for name, operation in (("executing", executing), ("dry run", dry_run), ("removal", removal))
        }

    assert answers["executing"].json()["code"] == "execute_not_granted"
    assert answers["removal"].json()["code"] == "operation_not_granted"
    assert answers["dry run"].status_code == (200 if change == "cancel" else 202)
    assert api.fake.operations_by_id[executing["operationId"]].status is None


async def test_a_case_that_has_not_ended_says_nothing_of_what_may_be_repeated(
    api: Api, client: httpx2.AsyncClient
) -> None:
    operation = await made(client)
    api.fake.settle_case(operation["operationId"], 0, CaseOutcome(Status.PENDING), api.clock.instant + SECOND)

    assert (await read(client, operation["links"]["self"]))["results"][0]["attempts"] == 1
