"""Makes the channels of the backends, and once what they share: TLS, credentials, silence."""

import logging
import ssl
from collections.abc import Collection
from functools import cached_property

from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Credential
from gateway.telemetry.events import Observer, nobody
from gateway.transport.authorizations import Authorizations
from gateway.transport.channel import HttpChannel
from gateway.transport.connecting import origin_of
from gateway.transport.tls import BackendTls, Tls, verifying_tls
from gateway.transport.token_endpoint import TOKEN_SECONDS
from gateway.transport.wire import MAX_IDLE_CONNECTIONS, Wire


class Channels:
    """A factory of channels. `tls` replaces the system's store of certificate authorities."""

    def __init__(self, clock: Clock, observer: Observer = nobody, *, tls: ssl.SSLContext | None = None) -> None:
        quiet()
        self._clock = clock
        self._given_tls = tls
        self._authorizations = Authorizations(self._wire_to_token_endpoint, clock, observer)

    def open(self, backend: BackendSettings) -> HttpChannel:
        """A channel to `backend`, which whoever opened it closes. Connects to nothing yet."""
        most = backend.limits.max_in_flight or MAX_IDLE_CONNECTIONS
        tls = BackendTls(backend) if backend.ca_file or backend.client_certificate_file else self._usual_tls
        wire = self._wire(backend.base_url, tls, backend.timeout_seconds, most)
        return HttpChannel(wire, self._authorizations.of(backend.credential), backend.timeout_seconds)

    async def keep(self, credentials: Collection[Credential]) -> None:
        """Forget every credential but these; to be called when no channel has another one any more."""
        await self._authorizations.keep(credentials)

    async def close(self) -> None:
        """End every token request that is under way; to be called when the channels are closed."""
        await self._authorizations.close()

    def _wire_to_token_endpoint(self, url: str) -> Wire:
        return self._wire(url, self._usual_tls, TOKEN_SECONDS, most=1)

    def _wire(self, url: str, tls: Tls, timeout_seconds: float, most: int) -> Wire:
        return Wire(origin_of(url), tls, self._clock, timeout_seconds=timeout_seconds, most=most)

    def _usual_tls(self) -> ssl.SSLContext:
        return self._tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or verifying_tls()


def quiet() -> None:
    """Keep the HTTP libraries from logging URLs and headers at INFO and DEBUG, whatever the root logger's level."""
    for library in ("httpcore2", "httpx2"):
        logging.getLogger(library).setLevel(logging.WARNING)
