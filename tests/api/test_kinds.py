"""The five kinds of operation, dry runs, and where a tenant lives."""

from typing import Any
from uuid import UUID

import pytest

from .conftest import Stacks
from .stack import DELETIONS, Caller, Json, Upstreams

REMOVALS: dict[str, tuple[str, str, list[Json]]] = {
    "external-entity-removals": (
        "removeExternalEntity",
        "externalEntities",
        [{"externalEntity": f"E{i}", "externalEntityTypeCode": "XA"} for i in range(2)],
    ),
    "transaction-removals": (
        "removeTransaction",
        "transactions",
        [{"transactionReferenceId": f"T{i}", "transactionTypeCode": "B"} for i in range(2)],
    ),
    "customer-removals": ("removeCustomer", "customers", [{"customerId": f"C{i}"} for i in range(2)]),
    "account-removals": ("removeAccount", "accounts", [{"accountId": f"A{i}"} for i in range(2)]),
}


@pytest.mark.parametrize("kind", REMOVALS)
async def test_a_removal_reaches_its_own_service_with_its_own_items(kind: str, job: Caller, up: Upstreams) -> None:
    service, list_name, items = REMOVALS[kind]

    answer = await job.submit("acme-dk", kind, [{"caseId": "CA100", list_name: items}])

    assert answer.status_code == 200
    envelope = answer.json()
    assert (envelope["kind"], envelope["system"], envelope["backend"]) == (kind.rstrip("s"), "oracle-ecm", "ecm")
    (result,) = envelope["results"]
    assert [(item["id"], item["typeCode"]) for item in result["items"]] == [
        (next(iter(item.values())), [*item.values(), None][1]) for item in items
    ]
    assert {item["evidence"] for item in result["items"]} == {"confirmed"}
    (call,) = await up.business()
    assert (call["call"], call["removed"]) == (service, [["CA100", item["id"]] for item in result["items"]])


@pytest.mark.parametrize("tenant", ["acme-dk", "acme-no"])
async def test_a_case_is_deleted_by_its_unified_token(tenant: str, job: Caller, up: Upstreams) -> None:
    token = "d1a72df4-f7d5-402c-a495-cc31b8b39a59"

    answer = await job.submit(tenant, DELETIONS, [{"caseToken": token}])

    assert answer.status_code == 200
    assert answer.json()["results"][0]["case"] == {"caseToken": token}
    (call,) = await up.calls(token)
    assert (call["identifierType"], call["done"]) == ("caseToken", "deleted")


async def test_opaque_identifiers_travel_unchanged(job: Caller, up: Upstreams) -> None:
    strange = ["2024/123", "MAERSK A/S", "100 %", "ä \U0001f600", '"\\', "..", "x" * 128]

    answer = await job.delete("acme-dk", *strange)

    assert answer.status_code == 200
    assert sorted(call["cases"][0] for call in await up.business()) == sorted(strange)


async def test_a_mixture_answers_207_with_every_case_in_request_order(job: Caller) -> None:
    answer = await job.delete("acme-dk", "CN1", "NOTFOUND-1", "FORBIDDEN-1", "CN2")

    assert answer.status_code == 207
    envelope = answer.json()
    assert envelope["status"] == "partial"
    assert [result["status"] for result in envelope["results"]] == ["succeeded", "failed", "failed", "succeeded"]
    assert envelope["summary"] == {
        "total": 4, "succeeded": 2, "partial": 0, "failed": 2, "unknown": 0, "pending": 0, "cancelled": 0,
    }  # fmt: skip


async def test_several_cases_that_all_failed_alike_are_failed_and_answer_207(job: Caller) -> None:
    answer = await job.delete("acme-no", "NOTFOUND-1", "NOTFOUND-2")

    assert (answer.status_code, answer.json()["status"]) == (207, "failed")


async def test_one_ecm_case_of_which_one_item_failed_is_partial_and_answers_207(job: Caller) -> None:
    case = {"caseId": "CA1", "customers": [{"customerId": "C1"}, {"customerId": "ABSENT-1"}]}

    answer = await job.submit("acme-dk", "customer-removals", [case])

    assert (answer.status_code, answer.json()["status"]) == (207, "partial")
    (result,) = answer.json()["results"]
    assert [item["status"] for item in result["items"]] == ["succeeded", "failed"]


@pytest.mark.parametrize("tenant", ["acme-dk", "acme-no"])
@pytest.mark.parametrize(
    ("case", "status", "found"), [("CN1", 200, True), ("NOTFOUND-1", 404, False), ("FORBIDDEN-1", 409, True)]
)
async def test_a_dry_run_tells_and_changes_nothing(
    case: str, status: int, *, found: bool, tenant: str, job: Caller, up: Upstreams
) -> None:
    answer = await job.delete(tenant, case, execute=False)

    assert answer.status_code == status
    (result,) = answer.json()["results"]
    assert (result["found"], result["deleted"], result["evidence"]) == (found, False, "confirmed")
    assert [error["resumable"] for error in result["errors"]] in ([], [False])
    (call,) = await up.business()
    assert (call["execute"], call["done"]) == (False, "nothing")


async def test_the_id_of_a_dry_run_is_never_used_for_the_deletion_after_it(job: Caller, up: Upstreams) -> None:
    dry = (await job.delete("acme-dk", "CN1", execute=False)).json()["results"][0]
    again = (await job.delete("acme-dk", "CN1", execute=False)).json()["results"][0]
    real = (await job.delete("acme-dk", "CN1")).json()["results"][0]

    assert len({dry["requestId"], again["requestId"], real["requestId"]}) == 3
    calls = await up.business()
    assert [(call["execute"], call["requestId"]) for call in calls] == [
        (False, dry["requestId"]), (False, again["requestId"]), (True, real["requestId"]),
    ]  # fmt: skip
    assert [call["violations"] for call in calls] == [[], [], []]


async def test_a_dry_run_between_a_failure_and_its_resumption_does_not_disturb_it(job: Caller, up: Upstreams) -> None:
    await up.seed({"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "forbidden": True})
    failed = (await job.delete("acme-dk", "CN1")).json()["results"][0]
    await job.delete("acme-dk", "CN1", execute=False)
    await up.seed({"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "forbidden": False})

    resumed = (await job.delete("acme-dk", "CN1")).json()["results"][0]

    assert (failed["status"], resumed["status"], resumed["deleted"]) == ("failed", "succeeded", True)
    assert resumed["requestId"] == failed["requestId"], "a resumable deletion of the same case lends its id"
    assert [call["violations"] for call in await up.business()] == [[], [], []]


async def test_a_callers_own_request_id_continues_a_deletion_begun_elsewhere(job: Caller, up: Upstreams) -> None:
    begun_by = "0a1b2c3d-0000-4000-8000-00000000abcd"
    await up.seed({"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "begunBy": begun_by})

    answer = await job.submit("acme-dk", DELETIONS, [{"caseNumber": "CN1", "requestId": begun_by.upper()}])

    assert (answer.status_code, answer.json()["results"][0]["requestId"]) == (200, begun_by)
    (call,) = await up.business()
    assert (call["requestId"], call["done"], call["violations"]) == (begun_by, "deleted", [])


async def test_a_callers_own_request_id_is_not_spent_on_a_dry_run(job: Caller, up: Upstreams) -> None:
    request_id = "0a1b2c3d-0000-4000-8000-00000000abcd"
    case = {"caseNumber": "CN1", "requestId": request_id}

    await job.submit("acme-dk", DELETIONS, [case], execute=False)
    await job.submit("acme-dk", DELETIONS, [case])

    dry, real = await up.business()
    assert (dry["requestId"] != request_id, real["requestId"]) == (True, request_id)
    assert (dry["violations"], real["violations"]) == ([], [])


async def test_a_request_id_is_only_recorded_where_the_tenant_lives_on_claimshop(job: Caller, up: Upstreams) -> None:
    request_id = "0a1b2c3d-0000-4000-8000-00000000abcd"

    answer = await job.submit("acme-no", DELETIONS, [{"caseNumber": "CN1", "requestId": request_id}])

    assert answer.json()["results"][0]["requestId"] == request_id
    assert (await up.business())[0]["requestId"] is None


async def test_moving_a_tenant_to_the_other_system_changes_nothing_for_its_callers(stacks: Stacks) -> None:
    cases = ("CN1", "NOTFOUND-1", "NOTDELETED-1")
    async with stacks() as both:
        told_by_hub = [await told(await both.caller(), case) for case in cases]
        await both.stop()
        both.tree["tenants"]["acme-dk"]["cases"] = {"backend": "claimshop-dk", "tenant": "acme"}
        await both.start()
        told_by_claimshop = [await told(await both.caller(), case) for case in cases]
        systems = {call["system"] for call in await both.upstreams.business()}

    assert systems == {"hub-property", "claimshop"}
    assert told_by_claimshop == told_by_hub


async def told(caller: Caller, case: str) -> Any:  # noqa: ANN401 - JSON
    """What a caller sees, but for what may differ: ids and times, the backend, tries, whether it can be resumed."""
    answer = await caller.delete("acme-dk", case)
    envelope = answer.json()
    for name in ("operationId", "backend", "system", "createdAt", "startedAt", "finishedAt", "links"):
        assert envelope.pop(name)
    for result in envelope["results"]:
        assert UUID(result.pop("requestId"))
        assert result.pop("attempts") >= 1
        assert all(error.pop("resumable") in {True, False} for error in result["errors"])
    return answer.status_code, envelope
