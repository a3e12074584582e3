"""How many calls a limits group may begin now, counted from the calls that it began before."""

from msgspec import Struct

from gateway.config.settings import Limits
from gateway.ledger.base import NOT_BEGUN
from gateway.ledger.store import Transaction
from gateway.model.forecast import Window
from gateway.model.hours import SECOND

MARGIN_SHARE = 0.045
"""By this share of their length windows are counted longer than the upstream allows: requests arrive unevenly.

It leaves room to ask 7 ms late in a window of a second, and still to use 95 %.
"""
LARGEST_MARGIN_MICROSECONDS = 250_000
"""Enough for a process that stands still for a moment, and for a network that does."""


BEGUN = f"(outcome IS NULL OR outcome <> '{NOT_BEGUN}')"
"""Calls that were sent, or still may be."""


class Headroom(Struct, frozen=True):
    """`calls` may begin now, null for any number; where that is none, some may at `again_at`."""

    calls: int | None
    again_at: int | None = None


def headroom(tx: Transaction, limits: Limits) -> Headroom:
    """What both rate windows and the in-flight cap leave."""
    rooms = [_window_room(tx, limits.name, window) for window in windows_of(limits)]
    if limits.max_in_flight is not None:
        rooms.append(_slot_room(tx, limits.name, limits.max_in_flight))
    if not rooms:
        return Headroom(None)
    calls = min(room.calls or 0 for room in rooms)
    if calls:
        return Headroom(calls)
    return Headroom(0, max((room.again_at for room in rooms if not room.calls and room.again_at), default=None))


def turn_microseconds(limits: Limits) -> int:
    """One turn of the pace: the tighter window, spread evenly; 0 without windows."""
    return max((window.microseconds // window.calls for window in windows_of(limits)), default=0)


def windows_of(limits: Limits) -> tuple[Window, ...]:
    """The rate windows as they are kept, the shortest first."""
    return tuple(Window(count, length + margin) for count, length, margin in _with_margins(limits))


def margin_microseconds(limits: Limits) -> int | None:
    """By how much the windows are counted longer, at the least; null without windows."""
    return min((margin for _, _, margin in _with_margins(limits)), default=None)


def _with_margins(limits: Limits) -> list[tuple[int, int, int]]:
    """Calls, length and margin of each window.

    A margin costs nothing of the pace where the other window keeps the calls further apart anyway.
    """
    given = [(limits.per_second, SECOND), (limits.per_minute, 60 * SECOND)]
    rates = [(count, length) for count, length in given if count is not None]
    turn = max((length / count for count, length in rates), default=0.0)
    return [(count, length, _margin(length, idle=count * turn - length)) for count, length in rates]


def _margin(length: int, *, idle: float) -> int:
    return round(min(LARGEST_MARGIN_MICROSECONDS, max(MARGIN_SHARE * length, idle)))


def _window_room(tx: Transaction, group: str, window: Window) -> Headroom:
    row = tx.row(
        f"SELECT count(*) FROM calls WHERE limits_group = :group AND granted_at > :since AND {BEGUN}",  # noqa: S608
        {"group": group, "since": tx.now - window.microseconds},
    )
    room = window.calls - int(row[0] if row else 0)
    if room > 0:
        return Headroom(room)
    leaving = tx.row(
        f"""SELECT granted_at FROM calls WHERE limits_group = :group AND {BEGUN}
           ORDER BY granted_at DESC LIMIT 1 OFFSET :behind""",  # noqa: S608 - a constant
        {"group": group, "behind": window.calls - 1},
    )
    return Headroom(0, leaving[0] + window.microseconds if leaving else None)


def _slot_room(tx: Transaction, group: str, cap: int) -> Headroom:
    row = tx.row(
        "SELECT count(*), min(held_until) FROM calls WHERE limits_group = :group AND held_until > :now",
        {"group": group, "now": tx.now},
    )
    held, first_free = row or (0, None)
    return Headroom(cap - held) if held < cap else Headroom(0, first_free)
