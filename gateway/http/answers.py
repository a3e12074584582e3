"""Which HTTP answer an operation gets (CONTRACT.md section 1, "Status codes")."""

from math import ceil

import msgspec
from litestar import Response
from msgspec import Struct

from gateway.http.envelopes import location, wire_envelope
from gateway.http.prefer import Preference
from gateway.model.envelope import Envelope
from gateway.model.hours import SECOND
from gateway.model.kinds import ENDED, Status
from gateway.model.operations import CaseRecord
from gateway.model.outcomes import Code

MEDIA_TYPE = "application/json"

STATUS_OF_CODE = {
    Code.CASE_NOT_FOUND: 404,
    Code.DELETION_FORBIDDEN_BY_STATE: 409,
    Code.DELETION_IN_PROGRESS: 409,
    Code.CASE_LOCKED: 409,
    Code.CASE_CANCELLED: 409,
    Code.ITEM_NOT_IN_CASE: 404,
    Code.UPSTREAM_REJECTED: 422,
    Code.UPSTREAM_UNAUTHORIZED: 502,
    Code.UPSTREAM_THROTTLED: 503,
    Code.UPSTREAM_CLOSED: 503,
    Code.UPSTREAM_UNREACHABLE: 503,
    Code.UPSTREAM_ERROR: 502,
    Code.OUTCOME_UNKNOWN: 504,
}
"""What answers an operation of one case that ended with this code."""

OK, ACCEPTED, MULTI_STATUS, BAD_GATEWAY, UNAVAILABLE = 200, 202, 207, 502, 503

MAX_POLL_SECONDS = 30
"""Whoever asks after a running operation need not wait for longer."""
DEFAULT_RETRY_SECONDS = 30
"""Before the same request may do better, where no better time is known."""


def answer_json(value: Struct, status: int = OK, headers: dict[str, str] | None = None) -> Response[bytes]:
    """`value`, a wire struct, as JSON."""
    return Response(msgspec.json.encode(value), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def answer_operation(shown: Envelope, now: int, wanted: Preference) -> Response[bytes]:
    """The envelope, with the status and headers that its state gives."""
    status = status_of(shown)
    headers: dict[str, str] = {}
    if applied := wanted.applied(finished=status != ACCEPTED):
        headers["Preference-Applied"] = applied
    if status == ACCEPTED:
        headers["Location"] = location(shown.operation.id)
        headers["Retry-After"] = str(_ask_again_seconds(shown, now))
    elif retry_at := _retry_at(shown, status, now):
        headers["Retry-After"] = str(seconds_until(retry_at, now))
    return answer_json(wire_envelope(shown), status, headers)


def status_of(shown: Envelope) -> int:
    """202 until the operation has ended; then 200, 207, or the status of its only case's code."""
    if shown.status not in ENDED:
        return ACCEPTED
    if shown.status is Status.SUCCEEDED:
        return OK
    only = _only_case(shown)
    if only is None or shown.status is Status.PARTIAL:
        return MULTI_STATUS
    return STATUS_OF_CODE[only.outcome.code] if only.outcome.code else BAD_GATEWAY


def seconds_until(instant: int, now: int) -> int:
    """Whole seconds from `now` to `instant`, at least one: the form of Retry-After."""
    return max(1, ceil((instant - now) / SECOND))


def _only_case(shown: Envelope) -> CaseRecord | None:
    return shown.cases[0] if shown.cases and shown.operation.total == 1 else None


def _ask_again_seconds(shown: Envelope, now: int) -> int:
    if shown.not_before is not None:
        return seconds_until(shown.not_before, now)
    if shown.estimated_finish_at is not None:
        return min(seconds_until(shown.estimated_finish_at, now), MAX_POLL_SECONDS)
    return 1


def _retry_at(shown: Envelope, status: int, now: int) -> int | None:
    """When the same request may be made again, null where that needs no word."""
    only = _only_case(shown)
    if only is None or status < MULTI_STATUS:
        return None
    if only.retry_at is not None and only.retry_at > now:
        return only.retry_at
    return now + DEFAULT_RETRY_SECONDS * SECOND if status == UNAVAILABLE else None
