import asyncio

import httpx2
import pytest

from gateway.sandbox.options import SandboxOptions

from .conftest import UNPACED
from .upstreams import BASIC, ECM_PATH, Upstreams, customers

SERVICES = [
    ("removeExternalEntity", "externalEntities", "externalEntity", "externalEntityTypeCode", "External Entity"),
    ("removeTransaction", "transactions", "transactionReferenceId", "transactionTypeCode", "Transaction"),
    ("removeCustomer", "customers", "customerId", None, "Customer"),
    ("removeAccount", "accounts", "accountId", None, "Account"),
]
MANY = {"External Entity": "External Entities", "Transaction": "Transactions", "Customer": "Customers"}


@pytest.mark.parametrize(("service", "items", "item_id", "type_code", "noun"), SERVICES)
async def test_each_service_removes_items_and_then_no_longer_finds_them(
    up: Upstreams, service: str, items: str, item_id: str, type_code: str | None, noun: str
) -> None:
    item = {item_id: "X1"} | ({type_code: "XA"} if type_code else {})
    case = {"caseId": "CA100", items: [item]}
    first, second = await up.ecm(case, service=service), await up.ecm(case, service=service)
    many = MANY.get(noun, "Accounts")
    removed = {"MESSAGE": f"{noun} removed successfully.", "STATUS": "SUCCESS", item_id: "X1"}
    whole = {"MESSAGE": f"{many} removal was successful.", "STATUS": "SUCCESS"}
    assert first.status_code == second.status_code == 200
    assert first.json() == whole | {"RESULTARRAY": [whole | {"caseId": "CA100", items: [removed]}]}
    absent = {"MESSAGE": f"{noun} does not exist in case.", "STATUS": "FAILED", item_id: "X1"}
    whole = {"MESSAGE": f"{many} removal failed.", "STATUS": "FAILED"}
    assert second.json() == whole | {"RESULTARRAY": [whole | {"caseId": "CA100", items: [absent]}]}
    assert (await up.last())["violations"] == ["removed_item_sent_again"]


async def test_cases_that_fail_beside_others_make_the_whole_a_partial_success(up: Upstreams) -> None:
    answer = await up.ecm(customers("CA100", "C1", "C2"), customers("CA101", "ABSENT-1"))
    whole = answer.json()
    assert (whole["STATUS"], whole["MESSAGE"]) == ("PARTIALSUCCESS", "Customers removal was partially successful.")
    assert [case["STATUS"] for case in whole["RESULTARRAY"]] == ["SUCCESS", "FAILED"]
    assert (await up.last())["removed"] == [["CA100", "C1"], ["CA100", "C2"]]


async def test_items_that_fail_beside_others_make_their_case_a_partial_success(up: Upstreams) -> None:
    (case,) = (await up.ecm(customers("CA100", "C1", "ABSENT-1"))).json()["RESULTARRAY"]
    assert (case["STATUS"], case["MESSAGE"]) == ("PARTIALSUCCESS", "Customers removal was partially successful.")


async def test_the_same_id_with_another_type_code_is_another_item(up: Upstreams) -> None:
    for code in ("XA", "B"):
        item = {"externalEntity": "X1", "externalEntityTypeCode": code}
        answer = await up.ecm({"caseId": "CA1", "externalEntities": [item]}, service="removeExternalEntity")
        assert answer.json()["STATUS"] == "SUCCESS"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        [[]],
        [None],
        [{"caseId": "CA1"}],
        [{"customers": [{"customerId": "C1"}]}],
        [{"caseId": "", "customers": [{"customerId": "C1"}]}],
        [{"caseId": 1, "customers": [{"customerId": "C1"}]}],
        [{"caseId": "CA1", "customers": []}],
        [{"caseId": "CA1", "customers": {"customerId": "C1"}}],
        [{"caseId": "CA1", "customers": [{}]}],
        [{"caseId": "CA1", "customers": ["C1"]}],
        [{"caseId": "CA1", "customers": [{"customerId": None}]}],
        [{"caseId": "CA1", "customers": [{"customerId": "C1", "execute": False}]}],
        [{"caseId": "CA1", "accounts": [{"accountId": "A1"}]}],
        [{"caseId": "CA1", "customers": [{"customerId": "C1"}]}, {"caseId": "CA2"}],
    ],
)
async def test_input_that_is_not_as_documented_is_a_400_without_results(up: Upstreams, body: object) -> None:
    answer = await up.http.post(ECM_PATH + "removeCustomer", json=body, auth=BASIC)
    expected = {"MESSAGE": "Invalid JSON Input format. Please correct the data.", "STATUS": "FAILED"}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert (await up.last())["done"] == "nothing"


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", b"[" * 5000])
async def test_input_that_is_not_json_is_a_400(up: Upstreams, content: bytes) -> None:
    answer = await up.http.post(
        ECM_PATH + "removeCustomer", content=content, auth=BASIC, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


async def test_another_content_type_is_a_400(up: Upstreams) -> None:
    answer = await up.http.post(ECM_PATH + "removeCustomer", content=b"[]", auth=BASIC)
    assert answer.status_code == 400


async def test_a_transaction_needs_its_type_code(up: Upstreams) -> None:
    case = {"caseId": "CA1", "transactions": [{"transactionReferenceId": "T1"}]}
    assert (await up.ecm(case, service="removeTransaction")).status_code == 400


async def test_an_unknown_service_is_not_there(up: Upstreams) -> None:
    assert (await up.ecm(customers("CA1", "C1"), service="removeEverything")).status_code == 404


async def test_basic_credentials_are_the_default(up: Upstreams) -> None:
    for head in ({}, {"Authorization": "Basic Z2F0ZXdheTp3cm9uZw=="}):
        answer = await up.http.post(ECM_PATH + "removeCustomer", json=[customers("CA1", "C1")], headers=head)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="ECM"')
    assert (await up.last())["done"] == "nothing"


class TestBearer:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(ecm_auth="bearer", ecm_token="static", switches=UNPACED)

    async def test_a_static_token_can_be_asked_for(self, up: Upstreams) -> None:
        async def post(token: str) -> httpx2.Response:
            head = {"Authorization": f"Bearer {token}"}
            return await up.http.post(ECM_PATH + "removeCustomer", json=[customers("CA1", "C1")], headers=head)

        assert (await post("wrong")).status_code == 401
        assert (await post("static")).status_code == 200


class TestNoCredential:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(ecm_auth="none", switches=UNPACED)

    async def test_none_can_be_asked_for(self, up: Upstreams) -> None:
        answer = await up.http.post(ECM_PATH + "removeCustomer", json=[customers("CA1", "C1")])
        assert answer.status_code == 200


async def test_calls_for_one_case_at_the_same_time_are_a_violation(up: Upstreams) -> None:
    await up.switch(ecm={"latencySeconds": 0.1})
    await asyncio.gather(up.ecm(customers("CA1", "C1")), up.ecm(customers("CA1", "C2")))
    assert (await up.last())["violations"] == ["same_case_at_once"]


async def test_a_case_twice_in_a_call_is_a_violation(up: Upstreams) -> None:
    await up.ecm(customers("CA1", "C1"), customers("CA1", "C2"))
    assert (await up.last())["violations"] == ["same_case_twice_in_a_call"]


async def test_a_thousand_cases_in_a_call_are_answered(up: Upstreams) -> None:
    answer = await up.ecm(*(customers(f"CA{i}", "C1") for i in range(1000)))
    assert [case["caseId"] for case in answer.json()["RESULTARRAY"]] == [f"CA{i}" for i in range(1000)]
