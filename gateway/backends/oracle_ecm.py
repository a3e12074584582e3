"""Oracle Enterprise Case Management (UPSTREAMS.md): the body decides, and a status of 200 says nothing by itself."""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.backends.answers import Flaw, read_body
from gateway.backends.ecm_entries import CaseSaid, Entry, agreed, by_id, read_entry
from gateway.backends.ecm_services import SERVICES, Service
from gateway.backends.ecm_texts import code_of
from gateway.backends.ecm_words import Trust, Word, item_outcome
from gateway.backends.paths import url_path
from gateway.backends.refusals import pause_seconds, turned_away
from gateway.backends.texts import WORDS, all_passed_on, passed_on
from gateway.config.settings import BackendSettings
from gateway.model.calls import Answer, Call, GrantedCase, Reading, UpstreamRequest
from gateway.model.kinds import Evidence, Kind, Purpose, Status
from gateway.model.merge import case_over_items, unknown_case, whole_case
from gateway.model.outcomes import CaseOutcome, Code, error

HEADERS = (("Accept", "application/json"), ("Content-Type", "application/json"))

_FAILURES = {
    200: Code.UPSTREAM_REJECTED,
    400: Code.UPSTREAM_REJECTED,
    403: Code.UPSTREAM_REJECTED,
    404: Code.UPSTREAM_REJECTED,
    409: Code.CASE_LOCKED,
    500: Code.UPSTREAM_ERROR,
    502: Code.UPSTREAM_ERROR,
    504: Code.UPSTREAM_ERROR,
}
"""The code of a documented failure whose text is not documented. 403 and 404 are not ECM's, but its words may be."""

_CLAIM = re.compile(rb'"STATUS"\s*+:\s*+"(?:PARTIAL)?SUCCESS')


class EcmSaid(CaseSaid, frozen=True, rename={"status": "STATUS", "message": "MESSAGE", "results": "RESULTARRAY"}):
    """The documented body: the overall word, and perhaps one entry a case."""

    results: list[Any] | None = None


class OracleEcm:
    """Words and reads removals at one installation of ECM."""

    def __init__(self, settings: BackendSettings) -> None:
        self._base_url = settings.base_url

    def build(self, call: Call) -> UpstreamRequest:
        """The one HTTP request of `call`, with the items still to be asked for.

        Raises ValueError: the call is not to act; ECM has no dry run, and would remove.
        """
        if call.purpose is not Purpose.EXECUTE:
            message = "ECM can only execute"
            raise ValueError(message)
        service = SERVICES[call.kind]
        path = url_path(self._base_url, "rest-api", "ECMService", "CaseManagementService", service.name)
        return UpstreamRequest("POST", path, HEADERS, msgspec.json.encode([service.case(case) for case in call.cases]))

    def read(self, call: Call, answer: Answer) -> Reading:
        """What `answer` says of every case of `call`, over the items that were sent; never raises."""
        outcomes, unasked = _outcomes(call, answer)
        return Reading(outcomes, pause_seconds(answer), unasked)

    def call_label(self, kind: Kind) -> str:
        """The fixed name of the upstream operation, for metrics and logs."""
        return SERVICES[kind].name


_Outcomes = tuple[dict[int, CaseOutcome], int]


def _outcomes(call: Call, answer: Answer) -> _Outcomes:
    said = read_body(answer, EcmSaid)
    if isinstance(said, EcmSaid) and answer.status != HTTPStatus.OK and said.status != "FAILED":
        return _unknown(call, Flaw.CONTRADICTION), 0
    refusal = turned_away(answer, documented=isinstance(said, EcmSaid), claim=_CLAIM)
    if refusal is not None:
        return _refused(call, refusal, None if isinstance(said, Flaw) else said.message), 0
    if isinstance(said, Flaw):
        return _unknown(call, said), 0
    return _told(call, answer.status, said)


def _told(call: Call, status: int, said: EcmSaid) -> _Outcomes:
    failure = _FAILURES.get(status)
    if failure is None:
        return _unknown(call, Flaw.UNEXPECTED_STATUS), 0
    trust = Trust(failure, success=status == HTTPStatus.OK)
    if said.results:
        return _by_case(call, said.results, trust)
    return (_by_one_word(call, said, trust) if said.status == "FAILED" else _unknown(call, Flaw.MISSING)), 0


def _unknown(call: Call, flaw: Flaw) -> dict[int, CaseOutcome]:
    return {case.position: unknown_case(case, flaw.value) for case in call.cases}


def _refused(call: Call, code: Code, text: str | None) -> dict[int, CaseOutcome]:
    fault = error(code, passed_on(text or "") or WORDS[code])
    return {case.position: whole_case(case, Status.FAILED, fault, Evidence.CONFIRMED) for case in call.cases}


def _by_one_word(call: Call, said: EcmSaid, trust: Trust) -> dict[int, CaseOutcome]:
    """The overall word on every item: no case has an entry of its own."""
    alone = len(call.cases) == 1
    exact = alone and (code_of(said.message) is Code.CASE_NOT_FOUND or len(call.cases[0].items) == 1)
    word = Word(done=False, text=said.message, exact=exact)
    return {
        case.position: case_over_items(
            tuple(item_outcome(case, item, word, trust) for item in case.items), all_passed_on([said.message or ""])
        )
        for case in call.cases
    }


def _by_case(call: Call, results: list[Any], trust: Trust) -> _Outcomes:
    """Each case's own entries, matched by id whatever their order and number."""
    service = SERVICES[call.kind]
    groups, unasked = by_id(results, "caseId", {case.identifier.value for case in call.cases})
    outcomes = {}
    for case in call.cases:
        outcome, surplus = _case(case, groups.get(case.identifier.value, []), service, trust)
        outcomes[case.position] = outcome
        unasked += surplus
    return outcomes, unasked


def _case(case: GrantedCase, entries: list[Entry], service: Service, trust: Trust) -> tuple[CaseOutcome, int]:
    if not entries:
        return unknown_case(case, Flaw.MISSING.value), 0
    readings = [read_entry(case, entry, service, trust) for entry in entries]
    items = tuple(map(agreed, zip(*(reading.items for reading in readings), strict=True)))
    messages = all_passed_on(dict.fromkeys(reading.message for reading in readings))
    return case_over_items(items, messages), sum(reading.unasked for reading in readings) + len(entries) - 1
