"""Whatever breaks, the log says where, and no value with it: run in a process of its own."""

import json
import subprocess
import sys

import pytest

from gateway.errors import LedgerUnavailable
from gateway.telemetry.crashes import told

BEGINNING = "import asyncio, gc, logging, threading\nfrom gateway.telemetry import crashes, logs\nlogs.configure()\n"
BREAKING = {
    "nobody catches it": "{}['CN' + '10000']",
    "a thread meets it": """
thread = threading.Thread(target=lambda: {}['CN' + '10000'])
thread.start()
thread.join()""",
    "a task that nobody waits for meets it": """
async def work():
    {}['CN' + '10000']
async def main():
    asyncio.get_running_loop().set_exception_handler(crashes.log_of_loop)
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
asyncio.run(main())""",
    "it is logged": """
try:
    {}['CN' + '10000']
except KeyError:
    logging.getLogger("some").exception("broken")""",
}


@pytest.mark.parametrize("program", BREAKING.values(), ids=BREAKING)
def test_it_is_one_line_that_says_where_and_names_nothing(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGINNING + program], capture_output=True, text=True, check=False)  # noqa: S603

    [line] = done.stdout.splitlines()
    logged = json.loads(line)
    assert logged["exception"].endswith("KeyError: (text left out)")
    assert 'File "<string>"' in logged["exception"]
    assert "CN10000" not in done.stdout + done.stderr


def test_our_own_words_and_the_system_s_are_shown_with_what_caused_them() -> None:
    error = LedgerUnavailable("the disk is full")
    error.__cause__ = OSError(28, "CN1 does not fit")

    assert told(error) == (
        "gateway.errors.LedgerUnavailable: the disk is full\nbecause of\nOSError: No space left on device"
    )
