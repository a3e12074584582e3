"""A document of another party, fetched as a whole: an issuer's key set."""

import asyncio
from functools import partial

from gateway.clock import Clock
from gateway.config.settings import Issuer
from gateway.errors import CredentialRefused, NotSent
from gateway.model.calls import UpstreamRequest
from gateway.transport.connecting import origin_of, target_of
from gateway.transport.credentials import TOKEN
from gateway.transport.secret_files import SecretFile
from gateway.transport.tls import verifying_tls
from gateway.transport.wire import Wire

FETCH_SECONDS = 5.0
"""How long a fetch may take, from the host's name to the last byte. Callers may wait for it."""

OK = 200


class KeySets:
    """Fetches key sets: over one connection each, without redirects or proxies, and 1 MiB at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def fetch(self, issuer: Issuer) -> bytes:
        """The document at the issuer's `jwks_url`, within five seconds.

        Its files are read anew each time, so that rotated ones are picked up. Raises CredentialRefused: one cannot be
        used. Raises NotSent, AnswerUnknown: no complete answer of 200.
        """
        url = issuer.jwks_url or ""
        headers = (("Accept", "application/jwk-set+json, application/json"), *_authorization(issuer))
        request = UpstreamRequest("GET", target_of(url), headers, b"")
        deadline = asyncio.get_running_loop().time() + FETCH_SECONDS
        origin, tls = origin_of(url), partial(verifying_tls, issuer.ca_file)
        wire = Wire(origin, tls, self._clock, timeout_seconds=FETCH_SECONDS, most=1)
        try:
            answer = await wire.call(request, (), deadline)
        finally:
            wire.close()
        if answer.status != OK:
            raise NotSent("status", f"answered {answer.status}")
        return answer.body


def _authorization(issuer: Issuer) -> tuple[tuple[str, str], ...]:
    if issuer.token_file is None:
        return ()
    token = SecretFile(issuer.token_file, "token_file").text()
    if not TOKEN.fullmatch(token):
        raise CredentialRefused("secret", "the token has characters that no token can have")
    return (("Authorization", f"Bearer {token}"),)
