"""What channels share, and what they are made of."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.config.settings import Credential, Secret
from gateway.errors import ConfigurationError, NotSent
from gateway.transport.base import Channel
from tests.unit.transport.backends import (
    NONE,
    authorizations,
    backend,
    by_key,
    channel_to,
    issues_tokens,
    made,
)
from tests.unit.transport.calls import REQUEST
from tests.unit.transport.certificates import server_tls
from tests.unit.transport.servers import (
    reply,
    sends,
    until,
    upstream,
)


async def test_backends_of_one_credential_share_its_token(tmp_path: Path) -> None:
    async with upstream(issues_tokens()) as issuer, upstream(sends(reply())) as server, made() as channels:
        credential = by_key(tmp_path, issuer.url)
        async with (
            channel_to(server.url, credential, channels=channels) as hub,
            channel_to(server.url, by_key(tmp_path, issuer.url), channels=channels) as claimshop,
        ):
            await asyncio.gather(hub.send(REQUEST), claimshop.send(REQUEST))

    assert len(issuer.requests) == 1


async def test_a_changed_credential_gets_a_token_of_its_own(tmp_path: Path) -> None:
    async with upstream(issues_tokens()) as issuer, upstream(sends(reply())) as server, made() as channels:
        for audience in ("one", "two"):
            credential = by_key(tmp_path, issuer.url, audience=audience)
            async with channel_to(server.url, credential, channels=channels) as channel:
                await channel.send(REQUEST)

    assert authorizations(server) == ["Bearer t1", "Bearer t2"]


async def test_no_more_connections_are_made_ready_than_calls_may_be_in_flight() -> None:
    async with (
        upstream(sends(reply())) as server,
        made() as channels,
        channel_to(server.url, NONE, channels=channels) as channel,
    ):
        await channel.ready(50)
        await until(lambda: server.connections == 5)
        await channel.send(REQUEST)

    assert server.connections == 5


async def test_closing_a_channel_leaves_the_credential_to_the_others(tmp_path: Path) -> None:
    async with upstream(issues_tokens()) as issuer, upstream(sends(reply())) as server, made() as channels:
        credential = by_key(tmp_path, issuer.url)
        async with (
            channel_to(server.url, credential, channels=channels) as other,
            channel_to(server.url, credential, channels=channels) as closed,
        ):
            await closed.send(REQUEST)
            await other.send(REQUEST)

    assert authorizations(server) == ["Bearer t1", "Bearer t1"]


async def test_neither_urls_nor_headers_are_logged_even_at_debug(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "s3cret")
    caplog.set_level(logging.DEBUG)
    credential = Credential("b", "bearer", token=Secret(env="GATEWAY_TEST_SECRET"))
    async with (
        upstream(sends(reply())) as server,
        made() as channels,
        channel_to(server.url, credential, channels=channels) as channel,
    ):
        await channel.send(REQUEST)

    assert "s3cret" not in caplog.text
    assert "/ecx" not in caplog.text
    assert [record for record in caplog.records if record.name.startswith("http")] == []


async def test_an_https_backend_is_verified(tmp_path: Path) -> None:
    async with (
        upstream(sends(reply()), tls=server_tls(tmp_path)) as server,
        made() as channels,
        channel_to(server.url, NONE, channels=channels) as channel,
    ):
        with pytest.raises(NotSent) as raised:
            await channel.send(REQUEST)

    assert raised.value.reason == "tls"
    assert server.requests == []


async def test_an_incomplete_credential_is_a_fault_of_the_configuration() -> None:
    async with made() as channels:
        with pytest.raises(ConfigurationError, match=r"credentials\.ecm: incomplete for type basic"):
            channels.open(backend("http://127.0.0.1", Credential("ecm", "basic", username="gw")))


async def test_an_http_channel_is_a_channel() -> None:
    async with made() as channels:
        channel: Channel = channels.open(backend("http://127.0.0.1", NONE))
        await channel.close()
