"""One call: how it is worded, what of its answer comes back, and that nothing is ever sent twice."""

import asyncio
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import AnswerUnknown, NotSent
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport.connections import MAX_ANSWER_BYTES, Connection
from gateway.transport.stream import Stream
from gateway.transport.wire import Wire
from gateway.version import __version__
from tests.unit.transport.calls import BODY, call, wire_to
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import (
    Answering,
    Received,
    reply,
    says_nothing,
    sends,
    sends_and_closes,
    until,
    upstream,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_request_arrives_as_it_was_worded_with_what_http_needs() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await call(wire)

    [received] = server.requests
    assert (received.method, received.target, received.body) == ("DELETE", "/ecx/acme/case", BODY)
    assert dict(received.headers) == {
        "Host": f"127.0.0.1:{server.port}",
        "Content-Length": str(len(BODY)),
        "Accept-Encoding": "identity",
        "User-Agent": f"case-gateway/{__version__}",
        "Accept": "application/json",
        "Authorization": "Bearer t0ken",
    }
    assert len(received.headers) == 6


async def test_an_answer_comes_back_whole_with_header_names_in_lower_case_and_the_time_it_came() -> None:
    answering = sends(reply(b'{"deleted":true}', 200, "Content-Type: application/json", "X-Trace: A"))
    async with upstream(answering) as server, wire_to(server.url, clock=ManualClock(now=42)) as wire:
        answer = await call(wire)

    headers = (("content-length", "16"), ("content-type", "application/json"), ("x-trace", "A"))
    assert answer == Answer(200, headers, b'{"deleted":true}', received_at=42)


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        pytest.param(200, CHUNKED + b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n', id="chunked"),
        pytest.param(200, CHUNKED + b'7;x=y\r\n{"a":1}\r\n0\r\nTrailer: t\r\n\r\n', id="chunked with a trailer"),
        pytest.param(200, b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b'{"a":1}'), id="after 100 Continue"),
        pytest.param(200, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(b'{"a":1}'), id="after early hints"),
        pytest.param(403, reply(b'{"a":1}', 403, "Content-Encoding: identity"), id="said to be uncoded"),
        pytest.param(503, reply(b'{"a":1}', 503, "Retry-After: 60"), id="an error"),
        pytest.param(307, reply(b'{"a":1}', 307, "Location: /elsewhere"), id="a redirect, not followed"),
    ],
)
async def test_every_way_to_word_an_answer_is_read(status: int, raw: bytes) -> None:
    async with upstream(sends(raw)) as server, wire_to(server.url) as wire:
        answer = await call(wire)

    assert (answer.status, answer.body) == (status, b'{"a":1}')
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        pytest.param(204, b"HTTP/1.1 204 No Content\r\n\r\n", id="no content"),
        pytest.param(200, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", id="an empty body"),
    ],
)
async def test_an_answer_without_a_body_needs_no_close_to_end(status: int, raw: bytes) -> None:
    async with upstream(sends(raw)) as server, wire_to(server.url) as wire:
        assert (await call(wire)).status == status


async def test_a_body_that_ends_with_the_connection_is_read_to_its_end() -> None:
    async with (
        upstream(sends_and_closes(b"HTTP/1.0 200 OK\r\n\r\n", b'{"a"', b":1}")) as server,
        wire_to(server.url) as wire,
    ):
        assert (await call(wire)).body == b'{"a":1}'


async def test_an_answer_of_exactly_one_mebibyte_is_read() -> None:
    async with upstream(sends(reply(b"x" * MAX_ANSWER_BYTES))) as server, wire_to(server.url) as wire:
        assert len((await call(wire)).body) == MAX_ANSWER_BYTES


ENDLESS_BODY = CHUNKED + b"100000\r\n" + b"x" * 0x100000 + b"\r\n1\r\nx\r\n"
BROKEN = [
    pytest.param(sends_and_closes(), "protocol", id="closed without an answer"),
    pytest.param(sends_and_closes(b"HTTP/1.1 200 OK\r\nContent-"), "protocol", id="closed within the head"),
    pytest.param(sends_and_closes(b"HTTP/1.1 100 Continue\r\n\r\n"), "protocol", id="closed after 100 Continue"),
    pytest.param(sends_and_closes(reply(b'{"deleted":', length=99)), "protocol", id="closed within the body"),
    pytest.param(sends_and_closes(CHUNKED + b"9\r\n{}"), "protocol", id="closed within a chunk"),
    pytest.param(sends_and_closes(CHUNKED + b"2\r\n{}\r\n"), "protocol", id="closed before the last chunk"),
    pytest.param(sends(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "protocol", id="not HTTP"),
    pytest.param(sends(reply(b"{}", 200, "Content-Length: 3")), "protocol", id="two lengths"),
    pytest.param(sends(CHUNKED + b"zz\r\n"), "protocol", id="a chunk without a size"),
    pytest.param(sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "protocol", id="another protocol"),
    pytest.param(sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), "protocol", id="an endless head"),
    pytest.param(sends(reply(b"x" * (MAX_ANSWER_BYTES + 1))), "too_large", id="a body over 1 MiB"),
    pytest.param(sends(ENDLESS_BODY), "too_large", id="chunks over 1 MiB"),
    pytest.param(sends(reply(b"\x1f\x8b", 200, "Content-Encoding: gzip")), "encoding", id="a content coding"),
]


@pytest.mark.parametrize(("answering", "reason"), BROKEN)
async def test_a_broken_answer_is_unknown_and_the_request_is_not_sent_again(answering: Answering, reason: str) -> None:
    async with upstream(answering) as server, wire_to(server.url) as wire:
        with pytest.raises(AnswerUnknown) as raised:
            await call(wire)
        assert raised.value.reason == reason

    assert [received.body for received in server.requests] == [BODY]


async def test_a_connection_reset_after_reading_the_request_is_unknown_and_not_sent_again() -> None:
    async def reset(_received: Received, writer: asyncio.StreamWriter) -> None:
        connected: socket.socket = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with upstream(reset) as server, wire_to(server.url) as wire:
        await wire.ready(3)
        with pytest.raises(AnswerUnknown) as raised:
            await call(wire)

    assert raised.value.reason == "read"
    assert len(server.requests) == 1


async def test_an_upstream_that_says_nothing_is_left_at_the_deadline() -> None:
    async with upstream(says_nothing) as server, wire_to(server.url) as wire:
        await wire.ready(1)
        with pytest.raises(AnswerUnknown) as raised:
            await call(wire, seconds=0.05)
        await until(lambda: server.ended == 1)

    assert raised.value.reason == "deadline"


async def test_a_slow_drip_does_not_hold_a_call_past_its_deadline() -> None:
    async def drip(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", length=1_000))
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.005)

    async with upstream(drip) as server, wire_to(server.url) as wire:
        await wire.ready(1)
        with pytest.raises(AnswerUnknown) as raised:
            await call(wire, seconds=0.05)
        assert raised.value.reason == "deadline"


@pytest.mark.parametrize("ready", [0, 1], ids=["cold", "warm"])
async def test_a_call_whose_deadline_has_passed_is_not_sent(ready: int) -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await wire.ready(ready)
        with pytest.raises(NotSent) as raised:
            await call(wire, seconds=-1)
        assert raised.value.reason == "deadline"

    assert server.requests == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(UpstreamRequest("DELETE", "/case", (("X-Request-Id", "a\r\nX: b"),), BODY), id="a line end"),
        pytest.param(UpstreamRequest("DELETE", "/case", (("X-Request-Id", "bjørn"),), BODY), id="a header not ASCII"),
        pytest.param(UpstreamRequest("DELETE", "/sø", (), BODY), id="a path not ASCII"),
        pytest.param(UpstreamRequest("DELETE", "/a b", (), BODY), id="a space in the path"),
    ],
)
async def test_a_request_that_cannot_be_worded_is_not_sent(request_: UpstreamRequest) -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await call(wire)
        with pytest.raises(NotSent) as raised:
            await call(wire, request_)
        assert raised.value.reason == "request"
        await call(wire)

    assert [received.target for received in server.requests] == ["/ecx/acme/case"] * 2


async def test_what_nobody_foresaw_is_unknown_once_a_byte_left() -> None:
    class Faulty(Stream):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore2's
            raise KeyError(max_bytes, timeout)

    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        over(wire, Faulty)
        with pytest.raises(AnswerUnknown) as raised:
            await call(wire)

    assert raised.value.reason == "unexpected"
    assert isinstance(raised.value.__cause__, KeyError)


async def test_what_nobody_foresaw_is_not_sent_while_no_byte_left() -> None:
    class Faulty(Stream):
        async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore2's
            raise KeyError(buffer, timeout)

    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        over(wire, Faulty)
        with pytest.raises(NotSent) as raised:
            await call(wire)

    assert raised.value.reason == "unexpected"
    assert server.requests == []


def over(wire: Wire, stream: type[Stream]) -> None:
    """Let `wire` use a stream of another class."""

    async def connect() -> Connection:
        loop = asyncio.get_running_loop()
        _, connected = await loop.create_connection(stream, wire._origin.host, wire._origin.port)
        return Connection(wire._origin, connected, idle_since=100.0)

    wire._pool._connect = connect


async def test_a_connection_that_closed_under_our_hands_is_written_to_no_more() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        connection = await wire._connect()
        await until(lambda: server.connections == 1)
        server.writers[0].close()
        await until(lambda: not connection.intact)
        take_it(wire, connection)
        with pytest.raises(NotSent):
            await call(wire)

    assert server.requests == []


def take_it(wire: Wire, connection: Connection) -> None:
    """Let the next call use `connection`, whatever became of it since it was looked at."""

    async def connect() -> Connection:
        return connection

    wire._pool._connect = connect


async def test_a_cancelled_call_closes_its_connection_and_the_next_one_uses_another() -> None:
    async with upstream(says_nothing) as server, wire_to(server.url) as wire:
        cancelled = asyncio.create_task(call(wire))
        await until(lambda: len(server.requests) == 1)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await until(lambda: server.ended == 1)
        server.answering = sends(reply())
        await call(wire)

    assert [received.connection for received in server.requests] == [1, 2]


FRAGMENTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: 99999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"2\r\n{}\r\n",
        b"0\r\n\r\n",
        b"{}",
    ]
)


@settings(max_examples=150)
@given(parts=st.lists(FRAGMENTS | st.binary(max_size=40), max_size=8))
def test_whatever_an_upstream_answers_is_an_answer_or_unknown_and_was_sent_once(parts: list[bytes]) -> None:
    async def once() -> Answer | AnswerUnknown:
        async with upstream(sends_and_closes(*parts)) as server, wire_to(server.url) as wire:
            try:
                return await call(wire)
            except AnswerUnknown as unknown:
                return unknown
            finally:
                assert len(server.requests) == 1

    outcome = asyncio.run(once())

    assert isinstance(outcome, Answer) or outcome.reason in {"protocol", "read"}
