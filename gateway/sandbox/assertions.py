"""Client assertions: ``private_key_jwt`` as UPSTREAMS.md, "Scalepoint's token endpoint", describes it."""

import base64
import binascii
from collections.abc import Collection
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from gateway.sandbox.certificates import Certificates

MAX_LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5
CLAIMS = ("iss", "sub", "aud", "jti", "iat", "nbf", "exp")


class RefusedAssertion(ValueError):
    """The assertion does not authenticate the client.  ``violation`` is its word in the history."""

    def __init__(self, violation: str, detail: str) -> None:
        super().__init__(detail)
        self.violation = violation


class Assertions:
    """Verifies assertions and remembers each ``jti`` until its assertion has expired."""

    def __init__(self, certificates: Certificates, client_id: str) -> None:
        self._certificates = certificates
        self._client_id = client_id
        self._seen: dict[str, float] = {}

    def verify(self, assertion: str, audiences: Collection[str], now: float) -> None:
        """Raises RefusedAssertion.  ``now`` is epoch seconds; one of ``audiences`` must be ``aud``."""
        claims = self._signed_claims(assertion)
        missing = [name for name in CLAIMS if name not in claims]
        if missing:
            raise RefusedAssertion("claim_missing", f"claims missing: {', '.join(missing)}")
        self._check_parties(claims, audiences)
        _check_times(claims, now)
        self._check_first_use(claims, now)

    def _signed_claims(self, assertion: str) -> dict[str, Any]:
        header = _header(assertion)
        if header.get("alg") != "RS256" or header.get("typ") != "JWT":
            raise RefusedAssertion("assertion_header", "the header must have alg RS256 and typ JWT")
        name = header.get("x5t")
        if not isinstance(name, str) or name != header.get("kid"):
            raise RefusedAssertion("assertion_header", "x5t and kid must both be the certificate's thumbprint")
        key = self._certificates.key(name)
        if key is None:
            raise RefusedAssertion("unknown_certificate", "no registered certificate has this thumbprint")
        try:
            return jwt.decode(assertion, key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise RefusedAssertion("bad_signature", "the signature does not verify") from error

    def _check_parties(self, claims: dict[str, Any], audiences: Collection[str]) -> None:
        if claims["iss"] != self._client_id or claims["sub"] != self._client_id:
            raise RefusedAssertion("wrong_client", "iss and sub must both be the client id")
        named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not any(audience in audiences for audience in named if isinstance(audience, str)):
            raise RefusedAssertion("wrong_audience", f"aud must be {' or '.join(audiences)}")

    def _check_first_use(self, claims: dict[str, Any], now: float) -> None:
        jti = claims["jti"]
        if not isinstance(jti, str) or not jti:
            raise RefusedAssertion("claim_missing", "jti must be a string")
        self._seen = {seen: expires for seen, expires in self._seen.items() if expires > now}
        if jti in self._seen:
            raise RefusedAssertion("replayed_jti", "this jti was used before")
        self._seen[jti] = claims["exp"]


def _header(assertion: str) -> dict[str, Any]:
    encoded = assertion.partition(".")[0]
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), type=dict[str, Any])
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise RefusedAssertion("assertion_header", "client_assertion is not a JWT") from error


def _check_times(claims: dict[str, Any], now: float) -> None:
    times = [claims[name] for name in ("iat", "nbf", "exp")]
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        raise RefusedAssertion("assertion_times", "iat, nbf and exp must be numbers")
    issued, not_before, expires = times
    if expires <= now:
        raise RefusedAssertion("assertion_expired", "the assertion has expired")
    if expires > now + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise RefusedAssertion("assertion_times", f"exp is more than {MAX_LIFETIME_SECONDS} seconds away")
    if max(issued, not_before) > now + LEEWAY_SECONDS or issued < now - MAX_LIFETIME_SECONDS - LEEWAY_SECONDS:
        raise RefusedAssertion("assertion_times", "iat or nbf is not about now")
