"""How the gateway proves to a token endpoint who it is: form fields of the token request (RFC 6749 section 4.4)."""

from typing import Protocol

from gateway.clock import Clock
from gateway.model.hours import SECOND
from gateway.transport.assertion import ASSERTION_TYPE, SigningKey, client_assertion, signing_key
from gateway.transport.secret_files import SecretFile, SecretSource, Signature


class ClientAuthentication(Protocol):
    """One way to prove it. `signature` differs when a secret may have changed."""

    def fields(self) -> dict[str, str]:
        """The form fields for one request. Raises CredentialRefused: a secret cannot be read or used."""
        ...

    def signature(self) -> tuple[Signature, ...]:
        """What changes when the secrets do; never raises."""
        ...


class ClientSecret:
    """`client_id` and `client_secret` as form fields (RFC 6749 section 2.3.1).

    Not as HTTP basic: that needs both form-encoded first, which servers disagree on.
    """

    def __init__(self, client_id: str, secret: SecretSource) -> None:
        self._client_id = client_id
        self._secret = secret

    def fields(self) -> dict[str, str]:
        """The two fields. Raises CredentialRefused: the secret cannot be read."""
        return {"client_id": self._client_id, "client_secret": self._secret.text()}

    def signature(self) -> tuple[Signature, ...]:
        """That of the secret."""
        return (self._secret.signature(),)


class PrivateKeyJwt:
    """A fresh signed assertion for each request; the key and its certificate may be replaced at any time.

    `client_id` is not a field of its own: the assertion names it (UPSTREAMS.md).
    """

    def __init__(self, client_id: str, audience: str, key: SecretFile, certificate: SecretFile, clock: Clock) -> None:
        self._client_id = client_id
        self._audience = audience
        self._files = (key, certificate)
        self._clock = clock
        self._signer: SigningKey | None = None
        self._signer_of: tuple[Signature, ...] = ()

    def fields(self) -> dict[str, str]:
        """The assertion and its type. Raises CredentialRefused: a file cannot be read, or the two are not a pair."""
        now_seconds = self._clock.now() // SECOND
        assertion = client_assertion(self._current_signer(), self._client_id, self._audience, now_seconds)
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    def signature(self) -> tuple[Signature, ...]:
        """That of both files."""
        return tuple(file.signature() for file in self._files)

    def _current_signer(self) -> SigningKey:
        signature = self.signature()
        if self._signer is None or signature != self._signer_of:
            key, certificate = self._files
            self._signer, self._signer_of = signing_key(key.content(), certificate.content()), signature
        return self._signer
