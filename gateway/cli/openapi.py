"""`gateway openapi`: the document that the code serves, as YAML."""

from pathlib import Path

import click
import yaml


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and repeated parts in full rather than as aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write; standard output if left out.",
)
def openapi(output: Path | None) -> None:
    """Write the OpenAPI document that the gateway serves, as YAML.

    It needs no configuration and calls nothing. openapi/gateway.yaml is this document; `make openapi` writes it.
    """
    # Imported here because it loads the whole web framework, which `gateway openapi --help` does not need.
    from gateway.http.openapi import document  # noqa: PLC0415

    text = yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
