"""Tables: a caption, header cells that can sort, numbers aligned to the right, roles that survive a phone's layout.

On narrow screens the style sheet turns some tables into stacked rows, which makes browsers forget that they are tables;
the explicit roles remind them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from olmix.report.markup import Child, Markup, tag


@dataclasses.dataclass(frozen=True)
class Column:
    """A column: `kind` is "text", "number" or "graphic"; `secondary` columns are left out on a phone."""

    label: Child
    kind: str = "text"
    secondary: bool = False
    hint: str | None = None

    @property
    def classes(self) -> str:
        """Its CSS classes."""
        return f"{self.kind}{' secondary' if self.secondary else ''}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """Content with the value to sort by and a tooltip, where they differ from the text."""

    content: Child
    value: float | str | None = None
    tip: str | None = None
    class_: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A row; `head` rows are group headings. The first cell names the row."""

    cells: Sequence[Child | Cell]
    class_: str = ""


def table(
    columns: Sequence[Column], rows: Sequence[Row], *, caption: str, class_: str = "", sortable: bool = False
) -> Markup:
    """A table in a box that scrolls sideways by itself where the page is too narrow."""
    heads = [
        tag(
            "th",
            tag("button", column.label, type="button", data_sort=index)
            if sortable and column.kind != "graphic"
            else column.label,
            scope="col",
            role="columnheader",
            class_=column.classes,
            title=column.hint,
        )
        for index, column in enumerate(columns)
    ]
    body = [_row(columns, row) for row in rows]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
            tag("tbody", *body, role="rowgroup"),
            role="table",
            class_=class_ or None,
        ),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def _row(columns: Sequence[Column], row: Row) -> Markup:
    cells = []
    for index, (column, given) in enumerate(zip(columns, row.cells, strict=True)):
        cell = given if isinstance(given, Cell) else Cell(given)
        name = "th" if index == 0 else "td"
        cells.append(
            tag(
                name,
                cell.content,
                scope="row" if index == 0 else None,
                role="rowheader" if index == 0 else "cell",
                class_=f"{column.classes} {cell.class_}".strip(),
                data_value=cell.value,
                data_tip=cell.tip,
            )
        )
    return tag("tr", *cells, role="row", class_=row.class_ or None)


def details(summary: Child, *content: Child, open_: bool = False) -> Markup:
    """Content that is folded away until asked for (and unfolded in print)."""
    return tag("details", tag("summary", summary), *content, open=open_)


def section(key: str, title: str, *content: Child, lead: Child = None, wide: bool = True) -> Markup:
    """A section of the page with its heading and a sentence on what to see in it."""
    return tag(
        "section",
        tag("h2", tag("a", title, href=f"#{key}")),
        tag("p", lead, class_="lead") if lead else None,
        *content,
        id=key,
        class_="wide" if wide else None,
    )
