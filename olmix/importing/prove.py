"""The proof: the written module, resolved as any experiment is, against a second reading of the YAML.

Two questions. Is every fact that the YAML means (shares, files, tokens, schedule, ...) the same in the experiment? And does
every value of the YAML take part in a fact, or stand in the list of what was not carried over? A yes to both is a proof up to
the reading of the peer's rules, which both halves share only through its documentation.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from olmix.importing import plain_fit, plain_reading, plain_search, resolved_reading
from olmix.importing.plain_reading import Fact, Plain
from olmix.importing.translation import Listed

#: Paths that name a config and mean nothing.
_NAMES = ("name", "description", "priors.total_tokens")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One fact: what the YAML means, what the experiment means, and whether that is the same."""

    what: str
    yaml: str
    ours: str
    equal: bool
    remark: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proof:
    """All facts, and the paths of the YAML that are in none of them and not listed either."""

    rows: tuple[Row, ...]
    forgotten: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the experiment means the same, and nothing was forgotten."""
        return not self.forgotten and all(row.equal for row in self.rows)

    def differences(self) -> tuple[str, ...]:
        """What does not hold, a sentence each."""
        rows = [
            f"{row.what}: the YAML means {row.yaml}, the experiment {row.ours}" for row in self.rows if not row.equal
        ]
        return (*rows, *(f"{path}: neither carried over nor listed" for path in self.forgotten))


def prove(
    file: pathlib.Path, root: Any, kind: str, listed: Sequence[Listed], base: pathlib.Path | None = None
) -> Proof:
    """Compares a YAML file (and the launch config it is for) with the root of an experiment, built.

    `kind` is run, swarm, generate or fit.
    """
    plain = Plain(file)
    dropped = {item.path for item in listed if not item.carried and not item.base}
    read = {
        "run": plain_reading.launch,
        "swarm": plain_search.swarm,
        "generate": plain_search.generate,
        "fit": plain_fit.fit,
    }
    theirs = read[kind](plain, dropped)
    forgotten = _unread(plain, [item for item in listed if not item.base])
    if base is not None:
        other = Plain(base)
        training = plain_reading.training(other, {item.path for item in listed if not item.carried and item.base})
        theirs = {**theirs, **training, "tokens of a variant": training["training tokens"]}
        forgotten += (f"launch config: {path}" for path in _unread(other, [item for item in listed if item.base]))
    ours = resolved_reading.facts(root)
    rows = tuple(compare(what, fact, ours.get(what)) for what, fact in theirs.items())
    return Proof(rows=rows, forgotten=tuple(forgotten))


def _unread(plain: Plain, listed: Sequence[Listed]) -> list[str]:
    """The values that take part in no fact and are not listed."""
    covered = [*plain.used, *(item.path for item in listed), *_NAMES]
    return [path for path in plain.scalars() if not any(_inside(path, above) for above in covered)]


def compare(what: str, fact: Fact, ours: Any) -> Row:
    """One row of the proof."""
    gap = distance(fact.value, ours)
    remark = f"largest difference {gap:.1e} of itself" if 0 < gap < math.inf else ""
    return Row(what=what, yaml=show(fact.value), ours=show(ours), equal=gap <= fact.tolerance, remark=remark)


def distance(one: Any, other: Any) -> float:
    """The largest relative difference between numbers in two values; infinite if they differ in anything else."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return math.inf
        return max((distance(value, other[key]) for key, value in one.items()), default=0.0)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return math.inf
        return max((distance(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == 2:
        scale = max(abs(numbers[0]), abs(numbers[1]))
        return abs(numbers[0] - numbers[1]) / scale if scale else 0.0
    return 0.0 if one == other else math.inf


def show(value: Any) -> str:
    """A value in a few words; of a table its size and the first entries."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool) or value is None:
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return _show_table(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(show, value)) or "none" if len(value) <= 6 else f"{len(value)} entries"
    return str(value)


def _show_table(table: Mapping[str, Any]) -> str:
    """The largest entries of a table of numbers, the sizes of a table of lists."""
    if not table:
        return "none"
    if all(isinstance(item, list | tuple) and len(item) != 2 for item in table.values()):
        return f"{sum(map(len, table.values()))} in {len(table)}"
    order = list(table)
    if all(isinstance(item, int | float) for item in table.values()):
        order = sorted(table, key=lambda key: (-table[key], key))
    first = ", ".join(f"{key} {show(_rounded(table[key]))}" for key in order[:2])
    return f"{first}, and {len(table) - 2} more" if len(table) > 2 else first


def _rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) and value > 1000 else value


def _inside(path: str, above: str) -> bool:
    return path == above or (path.startswith(above) and path[len(above)] in ".[")
