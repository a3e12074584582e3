"""The tables come from the migrations, and the migrations are complete."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import StaticPool, create_engine

from gateway.ledger import migrations
from gateway.ledger.archive import open_archive
from gateway.ledger.auditor import Auditor
from gateway.ledger.sqlite_file import connect, open_for_writing
from gateway.model.verification import Keys

OPERATION = """INSERT INTO operations (id, caller, fingerprint, kind, tenant, backend, system, upstream_tenant, execute,
    total, created_at, finished_at) VALUES (?, ?, '', 'case-deletion', 't', 'b', 'hub-property', '', 1, ?, 0, ?)"""


def test_the_newest_revision_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_they_make_every_table_in_an_empty_file(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "ledger.db", 0)

    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()

    assert {"operations", "cases", "items", "calls", "paces", "turns", "pauses", "closures", "installation"} <= tables


def test_opening_again_keeps_the_installation_and_never_takes_its_time_back(tmp_path: Path) -> None:
    rows = []
    for now in (5, 3):
        connection = open_for_writing(tmp_path / "ledger.db", now)
        rows.append(connection.execute("SELECT id, checked_at FROM installation").fetchall())
        connection.close()

    assert len(rows[0]) == 1
    assert rows[0] == rows[1]


def test_cases_that_were_queued_before_quotas_count_for_their_callers(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.db")
    _upgrade_to(connection, "0001")
    connection.executemany(OPERATION, [("a", "job", 5, None), ("b", "job", 3, 1), ("c", "ui", 2, None)])
    connection.execute("UPDATE operations SET succeeded = 1, failed = 1 WHERE id = 'a'")

    _upgrade_to(connection, "head")

    counted = connection.execute("SELECT caller, sum(cases) FROM queue_slots GROUP BY caller").fetchall()
    connection.close()
    assert counted == [("job", 3), ("ui", 2)]


def _upgrade_to(connection: sqlite3.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool).connect() as migrating:
        config.attributes["connection"] = migrating
        command.upgrade(config, revision)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.db")
    connection.execute("CREATE TABLE pauses (other INTEGER)")

    with pytest.raises(Exception, match="pauses"):
        migrations.upgrade_sqlite(connection)

    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert tables == ["pauses"]


def test_an_operation_that_ended_before_there_were_receipts_has_none_and_nothing_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    before = connect(path)
    _upgrade_to(before, "0002")
    before.execute(
        """INSERT INTO operations (id, caller, fingerprint, kind, tenant, backend, system, upstream_tenant, execute,
               total, succeeded, status, created_at, finished_at)
           VALUES ('0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10', 'job', 'f', 'case-deletion', 'acme', 'hub', 'hub-property',
               'acme', 1, 1, 1, 'succeeded', 1, 2)"""
    )
    before.close()

    open_for_writing(path, 3).close()

    with open_archive(f"sqlite:///{path}") as archive:
        assert list(Auditor(Keys({}), {}).ledger(archive)) == []
        assert [ended.newest for ended in archive.ended({})] == [None]
