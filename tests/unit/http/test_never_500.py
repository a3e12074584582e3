"""Whatever is sent to whatever route: an answer that is documented, and never a 500."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.http.middleware import Message
from gateway.http.openapi import document
from tests.unit.http.api import DELETIONS, KEY, ONE_CASE, Api

PATHS = [(path, method.upper()) for path, item in document()["paths"].items() for method in item]
POSTS = [path.replace("{tenant}", "acme-dk") for path, method in PATHS if path.endswith("s") and method == "POST"]

QUIET = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
NAMES = st.sampled_from(
    ["execute", "cases", "caseNumber", "caseToken", "caseId", "requestId", "accounts", "accountId", "customers",
     "externalEntities", "externalEntity", "externalEntityTypeCode", "transactions", "transactionReferenceId"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | TEXT
    | st.uuids().map(str)
    | st.just("x" * 129)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXT, inner, max_size=4), max_leaves=20
)
HEADER_NAMES = st.sampled_from(
    [b"content-type", b"content-length", b"content-encoding", b"prefer", b"idempotency-key", b"x-api-key", b"host",
     b"traceparent", b"x-request-id", b"accept", b"authorization", b"transfer-encoding", b"cookie", b"x"]
)  # fmt: skip
HEADERS = st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=30)), max_size=6)
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)


async def status_of(
    api: Api, method: str, path: str, *, query: bytes = b"", headers: list[tuple[bytes, bytes]], body: bytes = b""
) -> int:
    """The status that a request gets, as a server hands it over: nothing cleans it up on the way."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode("utf-8", "replace"), "query_string": query, "headers": headers, "scheme": "http",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await api.app(scope, receive, send)
    status: int = sent[0]["status"]
    for name, value in sent[0]["headers"]:
        assert isinstance(name, bytes)
        assert b"\n" not in value
        assert b"\r" not in value
    if b"json" in dict(sent[0]["headers"]).get(b"content-type", b""):
        json.loads(sent[1]["body"] or b"null")
    return status


AUTHENTICATED = [(b"x-api-key", KEY.encode()), (b"content-type", b"application/json")]


@QUIET
@given(path=st.sampled_from(POSTS), value=JSON)
async def test_arbitrary_json_is_answered(api: Api, path: str, value: object) -> None:
    body = json.dumps(value).encode()

    assert await status_of(api, "POST", path, headers=AUTHENTICATED, body=body) in {202, 400, 422}


@QUIET
@given(
    where=st.sampled_from(["execute", "cases", "case", "caseNumber", "extra"]), value=JSON, number=TEXT, request_id=TEXT
)
async def test_requests_with_one_thing_out_of_place_are_answered(
    api: Api, where: str, value: object, number: str, request_id: str
) -> None:
    request: dict[str, Any] = {"execute": True, "cases": [{"caseNumber": number, "requestId": request_id}]}
    if where == "case":
        request["cases"].append(value)
    elif where == "caseNumber":
        request["cases"][0]["caseNumber"] = value
    else:
        request[where] = value

    status = await status_of(api, "POST", DELETIONS, headers=AUTHENTICATED, body=json.dumps(request).encode())

    assert status in {202, 400, 422}


@QUIET
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=200))
async def test_arbitrary_bytes_are_answered(api: Api, path: str, body: bytes) -> None:
    assert await status_of(api, "POST", path, headers=AUTHENTICATED, body=body) in {400, 422}


@QUIET
@given(route=st.sampled_from(PATHS), headers=HEADERS, keyed=st.booleans())
async def test_arbitrary_headers_are_answered(
    api: Api, route: tuple[str, str], headers: list[tuple[bytes, bytes]], *, keyed: bool
) -> None:
    path = route[0].replace("{tenant}", "acme-dk").replace("{operationId}", "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10")
    body = json.dumps(ONE_CASE).encode()
    sent = [*(AUTHENTICATED if keyed else []), *headers]

    status = await status_of(api, route[1], path, headers=sent, body=body)

    assert status in {200, 202, 400, 401, 404, 413, 415, 422}


@QUIET
@given(route=st.sampled_from(PATHS), query=st.binary(max_size=60), name=SEGMENTS)
async def test_arbitrary_queries_and_names_are_answered(
    api: Api, route: tuple[str, str], query: bytes, name: str
) -> None:
    path = route[0].replace("{tenant}", name).replace("{operationId}", name)

    assert await status_of(api, route[1], path, query=query, headers=AUTHENTICATED) in {200, 400, 404, 422}


@QUIET
@given(
    parameter=st.sampled_from(["limit", "cursor", "status", "kind", "tenant"]),
    value=st.text(st.characters(codec="utf-8"), max_size=40) | st.binary(max_size=40).map(repr),
    path=st.sampled_from(["/v1/operations", "/v1/tenants"]),
)
async def test_arbitrary_parameters_are_answered(api: Api, parameter: str, value: str, path: str) -> None:
    query = f"{parameter}={value}".encode()

    assert await status_of(api, "GET", path, query=query, headers=AUTHENTICATED) in {200, 404, 422}


@QUIET
@given(method=st.text(st.characters(codec="ascii"), min_size=1, max_size=10), path=st.lists(SEGMENTS, max_size=4))
async def test_arbitrary_methods_and_paths_are_answered(api: Api, method: str, path: list[str]) -> None:
    assert await status_of(api, method, "/" + "/".join(path), headers=AUTHENTICATED) in {200, 204, 404, 405}
