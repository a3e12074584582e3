"""Limits: Hub's two rate windows and ClaimShop's cap of simultaneous requests."""

import math
from collections import deque
from typing import Literal

Window = Literal["sliding", "fixed"]


class RateWindow:
    """At most ``limit`` calls in ``seconds``.  ``None`` is no limit."""

    def __init__(self, limit: int | None, seconds: float, shape: Window = "sliding") -> None:
        self._limit = limit
        self._seconds = seconds
        self._shape = shape
        self._taken: deque[float] = deque()

    def wait_seconds(self, now: float) -> float:
        """Until a call would be allowed; 0 if one is allowed now."""
        self._forget(now)
        if self._limit is None or len(self._taken) < self._limit:
            return 0
        if self._limit == 0:
            return self._seconds
        return max(0.0, self._ends(self._taken[-self._limit]) - now)

    def take(self, now: float) -> None:
        """Count a call."""
        self._taken.append(now)

    def _forget(self, now: float) -> None:
        if self._taken and self._taken[-1] > now:  # the clock was set back: what it then counted means nothing
            self._taken.clear()
        while self._taken and self._ends(self._taken[0]) <= now:
            self._taken.popleft()

    def _ends(self, taken_at: float) -> float:
        if self._shape == "fixed":
            return (math.floor(taken_at / self._seconds) + 1) * self._seconds
        return taken_at + self._seconds


class RateGate:
    """Several windows at once.  A refused call counts only if ``refused_count``."""

    violation = "rate_exceeded"

    def __init__(self, *windows: RateWindow, refused_count: bool = False) -> None:
        self._windows = windows
        self._refused_count = refused_count

    def enter(self, now: float) -> bool:
        """Whether a call may come in now."""
        allowed = all(window.wait_seconds(now) <= 0 for window in self._windows)
        if allowed or self._refused_count:
            for window in self._windows:
                window.take(now)
        return allowed

    def leave(self) -> None:
        """A rate does not care how long a call takes."""


class CapGate:
    """At most ``limit`` calls at the same time.  ``None`` is no limit."""

    violation = "cap_exceeded"

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._inside = 0

    def enter(self, now: float) -> bool:  # noqa: ARG002 - one signature for both gates
        """Whether a call may come in; if so, ``leave`` once."""
        if self.limit is not None and self._inside >= self.limit:
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        """A call has ended."""
        self._inside -= 1
