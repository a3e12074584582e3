"""Receipts are linked, checkpoints signed and old operations removed by the process itself, on a real ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.checkpointing import RETRY_SECONDS, Checkpointing, Signer
from gateway.config.audit import checkpoint_key
from gateway.config.settings import Settings, Store
from gateway.errors import LedgerUnavailable
from gateway.model.checkpoints import read_line
from gateway.recordkeeping import BETWEEN_STEPS_SECONDS, CLEAR_SECONDS, LINK_SECONDS, Recordkeeping
from gateway.telemetry.events import CheckpointFailed, CheckpointWritten, Event, EvidenceBroken, LedgerFailed
from tests.clock import ManualClock
from tests.contract.desk import Desk
from tests.contract.places import sqlite
from tests.signing import make_signing_key

EVERY_SECONDS, DAY = 600.0, 86_400.0


class Kept:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.events: list[Event] = []
        self.file = folder / "checkpoints"
        self.desk = Desk(sqlite(folder), self.clock)
        ledger = self.desk.ledger
        self.signer = Signer(checkpoint_key(make_signing_key(folder)), self.file, EVERY_SECONDS)
        self.checkpointing = Checkpointing(self.signer, ledger.records, ledger.now, self.clock, self.events.append)
        settings = Settings(store=Store(retention_days=10))
        self.keeping = Recordkeeping(
            lambda: settings, ledger.records, ledger.now, self.clock, self.events.append, self.checkpointing
        )

    async def end(self, number: str = "CN1") -> str:
        operation_id = await self.desk.accept(number)
        await self.desk.settle(await self.desk.call())
        return operation_id

    def lines(self) -> list[int]:
        return [read_line(line).sequence for line in self.file.read_text().splitlines()] if self.file.exists() else []


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    made = Kept(tmp_path)
    yield made
    await made.desk.ledger.close()


async def test_a_receipt_is_linked_and_signed(kept: Kept) -> None:
    await kept.end()

    await kept.keeping.once()

    assert kept.lines() == [1]
    assert kept.events == [CheckpointWritten(1)]


async def test_checkpoints_are_written_at_their_interval_and_where_there_is_something_new(kept: Kept) -> None:
    await kept.end()
    await kept.keeping.once()
    await kept.end("CN2")
    await kept.keeping.once()
    too_early = kept.lines()
    for _ in range(2):
        kept.clock.advance(EVERY_SECONDS)
        await kept.keeping.once()

    assert (too_early, kept.lines()) == ([1], [1, 2])


async def test_an_empty_chain_is_not_signed(kept: Kept) -> None:
    await kept.keeping.once()

    assert not kept.file.exists()


@pytest.mark.parametrize("spoil", ["folder", "half a line", "no checkpoint"])
async def test_a_file_that_cannot_be_used_is_told_of_and_tried_again(kept: Kept, spoil: str) -> None:
    if spoil == "folder":
        kept.file.mkdir()
    else:
        kept.file.write_text("{" if spoil == "half a line" else "no checkpoint\n")
    await kept.end()

    await kept.keeping.once()
    await kept.keeping.once()
    failed = list(kept.events)
    kept.file.rmdir() if spoil == "folder" else kept.file.unlink()
    kept.clock.advance(RETRY_SECONDS)
    await kept.keeping.once()

    assert [type(event) for event in failed] == [CheckpointFailed]
    assert kept.lines() == [1]


async def test_another_chain_than_the_signed_one_is_told_of_and_not_signed(kept: Kept, tmp_path: Path) -> None:
    await kept.end()
    await kept.keeping.once()
    other = tmp_path / "other"
    other.mkdir()
    another = Kept(other)
    kept.file.replace(another.file)
    another.signer = kept.signer
    await another.end()

    await another.keeping.once()

    assert EvidenceBroken("chain", "1") in another.events
    assert another.lines() == [1]
    await another.desk.ledger.close()


async def test_a_later_process_goes_on_with_the_file(kept: Kept) -> None:
    await kept.end()
    await kept.keeping.once()
    ledger = kept.desk.ledger
    later = Checkpointing(kept.signer, ledger.records, ledger.now, kept.clock, kept.events.append)
    await later.once()
    await kept.end("CN2")
    await ledger.records.link()
    kept.clock.advance(EVERY_SECONDS)
    await later.once()

    assert kept.lines() == [1, 2]


async def test_what_is_too_old_is_removed_step_by_step(kept: Kept) -> None:
    operation_id = await kept.end()
    await kept.keeping.once()
    kept.clock.advance(11 * DAY)

    waits = [await kept.keeping.once() for _ in range(4)]

    assert waits == [BETWEEN_STEPS_SECONDS] * 3 + [LINK_SECONDS]
    assert await kept.desk.ledger.operation(operation_id) is None


async def test_between_two_rounds_of_removal_there_is_a_minute(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    async def clear(before: int) -> int:
        asked.append(before)
        return 0

    monkeypatch.setattr(kept.desk.ledger.records, "clear", clear)
    for _ in range(3):
        await kept.keeping.once()
    kept.clock.advance(CLEAR_SECONDS)
    await kept.keeping.once()

    assert len(asked) == 2


async def test_a_ledger_that_fails_is_told_of_and_asked_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> int:
        message = "gone"
        raise LedgerUnavailable(message)

    with monkeypatch.context() as patched:
        patched.setattr(kept.desk.ledger.records, "link", fail)
        wait = await kept.keeping.once()
    await kept.end()
    await kept.keeping.once()

    assert (wait, kept.events[0]) == (LINK_SECONDS, LedgerFailed("link", "gone"))
    assert kept.lines() == [1]
