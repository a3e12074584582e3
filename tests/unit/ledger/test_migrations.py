"""The tables come from the migrations, and the migrations are complete."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from gateway.ledger import migrations
from gateway.ledger.sqlite_file import connect, open_for_writing


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


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    connection = connect(tmp_path / "ledger.db")
    connection.execute("CREATE TABLE pauses (other INTEGER)")

    with pytest.raises(Exception, match="pauses"):
        migrations.upgrade_sqlite(connection)

    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert tables == ["pauses"]
