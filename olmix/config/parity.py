"""The parity checklist: pairs of configs that must mean the same training, before and after a migration or refactoring.

A file of pairs is TOML, because it is a list of facts with reasons and nothing else:

    [[pair]]
    old = "runs/experiments/heavy_code/2026-11-20T10-00-00"   # a run, a resolved.json, or an experiment
    new = "heavy_code"
    new_overrides = ["--set=swarm.seed=1"]                    # optional, also old_overrides
    profile = "parity"                                        # optional
    [pair.allow]
    "swarm.proxy.batch_tokens" = "the old code rounded it down"

An allowance is a path or a pattern with `*`, covers what lies below it, and must carry a reason; one that is not needed
fails the pair like a forbidden difference, so that the list never goes stale.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from typing import Any

from olmix.config import diff, experiments, glob
from olmix.config.diff import Difference
from olmix.config.overrides import Override
from olmix.errors import UserError, nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """An old config and the new one that should mean the same; `allow` maps paths to reasons."""

    old: str
    new: str
    old_overrides: tuple[Override, ...] = ()
    new_overrides: tuple[Override, ...] = ()
    profile: str = "parity"
    allow: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """How a pair went. `error` is set if a side could not be resolved."""

    pair: Pair
    forbidden: tuple[Difference, ...] = ()
    excused: Mapping[str, tuple[Difference, ...]] = dataclasses.field(default_factory=dict)
    unused: tuple[str, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is forbidden and every allowance was needed."""
        return not (self.forbidden or self.unused or self.error)


def read(text: str, source: str) -> list[Pair]:
    """The pairs of a file.

    Raises:
      UserError: if it is not TOML, or a pair says too little, too much, or allows something without a reason.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not TOML: {error}.") from None
    pairs = document.pop("pair", None)
    if document or not isinstance(pairs, list) or not pairs or not all(isinstance(item, dict) for item in pairs):
        extra = f"; it has {', '.join(map(repr, document))}" if document else ""
        raise UserError(f"{source} must be a list of [[pair]]{extra}.")
    return [_pair(item, f"{source}, pair {i}") for i, item in enumerate(pairs, 1)]


def _pair(item: dict[str, Any], where: str) -> Pair:
    known = [field.name for field in dataclasses.fields(Pair)]
    for key in item:
        if key not in known:
            raise UserError(f"{where} has an unknown {key!r}{nearest(key, known)}.")
    for key in ("old", "new"):
        if not isinstance(item.get(key), str):
            raise UserError(f'{where} needs {key} = "an experiment, a resolved.json, or the folder of a run".')
    allow = item.get("allow", {})
    for path, reason in allow.items() if isinstance(allow, dict) else [("allow", "")]:
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(f"{where} allows {path!r} without a reason.")
    if item.get("profile", "parity") not in diff.PROFILES:
        raise UserError(f"{where} has an unknown profile {item['profile']!r}; there are {', '.join(diff.PROFILES)}.")
    return Pair(
        old=item["old"],
        new=item["new"],
        old_overrides=_overrides(item.get("old_overrides", []), where),
        new_overrides=_overrides(item.get("new_overrides", []), where),
        profile=item.get("profile", "parity"),
        allow=allow,
    )


def _overrides(texts: Any, where: str) -> tuple[Override, ...]:
    found = []
    for text in texts if isinstance(texts, list) else [texts]:
        kind, _, rest = str(text).removeprefix("--").partition("=")
        if kind not in ("set", "overlay"):
            raise UserError(
                f'{where}: overrides are a list such as ["--set=path=value", "--overlay=name"], not {text!r}.'
            )
        found.append(Override(kind, rest))
    return tuple(found)


def check(pair: Pair, package: str = experiments.PACKAGE) -> Result:
    """Compares the two sides of a pair and settles its allowances."""
    try:
        old = experiments.resolve(pair.old, pair.old_overrides, package)
        new = experiments.resolve(pair.new, pair.new_overrides, package)
        found = diff.diff(old, new, pair.profile)
    except UserError as error:
        return Result(pair=pair, error=str(error))
    excused: dict[str, list[Difference]] = {path: [] for path in pair.allow}
    forbidden = []
    for item in found.forbidden:
        takers = [pattern for pattern in pair.allow if glob.matches(pattern, item.path)]
        for pattern in takers:
            excused[pattern].append(item)
        if not takers:
            forbidden.append(item)
    return Result(
        pair=pair,
        forbidden=tuple(forbidden),
        excused={path: tuple(items) for path, items in excused.items() if items},
        unused=tuple(path for path, items in excused.items() if not items),
    )


def table(results: list[Result]) -> str:
    """The checklist as a Markdown table: old, new, status, reasons."""
    lines = ["| old | new | status | reasons |", "| --- | --- | --- | --- |"]
    for result in results:
        pair = result.pair
        cells = (_side(pair.old, pair.old_overrides), _side(pair.new, pair.new_overrides), *_outcome(result))
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _side(name: str, overrides: tuple[Override, ...]) -> str:
    return " ".join([name, *map(str, overrides)])


def _outcome(result: Result) -> tuple[str, str]:
    if result.error:
        return "ERROR", result.error
    reasons = [f"`{d.path}`: {d.left or '(absent)'} → {d.right or '(absent)'} is forbidden" for d in result.forbidden]
    reasons += [f"`{path}` is allowed ({result.pair.allow[path]}) but does not differ" for path in result.unused]
    reasons += [f"`{path}`: {result.pair.allow[path]}" for path in result.excused]
    status = "pass" if result.passed else "FAIL"
    if result.passed and result.excused:
        status = "pass, with reasons"
    return status, "; ".join(reasons) or "no differences"
