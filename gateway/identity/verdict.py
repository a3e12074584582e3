"""What becomes of a token."""

from enum import StrEnum

from msgspec import Struct


class Flaw(StrEnum):
    """Why a token is refused: fixed words for log lines. The caller is told none of them."""

    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    ISSUER = "issuer"
    ALGORITHM = "algorithm"
    TYPE = "type"
    CRITICAL = "critical"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    DATES = "dates"
    LIFETIME = "lifetime"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    KEY = "key"
    SIGNATURE = "signature"


class Verified(Struct, frozen=True):
    """The token is good: `issuer` is the name that the configuration has for whoever made it, `subject` its `sub`."""

    issuer: str
    subject: str
