"""Which connection carries a call: warm ones first, none that may be dead, none that holds bytes of another answer."""

import asyncio
import socket

import pytest

from gateway.errors import AnswerUnknown, NotSent
from gateway.transport.connections import IDLE_SECONDS, Connection
from tests.unit.transport.calls import call, wire_to
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import Received, reply, says_nothing, sends, sends_and_closes, until, upstream


async def test_ready_opens_connections_before_they_are_needed() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await wire.ready(3)
        await until(lambda: server.connections == 3)
        await asyncio.gather(call(wire), call(wire), call(wire))

    assert server.connections == 3
    assert {received.connection for received in server.requests} == {1, 2, 3}


async def test_ready_opens_only_what_is_missing_and_never_more_than_the_most() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url, most=4) as wire:
        await wire.ready(2)
        await wire.ready(1)
        await until(lambda: server.connections == 2)
        await wire.ready(100)
        await until(lambda: server.connections == 4)
        await wire.ready(100)
        await call(wire)

    assert server.connections == 4


async def test_no_more_connections_than_the_most_are_kept_idle() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url, most=1) as wire:
        await asyncio.gather(call(wire), call(wire), call(wire))
        await until(lambda: server.ended == 2)
        await call(wire)

    assert server.connections == 3


async def test_the_connection_used_last_is_used_next() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await wire.ready(3)
        for _ in range(5):
            await call(wire)

    assert len({received.connection for received in server.requests}) == 1


async def test_a_call_without_a_ready_connection_makes_its_own() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await asyncio.gather(call(wire), call(wire))

    assert server.connections == 2


async def test_a_connection_is_left_when_it_lay_idle_too_long() -> None:
    clock = ManualClock()
    async with upstream(sends(reply())) as server, wire_to(server.url, clock=clock) as wire:
        await call(wire)
        clock.advance(IDLE_SECONDS)
        await call(wire)
        clock.advance(IDLE_SECONDS + 0.001)
        await call(wire)
        await until(lambda: server.ended == 1)

    assert [received.connection for received in server.requests] == [1, 1, 2]


async def test_ready_replaces_connections_that_lay_idle_too_long() -> None:
    clock = ManualClock()
    async with upstream(sends(reply())) as server, wire_to(server.url, clock=clock) as wire:
        await wire.ready(2)
        clock.advance(IDLE_SECONDS + 0.001)
        await wire.ready(2)
        await until(lambda: (server.connections, server.ended) == (4, 2))


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
async def test_an_idle_connection_that_the_upstream_closed_is_not_used(*, used: bool) -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        await wire.ready(1)
        if used:
            await call(wire)
        await until(lambda: server.connections == 1)
        server.writers[0].close()
        await until(lambda: not wire._pool._idle[0].intact)
        await call(wire)

    assert server.requests[-1].connection == 2


async def test_a_close_that_the_loop_has_not_read_yet_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2)
        async with wire_to(f"http://127.0.0.1:{listener.getsockname()[1]}") as wire:
            await wire.ready(1)
            accepted, _ = listener.accept()
            accepted.close()
            with pytest.raises(AnswerUnknown):
                await call(wire, seconds=0.05)
            second, _ = listener.accept()
            with second:
                assert second.recv(10) == b"DELETE /ec"


async def test_a_connection_on_which_the_upstream_spoke_unasked_is_not_used() -> None:
    async with upstream(sends(reply(b'"mine"'))) as server, wire_to(server.url) as wire:
        await wire.ready(1)
        await until(lambda: server.connections == 1)
        server.writers[0].write(reply(b'"request timeout"', 408))
        await until(lambda: not wire._pool._idle[0].intact)
        assert (await call(wire)).body == b'"mine"'

    assert [received.connection for received in server.requests] == [2]


@pytest.mark.parametrize("surplus", [reply(b'"of nobody"'), b'"}'], ids=["a second answer", "two bytes"])
async def test_bytes_after_an_answer_are_never_taken_for_the_next_one(surplus: bytes) -> None:
    async with upstream(sends(reply(b'"first"') + surplus)) as server, wire_to(server.url) as wire:
        assert (await call(wire)).body == b'"first"'
        server.answering = sends(reply(b'"second"'))
        assert (await call(wire)).body == b'"second"'

    assert [received.connection for received in server.requests] == [1, 2]


async def test_a_connection_that_the_upstream_will_close_is_not_used_again() -> None:
    async with upstream(sends(reply(b"{}", 200, "Connection: close"))) as server, wire_to(server.url) as wire:
        await call(wire)
        await call(wire)

    assert [received.connection for received in server.requests] == [1, 2]


async def test_a_connection_whose_answer_was_broken_is_closed() -> None:
    async with upstream(sends(reply(b"x" * 2_000_000))) as server, wire_to(server.url) as wire:
        with pytest.raises(AnswerUnknown):
            await call(wire)
        await until(lambda: server.ended == 1)


async def test_closing_closes_what_is_idle_now_and_what_is_in_use_when_its_call_ends() -> None:
    release = asyncio.Event()

    async def when_released(_received: Received, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(reply(b'"late"'))

    async with upstream(when_released) as server, wire_to(server.url) as wire:
        await wire.ready(2)
        calling = asyncio.create_task(call(wire))
        await until(lambda: len(server.requests) == 1)
        wire.close()
        await until(lambda: server.ended == 1)
        release.set()
        assert (await calling).body == b'"late"'
        await until(lambda: server.ended == 2)


async def test_a_connection_that_comes_up_after_closing_is_closed() -> None:
    async with upstream(says_nothing) as server, wire_to(server.url) as wire:
        preparing = asyncio.create_task(wire.ready(2))
        await asyncio.sleep(0)
        wire.close()
        await preparing
        await until(lambda: server.ended == 2)


async def test_ready_is_not_sent_when_no_connection_can_be_made() -> None:
    async with wire_to(f"http://127.0.0.1:{closed_port()}") as wire:
        with pytest.raises(NotSent) as raised:
            await wire.ready(3)

    assert raised.value.reason == "connect"


async def test_ready_is_content_with_fewer_connections_than_it_was_asked_for() -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        connect, attempts = wire._connect, 0

        async def every_other() -> Connection:
            nonlocal attempts
            attempts += 1
            if attempts % 2:
                raise NotSent("connect", "no connection")
            return await connect()

        wire._pool._connect = every_other
        await wire.ready(4)
        await until(lambda: server.connections == 2)


async def test_a_call_to_an_upstream_that_is_not_there_is_not_sent() -> None:
    async with wire_to(f"http://127.0.0.1:{closed_port()}") as wire:
        with pytest.raises(NotSent) as raised:
            await call(wire)

    assert raised.value.reason == "connect"


async def test_an_answer_that_closes_at_once_is_whole() -> None:
    async with upstream(sends_and_closes(reply(b'"whole"'))) as server, wire_to(server.url) as wire:
        assert (await call(wire)).body == b'"whole"'
        assert (await call(wire)).body == b'"whole"'

    assert [received.connection for received in server.requests] == [1, 2]


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
