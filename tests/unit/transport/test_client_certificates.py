"""Backends with TLS files of their own: whom the gateway trusts there, and the certificate that it shows."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import CredentialRefused, NotSent
from gateway.transport.channel import HttpChannel
from gateway.transport.channels import Channels
from tests.authorities import authority, replaced, written
from tests.unit.transport.backends import NONE, backend
from tests.unit.transport.calls import REQUEST
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import Upstream, reply, sends, upstream


def server_tls(pair: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    """TLS of an upstream, with client certificates of `clients`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """An upstream's own, which wants certificates of the authority `clients`."""
    clients = replaced(tmp_path / "clients.crt", authority("clients").certificate)
    replaced(tmp_path / "servers.crt", authority("servers").certificate)
    written(tmp_path, "client", authority("clients"))
    return server_tls(written(tmp_path, "server", authority("servers")), clients)


@asynccontextmanager
async def channel_to(server: Upstream, folder: Path, *, pair: str | None = "client") -> AsyncIterator[HttpChannel]:
    settings = replace(
        backend(server.url, NONE),
        ca_file=folder / "servers.crt",
        client_certificate_file=pair and folder / f"{pair}.crt",
        client_private_key_file=pair and folder / f"{pair}.key",
    )
    channels = Channels(ManualClock())
    channel = channels.open(settings)
    try:
        yield channel
    finally:
        await channel.close()
        await channels.close()


async def test_the_certificate_is_shown_to_the_upstream(tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with upstream(sends(reply(b'"safe"')), tls=tls) as server, channel_to(server, tmp_path) as channel:
        await channel.ready(1)
        assert (await channel.send(REQUEST)).body == b'"safe"'

    assert len(server.requests) == 1


async def test_without_it_nothing_gets_there(tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with upstream(sends(reply()), tls=tls) as server, channel_to(server, tmp_path, pair=None) as channel:
        with pytest.raises(Exception, match=r"no connection|no complete answer|not sent"):
            await channel.send(REQUEST)

    assert server.requests == []


async def test_an_upstream_that_the_file_does_not_vouch_for_gets_nothing(tls: ssl.SSLContext, tmp_path: Path) -> None:
    replaced(tmp_path / "servers.crt", authority("others").certificate)
    async with upstream(sends(reply()), tls=tls) as server, channel_to(server, tmp_path) as channel:
        with pytest.raises(NotSent) as raised:
            await channel.send(REQUEST)

    assert raised.value.reason == "tls"
    assert server.requests == []


async def test_rotated_files_hold_for_the_next_connection(tls: ssl.SSLContext, tmp_path: Path) -> None:
    written(tmp_path, "client", authority("others"))
    async with upstream(sends(reply()), tls=tls) as server, channel_to(server, tmp_path) as channel:
        with pytest.raises(Exception, match=r"no connection|no complete answer|not sent"):
            await channel.send(REQUEST)
        written(tmp_path, "client", authority("clients"))
        await channel.send(REQUEST)

    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["client.crt", "client.key", "servers.crt"])
async def test_a_file_that_cannot_be_used_is_a_matter_of_the_credential(
    tls: ssl.SSLContext, tmp_path: Path, name: str
) -> None:
    replaced(tmp_path / name, b"nonsense")
    async with upstream(sends(reply()), tls=tls) as server, channel_to(server, tmp_path) as channel:
        with pytest.raises(CredentialRefused):
            await channel.ready(1)
        with pytest.raises(CredentialRefused):
            await channel.send(REQUEST)

    assert server.connections == 0
