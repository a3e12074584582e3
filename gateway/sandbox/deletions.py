"""A deletion as Scalepoint's systems are asked for it, and what comes of it."""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gateway.sandbox.http import Request

IdentifierType = Literal["CaseNumberRequest", "CaseTokenRequest"]
REQUIRED_HEADERS = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("accept-charset", "utf-8"),
)
NOUNS = {"caseNumber": "Case number", "caseToken": "Case token"}


class Malformed(ValueError):
    """A request that UPSTREAMS.md does not allow: 400, and the text says why."""


class ClaimShopBody(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True
):
    """The body as UPSTREAMS.md gives it for ClaimShop: no ``requestId``."""

    case_identifier_type: IdentifierType
    case_number: str | UnsetType = UNSET
    case_token: str | UnsetType = UNSET
    execute: bool = True


class HubBody(ClaimShopBody, frozen=True, kw_only=True):
    """The body as UPSTREAMS.md gives it for Hub Property."""

    request_id: UUID | UnsetType = UNSET


class Deletion(msgspec.Struct, frozen=True):
    """One deletion asked for.  ``kind`` is ``caseNumber`` or ``caseToken``; ``request_id`` None if none was sent."""

    kind: str
    value: str
    execute: bool
    request_id: str | None

    @property
    def named(self) -> str:
        """``Case number CN1``, as the texts name it."""
        return f"{NOUNS[self.kind]} {self.value}"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a system answers.  ``found`` None: it did not look.  ``retry_after``: the header, in its final form."""

    status: int
    found: bool | None = None
    deleted: bool = False
    errors: tuple[str, ...] = ()
    retry_after: str | None = None


def read_deletion(body: bytes, shape: type[ClaimShopBody]) -> Deletion:
    """Raises Malformed."""
    try:
        asked = msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    by_number = asked.case_identifier_type == "CaseNumberRequest"
    kind, value, other = ("caseNumber", asked.case_number, asked.case_token)
    if not by_number:
        kind, value, other = ("caseToken", asked.case_token, asked.case_number)
    if not isinstance(value, str) or not value:
        message = f"{asked.case_identifier_type} needs {kind}"
        raise Malformed(message)
    if other is not UNSET:
        message = "caseNumber and caseToken exclude each other"
        raise Malformed(message)
    request_id = asked.request_id if isinstance(asked, HubBody) else UNSET
    return Deletion(kind, value, asked.execute, str(request_id) if isinstance(request_id, UUID) else None)


def check_headers(request: Request) -> None:
    """The headers that UPSTREAMS.md requires.  Raises Malformed."""
    for name, expected in REQUIRED_HEADERS:
        values = [part.partition(";")[0].strip().lower() for part in request.headers.get(name, "").split(",")]
        if expected not in values:
            message = f"the header {name} must be {expected}"
            raise Malformed(message)
