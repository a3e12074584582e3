"""What Scalepoint's two systems share: one request body, one set of statuses (UPSTREAMS.md)."""

import re
from http import HTTPStatus

import msgspec
from msgspec import Struct

from gateway.backends.answers import Flaw
from gateway.backends.refusals import pause_seconds, turned_away
from gateway.backends.texts import WORDS, all_passed_on
from gateway.model.calls import Answer, Call, GrantedCase, Reading, UpstreamRequest
from gateway.model.kinds import Evidence, IdentifierType, Purpose, Status
from gateway.model.merge import unknown_case
from gateway.model.outcomes import CaseOutcome, Code, error

CALL_LABEL = "deleteCase"

HEADERS = (("Accept", "application/json"), ("Accept-Charset", "utf-8"), ("Content-Type", "application/json"))

_IDENTIFIER_TYPES = {
    IdentifierType.CASE_NUMBER: "CaseNumberRequest",
    IdentifierType.CASE_TOKEN: "CaseTokenRequest",
}

_CODES = {
    400: Code.UPSTREAM_REJECTED,
    403: Code.DELETION_FORBIDDEN_BY_STATE,
    404: Code.CASE_NOT_FOUND,
    409: Code.DELETION_IN_PROGRESS,
    500: Code.UPSTREAM_ERROR,
    502: Code.UPSTREAM_ERROR,
    504: Code.UPSTREAM_ERROR,
}

_FOUND = {403: True, 404: False}
"""What a status says of the case's existence, whether or not the body repeats it."""

_PARTLY_DONE = {Code.DELETION_FORBIDDEN_BY_STATE, Code.UPSTREAM_ERROR}
"""After these an executed deletion may be partly done."""

_CLAIM = re.compile(rb'"deleted"\s*+:\s*+(?!false)')


class Said(Struct, frozen=True, kw_only=True):
    """What a documented body says; each system's own shape says which members must be there."""

    deleted: bool
    found: bool | None = None
    errors: tuple[str, ...] | None = None
    messages: tuple[str, ...] | None = None


def deletion(call: Call, path: str, extra: dict[str, str]) -> UpstreamRequest:
    """The request of a call, which carries one case; `extra` are members that only one system knows."""
    (case,) = call.cases
    body = {
        "caseIdentifierType": _IDENTIFIER_TYPES[case.identifier.type],
        case.identifier.type.value: case.identifier.value,
        "execute": call.purpose is Purpose.EXECUTE,
        **extra,
    }
    return UpstreamRequest("DELETE", path, HEADERS, msgspec.json.encode(body))


def read(call: Call, answer: Answer, said: Said | Flaw, *, resumes: bool) -> Reading:
    """What `answer`, whose body says `said`, makes of the case; `resumes`: a request id continues a deletion."""
    (case,) = call.cases
    outcome = _outcome(case, call.purpose, answer, said)
    if resumes and call.purpose is Purpose.EXECUTE and outcome.code in _PARTLY_DONE:
        outcome = _resumable(outcome)
    return Reading({case.position: outcome}, pause_seconds(answer))


def _outcome(case: GrantedCase, purpose: Purpose, answer: Answer, said: Said | Flaw) -> CaseOutcome:
    executed = purpose is Purpose.EXECUTE
    if isinstance(said, Said) and _contradicts(answer.status, said, executed=executed):
        return unknown_case(case, Flaw.CONTRADICTION.value)
    refusal = turned_away(answer, documented=isinstance(said, Said), claim=_CLAIM)
    if refusal is not None:
        return _failed(refusal, None if isinstance(said, Flaw) else said)
    if isinstance(said, Flaw):
        return unknown_case(case, said.value)
    if answer.status == HTTPStatus.OK and (said.deleted or (not executed and said.found is not False)):
        return _succeeded(said)
    return _not_done(case, purpose, answer.status, said)


def _not_done(case: GrantedCase, purpose: Purpose, status: int, said: Said) -> CaseOutcome:
    code = _CODES.get(status)
    if status == HTTPStatus.OK:
        code = Code.UPSTREAM_ERROR if purpose is Purpose.EXECUTE else Code.CASE_NOT_FOUND
    if code is None:
        return unknown_case(case, Flaw.UNEXPECTED_STATUS.value)
    if code is Code.CASE_NOT_FOUND and _was_there(case, purpose):
        return _gone(said)
    return _failed(code, said, found=_FOUND.get(status, said.found), deleted=False)


def _contradicts(status: int, said: Said, *, executed: bool) -> bool:
    if said.deleted:
        return status != HTTPStatus.OK or not executed or said.found is False
    if status == HTTPStatus.OK:
        return not executed and said.found is not False and bool(said.errors)
    return status in _FOUND and said.found not in {None, _FOUND[status]}


def _was_there(case: GrantedCase, purpose: Purpose) -> bool:
    """Whether absence says that an earlier call may have deleted the case: never of a caller's own dry run."""
    return purpose is Purpose.PROBE or (purpose is Purpose.EXECUTE and case.begun)


def _succeeded(said: Said) -> CaseOutcome:
    return CaseOutcome(
        Status.SUCCEEDED, found=True, deleted=said.deleted, evidence=Evidence.CONFIRMED, messages=_every_text(said)
    )


def _gone(said: Said) -> CaseOutcome:
    return CaseOutcome(Status.SUCCEEDED, found=False, evidence=Evidence.INFERRED, messages=_every_text(said))


def _every_text(said: Said) -> tuple[str, ...]:
    return all_passed_on((*(said.messages or ()), *(said.errors or ())))


def _failed(code: Code, said: Said | None, *, found: bool | None = None, deleted: bool | None = None) -> CaseOutcome:
    details = (all_passed_on(said.errors or ()) if said else ()) or (WORDS[code],)
    return CaseOutcome(
        Status.FAILED,
        found=found,
        deleted=deleted,
        evidence=Evidence.CONFIRMED,
        messages=all_passed_on(said.messages or ()) if said else (),
        errors=tuple(error(code, detail) for detail in details),
    )


def _resumable(outcome: CaseOutcome) -> CaseOutcome:
    errors = tuple(msgspec.structs.replace(fault, resumable=True) for fault in outcome.errors)
    return msgspec.structs.replace(outcome, errors=errors)
