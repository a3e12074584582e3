"""A SQLite store with a table of its own, to see what becomes of writes."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.ledger.sqlite import SqliteStore
from gateway.ledger.store import Transaction
from tests.clock import ManualClock
from tests.tables import put_tables


class Notes:
    """Writes short texts and reads them back; counts the commits of the writer."""

    def __init__(self, folder: Path) -> None:
        put_tables(folder / "ledger.db")
        self.store = SqliteStore(folder / "ledger.db", ManualClock())
        self.commits = 0
        self.store._connection.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self.commits += statement.startswith("COMMIT")

    async def prepare(self) -> None:
        """Make the table."""
        await self.store.write(lambda tx: tx.run("CREATE TABLE IF NOT EXISTS notes (text TEXT UNIQUE)"))
        self.commits = 0

    def write(self, text: str) -> asyncio.Task[int]:
        """Begin to write a text."""
        return asyncio.ensure_future(self.store.write(lambda tx: insert(tx, text)))

    async def together(self, *works: Callable[[Transaction], Any]) -> list[Any]:
        """Carry out writes that all wait when the writer comes to them; results and errors, in order."""
        began, go_on = threading.Event(), threading.Event()

        def hold(_tx: Transaction) -> None:
            began.set()
            assert go_on.wait(10)

        tasks = [asyncio.ensure_future(self.store.write(work)) for work in (hold, *works)]
        await asyncio.to_thread(began.wait, 10)
        go_on.set()
        return (await asyncio.gather(*tasks, return_exceptions=True))[1:]

    async def read(self) -> list[str]:
        """Every text, as readers see it."""
        return await self.store.read(lambda tx: sorted(row[0] for row in tx.rows("SELECT text FROM notes")))


def insert(tx: Transaction, text: str) -> int:
    """Write a text."""
    return tx.run("INSERT INTO notes (text) VALUES (:text)", {"text": text})


def inserting(text: str) -> Callable[[Transaction], int]:
    """A write of a text."""
    return lambda tx: insert(tx, text)
