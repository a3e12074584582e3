"""Keyed hashes: marks, which stand for identifiers, and seals, which only a holder of the key can make."""

import hashlib
import hmac
from enum import StrEnum

from gateway.model.kinds import IdentifierType

MARK_CHARACTERS = 32
"""128 bits: two identifiers that share a mark will not be met, and receipts are kept for ever."""
_BETWEEN = "\x1f"
"""Cannot stand in an identifier."""


class MarkKind(StrEnum):
    """What a mark stands for; the same text marked as two kinds has two marks."""

    CASE_NUMBER = "caseNumber"
    CASE_TOKEN = "caseToken"  # noqa: S105 - the name of an identifier, not a secret
    CASE_ID = "caseId"
    REQUEST_ID = "requestId"
    ITEM = "item"
    TYPE_CODE = "typeCode"

    @classmethod
    def of_case(cls, identifier: IdentifierType) -> "MarkKind":
        """The kind of a case's identifier: it has the same name."""
        return cls(identifier.value)


class ReceiptKey:
    """A secret of the installation. Who does not have it can neither guess what a mark stands for nor make a seal."""

    __slots__ = ("_secret", "id")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = hashlib.sha256(b"case-gateway receipt key" + secret).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"ReceiptKey({self.id})"

    def mark(self, kind: MarkKind, value: str) -> str:
        """What stands for `value` in receipts, in hexadecimal digits."""
        return self._keyed("mark", kind.value, value)[:MARK_CHARACTERS]

    def seal(self, text: str) -> str:
        """Proof that a holder of the key has seen `text`; it begins with the key's id."""
        return f"{self.id}:{self._keyed('seal', text)}"

    def sealed(self, text: str, seal: str) -> bool:
        """Whether `seal` is this key's, for `text`."""
        return hmac.compare_digest(self.seal(text).encode(), seal.encode("utf-8", "replace"))

    def _keyed(self, *parts: str) -> str:
        return hmac.digest(self._secret, _BETWEEN.join(parts).encode(), "sha256").hex()


class Keyring:
    """The keys of an installation: `current`, null if the configuration gives none, and those before it."""

    def __init__(self, current: ReceiptKey | None = None, earlier: tuple[ReceiptKey, ...] = ()) -> None:
        self.current = current
        self.given = {key.id: key for key in (*earlier, *((current,) if current else ()))}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.given)})"
