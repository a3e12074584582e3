"""The receipt of an operation that has ended: what is evidence of it, before and after its record is removed."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Raw, Struct

from gateway.http.answers import answer_json
from gateway.http.authentication import Gate
from gateway.http.envelopes import CaseReference, Wire, case_reference
from gateway.http.operations import PATH, operation_id_of
from gateway.http.parts import Parts
from gateway.http.problems import Problem, Refusal
from gateway.http.queries import Query
from gateway.ledger.records import ReceiptRecord
from gateway.model.cases import Case

NO_SUCH_RECEIPT = "There is no such receipt: no such operation, it has not ended, or you have no grant for its tenant."


class NamedItem(Wire, frozen=True):
    """An item as it was asked for."""

    id: str
    type_code: str | None


class NamedCase(Wire, frozen=True):
    """What the marks of a case stand for. `requestId` is null, too, where the case has got another one since."""

    case: CaseReference
    request_id: str | None
    items: tuple[NamedItem, ...]


class ChainLink(Wire, frozen=True):
    """The receipt's place in the chain of all receipts of this gateway. Hashes are SHA-256."""

    sequence: int
    previous: Annotated[str, Meta(description="The hash of the link before; zeros before the first.")]
    digest: Annotated[str, Meta(description="Of the bytes of `receipt` as they stand here.")]
    hash: Annotated[str, Meta(description="Of sequence, previous and digest: see the documentation of evidence.")]
    seal: Annotated[str, Meta(description="HMAC of the hash, behind the id of its key.")]


class ReceiptAnswer(Wire, frozen=True):
    """A receipt, its place in the chain, and the identifiers that its marks stand for."""

    receipt: Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Receipt"})]
    chain: Annotated[ChainLink | None, Meta(description="Null while it has no place yet.")]
    names: Annotated[
        tuple[NamedCase, ...] | None,
        Meta(description="In the order of the receipt's cases; null once the operation's record has been removed."),
    ]


class _Tenant(Struct, frozen=True):
    tenant: str


class Receipts:
    """Shows receipts; as an operation, a receipt belongs to its tenant."""

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    def routes(self) -> list[HTTPRouteHandler]:
        """One handler a call."""
        return [get(f"{PATH}/receipt")(self.show)]

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The newest receipt of the operation, or that with the number."""
        entry = await self._gate.enter(request.scope)
        number = Query(request.scope, "number").number("number")
        operation_id = operation_id_of(request)
        found = await self._parts.ledger.records.receipt(operation_id, number) if operation_id else None
        if found is None or msgspec.json.decode(found.body, type=_Tenant).tenant not in entry.caller.tenants:
            raise Problem(Refusal.NOT_FOUND, NO_SUCH_RECEIPT)
        entry.exchange.operation_id = operation_id
        return answer_json(wire_receipt(found))


def wire_receipt(found: ReceiptRecord) -> ReceiptAnswer:
    """The receipt in wire form."""
    link = found.link
    return ReceiptAnswer(
        receipt=Raw(found.body.encode()),
        chain=ChainLink(link.sequence, found.previous or "", link.digest, link.hash, link.seal) if link else None,
        names=None if found.names is None else tuple(_named(case) for case in found.names),
    )


def _named(case: Case) -> NamedCase:
    items = tuple(NamedItem(item.id, item.type_code) for item in case.items)
    return NamedCase(case_reference(case.identifier), case.request_id, items)
