"""Retention: what ended long ago is removed, with every identifier in it, in steps that hold nobody up.

An operation's own row goes first, so that nobody is shown a part of it; its id stands in `removals` until its cases,
items and calls are gone too. Receipts stay: they hold no identifier.
"""

from gateway.ledger.store import Transaction
from gateway.model.ids import first_id_at
from gateway.telemetry.events import OperationsRemoved

STEP_ROWS = 200
"""How many rows a step removes at most: so much longer may a claim have to wait for the writer."""


def clear(tx: Transaction, before: int) -> int:
    """Take one step in removing what ended before that instant; how many rows it took, 0 when there is none left."""
    tx.lock("retention")
    rows = _remove_parts(tx)
    if not rows:
        rows = _remove_operations(tx, before)
    if not rows:
        rows = _remove_calls(tx, before) + _remove_closures(tx, before)
    return rows


def _remove_operations(tx: Transaction, before: int) -> int:
    """Ids sort by time, and nothing ends before it begins: so no index on the end is needed."""
    found = tx.rows(
        """SELECT id FROM operations WHERE id < :bound AND finished_at IS NOT NULL AND finished_at < :before
           ORDER BY id LIMIT :limit""",
        {"bound": first_id_at(before), "before": before, "limit": STEP_ROWS},
    )
    tx.hold(*(row[0] for row in found))
    chosen = [{"id": row[0], "before": before} for row in found]
    # One of them may have been retried since.
    tx.run_many(
        """INSERT INTO removals (operation_id) SELECT id FROM operations
           WHERE id = :id AND finished_at IS NOT NULL AND finished_at < :before""",
        chosen,
    )
    tx.run("DELETE FROM operations WHERE id IN (SELECT operation_id FROM removals)")
    if found:
        tx.effects.events.append(OperationsRemoved(len(found)))
    return len(found)


def _remove_parts(tx: Transaction) -> int:
    """Cases and items of operations that are gone, up to `STEP_ROWS` of each."""
    left = STEP_ROWS
    for (operation_id,) in tx.rows(
        "SELECT operation_id FROM removals ORDER BY operation_id LIMIT :limit", {"limit": STEP_ROWS}
    ):
        removed = _remove_parts_of(tx, operation_id, left)
        left -= removed
        if left <= 0:
            break
        tx.run("DELETE FROM removals WHERE operation_id = :id", {"id": operation_id})
    return STEP_ROWS - left


def _remove_parts_of(tx: Transaction, operation_id: str, limit: int) -> int:
    chosen = {"id": operation_id, "limit": limit}
    items = tx.run(
        """DELETE FROM items WHERE operation_id = :id AND (position, item_position) IN (
               SELECT position, item_position FROM items WHERE operation_id = :id
               ORDER BY position, item_position LIMIT :limit)""",
        chosen,
    )
    if items >= limit:
        return items
    cases = tx.run(
        """DELETE FROM cases WHERE operation_id = :id AND position IN (
               SELECT position FROM cases WHERE operation_id = :id ORDER BY position LIMIT :limit)""",
        {"id": operation_id, "limit": limit - items},
    )
    return items + cases


def _remove_calls(tx: Transaction, before: int) -> int:
    """Calls name no case. Those of an operation that is still there stay: a later deletion may resume by them."""
    return tx.run(
        """DELETE FROM calls WHERE id IN (
               SELECT k.id FROM calls k WHERE k.id < :bound AND k.settled_at IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = k.operation_id)
               ORDER BY k.id LIMIT :limit)""",
        {"bound": first_id_at(before), "limit": STEP_ROWS},
    )


def _remove_closures(tx: Transaction, before: int) -> int:
    """Closures that no deadline can reach back to any more."""
    return tx.run(
        """DELETE FROM closures WHERE until < :before AND NOT EXISTS (
               SELECT 1 FROM operations o WHERE o.backend = closures.backend AND o.finished_at IS NULL
                   AND o.created_at < closures.until)""",
        {"before": before},
    )
