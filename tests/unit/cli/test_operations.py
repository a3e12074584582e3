import json
import re

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.stub_gateway import OPERATION_ID, PATH, Canned, StubGateway, accepted, envelope, problem, result


def test_the_list_shows_a_row_each_and_how_to_go_on(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, {"items": [envelope(result("CN1")) | {"results": None}], "nextCursor": "abc"})]

    done = run("operations", "list", "--tenant", "acme-dk", "--status", "succeeded", "--limit", "1")

    assert done.exit_code == 0
    assert stub.received[0].path == "/v1/operations?tenant=acme-dk&status=succeeded&limit=1"
    assert done.stdout.splitlines()[1].split("\t")[:5] == [
        OPERATION_ID,
        "case-deletion",
        "acme-dk",
        "succeeded",
        "1",
    ]
    assert "--cursor abc" in done.stderr


def test_the_list_as_json_is_the_page_itself(run: Run, stub: StubGateway) -> None:
    page: dict[str, object] = {"items": [], "nextCursor": None}
    stub.replies = [Canned(200, page)]

    assert json.loads(run("operations", "list", "--json").stdout) == page


@pytest.mark.parametrize("status", ["failed", "running", "unknown"])
def test_showing_an_operation_succeeds_whatever_its_status(run: Run, stub: StubGateway, status: str) -> None:
    stub.replies = [Canned(200, envelope(result("CN1", "unknown"), status=status))]

    done = run("operations", "show", OPERATION_ID)

    assert done.exit_code == 0
    assert stub.received[0].path == PATH
    assert f"{status}: 1 unknown of 1" in done.stdout


def test_an_operation_that_does_not_exist_exits_2(run: Run, stub: StubGateway) -> None:
    stub.replies = [problem(404, "not_found", "No such operation.")]

    assert run("operations", "show", OPERATION_ID).exit_code == 2


def test_a_large_operation_is_shown_without_results_and_says_where_they_are(run: Run, stub: StubGateway) -> None:
    summary = {
        "total": 5_000,
        "succeeded": 5_000,
        "partial": 0,
        "failed": 0,
        "unknown": 0,
        "pending": 0,
        "cancelled": 0,
    }
    stub.replies = [Canned(200, envelope(summary=summary, results=None))]

    done = run("operations", "show", OPERATION_ID)

    assert f"5000 more: gateway operations results {OPERATION_ID}" in done.stdout


def test_of_many_results_those_that_did_not_succeed_are_shown(run: Run, stub: StubGateway) -> None:
    results = [result(f"CN{number}") for number in range(60)] + [result("CN-bad", "failed")]
    stub.replies = [Canned(200, envelope(*results, status="partial"))]

    done = run("operations", "show", OPERATION_ID)

    assert "CN-bad\tfailed" in done.stdout
    assert "CN1\t" not in done.stdout
    assert "60 more: " in done.stdout


def test_results_are_read_page_by_page_to_the_end(run: Run, stub: StubGateway) -> None:
    stub.replies = [
        Canned(200, {"items": [result("CN1", "failed")], "nextCursor": "p2"}),
        Canned(200, {"items": [result("CN2", "failed")], "nextCursor": None}),
    ]

    done = run("operations", "results", OPERATION_ID, "--status", "failed", "--json")

    assert [item["case"]["caseNumber"] for item in json.loads(done.stdout)["items"]] == ["CN1", "CN2"]
    assert [request.path for request in stub.received] == [
        f"{PATH}/results?limit=1000&status=failed",
        f"{PATH}/results?limit=1000&status=failed&cursor=p2",
    ]


def test_results_are_rows(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, {"items": [result("CN1")], "nextCursor": None})]

    lines = run("operations", "results", OPERATION_ID).stdout.splitlines()

    assert lines[0].split("\t") == ["case", "status", "evidence", "attempts", "detail"]
    assert lines[1].split("\t")[:2] == ["CN1", "succeeded"]


def test_cancelling_shows_the_operation_and_exits_0(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1", "cancelled"), status="cancelled"))]

    done = run("operations", "cancel", OPERATION_ID)

    assert done.exit_code == 0
    assert (stub.received[0].method, stub.received[0].path) == ("POST", f"{PATH}/cancel")
    assert "cancelled: 1 cancelled of 1" in done.stdout


def test_a_retry_is_followed_to_its_end(run: Run, stub: StubGateway) -> None:
    stub.replies = [accepted(result("CN1", "pending")), Canned(200, envelope(result("CN1")))]

    done = run("operations", "retry", OPERATION_ID)

    assert done.exit_code == 0
    assert [(request.method, request.path) for request in stub.received] == [("POST", f"{PATH}/retry"), ("GET", PATH)]


def test_waiting_goes_on_through_closed_hours(run: Run, stub: StubGateway) -> None:
    pending = result("CN1", "pending")
    stub.replies = [
        Canned(200, envelope(pending, status="scheduled"), (("Retry-After", "0"),)),
        Canned(200, envelope(pending, status="running"), (("Retry-After", "0"),)),
        Canned(200, envelope(result("CN1"))),
    ]

    assert run("operations", "wait", OPERATION_ID).exit_code == 0
    assert len(stub.received) == 3


def test_waiting_no_longer_than_asked_exits_1(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1", "pending"), status="running"))]

    assert run("operations", "wait", OPERATION_ID, "--timeout", "0").exit_code == 1


@pytest.mark.parametrize("away", [Canned(0, None), problem(503, "ledger_unavailable", "The disk is full.")])
def test_waiting_outlasts_a_gateway_that_is_away_for_a_moment(run: Run, stub: StubGateway, away: Canned) -> None:
    stub.replies = [
        Canned(200, envelope(result("CN1", "pending"), status="running"), (("Retry-After", "0"),)),
        away,
        Canned(200, envelope(result("CN1"))),
    ]

    assert run("operations", "wait", OPERATION_ID).exit_code == 0


def test_control_characters_from_an_upstream_never_reach_the_terminal(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1", messages=["\x1b[2Jgone\r\n\tback"])))]

    done = run("operations", "show", OPERATION_ID)

    assert "\x1b" not in done.stdout
    assert "\ufffd[2Jgone\ufffd\ufffd\ufffdback" in done.stdout


def test_on_a_narrow_terminal_a_table_loses_nothing(
    run: Run, stub: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    number = "CN" + "0123456789" * 10
    stub.replies = [Canned(200, {"items": [result(number)], "nextCursor": None})]

    lines = run("operations", "results", OPERATION_ID).stdout.splitlines()

    assert "\t" not in "".join(lines)
    assert number in "".join(re.sub(r"\x1b\[[0-9;]*m", "", line).split(" ")[0] for line in lines[1:])
