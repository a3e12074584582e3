"""A ledger as an auditor reads it, from outside, also while gateways are at work on it. Nothing is written."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct

from gateway.config.settings import Secret
from gateway.errors import LedgerUnusable
from gateway.ledger.receipts import composed, own_key
from gateway.ledger.sqlite import SqliteTransaction
from gateway.ledger.sqlite_file import connect
from gateway.ledger.store import Row, Transaction
from gateway.model.checkpoints import Lines
from gateway.model.marks import ReceiptKey
from gateway.model.verification import Kept

SINCE_REVISION = "0003"
PAGE_ROWS = 50
LOWEST = -(2**63)
"""Places begin at 1; one that somebody has set below that is to be seen."""
COLUMNS = "operation_id, number, key_id, digest, sequence, hash, seal, body"

Snapshot = Callable[[], AbstractContextManager[Transaction]]
"""A transaction that sees one state of the ledger. Pages have one each, so that none stands open for long."""


class Ended(Struct, frozen=True):
    """An operation that has ended, and its newest receipt, null if it has none."""

    operation_id: str
    finished_at: int
    newest: Kept | None
    composed: str | None
    """What that receipt would say if it were written now; null without its key."""


class Archive:
    """Receipts and what belongs to them. Every method may raise LedgerUnusable."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        with snapshot() as tx:
            revision = tx.row("SELECT version_num FROM alembic_version")
            if revision is None or revision[0] < SINCE_REVISION:
                message = "the ledger is of a version that had no receipts: start the gateway on it once"
                raise LedgerUnusable(message)
            row = tx.row("SELECT id, receipt_key FROM installation")
        self.ledger: str = row[0] if row else ""
        self.own_key = own_key(row[1] if row else "")

    def linked(self, after: int = LOWEST) -> Iterator[Kept]:
        """The chain behind the link `after`, in order."""
        while True:
            with self._snapshot() as tx:
                rows = tx.rows(
                    f"SELECT {COLUMNS} FROM receipts WHERE sequence > :after ORDER BY sequence LIMIT :limit",  # noqa: S608 - constants
                    {"after": after, "limit": PAGE_ROWS},
                )
            yield from (_kept(row) for row in rows)
            if not rows:
                return
            after = rows[-1][4]

    def hash_at(self, sequence: int) -> str | None:
        """The hash of a link, null if there is none at that place."""
        with self._snapshot() as tx:
            row = tx.row("SELECT hash FROM receipts WHERE sequence = :sequence", {"sequence": sequence})
        return row[0] if row else None

    def unlinked(self) -> Iterator[Kept]:
        """Receipts that have no place in the chain yet."""
        with self._snapshot() as tx:
            rows = tx.rows(f"SELECT {COLUMNS} FROM receipts WHERE sequence IS NULL ORDER BY operation_id, number")  # noqa: S608 - constants
        yield from (_kept(row) for row in rows)

    def checkpoints(self) -> Lines:
        """The lines that the ledger keeps."""
        with self._snapshot() as tx:
            rows = tx.rows("SELECT line FROM checkpoints ORDER BY line")
        return [(f"checkpoint {number} in the ledger", row[0]) for number, row in enumerate(rows, 1)]

    def ended(self, keys: dict[str, ReceiptKey]) -> Iterator[Ended]:
        """Every operation that has ended and is still recorded."""
        after = ""
        while True:
            with self._snapshot() as tx:
                rows = tx.rows(
                    """SELECT id, finished_at FROM operations WHERE id > :after AND finished_at IS NOT NULL
                       ORDER BY id LIMIT :limit""",
                    {"after": after, "limit": PAGE_ROWS},
                )
                found = [self._ended(tx, row, keys) for row in rows]
            yield from found
            if not rows:
                return
            after = rows[-1][0]

    def _ended(self, tx: Transaction, row: Row, keys: dict[str, ReceiptKey]) -> Ended:
        newest = tx.row(
            f"SELECT {COLUMNS} FROM receipts WHERE operation_id = :id ORDER BY number DESC LIMIT 1",  # noqa: S608 - constants
            {"id": row[0]},
        )
        if newest is None:
            return Ended(row[0], row[1], None, None)
        kept = _kept(newest)
        key = keys.get(kept.key_id)
        return Ended(row[0], row[1], kept, composed(tx, row[0], kept.number, key) if key else None)


def _kept(row: Row) -> Kept:
    """A row of COLUMNS. Where SQLite keeps a value of another type, somebody has put it there: it will not fit."""
    operation_id, number, key_id, its_digest, sequence, its_hash, seal, body = row
    return Kept(
        operation_id=str(operation_id),
        number=number if isinstance(number, int) else -1,
        key_id=str(key_id),
        digest=str(its_digest),
        sequence=sequence if isinstance(sequence, int | None) else -1,
        hash=None if its_hash is None else str(its_hash),
        seal=str(seal),
        body=str(body),
    )


@contextmanager
def open_archive(url: str, password: Secret | None = None) -> Iterator[Archive]:
    """The ledger at `url`, which must hold receipts. Raises LedgerUnusable, also while it is read."""
    if url.startswith("sqlite:///"):
        with _sqlite(Path(url.removeprefix("sqlite:///"))) as archive:
            yield archive
    else:
        # As in open.py: a ledger in a file does without.
        from gateway.ledger.postgres_archive import postgres_snapshots  # noqa: PLC0415

        with postgres_snapshots(url, password) as snapshot:
            yield Archive(snapshot)


@contextmanager
def _sqlite(path: Path) -> Iterator[Archive]:
    if not path.is_file():
        message = f"{path}: there is no ledger"
        raise LedgerUnusable(message)
    try:
        connection = connect(path, read_only=True)
        try:
            yield Archive(partial(_snapshot, connection))
        finally:
            connection.close()
    except sqlite3.Error as error:
        message = f"{path}: the ledger cannot be read: {error}"
        raise LedgerUnusable(message) from error


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[Transaction]:
    connection.execute("BEGIN")
    try:
        yield SqliteTransaction(connection, 0)
    finally:
        connection.execute("ROLLBACK")
