"""The history: every call received, what was answered and what was done, for people and for tests."""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from gateway.sandbox.clock import Clock, rfc3339


class Entry(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """One call.  Times are epoch seconds of the sandbox's clock; ``answered`` is null while the call runs.

    ``done``: ``nothing``, ``deleted``, ``partly_deleted``, ``removed`` (then ``removed`` lists ``[caseId, itemId]``)
    or ``token_issued``.  ``heard``: false if the caller had gone before the answer.  ``situation``: the magic prefix or
    fault switch that the call met, in small letters; null if none.
    """

    number: int
    received_at: float
    system: str
    call: str
    tenant: str | None = None
    country: str | None = None
    cases: tuple[str, ...] = ()
    items: tuple[tuple[str, str], ...] = ()
    identifier_type: str | None = None
    request_id: str | None = None
    execute: bool | None = None
    traceparent: str | None = None
    x_request_id: str | None = None
    answered: int | str | None = None
    answered_at: float | None = None
    heard: bool = True
    situation: str | None = None
    done: str = "nothing"
    removed: list[tuple[str, str]] = []
    violations: tuple[str, ...] = ()

    def violate(self, *violations: str) -> None:
        """Note what the call did that it should not have done."""
        self.violations += violations


class History:
    """The last ``limit`` calls, and counts of all since it was cleared.  Numbers never start again."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._running: Counter[str] = Counter()
        self.last = 0
        self._clear_counts()

    def open(self, system: str, call: str, tenant: str | None, country: str | None) -> Entry:
        """Record a call as received; ``close`` it once."""
        self.last += 1
        now = round(self._clock.now(), 6)
        entry = Entry(number=self.last, received_at=now, system=system, call=call, tenant=tenant, country=country)
        self._entries.append(entry)
        self._running[system] += 1
        self._peak[system] = max(self._peak[system], self._running[system])
        return entry

    def close(self, entry: Entry, answered: int | str, *, heard: bool) -> None:
        """Record the answer: a status, ``dropped`` or ``hung``."""
        entry.answered = answered
        entry.answered_at = round(self._clock.now(), 6)
        entry.heard = heard
        self._running[entry.system] -= 1
        self._answers.setdefault(entry.system, Counter())[str(answered)] += 1
        self._done.setdefault(entry.system, Counter())[entry.done] += 1
        self._violations.update(entry.violations)

    def clear(self) -> None:
        """Forget the entries and the counts."""
        self._entries.clear()
        self._clear_counts()

    def page(self, since: int, system: str | None, case: str | None, limit: int) -> list[dict[str, Any]]:
        """Entries numbered over ``since``, oldest first."""
        found = (
            entry
            for entry in self._after(since)
            if (system is None or entry.system == system) and (case is None or case in entry.cases)
        )
        return [_shown(entry) for entry in islice(found, limit)]

    def summary(self) -> dict[str, Any]:
        """Counts since it was cleared, per system, and violations."""
        return {
            "last": self.last,
            "kept": len(self._entries),
            "answered": self._answers,
            "done": self._done,
            "violations": self._violations,
            "running": {system: count for system, count in self._running.items() if count},
            "peakSimultaneous": self._peak,
        }

    def _after(self, since: int) -> Iterator[Entry]:
        first = self._entries[0].number if self._entries else 0
        return islice(self._entries, max(0, since + 1 - first), None)

    def _clear_counts(self) -> None:
        self._answers: dict[str, Counter[str]] = {}
        self._done: dict[str, Counter[str]] = {}
        self._violations: Counter[str] = Counter()
        self._peak: Counter[str] = Counter()


def _shown(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(entry)
    return {"number": entry.number, "time": rfc3339(entry.received_at), **shown}
