"""Reads a ledger from outside: plain SELECTs, and nothing of the gateway."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from .oracle.records import Ledger, Row

UNENDED = "SELECT (SELECT count(*) FROM operations WHERE finished_at IS NULL) + \
    (SELECT count(*) FROM calls WHERE settled_at IS NULL)"


class LedgerReader:
    """Of the file or the database at `place`."""

    def __init__(self, place: Path | str) -> None:
        self._place = place

    def read(self) -> Ledger:
        with closing(self._connect()) as connection:
            queued = connection.execute("SELECT sum(cases) FROM queue_slots").fetchone()
            tables = [_rows(connection, name) for name in ("operations", "cases", "calls")]
        operations, cases, calls = tables
        return Ledger(operations, cases, calls, int(queued[0]))

    def unended(self) -> int:
        """How many operations and calls have not ended."""
        with closing(self._connect()) as connection:
            return int(connection.execute(UNENDED).fetchone()[0])

    def _connect(self) -> Any:  # noqa: ANN401 - a connection of either library
        if isinstance(self._place, Path):
            return sqlite3.connect(f"file:{self._place}?mode=ro", uri=True, timeout=10)
        return psycopg.connect(self._place, autocommit=True)


def _rows(connection: Any, table: str) -> list[Row]:  # noqa: ANN401 - likewise
    found = connection.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - our own names
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
