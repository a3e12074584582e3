"""The judge of the fault tests objects to every wrong history that it is there for, and to no right one."""

# ruff: noqa: ANN401 - fields of what is made

from typing import Any

import pytest
from msgspec.structs import replace

from .oracle import objections
from .oracle.records import CLAIMSHOP, ECM, HUB, Asked, Call, Json, Ledger, Record

START = 1_800_000_000.0
ID, OTHER_ID = "5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a", "6c8e8010-64d9-4a1f-8d4e-1b702e2d3c4b"
COUNTED = ("succeeded", "partial", "failed", "unknown", "cancelled")


def call(at: float, system: str = HUB, *, name: str = "r1", seconds: float = 0.1, **more: Any) -> Call:
    """A call that arrived `at` seconds from the start, about the one case of request `name`, and was answered 200."""
    what: Json = {"cases": ("C-r1",), "x_request_id": name, "answered": 200}
    what |= {"tenant": "t", "identifier_type": "caseNumber", "execute": True} if system != ECM else {}
    what |= {"request_id": ID} if system == HUB else {}
    what |= {"items": (("C-r1", "I1"), ("C-r1", "I2"))} if system == ECM else {}
    times = {"received_at": START + at, "answered_at": START + at + seconds}
    return Call(**{"number": round(at * 1000), "system": system, "call": "", **times, **what, **more})


def deleted(at: float, system: str = HUB, **more: Any) -> Call:
    return call(at, system, done="deleted", **more)


def lost(at: float, system: str = HUB, **more: Any) -> Call:
    """A call whose answer nobody heard."""
    return call(at, system, heard=False, answered="dropped", situation="drop", **more)


def asked_for(system: str = HUB, *, name: str = "r1", execute: bool = True, **more: Any) -> Asked:
    case: Json = {"caseNumber": "C-r1"}
    if system == ECM:
        case = {"caseId": "C-r1", "customers": [{"customerId": "I1"}, {"customerId": "I2"}]}
    kind = "customer-removal" if system == ECM else "case-deletion"
    return Asked(name, "t", kind, system, execute, [case], name, [f"op-{name}"], **more)


def result(status: str = "succeeded", *, code: str | None = None, **more: Any) -> Json:
    told: Json = {
        "case": {"caseNumber": "C-r1"},
        "status": status,
        "found": None,
        "deleted": None,
        "evidence": "confirmed",
        "requestId": ID,
        "attempts": 3,
        "items": [],
        "messages": [],
        "errors": [{"code": code, "resumable": False}] if code else [],
    }
    return {**told, **({"found": True, "deleted": True} if status == "succeeded" else {}), **more}


def item(name: str, status: str = "succeeded", evidence: str | None = "confirmed") -> Json:
    return {"id": name, "status": status, "evidence": evidence}


def removal(*items: Json, status: str = "succeeded") -> Json:
    return result(status, case={"caseId": "C-r1"}, found=None, deleted=None, requestId=None, items=list(items))


def record(calls: list[Call], told: Json, asked: Asked | None = None, **more: Any) -> Record:
    """One request for one case, in whose ledger all is as it should be."""
    asked = asked or asked_for()
    return record_of(calls, [(asked, told)], **more)


def record_of(calls: list[Call], pairs: list[tuple[Asked, Json]], *, kills: tuple[float, ...] = ()) -> Record:
    operations, cases = [], []
    for asked, told in pairs:
        counts = {status: int(told["status"] == status) for status in COUNTED}
        row = {"id": f"op-{asked.name}", "request_id": asked.name, "execute": int(asked.execute)}
        operations.append({**row, **counts, "status": told["status"], "finished_at": 1, "cancelled_at": None})
        place = {"operation_id": f"op-{asked.name}", "position": 0, "identifier": "C-r1", "state": 2}
        cases.append({**place, "status": told["status"], "attempts": told["attempts"]})
    grants = [
        {
            "id": f"call-{each.number}",
            "operation_id": f"op-{each.x_request_id}",
            "granted_at": round((each.received_at - 0.01) * 1_000_000),
            "settled_at": 1,
            "outcome": "unknown" if each.told is None else str(each.told),
        }
        for each in calls
    ]
    return Record(
        history=calls,
        ledger=Ledger(operations, cases, grants, 0),
        asked=[asked for asked, _ in pairs],
        told={f"op-{asked.name}": envelope(told) for asked, told in pairs},
        kills=[START + at for at in kills],
        lease_seconds=1.5,
        prompt_seconds=0.4,
    )


def unanswered(one: Record, number: int) -> Record:
    """The record, in whose ledger the call of this number got no answer."""
    calls = [{**row, "outcome": "unknown"} if row["id"] == f"call-{number}" else row for row in one.ledger.calls]
    return replace(one, ledger=replace(one.ledger, calls=calls))


def envelope(told: Json) -> Json:
    counts = {status: int(told["status"] == status) for status in (*COUNTED, "pending")}
    return {"status": told["status"], "summary": {"total": 1, **counts}, "results": [told]}


INFERRED = result("succeeded", found=False, deleted=None, evidence="inferred")
UNKNOWN = result("unknown", code="outcome_unknown", evidence=None)
FAILED = result("failed", code="upstream_error", deleted=False)
RIGHT = {
    "deleted": record([deleted(0)], result()),
    "resumed after a lost answer": record([lost(0, done="deleted"), call(2, answered=404)], INFERRED),
    "resumed after a failure": record([call(0, answered=500, done="partly_deleted"), deleted(1)], result()),
    "unknown, since the last answer was lost": record([lost(0), lost(2, done="deleted")], UNKNOWN),
    "unknown, since the process died over the answer": record([deleted(0)], UNKNOWN, kills=(0.2,)),
    "of two requests the second goes on with what the first began": record_of(
        [lost(0), deleted(2, name="r2")],
        [(asked_for(), {**UNKNOWN, "attempts": 1}), (asked_for(name="r2"), result())],
    ),
    "of two requests the second ends what the first was cancelled at": record_of(
        [call(0, answered=500, done="partly_deleted"), deleted(2, name="r2")],
        [
            (asked_for(cancelled=[START + 1]), {**FAILED, "errors": [{"code": "upstream_error", "resumable": True}]}),
            (asked_for(name="r2"), result()),
        ],
    ),
    "of two requests the second finds it gone, under an id of its own": record_of(
        [deleted(0), call(2, name="r2", answered=404, request_id=OTHER_ID)],
        [
            (asked_for(), result()),
            (asked_for(name="r2"), result("failed", code="case_not_found", deleted=False, requestId=OTHER_ID)),
        ],
    ),
    "not found, and by a retry it goes on with what another request began since": record_of(
        [
            call(0, answered=404),
            lost(2, name="r2", done="deleted", request_id=OTHER_ID),
            call(5, answered=404, request_id=OTHER_ID),
        ],
        [
            (asked_for(), {**INFERRED, "attempts": 2, "requestId": OTHER_ID}),
            (asked_for(name="r2"), {**UNKNOWN, "attempts": 1, "requestId": OTHER_ID}),
        ],
    ),
    "probed and sent again": record(
        [lost(0, CLAIMSHOP), call(2, CLAIMSHOP, execute=False), deleted(3, CLAIMSHOP)], result(), asked_for(CLAIMSHOP)
    ),
    "probed and found gone": record(
        [lost(0, CLAIMSHOP, done="deleted"), call(2, CLAIMSHOP, execute=False, answered=404)],
        INFERRED,
        asked_for(CLAIMSHOP),
    ),
    "probed, found to be forbidden, and sent again by a retry": record(
        [lost(0, CLAIMSHOP), call(2, CLAIMSHOP, execute=False, answered=403), call(9, CLAIMSHOP, answered=403)],
        result("failed", code="deletion_forbidden_by_state", deleted=False),
        asked_for(CLAIMSHOP),
    ),
    "removed again, since the first answer came while the process stood still": unanswered(
        record(
            [call(0, ECM, removed=(("C-r1", "I1"), ("C-r1", "I2"))), call(2, ECM)],
            removal(item("I1", evidence="inferred"), item("I2", evidence="inferred")),
            asked_for(ECM),
        ),
        0,
    ),
    "turned away and sent again": record(
        [call(0, CLAIMSHOP, answered=429), deleted(1, CLAIMSHOP)], result(), asked_for(CLAIMSHOP)
    ),
    "a dry run": record([call(0, execute=False)], result(deleted=False), asked_for(execute=False)),
    "an overlap after the lease": record([lost(0, seconds=3), lost(1.6)], UNKNOWN),
    "removed, one of two inferred": record(
        [
            lost(0, ECM, removed=(("C-r1", "I1"),)),
            call(2, ECM, removed=(("C-r1", "I2"),)),
        ],
        removal(item("I1", evidence="inferred"), item("I2")),
        asked_for(ECM),
    ),
    "partly removed": record(
        [call(0, ECM, removed=(("C-r1", "I1"),))],
        removal(item("I1"), item("I2", "failed"), status="partial"),
        asked_for(ECM),
    ),
    "cancelled before it was sent": record([], result("cancelled", code="case_cancelled", attempts=0)),
}


@pytest.mark.parametrize("right", RIGHT.values(), ids=RIGHT.keys())
def test_nothing_speaks_against_a_right_history(right: Record) -> None:
    assert objections(right) == []


def changed(one: Record, **changes: Any) -> Record:
    """The record with changes to the ledger's parts, or to its own."""
    of_ledger = {name: value for name, value in changes.items() if name in Ledger.__struct_fields__}
    own = {name: value for name, value in changes.items() if name not in of_ledger}
    return replace(one, ledger=replace(one.ledger, **of_ledger), **own)


GOOD = RIGHT["deleted"]
(OPERATION,), (CASE,), (GRANT,) = GOOD.ledger.operations, GOOD.ledger.cases, GOOD.ledger.calls
WRONG = {
    "an accepted operation is not in the ledger": (
        "nothing_lost",
        changed(GOOD, operations=[], cases=[], told={}),
    ),
    "an operation lost a case": ("nothing_lost", changed(GOOD, cases=[])),
    "copies were answered with two operations": (
        "nothing_doubled",
        changed(GOOD, asked=[replace(GOOD.asked[0], operations=["op-r1", "op-r2"])]),
    ),
    "copies made two operations": (
        "nothing_doubled",
        changed(GOOD, operations=[OPERATION, {**OPERATION, "id": "op-copy"}]),
    ),
    "an operation that nobody asked for": (
        "nothing_doubled",
        changed(GOOD, operations=[OPERATION, {**OPERATION, "id": "op-x", "request_id": "x"}]),
    ),
    "an operation does not end": (
        "nothing_left_behind",
        changed(GOOD, operations=[{**OPERATION, "finished_at": None}]),
    ),
    "a case stays in flight": ("nothing_left_behind", changed(GOOD, cases=[{**CASE, "state": 1}])),
    "a call is never settled": ("nothing_left_behind", changed(GOOD, calls=[{**GRANT, "settled_at": None}])),
    "a case counts as queued": ("nothing_left_behind", changed(GOOD, queued=1)),
    "an operation miscounts": ("nothing_left_behind", changed(GOOD, operations=[{**OPERATION, "succeeded": 0}])),
    "told otherwise than kept": ("told_as_kept", changed(GOOD, cases=[{**CASE, "status": "unknown"}])),
    "a call that nobody asked for": ("asked_for", record([deleted(0), call(1, name="x")], result())),
    "a dry run that executed": (
        "asked_for",
        record([deleted(0)], result(deleted=False), asked_for(execute=False)),
    ),
    "a call that is not in the ledger": ("granted_before", changed(GOOD, calls=[])),
    "a call that was sent before it was granted": (
        "granted_before",
        changed(GOOD, calls=[{**GRANT, "granted_at": round((START + 1) * 1_000_000)}]),
    ),
    "two at once": ("one_at_a_time", record([lost(0, seconds=0.9), lost(0.8)], UNKNOWN)),
    "two requests at once": (
        "one_at_a_time",
        record_of(
            [lost(0, seconds=0.9), call(0.1, name="r3"), deleted(0.2, name="r2")],
            [(asked_for(name=name), UNKNOWN) for name in ("r1", "r2", "r3")],
        ),
    ),
    "a probe while the deletion runs": (
        "one_at_a_time",
        record([lost(0, CLAIMSHOP, seconds=1.4), call(1.1, CLAIMSHOP, execute=False)], UNKNOWN, asked_for(CLAIMSHOP)),
    ),
    "resumed under a new request id": (
        "one_request_id",
        record([lost(0, done="deleted"), call(2, answered=404, request_id=OTHER_ID)], INFERRED),
    ),
    "a new request id after a failure": (
        "one_request_id",
        record([call(0, answered=500, done="partly_deleted"), deleted(1, request_id=OTHER_ID)], result()),
    ),
    "a new request id while an older unknown is open": (
        "one_request_id",
        record([lost(0), call(1, answered=429), deleted(2, request_id=OTHER_ID)], result(requestId=OTHER_ID)),
    ),
    "another request under an id of its own while the first is open": (
        "one_request_id",
        record_of(
            [lost(0, done="deleted"), call(2, name="r2", answered=404, request_id=OTHER_ID)],
            [(asked_for(), UNKNOWN), (asked_for(name="r2"), result("failed", code="case_not_found", attempts=3))],
        ),
    ),
    "a new request id after a refusal": (
        "one_request_id_a_request",
        record([call(0, answered=429), deleted(2, request_id=OTHER_ID)], result(requestId=OTHER_ID)),
    ),
    "a new request id of its own after it was not found": (
        "one_request_id_a_request",
        record([call(0, answered=404), call(2, answered=404, request_id=OTHER_ID)], result(requestId=OTHER_ID)),
    ),
    "executed again without a probe": (
        "probed_before_repeated",
        record([lost(0, CLAIMSHOP), deleted(2, CLAIMSHOP)], result(), asked_for(CLAIMSHOP)),
    ),
    "executed again although the probe broke": (
        "probed_before_repeated",
        record(
            [
                lost(0, CLAIMSHOP),
                call(2, CLAIMSHOP, execute=False, situation="html"),
                deleted(3, CLAIMSHOP),
            ],
            result(),
            asked_for(CLAIMSHOP),
        ),
    ),
    "deleted, and executed again": (
        "probed_before_repeated",
        record([deleted(0, CLAIMSHOP), call(1, CLAIMSHOP, answered=404)], result(), asked_for(CLAIMSHOP)),
    ),
    "a success is sent again": ("never_after_success", record([deleted(0), call(2, answered=404)], result())),
    "an item that succeeded is sent again": (
        "never_after_success",
        record(
            [call(0, ECM, removed=(("C-r1", "I1"),)), call(2, ECM, removed=(("C-r1", "I2"),))],
            removal(item("I1"), item("I2")),
            asked_for(ECM),
        ),
    ),
    "executed long after it was cancelled": (
        "never_after_cancel",
        record([lost(0), deleted(5)], result(), asked_for(cancelled=[START + 3])),
    ),
    "one request id for two cases": (
        "remarks",
        record([deleted(0, violations=("request_id_of_another_case",))], result()),
    ),
    "an operation still runs": (
        "everything_ended",
        changed(GOOD, told={"op-r1": {**envelope(result()), "status": "running"}}),
    ),
    "results of other cases": (
        "everything_ended",
        changed(GOOD, told={"op-r1": envelope(result(case={"caseNumber": "C-x"}))}),
    ),
    "a summary that miscounts": (
        "everything_ended",
        changed(GOOD, told={"op-r1": {**envelope(result()), "summary": {"total": 1, "succeeded": 0}}}),
    ),
    "called deleted, and it was not": ("results", record([lost(0)], result())),
    "called deleted, and another request did that": (
        "results",
        record_of(
            [deleted(0, CLAIMSHOP), call(1, CLAIMSHOP, name="r2", answered=404)],
            [(asked_for(CLAIMSHOP), result()), (asked_for(CLAIMSHOP, name="r2"), result())],
        ),
    ),
    "called failed, and it was deleted": ("results", record([lost(0, done="deleted")], FAILED)),
    "called failed, and the other request had deleted it under the same id": (
        "results",
        record_of(
            [lost(0, done="deleted"), call(2, name="r2", answered=404)],
            [(asked_for(), UNKNOWN), (asked_for(name="r2"), result("failed", code="case_not_found", deleted=False))],
        ),
    ),
    "called cancelled, and it was deleted": ("results", record([deleted(0)], result("cancelled"))),
    "called gone, and it is there": ("results", record([lost(0), call(2, answered=404)], INFERRED)),
    "called not found, and it is there": (
        "results",
        record([call(0, answered=404)], result("failed", code="case_not_found", found=False, deleted=False)),
    ),
    "inferred, and said to be deleted by it": (
        "results",
        record([lost(0, done="deleted"), call(2, answered=404)], {**INFERRED, "deleted": True}),
    ),
    "unknown, and said to be there": ("results", record([lost(0)], {**UNKNOWN, "found": True})),
    "unknown, and the end was told": ("results", record([lost(0), deleted(2)], UNKNOWN)),
    "unknown, and every call was answered": (
        "results",
        record([call(0, answered=429)], {**UNKNOWN, "attempts": 1}),
    ),
    "failed half-way, and not resumable": ("results", record([call(0, answered=500, done="partly_deleted")], FAILED)),
    "fewer attempts than calls": ("results", record([lost(0), deleted(2)], result(attempts=1))),
    "a dry run that claims to have deleted": (
        "results",
        record([call(0, execute=False)], result(), asked_for(execute=False)),
    ),
    "a dry run that found nothing and says it did": (
        "results",
        record([call(0, answered=404, execute=False)], result(deleted=False), asked_for(execute=False)),
    ),
    "an item called removed, and it was not": (
        "results",
        record([call(0, ECM, removed=(("C-r1", "I1"),))], removal(item("I1"), item("I2")), asked_for(ECM)),
    ),
    "an item called gone, and it is there": (
        "results",
        record(
            [call(0, ECM, removed=(("C-r1", "I1"),))],
            removal(item("I1"), item("I2", evidence="inferred")),
            asked_for(ECM),
        ),
    ),
    "an item called failed, and it was removed": (
        "results",
        record(
            [call(0, ECM, removed=(("C-r1", "I1"),))],
            removal(item("I1", "failed"), item("I2", "failed"), status="failed"),
            asked_for(ECM),
        ),
    ),
    "a case that is not what its items are": (
        "results",
        record([call(0, ECM, removed=(("C-r1", "I1"),))], removal(item("I1"), item("I2", "failed")), asked_for(ECM)),
    ),
}


@pytest.mark.parametrize(("rule", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_history_is_objected_to(rule: str, wrong: Record) -> None:
    assert rule in {objection.partition(":")[0] for objection in objections(wrong)}
