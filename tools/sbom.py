"""Completes an SBOM: which version of the gateway it is of, and which commit; its maker knows neither."""

import json
import sys
from pathlib import Path
from typing import Any


def completed(document: dict[str, Any], version: str, revision: str) -> dict[str, Any]:
    """`document`, a CycloneDX one, with version, package URL and commit of what it describes."""
    described = document["metadata"]["component"]
    about = {
        "version": version,
        "purl": f"pkg:generic/case-gateway@{version}",
        "properties": [{"name": "vcs.revision", "value": revision}],
    }
    metadata = {**document["metadata"], "component": {**described, **about}}
    return {**document, "metadata": metadata}


if __name__ == "__main__":
    path, *about = sys.argv[1:]
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    Path(path).write_text(json.dumps(completed(found, *about), indent=2) + "\n", encoding="utf-8")
