"""The judge of the fault tests: what may be said against a run, by the sandbox's history and the ledger's rows."""

from collections.abc import Callable, Iterator

from . import keeping, sending, telling
from .records import Record

RULES: tuple[Callable[[Record], Iterator[str]], ...] = (
    keeping.nothing_lost,
    keeping.nothing_doubled,
    keeping.nothing_left_behind,
    keeping.told_as_kept,
    sending.asked_for,
    sending.granted_before,
    sending.one_at_a_time,
    sending.one_request_id,
    sending.one_request_id_a_request,
    sending.probed_before_repeated,
    sending.never_after_success,
    sending.never_after_cancel,
    sending.remarks,
    telling.everything_ended,
    telling.results,
)


def objections(record: Record) -> list[str]:
    """Everything that speaks against the run, each with the rule that it breaks; empty if nothing does."""
    return [f"{rule.__name__}: {objection}" for rule in RULES for objection in rule(record)]
