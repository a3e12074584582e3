from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.sandbox.certificates import ensure_development_key
from tests.signing import make_signing_key

from .configuration import Change
from .stack import Caller, Stack, Upstreams, stack

Stacks = Callable[..., AbstractAsyncContextManager[Stack]]
Shared = Callable[[Change], Awaitable[Stack]]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client's key pair, made once: that takes longer than most tests."""
    folder = tmp_path_factory.mktemp("keys")
    ensure_development_key(folder)
    return folder


@pytest.fixture
def stacks(tmp_path: Path, keys: Path) -> Stacks:
    """Makes the stack with a configuration, or a sandbox, of the test's own."""
    return partial(stack, tmp_path, keys)


@pytest.fixture
async def both(stacks: Stacks) -> AsyncIterator[Stack]:
    async with stacks() as both:
        yield both


@pytest.fixture
def up(both: Stack) -> Upstreams:
    return both.upstreams


@pytest.fixture
async def job(both: Stack) -> Caller:
    """The caller that may do everything."""
    return await both.caller()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Shared]:
    """The stack with a configuration, for tests of a module that name no case in common and look at no list."""
    async with AsyncExitStack() as opened:
        known: dict[str, Stack] = {}

        async def with_configuration(change: Change) -> Stack:
            key = repr(change)
            if key not in known:
                folder = tmp_path_factory.mktemp("stack")
                known[key] = await opened.enter_async_context(stack(folder, keys, change))
            return known[key]

        yield with_configuration


@pytest.fixture
def checkpoint_key(tmp_path: Path) -> str:
    """The path of a key that signs checkpoints."""
    return str(make_signing_key(tmp_path))
