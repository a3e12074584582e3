"""Every implementation of `Ledger`, by name: where the ledger of a test is, and how it is opened."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.ledger.base import Ledger
from gateway.ledger.ledger import SqlLedger
from gateway.ledger.open import open_ledger
from gateway.ledger.postgres import PostgresStore
from gateway.telemetry.events import Observer
from tests.clock import ManualClock
from tests.postgres import HELD_CLOCK, Database
from tests.tables import put_tables

Place = Callable[[ManualClock, Observer], Ledger]
"""Opens the ledger of one test; a second time after it was closed, with all that was written."""


def sqlite(folder: Path) -> Place:
    """A file in the test's own folder."""
    put_tables(folder / "ledger.db")
    return lambda clock, observer: open_ledger("sqlite:///ledger.db", clock, observer, folder=folder)


def postgresql(_folder: Path) -> Place:
    """A database of the test's own, on a server whose clock is the test's."""
    database = Database()

    def place(clock: ManualClock, observer: Observer) -> Ledger:
        if not clock.followers:
            database.follow(clock)
        return SqlLedger(PostgresStore(database.url, clock, clock_sql=HELD_CLOCK), observer)

    return place


PLACES: Mapping[str, Callable[[Path], Place]] = {"sqlite": sqlite, "postgresql": postgresql}
