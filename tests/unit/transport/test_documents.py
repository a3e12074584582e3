"""An issuer's key set over real connections: what is sent, what is taken, and what is not followed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.settings import Issuer
from gateway.errors import AnswerUnknown, CredentialRefused, NotSent
from gateway.transport import documents
from gateway.transport.documents import KeySets
from tests.authorities import authority, written
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import Upstream, reply, says_nothing, sends, upstream
from tests.unit.transport.test_client_certificates import server_tls

DOCUMENT = b'{"keys": []}'


def issuer_at(
    server: Upstream, path: str = "/openid/v1/jwks", *, ca_file: Path | None = None, token_file: Path | None = None
) -> Issuer:
    url = server.url + path
    return Issuer("cluster", "https://issuer", "gateway", jwks_url=url, ca_file=ca_file, token_file=token_file)


async def fetched(issuer: Issuer) -> bytes:
    return await KeySets(ManualClock()).fetch(issuer)


async def test_the_document_comes_by_a_get_without_credentials_of_ours() -> None:
    async with upstream(sends(reply(DOCUMENT))) as server:
        found = await fetched(issuer_at(server, "/jwks?tenant=a"))

    assert found == DOCUMENT
    [request] = server.requests
    assert (request.method, request.target, request.body) == ("GET", "/jwks?tenant=a", b"")
    assert request.header("authorization") is None
    assert request.header("accept") == "application/jwk-set+json, application/json"


async def test_the_token_of_the_issuer_s_file_is_shown_and_read_anew_each_time(tmp_path: Path) -> None:
    """The API server of a cluster shows its keys to who is authenticated; the token there changes within the hour."""
    token = tmp_path / "token"
    async with upstream(sends(reply(DOCUMENT))) as server:
        for text in ("first", "second"):
            token.write_text(f"{text}\n")
            await fetched(issuer_at(server, token_file=token))

    assert [request.header("authorization") for request in server.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("text", ["", "two words", "new\nline"])
async def test_a_token_that_cannot_stand_in_a_header_is_not_sent(tmp_path: Path, text: str) -> None:
    token = tmp_path / "token"
    token.write_text(text)
    async with upstream(sends(reply(DOCUMENT))) as server:
        with pytest.raises(CredentialRefused):
            await fetched(issuer_at(server, token_file=token))

    assert server.requests == []


async def test_a_redirect_is_not_followed() -> None:
    async with (
        upstream(sends(reply(DOCUMENT))) as other,
        upstream(sends(reply(b"", 302, f"Location: {other.url}/"))) as server,
    ):
        with pytest.raises(NotSent, match="answered 302"):
            await fetched(issuer_at(server))

    assert other.requests == []


async def test_the_environment_s_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with upstream(sends(reply(DOCUMENT))) as proxy, upstream(sends(reply(DOCUMENT))) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await fetched(issuer_at(server))

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("status", [204, 401, 403, 404, 500])
async def test_another_answer_than_200_is_no_document(status: int) -> None:
    async with upstream(sends(reply(DOCUMENT, status))) as server:
        with pytest.raises((NotSent, AnswerUnknown)):
            await fetched(issuer_at(server))


async def test_a_document_over_1_mib_is_not_taken() -> None:
    async with upstream(sends(reply(b" " * 1_048_577))) as server:
        with pytest.raises(AnswerUnknown, match="1048576"):
            await fetched(issuer_at(server))


async def test_an_issuer_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FETCH_SECONDS", 0.05)
    async with upstream(says_nothing) as server:
        with pytest.raises(AnswerUnknown):
            async with asyncio.timeout(5):
                await fetched(issuer_at(server))


async def test_the_host_is_vouched_for_by_the_issuer_s_authority_and_no_other(tmp_path: Path) -> None:
    files: Mapping[str, Path] = {name: tmp_path / f"{name}.crt" for name in ("servers", "others")}
    for name, path in files.items():
        path.write_bytes(authority(name).certificate)
    pair = written(tmp_path, "server", authority("servers"))
    async with upstream(sends(reply(DOCUMENT)), tls=server_tls(pair)) as server:
        assert await fetched(issuer_at(server, ca_file=files["servers"])) == DOCUMENT
        for issuer in (issuer_at(server, ca_file=files["others"]), issuer_at(server)):
            with pytest.raises(NotSent) as raised:
                await fetched(issuer)
            assert raised.value.reason == "tls"
        with pytest.raises(CredentialRefused):
            await fetched(issuer_at(server, ca_file=pair[1]))
