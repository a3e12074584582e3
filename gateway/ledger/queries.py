"""What readers ask: operations, results, queues."""

from collections.abc import Collection, Iterator

from gateway.ledger.base import BackendQueue, OperationFilter
from gateway.ledger.rows import CASE_COLUMNS, ENDED, OPERATION_COLUMNS, case_of, items_of, operation_of
from gateway.ledger.store import Transaction
from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import Code

RECENT_CALLS = 50
"""How many answered calls the mean duration is taken over."""


def operation(tx: Transaction, operation_id: str) -> Operation | None:
    """The operation, or null."""
    row = tx.row(f"SELECT {OPERATION_COLUMNS} FROM operations o WHERE o.id = :id", {"id": operation_id})  # noqa: S608
    return operation_of(row) if row else None


def view(tx: Transaction, operation_id: str, inline: int) -> tuple[Operation, tuple[CaseRecord, ...] | None] | None:
    """The operation and, if it has at most `inline` cases, all of them; null if there is none."""
    found = operation(tx, operation_id)
    if found is None:
        return None
    return found, results(tx, operation_id, None, -1, inline) if found.total <= inline else None


def has_finished(tx: Transaction, operation_id: str) -> bool:
    """Whether every case of the operation has ended."""
    return bool(tx.row("SELECT 1 FROM operations WHERE id = :id AND finished_at IS NOT NULL", {"id": operation_id}))


def results(
    tx: Transaction, operation_id: str, status: Status | None, after: int, limit: int
) -> tuple[CaseRecord, ...]:
    """The operation's cases behind position `after`, in request order."""
    which, parameters = _with_status(status)
    rows = tx.rows(
        f"""SELECT {CASE_COLUMNS} FROM cases c WHERE c.operation_id = :operation AND c.position > :after {which}
            ORDER BY c.position LIMIT :limit""",  # noqa: S608 - constants
        {"operation": operation_id, "after": after, "limit": limit, **parameters},
    )
    with_items = [row[0] for row in rows if row[13]]
    items = items_of(tx, operation_id, with_items[0], with_items[-1]) if with_items else {}
    return tuple(case_of(row, items.get(row[0], ())) for row in rows)


def _with_status(status: Status | None) -> tuple[str, dict[str, str]]:
    if status is None:
        return "", {}
    if status is Status.PENDING:
        return f"AND c.state <> {ENDED}", {}
    return f"AND c.state = {ENDED} AND c.status = :status", {"status": status.value}


def operations(tx: Transaction, wanted: OperationFilter) -> tuple[Operation, ...]:
    """Operations, newest first."""
    conditions, parameters = ["1 = 1"], dict[str, str | int]()
    for number, (condition, values) in enumerate(_conditions(wanted)):
        names = {f"p{number}_{i}": value for i, value in enumerate(values)}
        conditions.append(condition.format(", ".join(f":{name}" for name in names)))
        parameters |= names
    rows = tx.rows(
        f"""SELECT {OPERATION_COLUMNS} FROM operations o WHERE {" AND ".join(conditions)}
            ORDER BY o.id DESC LIMIT :limit""",  # noqa: S608 - our own conditions
        {"limit": wanted.limit, **parameters},
    )
    return tuple(operation_of(row) for row in rows)


def _conditions(wanted: OperationFilter) -> Iterator[tuple[str, list[str]]]:
    """Conditions with a place for their values. No tenant and no backend has an empty name: "" stands for none."""
    if wanted.tenants is not None:
        yield "o.tenant IN ({})", sorted(wanted.tenants) or [""]
    if wanted.kind is not None:
        yield "o.kind = {}", [wanted.kind.value]
    if wanted.before is not None:
        yield "o.id < {}", [wanted.before]
    in_flight = "EXISTS (SELECT 1 FROM calls k WHERE k.operation_id = o.id AND k.settled_at IS NULL)"
    if wanted.status is Status.SCHEDULED:
        yield f"o.finished_at IS NULL AND NOT {in_flight} AND o.backend IN ({{}})", sorted(wanted.closed) or [""]
    elif wanted.status is Status.RUNNING:
        yield f"o.finished_at IS NULL AND ({in_flight} OR o.backend NOT IN ({{}}))", sorted(wanted.closed) or [""]
    elif wanted.status is not None:
        yield "o.status = {}", [wanted.status.value]


def queues(tx: Transaction, backends: Collection[str]) -> dict[str, BackendQueue]:
    """The queue of each backend."""
    return {backend: _queue(tx, backend) for backend in backends}


def _queue(tx: Transaction, backend: str) -> BackendQueue:
    named = {"backend": backend, "now": tx.now}
    pending = tx.rows(
        """SELECT tenant, sum(total - succeeded - partial - failed - unknown - cancelled), min(created_at),
               count(*)
           FROM operations WHERE backend = :backend AND finished_at IS NULL GROUP BY tenant""",
        named,
    )
    in_flight = tx.row(
        "SELECT count(*), count(DISTINCT operation_id) FROM calls WHERE backend = :backend AND settled_at IS NULL",
        named,
    )
    unknown = tx.row("SELECT coalesce(sum(unknown), 0) FROM operations WHERE backend = :backend AND unknown > 0", named)
    mean = tx.row(
        """SELECT avg(settled_at - granted_at) FROM (SELECT settled_at, granted_at FROM calls
               WHERE backend = :backend AND settled_at IS NOT NULL ORDER BY id DESC LIMIT :recent) AS recent""",
        {"recent": RECENT_CALLS, **named},
    )
    pause = tx.row("SELECT until, reason FROM pauses WHERE backend = :backend AND until > :now", named)
    return BackendQueue(
        pending={tenant: int(count) for tenant, count, _, _ in pending},
        in_flight=int(in_flight[0]) if in_flight else 0,
        operations=sum(int(number) for _, _, _, number in pending),
        operations_in_flight=int(in_flight[1]) if in_flight else 0,
        unknown=int(unknown[0]) if unknown else 0,
        mean_call_seconds=float(mean[0]) / SECOND if mean and mean[0] is not None else None,
        oldest_pending_at=min((oldest for _, _, oldest, _ in pending), default=None),
        paused_until=pause[0] if pause else None,
        paused_for=Code(pause[1]) if pause else None,
    )
