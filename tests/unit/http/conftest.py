from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.unit.http.api import Api


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    async with api.client() as client:
        yield client
