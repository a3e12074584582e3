"""What a caller's connection refuses by itself: what is too much, and what is not HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

import pytest

from gateway.server import Server
from tests.connections import Answer, Connection
from tests.unit.http.api import DELETIONS, KEY, ONE_CASE, Api
from tests.unit.http.outcomes import SUCCEEDED

MOST = 2
ENDLESS_BYTES = 30_000_000
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


async def endless(connection: Connection, beginning: bytes, piece: bytes) -> int:
    """How many bytes went out before the other side had enough."""
    sent = 0
    with suppress(ConnectionError):
        connection.writer.write(beginning)
        while sent < ENDLESS_BYTES:
            connection.writer.write(piece * 1_000)
            await connection.writer.drain()
            sent += len(piece) * 1_000
    return sent


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\nX: ", b"a"),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
        (b"GET / HTTP/1.1\r\n", b"X" * 20),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=", b"b"),
        (DELETION + b"GET / HTTP/1.1\r\nX: ", b"a"),
    ],
)
async def test_a_head_or_a_trailer_without_an_end_is_not_kept(served: Served, beginning: bytes, piece: bytes) -> None:
    """No caller need be known for it, and 18 MB of short fields took 290 MB."""
    assert await endless(await served.connect(), beginning, piece) < ENDLESS_BYTES


async def test_a_head_that_is_too_long_is_a_problem(served: Served) -> None:
    refused = await (await served.connect()).say(PROBE + b"\r\nX: " + b"a" * 100_000, b"a" * 300_000)

    assert (refused.status, refused.body["code"]) == (400, "malformed_request")


async def test_a_long_head_is_read(served: Served) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 50) for number in range(900))

    assert (await ask(await served.connect(), LISTED + b"\r\n" + fields.rstrip())).status == 200


async def test_a_trailer_is_no_part_of_the_head(api: Api, served: Served) -> None:
    """What a proxy checks, strips or adds is the head: a credential behind the body would pass it by."""
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    anonymous = POST.replace(f"X-API-Key: {KEY}\r\n".encode(), b"") + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    known = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk

    refused = await (await served.connect()).say(anonymous + f"X-API-Key: {KEY}\r\n\r\n".encode())
    taken = await (await served.connect()).say(known + b"Idempotency-Key: late\r\nX-Request-Id: late\r\n\r\n")

    assert (refused.status, taken.status) == (401, 200)
    assert [accepted.idempotency_key for accepted in api.fake.accepted] == [None]
    assert taken.headers["x-request-id"] != "late"


UPGRADES = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
)


@pytest.mark.parametrize("upgrade", UPGRADES, ids=repr)
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "apart"])
async def test_a_body_behind_an_offer_to_upgrade_is_no_request(
    api: Api, served: Served, upgrade: bytes, *, apart: bool
) -> None:
    """Otherwise a proxy, to which all of it is one request, would give the second answer to somebody else."""
    connection = await served.connect()
    head = POST + upgrade + b"Content-Length: %d\r\n\r\n" % len(DELETION)

    refused = await connection.say(*([head, DELETION] if apart else [head + DELETION]))

    assert (refused.status, refused.headers["connection"]) == (400, "close")
    assert await connection.rest() == b""
    assert api.fake.accepted == []


@pytest.mark.parametrize("upgrade", UPGRADES, ids=repr)
async def test_an_offer_to_upgrade_is_passed_over(served: Served, upgrade: bytes) -> None:
    answer = await ask(await served.connect(), LISTED + b"\r\n" + upgrade.rstrip())

    assert (answer.status, answer.headers["connection"]) == (200, "close")
