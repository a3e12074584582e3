from pathlib import Path

import yaml
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.http.openapi import document


def test_the_document_is_written_as_yaml_to_standard_output() -> None:
    done = CliRunner().invoke(main, ["openapi"])

    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout) == document()


def test_a_file_gets_the_same_text(tmp_path: Path) -> None:
    file = tmp_path / "new" / "gateway.yaml"

    assert CliRunner().invoke(main, ["openapi", "--output", str(file)]).exit_code == 0
    assert file.read_text(encoding="utf-8") == CliRunner().invoke(main, ["openapi"]).stdout
