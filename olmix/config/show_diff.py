"""A diff as text, ready to be pasted into a review: what is forbidden first, and nothing in it that differs by machine."""

from __future__ import annotations

from collections.abc import Iterator

from olmix.config.diff import Diff, Difference


def render(diff: Diff) -> str:
    """The whole diff, as Markdown that also reads well on a terminal; ends in a newline."""
    return "\n".join(_lines(diff)) + "\n"


def headline(diff: Diff) -> str:
    """The outcome in a line."""
    outcome = f"{diff.profile} holds" if diff.holds else f"{diff.profile} does not hold"
    counts = [
        f"{len(diff.forbidden)} forbidden",
        f"{len(diff.allowed)} allowed",
        f"{len(diff.ignored)} ignored blocks",
        f"{len(diff.changed_defaults)} changed defaults",
    ]
    said = ", ".join(count for count in counts if not count.startswith("0 ")) or "no differences"
    return f"{outcome}: {said}"


def _lines(diff: Diff) -> Iterator[str]:
    yield f"{diff.left} (left) and {diff.right} (right): {headline(diff)}"
    if diff.forbidden:
        yield from ("", "## Forbidden", "")
        for item in diff.forbidden:
            yield from _difference(item)
    reason = None
    for item in diff.allowed:
        if item.reason != reason:
            reason = item.reason
            yield from ("", f"## Allowed: {reason}", "")
        yield from _difference(item)
    if diff.ignored:
        yield from ("", "## Ignored", "")
        for block in diff.ignored:
            yield f"- {block.path}: {block.why}"
            for item in block.differences:
                yield f"    - {_change(item)}"
    if diff.changed_defaults:
        yield from ("", "## Changed defaults", "")
        for default in diff.changed_defaults:
            yield f"- {default.name}: {_side(default.left)} → {_side(default.right)}"


def _difference(item: Difference) -> Iterator[str]:
    yield f"- {_change(item)}"
    if not item.causes:
        yield f"    - left:  {item.left_blame or 'unknown'}"
        yield f"    - right: {item.right_blame or 'unknown'}"
    for cause in item.causes:
        yield f"    - from {_change(cause)}"
        yield f"        - left:  {cause.left_blame or 'unknown'}"
        yield f"        - right: {cause.right_blame or 'unknown'}"


def _change(item: Difference) -> str:
    return f"{item.path}: {_side(item.left)} → {_side(item.right)}"


def _side(text: str | None) -> str:
    return "(absent)" if text is None else text
