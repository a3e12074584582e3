"""One request and its answer, as logs and metrics see them; request id and trace context (W3C Trace Context)."""

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from gateway.telemetry.tracing import NOTHING, RequestSpan

SCOPE_KEY = "gateway.exchange"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")
_TRACE_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?"
)

Headers = Iterable[tuple[bytes, bytes]]


class Exchange:
    """What becomes known of a request on its way through: for logs and metrics alone, but for two.

    `request_id` and `trace_parent` go on to the upstream. `answer_headers` go with the answer, whatever that is.
    `given_trace` is the caller's own `traceparent`, null if it sent no valid one.
    """

    __slots__ = (
        "answer_headers",
        "caller",
        "given_trace",
        "operation_id",
        "problem",
        "request_id",
        "span",
        "trace_parent",
    )

    def __init__(self, headers: Headers) -> None:
        headers = list(headers)
        self.request_id = request_id(headers)
        self.given_trace = given_trace_parent(headers)
        self.trace_parent = self.given_trace or new_trace_parent()
        self.span: RequestSpan = NOTHING
        self.caller: str | None = None
        self.operation_id: str | None = None
        self.answer_headers: list[tuple[bytes, bytes]] = []
        self.problem: str | None = None

    @property
    def echoed_trace(self) -> str:
        """The `traceparent` of the answer: the caller's own, if it sent one."""
        return self.given_trace or self.trace_parent

    def follow(self, span: RequestSpan) -> None:
        """What comes of the request is part of this span's trace, if it has one."""
        self.span = span
        self.trace_parent = span.trace_parent or self.trace_parent

    @property
    def ids(self) -> dict[str, str]:
        """What leads from a log line to the request's others."""
        known = {"request_id": self.request_id, "operation_id": self.operation_id}
        return {name: value for name, value in known.items() if value is not None}


def exchange_of(scope: Mapping[str, Any]) -> Exchange:
    """The exchange that the middleware began for this request."""
    exchange: Exchange = scope[SCOPE_KEY]
    return exchange


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Every value of the header `name` (lower case), as it came."""
    return [value for key, value in headers if key == name]


def request_id(headers: Headers) -> str:
    """The caller's X-Request-Id, if there is one and it is fit for a log line; else a new one."""
    match values(headers, b"x-request-id"):
        case [given] if _REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        case _:
            return uuid4().hex


def given_trace_parent(headers: Headers) -> str | None:
    """The caller's traceparent, if there is one, and valid (Trace Context section 3.2)."""
    match values(headers, b"traceparent"):
        case [given] if _is_trace_parent(given):
            return given.decode("ascii")
        case _:
            return None


def new_trace_parent() -> str:
    """That of a new trace, which nobody records."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def _is_trace_parent(given: bytes) -> bool:
    found = _TRACE_PARENT.fullmatch(given)
    return found is not None and (found[1] != b"00" or found[2] is None)
