"""Everything about a token that can be judged before its signature: cheap, and enough to know which key to ask for."""

from collections.abc import Mapping

from joserfc.jwk import Key
from msgspec import Struct

from gateway.config.settings import Issuer
from gateway.identity.claims import flaw_of_claims, flaw_of_header
from gateway.identity.keys import signed_by
from gateway.identity.token import Token, read
from gateway.identity.verdict import Flaw


class Unproven(Struct, frozen=True):
    """A token in order but for its signature, which `algorithm` and the key `key_id` have to prove."""

    issuer: Issuer
    subject: str
    algorithm: str
    key_id: str | None
    token: Token

    def proved_by(self, key: Key) -> bool:
        """Whether the signature is that of `key`."""
        return signed_by(key, self.algorithm, self.token.signed, self.token.signature)


def examine(text: bytes, issuers: Mapping[str, Issuer], now_seconds: float) -> Unproven | Flaw:
    """What `text` claims, if all of it is as it should be at `now_seconds` since 1970. `issuers` are by their `iss`."""
    token = read(text)
    if isinstance(token, Flaw):
        return token
    name = token.claims.get("iss")
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        return Flaw.ISSUER
    flaw = flaw_of_header(token.header, issuer) or flaw_of_claims(token.claims, issuer, now_seconds)
    if flaw is not None:
        return flaw
    return Unproven(issuer, token.claims["sub"], token.header["alg"], token.header.get("kid"), token)
