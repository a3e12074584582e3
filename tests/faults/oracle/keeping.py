"""Objections to what is in the ledger: nothing that was accepted is lost, doubled or left behind (promise 1)."""

from collections import Counter
from collections.abc import Iterator

from .records import Record, identifier_of

STATUSES = ("succeeded", "partial", "failed", "unknown", "cancelled")
ENDED_STATE = 2


def nothing_lost(record: Record) -> Iterator[str]:
    """What callers were given as accepted is there, as they asked for it."""
    positions = Counter(row["operation_id"] for row in record.ledger.cases)
    rows = {row["id"]: row for row in record.ledger.operations}
    for asked in record.asked:
        for operation_id in asked.operations:
            row = rows.get(operation_id)
            if row is None:
                yield f"{asked.name} was answered with {operation_id}, which is not in the ledger"
            elif positions[operation_id] != len(asked.cases) or bool(row["execute"]) != asked.execute:
                yield f"operation {operation_id} is not what {asked.name} asked for"


def nothing_doubled(record: Record) -> Iterator[str]:
    """Copies of one request made one operation, and nobody asked for any other."""
    names = Counter(row["request_id"] for row in record.ledger.operations)
    for asked in record.asked:
        if len(set(asked.operations)) > 1:
            yield f"copies of {asked.name} were answered with {sorted(set(asked.operations))}"
        if names[asked.name] > 1:
            yield f"copies of {asked.name} made {names[asked.name]} operations"
    for name in names.keys() - record.requests.keys():
        yield f"nobody asked for the operation of request {name}"


def nothing_left_behind(record: Record) -> Iterator[str]:
    """Everything ended, no slot and no case is held, and the counts are those of the rows."""
    ledger = record.ledger
    counted = Counter((row["operation_id"], row["status"]) for row in ledger.cases)
    for row in ledger.operations:
        if row["finished_at"] is None or row["status"] not in STATUSES:
            yield f"operation {row['id']} has not ended"
        for status in STATUSES:
            if row[status] != counted[row["id"], status]:
                yield f"operation {row['id']} counts {row[status]} {status} cases of {counted[row['id'], status]}"
    for row in ledger.cases:
        if row["state"] != ENDED_STATE:
            yield f"case {row['position']} of operation {row['operation_id']} is in state {row['state']}"
    for row in ledger.calls:
        if row["settled_at"] is None:
            yield f"call {row['id']} was never settled"
    if ledger.queued != 0:
        yield f"{ledger.queued} cases count as queued, and none is"


def told_as_kept(record: Record) -> Iterator[str]:
    """What callers are told is what the ledger holds."""
    rows = {(row["operation_id"], row["identifier"]): row for row in record.ledger.cases}
    for operation_id, envelope in record.told.items():
        for result in envelope["results"] or ():
            row = rows.get((operation_id, identifier_of(result["case"])))
            if row is None or row["status"] != result["status"] or row["attempts"] != result["attempts"]:
                yield f"{operation_id} {result['case']} is told as {result['status']}, and not kept so"
