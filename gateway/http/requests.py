"""The five requests as they stand on the wire (CONTRACT.md section 1, "Requests"), and the cases they ask for."""

from typing import Annotated, ClassVar, NamedTuple
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.model.cases import Case, Identifier, Item
from gateway.model.kinds import IdentifierType, Kind

MAX_CHARACTERS = 128
UNIQUE = {"uniqueItems": True}
"""Said by the document; checked, and refused with its place, in `validation`."""
TRIMMED = {"pattern": r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"}
"""Likewise: no control character, and no white space at either end."""

Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_CHARACTERS,
        description="Opaque. No control characters, and no white space at either end.",
        extra_json_schema=TRIMMED,
    ),
]
Execute = Annotated[
    bool,
    Meta(description="Required. `true` acts, which cannot be undone; `false` is a dry run, which changes nothing."),
]
ActsAlways = Annotated[
    bool,
    Meta(
        description="Required, and `true`: ECM cannot make dry runs (`dry_run_unsupported`). It cannot be undone.",
        extra_json_schema={"const": True},
    ),
]


class Wire(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An object in a request: member names are in camelCase, and unknown ones are refused."""


class ItemNames(NamedTuple):
    """How the members of an ECM case's list are called on the wire, for pointers."""

    items: str
    id: str
    type_code: str = ""


class DeletionCase(Wire, frozen=True):
    """A case to delete, named by exactly one of `caseNumber` and `caseToken`."""

    case_number: Annotated[Text | UnsetType, Meta(description="The number of the case.")] = UNSET
    case_token: Annotated[Text | UnsetType, Meta(description="The unified token of the case.")] = UNSET
    request_id: Annotated[
        UUID | UnsetType,
        Meta(
            description="Continues a Hub Property deletion that was begun earlier or elsewhere under this id. "
            "Without it the gateway makes one. ClaimShop knows no such id: there it is only recorded."
        ),
    ] = UNSET

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Those that were given; there should be exactly one."""
        given = ((IdentifierType.CASE_NUMBER, self.case_number), (IdentifierType.CASE_TOKEN, self.case_token))
        return tuple(Identifier(name, value) for name, value in given if value is not UNSET)

    def case(self) -> Case:
        """The case in the model's words; the request id in lower case."""
        return Case(self.identifiers[0], request_id=None if self.request_id is UNSET else str(self.request_id))


class CaseDeletions(Wire, frozen=True):
    """Delete cases."""

    items: ClassVar[ItemNames | None] = None
    execute: Execute
    cases: Annotated[list[DeletionCase], Meta(min_length=1, extra_json_schema=UNIQUE)]


class ExternalEntity(Wire, frozen=True):
    """An external entity of a case. The type codes are those of your ECM."""

    external_entity: Text
    external_entity_type_code: Text


class ExternalEntityCase(Wire, frozen=True):
    """An ECM case, and the external entities to remove from it."""

    case_id: Text
    external_entities: Annotated[list[ExternalEntity], Meta(min_length=1, extra_json_schema=UNIQUE)]

    def case(self) -> Case:
        """The case in the model's words."""
        items = tuple(Item(it.external_entity, it.external_entity_type_code) for it in self.external_entities)
        return _ecm_case(self.case_id, items)


class ExternalEntityRemovals(Wire, frozen=True):
    """Remove external entities from ECM cases."""

    items: ClassVar[ItemNames | None] = ItemNames("externalEntities", "externalEntity", "externalEntityTypeCode")
    execute: ActsAlways
    cases: Annotated[list[ExternalEntityCase], Meta(min_length=1, extra_json_schema=UNIQUE)]


class Transaction(Wire, frozen=True):
    """A transaction of a case. The type codes are those of your ECM."""

    transaction_reference_id: Text
    transaction_type_code: Text


class TransactionCase(Wire, frozen=True):
    """An ECM case, and the transactions to remove from it."""

    case_id: Text
    transactions: Annotated[list[Transaction], Meta(min_length=1, extra_json_schema=UNIQUE)]

    def case(self) -> Case:
        """The case in the model's words."""
        items = tuple(Item(it.transaction_reference_id, it.transaction_type_code) for it in self.transactions)
        return _ecm_case(self.case_id, items)


class TransactionRemovals(Wire, frozen=True):
    """Remove transactions from ECM cases."""

    items: ClassVar[ItemNames | None] = ItemNames("transactions", "transactionReferenceId", "transactionTypeCode")
    execute: ActsAlways
    cases: Annotated[list[TransactionCase], Meta(min_length=1, extra_json_schema=UNIQUE)]


class Customer(Wire, frozen=True):
    """A customer of a case."""

    customer_id: Text


class CustomerCase(Wire, frozen=True):
    """An ECM case, and the customers to remove from it."""

    case_id: Text
    customers: Annotated[list[Customer], Meta(min_length=1, extra_json_schema=UNIQUE)]

    def case(self) -> Case:
        """The case in the model's words."""
        return _ecm_case(self.case_id, tuple(Item(it.customer_id) for it in self.customers))


class CustomerRemovals(Wire, frozen=True):
    """Remove customers from ECM cases."""

    items: ClassVar[ItemNames | None] = ItemNames("customers", "customerId")
    execute: ActsAlways
    cases: Annotated[list[CustomerCase], Meta(min_length=1, extra_json_schema=UNIQUE)]


class Account(Wire, frozen=True):
    """An account of a case."""

    account_id: Text


class AccountCase(Wire, frozen=True):
    """An ECM case, and the accounts to remove from it."""

    case_id: Text
    accounts: Annotated[list[Account], Meta(min_length=1, extra_json_schema=UNIQUE)]

    def case(self) -> Case:
        """The case in the model's words."""
        return _ecm_case(self.case_id, tuple(Item(it.account_id) for it in self.accounts))


class AccountRemovals(Wire, frozen=True):
    """Remove accounts from ECM cases."""

    items: ClassVar[ItemNames | None] = ItemNames("accounts", "accountId")
    execute: ActsAlways
    cases: Annotated[list[AccountCase], Meta(min_length=1, extra_json_schema=UNIQUE)]


Request = CaseDeletions | ExternalEntityRemovals | TransactionRemovals | CustomerRemovals | AccountRemovals

REQUESTS: dict[Kind, type[Request]] = {
    Kind.CASE_DELETION: CaseDeletions,
    Kind.EXTERNAL_ENTITY_REMOVAL: ExternalEntityRemovals,
    Kind.TRANSACTION_REMOVAL: TransactionRemovals,
    Kind.CUSTOMER_REMOVAL: CustomerRemovals,
    Kind.ACCOUNT_REMOVAL: AccountRemovals,
}


def _ecm_case(case_id: str, items: tuple[Item, ...]) -> Case:
    return Case(Identifier(IdentifierType.CASE_ID, case_id), items)
