"""The receipt of an operation over HTTP, from a real ledger (docs/evidence.md)."""

import hashlib
import json

import pytest

from .configuration import NORWAY_KEY
from .conftest import Stacks
from .stack import Caller, Json, Stack, customers, numbers, until


async def receipt(job: Caller, operation_id: str, **query: int) -> Json:
    answer = await job.http.get(f"/v1/operations/{operation_id}/receipt", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_it_says_what_the_envelope_says(job: Caller) -> None:
    envelope = (await job.delete("acme-dk", "CN1", "NOTFOUND-1")).json()

    found = await receipt(job, envelope["operationId"])

    said = found["receipt"]
    shared = ("operationId", "kind", "tenant", "backend", "system", "execute", "status")
    assert {name: said[name] for name in shared} == {name: envelope[name] for name in shared}
    assert (said["caller"], said["upstreamTenant"], said["number"]) == ("job", "acme", 1)
    for case, result in zip(said["cases"], envelope["results"], strict=True):
        outcome = ("status", "found", "deleted", "evidence", "attempts")
        assert {name: case[name] for name in outcome} == {name: result[name] for name in outcome}
    assert [case["code"] for case in said["cases"]] == [None, "case_not_found"]
    assert [(name["case"], name["requestId"]) for name in found["names"]] == [
        (result["case"], result["requestId"]) for result in envelope["results"]
    ]


async def test_of_ecm_it_says_what_became_of_each_item(job: Caller) -> None:
    answer = await job.submit("acme-dk", "customer-removals", [customers("CA1", "CUST1", "ABSENT-1")])

    found = await receipt(job, answer.json()["operationId"])

    [case] = found["receipt"]["cases"]
    assert [(item["status"], item["code"]) for item in case["items"]] == [
        ("succeeded", None),
        ("failed", "item_not_in_case"),
    ]
    assert found["names"] == [
        {
            "case": {"caseId": "CA1"},
            "requestId": None,
            "items": [{"id": "CUST1", "typeCode": None}, {"id": "ABSENT-1", "typeCode": None}],
        }
    ]


async def test_whoever_has_it_can_check_its_place_in_the_chain(job: Caller) -> None:
    operation_id = (await job.delete("acme-dk", "CN1")).json()["operationId"]

    answer = await job.http.get(f"/v1/operations/{operation_id}/receipt")

    chain = answer.json()["chain"]
    text = answer.content.split(b'{"receipt":', 1)[1].rsplit(b',"chain":', 1)[0]
    its_digest = hashlib.sha256(text).hexdigest()
    link = f"case-gateway receipt {chain['sequence']}\n{chain['previous']}\n{its_digest}\n"
    assert chain["digest"] == its_digest
    assert chain["hash"] == hashlib.sha256(link.encode()).hexdigest()


async def test_a_retry_gives_a_further_one(job: Caller) -> None:
    operation_id = (await job.delete("acme-dk", "NOTFOUND-1")).json()["operationId"]
    await job.retry(operation_id)

    newest, first = await receipt(job, operation_id), await receipt(job, operation_id, number=1)

    assert [newest["receipt"]["number"], first["receipt"]["number"]] == [2, 1]


@pytest.mark.parametrize(
    "path", ["0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10/receipt", "none/receipt", "{ended}/receipt?number=2"]
)
async def test_what_is_not_there_is_not_found(job: Caller, path: str) -> None:
    ended = (await job.delete("acme-dk", "CN1")).json()["operationId"]

    answer = await job.http.get("/v1/operations/" + path.format(ended=ended))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_operation_under_way_has_none_yet(job: Caller) -> None:
    operation_id = await job.accepted("acme-dk", "case-deletions", numbers("SLOW-1-1"))

    answer = await job.http.get(f"/v1/operations/{operation_id}/receipt")

    assert answer.status_code == 404


async def test_who_may_not_see_the_operation_may_not_see_its_receipt(both: Stack, job: Caller) -> None:
    operation_id = (await job.delete("acme-dk", "CN1")).json()["operationId"]

    answer = await (await both.caller(NORWAY_KEY)).http.get(f"/v1/operations/{operation_id}/receipt")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("number", ["0", "-1", "one", "1e3", "9999999999"])
async def test_its_number_is_a_number(job: Caller, number: str) -> None:
    answer = await job.http.get(f"/v1/operations/x/receipt?number={number}")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?number")


async def test_receipts_are_linked_soon_although_nobody_asks_for_them(both: Stack, job: Caller) -> None:
    await job.delete("acme-dk", "CN1")

    async def linked() -> bool:
        return await both.gateway.parts.ledger.records.head() is not None

    await until(linked)


async def test_checkpoints_are_signed_into_a_file(stacks: Stacks, checkpoint_key: str) -> None:
    audit = {"checkpoint_key_file": checkpoint_key, "checkpoint_file": "checkpoints", "checkpoint_minutes": 0.001}
    async with stacks({"audit": audit}) as both:
        job = await both.caller()
        await job.delete("acme-dk", "CN1")
        file = both.folder / "checkpoints"

        async def signed() -> bool:
            return file.exists() and bool(file.read_bytes())

        await until(signed)

    [line] = file.read_text().splitlines()
    assert json.loads(line)["sequence"] == 1
