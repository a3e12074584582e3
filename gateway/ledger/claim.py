"""Permission to send, in one transaction: due, open, within the pace, free, and fair (ARCHITECTURE.md, "One idea")."""

from collections import deque
from random import Random

from msgspec.structs import replace

from gateway.ledger.base import Claim, ClaimRules
from gateway.ledger.budget import Budget
from gateway.ledger.circuit import begin_trial, gate
from gateway.ledger.grant import DUE_COLUMNS, DueCase, Terms, grant, lost_calls
from gateway.ledger.pace import headroom, turn_microseconds, windows_of
from gateway.ledger.rows import BULK, CALLED_BEFORE, RETRIED, SINGLE, WAITING, queue_of
from gateway.ledger.store import Transaction
from gateway.ledger.turns import Candidate, Turns
from gateway.model.calls import Call
from gateway.model.hours import SECOND, next_start, start_within
from gateway.model.ids import Ids

LOOK_AGAIN_MICROSECONDS = SECOND
"""When what holds the waiting cases back cannot be told."""
CATCH_UP_MICROSECONDS = SECOND
"""By so much may bulk be behind its pace and still catch up."""


def claim(tx: Transaction, rules: ClaimRules, ids: Ids) -> Claim:
    """Grant what may be sent to `rules.backend` now, and say when to ask again for what may not."""
    return replace(_claim(tx, rules, ids), asked_at=tx.asked_at)


def _claim(tx: Transaction, rules: ClaimRules, ids: Ids) -> Claim:
    tx.lock(f"limits {rules.limits.name}")
    lost = lost_calls(tx, rules)
    queue = queue_of(rules.backend, rules.upstream)
    lanes = _lanes(tx, queue)
    if not lanes:
        return Claim(tx.now, lost=lost)
    not_before = max(_open_at(tx, rules), _pause_end(tx, rules.backend), _moved_in(tx, rules), min(lanes.values()))
    if not_before > tx.now:
        return Claim(tx.now, lost=lost, ask_again_at=not_before)
    circuit = gate(tx, rules.backend)
    if circuit.again_at is not None:
        return Claim(tx.now, lost=lost, ask_again_at=circuit.again_at)
    room = headroom(tx, rules.limits)
    slots = rules.slots if room.calls is None else min(rules.slots, room.calls)
    if room.calls == 0:
        return Claim(tx.now, lost=lost, ask_again_at=room.again_at or tx.now + LOOK_AGAIN_MICROSECONDS)
    if slots == 0:
        return Claim(tx.now, lost=lost, ask_again_at=tx.now)
    calls, again_at = _Picker(tx, rules, ids, queue, lanes, half_open=circuit.half_open).pick(slots)
    return Claim(tx.now, calls, lost, again_at)


def _lanes(tx: Transaction, queue: str) -> dict[Candidate, int]:
    """Every tenant's lane in which a case waits, with the instant at which its first is due.

    Steps from tenant to tenant along the index: the cost is that of the tenants, however many cases wait.
    """
    rows = tx.rows(
        f"""WITH RECURSIVE
            lanes (lane) AS (SELECT {RETRIED} UNION ALL SELECT {CALLED_BEFORE}
                UNION ALL SELECT {SINGLE} UNION ALL SELECT {BULK}),
            heads (lane, tenant) AS (
                SELECT lane, (SELECT min(c.tenant) FROM cases c WHERE c.queue = :queue AND c.state = {WAITING}
                    AND c.lane = lanes.lane) FROM lanes
              UNION ALL
                SELECT lane, (SELECT min(c.tenant) FROM cases c WHERE c.queue = :queue AND c.state = {WAITING}
                    AND c.lane = heads.lane AND c.tenant > heads.tenant) FROM heads WHERE tenant IS NOT NULL)
            SELECT lane, tenant, (SELECT min(c.due_at) FROM cases c WHERE c.queue = :queue
                AND c.state = {WAITING} AND c.lane = heads.lane AND c.tenant = heads.tenant)
            FROM heads WHERE tenant IS NOT NULL""",  # noqa: S608 - constants
        {"queue": queue},
    )
    return {Candidate(lane, tenant): due_at for lane, tenant, due_at in rows}


def _open_at(tx: Transaction, rules: ClaimRules) -> int:
    """When a call may begin: now, or in the next window; the slowest call must fit in before the window ends."""
    needed = round(rules.timeout_seconds * SECOND)
    begin = next_start(rules.hours, tx.now, needed)
    if rules.hours is None:
        return begin
    seed = f"{_installation(tx)}/{rules.backend}/{rules.hours.window(begin)[0]}"
    fraction = Random(seed).random()  # noqa: S311 - spreads load, hides nothing
    return start_within(rules.hours, begin, needed, fraction)


def _installation(tx: Transaction) -> str:
    row = tx.row("SELECT id FROM installation")
    return str(row[0]) if row else ""


def _pause_end(tx: Transaction, backend: str) -> int:
    row = tx.row("SELECT until FROM pauses WHERE backend = :backend", {"backend": backend})
    return int(row[0]) if row else 0


def _moved_in(tx: Transaction, rules: ClaimRules) -> int:
    """When a backend that comes from another limits group may begin: its last calls there are counted there alone.

    By then the last of them has left every window and freed its slot.
    """
    last = tx.row(
        """SELECT k.limits_group, o.upstream, k.granted_at FROM calls k JOIN operations o ON o.id = k.operation_id
           WHERE k.backend = :backend ORDER BY k.id DESC LIMIT 1""",
        {"backend": rules.backend},
    )
    if last is None or last[0] == rules.limits.name or last[1] != rules.upstream:
        return 0
    return int(last[2]) + max([rules.lease_microseconds, *(window.microseconds for window in windows_of(rules.limits))])


class _Picker:
    """Picks cases turn by turn, and grants a call for each; only one while the circuit is half open."""

    def __init__(
        self, tx: Transaction, rules: ClaimRules, ids: Ids, queue: str, lanes: dict[Candidate, int], *, half_open: bool
    ) -> None:
        self._tx, self._rules, self._ids = tx, rules, ids
        self._queue_name = queue
        self._half_open = half_open
        self._budget = Budget(tx, rules.backend, rules.retry)
        self._group = rules.limits.name
        self._turn_length = turn_microseconds(rules.limits)
        self._lanes = lanes
        self._queues: dict[Candidate, deque[DueCase]] = {}
        self._looked_through: set[Candidate] = set()
        self._taken: set[str] = set()
        pace = tx.row(
            "SELECT bulk_at, since_bulk, turns FROM paces WHERE limits_group = :group", {"group": self._group}
        )
        bulk_at, since_bulk, turn = pace or (0, 0, 0)
        self._bulk_at = int(bulk_at)
        last = tx.rows("SELECT tenant, turn FROM turns WHERE limits_group = :group", {"group": self._group})
        self._turns = Turns({str(tenant): int(number) for tenant, number in last}, turn, since_bulk)

    def pick(self, slots: int) -> tuple[tuple[Call, ...], int | None]:
        """Up to `slots` calls, and when a further claim may grant more."""
        slots = 1 if self._half_open else slots
        candidates = {lane for lane, due_at in self._lanes.items() if due_at <= self._tx.now}
        calls: list[Call] = []
        while len(calls) < slots:
            candidate = self._next(candidates)
            if candidate is None:
                break
            cases = self._next_cases(candidate, slots - len(calls)) if self._affords(candidate) else []
            if not cases:
                candidates.discard(candidate)
                continue
            calls.append(grant(self._tx, self._rules, self._ids, cases, self._terms(candidate)))
            self._take_turn(candidate)
        if self._half_open and calls:
            begin_trial(self._tx, calls[0])
        if calls:
            self._remember()
        return tuple(calls), self._again_at(candidates, full=len(calls) == slots)

    def _next(self, candidates: set[Candidate]) -> Candidate | None:
        """Whose turn it is; to test the circuit, theirs who have been due for longest.

        Who failed the last test has only just become due again: one case that always fails keeps no other from it.
        """
        if self._half_open:
            return min(candidates, key=lambda candidate: self._lanes[candidate], default=None)
        return self._turns.next(candidates, bulk_due=self._bulk_at <= self._tx.now)

    def _next_cases(self, candidate: Candidate, slots: int) -> list[DueCase]:
        """The cases of the lane's next call: one, or several of one operation where the backend takes them."""
        chosen = list[DueCase]()
        while not chosen and (queue := self._queue(candidate, slots * self._rules.cases_per_call)):
            while queue and len(chosen) < self._rules.cases_per_call:
                if chosen and not queue[0].fits_with(chosen[0]):
                    break
                case = queue.popleft()
                if case.exclusion not in self._taken:
                    self._taken.add(case.exclusion)
                    chosen.append(case)
        return chosen

    def _queue(self, candidate: Candidate, count: int) -> deque[DueCase]:
        """The lane's next due cases. Copies of one case may have used up the last look, with others behind them."""
        queue = self._queues.get(candidate)
        if queue or candidate in self._looked_through:
            return queue or deque()
        found = self._due(candidate, count)
        if len(found) < count:
            self._looked_through.add(candidate)
        self._queues[candidate] = deque(found)
        return self._queues[candidate]

    def _due(self, candidate: Candidate, count: int) -> list[DueCase]:
        """Due cases of a lane that nobody can withdraw any more, before they are granted."""
        found = self._look(candidate, count)
        operations = {case.operation_id for case in found}
        if found and self._tx.hold(*sorted(operations)):
            found = [case for case in self._look(candidate, count) if case.operation_id in operations]
        return found

    def _look(self, candidate: Candidate, count: int) -> list[DueCase]:
        """Due cases of a lane, but none whose identifier another call of the group, or of the backend, holds.

        A lost call holds it past its lease, until somebody has said what became of it: its request id may be needed
        again, or a probe.
        """
        rows = self._tx.rows(
            f"""SELECT {DUE_COLUMNS} FROM cases c JOIN operations o ON o.id = c.operation_id
                WHERE c.queue = :queue AND c.state = {WAITING} AND c.lane = :lane AND c.tenant = :tenant
                  AND c.due_at <= :now
                  AND NOT EXISTS (SELECT 1 FROM cases h JOIN calls k ON k.id = h.call_id
                      WHERE h.exclusion = c.exclusion AND (k.limits_group = :group OR k.backend = :backend)
                        AND (k.held_until > :now OR k.settled_at IS NULL))
                ORDER BY c.due_at, c.operation_id, c.position LIMIT :count""",  # noqa: S608 - constants
            {
                "queue": self._queue_name,
                "lane": candidate.lane,
                "tenant": candidate.tenant,
                "group": self._group,
                "backend": self._rules.backend,
                "now": self._tx.now,
                "count": count,
            },
        )
        return [DueCase(*row) for row in rows]

    def _affords(self, candidate: Candidate) -> bool:
        """Whether the retry budget lets the lane go; the one call of a half-open circuit is not charged."""
        return candidate.lane != RETRIED or self._half_open or self._budget.has_token()

    def _terms(self, candidate: Candidate) -> Terms:
        if self._half_open:
            return Terms(tests_circuit=True)
        return Terms(from_budget=candidate.lane == RETRIED)

    def _take_turn(self, candidate: Candidate) -> None:
        self._turns.take(candidate)
        if candidate.lane == RETRIED and not self._half_open:
            self._budget.take()
        elif candidate.lane in {SINGLE, BULK}:
            self._budget.put()
        if self._turn_length:
            # Bulk makes room for what goes at once, too: a window that was filled before its time has nothing left for
            # singles.
            self._bulk_at = self._caught_up() + self._turn_length

    def _caught_up(self) -> int:
        """When the bulk turn that is taken now was due: late turns are caught up, so that none of the pace is lost.

        Who was idle, or stood still for long, begins evenly anew.
        """
        if self._tx.now - self._bulk_at <= max(self._turn_length, CATCH_UP_MICROSECONDS):
            return self._bulk_at
        return self._tx.now - self._turn_length

    def _remember(self) -> None:
        self._budget.save()
        self._tx.run(
            """INSERT INTO paces (limits_group, bulk_at, since_bulk, turns) VALUES (:group, :bulk_at, :since, :turns)
               ON CONFLICT (limits_group) DO UPDATE SET bulk_at = excluded.bulk_at, since_bulk = excluded.since_bulk,
                   turns = excluded.turns""",
            {
                "group": self._group,
                "bulk_at": self._bulk_at,
                "since": self._turns.since_bulk,
                "turns": self._turns.turn,
            },
        )
        self._tx.run_many(
            """INSERT INTO turns (limits_group, tenant, turn) VALUES (:group, :tenant, :turn)
               ON CONFLICT (limits_group, tenant) DO UPDATE SET turn = excluded.turn""",
            [{"group": self._group, "tenant": tenant, "turn": turn} for tenant, turn in self._turns.taken.items()],
        )

    def _again_at(self, candidates: set[Candidate], *, full: bool) -> int | None:
        """Null if nothing is waiting; now if only slots ran out; else when something falls due, or is freed."""
        now = self._tx.now
        waits = f"SELECT 1 FROM cases WHERE queue = :queue AND state = {WAITING} LIMIT 1"  # noqa: S608 - a constant
        if not self._tx.row(waits, {"queue": self._queue_name}):
            return None
        if full:
            return now
        instants = [due_at for due_at in self._lanes.values() if due_at > now]
        if any(candidate.lane == BULK for candidate in candidates):
            instants.append(self._bulk_at)
        if self._budget.again_at is not None:
            instants.append(self._budget.again_at)
        held = self._tx.row(
            "SELECT min(held_until) FROM calls WHERE limits_group = :group AND held_until > :now",
            {"group": self._group, "now": now},
        )
        if held and held[0] is not None:
            instants.append(held[0])
        return min(instants, default=now + LOOK_AGAIN_MICROSECONDS)
