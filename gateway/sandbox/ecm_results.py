"""Entries of ECM's ``RESULTARRAY``: one case and its items, removed or failed as a whole."""

from collections.abc import Callable
from typing import Any

from gateway.sandbox.ecm_services import LOCKED_BY, NO_SUCH_CASE, Removal, Service
from gateway.sandbox.magic import Kind

LOCKED_BY_MAGIC = "SUPERVISOR"
ODD_TEXT = "Removal was refused by rule 7 of the installation."
Result = dict[str, Any]


def case_result(
    service: Service, removal: Removal, status: str, items: list[Result] | None, text: str | None = None
) -> Result:
    """A case's entry; ``text`` of None: the usual one of its status; ``items`` of None: no list."""
    head = {"MESSAGE": text or service.overall(status), "STATUS": status, "caseId": removal.case_id}
    return head if items is None else head | {service.items_field: items}


def item_result(service: Service, item_id: str, text: str) -> Result:
    """An item's entry; it is ``SUCCESS`` only with the text of a removal."""
    status = "SUCCESS" if text == service.removed else "FAILED"
    return {"MESSAGE": text, "STATUS": status, service.id_field: item_id}


def overall_status(statuses: list[str]) -> str:
    """``SUCCESS`` or ``FAILED`` if all are, else ``PARTIALSUCCESS``."""
    return statuses[0] if len(set(statuses)) == 1 else "PARTIALSUCCESS"


def no_such_case(service: Service, removal: Removal) -> Result:
    """The case does not exist; its items' fields are null."""
    return case_result(service, removal, "FAILED", _nulls(service, removal), NO_SUCH_CASE)


def locked(service: Service, removal: Removal, name: str) -> Result:
    """Another user, ``name``, has locked the case; its items' fields are null."""
    return case_result(service, removal, "FAILED", _nulls(service, removal), LOCKED_BY.format(name))


def _nulls(service: Service, removal: Removal) -> list[Result]:
    return [{"MESSAGE": None, "STATUS": None, service.id_field: None} for _ in removal.items]


def _all(service: Service, removal: Removal, text: str) -> list[Result]:
    return [item_result(service, item[1], text) for item in removal.items]


def _failed_with(text: str) -> Callable[[Service, Removal], Result]:
    return lambda service, removal: case_result(service, removal, "FAILED", _all(service, removal, text), text)


FAILURES: dict[Kind, Callable[[Service, Removal], Result]] = {
    Kind.MISSING: no_such_case,
    Kind.KEPTITEMS: _failed_with(NO_SUCH_CASE),
    Kind.NOITEMS: lambda service, removal: case_result(service, removal, "FAILED", None, NO_SUCH_CASE),
    Kind.NULLITEMS: lambda service, removal: case_result(service, removal, "FAILED", _nulls(service, removal)),
    Kind.LOCKED: lambda service, removal: locked(service, removal, LOCKED_BY_MAGIC),
    Kind.ODD: _failed_with(ODD_TEXT),
    Kind.CONTRADICT: lambda service, removal: case_result(
        service, removal, "SUCCESS", _all(service, removal, service.absent)
    ),
}
"""Situations in which nothing is removed from the case."""
