"""The four removal services of Oracle ECM and the names of their members (UPSTREAMS.md)."""

from msgspec import Struct

from gateway.model.calls import GrantedCase
from gateway.model.cases import Item
from gateway.model.kinds import Kind


class Service(Struct, frozen=True):
    """A service: its list of items in a case, an item's id, and its type code where it has one."""

    name: str
    list_name: str
    id_name: str
    type_name: str | None = None

    def case(self, case: GrantedCase) -> dict[str, object]:
        """The member of a request that asks for the items of `case`."""
        return {"caseId": case.identifier.value, self.list_name: [self._item(item) for item in case.items]}

    def _item(self, item: Item) -> dict[str, str]:
        worded = {self.id_name: item.id}
        if self.type_name is not None and item.type_code is not None:
            worded[self.type_name] = item.type_code
        return worded


SERVICES = {
    Kind.EXTERNAL_ENTITY_REMOVAL: Service(
        "removeExternalEntity", "externalEntities", "externalEntity", "externalEntityTypeCode"
    ),
    Kind.TRANSACTION_REMOVAL: Service(
        "removeTransaction", "transactions", "transactionReferenceId", "transactionTypeCode"
    ),
    Kind.CUSTOMER_REMOVAL: Service("removeCustomer", "customers", "customerId"),
    Kind.ACCOUNT_REMOVAL: Service("removeAccount", "accounts", "accountId"),
}
