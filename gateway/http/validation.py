"""From a JSON value to what is asked for: the first rule that it breaks is named with its place."""

import hashlib
import json
import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gateway.config.settings import Server
from gateway.http.body import parse
from gateway.http.problems import Problem, invalid, pointer
from gateway.http.requests import REQUESTS, DeletionCase, ItemNames, Request
from gateway.model.cases import Case
from gateway.model.kinds import Kind

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_STEP = re.compile(r"\.([A-Za-z]+)|\[(\d+)\]")
_MEMBER = re.compile(r"Object (?:contains unknown|missing required) field `(.*)`", re.DOTALL)


class Asked(Struct, frozen=True):
    """What a request asks for. `fingerprint` tells one tenant, kind and JSON value from another."""

    execute: bool
    cases: tuple[Case, ...]
    fingerprint: str


def understood(kind: Kind, tenant: str, body: bytes, server: Server) -> Asked:
    """What `body` asks for. Raises Problem (400, 422) with the place of the first error."""
    value = parse(body)
    execute, cases = asked(kind, value, server)
    return Asked(execute, cases, fingerprint(tenant, kind, value))


def asked(kind: Kind, value: object, server: Server) -> tuple[bool, tuple[Case, ...]]:
    """Whether `value`, as a request of `kind`, asks to execute, and on which cases. Raises Problem (422)."""
    request = _convert(REQUESTS[kind], value)
    if len(request.cases) > server.max_cases:
        raise invalid("/cases", f"At most {server.max_cases} cases, got {len(request.cases)}.")
    _check_names(request)
    cases = tuple(case.case() for case in request.cases)
    _check_identifiers(cases)
    if request.items is not None:
        _check_items(cases, request.items, server.max_items)
    return request.execute, cases


def fingerprint(tenant: str, kind: Kind, value: object) -> str:
    """SHA-256, in hex, of what makes two requests the same: tenant, kind and JSON value, members in any order."""
    text = json.dumps([tenant, kind, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _convert(shape: type[Request], value: object) -> Request:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _problem(str(error)) from error


def _problem(message: str) -> Problem:
    """A problem of what msgspec says, such as "Expected `str`, got `int` - at `$.cases[3].caseNumber`"."""
    detail, at, path = message.rpartition(" - at `$")
    if not at:
        detail, path = message, ""
    steps: list[str | int] = [name or int(position) for name, position in _STEP.findall(path)]
    member = _MEMBER.fullmatch(detail)
    return invalid(pointer(*steps, *([member[1]] if member else [])), f"{detail}.")


def _check_names(request: Request) -> None:
    for position, case in enumerate(request.cases):
        if isinstance(case, DeletionCase) and len(case.identifiers) != 1:
            raise invalid(pointer("cases", position), "Give exactly one of caseNumber and caseToken.")


def _check_identifiers(cases: Sequence[Case]) -> None:
    seen: set[tuple[str, str]] = set()
    request_ids: set[str] = set()
    for position, case in enumerate(cases):
        name, value = case.identifier.type, case.identifier.value
        _check_text(value, "cases", position, name)
        if (name, value) in seen:
            raise invalid(pointer("cases", position, name), "The same case stands earlier in the request.")
        seen.add((name, value))
        if case.request_id in request_ids:
            raise invalid(pointer("cases", position, "requestId"), "The same id stands with another case.")
        if case.request_id:
            request_ids.add(case.request_id)


def _check_items(cases: Sequence[Case], names: ItemNames, max_items: int) -> None:
    total = 0
    for position, case in enumerate(cases):
        total += len(case.items)
        if total > max_items:
            raise invalid(pointer("cases", position, names.items), f"At most {max_items} items in all cases together.")
        seen = set()
        for place, item in enumerate(case.items):
            path = ("cases", position, names.items, place)
            _check_text(item.id, *path, names.id)
            if item.type_code is not None:
                _check_text(item.type_code, *path, names.type_code)
            if item in seen:
                raise invalid(pointer(*path), "The same item stands earlier in the case.")
            seen.add(item)


def _check_text(text: str, *path: str | int) -> None:
    if _CONTROL.search(text):
        raise invalid(pointer(*path), "Control characters are not allowed.")
    if text != text.strip():
        raise invalid(pointer(*path), "White space at the beginning or end is not allowed.")
