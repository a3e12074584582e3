"""Whose turn it is: lanes first, then round robin over tenants (CONTRACT.md section 2, promise 6). Pure."""

from msgspec import Struct

from gateway.ledger.rows import BULK
from gateway.model.forecast import BULK_EVERY


class Candidate(Struct, frozen=True):
    """One tenant's lane, with something due in it."""

    lane: int
    tenant: str


class Turns:
    """Hands out turns one by one, among tenants and lanes that have something due.

    The tenant goes first that has waited longest since its last turn; with it, what was called before, since its
    deadline runs and it may be partly done, then operations of one case. Bulk has the turns that these leave, yet never
    less than each fourth.
    """

    def __init__(self, last_turns: dict[str, int], turn: int, since_bulk: int) -> None:
        self.turn = turn
        self.since_bulk = since_bulk
        self.taken: dict[str, int] = {}
        self._last = dict(last_turns)

    def next(self, candidates: set[Candidate], *, bulk_due: bool) -> Candidate | None:
        """Who has the next turn, or null if nobody may: bulk only when its turn in the pace is due, or it is owed."""
        allowed = [c for c in candidates if bulk_due or self._bulk_is_owed or c.lane != BULK]
        if not allowed:
            return None
        return min(allowed, key=lambda c: (self._rank(c.lane), self._last.get(c.tenant, 0), c.lane, c.tenant))

    def take(self, candidate: Candidate) -> None:
        """The turn was used."""
        self.turn += 1
        self.since_bulk = 0 if candidate.lane == BULK else self.since_bulk + 1
        self._last[candidate.tenant] = self.taken[candidate.tenant] = self.turn

    @property
    def _bulk_is_owed(self) -> bool:
        return self.since_bulk >= BULK_EVERY - 1

    def _rank(self, lane: int) -> int:
        if lane != BULK:
            return 1
        return 0 if self._bulk_is_owed else 2
