"""The way to one backend: a wire, and a credential that is renewed when the upstream no longer takes it."""

import asyncio

from gateway.errors import CredentialMissing, NotSent
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport.credentials import Authorization
from gateway.transport.wire import Wire

UNAUTHORIZED = 401


class HttpChannel:
    """A Channel over HTTP/1.1. The authorization is shared with other channels; closing leaves it open."""

    def __init__(self, wire: Wire, authorization: Authorization, timeout_seconds: float) -> None:
        self._wire = wire
        self._authorization = authorization
        self._timeout_seconds = timeout_seconds

    async def ready(self, count: int) -> None:
        """Have a valid authorization and up to `count` idle connections at hand.

        Raises NotSent: the upstream cannot be reached, within ten seconds. Raises CredentialMissing: nor can its token
        endpoint. Raises CredentialRefused: the token endpoint refused, or a secret cannot be read.
        """
        await self._credential()
        await self._wire.ready(count)

    async def send(self, request: UpstreamRequest, *, trace: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Send `request` once, with the authorization and the `trace` headers, and read the whole answer.

        Raises NotSent: no byte left; for want of a credential it is CredentialMissing or CredentialRefused. Raises
        AnswerUnknown: sent, at least in part, and no complete answer came within the backend's `timeout_seconds` or
        1 MiB. Either is raised for what nobody foresaw, too; a cancelled call closes its connection.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        authorization = await self._header(deadline)
        own = () if authorization is None else (("Authorization", authorization),)
        answer = await self._wire.call(request, (*own, *trace), deadline)
        if answer.status == UNAUTHORIZED:
            self._authorization.invalidate(authorization)
        return answer

    async def close(self) -> None:
        """Close every idle connection, and those in use when their calls end."""
        self._wire.close()

    async def _header(self, deadline: float) -> str | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._credential()
        except TimeoutError as error:
            raise CredentialMissing("deadline", "no authorization came in time") from error

    async def _credential(self) -> str | None:
        try:
            return await self._authorization.header()
        except CredentialMissing:
            raise
        except NotSent as error:
            raise CredentialMissing(error.reason, str(error)) from error
