"""Who calls, and what it may do (CONTRACT.md sections 1 and 3)."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.config.settings import Caller, Settings, Tenant
from gateway.http.exchange import Exchange, Headers, exchange_of, values
from gateway.http.problems import Problem, Refusal
from gateway.model.kinds import Kind

ANONYMOUS = "anonymous"
CHALLENGE = 'ApiKey realm="case-gateway"'


class Entry(Struct, frozen=True):
    """A request that was let in: whose it is, and the settings that hold for it to its end."""

    caller: Caller
    settings: Settings
    exchange: Exchange
    headers: Sequence[tuple[bytes, bytes]]


class Gate:
    """Tells callers by their API keys.

    Keys are looked up by their SHA-256: how long that takes says nothing of use about a key, since who guesses cannot
    choose the digest.
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._current = settings
        self._known: Settings | None = None
        self._by_digest: dict[str, Caller] = {}
        self._anonymous = Caller(ANONYMOUS, frozenset(), frozenset(), execute=False)

    def enter(self, scope: Mapping[str, Any]) -> Entry:
        """Let the request in; raises Problem (401)."""
        settings = self._current()
        self._follow(settings)
        caller = self._identify(scope["headers"], settings)
        exchange = exchange_of(scope)
        exchange.caller = caller.name
        return Entry(caller, settings, exchange, scope["headers"])

    def _identify(self, headers: Headers, settings: Settings) -> Caller:
        if not settings.server.authenticate:
            return self._anonymous
        match values(headers, b"x-api-key"):
            case [key] if caller := self._by_digest.get(hashlib.sha256(key).hexdigest()):
                return caller
        raise Problem(
            Refusal.UNAUTHENTICATED, "Send a valid key in X-API-Key, once.", headers={"WWW-Authenticate": CHALLENGE}
        )

    def _follow(self, settings: Settings) -> None:
        if settings is not self._known:
            callers = settings.callers.values()
            self._by_digest = {digest: caller for caller in callers for digest in caller.api_key_sha256}
            self._anonymous = Caller(ANONYMOUS, frozenset(settings.tenants), frozenset(Kind), execute=True)
            self._known = settings


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
