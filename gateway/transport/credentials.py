"""How a backend is told who is calling: the value of the Authorization header."""

import re
from base64 import b64encode
from typing import Protocol

from gateway.errors import CredentialRefused
from gateway.transport.secret_files import SecretSource

TOKEN = re.compile(r"[!-~]+")
"""What may stand after `Bearer ` without breaking out of its header line."""


class Authorization(Protocol):
    """One credential, shared by every backend that names it."""

    async def header(self) -> str | None:
        """The header's value, or null for no header at all.

        Raises NotSent: the token endpoint cannot be reached. Raises CredentialRefused: it refused, or a secret cannot
        be read.
        """
        ...

    def invalidate(self, header: str | None) -> None:
        """An upstream answered 401 to `header`: if it is still the one at hand, get another before the next call."""
        ...

    async def close(self) -> None:
        """End what runs in the background."""
        ...


class _Static:
    """A credential that needs nobody's answer; what an upstream thinks of it changes only with the secret."""

    def invalidate(self, header: str | None) -> None:
        """Nothing: the secret is looked at before every call anyway."""

    async def close(self) -> None:
        """Nothing runs."""


class NoAuthorization(_Static):
    """No header."""

    async def header(self) -> str | None:
        """Null."""
        return None


class Bearer(_Static):
    """A fixed bearer token (RFC 6750)."""

    def __init__(self, token: SecretSource) -> None:
        self._token = token

    async def header(self) -> str | None:
        """`Bearer <token>`. Raises CredentialRefused: the token cannot be read, or could not stand in a header."""
        token = self._token.text()
        if not TOKEN.fullmatch(token):
            raise CredentialRefused("secret", "the bearer token has characters that no token can have")
        return f"Bearer {token}"


class Basic(_Static):
    """User name and password (RFC 7617, UTF-8)."""

    def __init__(self, username: str, password: SecretSource) -> None:
        self._username = username
        self._password = password

    async def header(self) -> str | None:
        """`Basic <base64>`. Raises CredentialRefused: the password cannot be read."""
        pair = f"{self._username}:{self._password.text()}"
        return f"Basic {b64encode(pair.encode()).decode()}"
