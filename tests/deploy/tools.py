"""Programs that are not Python libraries: from the environment of the tests, `make tools`, or the machine."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY, TOOLS, NODE = (ROOT / ".cache" / name for name in ("policy", "tools", "node"))
LOCKS = {
    POLICY: ("bin", "requirements-policy.lock"),
    TOOLS: ("bin", "requirements-tools.lock"),
    NODE: ("node_modules/.bin", "tests/deploy/clients/package-lock.json"),
}
"""What `make tools` sets up: where the programs of each environment are, and which lock it is made of."""
Finished = subprocess.CompletedProcess[str]


def tool(name: str) -> str:
    """The path of a program; where there is none, or one of another lock than now, the test is skipped and says so."""
    for folder in (Path(sys.executable).parent, *ready()):
        if found := shutil.which(name, path=str(folder)):
            return found
    if found := shutil.which(name):
        return found
    pytest.skip(f"{name} is not installed here as it is locked (`make tools` installs what can be)")


@cache
def ready() -> tuple[Path, ...]:
    """Where the programs are of the environments that `make tools` has made of the locks as they are now.

    Were an older one taken, a target of make that needs it would set it up anew, from under whatever else is using it.
    """
    return tuple(made / programs for made, (programs, lock) in LOCKS.items() if is_of(made, ROOT / lock))


def is_of(environment: Path, lock: Path) -> bool:
    """Whether an environment was made of this lock."""
    return (environment / f".stamp-{succeed('git', 'hash-object', lock).strip()}").exists()


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
