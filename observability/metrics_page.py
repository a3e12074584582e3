"""`docs/metrics.md`, from the metrics as the gateway makes them."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from gateway.telemetry.instruments import Instrument
from gateway.telemetry.metrics import Metrics

HEAD = """\
# Metrics

Made by `make observability` from the code that counts; do not edit. `docs/observability.md` tells what to do with
them.

`GET /metrics` answers in Prometheus' text format, or in OpenMetrics where that is asked for; then the buckets of the
two duration histograms hold the trace id of a request or call (exemplars). With `server.metrics_port` the same is on a
port of its own, which stays up until a drain is over.

*over replicas* is how the series of several replicas on one ledger go together: `sum` what each process counted or
holds itself; `max` or `min` what all of them read from the ledger or the configuration, and tell alike.

Labels take their values from the configuration and from fixed sets: never an id, a case, a path or a text of an
upstream. Counters with labels begin at 0 for all that is configured, so that `increase` sees their first event.

"""
TAIL = """
Of the process itself, from the Prometheus client library: `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_open_fds`, `process_max_fds`, `process_start_time_seconds` and the like, `python_gc_*` and `python_info`.
"""


def metrics_page() -> str:
    """The page as text."""
    return HEAD + "\n".join(_table()) + "\n" + TAIL


def instruments() -> list[Instrument]:
    """Every metric of the gateway, by name."""
    made = Metrics(CollectorRegistry(), "", "").instruments.made
    return sorted(made, key=lambda instrument: instrument.name)


def _table() -> Iterator[str]:
    yield "| metric | type | labels | over replicas | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for made in instruments():
        labels = ", ".join(f"`{label}`" for label in made.labels)
        yield f"| `{made.name}` | {made.kind} | {labels} | {made.across} | {made.text}{_buckets(made)} |"


def _buckets(made: Instrument) -> str:
    if not made.buckets:
        return ""
    bounds = ", ".join(f"{bound:,g}".replace(",", " ") for bound in made.buckets)
    return f" Buckets: {bounds}."
