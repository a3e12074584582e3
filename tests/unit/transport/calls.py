"""One request, and a wire to put it on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.clock import Clock
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport.connecting import origin_of
from gateway.transport.tls import verifying_tls
from gateway.transport.wire import Wire
from tests.unit.transport.clocks import ManualClock

BODY = b'{"caseIdentifierType":"CaseNumberRequest","caseNumber":"CN10000","execute":true}'
REQUEST = UpstreamRequest("DELETE", "/ecx/acme/case", (("Accept", "application/json"),), BODY)


@asynccontextmanager
async def wire_to(
    url: str,
    *,
    clock: Clock | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_seconds: float = 2.0,
    most: int = 10,
) -> AsyncIterator[Wire]:
    """A wire to `url`, closed at the end."""
    wire = Wire(
        origin_of(url),
        lambda: tls or verifying_tls(),
        clock or ManualClock(),
        timeout_seconds=timeout_seconds,
        most=most,
    )
    try:
        yield wire
    finally:
        wire.close()


async def call(wire: Wire, request: UpstreamRequest = REQUEST, *, seconds: float = 2.0) -> Answer:
    """`request`, with an authorization, until `seconds` from now."""
    deadline = asyncio.get_running_loop().time() + seconds
    return await wire.call(request, (("Authorization", "Bearer t0ken"),), deadline)
