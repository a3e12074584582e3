"""Calls over TLS: only to whom the certificate vouches for, and with the same care for idle connections."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from gateway.errors import AnswerUnknown, NotSent
from gateway.transport.tls import verifying_tls
from tests.unit.transport.calls import BODY, call, wire_to
from tests.unit.transport.certificates import server_tls
from tests.unit.transport.servers import reply, sends, sends_and_closes, turns, until, upstream


def trusting(folder: Path) -> ssl.SSLContext:
    context = verifying_tls()
    context.load_verify_locations(folder / "tls.crt")
    return context


async def test_a_call_goes_to_a_server_whose_certificate_is_trusted(tmp_path: Path) -> None:
    async with (
        upstream(sends(reply(b'"safe"')), tls=server_tls(tmp_path)) as server,
        wire_to(server.url, tls=trusting(tmp_path)) as wire,
    ):
        assert (await call(wire)).body == b'"safe"'

    assert server.requests[0].body == BODY


async def test_a_connection_made_ready_is_the_one_that_is_used(tmp_path: Path) -> None:
    """TLS 1.3 servers send session tickets after the handshake; they are no reason to drop a connection."""
    async with (
        upstream(sends(reply()), tls=server_tls(tmp_path)) as server,
        wire_to(server.url, tls=trusting(tmp_path)) as wire,
    ):
        await wire.ready(1)
        await until(lambda: server.connections == 1)
        await turns()  # in which the tickets are read
        for _ in range(3):
            await call(wire)

    assert [received.connection for received in server.requests] == [1, 1, 1]


async def test_an_idle_connection_that_the_server_closed_is_not_used(tmp_path: Path) -> None:
    async with (
        upstream(sends(reply()), tls=server_tls(tmp_path)) as server,
        wire_to(server.url, tls=trusting(tmp_path)) as wire,
    ):
        await wire.ready(1)
        await until(lambda: server.connections == 1)
        server.writers[0].close()
        await until(lambda: not wire._pool._idle[0].intact)
        await call(wire)

    assert [received.connection for received in server.requests] == [2]


async def test_a_connection_cut_after_the_request_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async with (
        upstream(sends_and_closes(), tls=server_tls(tmp_path)) as server,
        wire_to(server.url, tls=trusting(tmp_path)) as wire,
    ):
        with pytest.raises(AnswerUnknown):
            await call(wire)

    assert len(server.requests) == 1


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", False), ("127.0.0.2", True)], ids=["unknown", "other"])
async def test_nothing_goes_to_a_server_that_is_not_vouched_for(tmp_path: Path, host: str, *, trusted: bool) -> None:
    async with (
        upstream(sends(reply()), tls=server_tls(tmp_path, host)) as server,
        wire_to(server.url, tls=trusting(tmp_path) if trusted else verifying_tls()) as wire,
    ):
        with pytest.raises(NotSent) as raised:
            await call(wire)

    assert raised.value.reason == "tls"
    assert server.requests == []


async def test_a_server_without_tls_is_not_spoken_to(tmp_path: Path) -> None:
    server_tls(tmp_path)
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        async with wire_to(f"https://127.0.0.1:{port}", tls=trusting(tmp_path)) as wire:
            with pytest.raises(NotSent) as raised:
                await call(wire)

    assert raised.value.reason == "tls"


async def test_a_handshake_that_gets_no_answer_ends_with_the_time_for_connecting(tmp_path: Path) -> None:
    server_tls(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        async with wire_to(url, tls=trusting(tmp_path), timeout_seconds=0.05) as wire:
            with pytest.raises(NotSent) as raised:
                async with asyncio.timeout(5):
                    await wire.ready(1)

    assert raised.value.reason == "connect_timeout"
