"""Settings of a backend and of its credential, and servers that issue and check tokens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.config.settings import BackendSettings, Credential, Limits
from gateway.model.kinds import System
from gateway.telemetry.events import Event
from gateway.transport.channel import HttpChannel
from gateway.transport.channels import Channels
from tests.unit.transport.clocks import ManualClock
from tests.unit.transport.servers import (
    Answering,
    Received,
    Upstream,
    reply,
    sends,
)
from tests.unit.transport.test_client_authentication import write_pair


@asynccontextmanager
async def made(events: list[Event] | None = None, clock: ManualClock | None = None) -> AsyncIterator[Channels]:
    channels = Channels(clock or ManualClock(), (events if events is not None else []).append)
    yield channels
    await channels.close()


@asynccontextmanager
async def channel_to(
    url: str, credential: Credential, *, channels: Channels, timeout_seconds: float = 2.0
) -> AsyncIterator[HttpChannel]:
    channel = channels.open(backend(url, credential, timeout_seconds))
    yield channel
    await channel.close()


def backend(url: str, credential: Credential, timeout_seconds: float = 2.0) -> BackendSettings:
    return BackendSettings(
        name="hub-dk",
        system=System.HUB_PROPERTY,
        base_url=f"{url}/ecx",
        credential=credential,
        limits=Limits("hub", max_in_flight=5),
        timeout_seconds=timeout_seconds,
    )


NONE = Credential("open", "none")


def by_key(folder: Path, token_url: str, audience: str | None = None) -> Credential:
    write_pair(folder)
    return Credential(
        "scalepoint",
        "private_key_jwt",
        token_url=token_url,
        client_id="acme",
        scope="case:delete",
        private_key_file=folder / "tls.key",
        certificate_file=folder / "tls.crt",
        audience=audience,
    )


def issues_tokens() -> Answering:
    """A token endpoint whose tokens are numbered."""
    issued = 0

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal issued
        issued += 1
        granted = {"access_token": f"t{issued}", "expires_in": 3600, "token_type": "Bearer"}
        await sends(reply(json.dumps(granted).encode()))(received, writer)

    return answer


def accepts(*tokens: str) -> Answering:
    """An upstream that answers 401 to any other token."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        known = received.header("Authorization") in {f"Bearer {token}" for token in tokens}
        await sends(reply(b"{}", 200 if known else 401))(received, writer)

    return answer


def authorizations(server: Upstream) -> list[str | None]:
    return [received.header("Authorization") for received in server.requests]
