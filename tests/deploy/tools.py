"""Programs that are not Python libraries: from the environment of the tests, `make tools`, or the machine."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY, TOOLS, NODE = (ROOT / ".cache" / name for name in ("policy", "tools", "node"))
FOLDERS = (Path(sys.executable).parent, POLICY / "bin", TOOLS / "bin", NODE / "node_modules/.bin")
Finished = subprocess.CompletedProcess[str]


def tool(name: str) -> str:
    """The path of a program; where there is none, the test is skipped and says so."""
    for folder in FOLDERS:
        if found := shutil.which(name, path=str(folder)):
            return found
    if found := shutil.which(name):
        return found
    pytest.skip(f"{name} is not installed here (`make tools` installs what can be)")


def run(
    *command: str | Path, folder: Path = ROOT, environ: Mapping[str, str] | None = None, seconds: float = 300
) -> Finished:
    """Carry out a command to its end, and hold what it wrote."""
    return subprocess.run(  # noqa: S603 - commands of our own
        [str(word) for word in command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def succeed(
    *command: str | Path, folder: Path = ROOT, environ: Mapping[str, str] | None = None, seconds: float = 300
) -> str:
    """What a command wrote on standard output; it must exit 0."""
    finished = run(*command, folder=folder, environ=environ, seconds=seconds)
    assert finished.returncode == 0, f"{command}: exit {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout
