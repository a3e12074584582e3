"""``gateway sandbox``: the upstreams on loopback, until Ctrl-C."""

from pathlib import Path
from typing import Any

import click

from gateway.sandbox.app import Sandbox, build
from gateway.sandbox.certificates import CERTIFICATE_FILE, KEY_FILE, BadCertificate
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import PortTaken, listen, serve
from gateway.sandbox.switches import ClaimShopSwitches, HubSwitches, Switches, SystemSwitches, TokenSwitches

DEFAULT_PORT = 9080
HOURS = click.Choice(["documented", "open", "closed"])
LIMIT = click.IntRange(min=0)
CERTIFICATE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--hub-rate", default=5, show_default=True, type=LIMIT, help="Hub Property's calls a second; 0: no limit."
)
@click.option("--hub-per-minute", default=100, show_default=True, type=LIMIT, help="Likewise a minute; 0: no limit.")
@click.option("--claimshop-cap", default=5, show_default=True, type=LIMIT, help="Simultaneous calls; 0: no limit.")
@click.option("--hours", default="documented", show_default=True, type=HOURS, help="16:00 to 08:00 UTC is documented.")
@click.option(
    "--latency-seconds", default=0.0, show_default=True, type=click.FloatRange(0, 86_400), help="Of each call."
)
@click.option("--strict", is_flag=True, help="Only cases that were seeded exist.")
@click.option("--no-token", is_flag=True, help="Hub Property and ClaimShop want no token.")
@click.option("--token-seconds", default=3600, show_default=True, type=LIMIT, help="Lifetime of a token.")
@click.option(
    "--keys-dir", type=click.Path(file_okay=False, path_type=Path), help="Where tls.key and tls.crt are made."
)
@click.option("--certificate", "certificates", multiple=True, type=CERTIFICATE, help="A further one to register (PEM).")
@click.option("--client-id", default="acme", show_default=True)
@click.option("--client-secret", default="sandbox-secret", show_default=True, help="Empty: none is accepted.")
@click.option("--audience", "audiences", multiple=True, help="Accepted 'aud'; else the token URL as called.")
@click.option("--ecm-auth", default="basic", show_default=True, type=click.Choice(["none", "basic", "bearer"]))
@click.option("--ecm-username", default="gateway", show_default=True)
@click.option("--ecm-password", default="sandbox", show_default=True)
@click.option("--ecm-token", default="sandbox-token", show_default=True)
@click.option("--history-entries", default=200_000, show_default=True, type=click.IntRange(min=1))
def sandbox(host: str, port: int, **options: Any) -> None:  # noqa: ANN401 - click's, each with a type of its own
    """Serve Hub Property, ClaimShop, their token endpoint and Oracle ECM, all of them made up.

    GET / on the address it prints tells the rest.
    """
    try:
        app = build(_options(options))
        listener = listen(host, port)
    except PortTaken as taken:
        _stop(f"{taken.strerror}. Choose another with --port, or let one be chosen with --port 0.")
    except (BadCertificate, OSError) as error:
        _stop(str(error))
    else:
        _announce(app, host, listener.getsockname()[1])
        serve(app, listener)


def _options(options: dict[str, Any]) -> SandboxOptions:
    return SandboxOptions(
        keys_dir=options["keys_dir"],
        certificates=options["certificates"],
        client_id=options["client_id"],
        client_secret=options["client_secret"] or None,
        audiences=options["audiences"] or None,
        require_token=not options["no_token"],
        ecm_auth=options["ecm_auth"],
        ecm_username=options["ecm_username"],
        ecm_password=options["ecm_password"],
        ecm_token=options["ecm_token"],
        history_entries=options["history_entries"],
        switches=_switches(options),
    )


def _switches(options: dict[str, Any]) -> Switches:
    hours, latency = options["hours"], options["latency_seconds"]
    hub_rate, hub_per_minute = options["hub_rate"] or None, options["hub_per_minute"] or None
    return Switches(
        hub=HubSwitches(hours=hours, latency_seconds=latency, per_second=hub_rate, per_minute=hub_per_minute),
        claimshop=ClaimShopSwitches(
            hours=hours, latency_seconds=latency, simultaneous=options["claimshop_cap"] or None
        ),
        ecm=SystemSwitches(latency_seconds=latency),
        token=TokenSwitches(lifetime_seconds=options["token_seconds"]),
        strict=options["strict"],
    )


def _announce(app: Sandbox, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"The sandbox is on http://{shown}:{port} (GET / tells what is there). Ctrl-C ends it.")
    keys_dir = app.state.options.keys_dir
    if keys_dir is not None:
        click.echo(f"Client {app.state.options.client_id}: {keys_dir / KEY_FILE}, {keys_dir / CERTIFICATE_FILE}")


def _stop(message: str) -> None:
    click.echo(f"gateway sandbox: {message}", err=True)
    raise SystemExit(2)
