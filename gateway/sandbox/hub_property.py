"""Scalepoint Hub Property: what is its own (UPSTREAMS.md, "Scalepoint Hub Property")."""

import math
from uuid import uuid4

from gateway.sandbox.clock import http_date
from gateway.sandbox.deletions import Deletion, HubBody, Verdict
from gateway.sandbox.rates import RateGate, RateWindow
from gateway.sandbox.replies import Reply, json_reply
from gateway.sandbox.switches import HubSwitches, SwitchBoard


class HubProperty:
    """Resumes by ``requestId``, answers 409 while a deletion of the case runs, has two rate windows."""

    system = "hub-property"
    body = HubBody
    resumes = True

    def __init__(self, board: SwitchBoard) -> None:
        self._board = board
        self.gate = self._new_gate()

    @property
    def switches(self) -> HubSwitches:
        """Its switches as they stand."""
        return self._board.now.hub

    def rearm(self) -> None:
        """Take up changed limits; what was counted is forgotten."""
        self.gate = self._new_gate()

    def throttled(self) -> Verdict:
        """429."""
        seconds = self.switches.throttle_retry_after_seconds
        retry_after = None if seconds is None else str(seconds)
        return Verdict(status=429, errors=("Too many requests",), retry_after=retry_after)

    def closed(self, now: float, seconds: float) -> Verdict:
        """503."""
        whole = math.ceil(seconds)
        retry_after = str(whole) if self.switches.closed_retry_after == "seconds" else http_date(math.ceil(now + whole))
        return Verdict(status=503, errors=("The service is closed in business hours",), retry_after=retry_after)

    def reply(self, verdict: Verdict, asked: Deletion | None) -> Reply:
        """``requestId`` and ``deleted`` always, the rest only if there is something to say."""
        request_id = asked.request_id if asked is not None else None
        body: dict[str, object] = {"requestId": request_id or str(uuid4())}
        if verdict.found is not None:
            body["found"] = verdict.found
        body["deleted"] = verdict.deleted
        if verdict.errors:
            body["errors"] = verdict.errors
        return json_reply(verdict.status, body, headers_of(verdict))

    def _new_gate(self) -> RateGate:
        switches = self.switches
        return RateGate(
            RateWindow(switches.per_second, 1, switches.window),
            RateWindow(switches.per_minute, 60, switches.window),
            refused_count=switches.refused_count,
        )


def headers_of(verdict: Verdict) -> tuple[tuple[bytes, bytes], ...]:
    """``Retry-After`` if there is one, ``WWW-Authenticate`` with a 401 (RFC 6750 3)."""
    retry = ((b"retry-after", verdict.retry_after.encode()),) if verdict.retry_after is not None else ()
    challenge = ((b"www-authenticate", b'Bearer error="invalid_token"'),) if verdict.status == 401 else ()  # noqa: PLR2004
    return retry + challenge
