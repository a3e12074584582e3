"""Events become JSON lines, written by a real process."""

import json
import subprocess
import sys

import pytest

from gateway.model.kinds import Kind, Purpose, Status
from gateway.model.outcomes import Code
from gateway.telemetry import events
from gateway.telemetry.events import Event
from gateway.telemetry.logs import NAMES, level_of

PROGRAM = """
import logging
from gateway.model.kinds import Purpose
from gateway.telemetry import events, logs
logs.configure()
log = logs.Logs()
log(events.CallGranted("call", "operation", "hub", Purpose.EXECUTE, 1, 0.5))
log(events.CallEnded("call", "operation", "hub", "deleteCase", Purpose.EXECUTE, "200", None, 0.2, 0, "request", None))
logging.getLogger("library").info("not of interest")
try:
    raise ValueError("broken")
except ValueError:
    logging.getLogger("library").exception("a fault")
"""


def test_each_line_is_one_event_with_its_ids_and_libraries_log_in_the_same_form() -> None:
    output = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)  # noqa: S603
    ended, fault = (json.loads(line) for line in output.stdout.splitlines())
    assert (ended["event"], ended["level"]) == ("call_ended", "info")
    assert (ended["call_id"], ended["operation_id"], ended["request_id"]) == ("call", "operation", "request")
    assert ended["timestamp"].endswith("Z")
    assert (fault["event"], fault["level"], fault["logger"]) == ("a fault", "error", "library")
    assert fault["exception"].endswith("ValueError: (text left out)")
    assert "line 11, in <module>" in fault["exception"]


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (events.HttpAnswered("GET", "/readyz", 200, 0.1, "r", None, None, None), "DEBUG"),
        (events.HttpAnswered("POST", "/v1/x", 200, 0.1, "r", None, None, None), "INFO"),
        (events.CallGranted("c", "o", "hub", Purpose.EXECUTE, 1, 0.5), "DEBUG"),
        (events.CaseEnded("o", 0, Kind.CASE_DELETION, "t", "hub", True, Status.SUCCEEDED, None, 1), "DEBUG"),
        (events.CaseEnded("o", 0, Kind.CASE_DELETION, "t", "hub", True, Status.UNKNOWN, None, 1), "WARNING"),
        (events.TokenRequested("scalepoint", "granted", 0.1), "DEBUG"),
        (events.TokenRequested("scalepoint", "refused", 0.1), "WARNING"),
        (events.CallerAuthenticated("bearer", "accepted", None, "claims-ui", "r"), "DEBUG"),
        (events.CallerAuthenticated("bearer", "refused", "expired", None, "r"), "INFO"),
        (events.CallerAuthenticated("bearer", "unavailable", None, None, "r"), "WARNING"),
        (events.QuotaExceeded("claims-ui", "requests", "r"), "INFO"),
        (events.KeySetRequested("cluster", "taken", 2, 0.1), "DEBUG"),
        (events.KeySetRequested("cluster", "unreachable", 0, 0.1), "WARNING"),
        (events.BackendPaused("hub", Code.UPSTREAM_CLOSED, 60.0), "WARNING"),
        (events.LedgerFailed("claim", "disk full"), "ERROR"),
    ],
)
def test_what_needs_somebody_stands_out(event: Event, level: str) -> None:
    import logging  # noqa: PLC0415 - for its names of levels only

    assert logging.getLevelName(level_of(event)) == level


def test_every_event_has_a_name_but_those_that_are_for_metrics_alone() -> None:
    assert set(events.Event.__args__) - set(NAMES) == {events.HttpBegun, events.LedgerCommitted}
