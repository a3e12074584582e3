"""A log line for a person at a terminal: time, level, event, and what else there is as `name=value`."""

import json
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

LogFormat = Literal["auto", "json", "text"]

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_PLAIN = "\x1b[0m"


def is_text(form: str) -> bool:
    """Whether `server.log_format` asks for text: `auto` does so where standard output is a terminal."""
    return form == "text" or (form == "auto" and sys.stdout.isatty())


def text_line(line: MutableMapping[str, Any], *, coloured: bool) -> str:
    """The line, without its end. Nothing in it can steer a terminal: what is not printable is escaped."""
    rest = dict(line)
    time, level, event = (str(rest.pop(key, "")) for key in ("timestamp", "level", "event"))
    exception = rest.pop("exception", None)
    colour = _COLOURS.get(level) if coloured else None
    shown = f"{colour}{level:<7}{_PLAIN}" if colour else f"{level:<7}"
    told = [f"{name}={_value(value)}" for name, value in rest.items() if value not in (None, (), [])]
    lines = [" ".join((time, shown, _printable(event), *told))]
    if exception is not None:
        lines += [f"    {_printable(frame)}" for frame in str(exception).splitlines()]
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and value.isprintable() and not set(value) & set(' "=') else json.dumps(value)
    return json.dumps(value)


def _printable(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]
