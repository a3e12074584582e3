"""How many calls a limits group may begin now, counted from the calls that it began before."""

from collections.abc import Iterator

from msgspec import Struct

from gateway.config.settings import Limits
from gateway.ledger.store import Transaction
from gateway.model.hours import SECOND

MARGIN_MICROSECONDS = 45_000
"""Windows are counted this much longer than the upstream allows: requests sent at exact intervals arrive unevenly.

It takes 4.3 % of a window of one second; the dispatcher may ask 7 ms late, and still uses 95 %.
"""


class Headroom(Struct, frozen=True):
    """`calls` may begin now, null for any number; where that is none, some may at `again_at`."""

    calls: int | None
    again_at: int | None = None


def headroom(tx: Transaction, limits: Limits) -> Headroom:
    """What both rate windows and the in-flight cap leave."""
    rooms = [_window_room(tx, limits.name, count, length) for count, length in _windows(limits)]
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
    return max((length // count for count, length in _windows(limits)), default=0)


def _windows(limits: Limits) -> Iterator[tuple[int, int]]:
    if limits.per_second is not None:
        yield limits.per_second, SECOND
    if limits.per_minute is not None:
        yield limits.per_minute, 60 * SECOND


def _window_room(tx: Transaction, group: str, count: int, length: int) -> Headroom:
    length += MARGIN_MICROSECONDS
    row = tx.row(
        "SELECT count(*) FROM calls WHERE limits_group = :group AND granted_at > :since",
        {"group": group, "since": tx.now - length},
    )
    room = count - int(row[0] if row else 0)
    if room > 0:
        return Headroom(room)
    leaving = tx.row(
        """SELECT granted_at FROM calls WHERE limits_group = :group
           ORDER BY granted_at DESC LIMIT 1 OFFSET :behind""",
        {"group": group, "behind": count - 1},
    )
    return Headroom(0, leaving[0] + length if leaving else None)


def _slot_room(tx: Transaction, group: str, cap: int) -> Headroom:
    row = tx.row(
        "SELECT count(*), min(held_until) FROM calls WHERE limits_group = :group AND held_until > :now",
        {"group": group, "now": tx.now},
    )
    held, first_free = row or (0, None)
    return Headroom(cap - held) if held < cap else Headroom(0, first_free)
