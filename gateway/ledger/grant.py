"""A call in the ledger: written when it is granted, found again when its lease ran out without an answer."""

from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from gateway.ledger.base import ClaimRules
from gateway.ledger.deadline import open_seconds_left
from gateway.ledger.outcomes import unsettled_items
from gateway.ledger.rows import IN_FLIGHT, items_of, outcome_of
from gateway.ledger.store import Transaction
from gateway.model.calls import Call, GrantedCase
from gateway.model.cases import Identifier, Item
from gateway.model.ids import Ids
from gateway.model.kinds import IdentifierType, Kind, Purpose, Status, System
from gateway.model.outcomes import Code, ItemOutcome

DUE_COLUMNS = """c.operation_id, c.position, c.exclusion, c.step, c.identifier_type, c.identifier, c.request_id,
    c.request_id_given, c.begun, c.attempts, c.failures, c.first_called_at, c.due_at, c.status, c.found, c.deleted,
    c.evidence, c.messages, c.errors, c.last_code, c.item_count, c.own_call_id, o.kind, o.tenant, o.upstream_tenant,
    o.system, o.execute, o.request_id, o.trace_parent"""


class DueCase(Struct, frozen=True):
    """A row of DUE_COLUMNS."""

    operation_id: str
    position: int
    exclusion: str
    step: str
    identifier_type: str
    identifier: str
    request_id: str | None
    request_id_given: int
    begun: int
    attempts: int
    failures: int
    first_called_at: int | None
    due_at: int
    status: str
    found: int | None
    deleted: int | None
    evidence: str | None
    messages: str
    errors: str
    last_code: str | None
    item_count: int
    own_call_id: str | None
    kind: str
    tenant: str
    upstream_tenant: str
    system: str
    execute: int
    http_request_id: str | None
    trace_parent: str | None

    def fits_with(self, other: "DueCase") -> bool:
        """Whether both can go in one call."""
        return self.operation_id == other.operation_id and self.step == other.step

    @property
    def purpose(self) -> Purpose:
        """What a call for this case does."""
        if not self.execute:
            return Purpose.DRY_RUN
        return Purpose.PROBE if self.step == "probe" else Purpose.EXECUTE


class Terms(Struct, frozen=True):
    """On what terms a call is granted; see `Call`."""

    tests_circuit: bool = False
    from_budget: bool = False


def grant(tx: Transaction, rules: ClaimRules, ids: Ids, due: list[DueCase], terms: Terms) -> Call:
    """Write the call that carries the cases `due`, all of one operation, and hold its slot and its cases."""
    due = [_on_what_is_unsettled(tx, rules, case) for case in due]
    first, call_id = due[0], ids.make(tx.now)
    purpose = _purpose(first, terms)
    tx.run(
        """INSERT INTO calls (id, operation_id, backend, limits_group, purpose, granted_at, held_until)
           VALUES (:id, :operation, :backend, :group, :purpose, :now, :held_until)""",
        {
            "id": call_id,
            "operation": first.operation_id,
            "backend": rules.backend,
            "group": rules.limits.name,
            "purpose": purpose.value,
            "now": tx.now,
            "held_until": tx.now + rules.lease_microseconds,
        },
    )
    if purpose is Purpose.TRIAL:
        cases = _hold_for_trial(tx, rules, call_id, first)
    else:
        cases = tuple(_granted(tx, rules, case) for case in due)
        _hold(tx, call_id, first.operation_id, cases)
    tx.run(
        "UPDATE operations SET started_at = :now WHERE id = :id AND started_at IS NULL",
        {"id": first.operation_id, "now": tx.now},
    )
    return replace(
        _call(rules.backend, first, call_id, tx.now, purpose, cases),
        tests_circuit=terms.tests_circuit,
        from_budget=terms.from_budget,
    )


def _purpose(case: DueCase, terms: Terms) -> Purpose:
    """A call that tests the circuit deletes nothing, if its system knows dry runs."""
    if terms.tests_circuit and case.purpose is Purpose.EXECUTE and case.system != System.ORACLE_ECM:
        return Purpose.TRIAL
    return case.purpose


def _hold(tx: Transaction, call_id: str, operation_id: str, cases: tuple[GrantedCase, ...]) -> None:
    tx.run_many(
        f"""UPDATE cases SET state = {IN_FLIGHT}, call_id = :call, own_call_id = :call, request_id = :request_id,
                first_called_at = coalesce(first_called_at, :now)
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - a constant
        [
            {
                "call": call_id,
                "now": tx.now,
                "operation": operation_id,
                "position": case.position,
                "request_id": case.request_id,
            }
            for case in cases
        ],
    )


def _hold_for_trial(tx: Transaction, rules: ClaimRules, call_id: str, case: DueCase) -> tuple[GrantedCase, ...]:
    """The trial is no call of the case's own: its deadline does not begin, and its request id stays unused.

    Nor does it count where calls of several cases are put in order, to find out whose request id is in use.
    """
    tx.run(
        f"""UPDATE cases SET state = {IN_FLIGHT}, call_id = :call
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - a constant
        {"call": call_id, "operation": case.operation_id, "position": case.position},
    )
    return (_granted_case(tx, rules, case, str(uuid4()), begun=False),)


def lost_calls(tx: Transaction, rules: ClaimRules) -> tuple[Call, ...]:
    """Calls of the backend whose lease ran out with no word of them: whoever made them is gone."""
    rows = tx.rows(
        """SELECT k.id, k.granted_at, k.purpose, k.operation_id, o.kind, o.tenant, o.upstream_tenant
           FROM calls k JOIN operations o ON o.id = k.operation_id
           WHERE k.backend = :backend AND k.settled_at IS NULL AND k.held_until <= :now AND o.upstream = :upstream
           ORDER BY k.held_until LIMIT 100""",
        {"backend": rules.backend, "now": tx.now, "upstream": rules.upstream},
    )
    return tuple(_lost(tx, rules, _LostCall(*row)) for row in rows)


class _LostCall(Struct, frozen=True):
    id: str
    granted_at: int
    purpose: str
    operation_id: str
    kind: str
    tenant: str
    upstream_tenant: str


def _lost(tx: Transaction, rules: ClaimRules, lost: _LostCall) -> Call:
    purpose = Purpose(lost.purpose)
    rows = tx.rows(
        f"""SELECT {DUE_COLUMNS} FROM cases c JOIN operations o ON o.id = c.operation_id
            WHERE c.call_id = :call AND c.state = {IN_FLIGHT} ORDER BY c.position""",  # noqa: S608 - constants
        {"call": lost.id},
    )
    due = [DueCase(*row) for row in rows]
    if not due:
        # It is being settled this moment, or its cases have gone on without it: only its own row is left to close.
        kind, tenant, upstream_tenant = Kind(lost.kind), lost.tenant, lost.upstream_tenant
        return Call(
            lost.id, lost.operation_id, rules.backend, kind, tenant, upstream_tenant, purpose, (), lost.granted_at
        )
    cases = tuple(_granted_case(tx, rules, case, case.request_id, begun=bool(case.begun)) for case in due)
    return _call(rules.backend, due[0], lost.id, lost.granted_at, purpose, cases)


def _call(
    backend: str, first: DueCase, call_id: str, granted_at: int, purpose: Purpose, cases: tuple[GrantedCase, ...]
) -> Call:
    return Call(
        id=call_id,
        operation_id=first.operation_id,
        backend=backend,
        kind=Kind(first.kind),
        tenant=first.tenant,
        upstream_tenant=first.upstream_tenant,
        purpose=purpose,
        cases=cases,
        granted_at=granted_at,
        due_at=first.due_at,
        trace_parent=first.trace_parent,
        request_id=first.http_request_id,
    )


def _granted(tx: Transaction, rules: ClaimRules, case: DueCase) -> GrantedCase:
    if case.kind != Kind.CASE_DELETION:
        return _granted_case(tx, rules, case, None, begun=bool(case.begun))
    if case.purpose is Purpose.DRY_RUN:
        # The id of a dry run is never used again, or the deletion after it would seem to be a resumption.
        return _granted_case(tx, rules, case, str(uuid4()), begun=False)
    if case.request_id_given or case.system != System.HUB_PROPERTY:
        return _granted_case(tx, rules, case, case.request_id, begun=bool(case.begun))
    return _with_lent_id(tx, rules, case)


def _on_what_is_unsettled(tx: Transaction, rules: ClaimRules, case: DueCase) -> DueCase:
    """A deletion that has no idempotency key begins with a probe, where an earlier one of the same case is unsettled.

    Unsettled is what had no trustworthy answer, and neither this case nor another has found out about since.
    """
    if case.purpose is not Purpose.EXECUTE or case.system != System.CLAIMSHOP or case.begun:
        return case
    latest = _earlier_deletion(tx, rules, case)
    if latest is None or not latest.is_unsettled_since(case):
        return case
    return replace(case, step="probe")


def _with_lent_id(tx: Transaction, rules: ClaimRules, case: DueCase) -> GrantedCase:
    """An earlier deletion of the same case lends its request id while it is resumable or unsettled.

    Once it has succeeded, nobody uses its id again: not even a case that has borrowed it before. A case that has begun
    keeps its id, unless a later deletion has begun under another: then somebody has seen the first one to its end.
    """
    earlier = _earlier_deletion(tx, rules, case)
    if case.begun and (earlier is None or not earlier.is_unsettled_since(case)):
        return _granted_case(tx, rules, case, case.request_id, begun=True)
    if earlier is None:
        return _granted_case(tx, rules, case, case.request_id, begun=False)
    if earlier.begun:
        return _granted_case(tx, rules, case, earlier.request_id, begun=True)
    own = str(uuid4()) if earlier.request_id == case.request_id else case.request_id
    return _granted_case(tx, rules, case, own, begun=False)


class _Earlier(Struct, frozen=True):
    """The last deletion of the same case that was carried out, or may have been: then it is `begun`.

    `call_id` is that of its last call of its own.
    """

    request_id: str | None
    begun: bool
    call_id: str

    def is_unsettled_since(self, case: DueCase) -> bool:
        """Whether it has begun, and its call came after the last one of `case`."""
        return self.begun and self.call_id >= (case.own_call_id or "")


def _earlier_deletion(tx: Transaction, rules: ClaimRules, case: DueCase) -> _Earlier | None:
    row = tx.row(
        """SELECT c.request_id, c.begun, k.id FROM cases c JOIN operations o ON o.id = c.operation_id
               JOIN calls k ON k.id = c.own_call_id
           WHERE c.exclusion = :exclusion AND o.execute = 1 AND o.system = :system
             AND (k.limits_group = :group OR k.backend = :backend)
             AND (c.begun = 1 OR c.status = 'succeeded') AND NOT (c.operation_id = :id AND c.position = :position)
           ORDER BY k.id DESC LIMIT 1""",
        {
            "exclusion": case.exclusion,
            "system": case.system,
            "group": rules.limits.name,
            "backend": rules.backend,
            "id": case.operation_id,
            "position": case.position,
        },
    )
    return None if row is None else _Earlier(row[0], bool(row[1]), row[2])


def _granted_case(
    tx: Transaction, rules: ClaimRules, case: DueCase, request_id: str | None, *, begun: bool
) -> GrantedCase:
    items, unsettled = _items(tx, case)
    columns = (case.status, case.found, case.deleted, case.evidence, case.messages, case.errors)
    return GrantedCase(
        position=case.position,
        identifier=Identifier(IdentifierType(case.identifier_type), case.identifier),
        request_id=request_id,
        items=tuple(Item(item.id, item.type_code) for item in items if item.status is Status.PENDING),
        earlier_items=items,
        unsettled_items=unsettled,
        begun=begun,
        earlier=outcome_of(columns, items) if case.begun else None,
        attempts=case.attempts,
        failures=case.failures,
        open_seconds_left=open_seconds_left(tx, rules, case.first_called_at),
        last_code=Code(case.last_code) if case.last_code else None,
    )


def _items(tx: Transaction, case: DueCase) -> tuple[tuple[ItemOutcome, ...], frozenset[tuple[str, str | None]]]:
    if not case.item_count:
        return (), frozenset()
    items = items_of(tx, case.operation_id, case.position, case.position).get(case.position, ())
    return items, unsettled_items(tx, case.operation_id, case.position)
