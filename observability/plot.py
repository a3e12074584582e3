"""Series as SVG: lines, bars, bands and cells."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from observability.stage.prometheus import Series

COLOURS = {
    "green": "#3f9c46", "yellow": "#e0a800", "orange": "#e8731a", "red": "#d22f3f", "blue": "#2f6fd0",
    "purple": "#8f3bb8",
}  # fmt: skip
PALETTE = (
    "#2f6fd0", "#e8731a", "#3f9c46", "#8f3bb8", "#d22f3f", "#12939a", "#b5a300", "#e377c2", "#7f6a4f", "#5f7ec0",
)  # fmt: skip
LEFT, BOTTOM, TOP = 58, 18, 8
TICKS = 4

Named = Sequence[tuple[str, Series]]


class Lines(Struct, frozen=True):
    """What is to be drawn: series with legends, over which time, in which colours and how large."""

    series: Named
    began: float
    ended: float
    step: float
    fixed: Mapping[str, str]
    dashed: set[str]
    width: int
    height: int
    beside: bool = True
    """Whether the legend stands beside the graph, or below it."""

    def colour(self, number: int, legend: str) -> str:
        """The word's own colour, or the next of the palette."""
        if legend in self.dashed:
            return COLOURS["red"]
        return self.fixed.get(legend, PALETTE[number % len(PALETTE)])

    def x(self, instant: float) -> float:
        """Where an instant stands."""
        return LEFT + (instant - self.began) / (self.ended - self.began) * (self.width - LEFT - 8)


def lines(drawn: Lines, steps: Sequence[dict[str, Any]], text: Callable[[float], str], *, stacked: bool) -> str:
    """A line for each series, or filled ones on top of each other."""
    base = dict[float, float]()
    shapes, top = [], _top(drawn, steps, stacked=stacked)
    for number, (legend, series) in enumerate(drawn.series):
        colour = drawn.colour(number, legend)
        for run in _runs(series, drawn.step):
            lower = [(t, base.get(round(t), 0.0) if stacked else 0.0) for t, _ in run]
            upper = [(t, v + low) for (t, v), (_, low) in zip(run, lower, strict=True)]
            if legend not in drawn.dashed:
                area = _points(drawn, [*upper, *reversed(lower)], top)
                opacity = 0.55 if stacked else 0.07
                shapes.append(f"<polygon points='{area}' fill='{colour}' fill-opacity='{opacity}'/>")
            dash = "stroke-dasharray='7 5'" if legend in drawn.dashed else ""
            shapes.append(
                f"<polyline points='{_points(drawn, upper, top)}' fill=none stroke='{colour}' stroke-width=1.6 {dash}/>"
            )
            if stacked:
                base.update({round(t): v for t, v in upper})
    return _framed(drawn, steps, text, top, shapes)


def bars(drawn: Lines, steps: Sequence[dict[str, Any]], text: Callable[[float], str], *, stacked: bool) -> str:
    """Bars on top of each other at every instant."""
    base = dict[float, float]()
    shapes, top = [], _top(drawn, steps, stacked=stacked)
    wide = max(1.5, (drawn.width - LEFT) * drawn.step / (drawn.ended - drawn.began) - 0.6)
    for number, (legend, series) in enumerate(drawn.series):
        colour = drawn.colour(number, legend)
        for t, v in series.values:
            if v > 0:
                low = base.get(round(t), 0.0)
                base[round(t)] = low + v
                y, tall = _y(drawn, low + v, top), v / top * (drawn.height - BOTTOM - TOP)
                at = f"x='{drawn.x(t) - wide / 2:.1f}' y='{y:.1f}' width='{wide:.1f}' height='{tall:.1f}'"
                shapes.append(f"<rect {at} fill='{colour}' fill-opacity=.85 />")
    return _framed(drawn, steps, text, top, shapes)


def bands(
    series: Named,
    states: Mapping[int, tuple[str, str]],
    began: float,
    ended: float,
    step: float,
    width: int,
    height: int,
) -> str:
    """A band for each series, coloured by its state."""
    left = 110
    tall = min(34.0, (height - BOTTOM - 28) / max(1, len(series)))
    shapes = []
    for number, (legend, one) in enumerate(series):
        y = TOP + number * tall
        shapes.append(f"<text x={left - 8} y='{y + tall / 2 + 4:.0f}' text-anchor=end>{html.escape(legend)}</text>")
        for t, v in one.values:
            x = left + (t - began) / (ended - began) * (width - left - 8)
            wide = step / (ended - began) * (width - left - 8) + 0.6
            shapes.append(
                f"<rect x='{x:.1f}' y='{y + 2:.0f}' width='{wide:.1f}' height='{tall - 4:.0f}'"
                f" fill='{states.get(int(v), ('', '#888'))[1]}'/>"
            )
    apart = min(250, (width - left) // len(states))
    words = "".join(
        f"<rect x='{left + apart * n}' y='{height - 19}' width=11 height=11 fill='{colour}'/>"
        f"<text x='{left + apart * n + 16}' y='{height - 9}'>{html.escape(word)}</text>"
        for n, (word, colour) in enumerate(states.values())
    )
    return f"<svg width={width} height={height}>{''.join(shapes)}{words}</svg>"


def cells(series: Named, began: float, ended: float, step: float, width: int, height: int) -> str:
    """A heatmap of a cumulative histogram: a row for each bucket."""
    ordered = sorted(series, key=lambda pair: float(pair[1].labels["le"].replace("+Inf", "inf")))
    below: dict[float, float] = {}
    rows = []
    for legend, one in ordered:
        rows.append((legend, {t: max(0.0, v - below.get(t, 0.0)) for t, v in one.values}))
        below = dict(one.values)
    most = max((value for _, row in rows for value in row.values()), default=1.0) or 1.0
    tall = (height - BOTTOM - TOP) / max(1, len(rows))
    wide = step / (ended - began) * (width - LEFT - 8)
    shapes = []
    for number, (legend, row) in enumerate(rows):
        y = height - BOTTOM - (number + 1) * tall
        shapes.append(f"<text x={LEFT - 6} y='{y + tall / 2 + 4:.0f}' text-anchor=end>{legend}</text>")
        for t, value in row.items():
            if value > 0:
                x = LEFT + (t - began) / (ended - began) * (width - LEFT - 8)
                opacity = 0.15 + 0.85 * math.sqrt(value / most)
                at = f"x='{x:.1f}' y='{y + 1:.1f}' width='{wide:.1f}' height='{tall - 1.5:.1f}'"
                shapes.append(f"<rect {at} fill='#e8731a' fill-opacity='{opacity:.2f}'/>")
    frame = Lines(series, began, ended, step, {}, set(), width, height)
    return f"<svg width={width} height={height}>{''.join(shapes)}{_times(frame)}</svg>"


def _framed(
    drawn: Lines, steps: Sequence[dict[str, Any]], text: Callable[[float], str], top: float, shapes: Sequence[str]
) -> str:
    grid = []
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        y = _y(drawn, value, top)
        grid.append(f"<line x1={LEFT} x2={drawn.width - 8} y1='{y:.1f}' y2='{y:.1f}' stroke='#e6e8ea'/>")
        grid.append(f"<text x={LEFT - 6} y='{y + 4:.1f}' text-anchor=end>{text(value)}</text>")
    marks = [
        f"<line x1={LEFT} x2={drawn.width - 8} y1='{_y(drawn, step['value'], top):.1f}'"
        f" y2='{_y(drawn, step['value'], top):.1f}' stroke='{COLOURS[step['color']]}' stroke-dasharray='4 4'/>"
        for step in steps
        if step["value"] <= top
    ]
    inside = "".join((*grid, *shapes, *marks, _times(drawn)))
    return f"<svg width={drawn.width} height={drawn.height}>{inside}</svg>{_legend(drawn, text)}"


def _legend(drawn: Lines, text: Callable[[float], str]) -> str:
    if not drawn.beside:
        words = (
            f"<span><i style='background:{drawn.colour(number, legend)}'></i>{html.escape(legend)}</span>"
            for number, (legend, _) in enumerate(drawn.series)
        )
        return f"<div class=below>{''.join(words)}</div>"
    entries = []
    for number, (legend, series) in enumerate(drawn.series):
        values = [value for _, value in series.values if not math.isnan(value)]
        last, most = (text(values[-1]), text(max(values))) if values else ("-", "-")
        colour = drawn.colour(number, legend)
        entries.append(
            f"<div><i style='background:{colour}'></i><span>{html.escape(legend)}</span><span>{last}</span>"
            f"<span style='color:#888;min-width:46px;text-align:right'>{most}</span></div>"
        )
    right = "min-width:46px;text-align:right"
    head = f"<div style='color:#888'><i></i><span></span><span>last</span><span style='{right}'>max</span></div>"
    room = max(1, int((drawn.height - 24) / 15.75))
    more = (
        [f"<div style='color:#888'><i></i><span>and {len(entries) - room} more</span></div>"]
        if len(entries) > room
        else []
    )
    return f"<div class=legend>{head}{''.join(entries[:room])}{''.join(more)}</div>"


def _times(drawn: Lines) -> str:
    marks = []
    for tick in range(5):
        instant = drawn.began + (drawn.ended - drawn.began) * tick / 4
        word = datetime.fromtimestamp(instant, UTC).strftime("%H:%M:%S")
        anchor = ("start", "middle", "middle", "middle", "end")[tick]
        marks.append(f"<text x='{drawn.x(instant):.0f}' y='{drawn.height - 4}' text-anchor={anchor}>{word}</text>")
    return "".join(marks)


def _top(drawn: Lines, steps: Sequence[dict[str, Any]], *, stacked: bool) -> float:
    """A round number over everything; thresholds count where they are near."""
    totals: dict[float, float] = {}
    most = 0.0
    for _, series in drawn.series:
        for t, v in series.values:
            if not math.isnan(v):
                totals[round(t)] = totals.get(round(t), 0.0) + v if stacked else max(totals.get(round(t), 0.0), v)
    most = max(totals.values(), default=0.0)
    near = [float(step["value"]) for step in steps if step["value"] <= 2 * most]
    most = max([most, *near]) * 1.05 or 1.0
    power = 10 ** math.floor(math.log10(most))
    return float(next(power * nice for nice in (1, 1.2, 1.6, 2, 4, 6, 8, 10) if power * nice >= most))


def _runs(series: Series, step: float) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[float, float]]] = []
    for t, v in series.values:
        if math.isnan(v):
            continue
        if runs and t - runs[-1][-1][0] < 1.5 * step:
            runs[-1].append((t, v))
        else:
            runs.append([(t, v)])
    return runs


def _y(drawn: Lines, value: float, top: float) -> float:
    return drawn.height - BOTTOM - value / top * (drawn.height - BOTTOM - TOP)


def _points(drawn: Lines, points: Sequence[tuple[float, float]], top: float) -> str:
    return " ".join(f"{drawn.x(t):.1f},{_y(drawn, v, top):.1f}" for t, v in points)
