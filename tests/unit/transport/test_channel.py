"""The whole way to a backend: its credential, its connections, one call, and 401."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from gateway.config.settings import Credential, Secret
from gateway.errors import AnswerUnknown, CredentialRefused, NotSent
from gateway.telemetry.events import Event, TokenRequested
from tests.unit.transport.backends import (
    NONE,
    accepts,
    authorizations,
    by_key,
    channel_to,
    issues_tokens,
    made,
)
from tests.unit.transport.calls import BODY, REQUEST
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import (
    reply,
    says_nothing,
    sends,
    sends_and_closes,
    until,
    upstream,
)
from tests.unit.transport.test_client_authentication import KEY
from tests.unit.transport.test_connections import closed_port


async def test_a_call_carries_the_trace_headers_and_without_a_credential_no_authorization() -> None:
    async with (
        upstream(sends(reply())) as server,
        made() as channels,
        channel_to(server.url, NONE, channels=channels) as channel,
    ):
        await channel.send(REQUEST, trace=(("traceparent", "00-a-b-01"), ("X-Request-Id", "r1")))

    [received] = server.requests
    assert (received.target, received.body) == (REQUEST.path, BODY)
    assert (received.header("traceparent"), received.header("X-Request-Id")) == ("00-a-b-01", "r1")
    assert received.header("Authorization") is None


@pytest.mark.parametrize(
    ("credential", "header"),
    [
        (Credential("b", "bearer", token=Secret(env="GATEWAY_TEST_SECRET")), "Bearer s3cret"),
        (Credential("p", "basic", username="gw", password=Secret(env="GATEWAY_TEST_SECRET")), "Basic Z3c6czNjcmV0"),
    ],
)
async def test_a_fixed_credential_is_in_every_call(
    credential: Credential, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "s3cret")
    async with (
        upstream(sends(reply())) as server,
        made() as channels,
        channel_to(server.url, credential, channels=channels) as channel,
    ):
        await channel.ready(1)
        await channel.send(REQUEST)
        await channel.send(REQUEST)

    assert authorizations(server) == [header, header]


async def test_ready_has_a_token_and_connections_at_hand_before_anything_is_sent(tmp_path: Path) -> None:
    events: list[Event] = []
    async with (
        upstream(issues_tokens()) as issuer,
        upstream(sends(reply())) as server,
        made(events) as channels,
        channel_to(server.url, by_key(tmp_path, issuer.url), channels=channels) as channel,
    ):
        await channel.ready(2)
        await until(lambda: server.connections == 2)
        assert (len(issuer.requests), len(server.requests)) == (1, 0)
        await channel.send(REQUEST)

    assert authorizations(server) == ["Bearer t1"]
    assert events == [TokenRequested("scalepoint", "granted", 0.0, ManualClock().now() + 3_600_000_000)]


@pytest.mark.parametrize("audience", [None, "https://accounts.example/"])
async def test_an_assertion_is_for_the_token_endpoint_s_url_or_the_configured_audience(
    tmp_path: Path, audience: str | None
) -> None:
    async with upstream(issues_tokens()) as issuer, made() as channels:
        url = f"{issuer.url}/connect/token"
        async with channel_to(issuer.url, by_key(tmp_path, url, audience), channels=channels) as channel:
            await channel.ready(0)

    [assertion] = parse_qs(issuer.requests[0].body.decode())["client_assertion"]
    claims = jwt.decode(assertion, RSAKey.import_key(KEY.public_key()), algorithms=["RS256"]).claims
    assert claims["aud"] == (audience or url)


async def test_a_client_secret_gets_a_token_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    async with upstream(issues_tokens()) as issuer, upstream(sends(reply())) as server, made() as channels:
        secret = Secret(file=tmp_path / "secret")
        credential = Credential("ecm", "client_secret", token_url=issuer.url, client_id="gw", client_secret=secret)
        async with channel_to(server.url, credential, channels=channels) as channel:
            await channel.send(REQUEST)

    assert issuer.requests[0].body == b"grant_type=client_credentials&client_id=gw&client_secret=s3cret"
    assert authorizations(server) == ["Bearer t1"]


async def test_after_a_401_the_next_call_has_a_fresh_token_and_nothing_is_sent_again_by_itself(tmp_path: Path) -> None:
    async with (
        upstream(issues_tokens()) as issuer,
        upstream(accepts("t2")) as server,
        made() as channels,
        channel_to(server.url, by_key(tmp_path, issuer.url), channels=channels) as channel,
    ):
        assert (await channel.send(REQUEST)).status == 401
        assert len(server.requests) == 1
        assert [(await channel.send(REQUEST)).status for _ in range(2)] == [200, 200]

    assert authorizations(server) == ["Bearer t1", "Bearer t2", "Bearer t2"]
    assert len(issuer.requests) == 2


async def test_many_401s_to_one_token_fetch_one_fresh_token(tmp_path: Path) -> None:
    async with (
        upstream(issues_tokens()) as issuer,
        upstream(accepts("t2")) as server,
        made() as channels,
        channel_to(server.url, by_key(tmp_path, issuer.url), channels=channels) as channel,
    ):
        first = await asyncio.gather(*(channel.send(REQUEST) for _ in range(5)))
        second = await asyncio.gather(*(channel.send(REQUEST) for _ in range(5)))

    assert {answer.status for answer in first} == {401}
    assert {answer.status for answer in second} == {200}
    assert len(issuer.requests) == 2


async def test_nothing_is_sent_without_a_token(tmp_path: Path) -> None:
    refusal = reply(b'{"error":"invalid_client"}', 400)
    async with (
        upstream(sends(refusal)) as issuer,
        upstream(sends(reply())) as server,
        made() as channels,
        channel_to(server.url, by_key(tmp_path, issuer.url), channels=channels) as channel,
    ):
        for attempt in (channel.ready(1), channel.send(REQUEST)):
            with pytest.raises(CredentialRefused):
                await attempt

    assert (server.connections, len(issuer.requests)) == (0, 1)


async def test_a_token_that_does_not_come_in_time_leaves_the_call_unsent(tmp_path: Path) -> None:
    async with upstream(says_nothing) as issuer, upstream(sends(reply())) as server, made() as channels:
        credential = by_key(tmp_path, issuer.url)
        async with channel_to(server.url, credential, channels=channels, timeout_seconds=0.05) as channel:
            with pytest.raises(NotSent) as raised:
                await channel.send(REQUEST)

    assert raised.value.reason == "deadline"
    assert server.requests == []


async def test_a_call_ends_when_its_backend_s_time_is_over() -> None:
    async with (
        upstream(says_nothing) as server,
        made() as channels,
        channel_to(server.url, NONE, channels=channels, timeout_seconds=0.2) as channel,
    ):
        await channel.ready(1)
        with pytest.raises(AnswerUnknown) as raised:
            await channel.send(REQUEST)

    assert raised.value.reason == "deadline"


async def test_a_call_whose_connection_drops_is_unknown_and_was_received_once() -> None:
    async with (
        upstream(sends_and_closes()) as server,
        made() as channels,
        channel_to(server.url, NONE, channels=channels) as channel,
    ):
        await channel.ready(3)
        with pytest.raises(AnswerUnknown):
            await channel.send(REQUEST)

    assert len(server.requests) == 1


async def test_an_upstream_that_is_not_there_is_told_before_and_at_the_call() -> None:
    async with made() as channels, channel_to(f"http://127.0.0.1:{closed_port()}", NONE, channels=channels) as channel:
        for attempt in (channel.ready(1), channel.send(REQUEST)):
            with pytest.raises(NotSent) as raised:
                await attempt
            assert raised.value.reason == "connect"
