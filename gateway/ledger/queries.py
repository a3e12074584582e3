"""What readers ask: operations, results, queues."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from gateway.ledger import budget, circuit
from gateway.ledger.base import BackendQueue, OperationFilter, Unended
from gateway.ledger.rows import (
    BULK,
    CALLED_BEFORE,
    CASE_COLUMNS,
    ENDED,
    OPERATION_COLUMNS,
    RETRIED,
    SINGLE,
    WAITING,
    case_of,
    items_of,
    operation_of,
    queue_of,
)
from gateway.ledger.store import Transaction
from gateway.model.hours import SECOND
from gateway.model.ids import first_id
from gateway.model.kinds import Status, System
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import Code

RECENT_CALLS = 100
"""How many answered calls the mean duration is taken over."""
RECENT_GRANTS = 1_000
"""How many grants are told at most: they only serve a forecast."""
MINUTE = 61 * SECOND
"""With room for the margin by which the pace counts its windows longer."""
PENDING = "total - succeeded - partial - failed - unknown - cancelled"
PLACE_OF_ONE = """
    SELECT count(*), max(id) FROM operations WHERE backend = :backend AND finished_at IS NULL AND total = 1
        AND tenant = :tenant AND upstream = :upstream AND id > :after AND id <= :id"""
PLACE_OF_MANY = f"""
    SELECT sum({PENDING}), max(id) FROM operations WHERE backend = :backend AND finished_at IS NULL AND total > 1
        AND tenant || '' = :tenant AND upstream = :upstream AND id || '' > :after AND id || '' <= :id"""  # noqa: S608 - ours
"""Along the index of what has not ended: with `|| ''` no term leads to that of all that a tenant ever asked for."""
LOOKED_UP_TOGETHER = 100
"""How many operations one statement asks for."""
OLDEST_DUE = f"""
    SELECT l.lane, (SELECT min(c.due_at) FROM cases c
        WHERE c.queue = :queue AND c.state = {WAITING} AND c.lane = l.lane AND c.tenant = :tenant)
    FROM (SELECT {RETRIED} AS lane UNION ALL SELECT {CALLED_BEFORE}
        UNION ALL SELECT {SINGLE} UNION ALL SELECT {BULK}) l"""  # noqa: S608 - constants
"""By lane, for a queue and tenant, so that the index on what waits answers it: the cost is not that of the queue."""


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


def finished_among(tx: Transaction, operation_ids: Sequence[str]) -> set[str]:
    """Those of the operations of which every case has ended."""
    finished: set[str] = set()
    for first in range(0, len(operation_ids), LOOKED_UP_TOGETHER):
        some = operation_ids[first : first + LOOKED_UP_TOGETHER]
        # Filled up, so that there are two statements to prepare, and not one for each number.
        names = {f"id{n}": some[min(n, len(some) - 1)] for n in range(1 if len(some) == 1 else LOOKED_UP_TOGETHER)}
        rows = tx.rows(
            f"""SELECT id FROM operations WHERE finished_at IS NOT NULL
                AND id IN ({", ".join(f":{name}" for name in names)})""",  # noqa: S608 - our own names
            names,
        )
        finished.update(row[0] for row in rows)
    return finished


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
    found = sorted(_newest(tx, " AND ".join(conditions), parameters, wanted), reverse=True)[: wanted.limit]
    if not found:
        return ()
    names = {f"id{number}": operation_id for number, operation_id in enumerate(found)}
    rows = tx.rows(
        f"""SELECT {OPERATION_COLUMNS} FROM operations o WHERE o.id IN ({", ".join(f":{name}" for name in names)})
            ORDER BY o.id DESC""",  # noqa: S608 - our own names
        names,
    )
    return tuple(operation_of(row) for row in rows)


def _newest(tx: Transaction, which: str, parameters: Mapping[str, str | int], wanted: OperationFilter) -> list[str]:
    """The ids of the newest of each tenant, `limit` at most: no more than those is read, however many there are."""

    def newest(of: str) -> str:
        return f"SELECT o.id FROM operations o WHERE {which} {of} ORDER BY o.id DESC LIMIT :limit"  # noqa: S608 - ours

    named = {**parameters, "limit": wanted.limit}
    if wanted.tenants is None:
        return [row[0] for row in tx.rows(newest(""), named)]
    tenants, ids = sorted(wanted.tenants), list[str]()
    for first in range(0, len(tenants), LOOKED_UP_TOGETHER):
        some = {f"t{number}": tenant for number, tenant in enumerate(tenants[first : first + LOOKED_UP_TOGETHER])}
        parts = (f"SELECT id FROM ({newest(f'AND o.tenant = :{name}')}) AS {name}" for name in some)  # noqa: S608 - ours
        ids += [row[0] for row in tx.rows(" UNION ALL ".join(parts), {**named, **some})]
    return ids


def _conditions(wanted: OperationFilter) -> Iterator[tuple[str, list[str]]]:
    """Conditions with a place for their values. No backend has an empty name: "" stands for none."""
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


def unended(tx: Transaction) -> tuple[Unended, ...]:
    """What has not ended, by backend and upstream."""
    rows = tx.rows(
        """SELECT backend, system, upstream, sum(total - succeeded - partial - failed - unknown - cancelled)
           FROM operations WHERE finished_at IS NULL
           GROUP BY backend, system, upstream ORDER BY backend, system, upstream"""
    )
    return tuple(Unended(backend, System(system), upstream, int(cases)) for backend, system, upstream, cases in rows)


def _queue(tx: Transaction, backend: str) -> BackendQueue:
    named = {"backend": backend, "now": tx.now}
    waiting = _unfinished(tx, backend)
    pending, singles = Counter[str](), Counter[str]()
    for group in waiting:
        pending[group.tenant] += group.cases
        singles[group.tenant] += group.cases if group.single else 0
    in_flight = tx.row(
        # That each is held until some time leads SQLite to the index of those alone, and not to that of all calls ever.
        """SELECT count(*), count(DISTINCT operation_id) FROM calls
           WHERE backend = :backend AND settled_at IS NULL AND held_until > 0""",
        named,
    )
    unknown = tx.row("SELECT coalesce(sum(unknown), 0) FROM operations WHERE backend = :backend AND unknown > 0", named)
    due, retry_due = _oldest_due(tx, backend, waiting)
    mean = tx.row(
        """SELECT avg(settled_at - granted_at) FROM (SELECT settled_at, granted_at FROM calls
               WHERE backend = :backend AND settled_at IS NOT NULL ORDER BY id DESC LIMIT :recent) AS recent""",
        {"recent": RECENT_CALLS, **named},
    )
    pause = tx.row("SELECT until, reason FROM pauses WHERE backend = :backend AND until > :now", named)
    circuit_state, circuit_open_until = circuit.state(tx, backend)
    return BackendQueue(
        pending=dict(pending),
        singles=dict(+singles),
        granted=_granted(tx, backend),
        in_flight=int(in_flight[0]) if in_flight else 0,
        operations=sum(group.operations for group in waiting),
        operations_in_flight=int(in_flight[1]) if in_flight else 0,
        unknown=int(unknown[0]) if unknown else 0,
        mean_call_seconds=float(mean[0]) / SECOND if mean and mean[0] is not None else None,
        oldest_due_at=due,
        oldest_retry_due_at=retry_due,
        budget_spent_since=budget.spent_since(tx, backend),
        oldest_pending_at=min((group.oldest_at for group in waiting), default=None),
        paused_until=pause[0] if pause else None,
        paused_for=Code(pause[1]) if pause else None,
        circuit=circuit_state,
        circuit_open_until=circuit_open_until,
    )


class _Unfinished(Struct, frozen=True):
    """Operations of a tenant at an upstream: `single`, those of one case, or the others."""

    single: bool
    tenant: str
    upstream: str
    operations: int
    cases: int
    oldest_at: int


def _unfinished(tx: Transaction, backend: str) -> list[_Unfinished]:
    """In two statements: what has one case is counted along the index alone, however many there are of it."""
    return [
        _Unfinished(single, str(tenant), str(upstream), int(operations), int(cases), int(oldest_at))
        for single, which, cases_of_them in ((True, "total = 1", "count(*)"), (False, "total > 1", f"sum({PENDING})"))
        for tenant, upstream, operations, cases, oldest_at in tx.rows(
            f"""SELECT tenant, upstream, count(*), {cases_of_them}, min(created_at) FROM operations
                WHERE backend = :backend AND finished_at IS NULL AND {which} GROUP BY tenant, upstream""",  # noqa: S608 - constants
            {"backend": backend},
        )
    ]


def _oldest_due(tx: Transaction, backend: str, waiting: list[_Unfinished]) -> tuple[int | None, int | None]:
    """Since when a case waits: of those that need nothing but their turn, and of those that are retried."""
    queues = {(group.tenant, queue_of(backend, group.upstream)) for group in waiting}
    rows = [row for tenant, queue in queues for row in tx.rows(OLDEST_DUE, {"tenant": tenant, "queue": queue})]
    found = [(lane, due_at) for lane, due_at in rows if due_at is not None]
    plain = min((due_at for lane, due_at in found if lane != RETRIED), default=None)
    return plain, min((due_at for lane, due_at in found if lane == RETRIED), default=None)


def _granted(tx: Transaction, backend: str) -> tuple[int, ...]:
    since = tx.now - MINUTE
    rows = tx.rows(
        """SELECT granted_at FROM calls WHERE backend = :backend AND id > :first AND granted_at > :since
           ORDER BY id DESC LIMIT :recent""",
        {"backend": backend, "first": first_id(since), "since": since, "recent": RECENT_GRANTS},
    )
    return tuple(sorted(int(granted_at) for (granted_at,) in rows))


def places(tx: Transaction, operations: Collection[Operation]) -> dict[str, int]:
    """How far back in its queue each unended operation's last case is: what has one case has a queue of its own."""
    queued = defaultdict[tuple[str, str, str, bool], list[str]](list)
    for operation in operations:
        queued[operation.backend, operation.upstream, operation.tenant, operation.total == 1].append(operation.id)
    found = dict[str, int]()
    for (backend, upstream, tenant, single), ids in queued.items():
        sql = PLACE_OF_ONE if single else PLACE_OF_MANY
        place, after = 0, ""
        for operation_id in sorted(ids):
            named = {"backend": backend, "upstream": upstream, "tenant": tenant, "after": after, "id": operation_id}
            row = tx.row(sql, named)
            if row and row[1] is not None:
                place, after = place + int(row[0]), row[1]
            if after == operation_id:
                found[operation_id] = place
    return found
