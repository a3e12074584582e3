"""Objections to what callers are told (CONTRACT.md section 1, "The envelope"), by what the sandbox did."""

from collections import Counter
from collections.abc import Iterator

from .records import ECM, HUB, Asked, Call, Json, Record, identifier_of, items_of

ENDED = frozenset({"succeeded", "partial", "failed", "unknown", "cancelled"})
DEFINITE = frozenset({200, 404})
"""After an honest answer of these to an execution, nothing about a deletion is open."""
Told = tuple[Asked, Json, list[Call]]


def everything_ended(record: Record) -> Iterator[str]:
    """Each operation has one ended result for each case asked for, in request order, and its summary counts them."""
    for name, row in record.row_of.items():
        asked, envelope = record.requests.get(name), record.told.get(row["id"])
        if asked is None or envelope is None or envelope["results"] is None:
            yield f"operation {row['id']} was not asked for, or has no results"
            continue
        statuses = Counter(result["status"] for result in envelope["results"])
        if [identifier_of(result["case"]) for result in envelope["results"]] != asked.identifiers:
            yield f"operation {row['id']}: the results are not those of the cases asked for"
        if not {envelope["status"], *statuses} <= ENDED:
            yield f"operation {row['id']} has not ended: {envelope['status']}, {dict(statuses)}"
        counts = {status: statuses[status] for status in (*ENDED, "pending")}
        if envelope["summary"] != {"total": len(asked.cases), **counts}:
            yield f"operation {row['id']}: the summary {envelope['summary']} is not that of {dict(statuses)}"


def results(record: Record) -> Iterator[str]:
    """Each result against the calls that reached the sandbox."""
    for asked, result, calls in _all_told(record):
        judge = _of_ecm if asked.system == ECM else _of_dry_run if not asked.execute else _of_deletion
        for objection in (*judge(record, (asked, result, calls)), *_attempts(asked, result, calls)):
            yield f"{asked.name} {result['case']} is told {_in_short(result)}, but {objection}"


def _all_told(record: Record) -> Iterator[Told]:
    for name, row in record.row_of.items():
        asked, envelope = record.requests.get(name), record.told.get(row["id"])
        if asked is not None and envelope is not None:
            for result in envelope["results"] or ():
                yield asked, result, record.by_case.get((name, identifier_of(result["case"])), [])


def _in_short(result: Json) -> str:
    names = ("status", "found", "deleted", "evidence", "requestId", "attempts")
    errors = [error["code"] for error in result["errors"]]
    return str({name: result[name] for name in names} | {"errors": errors, "items": result["items"]})


def _attempts(asked: Asked, result: Json, calls: list[Call]) -> Iterator[str]:
    """Dry runs that test the backend are no attempts of the case at which they are made."""
    arrived = sum(call.executes or not asked.execute for call in calls)
    if result["attempts"] < arrived:
        yield f"{arrived} calls arrived"


def _of_deletion(record: Record, told: Told) -> Iterator[str]:
    asked, result, calls = told
    deleted = _deleted_by_it(record, told)
    if result["deleted"] is True and (not deleted or result["status"] != "succeeded"):
        yield "the sandbox did not delete it under this request"
    if deleted and result["status"] in {"failed", "cancelled"}:
        yield "the sandbox deleted it under this request"
    if result["found"] is False and not _is_gone(record, told) and not _upstream_erred(result):
        yield "the case is still there"
    if result["evidence"] == "inferred" and (result["status"], result["found"], result["deleted"]) != (
        *("succeeded", False),
        None,
    ):
        yield "inferred says no more than that it is gone"
    if result["status"] == "succeeded" and result["evidence"] == "confirmed" and result["deleted"] is not True:
        yield "a confirmed success is a deletion"
    yield from _of_what_is_open(record, told)
    resumable = any(error["resumable"] for error in result["errors"])
    if asked.system == HUB and result["status"] == "failed" and _partly_deleted(calls) and not resumable:
        yield "the case is partly deleted, and nobody is told that it can go on"


def _of_what_is_open(record: Record, told: Told) -> Iterator[str]:
    """`unknown` claims nothing, and nothing is called unknown of which the end was told."""
    _, result, calls = told
    if result["status"] != "unknown":
        return
    if result["found"] is not None or result["deleted"] is not None or result["evidence"] is not None:
        yield "what is unknown is neither found nor deleted"
    executed = [call for call in calls if call.executes]
    if executed and record.knew(executed[-1]) and executed[-1].told in DEFINITE:
        yield f"call {executed[-1].number} told its end"
    if calls and all(record.knew(call) for call in calls) and len(calls) == result["attempts"]:
        yield "every call of it was answered"


def _of_dry_run(record: Record, told: Told) -> Iterator[str]:
    _, result, calls = told
    if result["deleted"] is True or result["evidence"] == "inferred":
        yield "a dry run deletes nothing"
    if result["status"] == "succeeded" and (
        result["found"] is not True or not any(call.answered == 200 for call in calls)
    ):
        yield "no dry run found it"
    if result["found"] is False and not _is_gone(record, told) and not _upstream_erred(result):
        yield "the case is still there"


def _upstream_erred(result: Json) -> bool:
    """Then `found` is what the upstream said while it erred: ClaimShop has to say something."""
    return any(error["code"] == "upstream_error" for error in result["errors"])


def _deleted_by_it(record: Record, told: Told) -> bool:
    """Whether the sandbox had deleted the case by a call of this request, or at Hub under its request id, by its end.

    Another request may go on later where this one was given up: then that one deletes it.
    """
    asked, result, calls = told
    if asked.system == HUB and calls:
        same_id = (call for call in record.by_target[_target(told)] if call.request_id == result["requestId"])
        calls = [call for call in same_id if call.received_at <= calls[-1].received_at]
    return any(call.done == "deleted" for call in calls)


def _is_gone(record: Record, told: Told) -> bool:
    calls = record.by_target.get(_target(told), ())
    return identifier_of(told[1]["case"]).startswith("NOTFOUND-") or any(call.done == "deleted" for call in calls)


def _target(told: Told) -> tuple[str, ...]:
    asked, result, calls = told
    for call in calls:
        return call.concerns()[0]
    return (asked.system, "", next(iter(result["case"])), identifier_of(result["case"]))


def _partly_deleted(calls: list[Call]) -> bool:
    executed = [call for call in calls if call.done != "nothing"]
    return bool(executed) and executed[-1].done == "partly_deleted"


def _of_ecm(record: Record, told: Told) -> Iterator[str]:
    asked, result, calls = told
    case = identifier_of(result["case"])
    wanted = next(items_of(one) for one in asked.cases if identifier_of(one) == case)
    if [item["id"] for item in result["items"]] != wanted:
        yield "the items are not those asked for"
    removed = {item for call in calls for _, item in call.removed}
    gone = {item for call in record.by_target.get(_target(told), ()) for _, item in call.removed}
    for item in result["items"]:
        yield from _of_item(item, removed, gone, case)
    statuses = {item["status"] for item in result["items"]}
    if result["status"] != (statuses.pop() if len(statuses) == 1 else "partial"):
        yield "the case is not what its items are"


def _of_item(item: Json, removed: set[str], gone: set[str], case: str) -> Iterator[str]:
    succeeded, confirmed = item["status"] == "succeeded", item["evidence"] == "confirmed"
    if succeeded and confirmed and item["id"] not in removed:
        yield f"item {item['id']} was not removed"
    if succeeded and not confirmed and not (item["id"] in gone or _never_there(item["id"], case)):
        yield f"item {item['id']} is still there"
    if item["status"] in {"failed", "cancelled"} and item["id"] in removed:
        yield f"item {item['id']} was removed"
    if item["status"] not in ENDED:
        yield f"item {item['id']} has not ended"
    if item["status"] == "unknown" and confirmed:
        yield f"item {item['id']} is called unknown and confirmed"


def _never_there(item: str, case: str) -> bool:
    return item.startswith("ABSENT-") or case.startswith(("MISSING-", "KEPTITEMS-", "NOITEMS-"))
