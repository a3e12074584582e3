"""What a scanner of policies finds, and why each finding is left as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import rendered, values
from tests.deploy.tools import run, tool

GATEWAY, CHECK, TEST = "gateway", "check", "test"
LEFT: dict[str, dict[str, str]] = {
    GATEWAY: {
        "CKV_K8S_11": "a limit on processor time delays calls that are under way; the request is what schedules",
        "CKV_K8S_15": "a released image never changes under its tag, and a pod must start without its registry",
        "CKV_K8S_43": "image.digest is the operator's, who pushed the image; the scenario `postgresql` gives one",
    },
    CHECK: {
        "CKV_K8S_11": "as for the gateway",
        "CKV_K8S_15": "as for the gateway",
        "CKV_K8S_43": "as for the gateway",
        "CKV2_K8S_6": "it opens no connection, and none is accepted: it reads files",
    },
    TEST: {
        "CKV_K8S_8": "it ends by itself within seconds",
        "CKV_K8S_9": "nobody sends it requests",
        "CKV_K8S_11": "as for the gateway",
        "CKV_K8S_15": "as for the gateway",
        "CKV_K8S_43": "as for the gateway",
        "CKV2_K8S_6": "an operator starts it; it asks the gateway two questions and listens to nobody",
    },
}
"""Findings by component, each with its reason."""
OF_SCENARIO: dict[str, dict[str, str]] = {
    "cluster-callers": {"CKV_K8S_35": "the operator's choice: `..._env` names a variable, `..._file` would be a mount"}
}
"""Further ones, of the gateway and of the check, which has the same environment."""
NOT_WITH_A_DIGEST = {"CKV_K8S_15", "CKV_K8S_43"}


def component(resource: str) -> str:
    """The component of `Kind.namespace.name`, or of a pod that the scanner names by its labels."""
    return next((part for part in (CHECK, TEST) if resource.endswith(f"-{part}") or f"-{part}." in resource), GATEWAY)


def findings(path: Path) -> dict[str, set[str]]:
    """The failed checks of each component."""
    # It would ask its maker's server for explanations of its findings.
    command = [tool("checkov"), "--file", str(path), "--framework", "kubernetes", "--output", "json", "--skip-download"]
    finished = run(*command, environ={"LOG_LEVEL": "CRITICAL", "PATH": "/usr/bin:/bin"})
    report: dict[str, Any] = json.loads(finished.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 50
    failed: dict[str, set[str]] = {}
    for each in report["results"]["failed_checks"]:
        failed.setdefault(component(each["resource"]), set()).add(each["check_id"])
    return failed


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "cluster-callers", "monitoring"])
def test_a_scanner_finds_what_is_known_and_nothing_else(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(rendered(values(name)), encoding="utf-8")

    known = {part: set(reasons) for part, reasons in LEFT.items()}
    for part in (GATEWAY, CHECK):
        known[part] |= set(OF_SCENARIO.get(name, ()))
    if name == "postgresql":
        known = {part: checks - NOT_WITH_A_DIGEST for part, checks in known.items()}
    assert findings(path) == known
