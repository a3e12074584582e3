"""Events become log lines: JSON, one line an event, with the ids that lead from a request to its upstream calls."""

import logging
import sys

import msgspec
import structlog

from gateway.model.kinds import Status
from gateway.telemetry import events
from gateway.telemetry.events import Event

PROBES = frozenset({"/livez", "/readyz", "/metrics"})

LEVELS: dict[type, int] = {
    events.HttpAnswered: logging.INFO,
    events.OperationAccepted: logging.INFO,
    events.OperationFinished: logging.INFO,
    events.CallEnded: logging.INFO,
    events.CasesWithdrawn: logging.INFO,
    events.BackendPaused: logging.WARNING,
    events.LedgerFailed: logging.ERROR,
}
"""At which level an event is logged; DEBUG where it is not named."""

NAMES: dict[type, str] = {
    event: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in event.__name__).lstrip("_")
    for event in (
        events.HttpAnswered,
        events.OperationAccepted,
        events.OperationFinished,
        events.CallGranted,
        events.CallSent,
        events.CallEnded,
        events.CaseRetried,
        events.CaseEnded,
        events.CasesWithdrawn,
        events.BackendPaused,
        events.TokenRequested,
        events.LedgerFailed,
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
                structlog.processors.format_exc_info,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda value, **_: _serialize(value).decode()),
            ]
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


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
    if isinstance(event, events.CaseEnded) and event.status is Status.UNKNOWN:
        return logging.WARNING
    if isinstance(event, events.TokenRequested) and event.outcome != "granted":
        return logging.WARNING
    return LEVELS.get(type(event), logging.DEBUG)


def _serialize(value: object, **_: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)
