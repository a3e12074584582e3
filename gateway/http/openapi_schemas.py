"""The schemas of the OpenAPI document, from the wire structs themselves."""

from inspect import cleandoc
from typing import Any

import msgspec

from gateway.http.answers import STATUS_OF_CODE
from gateway.http.operations import OperationPage, ResultPage
from gateway.http.probes import Health
from gateway.http.problems import ProblemDetails, Refusal
from gateway.http.receipts import ReceiptAnswer
from gateway.http.requests import REQUESTS
from gateway.http.tenants import TenantPage
from gateway.model.kinds import Kind
from gateway.model.outcomes import RETRYABLE, Code
from gateway.model.receipts import Receipt

ANSWERS = (OperationPage, ResultPage, ReceiptAnswer, Receipt, TenantPage, Health, ProblemDetails)

KIND = "What an operation does. Case deletions go to Hub Property or ClaimShop, removals to Oracle ECM."
SYSTEM = "The system that carries the operation out, as the tenant's configuration names it."
STATUS = """One vocabulary on three levels: item, case, operation.

| status | meaning |
| --- | --- |
| `pending` | an item or case that has not ended: queued, under way, or waiting for another attempt |
| `scheduled` | an operation of which nothing is under way, and whose system is closed |
| `running` | any other operation that has not ended |
| `succeeded` | the system said so, or what was asked for was found gone after an unknown outcome |
| `partial` | a mixture of the others, one level below |
| `failed` | the system said that it did not happen, or nothing was ever sent |
| `unknown` | sent, and no trustworthy answer: neither failed nor succeeded |
| `cancelled` | withdrawn before it was sent |"""
EVIDENCE = (
    "`confirmed`: the system said so. `inferred`: after an unknown outcome it was found gone, though perhaps not by "
    "this operation. Null while pending, unknown, or never sent."
)

MEANINGS = {
    Code.CASE_NOT_FOUND: "the system knows no such case",
    Code.DELETION_FORBIDDEN_BY_STATE: "pending payments or the like; on Hub it can be resumed once the state allows",
    Code.DELETION_IN_PROGRESS: "another deletion of the case took longer than the deadline",
    Code.CASE_LOCKED: "another user held the ECM case for longer than the deadline",
    Code.CASE_CANCELLED: "cancelled before it was sent; `/retry` sends it",
    Code.ITEM_NOT_IN_CASE: "the ECM case holds no such item",
    Code.UPSTREAM_REJECTED: "the system refused the data; its words stand in `detail`",
    Code.UPSTREAM_UNAUTHORIZED: "the gateway's own credential was refused; what is queued waits for a working one",
    Code.UPSTREAM_THROTTLED: "the system asked for a slower pace for longer than the deadline",
    Code.UPSTREAM_CLOSED: "the system called itself closed for longer than the deadline",
    Code.UPSTREAM_UNREACHABLE: "nothing could be sent within the deadline",
    Code.UPSTREAM_ERROR: "the system failed and said that nothing was deleted; on Hub it can be resumed",
    Code.OUTCOME_UNKNOWN: "sent, and no trustworthy answer came: it may have been carried out",
}
"""What each code of a case says to a caller."""

EXACTLY_ONE = {
    "DeletionCase": ("caseNumber", "caseToken"),
    "CaseReference": ("caseNumber", "caseToken", "caseId"),
}
"""Members of which there is exactly one; structs cannot say that."""


def schemas() -> dict[str, Any]:
    """Every schema by name, in the order of the alphabet."""
    types = (*(REQUESTS[kind] for kind in Kind), *ANSWERS)
    _, found = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for name, members in EXACTLY_ONE.items():
        found[name]["oneOf"] = [{"required": [member]} for member in members]
    for name in ("Error", "Health"):
        found[name]["required"] = list(found[name]["properties"])  # defaults are for our own convenience
    described = {"Kind": KIND, "System": SYSTEM, "Status": STATUS, "Evidence": EVIDENCE, "Code": _codes()}
    for name, description in described.items():
        found[name] = {"type": "string", **found[name], "description": description}
    found["ProblemDetails"]["properties"]["code"]["enum"] = [refusal.code for refusal in Refusal]
    for schema in found.values():
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])  # from Python 3.13 on it comes clean already
    return dict(sorted(found.items()))


def _codes() -> str:
    rows = [
        f"| `{code}` | {STATUS_OF_CODE[code]} | {'yes' if code in RETRYABLE else 'no'} | {MEANINGS[code]} |"
        for code in Code
    ]
    head = ("Why a case or an item did not succeed.", "", "| code | HTTP | retryable | meaning |", "| --- " * 4 + "|")
    return "\n".join([*head, *rows])
