"""One token request: its form, and what every answer means."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CredentialRefused, NotSent
from gateway.model.calls import Answer
from gateway.transport.client_authentication import ClientSecret
from gateway.transport.secret_files import SecretFile
from gateway.transport.token_endpoint import (
    ASSUMED_LIFE_SECONDS,
    MAX_LIFE_SECONDS,
    Token,
    TokenEndpoint,
    read_token,
)
from gateway.transport.wire import Wire
from tests.unit.transport.calls import wire_to
from tests.unit.transport.servers import Answering, reply, sends, sends_and_closes, upstream
from tests.unit.transport.test_connections import closed_port

GRANTED = {"access_token": "abc.DEF-1", "expires_in": 3600, "token_type": "Bearer"}


def answer(status: int, body: bytes | dict[str, object]) -> Answer:
    return Answer(status, (), body if isinstance(body, bytes) else json.dumps(body).encode(), received_at=0)


def endpoint(wire: Wire, url: str, folder: Path, scope: str | None = "case:delete") -> TokenEndpoint:
    (folder / "secret").write_text("s3cret&more")
    return TokenEndpoint(wire, url, scope, ClientSecret("acme", SecretFile(folder / "secret", "client_secret_file")))


@pytest.mark.parametrize(
    ("path", "target"), [("/connect/token", "/connect/token"), ("", "/"), ("/token?realm=a%20b", "/token?realm=a%20b")]
)
async def test_a_token_is_asked_for_with_a_form(tmp_path: Path, path: str, target: str) -> None:
    async with upstream(sends(reply(json.dumps(GRANTED).encode()))) as server, wire_to(server.url) as wire:
        token = await endpoint(wire, server.url + path, tmp_path).fetch()

    [received] = server.requests
    assert token == Token("Bearer abc.DEF-1", 3600.0)
    assert (received.method, received.target) == ("POST", target)
    assert received.header("Content-Type") == "application/x-www-form-urlencoded"
    assert received.header("Authorization") is None
    assert parse_qs(received.body.decode(), strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "scope": ["case:delete"],
        "client_id": ["acme"],
        "client_secret": ["s3cret&more"],
    }


async def test_no_scope_is_asked_for_where_none_is_configured(tmp_path: Path) -> None:
    async with upstream(sends(reply(json.dumps(GRANTED).encode()))) as server, wire_to(server.url) as wire:
        await endpoint(wire, server.url, tmp_path, scope=None).fetch()

    assert b"scope" not in server.requests[0].body


@pytest.mark.parametrize(
    "answering",
    [
        pytest.param(sends_and_closes(), id="no answer"),
        pytest.param(sends_and_closes(reply(b"{", length=9)), id="a cut-off answer"),
        pytest.param(sends(reply(b"x" * 2_000_000)), id="an endless answer"),
        pytest.param(sends(reply(b"", 503)), id="503"),
    ],
)
async def test_a_token_endpoint_without_a_whole_answer_is_unreachable(tmp_path: Path, answering: Answering) -> None:
    async with upstream(answering) as server, wire_to(server.url) as wire:
        with pytest.raises(NotSent) as raised:
            await endpoint(wire, server.url, tmp_path).fetch()

    assert raised.value.reason == "token_unreachable"
    assert len(server.requests) == 1


async def test_a_token_endpoint_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    async with wire_to(url) as wire:
        with pytest.raises(NotSent) as raised:
            await endpoint(wire, url, tmp_path).fetch()

    assert raised.value.reason == "token_unreachable"


async def test_nothing_is_asked_when_the_secret_cannot_be_read(tmp_path: Path) -> None:
    async with upstream(sends(reply())) as server, wire_to(server.url) as wire:
        asking = endpoint(wire, server.url, tmp_path)
        (tmp_path / "secret").unlink()
        with pytest.raises(CredentialRefused) as raised:
            await asking.fetch()

    assert raised.value.reason == "secret"
    assert server.requests == []


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_the_token_s_type_is_read_in_any_case(token_type: str) -> None:
    assert read_token(answer(200, {**GRANTED, "token_type": token_type})).header == "Bearer abc.DEF-1"


@pytest.mark.parametrize(
    ("expires_in", "life_seconds"),
    [
        (3600, 3600.0),
        (10, 10.0),
        (0.5, 0.5),
        ("3600", 3600.0),
        (10**9, MAX_LIFE_SECONDS),
        ("inf", MAX_LIFE_SECONDS),
        (0, ASSUMED_LIFE_SECONDS),
        (-1, ASSUMED_LIFE_SECONDS),
        (None, ASSUMED_LIFE_SECONDS),
        (True, ASSUMED_LIFE_SECONDS),
        ("nan", ASSUMED_LIFE_SECONDS),
        ("soon", ASSUMED_LIFE_SECONDS),
        ([3600], ASSUMED_LIFE_SECONDS),
    ],
)
def test_a_token_s_life_is_sane_whatever_expires_in_says(expires_in: object, life_seconds: float) -> None:
    assert read_token(answer(200, {**GRANTED, "expires_in": expires_in})).life_seconds == life_seconds


def test_a_missing_life_is_assumed() -> None:
    without = {key: value for key, value in GRANTED.items() if key != "expires_in"}

    assert read_token(answer(200, without)).life_seconds == ASSUMED_LIFE_SECONDS


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("code", ["invalid_client", "invalid_scope", "unauthorized_client"])
def test_an_oauth_error_is_a_refusal_that_tells_its_code_only(status: int, code: str) -> None:
    body: dict[str, object] = {"error": code, "error_description": "secret stuff", "error_uri": "https://x"}

    with pytest.raises(CredentialRefused) as raised:
        read_token(answer(status, body))

    assert raised.value.reason == "token_refused"
    assert str(raised.value) == f"the token endpoint refused: {code}"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_endpoint_that_is_down_or_busy_is_unreachable(status: int) -> None:
    with pytest.raises(NotSent) as raised:
        read_token(answer(status, {"error": "server_error"}))

    assert (type(raised.value), raised.value.reason) == (NotSent, "token_unreachable")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Log in</html>"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b'"token"'),
        (200, {}),
        (200, {**GRANTED, "access_token": None}),
        (200, {**GRANTED, "access_token": 7}),
        (200, {**GRANTED, "access_token": ""}),
        (200, {**GRANTED, "access_token": "a b"}),
        (200, {**GRANTED, "access_token": "a\r\nX-Admin: 1"}),
        (200, {**GRANTED, "access_token": "tøken"}),
        (200, {**GRANTED, "token_type": "mac"}),
        (200, {**GRANTED, "token_type": None}),
        (201, GRANTED),
        (302, b""),
        (400, b"<html>"),
        (400, {"error": 7}),
        (400, {"error": "line\nbreak"}),
        (401, {"error": "x" * 65}),
        (403, {"error": "access_denied"}),
        (404, b""),
    ],
)
def test_an_answer_without_a_usable_token_is_invalid(status: int, body: bytes | dict[str, object]) -> None:
    with pytest.raises(NotSent) as raised:
        read_token(answer(status, body))

    assert (type(raised.value), raised.value.reason) == (NotSent, "token_invalid")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"access_token": JSON, "expires_in": JSON, "token_type": JSON | st.just("Bearer"), "error": JSON}
)


@given(
    status=st.sampled_from([200, 204, 400, 401, 403, 500]),
    body=st.binary(max_size=60) | FIELDS.map(lambda fields: json.dumps(fields).encode()),
)
def test_every_answer_is_a_token_fit_for_a_header_or_a_known_error(status: int, body: bytes) -> None:
    outcome: Token | NotSent
    try:
        outcome = read_token(answer(status, body))
    except NotSent as error:
        outcome = error

    if isinstance(outcome, Token):
        assert outcome.header.isascii()
        assert outcome.header.isprintable()
        assert 0 < outcome.life_seconds <= MAX_LIFE_SECONDS
    else:
        assert outcome.reason in {"token_refused", "token_unreachable", "token_invalid"}
        assert str(outcome).isprintable()


def test_no_representation_shows_a_token() -> None:
    assert "abc" not in repr(read_token(answer(200, GRANTED)))
