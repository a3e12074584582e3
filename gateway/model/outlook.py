"""What can be said of a backend's near future: when it works next, and when a queue will be done."""

from collections.abc import Mapping
from math import ceil

from msgspec import Struct

from gateway.model.hours import SECOND, Hours, after_open_time, next_start


class Outlook(Struct, frozen=True):
    """A backend as seen at `now`, in microseconds since 1970.

    `closed_until`: it said itself that it is closed until then. `paused_until`: nothing goes to it until then, for
    whatever reason. `call_seconds` is the longest that a call takes: a backend that closes sooner is closed for all
    that is new. `cases_per_second` is the pace while it is open, null if unknown. `queues` are the unended cases by
    tenant, of every backend that shares the pace.
    """

    now: int
    hours: Hours | None = None
    closed_until: int | None = None
    paused_until: int | None = None
    call_seconds: float = 0.0
    cases_per_second: float | None = None
    queues: Mapping[str, int] = {}

    @property
    def opens_at(self) -> int | None:
        """When it opens next, null while it is open."""
        opens_at = self._open_from(max(self.now, self.closed_until or 0))
        return opens_at if opens_at > self.now else None

    @property
    def closes_at(self) -> int | None:
        """When it closes next, null while it is closed and if it never does."""
        if self.hours is None or self.opens_at is not None:
            return None
        return self.hours.window(self.now)[1]

    def done_at(self, cases: int) -> int | None:
        """When `cases` more will have been sent, null if that cannot be told."""
        if not self.cases_per_second:
            return None
        start = max(self.now, self.closed_until or 0, self.paused_until or 0)
        return after_open_time(self.hours, start, ceil(cases * SECOND / self.cases_per_second))

    def queue_done_at(self, tenant: str) -> int | None:
        """When all that is queued for `tenant` will be done, null if that cannot be told.

        Tenants take turns: while this one's queue lasts, each other tenant gets as many turns at most.
        """
        own = self.queues.get(tenant, 0)
        return self.done_at(sum(min(own, cases) for cases in self.queues.values()))

    def _open_from(self, instant: int) -> int:
        return next_start(self.hours, instant, round(self.call_seconds * SECOND))


def pace(
    *,
    per_second: int | None,
    per_minute: int | None,
    max_in_flight: int | None,
    mean_call_seconds: float | None,
    cases_per_call: int,
) -> float | None:
    """Cases a second that the tightest limit lets through, null if nothing is known that bounds them."""
    calls = []
    if per_second is not None:
        calls.append(float(per_second))
    if per_minute is not None:
        calls.append(per_minute / 60)
    if max_in_flight is not None and mean_call_seconds:
        calls.append(max_in_flight / mean_call_seconds)
    return min(calls) * cases_per_call if calls else None
