"""Panels of Grafana dashboards as plain dictionaries, and where they stand."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

Panel = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
WIDE = 12
"""From here on there is room for a legend beside the graph."""

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "#8e8e8e"

COLOURS = {
    "succeeded": GREEN,
    "partial": YELLOW,
    "failed": ORANGE,
    "unknown": PURPLE,
    "cancelled": GREY,
    "applied": GREEN,
    "written": GREEN,
    "refused": RED,
    "running": BLUE,
    "scheduled": "#6ea6e0",
    "200": GREEN,
    "not_sent": RED,
    "429": YELLOW,
    "503": GREY,
}
"""One colour for one word, on every panel."""

Step = tuple[str, float | None]


class Query(Struct, frozen=True):
    """One expression of a panel. `legend` may name labels: `{{backend}}`. `dashed`: a limit, not a measurement.

    `exemplars`: show the traces that the buckets hold.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    heatmap: bool = False
    dashed: bool = False
    exemplars: bool = False


def stat(
    title: str,
    text: str,
    query: Query,
    unit: str,
    steps: Sequence[Step],
    *,
    decimals: int | None = None,
    none: str = "0",
) -> Panel:
    """One figure, coloured by `steps`; `none` stands where there is no figure."""
    panel = _panel("stat", title, text, [query], unit)
    panel["fieldConfig"]["defaults"] |= {
        "thresholds": _thresholds(steps),
        "noValue": none,
        "color": {"mode": "thresholds"},
    }
    if decimals is not None:
        panel["fieldConfig"]["defaults"]["decimals"] = decimals
    panel["options"] = {
        "colorMode": "background_solid" if steps[0][0] != BLUE else "value",
        "graphMode": "none",
        "justifyMode": "center",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value",
    }
    return panel


def graph(
    title: str,
    text: str,
    queries: Sequence[Query],
    unit: str,
    *,
    stacked: bool = False,
    bars: bool = False,
    steps: Sequence[Step] = (),
) -> Panel:
    """Lines over time. With `steps`, lines are drawn where it gets serious."""
    panel = _panel("timeseries", title, text, queries, unit)
    custom: dict[str, Any] = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars or stacked else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
    }
    if steps:
        custom["thresholdsStyle"] = {"mode": "dashed"}
        panel["fieldConfig"]["defaults"]["thresholds"] = _thresholds(steps)
    panel["fieldConfig"]["defaults"] |= {"custom": custom, "min": 0, "color": {"mode": "palette-classic"}}
    panel["fieldConfig"]["overrides"] = [
        *(_colour(word, colour) for word, colour in COLOURS.items()),
        *(_dashed(query.legend) for query in queries if query.dashed),
    ]
    panel["options"] = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "right", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def counts(title: str, text: str, *queries: Query) -> Panel:
    """How many in each interval: stacked bars."""
    return graph(title, text, queries, "short", stacked=True, bars=True)


def timeline(title: str, text: str, queries: Sequence[Query], states: Sequence[tuple[str, str]]) -> Panel:
    """A band for each series; `states` are word and colour of the values 0, 1, 2 and so on."""
    panel = _panel("state-timeline", title, text, queries, "none")
    panel["fieldConfig"]["defaults"] |= {
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "mappings": _mappings(states),
        "color": {"mode": "thresholds"},
        "thresholds": _thresholds([(GREY, None)]),
    }
    panel["options"] = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single"},
    }
    return panel


def heatmap(title: str, text: str, query: Query, unit: str) -> Panel:
    """How many observations fell into each bucket; `query` has the label `le`."""
    panel = _panel("heatmap", title, text, [query], unit)
    panel["options"] = {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "mode": "scheme", "scheme": "Oranges", "steps": 64},
        "filterValues": {"le": 1e-9},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "unit": unit},
    }
    return panel


def table(
    title: str, text: str, query: Query, unit: str, steps: Sequence[Step], *, hidden: Sequence[str] = ()
) -> Panel:
    """A row for each series, as it stands now."""
    panel = _panel("table", title, text, [query], unit)
    panel["fieldConfig"]["defaults"] |= {
        "thresholds": _thresholds(steps),
        "color": {"mode": "thresholds"},
        "custom": {"align": "left", "cellOptions": {"type": "color-text"}},
    }
    panel["options"] = {"showHeader": True, "footer": {"show": False}}
    excluded = dict.fromkeys(("Time", *hidden), True)
    panel["transformations"] = [{"id": "organize", "options": {"excludeByName": excluded}}]
    return panel


def placed(rows: Sequence[tuple[str, int, Sequence[tuple[int, Panel]]]]) -> list[Panel]:
    """Every panel with its place and id: rows of (title, height, [(width, panel), ...]), from top to bottom."""
    panels: list[Panel] = []
    top = 0
    for title, height, row in rows:
        if title:
            panels.append(
                {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _at(0, top, COLUMNS, 1)}
            )
            top += 1
        left = 0
        for width, panel in row:
            if width < WIDE and "legend" in panel.get("options", {}):
                panel["options"]["legend"] |= {"placement": "bottom", "displayMode": "list"}
            panels.append(panel | {"gridPos": _at(left, top, width, height)})
            left += width
        top += height
    return [{"id": number, **panel} for number, panel in enumerate(panels, start=1)]


def _at(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _panel(kind: str, title: str, text: str, queries: Sequence[Query], unit: str) -> Panel:
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": DATASOURCE,
        "targets": [_target(query, chr(ord("A") + number)) for number, query in enumerate(queries)],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }


def _target(query: Query, ref: str) -> dict[str, Any]:
    return {
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "refId": ref,
        "format": "heatmap" if query.heatmap else ("table" if query.instant else "time_series"),
        "instant": query.instant,
        "range": not query.instant,
        "exemplar": query.exemplars,
    }


def _thresholds(steps: Sequence[Step]) -> dict[str, Any]:
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]}


def _mappings(states: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    options = {
        str(value): {"text": word, "color": colour, "index": value} for value, (word, colour) in enumerate(states)
    }
    return [{"type": "value", "options": options}]


def _colour(word: str, colour: str) -> dict[str, Any]:
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
    return {"matcher": {"id": "byName", "options": word}, "properties": [fixed]}


def _dashed(legend: str) -> dict[str, Any]:
    """Legends with labels are matched by what follows the label."""
    pattern = legend.replace("{{limits}}", ".*").replace("{{backend}}", ".*")
    return {
        "matcher": {"id": "byRegexp", "options": f"/^{pattern}$/"},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.stacking", "value": {"group": "B", "mode": "none"}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": RED}},
        ],
    }
