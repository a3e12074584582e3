"""Refusals: what a caller gets when no operation was made (RFC 9457; CONTRACT.md section 1, "Status codes")."""

from enum import Enum

import msgspec
from msgspec import Struct

MEDIA_TYPE = "application/problem+json"


class Refusal(Enum):
    """Every reason for a problem: its code, the HTTP status and the title that go with it."""

    MALFORMED_REQUEST = "malformed_request", 400, "The request is not well formed"
    UNAUTHENTICATED = "unauthenticated", 401, "The caller is not known"
    EXECUTE_NOT_GRANTED = "execute_not_granted", 403, "The caller may only make dry runs"
    OPERATION_NOT_GRANTED = "operation_not_granted", 403, "The caller may not make operations of this kind"
    NOT_FOUND = "not_found", 404, "There is no such thing, or the caller may not see it"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "This method has no meaning here"
    TOO_LARGE = "too_large", 413, "The body is too large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The body must be JSON"
    INVALID_REQUEST = "invalid_request", 422, "The request breaks a rule"
    OPERATION_NOT_CONFIGURED = "operation_not_configured", 422, "The tenant lacks the system that this operation needs"
    DRY_RUN_UNSUPPORTED = "dry_run_unsupported", 422, "The system cannot make dry runs"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422, "The idempotency key belongs to another request"
    QUOTA_EXCEEDED = "quota_exceeded", 429, "The caller has used up its quota"
    INTERNAL_ERROR = "internal_error", 500, "Something went wrong in the gateway"
    ISSUER_UNAVAILABLE = "issuer_unavailable", 503, "The token cannot be verified now"
    OVERLOADED = "overloaded", 503, "Too much is queued or under way"
    LEDGER_UNAVAILABLE = "ledger_unavailable", 503, "Nothing can be recorded now, so nothing was begun"
    OUTSIDE_OPENING_HOURS = "outside_opening_hours", 503, "The upstream system is closed now"
    CIRCUIT_OPEN = "circuit_open", 503, "The upstream system fails and is left alone for a while"
    ACCEPTANCE_UNKNOWN = "acceptance_unknown", 503, "The request may have been accepted"

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class Place(Struct, frozen=True):
    """One thing wrong with a request, and where.

    `pointer` is a JSON Pointer into the body (RFC 6901; empty: the whole body), `?name` for a query parameter, or the
    name of a header.
    """

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True):
    """Why no operation was made. `type` leads to the words on `code` in this gateway's own documentation."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Place]


class Problem(Exception):
    """No operation was made. `headers` go with the answer."""

    def __init__(
        self,
        refusal: Refusal,
        detail: str = "",
        *,
        places: tuple[Place, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.detail = detail or refusal.title
        self.places = places
        self.headers = headers or {}

    def body(self) -> bytes:
        """The problem as JSON; what a caller sent and UTF-8 cannot carry is replaced."""
        refusal = self.refusal
        places = [Place(_printable(place.pointer), _printable(place.detail)) for place in self.places]
        return msgspec.json.encode(
            ProblemDetails(
                type=f"/docs#{refusal.code}",
                title=refusal.title,
                status=refusal.status,
                code=refusal.code,
                detail=_printable(self.detail),
                errors=places,
            )
        )


def invalid(pointer: str, detail: str) -> Problem:
    """422 `invalid_request` for one place."""
    return Problem(Refusal.INVALID_REQUEST, f"{pointer or 'The body'}: {detail}", places=(Place(pointer, detail),))


def pointer(*path: str | int) -> str:
    """The JSON Pointer of a path of member names and positions (RFC 6901 section 3)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
