"""One access token for many calls: asked for once, renewed ahead of its end, dropped after a 401."""

import asyncio
from typing import Protocol

from msgspec import Struct

from gateway.clock import Clock
from gateway.errors import CredentialRefused, NotSent, TransportError
from gateway.model.hours import SECOND
from gateway.telemetry.events import Observer, TokenRequested
from gateway.transport.errors_table import broken_call
from gateway.transport.token_endpoint import Token

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""After each failed request in a row the next one waits twice as long, within these bounds."""


class TokenSource(Protocol):
    """Where tokens come from: `TokenEndpoint`, or a fake. `signature` differs when a secret may have changed."""

    async def fetch(self) -> Token:
        """A new token. Raises NotSent, CredentialRefused."""
        ...

    def signature(self) -> object:
        """What changes when the secrets do; never raises."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class _Held(Struct, frozen=True):
    """The token at hand; times are monotonic seconds."""

    token: Token
    renew_at: float
    ends_at: float


class _Failure(Struct, frozen=True):
    """The latest request failed: how, with which secrets, how often in a row, and until when there is no other."""

    error: TransportError
    secrets: object
    count: int
    until: float


class TokenAuthorization:
    """OAuth client credentials as an Authorization.

    A request for a token runs as a task of its own: whoever waits for it may be cancelled without harm to the others.
    """

    def __init__(self, name: str, source: TokenSource, clock: Clock, observer: Observer) -> None:
        self._name = name
        self._source = source
        self._clock = clock
        self._observer = observer
        self._held: _Held | None = None
        self._failure: _Failure | None = None
        self._request: asyncio.Task[None] | None = None

    async def header(self) -> str:
        """`Bearer <token>`, at once while a token is at hand. Raises NotSent, CredentialRefused: none is to be had."""
        held = self._valid()
        while held is None:
            await self._renewed()
            held = self._valid()
        if self._clock.monotonic() >= held.renew_at:
            self._begin_request()
        return held.token.header

    def invalidate(self, header: str | None) -> None:
        """Drop the token of `header`, unless it was replaced already: a late 401 says nothing about a newer one."""
        if self._held is not None and self._held.token.header == header:
            self._held = None

    async def close(self) -> None:
        """End a running request and close the connections."""
        if self._request is not None:
            self._request.cancel()
            await asyncio.wait([self._request])
        self._source.close()

    def _valid(self) -> _Held | None:
        if self._held is None or self._clock.monotonic() >= self._held.ends_at:
            return None
        return self._held

    async def _renewed(self) -> None:
        """Wait for the end of a request, or raise what the latest one failed with."""
        request = self._begin_request()
        if request is not None:
            await asyncio.wait([request])
            if request.cancelled():
                raise NotSent("closed", "the credential was closed while its token was asked for")
        if self._failure is not None:
            raise _again(self._failure.error)

    def _begin_request(self) -> asyncio.Task[None] | None:
        """The running request, else a new one; null while a failed one forbids it."""
        if self._request is not None and not self._request.done():
            return self._request
        if self._pausing():
            return None
        self._request = asyncio.create_task(self._ask())
        return self._request

    def _pausing(self) -> bool:
        failure = self._failure
        return (
            failure is not None
            and self._clock.monotonic() < failure.until
            and failure.secrets == self._source.signature()
        )

    async def _ask(self) -> None:
        """One request; its outcome is kept, not raised, since perhaps nobody waits any more."""
        asked_at = self._clock.monotonic()
        secrets, expires_at = self._source.signature(), None
        try:
            self._held, self._failure = self._alive(await self._source.fetch(), asked_at), None
            left_seconds = asked_at + self._held.token.life_seconds - self._clock.monotonic()
            outcome, expires_at = "granted", self._clock.now() + round(left_seconds * SECOND)
        except Exception as foreign:  # noqa: BLE001 - a task has nobody to raise to; it is raised to the next who asks
            error = broken_call(foreign, sent=False)
            self._failure = self._failed(error, secrets)
            outcome = "refused" if isinstance(error, CredentialRefused) else "unreachable"
        self._observer(TokenRequested(self._name, outcome, self._clock.monotonic() - asked_at, expires_at))

    def _alive(self, token: Token, asked_at: float) -> _Held:
        held = _held(token, asked_at)
        if self._clock.monotonic() >= held.ends_at:
            raise NotSent("token_invalid", "the token's life was over when it came")
        return held

    def _failed(self, error: TransportError, secrets: object) -> _Failure:
        count = self._failure.count + 1 if self._failure else 1
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2 ** (count - 1), LONGEST_PAUSE_SECONDS)
        return _Failure(error, secrets, count, self._clock.monotonic() + pause_seconds)


def _held(token: Token, asked_at: float) -> _Held:
    """Renewed at 80 % of its life or a minute before its end, but not in its first half."""
    life = token.life_seconds
    renew_after = max(life * 0.5, min(life * 0.8, life - 60.0))
    return _Held(token, asked_at + renew_after, asked_at + life - min(5.0, life * 0.1))


def _again(error: TransportError) -> TransportError:
    """A copy for each who waited: one exception raised many times would gather all their tracebacks."""
    copy = type(error)(error.reason, str(error))
    copy.__cause__ = error
    return copy
