"""The fingerprint: a hash of everything in a config that can change a result, and of nothing else.

A Merkle hash over the same nodes that `olmix.config.canonical` writes: each node is hashed once, from its
type and the hashes of its semantic fields, so sharing costs nothing and a node shared twice counts as two
equal copies. Operational fields are left out with everything below them, and so is the whole content (even
the type) of a block with `enabled=False`.

Traded away: a fingerprint is stable across machines and Pythons, not across renamed classes or fields with
new defaults; a config that says something new is a new config. Raises where the canonical form does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from olmix.config import nodes
from olmix.config.canonical import ATOMS, key_element, quote, scalar_text, sorted_keys
from olmix.config.nodes import ConfigError

Substitute = Callable[[object], str | None]

#: How many hexadecimal digits a fingerprint shows in names and listings.
SHORT = 12

_CONTAINERS = frozenset({dict, list, tuple})


def fingerprint(node: object, *, substitute: Substitute | None = None) -> str:
    """The SHA-256 of what a config means, as 64 hexadecimal digits.

    Args:
      node: a config, the instance built from it, or any value that may stand in one.
      substitute: asked for every node below `node`; a string it returns is hashed in place of that node (a
        step is hashed into what depends on it by its own fingerprint, which knows more than its settings).

    Raises:
      ConfigError: with the path, on a required argument that is not set, a cyclic reference, or a value that
        cannot be written deterministically.
    """
    token = _Hasher(substitute).token(node, "", top=True)
    return token[1:] if token.startswith("#") else hashlib.sha256(token.encode()).hexdigest()


class _Hasher:
    """The memo of one call: tokens by identity, and the values themselves, so that no identity returns."""

    def __init__(self, substitute: Substitute | None) -> None:
        self._substitute = substitute
        self._tokens: dict[int, str] = {}
        self._keep: list[object] = []
        self._active: set[int] = set()

    def token(self, value: object, path: str, top: bool = False) -> str:
        """A short string that two values share exactly if they mean the same.

        Scalars stand for themselves (a string is quoted, so it cannot look like any of the others).
        """
        kind = type(value)
        if kind in ATOMS:
            return scalar_text(value, path)
        is_node = nodes.is_node(value)
        if not is_node and kind not in _CONTAINERS:
            return scalar_text(value, path)
        key = id(value)
        if key in self._tokens:
            return self._tokens[key]
        if key in self._active:
            raise ConfigError(f"{nodes.at(path)} is part of itself: a config must not be cyclic.")
        self._active.add(key)
        token = self._node(value, path, top) if is_node else self._container(value, path)  # type: ignore[arg-type]
        self._active.discard(key)
        self._tokens[key] = token
        self._keep.append(value)
        return token

    def _node(self, node: object, path: str, top: bool) -> str:
        cls = nodes.target(node, path)
        enabled = nodes.field_map(cls).get("enabled")
        if enabled is not None and nodes.argument(node, enabled, path) is False:
            return "off"
        if self._substitute is not None and not top:
            instead = self._substitute(node)
            if instead is not None:
                return f"@{quote(instead)}"
        prefix = f"{path}." if path else ""
        parts = [nodes.symbol(cls)]
        for field, value in nodes.arguments(node, path):
            if not field.tags:
                parts.append(f"{field.name} {self.token(value, prefix + field.name)}")
        return _digest(parts)

    def _container(self, value: dict[str, object] | list[object] | tuple[object, ...], path: str) -> str:
        if isinstance(value, dict):
            items = ((k, self.token(value[k], path + key_element(k))) for k in sorted_keys(value, path))
            return _digest(["{}", *(f"{quote(k)} {token}" for k, token in items)])
        return _digest(["[]", *(self.token(item, f"{path}[{i}]") for i, item in enumerate(value))])


def _digest(parts: list[str]) -> str:
    return "#" + hashlib.sha256("\n".join(parts).encode()).hexdigest()
