"""Grants that come to be used too late are not used at all (ARCHITECTURE.md, "Permission to send").

The windows of the pace are counted from the grant. If calls set out after their grants with delays that differ by more
than the windows' margin, the upstream could see more of them in one window than it allows.
"""

from collections import deque

from gateway.config.settings import Limits
from gateway.ledger.pace import MARGIN_MICROSECONDS
from gateway.model.hours import SECOND

PACED_SECONDS = MARGIN_MICROSECONDS / SECOND * 2 / 3
"""The rest of the margin is for the network, whose delays differ as well."""
UNPACED_SECONDS = 1.0
"""Without windows a late call does no harm until its lease runs short."""
LONGEST_SECONDS = 0.5
"""However slow the ledger's disk is, later than this is too late."""
REMEMBERED = 32


class Punctuality:
    """Tells whether a grant may still be used, from the delay between asking for it and sending.

    What counts is the spread of the delays: on a slow disk every grant is late by the same amount, which does no harm.
    """

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=REMEMBERED)

    def in_time(self, delay_seconds: float, limits: Limits) -> bool:
        """Whether a call granted `delay_seconds` ago may be sent."""
        if limits.per_second is None and limits.per_minute is None:
            return delay_seconds <= UNPACED_SECONDS
        usual = min(self._delays, default=0.0)
        self._delays.append(delay_seconds)
        return delay_seconds <= min(usual + PACED_SECONDS, LONGEST_SECONDS)
