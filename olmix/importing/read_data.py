"""Reading the data tree of a config, and its mix."""

from __future__ import annotations

from olmix.errors import UserError
from olmix.importing.block import Block
from olmix.importing.document import Entry
from olmix.importing.schema import Node, Share


def dtype(block: Block) -> str:
    """The type of the tokens in the files."""
    return block.one_of("dtype", "uint32", ("uint8", "uint16", "uint32"))


def sources(block: Block) -> tuple[Node, ...]:
    """The sources, with what is below them."""
    entries = block.items("sources")
    if not entries:
        raise UserError(f"{block.at(block.need('sources'))} names no source.")
    return _siblings(block, entries, "source")


def _siblings(block: Block, entries: list[Entry], kind: str) -> tuple[Node, ...]:
    nodes = tuple(_node(block.within(entry), kind) for entry in entries)
    seen: dict[str, Node] = {}
    for node in nodes:
        if node.name in seen:
            raise UserError(
                f"{block.file}:{node.line}: {node.path} has the name {node.name!r}, as line {seen[node.name].line} has."
            )
        seen[node.name] = node
    return nodes


def _node(block: Block, kind: str) -> Node:
    kinds = {"source": ("paths", "topics", "quality"), "topic": ("paths", "quality"), "quality": ("paths",)}[kind]
    held = [key for key in kinds if block.get(key) is not None]
    name = block.need("name").text
    if len(held) != 1:
        has = " and ".join(held) or "none of them"
        raise UserError(f"{block.at(block.entry)} ({name}) must have exactly one of {', '.join(kinds)}; it has {has}.")
    if not block.items(held[0]):
        raise UserError(f"{block.at(block.need(held[0]))} is empty.")
    inner = {"topics": "topic", "quality": "quality"}.get(held[0])
    node = Node(
        kind=kind,
        name=name,
        path=block.entry.path,
        line=block.entry.line,
        paths=() if inner else block.texts("paths"),
        below=_siblings(block, block.items(held[0]), inner) if inner else (),
        weight=block.number("weight", least=0),
        repetition=_repetition(block, "max_repetition_factor"),
    )
    for key in ("max_topic_ratio", "max_source_ratio"):
        block.number(key, least=0)
    block.close()
    return node


def _repetition(block: Block, key: str) -> float | None:
    value = block.number(key, least=0)
    if value == 0:
        raise UserError(f"{block.at(block.need(key))} must be more than 0: with 0 nothing may be read.")
    return value


_OF_SHARE = ("weight", "repetition_factor")


def mix(block: Block) -> tuple[Share, ...]:
    """The nodes of a mix, nested or flat."""
    if not isinstance(block.entry.value, dict) or not block.entry.value:
        raise UserError(f"{block.at(block.entry)} is empty; it must give every leaf its weight.")
    return tuple(_share(block, name, entry) for name, entry in block.entry.value.items())


def _share(block: Block, name: str, entry: Entry) -> Share:
    block.get(name)
    value = entry.value
    weight, repetition = None, None
    below: tuple[Share, ...] = ()
    if isinstance(value, dict):
        inner = block.within(entry)
        for key in _OF_SHARE:
            if key in value and value[key].value is None:
                raise UserError(f"{block.at(value[key])} is null; give it a number, or leave it out.")
        weight, repetition = inner.number("weight", least=0), _repetition(inner, "repetition_factor")
        below = tuple(_share(inner, child, found) for child, found in value.items() if child not in _OF_SHARE)
    elif isinstance(value, list):  # The pair of weight and repetition factor that generated files had.
        if len(value) != 2:
            raise UserError(
                f"{block.at(entry)} must be a weight, or a weight and a repetition factor; it has {len(value)} values."
            )
        weight, repetition = block.as_number(value[0], 0), block.as_number(value[1], 1e-9)
    else:
        weight = block.as_number(entry, 0)
    return Share(name=name, path=entry.path, line=entry.line, weight=weight, repetition=repetition, below=below)
