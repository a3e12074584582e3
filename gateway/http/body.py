"""A request's body: read up to a bound, and taken for JSON only if there is no doubt about what it says (RFC 8259)."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from math import inf, isinf
from typing import Any, NoReturn

from litestar.types import Receive
from msgspec import Struct

from gateway.http.exchange import Headers, values
from gateway.http.problems import Place, Problem, Refusal, invalid, pointer

MAX_DEPTH = 32
MAX_DIGITS = 400
"""No number that any sender computes with is longer."""

_MEDIA_TYPE = re.compile(rb"""application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?;?""", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


class ClientGone(Exception):
    """The caller closed the connection before its request was complete."""


class _Flaw(Struct, frozen=True):
    """Stands in the place of a value that JSON's grammar, or its good sense, does not allow."""

    detail: str


async def read_body(headers: Headers, receive: Receive, max_bytes: int) -> bytes:
    """The body of a request that calls it JSON, at most `max_bytes` long. Raises Problem (413, 415), ClientGone."""
    headers = list(headers)
    _check_media_type(headers)
    _check_length(headers, max_bytes)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunks.append(message["body"])
        size += len(message["body"])
        if size > max_bytes:
            raise _too_large(max_bytes)
        more = message["more_body"]
    return b"".join(chunks)


def parse(body: bytes) -> object:
    """The JSON value that `body` is: every member stands once, every string is Unicode text.

    Raises Problem: 400, or 422 for a string that is not Unicode text.
    """
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        _malformed(f"The body is not valid UTF-8 at byte {error.start}.", error)
    except RecursionError as error:
        _malformed(f"The body is nested deeper than {MAX_DEPTH}.", error)
    except ValueError as error:
        _malformed(f"The body is not valid JSON: {error}.", error)
    _refuse_flaws(value)
    if b"\\u" in body:
        _refuse_surrogates(value)
    return value


def _check_media_type(headers: Sequence[tuple[bytes, bytes]]) -> None:
    media_types = values(headers, b"content-type")
    encoded = any(encoding.strip().lower() != b"identity" for encoding in values(headers, b"content-encoding"))
    if encoded or len(media_types) != 1 or not _MEDIA_TYPE.fullmatch(media_types[0].strip()):
        raise Problem(Refusal.UNSUPPORTED_MEDIA_TYPE, "Send application/json in UTF-8, without a content encoding.")


def _check_length(headers: Sequence[tuple[bytes, bytes]], max_bytes: int) -> None:
    for length in values(headers, b"content-length"):
        if length.isdigit() and (len(length) > MAX_DIGITS or int(length) > max_bytes):
            raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> Problem:
    return Problem(Refusal.TOO_LARGE, f"The body may have at most {max_bytes} bytes.")


def _malformed(detail: str, cause: Exception) -> NoReturn:
    raise Problem(Refusal.MALFORMED_REQUEST, detail) from cause


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        members.update((name, _Flaw("This member stands twice in its object.")) for name in counts if counts[name] > 1)
    return members


def _integer(digits: str) -> int | _Flaw:
    return _Flaw(f"A number may have at most {MAX_DIGITS} digits.") if len(digits) > MAX_DIGITS else int(digits)


def _fraction(digits: str) -> float | _Flaw:
    number = float(digits) if len(digits) <= MAX_DIGITS else inf
    return _Flaw("This number is out of range.") if isinf(number) else number


def _constant(name: str) -> _Flaw:
    return _Flaw(f"{name} is not JSON.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _refuse_flaws(value: object) -> None:
    found = _find_flaw(value, 1)
    if found:
        detail, path = found
        place = pointer(*reversed(path))
        raise Problem(Refusal.MALFORMED_REQUEST, f"{place or 'The body'}: {detail}", places=(Place(place, detail),))


def _find_flaw(value: object, depth: int) -> tuple[str, list[str | int]] | None:
    """The first flaw in `value`, with the path to it from the inside out."""
    if isinstance(value, _Flaw):
        return value.detail, []
    if not isinstance(value, dict | list):
        return None
    if depth > MAX_DEPTH:
        return f"The body is nested deeper than {MAX_DEPTH}.", []
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list | _Flaw) and (found := _find_flaw(inner, depth + 1)):
            found[1].append(name)
            return found
    return None


def _refuse_surrogates(value: object) -> None:
    place = _find_surrogate(value)
    if place is not None:
        raise invalid(pointer(*reversed(place)), "A lone surrogate is not a character.")


def _find_surrogate(value: object) -> list[str | int] | None:
    """The path, from the inside out, to the first string, value or member name, that is not Unicode text."""
    if isinstance(value, str):
        return [] if _SURROGATE.search(value) else None
    if not isinstance(value, dict | list):
        return None
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found: list[str | int] | None = (
            [] if isinstance(name, str) and _SURROGATE.search(name) else _find_surrogate(inner)
        )
        if found is not None:
            found.append(name)
            return found
    return None
