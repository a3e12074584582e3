"""Opaque cursors: where a list goes on, stable while rows are added."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec

from gateway.http.problems import invalid

VERSION = 1
MAX_CHARACTERS = 512

Position = TypeVar("Position")


def cursor(of: str, position: str | int) -> str:
    """The cursor behind `position` in lists of this name."""
    return urlsafe_b64encode(msgspec.json.encode((VERSION, of, position))).rstrip(b"=").decode("ascii")


def position(text: str, of: str, shape: type[Position]) -> Position:
    """The position in a cursor of lists of this name. Raises Problem (422) for anything that is not one of ours."""
    try:
        version, name, place = _parts(text[:MAX_CHARACTERS])
        if (version, name) == (VERSION, of):
            return msgspec.convert(place, shape)
    except (ValueError, msgspec.DecodeError, RecursionError):
        pass
    raise invalid("?cursor", "Not a cursor of this list: send one that this list gave, unchanged.")


def _parts(text: str) -> tuple[Any, Any, Any]:
    return msgspec.json.decode(urlsafe_b64decode(text.encode("ascii") + b"=="), type=tuple[Any, Any, Any])
