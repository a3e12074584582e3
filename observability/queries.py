"""PromQL, from its parts. A selector always has the dashboard's variables, or none of them in rules."""

from collections.abc import Iterable

DASHBOARD = ('namespace=~"$namespace"', 'job=~"$job"')
BACKEND = 'backend=~"$backend"'
TENANT = 'tenant=~"$tenant"'
EVERY = "[$__rate_interval]"

OUR_FAULTS = "internal_error|ledger_unavailable|acceptance_unknown|overloaded"
"""Problems that are the gateway's own fault. What an upstream or a caller is at fault for is not in the SLO."""
NOT_DELIVERED = "upstream_.*|outcome_unknown|deletion_in_progress|case_locked"
"""Codes of cases that ended without success though nothing was wrong with the request, but for `upstream_rejected`."""
BROKEN_OUTCOMES = "not_sent|unknown|5xx|500|502|504"
"""Of calls: the upstream is at fault. 503 is how it says that it is closed."""


def series(name: str, *matchers: str, within: Iterable[str] = DASHBOARD) -> str:
    """`gateway_<name>`, or `name` itself where that is a metric of the process, restricted by `matchers`."""
    full = name if name.startswith(("process_", "ALERTS")) else f"gateway_{name}"
    every = ",".join((*within, *matchers))
    return f"{full}{{{every}}}" if every else full


def of_backend(name: str, *matchers: str) -> str:
    """The same, of the backends that the dashboard shows."""
    return series(name, BACKEND, *matchers)


def rate(selected: str, *, by: str = "", window: str = EVERY) -> str:
    """Per second, added up over replicas."""
    return f"{total(by)} (rate({selected}{window}))"


def increase(selected: str, *, by: str = "", window: str = EVERY) -> str:
    """How many in the window, added up over replicas."""
    return f"{total(by)} (increase({selected}{window}))"


def total(by: str) -> str:
    """`sum`, by these labels if any."""
    return f"sum by ({by})" if by else "sum"


def latest(selected: str, *, by: str = "backend") -> str:
    """A fact of the ledger: every replica tells the same, so the greatest is as good as any."""
    return f"max by ({by}) ({selected})"


def quantile(share: float, histogram: str, *, by: str = "") -> str:
    """A quantile of a histogram; `histogram` is the selector of its buckets."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(histogram, by=labels)})"


def by_limits(per_backend: str) -> str:
    """What is known by backend, added up for the backends that share limits. `per_backend` keeps WHERE and backend."""
    info = f"max by ({WHERE}, backend, limits) ({of_backend('backend_info')})"
    return f"sum by ({WHERE}, limits) ({per_backend} * on ({WHERE}, backend) group_left (limits) {info})"


WHERE = "namespace, job"
"""One installation: what runs on one ledger."""
