"""Events become lines, written by a real process."""

import json
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from gateway.model.kinds import Kind, Purpose, Status
from gateway.model.outcomes import Code
from gateway.telemetry import events
from gateway.telemetry.events import Event
from gateway.telemetry.log_levels import LEVELS, NAMES, level_of
from gateway.telemetry.log_text import text_line

PROGRAM = """
import logging, sys
from gateway.model.kinds import Purpose
from gateway.telemetry import events, logs
logs.configure(form=sys.argv[1])
log = logs.Logs()
log(events.CallGranted("call", "operation", "request", "hub", Purpose.EXECUTE, 1, 0.5))
log(events.CallEnded("call", "operation", "hub", "deleteCase", Purpose.EXECUTE, "200", None, 0.2, 0, "request", None))
logging.getLogger("library").info("not of interest")
try:
    raise ValueError("broken")
except ValueError:
    logging.getLogger("library").exception("a fault", extra={"call_id": "call", "secret": "hidden"})
"""


def written(form: str) -> list[str]:
    """The lines of a process whose standard output is a pipe."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return done.stdout.splitlines()


def shown_at_a_terminal(form: str) -> str:
    """What the same process shows where its standard output is a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", PROGRAM, form], stdout=its) as process:  # noqa: S603 - our own program
        os.close(its)
        shown = b""
        try:
            while said := os.read(ours, 65_536):
                shown += said
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.parametrize("form", ["json", "auto"])
def test_each_line_is_one_event_with_its_ids_and_libraries_log_in_the_same_form(form: str) -> None:
    ended, fault = (json.loads(line) for line in written(form))
    assert (ended["event"], ended["level"]) == ("call_ended", "info")
    assert (ended["call_id"], ended["operation_id"], ended["request_id"]) == ("call", "operation", "request")
    assert ended["timestamp"].endswith("Z")
    assert (fault["event"], fault["level"], fault["logger"]) == ("a fault", "error", "library")
    assert fault["exception"].endswith("ValueError: (text left out)")
    assert "line 11, in <module>" in fault["exception"]
    assert (fault["call_id"], "secret" in fault) == ("call", False)


def test_as_text_a_line_is_for_reading() -> None:
    ended, fault, *frames = written("text")
    assert re.match(r"\S+Z info    call_ended call_id=call operation_id=operation backend=hub ", ended)
    assert "reason" not in ended
    assert re.match(r"\S+Z error   a fault call_id=call logger=library$", fault)
    assert frames[-1] == "    ValueError: (text left out)"


def test_at_a_terminal_text_is_the_default_and_json_can_be_had() -> None:
    assert "\x1b[31merror  \x1b[0m a fault" in shown_at_a_terminal("auto")
    assert shown_at_a_terminal("json").startswith('{"call_id":"call"')


def test_no_value_can_break_a_line_of_text_or_steer_a_terminal() -> None:
    line = {
        "timestamp": "T", "level": "info", "event": "a\nb\x1b[2J", "one": "a b", "two": 'x="1"', "three": "\x9b2J",
        "four": "", "five": ["a", 1], "six": None, "exception": "one\ntwo\x07",
    }  # fmt: skip

    assert text_line(line, coloured=False).split("\n") == [
        r'T info    a\nb\u001b[2J one="a b" two="x=\"1\"" three="\u009b2J" four="" five=["a", 1]',
        "    one",
        r"    two\u0007",
    ]


def test_the_levels_of_the_configuration_are_those_of_the_library() -> None:
    assert {logging.getLevelName(level).lower(): level for level in LEVELS.values()} == LEVELS


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (events.HttpAnswered("GET", "/readyz", 200, 0.1, "r", None, None, None), "DEBUG"),
        (events.HttpAnswered("POST", "/v1/x", 200, 0.1, "r", None, None, None), "INFO"),
        (events.CallGranted("c", "o", "r", "hub", Purpose.EXECUTE, 1, 0.5), "DEBUG"),
        (events.CaseEnded("o", 0, Kind.CASE_DELETION, "t", "hub", True, Status.SUCCEEDED, None, 1, "c", "r"), "DEBUG"),
        (events.CaseEnded("o", 0, Kind.CASE_DELETION, "t", "hub", True, Status.UNKNOWN, None, 1, "c", "r"), "WARNING"),
        (events.TokenRequested("scalepoint", "granted", 0.1), "DEBUG"),
        (events.TokenRequested("scalepoint", "refused", 0.1), "WARNING"),
        (events.CallerAuthenticated("bearer", "accepted", None, "claims-ui", "r"), "DEBUG"),
        (events.CallerAuthenticated("bearer", "refused", "expired", None, "r"), "INFO"),
        (events.CallerAuthenticated("bearer", "unavailable", None, None, "r"), "WARNING"),
        (events.QuotaExceeded("claims-ui", "requests", "r"), "INFO"),
        (events.KeySetRequested("cluster", "taken", 2, 0.1), "DEBUG"),
        (events.KeySetRequested("cluster", "unreachable", 0, 0.1), "WARNING"),
        (events.ConfigurationApplied(("retry.max_attempts",)), "INFO"),
        (events.ConfigurationApplied((), ("server.port",)), "WARNING"),
        (events.BackendPaused("hub", Code.UPSTREAM_CLOSED, 60.0), "WARNING"),
        (events.LedgerFailed("claim", "disk full"), "ERROR"),
    ],
)
def test_what_needs_somebody_stands_out(event: Event, level: str) -> None:
    found = level_of(event)

    assert found is not None
    assert logging.getLevelName(found) == level


def test_every_event_has_a_name_but_those_that_are_for_metrics_alone() -> None:
    alone = {events.HttpBegun, events.LedgerCommitted, events.ConfigurationFollowed}
    assert set(events.Event.__args__) - set(NAMES) == alone
