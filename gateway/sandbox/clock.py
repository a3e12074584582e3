"""The sandbox's time: rates, opening hours, token lifetimes and the history all read this clock."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime


class Clock:
    """The wall clock, moved by ``offset_seconds``; epoch seconds."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Epoch seconds."""
        return time.time() + self.offset_seconds


class ManualClock(Clock):
    """A clock that stands still until it is told to move."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._epoch_seconds = start.timestamp()

    def now(self) -> float:
        """Epoch seconds."""
        return self._epoch_seconds + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._epoch_seconds += seconds


def rfc3339(epoch_seconds: float) -> str:
    """``2026-01-31T16:00:00.000000Z``."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def http_date(epoch_seconds: float) -> str:
    """An HTTP date (RFC 9110 5.6.7), whole seconds."""
    return format_datetime(datetime.fromtimestamp(int(epoch_seconds), UTC), usegmt=True)
