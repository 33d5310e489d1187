"""Comparing two resolved configs: what differs, whether that may be, and who set either side.

Both graphs are walked together, each pair of nodes once, so sharing costs nothing and a shared node equals its copies.
A difference is judged by the tags of its fields and the profile:

* `parity`: operational fields may differ; a block that is off on both sides is ignored.
* `hardware`: so may fields tagged `Hardware`, and the factors of a global batch if their product is the same.
* `exact`: nothing may differ, not even inside of blocks that are off.

A class that knows its meaning says so with a method `canonical_meaning()` on its instances, which returns plain values. Two
nodes of it are compared by that: a mixture by the share of tokens of each leaf, however it is spelled.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import fiddle as fdl

from olmix.config import canonical, nodes
from olmix.config.experiments import Resolved, build
from olmix.config.nodes import MISSING, Tags
from olmix.config.tags import BatchFactor, Hardware
from olmix.errors import UserError

PROFILES = ("parity", "exact", "hardware")


@dataclasses.dataclass(frozen=True)
class Difference:
    """A path at which two configs differ: both values as the canonical text spells them (None: absent), both blames.

    `causes` are the settings behind a difference in meaning.
    """

    path: str
    left: str | None
    right: str | None
    left_blame: str
    right_blame: str
    tags: Tags = ()
    hardware: type[Hardware] | None = None
    causes: tuple[Difference, ...] = ()

    @property
    def reason(self) -> str:
        """Why it may differ: its tags' names, or an empty string."""
        names = [tag.__name__ for tag in self.tags]
        return " and ".join(names) or (self.hardware.__name__ if self.hardware is not None else "")


@dataclasses.dataclass(frozen=True)
class Ignored:
    """A block whose differences do not count, and why."""

    path: str
    why: str
    differences: tuple[Difference, ...]


@dataclasses.dataclass(frozen=True)
class ChangedDefault:
    """A default that differs between the code of the two sides, and the forbidden or allowed paths that show it."""

    name: str
    left: str | None
    right: str | None


@dataclasses.dataclass(frozen=True)
class Diff:
    """The outcome. Parity holds if nothing is forbidden."""

    left: str
    right: str
    profile: str
    forbidden: tuple[Difference, ...]
    allowed: tuple[Difference, ...]
    ignored: tuple[Ignored, ...]
    changed_defaults: tuple[ChangedDefault, ...]

    @property
    def holds(self) -> bool:
        """Whether the profile lets the two pass as the same."""
        return not self.forbidden


def diff(left: Resolved, right: Resolved, profile: str = "parity") -> Diff:
    """Compares two resolved configs.

    Raises:
      UserError: on an unknown profile, or if a node that knows its meaning cannot be built.
    """
    if profile not in PROFILES:
        raise UserError(f"Unknown profile {profile!r}; the profiles are {', '.join(PROFILES)}.")
    walk = _Walk(left, right, exact=profile == "exact")
    found = list(walk.compare())
    if profile == "exact":
        forbidden, allowed = found, []
    else:
        forbidden = [d for d in found if not d.tags and not (profile == "hardware" and d.hardware is not None)]
        allowed = [d for d in found if d not in forbidden]
    return Diff(
        left=left.name,
        right=right.name,
        profile=profile,
        forbidden=tuple(forbidden),
        allowed=tuple(sorted(allowed, key=lambda d: d.reason)),
        ignored=tuple(walk.ignored),
        changed_defaults=tuple(_changed_defaults(left.defaults, right.defaults)),
    )


def _changed_defaults(left: dict[str, dict[str, Any]], right: dict[str, dict[str, Any]]) -> Iterator[ChangedDefault]:
    for name in sorted(left.keys() & right.keys()):
        for field in sorted(left[name].keys() | right[name].keys()):
            texts = [
                canonical.escape(json.dumps(side[name][field], ensure_ascii=False, sort_keys=True))
                if field in side[name]
                else None
                for side in (left, right)
            ]
            if texts[0] != texts[1]:
                yield ChangedDefault(f"{name}.{field}", *texts)


@dataclasses.dataclass(frozen=True)
class _At:
    """A value on one side and the path under which that side's canonical form has it."""

    value: Any
    home: str


class _Side:
    """One config with its lines and blames by path."""

    def __init__(self, resolved: Resolved) -> None:
        self.blame = resolved.blame
        self.refs = {line.path: line.text[3:] for line in canonical.lines(resolved.config) if line.kind == "ref"}

    def at(self, value: Any, home: str) -> _At:
        """The value with its home: where it is written, if here is only a reference to it."""
        return _At(value, self.refs.get(home, home))

    def who(self, home: str) -> str:
        """Who set the value, or the first thing in it, or the block that it would be in."""
        while True:
            found = self.blame.get(home)
            if found is None:
                inside = (f"{home}.", f"{home}[")
                found = next((item for path, item in self.blame.items() if path.startswith(inside)), None)
            if found is not None or not home:
                return str(found or "")
            home = home[: max(home.rfind("."), home.rfind("["), 0)]


class _Walk:
    def __init__(self, left: Resolved, right: Resolved, *, exact: bool) -> None:
        self.ignored: list[Ignored] = []
        self._left, self._right = _Side(left), _Side(right)
        self._roots = (left, right)
        self._exact = exact
        self._seen: set[tuple[int, int, Tags]] = set()
        self._later: list[tuple[str, _At, _At, Tags]] = []
        self._keep: list[Any] = []  # defaults that factories made, so that no id in `_seen` is used again

    def compare(self) -> Iterator[Difference]:
        """All differences, in the order of the canonical form."""
        left, right = self._roots
        yield from self._values("", _At(left.config, ""), _At(right.config, ""), (), None)
        while self._later:
            path, one, two, tags = self._later.pop(0)
            yield from self._pair(path, one, two, tags)

    def _values(
        self, path: str, left: _At, right: _At, tags: Tags, hardware: type[Hardware] | None
    ) -> Iterator[Difference]:
        one, two = left.value, right.value
        if nodes.is_node(one) and nodes.is_node(two):
            if path != left.home == right.home:
                # Both only refer to it: better told where both have it, if that is ever reached.
                self._later.append((path, left, right, tags))
            else:
                yield from self._pair(path, left, right, tags)
        elif _is_kind(dict, one, two):
            one, two = ({} if value is MISSING else value for value in (one, two))
            for k in sorted(one.keys() | two.keys()):
                yield from self._below(path, canonical.key_element(k), left, right, one.get(k, MISSING),
                                       two.get(k, MISSING), tags, hardware)  # fmt: skip
        elif _is_kind((list, tuple), one, two):
            one, two = (() if value is MISSING else value for value in (one, two))
            for i in range(max(len(one), len(two))):
                yield from self._below(path, f"[{i}]", left, right, one[i] if i < len(one) else MISSING,
                                       two[i] if i < len(two) else MISSING, tags, hardware)  # fmt: skip
        else:
            said, says = _spell(one), _spell(two)
            if said != says:
                who = self._left.who(left.home), self._right.who(right.home)
                yield Difference(path or ".", said, says, *who, tags, hardware)
                yield from self._one_sided(path, left, right, tags)

    def _pair(self, path: str, left: _At, right: _At, tags: Tags) -> Iterator[Difference]:
        """Two nodes, once for each way in which their differences would be judged."""
        key = (id(left.value), id(right.value), tags)
        if key not in self._seen:
            self._seen.add(key)
            self._keep += [left.value, right.value]
            yield from self._nodes(path, left, right, tags)

    def _apart(self, path: str, left: _At, right: _At, tags: Tags) -> tuple[Difference, ...]:
        """The differences inside of a block that do not count there, but would where something else refers to them."""
        seen, later = set(self._seen), list(self._later)
        found = list(self._fields(path, left, right, tags))
        while len(self._later) > len(later):
            found += self._pair(*self._later.pop())
        self._seen = seen
        return tuple(found)

    def _one_sided(self, path: str, left: _At, right: _At, tags: Tags) -> Iterator[Difference]:
        """What is in a node that only one side has."""
        whole = left if nodes.is_node(left.value) else right
        if not nodes.is_node(whole.value) or whole.home != path:
            return
        for field, value in nodes.arguments(whole.value, path):
            one, two = (value, MISSING) if whole is left else (MISSING, value)
            yield from self._below(
                path, f".{field.name}", left, right, one, two, canonical.merge(tags, field.tags), field.hardware
            )

    def _below(
        self, path: str, element: str, left: _At, right: _At, one: Any, two: Any, tags: Tags,
        hardware: type[Hardware] | None,
    ) -> Iterator[Difference]:  # fmt: skip
        yield from self._values(
            nodes.extend(path, element),
            self._left.at(one, nodes.extend(left.home, element)),
            self._right.at(two, nodes.extend(right.home, element)),
            tags,
            hardware,
        )

    def _nodes(self, path: str, left: _At, right: _At, tags: Tags) -> Iterator[Difference]:
        if not self._exact and nodes.is_off(left.value) and nodes.is_off(right.value):
            inside = self._apart(path, left, right, tags)
            if inside:
                self.ignored.append(Ignored(path, "off on both sides", inside))
            return
        cls = nodes.target(left.value)
        if not self._exact and nodes.target(right.value) is cls and hasattr(cls, "canonical_meaning"):
            yield from self._meanings(path, left, right, tags)
            return
        yield from self._fields(path, left, right, tags)

    def _fields(self, path: str, left: _At, right: _At, tags: Tags) -> Iterator[Difference]:
        kinds = [nodes.target(side.value) for side in (left, right)]
        if kinds[0] is not kinds[1]:
            who = self._left.who(left.home), self._right.who(right.home)
            yield Difference(path or ".", _spell(left.value), _spell(right.value), *who, tags)
        maps = [nodes.field_map(kind) for kind in kinds]
        batches = _global_batch(left.value) == _global_batch(right.value)
        for name in sorted(maps[0].keys() | maps[1].keys()):
            fields = [known.get(name) for known in maps]
            one, two = (
                MISSING if field is None else nodes.argument(side.value, field, side.home)
                for field, side in zip(fields, (left, right), strict=True)
            )
            known = [field for field in fields if field is not None]
            own = known[0].tags if all(field.tags for field in known) else ()
            hardware = known[0].hardware
            if hardware is not None and issubclass(hardware, BatchFactor) and not batches:
                hardware = None
            yield from self._below(path, f".{name}", left, right, one, two, canonical.merge(tags, own), hardware)

    def _meanings(self, path: str, left: _At, right: _At, tags: Tags) -> Iterator[Difference]:
        """Compares what two nodes mean; how they are spelled only explains a difference."""
        causes = self._apart(path, left, right, tags)
        if not causes:
            return
        meanings = [
            _meaning(side.value, resolved, side.home or ".")
            for side, resolved in zip((left, right), self._roots, strict=True)
        ]
        found = list(_plain(path, *meanings))
        if not found:
            self.ignored.append(Ignored(path, "spelled differently, but the same", causes))
        for at, one, two in found:
            yield Difference(at, one, two, causes[0].left_blame, causes[0].right_blame, tags, None, causes)


def _global_batch(node: object) -> float | None:
    """The product of a node's batch factors; None if one of them is not a number."""
    product = 1.0
    for field in nodes.fields(nodes.target(node)):
        if field.hardware is not None and issubclass(field.hardware, BatchFactor):
            value = nodes.argument(node, field)
            if not isinstance(value, int | float):
                return None
            product *= value
    return product


def _meaning(node: Any, resolved: Resolved, path: str) -> Any:
    try:
        built = build(node) if isinstance(node, fdl.Buildable) else node
        return built.canonical_meaning()
    except UserError as error:
        raise UserError(f"{resolved.name}: {path} has no meaning that could be compared: {error}") from error


def _plain(path: str, left: Any, right: Any) -> Iterator[tuple[str, str | None, str | None]]:
    """Differences between plain values: path, left, right."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from _plain(path + canonical.key_element(key), left.get(key, MISSING), right.get(key, MISSING))
        return
    said, says = _spell(left), _spell(right)
    if said != says:
        yield path, said, says


def _is_kind(kind: type | tuple[type, ...], left: Any, right: Any) -> bool:
    """Whether both are containers of a kind, or one is and has something in it, and the other is absent."""
    pair = [value for value in (left, right) if value is not MISSING]
    return all(isinstance(value, kind) for value in pair) and (len(pair) == 2 or bool(pair and pair[0]))


def _spell(value: Any) -> str | None:
    return None if value is MISSING else canonical.value_text(value)
