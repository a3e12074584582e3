"""Receipts of several replicas form one chain, and an auditor reads it beside them (docs/evidence.md)."""

import asyncio
import threading
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli.audit import audit
from gateway.clock import SystemClock
from gateway.config.settings import Secret
from gateway.ledger.archive import open_archive
from gateway.ledger.auditor import Auditor, lookup
from gateway.ledger.base import Accepted
from gateway.ledger.open import open_ledger
from gateway.ledger.store import Transaction
from gateway.ledger.withdraw import retry
from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.model.verification import Keys
from gateway.telemetry.events import nobody
from tests.contract.desk import NOT_FOUND
from tests.integration.conftest import Guarded, Two
from tests.integration.replicas import Replica
from tests.integration.test_postgres_store import NEW
from tests.postgres import Database

ENDS = 150
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def findings(database: Database) -> tuple[list[str], int]:
    """What an auditor finds, and how many links there are."""
    with open_archive(database.url) as archive:
        auditor = Auditor(Keys({archive.own_key.id: archive.own_key}, archive.own_key.id), {})
        return list(auditor.ledger(archive)), auditor.linked


async def end_many(replica: Replica, prefix: str) -> None:
    for number in range(ENDS):
        await replica.ledger.cancel(await replica.accept(f"{prefix}{number}"))


async def link_until(replica: Replica, done: asyncio.Event) -> None:
    while not done.is_set():
        await replica.ledger.records.link()


async def test_replicas_that_link_at_once_make_one_chain_without_a_gap(two: Two, database: Database) -> None:
    """Without the lock two of them take the same places, and one of the transactions fails."""
    done = asyncio.Event()
    linkers = [asyncio.create_task(link_until(replica, done)) for replica in two for _ in range(2)]

    await asyncio.gather(*(end_many(replica, name) for replica, name in zip(two, "ab", strict=True)))
    done.set()
    await asyncio.gather(*linkers)
    while await two[0].ledger.records.link():
        pass

    assert findings(database) == ([], 2 * ENDS)
    assert [row[0] for row in database.rows("SELECT sequence FROM receipts ORDER BY sequence")] == [
        *range(1, 2 * ENDS + 1)
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE receipts SET body = replace(body, 'cancelled', 'succeeded') WHERE sequence = 2",
        "DELETE FROM receipts WHERE sequence = 2",
        "UPDATE receipts SET sequence = sequence + 1000 WHERE sequence > 1",
        "UPDATE operations SET caller = 'nobody'",
        "DELETE FROM receipts",
    ],
)
async def test_what_was_changed_is_found(two: Two, database: Database, change: str) -> None:
    for number in range(3):
        await two[0].ledger.cancel(await two[0].accept(f"CN{number}"))
    await two[1].ledger.records.link()
    sound = findings(database)

    database.connection.execute(change)

    assert sound == ([], 3)
    # Without a chain, and without checkpoints, there is nothing that says since when there should be one.
    assert findings(database)[0] or change == "DELETE FROM receipts"


async def test_an_identifier_is_found_after_retention(two: Two, database: Database) -> None:
    operation_id = await two[0].accept("CN1")
    await two[0].ledger.cancel(operation_id)
    while await two[1].ledger.records.clear(two[1].ledger.now() + SECOND):
        pass

    with open_archive(database.url) as archive:
        found = list(lookup(archive, "CN1", [archive.own_key]))

    assert database.rows("SELECT 1 FROM cases") == []
    assert [(case.operation_id, case.status) for case in found] == [(operation_id, Status.CANCELLED)]


async def test_an_operation_that_is_being_retried_is_not_removed(two: Two, database: Database) -> None:
    """Without holding it, the removal takes it away as soon as the retry has committed."""
    operation_id = await two[0].accept("CN1")
    await two[0].settle(await two[0].call(), NOT_FOUND)
    before = two[0].ledger.now() + SECOND
    begun, go_on = threading.Event(), threading.Event()

    def slowly(tx: Transaction) -> None:
        retry(tx, operation_id)
        begun.set()
        assert go_on.wait(10)

    assert two[0].store is not None
    retrying = asyncio.create_task(two[0].store.write(slowly))
    await asyncio.to_thread(begun.wait, 10)
    removing = asyncio.create_task(two[1].ledger.records.clear(before))
    async with asyncio.timeout(10):
        while not database.rows(WAITING) and not removing.done():  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(retrying, removing)

    assert (await two[1].operation(operation_id)).pending == 1


async def test_an_auditor_shows_the_database_the_configured_password(guarded: Guarded, tmp_path: Path) -> None:
    password, url = tmp_path / "password", guarded[0]
    password.write_text("first\n", encoding="utf-8")
    ledger = open_ledger(url, SystemClock(), nobody, password=Secret(file=password))
    accepted = await ledger.accept(NEW, max_queued_cases=10)
    assert isinstance(accepted, Accepted)
    await ledger.cancel(accepted.operation_id)
    await ledger.records.link()
    await ledger.close()

    def verified(**store: str) -> Result:
        file = tmp_path / "gateway.yaml"
        file.write_text(yaml.safe_dump({"store": {"url": url, **store}}), encoding="utf-8")
        return CliRunner().invoke(audit, ["verify", "--config", str(file)], env={"PGPASSWORD": None})

    right, without = verified(password_file="password"), verified()
    password.write_text("second\n", encoding="utf-8")
    wrong = verified(password_file="password")

    assert (right.exit_code, "1 receipts in the chain" in right.stdout) == (0, True)
    assert (without.exit_code, "give store.password_file" in without.stderr) == (2, True)
    assert (wrong.exit_code, "check store.password_file" in wrong.stderr) == (2, True)
    assert "second" not in wrong.output
