"""Oracle ECM: the way of a call (UPSTREAMS.md, "Oracle Enterprise Case Management")."""

from gateway.sandbox.cases import EcmCase, Shelf
from gateway.sandbox.clock import Clock
from gateway.sandbox.ecm_credentials import accepted, challenge
from gateway.sandbox.ecm_removal import CaseRemoval
from gateway.sandbox.ecm_results import LOCKED_BY_MAGIC, Result, overall_status
from gateway.sandbox.ecm_services import (
    INTERNAL_ERROR,
    INVALID_JSON,
    LOCKED_BY,
    SERVICES,
    Removal,
    Service,
    read_removals,
)
from gateway.sandbox.ecm_shapes import shaped
from gateway.sandbox.history import Entry
from gateway.sandbox.http import Request
from gateway.sandbox.magic import KINDS, Kind, Spell, spell_of
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.replies import Headers, Reply, json_reply
from gateway.sandbox.spoil import pause, refusal_status, spoil
from gateway.sandbox.switches import SwitchBoard

SYSTEM = "oracle-ecm"
_OF_THE_CALL = KINDS["token"] | {Kind.LOCKED409, Kind.NORESULTS, Kind.INVALID}
"""Situations of a case that concern the whole call it came in."""

Work = tuple[Removal, EcmCase, Spell | None]


class Ecm:
    """The four services."""

    def __init__(self, options: SandboxOptions, board: SwitchBoard, clock: Clock, cases: Shelf[EcmCase]) -> None:
        self._options = options
        self._board = board
        self._clock = clock
        self._cases = cases

    async def answer(self, request: Request, entry: Entry) -> Reply:
        """The answer to one call; ``entry`` gets its cases and what was removed."""
        service = SERVICES[entry.call]
        removals = read_removals(request.body, service)
        if removals is not None:
            entry.cases = tuple(removal.case_id for removal in removals)
            entry.items = tuple((removal.case_id, item[1]) for removal in removals for item in removal.items)
        if not accepted(self._options, request.headers.get("authorization")):
            return _failed(401, "Unauthorized", ((b"www-authenticate", challenge(self._options)),))
        if removals is None or not _is_json(request):
            return _failed(400, INVALID_JSON)
        return await self._at_cases(request, entry, service, removals)

    async def _at_cases(self, request: Request, entry: Entry, service: Service, removals: list[Removal]) -> Reply:
        fault = self._board.take_fault(SYSTEM)
        work = [self._work(removal, fault) for removal in removals]
        self._look_for_violations(work, entry)
        for _, case, _ in work:
            case.running += 1
        try:
            spell = _of_the_call(work)
            entry.situation = _situation(spell, work)
            await pause(self._board.now.ecm.latency_seconds, spell)
            return await self._worked(request, entry, service, work)
        finally:
            for _, case, _ in work:
                case.running -= 1

    def _work(self, removal: Removal, fault: Spell | None) -> Work:
        case = self._cases.get((removal.case_id,))
        if fault is not None or not self._board.now.magic:
            return removal, case, fault
        return removal, case, case.spend(spell_of(removal.case_id, KINDS[SYSTEM]), execute=True)

    def _look_for_violations(self, work: list[Work], entry: Entry) -> None:
        now = self._clock.now()
        if any(case.running for _, case, _ in work):
            entry.violate("same_case_at_once")
        if any(now < case.not_before for _, case, _ in work):
            entry.violate("called_before_retry_after")
        if len({removal.case_id for removal, _, _ in work}) < len(work):
            entry.violate("same_case_twice_in_a_call")

    async def _worked(self, request: Request, entry: Entry, service: Service, work: list[Work]) -> Reply:
        spell = _of_the_call(work)
        reply = self._refused(service, spell, work)
        if reply is None:
            reply = self._removed(entry, service, work) if spell is None or spell.acts else _failed(500, INTERNAL_ERROR)
        if spell is None or refusal_status(spell) is not None:
            return reply
        return await spoil(spell, _failed(500, INTERNAL_ERROR) if spell.kind is Kind.STATUS else reply, request)

    def _refused(self, service: Service, spell: Spell | None, work: list[Work]) -> Reply | None:
        status = refusal_status(spell)
        if status is not None:
            return self._refused_by_magic(status, work)
        match spell.kind if spell is not None else None:
            case Kind.ERROR500:
                return _failed(500, INTERNAL_ERROR)
            case Kind.INVALID:
                return _failed(400, INVALID_JSON)
            case Kind.NORESULTS:
                return _failed(200, service.overall("FAILED"))
            case Kind.LOCKED409:
                return json_reply(409, _locked(work))
        return None

    def _refused_by_magic(self, status: int, work: list[Work]) -> Reply:
        if status == 401:  # noqa: PLR2004
            return _failed(401, "Unauthorized", ((b"www-authenticate", challenge(self._options)),))
        if status == 429:  # noqa: PLR2004
            return _failed(429, "Too many requests.")
        seconds = self._board.now.magic_closed_seconds
        for _, case, _ in work:
            case.not_before = self._clock.now() + seconds
        return _failed(503, "Service unavailable.", ((b"retry-after", str(seconds).encode()),))

    def _removed(self, entry: Entry, service: Service, work: list[Work]) -> Reply:
        switches = self._board.now
        results: list[Result | None] = []
        statuses = []
        for removal, case, spell in work:
            result = CaseRemoval(service, removal, case, spell, switches.strict, switches.magic).result(entry)
            statuses.append(result["STATUS"])
            results += shaped(None if spell is None else spell.kind, result, service)
        if any(spell is not None and spell.kind is Kind.REORDER for _, _, spell in work):
            results.reverse()
        status = overall_status(statuses)
        return json_reply(200, {"MESSAGE": service.overall(status), "STATUS": status, "RESULTARRAY": results})


def _of_the_call(work: list[Work]) -> Spell | None:
    """The first case's situation that concerns the whole call."""
    return next((spell for _, _, spell in work if spell is not None and spell.kind in _OF_THE_CALL), None)


def _situation(of_the_call: Spell | None, work: list[Work]) -> str | None:
    """What the history calls it: of several situations, that of the whole call, else the first case's."""
    spells = [of_the_call, *(spell for _, _, spell in work)]
    return next((spell.kind.value for spell in spells if spell is not None), None)


def _failed(status: int, text: str, headers: Headers = ()) -> Reply:
    return json_reply(status, {"MESSAGE": text, "STATUS": "FAILED"}, headers)


def _locked(work: list[Work]) -> dict[str, str]:
    case_id = next(removal.case_id for removal, _, spell in work if spell is not None and spell.kind is Kind.LOCKED409)
    return {"MESSAGE": LOCKED_BY.format(LOCKED_BY_MAGIC), "STATUS": "FAILED", "caseId": case_id}


def _is_json(request: Request) -> bool:
    content_type: str = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == "application/json"
