"""`gateway check`: everything that is wrong with a configuration file, or what it sets up."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.configuration import config_option
from gateway.config import load
from gateway.config.notes import notes
from gateway.config.schema import schema as configuration_schema
from gateway.config.settings import Audit, BackendSettings, Caller, Limits, Route, Settings, Tenant
from gateway.errors import ConfigurationError
from gateway.model.kinds import Kind
from gateway.telemetry import otlp


@click.command()
@config_option
@click.option("--schema", is_flag=True, help="Write the JSON Schema of the file, for editors, and read nothing.")
def check(config: Path, *, schema: bool) -> None:
    """Say everything that is wrong with a configuration file, or what it sets up.

    Files and variables that it points to are read too, and keys and certificates compared; none is shown. Exits 0 if
    the gateway could start with it, 1 with one line for each fault if not.
    """
    if schema:
        click.echo(json.dumps(configuration_schema(), indent=2, ensure_ascii=False))
        return
    try:
        settings = load(config, os.environ)
        otlp.wanted(os.environ)
    except ConfigurationError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        raise SystemExit(1) from error
    for line in _summary(settings):
        click.echo(line)


def _summary(settings: Settings) -> Iterator[str]:
    yield f"{settings.path}: no faults"
    yield from _list("backends", (_backend(backend) for backend in settings.backends.values()))
    yield from _list("tenants", (_tenant(tenant) for tenant in settings.tenants.values()))
    yield from _list("callers", (_caller(caller) for caller in settings.callers.values()))
    yield from _list("receipts", _receipts(settings.audit))
    yield from _list("without effect", notes(settings))


def _receipts(audit: Audit) -> Iterator[str]:
    if audit.key_file is None:
        yield "sealed with a key that the ledger keeps: who can write the ledger can forge them; give audit.key_file"
    else:
        yield "sealed with audit.key_file"
    if audit.checkpoint_file is None:
        yield "no checkpoints: nobody notices if the end of their chain is cut off; give audit.checkpoint_key_file"
    else:
        yield f"signed every {audit.checkpoint_minutes:g} minutes into {audit.checkpoint_file}"


def _list(title: str, lines: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    found = list(lines)
    yield f"{title}:" if found else f"{title}: none"
    yield from (f"  {line}" for line in found)


def _backend(backend: BackendSettings) -> str:
    hours = backend.hours
    opening = f"open {hours.opens:%H:%M} to {hours.closes:%H:%M} {hours.timezone}" if hours else "always open"
    return f"{backend.name}: {backend.system} at {backend.base_url}, {opening}, {_pace(backend.limits)}"


def _pace(limits: Limits) -> str:
    parts = {"a second": limits.per_second, "a minute": limits.per_minute, "in flight": limits.max_in_flight}
    given = ", ".join(f"{number} {unit}" for unit, number in parts.items() if number is not None)
    return f"limits {limits.name} ({given or 'none'})"


def _tenant(tenant: Tenant) -> str:
    routes = {"deletions": tenant.cases, "removals": tenant.ecm}
    return f"{tenant.name}: " + ", ".join(f"{what} by {_route(route)}" for what, route in routes.items() if route)


def _route(route: Route) -> str:
    return f"{route.backend} as {route.tenant}" if route.tenant else route.backend


def _caller(caller: Caller) -> str:
    operations = "every operation" if caller.operations == set(Kind) else ", ".join(sorted(caller.operations))
    mode = "executes" if caller.execute else "dry runs only"
    return f"{caller.name}: {mode}; {operations}; {', '.join(sorted(caller.tenants))}"
