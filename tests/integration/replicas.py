"""Two replicas in one process: two ledgers on one PostgreSQL database, on the server's own time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.clock import SystemClock
from gateway.ledger.base import Ledger
from gateway.ledger.ledger import SqlLedger
from gateway.ledger.postgres import PostgresStore
from gateway.telemetry.events import Observer
from tests.clock import ManualClock
from tests.contract.desk import Desk


class Replica(Desk):
    """A desk whose ledger is at `url`; `freed` are the backends at which something came back."""

    def __init__(self, url: str) -> None:
        self.freed: list[str] = []
        self.store: PostgresStore | None = None

        def place(_clock: ManualClock, observer: Observer) -> Ledger:
            self.store = PostgresStore(url, SystemClock())
            return SqlLedger(self.store, observer)

        super().__init__(place, ManualClock())
        self.ledger.subscribe(lambda _backend, _cases: None, self.freed.append)

    def rely_on_news(self) -> None:
        """Who waits looks for himself so seldom that a test would not see it."""
        assert self.store is not None
        self.store.poll_seconds = 600.0

    def be_deaf(self) -> None:
        """No news come or go any more."""
        assert self.store is not None
        self.store._news.close()


@asynccontextmanager
async def replicas(url: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two of them."""
    one, other = Replica(url), Replica(url)
    try:
        yield one, other
    finally:
        await one.ledger.close()
        await other.ledger.close()
