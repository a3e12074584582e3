"""The credentials before a token endpoint that was written from the documentation alone, and that verifies them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.clock import SystemClock
from gateway.config.settings import BackendSettings, Credential, Limits, Secret
from gateway.errors import CredentialRefused
from gateway.model.calls import UpstreamRequest
from gateway.model.kinds import System
from gateway.sandbox.app import build
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import SandboxServer
from gateway.transport.channels import Channels
from tests.unit.transport.test_client_authentication import write_pair

DRY_RUN = UpstreamRequest(
    "DELETE",
    "/ecx/acme/api/integration/v1/case",
    (("Accept", "application/json"), ("Content-Type", "application/json")),
    b'{"caseIdentifierType":"CaseNumberRequest","caseNumber":"CN10000","execute":false}',
)


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxServer]:
    async with SandboxServer(build(SandboxOptions(keys_dir=tmp_path))) as server:
        yield server


def by_key(sandbox: SandboxServer, folder: Path) -> Credential:
    return Credential(
        "scalepoint",
        "private_key_jwt",
        token_url=f"{sandbox.url}/connect/token",
        client_id="acme",
        scope="case:delete",
        private_key_file=folder / "tls.key",
        certificate_file=folder / "tls.crt",
    )


async def statuses_of_two_calls(sandbox: SandboxServer, credential: Credential) -> list[int]:
    channels = Channels(SystemClock())
    channel = channels.open(
        BackendSettings("hub", System.HUB_PROPERTY, f"{sandbox.url}/ecx", credential, Limits("hub"))
    )
    try:
        await channel.ready(1)
        return [(await channel.send(DRY_RUN)).status for _ in range(2)]
    finally:
        await channel.close()
        await channels.close()


async def test_an_assertion_is_taken_and_its_token_opens_the_door(sandbox: SandboxServer, tmp_path: Path) -> None:
    assert 401 not in await statuses_of_two_calls(sandbox, by_key(sandbox, tmp_path))


async def test_a_client_secret_is_taken_and_its_token_opens_the_door(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "sandbox-secret")
    credential = Credential(
        "scalepoint",
        "client_secret",
        token_url=f"{sandbox.url}/connect/token",
        client_id="acme",
        scope="case:delete",
        client_secret=Secret(env="CLIENT_SECRET"),
    )

    assert 401 not in await statuses_of_two_calls(sandbox, credential)


async def test_a_key_whose_certificate_is_not_registered_is_refused(sandbox: SandboxServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write_pair(tmp_path / "other")

    with pytest.raises(CredentialRefused, match="invalid_client"):
        await statuses_of_two_calls(sandbox, by_key(sandbox, tmp_path / "other"))


async def test_without_a_credential_the_door_stays_closed(sandbox: SandboxServer) -> None:
    assert await statuses_of_two_calls(sandbox, Credential("open", "none")) == [401, 401]
