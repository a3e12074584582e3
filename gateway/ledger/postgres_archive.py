"""A PostgreSQL ledger as an auditor reads it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import psycopg

from gateway.clock import SystemClock
from gateway.config.settings import Secret
from gateway.errors import LedgerUnusable
from gateway.ledger.postgres import READ
from gateway.ledger.postgres_open import connected, first_line
from gateway.ledger.postgres_password import password_of
from gateway.ledger.postgres_session import Connection, PostgresTransaction, ServerTime
from gateway.ledger.store import Transaction


@contextmanager
def postgres_snapshots(
    url: str, password: Secret | None
) -> Iterator[Callable[[], AbstractContextManager[Transaction]]]:
    """Makes transactions, each of which sees one state of the ledger. Raises LedgerUnusable, also while they run."""
    connection = connected(url, password_of(password))
    try:
        yield partial(_snapshot, connection)
    except psycopg.Error as error:
        message = f"the ledger cannot be read: {first_line(error)}"
        raise LedgerUnusable(message) from error
    finally:
        connection.close()


@contextmanager
def _snapshot(connection: Connection) -> Iterator[Transaction]:
    connection.execute(READ)
    try:
        yield PostgresTransaction(connection, ServerTime(SystemClock()), "SELECT 0")
    finally:
        connection.execute("ROLLBACK")
