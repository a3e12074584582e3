"""The calls in the OpenAPI document."""

from typing import Any

from gateway.http.openapi_answers import (
    AUTHENTICATED,
    CHANGING,
    OPERATION_ANSWERS,
    Success,
    headers,
    responses,
    submission_responses,
)
from gateway.http.openapi_examples import REQUESTS as EXAMPLES
from gateway.http.operations import CASE_STATUSES, OPERATION_STATUSES
from gateway.http.problems import Refusal
from gateway.http.queries import DEFAULT_LIMIT, MAX_LIMIT, MAX_NUMBER
from gateway.http.requests import REQUESTS
from gateway.model.kinds import Kind

CALLS = {
    Kind.CASE_DELETION: (
        "deleteCases",
        "Delete cases",
        (
            "Deletes cases from Hub Property or ClaimShop, whichever the tenant's configuration names. A dry run tells "
            "whether a case exists and its state allows deletion (`succeeded`, `found: true`, `deleted: false`)."
        ),
    ),
    Kind.EXTERNAL_ENTITY_REMOVAL: (
        "removeExternalEntities",
        "Remove external entities",
        "Removes external entities from ECM cases.",
    ),
    Kind.TRANSACTION_REMOVAL: ("removeTransactions", "Remove transactions", "Removes transactions from ECM cases."),
    Kind.CUSTOMER_REMOVAL: ("removeCustomers", "Remove customers", "Removes customers from ECM cases."),
    Kind.ACCOUNT_REMOVAL: ("removeAccounts", "Remove accounts", "Removes accounts from ECM cases."),
}
"""Operation id, summary and description of each kind's POST."""

TENANT = {
    "name": "tenant", "in": "path", "required": True, "description": "The tenant's name.", "schema": {"type": "string"},
}  # fmt: skip
OPERATION = {
    "name": "operationId",
    "in": "path",
    "required": True,
    "description": "The operation's id.",
    "schema": {"type": "string", "format": "uuid"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes copies of this request one operation. A namespace a caller; it lives as long as its record.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async`: answer at once. `wait=N`: wait up to N seconds.",
    "schema": {"type": "string"},
    "examples": {"async": {"value": "respond-async"}, "wait": {"value": "wait=10"}},
}


def paths() -> dict[str, Any]:
    """Every path, as it is served."""
    return {
        **{f"/v1/tenants/{{tenant}}/{kind}s": {"post": _submission(kind)} for kind in Kind},
        "/v1/operations": {"get": _list_operations()},
        "/v1/operations/{operationId}": {"get": _get_operation()},
        "/v1/operations/{operationId}/results": {"get": _list_results()},
        "/v1/operations/{operationId}/receipt": {"get": _get_receipt()},
        "/v1/operations/{operationId}/cancel": {"post": _cancel()},
        "/v1/operations/{operationId}/retry": {"post": _retry()},
        "/v1/tenants": {"get": _list_tenants()},
        "/v1/tenants/{tenant}": {"get": _get_tenant()},
        "/livez": {"get": _livez()},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _text("metrics", "Metrics", "Prometheus metrics.", "text/plain")},
        "/openapi.json": {"get": _text("openapi", "This document", "OpenAPI 3.1, as JSON.", "application/json")},
        "/docs": {"get": _text("docs", "This document, to read", "A page without scripts.", "text/html")},
    }


def _submission(kind: Kind) -> dict[str, Any]:
    operation_id, summary, description = CALLS[kind]
    schema = {"$ref": f"#/components/schemas/{REQUESTS[kind].__name__}"}
    body = {"schema": schema, "examples": {"example": {"value": EXAMPLES[kind]}}}
    return {
        **_call("Deletions and removals", operation_id, summary, description, TENANT, IDEMPOTENCY_KEY, PREFER),
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            name.removeprefix("submission-"): {"$ref": f"#/components/responses/{name}"}
            for name in submission_responses()
        },
    }


def _list_operations() -> dict[str, Any]:
    filters = (
        _filter("tenant", "Of this tenant alone.", {"type": "string"}),
        _filter("kind", "Of this kind alone.", {"$ref": "#/components/schemas/Kind"}),
        _filter("status", "With this status, now.", {"type": "string", "enum": list(OPERATION_STATUSES)}),
    )
    description = "The operations of the tenants that the caller may use, newest first, without results."
    return {
        **_call("Operations", "listOperations", "List operations", description, *filters, *_paging()),
        "responses": _found("OperationPage", ("operation_page",), Refusal.NOT_FOUND, Refusal.INVALID_REQUEST),
    }


def _get_operation() -> dict[str, Any]:
    description = "Its envelope, now. Answered 200 at every stage, whatever became of the cases."
    return {
        **_call("Operations", "getOperation", "Read an operation", description, OPERATION),
        "responses": _found("OperationEnvelope", ("running", "two_cases"), Refusal.NOT_FOUND),
    }


def _list_results() -> dict[str, Any]:
    status = _filter("status", "With this status, now.", {"type": "string", "enum": list(CASE_STATUSES)})
    description = "What became of each case, in request order."
    return {
        **_call("Operations", "listResults", "Read its results", description, OPERATION, status, *_paging()),
        "responses": _found("ResultPage", ("result_page",), Refusal.NOT_FOUND, Refusal.INVALID_REQUEST),
    }


def _get_receipt() -> dict[str, Any]:
    bounds = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER}
    number = _filter("number", "Which one; the newest if left out.", bounds)
    description = (
        "Each time the operation ends, after a retry too, it gets a receipt with the next number. Receipts form a "
        "chain of hashes. They hold marks, keyed hashes, in place of identifiers, and stay when retention has removed "
        "the operation."
    )
    return {
        **_call("Operations", "getReceipt", "Read its receipt", description, OPERATION, number),
        "responses": _found("ReceiptAnswer", ("receipt", "receipt_only"), Refusal.NOT_FOUND, Refusal.INVALID_REQUEST),
    }


def _cancel() -> dict[str, Any]:
    description = (
        "Starts no further case. What was never sent ends as `cancelled` at once; what has begun comes to its end. "
        "It may be sent again. Needs the grants that making the operation needs."
    )
    envelope = Success("The operation, now.", "OperationEnvelope", ("running",))
    return {
        **_call("Operations", "cancelOperation", "Cancel an operation", description, OPERATION),
        "responses": responses({200: envelope}, CHANGING),
    }


def _retry() -> dict[str, Any]:
    description = (
        "Runs again what is `failed`, `unknown`, `partial` or `cancelled`; what succeeded is never sent again. "
        "Answered 202 at once, unless `Prefer: wait=N` says otherwise. Needs the grants that making it needs."
    )
    return {
        **_call("Operations", "retryOperation", "Retry an operation", description, OPERATION, PREFER),
        "responses": responses(OPERATION_ANSWERS, CHANGING),
    }


def _list_tenants() -> dict[str, Any]:
    return {
        **_call("Tenants", "listTenants", "List tenants", "The tenants that the caller may use, by name.", *_paging()),
        "responses": _found("TenantPage", ("tenant_page",), Refusal.INVALID_REQUEST),
    }


def _get_tenant() -> dict[str, Any]:
    description = "What the caller can do for the tenant, where, when, and how long the queue is."
    return {
        **_call("Tenants", "getTenant", "Read a tenant", description, TENANT),
        "responses": _found("TenantView", ("tenant",), Refusal.NOT_FOUND),
    }


def _livez() -> dict[str, Any]:
    alive = Success("The process is alive.", "Health", ("alive",))
    return {
        **_call("Service", "livez", "Liveness", "Calls no upstream, nor the ledger."),
        "security": [],
        "responses": responses({200: alive}, ()),
    }


def _readyz() -> dict[str, Any]:
    ready = Success("Send requests here.", "Health", ("alive",))
    not_ready = Success("Send none, for these reasons.", "Health", ("draining",))
    return {
        **_call("Service", "readyz", "Readiness", "Calls no upstream."),
        "security": [],
        "responses": responses({200: ready, 503: not_ready}, ()),
    }


def _text(operation_id: str, summary: str, description: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "object" if media_type == "application/json" else "string"}}}
    return {
        **_call("Service", operation_id, summary, description),
        "security": [],
        "responses": {"200": {"description": description, "headers": headers(), "content": content}},
    }


def _call(tag: str, operation_id: str, summary: str, description: str, *parameters: object) -> dict[str, Any]:
    return {
        "tags": [tag],
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        **({"parameters": list(parameters)} if parameters else {}),
    }


def _found(schema: str, found: tuple[str, ...], *refusals: Refusal) -> dict[str, Any]:
    return responses({200: Success("Found.", schema, found)}, (*refusals, *AUTHENTICATED))


def _filter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _paging() -> tuple[dict[str, Any], dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return (
        _filter("limit", "How many rows at most.", limit),
        _filter("cursor", "Where to go on: `nextCursor` of the page before.", {"type": "string", "minLength": 1}),
    )
