from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from gateway.sandbox.app import Sandbox, build
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.switches import HubSwitches, Switches

from .upstreams import Upstreams

OPEN_AT = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
UNPACED = Switches(hub=HubSwitches(per_second=None, per_minute=None))


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at eight in the evening, when everything is open."""
    return ManualClock(OPEN_AT)


@pytest.fixture
def options(keys_dir: Path) -> SandboxOptions:
    """No rate limits; the tests of rates set their own."""
    return SandboxOptions(keys_dir=keys_dir, switches=UNPACED)


@pytest.fixture
def app(options: SandboxOptions, clock: ManualClock) -> Sandbox:
    return build(options, clock)


@pytest.fixture
async def server(app: Sandbox) -> AsyncIterator[SandboxServer]:
    async with SandboxServer(app) as server:
        yield server


@pytest.fixture
async def up(server: SandboxServer) -> AsyncIterator[Upstreams]:
    async with httpx2.AsyncClient(base_url=server.url, timeout=10) as http:
        yield Upstreams(http, server.app)
