"""`gateway serve`: read the configuration, and run until told to stop."""

import os
import signal
from pathlib import Path

import click

from gateway.cli.configuration import config_option
from gateway.errors import ConfigurationError, LedgerError


@click.command()
@config_option
def serve(config: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C, which let calls in flight finish and leave what is queued.

    Exits 2 if the configuration or the ledger cannot be used; `gateway check` says the same without starting.
    """
    # Whoever is told to stop while it loads has nothing to finish. An exception would be lost where the interpreter
    # passes over any, as in the callbacks of its own imports: then the process would go on as if nothing had been said.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    # Imported here because it loads every part of the gateway, which `gateway serve --help` does not need.
    from gateway import app  # noqa: PLC0415
    from gateway.config import load  # noqa: PLC0415

    try:
        app.serve(load(config, os.environ), os.environ)
    except (ConfigurationError, LedgerError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from error
