"""What the dispatcher asks of the way to one backend."""

from typing import Protocol

from gateway.model.calls import Answer, UpstreamRequest


class Channel(Protocol):
    """The way to one backend: connections and a credential, made ready before permission to send is asked for."""

    async def ready(self, count: int) -> None:
        """Have a valid authorization and up to `count` idle connections at hand.

        Raises NotSent: the upstream or its token endpoint cannot be reached, within a bounded time.
        Raises CredentialRefused: the token endpoint refused, or a secret cannot be read.
        """
        ...

    async def send(self, request: UpstreamRequest, *, trace: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Send `request` once, with the authorization and the `trace` headers, and read the whole answer.

        Raises NotSent: no byte left. Raises AnswerUnknown: sent, at least in part, and no complete answer came within
        the backend's `timeout_seconds` or 1 MiB. After an answer of 401 the next call gets a fresh authorization.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
