"""Bearer tokens: opaque, issued by the token endpoint, known to Hub Property and ClaimShop."""

import secrets

MAX_TOKENS = 10_000


class Tokens:
    """The valid tokens and when each expires; over 10,000 the oldest end early."""

    def __init__(self) -> None:
        self._expires_at: dict[str, float] = {}

    def issue(self, now: float, lifetime_seconds: float) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        if len(self._expires_at) >= MAX_TOKENS:
            del self._expires_at[next(iter(self._expires_at))]
        self._expires_at[token] = now + lifetime_seconds
        return token

    def valid(self, authorization: str | None, now: float) -> bool:
        """Whether an ``Authorization`` header carries a token that has neither expired nor been revoked."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self._expires_at.get(token, 0) > now

    def revoke_all(self) -> int:
        """End every token; how many there were."""
        count = len(self._expires_at)
        self._expires_at.clear()
        return count
