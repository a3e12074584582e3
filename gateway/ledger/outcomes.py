"""Write what became of a case, and of its items, into their rows."""

from gateway.ledger.recount import count_one, finish_if_ended, queue
from gateway.ledger.rows import ENDED, items_of, outcome_of, to_json, truth
from gateway.ledger.store import Transaction
from gateway.model.kinds import Kind, Status
from gateway.model.merge import case_over_items
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from gateway.telemetry.events import CaseEnded

NEVER_SENT = error(Code.CASE_CANCELLED, "Cancelled before it was sent.")
UNSETTLED = error(Code.OUTCOME_UNKNOWN, "An earlier call had no trustworthy answer.")


def write_outcome(tx: Transaction, operation_id: str, position: int, outcome: CaseOutcome) -> None:
    """Record `outcome` as the last one of the case; it is shown only once the case has ended."""
    tx.run(
        """UPDATE cases SET status = :status, found = :found, deleted = :deleted, evidence = :evidence,
               messages = :messages, errors = :errors, begun = :begun, last_code = :code
           WHERE operation_id = :operation AND position = :position""",
        {
            "operation": operation_id,
            "position": position,
            "status": outcome.status.value,
            "found": truth(outcome.found),
            "deleted": truth(outcome.deleted),
            "evidence": outcome.evidence.value if outcome.evidence else None,
            "messages": to_json(outcome.messages),
            "errors": to_json(outcome.errors),
            "begun": int(outcome.begun),
            "code": outcome.code.value if outcome.code else None,
        },
    )
    if outcome.items:
        _write_items(tx, operation_id, position, outcome.items)


def _write_items(tx: Transaction, operation_id: str, position: int, items: tuple[ItemOutcome, ...]) -> None:
    tx.run_many(
        """UPDATE items SET status = :status, message = :message, evidence = :evidence, errors = :errors,
               unsettled = CASE :status WHEN 'pending' THEN unsettled WHEN 'unknown' THEN 1 ELSE 0 END
           WHERE operation_id = :operation AND position = :position AND item_position = :item_position""",
        (
            {
                "operation": operation_id,
                "position": position,
                "item_position": item_position,
                "status": item.status.value,
                "message": item.message,
                "evidence": item.evidence.value if item.evidence else None,
                "errors": to_json(item.errors),
            }
            for item_position, item in enumerate(items)
        ),
    )


def await_unknown_items(tx: Transaction, operation_id: str, position: int, outcome: CaseOutcome) -> None:
    """The case's items that had no trustworthy answer are asked for again; that they are unsettled is remembered."""
    if any(item.status is Status.UNKNOWN for item in outcome.items):
        tx.run(
            """UPDATE items SET status = 'pending', unsettled = 1, message = NULL, evidence = NULL, errors = '[]'
               WHERE operation_id = :operation AND position = :position AND status = 'unknown'""",
            {"operation": operation_id, "position": position},
        )


def end_case(
    tx: Transaction, operation_id: str, position: int, outcome: CaseOutcome, *, retry_after_seconds: float | None = None
) -> None:
    """Record `outcome` as what became of the case; the operation ends with its last case."""
    before = tx.row(
        """SELECT c.state, c.status, c.attempts, c.call_id, o.kind, o.tenant, o.backend, o.execute, o.request_id
           FROM cases c JOIN operations o ON o.id = c.operation_id
           WHERE c.operation_id = :operation AND c.position = :position""",
        {"operation": operation_id, "position": position},
    )
    if before is None:
        return
    state, status, attempts, call_id, kind, tenant, backend, execute, request_id = before
    write_outcome(tx, operation_id, position, outcome)
    tx.run(
        f"""UPDATE cases SET state = {ENDED}, retryable = :retryable, retry_at = :retry_at
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - a constant
        {
            "operation": operation_id,
            "position": position,
            "retryable": int(retryable(outcome)),
            "retry_at": None if retry_after_seconds is None else tx.now + round(retry_after_seconds * 1_000_000),
        },
    )
    if state == ENDED:
        count_one(tx, operation_id, outcome.status, instead_of=Status(status))
    else:
        count_one(tx, operation_id, outcome.status)
        queue(tx, operation_id, -1)
    finish_if_ended(tx, operation_id)
    tx.effects.events.append(
        CaseEnded(
            operation_id=operation_id,
            position=position,
            kind=Kind(kind),
            tenant=tenant,
            backend=backend,
            execute=bool(execute),
            status=outcome.status,
            code=outcome.code,
            attempts=attempts,
            call_id=call_id,
            request_id=request_id,
            item_statuses=tuple(item.status for item in outcome.items),
        )
    )


def retryable(outcome: CaseOutcome) -> bool:
    """Whether an error of the case, or of an item of it, is one after which the same request may be made again."""
    return any(e.retryable for e in outcome.errors) or any(e.retryable for i in outcome.items for e in i.errors)


def recorded(tx: Transaction, operation_id: str, position: int) -> CaseOutcome:
    """The last outcome of a case, whether it has ended or not."""
    row = tx.row(
        """SELECT status, found, deleted, evidence, messages, errors FROM cases
           WHERE operation_id = :operation AND position = :position""",
        {"operation": operation_id, "position": position},
    )
    items = items_of(tx, operation_id, position, position).get(position, ())
    return outcome_of(row, items) if row else CaseOutcome(Status.PENDING, items=items)


def withdrawn(tx: Transaction, operation_id: str, position: int, outcome: CaseOutcome) -> CaseOutcome:
    """What a cancelled case ends as, given its last outcome: what may have begun keeps it, the rest is cancelled."""
    if outcome.items:
        unsettled = unsettled_items(tx, operation_id, position)
        return case_over_items(tuple(_withdrawn_item(item, unsettled) for item in outcome.items), outcome.messages)
    if outcome.begun:
        return outcome
    return CaseOutcome(Status.CANCELLED, errors=(NEVER_SENT,))


def unsettled_items(tx: Transaction, operation_id: str, position: int) -> frozenset[tuple[str, str | None]]:
    """The (id, type code) of the case's items of which an earlier outcome is unknown."""
    return frozenset(
        (row[0], row[1])
        for row in tx.rows(
            """SELECT id, type_code FROM items
               WHERE operation_id = :operation AND position = :position AND unsettled = 1""",
            {"operation": operation_id, "position": position},
        )
    )


def _withdrawn_item(item: ItemOutcome, unsettled: frozenset[tuple[str, str | None]]) -> ItemOutcome:
    if item.status is not Status.PENDING:
        return item
    if (item.id, item.type_code) in unsettled:
        return ItemOutcome(item.id, item.type_code, Status.UNKNOWN, errors=(UNSETTLED,))
    return ItemOutcome(item.id, item.type_code, Status.CANCELLED, errors=(NEVER_SENT,))
