"""What the oracle judges by: the sandbox's history, the ledger's rows, what callers asked for and what they were told.

It shares no code with the gateway.
"""

import bisect
from collections import Counter, defaultdict
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct, field

Json = dict[str, Any]
Row = dict[str, Any]

HUB, CLAIMSHOP, ECM = "hub-property", "claimshop", "oracle-ecm"
HONEST = frozenset(
    {
        *(None, "slow", "notfound", "forbidden", "inprogress", "error500", "notdeleted", "messages"),
        *("unauthorized", "throttled", "closed", "missing", "keptitems", "noitems", "locked", "locked409", "invalid"),
        *("status", "reorder", "extra", "extracase", "duplicate", "duplicatecase"),
    }
)
"""Situations of the sandbox in which the answer says what happened, in documented words. All others leave it open."""
DOCUMENTED = frozenset({200, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504})
SETTLED_SECONDS = 1.0
"""So soon after an answer its outcome is in the ledger, if the process lives so long."""


class Call(Struct, rename="camel", frozen=True):
    """A call that reached the sandbox: an entry of its history (docs/sandbox.md)."""

    number: int
    received_at: float
    system: str
    call: str
    tenant: str | None = None
    cases: tuple[str, ...] = ()
    items: tuple[tuple[str, str], ...] = ()
    identifier_type: str | None = None
    request_id: str | None = None
    execute: bool | None = None
    x_request_id: str | None = None
    answered: int | str | None = None
    answered_at: float | None = None
    heard: bool = True
    situation: str | None = None
    done: str = "nothing"
    removed: tuple[tuple[str, str], ...] = ()
    violations: tuple[str, ...] = ()

    @property
    def executes(self) -> bool:
        return self.execute is not False

    @property
    def told(self) -> int | None:
        """The status of an answer that says what happened, if one was sent and somebody was there to hear it."""
        honest = self.heard and self.situation in HONEST
        return int(self.answered) if honest and self.answered in DOCUMENTED else None

    @property
    def end(self) -> float:
        """When the sandbox was done with it."""
        return float("inf") if self.answered_at is None else self.answered_at

    def concerns(self) -> tuple[tuple[str, ...], ...]:
        """What no two calls may be about at one time."""
        kind = self.identifier_type or "caseId"
        return tuple((self.system, self.tenant or "", kind, case) for case in self.cases)


class Asked(Struct):
    """One request of a caller, and its copies. `name` is its X-Request-Id, which upstreams see; `key` its
    Idempotency-Key, without which there are no copies.

    `operations` are the ids it was answered with, `cancelled` when its cancellations were answered (epoch seconds);
    `retried`: a retry of it may have been carried out.
    """

    name: str
    tenant: str
    kind: str
    system: str
    execute: bool
    cases: list[Json]
    key: str | None = None
    operations: list[str] = field(default_factory=list)
    cancelled: list[float] = field(default_factory=list)
    retried: bool = False

    @property
    def identifiers(self) -> list[str]:
        return [identifier_of(case) for case in self.cases]


class Ledger(Struct, frozen=True):
    """Rows of its tables, as they stood when all had ended; `queued` is the count of cases that have not ended."""

    operations: list[Row]
    cases: list[Row]
    calls: list[Row]
    queued: int


class Record(Struct, frozen=True, dict=True):
    """Everything. `told` are the envelopes by operation id, `kills` the times at which the gateway died or stood still.

    `lease_seconds` is how long a call without an answer holds its case; `prompt_seconds` is a time in which an answer
    surely reaches a gateway that lives.
    """

    history: list[Call]
    ledger: Ledger
    asked: list[Asked]
    told: dict[str, Json]
    kills: list[float]
    lease_seconds: float
    prompt_seconds: float

    @cached_property
    def requests(self) -> dict[str, Asked]:
        """What was asked for, by the name under which upstreams see it."""
        return {asked.name: asked for asked in self.asked}

    @cached_property
    def by_target(self) -> dict[tuple[str, ...], list[Call]]:
        """Calls about the same case, in the order of arrival."""
        return self._grouped(lambda call: call.concerns())

    @cached_property
    def by_case(self) -> dict[tuple[str, str], list[Call]]:
        """Calls of one request about one of its cases, in the order of arrival."""
        return self._grouped(lambda call: [(call.x_request_id or "", case) for case in call.cases])

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """The operation's row, by the name of its request."""
        return {row["request_id"]: row for row in self.ledger.operations}

    @cached_property
    def recorded(self) -> set[str]:
        """The names of the requests of which the ledger knows every answer that the sandbox gave."""
        given: dict[str | None, Counter[str]] = defaultdict(Counter)
        kept: dict[str, Counter[str]] = defaultdict(Counter)
        for call in self.history:
            given[call.x_request_id][str(call.answered)] += int(isinstance(call.answered, int))
        for row in self.ledger.calls:
            kept[row["operation_id"]][row["outcome"]] += 1
        return {name for name, row in self.row_of.items() if given[name] <= kept[row["id"]]}

    def knew(self, call: Call) -> bool:
        """Whether the gateway surely knew what `call` told: it came promptly, is recorded, and nobody died over it."""
        late = call.end - call.received_at > self.prompt_seconds
        if call.told is None or late or call.x_request_id not in self.recorded:
            return False
        kills = sorted(self.kills)
        first = bisect.bisect_left(kills, call.received_at)
        return first == len(kills) or kills[first] > call.end + SETTLED_SECONDS

    def _grouped(self, keys: Any) -> dict[Any, list[Call]]:  # noqa: ANN401 - from a call to its keys
        groups = defaultdict(list)
        for call in sorted(self.history, key=lambda call: call.received_at):
            for key in keys(call):
                groups[key].append(call)
        return dict(groups)


def read_history(items: list[Json]) -> list[Call]:
    """The sandbox's entries, but those for tokens."""
    return [msgspec.convert(item, Call) for item in items if item["system"] != "token"]


def identifier_of(case: Json) -> str:
    """The value of a requested case's identifier, or of a result's."""
    return str(next(case[name] for name in ("caseNumber", "caseToken", "caseId") if name in case))


def items_of(case: Json) -> list[str]:
    """The ids of the items that were asked for with an ECM case."""
    lists = {"externalEntities": "externalEntity", "transactions": "transactionReferenceId"}
    lists |= {"customers": "customerId", "accounts": "accountId"}
    return [item[id_name] for name, id_name in lists.items() for item in case.get(name, ())]
