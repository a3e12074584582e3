"""The time of a ledger on SQLite: this process's own clocks, and what was recorded before it began."""

import sqlite3
import threading

from gateway.clock import Clock
from gateway.model.hours import SECOND

STEP_MICROSECONDS = 100_000
"""By so much the wall clock must be ahead of the steady one to count as set forward."""


class LedgerTime:
    """The later of the wall clock and the last recorded time; it never goes back, and never stands still.

    `leapt`: by how many microseconds the wall clock was set forward, as far as nobody has taken account of it.
    """

    def __init__(self, clock: Clock, last_recorded: int) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = max(clock.now(), last_recorded)
        self._last_monotonic = clock.monotonic()
        self.leapt = 0

    def now(self) -> int:
        """The time."""
        return self.read()[0]

    def read(self) -> tuple[int, float]:
        """The time, and monotonic seconds that were read no later."""
        with self._lock:
            asked_at = self._clock.monotonic()
            wall, monotonic = self._clock.now(), self._clock.monotonic()
            steady = self._last + round((monotonic - self._last_monotonic) * SECOND)
            if wall - steady > STEP_MICROSECONDS:
                self.leapt += wall - steady
            self._last, self._last_monotonic = max(wall, steady), monotonic
            return self._last, asked_at


def last_recorded(connection: sqlite3.Connection) -> int:
    """The latest instant in the ledger. Raises sqlite3.Error."""
    # Ids sort by time: no index on the instants themselves is needed.
    instants = connection.execute(
        """SELECT (SELECT granted_at FROM calls ORDER BY id DESC LIMIT 1),
                  (SELECT created_at FROM operations ORDER BY id DESC LIMIT 1), (SELECT checked_at FROM installation)"""
    ).fetchone()
    return max(instant or 0 for instant in instants)
