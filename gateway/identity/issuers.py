"""Every configured issuer with its keys: who made this token, and for whom."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

from joserfc.jwk import Key

from gateway.clock import Clock
from gateway.config.settings import Issuer
from gateway.identity.examine import examine
from gateway.identity.key_file import KeyFile
from gateway.identity.key_url import KeyUrl
from gateway.identity.verdict import Flaw, Verified
from gateway.model.hours import SECOND
from gateway.telemetry.events import Observer


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key, or null if the issuer has none such. Raises IssuerUnavailable."""
        ...

    async def close(self) -> None:
        """End what runs in the background."""
        ...


class Issuers:
    """Verifies tokens; on the event loop. `fetch` gets the key set of an issuer that has it at a URL."""

    def __init__(self, fetch: Callable[[Issuer], Awaitable[bytes]], clock: Clock, observer: Observer) -> None:
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._followed: Mapping[str, Issuer] = {}
        self._by_claim: dict[str, Issuer] = {}
        self._sources: dict[Issuer, KeySource] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def follow(self, issuers: Mapping[str, Issuer]) -> None:
        """Have the keys of these issuers at hand, and of no others. What has not changed is kept."""
        if issuers is self._followed:
            return
        self._followed = issuers
        self._by_claim = {issuer.issuer: issuer for issuer in issuers.values()}
        kept = {issuer: self._sources.pop(issuer, None) for issuer in issuers.values()}
        for source in self._sources.values():
            self._closing.add(closing := asyncio.ensure_future(source.close()))
            closing.add_done_callback(self._closing.discard)
        self._sources = {issuer: source or self._source(issuer) for issuer, source in kept.items()}

    async def verify(self, token: bytes, issuers: Mapping[str, Issuer]) -> Verified | Flaw:
        """Whose token it is, if one of `issuers` made it, and it is good now. Raises IssuerUnavailable: no keys."""
        self.follow(issuers)
        found = examine(token, self._by_claim, self._clock.now() / SECOND)
        if isinstance(found, Flaw):
            return found
        key = await self._sources[found.issuer].find(found.key_id, found.algorithm)
        if key is None:
            return Flaw.KEY
        return Verified(found.issuer.name, found.subject) if found.proved_by(key) else Flaw.SIGNATURE

    async def close(self) -> None:
        """End what runs in the background."""
        await asyncio.gather(*(source.close() for source in self._sources.values()), *self._closing)

    def _source(self, issuer: Issuer) -> KeySource:
        if issuer.jwks_file is not None:
            return KeyFile(issuer.name, issuer.jwks_file, self._observer)
        return KeyUrl(issuer.name, partial(self._fetch, issuer), self._clock, self._observer)
