"""How long a caller wants to wait (RFC 7240: `respond-async`, `wait`)."""

import re

from msgspec import Struct

from gateway.http.exchange import Headers, values

MAX_WAIT_SECONDS = 300
"""No caller keeps a connection waiting for longer, whatever it prefers."""

_PREFERENCE = re.compile(r'\s*+(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]++)\s*+(?:=\s*+("[^"]*+"|[^\s;,]*+))?)?[^,]*+(?:,|$)')
"""Whatever stands before a comma, so that no character is looked at often; without a name where it makes no sense."""


class Preference(Struct, frozen=True):
    """What was asked for. `wait_seconds` is null where nothing was said.

    With both, the answer comes after `wait_seconds` at the latest (RFC 7240 section 4.3).
    """

    respond_async: bool = False
    wait_seconds: int | None = None

    def seconds(self, default: float) -> float:
        """How long to wait for the operation to finish."""
        if self.wait_seconds is not None:
            return self.wait_seconds
        return 0.0 if self.respond_async else default

    def applied(self, *, finished: bool) -> str | None:
        """The value of Preference-Applied, or null for no such header; what had finished was not answered async."""
        said = ["respond-async"] if self.respond_async and not finished else []
        if self.wait_seconds is not None:
            said.append(f"wait={self.wait_seconds}")
        return ", ".join(said) or None


def preference(headers: Headers) -> Preference:
    """The preferences of a request; the first of each name counts, and what makes no sense is ignored (section 2)."""
    said: dict[str, str] = {}
    for line in values(headers, b"prefer"):
        for name, value in _PREFERENCE.findall(line.decode("latin-1")):
            said.setdefault(name.lower(), value.strip('"'))
    return Preference("respond-async" in said, _seconds(said.get("wait", "")))


def _seconds(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text), MAX_WAIT_SECONDS) if len(text) < len("1000000000") else MAX_WAIT_SECONDS
