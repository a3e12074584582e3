"""Query parameters of lists: each of them known, there once, and of the right form."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl

from msgspec import Meta, Struct

from gateway.http import cursors
from gateway.http.problems import invalid

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_NUMBER = 999_999_999

Choice = TypeVar("Choice", bound=StrEnum)
Position = TypeVar("Position")
Row = TypeVar("Row")


class Page(Struct, Generic[Row], frozen=True, rename="camel"):
    """A page of a list. `next_cursor` is null on the last one."""

    items: list[Row]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` to read on; null at the end.")]


class Query:
    """The query parameters of a request. Every method raises Problem (422) with `?name` for its place."""

    def __init__(self, scope: Mapping[str, Any], *known: str) -> None:
        self._values: dict[str, str] = {}
        query = scope["query_string"].decode("latin-1")
        for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
            if name not in known:
                raise invalid(f"?{name}", f"Unknown; there are {', '.join(known)}.")
            if name in self._values:
                raise invalid(f"?{name}", "Stands more than once.")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """The parameter, or null."""
        return self._values.get(name)

    def choice(self, name: str, choices: Iterable[Choice]) -> Choice | None:
        """The parameter as one of `choices`, or null."""
        given = self._values.get(name)
        if given is None:
            return None
        for choice in choices:
            if choice.value == given:
                return choice
        raise invalid(f"?{name}", f"Must be one of {', '.join(choices)}.")

    def limit(self) -> int:
        """How many rows a page has at most."""
        given = self._values.get("limit", str(DEFAULT_LIMIT))
        if given.isascii() and given.isdigit() and len(given) <= len(str(MAX_LIMIT)) and 1 <= int(given) <= MAX_LIMIT:
            return int(given)
        raise invalid("?limit", f"Must be a number from 1 to {MAX_LIMIT}.")

    def number(self, name: str) -> int | None:
        """The parameter as a number from 1 to `MAX_NUMBER`, or null."""
        given = self._values.get(name)
        if given is None:
            return None
        if given.isascii() and given.isdigit() and len(given) <= len(str(MAX_NUMBER)) and int(given) >= 1:
            return int(given)
        raise invalid(f"?{name}", f"Must be a number from 1 to {MAX_NUMBER}.")

    def position(self, of: str, shape: type[Position], start: Position) -> Position:
        """Where the list `of` goes on; `start` for its beginning."""
        given = self._values.get("cursor")
        return start if given is None else cursors.position(given, of, shape)
