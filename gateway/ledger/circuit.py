"""The circuit of a backend: opens when the backend itself fails, and closes by one call that works.

It lives in the ledger, so that every replica keeps to it, and that it survives a restart.
"""

from math import ceil

from msgspec import Struct

from gateway.ledger.base import Verdict
from gateway.ledger.deadline import close
from gateway.ledger.store import Transaction
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import CircuitState
from gateway.telemetry.events import CircuitChanged


class Gate(Struct, frozen=True):
    """What the circuit lets through: `again_at` null for everything; `half_open`: one call, to test it."""

    again_at: int | None = None
    half_open: bool = False


EVERYTHING = Gate()


def gate(tx: Transaction, backend: str) -> Gate:
    """What the circuit of `backend` lets through now."""
    row = tx.row(
        """SELECT c.open_until, k.held_until FROM circuits c
           LEFT JOIN calls k ON k.id = c.trial_call_id AND k.settled_at IS NULL AND k.held_until > :now
           WHERE c.backend = :backend AND c.open_until IS NOT NULL""",
        {"backend": backend, "now": tx.now},
    )
    if row is None:
        return EVERYTHING
    open_until, trial_until = row
    if open_until > tx.now:
        return Gate(again_at=open_until)
    return Gate(half_open=True) if trial_until is None else Gate(again_at=trial_until)


def state(tx: Transaction, backend: str) -> tuple[CircuitState, int | None]:
    """The state of the circuit, and until when nothing goes to the backend if it is open."""
    row = tx.row("SELECT open_until FROM circuits WHERE backend = :backend", {"backend": backend})
    if row is None or row[0] is None:
        return CircuitState.CLOSED, None
    return (CircuitState.OPEN, int(row[0])) if row[0] > tx.now else (CircuitState.HALF_OPEN, None)


def begin_trial(tx: Transaction, call: Call) -> None:
    """Remember that `call` is the one that tests the circuit: until it has ended, there is no other."""
    tx.run(
        "UPDATE circuits SET trial_call_id = :call WHERE backend = :backend",
        {"call": call.id, "backend": call.backend},
    )


def judge(tx: Transaction, call: Call, verdict: Verdict) -> None:
    """Open or close the circuit, if the settled `call` decides it; its row already says what it says."""
    if not (verdict.failed or call.tests_circuit):
        return
    tx.lock(f"circuit {call.backend}")
    row = tx.row(
        "SELECT open_until, closed_at, trial_call_id FROM circuits WHERE backend = :backend", {"backend": call.backend}
    )
    open_until, closed_at, trial = row or (None, 0, None)
    if open_until is not None:
        # What was under way when it opened says nothing new: only the trial does.
        if trial == call.id:
            _open(tx, call.backend, verdict) if verdict.failed else _close(tx, call.backend)
    elif verdict.failed and _failures(tx, call.backend, verdict, closed_at) >= _too_many(verdict):
        _open(tx, call.backend, verdict)


def _too_many(verdict: Verdict) -> int:
    return max(1, ceil(verdict.circuit.window_calls * verdict.circuit.failure_ratio))


def _failures(tx: Transaction, backend: str, verdict: Verdict, since: int) -> int:
    row = tx.row(
        """SELECT coalesce(sum(failed), 0) FROM (SELECT failed FROM calls
               WHERE backend = :backend AND failed IS NOT NULL AND granted_at > :since
               ORDER BY id DESC LIMIT :window) AS recent""",
        {"backend": backend, "since": since, "window": verdict.circuit.window_calls},
    )
    return int(row[0]) if row else 0


def _open(tx: Transaction, backend: str, verdict: Verdict) -> None:
    seconds = verdict.circuit.open_seconds
    until = tx.now + round(seconds * SECOND)
    tx.run(
        """INSERT INTO circuits (backend, open_until, closed_at) VALUES (:backend, :until, 0)
           ON CONFLICT (backend) DO UPDATE SET open_until = excluded.open_until""",
        {"backend": backend, "until": until},
    )
    close(tx, backend, until)
    tx.effects.events.append(CircuitChanged(backend, CircuitState.OPEN, seconds))


def _close(tx: Transaction, backend: str) -> None:
    tx.run(
        "UPDATE circuits SET open_until = NULL, closed_at = :now, trial_call_id = NULL WHERE backend = :backend",
        {"backend": backend, "now": tx.now},
    )
    tx.effects.work(backend)
    tx.effects.events.append(CircuitChanged(backend, CircuitState.CLOSED))
