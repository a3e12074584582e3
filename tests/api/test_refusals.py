"""CONTRACT.md section 1, "Requests" and "Status codes": what is refused, as a whole, with nothing written or sent."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .configuration import JOB_KEY
from .stack import Stack, stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = {"server.max_cases": 3, "server.max_items": 4, "server.max_body_bytes": 2_000, "server.max_queued_cases": 5}
DELETE, ENTITIES = "/v1/tenants/acme-dk/case-deletions", "/v1/tenants/acme-dk/external-entity-removals"
CUSTOMERS = "/v1/tenants/acme-dk/customer-removals"
NO_OPERATION = "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"


def deletion(*cases: Any, **more: Any) -> bytes:  # noqa: ANN401 - anything JSON can say
    return json.dumps({"execute": True, "cases": list(cases), **more}).encode()


def entity(number: int, code: str = "XA") -> dict[str, str]:
    return {"externalEntity": f"E{number}", "externalEntityTypeCode": code}


def entities(*items: Any, case: str = "CA1", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    return {"caseId": case, "externalEntities": list(items), **more}


CN1 = {"caseNumber": "CN1"}
BODIES: dict[str, tuple[str, bytes, int, str, str | None]] = {
    "not json": (DELETE, b"{", 400, "malformed_request", None),
    "empty": (DELETE, b"", 400, "malformed_request", None),
    "not utf-8": (DELETE, b'{"execute": true, "cases": [{"caseNumber": "\xff"}]}', 400, "malformed_request", None),
    "utf-16": (DELETE, deletion(CN1).decode().encode("utf-16"), 400, "malformed_request", None),
    "nan": (DELETE, b'{"execute": true, "cases": [NaN]}', 400, "malformed_request", "/cases/0"),
    "infinity": (DELETE, b'{"execute": true, "cases": [-Infinity]}', 400, "malformed_request", "/cases/0"),
    "1e999": (DELETE, b'{"execute": true, "cases": [1e999]}', 400, "malformed_request", "/cases/0"),
    "duplicate member": (
        DELETE,
        b'{"execute": true, "cases": [{"caseNumber": "A", "caseNumber": "B"}]}',
        400,
        "malformed_request",
        "/cases/0/caseNumber",
    ),
    "duplicate execute": (
        DELETE,
        b'{"execute": false, "execute": true, "cases": [{"caseNumber": "A"}]}',
        400,
        "malformed_request",
        "/execute",
    ),
    "too deep": (DELETE, b"[" * 33 + b"]" * 33, 400, "malformed_request", "/0" * 32),
    "far too deep": (DELETE, b"[" * 900 + b"]" * 900, 400, "malformed_request", "/0" * 32),
    "a list": (DELETE, b"[]", 422, "invalid_request", ""),
    "no execute": (DELETE, b'{"cases": [{"caseNumber": "CN1"}]}', 422, "invalid_request", "/execute"),
    "execute null": (DELETE, deletion(CN1, execute=None), 422, "invalid_request", "/execute"),
    "execute as text": (DELETE, deletion(CN1, execute="true"), 422, "invalid_request", "/execute"),
    "execute as number": (DELETE, deletion(CN1, execute=1), 422, "invalid_request", "/execute"),
    "no cases": (DELETE, b'{"execute": true}', 422, "invalid_request", "/cases"),
    "empty cases": (DELETE, deletion(), 422, "invalid_request", "/cases"),
    "unknown field": (DELETE, deletion(CN1, dryRun=True), 422, "invalid_request", "/dryRun"),
    "unknown field of a case": (
        DELETE,
        deletion(CN1, {"caseNumber": "CN2", "note": ""}),
        422,
        "invalid_request",
        "/cases/1/note",
    ),
    "a case of no name": (DELETE, deletion({}), 422, "invalid_request", "/cases/0"),
    "a case of two names": (
        DELETE,
        deletion({"caseNumber": "CN1", "caseToken": "T1"}),
        422,
        "invalid_request",
        "/cases/0",
    ),
    "number as a number": (DELETE, deletion(CN1, {"caseNumber": 1}), 422, "invalid_request", "/cases/1/caseNumber"),
    "number null": (DELETE, deletion({"caseNumber": None}), 422, "invalid_request", "/cases/0/caseNumber"),
    "empty number": (DELETE, deletion({"caseNumber": ""}), 422, "invalid_request", "/cases/0/caseNumber"),
    "long number": (DELETE, deletion({"caseNumber": "x" * 129}), 422, "invalid_request", "/cases/0/caseNumber"),
    "white space": (DELETE, deletion({"caseNumber": " CN1"}), 422, "invalid_request", "/cases/0/caseNumber"),
    "wide white space": (DELETE, deletion({"caseNumber": "CN1\u3000"}), 422, "invalid_request", "/cases/0/caseNumber"),
    "control character": (DELETE, deletion({"caseNumber": "CN\n1"}), 422, "invalid_request", "/cases/0/caseNumber"),
    "nul": (DELETE, deletion({"caseToken": "CN\x001"}), 422, "invalid_request", "/cases/0/caseToken"),
    "surrogate": (DELETE, deletion({"caseNumber": "\ud800"}), 422, "invalid_request", "/cases/0/caseNumber"),
    "request id": (DELETE, deletion(CN1 | {"requestId": "1"}), 422, "invalid_request", "/cases/0/requestId"),
    "same case twice": (
        DELETE,
        deletion(CN1, {"caseNumber": "CN2"}, CN1),
        422,
        "invalid_request",
        "/cases/2/caseNumber",
    ),
    "too many cases": (DELETE, deletion(*({"caseNumber": str(i)} for i in range(4))), 422, "invalid_request", "/cases"),
    "too large": (DELETE, deletion({"caseNumber": "x" * 2_000}), 413, "too_large", None),
    "dry run on ecm": (ENTITIES, deletion(entities(entity(1)), execute=False), 422, "dry_run_unsupported", None),
    "no items": (ENTITIES, deletion(entities()), 422, "invalid_request", "/cases/0/externalEntities"),
    "no type code": (
        ENTITIES,
        deletion(entities({"externalEntity": "E1"})),
        422,
        "invalid_request",
        "/cases/0/externalEntities/0/externalEntityTypeCode",
    ),
    "same item twice": (
        ENTITIES,
        deletion(entities(entity(1, "XA"), entity(1, "XB"), entity(1, "XA"))),
        422,
        "invalid_request",
        "/cases/0/externalEntities/2",
    ),
    "too many items": (
        ENTITIES,
        deletion(entities(*map(entity, range(3))), entities(*map(entity, range(2)), case="CA2")),
        422,
        "invalid_request",
        "/cases/1/externalEntities",
    ),
    "items of another kind": (
        CUSTOMERS,
        deletion(entities(entity(1))),
        422,
        "invalid_request",
        None,
    ),
    "no such system": (
        "/v1/tenants/acme-hub-only/customer-removals",
        deletion({"caseId": "CA1", "customers": [{"customerId": "C1"}]}),
        422,
        "operation_not_configured",
        None,
    ),
    "no such tenant": ("/v1/tenants/nobody/case-deletions", deletion(CN1), 404, "not_found", None),
    "no such path": ("/v1/tenants/acme-dk/case-deletion", deletion(CN1), 404, "not_found", None),
}
HEADERS: dict[str, tuple[dict[str, str], int, str]] = {
    "no content type": ({"Content-Type": ""}, 415, "unsupported_media_type"),
    "text": ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    "latin": ({"Content-Type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
    "compressed": ({"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    "empty key": ({"Idempotency-Key": ""}, 422, "invalid_request"),
    "long key": ({"Idempotency-Key": "k" * 256}, 422, "invalid_request"),
    "key with a space": ({"Idempotency-Key": "a b"}, 422, "invalid_request"),
}
OTHER_CALLS: dict[str, tuple[str, str, int, str]] = {
    "delete": ("DELETE", DELETE, 405, "method_not_allowed"),
    "get of a post": ("GET", DELETE, 405, "method_not_allowed"),
    "post of a get": ("POST", "/v1/operations", 405, "method_not_allowed"),
    "no such operation": ("GET", NO_OPERATION, 404, "not_found"),
    "no uuid": ("GET", "/v1/operations/1", 404, "not_found"),
    "no results": ("GET", f"{NO_OPERATION}/results", 404, "not_found"),
    "limit 0": ("GET", "/v1/operations?limit=0", 422, "invalid_request"),
    "limit 1001": ("GET", "/v1/operations?limit=1001", 422, "invalid_request"),
    "limit twice": ("GET", "/v1/operations?limit=1&limit=2", 422, "invalid_request"),
    "cursor": ("GET", "/v1/operations?cursor=x", 422, "invalid_request"),
    "status": ("GET", "/v1/operations?status=done", 422, "invalid_request"),
    "kind": ("GET", "/v1/operations?kind=case-deletions", 422, "invalid_request"),
    "unknown parameter": ("GET", "/v1/operations?tenants=acme-dk", 422, "invalid_request"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Stack]:
    """A stack with small bounds. Nothing that these tests send leaves a trace, so they share it."""
    async with stack(tmp_path_factory.mktemp("stack"), keys, SMALL) as both:
        yield both


async def refusal(
    both: Stack,
    method: str,
    path: str,
    status: int,
    code: str,
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Any:  # noqa: ANN401 - JSON
    """Check the problem, and that nothing came of it."""
    job = await both.caller(JOB_KEY)
    head = {"Content-Type": "application/json"} | (headers or {})
    answer = await job.http.request(
        method, path, content=body, headers={k: v for k, v in head.items() if v or k != "Content-Type"}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["detail"]
    assert await job.pages("/v1/operations") == [[]]
    assert await both.upstreams.history() == []
    return problem


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_breaks_a_rule_is_refused_as_a_whole_and_the_place_is_named(name: str, small: Stack) -> None:
    path, body, status, code, place = BODIES[name]

    problem = await refusal(small, "POST", path, status, code, body=body)

    if place is not None:
        assert problem["errors"][0]["pointer"] == place


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_breaks_a_rule_is_refused(name: str, small: Stack) -> None:
    headers, status, code = HEADERS[name]

    await refusal(small, "POST", DELETE, status, code, body=deletion(CN1), headers=headers)


@pytest.mark.parametrize("name", OTHER_CALLS)
async def test_a_call_that_makes_no_sense_is_refused(name: str, small: Stack) -> None:
    method, path, status, code = OTHER_CALLS[name]

    await refusal(small, method, path, status, code)


async def test_too_many_queued_cases_are_refused_and_the_queue_goes_on(tmp_path: Path, keys: Path) -> None:
    async with stack(tmp_path, keys, SMALL) as both:
        job, up = await both.caller(), both.upstreams
        await up.switch(hub={"latencySeconds": 0.5})
        first = await job.accepted("acme-dk", "case-deletions", [{"caseNumber": f"CN{i}"} for i in range(3)])

        answer = await job.delete("acme-dk", "CN7", "CN8", "CN9")

        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await job.ended(first))["status"] == "succeeded"
        assert len(await up.business()) == 3
