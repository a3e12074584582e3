"""How the command line shows who calls."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.unit.cli.conftest import Run
from tests.unit.cli.stub_gateway import OPERATION_ID, PATH, Canned, StubGateway, accepted, envelope, result

LIST = ("operations", "list", "--tenant", "acme-dk")
SHOWN = ("x-api-key", "authorization")
PAGE = Canned(200, {"items": [], "nextCursor": None})


def shown(stub: StubGateway) -> list[dict[str, str]]:
    """The credentials of each request."""
    return [{name: it.headers[name] for name in SHOWN if name in it.headers} for it in stub.received]


@pytest.fixture
def bare(stub: StubGateway, run: Run) -> CliRunner:
    """Without a key in the environment."""
    del run  # which has cleared the environment
    stub.replies = [PAGE]
    return CliRunner(env={"GATEWAY_URL": stub.url})


def test_a_token_file_is_sent_as_a_bearer_token_and_the_environment_s_key_is_not(
    run: Run, stub: StubGateway, tmp_path: Path
) -> None:
    stub.replies = [PAGE]
    file = tmp_path / "token"
    file.write_text("aaa.bbb-_.ccc\n")

    assert run(*LIST, "--token-file", str(file)).exit_code == 0
    assert shown(stub) == [{"authorization": "Bearer aaa.bbb-_.ccc"}]


def test_a_token_may_be_in_the_environment(bare: CliRunner, stub: StubGateway) -> None:
    assert bare.invoke(main, LIST, env={"GATEWAY_TOKEN": "a.b.c"}).exit_code == 0
    assert shown(stub) == [{"authorization": "Bearer a.b.c"}]


def test_without_either_nothing_is_shown(bare: CliRunner, stub: StubGateway) -> None:
    assert bare.invoke(main, LIST, env={"GATEWAY_TOKEN": "", "GATEWAY_API_KEY": " "}).exit_code == 0
    assert shown(stub) == [{}]


def test_a_token_that_is_replaced_while_an_operation_is_followed_is_picked_up(
    run: Run, stub: StubGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Projected tokens live for minutes, and operations may wait for a night."""
    stub.replies = [accepted(result("CN1", "pending")), Canned(200, envelope(result("CN1")))]
    file = tmp_path / "token"
    file.write_text("first")

    def rotate(_seconds: float) -> None:
        file.write_text("second")

    monkeypatch.setattr(time, "sleep", rotate)
    done = run("delete", "--tenant", "acme-dk", "--execute", "--case-number", "CN1", "--token-file", str(file))

    assert done.exit_code == 0
    assert shown(stub) == [{"authorization": "Bearer first"}, {"authorization": "Bearer second"}]


def test_a_token_that_cannot_be_read_for_a_moment_is_waited_for(
    run: Run, stub: StubGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.replies = [accepted(result("CN1", "pending")), Canned(200, envelope(result("CN1")))]
    file = tmp_path / "token"
    file.write_text("first")
    contents = iter(["", "second"])
    monkeypatch.setattr(time, "sleep", lambda _seconds: file.write_text(next(contents)))

    done = run("operations", "wait", OPERATION_ID, "--token-file", str(file))

    assert done.exit_code == 0
    assert [it.path for it in stub.received] == [PATH, PATH]
    assert shown(stub)[1] == {"authorization": "Bearer second"}


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\u0000b", "t\u00f8ken", "a\nb"], ids=repr)
def test_an_unusable_token_file_is_a_usage_error(run: Run, stub: StubGateway, tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)

    done = run(*LIST, "--token-file", str(file))

    assert (done.exit_code, stub.received) == (2, [])
    assert str(file) in done.stderr
    assert not content.strip() or content not in done.output


def test_two_files_exclude_each_other(run: Run, stub: StubGateway, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("k")

    done = run(*LIST, "--token-file", str(file), "--api-key-file", str(file))

    assert (done.exit_code, stub.received) == (2, [])
    assert "exclude each other" in done.stderr


def test_two_variables_exclude_each_other(bare: CliRunner, stub: StubGateway) -> None:
    done = bare.invoke(main, LIST, env={"GATEWAY_TOKEN": "t", "GATEWAY_API_KEY": "k"})

    assert (done.exit_code, stub.received) == (2, [])
    assert "exclude each other" in done.stderr


def test_no_option_takes_the_secret_itself() -> None:
    """Arguments stand in the list of processes and in the shell's history."""
    for command in (("delete",), ("remove", "customers"), ("operations", "list"), ("operations", "wait")):
        text = CliRunner().invoke(main, [*command, "--help"]).output
        assert "--token-file FILE" in text
        assert "--token " not in text
        assert "--api-key " not in text
