"""Opening hours of Hub Property and ClaimShop: 16:00 to 08:00 UTC."""

from typing import Literal

Hours = Literal["open", "closed", "documented"]

OPENS_AT_SECONDS = 16 * 3600
CLOSES_AT_SECONDS = 8 * 3600
DAY_SECONDS = 24 * 3600


def seconds_until_open(hours: Hours, now: float, when_forced_seconds: float) -> float:
    """How long it stays closed from ``now`` (epoch seconds); 0 while open.

    ``closed`` has no end of its own, so ``when_forced_seconds`` is told instead.
    """
    if hours == "open":
        return 0
    if hours == "closed":
        return when_forced_seconds
    of_day = now % DAY_SECONDS
    return OPENS_AT_SECONDS - of_day if CLOSES_AT_SECONDS <= of_day < OPENS_AT_SECONDS else 0
