"""From the settings of a credential to the one Authorization that all of its backends share."""

from collections.abc import Callable, Collection
from typing import TypeVar

from gateway.clock import Clock
from gateway.config.settings import Credential
from gateway.errors import ConfigurationError, Fault
from gateway.telemetry.events import Observer
from gateway.transport.client_authentication import ClientAuthentication, ClientSecret, PrivateKeyJwt
from gateway.transport.credentials import Authorization, Basic, Bearer, NoAuthorization
from gateway.transport.secret_files import SecretFile, secret_source
from gateway.transport.token_endpoint import TokenEndpoint
from gateway.transport.tokens import TokenAuthorization
from gateway.transport.wire import Wire

T = TypeVar("T")


class Authorizations:
    """Every Authorization in use, each made when it is first asked for.

    `wire_to` gives the way to a token endpoint's URL.
    """

    def __init__(self, wire_to: Callable[[str], Wire], clock: Clock, observer: Observer) -> None:
        self._wire_to = wire_to
        self._clock = clock
        self._observer = observer
        self._made: dict[Credential, Authorization] = {}

    def of(self, credential: Credential) -> Authorization:
        """The Authorization for `credential`: the same one for equal settings, another when they were changed."""
        if credential not in self._made:
            self._made[credential] = self._make(credential)
        return self._made[credential]

    async def keep(self, credentials: Collection[Credential]) -> None:
        """Forget every other one, its token with it."""
        for credential in self._made.keys() - set(credentials):
            await self._made.pop(credential).close()

    async def close(self) -> None:
        """End every token request that is under way."""
        for authorization in self._made.values():
            await authorization.close()

    def _make(self, credential: Credential) -> Authorization:
        match credential.type:
            case "none":
                return NoAuthorization()
            case "bearer":
                return Bearer(secret_source(_given(credential, credential.token), "token"))
            case "basic":
                password = secret_source(_given(credential, credential.password), "password")
                return Basic(_given(credential, credential.username), password)
            case _:
                return self._by_token(credential)

    def _by_token(self, credential: Credential) -> TokenAuthorization:
        url = _given(credential, credential.token_url)
        endpoint = TokenEndpoint(self._wire_to(url), url, credential.scope, self._client(credential))
        return TokenAuthorization(credential.name, endpoint, self._clock, self._observer)

    def _client(self, credential: Credential) -> ClientAuthentication:
        client_id = _given(credential, credential.client_id)
        if credential.type == "client_secret":
            return ClientSecret(client_id, secret_source(_given(credential, credential.client_secret), "client_secret"))
        key = SecretFile(_given(credential, credential.private_key_file), "private_key_file")
        certificate = SecretFile(_given(credential, credential.certificate_file), "certificate_file")
        audience = credential.audience or _given(credential, credential.token_url)
        return PrivateKeyJwt(client_id, audience, key, certificate, self._clock)


def _given(credential: Credential, value: T | None) -> T:
    """What the configuration has made sure of."""
    if value is None:
        raise ConfigurationError((Fault(f"credentials.{credential.name}", f"incomplete for type {credential.type}"),))
    return value
