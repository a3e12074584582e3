"""What is logged of each event, and at which level; `docs/logs.md` is made of this table."""

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from gateway.model.kinds import Status
from gateway.telemetry import events
from gateway.telemetry.events import Event

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
LEVELS = {"debug": DEBUG, "info": INFO, "warning": WARNING, "error": ERROR}
"""By the words of `server.log_level`."""

PROBES = frozenset({"/livez", "/readyz", "/metrics"})


class But(Struct, frozen=True):
    """Another level, and when: in words, and as code."""

    level: int
    words: str
    holds: Callable[[Any], bool]


class Said(Struct, frozen=True):
    """The level of most events of a kind, and the first exception that holds."""

    level: int
    but: tuple[But, ...] = ()


SAID: dict[type, Said] = {
    events.HttpAnswered: Said(INFO, (But(DEBUG, "of a probe or of metrics", lambda it: it.route in PROBES),)),
    events.CallerAuthenticated: Said(
        DEBUG,
        (
            But(WARNING, "`outcome` is `unavailable`", lambda it: it.outcome == "unavailable"),
            But(INFO, "`outcome` is `refused`", lambda it: it.outcome != "accepted"),
        ),
    ),
    events.QuotaExceeded: Said(INFO),
    events.OperationAccepted: Said(INFO),
    events.OperationFinished: Said(INFO),
    events.CallGranted: Said(DEBUG),
    events.CallSent: Said(DEBUG),
    events.CallEnded: Said(INFO),
    events.CaseRetried: Said(DEBUG),
    events.CaseEnded: Said(DEBUG, (But(WARNING, "`status` is `unknown`", lambda it: it.status is Status.UNKNOWN),)),
    events.CasesWithdrawn: Said(INFO),
    events.BackendPaused: Said(WARNING),
    events.CircuitChanged: Said(WARNING),
    events.TokenRequested: Said(
        DEBUG, (But(WARNING, "`outcome` is not `granted`", lambda it: it.outcome != "granted"),)
    ),
    events.KeySetRequested: Said(DEBUG, (But(WARNING, "`outcome` is not `taken`", lambda it: it.outcome != "taken"),)),
    events.LedgerFailed: Said(ERROR),
    events.ReceiptIssued: Said(DEBUG),
    events.EvidenceBroken: Said(ERROR),
    events.CheckpointWritten: Said(INFO),
    events.CheckpointFailed: Said(ERROR),
    events.OperationsRemoved: Said(INFO),
    events.ConfigurationApplied: Said(
        INFO, (But(WARNING, "something `needs_restart`", lambda it: bool(it.needs_restart)),)
    ),
    events.ConfigurationRefused: Said(ERROR),
    events.WorkLeftBehind: Said(WARNING),
    events.SpansLost: Said(WARNING),
    events.ServingBegun: Said(INFO),
    events.DrainBegun: Said(INFO),
}
"""Every event that is logged; the others are for metrics alone. What needs somebody stands out."""

NAMES: dict[type, str] = {
    event: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in event.__name__).lstrip("_")
    for event in SAID
}
"""What each is called in its line."""


def level_of(event: Event) -> int | None:
    """The level of its line, null if it has none."""
    said = SAID.get(type(event))
    if said is None:
        return None
    return next((but.level for but in said.but if but.holds(event)), said.level)
