"""A token as it came: a signed JWT in its compact form (RFC 7515 section 7.1, RFC 7519), taken apart.

joserfc could do this too, but takes the last of two members with one name; here there is never a doubt what was signed.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NoReturn

from msgspec import Struct

from gateway.identity.verdict import Flaw

MAX_TOKEN_BYTES = 8_192
"""Longer tokens are refused unread."""

PARTS = 3
"""Header, claims and signature. An encrypted token (RFC 7516) has five."""

Json = dict[str, Any]


class Token(Struct, frozen=True):
    """`signed` is what `signature` is of. Nothing is proved yet."""

    header: Json
    claims: Json
    signed: bytes
    signature: bytes


def read(text: bytes) -> Token | Flaw:
    """The token in `text`; what cannot be read without a doubt is malformed."""
    if len(text) > MAX_TOKEN_BYTES:
        return Flaw.TOO_LONG
    parts = text.split(b".")
    if len(parts) != PARTS:
        return Flaw.MALFORMED
    header, claims, signature = parts
    try:
        return Token(_object(header), _object(claims), header + b"." + claims, decoded(signature))
    except (ValueError, RecursionError):
        return Flaw.MALFORMED


def decoded(part: bytes) -> bytes:
    """The bytes of unpadded base64url (RFC 7515 section 2). Raises ValueError, also where bits are left over."""
    found = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if urlsafe_b64encode(found).rstrip(b"=") != part:
        raise ValueError("not the only way to write these bytes")
    return found


def _object(part: bytes) -> Json:
    found = json.loads(decoded(part).decode(), object_pairs_hook=_members, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the text, which is a bad value
    return found


def _members(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
