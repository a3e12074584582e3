"""Label values of a fixed set, whatever an upstream answers or a caller sends."""

DOCUMENTED_OUTCOMES = (
    "200", "400", "401", "403", "404", "409", "429", "500", "502", "503", "504", "not_sent", "not_begun", "unknown",
)  # fmt: skip
"""What calls end as: the statuses that the upstreams document, and what is no answer."""
OUTCOMES = frozenset(DOCUMENTED_OUTCOMES)

TRACE_ID = slice(3, 35)
"""Where the trace id stands in a traceparent (Trace Context section 3.2)."""


def outcome_label(outcome: str) -> str:
    """The outcome itself if it is a documented one, else the class of its status, such as `3xx`."""
    if outcome in OUTCOMES:
        return outcome
    return f"{outcome[0]}xx" if outcome[:1] in {"1", "2", "3", "4", "5"} else "other"


def trace_exemplar(trace_parent: str | None) -> dict[str, str] | None:
    """What leads from a bucket of a histogram to a request's trace and log lines."""
    return None if trace_parent is None else {"trace_id": trace_parent[TRACE_ID]}
