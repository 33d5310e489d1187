"""What a YAML file means, read a second time and in another way: the independent half of the proof.

Nothing here uses the reader, the schema or the translation: plain PyYAML with every scalar as text, and the peer's rules
written down again from its documentation. Each answer is a `Fact` under a name; `resolved_reading` gives the answers of a
resolved experiment under the same names. What is read is remembered, so that `prove` can tell what nobody looked at.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
import zlib
from collections.abc import Iterator
from typing import Any

import yaml

_VOCABULARY = {"dolma2": 100278, "gpt_neox": 50280}
_UNITS = {"m": 10**6, "b": 10**9}


class _TextLoader(yaml.SafeLoader):
    """Every scalar is its text, or None; merge keys are followed."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        "<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))],
        **{first: [("tag:yaml.org,2002:null", re.compile("^(~|null|Null|NULL|)$"))] for first in ("~", "n", "N", "")},
    }


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing that a config means; numbers may differ by `tolerance` of themselves."""

    value: Any
    tolerance: float = 0.0


class Plain:
    """The file as nested dicts and lists of text, and which paths of it were read."""

    def __init__(self, file: pathlib.Path) -> None:
        self.tree: Any = yaml.load(file.read_text(encoding="utf-8"), Loader=_TextLoader)
        self.used: set[str] = set()

    def at(self, path: str, default: Any = None) -> Any:
        """What stands at a path such as `data.sources[0].name`; it and all below it count as read."""
        node = self.tree
        for part in re.findall(r"[^.\[\]]+|\[\d+\]", path):
            if part.startswith("["):
                node = node[int(part[1:-1])]
            else:
                node = node.get(part) if isinstance(node, dict) else None
        self.used.add(path)
        return default if node is None else node

    def number(self, path: str, default: float | None = None) -> float | None:
        """The number at a path."""
        text = self.at(path)
        return default if text is None else to_number(text)

    def scalars(self) -> Iterator[str]:
        """The paths of all scalars that say something."""

        def walk(node: Any, path: str) -> Iterator[str]:
            if isinstance(node, dict):
                for key, below in node.items():
                    yield from walk(below, f"{path}.{key}" if path else str(key))
            elif isinstance(node, list):
                for i, below in enumerate(node):
                    yield from walk(below, f"{path}[{i}]")
            elif node:
                yield path

        return walk(self.tree, "")


def to_number(text: str) -> float:
    """A number as YAML or a config of the peer writes it, fractions included."""
    above, _, below = str(text).replace("_", "").partition("/")
    return float(above) / float(below) if below else float(above)


def leaves(plain: Plain, at: str) -> dict[str, dict[str, Any]]:
    """Leaf -> its paths, its weights from the top down, and its source and topic, from the list of sources at a path."""
    found: dict[str, dict[str, Any]] = {}
    for i, source in enumerate(plain.at(at)):
        below = [("topics", t) for t in source.get("topics") or ()] + [
            ("quality", q) for q in source.get("quality") or ()
        ]
        if not below:
            found[source["name"]] = _leaf(source, [source])
        for kind, node in below:
            name = f"{source['name']}:{node['name']}"
            if kind == "topics" and node.get("quality"):
                for bucket in node["quality"]:
                    found[f"{name}:{bucket['name']}"] = _leaf(bucket, [source, node, bucket])
            else:
                found[name] = _leaf(node, [source, node])
        plain.used.add(f"{at}[{i}]")
    return found


def _leaf(node: dict[str, Any], above: list[dict[str, Any]]) -> dict[str, Any]:
    def numbers(key: str) -> list[float | None]:
        return [None if n.get(key) is None else to_number(n[key]) for n in above]

    limits = [limit for limit in numbers("max_repetition_factor") if limit is not None]
    return {
        "paths": sorted(set(node["paths"])),
        "weights": numbers("weight"),
        "limit": limits[-1] if limits else None,
        "source": above[0]["name"],
    }


def mix(plain: Plain, at: str) -> dict[str, tuple[float, float]]:
    """Leaf -> product of weights and repetition factor, with a stack instead of recursion."""
    found: dict[str, tuple[float, float]] = {}
    stack = [(str(name), node, 1.0, 1.0) for name, node in plain.at(at).items()]
    while stack:
        name, node, weight, limit = stack.pop()
        if isinstance(node, list):
            found[name] = (weight * to_number(node[0]), to_number(node[1]))
        elif not isinstance(node, dict):
            found[name] = (weight * to_number(node), limit)
        else:
            weight *= to_number(node.get("weight") or "1")
            limit = to_number(node.get("repetition_factor") or str(limit))
            children = {key: child for key, child in node.items() if key not in ("weight", "repetition_factor")}
            if not children:
                found[name] = (weight, limit)
            stack += [(f"{name}:{key}", child, weight, limit) for key, child in children.items()]
    return found


def parameters(model: str) -> int:
    """The nominal parameters that a model is named for."""
    size = model.rpartition("_")[2]
    return int(size[:-1]) * _UNITS[size[-1]]


def training(plain: Plain, dropped: set[str]) -> dict[str, Fact]:
    """The facts of a training run, by the peer's rules."""
    at = "training." if plain.at("training") else ""
    plain.used.discard("training")
    n = parameters(plain.at(f"{at}proxy_model_id"))
    length = int(plain.number(f"{at}sequence_length", 8192) or 0)
    plain.at(f"{at}chinchilla_multiple")
    asked = plain.number(f"{at}max_tokens") if plain.at(f"{at}chinchilla_multiple") is None else None
    multiple = plain.number(f"{at}chinchilla_multiple", 1.0) or 1.0
    tokens = int(asked) if asked is not None else int(20 * n * multiple + 0.5)
    given = plain.number(f"{at}global_batch_size")
    rule = 1
    while rule < 2048 * 160 * (n / 108e6) ** (2 / 3):
        rule *= 2
    batch = int(given) * length if given is not None else max(1, rule // length) * length
    whole = tokens // batch * batch
    ends, multiples = [], 0.5
    while asked is None and multiples < multiple:
        ends.append(int(20 * n * multiples + 0.5) // batch * batch)
        multiples *= 2
    silent = str(plain.at(f"{at}no_eval", "false")).lower() in ("true", "yes", "on")
    interval = int(plain.number(f"{at}eval_interval", 1000) or 0) * batch
    facts = {
        "model": Fact(plain.at(f"{at}proxy_model_id")),
        "vocabulary": Fact(_VOCABULARY[plain.at(f"{at}tokenizer")]),
        "sequence length": Fact(length),
        "training tokens": Fact(tokens),
        "global batch, tokens": Fact(batch),
        "learning rate": Fact(0.0047 * (n / 108e6) ** (-1 / 3) / 2, 1e-9),
        "warm-up, tokens": Fact(int(min(n, whole / 20))),
        "schedule: ends of periods": Fact((*(end for end in dict.fromkeys(ends) if 0 < end < whole), whole)),
        "schedule: decay": Fact(0.1),
        "weight decay, clip, z-loss": Fact((0.1, 1.0, 1e-5)),
        "beta2": Fact(0.95 if batch >= 524288 else 0.99),
        "seed": Fact(int(plain.number(f"{at}seed", 42) or 0)),
        "tasks": Fact({} if silent else tasks(plain, dropped)),
        "evaluation every, tokens": Fact(None if silent else interval),
    }
    if f"{at}train_type" not in dropped:
        facts["kind of training"] = Fact(plain.at(f"{at}train_type", "pretrain"))
    micro = plain.number(f"{at}device_batch_size")
    infra = "infra." if plain.at("infra") else ""
    plain.used.discard("infra")
    gpus = int(plain.number(f"{infra}gpus", 1) or 0)
    facts["sequences per forward pass"] = Fact(None if micro is None else int(micro))
    plain.number(f"{infra}nodes", 1)
    return facts | {"GPUs": Fact(gpus)}


def tasks(plain: Plain, dropped: set[str]) -> dict[str, tuple[str, ...]]:
    """Family -> in-loop tasks; those of a plain list are in a family without a name."""
    if "eval" in dropped:
        return {}
    listed = plain.at("eval_tasks")
    if listed:
        return {"": tuple(task for i, task in enumerate(listed) if f"eval_tasks[{i}]" not in dropped)}
    plain.at("eval.type")
    found: dict[str, tuple[str, ...]] = {}
    for family, members in (plain.at("eval.tasks") or {}).items():
        at = [f"[{i}]" if isinstance(members, list) else f".{task}" for i, task in enumerate(members)]
        kept = tuple(t for t, end in zip(members, at, strict=True) if f"eval.tasks.{family}{end}" not in dropped)
        if kept:
            found[family] = kept
    return found


def launch(plain: Plain, dropped: set[str]) -> dict[str, Fact]:
    """The facts of a single run."""
    at = "data.sources" if plain.at("data") else "sources"
    plain.used.discard("data")
    there = leaves(plain, at)
    facts = {"dtype of tokens": Fact(plain.at("data.dtype" if at.startswith("data") else "dtype", "uint32"))}
    if plain.at("mix"):
        given = mix(plain, "mix")
        weights = {name: given.get(name, (0.0, 1.0))[0] for name in there}
        limits = {name: given.get(name, (0.0, 1.0))[1] for name in there}
        total = math.fsum(weights.values())
        shares = {name: weight / total for name, weight in weights.items() if weight > 0}
    else:
        limits = {name: leaf["limit"] or 1.0 for name, leaf in there.items()}
        shares = own_shares(plain.at(at), "", 1.0)
    facts |= {
        "share of each leaf": Fact(shares, 1e-5),
        "files of each leaf": Fact({name: there[name]["paths"] for name in shares}),
        "repetition limits": Fact({name: float(limits[name]) for name in shares}),
    }
    tokens, multiple = plain.number("target_tokens"), plain.number("target_chinchilla_multiple")
    facts["final run, tokens"] = Fact(None if tokens is None else int(tokens))
    facts["final run, multiple"] = Fact(multiple if tokens is None else None)
    facts["final run, model"] = Fact(plain.at("target_model_id") if tokens is None else None)
    facts |= training(plain, dropped)
    length = facts["training tokens"].value
    if plain.at("mix"):
        facts["tokens of each leaf"] = Fact({name: share * length for name, share in shares.items()}, 1e-5)
    return facts


def own_shares(nodes: list[dict[str, Any]], above: str, whole: float) -> dict[str, float]:
    """Shares by the weights in the data, and by `count` where siblings have none."""
    named = [(f"{above}{node['name']}", node, node.get("topics") or node.get("quality") or ()) for node in nodes]
    if all(node.get("weight") is None for node in nodes):
        sizes = [float(_held(name, below)) for name, _, below in named]
    else:
        sizes = [to_number(node["weight"]) for node in nodes]
    shares: dict[str, float] = {}
    for (name, _, below), size in zip(named, sizes, strict=True):
        part = whole * size / math.fsum(sizes)
        if part > 0:
            shares |= own_shares(below, f"{name}:", part) if below else {name: part}
    return shares


def _held(name: str, below: Any) -> int:
    """Tokens below a node; buckets and topics of weight 0 hold none."""
    if not below:
        return count(name)
    inside = [node for node in below if node.get("weight") is None or to_number(node["weight"]) > 0]
    return sum(_held(f"{name}:{n['name']}", n.get("topics") or n.get("quality") or ()) for n in inside)


def count(leaf: str) -> int:
    """A made-up token count: two trees that share alike by these share alike by any."""
    return 1000 + zlib.crc32(leaf.encode()) % 9000
