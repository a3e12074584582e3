"""What a receipt says: an ended operation without a single identifier, each of which stands for itself as a mark."""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from gateway.model.kinds import Evidence, Kind, Status, System
from gateway.model.marks import MarkKind, ReceiptKey
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome

VERSION = 1
"""Of the form of receipts; one that is changed in any way gets a new number."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Said(Struct, frozen=True, rename="camel"):
    """An object of a receipt: the order of its members is fixed, since their bytes are what is hashed."""


class ItemReceipt(_Said, frozen=True):
    """What became of one item. `item` and `type_code` are marks."""

    item: str
    type_code: str | None
    status: Status
    evidence: Evidence | None
    code: Code | None


class CaseReceipt(_Said, frozen=True):
    """What became of one case. `case` and `request_id` are marks, the latter null where the upstream knows none."""

    case: str
    status: Status
    found: bool | None
    deleted: bool | None
    evidence: Evidence | None
    code: Code | None
    attempts: int
    request_id: str | None
    items: tuple[ItemReceipt, ...]


class Receipt(_Said, frozen=True):
    """One end of an operation; a retry that ends has a receipt with the next `number`. Instants are RFC 3339, UTC.

    `key` names the key of the marks. Texts of upstreams are left out: they may hold identifiers.
    """

    version: int
    operation_id: str
    number: int
    caller: str
    tenant: str
    upstream_tenant: str
    backend: str
    system: System
    kind: Kind
    execute: bool
    status: Status
    created_at: str
    started_at: str | None
    finished_at: str
    cancelled_at: str | None
    key: str
    cases: tuple[CaseReceipt, ...]


def receipt(
    operation: Operation, upstream_tenant: str, cases: tuple[CaseRecord, ...], number: int, key: ReceiptKey
) -> Receipt:
    """The receipt of an operation that has ended."""
    if operation.status is None or operation.finished_at is None:
        message = "an operation that has not ended has no receipt"
        raise ValueError(message)
    return Receipt(
        version=VERSION,
        operation_id=operation.id,
        number=number,
        caller=operation.caller,
        tenant=operation.tenant,
        upstream_tenant=upstream_tenant,
        backend=operation.backend,
        system=operation.system,
        kind=operation.kind,
        execute=operation.execute,
        status=operation.status,
        created_at=timestamp(operation.created_at),
        started_at=timestamp(operation.started_at) if operation.started_at is not None else None,
        finished_at=timestamp(operation.finished_at),
        cancelled_at=timestamp(operation.cancelled_at) if operation.cancelled_at is not None else None,
        key=key.id,
        cases=tuple(_case(case, case.outcome, key) for case in cases),
    )


def body(said: Receipt) -> str:
    """The receipt as JSON: always the same bytes for the same receipt."""
    return msgspec.json.encode(said).decode()


def timestamp(microseconds: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC, with all six decimals."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _case(case: CaseRecord, outcome: CaseOutcome, key: ReceiptKey) -> CaseReceipt:
    return CaseReceipt(
        case=key.mark(MarkKind.of_case(case.identifier.type), case.identifier.value),
        status=outcome.status,
        found=outcome.found,
        deleted=outcome.deleted,
        evidence=outcome.evidence,
        code=outcome.code,
        attempts=case.attempts,
        request_id=key.mark(MarkKind.REQUEST_ID, case.request_id) if case.request_id is not None else None,
        items=tuple(_item(item, key) for item in outcome.items),
    )


def _item(item: ItemOutcome, key: ReceiptKey) -> ItemReceipt:
    return ItemReceipt(
        item=key.mark(MarkKind.ITEM, item.id),
        type_code=key.mark(MarkKind.TYPE_CODE, item.type_code) if item.type_code is not None else None,
        status=item.status,
        evidence=item.evidence,
        code=item.errors[0].code if item.errors else None,
    )
