"""Cancel and retry: what was asked for is taken back, or asked for again."""

from gateway.ledger.base import Step
from gateway.ledger.outcomes import NEVER_SENT, end_case, recorded, withdrawn
from gateway.ledger.recount import queue, recount
from gateway.ledger.rows import BULK, ENDED, SINGLE, WAITING, to_json
from gateway.ledger.store import Transaction
from gateway.model.kinds import Kind, System
from gateway.telemetry.events import CasesWithdrawn

NOT_SUCCEEDED = "status IN ('failed', 'unknown', 'partial', 'cancelled')"
"""Which ended cases of an operation a person's retry runs again."""


def cancel(tx: Transaction, operation_id: str) -> None:
    """Start no further case: end what never began, and let what began come to its end (CONTRACT.md section 2, 8)."""
    tx.hold(operation_id)
    changed = tx.run(
        "UPDATE operations SET cancelled_at = :now WHERE id = :id AND finished_at IS NULL AND cancelled_at IS NULL",
        {"id": operation_id, "now": tx.now},
    )
    if changed:
        _end_called_before(tx, operation_id, "act")
        _end_never_called(tx, operation_id)
        recount(tx, operation_id)


def give_up(tx: Transaction, backend: str, upstream: str) -> None:
    """End what cancelled operations only wait to find out, where no call can: what it may have done stays unknown."""
    rows = tx.rows(
        """SELECT id FROM operations WHERE backend = :backend AND upstream = :upstream AND finished_at IS NULL
           AND cancelled_at IS NOT NULL ORDER BY id""",
        {"backend": backend, "upstream": upstream},
    )
    tx.hold(*(operation_id for (operation_id,) in rows))
    for (operation_id,) in rows:
        _end_called_before(tx, operation_id, "probe")
        recount(tx, operation_id)


def _end_called_before(tx: Transaction, operation_id: str, step: Step) -> None:
    rows = tx.rows(
        f"""SELECT position FROM cases
            WHERE operation_id = :id AND state = {WAITING} AND step = :step AND call_id IS NOT NULL""",  # noqa: S608
        {"id": operation_id, "step": step},
    )
    for (position,) in rows:
        outcome = withdrawn(tx, operation_id, position, recorded(tx, operation_id, position))
        end_case(tx, operation_id, position, outcome)


def _end_never_called(tx: Transaction, operation_id: str) -> None:
    never_called = f"operation_id = :id AND state = {WAITING} AND call_id IS NULL"
    parameters = {"id": operation_id, "errors": to_json((NEVER_SENT,))}
    tx.run(
        f"""UPDATE items SET status = 'cancelled', errors = :errors
            WHERE operation_id = :id AND position IN (SELECT position FROM cases WHERE {never_called})""",  # noqa: S608
        parameters,
    )
    count = tx.run(
        f"UPDATE cases SET state = {ENDED}, status = 'cancelled', errors = :errors WHERE {never_called}",  # noqa: S608
        parameters,
    )
    row = tx.row(
        "SELECT kind, tenant, backend, execute, request_id FROM operations WHERE id = :id", {"id": operation_id}
    )
    if count and row:
        queue(tx, operation_id, -count)
        kind, tenant, backend, execute, request_id = row
        withdrawn_cases = CasesWithdrawn(operation_id, Kind(kind), tenant, backend, bool(execute), count, request_id)
        tx.effects.events.append(withdrawn_cases)


def retry(tx: Transaction, operation_id: str) -> None:
    """Make every ended case that did not succeed due again; a person asked for it, so a cancellation is lifted."""
    tx.hold(operation_id)
    if rerun(tx, operation_id, NOT_SUCCEEDED):
        tx.run("UPDATE operations SET cancelled_at = NULL WHERE id = :id", {"id": operation_id})
        recount(tx, operation_id)


def rerun(tx: Transaction, operation_id: str, which: str) -> int:
    """Make the ended cases that fulfil the condition `which` due again; how many. What succeeded is never among them.

    An unsettled deletion at ClaimShop is probed before it may be sent again: it has no idempotency key.
    """
    row = tx.row("SELECT backend, system, execute, total FROM operations WHERE id = :id", {"id": operation_id})
    if row is None:
        return 0
    backend, system, execute, total = row
    chosen = f"operation_id = :id AND state = {ENDED} AND status <> 'succeeded' AND {which}"
    parameters = {
        "id": operation_id,
        "now": tx.now,
        "lane": SINGLE if total == 1 else BULK,
        "unknown": "probe" if system == System.CLAIMSHOP and execute else "act",
    }
    tx.run(
        f"""UPDATE items SET unsettled = CASE status WHEN 'unknown' THEN 1 ELSE 0 END, status = 'pending',
                message = NULL, evidence = NULL, errors = '[]'
            WHERE operation_id = :id AND status <> 'succeeded'
              AND position IN (SELECT position FROM cases WHERE {chosen})""",  # noqa: S608 - our own conditions
        parameters,
    )
    count = tx.run(
        f"""UPDATE cases SET state = {WAITING}, lane = :lane, due_at = :now, failures = 0, first_called_at = NULL,
                last_code = NULL, step = CASE status WHEN 'unknown' THEN :unknown ELSE 'act' END, retryable = 0,
                retry_at = NULL
            WHERE {chosen}""",  # noqa: S608 - our own conditions
        parameters,
    )
    if count:
        queue(tx, operation_id, count)
        tx.effects.work(backend, count)
    return count
