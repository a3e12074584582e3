"""The answers in the OpenAPI document: every status, with its media types, headers and examples."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from gateway.http import answers, problems
from gateway.http.openapi_examples import ENVELOPES
from gateway.http.problems import Refusal

AUTHENTICATED = (
    Refusal.UNAUTHENTICATED,
    Refusal.QUOTA_EXCEEDED,
    Refusal.INTERNAL_ERROR,
    Refusal.ISSUER_UNAVAILABLE,
    Refusal.LEDGER_UNAVAILABLE,
)
"""What every call that needs a caller can be refused with."""
CHANGING = (
    Refusal.EXECUTE_NOT_GRANTED,
    Refusal.OPERATION_NOT_GRANTED,
    Refusal.NOT_FOUND,
    Refusal.ACCEPTANCE_UNKNOWN,
    *AUTHENTICATED,
)
SUBMITTING = tuple(refusal for refusal in Refusal if refusal is not Refusal.METHOD_NOT_ALLOWED)

ENDED = "Finished, and its only case "
MEANINGS = {
    200: "Finished: every case succeeded.",
    202: "Not finished; it goes on by itself. Ask at `Location`, after `Retry-After` seconds.",
    207: "Finished, and mixed: several cases that did not all succeed, or one case that is `partial`. Look inside.",
    404: ENDED + "was not found, or what was to be removed from it.",
    409: ENDED + "was in a state that did not allow it, or was cancelled before it was sent.",
    422: ENDED + "was rejected by the upstream.",
    502: ENDED + "met an error of the upstream, or the upstream refused the gateway's credential.",
    503: ENDED + "was not carried out; ask again after `Retry-After`.",
    504: ENDED + "was sent, but no trustworthy answer came: it may have been carried out.",
}
"""What the statuses of an answered operation mean; `answers.STATUS_OF_CODE` says which code gives which."""

PROBLEM = "ProblemDetails"
"""The name of the problems' schema."""
COMMON_HEADERS = ("X-Request-Id", "traceparent")
OPERATION_HEADERS = {202: ("Location", "Retry-After", "Preference-Applied"), 503: ("Retry-After",)}
QUOTA_HEADERS = ("RateLimit-Policy", "RateLimit")
"""On whatever a caller with a quota is answered."""
PROBLEM_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


class Success(Struct, frozen=True):
    """An answer that is no problem: what it means, the names of its schema and examples, and headers of its own."""

    description: str
    schema: str
    examples: tuple[str, ...]
    headers: tuple[str, ...] = ()


OPERATION_ANSWERS = {
    status: Success(meaning, "OperationEnvelope", ENVELOPES[status], OPERATION_HEADERS.get(status, ()))
    for status, meaning in MEANINGS.items()
}
"""An operation, with the status that its state gives."""


def responses(successes: Mapping[int, Success], refusals: Iterable[Refusal]) -> dict[str, Any]:
    """The responses object of one call, by status."""
    by_status: dict[int, list[Refusal]] = {}
    for refusal in refusals:
        by_status.setdefault(refusal.status, []).append(refusal)
    statuses = sorted({*successes, *by_status})
    found = {str(status): _response(status, successes.get(status), by_status.get(status, [])) for status in statuses}
    unauthenticated = str(Refusal.UNAUTHENTICATED.status)
    if unauthenticated in found:
        for status in found.keys() - {unauthenticated}:
            found[status]["headers"] |= headers(*QUOTA_HEADERS)
    return found


def submission_responses() -> dict[str, Any]:
    """What the POST of an operation can be answered with; every kind refers to these."""
    return {f"submission-{status}": response for status, response in responses(OPERATION_ANSWERS, SUBMITTING).items()}


def headers(*names: str) -> dict[str, Any]:
    """The headers that every answer has, and those named, each once."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*COMMON_HEADERS, *names)}


def _response(status: int, success: Success | None, refusals: list[Refusal]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    said: list[str] = []
    own_headers: list[str] = []
    if success:
        said.append(success.description)
        own_headers += success.headers
        content[answers.MEDIA_TYPE] = _media_type(_of(success.schema, *_also(refusals)), success.examples)
    if refusals:
        codes = ", ".join(f"`{refusal.code}`" for refusal in refusals)
        said.append(f"No operation was made: {codes}." if success else f"{codes}.")
        own_headers += PROBLEM_HEADERS.get(status, ())
        content[problems.MEDIA_TYPE] = _media_type(_of(PROBLEM), [refusal.code for refusal in refusals])
    return {"description": " ".join(said), "headers": headers(*own_headers), "content": content}


def _also(refusals: list[Refusal]) -> tuple[str, ...]:
    """Most makers of clients know one schema a status, that of its first media type: it says what else may come."""
    return (PROBLEM,) if refusals else ()


def _of(*schemas: str) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{schema}"} for schema in schemas]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _media_type(schema: dict[str, Any], examples: Iterable[str]) -> dict[str, Any]:
    return {
        "schema": schema,
        "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in examples},
    }
