"""Plots as inline SVG that fits any width without a script.

Positions are percentages of the panel, sizes are pixels: text keeps its size and circles stay round on a phone and on
a poster. Lines need numbers, not percentages, so they live in a nested SVG that is stretched while its strokes are not.
Colours come from the page's style sheet, so one drawing serves light, dark and print.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from olmix.report.markup import Child, Markup, join, tag
from olmix.report.words import fixed, number, places_for

#: The coordinate range of a stretched SVG: enough for a tenth of a pixel on any screen.
_UNITS = 10000


@dataclasses.dataclass(frozen=True)
class Axis:
    """A scale from values to 0..1, with ticks. `log` is a logarithmic scale, and needs positive ends."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where `value` lies: 0 at `low`, 1 at `high`; beyond them outside."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def axis(values: Iterable[float], *, count: int = 5, zero: bool = False, margin: float = 0.04) -> Axis:
    """A linear axis that shows all values, with about `count` round ticks; `zero` includes 0."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = low - (abs(low) or 1) * 0.01, high + (abs(high) or 1) * 0.01
    room = margin * (high - low)
    low = low if zero and low == 0 else low - room
    high = high if zero and high == 0 else high + room
    step, first, last = 0.0, 0, 0
    while last - first < 1:  # A range may fall between two round numbers: then finer ones.
        step = nice_step((high - low) / count)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        count += 1
    largest = max(abs(low), abs(high))
    plain = step >= 1e-6 and largest < 1e6
    digits = 2 + max(math.ceil(math.log10(largest / step)), 0)
    shown = [index * step for index in range(first, last + 1)]
    return Axis(low, high, tuple((v, fixed(v, places_for(step * 10)) if plain else number(v, digits)) for v in shown))


def log_axis(values: Iterable[float], label: object = None, margin: float = 0.03) -> Axis:
    """A logarithmic axis over positive values; ticks at 1, 2 and 5 times powers of ten. `label` formats a tick."""
    known = [value for value in values if math.isfinite(value) and value > 0] or [1.0, 10.0]
    low, high = min(known), max(known)
    if high / low < 1.05:
        low, high = low / 1.1, high * 1.1
    spare = (high / low) ** margin
    low, high = low / spare, high * spare
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    decades = math.log10(high / low)
    digits = (1, 2, 5) if decades < 2.5 else (1,)
    ticks = [d * 10.0**e for e in exponents for d in digits if low <= d * 10.0**e <= high]
    write = label if callable(label) else (lambda value: number(value, 2))
    return Axis(low, high, tuple((value, write(value)) for value in ticks), log=True)


def nice_step(rough: float) -> float:
    """The round number (1, 2, 2.5 or 5 times a power of ten) next above `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough * (1 - 1e-9))


def pct(share: float) -> str:
    """A share of the panel as an SVG length."""
    return f"{100 * share:.2f}%".replace(".00%", "%")


def dot(x: float, y: float, *, class_: str, radius: float = 4, title: str | None = None) -> Markup:
    """A circle at (x, y) in shares of the panel, y upwards."""
    return tag("circle", tag("title", title) if title else None, cx=pct(x), cy=pct(1 - y), r=radius, class_=class_)


def rule(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    """A straight line between two points in shares of the panel."""
    return tag("line", x1=pct(x1), y1=pct(1 - y1), x2=pct(x2), y2=pct(1 - y2), class_=class_)


def text(
    x: float, y: float, words: str, *, class_: str = "tick", anchor: str = "middle", dx: float = 0, dy: float = 0
) -> Markup:
    """Words at a point in shares of the panel, moved by pixels."""
    return tag("text", words, x=pct(x), y=pct(1 - y), dx=dx or None, dy=dy or None, text_anchor=anchor, class_=class_)


def line(points: Sequence[tuple[float, float]], *, class_: str, title: str | None = None) -> Markup:
    """A path through points in shares of the panel. Put it inside `stretched`."""
    steps = [f"{round(x * _UNITS)} {round((1 - y) * _UNITS)}" for x, y in points]
    return tag("path", tag("title", title) if title else None, d="M" + "L".join(steps), class_=class_)


def band(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], *, class_: str) -> Markup:
    """The area between two paths. Put it inside `stretched`."""
    steps = [f"{round(x * _UNITS)} {round((1 - y) * _UNITS)}" for x, y in [*upper, *reversed(lower)]]
    return tag("path", d="M" + "L".join(steps) + "Z", class_=class_)


def cloud(points: Iterable[tuple[float, float]], *, class_: str) -> Markup:
    """Many dots as one path of zero-length strokes with round ends: small, and round however far stretched."""
    return tag("path", d="".join(f"M{round(x * _UNITS)} {round((1 - y) * _UNITS)}h0" for x, y in points), class_=class_)


def stretched(*children: Child) -> Markup:
    """The nested SVG in which `line`, `band` and `cloud` live."""
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {_UNITS} {_UNITS}",
        preserveAspectRatio="none",
        class_="stretch",
        width="100%",
        height="100%",
    )


def panel(
    x: Axis,
    y: Axis,
    *marks: Child,
    alt: str,
    height: int = 240,
    class_: str = "",
    x_label: str = "",
    y_label: str = "",
    key: str | None = None,
) -> Markup:
    """A framed plot with gridlines and ticks. `alt` says in words what it shows; labels are drawn along the axes.

    `key` is the name under which the page's script finds the numbers behind the plot.
    """
    grid = [rule(0, y.at(value), 1, y.at(value), class_="grid") for value, _ in y.ticks]
    grid += [text(0, y.at(value), words, anchor="end", dx=-8, dy=4) for value, words in y.ticks]
    for value, words in x.ticks:
        grid.append(rule(x.at(value), 0, x.at(value), 0.02, class_="grid"))
        grid.append(text(x.at(value), 0, words, dy=18))
    drawing = tag(
        "svg", tag("g", *grid, aria_hidden="true"), *marks, role="img", aria_label=alt, width="100%", height="100%"
    )
    return tag(
        "div",
        tag("div", y_label, class_="y-label", aria_hidden="true") if y_label else None,
        tag("div", drawing, class_="frame", style=f"height:{height}px"),
        tag("div", x_label, class_="x-label", aria_hidden="true") if x_label else None,
        class_=f"plot {class_}".strip(),
        data_plot=key,
    )


def strip(*marks: Child, alt: str, height: int = 22) -> Markup:
    """A plot without axes, one row high: it lives in a table cell."""
    return tag("svg", *marks, role="img", aria_label=alt, width="100%", height=height, class_="strip")


def legend(*items: tuple[str, str]) -> Markup:
    """(class of the mark, words) pairs, drawn with HTML so that they wrap."""
    return tag(
        "p",
        (join(tag("span", tag("i", class_=f"swatch {class_}"), words), " ") for class_, words in items),
        class_="legend",
    )
