"""How much is taken in at once. Beyond it requests are refused before they cost anything, while others are served."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from gateway.http.exchange import Headers, values
from gateway.http.problems import Problem, Refusal

MOST_REQUESTS = 2_000
"""Requests under way, those among them that wait for their operation; probes and metrics are answered beyond it."""
MOST_WAITING = 1_000
"""Callers who wait for the end of their operation; all others get their 202 at once."""
LARGE_BODY_BYTES = 65_536
"""Longer bodies are taken apart beside the event loop, which has calls to send meanwhile."""
LARGE_AT_ONCE, LARGE_IN_LINE = 2, 14
"""Large bodies that are taken apart, and that may be in memory meanwhile."""
CROWDED = "gateway.crowded"
"""In the scope's state: whether the request came over a connection beyond the most that there may be."""
RETRY_SECONDS = 1
"""What is refused here may be let in as soon as something else is done."""


class Intake:
    """What is under way in one process."""

    def __init__(self) -> None:
        self._requests = 0
        self._large = 0
        self._turns = asyncio.Semaphore(LARGE_AT_ONCE)

    @contextmanager
    def request(self, *, crowded: bool = False) -> Iterator[None]:
        """Within the block a request is served. Raises Problem (503): too many are, or it came `crowded`."""
        if crowded:
            raise _overloaded("Too many connections are open.")
        if self._requests >= MOST_REQUESTS:
            raise _overloaded("Too many requests are under way.")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def large_body(self) -> Iterator[None]:
        """Within the block a large body is read and recorded. Raises Problem (503): too many are."""
        if self._large >= LARGE_AT_ONCE + LARGE_IN_LINE:
            raise _overloaded("Too many large requests are being taken in.")
        self._large += 1
        try:
            yield
        finally:
            self._large -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Within the block a large body is taken apart: that needs a processor."""
        async with self._turns:
            yield


def is_large(headers: Headers) -> bool:
    """Whether the body is long, or nobody knows how long it will be."""
    match values(headers, b"content-length"):
        case [length] if length.isdigit() and len(length) <= len(str(LARGE_BODY_BYTES)):
            return int(length) > LARGE_BODY_BYTES
    return True


def _overloaded(detail: str) -> Problem:
    return Problem(Refusal.OVERLOADED, detail, headers={"Retry-After": str(RETRY_SECONDS)})
