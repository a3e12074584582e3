import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.stub_gateway import OPERATION_ID, Canned, StubGateway, accepted, envelope, problem, result

DELETE = ("delete", "--tenant", "acme-dk", "--execute")


def test_one_case_that_succeeds_is_shown_and_exits_0(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1")))]

    done = run(*DELETE, "--case-number", "CN1", "--idempotency-key", "night-1")

    assert done.exit_code == 0
    assert "succeeded: 1 succeeded of 1" in done.stdout
    assert "CN1\tsucceeded\tconfirmed\t1\t" in done.stdout
    [request] = stub.received
    assert (request.method, request.path) == ("POST", "/v1/tenants/acme-dk/case-deletions")
    assert request.body == {"execute": True, "cases": [{"caseNumber": "CN1"}]}
    assert request.headers["x-api-key"] == "k-1"
    assert request.headers["idempotency-key"] == "night-1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["prefer"] == "wait=20"


def test_without_execute_or_dry_run_nothing_is_sent(run: Run, stub: StubGateway) -> None:
    done = run("delete", "--tenant", "acme-dk", "--case-number", "CN1")

    assert done.exit_code == 2
    assert "--execute" in done.stderr
    assert stub.received == []


def test_a_dry_run_says_so_in_the_request_and_in_the_output(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1", deleted=False), execute=False))]

    done = run("delete", "--tenant", "acme-dk", "--dry-run", "--case-number", "CN1")

    assert done.exit_code == 0
    assert stub.received[0].body["execute"] is False
    assert "dry run" in done.stdout


def test_no_case_at_all_is_a_usage_error(run: Run, stub: StubGateway) -> None:
    done = run(*DELETE)

    assert done.exit_code == 2
    assert "no case is given" in done.stderr
    assert stub.received == []


def test_a_mixed_answer_exits_1_and_names_the_error(run: Run, stub: StubGateway) -> None:
    error = {"code": "case_not_found", "detail": "Case number CN2 not found", "retryable": False, "resumable": False}
    stub.replies = [Canned(207, envelope(result("CN1"), result("CN2", "failed", errors=[error]), status="partial"))]

    done = run(*DELETE, "--case-number", "CN1", "--case-number", "CN2")

    assert done.exit_code == 1
    assert "partial: 1 succeeded, 1 failed of 2" in done.stdout
    assert "case_not_found: Case number CN2 not found" in done.stdout


def test_a_single_failed_case_is_an_envelope_whatever_its_status_code(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(409, envelope(result("CN1", "failed"), status="failed"))]

    done = run(*DELETE, "--case-number", "CN1")

    assert done.exit_code == 1
    assert "failed: 1 failed of 1" in done.stdout


def test_an_unfinished_operation_is_followed_to_its_end(run: Run, stub: StubGateway) -> None:
    stub.replies = [
        accepted(result("CN1", "pending")),
        Canned(200, envelope(result("CN1", "pending"), status="running"), (("Retry-After", "0"),)),
        Canned(200, envelope(result("CN1"))),
    ]

    done = run(*DELETE, "--case-number", "CN1")

    assert done.exit_code == 0
    assert [(request.method, request.path) for request in stub.received[1:]] == [
        ("GET", f"/v1/operations/{OPERATION_ID}"),
        ("GET", f"/v1/operations/{OPERATION_ID}"),
    ]
    assert "succeeded: 1 succeeded of 1" in done.stdout


def test_async_returns_at_once_and_exits_0(run: Run, stub: StubGateway) -> None:
    stub.replies = [accepted(result("CN1", "pending"))]

    done = run(*DELETE, "--case-number", "CN1", "--async")

    assert done.exit_code == 0
    assert stub.received[0].headers["prefer"] == "respond-async"
    assert len(stub.received) == 1
    assert "running: 1 pending of 1" in done.stdout


def test_async_over_an_operation_that_has_failed_already_exits_1(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(409, envelope(result("CN1", "failed"), status="failed"))]

    assert run(*DELETE, "--case-number", "CN1", "--async").exit_code == 1


def test_patience_that_ends_exits_1_and_says_how_to_go_on(run: Run, stub: StubGateway) -> None:
    stub.replies = [accepted(result("CN1", "pending"))]

    done = run(*DELETE, "--case-number", "CN1", "--wait", "0")

    assert done.exit_code == 1
    assert stub.received[0].headers["prefer"] == "wait=0"
    assert f"gateway operations wait {OPERATION_ID}" in done.stderr


def test_a_scheduled_operation_is_not_followed_through_the_closed_hours(run: Run, stub: StubGateway) -> None:
    stub.replies = [accepted(result("CN1", "pending"), status="scheduled", not_before="2025-11-22T16:00:00Z")]

    done = run(*DELETE, "--case-number", "CN1")

    assert done.exit_code == 1
    assert "starts at 2025-11-22T16:00:00Z" in done.stdout


def test_wait_and_async_exclude_each_other(run: Run, stub: StubGateway) -> None:
    assert run(*DELETE, "--case-number", "CN1", "--async", "--wait", "5").exit_code == 2
    assert stub.received == []


def test_json_prints_the_answer_alone_on_standard_output(run: Run, stub: StubGateway) -> None:
    body = envelope(result("CN1"))
    stub.replies = [Canned(200, body)]

    done = run(*DELETE, "--case-number", "CN1", "--json")

    assert json.loads(done.stdout) == body


def test_a_key_is_made_printed_and_sent_when_none_is_given(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, envelope(result("CN1"))), Canned(200, envelope(result("CN1")))]

    first = run(*DELETE, "--case-number", "CN1")
    run(*DELETE, "--case-number", "CN1")

    keys = [request.headers["idempotency-key"] for request in stub.received]
    assert f"Idempotency-Key: {keys[0]}" in first.stderr
    assert keys[0] != keys[1]


def test_a_connection_that_breaks_after_sending_says_how_to_repeat_safely(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(0, None)]

    done = run(*DELETE, "--case-number", "CN1", "--idempotency-key", "night-1")

    assert done.exit_code == 2
    assert "It may have been accepted. Repeat it safely with: --idempotency-key night-1" in done.stderr
    assert len(stub.received) == 1


def test_a_gateway_that_is_not_there_exits_2_and_says_that_nothing_was_sent(run: Run) -> None:
    done = run(*DELETE, "--case-number", "CN1", "--url", "http://127.0.0.1:1")

    assert done.exit_code == 2
    assert "Nothing was sent." in done.stderr


def test_what_is_no_gateway_is_called_so(run: Run, stub: StubGateway) -> None:
    stub.replies = [Canned(200, "<html>welcome</html>", content_type="text/html")]

    done = run(*DELETE, "--case-number", "CN1")

    assert done.exit_code == 2
    assert "is no gateway" in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "exit_code", "hint"),
    [
        (422, "invalid_request", 2, ""),
        (401, "unauthenticated", 2, ""),
        (404, "not_found", 2, ""),
        (429, "quota_exceeded", 1, ""),
        (503, "overloaded", 1, ""),
        (503, "outside_opening_hours", 1, "With --async it is accepted, and waits."),
        (503, "acceptance_unknown", 1, "Repeat it safely with: --idempotency-key night-1"),
    ],
)
def test_a_refusal_is_told_with_its_code(
    run: Run, stub: StubGateway, status: int, code: str, exit_code: int, hint: str
) -> None:
    stub.replies = [problem(status, code, "For a reason.")]

    done = run(*DELETE, "--case-number", "CN1", "--idempotency-key", "night-1")

    assert done.exit_code == exit_code
    assert f"{status} {code}: For a reason." in done.stderr
    assert hint in done.stderr


def test_a_refusal_names_each_place(run: Run, stub: StubGateway) -> None:
    place = {"pointer": "/cases/0/caseNumber", "detail": "must not be empty"}
    stub.replies = [problem(422, "invalid_request", "The request is not valid.", (place,))]

    done = run(*DELETE, "--case-number", "")

    assert "/cases/0/caseNumber: must not be empty" in done.stderr


def test_a_refusal_is_json_too_if_asked_for(run: Run, stub: StubGateway) -> None:
    stub.replies = [problem(503, "overloaded", "Too much is queued.")]

    done = run(*DELETE, "--case-number", "CN1", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"] == "overloaded"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_of_case_numbers_has_one_a_line(
    run: Run, stub: StubGateway, tmp_path: Path, newline: str, mark: str
) -> None:
    stub.replies = [Canned(200, envelope(result("CN1"), result("2024/2")))]
    file = tmp_path / "cases.txt"
    file.write_bytes(f"{mark}CN1{newline}{newline}2024/2{newline}".encode())

    assert run(*DELETE, "--from-file", str(file)).exit_code == 0
    assert stub.received[0].body["cases"] == [{"caseNumber": "CN1"}, {"caseNumber": "2024/2"}]


def test_standard_input_may_hold_cases_as_the_api_takes_them(run: Run, stub: StubGateway) -> None:
    cases = [{"caseToken": "d1a72df4-f7d5-402c-a495-cc31b8b39a59", "requestId": "5f1c1c9e-6f0c-4f3c-9d38-0d5a3a0d4a11"}]
    stub.replies = [Canned(200, envelope(result("CN1")))]

    done = run(*DELETE, "--case-number", "CN1", "--case-token", "t-1", "--from-file", "-", input=json.dumps(cases))

    assert done.exit_code == 0
    assert stub.received[0].body["cases"] == [{"caseNumber": "CN1"}, {"caseToken": "t-1"}, *cases]


@pytest.mark.parametrize("content", [b"[1", b"\xff\xfe", b'["CN1"]x'])
def test_a_file_that_cannot_be_read_as_cases_sends_nothing(
    run: Run, stub: StubGateway, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "cases"
    file.write_bytes(content)

    assert run(*DELETE, "--from-file", str(file)).exit_code == 2
    assert stub.received == []


def test_a_file_that_is_not_there_is_a_usage_error(run: Run) -> None:
    assert "cannot read nowhere.txt" in run(*DELETE, "--from-file", "nowhere.txt").stderr


@pytest.mark.parametrize("key", ["", "two words", "ключ", "x" * 256])
def test_a_key_that_the_contract_does_not_allow_is_refused_before_sending(
    run: Run, stub: StubGateway, key: str
) -> None:
    assert run(*DELETE, "--case-number", "CN1", "--idempotency-key", key).exit_code == 2
    assert stub.received == []


def test_the_api_key_file_is_preferred_to_the_environment(run: Run, stub: StubGateway, tmp_path: Path) -> None:
    stub.replies = [Canned(200, envelope(result("CN1")))]
    file = tmp_path / "key"
    file.write_text("k-2\n")

    assert run(*DELETE, "--case-number", "CN1", "--api-key-file", str(file)).exit_code == 0
    assert stub.received[0].headers["x-api-key"] == "k-2"


@pytest.mark.parametrize("content", ["", "\n", "two words"])
def test_an_unusable_api_key_file_is_a_usage_error(run: Run, stub: StubGateway, tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)

    assert run(*DELETE, "--case-number", "CN1", "--api-key-file", str(file)).exit_code == 2
    assert stub.received == []


def test_the_tenant_is_one_segment_of_the_path(run: Run, stub: StubGateway) -> None:
    stub.replies = [problem(404, "not_found", "No such tenant.")]

    run("delete", "--tenant", "a/../b?c", "--dry-run", "--case-number", "CN1")

    assert stub.received[0].path == "/v1/tenants/a%2F..%2Fb%3Fc/case-deletions"
