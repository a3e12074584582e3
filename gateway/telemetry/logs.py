"""Events become log lines: JSON, one line an event, with the ids that lead from a request to its upstream calls."""

import logging
import sys

import msgspec
import structlog

from gateway.model.kinds import Status
from gateway.telemetry import crashes, events
from gateway.telemetry.events import Event

PROBES = frozenset({"/livez", "/readyz", "/metrics"})

LEVELS: dict[type, int] = {
    events.HttpAnswered: logging.INFO,
    events.QuotaExceeded: logging.INFO,
    events.OperationAccepted: logging.INFO,
    events.OperationFinished: logging.INFO,
    events.CallEnded: logging.INFO,
    events.CasesWithdrawn: logging.INFO,
    events.BackendPaused: logging.WARNING,
    events.CircuitChanged: logging.WARNING,
    events.LedgerFailed: logging.ERROR,
    events.EvidenceBroken: logging.ERROR,
    events.CheckpointFailed: logging.ERROR,
    events.CheckpointWritten: logging.INFO,
    events.OperationsRemoved: logging.INFO,
    events.ConfigurationApplied: logging.INFO,
    events.ConfigurationRefused: logging.ERROR,
    events.WorkLeftBehind: logging.WARNING,
    events.DrainBegun: logging.INFO,
}
"""At which level an event is logged; DEBUG where it is not named."""

NAMES: dict[type, str] = {
    event: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in event.__name__).lstrip("_")
    for event in (
        events.HttpAnswered,
        events.CallerAuthenticated,
        events.QuotaExceeded,
        events.OperationAccepted,
        events.OperationFinished,
        events.CallGranted,
        events.CallSent,
        events.CallEnded,
        events.CaseRetried,
        events.CaseEnded,
        events.CasesWithdrawn,
        events.BackendPaused,
        events.CircuitChanged,
        events.TokenRequested,
        events.KeySetRequested,
        events.LedgerFailed,
        events.ReceiptIssued,
        events.EvidenceBroken,
        events.CheckpointWritten,
        events.CheckpointFailed,
        events.OperationsRemoved,
        events.ConfigurationApplied,
        events.ConfigurationRefused,
        events.WorkLeftBehind,
        events.DrainBegun,
    )
}


def configure(level: int = logging.INFO) -> None:
    """Send everything to standard output as JSON lines: our events, and the warnings and errors of libraries."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_serialize),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                crashes.add_exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda value, **_: _serialize(value).decode()),
            ]
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    crashes.log_uncaught()


class Logs:
    """An observer that writes log lines."""

    def __init__(self, level: int = logging.INFO) -> None:
        self._level = level
        self._logger = structlog.get_logger()

    def __call__(self, event: Event) -> None:
        """Log `event` at its level."""
        level = level_of(event)
        if level >= self._level and type(event) in NAMES:
            self._logger.log(level, NAMES[type(event)], **msgspec.structs.asdict(event))


def level_of(event: Event) -> int:
    """Probes and what goes as it should are of no interest; what nobody knows the outcome of is."""
    if isinstance(event, events.HttpAnswered) and event.route in PROBES:
        return logging.DEBUG
    if _is_unwelcome(event):
        return logging.WARNING
    if isinstance(event, events.CallerAuthenticated) and event.outcome != "accepted":
        return logging.WARNING if event.outcome == "unavailable" else logging.INFO
    return LEVELS.get(type(event), logging.DEBUG)


def _is_unwelcome(event: Event) -> bool:
    """Whether somebody should look at it, although most of its kind go as they should."""
    match event:
        case events.CaseEnded(status=Status.UNKNOWN):
            return True
        case events.KeySetRequested(outcome=outcome):
            return outcome != "taken"
        case events.TokenRequested(outcome=outcome):
            return outcome != "granted"
        case events.ConfigurationApplied(needs_restart=needs_restart):
            return bool(needs_restart)
    return False


def _serialize(value: object, **_: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)
