"""`gateway`: the group of commands. A command's module is imported when it is used, so that `serve` starts fast."""

from importlib import import_module
from typing import NamedTuple

import click

from gateway.version import __version__, revision


class Entry(NamedTuple):
    """Where a command is defined, and the line that `gateway --help` shows without importing it."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "serve": Entry("gateway.cli.serve", "serve", "Run the gateway until it is told to stop."),
    "check": Entry("gateway.cli.check", "check", "Say everything that is wrong with a configuration file."),
    "key": Entry("gateway.cli.key", "key", "Make an API key, and the hash to configure it by."),
    "sandbox": Entry("gateway.sandbox.command", "sandbox", "Serve imitations of the upstreams on loopback."),
    "audit": Entry("gateway.cli.audit", "audit", "Check the record of ended operations, export it, look it up."),
    "openapi": Entry("gateway.cli.openapi", "openapi", "Write the OpenAPI document that the gateway serves."),
    "delete": Entry("gateway.cli.delete", "delete", "Delete cases through a running gateway."),
    "remove": Entry("gateway.cli.remove", "remove", "Remove items from ECM cases through a running gateway."),
    "operations": Entry("gateway.cli.operations", "operations", "List, show, follow, cancel and retry operations."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command `cmd_name`, imported now; null if there is none."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands from their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway", message=f"%(prog)s, version %(version)s, revision {revision()}")
def main() -> None:
    """One durable, paced API in front of Hub Property, ClaimShop and Oracle ECM.

    Exit codes: 0, 1 (not all succeeded, or the check failed), 2 (usage, configuration, or no gateway to talk to).
    """
