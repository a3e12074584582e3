"""What a database must offer so that the ledger can live in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from gateway.telemetry.events import Event

Row = tuple[Any, ...]
Parameters = Mapping[str, Any]
T = TypeVar("T")


class Effects:
    """What follows from a transaction, and happens only once it is committed."""

    __slots__ = ("due", "events", "finished", "missed")

    def __init__(self, *, missed: bool = False) -> None:
        self.missed = missed
        """News of other processes may have been missed: anything may be due, or finished."""
        self.events: list[Event] = []
        self.due: dict[str, int] = {}
        self.finished: set[str] = set()

    def work(self, backend: str, cases: int = 1) -> None:
        """Cases of `backend` may have become due."""
        self.due[backend] = self.due.get(backend, 0) + cases

    def add(self, other: "Effects") -> None:
        """What the others of this ledger have to know of `other`, too."""
        self.finished |= other.finished
        for backend, cases in other.due.items():
            self.work(backend, cases)


class Transaction(Protocol):
    """One transaction: statements in the common subset of SQLite and PostgreSQL, with `:name` parameters.

    Statements raise the database's own errors; the store translates them. Other transactions may commit between two
    statements of this one, unless `lock` or `hold` keeps them from it: what follows from several statements is read
    behind one of these.
    """

    effects: Effects

    @property
    def now(self) -> int:
        """The ledger's time, microseconds since 1970: at the beginning, or behind the last `lock`."""
        ...

    @property
    def asked_at(self) -> float:
        """The process's monotonic seconds when `now` was asked for: not after the instant that it tells."""
        ...

    def lock(self, name: str) -> None:
        """Be the only transaction with the lock `name`, until its end; what the last one did is seen from here on."""
        ...

    def hold(self, *operation_ids: str) -> bool:
        """Be the only one that changes these operations and their cases, until the end.

        Returns whether others may have changed them up to now, so that what was read of them has to be read again.
        """
        ...

    def rows(self, sql: str, parameters: Parameters = ...) -> Sequence[Row]:
        """Every row of a query."""
        ...

    def row(self, sql: str, parameters: Parameters = ...) -> Row | None:
        """The first row of a query, or null."""
        ...

    def run(self, sql: str, parameters: Parameters = ...) -> int:
        """Carry out a statement; how many rows it changed."""
        ...

    def run_many(self, sql: str, many: Iterable[Parameters]) -> None:
        """Carry out a statement once for each of `many`."""
        ...


class Store(Protocol):
    """A database that runs transactions, several writers' in one commit where it can.

    `poll_seconds`: null where one process has the database to itself and its writes happen in the order in which they
    were asked for. Elsewhere, how often who waits for another process looks for himself, should its news be lost.
    """

    poll_seconds: float | None

    async def write(self, work: Callable[[Transaction], T], *, in_line: bool = False) -> T:
        """Run `work` in a transaction and return its result once that is durable; then its effects happen.

        `in_line`: it may stand in line behind other processes (`lock`); other writes go on meanwhile.
        Raises LedgerUnavailable: nothing was written. Raises CommitUnknown: it may have been.
        An exception of `work` itself undoes what it did and comes back to the caller.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work`, which only reads, on a consistent state. Raises LedgerUnavailable."""
        ...

    def now(self) -> int:
        """The ledger's time."""
        ...

    def on_effects(self, listener: Callable[[Effects], None]) -> None:
        """Have `listener` called on the event loop with the effects of every committed transaction."""
        ...

    async def wipe(self) -> bool:
        """Leave nothing of what was removed in the database's files; false if that has to be tried again.

        Raises LedgerUnavailable.
        """
        ...

    def on_commit(self, listener: Callable[[float], None]) -> None:
        """Have `listener` called on the event loop with the seconds that each COMMIT of something written took."""
        ...

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        ...
