"""The steps of an experiment as an SVG: one box per field of the root that is a node, an arrow for each use of another.

Boxes stand in columns by how many steps they wait for. There is no optimal routing of arrows here, and no need for
a program that draws graphs: experiments have ten steps, not a thousand.
"""

from __future__ import annotations

import html

from olmix.config import canonical

_BOX, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 170, 46, 60, 26, 20


def svg(config: object) -> str:
    """The drawing, as text."""
    boxes, arrows = graph(config)
    columns = _columns(list(boxes), arrows)
    height = max(map(len, columns), default=1)
    at: dict[str, tuple[float, float]] = {}
    for i, column in enumerate(columns):
        offset = (height - len(column)) * (_HEIGHT + _GAP_Y) / 2
        for j, name in enumerate(column):
            at[name] = (_MARGIN + i * (_BOX + _GAP_X), _MARGIN + offset + j * (_HEIGHT + _GAP_Y))
    wide = 2 * _MARGIN + len(columns) * (_BOX + _GAP_X) - _GAP_X
    high = 2 * _MARGIN + height * (_HEIGHT + _GAP_Y) - _GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}" '
        'font-family="sans-serif" text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#888"/></marker></defs>',
        f'<rect width="{wide:g}" height="{high:g}" fill="white"/>',
    ]
    for start, end in arrows:
        x1, y1, x2, y2 = at[start][0] + _BOX, at[start][1] + _HEIGHT / 2, at[end][0], at[end][1] + _HEIGHT / 2
        bend = (x1 + x2) / 2
        parts.append(
            f'<path d="M{x1:g} {y1:g}C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}" fill="none" stroke="#888" '
            'marker-end="url(#tip)"/>'
        )
    for name, kind in boxes.items():
        x, y = at[name]
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_BOX}" height="{_HEIGHT}" rx="6" fill="#eef3fb" stroke="#4a6fa5"/>'
            f'<text x="{x + _BOX / 2:g}" y="{y + 20:g}" font-size="14">{html.escape(name)}</text>'
            f'<text x="{x + _BOX / 2:g}" y="{y + 36:g}" font-size="10" fill="#555">{html.escape(kind)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def graph(config: object) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The fields of the root that are nodes, with their types, and which of them uses which: (used, user), sorted."""
    boxes: dict[str, str] = {}
    arrows = set()
    for line in canonical.lines(config):
        head = line.path.partition(".")[0].partition("[")[0]
        if line.kind == "node" and line.path and line.path == head:
            boxes[head] = line.text[1:-1].rpartition(":")[2]
        if line.kind == "ref":
            used = line.text[3:].partition(".")[0].partition("[")[0]
            if used != head:
                arrows.add((used, head))
    return boxes, sorted(arrow for arrow in arrows if set(arrow) <= boxes.keys())


def _columns(names: list[str], arrows: list[tuple[str, str]]) -> list[list[str]]:
    depth = dict.fromkeys(names, 0)
    for _ in names:  # configs have no cycles, so this settles
        for start, end in arrows:
            depth[end] = max(depth[end], depth[start] + 1)
    return [[name for name in names if depth[name] == d] for d in range(max(depth.values(), default=0) + 1)]
