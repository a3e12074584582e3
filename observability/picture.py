"""A dashboard as an HTML page with the data of a Prometheus: what `make pictures` photographs. Not Grafana."""

import html
import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from observability.plot import COLOURS, Lines, bands, bars, cells, lines
from observability.stage.prometheus import Prometheus, Series

COLUMN_PIXELS, ROW_PIXELS, GAP_PIXELS = 66, 30, 8
WIDTH = 24 * COLUMN_PIXELS
POINTS = 160
LEGEND_PIXELS, LEGEND_ROWS, LINE_PIXELS = 245, 2, 17
TEN = 10
"""From here on, decimals say nothing."""

STYLE = """
body { margin: 0; background: #f4f5f5; font: 13px/1.35 "DejaVu Sans", sans-serif; color: #24292e; }
h1 { font-size: 19px; margin: 14px 12px 2px; } h1 + p { margin: 0 12px 8px; color: #666; font-size: 12px; }
.board { position: relative; } .panel, .row { position: absolute; box-sizing: border-box; }
.panel { background: #fff; border: 1px solid #dcdfe2; border-radius: 3px; overflow: hidden; }
.panel h2 { font-size: 12.5px; margin: 6px 9px 0; font-weight: 600; white-space: nowrap; }
.row { font-weight: 600; padding: 5px 4px; color: #444; }
.stat { display: flex; align-items: center; justify-content: center; height: 100%; font-size: 30px; font-weight: 600;
  color: #fff; } .stat.plain { color: #1f60c4; }
.stat + h2, .over { position: absolute; top: 0; left: 0; }
svg { display: block; } text { font-size: 10.5px; fill: #555; }
.legend { position: absolute; right: 8px; top: 28px; width: 232px; font-size: 10.5px; line-height: 1.5; }
.legend div { display: flex; gap: 5px; } .legend span:nth-child(2) { flex: 1; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; }
.below { padding: 0 10px; height: 34px; overflow: hidden; font-size: 10.5px; line-height: 17px; }
.below span { margin-right: 12px; white-space: nowrap; display: inline-block; }
.below i { display: inline-block; width: 11px; height: 3px; margin: 0 4px 3px 0; }
.legend i { width: 11px; height: 3px; margin-top: 6px; flex: none; }
table { margin: 8px 10px; border-collapse: collapse; font-size: 12px; } td { padding: 4px 14px 4px 0; }
"""


class Span(Struct, frozen=True):
    """From when to when, Unix time."""

    began: float
    ended: float

    @property
    def step(self) -> float:
        """Seconds between two points."""
        return max(1.0, (self.ended - self.began) / POINTS)


def page(dashboard: dict[str, Any], prometheus: Prometheus, span: Span) -> tuple[str, int]:
    """The page and its height in pixels."""
    parts = [_place(panel, _content(panel, prometheus, span)) for panel in dashboard["panels"]]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = rows * ROW_PIXELS + 70
    title, text = html.escape(dashboard["title"]), html.escape(dashboard["description"])
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1>{title}</h1><p>{text}</p>"
        f"<div class=board style='height:{rows * ROW_PIXELS}px'>{''.join(parts)}</div>"
    ), height


def _place(panel: dict[str, Any], content: str) -> str:
    at = panel["gridPos"]
    box = (
        f"left:{at['x'] * COLUMN_PIXELS + GAP_PIXELS // 2}px;top:{at['y'] * ROW_PIXELS}px;"
        f"width:{at['w'] * COLUMN_PIXELS - GAP_PIXELS}px;height:{at['h'] * ROW_PIXELS - GAP_PIXELS}px"
    )
    kind = "row" if panel["type"] == "row" else "panel"
    title = html.escape(panel["title"])
    if panel["type"] == "stat" and "background" in content:
        title = f"<span style='color:#fff'>{title}</span>"
    heading = title if kind == "row" else f"<h2 class='{'over' if panel['type'] == 'stat' else ''}'>{title}</h2>"
    return (
        f"<div class={kind} style='{box}'>{content}{heading}</div>"
        if panel["type"] == "stat"
        else (f"<div class={kind} style='{box}'>{heading}{content}</div>")
    )


def _content(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    draw = {"stat": _stat, "table": _table, "timeseries": _graph, "state-timeline": _timeline, "heatmap": _heatmap}
    return draw[panel["type"]](panel, prometheus, span) if panel["type"] in draw else ""


def _queried(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> list[tuple[str, Series]]:
    """Every series of a panel under its legend."""
    found = []
    for target in panel["targets"]:
        for series in prometheus.shown(target["expr"], span.began, span.ended, span.step):
            legend = target["legendFormat"]
            for label, value in series.labels.items():
                legend = legend.replace(f"{{{{{label}}}}}", value)
            found.append((legend, series))
    return found


def _inner(panel: dict[str, Any]) -> tuple[int, int]:
    at = panel["gridPos"]
    return at["w"] * COLUMN_PIXELS - GAP_PIXELS, at["h"] * ROW_PIXELS - GAP_PIXELS - 26


def _stat(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    values = [
        s.values[-1][1] for _, s in _queried(panel, prometheus, span) if span.ended - s.values[-1][0] <= 3 * span.step
    ]
    if not values or math.isnan(values[0]):
        return f"<div class='stat plain' style='font-size:18px'>{html.escape(defaults['noValue'])}</div>"
    text = shown(values[0], defaults["unit"], defaults.get("decimals"))
    if panel["options"]["colorMode"] == "value":
        return f"<div class='stat plain'>{text}</div>"
    colour = COLOURS.get(_step(defaults["thresholds"]["steps"], values[0]), "#888")
    return f"<div class=stat style='background:{colour}'>{text}</div>"


def _step(steps: Sequence[dict[str, Any]], value: float) -> str:
    return str([each["color"] for each in steps if each["value"] is None or value >= each["value"]][-1])


def _table(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    rows = []
    for _, series in _queried(panel, prometheus, span):
        value = series.values[-1][1]
        colour = COLOURS.get(_step(defaults["thresholds"]["steps"], value), "#333")
        name = html.escape(", ".join(series.labels.values()))
        rows.append(f"<tr><td>{name}<td style='color:{colour};font-weight:600'>{shown(value, defaults['unit'])}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _graph(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    fixed = {
        each["matcher"]["options"]: COLOURS.get(each["properties"][0]["value"].get("fixedColor", ""), "#888")
        for each in panel["fieldConfig"]["overrides"]
        if each["matcher"]["id"] == "byName"
    }
    found = [(name, one) for name, one in _queried(panel, prometheus, span) if not _all_nan(one)]
    dashed = {legend for legend, _ in found if legend.endswith((", cap", ", allowed", ", one window"))}
    steps = [each for each in defaults.get("thresholds", {}).get("steps", []) if each["value"] is not None]
    width, height = _inner(panel)
    beside = panel["options"]["legend"]["placement"] == "right"
    size = (width - LEGEND_PIXELS, height) if beside else (width, height - LEGEND_ROWS * LINE_PIXELS)
    drawn = Lines(found, span.began, span.ended, span.step, fixed, dashed, *size, beside)
    draw = bars if custom["drawStyle"] == "bars" else lines
    unit = defaults["unit"]
    return draw(drawn, steps, lambda value: shown(value, unit), stacked=custom["stacking"]["mode"] == "normal")


def _all_nan(series: Series) -> bool:
    return all(math.isnan(value) for _, value in series.values)


def _timeline(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    states = {int(value): (each["text"], COLOURS.get(each["color"], each["color"])) for value, each in options.items()}
    width, height = _inner(panel)
    return bands(_queried(panel, prometheus, span), states, span.began, span.ended, span.step, width, height)


def _heatmap(panel: dict[str, Any], prometheus: Prometheus, span: Span) -> str:
    width, height = _inner(panel)
    return cells(_queried(panel, prometheus, span), span.began, span.ended, span.step, width, height)


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """A value as people read it."""
    if math.isnan(value):
        return "-"
    if unit == "percentunit":
        return f"{100 * value:.3g} %" if decimals is None else f"{100 * value:.{decimals}f} %".replace(".0 %", " %")
    if unit in {"s", "dtdurations"}:
        return _duration(value)
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    suffix = {"reqps": "/s", "cpm": "/min"}.get(unit, "")
    return f"{value:,.0f}{suffix}" if value >= TEN or value == int(value) else f"{value:.2g}{suffix}"


def _duration(seconds: float) -> str:
    if abs(seconds) < 1:
        return f"{1_000 * seconds:.3g} ms" if seconds else "0 s"
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {word}"
    return f"{seconds:.3g} s"
