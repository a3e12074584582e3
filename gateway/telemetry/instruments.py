"""How metrics are made: each with the words that `docs/metrics.md` has of it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "gateway_"

Across = Literal["sum", "max", "min"]
Buckets = tuple[float, ...]
Labels = tuple[str, ...]
"""Label values, in the order of the label names."""


class Instrument(Struct, frozen=True):
    """One metric, as documented. `across`: how the series of several replicas on one ledger go together.

    They are added where each process counts its own (`sum`), and one is as good as another where all of them tell what
    they read (`max`, or `min` where the earliest matters).
    `name` is that of the series (a counter's ends in `_total`); `kind` is `counter`, `gauge` or `histogram`.
    """

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    buckets: Buckets = ()
    across: Across = "sum"


class Instruments:
    """Makes metrics in a registry, and keeps a list of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self.made: list[Instrument] = []

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """`name` is without prefix and `_total`."""
        self.made.append(Instrument(f"{PREFIX}{name}_total", "counter", text, labels))
        counter = self._metrics[name] = Counter(PREFIX + name, text, labels, registry=self._registry)
        return counter

    def histogram(self, name: str, text: str, buckets: Buckets, *labels: str) -> Histogram:
        """`buckets` are upper bounds, in the unit that `name` ends in."""
        self.made.append(Instrument(PREFIX + name, "histogram", text, labels, buckets))
        histogram = Histogram(PREFIX + name, text, labels, buckets=buckets, registry=self._registry)
        self._metrics[name] = histogram
        return histogram

    def gauge(self, name: str, text: str, *labels: str, across: Across = "sum") -> Gauge:
        """`across`: see `Instrument`."""
        self.made.append(Instrument(PREFIX + name, "gauge", text, labels, across=across))
        gauge = self._metrics[name] = Gauge(PREFIX + name, text, labels, registry=self._registry)
        return gauge

    def begin(self, name: str, series: Iterable[Labels]) -> None:
        """Have these series of a metric there from now on, without counting anything."""
        for labels in series:
            self._metrics[name].labels(*labels)

    def forget(self, label: str, value: str) -> None:
        """Drop every series whose `label` has this value."""
        for metric in self._metrics.values():
            if label in metric._labelnames:  # noqa: SLF001 - the library tells it nowhere else
                metric.remove_by_labels({label: value})
