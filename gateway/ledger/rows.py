"""Rows become values and back: one place that knows the columns' order."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from gateway.ledger.store import Row, Transaction
from gateway.model.cases import Identifier
from gateway.model.kinds import Evidence, IdentifierType, Kind, Status, System
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, Error, ItemOutcome

WAITING, IN_FLIGHT, ENDED = 0, 1, 2
"""The states of a case."""
RETRIED, CALLED_BEFORE, SINGLE, BULK = -1, 0, 1, 2
"""The lanes of a backend's queue, in the order in which they are served. RETRIED: the backend itself failed a call."""

OPERATION_COLUMNS = """o.id, o.caller, o.kind, o.tenant, o.backend, o.system, o.execute, o.total, o.succeeded,
    o.partial, o.failed, o.unknown, o.cancelled, o.status, o.created_at, o.started_at, o.finished_at, o.cancelled_at,
    o.request_id, o.trace_parent, EXISTS (SELECT 1 FROM calls k WHERE k.operation_id = o.id AND k.settled_at IS NULL),
    o.upstream"""
CASE_COLUMNS = """c.position, c.identifier_type, c.identifier, c.request_id, c.attempts, c.state, c.status, c.found,
    c.deleted, c.evidence, c.messages, c.errors, c.retry_at, c.item_count"""

_DIGEST_CHARACTERS = 12

_errors = msgspec.json.Decoder(tuple[Error, ...])
_texts = msgspec.json.Decoder(tuple[str, ...])
_encode = msgspec.json.Encoder().encode


def queue_of(backend: str, upstream: str) -> str:
    """The queue of a backend's cases at one upstream; a short word, since it stands in every case and its index."""
    return f"{backend} {sha256(upstream.encode()).hexdigest()[:_DIGEST_CHARACTERS]}" if upstream else backend


def to_json(value: Sequence[Error] | Sequence[str]) -> str:
    """The column text of errors or messages."""
    return _encode(value).decode() if value else "[]"


def errors_of(text: str) -> tuple[Error, ...]:
    """The errors in a column."""
    return () if text == "[]" else _errors.decode(text)


def truth(value: bool | None) -> int | None:
    """The column value of a truth that may be null."""
    return None if value is None else int(value)


def untruth(value: int | None) -> bool | None:
    """The truth in a column."""
    return None if value is None else bool(value)


def operation_of(row: Row) -> Operation:
    """The operation in a row of OPERATION_COLUMNS."""
    return Operation(
        id=row[0],
        caller=row[1],
        kind=Kind(row[2]),
        tenant=row[3],
        backend=row[4],
        system=System(row[5]),
        execute=bool(row[6]),
        total=row[7],
        succeeded=row[8],
        partial=row[9],
        failed=row[10],
        unknown=row[11],
        cancelled=row[12],
        status=Status(row[13]) if row[13] else None,
        created_at=row[14],
        started_at=row[15],
        finished_at=row[16],
        cancelled_at=row[17],
        request_id=row[18],
        trace_parent=row[19],
        in_flight=bool(row[20]),
        upstream=row[21],
    )


def outcome_of(row: Row, items: tuple[ItemOutcome, ...]) -> CaseOutcome:
    """The outcome in the columns status, found, deleted, evidence, messages, errors."""
    status, found, deleted, evidence, messages, errors = row
    return CaseOutcome(
        status=Status(status),
        found=untruth(found),
        deleted=untruth(deleted),
        evidence=Evidence(evidence) if evidence else None,
        items=items,
        messages=() if messages == "[]" else _texts.decode(messages),
        errors=errors_of(errors),
    )


def case_of(row: Row, items: tuple[ItemOutcome, ...]) -> CaseRecord:
    """The case in a row of CASE_COLUMNS: what was settled on the way is not shown until it has ended."""
    ended = row[5] == ENDED
    return CaseRecord(
        position=row[0],
        identifier=Identifier(IdentifierType(row[1]), row[2]),
        request_id=row[3],
        attempts=row[4],
        outcome=outcome_of(row[6:12], items) if ended else CaseOutcome(Status.PENDING, items=items),
        retry_at=row[12] if ended else None,
    )


def item_of(row: Row) -> ItemOutcome:
    """The item in the columns id, type_code, status, message, evidence, errors."""
    return ItemOutcome(
        id=row[0],
        type_code=row[1],
        status=Status(row[2]),
        message=row[3],
        evidence=Evidence(row[4]) if row[4] else None,
        errors=errors_of(row[5]),
    )


def items_of(tx: Transaction, operation_id: str, first: int, last: int) -> dict[int, tuple[ItemOutcome, ...]]:
    """The items of the cases at positions `first` to `last`, by position, in request order."""
    rows = tx.rows(
        """SELECT position, id, type_code, status, message, evidence, errors FROM items
           WHERE operation_id = :operation AND position BETWEEN :first AND :last ORDER BY position, item_position""",
        {"operation": operation_id, "first": first, "last": last},
    )
    items: dict[int, list[ItemOutcome]] = {}
    for row in rows:
        items.setdefault(row[0], []).append(item_of(row[1:]))
    return {position: tuple(of_case) for position, of_case in items.items()}
