"""When an upstream may be called: a daily window in a time zone, across midnight and clock changes."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

SECOND = 1_000_000
"""Microseconds in a second; every instant in the gateway is whole microseconds since 1970, UTC."""
OPENING_JITTER_SECONDS = 5.0
"""Work that waited for the opening starts within this time after it, so that gateways do not arrive as a herd."""


class Hours(Struct, frozen=True):
    """Open daily from `opens` to `closes`, local time of `timezone`; `closes` at or before `opens` is the next day.

    Where clocks change, an upstream may go by the hands of its clock or by the instants that they stand for. A window
    is what is open either way: an opening that is shown twice is the second, a closing that is shown twice the first;
    an opening that is skipped is met as if it had not been, a closing that is skipped is when the clock jumps over it.
    """

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
        """The window that opens on `day`; it may end before it begins on a day whose clock skips it."""
        last_day = day if self.opens < self.closes else day + timedelta(days=1)
        opening, closing = self._shown(day, self.opens), self._shown(last_day, self.closes)
        return max(opening) * SECOND, self._first_past(last_day, closing) * SECOND

    def _shown(self, day: date, at: time) -> tuple[int, int]:
        """When the clock shows `at`, in seconds since 1970, by the offset before and by that after a change of it."""
        local = datetime.combine(day, at, ZoneInfo(self.timezone))
        return _seconds(local), _seconds(local.replace(fold=1))

    def _first_past(self, day: date, shown: tuple[int, int]) -> int:
        """The first second at which the clock has reached `closes`, which the two of `shown` stand for."""
        before, after = shown
        if before <= after:
            return before
        # Skipped: the change lies between the two, and the clock runs from each of them up to it.
        zone, closes = ZoneInfo(self.timezone), datetime.combine(day, self.closes)

        def hands(second: int) -> datetime:
            return datetime.fromtimestamp(second, zone).replace(tzinfo=None)

        return after + bisect_left(range(after, before), closes, key=hands)


def _seconds(local: datetime) -> int:
    return round(local.astimezone(UTC).timestamp())


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


def start_within(hours: Hours, begin: int, needed_microseconds: int, fraction: float) -> int:
    """When something may begin that `next_start` lets begin at `begin`: shortly behind the opening.

    `fraction`, from 0 to 1, is its place in the time over which all that waited for an opening is spread, so that it
    is not met by a herd. That time is never so long that what is needed would not fit in behind it.
    """
    start, end = hours.window(begin)
    jitter = min(OPENING_JITTER_SECONDS * SECOND, (end - start) / 10, end - start - needed_microseconds)
    return max(begin, start + round(fraction * jitter))


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


def after_open_time(hours: Hours | None, since: int, microseconds: int, needed_microseconds: int = 0) -> int:
    """When `microseconds` have passed since `since` in which something that takes so long could have begun."""
    if hours is None:
        return since + microseconds
    left = microseconds
    for start, end in hours.windows(since):
        begin, last_begin = max(start, since), end - needed_microseconds
        if begin + left <= last_begin:
            return begin + left
        left -= max(0, last_begin - begin)
    return since
