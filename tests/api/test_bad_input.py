"""Every rule for requests, broken at random over the whole gateway: refused with its code, and nothing came of it."""

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.connections import Answer, Line

from .bad_requests import COLLECTIONS, MAX_BODY_BYTES, MAX_CASES, MAX_ITEMS, RULES, Bad, Good, bad, goods
from .configuration import ENTITIES_KEY, JOB_KEY
from .stack import Json, Stack, stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = 25
QUICK = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
BOUNDS = {"server.max_cases": MAX_CASES, "server.max_items": MAX_ITEMS, "server.max_body_bytes": MAX_BODY_BYTES}
PROBLEM = {"type", "title", "status", "code", "detail", "errors"}
OPERATION = "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Stack]:
    """With an operation on record; nothing that is sent here adds to it, or takes from it."""
    async with stack(tmp_path_factory.mktemp("stack"), keys, BOUNDS) as made:
        job = await made.caller()
        assert (await job.delete("acme-dk", "CN1", "CN2", key="kept")).status_code == 200
        yield made


async def recorded(both: Stack) -> tuple[list[tuple[object, ...]], list[Json]]:
    """Every row of the ledger that a request could make or change, and all that the upstreams were sent."""
    rows: list[tuple[object, ...]] = []
    reader = sqlite3.connect(both.folder / "gateway.db")
    for table in ("operations", "cases", "items", "calls"):
        rows += [(table, *row) for row in reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608 - names above
    rows += reader.execute("SELECT operation_id, number, body FROM receipts ORDER BY 1, 2")  # their places come later
    reader.close()
    return rows, await both.upstreams.history()


@pytest_asyncio.fixture(loop_scope="module")
async def line(both: Stack) -> AsyncIterator[Line]:
    """A caller that may do everything. Nothing comes of what it sends."""
    before = await recorded(both)
    made = Line(both.ports[0], JOB_KEY)
    yield made
    await made.close()
    assert await recorded(both) == before
    assert both.broken == []


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["code"], answer.body["status"]) == (status, code, status), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.body) == PROBLEM
    assert answer.body["type"] == f"/docs#{code}"
    assert answer.body["detail"]


async def post(line: Line, request: Bad) -> Answer:
    return await line.request("POST", f"/v1/tenants/acme-dk/{request.collection}", request.headers, request.body)


@pytest.mark.parametrize("rule", RULES)
@QUICK
@given(data=st.data())
async def test_a_request_that_breaks_a_rule_is_refused_as_a_whole_and_the_place_is_named(
    line: Line, rule: str, data: st.DataObject
) -> None:
    request = data.draw(RULES[rule].requests)

    answer = await post(line, request)

    assert_problem(answer, RULES[rule].status, RULES[rule].code)
    if request.place is not None:
        assert [error["pointer"] for error in answer.body["errors"]] == [request.place]


@QUICK
@given(good=goods())
async def test_a_system_that_the_tenant_does_not_have(line: Line, good: Good) -> None:
    request = bad(good)
    assume(request.collection != "case-deletions")

    answer = await line.request(
        "POST", f"/v1/tenants/acme-hub-only/{request.collection}", request.headers, request.body
    )

    assert_problem(answer, 422, "operation_not_configured")


NUMBERS = st.sampled_from(["0", "-1", "1001", "1.5", "+1", "", " 1", "1e2", "0x10", "\u0661", "9" * 400, "1,2"])
WORDS = st.text(st.characters(codec="utf-8"), max_size=60)
CURSORS = WORDS | st.sampled_from(
    ["x" * 5_000, "WzEsIm9wZXJhdGlvbnMiLCIiXQ", "WzEsInRlbmFudHMiLFtdXQ", "bnVsbA", "W1tb" * 500]
)
QUERIES = st.one_of(
    NUMBERS.map(lambda it: ("/v1/operations", f"limit={quote(it)}")),
    CURSORS.map(lambda it: ("/v1/operations", f"cursor={quote(it)}")),
    CURSORS.map(lambda it: ("/v1/tenants", f"cursor={quote(it)}")),
    WORDS.map(lambda it: ("/v1/operations", f"status={quote(it)}")),
    WORDS.map(lambda it: ("/v1/operations", f"kind={quote(it)}")),
    WORDS.map(lambda it: ("/v1/operations", f"{quote(it) or 'x'}=1")),
    st.sampled_from(["limit", "cursor", "status", "kind", "tenant"]).map(
        lambda it: ("/v1/operations", f"{it}=1&{it}=1")
    ),
)


@QUICK
@given(asked=QUERIES)
async def test_a_query_that_no_list_has(line: Line, asked: tuple[str, str]) -> None:
    assert_problem(await line.request("GET", "?".join(asked)), 422, "invalid_request")


SPELLINGS = (
    "..", "%2e%2e", "%2E%2e%2facme-no", "acme-dk%2f..%2facme-no", "acme-dk/../acme-no", "acme-no", "ACME-DK", "Acme-dk",
    "acme-dk;", "acme-dk;tenant=acme-no", "acme-dk%3bacme-no", "acme-dk%00", "%00", "acme-dk%0d%0aX-Injected:%201",
    "acme-dk%0a", "acme-dk%20", "%20acme-dk", "acme-dk%09", "acme%2ddk%2e", "acme%E2%80%90dk", "%EF%BD%81cme-dk",
    "%D0%B0cme-dk", "acme-dk%E2%80%8B", "acme-dk%E2%80%AE", "acme%C2%ADdk", "acme-dk%25", "acme-dk%252e",
    "acme-dk,acme-no", "*", "%2a", "acme-dk%27--", "%7Btenant%7D", "$%7Bjndi:ldap://x%7D",
    "%ff", "%c0%ae%c0%ae", "acme-dk%ff", "%", "%zz",
    "acme-dk%", "a" * 5_000,
)  # fmt: skip
"""Other tenants, nobody's names, and names that something on the way might take for `acme-dk`."""
SEGMENTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(lambda text: quote(text, safe=""))


async def try_every_route(line: Line, name: str) -> list[Answer]:
    body, headers = b'{"execute": true, "cases": [{"caseNumber": "CN9"}]}', ((b"Content-Type", b"application/json"),)
    posts = [await line.request("POST", f"/v1/tenants/{name}/{it}", headers, body) for it in COLLECTIONS[:2]]
    return [*posts, await line.request("GET", f"/v1/tenants/{name}")]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.usefixtures("line")
async def test_a_name_that_is_not_quite_the_tenant_s_is_nobody_s(both: Stack, name: str) -> None:
    """`line` sees to it that nothing was sent, or written."""
    stranger = Line(both.ports[0], ENTITIES_KEY)  # acme-no is another's, and there

    for answer in await try_every_route(stranger, name):
        assert answer.status in {404, 405}, answer
        assert "x-injected" not in answer.headers
    await stranger.close()


@QUICK
@given(name=SEGMENTS)
async def test_any_name_but_the_tenant_s_own_is_nobody_s(line: Line, name: str) -> None:
    assume(unquote(name).strip("/") not in {"", "acme-dk"})

    for answer in await try_every_route(line, name):
        assert_problem(answer, answer.status, {404: "not_found", 405: "method_not_allowed"}[answer.status])


@QUICK
@given(name=SEGMENTS, what=st.sampled_from(["", "/results", "/cancel", "/retry"]))
async def test_an_id_that_is_no_operation_s(line: Line, name: str, what: str) -> None:
    method = "POST" if what in {"/cancel", "/retry"} else "GET"
    assume(unquote(name).strip("/"))

    answer = await line.request(method, f"/v1/operations/{name}{what}")

    assert_problem(answer, answer.status, {404: "not_found", 405: "method_not_allowed"}[answer.status])


FIT = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")
TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")
FIELD = st.binary(max_size=150).map(
    lambda text: bytes(byte for byte in text if byte == 9 or (byte >= 32 and byte != 127))
)


@QUICK
@given(request_id=FIELD, trace=FIELD, prefer=FIELD)
async def test_an_id_that_is_not_fit_for_a_header_is_replaced(
    line: Line, request_id: bytes, trace: bytes, prefer: bytes
) -> None:
    headers = ((b"X-Request-Id", request_id), (b"traceparent", trace), (b"Prefer", prefer))

    answer = await line.request("GET", OPERATION, headers)

    assert answer.status == 404
    assert FIT.fullmatch(answer.headers["x-request-id"])
    assert TRACE.fullmatch(answer.headers["traceparent"])
    if FIT.fullmatch(request_id.decode("latin-1")):
        assert answer.headers["x-request-id"] == request_id.decode()


BREAKS = (
    b"a\r\nX-Injected: 1",
    b"a\nX-Injected: 1",
    b"a\rX-Injected: 1",
    b"a\x00b",
    b"a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
)


@pytest.mark.parametrize("value", BREAKS, ids=repr)
@pytest.mark.parametrize("name", [b"X-Request-Id", b"traceparent", b"Idempotency-Key", b"Prefer"])
async def test_a_line_break_in_a_header_does_not_come_back(line: Line, name: bytes, value: bytes) -> None:
    """Where it makes another field, that is one of the request; where it makes none, there is no request."""
    answer = await line.request("GET", OPERATION, ((name, value),))

    assert answer.status in {400, 404}
    assert "x-injected" not in answer.headers
