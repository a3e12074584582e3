"""The service levels, and how fast their budgets burn."""

from msgspec import Struct

from observability.queries import OUR_FAULTS, WHERE

AVAILABILITY = 0.999
LATENCY = 0.99
FAST_SECONDS = 0.25
"""A bucket's bound: reads that take longer are slow."""
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


class Objective(Struct, frozen=True):
    """A service level: which share of `asked` may be `bad`, each the sum of a rate over `{window}`."""

    name: str
    target: float
    bad: str
    asked: str

    @property
    def budget(self) -> float:
        """The share that may go wrong."""
        return round(1 - self.target, 6)

    def ratio(self, window: str) -> str:
        """The name of the recorded share that went wrong."""
        return f"gateway:slo_{self.name}_errors:ratio_rate{window}"


class Burn(Struct, frozen=True):
    """Somebody is called when the budget burns so fast over both windows.

    The long one says that it matters, the short one that it still goes on.
    """

    severity: str
    long: str
    short: str
    factor: float


READ_SECONDS = "gateway_http_request_duration_seconds"
READS = 'route=~"/v1/.*",method="GET"'

OBJECTIVES = (
    Objective(
        "availability",
        AVAILABILITY,
        f'sum by ({WHERE}) (rate(gateway_problems_total{{code=~"{OUR_FAULTS}"}}[{{window}}]))',
        f'sum by ({WHERE}) (rate(gateway_http_requests_total{{route=~"/v1/.*"}}[{{window}}]))',
    ),
    Objective(
        "latency",
        LATENCY,
        f"sum by ({WHERE}) (rate({READ_SECONDS}_count{{{READS}}}[{{window}}]))"
        f' - sum by ({WHERE}) (rate({READ_SECONDS}_bucket{{{READS},le="{FAST_SECONDS}"}}[{{window}}]))',
        f"sum by ({WHERE}) (rate({READ_SECONDS}_count{{{READS}}}[{{window}}]))",
    ),
)

BURNS = (
    Burn("page", "1h", "5m", 14.4),
    Burn("page", "6h", "30m", 6),
    Burn("ticket", "1d", "2h", 3),
    Burn("ticket", "3d", "6h", 1),
)
"""Of 30 days' budget: 2 % in an hour, 5 % in six hours, 10 % in a day or in three (Google's SRE workbook, chapter "
"5)."""
LEAST_BAD = 5
"""So many must have gone wrong in the long window: one failure at night is a large share of little traffic."""


def burns_fast(objective: Objective, severity: str) -> str:
    """Whether the budget burns so fast that somebody of this severity is called."""
    return "\nor\n".join(_burning(objective, burn) for burn in BURNS if burn.severity == severity)


def _burning(objective: Objective, burn: Burn) -> str:
    over = f"{burn.factor:g} * {objective.budget:g}"
    seconds = {"1h": 3_600, "6h": 21_600, "1d": 86_400, "3d": 259_200}[burn.long]
    bad = objective.bad.replace("{window}", burn.long)
    return (
        f"({objective.ratio(burn.long)} > {over}\n and {objective.ratio(burn.short)} > {over}\n"
        f" and ({bad}) * {seconds} >= {LEAST_BAD})"
    )


def recorded(objective: Objective, window: str) -> str:
    """The share that went wrong in the window; nothing where nothing was asked."""
    bad, asked = (part.replace("{window}", window) for part in (objective.bad, objective.asked))
    return f"({bad})\n/\n({asked} > 0)"
