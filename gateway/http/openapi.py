"""The OpenAPI 3.1 document: `openapi/gateway.yaml`, `/openapi.json` and `/docs` are all made of it."""

from typing import Any

import msgspec

from gateway.http.openapi_answers import submission_responses
from gateway.http.openapi_examples import named
from gateway.http.openapi_paths import paths
from gateway.http.openapi_schemas import schemas
from gateway.version import __version__

DESCRIPTION = """\
One durable, paced API in front of Scalepoint Hub Property, Scalepoint ClaimShop and Oracle ECM.

A request makes an *operation*. It is recorded before anything is sent, and then carried to its end at the pace and in
the opening hours of the system behind it, whether or not anybody waits. Every answer about it is the same *envelope*,
so that callers need not know where a tenant's cases live.

**Deletions and removals cannot be undone.** That is why `execute` is required: `true` acts, `false` is a dry run.

**Waiting.** A call waits until its operation has finished, for `wait_seconds` of the configuration at most; then it is
answered 202, and the operation goes on. `Prefer: wait=10` waits ten seconds, `Prefer: respond-async` not at all. With
both, `wait` counts. No call waits for more than 300 seconds. Outside of opening hours a call is refused unless it says
`respond-async`: then it is accepted, and its operation waits for the opening.

**Repeating.** Send an `Idempotency-Key`, and a request may be sent again at any time, however the first copy was
answered: it makes one operation. Once that has finished, a further copy runs again only the cases whose error is
`retryable`, and no sooner than `Retry-After`. While the system is closed, a copy is answered from the record.

**Refusals** are problems (RFC 9457) with a `code`: no operation was made. `errors[].pointer` names the place: a JSON
Pointer into the body, `?name` for a query parameter, or the name of a header. Every path answers a method that it does
not know with 405 and `Allow`; HEAD works wherever GET does.

**Tracing.** `traceparent` and `X-Request-Id` are passed on, and stand on every answer. A request that has none, or one
that is not valid, gets new ones. Where the gateway records traces, `traceparent` goes on as that of its own span.

**Lists** have `limit` (100, at most 1,000) and opaque cursors that stay good while rows are added.
"""

HEADERS = {
    "X-Request-Id": "The request's id: the caller's own, if it sent a valid one.",
    "traceparent": "The request's trace context (W3C Trace Context): the caller's own, if it sent a valid one.",
    "Location": "Where the operation is found.",
    "Retry-After": "In so many seconds it makes sense to ask again.",
    "Preference-Applied": "What was taken into account of `Prefer`.",
    "WWW-Authenticate": "How to authenticate (RFC 6750 section 3).",
    "RateLimit-Policy": "The caller's quota, where it has one: `q` requests in `w` seconds, counted by each replica.",
    "RateLimit": "What is left of it: `r` requests; `t` seconds until there is more.",
}


def document() -> dict[str, Any]:
    """The whole document, anew each time, as plain values that share nothing."""
    built = {
        "openapi": "3.1.0",
        "info": {"title": "Case gateway", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}, {"bearer": []}],
        "tags": [
            {"name": "Deletions and removals", "description": "Make an operation."},
            {"name": "Operations", "description": "Follow, cancel and retry operations."},
            {"name": "Tenants", "description": "What can be done, where and when."},
            {"name": "Service", "description": "Probes, metrics and this documentation; without authentication."},
        ],
        "paths": paths(),
        "components": {
            "securitySchemes": _security_schemes(),
            "headers": {name: _header(name, description) for name, description in HEADERS.items()},
            "responses": submission_responses(),
            "examples": {name: {"value": example} for name, example in named().items()},
            "schemas": schemas(),
        },
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(built))
    return plain


def _security_schemes() -> dict[str, Any]:
    return {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key of a caller."},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A signed token of a configured issuer, for this gateway's audience (RFC 6750).",
        },
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
