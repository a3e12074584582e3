"""From a URL to a connection."""

import asyncio
import socket
import ssl
from collections.abc import Iterator

import pytest

from gateway.errors import NotSent
from gateway.transport import connecting
from gateway.transport.connecting import Address, Origin, _first_connected, connect, origin_of
from gateway.transport.tls import verifying_tls
from tests.unit.transport.servers import reply, sends, upstream
from tests.unit.transport.test_connections import closed_port


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://entry.scalepoint.com/ecx", Origin("https", "entry.scalepoint.com", 443), "entry.scalepoint.com"),
        ("http://ecm.internal:7001/ECM", Origin("http", "ecm.internal", 7001), "ecm.internal:7001"),
        ("http://ecm.internal:80", Origin("http", "ecm.internal", 80), "ecm.internal"),
        ("https://ecm.internal:80", Origin("https", "ecm.internal", 80), "ecm.internal:80"),
        ("http://[2001:db8::1]:7001/x", Origin("http", "2001:db8::1", 7001), "[2001:db8::1]:7001"),
        ("https://[::1]/x", Origin("https", "::1", 443), "[::1]"),
    ],
)
def test_an_origin_is_read_from_a_url_and_names_itself_in_the_host_header(
    url: str, origin: Origin, authority: str
) -> None:
    assert origin_of(url) == origin
    assert origin.authority == authority


def test_tls_verifies_names_and_certificates_and_is_at_least_1_2() -> None:
    context = verifying_tls()

    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_host_name_that_cannot_be_resolved_is_not_sent() -> None:
    with pytest.raises(NotSent) as raised:
        await connect(Origin("http", "a" * 64 + ".invalid", 80), None, 1.0)

    assert raised.value.reason == "name"


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    async with upstream(sends(reply())) as server:
        connection = await first_connected(address(closed_port()), address(server.port))
        with connection:
            assert connection.getpeername()[1] == server.port


async def test_the_first_failure_is_told_when_every_address_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        await first_connected(address(closed_port()), address(closed_port()))


async def test_of_two_addresses_that_answer_at_the_same_time_one_is_closed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sockets: list[socket.socket] = []
    both_began = asyncio.Event()

    async def slowly(_address: Address) -> socket.socket:
        own = socket.socket()
        sockets.append(own)
        if len(sockets) == 2:
            both_began.set()
        await both_began.wait()
        return own

    monkeypatch.setattr(connecting, "HEAD_START_SECONDS", 0)
    monkeypatch.setattr(connecting, "_connected", slowly)
    with await first_connected(address(1), address(2)) as winner:
        await asyncio.sleep(0)
        assert [own.fileno() == -1 for own in sockets].count(True) == 1
        assert winner.fileno() != -1


async def test_a_slow_address_keeps_its_chance_when_the_next_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = asyncio.Event()

    async def attempt(tried: Address) -> socket.socket:
        if tried == address(2):
            refused.set()
            raise ConnectionRefusedError
        await refused.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return socket.socket()

    monkeypatch.setattr(connecting, "HEAD_START_SECONDS", 0)
    monkeypatch.setattr(connecting, "_connected", attempt)
    with await first_connected(address(1), address(2)) as winner:
        assert winner.fileno() != -1


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that Linux answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


async def test_an_address_that_stays_silent_does_not_hold_up_the_next(silent_port: int) -> None:
    async with upstream(sends(reply())) as server:
        connection = await first_connected(address(silent_port), address(server.port))
        with connection:
            assert connection.getpeername()[1] == server.port


async def test_an_address_that_stays_silent_is_left_in_time(silent_port: int) -> None:
    with pytest.raises(NotSent) as raised:
        await connect(Origin("http", "127.0.0.1", silent_port), None, 0.05)

    assert raised.value.reason == "connect_timeout"


async def test_no_attempt_outlives_a_cancelled_connecting(silent_port: int) -> None:
    connecting = asyncio.create_task(first_connected(address(silent_port)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 3
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def first_connected(*addresses: Address) -> socket.socket:
    """Bounded, so that a test fails rather than hangs."""
    async with asyncio.timeout(5):
        return await _first_connected(addresses)


def address(port: int) -> Address:
    """As getaddrinfo gives it."""
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))
