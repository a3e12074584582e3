"""When calls that wait will begin, by what bounds them: rate windows, slots, and turns. Pure."""

from msgspec import Struct

BULK_EVERY = 4
"""While others want every turn, bulk still has each fourth (CONTRACT.md section 2, promise 6)."""


class Window(Struct, frozen=True):
    """At most `calls` begin within `microseconds`."""

    calls: int
    microseconds: int


class Bounds(Struct, frozen=True):
    """What bounds the calls of one pace, as seen now.

    `windows`, the shortest first. `granted`: when the calls of the last minute began, the oldest first. `in_flight` are
    under way. `call_microseconds`: how long a call takes of late, null if that is not known.
    """

    windows: tuple[Window, ...] = ()
    max_in_flight: int | None = None
    call_microseconds: int | None = None
    granted: tuple[int, ...] = ()
    in_flight: int = 0

    @property
    def known(self) -> bool:
        """Whether anything is known that bounds the calls."""
        return bool(self.windows) or bool(self.max_in_flight and self.call_microseconds)

    def start(self, nth: int, begin: int) -> int:
        """When the `nth` call from `begin` on may begin, counted from 1, if all wait and nothing closes."""
        by_windows = [self._by_window(nth, begin, number) for number in range(len(self.windows))]
        return max(begin, self._by_slots(nth, begin), *by_windows)

    def spread(self, nth: int, begin: int) -> int:
        """When the `nth` call may begin if bulk is among them: that is spread evenly, a turn behind each call."""
        turn = max((window.microseconds / window.calls for window in self.windows), default=0.0)
        first = max(self.start(1, begin), self._next_turn(turn))
        return max(self.start(nth, begin), first + round((nth - 1) * turn))

    def _next_turn(self, turn: float) -> int:
        """Behind whatever went before: several calls at once have taken several turns."""
        next_turn = 0.0
        for granted in self.granted:
            next_turn = max(next_turn, granted - turn) + turn
        return round(next_turn)

    def _by_window(self, nth: int, begin: int, number: int) -> int:
        """A window lets in what it has room for, no faster than the shorter ones do, and then the same each round."""
        window = self.windows[number]
        rounds, place = divmod(nth - 1, window.calls)
        held = [granted for granted in self.granted if granted > begin - window.microseconds][-window.calls :]
        free = window.calls - len(held)
        first = begin if place < free else held[place - free] + window.microseconds
        if number:
            first = max(first, self._by_window(place + 1, begin, number - 1))
        return first + rounds * window.microseconds

    def _by_slots(self, nth: int, begin: int) -> int:
        """A slot is free when a call has ended: the cap's worth of calls in the time of one."""
        if not self.max_in_flight or not self.call_microseconds:
            return begin
        behind = nth - max(0, self.max_in_flight - self.in_flight)
        return begin + round(max(0, behind) * self.call_microseconds / self.max_in_flight)


class Waiting(Struct, frozen=True):
    """How many cases, or calls, wait: those of operations of one case, and those of bulk."""

    singles: int = 0
    bulk: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.singles + self.bulk

    def in_calls(self, cases_per_call: int) -> "Waiting":
        """The calls that so many cases need."""
        return Waiting(self.singles, -(-self.bulk // cases_per_call))


def turns_of_bulk(place: int, others: list[Waiting], own_singles: int) -> Waiting:
    """The turns up to a tenant's `place`-th bulk call: others have as many, and singles three to each."""
    bulk = place + sum(min(place, other.bulk) for other in others)
    singles = own_singles + sum(other.singles for other in others)
    return Waiting(min(singles, (BULK_EVERY - 1) * bulk), bulk)


def turns_of_single(place: int, others: list[Waiting], own_bulk: int) -> Waiting:
    """The turns up to a tenant's `place`-th single call: others have as many, and bulk each fourth."""
    singles = place + sum(min(place, other.singles) for other in others)
    bulk = own_bulk + sum(other.bulk for other in others)
    return Waiting(singles, min(bulk, singles // (BULK_EVERY - 1)))
