"""Which tokens are good; RFC 8725 is the checklist, section by section."""

import json
from base64 import b64encode
from typing import Any

import pytest
from joserfc.jwk import OctKey
from msgspec.structs import replace

from gateway.config.settings import Issuer
from gateway.identity.examine import Unproven, examine
from gateway.identity.keys import KeySet, read_key_set
from gateway.identity.token import MAX_TOKEN_BYTES
from gateway.identity.verdict import Flaw
from tests.tokens import (
    AUDIENCE,
    CLUSTER,
    ISSUER,
    NOW,
    SUBJECT,
    claims,
    edwards,
    elliptic,
    encoded,
    header,
    key_set,
    public,
    rsa,
    signed,
    token,
)

KEYS = read_key_set(key_set())
GOOD = "good"


def verdict(text: bytes, issuer: Issuer = CLUSTER, keys: KeySet = KEYS, now: float = NOW) -> str:
    """`good`, or why not; as `Issuers` puts the steps together."""
    found = examine(text, {issuer.issuer: issuer}, now)
    if isinstance(found, Flaw):
        return found
    key = keys.find(found.key_id, found.algorithm)
    if key is None:
        return Flaw.KEY
    return GOOD if found.proved_by(key) else Flaw.SIGNATURE


def test_a_projected_service_account_token_tells_its_subject() -> None:
    found = examine(token(), {ISSUER: CLUSTER}, NOW)

    assert isinstance(found, Unproven)
    assert (found.issuer, found.subject, found.algorithm, found.key_id) == (CLUSTER, SUBJECT, "RS256", "first")
    assert verdict(token()) == GOOD


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((name, rsa()) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", elliptic("P-256")),
        ("ES384", elliptic("P-384")),
        ("ES512", elliptic("P-521")),
        ("EdDSA", edwards()),
        ("Ed25519", edwards()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_algorithm_of_the_configuration_is_verified(algorithm: str, key: object) -> None:
    issuer = replace(CLUSTER, algorithms=(algorithm,))
    keys = read_key_set(key_set(public(key)))  # type: ignore[arg-type]  # one of three classes
    text = token(head=header(alg=algorithm), key=key)  # type: ignore[arg-type]  # as above

    assert verdict(text, issuer, keys) == GOOD
    assert verdict(text[:-4] + b"AAAA", issuer, keys) == Flaw.SIGNATURE


@pytest.mark.parametrize(
    ("head", "flaw"),
    [
        (header(alg="none"), Flaw.ALGORITHM),
        (header(alg="None"), Flaw.ALGORITHM),
        (header(alg="RS384"), Flaw.ALGORITHM),
        (header(alg="ES256"), Flaw.ALGORITHM),
        (header(alg=["RS256"]), Flaw.ALGORITHM),
        (header(alg={"RS256": 1}), Flaw.ALGORITHM),
        (header(alg=None), Flaw.ALGORITHM),
        (header(alg=...), Flaw.ALGORITHM),
        (header(crit=["exp"], exp=1), Flaw.CRITICAL),
        (header(crit=[]), Flaw.CRITICAL),
        (header(crit=["b64"], b64=False), Flaw.CRITICAL),
        (header(typ="logout+jwt"), Flaw.TYPE),
        (header(typ="dpop+jwt"), Flaw.TYPE),
        (header(typ=1), Flaw.TYPE),
        (header(kid="other"), Flaw.KEY),
        (header(kid=1), Flaw.KEY),
        (header(kid=None), Flaw.KEY),
        (header(kid=["first"]), Flaw.KEY),
        (header(kid=""), Flaw.KEY),
        (header(kid="x" * 257), Flaw.KEY),
        (header(kid="../../../../dev/null"), Flaw.KEY),
        (header(kid="' OR 1=1 --\r\nX: y\x00"), Flaw.KEY),
        (header(typ="JWT"), GOOD),
        (header(typ="at+jwt"), GOOD),
        (header(typ="application/AT+JWT"), GOOD),
        (header(kid=...), GOOD),
        (header(unheard="of", n=[1, {"a": None}]), GOOD),
    ],
    ids=repr,
)
def test_a_header_that_is_not_as_it_should_be_is_refused(head: dict[str, object], flaw: str) -> None:
    assert verdict(token(head=head)) == flaw


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"iss": "https://kubernetes.default.svc/"}, Flaw.ISSUER),
        ({"iss": ISSUER.upper()}, Flaw.ISSUER),
        ({"iss": [ISSUER]}, Flaw.ISSUER),
        ({"iss": None}, Flaw.ISSUER),
        ({"iss": ...}, Flaw.ISSUER),
        ({"aud": "other"}, Flaw.AUDIENCE),
        ({"aud": ["other", "case-gateway "]}, Flaw.AUDIENCE),
        ({"aud": [AUDIENCE, 1]}, Flaw.AUDIENCE),
        ({"aud": []}, Flaw.AUDIENCE),
        ({"aud": {AUDIENCE: 1}}, Flaw.AUDIENCE),
        ({"aud": None}, Flaw.AUDIENCE),
        ({"aud": ...}, Flaw.AUDIENCE),
        ({"sub": ...}, Flaw.SUBJECT),
        ({"sub": None}, Flaw.SUBJECT),
        ({"sub": [SUBJECT]}, Flaw.SUBJECT),
        ({"exp": ...}, Flaw.DATES),
        ({"iat": ...}, Flaw.DATES),
        ({"exp": str(NOW + 60)}, Flaw.DATES),
        ({"exp": True}, Flaw.DATES),
        ({"exp": None}, Flaw.DATES),
        ({"exp": 10**400}, Flaw.DATES),
        ({"exp": -1}, Flaw.DATES),
        ({"nbf": "now"}, Flaw.DATES),
        ({"nbf": None}, Flaw.DATES),
        ({"exp": NOW + 3_641}, Flaw.LIFETIME),
        ({"exp": 253_402_300_799}, Flaw.LIFETIME),
        ({"exp": NOW - 60}, Flaw.LIFETIME),
        ({"iat": NOW - 4_000, "exp": NOW - 31}, Flaw.LIFETIME),
        ({"iat": NOW - 600, "exp": NOW - 30}, Flaw.EXPIRED),
        ({"iat": NOW + 31}, Flaw.NOT_YET_VALID),
        ({"nbf": NOW + 31}, Flaw.NOT_YET_VALID),
        ({"aud": AUDIENCE}, GOOD),
        ({"aud": ["other", AUDIENCE]}, GOOD),
        ({"nbf": ...}, GOOD),
        ({"exp": NOW + 3_640}, GOOD),
        ({"iat": NOW - 600, "exp": NOW - 29}, GOOD),
        ({"iat": NOW + 30, "nbf": NOW + 30}, GOOD),
        ({"iat": NOW - 60.5, "exp": NOW + 0.5}, GOOD),
        ({"scope": "admin", "roles": ["*"], "kubernetes.io": {"namespace": "claims"}}, GOOD),
    ],
    ids=repr,
)
def test_claims_that_are_not_as_they_should_be_are_refused(changes: dict[str, Any], flaw: str) -> None:
    assert verdict(token(**changes)) == flaw


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5_000, "1e4000000"])
def test_dates_that_are_no_dates_are_refused(number: str) -> None:
    body = json.dumps(claims(exp="@")).replace('"@"', number)

    assert verdict(signed(json.dumps(header()).encode(), body.encode())) in {Flaw.MALFORMED, Flaw.DATES}


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b'{"alg":"none","alg":"RS256","kid":"first"}', None),
        (b'{"alg":"RS256","kid":"other","kid":"first"}', None),
        (None, json.dumps(claims())[:-1].encode() + b', "sub": "system:admin"}'),
        (None, json.dumps(claims(extra={}))[:-2].encode() + b'"a": 1, "a": 2}}'),
        (b"[]", None),
        (b'"RS256"', None),
        (b"", None),
        (None, b""),
        (None, b"null"),
        (None, b"[" * 4_000),
        (None, json.dumps(claims()).encode("utf-16")),
        (None, b'{"iss": "\xff"}'),
        (None, b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
        (None, json.dumps(claims()).encode() + b" {}"),
    ],
)
def test_what_can_be_read_in_two_ways_or_in_none_is_malformed(head: bytes | None, body: bytes | None) -> None:
    head = json.dumps(header()).encode() if head is None else head
    body = json.dumps(claims()).encode() if body is None else body

    assert verdict(signed(head, body)) == Flaw.MALFORMED


def test_a_token_over_8_kib_is_refused_unread() -> None:
    longest = token(padding="x" * 5_400)
    assert len(longest) < MAX_TOKEN_BYTES

    assert verdict(longest) == GOOD
    assert verdict(longest + b"A" * (MAX_TOKEN_BYTES - len(longest) + 1)) == Flaw.TOO_LONG
    assert verdict(b"\x00" * (MAX_TOKEN_BYTES + 1)) == Flaw.TOO_LONG


def test_the_public_key_is_no_shared_secret() -> None:
    """RFC 8725 section 2.1: HS256 keyed with what everybody knows."""
    pem = rsa().as_pem(private=False)
    text = token(head=header(alg="HS256"), key=OctKey(pem, pem))
    _, rest = text.split(b".", 1)

    assert verdict(text) == Flaw.ALGORITHM
    assert verdict(encoded(json.dumps(header()).encode()) + b"." + rest) == Flaw.SIGNATURE


def test_an_unsigned_token_is_refused_however_it_is_written() -> None:
    for alg in ("none", "NONE", "nOnE", "RS256"):
        head, body = encoded(json.dumps(header(alg=alg)).encode()), encoded(json.dumps(claims()).encode())
        assert verdict(head + b"." + body + b".") in {Flaw.ALGORITHM, Flaw.SIGNATURE}
        assert verdict(head + b"." + body) == Flaw.MALFORMED


def test_keys_that_a_token_brings_along_are_not_used() -> None:
    """RFC 8725 section 3.10: `jwk`, `jku`, `x5u`, `x5c` of who would like to be believed."""
    own = rsa("forger")
    embedded = {"jwk": public(own), "jku": "https://forger/jwks", "x5u": "https://forger/x5u", "x5c": ["MIIB"]}

    assert verdict(token(head=header(**embedded), key=own)) == Flaw.SIGNATURE
    assert verdict(token(head=header(**embedded, kid=...), key=own)) == Flaw.SIGNATURE
    assert verdict(token(head=header(**embedded))) == GOOD, "they are passed over, not refused"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b".",
        b"..",
        b"a.b.c",
        b"....",
        b"{}",
        json.dumps({"payload": "e30", "signatures": [{"protected": "e30", "signature": ""}] * 2}).encode(),
        b".".join([b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ", b"a", b"b", b"c", b"d"]),
        token() + b".",
        token() + b"=",
        token() + b"\n",
        b" " + token(),
        token().replace(b".", b"=."),
        token().replace(b".", b"..", 1),
        token().upper(),
    ],
)
def test_other_things_than_a_signed_token_in_its_compact_form_are_refused(text: bytes) -> None:
    assert verdict(text) == Flaw.MALFORMED


def test_a_signature_is_written_in_one_way_only() -> None:
    """The last character has bits to spare: a token must not have two spellings, nor the alphabet of plain base64."""
    text = token()
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(text[-1]) + 1]
    plain = text.rsplit(b".", 1)[0] + b"." + b64encode(bytes([0xFF] * 256)).rstrip(b"=")

    assert verdict(text[:-1] + bytes([other])) == Flaw.MALFORMED
    assert verdict(plain) == Flaw.MALFORMED


def test_where_a_type_is_configured_only_that_one_is_accepted() -> None:
    issuer = replace(CLUSTER, token_type="at+jwt")

    assert verdict(token(head=header(typ="AT+JWT")), issuer) == GOOD
    assert verdict(token(head=header(typ="application/at+jwt")), issuer) == GOOD
    for head in (header(), header(typ="JWT"), header(typ="id+jwt")):
        assert verdict(token(head=head), issuer) == Flaw.TYPE


def test_each_issuer_has_its_own_rules() -> None:
    other = Issuer("other", "https://other", "other-audience", algorithms=("ES256",))
    issuers = {ISSUER: CLUSTER, other.issuer: other}
    crossed = token(iss=other.issuer, aud=other.audience)

    assert examine(crossed, issuers, NOW) == Flaw.ALGORITHM
    assert examine(token(iss=other.issuer, head=header(alg="ES256"), key=elliptic()), issuers, NOW) == Flaw.AUDIENCE
