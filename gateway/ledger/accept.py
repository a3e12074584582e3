"""Record an operation once, whatever number of copies of its request arrive."""

from uuid import uuid4

from gateway.ledger import circuit
from gateway.ledger.base import Acceptance, Accepted, CircuitOpen, KeyReused, QueueFull, QuotaFull
from gateway.ledger.recount import queue, queued_cases, queued_cases_of, recount
from gateway.ledger.rows import BULK, SINGLE, WAITING, queue_of
from gateway.ledger.store import Transaction
from gateway.ledger.withdraw import rerun
from gateway.model.cases import Case
from gateway.model.ids import Ids
from gateway.model.kinds import Kind
from gateway.model.operations import NewOperation
from gateway.telemetry.events import OperationAccepted

COPY = "retryable = 1 AND (retry_at IS NULL OR retry_at <= :now)"
"""Which cases of a finished operation a further copy of its request runs again."""


def find(tx: Transaction, caller: str, key: str, fingerprint: str) -> Accepted | KeyReused | None:
    """The operation that the caller's key already made, or null."""
    row = tx.row(
        "SELECT id, fingerprint FROM operations WHERE caller = :caller AND idempotency_key = :key",
        {"caller": caller, "key": key},
    )
    if row is None:
        return None
    return Accepted(row[0], created=False) if row[1] == fingerprint else KeyReused()


def accept(
    tx: Transaction,
    new: NewOperation,
    ids: Ids,
    max_queued_cases: int,
    *,
    quota: int | None = None,
    may_wait: bool = True,
) -> Acceptance:
    """Record `new`, or answer from the record."""
    if quota is not None:
        tx.lock(f"caller {new.caller}")  # or two processes would each find the room that is there once
    while (known := _known(tx, new)) is None:
        _state, open_until = (None, None) if may_wait else circuit.state(tx, new.backend)
        if open_until is not None:
            return CircuitOpen(open_until)
        if (full := _full(tx, new, max_queued_cases, quota)) is not None:
            return full
        if (operation_id := _record(tx, new, ids)) is not None:
            return Accepted(operation_id, created=True)
        # Another process has recorded a copy since we looked: that one is the operation.
    return known


def _full(tx: Transaction, new: NewOperation, max_queued_cases: int, quota: int | None) -> QueueFull | QuotaFull | None:
    """Why there is no room for `new` in the queue, or null."""
    count = len(new.cases)
    if quota is not None and (own := queued_cases_of(tx, new.caller)) + count > quota:
        return QuotaFull(own)
    queued = queued_cases(tx)
    if 2 * (queued + count) > max_queued_cases:
        tx.lock("queue")  # what nears the bound is counted one after the other
        queued = queued_cases(tx)
    return QueueFull(queued) if queued + count > max_queued_cases else None


def _known(tx: Transaction, new: NewOperation) -> Accepted | KeyReused | None:
    if new.idempotency_key is None:
        return None
    found = find(tx, new.caller, new.idempotency_key, new.fingerprint)
    if isinstance(found, Accepted):
        _run_copy(tx, found.operation_id)
    return found


def _run_copy(tx: Transaction, operation_id: str) -> None:
    tx.hold(operation_id)
    finished = tx.row(
        "SELECT 1 FROM operations WHERE id = :id AND finished_at IS NOT NULL AND cancelled_at IS NULL",
        {"id": operation_id},
    )
    if finished and rerun(tx, operation_id, COPY):
        recount(tx, operation_id)


def _record(tx: Transaction, new: NewOperation, ids: Ids) -> str | None:
    """The id of the new operation; null if its idempotency key has been used meanwhile."""
    operation_id = ids.make(tx.now)
    recorded = tx.run(
        """INSERT INTO operations (id, caller, idempotency_key, fingerprint, kind, tenant, backend, system,
               upstream, upstream_tenant, execute, total, created_at, request_id, trace_parent)
           VALUES (:id, :caller, :key, :fingerprint, :kind, :tenant, :backend, :system,
               :upstream, :upstream_tenant, :execute, :total, :now, :request_id, :trace_parent)
           ON CONFLICT (caller, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING""",
        {
            "id": operation_id,
            "caller": new.caller,
            "key": new.idempotency_key,
            "fingerprint": new.fingerprint,
            "kind": new.kind.value,
            "tenant": new.tenant,
            "backend": new.backend,
            "system": new.system.value,
            "upstream": new.upstream,
            "upstream_tenant": new.upstream_tenant,
            "execute": int(new.execute),
            "total": len(new.cases),
            "now": tx.now,
            "request_id": new.request_id,
            "trace_parent": new.trace_parent,
        },
    )
    if not recorded:
        return None
    _record_cases(tx, new, operation_id)
    queue(tx, operation_id, len(new.cases))
    tx.effects.work(new.backend, len(new.cases))
    tx.effects.events.append(
        OperationAccepted(
            operation_id=operation_id,
            caller=new.caller,
            kind=new.kind,
            tenant=new.tenant,
            backend=new.backend,
            execute=new.execute,
            cases=len(new.cases),
            request_id=new.request_id or "",
        )
    )
    return operation_id


def _record_cases(tx: Transaction, new: NewOperation, operation_id: str) -> None:
    lane = SINGLE if len(new.cases) == 1 else BULK
    makes_ids = new.kind is Kind.CASE_DELETION
    tx.run_many(
        f"""INSERT INTO cases (operation_id, position, queue, tenant, lane, state, due_at, step, identifier_type,
               identifier, exclusion, request_id, request_id_given, item_count)
           VALUES (:operation, :position, :queue, :tenant, {lane}, {WAITING}, :now, 'act', :type, :identifier,
               :exclusion, :request_id, :given, :items)""",  # noqa: S608 - constants
        (
            {
                "operation": operation_id,
                "position": position,
                "queue": queue_of(new.backend, new.upstream),
                "tenant": new.tenant,
                "now": tx.now,
                "type": case.identifier.type.value,
                "identifier": case.identifier.value,
                "exclusion": exclusion(new.upstream_tenant, case),
                "request_id": case.request_id or (str(uuid4()) if makes_ids else None),
                "given": int(case.request_id is not None),
                "items": len(case.items),
            }
            for position, case in enumerate(new.cases)
        ),
    )
    if not makes_ids:
        tx.run_many(
            """INSERT INTO items (operation_id, position, item_position, id, type_code)
               VALUES (:operation, :position, :item_position, :id, :type_code)""",
            (
                {
                    "operation": operation_id,
                    "position": position,
                    "item_position": item_position,
                    "id": item.id,
                    "type_code": item.type_code,
                }
                for position, case in enumerate(new.cases)
                for item_position, item in enumerate(case.items)
            ),
        )


def exclusion(upstream_tenant: str, case: Case) -> str:
    """What two calls may not share at one time: the control character cannot stand in an identifier."""
    return f"{upstream_tenant}\x1f{case.identifier.type}\x1f{case.identifier.value}"
