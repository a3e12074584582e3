"""Who calls, and what it may do (CONTRACT.md sections 1 and 3)."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hmac import compare_digest
from math import ceil
from typing import Any

from msgspec import Struct

from gateway.config.settings import Caller, Issuer, Settings, Tenant
from gateway.errors import IssuerUnavailable
from gateway.http.exchange import Exchange, exchange_of
from gateway.http.presented import METHODS, ApiKey, BearerToken, Nothing, Presented, challenges, presented
from gateway.http.problems import Problem, Refusal
from gateway.http.quotas import Quotas
from gateway.identity.verdict import Flaw, Verified
from gateway.model.kinds import Kind
from gateway.telemetry.events import CallerAuthenticated, Observer, QuotaExceeded

ANONYMOUS = "anonymous"
UNKNOWN_KEY = "unknown"
"""The word for an API key that is nobody's."""

Verify = Callable[[bytes, Mapping[str, Issuer]], Awaitable[Verified | Flaw]]
"""Whose token it is, of these issuers; raises IssuerUnavailable."""


async def no_tokens(_token: bytes, _issuers: Mapping[str, Issuer]) -> Flaw:
    """A `Verify` that accepts none."""
    return Flaw.ISSUER


class Entry(Struct, frozen=True):
    """A request that was let in: whose it is, and the settings that hold for it to its end."""

    caller: Caller
    settings: Settings
    exchange: Exchange
    headers: Sequence[tuple[bytes, bytes]]

    def __repr__(self) -> str:
        return f"Entry({self.caller.name})"  # the caller's own credential is among the headers


class Gate:
    """Tells callers by their API keys or their tokens, and keeps their quotas."""

    def __init__(self, settings: Callable[[], Settings], verify: Verify, quotas: Quotas, observer: Observer) -> None:
        self._current = settings
        self._verify = verify
        self._quotas = quotas
        self._observer = observer
        self._known: Settings | None = None
        self._digests: list[tuple[str, Caller]] = []
        self._by_subject: dict[Verified, Caller] = {}
        self._anonymous = Caller(ANONYMOUS, frozenset(), frozenset(), execute=False)

    async def enter(self, scope: Mapping[str, Any]) -> Entry:
        """Let the request in; raises Problem (401, 429, 503)."""
        settings = self._current()
        self._follow(settings)
        exchange = exchange_of(scope)
        caller = await self._identify(scope["headers"], settings, exchange)
        exchange.caller = caller.name
        self._keep_quota(caller, exchange)
        return Entry(caller, settings, exchange, scope["headers"])

    async def _identify(self, headers: Sequence[tuple[bytes, bytes]], settings: Settings, exchange: Exchange) -> Caller:
        if not settings.server.authenticate:
            return self._anonymous
        shown = presented(headers)
        try:
            found = await self._caller(shown, settings.issuers)
        except IssuerUnavailable as error:
            self._tell(shown, "unavailable", None, None, exchange)
            retry_after = {"Retry-After": str(ceil(error.retry_seconds))}
            raise Problem(Refusal.ISSUER_UNAVAILABLE, headers=retry_after) from error
        if isinstance(found, Caller):
            self._tell(shown, "accepted", None, found.name, exchange)
            return found
        self._tell(shown, "refused", found, None, exchange)
        detail = "Send one valid key in X-API-Key, or one valid token in Authorization."
        raise Problem(Refusal.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenges(shown)})

    async def _caller(self, shown: Presented, issuers: Mapping[str, Issuer]) -> Caller | str:
        """The caller, or a word on why there is none. Raises IssuerUnavailable."""
        match shown:
            case ApiKey(key):
                return self._by_key(key) or UNKNOWN_KEY
            case BearerToken(token):
                found = await self._verify(token, issuers)
                return found if isinstance(found, Flaw) else self._by_subject.get(found, Flaw.SUBJECT)
            case Nothing():
                return "none"
            case _:
                return "several"

    def _by_key(self, key: bytes) -> Caller | None:
        """The caller whose key it is. Every digest is compared, and to its end, so that time tells nothing of them."""
        digest, found = hashlib.sha256(key).hexdigest(), None
        for known, caller in self._digests:
            if compare_digest(known, digest):
                found = caller
        return found

    def _keep_quota(self, caller: Caller, exchange: Exchange) -> None:
        allowance = self._quotas.take(caller)
        if allowance is None:
            return
        exchange.answer_headers += allowance.headers()
        if not allowance.granted:
            self._observer(QuotaExceeded(caller.name, "requests", exchange.request_id))
            raise quota_exceeded(f"You may send {allowance.limit} requests a minute.", allowance.seconds)

    def _tell(self, shown: Presented, outcome: str, reason: str | None, caller: str | None, exchange: Exchange) -> None:
        self._observer(CallerAuthenticated(METHODS[type(shown)], outcome, reason, caller, exchange.request_id))

    def _follow(self, settings: Settings) -> None:
        if settings is self._known:
            return
        callers = settings.callers.values()
        self._digests = [(digest, caller) for caller in callers for digest in caller.api_key_sha256]
        self._by_subject = {
            Verified(caller.issuer, caller.subject): caller for caller in callers if caller.issuer and caller.subject
        }
        self._anonymous = Caller(ANONYMOUS, frozenset(settings.tenants), frozenset(Kind), execute=True)
        self._known = settings


def quota_exceeded(detail: str, retry_seconds: int) -> Problem:
    """429 for so long."""
    return Problem(Refusal.QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_seconds)})


def require_tenant(caller: Caller, name: str, settings: Settings) -> Tenant:
    """The tenant, if the caller may know of it; raises Problem (404), the same for an unknown one."""
    tenant = settings.tenants.get(name)
    if tenant is None or name not in caller.tenants:
        raise Problem(Refusal.NOT_FOUND, "There is no such tenant, or you have no grant for it.")
    return tenant


def require_kind(caller: Caller, kind: Kind) -> None:
    """Raises Problem (403) if the caller may not make operations of this kind."""
    if kind not in caller.operations:
        raise Problem(Refusal.OPERATION_NOT_GRANTED, f"You have no grant for {kind}.")


def require_execute(caller: Caller, *, execute: bool) -> None:
    """Raises Problem (403) if the caller would act, and may only make dry runs."""
    if execute and not caller.execute:
        raise Problem(Refusal.EXECUTE_NOT_GRANTED, "You have no grant to execute, only for dry runs.")
