"""Tenants: what a caller can do for them, where, when, and how long the queue is."""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from gateway.config.settings import BackendSettings, Caller, Settings, Tenant
from gateway.http.answers import answer_json
from gateway.http.authentication import Gate, require_tenant
from gateway.http.cursors import cursor
from gateway.http.envelopes import Instant, instant
from gateway.http.outlooks import outlooks
from gateway.http.parts import Parts
from gateway.http.queries import Page, Query
from gateway.model.forecast import Waiting
from gateway.model.hours import Hours
from gateway.model.kinds import Kind, System
from gateway.model.outlook import Outlook

LIST_PATH = "/v1/tenants"
PATH = "/v1/tenants/{tenant:str}"


class Wire(Struct, frozen=True, rename="camel"):
    """An object in an answer: member names are in camelCase."""


class TenantKind(Wire, frozen=True):
    """A kind of operation that the caller may make for the tenant."""

    kind: Kind
    backend: str
    system: System
    dry_run: Annotated[bool, Meta(description="Whether `execute: false` works.")]
    execute: Annotated[bool, Meta(description="Whether the caller may send `execute: true`.")]


class OpeningHours(Wire, frozen=True):
    """Open daily from `open` to `close`, local time of `timezone`; a `close` at or before `open` is the next day's."""

    open: Annotated[str, Meta(examples=["16:00"])]
    close: Annotated[str, Meta(examples=["08:00"])]
    timezone: Annotated[str, Meta(examples=["UTC"])]


class Pace(Wire, frozen=True):
    """How much goes to the backend, from all tenants together; null: no such limit."""

    per_second: int | None
    per_minute: int | None
    max_in_flight: int | None


class TenantBackend(Wire, frozen=True):
    """A backend of the tenant."""

    backend: str
    system: System
    hours: Annotated[OpeningHours | None, Meta(description="Null: always open.")]
    open: Annotated[bool, Meta(description="Whether it is open now.")]
    opens_at: Annotated[Instant | None, Meta(description="When it opens next; null while it is open.")]
    closes_at: Annotated[
        Instant | None, Meta(description="When it closes next; null while closed, and if it never does.")
    ]
    limits: Pace
    cases_queued: Annotated[int, Meta(description="This tenant's cases that have not ended.")]
    queue_done_at: Annotated[
        Instant | None, Meta(description="When those may be done: a guess; null where nothing is queued or known.")
    ]


class TenantView(Wire, frozen=True):
    """A tenant, as far as the caller has to do with it."""

    tenant: str
    kinds: list[TenantKind]
    backends: list[TenantBackend]


class TenantPage(Page[TenantView], frozen=True):
    """Tenants that the caller may use, by name."""


class Tenants:
    """Shows the tenants that the caller may use."""

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    def routes(self) -> list[HTTPRouteHandler]:
        """One handler a call."""
        return [get(LIST_PATH)(self.list_them), get(PATH)(self.show)]

    async def list_them(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The tenants, by name."""
        entry = await self._gate.enter(request.scope)
        query = Query(request.scope, "limit", "cursor")
        limit, after = query.limit(), query.position("tenants", str, "")
        names = sorted(name for name in entry.caller.tenants & entry.settings.tenants.keys() if name > after)
        tenants = [entry.settings.tenants[name] for name in names[:limit]]
        views = await outlooks(self._parts, entry.settings, _backends_of(tenants))
        shown = [_view(tenant, entry.caller, entry.settings, views) for tenant in tenants]
        more = cursor("tenants", names[limit - 1]) if len(names) > limit else None
        return answer_json(TenantPage(items=shown, next_cursor=more))

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """One tenant."""
        entry = await self._gate.enter(request.scope)
        tenant = require_tenant(entry.caller, request.path_params["tenant"], entry.settings)
        views = await outlooks(self._parts, entry.settings, _backends_of([tenant]))
        return answer_json(_view(tenant, entry.caller, entry.settings, views))


def _backends_of(tenants: list[Tenant]) -> set[str]:
    return {route.backend for tenant in tenants for route in (tenant.cases, tenant.ecm) if route}


def _view(tenant: Tenant, caller: Caller, settings: Settings, views: Mapping[str, Outlook]) -> TenantView:
    routes = [(kind, route) for kind in Kind if (route := tenant.route(kind)) and kind in caller.operations]
    backends = [settings.backends[name] for name in dict.fromkeys(route.backend for _, route in routes)]
    return TenantView(
        tenant=tenant.name,
        kinds=[_kind(kind, settings.backends[route.backend], caller) for kind, route in routes],
        backends=[_backend(backend, tenant.name, views[backend.name]) for backend in backends],
    )


def _kind(kind: Kind, backend: BackendSettings, caller: Caller) -> TenantKind:
    return TenantKind(
        kind=kind,
        backend=backend.name,
        system=backend.system,
        dry_run=backend.system is not System.ORACLE_ECM,
        execute=caller.execute,
    )


def _backend(backend: BackendSettings, tenant: str, outlook: Outlook) -> TenantBackend:
    limits, queued = backend.limits, outlook.queues.get(tenant, Waiting()).total
    return TenantBackend(
        backend=backend.name,
        system=backend.system,
        hours=_hours(backend.hours),
        open=outlook.opens_at is None,
        opens_at=instant(outlook.opens_at),
        closes_at=instant(outlook.closes_at),
        limits=Pace(limits.per_second, limits.per_minute, limits.max_in_flight),
        cases_queued=queued,
        queue_done_at=instant(outlook.queue_done_at(tenant)) if queued else None,
    )


def _hours(hours: Hours | None) -> OpeningHours | None:
    if hours is None:
        return None
    opens, closes = (at.isoformat("minutes") for at in (hours.opens, hours.closes))
    return OpeningHours(open=opens, close=closes, timezone=hours.timezone)
