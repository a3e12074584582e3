"""Answers of ECM that do not match what was asked: extra, missing, repeated, reordered, contradicting entries."""

from collections.abc import Callable

from gateway.sandbox.ecm_results import Result
from gateway.sandbox.ecm_services import Service
from gateway.sandbox.magic import Kind

UNASKED_ITEM = "UNASKED-ITEM"
UNASKED_CASE = "UNASKED-CASE"


def shaped(kind: Kind | None, result: Result, service: Service) -> list[Result | None]:
    """The entries of ``RESULTARRAY`` that stand for one case."""
    if kind is Kind.DROPCASE:
        return []
    if kind is Kind.NULLENTRY:
        return [None]
    if kind is Kind.DUPLICATECASE:
        return [result, result]
    if kind is Kind.EXTRACASE:
        return [result, result | {"caseId": UNASKED_CASE}]
    change = _ITEMS.get(kind) if kind is not None else None
    if change is None:
        return [result]
    return [result | {service.items_field: change(result[service.items_field], service)}]


def _extra(items: list[Result], service: Service) -> list[Result]:
    return [*items, {"MESSAGE": service.removed, "STATUS": "SUCCESS", service.id_field: UNASKED_ITEM}]


def _conflict(items: list[Result], service: Service) -> list[Result]:
    return [*items, items[0] | {"MESSAGE": service.absent, "STATUS": "FAILED"}]


_ITEMS: dict[Kind, Callable[[list[Result], Service], list[Result]]] = {
    Kind.EXTRA: _extra,
    Kind.CONFLICT: _conflict,
    Kind.DUPLICATE: lambda items, _: [*items, items[0]],
    Kind.DROPITEM: lambda items, _: items[1:],
    Kind.REORDER: lambda items, _: items[::-1],
}
