"""What a request shows to say who sends it, read from its headers (RFC 6750 section 2.1; RFC 9110 section 11.4)."""

import re

from msgspec import Struct

from gateway.http.exchange import Headers, values

REALM = 'realm="case-gateway"'

_CREDENTIALS = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +(.*))?", re.DOTALL)


class Nothing(Struct, frozen=True):
    """No credentials, or none of a kind that is known here."""


class Several(Struct, frozen=True):
    """More than one: none of them counts, since nobody can say which was meant."""


class ApiKey(Struct, frozen=True):
    """An API key."""

    key: bytes


class BearerToken(Struct, frozen=True):
    """A token; it may be anything."""

    token: bytes


Presented = Nothing | Several | ApiKey | BearerToken

METHODS: dict[type, str] = {Nothing: "none", Several: "several", ApiKey: "api_key", BearerToken: "bearer"}
"""The words of metrics and log lines."""


def presented(headers: Headers) -> Presented:
    """The credentials in `headers`."""
    headers = list(headers)
    match values(headers, b"x-api-key"), values(headers, b"authorization"):
        case [], []:
            return Nothing()
        case [key], []:
            return ApiKey(key)
        case [], [authorization]:
            return _authorization(authorization)
    return Several()


def challenges(shown: Presented) -> str:
    """The value of WWW-Authenticate (RFC 6750 section 3): why, in its own words, only where a token was shown."""
    match shown:
        case BearerToken():
            bearer = f'Bearer {REALM}, error="invalid_token"'
        case Several():
            bearer = f'Bearer {REALM}, error="invalid_request"'
        case _:
            bearer = f"Bearer {REALM}"
    return f"{bearer}, ApiKey {REALM}"


def _authorization(value: bytes) -> Presented:
    found = _CREDENTIALS.fullmatch(value)
    if found is None or found[1].lower() != b"bearer":
        return Nothing()
    return BearerToken(found[2] or b"")
