from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import main


def test_a_configuration_that_cannot_be_used_names_every_fault_and_exits_2(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("server: {port: eighty}\nstore: {retention_days: -1}\n")

    done = CliRunner().invoke(main, ["serve", "--config", str(file)])

    assert done.exit_code == 2
    assert "server.port: " in done.stderr
    assert "store.retention_days: " in done.stderr


def test_the_configuration_is_found_through_the_environment(tmp_path: Path) -> None:
    done = CliRunner(env={"GATEWAY_CONFIG": str(tmp_path / "nowhere.yaml")}).invoke(main, ["serve"])

    assert done.exit_code == 2
    assert "nowhere.yaml" in done.stderr
