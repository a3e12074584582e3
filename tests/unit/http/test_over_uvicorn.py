"""Over a real server and real sockets: what only shows there."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx2
import pytest
import uvicorn

from tests.unit.http.api import AUTH, DELETIONS, KEY, ONE_CASE, Api
from tests.unit.http.outcomes import SUCCEEDED

HEAD = f"POST {DELETIONS} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"


class Served(NamedTuple):
    """A listening API."""

    port: int
    server: uvicorn.Server


@pytest.fixture
async def served(api: Api) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(api.app, lifespan="off", log_config=None, ws="none"))
        running = asyncio.create_task(server._serve([listener]))
        yield Served(listener.getsockname()[1], server)
        server.should_exit = True
        await running


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what only the server knows."""
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)


async def talk(port: int, *pieces: bytes) -> bytes:
    """What the server answers to these bytes, up to the end of the headers and what came with them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
        answer += await reader.read(65_536)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_an_operation_goes_through(api: Api, served: Served) -> None:
    api.fake.script = [SUCCEEDED]
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", headers=AUTH) as client:
        answer = await client.post(DELETIONS, json=ONE_CASE)
        head = await client.head("/v1/tenants")

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert (head.status_code, head.content) == (200, b"")
    assert api.answered.status == 200


async def test_a_caller_that_hangs_up_while_it_waits_is_told_of_as_499(api: Api, served: Served) -> None:
    api.clock.patient = True
    body = json.dumps(ONE_CASE).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HEAD.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await api.clock.waited_for.wait()
    writer.close()
    await writer.wait_closed()
    await until(lambda: not served.server.server_state.connections)
    api.fake.settle_case(next(iter(api.fake.cases)), 0, SUCCEEDED)
    await until(lambda: not served.server.server_state.tasks)

    assert api.answered.status == 499
    assert api.answered.operation_id in api.fake.operations_by_id


async def test_a_chunked_body_over_the_bound_is_answered_before_its_end(api: Api, served: Served) -> None:
    api.configure(max_body_bytes=1_000)
    head = HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n"

    answer = await talk(served.port, head, b"3e8\r\n" + b" " * 1_000 + b"\r\n", b"1\r\n \r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer


async def test_a_caller_that_asks_first_is_refused_before_it_sends_its_body(api: Api, served: Served) -> None:
    head = HEAD.replace(KEY, "wrong").encode() + b"Content-Length: 4194305\r\nExpect: 100-continue\r\n\r\n"

    answer = await talk(served.port, head)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert api.answered.status == 401


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /livez HTTP/1.1", b"200"),
        (b"GET /v1/tenants/%ff%fe HTTP/1.1", b"404"),
        (b"GET /v1/operations/%00 HTTP/1.1", b"404"),
        (b"GET /v1/operations?limit=%ff HTTP/1.1", b"422"),
        (b"GET //v1///tenants/ HTTP/1.1", b"200"),
        (b"OPTIONS * HTTP/1.1", b"404"),
        (b"PROPFIND /livez HTTP/1.1", b"405"),
        (b"GET /../../etc/passwd HTTP/1.1", b"404"),
    ],
)
@pytest.mark.usefixtures("api")
async def test_odd_requests_are_answered(served: Served, line: bytes, status: bytes) -> None:
    answer = await talk(served.port, line + b"\r\nHost: gateway\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n")

    assert answer.split(b" ", 2)[1] == status
