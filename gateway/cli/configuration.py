"""The option that names the configuration file."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="GATEWAY_CONFIG",
    default="gateway.yaml",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
