"""Grants that come to be used too late are not used at all (ARCHITECTURE.md, "Permission to send").

The windows of the pace are counted from the grant. If calls set out after their grants with delays that differ by more
than the windows' margin, the upstream could see more of them in one window than it allows.
"""

from collections import deque

from gateway.config.settings import Limits
from gateway.ledger.pace import margin_microseconds
from gateway.model.hours import SECOND

OWN_SHARE = 2 / 3
"""How much of the smaller margin may be used here; the rest is for the network, whose delays differ as well."""
UNPACED_SECONDS = 1.0
"""Without windows a late call does no harm until its lease runs short."""
LONGEST_SECONDS = 0.5
"""However slow the ledger's disk is, later than this is too late."""
REMEMBERED = 16
"""Claims; and how many of them a disk that is slow from the start takes to show that it is."""


class Punctuality:
    """Tells whether a grant may still be used, from the delay between asking for it and sending.

    What counts is the spread of the delays: on a slow disk every grant is late by the same amount, which does no harm.
    """

    def __init__(self) -> None:
        self._delays = deque([0.0], maxlen=REMEMBERED)
        self._last_asked_at: float | None = None

    def in_time(self, asked_at: float, now: float, limits: Limits) -> bool:
        """Whether a call may be sent `now` that was asked for at `asked_at`, both in monotonic seconds."""
        delay_seconds = now - asked_at
        margin = margin_microseconds(limits)
        if margin is None:
            return delay_seconds <= UNPACED_SECONDS
        usual = min(self._delays)
        if asked_at != self._last_asked_at:
            # One moment at which the process stood still is one, however many calls a claim was granted in it.
            self._delays.append(delay_seconds)
            self._last_asked_at = asked_at
        return delay_seconds <= min(usual + OWN_SHARE * margin / SECOND, LONGEST_SECONDS)
