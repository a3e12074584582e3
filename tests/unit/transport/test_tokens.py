"""One token for many calls: one request at a time, ahead of need, and no more of them than help."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CredentialRefused, NotSent, TransportError
from gateway.telemetry.events import Event, TokenRequested
from gateway.transport.token_endpoint import MAX_LIFE_SECONDS, Token
from gateway.transport.tokens import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, TokenAuthorization, _held
from tests.unit.transport.clocks import ManualClock

DOWN = NotSent("token_unreachable", "the token endpoint answered 503")
REFUSED = CredentialRefused("token_refused", "the token endpoint refused: invalid_client")


class Source:
    """A token endpoint that counts; `error` is what it fails with, `gate` what an answer waits for."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked = 0
        self.life_seconds = 1_000.0
        self.takes_seconds = 0.0
        self.error: Exception | None = None
        self.secrets = "first"
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False

    async def fetch(self) -> Token:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        self.clock.advance(self.takes_seconds)
        if self.error:
            raise self.error
        return Token(f"Bearer {number}", self.life_seconds)

    def signature(self) -> str:
        return self.secrets

    def close(self) -> None:
        self.closed = True


class Desk:
    """A TokenAuthorization over a Source, and what it told its observer."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.source = Source(self.clock)
        self.events: list[Event] = []
        self.tokens = TokenAuthorization("scalepoint", self.source, self.clock, self.events.append)

    async def settled(self) -> None:
        """After what runs in the background has ended."""
        if self.tokens._request:
            await asyncio.wait([self.tokens._request])


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.tokens.close()


async def test_a_token_is_asked_for_once_and_used_while_it_lives(desk: Desk) -> None:
    headers = [await desk.tokens.header() for _ in range(5)]

    assert headers == ["Bearer 1"] * 5
    assert desk.source.asked == 1


async def test_many_who_wait_share_one_request(desk: Desk) -> None:
    desk.source.gate.clear()
    waiting = [asyncio.create_task(desk.tokens.header()) for _ in range(20)]
    await asyncio.sleep(0)
    desk.source.gate.set()

    assert set(await asyncio.gather(*waiting)) == {"Bearer 1"}
    assert desk.source.asked == 1


async def test_a_request_survives_the_one_who_started_it(desk: Desk) -> None:
    desk.source.gate.clear()
    starter = asyncio.create_task(desk.tokens.header())
    await asyncio.sleep(0)
    other = asyncio.create_task(desk.tokens.header())
    await asyncio.sleep(0)
    starter.cancel()
    desk.source.gate.set()

    assert await other == "Bearer 1"
    assert starter.cancelled()
    assert desk.source.asked == 1


async def test_a_token_is_renewed_in_the_background_before_it_ends(desk: Desk) -> None:
    await desk.tokens.header()
    desk.clock.advance(799)
    await desk.tokens.header()
    assert desk.source.asked == 1
    desk.clock.advance(1)
    desk.source.gate.clear()

    assert [await desk.tokens.header() for _ in range(3)] == ["Bearer 1"] * 3
    await asyncio.sleep(0)
    assert desk.source.asked == 2
    desk.source.gate.set()
    await desk.settled()
    assert await desk.tokens.header() == "Bearer 2"


@pytest.mark.parametrize(
    ("life_seconds", "renewed_after_seconds", "ends_after_seconds"),
    [(3600, 2880, 3595), (300, 240, 295), (200, 140, 195), (100, 50, 95), (10, 5, 9), (1, 0.5, 0.9)],
)
async def test_a_token_is_renewed_at_four_fifths_or_a_minute_before_its_end_but_not_in_its_first_half(
    life_seconds: float, renewed_after_seconds: float, ends_after_seconds: float
) -> None:
    held = _held(Token("Bearer x", life_seconds), asked_at=50.0)

    assert held.renew_at == pytest.approx(50 + renewed_after_seconds)
    assert held.ends_at == pytest.approx(50 + ends_after_seconds)


@given(st.floats(min_value=0.001, max_value=MAX_LIFE_SECONDS))
def test_every_token_is_renewed_before_we_stop_using_it_and_that_is_before_its_end(life_seconds: float) -> None:
    held = _held(Token("Bearer x", life_seconds), asked_at=0.0)

    assert 0 < held.renew_at < held.ends_at < life_seconds


async def test_a_token_that_ended_is_not_used(desk: Desk) -> None:
    await desk.tokens.header()
    desk.clock.advance(995)

    assert await desk.tokens.header() == "Bearer 2"


async def test_a_token_s_life_counts_from_when_it_was_asked_for(desk: Desk) -> None:
    desk.source.takes_seconds = 9
    await desk.tokens.header()
    desk.clock.advance(986)

    assert await desk.tokens.header() == "Bearer 2"


async def test_a_token_that_ended_on_its_way_is_invalid(desk: Desk) -> None:
    desk.source.life_seconds, desk.source.takes_seconds = 5, 9

    with pytest.raises(NotSent) as raised:
        await desk.tokens.header()

    assert raised.value.reason == "token_invalid"
    assert desk.source.asked == 1


@pytest.mark.parametrize("error", [DOWN, REFUSED])
async def test_an_endpoint_that_fails_fails_nothing_while_the_token_at_hand_lives(
    desk: Desk, error: TransportError
) -> None:
    await desk.tokens.header()
    desk.source.error = error
    for _ in range(10):
        desk.clock.advance(99)
        assert await desk.tokens.header() == "Bearer 1"
        await desk.settled()

    assert desk.source.asked > 1
    desk.clock.advance(10)
    with pytest.raises(type(error)):
        await desk.tokens.header()


async def test_the_token_that_got_a_401_is_replaced_once(desk: Desk) -> None:
    header = await desk.tokens.header()
    for _ in range(5):
        desk.tokens.invalidate(header)
    headers = await asyncio.gather(*(desk.tokens.header() for _ in range(5)))

    assert set(headers) == {"Bearer 2"}
    assert desk.source.asked == 2


async def test_a_late_401_to_an_older_token_does_not_touch_a_newer_one(desk: Desk) -> None:
    old = await desk.tokens.header()
    desk.tokens.invalidate(old)
    new = await desk.tokens.header()
    desk.tokens.invalidate(old)

    assert await desk.tokens.header() == new
    assert desk.source.asked == 2


@pytest.mark.parametrize("error", [DOWN, REFUSED])
async def test_all_who_wait_get_the_error_and_who_asks_soon_after_gets_it_without_a_request(
    desk: Desk, error: TransportError
) -> None:
    desk.source.error = error
    results = await asyncio.gather(*(desk.tokens.header() for _ in range(5)), return_exceptions=True)
    with pytest.raises(type(error)) as raised:
        await desk.tokens.header()

    assert [type(result) for result in results] == [type(error)] * 5
    assert len({id(result) for result in results}) == 5
    assert (raised.value.reason, str(raised.value)) == (error.reason, str(error))
    assert raised.value.__cause__ is error
    assert desk.source.asked == 1


async def test_each_failure_doubles_the_pause_up_to_its_bound(desk: Desk) -> None:
    desk.source.error = DOWN
    pauses = []
    for _ in range(8):
        asked, since = desk.source.asked, desk.clock.monotonic()
        while desk.source.asked == asked:
            with pytest.raises(NotSent):
                await desk.tokens.header()
            desk.clock.advance(0.5)
        pauses.append(desk.clock.monotonic() - since - 0.5)

    assert pauses == [0, FIRST_PAUSE_SECONDS - 0.5, 1.5, 3.5, 7.5, 15.5, LONGEST_PAUSE_SECONDS - 0.5, 29.5]


async def test_a_success_ends_the_pauses(desk: Desk) -> None:
    desk.source.error = DOWN
    for _ in range(4):
        with pytest.raises(NotSent):
            await desk.tokens.header()
        desk.clock.advance(LONGEST_PAUSE_SECONDS)
    desk.source.error = None
    header = await desk.tokens.header()
    desk.tokens.invalidate(header)
    desk.source.error = DOWN
    with pytest.raises(NotSent):
        await desk.tokens.header()
    desk.clock.advance(FIRST_PAUSE_SECONDS)
    desk.source.error = None

    assert await desk.tokens.header() == "Bearer 7"


async def test_a_changed_secret_ends_the_pause(desk: Desk) -> None:
    desk.source.error = REFUSED
    with pytest.raises(CredentialRefused):
        await desk.tokens.header()
    desk.source.error, desk.source.secrets = None, "second"

    assert await desk.tokens.header() == "Bearer 2"


async def test_what_nobody_foresaw_is_not_sent_and_the_next_request_is_made_in_time(desk: Desk) -> None:
    desk.source.error = KeyError("surprise")
    with pytest.raises(NotSent) as raised:
        await desk.tokens.header()
    desk.source.error = None
    desk.clock.advance(FIRST_PAUSE_SECONDS)

    assert raised.value.reason == "unexpected"
    assert await desk.tokens.header() == "Bearer 2"


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "granted"), (DOWN, "unreachable"), (REFUSED, "refused"), (KeyError(), "unreachable")]
)
async def test_every_request_is_told_to_the_observer(desk: Desk, error: Exception | None, outcome: str) -> None:
    desk.source.error, desk.source.takes_seconds = error, 0.25
    await asyncio.gather(desk.tokens.header(), desk.tokens.header(), return_exceptions=True)

    expires_at = desk.clock.now() - 250_000 + 1_000_000_000 if error is None else None
    assert desk.events == [TokenRequested("scalepoint", outcome, 0.25, expires_at)]


async def test_closing_ends_a_running_request_and_tells_who_waits(desk: Desk) -> None:
    desk.source.gate.clear()
    waiting = asyncio.create_task(desk.tokens.header())
    await asyncio.sleep(0)
    await desk.tokens.close()

    with pytest.raises(NotSent) as raised:
        await waiting
    assert raised.value.reason == "closed"
    assert desk.source.closed


async def test_closing_before_anything_was_asked_closes_the_source(desk: Desk) -> None:
    await desk.tokens.close()

    assert desk.source.closed


async def test_no_representation_shows_a_token(desk: Desk) -> None:
    assert (await desk.tokens.header()).startswith("Bearer")

    assert "Bearer" not in repr(desk.tokens) + repr(desk.tokens._held)
