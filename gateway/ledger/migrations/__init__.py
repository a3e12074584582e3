"""Brings a ledger's tables up to this version's, at start."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0007"
"""The newest revision; a test holds it against the files."""


def upgrade_sqlite(connection: sqlite3.Connection) -> None:
    """Apply every missing revision in one transaction of `connection`, which is in autocommit mode.

    The driver begins nothing by itself in that mode, and SQLite's DDL is transactional: so the transaction is begun
    here, and Alembic commits it. Raises sqlite3.Error; nothing is then changed.
    """
    # 36 MB and 170 ms that a ledger at its newest revision never needs.
    from sqlalchemy import StaticPool, create_engine  # noqa: PLC0415 - see above
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see above

    try:
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as migrating:
            # Only now: SQLAlchemy's first look at a connection ends with a ROLLBACK.
            connection.execute("BEGIN IMMEDIATE")
            _upgrade(migrating)
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, DBAPIError) and error.orig is not None:
            raise error.orig from error
        raise


def upgrade_postgresql(connect: Callable[[], Any]) -> None:
    """Apply every missing revision in one transaction, on a psycopg connection that begins transactions by itself.

    The caller sees to it that no other process does the same. Raises psycopg.Error; nothing is then changed.
    """
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415 - as for SQLite
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as for SQLite

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        with engine.begin() as migrating:
            _upgrade(migrating)
    except DBAPIError as error:
        if error.orig is not None:
            raise error.orig from error
        raise


def _upgrade(migrating: "Connection") -> None:
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = migrating
    command.upgrade(config, "head")
