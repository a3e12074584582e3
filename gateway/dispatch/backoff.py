"""How long to wait before another attempt."""

from collections.abc import Callable

from gateway.config.settings import Retry

Uniform = Callable[[float, float], float]
"""A random number between two others; `random.uniform`, or a fixed one in tests."""

LONGEST_EXPONENT = 32
"""Past it the ceiling has long been reached, and the power only grows unwieldy."""


def backoff_seconds(retry: Retry, attempt: int, uniform: Uniform) -> float:
    """Full jitter: anything up to a ceiling that doubles with each attempt, the first being attempt 0."""
    ceiling = retry.backoff_base_seconds * 2 ** min(attempt, LONGEST_EXPONENT)
    return uniform(0.0, min(retry.backoff_max_seconds, ceiling))
