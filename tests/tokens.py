"""Tokens, honest and forged, and the key sets that they are verified with."""

import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any, Literal

from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from gateway.config.settings import Issuer

ISSUER, AUDIENCE, SUBJECT = "https://kubernetes.default.svc", "case-gateway", "system:serviceaccount:claims:claims-ui"
CLUSTER = Issuer("cluster", ISSUER, AUDIENCE)
NOW = 1_767_268_800
"""2026-01-01T12:00:00Z, in seconds since 1970."""

_ALGORITHMS = {algorithm.name: algorithm for algorithm in JWS_ALGORITHMS}

Json = dict[str, Any]


def rsa(name: str = "first") -> RSAKey:
    """The private key that tests know by this name."""
    return _rsa(name)


@cache
def _rsa(_name: str) -> RSAKey:
    return RSAKey.generate_key(2_048)


def elliptic(curve: Literal["P-256", "P-384", "P-521"] = "P-256") -> ECKey:
    """The private key of this curve."""
    return _elliptic(curve)


@cache
def _elliptic(curve: Literal["P-256", "P-384", "P-521"]) -> ECKey:
    return ECKey.generate_key(curve)


@cache
def edwards() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def public(key: Key, key_id: str | None = "first", **members: object) -> Json:
    """The JWK of the public half of `key`."""
    return {**key.as_dict(private=False), **({} if key_id is None else {"kid": key_id}), **members}


def key_set(*jwks: Json) -> bytes:
    return json.dumps({"keys": list(jwks) or [public(rsa())]}).encode()


def claims(**changes: object) -> Json:
    """The claims of a projected service account token; an ellipsis takes one out."""
    usual = {"iss": ISSUER, "aud": [AUDIENCE], "sub": SUBJECT, "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3_547}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def header(**changes: object) -> Json:
    return {name: value for name, value in {"alg": "RS256", "kid": "first", **changes}.items() if value is not ...}


def encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def signed(head: bytes, body: bytes, key: Key | OctKey | None = None, algorithm: str = "RS256") -> bytes:
    """A token of these very bytes, signed as `algorithm` says, whatever the header says."""
    content = encoded(head) + b"." + encoded(body)
    return content + b"." + encoded(_ALGORITHMS[algorithm].sign(content, key or rsa()))


def token(*, head: Json | None = None, key: Key | OctKey | None = None, **changes: object) -> bytes:
    """A token as its issuer makes it, with these changes to its claims."""
    head = head or header()
    algorithm = "RS256" if key is None else head["alg"]
    return signed(json.dumps(head).encode(), json.dumps(claims(**changes)).encode(), key, algorithm)
