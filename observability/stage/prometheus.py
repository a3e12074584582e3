"""A Prometheus on loopback that scrapes a gateway every second, and questions to it."""

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import yaml
from msgspec import Struct

from examples.demo.processes import Child

SCRAPE = "1s"
JOB, NAMESPACE = "case-gateway", "stage"
PATIENCE_SECONDS = 45.0

SCRAPED = "count_over_time(gateway_build_info[1m]) > 1"
"""From here on whatever is counted is an increase. Prometheus begins to scrape some seconds after its start."""

VARIABLES = {
    "$__rate_interval": "15s",
    "$namespace": ".*",
    "$job": JOB,
    "$backend": ".*",
    "$tenant": ".*",
}
"""What Grafana would put in their place at this scrape interval."""


class Series(Struct, frozen=True):
    """One series of an answer: its labels, and its values over time."""

    labels: dict[str, str]
    values: list[tuple[float, float]]


class Prometheus:
    """Questions to its HTTP API. `began` is when it came up, Unix time."""

    def __init__(self, http: httpx2.Client) -> None:
        self.began = time.time()
        self._http = http

    def now(self, expression: str) -> list[Series]:
        """The value of an expression at this instant."""
        return [Series(each["metric"], [_sample(each["value"])]) for each in self._ask("query", query=expression)]

    def over(self, expression: str, began: float, ended: float, step: float) -> list[Series]:
        """The values of an expression from one instant to another (Unix time), every `step` seconds."""
        found = self._ask("query_range", query=expression, start=began, end=ended, step=step)
        return [Series(each["metric"], [_sample(value) for value in each["values"]]) for each in found]

    def shown(self, expression: str, began: float, ended: float, step: float) -> list[Series]:
        """The same of an expression with Grafana's variables."""
        return self.over(with_values(expression, ended - began), began, ended, step)

    def until(self, expression: str) -> None:
        """Wait until there is something that meets `expression`. Raises TimeoutError."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not self.now(expression):
            if time.monotonic() > give_up:
                message = f"in {PATIENCE_SECONDS:g} seconds Prometheus saw nothing of {expression}"
                raise TimeoutError(message)
            time.sleep(0.2)

    def exemplars(self, selector: str) -> list[dict[str, str]]:
        """The labels of every exemplar that was scraped."""
        parameters: dict[str, str | float] = {"query": selector, "start": self.began, "end": time.time()}
        answer = self._http.get("/api/v1/query_exemplars", params=parameters).json()
        return [each["labels"] for found in answer["data"] for each in found["exemplars"]]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health, as Prometheus evaluates it."""
        groups = self._http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _ask(self, what: str, **parameters: str | float) -> list[dict[str, Any]]:
        answer = self._http.get(f"/api/v1/{what}", params=parameters).json()
        if answer["status"] != "success":
            message = f"{answer['error']}: {parameters['query']}"
            raise ValueError(message)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


def with_values(expression: str, range_seconds: float) -> str:
    """An expression of a dashboard with values in place of Grafana's variables."""
    for name, value in {**VARIABLES, "$__range": f"{max(1, round(range_seconds))}s"}.items():
        expression = expression.replace(name, value)
    return expression


def start_prometheus(folder: Path, port: int, target: str, rules: Path, children: ExitStack) -> Prometheus:
    """Start one that scrapes `target` and evaluates `rules`; ends with `children`. Raises ChildDied."""
    program = shutil.which("prometheus")
    if program is None:
        message = "prometheus is not installed: apt-get install prometheus"
        raise FileNotFoundError(message)
    configuration = {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": JOB, "static_configs": [{"targets": [target], "labels": {"namespace": NAMESPACE}}]}
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    arguments = [
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    child = Child("Prometheus", arguments, folder / "prometheus.log", program=(program,))
    children.callback(child.stop)
    url = f"http://127.0.0.1:{port}"
    child.wait_until_ready(f"{url}/-/ready")
    return Prometheus(children.enter_context(httpx2.Client(base_url=url, timeout=30, trust_env=False)))


def _sample(pair: Any) -> tuple[float, float]:  # noqa: ANN401 - [time, "value"], as the API has it
    return float(pair[0]), float(pair[1])
