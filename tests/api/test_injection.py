"""What callers and upstreams write stays what it is: text, in its place, on both ways through the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gateway.model.outcomes import MAX_TEXT_CHARACTERS
from tests.connections import Answer, Line
from tests.unit.transport.servers import Received, Upstream, reply, upstream

from .bad_requests import NAMES
from .canaries import Written
from .configuration import JOB_KEY, Change
from .stack import DELETIONS, Json, Stack, customers, stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
WAYS = (("acme-dk", DELETIONS), ("acme-no", DELETIONS), ("acme-dk", "customer-removals"))
"""To Hub Property, ClaimShop and ECM."""
HOSTILE = (
    'a"b', "a\\b", 'a", "execute": true, "x": "', "{}", "../../api", "%2e%2e%2f", "%0d%0aX-Injected: 1", "a;b=c",
    "a&b=c", "a?b#c", "http://127.0.0.1/", "' OR 1=1 --", "<script>alert(1)</script>", "${jndi:ldap://x}", "{{7*7}}",
    "%s%n", "`id`", "\u202egnp.exe", "a\u200bb", "a\u2066b", "\ufeffx", "e\u0301", "\u00e9", "\uff21", "\U0001f4c1",
    "\U0010ffff", "\ufffe", "x" * 128, "\U0001f4c1" * 128, "null", "true", "0", "-1", "1e5", "NaN",
)  # fmt: skip
"""Identifiers that mean something elsewhere. To the gateway they are all the same."""

OUR_HEADERS = {
    "date", "content-type", "content-length", "connection", "x-request-id", "traceparent", "cache-control",
    "x-content-type-options", "location", "retry-after", "preference-applied",
}  # fmt: skip
UPSTREAM_HEADERS = {
    "host", "content-length", "accept-encoding", "user-agent", "accept", "accept-charset", "content-type",
    "traceparent", "x-request-id",
}  # fmt: skip
JSON_TYPE = ((b"Content-Type", b"application/json"),)


def asked(tenant: str, kind: str, names: list[str]) -> tuple[str, bytes]:
    """A path, and a body that names these cases and, on ECM, items of the same names."""
    cases: list[Json] = [{"caseNumber": name} for name in names]
    if kind != DELETIONS:
        cases = [customers(name, *names) for name in names]
    return f"/v1/tenants/{tenant}/{kind}", json.dumps({"execute": True, "cases": cases}).encode()


def names_in(result: Json) -> tuple[str, list[str]]:
    """The case and the items of one result."""
    return next(iter(result["case"].values())), [item["id"] for item in result["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path_factory.mktemp("stack"), keys) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def line(both: Stack) -> AsyncIterator[Line]:
    made = Line(both.ports[0], JOB_KEY)
    yield made
    await made.close()
    assert both.broken == []


async def assert_arrives(both: Stack, line: Line, way: tuple[str, str], names: list[str]) -> None:
    """Each identifier reaches its upstream and comes back as it was written, and no other does."""
    await both.upstreams.http.delete("/history")
    path, body = asked(*way, names)

    answer = await line.request("POST", path, JSON_TYPE, body)

    items = [] if way[1] == DELETIONS else names
    assert [names_in(result) for result in answer.body["results"]] == [(name, items) for name in names]
    calls = await both.upstreams.business()
    assert sorted(name for call in calls for name in call["cases"]) == sorted(names)
    assert all(sorted(item for _, item in call["items"]) == sorted(items) for call in calls)
    assert {call["xRequestId"] for call in calls} == {answer.headers["x-request-id"]}
    assert len(calls) == len(names)


@pytest.mark.parametrize("way", WAYS, ids="/".join)
async def test_identifiers_that_mean_something_elsewhere_are_only_text(
    both: Stack, line: Line, way: tuple[str, str]
) -> None:
    await assert_arrives(both, line, way, list(HOSTILE))


@pytest.mark.parametrize("way", WAYS, ids="/".join)
@QUICK
@given(names=st.lists(NAMES, min_size=1, max_size=3, unique=True))
async def test_identifiers_arrive_as_they_were_written(
    both: Stack, line: Line, way: tuple[str, str], names: list[str]
) -> None:
    await assert_arrives(both, line, way, names)


class Hostile(Struct):
    """What an upstream answers: documented members, with texts that are not meant well; or nothing documented."""

    status: int = 200
    texts: list[str] = []
    headers: tuple[bytes, ...] = ()
    encoding: str = "utf-8"
    raw: bytes | None = None

    def answer(self, received: Received) -> bytes:
        """All of it, for this request."""
        if self.raw is not None:
            return self.raw
        request = json.loads(received.body)
        said = self._ecm(request) if isinstance(request, list) else self._scalepoint(request)
        body = json.dumps(said).encode(self.encoding)
        lines = (b"Content-Type: application/json", b"Content-Length: %d" % len(body), *self.headers)
        return b"HTTP/1.1 %d X\r\n" % self.status + b"\r\n".join((*lines, b"", b"")) + body

    def _scalepoint(self, request: Json) -> Json:
        done = self.status == 200
        own = {"requestId": request["requestId"]} if "requestId" in request else {}
        return {**own, "found": self.status != 404, "deleted": done, "messages": self.texts,
                "errors": None if done else self.texts}  # fmt: skip

    def _ecm(self, request: list[Json]) -> Json:
        word = {"STATUS": "FAILED", "MESSAGE": self.texts[0] if self.texts else None}
        results = [
            {"caseId": one["caseId"], "customers": [it | word for it in one["customers"]]} | word for one in request
        ]
        return word | {"RESULTARRAY": results}


class Played:
    """An upstream that answers as it is told to."""

    def __init__(self) -> None:
        self.part = Hostile()

    async def answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(self.part.answer(received))
        await writer.drain()
        writer.close()


def towards(url: str) -> Change:
    """Every backend is there, and soon given up."""
    paths = {"hub-dk": "/ecx", "claimshop-dk": "/webapp/ScalePoint", "ecm": "/ECM"}
    change: dict[str, Any] = {
        "credentials.nobody": {"type": "none"},
        "retry.max_attempts": 1,
        "retry.deadline_seconds": 0.3,
    }
    change |= {f"backends.{name}.base_url": url + path for name, path in paths.items()}
    change |= {f"backends.{name}.credentials": "nobody" for name in paths}
    change |= {f"backends.{name}.linger_seconds": 0.02 for name in paths}
    change |= {f"backends.{name}.timeout_seconds": 0.25 for name in paths}
    return change


class Stage(Struct):
    """A gateway before such an upstream, and all that it logs."""

    line: Line
    played: Played
    upstream: Upstream
    both: Stack
    written: Written


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Stage]:
    played, written = Played(), Written()
    with written.gathering():
        async with (
            upstream(played.answer) as server,
            stack(tmp_path_factory.mktemp("stack"), keys, towards(server.url)) as made,
        ):
            line = Line(made.ports[0], JOB_KEY)
            yield Stage(line, played, server, made, written)
            await line.close()


TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(
    [
     "a\r\nX-Injected: 1\r\n\r\n<html>", "\x00\x1b[31m\x07", "\ud800", "<script>alert(1)</script>", "x" * 50_000,
     '","status":"', '{"level": "error"}\n{"event": "made up"}', "\u2028\u2029", "\u202e", "%0d%0a",
     "${jndi:ldap://x}", "\ufffe\uffff",
]
)  # fmt: skip
HEADERS = st.lists(
    st.sampled_from(
        [
         b"Set-Cookie: a=b", b"X-Injected: 1", b"Location: http://127.0.0.1:1/", b"X-Request-Id: made-up",
         b"Connection: close", b"traceparent: 00-made-up", b"Retry-After: 99999999999", b"Retry-After: -1",
         b"Retry-After: \xff", b"Server: \xe9\x80", b"Content-Type: text/html", b"X: " + b"y" * 5_000,
         b"WWW-Authenticate: Basic", b"Cache-Control: public", b"Content-Encoding: gzip",
         b"Transfer-Encoding: chunked", b"Content-Length: 1", b" folded", b"no colon", b"X:\x00",
]
    ),
    max_size=3,
).map(tuple)  # fmt: skip
DOCUMENTED = st.builds(
    Hostile,
    status=st.sampled_from([200, 400, 403, 404, 500, 502, 504, 302, 418, 299]),
    texts=st.lists(TEXTS, max_size=25),
    headers=HEADERS,
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]),
)
RAW = st.builds(
    Hostile,
    raw=st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda body: reply(body, 200, "Content-Type: application/json"))
    | st.sampled_from(
        [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 404 X\r\n\r\n", b"\r\n" * 50, b"\xff" * 100_000]
    ),
)


def texts_in(envelope: Json) -> list[str]:
    """Whatever an upstream may have written."""
    found: list[str] = []
    for result in envelope["results"]:
        for part in (result, *result["items"]):
            found += [error["detail"] for error in part["errors"]]
        found += result["messages"]
        found += [item["message"] for item in result["items"] if item["message"] is not None]
    return found


def assert_ours(answer: Answer, request_id: str) -> None:
    """It is of the documented form, and nothing of the upstream's is in it but texts that do no harm."""
    assert answer.status in {200, 207, 404, 409, 422, 502, 504}, answer
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.headers) <= OUR_HEADERS
    assert answer.headers["x-request-id"] == request_id
    found = texts_in(answer.body)
    assert all(text.isprintable() and len(text) <= MAX_TEXT_CHARACTERS for text in found)
    assert all(len(result[name]) <= 20 for result in answer.body["results"] for name in ("errors", "messages"))


@pytest.mark.parametrize("way", WAYS, ids="/".join)
@QUICK
@given(part=DOCUMENTED | RAW)
@example(part=Hostile(404, ["a\r\nX-Injected: 1\r\n\r\n<html>"] * 30))
@example(part=Hostile(400, ["x" * 50_000]))
async def test_what_an_upstream_writes_stays_text_within_the_documented_answer(
    stage: Stage, way: tuple[str, str], part: Hostile
) -> None:
    stage.played.part, request_id = part, f"ours-{uuid4()}"
    stage.upstream.requests.clear()
    path, body = asked(*way, [str(uuid4())])

    answer = await stage.line.request("POST", path, (*JSON_TYPE, (b"X-Request-Id", request_id.encode())), body)

    assert_ours(answer, request_id)
    for received in stage.upstream.requests:
        assert {name.lower() for name, _ in received.headers} <= UPSTREAM_HEADERS
        assert len(received.headers) == len({name.lower() for name, _ in received.headers})
        assert received.header("X-Request-Id") == request_id
        assert "?" not in received.target


async def test_logs_stay_one_line_an_event(stage: Stage) -> None:
    """After all of that: each line is JSON, and none holds what an upstream wrote."""
    stage.written.add(stage.both.events)

    lines = stage.written.lines.getvalue().splitlines()
    assert len(lines) > 10
    assert all(isinstance(json.loads(line)["event"], str) for line in lines)
    libraries = stage.written.libraries.getvalue()
    for word in ("X-Injected", "<script>", "made-up", "made up", "jndi", "\x1b"):
        assert word not in stage.written.lines.getvalue().decode()
        assert word not in libraries
