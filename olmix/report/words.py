"""Numbers as people read them: a true minus, few digits, units spelt out."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\u2212"
THIN = "\u202f"
NONE = "\u2013"


def number(value: float | None, digits: int = 4) -> str:
    """`value` with `digits` significant digits, never in exponent form unless it is very large or small."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-5:
        mantissa, exponent = f"{size:.{max(digits - 1, 0)}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    else:
        text = f"{size:.{max(digits - 1 - math.floor(math.log10(size)), 0)}f}"
    return (MINUS if value < 0 else "") + text


def fixed(value: float | None, places: int) -> str:
    """`value` with `places` decimals."""
    if value is None:
        return NONE
    text = f"{abs(value):.{places}f}"
    return (MINUS if value < 0 and float(text) != 0 else "") + text


def signed(text: str) -> str:
    """A formatted number with its sign always shown."""
    return text if text.startswith(MINUS) or text in ("0", NONE) else f"+{text}"


def places_for(spread: float) -> int:
    """How many decimals show two digits of `spread`: enough to tell values apart, no more."""
    if spread <= 0 or not math.isfinite(spread):
        return 4
    return min(max(1 - math.floor(math.log10(spread)), 0), 8)


def percent(share: float | None, places: int | None = None) -> str:
    """A share of 1 as a percentage: `12.3 %`, `0.42 %`, `< 0.01 %`."""
    if share is None:
        return NONE
    value = 100 * share
    if places is None:
        if 0 < abs(value) < 0.01:
            return f"< 0.01{THIN}%"
        places = 1 if abs(value) >= 1 else 0 if value == 0 else 2
    return f"{fixed(value, places)}{THIN}%"


def interval(low: float | None, high: float | None, places: int) -> str:
    """`0.91 to 0.94`."""
    return NONE if low is None or high is None else f"{fixed(low, places)} to {fixed(high, places)}"


def count(value: float | None) -> str:
    """A large count with a suffix: `950`, `12.4K`, `1.05M`, `2.3B`, `6T`."""
    if value is None:
        return NONE
    for power, suffix in ((12, "T"), (9, "B"), (6, "M"), (3, "K")):
        if abs(value) >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g}{suffix}"
    return f"{value:.0f}"  # Nobody counts thousandths of a token.


def times(value: float | None) -> str:
    """A repetition: `0.82×`, `4.0×`."""
    if value is None:
        return NONE
    return (
        "0×" if value == 0 else f"{value:.2f}×" if value < 1 else f"{value:.1f}×" if value < 100 else f"{count(value)}×"
    )


def duration(seconds: float | None) -> str:
    """`0.4 s`, `38 s`, `12 min`, `3.2 h`, `1,200 h`."""
    if seconds is None:
        return NONE
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def listing(names: Sequence[str], most: int = 4) -> str:
    """`a, b and c`, or `a, b, c and 5 more`."""
    shown = list(names[:most]) if len(names) > most else list(names)
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


def plural(many: int, noun: str, nouns: str | None = None) -> str:
    """`1 run`, `24 runs`."""
    return f"{many:,} {noun if many == 1 else nouns or noun + 's'}"
