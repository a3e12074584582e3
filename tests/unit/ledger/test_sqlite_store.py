"""Group commit: many writes, one commit; each undone alone; nobody told of what is not on the disk."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import CommitUnknown, LedgerUnavailable
from gateway.ledger import sqlite_file
from gateway.ledger.sqlite import MAX_BATCH
from gateway.ledger.sqlite_file import connect
from gateway.ledger.store import Effects, Parameters, Transaction
from tests.unit.ledger.stores import Notes, insert, inserting

BIG = "x" * 200_000


class Broken(Exception):
    """A fault of the work itself."""


def breaking(tx: Transaction) -> None:
    insert(tx, "of the broken one")
    raise Broken


def spoiling(tx: Transaction) -> None:
    insert(tx, "of the spoilt one")
    tx.run("INSERT INTO no_such_table VALUES (1)")


class Failing:
    """A connection whose COMMIT fails, before or after it has done its work."""

    def __init__(self, connection: sqlite3.Connection, code: int, *, done: bool) -> None:
        self._connection, self._code, self._done = connection, code, done

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes

    def execute(self, sql: str, parameters: Parameters = {}) -> sqlite3.Cursor:  # noqa: B006 - never written to
        if sql != "COMMIT":
            return self._connection.execute(sql, parameters)
        if self._done:
            self._connection.execute(sql)
        error = sqlite3.OperationalError("made up")
        error.sqlite_errorcode = self._code
        raise error


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_writes_that_wait_share_one_commit(notes: Notes) -> None:
    await notes.together(*(inserting(str(number)) for number in range(100)))

    assert notes.commits == 1
    assert len(await notes.read()) == 100


async def test_a_commit_is_shared_by_so_many_at_most(notes: Notes) -> None:
    await notes.together(*(inserting(str(number)) for number in range(MAX_BATCH)))

    assert notes.commits == 2
    assert len(await notes.read()) == MAX_BATCH


async def test_a_single_write_is_not_kept_waiting_for_others(notes: Notes) -> None:
    for number in range(5):
        await notes.write(str(number))

    assert notes.commits == 5


async def test_what_is_answered_is_committed(notes: Notes) -> None:
    """A reader's connection sees commits only."""
    for number in range(20):
        await notes.write(str(number))
        assert len(await notes.read()) == number + 1


async def test_commits_are_durable(notes: Notes) -> None:
    modes = await notes.store.write(lambda tx: [tx.row("PRAGMA journal_mode"), tx.row("PRAGMA synchronous")])

    assert modes == [("wal",), (2,)]


@pytest.mark.parametrize(("bad", "error"), [(breaking, Broken), (spoiling, LedgerUnavailable)])
async def test_a_write_that_fails_is_undone_alone(
    notes: Notes, bad: Callable[[Transaction], None], error: type[Exception]
) -> None:
    before, failed, after = await notes.together(inserting("before"), bad, inserting("after"))

    assert (before, after) == (1, 1)
    assert isinstance(failed, error)
    assert await notes.read() == ["after", "before"]


async def test_a_write_sees_what_its_batch_wrote_before_it(notes: Notes) -> None:
    results = await notes.together(
        inserting("a"), breaking, lambda tx: tx.row("SELECT count(*) FROM notes"), inserting("b")
    )

    assert results[2] == (1,)


async def test_effects_follow_the_commit_and_only_that_of_their_own_write(notes: Notes) -> None:
    seen: list[tuple[dict[str, int], int]] = []
    notes.store.on_effects(lambda effects: seen.append((effects.due, notes.commits)))

    def working(tx: Transaction) -> None:
        tx.effects.work("hub", 3)

    def breaking_after_work(tx: Transaction) -> None:
        tx.effects.work("lost")
        raise Broken

    await notes.together(working, breaking_after_work)

    assert seen == [({}, 1), ({"hub": 3}, 1)]


async def test_a_full_ledger_refuses_what_it_cannot_hold_and_goes_on_when_there_is_room(notes: Notes) -> None:
    await notes.write("before")
    (pages,) = await notes.store.write(lambda tx: tx.row("PRAGMA page_count")) or (0,)
    notes.store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(LedgerUnavailable, match="full"):
        await notes.write(BIG)
    refused = await notes.read()
    notes.store._connection.execute("PRAGMA max_page_count = 1000000")
    await notes.write(BIG)

    assert refused == ["before"]
    assert await notes.read() == ["before", BIG]


async def test_nobody_of_a_batch_that_meets_a_full_disk_is_told_of_success_wrongly(notes: Notes) -> None:
    (pages,) = await notes.store.write(lambda tx: tx.row("PRAGMA page_count")) or (0,)
    notes.store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    answers = await notes.together(inserting("a"), inserting(BIG), inserting("b"))

    told = [text for text, answer in zip(["a", BIG, "b"], answers, strict=True) if answer == 1]
    assert isinstance(answers[1], LedgerUnavailable)
    assert await notes.read() == sorted(told)


async def test_nobody_is_told_of_success_when_sqlite_undoes_the_whole_transaction(notes: Notes) -> None:
    """As it does by itself after some errors of the disk."""

    def undone(tx: Transaction) -> None:
        tx.run("ROLLBACK")
        error = "disk I/O error"
        raise sqlite3.OperationalError(error)

    answers = await notes.together(inserting("a"), undone)
    await notes.write("later")

    assert [type(answer) for answer in answers] == [LedgerUnavailable] * 2
    assert await notes.read() == ["later"]


@pytest.mark.parametrize("done", [False, True])
async def test_a_commit_whose_result_is_unknown_is_called_so(notes: Notes, *, done: bool) -> None:
    sound = notes.store._connection
    seen: list[Effects] = []
    notes.store.on_effects(seen.append)
    notes.store._connection = Failing(sound, sqlite3.SQLITE_IOERR, done=done)  # type: ignore[assignment]  # as used

    with pytest.raises(CommitUnknown):
        await notes.write("a")
    notes.store._connection = sound
    await notes.write("b")

    assert len(seen) == 1
    assert await notes.read() == (["a", "b"] if done else ["b"])


async def test_a_commit_that_found_no_room_wrote_nothing(notes: Notes) -> None:
    sound = notes.store._connection
    notes.store._connection = Failing(sound, sqlite3.SQLITE_FULL, done=False)  # type: ignore[assignment]  # as used

    with pytest.raises(LedgerUnavailable):
        await notes.write("a")
    notes.store._connection = sound

    assert await notes.read() == []


async def test_writes_that_meet_a_locked_file_fail_together_rather_than_one_after_the_other(notes: Notes) -> None:
    """Each in its turn waited for the lock: behind a hundred others, somebody would have been told after minutes."""
    (_, _, path) = await notes.store.write(lambda tx: tx.row("PRAGMA database_list")) or ("", "", "")
    waits = 0

    def counting(sql: str) -> None:
        nonlocal waits
        waits += sql == "BEGIN IMMEDIATE"

    notes.store._connection.execute("PRAGMA busy_timeout = 50")
    notes.store._connection.set_trace_callback(counting)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    answers = await asyncio.gather(*(notes.write(str(number)) for number in range(100)), return_exceptions=True)
    other.close()
    await notes.write("after")

    assert {type(answer) for answer in answers} == {LedgerUnavailable}
    assert waits <= 5
    assert await notes.read() == ["after"]


async def test_who_no_longer_waits_for_a_write_disturbs_nobody(notes: Notes) -> None:
    abandoned = notes.write("abandoned")
    await asyncio.sleep(0)
    abandoned.cancel()

    await notes.write("kept")

    assert await notes.read() == ["abandoned", "kept"]


async def test_a_reader_sees_one_state_however_much_is_written_meanwhile(notes: Notes) -> None:
    await notes.write("first")
    loop = asyncio.get_running_loop()

    def counting_twice(tx: Transaction) -> tuple[Any, Any]:
        before = tx.row("SELECT count(*) FROM notes")
        asyncio.run_coroutine_threadsafe(notes.store.write(inserting("meanwhile")), loop).result(10)
        return before, tx.row("SELECT count(*) FROM notes")

    assert await notes.store.read(counting_twice) == ((1,), (1,))
    assert len(await notes.read()) == 2


async def test_a_reader_cannot_write(notes: Notes) -> None:
    with pytest.raises(LedgerUnavailable, match="readonly"):
        await notes.store.read(inserting("a"))


async def test_closing_leaves_one_file_and_its_lock(notes: Notes, tmp_path: Path) -> None:
    await notes.write("a")
    await notes.read()
    await notes.store.close()

    assert names_in(tmp_path) == ["ledger.db", "ledger.db.lock"]


def log_bytes(folder: Path) -> int:
    return (folder / "ledger.db-wal").stat().st_size


class Relay:
    """Two readers that hand over to each other: at every instant one of them is reading, and none for long."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._end = threading.Event()
        turns = threading.Semaphore(1), threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._read, args=(mine, others)) for mine, others in permutations(turns)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _read(self, mine: threading.Semaphore, others: threading.Semaphore) -> None:
        connection = connect(self._file, read_only=True)
        while not self._end.is_set():
            mine.acquire()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM notes").fetchone()
            others.release()
        connection.close()
        others.release()


async def test_the_log_stays_short_also_where_readers_never_pause(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the log is only merged: it then goes on growing at its end, to 40 MB here."""
    monkeypatch.setattr(sqlite_file, "LOOK_EVERY", 1)
    monkeypatch.setattr(sqlite_file, "LONGEST_LOG_BYTES", 6_000_000)
    sizes = []
    with Relay(tmp_path / "ledger.db"):
        for number in range(100):
            await notes.write(f"{number}{BIG}")
            sizes.append(log_bytes(tmp_path))

    assert max(sizes) < 8_000_000
    assert len(await notes.read()) == 100


async def test_who_reads_for_long_keeps_the_log_but_holds_up_no_write(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOOK_EVERY", 1)
    monkeypatch.setattr(sqlite_file, "LONGEST_LOG_BYTES", 1_000_000)
    monkeypatch.setattr(sqlite_file, "READERS_MILLISECONDS", 1)
    reader = connect(tmp_path / "ledger.db", read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notes").fetchone()
    for number in range(20):
        await notes.write(f"{number}{BIG}")
    longest = log_bytes(tmp_path)
    seen = reader.execute("SELECT count(*) FROM notes").fetchone()
    reader.close()
    for number in range(20, 40):
        await notes.write(f"{number}{BIG}")

    assert seen == (0,)
    assert longest > 4_000_000
    assert log_bytes(tmp_path) < longest
    assert len(await notes.read()) == 40
