"""When an upstream may be called: a daily window in a time zone, across midnight and clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

SECOND = 1_000_000
"""Microseconds in a second; every instant in the gateway is whole microseconds since 1970, UTC."""


class Hours(Struct, frozen=True):
    """Open daily from `opens` to `closes`, local time of `timezone`; `closes` at or before `opens` is the next day."""

    opens: time
    closes: time
    timezone: str = "UTC"

    def is_open(self, instant: int) -> bool:
        """Whether `instant` lies in a window."""
        return self.window(instant)[0] <= instant

    def window(self, instant: int) -> tuple[int, int]:
        """The window that holds `instant`, or else the next one, as (start, end)."""
        return next(self.windows(instant))

    def windows(self, instant: int) -> Iterator[tuple[int, int]]:
        """Every window that ends after `instant`, in order, without end."""
        day = datetime.fromtimestamp(instant / SECOND, ZoneInfo(self.timezone)).date() - timedelta(days=1)
        while True:
            start, end = self._window_of(day)
            if start < end and instant < end:
                yield start, end
            day += timedelta(days=1)

    def _window_of(self, day: date) -> tuple[int, int]:
        last_day = day if self.opens < self.closes else day + timedelta(days=1)
        return self._instant(day, self.opens), self._instant(last_day, self.closes)

    def _instant(self, day: date, at: time) -> int:
        local = datetime.combine(day, at, ZoneInfo(self.timezone))
        return round(local.astimezone(UTC).timestamp()) * SECOND


def next_start(hours: Hours | None, instant: int, needed_microseconds: int = 0) -> int:
    """When something that takes so long may begin: at `instant`, or in the next window that it fits into.

    There is one as long as what is needed fits into every window, which the configuration makes sure of.
    """
    if hours is None:
        return instant
    fitting = (
        max(start, instant) for start, end in hours.windows(instant) if max(start, instant) + needed_microseconds <= end
    )
    return next(fitting)


def open_microseconds(hours: Hours | None, since: int, until: int) -> int:
    """How much open time lies between two instants, in microseconds."""
    if until <= since:
        return 0
    if hours is None:
        return until - since
    total = 0
    for start, end in hours.windows(since):
        if start >= until:
            return total
        total += min(end, until) - max(start, since)
    return total


def after_open_time(hours: Hours | None, since: int, microseconds: int) -> int:
    """The instant at which `microseconds` of open time have passed since `since`."""
    if hours is None:
        return since + microseconds
    left = microseconds
    for start, end in hours.windows(since):
        begin = max(start, since)
        if begin + left <= end:
            return begin + left
        left -= end - begin
    return since
