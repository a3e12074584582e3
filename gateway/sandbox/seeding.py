"""``POST /cases``: say how certain cases stand.  Only members that are given change anything."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.sandbox.cases import EcmCase, Item, ScalepointCase, Shelf
from gateway.sandbox.ecm_services import SERVICES, read_items


class BadSeed(ValueError):
    """A seed that cannot be read; the text says why."""


class _Seed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="system"):
    pass


class HubSeed(_Seed, kw_only=True, tag="hub-property"):
    """A case by its number, its token, or both (then they name the same case)."""

    tenant: str
    case_number: str | None = None
    case_token: str | None = None
    forbidden: bool | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    begun_by: str | UnsetType | None = UNSET


class ClaimShopSeed(HubSeed, kw_only=True, tag="claimshop"):
    """Likewise, in a country."""

    country: str = "dk"


class EcmSeed(_Seed, kw_only=True, tag="oracle-ecm"):
    """A case and, per list, its items as in a request; with any list given, it holds those items and no others."""

    case_id: str
    locked_by: str | UnsetType | None = UNSET
    external_entities: Any = None
    transactions: Any = None
    customers: Any = None
    accounts: Any = None


Seed = HubSeed | ClaimShopSeed | EcmSeed


def plant(body: bytes, scalepoint: Shelf[ScalepointCase], ecm: Shelf[EcmCase]) -> int:
    """Seed one case or a list of them; how many.  Raises BadSeed, and then seeds nothing."""
    try:
        read = msgspec.json.decode(body, type=list[Seed] | Seed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadSeed(str(error)) from error
    seeds: list[Seed] = read if isinstance(read, list) else [read]
    items = [_items(seed) if isinstance(seed, EcmSeed) else None for seed in seeds]
    if any(isinstance(seed, HubSeed) and not (seed.case_number or seed.case_token) for seed in seeds):
        message = "a case needs caseNumber, caseToken, or both"
        raise BadSeed(message)
    for seed, its_items in zip(seeds, items, strict=True):
        if isinstance(seed, EcmSeed):
            _plant_ecm(seed, its_items, ecm)
        else:
            _plant_scalepoint(seed, scalepoint)
    return len(seeds)


def _plant_scalepoint(seed: HubSeed, cases: Shelf[ScalepointCase]) -> None:
    is_claimshop = isinstance(seed, ClaimShopSeed)
    where = ("claimshop", seed.country) if isinstance(seed, ClaimShopSeed) else ("hub-property", "")
    named = (("caseNumber", seed.case_number), ("caseToken", seed.case_token))
    keys = [(*where, seed.tenant, kind, value) for kind, value in named if value]
    case = cases.get(keys[0])
    for key in keys[1:]:
        cases.put(key, case)
    case.seeded = True
    case.forbidden = case.forbidden if seed.forbidden is UNSET else bool(seed.forbidden)
    case.deleted = case.deleted if seed.deleted is UNSET else bool(seed.deleted)
    if not isinstance(seed.begun_by, UnsetType) and not is_claimshop:
        case.begun_by = seed.begun_by


def _plant_ecm(seed: EcmSeed, items: set[Item] | None, cases: Shelf[EcmCase]) -> None:
    case = cases.get((seed.case_id,))
    case.seeded = True
    if not isinstance(seed.locked_by, UnsetType):
        case.locked_by = seed.locked_by
    if items is not None:
        case.items, case.removed = items, set()


def _items(seed: EcmSeed) -> set[Item] | None:
    lists = {
        "removeExternalEntity": seed.external_entities,
        "removeTransaction": seed.transactions,
        "removeCustomer": seed.customers,
        "removeAccount": seed.accounts,
    }
    given = {name: items for name, items in lists.items() if items is not None}
    return {item for name, items in given.items() for item in _read(name, items)} if given else None


def _read(name: str, items: Any) -> tuple[Item, ...]:  # noqa: ANN401 - JSON not yet checked
    read = () if items == [] else read_items(items, SERVICES[name])
    if read is None:
        message = f"{SERVICES[name].items_field}: not as a request of {name} has them"
        raise BadSeed(message)
    return read
