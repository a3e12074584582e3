"""Objections to what was sent (CONTRACT.md section 2, promises 1 to 3 and 8)."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise

from .records import CLAIMSHOP, ECM, HUB, Call, Record

CLOCKS_SECONDS = 0.3
"""How late a granted call may arrive, and how far the clocks of three processes and a database may seem apart."""
AFTER_CANCEL_SECONDS = 1.0
"""What was granted before a cancellation may still arrive so much later."""
NEVER = frozenset(
    {
        *("rate_exceeded", "cap_exceeded", "closed_hours", "query_string", "wrong_method", "unknown_path"),
        *("same_case_twice_in_a_call", "request_id_of_another_case", "request_id_of_a_dry_run"),
        "resumed_under_other_request_id",
    }
)
"""Remarks of the sandbox that are a fault whatever went before."""
ENDED = frozenset({200, 404})
"""After an honest answer of these, a deletion under its request id goes on no more."""
STILL_THERE = frozenset({200, 403})
"""After an honest answer of these to a dry run, the case is there, deletable or not."""
TURNED_AWAY = frozenset({400, 401, 409, 429, 503})
"""After an honest answer of these, a deletion is as far as it was before."""


def asked_for(record: Record) -> Iterator[str]:
    """Every call was asked for by somebody: the case, its items, and whether to act."""
    for call in record.history:
        asked = record.requests.get(call.x_request_id or "")
        if asked is None or not set(call.cases) <= set(asked.identifiers):
            yield f"call {call.number}: nobody asked for {call.cases}"
        elif call.executes and not asked.execute:
            yield f"call {call.number}: a dry run was asked for, and {call.cases} was executed"


def granted_before(record: Record) -> Iterator[str]:
    """Each call was in the ledger before it was sent: the k-th to arrive, at least k had been granted."""
    granted: dict[str, list[float]] = defaultdict(list)
    arrived: dict[str, list[Call]] = defaultdict(list)
    for row in record.ledger.calls:
        granted[row["operation_id"]].append(row["granted_at"] / 1_000_000)
    for call in record.history:
        arrived[record.row_of.get(call.x_request_id or "", {"id": ""})["id"]].append(call)
    for operation_id, calls in arrived.items():
        grants = sorted(granted[operation_id])
        for index, call in enumerate(sorted(calls, key=lambda call: call.received_at)):
            if index >= len(grants) or grants[index] > call.received_at + CLOCKS_SECONDS:
                yield f"call {call.number} for {call.cases} is not in the ledger, or only after it arrived"


def one_at_a_time(record: Record) -> Iterator[str]:
    """While a call works on a case, no other one for it arrives, unless it outlasts every lease."""
    for target, calls in record.by_target.items():
        for earlier, later in combinations(calls, 2):
            leased_until = earlier.received_at + record.lease_seconds - CLOCKS_SECONDS
            if later.received_at < min(earlier.end, leased_until):
                yield f"calls {earlier.number} and {later.number} for {target} at once"


def one_request_id(record: Record) -> Iterator[str]:
    """Hub: a deletion that may have begun goes on under its own id, until it has told its end."""
    for target, calls in record.by_target.items():
        open_ids: set[str | None] = set()
        for call in (call for call in calls if call.system == HUB and call.executes):
            if open_ids - {call.request_id}:
                yield f"call {call.number} for {target} under another request id than the one that may have begun it"
            if call.told == 404 or (call.told == 200 and call.done == "deleted"):
                open_ids.discard(call.request_id)
            elif call.told not in TURNED_AWAY:
                open_ids.add(call.request_id)


def one_request_id_a_request(record: Record) -> Iterator[str]:
    """Hub: within one request the id changes only if another request's deletion under the old one has ended; or its own
    has, and another's that has not lends its id."""
    for (name, case), calls in record.by_case.items():
        executed = [call for call in calls if call.system == HUB and call.executes]
        for earlier, later in pairwise(executed):
            if earlier.request_id == later.request_id:
                continue
            others = [other for other in record.by_target[later.concerns()[0]] if other.x_request_id != name]
            ended = any(other.told in ENDED for other in others if other.request_id == earlier.request_id)
            lent = any(o.request_id == later.request_id and o.received_at < later.received_at for o in others)
            if not ended and not (earlier.told in ENDED and lent):
                yield f"call {later.number} for {case} under a new request id"


def probed_before_repeated(record: Record) -> Iterator[str]:
    """ClaimShop: executed again only after an answer that it did not happen, or a dry run that found the case."""
    for (_, case), calls in record.by_case.items():
        last: Call | None = None
        for call in (call for call in calls if call.system == CLAIMSHOP):
            if not call.executes:
                last = None if call.told in STILL_THERE and last is not None and last.done == "nothing" else last
                continue
            if last is not None and (last.done == "deleted" or last.told is None):
                yield f"call {call.number} executes {case} again after call {last.number}, and nothing allowed that"
            last = call


def never_after_success(record: Record) -> Iterator[str]:
    """What the gateway knew to have succeeded is not sent again: the case, or the item."""
    for (_, case), calls in record.by_case.items():
        done: set[tuple[str, str]] = set()
        for call in (call for call in calls if call.executes):
            asked = set(call.items) if call.system == ECM else {(case, "")}
            if asked & done:
                yield f"call {call.number} sends {sorted(asked & done)} again, which had succeeded"
            if record.knew(call) and call.told == 200:
                done |= set(call.removed) if call.system == ECM else {(case, "")} if call.done == "deleted" else set()


def never_after_cancel(record: Record) -> Iterator[str]:
    """Once a cancellation is answered, nothing of the operation is executed, unless somebody retries it."""
    for call in record.history:
        asked = record.requests.get(call.x_request_id or "")
        if asked is None or not asked.cancelled or asked.retried or not call.executes:
            continue
        if call.received_at > min(asked.cancelled) + AFTER_CANCEL_SECONDS:
            yield f"call {call.number} executes {call.cases} after its operation was cancelled"


def remarks(record: Record) -> Iterator[str]:
    """What the sandbox itself never allows."""
    for call in record.history:
        for violation in NEVER & set(call.violations):
            yield f"call {call.number} for {call.cases}: {violation}"
