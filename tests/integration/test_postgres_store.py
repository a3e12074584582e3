"""What becomes of transactions when PostgreSQL refuses, dies, or comes back; and how a ledger there is opened."""

import asyncio
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.clock import SystemClock
from gateway.config.settings import Secret
from gateway.errors import CommitUnknown, LedgerError, LedgerUnavailable, LedgerUnusable
from gateway.ledger import migrations
from gateway.ledger.accept import accept
from gateway.ledger.base import Accepted
from gateway.ledger.migrations import upgrade_postgresql
from gateway.ledger.open import open_ledger
from gateway.ledger.postgres import PostgresStore
from gateway.ledger.postgres_open import prepare
from gateway.ledger.postgres_password import password_of
from gateway.ledger.postgres_session import SERVER_CLOCK, Connection
from gateway.ledger.sqlite_file import open_for_writing
from gateway.ledger.store import Transaction
from gateway.model.ids import Ids
from gateway.model.kinds import Kind, System
from gateway.model.operations import NewOperation
from gateway.telemetry.events import nobody
from tests.contract.desk import numbers
from tests.integration.conftest import Guarded
from tests.integration.replicas import Replica, replicas
from tests.postgres import Database, start_server, url_of

TRIGGER = """CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON operations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION at_commit()"""
"""Something that happens within COMMIT, and nowhere else."""
NEW = NewOperation(
    caller="job",
    kind=Kind.CASE_DELETION,
    tenant="acme",
    backend="hub",
    system=System.HUB_PROPERTY,
    upstream_tenant="acme",
    execute=True,
    cases=numbers("CN1"),
    fingerprint="",
)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database.url, SystemClock())
    yield store
    await store.close()


@pytest.fixture
async def replica(database: Database) -> AsyncIterator[Replica]:
    async with replicas(database.url) as (one, _other):
        yield one


async def test_transactions_that_wait_for_each_other_are_both_done(store: PostgresStore, database: Database) -> None:
    """PostgreSQL ends one of them; it is run again."""
    database.connection.execute("CREATE TABLE pair (id int PRIMARY KEY, count int)")
    database.connection.execute("INSERT INTO pair VALUES (1, 0), (2, 0)")
    both_began = threading.Barrier(2)
    tries: list[int] = []

    def count(tx: Transaction, first: int) -> None:
        tries.append(first)
        for row in (first, 3 - first):
            tx.run("UPDATE pair SET count = count + 1 WHERE id = :id", {"id": row})
            if len(tries) <= 2 and row == first:
                both_began.wait(5)

    await asyncio.gather(store.write(lambda tx: count(tx, 1)), store.write(lambda tx: count(tx, 2)))

    assert len(tries) >= 3
    assert database.rows("SELECT count FROM pair") == [(2,), (2,)]


async def test_an_error_of_the_work_itself_undoes_it_and_comes_back(store: PostgresStore, database: Database) -> None:
    def work(tx: Transaction) -> None:
        tx.run("INSERT INTO queue_slots (caller, slot, cases) VALUES ('job', 0, 7)")
        raise KeyError("x")

    with pytest.raises(KeyError):
        await store.write(work)

    assert database.rows("SELECT cases FROM queue_slots") == []


async def test_a_commit_that_the_server_refuses_has_written_nothing(replica: Replica, database: Database) -> None:
    database.connection.execute(TRIGGER.format("RAISE 'no'"))

    with pytest.raises(LedgerUnavailable, match="no"):
        await replica.accept("CN1")

    database.connection.execute("DROP TRIGGER at_commit ON operations")
    assert database.rows("SELECT count(*) FROM operations") == [(0,)]
    await replica.accept("CN1")


async def test_a_connection_that_is_lost_at_commit_leaves_its_result_unknown(
    replica: Replica, database: Database
) -> None:
    database.connection.execute(TRIGGER.format("PERFORM pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(CommitUnknown):
        await replica.accept("CN1")

    database.connection.execute("DROP TRIGGER at_commit ON operations")
    await replica.accept("CN1")


async def test_connections_that_were_killed_are_made_anew_without_anybody_noticing(
    replica: Replica, database: Database
) -> None:
    await replica.accept("CN1")
    database.rows(
        """SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
           WHERE application_name = 'case-gateway' AND datname = current_database()"""
    )

    assert len((await replica.claim()).calls) == 1


async def test_a_server_that_gives_no_answer_is_given_up_in_time(
    store: PostgresStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may stand still, or the network may swallow every word; so the gateway keeps the time itself."""
    monkeypatch.setattr("gateway.ledger.postgres.TRANSACTION_SECONDS", 0.3)
    started_at = time.monotonic()

    with pytest.raises(LedgerUnavailable, match="no answer in time"):
        await store.write(lambda tx: tx.row("SELECT pg_sleep(20)"))
    with pytest.raises(LedgerUnavailable, match="no answer in time"):
        await store.read(lambda tx: tx.row("SELECT pg_sleep(20)"))
    database.connection.execute(TRIGGER.format("PERFORM pg_sleep(20)"))
    monkeypatch.setattr("gateway.ledger.postgres.TRANSACTION_SECONDS", 3.0)  # it has to get as far as its COMMIT
    with pytest.raises(CommitUnknown, match="no answer in time"):
        await store.write(lambda tx: accept(tx, NEW, Ids(), 100))

    assert time.monotonic() - started_at < 20


async def test_transactions_that_wait_for_a_thread_too_long_are_given_up_too(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that, a hundred requests would wait in line, each for its own time-out."""
    monkeypatch.setattr("gateway.ledger.postgres.TRANSACTION_SECONDS", 0.3)
    started_at = time.monotonic()

    results = await asyncio.gather(
        *(store.write(lambda tx: tx.row("SELECT pg_sleep(20)")) for _ in range(100)), return_exceptions=True
    )

    assert {type(result) for result in results} == {LedgerUnavailable}
    assert time.monotonic() - started_at < 10


async def test_a_server_that_stops_and_starts_again_costs_no_operation_and_no_restart_of_the_gateway() -> None:
    """While it is away nothing is granted; what was accepted is there afterwards, and who waits is served."""
    server = start_server(Path(tempfile.mkdtemp(prefix="pg")))
    url = url_of(server)
    async with replicas(url) as (one, other):
        answers: list[Any] = []
        for number in range(3):
            await one.accept(f"first-{number}")
        call = (await one.claim(1)).calls[0]
        waiting = asyncio.create_task(other.ledger.finished(call.operation_id, 30))

        async def accepting() -> None:
            for number in range(4_000):
                try:
                    answers.append(await one.offer(one.new(()).cases, key=f"k{number}"))
                except LedgerError as error:
                    answers.append(error)
                    if len([a for a in answers if isinstance(a, LedgerError)]) > 20:
                        return

        task = asyncio.create_task(accepting())
        while len(answers) < 20:  # noqa: ASYNC110 - answers of another task
            await asyncio.sleep(0.005)
        await asyncio.to_thread(server.stop)
        await task
        with pytest.raises(LedgerUnavailable):
            await other.claim()
        with pytest.raises(LedgerUnavailable):
            await other.ledger.operation(call.operation_id)
        assert not waiting.done()
        await asyncio.to_thread(server.ensure_postgres_running)

        await one.settle(call)

        assert await waiting
        assert len((await other.claim()).calls) == 2
        accepted = {answer.operation_id for answer in answers if isinstance(answer, Accepted)}
        unknown = [answer for answer in answers if isinstance(answer, CommitUnknown)]
        with psycopg.connect(url) as reader:
            found = {row[0] for row in reader.execute("SELECT id FROM operations WHERE idempotency_key IS NOT NULL")}
        assert accepted <= found
        assert len(found) <= len(accepted) + len(unknown)
    server.cleanup()


async def test_replicas_that_start_at_once_on_an_empty_database_make_its_tables_once() -> None:
    database = Database(empty=True)

    await asyncio.gather(*(asyncio.to_thread(prepare, database.url, SERVER_CLOCK) for _ in range(4)))

    assert database.rows("SELECT count(*) FROM installation") == [(1,)]
    assert database.rows("SELECT count(*) FROM queue_slots") == [(0,)]


def test_a_migration_may_take_as_long_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement of the ledger may take 8 s; over millions of rows a migration takes longer."""
    database, limits = Database(empty=True), []

    def upgrade(connect_anew: Callable[[], Connection]) -> None:
        with connect_anew() as connection:
            limits.append(connection.execute("SHOW statement_timeout").fetchone())
        upgrade_postgresql(connect_anew)

    monkeypatch.setattr(migrations, "upgrade_postgresql", upgrade)
    prepare(database.url, SERVER_CLOCK)

    assert limits == [("0",)]
    assert database.rows("SELECT count(*) FROM installation") == [(1,)]


def test_the_tables_are_those_of_sqlite(tmp_path: Path, database: Database) -> None:
    connection = open_for_writing(tmp_path / "ledger.db", 0)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    in_file = {(name, column[1]) for name in names for column in connection.execute(f"PRAGMA table_info({name})")}
    indexes = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    connection.close()

    found = database.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    assert {row for row in found if row[0] != "test_clock"} == in_file
    ours = {name for name in indexes if not name.startswith("sqlite_")}
    assert ours <= {row[0] for row in database.rows("SELECT indexname FROM pg_indexes")}


def opening(url: str) -> str:
    """What the operator reads when a ledger cannot be opened."""
    with pytest.raises(LedgerUnusable) as refusal:
        open_ledger(url, SystemClock(), nobody)
    return str(refusal.value)


async def test_a_ledger_of_a_newer_version_is_refused(database: Database) -> None:
    database.connection.execute("UPDATE alembic_version SET version_num = '9999'")

    assert "newer version (revision 9999)" in opening(database.url)


async def test_a_server_that_cannot_be_reached_is_named_with_what_to_do() -> None:
    text = opening("postgresql://gateway@127.0.0.1:1/ledger")

    assert "127.0.0.1" in text
    assert "check that the server runs" in text


async def test_a_database_that_is_missing_is_named_with_what_to_do(database: Database) -> None:
    text = opening(database.url.replace(database.name, "nowhere"))

    assert '"nowhere" does not exist' in text
    assert "create the database" in text


async def test_a_role_that_may_not_make_tables_is_refused_with_the_grant_it_lacks() -> None:
    database = Database(empty=True)
    database.connection.execute("DROP ROLE IF EXISTS gateway_reader")
    database.connection.execute("CREATE ROLE gateway_reader")

    assert "CREATE on the schema" in opening(f"{database.url}&options=-c%20role%3Dgateway_reader")
    database.connection.execute("DROP ROLE gateway_reader")


async def test_a_database_in_another_encoding_is_refused(database: Database) -> None:
    name = f"{database.name}_latin"
    database.connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    text = opening(database.url.replace(database.name, name))

    database.connection.execute(f"DROP DATABASE {name}")
    assert "UTF8" in text


async def test_a_password_that_was_rotated_is_picked_up_without_a_restart(guarded: Guarded, tmp_path: Path) -> None:
    url, administrator = guarded
    file = tmp_path / "password"
    file.write_text("first\n", encoding="utf-8")
    store = PostgresStore(url, SystemClock(), password=password_of(Secret(file=file)))
    try:
        administrator.execute("ALTER ROLE gateway PASSWORD 'second'")
        administrator.execute("SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = 'gateway'")
        with pytest.raises(LedgerUnavailable, match="password authentication failed"):
            await store.write(lambda tx: tx.run("UPDATE queue_slots SET cases = 1"))

        file.write_text("second\n", encoding="utf-8")

        await store.write(lambda tx: tx.run("UPDATE queue_slots SET cases = 1"))
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "store.password_file cannot be read"),
        (b"", "store.password_file holds nothing"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_password_that_cannot_be_read_says_where_and_not_what(
    tmp_path: Path, content: bytes | None, word: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(psycopg.OperationalError, match=word):
        password_of(Secret(file=file))()


def test_a_password_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PASSWORD", "first")

    assert password_of(Secret(env="LEDGER_PASSWORD"))() == "first"
    assert password_of(None)() is None
