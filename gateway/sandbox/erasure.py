"""What a deletion does to a case: the rules of UPSTREAMS.md, "Scalepoint Hub Property", body and errors."""

import msgspec

from gateway.sandbox.cases import ScalepointCase
from gateway.sandbox.deletions import Deletion, Verdict
from gateway.sandbox.history import Entry
from gateway.sandbox.magic import Kind, Spell
from gateway.sandbox.switches import Switches


class Erasure(msgspec.Struct, frozen=True):
    """One deletion, or dry run, at work on its case.  ``resumes``: whether requestIds mean anything (Hub)."""

    resumes: bool
    case: ScalepointCase
    asked: Deletion
    spell: Spell | None

    def verdict(self, switches: Switches, entry: Entry) -> Verdict:
        """Do it; ``entry`` gets what was done."""
        if self.case.deleted:
            return self._after_the_end(switches, entry)
        if self._is(Kind.NOTFOUND) or (switches.strict and not self.case.seeded):
            return self._not_found()
        if not self.asked.execute:
            return self._dry_run()
        if self.case.begun_by not in (None, self.asked.request_id):
            entry.violate("resumed_under_other_request_id")
            return Verdict(status=500, errors=("This deletion was begun under another request id",))
        return self._execute(entry)

    def _is(self, kind: Kind) -> bool:
        return self.spell is not None and self.spell.kind is kind

    def _not_found(self) -> Verdict:
        return Verdict(status=404, found=False, errors=(f"{self.asked.named} not found",))

    def _after_the_end(self, switches: Switches, entry: Entry) -> Verdict:
        repeated = self.resumes and self.asked.request_id == self.case.completed_by
        if self.asked.execute and not repeated:
            entry.violate("deleted_case_sent_again")
        if self.asked.execute and repeated and switches.hub.completed_repeat == "sameAnswer":
            return Verdict(status=200, found=True, deleted=True)
        return self._not_found()

    def _dry_run(self) -> Verdict:
        if self._is(Kind.FORBIDDEN) or self.case.forbidden:
            return self._forbidden()
        return Verdict(status=200, found=True)

    def _execute(self, entry: Entry) -> Verdict:
        if self._is(Kind.NOTDELETED):
            return Verdict(status=200, found=True)
        if self._is(Kind.FORBIDDEN) or self.case.forbidden:
            self._stop_half_way(entry)
            return self._forbidden()
        if self._is(Kind.ERROR500):
            self._stop_half_way(entry)
            return Verdict(status=500, errors=("Unexpected error during deletion",))
        self.case.deleted = True
        self.case.completed_by = self.asked.request_id
        entry.done = "deleted"
        return Verdict(status=200, found=True, deleted=True)

    def _stop_half_way(self, entry: Entry) -> None:
        if self.resumes:
            self.case.begun_by = self.asked.request_id
            entry.done = "partly_deleted"

    def _forbidden(self) -> Verdict:
        text = f"{self.asked.named} cannot be deleted in its present state: it has pending payments"
        return Verdict(status=403, found=True, errors=(text,))
