"""A whole dashboard: panels, variables and the frame around them."""

from collections.abc import Sequence
from typing import Any

from observability.panels import DATASOURCE, Panel

UIDS = ("case-gateway-overview", "case-gateway-upstreams", "case-gateway-runtime")
TAG = "case-gateway"


def dashboard(
    uid: str, title: str, text: str, panels: Sequence[Panel], variables: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The JSON model that Grafana imports. Without an `id`: the uid is what stays the same."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": [TAG],
        "editable": False,
        "graphTooltip": 1,
        "links": [_links()],
        "panels": list(panels),
        "refresh": "30s",
        "schemaVersion": 39,
        "templating": {"list": [_datasource(), *variables]},
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "version": 1,
        "weekStart": "",
    }


def namespace() -> dict[str, Any]:
    """All, also where nothing has such a label."""
    return _variable("namespace", "Namespace", "label_values(gateway_build_info, namespace)", every=".*")


def job() -> dict[str, Any]:
    """All are those that the list holds: metrics of processes are not the gateway's alone."""
    return _variable("job", "Job", 'label_values(gateway_build_info{namespace=~"$namespace"}, job)')


def backend() -> dict[str, Any]:
    """The configured upstreams."""
    return _variable("backend", "Backend", _values("backend_info", "backend"), every=".*")


def tenant() -> dict[str, Any]:
    """The configured tenants."""
    return _variable("tenant", "Tenant", _values("cases_total", "tenant"), every=".*")


def _values(metric: str, label: str) -> str:
    return f'label_values(gateway_{metric}{{namespace=~"$namespace",job=~"$job"}}, {label})'


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "regex": "",
    }  # fmt: skip


def _variable(name: str, label: str, query: str, *, every: str | None = None) -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": "query", "datasource": DATASOURCE, "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "includeAll": True, "allValue": every, "multi": True, "hide": 0, "options": [], "refresh": 2,
        "regex": "", "sort": 1,
    }  # fmt: skip


def _links() -> dict[str, Any]:
    return {
        "title": "Case gateway", "type": "dashboards", "tags": [TAG], "asDropdown": False, "icon": "external link",
        "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": "",
    }  # fmt: skip
