import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from tests.unit.cli.stub_gateway import StubGateway, serving

Run = Callable[..., Result]


@pytest.fixture
def stub() -> Iterator[StubGateway]:
    with serving() as gateway:
        yield gateway


@pytest.fixture
def run(stub: StubGateway, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `gateway` with arguments against the stub, with the key `k-1` in the environment."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    environment = {"GATEWAY_URL": stub.url, "GATEWAY_API_KEY": "k-1"}

    def call(*arguments: str, **keywords: str) -> Result:
        return CliRunner(env=environment).invoke(main, arguments, **keywords)  # type: ignore[arg-type]  # only `input`

    return call
