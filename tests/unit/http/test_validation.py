from typing import Any

import pytest

from gateway.config.settings import Server
from gateway.http.problems import Problem, Refusal
from gateway.http.validation import asked, fingerprint
from gateway.model.cases import Case, Identifier, Item
from gateway.model.kinds import IdentifierType, Kind

TOKEN = "d1a72df4-f7d5-402c-a495-cc31b8b39a59"
REQUEST_ID = "3F0C7B1E-4F5A-4A53-9D0E-6F1C2B7A9E55"
SHAPES: dict[Kind, tuple[str, dict[str, str]]] = {
    Kind.EXTERNAL_ENTITY_REMOVAL: ("externalEntities", {"externalEntity": "E1", "externalEntityTypeCode": "XA"}),
    Kind.TRANSACTION_REMOVAL: ("transactions", {"transactionReferenceId": "T1", "transactionTypeCode": "B"}),
    Kind.CUSTOMER_REMOVAL: ("customers", {"customerId": "C1"}),
    Kind.ACCOUNT_REMOVAL: ("accounts", {"accountId": "A1"}),
}


def deletion(*cases: object, **more: object) -> dict[str, Any]:
    return {"execute": True, "cases": list(cases), **more}


def removal(kind: Kind, *items: object, case_id: str = "CA100") -> dict[str, Any]:
    return {"execute": True, "cases": [{"caseId": case_id, SHAPES[kind][0]: list(items)}]}


def refused(kind: Kind, value: object, server: Server | None = None) -> str:
    """The pointer of the first error."""
    with pytest.raises(Problem) as raised:
        asked(kind, value, server or Server())
    assert raised.value.refusal is Refusal.INVALID_REQUEST
    return raised.value.places[0].pointer


def test_a_deletion_names_cases_by_number_and_by_token() -> None:
    execute, cases = asked(Kind.CASE_DELETION, deletion({"caseNumber": "CN10000"}, {"caseToken": TOKEN}), Server())

    assert execute is True
    assert cases == (
        Case(Identifier(IdentifierType.CASE_NUMBER, "CN10000")),
        Case(Identifier(IdentifierType.CASE_TOKEN, TOKEN)),
    )


def test_a_request_id_is_brought_to_lower_case() -> None:
    _, cases = asked(Kind.CASE_DELETION, deletion({"caseNumber": "x", "requestId": REQUEST_ID}), Server())

    assert cases[0].request_id == REQUEST_ID.lower()


@pytest.mark.parametrize("kind", SHAPES)
def test_a_removal_names_the_items_of_ecm_cases(kind: Kind) -> None:
    item = SHAPES[kind][1]
    values = list(item.values())

    _, cases = asked(kind, removal(kind, item), Server())

    expected = Item(values[0], values[1] if len(values) > 1 else None)
    assert cases == (Case(Identifier(IdentifierType.CASE_ID, "CA100"), (expected,)),)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ([], ""),
        ("text", ""),
        (None, ""),
        ({}, "/execute"),
        ({"execute": True}, "/cases"),
        ({"cases": [{"caseNumber": "x"}]}, "/execute"),
        (deletion({"caseNumber": "x"}, execute="true"), "/execute"),
        (deletion({"caseNumber": "x"}, execute=1), "/execute"),
        (deletion({"caseNumber": "x"}, execute=None), "/execute"),
        (deletion({"caseNumber": "x"}, dryRun=True), "/dryRun"),
        (deletion({"caseNumber": "x"}, **{"a/b~c": 1}), "/a~1b~0c"),
        (deletion(), "/cases"),
        (deletion("CN10000"), "/cases/0"),
        (deletion({"caseNumber": "x"}, {}), "/cases/1"),
        (deletion({"caseNumber": "x", "caseToken": TOKEN}), "/cases/0"),
        (deletion({"requestId": REQUEST_ID}), "/cases/0"),
        (deletion({"caseNumber": "x", "number": 1}), "/cases/0/number"),
        (deletion({"caseNumber": 10000}), "/cases/0/caseNumber"),
        (deletion({"caseNumber": None}), "/cases/0/caseNumber"),
        (deletion({"caseNumber": "x", "caseToken": None}), "/cases/0/caseToken"),
        (deletion({"caseNumber": "x", "requestId": "not a uuid"}), "/cases/0/requestId"),
        (deletion({"caseNumber": "x", "requestId": 7}), "/cases/0/requestId"),
        (deletion({"caseId": "CA100"}), "/cases/0/caseId"),
        (deletion({"caseNumber": "x"}, {"caseNumber": "y"}, {"caseNumber": "x"}), "/cases/2/caseNumber"),
        (
            deletion(
                {"caseNumber": "x", "requestId": REQUEST_ID}, {"caseNumber": "y", "requestId": REQUEST_ID.lower()}
            ),
            "/cases/1/requestId",
        ),
    ],
)
def test_a_deletion_that_breaks_a_rule_is_refused_at_the_place(value: object, pointer: str) -> None:
    assert refused(Kind.CASE_DELETION, value) == pointer


@pytest.mark.parametrize("kind", SHAPES)
def test_a_removal_that_breaks_a_rule_is_refused_at_the_place(kind: Kind) -> None:
    name, item = SHAPES[kind]
    first = next(iter(item))

    assert refused(kind, removal(kind)) == f"/cases/0/{name}"
    assert refused(kind, removal(kind, item, item)) == f"/cases/0/{name}/1"
    assert refused(kind, removal(kind, {})) == f"/cases/0/{name}/0/{first}"
    assert refused(kind, removal(kind, {**item, "id": "x"})) == f"/cases/0/{name}/0/id"
    assert refused(kind, removal(kind, item, case_id=" CA100")) == "/cases/0/caseId"
    assert refused(kind, {"execute": True, "cases": [{"caseId": "CA100"}]}) == f"/cases/0/{name}"
    assert refused(kind, {"execute": True, "cases": [{name: [item]}]}) == "/cases/0/caseId"
    assert refused(kind, deletion({"caseNumber": "x"})) == "/cases/0/caseNumber"
    for member in item:
        assert refused(kind, removal(kind, {**item, member: "a\tb"})) == f"/cases/0/{name}/0/{member}"
        assert refused(kind, removal(kind, {**item, member: ""})) == f"/cases/0/{name}/0/{member}"
        assert refused(kind, removal(kind, {**item, member: None})) == f"/cases/0/{name}/0/{member}"


def test_the_same_item_with_another_type_code_is_another_item() -> None:
    kind = Kind.EXTERNAL_ENTITY_REMOVAL
    items = [{"externalEntity": "E1", "externalEntityTypeCode": code} for code in ("XA", "XB")]

    assert len(asked(kind, removal(kind, *items), Server())[1][0].items) == 2


def test_a_number_and_a_token_of_the_same_text_are_two_cases() -> None:
    _, cases = asked(Kind.CASE_DELETION, deletion({"caseNumber": TOKEN}, {"caseToken": TOKEN}), Server())

    assert len(cases) == 2


@pytest.mark.parametrize("text", ["2024/123", "MAERSK A/S", "a", "x" * 128, "Ærø 😀", "a\u200bb", "$.`", "../.."])
def test_identifiers_are_opaque(text: str) -> None:
    assert asked(Kind.CASE_DELETION, deletion({"caseNumber": text}), Server())[1][0].identifier.value == text


@pytest.mark.parametrize(
    "text",
    ["", "x" * 129, " x", "x ", "\u00a0x", "x\u3000", "a\nb", "\x00", "a\x7fb", "a\x85b", "a\x9fb", "\u2028x"],
    ids=repr,
)
def test_identifiers_have_1_to_128_characters_no_control_character_and_no_white_space_around(text: str) -> None:
    assert refused(Kind.CASE_DELETION, deletion({"caseNumber": "y"}, {"caseNumber": text})) == "/cases/1/caseNumber"


def test_cases_are_counted() -> None:
    server = Server(max_cases=2)
    cases = [{"caseNumber": str(number)} for number in range(3)]

    assert len(asked(Kind.CASE_DELETION, deletion(*cases[:2]), server)[1]) == 2
    assert refused(Kind.CASE_DELETION, deletion(*cases), server) == "/cases"


def test_items_are_counted_over_all_cases() -> None:
    server = Server(max_items=3)
    accounts = [{"accountId": str(number)} for number in range(2)]
    cases = [{"caseId": name, "accounts": accounts} for name in ("CA1", "CA2")]

    assert refused(Kind.ACCOUNT_REMOVAL, {"execute": True, "cases": cases}, server) == "/cases/1/accounts"
    cases[1] = {"caseId": "CA2", "accounts": accounts[:1]}
    assert len(asked(Kind.ACCOUNT_REMOVAL, {"execute": True, "cases": cases}, server)[1]) == 2


def test_the_order_of_members_makes_no_other_request() -> None:
    one = {"execute": True, "cases": [{"caseNumber": "x", "requestId": REQUEST_ID}]}
    other = {"cases": [{"requestId": REQUEST_ID, "caseNumber": "x"}], "execute": True}

    assert fingerprint("acme", Kind.CASE_DELETION, one) == fingerprint("acme", Kind.CASE_DELETION, other)


@pytest.mark.parametrize(
    ("tenant", "kind", "value"),
    [
        ("other", Kind.CASE_DELETION, deletion({"caseNumber": "x"}, {"caseNumber": "y"})),
        ("acme", Kind.ACCOUNT_REMOVAL, deletion({"caseNumber": "x"}, {"caseNumber": "y"})),
        ("acme", Kind.CASE_DELETION, deletion({"caseNumber": "y"}, {"caseNumber": "x"})),
        ("acme", Kind.CASE_DELETION, deletion({"caseNumber": "x"})),
        ("acme", Kind.CASE_DELETION, deletion({"caseToken": "x"}, {"caseNumber": "y"})),
        ("acme", Kind.CASE_DELETION, deletion({"caseNumber": "x"}, {"caseNumber": "y"}, execute=False)),
    ],
)
def test_anything_else_makes_another_request(tenant: str, kind: Kind, value: object) -> None:
    first = fingerprint("acme", Kind.CASE_DELETION, deletion({"caseNumber": "x"}, {"caseNumber": "y"}))

    assert fingerprint(tenant, kind, value) != first
    assert len(first) == 64
