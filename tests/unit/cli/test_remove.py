import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.stub_gateway import Canned, StubGateway, envelope, result

OPTIONS = ("--tenant", "acme-dk", "--execute")


@pytest.mark.parametrize(
    ("command", "item", "collection", "listed", "expected"),
    [
        (
            "external-entities",
            ("ACFT1", "XA"),
            "external-entity-removals",
            "externalEntities",
            {"externalEntity": "ACFT1", "externalEntityTypeCode": "XA"},
        ),
        (
            "transactions",
            ("BOTRX1", "B"),
            "transaction-removals",
            "transactions",
            {"transactionReferenceId": "BOTRX1", "transactionTypeCode": "B"},
        ),
        ("customers", ("CUST1",), "customer-removals", "customers", {"customerId": "CUST1"}),
        ("accounts", ("ACCT-1",), "account-removals", "accounts", {"accountId": "ACCT-1"}),
    ],
)
def test_a_case_given_by_options_is_worded_as_the_api_takes_it(
    run: Run,
    stub: StubGateway,
    command: str,
    item: tuple[str, ...],
    collection: str,
    listed: str,
    expected: dict[str, str],
) -> None:
    stub.replies = [Canned(200, envelope(result("CA1")))]

    done = run("remove", command, *OPTIONS, "--case-id", "CA1", "--item", *item)

    assert done.exit_code == 0
    assert stub.received[0].path == f"/v1/tenants/acme-dk/{collection}"
    assert stub.received[0].body == {"execute": True, "cases": [{"caseId": "CA1", listed: [expected]}]}


def test_cases_from_a_file_are_passed_on_as_they_are(run: Run, stub: StubGateway) -> None:
    cases = [
        {"caseId": "CA1", "customers": [{"customerId": "1"}]},
        {"caseId": "CA2", "customers": [{"customerId": "2"}]},
    ]
    stub.replies = [Canned(200, envelope(result("CA1"), result("CA2")))]

    done = run("remove", "customers", *OPTIONS, "--from-file", "-", input=json.dumps(cases))

    assert done.exit_code == 0
    assert stub.received[0].body["cases"] == cases


@pytest.mark.parametrize("half", [("--case-id", "CA1"), ("--item", "CUST1")])
def test_a_case_without_items_or_items_without_a_case_send_nothing(
    run: Run, stub: StubGateway, half: tuple[str, ...]
) -> None:
    assert run("remove", "customers", *OPTIONS, *half).exit_code == 2
    assert stub.received == []


def test_each_item_has_a_row_below_its_case(run: Run, stub: StubGateway) -> None:
    items: list[dict[str, Any]] = [
        {
            "id": "X1",
            "typeCode": "XA",
            "status": "succeeded",
            "message": "removed",
            "evidence": "confirmed",
            "errors": [],
        },
        {
            "id": "X2",
            "typeCode": "XA",
            "status": "failed",
            "message": "X2 does not exist in case.",
            "evidence": "confirmed",
            "errors": [{"code": "item_not_in_case", "detail": "X2 does not exist in case."}],
        },
    ]
    case = result("CA1", "partial", case={"caseId": "CA1"}, items=items, found=None, deleted=None)
    stub.replies = [Canned(207, envelope(case, status="partial"))]

    done = run("remove", "external-entities", *OPTIONS, "--case-id", "CA1", "--item", "X1", "XA", "--item", "X2", "XA")

    assert done.exit_code == 1
    assert "  X1 (XA)\tsucceeded\tconfirmed\t\tremoved" in done.stdout
    assert "  X2 (XA)\tfailed\tconfirmed\t\titem_not_in_case: X2 does not exist in case." in done.stdout
