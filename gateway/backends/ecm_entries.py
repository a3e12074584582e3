"""One entry of an ECM answer's `RESULTARRAY`: what it says of each item that was asked for, matched by id."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from gateway.backends.answers import Flaw, as_shape
from gateway.backends.ecm_services import Service
from gateway.backends.ecm_texts import code_of
from gateway.backends.ecm_words import Trust, Word, item_outcome, unknown_item
from gateway.model.calls import GrantedCase
from gateway.model.outcomes import Code, ItemOutcome

Entry = dict[str, Any]

ABOUT_THE_CASE = frozenset({Code.CASE_NOT_FOUND, Code.CASE_LOCKED})
"""Failures of a whole case, whatever stands beside its items."""


class CaseSaid(Struct, frozen=True, rename={"status": "STATUS", "message": "MESSAGE"}):
    """The documented head of a case's entry, and of a whole answer."""

    status: Literal["SUCCESS", "PARTIALSUCCESS", "FAILED"]
    message: str | None = None


class ItemSaid(Struct, frozen=True, rename={"status": "STATUS", "message": "MESSAGE"}):
    """The documented entry of an item; its members may be null when its case failed as a whole."""

    status: Literal["SUCCESS", "FAILED"] | None = None
    message: str | None = None


class CaseReading(Struct, frozen=True):
    """An outcome for each item sent, in order; the case's own text; how many entries nobody had asked for."""

    items: tuple[ItemOutcome, ...]
    message: str = ""
    unasked: int = 0


def by_id(entries: Sequence[Any], id_name: str, asked: set[str]) -> tuple[dict[str, list[Entry]], int]:
    """The entries of each id that was asked for, and the number of others; an entry without an id counts as neither."""
    groups: dict[str, list[Entry]] = {}
    others = 0
    for entry in entries:
        entry_id = entry.get(id_name) if isinstance(entry, dict) else entry
        if isinstance(entry, dict) and isinstance(entry_id, str) and entry_id in asked:
            groups.setdefault(entry_id, []).append(entry)
        elif entry_id is not None:
            others += 1
    return groups, others


def read_entry(case: GrantedCase, entry: Entry, service: Service, trust: Trust) -> CaseReading:
    """What `entry`, whose case id is that of `case`, says of the case's items."""
    said = as_shape(entry, CaseSaid)
    raw = entry.get(service.list_name)
    listed = as_shape([] if raw is None else raw, list[Any])
    if isinstance(said, Flaw) or isinstance(listed, Flaw):
        return CaseReading(tuple(item_outcome(case, item, Flaw.NOT_DOCUMENTED, trust) for item in case.items))
    whole = _word_on_the_whole(case, said, listed)
    trust = Trust(trust.failure, success=trust.success and whole is None)
    wanted = Counter(item.id for item in case.items)
    groups, unasked = by_id(listed, service.id_name, set(wanted))
    words = {item_id: _words(groups.get(item_id, []), count, whole) for item_id, count in wanted.items()}
    items = tuple(agreed([item_outcome(case, item, word, trust) for word in words[item.id]]) for item in case.items)
    surplus = sum(max(0, len(group) - wanted[item_id]) for item_id, group in groups.items())
    return CaseReading(items, said.message or "", unasked + surplus)


def agreed(outcomes: Sequence[ItemOutcome]) -> ItemOutcome:
    """The one outcome on which all that was said of an item agrees; texts may differ."""
    if len({(outcome.status, *(fault.code for fault in outcome.errors)) for outcome in outcomes}) == 1:
        return outcomes[0]
    return unknown_item(outcomes[0], Flaw.CONTRADICTION)


def _word_on_the_whole(case: GrantedCase, said: CaseSaid, listed: list[Any]) -> Word | None:
    """The case's word for items that have none of their own: it failed as a whole, and says why."""
    code = code_of(said.message)
    items_speak = any(isinstance(entry, dict) and entry.get("STATUS") is not None for entry in listed)
    if said.status != "FAILED" or (items_speak and code not in ABOUT_THE_CASE):
        return None
    return Word(False, said.message, exact=code in ABOUT_THE_CASE or len(case.items) == 1)


def _words(group: list[Entry], wanted: int, whole: Word | None) -> list[Word | Flaw]:
    """What was said under one id, which `wanted` items share: entries carry no type code, so all must be told apart."""
    if whole and all(entry.get("STATUS") is None for entry in group):
        return [whole]
    if not group or (wanted > 1 and len(group) != wanted):
        return [Flaw.MISSING]
    return [_word(entry, whole) for entry in group]


def _word(entry: Entry, whole: Word | None) -> Word | Flaw:
    said = as_shape(entry, ItemSaid)
    if isinstance(said, Flaw):
        return said
    if said.status is None or (said.status == "FAILED" and said.message is None):
        return whole or (Flaw.NOT_DOCUMENTED if said.status is None else Word(False, None))
    return Word(said.status == "SUCCESS", said.message)
