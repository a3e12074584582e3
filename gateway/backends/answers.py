"""Reading an upstream's answer strictly: what its contract does not allow is not believed."""

import json
from enum import Enum
from typing import NoReturn, TypeVar

import msgspec

from gateway.model.calls import Answer

Shape = TypeVar("Shape")


class Flaw(Enum):
    """Why an answer is not believed; the value is the `detail` that callers read."""

    NOT_DECLARED = "The upstream's answer is not declared to be JSON in UTF-8."
    NOT_JSON = "The upstream's answer is not well-formed JSON in UTF-8."
    NOT_DOCUMENTED = "The upstream's answer does not have the documented shape."
    CONTRADICTION = "The upstream's answer contradicts itself or the request."
    FOREIGN = "The upstream's answer carries the request id of another request."
    UNEXPECTED_STATUS = "The upstream answered with a status that its contract does not have."
    MISSING = "The upstream's answer does not say what became of this."


def read_body(answer: Answer, shape: type[Shape]) -> Shape | Flaw:
    """The body as a `shape`, or why it cannot be believed.

    Beyond RFC 8259, duplicate members, NaN and infinities are refused: two readers could read them differently.
    """
    if not _declares_json(answer.header("content-type")):
        return Flaw.NOT_DECLARED
    try:
        value = json.loads(answer.body.decode(), object_pairs_hook=_unambiguous, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return Flaw.NOT_JSON
    return as_shape(value, shape)


def as_shape(value: object, shape: type[Shape]) -> Shape | Flaw:
    """A part of a decoded body as a `shape`; members that it does not name are passed over."""
    try:
        return msgspec.convert(value, shape)
    except ValueError:  # a ValidationError, or lone surrogates where msgspec needs UTF-8
        return Flaw.NOT_DOCUMENTED


def _declares_json(content_type: str | None) -> bool:
    media_type, *parameters = ((content_type or "").lower()).split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip(' "') for name, _, value in pairs if name.strip() == "charset"}
    is_json = media_type.strip() in {"application/json", "text/json"} or media_type.strip().endswith("+json")
    return is_json and charsets <= {"utf-8", "utf8"}


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "duplicate member"
        raise ValueError(message)
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
