"""The five POSTs: from a request to an operation on the ledger, and to its answer."""

import asyncio
import re
from functools import partial
from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from gateway.config.settings import BackendSettings, Route, Server, Settings, Tenant
from gateway.http.answers import DEFAULT_RETRY_SECONDS, answer_operation, seconds_until
from gateway.http.authentication import Entry, Gate, quota_exceeded, require_execute, require_kind, require_tenant
from gateway.http.body import read_body
from gateway.http.exchange import Headers, values
from gateway.http.intake import LARGE_BODY_BYTES, is_large
from gateway.http.parts import Parts
from gateway.http.prefer import Preference, preference
from gateway.http.problems import Problem, Refusal, invalid
from gateway.http.validation import Asked, understood
from gateway.http.views import finished_view
from gateway.ledger.base import Acceptance, Accepted, CircuitOpen, KeyReused, QueueFull, QuotaFull
from gateway.model.hours import SECOND, next_start
from gateway.model.kinds import Kind, System
from gateway.model.operations import NewOperation
from gateway.telemetry.events import QuotaExceeded

PATH = "/v1/tenants/{tenant:str}/%ss"
"""Where operations of a kind are made."""

READ_SECONDS = 60
"""How long a body may take to arrive."""

CHANGING = "The configuration of the tenant's system is being changed at this moment."

_KEY = re.compile(rb"[!-~]{1,255}")


class Submission:
    """Takes in operations of one kind."""

    def __init__(self, kind: Kind, parts: Parts, gate: Gate) -> None:
        self._kind = kind
        self._parts = parts
        self._gate = gate

    def route(self) -> HTTPRouteHandler:
        """The handler of the kind's POST."""
        return post(PATH % self._kind, name=self._kind)(self.submit)

    async def submit(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Check what is asked for, put it on the ledger, and wait for its end as long as the caller wants to."""
        entry = await self._gate.enter(request.scope)
        wanted = preference(entry.headers)
        seconds = wanted.seconds(entry.settings.server.wait_seconds)
        if seconds > 0:
            entry.exchange.span.wait()
        if is_large(entry.headers):
            with self._parts.intake.large_body():
                accepted = await self._take_in_large(request, entry, wanted)
        else:
            accepted = await self._take_in(request, entry, wanted)
        entry.exchange.operation_id = accepted.operation_id
        shown = await finished_view(self._parts, accepted.operation_id, seconds)
        return answer_operation(shown, self._parts.ledger.now(), wanted)

    async def _take_in(self, request: Request[Any, Any, Any], entry: Entry, wanted: Preference) -> Accepted:
        return await self._accept(await self._read(request, entry), entry.settings, wanted)

    async def _take_in_large(self, request: Request[Any, Any, Any], entry: Entry, wanted: Preference) -> Accepted:
        """As any other, but refused unread if there is no room for a single case, and it can be no copy."""
        if await self._parts.ledger.queued() >= entry.settings.server.max_queued_cases:
            key = idempotency_key(entry.headers)
            if key is None or await self._parts.ledger.find(entry.caller.name, key, "") is None:
                raise queue_full()
        return await self._take_in(request, entry, wanted)

    async def _read(self, request: Request[Any, Any, Any], entry: Entry) -> NewOperation:
        """What is asked for, once every rule has been kept that can be checked without the ledger. Raises Problem."""
        tenant = require_tenant(entry.caller, request.path_params["tenant"], entry.settings)
        require_kind(entry.caller, self._kind)
        key = idempotency_key(entry.headers)
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await read_body(entry.headers, request.receive, entry.settings.server.max_body_bytes)
        except TimeoutError as error:
            detail = f"The body did not arrive within {READ_SECONDS} seconds."
            raise Problem(Refusal.MALFORMED_REQUEST, detail) from error
        wanted = await self._understand(tenant, body, entry.settings.server)
        route, backend = self._place(tenant, wanted, entry.settings)
        require_execute(entry.caller, execute=wanted.execute)
        return NewOperation(
            caller=entry.caller.name,
            kind=self._kind,
            tenant=tenant.name,
            backend=backend.name,
            system=backend.system,
            upstream=backend.upstream,
            upstream_tenant=route.tenant,
            execute=wanted.execute,
            cases=wanted.cases,
            fingerprint=wanted.fingerprint,
            idempotency_key=key,
            request_id=entry.exchange.request_id,
            trace_parent=entry.exchange.trace_parent,
        )

    async def _understand(self, tenant: Tenant, body: bytes, server: Server) -> Asked:
        understand = partial(understood, self._kind, tenant.name, body, server)
        if len(body) <= LARGE_BODY_BYTES:
            return understand()
        async with self._parts.intake.turn():
            return await asyncio.to_thread(understand)

    def _place(self, tenant: Tenant, wanted: Asked, settings: Settings) -> tuple[Route, BackendSettings]:
        """Where it is carried out. Raises Problem (422) if that cannot be done there."""
        route = tenant.route(self._kind)
        if route is None:
            raise Problem(Refusal.OPERATION_NOT_CONFIGURED, f"The tenant has no system for {self._kind}.")
        backend = settings.backends[route.backend]
        if not wanted.execute and backend.system is System.ORACLE_ECM:
            raise Problem(Refusal.DRY_RUN_UNSUPPORTED, "ECM cannot make dry runs; nothing was sent.")
        return route, backend

    async def _accept(self, new: NewOperation, settings: Settings, wanted: Preference) -> Accepted:
        """The operation on the ledger. Raises Problem, LedgerUnavailable, CommitUnknown."""
        match await self._record(new, settings, wanted):
            case Accepted() as accepted:
                return accepted
            case KeyReused():
                raise Problem(Refusal.IDEMPOTENCY_KEY_REUSED, "Use a new Idempotency-Key for another request.")
            case CircuitOpen(until):
                raise self._circuit_open(until)
            case QueueFull():
                raise queue_full()
            case QuotaFull(queued):
                self._parts.observer(QuotaExceeded(new.caller, "queued_cases", new.request_id or ""))
                raise quota_exceeded(f"{queued} of your cases wait, and these are too many.", DEFAULT_RETRY_SECONDS)

    async def _record(self, new: NewOperation, settings: Settings, wanted: Preference) -> Acceptance:
        """Put it on the ledger; of a closed backend, only what can wait for the opening or is on record already."""
        opens_at = self._opens_at(new, settings)
        if not self._parts.serves(new.backend, new.upstream):  # nothing is awaited between this and the ledger
            raise Problem(Refusal.OVERLOADED, CHANGING, headers={"Retry-After": "1"})
        if opens_at is None or wanted.respond_async:
            caller = settings.callers.get(new.caller)  # null for who is let in without a name
            return await self._parts.ledger.accept(
                new,
                max_queued_cases=settings.server.max_queued_cases,
                quota=None if caller is None else caller.max_queued_cases,
                may_wait=wanted.respond_async,
            )
        recorded = await self._recorded(new)
        if recorded is None:
            raise closed_until(opens_at, self._parts.ledger.now())
        return recorded

    def _circuit_open(self, until: int) -> Problem:
        return Problem(
            Refusal.CIRCUIT_OPEN,
            "The system fails at present. Send it again later, or with `Prefer: respond-async` to have it wait.",
            headers={"Retry-After": str(seconds_until(until, self._parts.ledger.now()))},
        )

    def _opens_at(self, new: NewOperation, settings: Settings) -> int | None:
        """When a call may begin at the backend, by its hours; null for now."""
        backend, now = settings.backends[new.backend], self._parts.ledger.now()
        opens_at = next_start(backend.hours, now, round(backend.timeout_seconds * SECOND))
        return None if opens_at == now else opens_at

    async def _recorded(self, new: NewOperation) -> Accepted | KeyReused | None:
        if new.idempotency_key is None:
            return None
        return await self._parts.ledger.find(new.caller, new.idempotency_key, new.fingerprint)


def queue_full() -> Problem:
    """503 until cases have ended."""
    headers = {"Retry-After": str(DEFAULT_RETRY_SECONDS)}
    return Problem(Refusal.OVERLOADED, "Too many cases are queued.", headers=headers)


def idempotency_key(headers: Headers) -> str | None:
    """The request's Idempotency-Key, or null. Raises Problem (422) unless it is one of 1 to 255 visible characters."""
    match values(headers, b"idempotency-key"):
        case []:
            return None
        case [key] if _KEY.fullmatch(key):
            return key.decode("ascii")
    raise invalid("Idempotency-Key", "Send one key of 1 to 255 visible ASCII characters.")


def closed_until(opens_at: int, now: int) -> Problem:
    """503 until the backend opens."""
    return Problem(
        Refusal.OUTSIDE_OPENING_HOURS,
        "Send it again when the system opens, or with `Prefer: respond-async` to have it wait.",
        headers={"Retry-After": str(seconds_until(opens_at, now))},
    )
