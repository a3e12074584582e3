"""Start the sandbox and the gateway, show them at work, and serve until Ctrl-C.

With `--once` or DEMO_ONCE=1 it ends after the calls: exit code 0 if every one was answered as it must be, else 1.
"""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from types import FrameType

import httpx2
from rich.console import Console

from examples.demo.plan import API_KEY, Plan, demand_free_ports, plan_from_environment, write_configuration
from examples.demo.processes import Child, ChildDied
from examples.demo.tour import Tour

SANDBOX_OPTIONS = ["--hours", "open", "--hub-rate", "20", "--hub-per-minute", "600", "--latency-seconds", "0.05"]
WATCH_SECONDS = 0.5


def main() -> int:
    """Run the demonstration; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description="The gateway at work.")
    parser.add_argument("--once", action="store_true", help="end after the calls (or DEMO_ONCE=1)")
    once = parser.parse_args().once or os.environ.get("DEMO_ONCE", "") not in {"", "0"}
    plan = plan_from_environment()
    demand_free_ports(plan)
    # Also Ctrl-C's own, which a shell has background jobs ignore.
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, _interrupt)
    console = Console()
    with ExitStack() as children:
        try:
            return _demonstrate(plan, console, children, once=once)
        except KeyboardInterrupt:
            console.print("\nStopping.")
            return 0
        except (ChildDied, httpx2.TransportError) as error:
            console.print(f"\n{error}", markup=False, highlight=False)
            return 1
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # stopping is bounded; a second Ctrl-C must not cut it short


def _demonstrate(plan: Plan, console: Console, children: ExitStack, *, once: bool) -> int:
    started = _start(plan, children)
    console.print(f"sandbox  {plan.sandbox_url}\ngateway  {plan.url}\nlogs     {plan.directory}", highlight=False)

    def demand_alive() -> None:
        for child in started:
            child.demand_alive()

    tour = Tour(plan, console, demand_alive)
    tour.run()
    if once:
        return 1 if tour.failures else 0
    console.print(_closing_words(plan), markup=False, highlight=False, soft_wrap=True)
    while True:
        demand_alive()
        time.sleep(WATCH_SECONDS)


def _start(plan: Plan, children: ExitStack) -> tuple[Child, ...]:
    plan.directory.mkdir(parents=True, exist_ok=True)
    sandbox_arguments = ["sandbox", "--port", str(plan.sandbox_port), "--keys-dir", str(plan.keys_directory)]
    sandbox = Child("sandbox", sandbox_arguments + SANDBOX_OPTIONS, plan.directory / "sandbox.log")
    children.callback(sandbox.stop)
    sandbox.wait_until_ready(f"{plan.sandbox_url}/healthz")
    write_configuration(plan, datetime.now(UTC))
    gateway = Child("gateway", ["serve", "--config", str(plan.config_file)], plan.directory / "gateway.log")
    children.callback(gateway.stop)
    gateway.wait_until_ready(f"{plan.url}/readyz")
    return sandbox, gateway


def _closing_words(plan: Plan) -> str:
    key = f"-H 'X-API-Key: {API_KEY}'"
    body = """-H 'Content-Type: application/json' -d '{"execute": false, "cases": [{"caseNumber": "CN10000"}]}'"""
    return f"""
The gateway goes on serving until Ctrl-C.
  {plan.url}/docs       the API
  {plan.url}/metrics    what it counts
  {plan.sandbox_url}/           the sandbox: magic identifiers, switches, history

Try:
  curl -s {key} {body} {plan.url}/v1/tenants/acme-dk/case-deletions
  curl -s {key} '{plan.url}/v1/operations?limit=3'
  curl -s {key} {plan.url}/v1/tenants/acme-night
"""


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
