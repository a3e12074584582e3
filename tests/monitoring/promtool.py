"""Prometheus' own tools, where they are installed (Debian: `apt-get install prometheus`; `.ci/run` does so)."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="prometheus is not installed: apt-get install prometheus",
)


def promtool(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What promtool says; fails the test if it finds fault."""
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run(  # noqa: S603 - a tool by its full path, with our own arguments
        [program, *map(str, arguments)], input=stdin, capture_output=True, check=False, timeout=60
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
