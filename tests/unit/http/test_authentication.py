"""Who is let in: by key or by token, one at a time, and what the others are told (RFC 6750 section 3)."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.settings import Caller, Issuer
from gateway.errors import IssuerUnavailable
from gateway.identity.issuers import Issuers
from gateway.identity.verdict import Flaw, Verified
from gateway.model.kinds import Kind
from gateway.telemetry.events import CallerAuthenticated
from tests.tokens import CLUSTER, NOW, SUBJECT, claims, encoded, header, key_set, rsa, token
from tests.unit.http.api import DELETIONS, KEY, NOON, ONE_CASE, Api
from tests.unit.http.test_never_500 import status_of

PLAIN = 'Bearer realm="case-gateway", ApiKey realm="case-gateway"'
INVALID_TOKEN = 'Bearer realm="case-gateway", error="invalid_token", ApiKey realm="case-gateway"'
INVALID_REQUEST = 'Bearer realm="case-gateway", error="invalid_request", ApiKey realm="case-gateway"'

QUIET = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


def with_tokens(api: Api, issuer: Issuer) -> Api:
    """Callers by token beside those by key."""
    grants = {"tenants": frozenset({"acme-dk"}), "operations": frozenset(Kind), "execute": False}
    ui = Caller("claims-ui", issuer="cluster", subject=SUBJECT, **grants)  # type: ignore[arg-type]  # its fields
    job = Caller("claims-job", issuer="cluster", subject="job", **grants)  # type: ignore[arg-type]  # its fields
    callers = {**api.settings.callers, ui.name: ui, job.name: job}
    api.settings = replace(api.settings, issuers={"cluster": issuer}, callers=callers)
    return api


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """The API with one issuer, whose keys are in a file."""
    assert NOON == NOW * 1_000_000
    file = tmp_path / "jwks.json"
    file.write_bytes(key_set())
    made = Api()
    issuers = Issuers(None, made.clock, made.events.append)  # type: ignore[arg-type]  # no issuer has a URL
    return with_tokens(Api(verify=issuers.verify), replace(CLUSTER, jwks_file=file))


def bearer(text: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + text)]


async def answered(api: Api, headers: list[tuple[bytes, bytes]], path: str = "/v1/tenants") -> httpx2.Response:
    async with api.client(None) as client:
        return await client.get(path, headers=headers)


def told(api: Api) -> CallerAuthenticated:
    """The last authentication, as logs and metrics see it."""
    return [event for event in api.events if isinstance(event, CallerAuthenticated)][-1]


async def test_a_token_makes_its_subject_the_caller(api: Api) -> None:
    assert (await answered(api, bearer(token()))).status_code == 200
    assert api.answered.caller == "claims-ui"
    assert (await answered(api, bearer(token(sub="job")))).status_code == 200
    assert api.answered.caller == "claims-job"
    assert (told(api).method, told(api).outcome, told(api).reason) == ("bearer", "accepted", None)


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "])
async def test_the_scheme_s_letters_and_spaces_do_not_matter(api: Api, scheme: bytes) -> None:
    assert (await answered(api, [(b"authorization", scheme + token())])).status_code == 200


@pytest.mark.parametrize(
    ("headers", "challenge", "method", "reason"),
    [
        ([], PLAIN, "none", "none"),
        ([(b"authorization", b"Basic dXNlcjpwYXNz")], PLAIN, "none", "none"),
        ([(b"authorization", b"")], PLAIN, "none", "none"),
        ([(b"authorization", b"Bearer\t" + token())], PLAIN, "none", "none"),
        ([(b"authorization", b"Bearer" + token())], PLAIN, "none", "none"),
        ([(b"x-api-key", b"wrong")], PLAIN, "api_key", "unknown"),
        ([(b"x-api-key", b"")], PLAIN, "api_key", "unknown"),
        ([(b"x-api-key", token())], PLAIN, "api_key", "unknown"),
        ([(b"authorization", b"Bearer")], INVALID_TOKEN, "bearer", "malformed"),
        (bearer(KEY.encode()), INVALID_TOKEN, "bearer", "malformed"),
        (bearer(token() + b" "), INVALID_TOKEN, "bearer", "malformed"),
        (bearer(token() + b", Bearer " + token()), INVALID_TOKEN, "bearer", "malformed"),
        (bearer(b"\xff" + token()), INVALID_TOKEN, "bearer", "malformed"),
        (bearer(b"x" * 8_193), INVALID_TOKEN, "bearer", "too_long"),
        (bearer(token(exp=NOW - 31, iat=NOW - 600)), INVALID_TOKEN, "bearer", "expired"),
        (bearer(token(key=rsa("forger"))), INVALID_TOKEN, "bearer", "signature"),
        (bearer(token(sub="nobody")), INVALID_TOKEN, "bearer", "subject"),
        (bearer(token(sub=SUBJECT.upper())), INVALID_TOKEN, "bearer", "subject"),
        (bearer(token(sub="\ud800")), INVALID_TOKEN, "bearer", "subject"),
        (bearer(token(iss="https://elsewhere")), INVALID_TOKEN, "bearer", "issuer"),
        ([*bearer(token()), *bearer(token())], INVALID_REQUEST, "several", "several"),
        ([(b"x-api-key", KEY.encode())] * 2, INVALID_REQUEST, "several", "several"),
        ([(b"x-api-key", KEY.encode()), *bearer(token())], INVALID_REQUEST, "several", "several"),
        ([(b"x-api-key", KEY.encode()), (b"authorization", b"Basic x")], INVALID_REQUEST, "several", "several"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.islower() else "",
)
async def test_who_is_not_let_in_learns_no_more_than_that(
    api: Api, headers: list[tuple[bytes, bytes]], challenge: str, method: str, reason: str
) -> None:
    answer = await answered(api, headers)
    nobody = await answered(api, [])

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.content == nobody.content
    first = next(event for event in api.events if isinstance(event, CallerAuthenticated))
    assert (first.method, first.outcome, first.reason, first.caller) == (method, "refused", reason, None)


async def test_a_token_in_the_body_or_the_query_is_no_token(api: Api) -> None:
    """RFC 6750 sections 2.2 and 2.3: both ways end up in logs and histories."""
    text = token().decode()
    async with api.client(None) as client:
        form = await client.post(DELETIONS, data={"access_token": text})
        query = await client.get("/v1/operations", params={"access_token": text})

    assert (form.status_code, query.status_code) == (401, 401)


async def test_while_the_issuer_s_keys_are_missing_nobody_is_called_unauthenticated() -> None:
    async def unavailable(_token: bytes, _issuers: Mapping[str, Issuer]) -> Verified | Flaw:
        raise IssuerUnavailable("no keys", 12.5)

    api = with_tokens(Api(verify=unavailable), CLUSTER)
    answer = await answered(api, bearer(token()))

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
    assert answer.headers["Retry-After"] == "13"
    assert told(api).outcome == "unavailable"
    assert (await answered(api, [(b"x-api-key", KEY.encode())])).status_code == 200


async def test_a_change_of_the_callers_holds_from_the_next_request(api: Api) -> None:
    callers = {name: caller for name, caller in api.settings.callers.items() if name != "claims-ui"}
    assert (await answered(api, bearer(token()))).status_code == 200
    api.settings = replace(api.settings, callers=callers)

    assert (await answered(api, bearer(token()))).status_code == 401


async def test_two_keys_of_a_caller_are_good_while_they_are_changed(api: Api) -> None:
    job = api.settings.callers["retention-job"]
    digests = {name: frozenset(caller.api_key_sha256) for name, caller in api.settings.callers.items()}
    new = digests["dry-runner"]

    async def statuses() -> list[int]:
        keys = (KEY.encode(), b"key-that-may-not-execute")
        return [(await answered(api, [(b"x-api-key", key)])).status_code for key in keys]

    def rotate(*those: frozenset[str]) -> None:
        changed = replace(job, api_key_sha256=frozenset().union(*those))
        api.settings = replace(api.settings, callers={job.name: changed})

    rotate(job.api_key_sha256)
    before = await statuses()
    rotate(job.api_key_sha256, new)
    between = await statuses()
    rotate(new)

    assert [before, between, await statuses()] == [[200, 401], [200, 200], [401, 200]]


class Mutation:
    """One good token's three parts, as bytes and as JSON, to be bent."""

    HEADER, CLAIMS = json.dumps(header()).encode(), json.dumps(claims()).encode()
    TOKEN = token()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "x5c", "x5u", "b64", "cty", "enc", "zip"])
CLAIM_NAMES = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti"])


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good token with some bytes cut out, put in, or changed."""
    text = bytearray(Mutation.TOKEN)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text[start : start + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(text)


@st.composite
def reworded(draw: st.DrawFn) -> bytes:
    """A token with other values in its header and claims, and the signature of another."""
    head = {**header(), **draw(st.dictionaries(HEADER_NAMES, JSON, max_size=3))}
    body = {**claims(), **draw(st.dictionaries(CLAIM_NAMES, JSON, max_size=3))}
    signature = draw(st.sampled_from([Mutation.TOKEN.rsplit(b".", 1)[1], b"", b"AAAA"]))
    return encoded(json.dumps(head).encode()) + b"." + encoded(json.dumps(body).encode()) + b"." + signature


@QUIET
@example(b"")
@given(bent() | reworded() | st.binary(max_size=200) | st.binary(max_size=60).map(encoded))
async def test_whatever_stands_in_a_token_s_place_is_401_and_never_500(api: Api, text: bytes) -> None:
    expected = {401} if text.strip(b" ") != Mutation.TOKEN else {200, 401}

    assert await status_of(api, "GET", "/v1/tenants", headers=bearer(text)) in expected


@QUIET
@given(st.binary(max_size=60))
async def test_whatever_stands_in_authorization_is_401_and_never_500(api: Api, value: bytes) -> None:
    assert await status_of(api, "GET", "/v1/tenants", headers=[(b"authorization", value)]) == 401


@QUIET
@given(st.dictionaries(HEADER_NAMES, JSON, max_size=3), st.dictionaries(CLAIM_NAMES, JSON, min_size=1, max_size=3))
async def test_a_signed_token_of_any_content_is_answered(api: Api, head: dict[str, object], body: object) -> None:
    """The issuer may be hostile, too, or broken: what it signs is judged no less."""
    text = token(head={**head, "alg": "RS256", "kid": "first"}, **body)  # type: ignore[arg-type]  # a mapping

    assert await status_of(api, "GET", "/v1/tenants", headers=bearer(text)) in {200, 401}


async def test_a_token_authorizes_like_a_key(api: Api) -> None:
    async with api.client(None) as client:
        headers = {"Authorization": f"Bearer {token().decode()}"}
        executed = await client.post(DELETIONS, json=ONE_CASE, headers=headers)
        other = await client.post("/v1/tenants/acme-night/case-deletions", json=ONE_CASE, headers=headers)

    assert (executed.status_code, executed.json()["code"]) == (403, "execute_not_granted")
    assert other.status_code == 404
