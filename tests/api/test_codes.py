"""CONTRACT.md section 1, "Status codes": every code of a case, on every system where it can occur.

Each row says what a caller is told, and what was really sent and done by the upstream's own record.
"""

import re
from typing import Any

import pytest
from msgspec import Struct

from .configuration import SHORT_LEASES, Change
from .conftest import Shared
from .stack import DELETIONS, Caller, Json, Stack, customers, numbers

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTRACT = {
    "case_not_found": (404, False),
    "deletion_forbidden_by_state": (409, False),
    "deletion_in_progress": (409, True),
    "case_locked": (409, True),
    "item_not_in_case": (404, False),
    "upstream_rejected": (422, False),
    "upstream_unauthorized": (502, True),
    "upstream_throttled": (503, True),
    "upstream_closed": (503, True),
    "upstream_unreachable": (503, True),
    "upstream_error": (502, True),
    "outcome_unknown": (504, True),
}
"""HTTP status and `retryable` of each code. `case_cancelled` has tests of its own."""

SHORT_DEADLINE: Change = {"retry.deadline_seconds": 0.5}
NOBODY = "http://127.0.0.1:1"


class Row(Struct, frozen=True, kw_only=True):
    """One case, what is said of it, and `sent`: what the upstream answered and did, call by call.

    `sent` null: at least two calls, all answered alike. `identical`: under one request id.
    """

    case: str
    code: str | None = None
    status: str = "failed"
    found: bool | None = None
    deleted: bool | None = None
    evidence: str | None = "confirmed"
    resumable: bool = False
    sent: list[tuple[int | str, str]] | None = None
    change: Change = {}
    switches: dict[str, Any] = {}
    detail: str = ""


def gone(case: str, *sent: tuple[int | str, str], **more: Any) -> Row:  # noqa: ANN401 - fields of Row
    """Deleted by us, and confirmed."""
    return Row(case=case, status="succeeded", found=True, deleted=True, sent=list(sent), **more)


def late(case: str, *sent: tuple[int | str, str]) -> Row:
    """Deleted by us, and confirmed, after an outcome that was unknown."""
    return gone(case, *sent, change=SHORT_LEASES)


def found_gone(case: str, *sent: tuple[int | str, str]) -> Row:
    """After an unknown outcome it was found absent."""
    return Row(case=case, status="succeeded", found=False, evidence="inferred", sent=list(sent), change=SHORT_LEASES)


def untold(case: str, *sent: tuple[int | str, str], **more: Any) -> Row:  # noqa: ANN401 - fields of Row
    more = {"change": SHORT_LEASES} | more
    return Row(case=case, status="unknown", code="outcome_unknown", evidence=None, sent=list(sent), **more)


def refused(case: str, code: str, *sent: tuple[int | str, str], **more: Any) -> Row:  # noqa: ANN401 - fields of Row
    return Row(case=case, code=code, sent=list(sent), **more)


def not_there(case: str, *sent: tuple[int | str, str], **more: Any) -> Row:  # noqa: ANN401 - fields of Row
    return refused(case, "case_not_found", *sent, found=False, deleted=False, **more)


REFUSED, UNTOUCHED, STILL_THERE = (401, "nothing"), (200, "nothing"), (200, "nothing")
THRICE = 3

HUB = [
    gone("CN1", (200, "deleted")),
    gone("MESSAGES-1", (200, "deleted")),
    gone("INPROGRESS-1", (409, "nothing"), (200, "deleted")),
    gone("ERROR500-1", (500, "partly_deleted"), (200, "deleted")),
    gone("UNAUTHORIZED-ONCE-1", REFUSED, (200, "deleted")),
    gone("THROTTLED-1", (429, "nothing"), (200, "deleted")),
    gone("CLOSED-1", (503, "nothing"), (200, "deleted"), switches={"magicClosedSeconds": 1}),
    late("DROP-1", ("dropped", "nothing"), (200, "deleted")),
    late("HANG-1", ("hung", "nothing"), (200, "deleted")),
    late("HTML-ONCE-1", UNTOUCHED, (200, "deleted")),
    late("BADGATEWAY-ONCE-1", (502, "nothing"), (200, "deleted")),
    late("REDIRECT-ONCE-1", (307, "nothing"), (200, "deleted")),
    late("EMPTY-ONCE-1", UNTOUCHED, (200, "deleted")),
    late("BADJSON-ONCE-1", UNTOUCHED, (200, "deleted")),
    late("STATUS-418-ONCE-1", (418, "nothing"), (200, "deleted")),
    gone("STATUS-504-ONCE-1", (504, "nothing"), (200, "deleted")),
    found_gone("DROP-AFTER-1", ("dropped", "deleted"), (404, "nothing")),
    found_gone("HANG-AFTER-1", ("hung", "deleted"), (404, "nothing")),
    found_gone("DRIP-5-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("SLOW-0.85-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("CUTOFF-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("BIG-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("HTML-AFTER-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("WRONGTYPE-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("LIST-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("BARE-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("NULLS-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("OTHERID-ONCE-1", (200, "deleted"), (404, "nothing")),
    not_there("NOTFOUND-1", (404, "nothing"), detail="Case number NOTFOUND-1 not found"),
    refused(
        "FORBIDDEN-1",
        "deletion_forbidden_by_state",
        (403, "partly_deleted"),
        found=True,
        deleted=False,
        resumable=True,
        detail="pending payments",
    ),
    Row(case="INPROGRESS-ALWAYS-1", code="deletion_in_progress", found=True, deleted=False, change=SHORT_DEADLINE),
    refused("STATUS-400-1", "upstream_rejected", (400, "nothing"), deleted=False),
    refused("ERROR-ALWAYS-1", "upstream_error", *[(500, "partly_deleted")] * THRICE, deleted=False, resumable=True),
    refused("NOTDELETED-1", "upstream_error", *[UNTOUCHED] * THRICE, found=True, deleted=False, resumable=True),
    refused("STATUS-504-1", "upstream_error", *[(504, "nothing")] * THRICE, deleted=False, resumable=True),
    refused("UNAUTHORIZED-1", "upstream_unauthorized", REFUSED, REFUSED),
    Row(case="THROTTLED-ALWAYS-1", code="upstream_throttled", change=SHORT_DEADLINE),
    untold("HTML-1", *[UNTOUCHED] * THRICE),
]

CLAIMSHOP = [
    gone("CN1", (200, "deleted")),
    gone("UNAUTHORIZED-ONCE-1", REFUSED, (200, "deleted")),
    gone("THROTTLED-1", (429, "nothing"), (200, "deleted")),
    gone("CLOSED-1", (503, "nothing"), (200, "deleted")),
    not_there("NOTFOUND-1", (404, "nothing")),
    refused("FORBIDDEN-1", "deletion_forbidden_by_state", (403, "nothing"), found=True, deleted=False),
    refused("STATUS-400-1", "upstream_rejected", (400, "nothing"), found=False, deleted=False),
    gone("ERROR500-1", (500, "nothing"), (200, "deleted")),
    refused("ERROR-ALWAYS-1", "upstream_error", *[(500, "nothing")] * THRICE, found=False, deleted=False),
    refused("NOTDELETED-1", "upstream_error", *[UNTOUCHED] * THRICE, found=True, deleted=False),
    refused("UNAUTHORIZED-1", "upstream_unauthorized", REFUSED, REFUSED),
    Row(case="THROTTLED-ALWAYS-1", code="upstream_throttled", change=SHORT_DEADLINE),
    Row(case="CLOSED-ALWAYS-1", code="upstream_closed", change=SHORT_DEADLINE, detail="open from 16:00"),
    late("DROP-1", ("dropped", "nothing"), STILL_THERE, (200, "deleted")),
    late("HANG-1", ("hung", "nothing"), STILL_THERE, (200, "deleted")),
    late("HTML-ONCE-1", UNTOUCHED, STILL_THERE, (200, "deleted")),
    late("BADGATEWAY-ONCE-1", (502, "nothing"), STILL_THERE, (200, "deleted")),
    late("REDIRECT-ONCE-1", (307, "nothing"), STILL_THERE, (200, "deleted")),
    late("STATUS-418-ONCE-1", (418, "nothing"), STILL_THERE, (200, "deleted")),
    found_gone("DROP-AFTER-1", ("dropped", "deleted"), (404, "nothing")),
    found_gone("CUTOFF-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("BIG-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("HTML-AFTER-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("WRONGTYPE-ONCE-1", (200, "deleted"), (404, "nothing")),
    found_gone("LIST-ONCE-1", (200, "deleted"), (404, "nothing")),
    untold("HTML-1", *[UNTOUCHED] * THRICE),
    untold("CUTOFF-1", (200, "deleted"), (404, "nothing"), (404, "nothing")),
]
"""A deletion without an answer is followed by a dry run."""


def removed(case: str, *sent: tuple[int | str, str], **more: Any) -> Row:  # noqa: ANN401 - fields of Row
    return Row(case=case, status="succeeded", sent=list(sent), **more)


def found_removed(case: str, first: tuple[int | str, str]) -> Row:
    """After an unknown outcome the item was found absent."""
    return removed(case, first, UNTOUCHED, evidence="inferred", change=SHORT_LEASES)


ECM = [
    removed("CA1", (200, "removed")),
    removed("UNAUTHORIZED-ONCE-1", REFUSED, (200, "removed")),
    removed("THROTTLED-1", (429, "nothing"), (200, "removed")),
    removed("CLOSED-1", (503, "nothing"), (200, "removed"), switches={"magicClosedSeconds": 1}),
    removed("LOCKED-ONCE-1", UNTOUCHED, (200, "removed")),
    removed("LOCKED409-ONCE-1", (409, "nothing"), (200, "removed")),
    removed("EXTRA-1", (200, "removed")),
    removed("EXTRACASE-1", (200, "removed")),
    removed("REORDER-1", (200, "removed")),
    removed("DUPLICATE-1", (200, "removed")),
    removed("DUPLICATECASE-1", (200, "removed")),
    refused("MISSING-1", "case_not_found", UNTOUCHED, detail="Case does not exist."),
    refused("KEPTITEMS-1", "case_not_found", UNTOUCHED),
    refused("NOITEMS-1", "case_not_found", UNTOUCHED),
    Row(case="LOCKED-1", code="case_locked", change=SHORT_DEADLINE, detail="SUPERVISOR"),
    Row(case="LOCKED409-1", code="case_locked", change=SHORT_DEADLINE),
    refused("INVALID-1", "upstream_rejected", (400, "nothing"), detail="Invalid JSON Input format"),
    refused("ODD-1", "upstream_rejected", UNTOUCHED, detail="."),
    refused("NORESULTS-1", "upstream_rejected", UNTOUCHED),
    refused("NULLITEMS-1", "upstream_rejected", UNTOUCHED),
    refused("STATUS-403-1", "upstream_rejected", (403, "nothing")),
    removed("ERROR500-1", (500, "nothing"), (200, "removed")),
    removed("STATUS-504-ONCE-1", (504, "nothing"), (200, "removed")),
    refused("STATUS-504-1", "upstream_error", *[(504, "nothing")] * THRICE),
    refused("UNAUTHORIZED-1", "upstream_unauthorized", REFUSED, REFUSED),
    Row(case="THROTTLED-ALWAYS-1", code="upstream_throttled", change=SHORT_DEADLINE),
    removed("DROP-1", ("dropped", "nothing"), (200, "removed"), change=SHORT_LEASES),
    removed("HANG-1", ("hung", "nothing"), (200, "removed"), change=SHORT_LEASES),
    removed("HTML-ONCE-1", UNTOUCHED, (200, "removed"), change=SHORT_LEASES),
    removed("BADGATEWAY-ONCE-1", (502, "nothing"), (200, "removed"), change=SHORT_LEASES),
    removed("REDIRECT-ONCE-1", (307, "nothing"), (200, "removed"), change=SHORT_LEASES),
    removed("EMPTY-ONCE-1", UNTOUCHED, (200, "removed"), change=SHORT_LEASES),
    removed("BADJSON-ONCE-1", UNTOUCHED, (200, "removed"), change=SHORT_LEASES),
    found_removed("DROP-AFTER-1", ("dropped", "removed")),
    found_removed("CUTOFF-ONCE-1", (200, "removed")),
    found_removed("BIG-ONCE-1", (200, "removed")),
    found_removed("WRONGTYPE-ONCE-1", (200, "removed")),
    found_removed("LIST-ONCE-1", (200, "removed")),
    found_removed("BARE-ONCE-1", (200, "removed")),
    found_removed("NULLS-ONCE-1", (200, "removed")),
    found_removed("CONFLICT-ONCE-1", (200, "removed")),
    found_removed("DROPITEM-ONCE-1", (200, "removed")),
    found_removed("DROPCASE-ONCE-1", (200, "removed")),
    found_removed("NULLENTRY-ONCE-1", (200, "removed")),
    untold("CUTOFF-1", (200, "removed"), UNTOUCHED, UNTOUCHED),
    untold("HTML-1", *[UNTOUCHED] * THRICE),
]

ECM_ITEMS = [
    refused("ABSENT-1", "item_not_in_case", UNTOUCHED, detail="does not exist in case"),
    refused("RELATED-1", "upstream_error", *[UNTOUCHED] * THRICE, detail="related tables"),
    refused("ODD-1", "upstream_rejected", UNTOUCHED, detail="."),
]

UNREACHABLE = [
    Row(case="CN1", code="upstream_unreachable", evidence=None, sent=[], change={**SHORT_DEADLINE, **change})
    for change in (
        {"backends.hub-dk.base_url": f"{NOBODY}/ecx"},
        {"backends.hub-dk.base_url": "http://nowhere.invalid/ecx"},
        {"credentials.scalepoint.token_url": f"{NOBODY}/connect/token"},
    )
]
NO_TOKEN = [
    Row(
        case="CN1",
        code="upstream_unreachable",
        evidence=None,
        sent=[],
        change={"retry.deadline_seconds": seconds},  # each its own, and so a gateway that has no token yet
        switches={"token": down},
    )
    for seconds, down in (
        (0.4, {"down": True}),
        (0.45, {"fault": {"like": "HTML"}}),
        (0.55, {"fault": {"like": "DROP"}}),
    )
]
BAD_CLIENT = Row(
    case="CN1", code="upstream_unauthorized", evidence=None, sent=[], change={"credentials.scalepoint.client_id": "x"}
)


def cases_of(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row.case for row in rows])


@cases_of(HUB)
async def test_a_deletion_on_hub_property(row: Row, shared: Shared) -> None:
    result, calls = await outcome_of(row, await shared(row.change), "acme-dk", DELETIONS, numbers(row.case))

    assert {call["requestId"] for call in calls} == {result["requestId"]}, "every call continues the same deletion"
    assert all(call["execute"] for call in calls)


@cases_of(CLAIMSHOP)
async def test_a_deletion_on_claimshop(row: Row, shared: Shared) -> None:
    result, calls = await outcome_of(row, await shared(row.change), "acme-no", DELETIONS, numbers(row.case))

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", result["requestId"])
    assert all(call["requestId"] is None for call in calls)
    unknown_first = row.change is SHORT_LEASES
    assert [call["execute"] for call in calls[:2]] == [True, not unknown_first][: len(calls)], "then it is probed"


@cases_of(ECM)
async def test_a_removal_on_ecm(row: Row, shared: Shared) -> None:
    result, _ = await outcome_of(row, await shared(row.change), "acme-dk", "customer-removals", [customers(row.case)])

    (item,) = result["items"]
    assert (item["id"], item["typeCode"], item["status"]) == ("CUST1", None, result["status"])
    assert [error["code"] for error in item["errors"]] == [error["code"] for error in result["errors"]]
    assert result["requestId"] is None


@cases_of(ECM_ITEMS)
async def test_an_item_on_ecm(row: Row, shared: Shared) -> None:
    case = customers(f"CASE-OF-{row.case}", row.case)

    result, _ = await outcome_of(row, await shared(row.change), "acme-dk", "customer-removals", [case])

    assert result["items"][0]["id"] == row.case


@pytest.mark.parametrize("row", [*UNREACHABLE, *NO_TOKEN], ids=["port", "name", "token port", "down", "html", "drop"])
async def test_what_could_not_be_sent_fails_when_its_deadline_has_passed(row: Row, shared: Shared) -> None:
    both = await shared(row.change)

    await outcome_of(row, both, "acme-dk", DELETIONS, numbers(row.case))

    assert await both.upstreams.history(system="hub-property", case=row.case) == []


async def test_a_refused_token_request_fails_the_case_unsent(shared: Shared) -> None:
    both = await shared(BAD_CLIENT.change)

    await outcome_of(BAD_CLIENT, both, "acme-dk", DELETIONS, numbers(BAD_CLIENT.case))

    assert await both.upstreams.business() == []


async def outcome_of(row: Row, both: Stack, tenant: str, kind: str, cases: list[Json]) -> tuple[Json, list[Json]]:
    """Submit the row's case, check all that is said of it, and return its result and the calls that were made."""
    before = (await both.upstreams.summary())["last"]
    await both.upstreams.switch(**row.switches)
    caller: Caller = await both.caller()
    answer = await caller.submit(tenant, kind, cases)
    envelope = answer.json()
    check_answer(row, answer.status_code, envelope)
    if row.code is not None and CONTRACT[row.code][0] == 503:
        assert int(answer.headers["Retry-After"]) >= 1
    result: Json = envelope["results"][0]
    assert result["case"] == {name: value for name, value in cases[0].items() if isinstance(value, str)}
    assert await caller.operation(envelope["operationId"]) == envelope, "read again, it says the same"
    calls = [call for call in await both.upstreams.history(since=before) if call["system"] != "token"]
    check_calls(row, calls, attempts=result["attempts"])
    return result, calls


def check_answer(row: Row, http_status: int, envelope: Json) -> None:
    (result,) = envelope["results"]
    errors = result["errors"]
    assert (result["status"], [error["code"] for error in errors]) == (row.status, [row.code] if row.code else [])
    assert (envelope["status"], envelope["summary"][row.status]) == (row.status, 1)
    assert {name: result[name] for name in ("found", "deleted", "evidence")} == {
        "found": row.found,
        "deleted": row.deleted,
        "evidence": row.evidence,
    }
    status, retryable = CONTRACT[row.code] if row.code else (200, None)
    assert http_status == status
    for error in errors:
        assert (error["retryable"], error["resumable"]) == (retryable, row.resumable)
        assert row.detail in error["detail"]
    assert envelope["finishedAt"] >= envelope["startedAt"] >= envelope["createdAt"]


def check_calls(row: Row, calls: list[Json], *, attempts: int) -> None:
    made = [(call["answered"], call["done"]) for call in calls]
    if row.sent is not None:
        assert made == row.sent
    else:
        assert len(made) >= 2
        assert len(set(made)) == 1
    assert attempts == len(made)
    # To send an ECM removal again after an unknown outcome does no harm; the sandbox remarks on it all the same.
    remarked = {"removed_item_sent_again"} if ("removed" in {done for _, done in made[:-1]}) else set()
    assert {violation for call in calls for violation in call["violations"]} == remarked
