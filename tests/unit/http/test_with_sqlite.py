"""The same API over the real ledger."""

from typing import Any

import pytest

from gateway.config.settings import Retry
from gateway.ledger.base import CallSettlement, CaseSettlement, ClaimRules, Ledger
from gateway.model.outcomes import CaseOutcome, Code
from tests.unit.http.api import CLOSED_DELETIONS, DELETIONS, ONE_CASE, TWO_CASES, Api
from tests.unit.http.outcomes import SUCCEEDED, failed

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def over(ledger: Ledger) -> Api:
    return Api(ledger=ledger)


async def dispatch(api: Api, ledger: Ledger, *outcomes: CaseOutcome) -> None:
    """Claim what is due at hub-dk and give it these outcomes, in turn."""
    backend = api.settings.backends["hub-dk"]
    rules = ClaimRules(
        backend=backend.name, limits=backend.limits, hours=None, slots=5, cases_per_call=1, timeout_seconds=60,
        linger_seconds=60, retry=Retry(), upstream=backend.upstream,
    )  # fmt: skip
    left = list(outcomes)
    while left:
        for call in (await ledger.claim(rules)).calls:
            cases = tuple(CaseSettlement(case.position, left.pop(0)) for case in call.cases)
            await ledger.settle(CallSettlement(call, sent=True, answered=True, outcome="200", cases=cases))


async def test_an_operation_is_followed_to_its_end(over: Api, ledger: Ledger) -> None:
    async with over.client() as client:
        accepted = await client.post(DELETIONS, json=ONE_CASE, headers=ASYNC)
        place = accepted.headers["Location"]
        running = (await client.get(place)).json()
        await dispatch(over, ledger, SUCCEEDED)
        ended = (await client.get(place)).json()
        results = (await client.get(f"{place}/results")).json()
        listed = (await client.get("/v1/operations", params={"status": "succeeded"})).json()

    assert (accepted.status_code, running["status"], ended["status"]) == (202, "running", "succeeded")
    assert (ended["results"][0]["found"], ended["results"][0]["deleted"]) == (True, True)
    assert results["items"] == ended["results"]
    assert [operation["operationId"] for operation in listed["items"]] == [ended["operationId"]]


async def test_copies_make_one_operation(over: Api, ledger: Ledger) -> None:
    headers = {"Idempotency-Key": "k", **ASYNC}
    async with over.client() as client:
        first = (await client.post(DELETIONS, json=ONE_CASE, headers=headers)).json()
        second = (await client.post(DELETIONS, json=ONE_CASE, headers=headers)).json()
        await dispatch(over, ledger, failed(Code.CASE_NOT_FOUND))
        third = await client.post(DELETIONS, json=ONE_CASE, headers=headers)
        other = await client.post(DELETIONS, json=TWO_CASES, headers=headers)

    assert first["operationId"] == second["operationId"] == third.json()["operationId"]
    assert third.status_code == 404
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_copy_is_answered_from_the_record_while_the_backend_is_closed(over: Api) -> None:
    async with over.client() as client:
        first = await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k", **ASYNC})
        copy = await client.post(CLOSED_DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k", "Prefer": "wait=0"})
        refused = await client.post(CLOSED_DELETIONS, json=ONE_CASE)

    assert (first.json()["status"], copy.status_code) == ("scheduled", 202)
    assert first.json()["operationId"] == copy.json()["operationId"]
    assert refused.json()["code"] == "outside_opening_hours"


async def test_what_was_cancelled_can_be_retried(over: Api, ledger: Ledger) -> None:
    async with over.client() as client:
        place = (await client.post(DELETIONS, json=TWO_CASES, headers=ASYNC)).headers["Location"]
        cancelled = (await client.post(f"{place}/cancel")).json()
        retried = await client.post(f"{place}/retry")
        await dispatch(over, ledger, SUCCEEDED, SUCCEEDED)
        ended = (await client.get(place)).json()

    assert (cancelled["status"], cancelled["summary"]["cancelled"]) == ("cancelled", 2)
    assert (retried.status_code, retried.json()["summary"]["pending"]) == (202, 2)
    assert ended["status"] == "succeeded"


async def test_lists_are_paged_and_filtered(over: Api) -> None:
    async with over.client() as client:
        made = [
            (await client.post(path, json=ONE_CASE, headers=ASYNC)).json()["operationId"]
            for path in (DELETIONS, CLOSED_DELETIONS, DELETIONS)
        ]

        async def listed(**parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - query parameters
            page: dict[str, Any] = (await client.get("/v1/operations", params=parameters)).json()
            return page

        first = await listed(limit=2)
        second = await listed(limit=2, cursor=first["nextCursor"])
        scheduled = await listed(status="scheduled")
        running = await listed(status="running", kind="case-deletion", tenant="acme-dk")

    assert [row["operationId"] for row in (*first["items"], *second["items"])] == made[::-1]
    assert [row["operationId"] for row in scheduled["items"]] == [made[1]]
    assert [row["operationId"] for row in running["items"]] == [made[2], made[0]]


async def test_a_full_queue_refuses(over: Api) -> None:
    over.configure(max_queued_cases=1)
    async with over.client() as client:
        assert (await client.post(DELETIONS, json=TWO_CASES, headers=ASYNC)).json()["code"] == "overloaded"
