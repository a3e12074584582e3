"""Whether traces are on, by the standard variables of OpenTelemetry; the extra `otel` is loaded only then."""

import importlib.util
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError, Fault
from gateway.telemetry.events import Observer
from gateway.telemetry.tracing import OFF, Tracing

EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
ENDPOINT, OWN_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"
DEFAULT_ENDPOINT = "http://localhost:4318"
PACKAGES = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp.proto.http")
"""What the extra installs, each within the one before or beside it."""

Environment = Mapping[str, str]


def tracing(environ: Environment, observer: Observer) -> Tracing:
    """What makes spans, or `OFF`. Raises ConfigurationError: they are asked for, and cannot be had."""
    endpoint = wanted(environ)
    if endpoint is None:
        return OFF
    from gateway.telemetry.exporting import traces  # noqa: PLC0415 - loads OpenTelemetry, which may not be there

    try:
        return traces(endpoint, observer)
    except Exception as cause:  # whatever a library says of a variable: it ends the start, not a request
        raise ConfigurationError((Fault("OTEL_*", f"one of these cannot be used: {cause}"),)) from cause


def wanted(environ: Environment) -> str | None:
    """The URL that spans go to, null if traces are off. Raises ConfigurationError."""
    if not _is_on(environ):
        return None
    if faults := tuple(_faults(environ)):
        raise ConfigurationError(faults)
    return _endpoint(environ)


def _is_on(environ: Environment) -> bool:
    """A receiver is named, or the exporter; an empty variable is as good as none (the specification says so)."""
    if environ.get(DISABLED, "").strip().lower() == "true" or environ.get(EXPORTER) == "none":
        return False
    return any(environ.get(name) for name in (EXPORTER, ENDPOINT, OWN_ENDPOINT))


def _faults(environ: Environment) -> Iterator[Fault]:
    if environ.get(EXPORTER) not in (None, "", "otlp"):
        yield Fault(EXPORTER, "expected otlp or none")
    protocol = next((name for name in PROTOCOLS if environ.get(name)), None)
    if protocol is not None and environ[protocol] != HTTP:
        yield Fault(protocol, f"expected {HTTP}, which is all that the gateway speaks")
    if not _is_url(_endpoint(environ)):
        yield Fault(OWN_ENDPOINT if environ.get(OWN_ENDPOINT) else ENDPOINT, "expected an http or https URL")
    if not _is_installed():
        needed = 'traces need the extra "otel": pip install "case-gateway[otel]"'
        yield Fault(_reason(environ), f"{needed}; or set {EXPORTER}=none")


def _endpoint(environ: Environment) -> str:
    """As the specification of the exporter has it: its own variable is the whole URL, the common one the base of it."""
    return environ.get(OWN_ENDPOINT) or f"{(environ.get(ENDPOINT) or DEFAULT_ENDPOINT).rstrip('/')}/v1/traces"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_installed() -> bool:
    try:
        return all(importlib.util.find_spec(package) for package in PACKAGES)
    except ModuleNotFoundError:
        return False


def _reason(environ: Environment) -> str:
    return next(name for name in (EXPORTER, OWN_ENDPOINT, ENDPOINT) if environ.get(name))
