"""Unforeseen exceptions in the log: where they happened and of which class, without the values in their texts.

What a foreign exception says may hold an identifier (`KeyError: 'CN10000'`) or a secret. Our own are fit for operators.
"""

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

from gateway.errors import GatewayError

_logger = logging.getLogger("gateway")
_UNSAID = "(text left out)"


def told(error: BaseException) -> str:
    """The exception and what caused it, with their frames."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{frames}{_name(current)}: {_text(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nbecause of\n".join(parts)


def add_exception(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: an exception becomes the text under `exception`."""
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        line["exception"] = told(error)
    return line


def log_uncaught() -> None:
    """Have what nobody caught, in whatever thread, logged in this form, in place of Python's own traceback."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _log("a thread ended by itself", found.exc_value)


def log_of_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler of an event loop. Its context is not shown: it holds representations of anything."""
    _log(str(context.get("message", "the event loop met an error")), context.get("exception"))


def _uncaught(_kind: type[BaseException], error: BaseException, _frames: TracebackType | None) -> None:
    _log("the process ends", error)


def _log(message: str, error: BaseException | None) -> None:
    _logger.error(message, exc_info=error)


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _text(error: BaseException) -> str:
    if isinstance(error, GatewayError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return _UNSAID
