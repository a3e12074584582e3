"""Removing items from one ECM case."""

import msgspec

from gateway.sandbox.cases import EcmCase, Item
from gateway.sandbox.ecm_results import (
    FAILURES,
    ODD_TEXT,
    Result,
    case_result,
    item_result,
    locked,
    no_such_case,
    overall_status,
)
from gateway.sandbox.ecm_services import Removal, Service
from gateway.sandbox.history import Entry
from gateway.sandbox.magic import KINDS, Kind, Spell, spell_of


class CaseRemoval(msgspec.Struct, frozen=True):
    """One case of a call at work.  ``magic``: whether item identifiers can be magic."""

    service: Service
    removal: Removal
    case: EcmCase
    spell: Spell | None
    strict: bool
    magic: bool

    def result(self, entry: Entry) -> Result:
        """Do it; the case's entry of the answer.  ``entry`` gets what was removed."""
        failure = self._failure_of_the_case()
        if failure is not None:
            return failure
        results = [item_result(self.service, item[1], self._remove(item, entry)) for item in self.removal.items]
        status = overall_status([result["STATUS"] for result in results])
        return case_result(self.service, self.removal, status, results)

    def _failure_of_the_case(self) -> Result | None:
        if self.case.locked_by is not None:
            return locked(self.service, self.removal, self.case.locked_by)
        if self.strict and not self.case.seeded:
            return no_such_case(self.service, self.removal)
        failure = FAILURES.get(self.spell.kind) if self.spell is not None else None
        return None if failure is None else failure(self.service, self.removal)

    def _remove(self, item: Item, entry: Entry) -> str:
        spell = spell_of(item[1], KINDS["oracle-ecm item"]) if self.magic else None
        if spell is not None and self.case.spend_item(item, spell):
            return {Kind.ABSENT: self.service.absent, Kind.RELATED: self.service.related}.get(spell.kind, ODD_TEXT)
        if not self.case.holds(item):
            if item in self.case.removed:
                entry.violate("removed_item_sent_again")
            return self.service.absent
        self.case.removed.add(item)
        entry.done = "removed"
        entry.removed.append((self.removal.case_id, item[1]))
        return self.service.removed
