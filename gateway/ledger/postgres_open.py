"""A PostgreSQL ledger at start: reached, fit for use, and brought up to this version's tables."""

from collections.abc import Callable
from functools import partial
from secrets import token_hex
from uuid import uuid4

import psycopg

from gateway.errors import LedgerUnusable
from gateway.ledger import migrations
from gateway.ledger.postgres_password import Password, no_password
from gateway.ledger.postgres_session import Connection, connect

OLDEST_SERVER = 140_000
ADVICE = {
    "password authentication failed": "check store.password_file",
    "no password supplied": "give store.password_file",
    "no pg_hba.conf entry": "the server's pg_hba.conf must let this user in from here",
    "does not exist": "create the database and the role; the gateway makes its tables itself",
    "too many": "raise the server's max_connections: each process needs up to 9",
    "certificate": "check sslmode and sslrootcert in store.url",
}
"""What to do, by a part of the server's or the library's words; these are matched where they are English."""
UNREACHABLE = "check that the server runs, and store.url"
LOCK_FOR_START = "SELECT pg_advisory_lock(hashtextextended('case-gateway start', 0))"


def prepare(url: str, clock_sql: str, password: Password = no_password) -> None:
    """Make every table that is missing; of several processes that start, one after the other. Raises LedgerUnusable."""
    connection = connected(url, password)
    try:
        _check(connection)
        connection.execute("SET statement_timeout = '120s'")  # others may be at their migrations
        connection.execute(LOCK_FOR_START)
        _migrate(connection, partial(_patient, url, password))
        _install(connection, clock_sql)
    except psycopg.errors.InsufficientPrivilege as error:
        message = f"the ledger's tables cannot be made or used: {first_line(error)}; give the role CREATE on the schema"
        raise LedgerUnusable(message) from error
    except psycopg.Error as error:
        message = f"the ledger's database cannot be used: {first_line(error)}"
        raise LedgerUnusable(message) from error
    finally:
        connection.close()


def connected(url: str, password: Password) -> Connection:
    """A connection. Raises LedgerUnusable, with what to do."""
    try:
        return connect(url, password)
    except psycopg.Error as error:
        message = f"the ledger's database cannot be used: {first_line(error)}; {_advice(error)}"
        raise LedgerUnusable(message) from error


def _check(connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        message = f"PostgreSQL {connection.info.server_version // 10_000} is too old; the ledger needs 14"
        raise LedgerUnusable(message)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        message = f"the ledger's database has the encoding {encoding}; create it with ENCODING 'UTF8'"
        raise LedgerUnusable(message)
    standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if standby and standby[0]:
        message = "the ledger's server is a standby; add target_session_attrs=read-write to store.url"
        raise LedgerUnusable(message)


def _patient(url: str, password: Password) -> Connection:
    """A connection for migrations: one over millions of rows takes longer than any statement of the ledger may."""
    connection = connect(url, password)
    connection.execute("SET statement_timeout = 0")
    connection.autocommit = False
    return connection


def _migrate(connection: Connection, connect_anew: Callable[[], Connection]) -> None:
    revision = _revision(connection)
    if revision == migrations.HEAD:
        return
    if revision is not None and revision > migrations.HEAD:
        message = f"the ledger was written by a newer version (revision {revision}); run that version or later"
        raise LedgerUnusable(message)
    migrations.upgrade_postgresql(connect_anew)


def _revision(connection: Connection) -> str | None:
    known = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if known is None or known[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _install(connection: Connection, clock_sql: str) -> None:
    """Note that the ledger is in use: a database that cannot be written shows now, and not at the first deletion.

    If the server's clock is behind what was recorded, it was set back while no process ran: time goes on from there.
    """
    connection.execute(
        f"INSERT INTO installation (id, checked_at) SELECT %s, {clock_sql} WHERE NOT EXISTS (SELECT 1 FROM installation)",  # noqa: E501, S608
        (str(uuid4()),),
    )
    connection.execute("UPDATE installation SET receipt_key = %s WHERE receipt_key IS NULL", (token_hex(32),))
    row = connection.execute(
        """SELECT greatest((SELECT granted_at FROM calls ORDER BY id DESC LIMIT 1),
               (SELECT created_at FROM operations ORDER BY id DESC LIMIT 1), (SELECT checked_at FROM installation))"""
    ).fetchone()
    connection.execute(
        f"""UPDATE installation SET ahead = ahead + greatest(0, %(last)s - {clock_sql} - ahead),
                checked_at = greatest(%(last)s, {clock_sql} + ahead)""",  # noqa: S608 - the store's own clock
        {"last": (row[0] if row else 0) + 1},
    )


def _advice(error: psycopg.Error) -> str:
    return next((advice for words, advice in ADVICE.items() if words in str(error)), UNREACHABLE)


def first_line(error: psycopg.Error) -> str:
    """The error in one line; the rest of it is context."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
