"""However many wait, one look serves them all; and no lost word leaves anybody waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.errors import LedgerUnavailable
from gateway.ledger.waiting import WaitingRoom


class Record:
    """A ledger that is asked which operations have finished."""

    def __init__(self) -> None:
        self.finished: set[str] = set()
        self.looks: list[Sequence[str]] = []
        self.away = False

    async def look(self, operation_ids: Sequence[str]) -> set[str]:
        self.looks.append(operation_ids)
        if self.away:
            raise LedgerUnavailable("away")
        return self.finished & set(operation_ids)

    async def looked(self, times: int) -> None:
        """Wait until there have been so many looks more."""
        wanted = len(self.looks) + times
        async with asyncio.timeout(10):
            while len(self.looks) < wanted:  # noqa: ASYNC110 - it is another task that looks
                await asyncio.sleep(0.001)


def room(record: Record, poll_seconds: float | None) -> WaitingRoom:
    return WaitingRoom(record.look, lambda: poll_seconds)


async def test_200_who_wait_are_served_by_one_look_each_time() -> None:
    record = Record()
    waiting = room(record, 0.01)
    everybody = [asyncio.create_task(waiting.finished(f"o{number}", 10)) for number in range(200)]
    await record.looked(200)
    await record.looked(3)

    assert [len(look) for look in record.looks[200:203]] == [200, 200, 200]
    record.finished = {f"o{number}" for number in range(200)}
    assert await asyncio.gather(*everybody) == [True] * 200
    await waiting.close()


async def test_the_word_wakes_all_who_wait_for_the_operation_and_nobody_else() -> None:
    record = Record()
    waiting = room(record, None)
    woken = [asyncio.create_task(waiting.finished("a", 10)) for _ in range(2)]
    other = asyncio.create_task(waiting.finished("b", 10))
    await record.looked(3)

    waiting.tell({"a", "of nobody here"})

    assert await asyncio.gather(*woken) == [True, True]
    assert not other.done()
    other.cancel()
    assert len(record.looks) == 3, "where no word is lost, nobody looks twice"


async def test_when_words_may_have_been_lost_the_next_look_is_at_once() -> None:
    record = Record()
    waiting = room(record, 600)
    task = asyncio.create_task(waiting.finished("a", 10))
    await record.looked(1)
    record.finished = {"a"}

    waiting.look_again()

    assert await task
    await waiting.close()


async def test_a_ledger_that_is_away_for_a_while_is_looked_into_again() -> None:
    record = Record()
    waiting = room(record, 0.001)
    task = asyncio.create_task(waiting.finished("a", 10))
    await record.looked(1)
    record.away = True
    await record.looked(3)
    record.away, record.finished = False, {"a"}

    assert await task
    await waiting.close()


async def test_what_has_not_finished_in_time_is_said_so_and_nobody_is_left_behind() -> None:
    record = Record()
    waiting = room(record, 0.001)

    assert not await waiting.finished("a", 0.01)

    looks = len(record.looks)
    await asyncio.sleep(0.02)
    assert len(record.looks) <= looks + 1, "with nobody waiting, nobody looks"


async def test_who_cannot_be_told_the_state_at_first_is_told_that() -> None:
    record = Record()
    record.away = True

    with pytest.raises(LedgerUnavailable):
        await room(record, 1).finished("a", 1)
