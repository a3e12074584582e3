"""One permitted upstream call: what the ledger grants, a backend words, and the transport sends."""

from msgspec import Struct

from gateway.model.cases import Identifier, Item
from gateway.model.kinds import Kind, Purpose
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome


class GrantedCase(Struct, frozen=True):
    """A case as its next call sees it.

    `items` are those to be asked for now; `earlier_items` is the last outcome of every item of the case, in request
    order, among them those that are not sent again. `begun`: an earlier call of this case, or of the same deletion
    elsewhere, may have acted; `earlier` is then the last outcome of it, where it is this case's own. `unsettled_items`
    are (id, type code) of items whose last outcome is unknown. `attempts` were sent before; `failures` of them count
    towards `retry.max_attempts`. `open_seconds_left` is what remains of the case's deadline, in seconds of open time.
    """

    position: int
    identifier: Identifier
    request_id: str | None = None
    items: tuple[Item, ...] = ()
    earlier_items: tuple[ItemOutcome, ...] = ()
    unsettled_items: frozenset[tuple[str, str | None]] = frozenset()
    begun: bool = False
    earlier: CaseOutcome | None = None
    attempts: int = 0
    failures: int = 0
    open_seconds_left: float = 0.0
    last_code: Code | None = None


class Call(Struct, frozen=True):
    """Permission for exactly one HTTP request; every case in it is of one operation.

    `granted_at`, and `due_at` since when it could have been granted, are microseconds since 1970. `tests_circuit`: what
    becomes of it closes or opens the backend's circuit. `from_budget`: it took a token of the retry budget.
    """

    id: str
    operation_id: str
    backend: str
    kind: Kind
    tenant: str
    upstream_tenant: str
    purpose: Purpose
    cases: tuple[GrantedCase, ...]
    granted_at: int
    due_at: int = 0
    trace_parent: str | None = None
    request_id: str | None = None
    tests_circuit: bool = False
    from_budget: bool = False


class UpstreamRequest(Struct, frozen=True):
    """A call in HTTP's words. `path` is absolute and percent-encoded; `headers` lack host, length, authorization."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method}, {len(self.body)} bytes)"


class Answer(Struct, frozen=True):
    """A complete answer of an upstream. Header names are lower case; `received_at` is microseconds since 1970."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: int

    def __repr__(self) -> str:
        # What an upstream says may be anything, even the credential that it was sent.
        return f"Answer({self.status}, {len(self.body)} bytes)"

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or null."""
        return next((value for key, value in self.headers if key == name), None)


class Reading(Struct, frozen=True):
    """What an answer says of each case of its call, by position.

    `pause_seconds`: the upstream asked for a pause of the whole backend (429, 503), null when it named none.
    `unasked`: how many entries the answer held that nobody asked for.
    """

    outcomes: dict[int, CaseOutcome]
    pause_seconds: float | None = None
    unasked: int = 0
