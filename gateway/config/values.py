"""Parsers: each makes one value of what stands in the file, or says in one sentence what is expected there."""

import re
from collections.abc import Callable, Collection
from datetime import time
from enum import StrEnum
from ipaddress import ip_address
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.config.tree import Scalar, ScalarKind, Tree, describe, misread
from gateway.config.wording import quote, suggestion

MAX_TEXT_CHARACTERS = 1_000
MAX_COUNT = 1_000_000_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_IN_WORDS = "a word of 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit"
"""What a name in this file is like: it stands in URL paths, metric labels and log lines."""

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
E_ = TypeVar("E_", bound=StrEnum)


class Unfit(Exception):
    """A value is not what its key wants. Never leaves the package: a section makes a fault of it."""


def text(tree: Tree) -> str:
    """A text of one line: 1 to 1,000 printable characters, no white space around it."""
    found = _worded(tree, "text")
    if not found:
        raise Unfit("expected text, got an empty one")
    if len(found) > MAX_TEXT_CHARACTERS or not found.isprintable() or found != found.strip():
        raise Unfit(f"expected one line of at most {MAX_TEXT_CHARACTERS:,} printable characters, got {quote(found)}")
    return found


def path_word(tree: Tree) -> str:
    """One segment of an upstream's URL path, in the same shape as our own names."""
    return _shaped(tree, NAME, NAME_IN_WORDS)


def environment_name(tree: Tree) -> str:
    """The name of an environment variable. It is not shown when it is none: it may be the secret itself."""
    if not _ENVIRONMENT_NAME.fullmatch(found := _worded(tree, "the name of an environment variable")):
        raise Unfit("expected the name of an environment variable: letters, digits and underscores")
    return found


def host(tree: Tree) -> str:
    """A host name or an IP address."""
    found = text(tree)
    if not is_host_name(found) and not is_address(found):
        raise Unfit(f"expected a host name or an IP address, without a port, got {quote(found)}")
    return found


def is_host_name(host: str) -> bool:
    """Whether `host` has the shape of a name."""
    return _HOST.fullmatch(host.removesuffix(".")) is not None


def is_address(host: str) -> bool:
    """Whether `host` is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether `host` cannot be reached from another machine."""
    return host.lower() == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def flag(tree: Tree) -> bool:
    """`true` or `false`; not YAML 1.1's other words for them, which YAML 1.2 reads as texts."""
    if isinstance(tree, Scalar) and isinstance(tree.value, bool):
        return tree.value
    raise Unfit(f"expected true or false, got {describe(tree)}")


def whole(least: int, most: int) -> Callable[[Tree], int]:
    """A whole number within bounds."""

    def parse(tree: Tree) -> int:
        wanted = f"a whole number from {least} to {most}"
        found = _number(tree, wanted)
        if isinstance(found, float) or not least <= found <= most:
            _miss(tree, wanted)
        return found

    return parse


def count(tree: Tree) -> int:
    """A whole number over 0."""
    found = _number(tree, "a number over 0")
    if found <= 0:
        _miss(tree, "a number over 0")
    if isinstance(found, float) or found > MAX_COUNT:
        _miss(tree, f"a whole number over 0 and up to {MAX_COUNT:,}")
    return found


def over_zero(most: float) -> Callable[[Tree], float]:
    """A number over 0, and at most `most`."""

    def parse(tree: Tree) -> float:
        found = _number(tree, "a number over 0")
        if found <= 0:
            _miss(tree, "a number over 0")
        if found > most:
            _miss(tree, f"a number over 0 and up to {most:,}")
        return float(found)

    return parse


def between(least: float, most: float) -> Callable[[Tree], float]:
    """A number within bounds."""

    def parse(tree: Tree) -> float:
        wanted = f"a number from {least:,} to {most:,}"
        found = _number(tree, wanted)
        if not least <= found <= most:
            _miss(tree, wanted)
        return float(found)

    return parse


def member(choices: type[E_]) -> Callable[[Tree], E_]:
    """A value of an enumeration."""
    parse_word = word(*choices)
    return lambda tree: choices(parse_word(tree))


def word(*choices: str) -> Callable[[Tree], str]:
    """One of a few words."""

    def parse(tree: Tree) -> str:
        wanted = f"one of {', '.join(choices)}"
        if not isinstance(tree, Scalar) or tree.written not in choices:
            _miss(tree, wanted)
        return _worded(tree, wanted)

    return parse


def known(noun: str, names: Collection[str]) -> Callable[[Tree], str]:
    """The name of something that is defined elsewhere in the file."""

    def parse(tree: Tree) -> str:
        found = _worded(tree, f"the name of a {noun}")
        if found not in names:
            raise Unfit(f"unknown {noun} {quote(found)}{suggestion(found, names)}")
        return found

    return parse


def time_of_day(tree: Tree) -> time:
    """A local time of day, such as `"08:00"`."""
    return time.fromisoformat(_shaped(tree, _TIME_OF_DAY, 'a time of day such as "08:00"'))


def timezone(tree: Tree) -> str:
    """The name of a time zone in the IANA database of this machine."""
    found = text(tree)
    try:
        ZoneInfo(found)
    except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
        raise Unfit(f"expected an IANA time zone such as Europe/Copenhagen, got {quote(found)}") from cause
    return found


def _shaped(tree: Tree, shape: re.Pattern[str], wanted: str) -> str:
    found = _worded(tree, wanted)
    if not shape.fullmatch(found):
        _miss(tree, wanted)
    return found


def _worded(tree: Tree, wanted: str) -> str:
    if isinstance(tree, Scalar) and isinstance(tree.value, str):
        return tree.value
    raise Unfit(f"expected {wanted}, got {describe(tree)}{misread(tree)}")


def _number(tree: Tree, wanted: str) -> int | float:
    if isinstance(tree, Scalar) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return tree.value
    odd = isinstance(tree, Scalar) and tree.kind is ScalarKind.NUMBER and tree.written[-1].isalnum()
    raise Unfit(f"expected {wanted}, got {describe(tree)}{'; write it in plain digits' if odd else ''}")


def _miss(tree: Tree, wanted: str) -> NoReturn:
    raise Unfit(f"expected {wanted}, got {describe(tree)}")
