"""Answers that turn a request away at the door, whatever the request was: the status settles them."""

import re
from http import HTTPStatus

from gateway.backends.retry_after import retry_after
from gateway.model.calls import Answer
from gateway.model.outcomes import Code

_TURNED_AWAY = {401: Code.UPSTREAM_UNAUTHORIZED, 429: Code.UPSTREAM_THROTTLED, 503: Code.UPSTREAM_CLOSED}


def pause_seconds(answer: Answer) -> float | None:
    """How long the upstream asks to be left alone, null when it names no time."""
    return retry_after(answer.header("retry-after"), answer.received_at) if answer.status in {429, 503} else None


def turned_away(answer: Answer, *, documented: bool, claim: re.Pattern[bytes]) -> Code | None:
    """The code of a request that was never looked at, or null if this answer does not say so.

    That is 401 and 429 with any body, which may be a proxy's, and 503 that says when to come back or whose body is a
    `documented` one. A body that holds `claim`, which says that something was done, takes the trust from the status.
    """
    if claim.search(answer.body):
        return None
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and not documented and pause_seconds(answer) is None:
        return None
    return _TURNED_AWAY.get(answer.status)
