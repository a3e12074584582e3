"""How much of a case's deadline is left.

Time in which its backend said that it is closed does not count, nor does time in which its circuit was open.
"""

from gateway.ledger.base import ClaimRules
from gateway.ledger.store import Transaction
from gateway.model.hours import SECOND, open_microseconds


def close(tx: Transaction, backend: str, until: int) -> None:
    """Note that `backend` is closed from now to `until`, whatever its opening hours."""
    changed = tx.run(
        """UPDATE closures SET until = CASE WHEN until < :until THEN :until ELSE until END
           WHERE backend = :backend AND until >= :now""",
        {"backend": backend, "now": tx.now, "until": until},
    )
    if not changed:
        tx.run(
            "INSERT INTO closures (backend, since, until) VALUES (:backend, :now, :until)",
            {"backend": backend, "now": tx.now, "until": until},
        )


def open_seconds_left(tx: Transaction, rules: ClaimRules, first_called_at: int | None) -> float:
    """What is left of `retry.deadline_seconds` for a case that was first called then; below 0 once it has passed."""
    if first_called_at is None:
        return rules.retry.deadline_seconds
    closures = tx.rows(
        "SELECT since, until FROM closures WHERE backend = :backend AND until > :first AND since < :now",
        {"backend": rules.backend, "first": first_called_at, "now": tx.now},
    )
    closed = sum(
        open_microseconds(rules.hours, max(since, first_called_at), min(until, tx.now)) for since, until in closures
    )
    passed = open_microseconds(rules.hours, first_called_at, tx.now) - closed
    return rules.retry.deadline_seconds - passed / SECOND
