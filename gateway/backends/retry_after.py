"""The `Retry-After` header (RFC 9110 10.2.3): seconds, or a date in one of three formats (5.6.7)."""

from datetime import UTC, datetime

from gateway.model.hours import SECOND

LONGEST_SECONDS = 86_400.0
"""A pause is obeyed up to a day (CONTRACT.md section 2, 5)."""

DATE_FORMATS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
"""IMF-fixdate, RFC 850, asctime."""


def retry_after(value: str | None, received_at: int) -> float | None:
    """Seconds from `received_at` (microseconds since 1970), 0 to 86,400; null where the header says nothing usable."""
    text = (value or "").strip(" \t")
    if not text.isascii():
        return None
    seconds = float(text) if text.isdigit() else _seconds_until(text, received_at)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_SECONDS)


def _seconds_until(text: str, received_at: int) -> float | None:
    for date_format in DATE_FORMATS:
        try:
            date = datetime.strptime(text, date_format).replace(tzinfo=UTC)
        except ValueError:
            continue
        return date.timestamp() - received_at / SECOND
    return None
