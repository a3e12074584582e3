import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gateway.sandbox.certificates import ensure_development_key
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.options import SandboxOptions

from .conftest import UNPACED
from .upstreams import HEADERS, HUB_PATH, Upstreams, by_number

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Sign = Callable[..., str]


@pytest.fixture
def sign(up: Upstreams, clock: ManualClock, keys_dir: Path) -> Sign:
    """An assertion as Scalepoint's own libraries build it; changes to header and claims, None removes one."""

    def signed(header: dict[str, Any] | None = None, directory: Path = keys_dir, **claims: object) -> str:
        name, now = thumbprint_of(directory), clock.now()
        head = {"alg": "RS256", "typ": "JWT", "x5t": name, "kid": name} | (header or {})
        usual = {"iss": "acme", "sub": "acme", "aud": f"{up.http.base_url}/connect/token".replace("//c", "/c")}
        times = {"jti": str(uuid4()), "iat": now, "nbf": now, "exp": now + 10}
        both = {name: value for name, value in (usual | times | claims).items() if value is not None}
        key = RSAKey.import_key((directory / "tls.key").read_bytes())
        return jwt.encode(
            {name: value for name, value in head.items() if value}, both, key, ["RS256"], default_type=None
        )

    return signed


def thumbprint_of(directory: Path) -> str:
    certificate = x509.load_pem_x509_certificate((directory / "tls.crt").read_bytes())
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA1())).decode().rstrip("=")  # noqa: S303


async def ask(up: Upstreams, assertion: str, **changes: str | None) -> httpx2.Response:
    form = {
        "grant_type": "client_credentials",
        "scope": "case:delete",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": assertion,
    } | changes
    return await up.http.post("/connect/token", data={name: value for name, value in form.items() if value is not None})


async def ask_with_secret(up: Upstreams, **changes: str | None) -> httpx2.Response:
    return await ask(
        up,
        "",
        **{"client_assertion": None, "client_assertion_type": None, "client_id": "acme"}
        | {"client_secret": "sandbox-secret"}
        | changes,
    )


async def test_an_assertion_as_documented_gets_a_token_that_works(up: Upstreams, sign: Sign) -> None:
    answer = await ask(up, sign())
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.json()["expires_in"], answer.json()["token_type"]) == (3600, "Bearer")
    head = HEADERS | {"Authorization": f"Bearer {answer.json()['access_token']}"}
    deleted = await up.http.request("DELETE", HUB_PATH.format(tenant="t"), json=by_number("CN1"), headers=head)
    assert deleted.status_code == 200


@pytest.mark.parametrize(
    ("claims", "violation"),
    [
        ({"iss": "other"}, "wrong_client"),
        ({"sub": "other"}, "wrong_client"),
        ({"iss": None}, "claim_missing"),
        ({"jti": None}, "claim_missing"),
        ({"jti": 7}, "claim_missing"),
        ({"exp": None}, "claim_missing"),
        ({"iat": None}, "claim_missing"),
        ({"nbf": None}, "claim_missing"),
        ({"aud": "https://accounts.scalepoint.com/connect/token"}, "wrong_audience"),
        ({"aud": ["https://accounts.scalepoint.com"]}, "wrong_audience"),
        ({"exp": "soon"}, "assertion_times"),
    ],
)
async def test_claims_that_do_not_fit_are_refused(
    up: Upstreams, sign: Sign, claims: dict[str, Any], violation: str
) -> None:
    await _refused(up, await ask(up, sign(**claims)), violation)


@pytest.mark.parametrize(
    ("seconds", "violation"),
    [
        ({"exp": 0}, "assertion_expired"),
        ({"exp": -1}, "assertion_expired"),
        ({"exp": 66}, "assertion_times"),
        ({"nbf": 6}, "assertion_times"),
        ({"iat": 6}, "assertion_times"),
        ({"iat": -66}, "assertion_times"),
    ],
)
async def test_times_that_do_not_fit_are_refused(
    up: Upstreams, sign: Sign, clock: ManualClock, seconds: dict[str, int], violation: str
) -> None:
    claims = {name: clock.now() + value for name, value in seconds.items()}
    await _refused(up, await ask(up, sign(**claims)), violation)


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"typ": None}, {"x5t": None}, {"kid": None}, {"kid": "other"}])
async def test_headers_that_do_not_fit_are_refused(up: Upstreams, sign: Sign, header: dict[str, Any]) -> None:
    await _refused(up, await ask(up, sign(header)), "assertion_header")


async def test_an_unregistered_certificate_is_refused(up: Upstreams, sign: Sign, tmp_path: Path) -> None:
    ensure_development_key(tmp_path)
    await _refused(up, await ask(up, sign(directory=tmp_path)), "unknown_certificate")


async def test_a_signature_by_another_key_is_refused(up: Upstreams, sign: Sign, keys_dir: Path, tmp_path: Path) -> None:
    ensure_development_key(tmp_path)
    name = thumbprint_of(keys_dir)
    await _refused(up, await ask(up, sign({"x5t": name, "kid": name}, directory=tmp_path)), "bad_signature")


async def test_another_algorithm_is_refused(up: Upstreams, keys_dir: Path) -> None:
    name = thumbprint_of(keys_dir)
    head = {"alg": "HS256", "typ": "JWT", "x5t": name, "kid": name}
    forged = jwt.encode(head, {"iss": "acme"}, OctKey.generate_key(256), ["HS256"])
    await _refused(up, await ask(up, forged), "assertion_header")


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "e30.e30.", "W10.e30.x", "\udcff\u00e9.a.b"])
async def test_what_is_no_jwt_is_refused(up: Upstreams, assertion: str) -> None:
    await _refused(up, await ask(up, assertion.encode("utf-8", "replace").decode()), "assertion_header")


async def test_a_jti_works_once(up: Upstreams, sign: Sign) -> None:
    assertion = sign()
    assert (await ask(up, assertion)).status_code == 200
    await _refused(up, await ask(up, assertion), "replayed_jti")


async def test_a_second_certificate_works_beside_the_first_and_can_be_removed(
    up: Upstreams, sign: Sign, tmp_path: Path
) -> None:
    pem = ensure_development_key(tmp_path).read_bytes()
    name = (await up.http.post("/certificates", content=pem)).json()["thumbprint"]
    assert name == thumbprint_of(tmp_path)
    assert name in (await up.http.get("/certificates")).json()["thumbprints"]
    assert (await ask(up, sign(directory=tmp_path))).status_code == 200
    assert (await ask(up, sign())).status_code == 200
    assert (await up.http.delete("/certificates", params={"thumbprint": name})).status_code == 204
    assert (await up.http.delete("/certificates", params={"thumbprint": name})).status_code == 404
    assert (await ask(up, sign(directory=tmp_path))).status_code == 401


async def test_a_client_id_beside_the_assertion_must_be_the_same(up: Upstreams, sign: Sign) -> None:
    assert (await ask(up, sign(), client_id="acme")).status_code == 200
    await _refused(up, await ask(up, sign(), client_id="other"), "wrong_client")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "case:read"}, "invalid_scope"),
        ({"client_assertion_type": None}, "invalid_request"),
        ({"client_assertion_type": "jwt"}, "invalid_request"),
        ({"client_secret": "sandbox-secret"}, "invalid_request"),
    ],
)
async def test_a_form_that_does_not_fit_is_an_oauth_error(
    up: Upstreams, sign: Sign, changes: dict[str, str | None], error: str
) -> None:
    answer = await ask(up, sign(), **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_further_scopes_do_no_harm(up: Upstreams, sign: Sign) -> None:
    assert (await ask(up, sign(), scope="openid case:delete")).status_code == 200


async def test_json_and_repeated_parameters_are_invalid_requests(up: Upstreams) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = [
        await up.http.post("/connect/token", json={"grant_type": "client_credentials"}),
        await up.http.post("/connect/token", content=b"scope=a&scope=b", headers=form),
        await up.http.post("/connect/token", content=b"scope=%ff", headers=form),
        await up.http.post("/connect/token", content=b"a=1&" * 99, headers=form),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(400, "invalid_request")] * 4


async def test_a_client_secret_works_in_the_form_and_as_basic(up: Upstreams) -> None:
    assert (await ask_with_secret(up)).status_code == 200
    form = {"grant_type": "client_credentials", "scope": "case:delete"}
    answer = await up.http.post("/connect/token", data=form, auth=("acme", "sandbox-secret"))
    assert answer.status_code == 200


async def test_a_wrong_client_secret_is_an_invalid_client(up: Upstreams) -> None:
    await _refused(up, await ask_with_secret(up, client_secret="wrong"), "invalid_client")
    await _refused(up, await ask_with_secret(up, client_id="other"), "invalid_client")
    await _refused(up, await ask_with_secret(up, client_secret=None), "invalid_client")
    for authorization in ("Basic x", "Basic !!", "Bearer t", "Basic " + base64.b64encode(b"acme:wrong").decode()):
        form = {"grant_type": "client_credentials", "scope": "case:delete"}
        answer = await up.http.post("/connect/token", data=form, headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "www-authenticate" in answer.headers


async def test_a_token_expires(up: Upstreams, clock: ManualClock) -> None:
    await up.switch(token={"lifetimeSeconds": 60})
    assert (await up.hub(by_number("CN1"))).status_code == 200
    clock.advance(60)
    assert (await up.hub(by_number("CN2"))).status_code == 401


async def test_every_token_can_be_revoked(up: Upstreams) -> None:
    await up.hub(by_number("CN1"))
    assert (await up.http.post("/tokens/revoke")).json() == {"revoked": 1}
    assert (await up.hub(by_number("CN2"))).status_code == 401


async def test_the_endpoint_can_be_switched_off_or_made_to_fail(up: Upstreams) -> None:
    await up.switch(token={"down": True})
    assert (await ask_with_secret(up)).status_code == 503
    await up.switch(token={"down": False, "fault": {"like": "STATUS-500", "calls": 1}})
    assert (await ask_with_secret(up)).status_code == 500
    await up.switch(token={"fault": {"like": "UNAUTHORIZED", "calls": 1}})
    assert (await ask_with_secret(up)).status_code == 401
    await up.switch(token={"fault": {"like": "DROP", "calls": 1}})
    with pytest.raises(httpx2.RemoteProtocolError):
        await ask_with_secret(up)
    assert (await ask_with_secret(up)).status_code == 200


class TestFixedAudience:
    @pytest.fixture
    def options(self, keys_dir: Path) -> SandboxOptions:
        return SandboxOptions(keys_dir=keys_dir, audiences=("https://accounts.example/t",), switches=UNPACED)

    async def test_the_audience_can_be_set(self, up: Upstreams, sign: Sign) -> None:
        assert (await ask(up, sign(aud=["https://accounts.example/t"]))).status_code == 200
        assert (await ask(up, sign())).status_code == 401


class TestWithoutSecretOrToken:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(client_secret=None, require_token=False, switches=UNPACED)

    async def test_the_client_secret_can_be_forbidden(self, up: Upstreams) -> None:
        assert (await ask_with_secret(up)).status_code == 401

    async def test_tokens_can_be_left_out(self, up: Upstreams) -> None:
        answer = await up.http.request("DELETE", HUB_PATH.format(tenant="t"), json=by_number("CN1"), headers=HEADERS)
        assert answer.status_code == 200


async def _refused(up: Upstreams, answer: httpx2.Response, violation: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "access_token" not in answer.json()
    assert (await up.calls("token"))[-1]["violations"] == [violation]
