"""What a token claims, against what the configuration wants of its issuer's tokens (RFC 7519 section 4.1, RFC 8725)."""

from msgspec import Struct

from gateway.config.settings import Issuer
from gateway.identity.token import Json
from gateway.identity.verdict import Flaw

LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""

END_OF_TIME_SECONDS = 253_402_300_800
"""The year 10000: no date of a token is later."""

MAX_KEY_ID_CHARACTERS = 256

USUAL_TYPES = frozenset({"jwt", "at+jwt"})
"""Header `typ` of tokens that authorize a request, in lower case; others, such as logout tokens, are for other uses
(RFC 8725 section 3.11)."""


class Dates(Struct, frozen=True):
    """When a token was made, and from when until when it is good: seconds since 1970."""

    made: float
    begins: float
    ends: float


def flaw_of_header(header: Json, issuer: Issuer) -> Flaw | None:
    """What is wrong with a token's header.

    Keys that a header brings or points to (`jwk`, `jku`, `x5c`, `x5u`) are not looked at: only the issuer's count.
    """
    if header.get("alg") not in issuer.algorithms:
        return Flaw.ALGORITHM
    if "crit" in header:
        return Flaw.CRITICAL  # RFC 7515 section 4.1.11: we understand no extension
    if not _is_type(header.get("typ"), issuer.token_type):
        return Flaw.TYPE
    key_id = header.get("kid", "")
    return None if isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID_CHARACTERS else Flaw.KEY


def flaw_of_claims(claims: Json, issuer: Issuer, now_seconds: float) -> Flaw | None:
    """What is wrong with a token's claims; its `iss` has been compared before."""
    if not _is_for(claims.get("aud"), issuer.audience):
        return Flaw.AUDIENCE
    if not isinstance(claims.get("sub"), str):
        return Flaw.SUBJECT
    dates = _dates(claims)
    return Flaw.DATES if dates is None else _flaw_of_dates(dates, issuer.max_lifetime_seconds, now_seconds)


def _flaw_of_dates(dates: Dates, max_lifetime_seconds: int, now_seconds: float) -> Flaw | None:
    if not 0 < dates.ends - dates.made <= max_lifetime_seconds:
        return Flaw.LIFETIME
    if max(dates.made, dates.begins) > now_seconds + LEEWAY_SECONDS:
        return Flaw.NOT_YET_VALID
    return Flaw.EXPIRED if dates.ends <= now_seconds - LEEWAY_SECONDS else None


def _is_type(found: object, wanted: str | None) -> bool:
    """Whether the header's `typ` will do; `application/` may be left out of it (RFC 7515 section 4.1.9)."""
    if found is None:
        return wanted is None
    if not isinstance(found, str):
        return False
    word = found.lower().removeprefix("application/")
    return word in USUAL_TYPES if wanted is None else word == wanted.lower()


def _is_for(audience: object, wanted: str) -> bool:
    if isinstance(audience, list):
        return wanted in audience and all(isinstance(one, str) for one in audience)
    return audience == wanted


def _dates(claims: Json) -> Dates | None:
    made, ends = _date(claims.get("iat")), _date(claims.get("exp"))
    begins = _date(claims["nbf"]) if "nbf" in claims else made
    return None if made is None or begins is None or ends is None else Dates(made, begins, ends)


def _date(value: object) -> float | None:
    """The NumericDate (RFC 7519 section 2) that `value` is, or null."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < END_OF_TIME_SECONDS else None  # which no infinity is, either
