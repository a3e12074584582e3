"""Requests of all kinds, over cases that meet everything that can go wrong at an upstream (docs/sandbox.md)."""

from random import Random
from typing import Any

from .oracle.records import CLAIMSHOP, ECM, HUB, Asked

Json = dict[str, Any]

EVERYWHERE = (
    *("", "", "", "", "DROP-", "DROP-AFTER-", "ERROR500-", "THROTTLED-", "UNAUTHORIZED-ONCE-", "CUTOFF-ONCE-"),
    *("CUTOFF-", "HANG-", "HANG-AFTER-", "HTML-ONCE-", "HTML-AFTER-ONCE-", "BADJSON-AFTER-ONCE-", "NULLS-ONCE-"),
    *("SLOW-0.2-", "SLOW-1.1-ONCE-", "BADGATEWAY-AFTER-ONCE-", "STATUS-502-ONCE-", "EMPTY-AFTER-ONCE-"),
    *("LIST-ONCE-", "BARE-ONCE-", "DRIP-0.3-ONCE-", "WRONGTYPE-ONCE-", "REDIRECT-AFTER-ONCE-"),
)
"""Hardly a case in ten is like that in earnest. Without a count a situation stays, and the case ends as it can."""
SCALEPOINT = ("NOTFOUND-", "FORBIDDEN-", "FORBIDDEN-ONCE-", "NOTDELETED-ONCE-")
SITUATIONS = {
    HUB: (*EVERYWHERE, *SCALEPOINT, "INPROGRESS-2-", "OTHERID-ONCE-", "MESSAGES-"),
    CLAIMSHOP: (*EVERYWHERE, *SCALEPOINT),
    ECM: (
        *EVERYWHERE,
        *("MISSING-", "LOCKED-ONCE-", "LOCKED409-ONCE-", "NORESULTS-ONCE-", "EXTRA-", "EXTRACASE-", "REORDER-"),
        *("DUPLICATE-", "CONFLICT-ONCE-", "DROPITEM-ONCE-", "DROPCASE-ONCE-", "NULLENTRY-ONCE-", "ODD-ONCE-"),
    ),
}
SHARED = ("", "DROP-", "DROP-AFTER-", "HTML-AFTER-ONCE-", "ERROR500-", "SLOW-1.1-ONCE-", "HANG-AFTER-")
"""Of cases that several operations name: what an answer tells of them is told for all."""
ROUND, OFTEN_SHARED = 10, 0.3
"""About three of ten requests are for one case, which the callers delete at the same time."""
SYSTEMS = (HUB, HUB, CLAIMSHOP, ECM)
ITEMS = ("", "", "", "ABSENT-", "RELATED-ONCE-", "ODD-ONCE-")
ECM_KINDS = {
    "customer-removal": ("customers", "customerId", None),
    "account-removal": ("accounts", "accountId", None),
    "external-entity-removal": ("externalEntities", "externalEntity", "externalEntityTypeCode"),
    "transaction-removal": ("transactions", "transactionReferenceId", "transactionTypeCode"),
}


class Requests:
    """An endless, reproducible supply of them. `name` tells those of several supplies apart."""

    def __init__(self, random: Random, name: str) -> None:
        self._random = random
        self._name = name
        self._count = 0

    def next(self) -> Asked:
        """A request of one to six cases, now and then of 25; some of one case name the same as others of the round."""
        self._count += 1
        name = f"{self._name}-{self._count}"
        shared = self._random.random() < OFTEN_SHARED
        system = SYSTEMS[self._round % len(SYSTEMS)] if shared else self._random.choice(SYSTEMS)
        size = 1 if shared else self._random.choice((1, 1, 1, 2, 3, 6, 25) if self._count % 5 else (1,))
        key = name if self._random.random() < 0.9 else None
        if system == ECM:
            kind = self._random.choice(tuple(ECM_KINDS))
            cases = [self._ecm_case(kind, name, number, shared=shared) for number in range(size)]
            return Asked(name, self._random.choice(("acme-dk", "acme-no")), kind, system, True, cases, key)
        tenant = "acme-dk" if system == HUB else "acme-no"
        cases = [self._case(system, name, number, shared=shared) for number in range(size)]
        return Asked(name, tenant, "case-deletion", system, self._random.random() < 0.9, cases, key)

    @property
    def _round(self) -> int:
        return self._count // ROUND

    def _case(self, system: str, name: str, number: int, *, shared: bool) -> Json:
        case_type = "caseNumber" if shared else self._random.choice(("caseNumber", "caseNumber", "caseToken"))
        return {case_type: self._identifier(system, name, number, shared=shared)}

    def _ecm_case(self, kind: str, name: str, number: int, *, shared: bool) -> Json:
        list_name, id_name, code_name = ECM_KINDS[kind]
        items = [{id_name: f"{self._random.choice(ITEMS)}{name}-{item}"} for item in range(self._random.randint(1, 3))]
        if code_name:
            items = [item | {code_name: "XA"} for item in items]
        return {"caseId": self._identifier(ECM, name, number, shared=shared), list_name: items}

    def _identifier(self, system: str, name: str, number: int, *, shared: bool) -> str:
        if shared:
            return f"{SHARED[self._round % len(SHARED)]}{self._name}.shared{self._round}"
        return f"{self._random.choice(SITUATIONS[system])}{name}.{number}"
