"""The documented texts of Oracle ECM that tell one failure from another (UPSTREAMS.md)."""

import re

from gateway.model.outcomes import Code

_TEXTS = (
    (re.compile(r".*\bdoes not exist in case\.?", re.IGNORECASE), Code.ITEM_NOT_IN_CASE),
    (re.compile(r"case does not exist\.?", re.IGNORECASE), Code.CASE_NOT_FOUND),
    (re.compile(r"case is locked by another user\b.*", re.IGNORECASE), Code.CASE_LOCKED),
    (re.compile(r".*\berror occurred while deleting from\b.*", re.IGNORECASE), Code.UPSTREAM_ERROR),
    (re.compile(r"invalid json input format\b.*", re.IGNORECASE), Code.UPSTREAM_REJECTED),
)


def code_of(text: str | None) -> Code | None:
    """The failure of which a documented text speaks, whatever the noun of its item; null for any other text."""
    words = " ".join((text or "").split())
    return next((code for pattern, code in _TEXTS if pattern.fullmatch(words)), None)
