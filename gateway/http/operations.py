"""Operations: read one, its results, or many; cancel and retry."""

import re
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from gateway.http.answers import answer_json, answer_operation
from gateway.http.authentication import Entry, Gate, require_execute, require_kind, require_tenant
from gateway.http.cursors import cursor
from gateway.http.envelopes import CaseResult, OperationEnvelope, wire_envelope, wire_result
from gateway.http.outlooks import outlooks
from gateway.http.parts import Parts
from gateway.http.prefer import preference
from gateway.http.problems import Problem, Refusal
from gateway.http.queries import Page, Query
from gateway.http.views import NO_SUCH_OPERATION, finished_view, view
from gateway.ledger.base import OperationFilter
from gateway.model.envelope import envelope, shown_case
from gateway.model.kinds import Kind, Status
from gateway.model.operations import Operation

LIST_PATH = "/v1/operations"
PATH = "/v1/operations/{operationId:str}"

CASE_STATUSES = tuple(status for status in Status if status not in {Status.SCHEDULED, Status.RUNNING})
OPERATION_STATUSES = tuple(status for status in Status if status is not Status.PENDING)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_Id = Annotated[str, Meta(pattern=f"^{_UUID.pattern}$")]
_Place = Annotated[int, Meta(ge=0, le=2**31)]


def operation_id_of(request: Request[Any, Any, Any]) -> str | None:
    """The operation's id in the path, null if no operation can have it."""
    operation_id: str = request.path_params["operationId"].lower()
    return operation_id if _UUID.fullmatch(operation_id) else None


class OperationPage(Page[OperationEnvelope], frozen=True):
    """Operations, newest first."""


class ResultPage(Page[CaseResult], frozen=True):
    """Results of an operation, in request order."""


class Operations:
    """Shows operations and takes word about them; an operation belongs to its tenant, whichever caller made it."""

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    def routes(self) -> list[HTTPRouteHandler]:
        """One handler a call."""
        return [
            get(LIST_PATH)(self.list_them),
            get(PATH)(self.show),
            get(f"{PATH}/results")(self.results),
            post(f"{PATH}/cancel")(self.cancel),
            post(f"{PATH}/retry")(self.retry),
        ]

    async def list_them(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Those that the caller may see, newest first, without results."""
        entry = await self._gate.enter(request.scope)
        query = Query(request.scope, "tenant", "kind", "status", "limit", "cursor")
        limit, tenant = query.limit(), query.text("tenant")
        if tenant is not None:
            require_tenant(entry.caller, tenant, entry.settings)
        views = await outlooks(self._parts, entry.settings, entry.settings.backends)
        found = await self._parts.ledger.operations(
            OperationFilter(
                tenants=entry.caller.tenants if tenant is None else frozenset({tenant}),
                kind=query.choice("kind", Kind),
                status=query.choice("status", OPERATION_STATUSES),
                closed=frozenset(name for name, outlook in views.items() if outlook.opens_at is not None),
                before=query.position("operations", _Id, None),
                limit=limit + 1,
            )
        )
        places = await self._parts.ledger.places([operation for operation in found[:limit] if operation.status is None])
        shown = [
            wire_envelope(envelope(operation, None, views.get(operation.backend), places.get(operation.id)))
            for operation in found[:limit]
        ]
        more = cursor("operations", found[limit - 1].id) if len(found) > limit else None
        return answer_json(OperationPage(items=shown, next_cursor=more))

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The operation, now."""
        entry = await self._gate.enter(request.scope)
        operation = await self._operation(request, entry)
        return answer_json(wire_envelope(await view(self._parts, operation.id)))

    async def results(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Its cases' results, in request order."""
        entry = await self._gate.enter(request.scope)
        query = Query(request.scope, "status", "limit", "cursor")
        limit, status = query.limit(), query.choice("status", CASE_STATUSES)
        after = query.position("results", _Place, -1)
        operation = await self._operation(request, entry)
        found = await self._parts.ledger.results(operation.id, status=status, after=after, limit=limit + 1)
        more = cursor("results", found[limit - 1].position) if len(found) > limit else None
        return answer_json(
            ResultPage(items=[wire_result(shown_case(case)) for case in found[:limit]], next_cursor=more)
        )

    async def cancel(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Start no further case; the operation as it is then."""
        operation = await self._changeable(request)
        await self._parts.ledger.cancel(operation.id)
        return answer_json(wire_envelope(await view(self._parts, operation.id)))

    async def retry(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Run again what did not succeed, and wait for it only as long as the caller says."""
        operation = await self._changeable(request)
        wanted = preference(request.scope["headers"])
        await self._parts.ledger.retry(operation.id)
        shown = await finished_view(self._parts, operation.id, wanted.seconds(0))
        return answer_operation(shown, self._parts.ledger.now(), wanted)

    async def _changeable(self, request: Request[Any, Any, Any]) -> Operation:
        """The operation, if the caller holds the grants that making it needs. Raises Problem (401, 403, 404)."""
        entry = await self._gate.enter(request.scope)
        operation = await self._operation(request, entry)
        require_kind(entry.caller, operation.kind)
        require_execute(entry.caller, execute=operation.execute)
        return operation

    async def _operation(self, request: Request[Any, Any, Any], entry: Entry) -> Operation:
        operation_id = operation_id_of(request)
        operation = await self._parts.ledger.operation(operation_id) if operation_id else None
        if operation is None or operation.tenant not in entry.caller.tenants:
            raise Problem(Refusal.NOT_FOUND, NO_SUCH_OPERATION)
        entry.exchange.operation_id = operation.id
        return operation
