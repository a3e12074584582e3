"""An issuer's keys at a URL: fetched ahead of use, kept while the issuer is down, asked for early if one is new."""

import asyncio
from collections.abc import Awaitable, Callable

from joserfc.jwk import Key
from msgspec import Struct

from gateway.clock import Clock
from gateway.errors import IssuerUnavailable
from gateway.identity.keys import KeySet, NoKeySet, read_key_set
from gateway.telemetry.events import KeySetRequested, Observer

REFRESH_SECONDS = 300.0
"""How old keys get while their issuer is up: a key that it withdraws is good for so long at most."""
RETRY_SECONDS = 30.0
"""Between two requests while the issuer is down."""
UNKNOWN_KEY_SECONDS = 60.0
"""A token with a key that nobody knows makes the keys be fetched at once, though no more often than this."""
USABLE_SECONDS = 14_400.0
"""How long keys are used while their issuer is down. Its callers get no new tokens meanwhile, and few live so long."""

Fetch = Callable[[], Awaitable[bytes]]
"""Gets the key set, within a bounded time; raises where there is none to be had."""


class _Held(Struct, frozen=True):
    """The keys at hand, and when they came, in monotonic seconds."""

    keys: KeySet
    came_at: float


class KeyUrl:
    """A source of keys.

    A request runs as a task of its own, which whoever needs its answer waits for: who stops waiting ends nobody else's.
    """

    def __init__(self, issuer: str, fetch: Fetch, clock: Clock, observer: Observer) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._held: _Held | None = None
        self._request: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._asked_for_unknown_at = float("-inf")
        self._failed = False
        self._never = asyncio.Event()
        self._renewal = asyncio.create_task(self._renew())

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key, or null if the issuer has none such. Raises IssuerUnavailable: no keys are at hand, or too old."""
        key = (await self._usable()).find(key_id, algorithm)
        if key is None and self._may_ask_for_unknown():
            await self._answered()
            key = (await self._usable()).find(key_id, algorithm)
        return key

    async def close(self) -> None:
        """End what runs in the background."""
        tasks = [task for task in (self._renewal, self._request) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _renew(self) -> None:
        while True:
            await self._answered()
            await self._clock.wait(self._never, RETRY_SECONDS if self._failed else REFRESH_SECONDS)

    async def _usable(self) -> KeySet:
        if (keys := self._fresh()) is not None:
            return keys
        if self._running() or self._may_ask():
            await self._answered()
        if (keys := self._fresh()) is None:
            retry_seconds = max(1.0, self._asked_at + RETRY_SECONDS - self._clock.monotonic())
            raise IssuerUnavailable(f"the keys of issuers.{self._issuer} cannot be fetched", retry_seconds)
        return keys

    def _fresh(self) -> KeySet | None:
        if self._held is None or self._clock.monotonic() >= self._held.came_at + USABLE_SECONDS:
            return None
        return self._held.keys

    def _running(self) -> bool:
        return self._request is not None and not self._request.done()

    def _may_ask(self) -> bool:
        return self._clock.monotonic() >= self._asked_at + RETRY_SECONDS

    def _may_ask_for_unknown(self) -> bool:
        now = self._clock.monotonic()
        if now < self._asked_for_unknown_at + UNKNOWN_KEY_SECONDS:
            return self._running()
        self._asked_for_unknown_at = now
        return True

    async def _answered(self) -> None:
        """Wait for the end of the request that runs, else of a new one."""
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._ask())
        await asyncio.wait([self._request])

    async def _ask(self) -> None:
        """One request; its outcome is kept, not raised, since perhaps nobody waits for it."""
        self._asked_at = self._clock.monotonic()
        try:
            keys = read_key_set(await self._fetch())
        except Exception as error:  # noqa: BLE001 - a task has nobody to raise to; whoever needs a key is told
            self._failed = True
            self._told("unusable" if isinstance(error, NoKeySet) else "unreachable", 0)
        else:
            self._failed = False
            self._held = _Held(keys, self._clock.monotonic())
            self._told(keys.outcome, len(keys))

    def _told(self, outcome: str, keys: int) -> None:
        seconds = self._clock.monotonic() - self._asked_at
        self._observer(KeySetRequested(self._issuer, outcome, keys, seconds))
