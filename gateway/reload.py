"""Watches the configuration file, and hands what it holds to the gateway whenever it has changed.

It is looked at, rather than notified of: so symbolic links that Kubernetes switches, files that an editor replaces, and
file systems without notifications are all the same. A file is read when two looks found the same in it, since one that
is being written may be sound and yet incomplete.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from msgspec import Struct

from gateway.clock import Clock
from gateway.config import load
from gateway.config.document import MAX_BYTES
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError
from gateway.telemetry.events import ConfigurationRefused, Observer

_logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
TRY_AGAIN_SECONDS = 10.0
"""What was refused may become right without a change of the file: a secret arrives, or a backend's work ends."""

Content = tuple[bytes | None, ...]
"""What the configuration file holds, and behind it the files whose content is part of it; null: cannot be read."""


class _Refused(Struct, frozen=True):
    content: Content
    faults: tuple[str, ...]
    try_again_at: float


class Watch:
    """Follows one file. `apply` puts settings in force, or raises ConfigurationError."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        apply: Callable[[Settings], Awaitable[None]],
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._path = settings.path or Path()
        self._files = _files(settings)
        self._environ = environ
        self._apply = apply
        self._clock = clock
        self._observer = observer
        self._asked = asyncio.Event()
        self._seen: Content | None = None
        self._applied: Content | None = None
        self._refused: _Refused | None = None

    def look_now(self) -> None:
        """Do not wait for the next look, nor for a second one that finds the same."""
        self._asked.set()

    async def run(self) -> None:
        """Look, wait, for ever: whatever goes wrong with one look, another follows."""
        while True:
            asked = await self._clock.wait(self._asked, LOOK_SECONDS)
            self._asked.clear()
            try:
                await self.look(asked=asked)
            except Exception:
                _logger.exception("the configuration file could not be looked at")

    async def look(self, *, asked: bool = False) -> None:
        """Take up what the file holds, if that is new and `asked` for or seen twice."""
        content = await asyncio.to_thread(_contents, (self._path, *self._files))
        settled, self._seen = content == self._seen, content
        if asked or (settled and self._is_due(content)):
            await self._take_up(content, asked=asked)

    def _is_due(self, content: Content) -> bool:
        if self._refused is not None and self._refused.content == content:
            return self._clock.monotonic() >= self._refused.try_again_at
        return self._refused is not None or content != self._applied

    async def _take_up(self, content: Content, *, asked: bool) -> None:
        try:
            settings = await asyncio.to_thread(load, self._path, self._environ, content[0])
            await self._apply(settings)
        except ConfigurationError as error:
            self._refuse(content, tuple(str(fault) for fault in error.faults), asked=asked)
        else:
            self._refused, self._applied = None, content
            self._files = _files(settings)

    def _refuse(self, content: Content, faults: tuple[str, ...], *, asked: bool) -> None:
        """Say so once, and not at every look."""
        known = self._refused is not None and (self._refused.content, self._refused.faults) == (content, faults)
        self._refused = _Refused(content, faults, self._clock.monotonic() + TRY_AGAIN_SECONDS)
        if asked or not known:
            self._observer(ConfigurationRefused(faults))


def _files(settings: Settings) -> tuple[Path, ...]:
    """Other secrets are read when they are used; what the hash of an API key is, the settings hold."""
    files = {caller.api_key_sha256_file for caller in settings.callers.values()}
    return tuple(sorted(file for file in files if file is not None))


def _contents(paths: tuple[Path, ...]) -> Content:
    return tuple(_content(path) for path in paths)


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError:
        return None
