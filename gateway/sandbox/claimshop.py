"""Scalepoint ClaimShop: what is its own (UPSTREAMS.md, "Scalepoint ClaimShop")."""

from gateway.sandbox.deletions import ClaimShopBody, Deletion, Verdict
from gateway.sandbox.hub_property import headers_of
from gateway.sandbox.rates import CapGate
from gateway.sandbox.replies import Reply, json_reply
from gateway.sandbox.switches import ClaimShopSwitches, SwitchBoard


class ClaimShop:
    """No ``requestId``, nothing to resume, no 409; five requests at a time."""

    system = "claimshop"
    body = ClaimShopBody
    resumes = False

    def __init__(self, board: SwitchBoard) -> None:
        self._board = board
        self.gate = CapGate(self.switches.simultaneous)

    @property
    def switches(self) -> ClaimShopSwitches:
        """Its switches as they stand."""
        return self._board.now.claimshop

    def rearm(self) -> None:
        """Take up a changed cap; the requests under way stay counted."""
        self.gate.limit = self.switches.simultaneous

    def throttled(self) -> Verdict:
        """429."""
        return Verdict(status=429, errors=("Too many simultaneous requests, try again after some time",))

    def closed(self, now: float, seconds: float) -> Verdict:  # noqa: ARG002 - one signature; it promises no Retry-After
        """503."""
        text = "Case deletion is not available in business hours. It is open from 16:00 to 08:00 UTC."
        return Verdict(status=503, errors=(text,))

    def reply(self, verdict: Verdict, asked: Deletion | None) -> Reply:  # noqa: ARG002 - Hub's reply needs it
        """``found``, ``deleted`` and ``errors``, always all three."""
        body = {"found": bool(verdict.found), "deleted": verdict.deleted, "errors": verdict.errors}
        return json_reply(verdict.status, body, headers_of(verdict))
