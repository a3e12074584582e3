"""A call in the ledger: written when it is granted, found again when its lease ran out without an answer."""

from uuid import uuid4

from msgspec import Struct

from gateway.ledger.base import ClaimRules
from gateway.ledger.deadline import open_seconds_left
from gateway.ledger.outcomes import unsettled_items
from gateway.ledger.rows import IN_FLIGHT, items_of, outcome_of
from gateway.ledger.store import Transaction
from gateway.model.calls import Call, GrantedCase
from gateway.model.cases import Identifier, Item
from gateway.model.hours import SECOND
from gateway.model.ids import Ids
from gateway.model.kinds import IdentifierType, Kind, Purpose, Status, System
from gateway.model.outcomes import Code, ItemOutcome

DUE_COLUMNS = """c.operation_id, c.position, c.exclusion, c.step, c.identifier_type, c.identifier, c.request_id,
    c.request_id_given, c.begun, c.attempts, c.failures, c.first_called_at, c.due_at, c.status, c.found, c.deleted,
    c.evidence, c.messages, c.errors, c.last_code, c.item_count, o.kind, o.tenant, o.upstream_tenant, o.system,
    o.execute, o.request_id, o.trace_parent"""


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


def grant(tx: Transaction, rules: ClaimRules, ids: Ids, due: list[DueCase]) -> Call:
    """Write the call that carries the cases `due`, all of one operation, and hold its slot and its cases."""
    first, call_id = due[0], ids.make(tx.now)
    tx.run(
        """INSERT INTO calls (id, operation_id, backend, limits_group, purpose, granted_at, held_until)
           VALUES (:id, :operation, :backend, :group, :purpose, :now, :held_until)""",
        {
            "id": call_id,
            "operation": first.operation_id,
            "backend": rules.backend,
            "group": rules.limits.name,
            "purpose": first.purpose.value,
            "now": tx.now,
            "held_until": tx.now + round((rules.timeout_seconds + rules.linger_seconds) * SECOND),
        },
    )
    cases = tuple(_granted(tx, rules, case) for case in due)
    tx.run_many(
        f"""UPDATE cases SET state = {IN_FLIGHT}, call_id = :call, request_id = :request_id,
                first_called_at = coalesce(first_called_at, :now)
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - a constant
        [
            {
                "call": call_id,
                "now": tx.now,
                "operation": first.operation_id,
                "position": case.position,
                "request_id": case.request_id,
            }
            for case in cases
        ],
    )
    tx.run(
        "UPDATE operations SET started_at = :now WHERE id = :id AND started_at IS NULL",
        {"id": first.operation_id, "now": tx.now},
    )
    return _call(rules.backend, first, call_id, tx.now, cases)


def lost_calls(tx: Transaction, rules: ClaimRules) -> tuple[Call, ...]:
    """Calls of the backend whose lease ran out with no word of them: whoever made them is gone."""
    rows = tx.rows(
        """SELECT id, granted_at, purpose FROM calls
           WHERE backend = :backend AND settled_at IS NULL AND held_until <= :now ORDER BY held_until LIMIT 100""",
        {"backend": rules.backend, "now": tx.now},
    )
    return tuple(_lost(tx, rules, *row) for row in rows)


def _lost(tx: Transaction, rules: ClaimRules, call_id: str, granted_at: int, purpose: str) -> Call:
    rows = tx.rows(
        f"""SELECT {DUE_COLUMNS} FROM cases c JOIN operations o ON o.id = c.operation_id
            WHERE c.call_id = :call AND c.state = {IN_FLIGHT} ORDER BY c.position""",  # noqa: S608 - constants
        {"call": call_id},
    )
    due = [DueCase(*row) for row in rows]
    if not due:
        # Its cases have gone on without it; only its own row is left to close.
        return Call(call_id, "", rules.backend, Kind.CASE_DELETION, "", "", Purpose(purpose), (), granted_at)
    cases = tuple(_granted_case(tx, rules, case, case.request_id, begun=bool(case.begun)) for case in due)
    return _call(rules.backend, due[0], call_id, granted_at, cases)


def _call(backend: str, first: DueCase, call_id: str, granted_at: int, cases: tuple[GrantedCase, ...]) -> Call:
    return Call(
        id=call_id,
        operation_id=first.operation_id,
        backend=backend,
        kind=Kind(first.kind),
        tenant=first.tenant,
        upstream_tenant=first.upstream_tenant,
        purpose=first.purpose,
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
    if case.begun or case.request_id_given or case.system != System.HUB_PROPERTY:
        return _granted_case(tx, rules, case, case.request_id, begun=bool(case.begun))
    return _with_lent_id(tx, rules, case)


def _with_lent_id(tx: Transaction, rules: ClaimRules, case: DueCase) -> GrantedCase:
    """An earlier deletion of the same case lends its request id while it is resumable or unsettled.

    Once it has succeeded, nobody uses its id again: not even a case that has borrowed it before.
    """
    row = tx.row(
        """SELECT c.request_id, c.begun FROM cases c JOIN operations o ON o.id = c.operation_id
               JOIN calls k ON k.id = c.call_id
           WHERE c.exclusion = :exclusion AND o.execute = 1 AND o.system = :system AND k.limits_group = :group
             AND (c.begun = 1 OR c.status = 'succeeded') AND NOT (c.operation_id = :id AND c.position = :position)
           ORDER BY c.call_id DESC LIMIT 1""",
        {
            "exclusion": case.exclusion,
            "system": case.system,
            "group": rules.limits.name,
            "id": case.operation_id,
            "position": case.position,
        },
    )
    if row is None:
        return _granted_case(tx, rules, case, case.request_id, begun=False)
    request_id, lends = row
    if lends:
        return _granted_case(tx, rules, case, request_id, begun=True)
    own = str(uuid4()) if request_id == case.request_id else case.request_id
    return _granted_case(tx, rules, case, own, begun=False)


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
