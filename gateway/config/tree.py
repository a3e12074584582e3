"""What a configuration file holds, before any key is known: tables, items, and scalars with the word as written.

A scalar keeps what was written beside what YAML 1.1 makes of it, so that a fault can say that `no` is a boolean and
that `16:00` is the number 960.
"""

import math
import re
from enum import StrEnum

from msgspec import Struct

from gateway.config.wording import clip, quote

_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{0,17})?([eE][-+]?[0-9]{1,3})?")
_SEXAGESIMAL = re.compile(r"[0-9]{1,9}(:[0-9]{1,2}){1,5}")


class ScalarKind(StrEnum):
    """What YAML 1.1 takes a scalar for; the values are words for faults."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    DATE = "a date"
    NULL = "nothing"


class Scalar(Struct, frozen=True):
    """One scalar. `value` is null where `written` is no plain notation: `yes`, `0x10`, `16:00`, `.nan`, a date."""

    kind: ScalarKind
    written: str
    value: str | int | float | bool | None = None


class Items(Struct, frozen=True):
    """A sequence."""

    items: tuple["Tree", ...]


class Table(Struct, frozen=True):
    """A mapping; its keys are texts, each once."""

    entries: dict[str, "Tree"]


Tree = Scalar | Items | Table


def describe(tree: Tree) -> str:
    """What stands there, in few words: `"five"`, `5`, `a list`, `nothing`."""
    if isinstance(tree, Table):
        return "a mapping"
    if isinstance(tree, Items):
        return "a list"
    if tree.kind is ScalarKind.TEXT:
        return quote(tree.written)
    return clip(tree.written) or "nothing"


def misread(tree: Tree) -> str:
    """What to add where a text was meant and YAML makes something else of it; empty if it does not."""
    if not isinstance(tree, Scalar) or tree.kind in {ScalarKind.TEXT, ScalarKind.NULL}:
        return ""
    return f", which YAML reads as {_meaning(tree)}; put it in quotes: {quote(tree.written)}"


def _meaning(scalar: Scalar) -> str:
    if not _SEXAGESIMAL.fullmatch(scalar.written):
        return scalar.kind
    number = 0
    for part in scalar.written.split(":"):
        number = number * 60 + int(part)
    return f"the number {number}"


def scalar(tag: str, written: str) -> Scalar:
    """The scalar that YAML resolves to `tag` (`int`, `bool`, ...; unknown ones are texts)."""
    match tag:
        case "int" | "float":
            return Scalar(ScalarKind.NUMBER, written, _plain_number(written))
        case "bool":
            return Scalar(ScalarKind.BOOLEAN, written, {"true": True, "false": False}.get(written.lower()))
        case "null":
            return Scalar(ScalarKind.NULL, written)
        case "timestamp":
            return Scalar(ScalarKind.DATE, written)
    return Scalar(ScalarKind.TEXT, written, written)


def _plain_number(written: str) -> int | float | None:
    found = _PLAIN_NUMBER.fullmatch(written)
    if found is None:
        return None
    if found[2] is None and found[3] is None:
        return int(written)
    number = float(written)
    return number if math.isfinite(number) else None
