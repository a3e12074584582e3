"""The way of a call through Hub Property or ClaimShop: gate, token, hours, body, case, answer."""

from typing import Protocol
from uuid import uuid4

import msgspec

from gateway.sandbox.cases import ScalepointCase, Shelf
from gateway.sandbox.clock import Clock
from gateway.sandbox.deletions import ClaimShopBody, Deletion, Malformed, Verdict, check_headers, read_deletion
from gateway.sandbox.erasure import Erasure
from gateway.sandbox.history import Entry
from gateway.sandbox.hours import seconds_until_open
from gateway.sandbox.http import Request
from gateway.sandbox.magic import KINDS, Kind, Spell, spell_of
from gateway.sandbox.rates import CapGate, RateGate
from gateway.sandbox.replies import Reply
from gateway.sandbox.request_ids import RequestIds
from gateway.sandbox.spoil import pause, refusal_status, spoil
from gateway.sandbox.switches import ClaimShopSwitches, HubSwitches, SwitchBoard
from gateway.sandbox.tokens import Tokens


class System(Protocol):
    """What Hub Property and ClaimShop do each in their own way."""

    system: str
    resumes: bool

    @property
    def body(self) -> type[ClaimShopBody]:
        """The shape of its requests."""

    @property
    def gate(self) -> RateGate | CapGate:
        """Its limit."""

    @property
    def switches(self) -> HubSwitches | ClaimShopSwitches:
        """Its switches as they stand."""

    def throttled(self) -> Verdict:
        """Over the limit."""

    def closed(self, now: float, seconds: float) -> Verdict:
        """Closed, and for how long from now (epoch seconds)."""

    def reply(self, verdict: Verdict, asked: Deletion | None) -> Reply:
        """The verdict in its own words."""


class Scalepoint:
    """One system.  ``tokens`` of None: no credential is wanted."""

    def __init__(
        self,
        system: System,
        board: SwitchBoard,
        clock: Clock,
        cases: Shelf[ScalepointCase],
        tokens: Tokens | None,
        request_ids: RequestIds,
    ) -> None:
        self._system = system
        self._board = board
        self._clock = clock
        self._cases = cases
        self._tokens = tokens
        self._request_ids = request_ids

    async def answer(self, request: Request, entry: Entry) -> Reply:
        """The answer to one call; ``entry`` gets its case and what was done."""
        asked = self._read(request, entry)
        gate = self._system.gate
        if not gate.enter(self._clock.now()):
            entry.violate(gate.violation)
            return self._reply(self._system.throttled(), asked)
        try:
            return await self._admitted(request, entry, asked)
        finally:
            gate.leave()

    def _read(self, request: Request, entry: Entry) -> Deletion | Malformed:
        try:
            asked = read_deletion(request.body, self._system.body)
        except Malformed as malformed:
            return malformed
        entry.cases, entry.identifier_type = (asked.value,), asked.kind
        entry.execute, entry.request_id = asked.execute, asked.request_id
        return asked

    async def _admitted(self, request: Request, entry: Entry, asked: Deletion | Malformed) -> Reply:
        refusal = self._refusal(request, entry)
        if refusal is not None:
            return self._reply(refusal, asked)
        try:
            check_headers(request)
            if isinstance(asked, Malformed):
                raise asked
        except Malformed as malformed:
            return self._reply(Verdict(status=400, errors=(str(malformed),)), asked)
        if self._system.resumes and asked.request_id is None:
            asked = msgspec.structs.replace(asked, request_id=str(uuid4()))
        return await self._at_case(request, entry, asked)

    def _refusal(self, request: Request, entry: Entry) -> Verdict | None:
        now = self._clock.now()
        if self._tokens is not None and not self._tokens.valid(request.headers.get("authorization"), now):
            return Verdict(status=401, errors=("The access token is missing, expired or revoked",))
        hours = self._system.switches.hours
        seconds = seconds_until_open(hours, now, self._board.now.forced_closed_seconds)
        if seconds > 0:
            entry.violate("closed_hours")
            return self._system.closed(now, seconds)
        return None

    async def _at_case(self, request: Request, entry: Entry, asked: Deletion) -> Reply:
        key = (self._system.system, entry.country or "", entry.tenant or "", asked.kind, asked.value)
        case = self._cases.get(key)
        self._look_for_violations(key, case, asked, entry)
        if case.running and self._system.resumes:
            return self._reply(_in_progress(asked), asked)
        spell = self._spell(case, asked)
        entry.situation = None if spell is None else spell.kind.value
        case.running += 1
        try:
            await pause(self._system.switches.latency_seconds, spell)
            return await self._worked(request, entry, Erasure(self._system.resumes, case, asked, spell))
        finally:
            case.running -= 1

    def _look_for_violations(self, key: tuple[str, ...], case: ScalepointCase, asked: Deletion, entry: Entry) -> None:
        if case.running:
            entry.violate("same_case_at_once")
        if self._clock.now() < case.not_before:
            entry.violate("called_before_retry_after")
        entry.violate(*self._request_ids.note(asked, key))

    def _spell(self, case: ScalepointCase, asked: Deletion) -> Spell | None:
        fault = self._board.take_fault(self._system.system)
        if fault is not None or not self._board.now.magic:
            return fault
        return case.spend(spell_of(asked.value, KINDS[self._system.system]), execute=asked.execute)

    async def _worked(self, request: Request, entry: Entry, erasure: Erasure) -> Reply:
        spell, asked = erasure.spell, erasure.asked
        status = refusal_status(spell)
        if status is not None:
            return self._reply(self._refused_by_magic(status, erasure.case), asked)
        if spell is not None and spell.kind is Kind.INPROGRESS:
            return self._reply(_in_progress(asked), asked)
        verdict = _UNTOUCHED
        if spell is None or spell.acts:
            verdict = erasure.verdict(self._board.now, entry)
        if spell is not None and spell.kind is Kind.STATUS:
            verdict = _UNTOUCHED
        reply = self._reply(verdict, asked)
        return reply if spell is None else await spoil(spell, reply, request)

    def _refused_by_magic(self, status: int, case: ScalepointCase) -> Verdict:
        now, seconds = self._clock.now(), self._board.now.magic_closed_seconds
        if status == 401:  # noqa: PLR2004
            return Verdict(status=401, errors=("The access token is not accepted",))
        verdict = self._system.throttled() if status == 429 else self._system.closed(now, seconds)  # noqa: PLR2004
        if verdict.retry_after is not None:
            case.not_before = now + (int(verdict.retry_after) if verdict.retry_after.isdecimal() else seconds)
        return verdict

    def _reply(self, verdict: Verdict, asked: Deletion | Malformed) -> Reply:
        return self._system.reply(verdict, None if isinstance(asked, Malformed) else asked)


_UNTOUCHED = Verdict(status=500, errors=("Unexpected error",))


def _in_progress(asked: Deletion) -> Verdict:
    return Verdict(status=409, found=True, errors=(f"Another deletion of {asked.named} is in progress",))
