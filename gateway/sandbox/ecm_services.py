"""ECM's four services: their fields, their texts, and how a request is read (UPSTREAMS.md, "Oracle ... ECM")."""

from typing import Any

import msgspec

from gateway.sandbox.cases import Item

INVALID_JSON = "Invalid JSON Input format. Please correct the data."
NO_SUCH_CASE = "Case does not exist."
LOCKED_BY = "Case is locked by another user {}."
INTERNAL_ERROR = "Internal error occurred. Please contact system administrator."


class Service(msgspec.Struct, frozen=True):
    """One service; ``type_field`` None where an item has no type code; ``one`` and ``many`` as its texts say them."""

    name: str
    items_field: str
    id_field: str
    type_field: str | None
    one: str
    many: str

    @property
    def removed(self) -> str:
        """The text of an item that was removed."""
        return f"{self.one} removed successfully."

    @property
    def absent(self) -> str:
        """The text of an item that the case does not hold."""
        return f"{self.one} does not exist in case."

    @property
    def related(self) -> str:
        """The text of an item whose removal failed half-way."""
        tables = self.one.lower()
        return f"{self.one} removal failed as error occurred while deleting from {tables} related tables."

    def overall(self, status: str) -> str:
        """The text of a case, or of the whole call, with this status."""
        ends = {"SUCCESS": "was successful.", "PARTIALSUCCESS": "was partially successful.", "FAILED": "failed."}
        return f"{self.many} removal {ends[status]}"


SERVICES = {
    service.name: service
    for service in (
        Service(
            "removeExternalEntity",
            "externalEntities",
            "externalEntity",
            "externalEntityTypeCode",
            "External Entity",
            "External Entities",
        ),
        Service(
            "removeTransaction",
            "transactions",
            "transactionReferenceId",
            "transactionTypeCode",
            "Transaction",
            "Transactions",
        ),
        Service("removeCustomer", "customers", "customerId", None, "Customer", "Customers"),
        Service("removeAccount", "accounts", "accountId", None, "Account", "Accounts"),
    )
}


class Removal(msgspec.Struct, frozen=True):
    """One case of a request and the items to remove from it."""

    case_id: str
    items: tuple[Item, ...]


def read_removals(body: bytes, service: Service) -> list[Removal] | None:
    """The cases of a request, or None if it is not exactly what the service takes."""
    try:
        cases = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(cases, list) or not cases:
        return None
    removals = [_removal(case, service) for case in cases]
    return None if None in removals else [removal for removal in removals if removal is not None]


def read_items(items: Any, service: Service) -> tuple[Item, ...] | None:  # noqa: ANN401 - JSON not yet checked
    """A service's list of items, or None if one of them is not as it should be."""
    if not isinstance(items, list) or not items:
        return None
    read = [_item(item, service) for item in items]
    return None if None in read else tuple(item for item in read if item is not None)


def _removal(case: Any, service: Service) -> Removal | None:  # noqa: ANN401
    if not isinstance(case, dict) or set(case) != {"caseId", service.items_field} or not _is_text(case["caseId"]):
        return None
    items = read_items(case[service.items_field], service)
    return None if items is None else Removal(case["caseId"], items)


def _item(item: Any, service: Service) -> Item | None:  # noqa: ANN401
    fields = {service.id_field} if service.type_field is None else {service.id_field, service.type_field}
    if not isinstance(item, dict) or set(item) != fields or not all(_is_text(value) for value in item.values()):
        return None
    return service.items_field, item[service.id_field], item[service.type_field] if service.type_field else ""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
