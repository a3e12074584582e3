"""What docs/traces.md says of the chart."""

import re
from pathlib import Path

from gateway.telemetry.otlp import wanted
from tests.deploy.chart import objects, values
from tests.deploy.tools import ROOT


def test_the_values_for_traces_switch_them_on_and_let_them_out(tmp_path: Path) -> None:
    [block] = re.findall(r"<!-- values: .* -->\n```yaml\n(.*?)```", (ROOT / "docs/traces.md").read_text(), re.DOTALL)
    (tmp_path / "traces.yaml").write_text(block, encoding="utf-8")
    made = {each["kind"]: each for each in objects(values("closed-network"), tmp_path / "traces.yaml")}

    environ = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert wanted({each["name"]: each["value"] for each in environ}) == (
        "http://collector.observability:4318/v1/traces"
    )
    assert {"port": 4318, "protocol": "TCP"} in made["NetworkPolicy"]["spec"]["egress"][-1]["ports"]
