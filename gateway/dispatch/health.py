"""What this process has lately seen of a backend, and the pauses that follow from it."""

from msgspec import Struct

from gateway.config.settings import Retry
from gateway.dispatch.backoff import Uniform, backoff_seconds
from gateway.ledger.base import Pause
from gateway.model.calls import Call, Reading
from gateway.model.outcomes import CaseOutcome, Code


class Health(Struct):
    """`setbacks`: calls in a row that could not be sent. `distrusted`: a fresh credential was refused."""

    setbacks: int = 0
    distrusted: bool = False

    @property
    def troubled(self) -> bool:
        """Whether one call at a time is enough to find out that the trouble is over."""
        return self.setbacks > 0 or self.distrusted

    def note(self, call: Call, codes: frozenset[Code], *, sent: bool) -> None:
        """Take note of what a call met."""
        self.setbacks = 0 if sent else self.setbacks + 1
        if Code.UPSTREAM_UNAUTHORIZED not in codes:
            self.distrusted = self.distrusted and not sent
        elif not sent or any(case.last_code is Code.UPSTREAM_UNAUTHORIZED for case in call.cases):
            self.distrusted = True

    def pause(self, codes: frozenset[Code], wait_seconds: float | None, retry: Retry, uniform: Uniform) -> Pause | None:
        """How long to leave the backend alone, null for not at all."""
        if Code.UPSTREAM_CLOSED in codes:
            asked = wait_seconds is not None
            return Pause(wait_seconds or retry.backoff_max_seconds, Code.UPSTREAM_CLOSED, closed=asked)
        if Code.UPSTREAM_THROTTLED in codes:
            return Pause(wait_seconds or backoff_seconds(retry, 1, uniform), Code.UPSTREAM_THROTTLED)
        if Code.UPSTREAM_UNREACHABLE in codes:
            return Pause(backoff_seconds(retry, self.setbacks, uniform), Code.UPSTREAM_UNREACHABLE)
        if Code.UPSTREAM_UNAUTHORIZED in codes and self.distrusted:
            return Pause(retry.backoff_max_seconds, Code.UPSTREAM_UNAUTHORIZED)
        return None


def codes_in(reading: Reading) -> frozenset[Code]:
    """Every code that the outcomes of a call hold."""
    return frozenset(code for outcome in reading.outcomes.values() for code in _codes_of(outcome))


def _codes_of(outcome: CaseOutcome) -> set[Code]:
    return {fault.code for fault in outcome.errors} | {fault.code for item in outcome.items for fault in item.errors}
