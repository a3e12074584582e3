"""One request for an access token, and what its answer means (RFC 6749 sections 4.4, 5.1 and 5.2)."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from gateway.errors import AnswerUnknown, CredentialRefused, NotSent
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport.client_authentication import ClientAuthentication
from gateway.transport.connecting import target_of
from gateway.transport.credentials import TOKEN
from gateway.transport.secret_files import Signature
from gateway.transport.wire import Wire

TOKEN_SECONDS = 10.0
"""How long a whole token request may take."""

ASSUMED_LIFE_SECONDS = 300.0
"""The life of a token whose `expires_in` is missing or no number over 0: short, since a 401 would be a failed call."""

MAX_LIFE_SECONDS = 86_400.0
"""No token is kept longer, whatever its `expires_in` says."""

ERROR_CODE = re.compile(r"[ !#-\[\]-~]{1,64}")
"""RFC 6749 section 5.2, and a length fit for a log line."""


class Token(Struct, frozen=True):
    """An access token as the value of a header, and how long it lives from when it was asked for, in seconds."""

    header: str
    life_seconds: float

    def __repr__(self) -> str:
        return f"Token(life_seconds={self.life_seconds})"


class TokenEndpoint:
    """Asks one token endpoint for tokens of one client and scope."""

    def __init__(self, wire: Wire, url: str, scope: str | None, client: ClientAuthentication) -> None:
        self._wire = wire
        self._target = target_of(url)
        self._scope = scope
        self._client = client

    async def fetch(self) -> Token:
        """A new token, within ten seconds.

        Raises CredentialRefused: a secret cannot be used, or the endpoint refused the client. Raises NotSent: there was
        no answer (`token_unreachable`), or one without a token (`token_invalid`).
        """
        request = self._request()
        deadline = asyncio.get_running_loop().time() + TOKEN_SECONDS
        try:
            answer = await self._wire.call(request, (), deadline)
        except (NotSent, AnswerUnknown) as error:
            # Asking twice for a token does no harm, so even a lost answer counts as nothing sent.
            raise NotSent("token_unreachable", f"no answer from the token endpoint ({error.reason})") from error
        return read_token(answer)

    def signature(self) -> tuple[Signature, ...]:
        """What changes when the client's secrets do."""
        return self._client.signature()

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()

    def _request(self) -> UpstreamRequest:
        scope = {"scope": self._scope} if self._scope else {}
        form = {"grant_type": "client_credentials", **scope, **self._client.fields()}
        headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
        return UpstreamRequest("POST", self._target, headers, urlencode(form).encode())


def read_token(answer: Answer) -> Token:
    """The token in `answer`. Raises CredentialRefused, NotSent: as `fetch`."""
    fields = _fields(answer.body)
    match answer.status, fields.get("access_token"), fields.get("error"):
        case 200, str(token), _ if TOKEN.fullmatch(token) and _is_bearer(fields):
            return Token(f"Bearer {token}", _life_seconds(fields.get("expires_in")))
        case ((400 | 401), _, str(code)) if ERROR_CODE.fullmatch(code):
            raise CredentialRefused("token_refused", f"the token endpoint refused: {code}")
        case (429 | 500 | 501 | 502 | 503 | 504) as status, _, _:
            raise NotSent("token_unreachable", f"the token endpoint answered {status}")
        case _:
            raise NotSent("token_invalid", f"the token endpoint answered {answer.status} without a usable token")


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _is_bearer(fields: dict[str, Any]) -> bool:
    return str(fields.get("token_type")).lower() == "bearer"


def _life_seconds(expires_in: object) -> float:
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return ASSUMED_LIFE_SECONDS
    try:
        life = float(expires_in)
    except (ValueError, OverflowError):
        return ASSUMED_LIFE_SECONDS
    return min(life, MAX_LIFE_SECONDS) if life > 0 else ASSUMED_LIFE_SECONDS
