import asyncio

from gateway.http.drain import Drain


async def test_an_awaited_result_is_passed_on() -> None:
    assert await Drain().until(asyncio.sleep(0, "done")) == "done"


async def test_who_waits_is_let_go_when_the_drain_begins() -> None:
    drain, never = Drain(), asyncio.Event()
    waiting = [asyncio.create_task(drain.until(never.wait())) for _ in range(3)]
    await asyncio.sleep(0)

    drain.begin()

    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [None, None, None]
    assert drain.begun


async def test_nobody_waits_once_the_drain_has_begun() -> None:
    drain = Drain()
    drain.begin()

    async with asyncio.timeout(5):
        assert await drain.until(asyncio.Event().wait()) is None


async def test_a_drain_can_begin_twice() -> None:
    drain = Drain()
    drain.begin()
    drain.begin()

    assert drain.begun


async def test_a_waiting_caller_that_is_cancelled_is_cancelled() -> None:
    waiting = asyncio.create_task(Drain().until(asyncio.Event().wait()))
    await asyncio.sleep(0)

    waiting.cancel()

    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
