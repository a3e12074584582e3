"""Events become log lines, one line an event, with the ids that lead from a request to its upstream calls."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from gateway.telemetry import crashes
from gateway.telemetry.events import Event
from gateway.telemetry.log_levels import NAMES, level_of
from gateway.telemetry.log_text import is_text, text_line

IDS = ("request_id", "operation_id", "call_id")
"""What a line that is no event's may name besides its message (`extra` of the standard library's loggers)."""


def configure(level: int = logging.INFO, form: str = "json") -> None:
    """Send everything to standard output: our events, and the warnings and errors of libraries.

    `form` is `server.log_format`. Libraries are never asked for less than warnings: what they say may hold anything.
    """
    render = _Text() if is_text(form) else _render_json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda *line: render(*line).encode(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=IDS)],
            processors=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                crashes.add_exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render,
            ],
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
        if level is not None and level >= self._level:
            self._logger.log(level, NAMES[type(event)], **msgspec.structs.asdict(event))


class _Text:
    """A processor of structlog."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty()

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
        return text_line(msgspec.to_builtins(line, enc_hook=str), coloured=self._coloured)


def _render_json(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(line, enc_hook=str).decode()
