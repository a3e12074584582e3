"""Keys at a URL: renewed in the background, kept while the issuer is down, and asked for early where one is new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import IssuerUnavailable, NotSent
from gateway.identity.key_url import REFRESH_SECONDS, RETRY_SECONDS, UNKNOWN_KEY_SECONDS, USABLE_SECONDS, KeyUrl
from gateway.telemetry.events import Event, KeySetRequested
from tests.clock import ManualClock
from tests.tokens import key_set, public, rsa

FIRST, SECOND = key_set(public(rsa())), key_set(public(rsa()), public(rsa("second"), "second"))


class Place:
    """Where the keys are. Null: nobody answers. `held` keeps answers back."""

    def __init__(self, document: bytes | None = FIRST) -> None:
        self.document = document
        self.asked = 0
        self.held = asyncio.Event()
        self.held.set()

    async def fetch(self) -> bytes:
        self.asked += 1
        await self.held.wait()
        if self.document is None:
            raise NotSent("connect", "nobody answers")
        return self.document


class Rig:
    """A source of keys over a place and a held clock."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.clock = ManualClock()
        self.events: list[Event] = []
        self.url = KeyUrl("cluster", place.fetch, self.clock, self.events.append)

    async def known(self, key_id: str) -> bool:
        return await self.url.find(key_id, "RS256") is not None

    async def passes(self, seconds: float) -> None:
        """Time passes, and what is due then is done."""
        self.clock.advance(seconds)
        await settled()

    @property
    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.events if isinstance(event, KeySetRequested)]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def rig(place: Place | None = None) -> AsyncIterator[Rig]:
    made = Rig(place or Place())
    try:
        yield made
    finally:
        await made.url.close()


async def test_keys_are_fetched_before_the_first_token_comes() -> None:
    async with rig() as at:
        await settled()

        assert at.place.asked == 1
        assert await at.known("first")
        assert at.place.asked == 1


async def test_a_token_that_comes_before_the_keys_waits_for_them() -> None:
    async with rig() as at:
        at.place.held.clear()
        waiting = [asyncio.create_task(at.known("first")) for _ in range(3)]
        await settled()
        assert not any(task.done() for task in waiting)
        at.place.held.set()

        assert await asyncio.gather(*waiting) == [True] * 3
        assert at.place.asked == 1


async def test_keys_are_renewed_in_the_background_and_a_withdrawn_one_is_gone() -> None:
    async with rig(Place(SECOND)) as at:
        assert await at.known("second")
        await settled()
        at.place.document = FIRST
        await at.passes(REFRESH_SECONDS - 1)
        assert at.place.asked == 1
        await at.passes(1)

        assert at.place.asked == 2
        assert not await at.known("second")


async def test_an_issuer_that_withdraws_all_of_its_keys_is_believed() -> None:
    async with rig() as at:
        assert await at.known("first")
        await settled()
        at.place.document = b'{"keys": []}'
        await at.passes(REFRESH_SECONDS)

        assert not await at.known("first")
        assert at.outcomes[:2] == ["taken", "empty"]


async def test_an_unknown_key_is_asked_for_at_once_and_no_more_than_once_a_minute() -> None:
    async with rig() as at:
        await settled()
        at.place.document = SECOND

        assert await at.known("second")
        assert at.place.asked == 2
        assert [await at.known(f"random-{number}") for number in range(50)] == [False] * 50
        assert at.place.asked == 2
        await at.passes(UNKNOWN_KEY_SECONDS)
        assert not await at.known("random")
        assert at.place.asked == 3


async def test_many_tokens_with_an_unknown_key_share_one_request() -> None:
    async with rig() as at:
        await settled()
        at.place.document = SECOND
        at.place.held.clear()
        waiting = [asyncio.create_task(at.known("second")) for _ in range(20)]
        await settled()
        at.place.held.set()

        assert await asyncio.gather(*waiting) == [True] * 20
        assert at.place.asked == 2


@pytest.mark.parametrize("document", [None, b"<html>"], ids=["down", "no set"])
async def test_known_keys_stay_usable_for_a_bounded_time_while_the_issuer_is_down(document: bytes | None) -> None:
    async with rig() as at:
        assert await at.known("first")
        at.place.document = document
        passed = 0.0
        while passed < USABLE_SECONDS - 1:
            await at.passes(step := min(RETRY_SECONDS, USABLE_SECONDS - 1 - passed))
            passed += step

        assert await at.known("first")
        await at.passes(1)
        with pytest.raises(IssuerUnavailable):
            await at.known("first")
        at.place.document = FIRST
        await at.passes(RETRY_SECONDS)
        assert await at.known("first"), "the issuer is back"


async def test_a_failed_request_is_made_again_sooner_than_a_renewal() -> None:
    async with rig(Place(None)) as at:
        await settled()
        at.place.document = FIRST
        await at.passes(RETRY_SECONDS)

        assert at.outcomes == ["unreachable", "taken"]
        assert await at.known("first")


async def test_while_there_are_no_keys_tokens_are_told_so_without_a_request_each() -> None:
    async with rig(Place(None)) as at:
        await settled()
        await at.passes(10)
        for _ in range(20):
            with pytest.raises(IssuerUnavailable) as raised:
                await at.known("first")

        assert raised.value.retry_seconds == RETRY_SECONDS - 10
        assert at.place.asked == 1


async def test_who_stops_waiting_ends_nobody_else_s_request() -> None:
    async with rig() as at:
        at.place.held.clear()
        one, other = asyncio.create_task(at.known("first")), asyncio.create_task(at.known("first"))
        await settled()
        one.cancel()
        await settled()
        at.place.held.set()

        assert await other


async def test_closing_ends_what_runs() -> None:
    place = Place()
    place.held.clear()
    at = Rig(place)
    await settled()
    before = asyncio.all_tasks() - {asyncio.current_task()}
    await at.url.close()

    assert len(before) == 2
    assert all(task.done() for task in before)
