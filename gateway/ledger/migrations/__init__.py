"""Brings a ledger's tables up to this version's, at start."""

import sqlite3
from pathlib import Path

HEAD = "0001"
"""The newest revision; a test holds it against the files."""


def upgrade_sqlite(connection: sqlite3.Connection) -> None:
    """Apply every missing revision in one transaction of `connection`, which is in autocommit mode.

    The driver begins nothing by itself in that mode, and SQLite's DDL is transactional: so the transaction is begun
    here, and Alembic commits it. Raises sqlite3.Error; nothing is then changed.
    """
    # 36 MB and 170 ms that a ledger at its newest revision never needs.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above
    from sqlalchemy import StaticPool, create_engine  # noqa: PLC0415 - see above
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as migrating:
            # Only now: SQLAlchemy's first look at a connection ends with a ROLLBACK.
            connection.execute("BEGIN IMMEDIATE")
            config.attributes["connection"] = migrating
            command.upgrade(config, "head")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, DBAPIError) and error.orig is not None:
            raise error.orig from error
        raise
