"""The two servers as child processes: started, watched, and stopped in order."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
LAST_LINES = 20
GATEWAY = (sys.executable, "-m", "gateway")


class ChildDied(Exception):
    """A server ended on its own or never became ready; the text holds the last lines of its log."""


class Child:
    """`gateway <arguments>`, or another program, with its output in a log file.

    It runs in a session of its own, so that Ctrl-C reaches the demonstration alone, which then stops its children one
    after the other.
    """

    def __init__(self, name: str, arguments: list[str], log_file: Path, *, program: Sequence[str] = GATEWAY) -> None:
        self.name = name
        self.log_file = log_file
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*program, *arguments], stdout=log, stderr=log, start_new_session=True
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def demand_alive(self) -> None:
        """Raises ChildDied if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise ChildDied(
                f"The {self.name} ended with code {code}. The end of {self.log_file}:\n{self._last_lines()}"
            )

    def wait_until_ready(self, url: str) -> None:
        """Wait until `url` answers 200. Raises ChildDied if it ends before, or is not ready in time."""
        give_up = time.monotonic() + READY_SECONDS
        while not _answers(url):
            self.demand_alive()
            if time.monotonic() > give_up:
                raise ChildDied(
                    f"The {self.name} was not ready after {READY_SECONDS:.0f} seconds. The end of {self.log_file}:\n"
                    f"{self._last_lines()}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, and after ten seconds make it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_lines(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (empty)"


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=1.0, trust_env=False).is_success
    except httpx2.TransportError:
        return False
