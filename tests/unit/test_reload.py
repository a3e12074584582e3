"""The watch over the configuration file: on real files, look by look."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError, Fault
from gateway.reload import LOOK_SECONDS, TRY_AGAIN_SECONDS, Watch
from gateway.telemetry.events import ConfigurationRefused, Event
from tests.clock import ManualClock

FIRST, SECOND, THIRD = (f"retry: {{max_attempts: {count}}}\n" for count in (1, 2, 3))
BROKEN = "retry: {max_attempts: none}\n"
FAULT = 'retry.max_attempts: expected a whole number from 1 to 1000, got "none"'


class Watched:
    """A file under watch, and what came of it: `attempts` tells the configurations that were applied apart."""

    def __init__(self, path: Path, content: str = FIRST) -> None:
        self.path = path
        self.clock = ManualClock()
        self.applied: list[Settings] = []
        self.events: list[Event] = []
        self.forbidden: Exception | None = None
        if content:
            path.write_text(content)
        self.watch = Watch(load(path, {}), {}, self._apply, self.clock, self.events.append)

    async def _apply(self, settings: Settings) -> None:
        if self.forbidden is not None:
            raise self.forbidden
        self.applied.append(settings)

    async def looks(self, count: int = 2) -> None:
        for _ in range(count):
            await self.watch.look()

    @property
    def attempts(self) -> list[int]:
        return [settings.retry.max_attempts for settings in self.applied]

    @property
    def refusals(self) -> list[tuple[str, ...]]:
        return [event.faults for event in self.events if isinstance(event, ConfigurationRefused)]


@pytest.fixture
async def watched(tmp_path: Path) -> Watched:
    """Its first configuration has been taken up."""
    watched = Watched(tmp_path / "gateway.yaml")
    await watched.looks()
    watched.applied.clear()
    return watched


async def test_what_changed_while_the_gateway_started_is_taken_up(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "gateway.yaml")
    watched.path.write_text(SECOND)

    await watched.looks()

    assert watched.attempts == [2]


async def test_a_change_is_taken_up_once_when_two_looks_found_the_same(watched: Watched) -> None:
    watched.path.write_text(SECOND)
    await watched.looks(1)
    assert watched.attempts == []

    await watched.looks(5)

    assert watched.attempts == [2]


async def test_a_file_that_is_being_written_is_not_taken_for_a_whole_one(watched: Watched) -> None:
    """Each beginning of the file is sound or not, but none is what was meant; without a second look one is applied."""
    whole = "retry: {max_attempts: 2}\ncircuit: {window_calls: 9}\n"
    for end in range(0, len(whole), 5):
        watched.path.write_text(whole[:end])
        await watched.looks(1)
    watched.path.write_text(whole)

    await watched.looks()

    assert [(s.retry.max_attempts, s.circuit.window_calls) for s in watched.applied] == [(2, 9)]
    assert watched.refusals == []


async def test_a_file_that_is_replaced_is_seen(watched: Watched) -> None:
    other = watched.path.with_name("other")
    other.write_text(SECOND)
    other.replace(watched.path)

    await watched.looks()

    assert watched.attempts == [2]


async def test_a_change_of_the_same_size_and_the_same_time_is_seen(watched: Watched) -> None:
    status = watched.path.stat()
    watched.path.write_text(SECOND)
    os.utime(watched.path, ns=(status.st_atime_ns, status.st_mtime_ns))

    await watched.looks()

    assert watched.attempts == [2]


async def test_the_link_that_kubernetes_switches_is_followed(tmp_path: Path) -> None:
    """A mounted ConfigMap: `gateway.yaml` -> `..data/gateway.yaml`, and `..data` -> a folder that is new each time."""

    def publish(name: str, content: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "gateway.yaml").write_text(content)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("..2026_01", FIRST)
    (tmp_path / "gateway.yaml").symlink_to("..data/gateway.yaml")
    watched = Watched(tmp_path / "gateway.yaml", "")
    await watched.looks()
    publish("..2026_02", SECOND)
    await watched.looks()

    assert watched.attempts == [1, 2]


async def test_an_invalid_change_is_told_once_with_its_paths_and_then_mended(watched: Watched) -> None:
    watched.path.write_text(BROKEN)
    await watched.looks(5)
    assert (watched.attempts, watched.refusals) == ([], [(FAULT,)])
    watched.path.write_text(SECOND)

    await watched.looks()

    assert (watched.attempts, len(watched.refusals)) == ([2], 1)


async def test_a_change_that_is_taken_back_is_not_told_of_again(watched: Watched) -> None:
    watched.path.write_text(BROKEN)
    await watched.looks()
    watched.path.write_text(FIRST)

    await watched.looks(5)

    assert (watched.attempts, len(watched.refusals)) == ([1], 1)


async def test_a_file_that_vanishes_is_an_invalid_change_and_its_return_is_seen(watched: Watched) -> None:
    watched.path.unlink()
    await watched.looks(3)
    assert watched.refusals == [(f"{watched.path} cannot be read: No such file or directory",)]
    watched.path.write_text(SECOND)

    await watched.looks()

    assert watched.attempts == [2]


async def test_what_is_refused_is_tried_again_until_nothing_forbids_it(watched: Watched) -> None:
    watched.path.write_text(SECOND)
    watched.forbidden = ConfigurationError((Fault("backends.hub", "has work"),))
    await watched.looks()
    watched.clock.advance(TRY_AGAIN_SECONDS)
    await watched.looks(3)
    assert watched.refusals == [("backends.hub: has work",)], "the same word is not repeated"
    watched.forbidden = None
    await watched.looks(3)
    assert watched.attempts == []
    watched.clock.advance(TRY_AGAIN_SECONDS)

    await watched.looks(3)

    assert watched.attempts == [2]


async def test_who_asks_needs_no_second_look_and_is_answered_each_time(watched: Watched) -> None:
    watched.path.write_text(SECOND)
    await watched.watch.look(asked=True)
    assert watched.attempts == [2]
    watched.path.write_text(BROKEN)
    for _ in range(2):
        await watched.watch.look(asked=True)

    assert watched.refusals == [(FAULT,), (FAULT,)]


async def test_a_key_s_hash_that_is_rotated_in_its_file_is_a_change(tmp_path: Path) -> None:
    digests = [hashlib.sha256(key).hexdigest() for key in (b"old", b"new")]
    hash_file = tmp_path / "hash"
    hash_file.write_text(digests[0])
    caller = "{api_key_sha256_file: hash, tenants: [a], operations: ['*'], execute: true}"
    backend = "{system: oracle-ecm, base_url: 'http://ecm', credentials: c}"
    content = f"callers: {{job: {caller}}}\ncredentials: {{c: {{type: none}}}}\nbackends: {{ecm: {backend}}}\n"
    watched = Watched(tmp_path / "gateway.yaml", content + "tenants: {a: {ecm: {backend: ecm}}}\n")
    await watched.looks()
    hash_file.write_text(digests[1])
    await watched.looks()

    assert [settings.callers["job"].api_key_sha256 for settings in watched.applied] == [{one} for one in digests]


async def test_the_watch_outlives_whatever_goes_wrong_with_a_look(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.path.write_text(SECOND)
    watched.forbidden = RuntimeError("nobody foresaw this")
    running = asyncio.create_task(watched.watch.run())
    await let_time_pass(watched, lambda: "nobody foresaw this" in caplog.text)
    watched.forbidden = None

    await let_time_pass(watched, lambda: watched.attempts == [2])

    running.cancel()


async def test_it_looks_every_second_by_itself_and_at_once_when_asked(watched: Watched) -> None:
    running = asyncio.create_task(watched.watch.run())
    watched.path.write_text(SECOND)
    await let_time_pass(watched, lambda: watched.attempts == [2])
    watched.path.write_text(THIRD)
    watched.watch.look_now()
    async with asyncio.timeout(5):
        while watched.attempts != [2, 3]:  # noqa: ASYNC110 - a thread reads the file
            await asyncio.sleep(0.001)

    running.cancel()


async def let_time_pass(watched: Watched, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            watched.clock.advance(LOOK_SECONDS)
            await asyncio.sleep(0.001)
