"""Cases in memory.  A case that nobody has seeded exists on first sight (unless ``strict``), with any ECM item."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from gateway.sandbox.magic import EXECUTED_ONLY, Spell

Item = tuple[str, str, str]
"""ECM: list name, id, type code ("" where the service has none)."""


class Case(msgspec.Struct, kw_only=True):
    """What every case has.  ``running``: calls at work on it; ``not_before``: when the last Retry-After ends."""

    seeded: bool = False
    running: int = 0
    seen: int = 0
    not_before: float = 0

    def spend(self, spell: Spell | None, *, execute: bool) -> Spell | None:
        """The spell, if it still holds for this call; counts the call."""
        if spell is None or (spell.times is not None and self.seen >= spell.times):
            return None
        if execute or spell.kind not in EXECUTED_ONLY:
            self.seen += 1
        return spell


class ScalepointCase(Case, kw_only=True):
    """``begun_by``: the requestId of a deletion that stopped half-way; ``completed_by``: of one that ended."""

    forbidden: bool = False
    deleted: bool = False
    begun_by: str | None = None
    completed_by: str | None = None


class EcmCase(Case, kw_only=True):
    """``items`` is None for a case that holds any item until it is removed."""

    items: set[Item] | None = None
    removed: set[Item] = msgspec.field(default_factory=set)
    seen_items: dict[Item, int] | None = None
    locked_by: str | None = None

    def spend_item(self, item: Item, spell: Spell) -> bool:
        """Whether the item's spell still holds for this call; counts the call."""
        if self.seen_items is None:
            self.seen_items = {}
        seen = self.seen_items.get(item, 0)
        self.seen_items[item] = seen + 1
        return spell.times is None or seen < spell.times

    def holds(self, item: Item) -> bool:
        """Whether the item is in the case."""
        return item not in self.removed and (self.items is None or item in self.items)


CaseT = TypeVar("CaseT", bound=Case)


class Shelf(Generic[CaseT]):
    """At most ``limit`` cases by key; the oldest is forgotten first, and would then exist again."""

    def __init__(self, make: Callable[[], CaseT], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._cases: dict[tuple[str, ...], CaseT] = {}
        self.forgotten = 0

    def get(self, key: tuple[str, ...]) -> CaseT:
        """The case, made if it is new."""
        case = self._cases.get(key)
        return case if case is not None else self.put(key, self._make())

    def put(self, key: tuple[str, ...], case: CaseT) -> CaseT:
        """Keep the case under the key."""
        if len(self._cases) >= self._limit and key not in self._cases:
            del self._cases[next(iter(self._cases))]
            self.forgotten += 1
        self._cases[key] = case
        return case

    def clear(self) -> None:
        """Forget all of them."""
        self._cases.clear()
        self.forgotten = 0
