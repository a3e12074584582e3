import subprocess
import sys

from click.testing import CliRunner

from gateway.cli.main import COMMANDS, main


def test_help_names_every_command_and_imports_none_of_them() -> None:
    code = (
        "import sys\nfrom gateway.cli.main import main\nmain(['--help'], standalone_mode=False)\n"
        "print('LOADED', sorted(name for name in sys.modules if name in {'httpx2', 'litestar', 'sqlalchemy', 'rich'}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert "LOADED []" in done.stdout
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["vanish"])

    assert done.exit_code == 2
    assert "No such command 'vanish'" in done.stderr


def test_every_command_explains_itself() -> None:
    for name in COMMANDS:
        done = CliRunner().invoke(main, [name, "--help"])
        assert done.exit_code == 0, name
        assert done.stdout.startswith("Usage: "), name
