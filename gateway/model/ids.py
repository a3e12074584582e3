"""UUIDv7 (RFC 9562 section 5.7): ids that sort by the instant at which they were made."""

import secrets
from uuid import UUID


def first_id(instant: int) -> str:
    """What every id sorts behind that was made at `instant` or later, to the millisecond."""
    digits = f"{instant // 1_000:012x}"
    return f"{digits[:8]}-{digits[8:]}"


class Ids:
    """Makes UUIDv7 text, each greater than the one before, even within a microsecond.

    48 bits of milliseconds, 12 bits of the microseconds within (section 6.2, method 3), then a random start counted up.
    """

    def __init__(self) -> None:
        self._last = 0

    def make(self, instant: int) -> str:
        """A new id for `instant`, microseconds since 1970."""
        milliseconds, microseconds = divmod(instant, 1_000)
        prefix = milliseconds << 12 | (microseconds << 12) // 1_000
        value = prefix << 62 | secrets.randbits(61)
        if value <= self._last:
            value = self._last + 1
        self._last = value
        prefix, tail = value >> 62, value & (1 << 62) - 1
        return str(UUID(int=prefix >> 12 << 80 | 0x7 << 76 | (prefix & 0xFFF) << 64 | 0b10 << 62 | tail))


def first_id_at(instant: int) -> str:
    """The least id that can have been made at `instant`, microseconds since 1970: those made before it are less."""
    return str(UUID(int=max(0, instant) // 1_000 << 80 | 0x7 << 76 | 0b10 << 62))
