"""An operation's counts and end, from its cases."""

from gateway.ledger.rows import ENDED
from gateway.ledger.store import Transaction
from gateway.model.kinds import Kind, Status
from gateway.model.outcomes import merged_status
from gateway.telemetry.events import OperationFinished

COUNTED = (Status.SUCCEEDED, Status.PARTIAL, Status.FAILED, Status.UNKNOWN, Status.CANCELLED)
"""The statuses an ended case can have; each has a column of this name in `operations`."""


def recount(tx: Transaction, operation_id: str) -> None:
    """Count the operation's ended cases afresh, and end it or take its end back accordingly."""
    rows = tx.rows(
        f"SELECT status, count(*) FROM cases WHERE operation_id = :id AND state = {ENDED} GROUP BY status",  # noqa: S608
        {"id": operation_id},
    )
    counts = {status.value: 0 for status in COUNTED} | dict(rows)
    tx.run(
        """UPDATE operations SET succeeded = :succeeded, partial = :partial, failed = :failed, unknown = :unknown,
               cancelled = :cancelled WHERE id = :id""",
        {"id": operation_id, **counts},
    )
    tx.run(
        """UPDATE operations SET finished_at = NULL, status = NULL WHERE id = :id
           AND total > succeeded + partial + failed + unknown + cancelled""",
        {"id": operation_id},
    )
    finish_if_ended(tx, operation_id)


def queue(tx: Transaction, operation_id: str, cases: int) -> None:
    """So many cases more of an operation are queued, or fewer where `cases` is below 0.

    Counted in the slot that its caller and the last digit of its id name: one number for all would be a row for which
    every accept and settle of every process waits in line.
    """
    tx.run(
        """INSERT INTO queue_slots (caller, slot, cases) SELECT caller, :slot, :cases FROM operations WHERE id = :id
           ON CONFLICT (caller, slot) DO UPDATE SET cases = queue_slots.cases + excluded.cases""",
        {"id": operation_id, "cases": cases, "slot": int(operation_id[-1], 16)},
    )


def queued_cases(tx: Transaction) -> int:
    """How many cases have not ended. Kept as a number: counting them would take longer, the longer the queue."""
    row = tx.row("SELECT coalesce(sum(cases), 0) FROM queue_slots")
    return int(row[0]) if row else 0


def queued_cases_of(tx: Transaction, caller: str) -> int:
    """How many of the caller's cases have not ended."""
    row = tx.row("SELECT coalesce(sum(cases), 0) FROM queue_slots WHERE caller = :caller", {"caller": caller})
    return int(row[0]) if row else 0


def count_one(tx: Transaction, operation_id: str, status: Status, *, instead_of: Status | None = None) -> None:
    """Count one more case as `status`, in place of what it was counted as before."""
    if status is instead_of:
        return
    change = f"{status.value} = {status.value} + 1"
    if instead_of is not None:
        change += f", {instead_of.value} = {instead_of.value} - 1"
    tx.run(f"UPDATE operations SET {change} WHERE id = :id", {"id": operation_id})  # noqa: S608 - an enum's values


def finish_if_ended(tx: Transaction, operation_id: str) -> None:
    """Give the operation its end and its status, once every case has ended."""
    row = tx.row(
        """SELECT kind, tenant, backend, request_id, finished_at, succeeded, partial, failed, unknown, cancelled
           FROM operations WHERE id = :id AND total = succeeded + partial + failed + unknown + cancelled""",
        {"id": operation_id},
    )
    if row is None:
        return
    status = merged_status({status for status, count in zip(COUNTED, row[5:], strict=True) if count})
    tx.run(
        "UPDATE operations SET status = :status, finished_at = coalesce(finished_at, :now) WHERE id = :id",
        {"id": operation_id, "status": status.value, "now": tx.now},
    )
    tx.effects.finished.add(operation_id)
    if row[4] is None:
        tx.effects.events.append(OperationFinished(operation_id, Kind(row[0]), row[1], row[2], status, row[3]))
