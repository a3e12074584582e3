"""The retry budget of a backend: a bucket of tokens, so that a failing upstream is not met with more and more calls.

A first call puts `retry.budget_ratio` of a token in; a call after one that the backend itself failed takes one out, and
brings it back if it works. While the upstream fails, there are so at most that many more calls; once it works again,
whatever waits goes on at full pace. Cases wait for a token: none ends for the want of one.
"""

from gateway.config.settings import Retry
from gateway.ledger.store import Transaction
from gateway.model.hours import SECOND
from gateway.model.outcomes import Code

CAPACITY = 10.0
"""So many retries need no first calls before them: enough for a single case, nothing for an outage."""
CHARGED = frozenset({Code.UPSTREAM_ERROR, Code.OUTCOME_UNKNOWN, Code.UPSTREAM_UNREACHABLE})
"""After these the next call of a case is charged. The rest is the case's own matter, or waits out a pause."""


class Budget:
    """One backend's bucket, within one claim."""

    def __init__(self, tx: Transaction, backend: str, retry: Retry) -> None:
        self._tx, self._backend, self._retry = tx, backend, retry
        self._before = self._tokens = _tokens(tx, backend)
        self.again_at: int | None = None
        """When a retry may go although there is no token, null if none had to wait."""

    def has_token(self) -> bool:
        """Whether a retry may go; a backend that has had no call for a long time may have one all the same."""
        if self._tokens >= 1:
            return True
        silent_until = _last_grant(self._tx, self._backend) + round(self._retry.backoff_max_seconds * SECOND)
        if silent_until <= self._tx.now:
            return True
        self.again_at = silent_until
        return False

    def take(self) -> None:
        """A retry goes."""
        self._tokens = max(0.0, self._tokens - 1)

    def put(self) -> None:
        """A first call goes."""
        self._tokens = min(CAPACITY, self._tokens + self._retry.budget_ratio)

    def save(self) -> None:
        """Write the bucket, if it has changed."""
        if self._tokens != self._before:
            self._tx.run(
                """INSERT INTO budgets (backend, tokens) VALUES (:backend, :tokens)
                   ON CONFLICT (backend) DO UPDATE SET tokens = excluded.tokens""",
                {"backend": self._backend, "tokens": self._tokens},
            )


def spent_since(tx: Transaction, backend: str) -> int | None:
    """Null while there is a token; else since when the backend has had no call, after which it may have one again."""
    return None if _tokens(tx, backend) >= 1 else _last_grant(tx, backend)


def give_back(tx: Transaction, backend: str) -> None:
    """A retry worked: its token was not for nothing."""
    tx.run(
        """UPDATE budgets SET tokens = CASE WHEN tokens + 1 > :capacity THEN :capacity ELSE tokens + 1 END
           WHERE backend = :backend""",
        {"backend": backend, "capacity": CAPACITY},
    )


def _tokens(tx: Transaction, backend: str) -> float:
    row = tx.row("SELECT tokens FROM budgets WHERE backend = :backend", {"backend": backend})
    return float(row[0]) if row else CAPACITY


def _last_grant(tx: Transaction, backend: str) -> int:
    row = tx.row("SELECT granted_at FROM calls WHERE backend = :backend ORDER BY id DESC LIMIT 1", {"backend": backend})
    return int(row[0]) if row else 0
