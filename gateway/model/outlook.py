"""What can be said of a backend's near future: when it works next, and when a queue will be done."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.model.forecast import Bounds, Waiting, turns_of_bulk, turns_of_single
from gateway.model.hours import SECOND, Hours, after_open_time, next_start, start_within

_NO_BOUNDS = Bounds()
_NOTHING = Waiting()


class Outlook(Struct, frozen=True):
    """A backend as seen at `now`, in microseconds since 1970.

    `closed_until`: it said itself that it is closed until then. `paused_until`: nothing goes to it until then, for
    whatever reason. `call_seconds` is the longest that a call takes: a backend that closes sooner is closed for all
    that is new. `queues` are the unended cases by tenant. `rivals` are the calls that the cases of each other backend
    need that shares the pace and is open when this one is.
    """

    now: int
    hours: Hours | None = None
    closed_until: int | None = None
    paused_until: int | None = None
    call_seconds: float = 0.0
    bounds: Bounds = _NO_BOUNDS
    cases_per_call: int = 1
    queues: Mapping[str, Waiting] = {}
    rivals: tuple[Waiting, ...] = ()

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

    @property
    def works_from(self) -> int:
        """When the next call may begin, as far as hours and pauses go; behind an opening at half of the jitter."""
        begin = self._open_from(max(self.now, self.closed_until or 0, self.paused_until or 0))
        return begin if self.hours is None else start_within(self.hours, begin, self._needed, 0.5)

    def done_at(self, tenant: str, place: int, *, single: bool) -> int | None:
        """When the case at `place` among the tenant's has ended, null if nothing is known that bounds the pace.

        `place` is counted from 1, among the cases of operations of one case if it is a `single`, else among bulk.
        """
        if not self.bounds.known:
            return None
        calls = {name: waiting.in_calls(self.cases_per_call) for name, waiting in self.queues.items()}
        own = calls.pop(tenant, _NOTHING)
        others = [*calls.values(), *self.rivals]
        if single:
            turns = turns_of_single(place, others, own.bulk)
        else:
            turns = turns_of_bulk(-(-place // self.cases_per_call), others, own.singles)
        return self._end_of(turns, spread=not single)

    def queue_done_at(self, tenant: str) -> int | None:
        """When all that is queued for `tenant` will be done, null if that cannot be told."""
        own = self.queues.get(tenant, _NOTHING)
        ends = [self.done_at(tenant, own.singles, single=True)] if own.singles or not own.bulk else []
        if own.bulk:
            ends.append(self.done_at(tenant, own.bulk, single=False))
        return max((end for end in ends if end is not None), default=None)

    def _end_of(self, turns: Waiting, *, spread: bool) -> int:
        """When the last of these calls has ended: what is under way is among them, and goes first."""
        begin = self.works_from
        nth = max(1, turns.total - self.bounds.in_flight)
        start = self.bounds.spread(nth, begin) if spread else self.bounds.start(nth, begin)
        started = after_open_time(self.hours, begin, start - begin, self._needed)
        return started + (self.bounds.call_microseconds or 0)

    @property
    def _needed(self) -> int:
        return round(self.call_seconds * SECOND)

    def _open_from(self, instant: int) -> int:
        return next_start(self.hours, instant, self._needed)
