"""Requests a minute, for callers that have such a quota. Each process counts what it answers itself."""

from collections import deque
from math import ceil

from msgspec import Struct

from gateway.clock import Clock
from gateway.config.settings import Caller

WINDOW_SECONDS = 60
POLICY = "requests"
"""The name of the quota in the header fields."""


class Allowance(Struct, frozen=True):
    """What is left of a quota. `seconds`: when there will be more of it than now."""

    granted: bool
    limit: int
    remaining: int
    seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The RateLimit fields (draft-ietf-httpapi-ratelimit-headers-11)."""
        return [
            (b"ratelimit-policy", f'"{POLICY}";q={self.limit};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"{POLICY}";r={self.remaining};t={self.seconds}'.encode()),
        ]


class Quotas:
    """Counts exactly: in no 60 seconds are there more requests than the quota. What is refused does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._granted: dict[str, deque[float]] = {}

    def take(self, caller: Caller) -> Allowance | None:
        """Count a request of `caller`, if its quota has room for it; null for a caller without a quota."""
        limit = caller.requests_per_minute
        if limit is None:
            self._granted.pop(caller.name, None)
            return None
        now = self._clock.monotonic()
        granted = self._granted.setdefault(caller.name, deque())
        while granted and granted[0] <= now - WINDOW_SECONDS:
            granted.popleft()
        has_room = len(granted) < limit
        if has_room:
            granted.append(now)
        # After a change of the configuration there may be more than the limit: then those beyond it must go first.
        oldest = granted[max(0, len(granted) - limit)]
        seconds = max(1, ceil(oldest + WINDOW_SECONDS - now))
        return Allowance(has_room, limit, max(0, limit - len(granted)), seconds)
