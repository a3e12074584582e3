"""A case as a caller names it: its identifier and, for ECM, the items to remove from it."""

from msgspec import Struct

from gateway.model.kinds import IdentifierType


class Identifier(Struct, frozen=True):
    """An opaque string of 1 to 128 characters; it travels in bodies only (CONTRACT.md section 1, "Requests")."""

    type: IdentifierType
    value: str


class Item(Struct, frozen=True):
    """One thing to remove from an ECM case; `type_code` is null where the kind has none."""

    id: str
    type_code: str | None = None


class Case(Struct, frozen=True):
    """One requested case. `request_id` is the caller's own UUID, if it gave one (deletions only)."""

    identifier: Identifier
    items: tuple[Item, ...] = ()
    request_id: str | None = None
