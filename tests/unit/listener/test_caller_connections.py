"""What a caller's connection refuses by itself: what is too much, and what is not HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest

from gateway.server import Server
from tests.connections import Answer, Connection
from tests.unit.http.api import DELETIONS, KEY, ONE_CASE, Api
from tests.unit.http.outcomes import SUCCEEDED

MOST = 2
BODY = json.dumps(ONE_CASE).encode()
LISTED, PROBE = b"GET /v1/tenants HTTP/1.1", b"GET /livez HTTP/1.1"
POST = f"POST {DELETIONS} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n".encode()
DELETION = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


async def ask(connection: Connection, line: bytes) -> Answer:
    """A request without a body."""
    return await connection.say(line + b"\r\nHost: gateway\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n")


class Served(NamedTuple):
    """An API that listens. `connect` makes a connection, which is closed at the test's end."""

    connect: Callable[[], Awaitable[Connection]]
    server: Server


@pytest.fixture
def api() -> Api:
    made = Api()
    made.fake.script = [SUCCEEDED]
    return made


@pytest.fixture
async def served(api: Api) -> AsyncIterator[Served]:
    async with AsyncExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = Server(api.app, listener, most=MOST)

        async def connect() -> Connection:
            connection = await Connection.open(listener.getsockname()[1])
            opened.push_async_callback(connection.close)
            return connection

        await opened.enter_async_context(server.serving())
        yield Served(connect, server)


async def filled(served: Served) -> list[Connection]:
    """As many connections as there may be, each of which was answered once."""
    connections = [await served.connect() for _ in range(MOST)]
    for connection in connections:
        assert (await ask(connection, LISTED)).status == 200
    return connections


async def test_what_comes_over_too_many_connections_is_refused_as_everything_else_is(served: Served) -> None:
    """Uvicorn's own answer is a line of plain text."""
    earlier = await filled(served)
    one_more = await served.connect()

    refused = await ask(one_more, LISTED)

    assert (refused.status, refused.body["code"], refused.body["status"]) == (503, "overloaded", 503)
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    assert {"x-request-id", "traceparent", "cache-control"} <= set(refused.headers)
    assert refused.headers["connection"] == "close"
    assert await one_more.rest() == b""
    for connection in earlier:
        assert (await ask(connection, LISTED)).status == 200


async def test_probes_are_answered_beyond_it(served: Served) -> None:
    """Or whoever opens enough connections has the platform kill the process."""
    await filled(served)

    for _ in range(3):
        connection = await served.connect()
        answer = await ask(connection, PROBE)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await connection.rest() == b""


async def test_a_connection_that_closes_makes_room(served: Served) -> None:
    first, *_ = await filled(served)
    first.writer.close()
    async with asyncio.timeout(10):
        while len(served.server.server_state.connections) >= MOST:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)

    assert (await ask(await served.connect(), LISTED)).status == 200


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
    ],
    ids=repr,
)
async def test_what_is_not_http_is_a_problem_too(api: Api, served: Served, nonsense: bytes) -> None:
    refused = await (await served.connect()).say(nonsense)

    assert (refused.status, refused.body["code"]) == (400, "malformed_request")
    assert refused.headers["content-type"] == "application/problem+json"
    assert api.fake.accepted == []


@pytest.mark.parametrize("rest", [b"{}", b"\x00", b"GET / HTTP/1.1\r\nno header\r\n\r\n", b"}\r\n\r\n{"], ids=repr)
async def test_what_follows_a_request_and_is_none_takes_nothing_from_its_answer(
    api: Api, served: Served, rest: bytes
) -> None:
    """A body longer than its Content-Length: a 400 now would say that nothing was done, while cases are deleted."""
    connection = await served.connect()

    answer = await connection.say(DELETION + rest)

    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert len(api.fake.accepted) == 1
    assert answer.headers["connection"] == "close"
    assert await connection.rest() == b""


@pytest.mark.parametrize("body", [b"chunked\r\n\r\n1\r\n{\r\nnot a length\r\n", b"gzip\r\n\r\n{"], ids=repr)
async def test_a_body_without_an_end_makes_no_operation(api: Api, served: Served, body: bytes) -> None:
    connection = await served.connect()
    connection.writer.write(POST + b"Transfer-Encoding: " + body)

    assert await connection.rest() == b""
    assert api.fake.accepted == []
