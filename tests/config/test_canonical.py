from __future__ import annotations

import copy
import json
import math
import pathlib
import subprocess
import sys
import time

import fiddle as fdl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmix.config import canonical
from olmix.config.fingerprint import fingerprint
from olmix.config.nodes import ConfigError
from tests.config import build, targets
from tests.patience import patience

EXPECTED = """\
.: <tests.config.targets:Search>
laws: <tests.config.targets:Laws>
laws.kind: "log_linear"
laws.swarm: -> swarm
name: "a search"
scan: <tests.config.targets:Scan>
scan.needs: None
scan.sources[0]: <tests.config.targets:Source>
scan.sources[0].name: "web"
scan.sources[0].paths[0]: "s3://data/web/*.npy"
scan.sources[0].weight: 0.75
scan.sources[1]: <tests.config.targets:Source>
scan.sources[1].name: "code"
scan.sources[1].paths: ()
scan.sources[1].weight: 0.25
swarm: <tests.config.targets:Swarm>
swarm.logging: <tests.config.targets:Logging>
swarm.logging.enabled: True
swarm.logging.every: 10
swarm.logging.project: "olmix"
swarm.needs: <tests.config.targets:Needs>
swarm.needs.cpus: 2
swarm.needs.gpus: 0
swarm.proxy: <tests.config.targets:Proxy>
swarm.proxy.batch: 8
swarm.proxy.ema: <tests.config.targets:EMA>
swarm.proxy.ema.decay: 0.99
swarm.proxy.ema.enabled: False
swarm.proxy.layers[0]: 2
swarm.proxy.layers[1]: 4
swarm.proxy.learning_rate: 0.003
swarm.proxy.limits: {}
swarm.proxy.save_every: None
swarm.proxy.schedule: tests.config.targets:Kind.COSINE
swarm.proxy.skip: set()
swarm.proxy.steps: 100
swarm.scan: -> scan
swarm.seed: 0
swarm.variants: 24
"""


def test_known_text() -> None:
    assert canonical.text(build.search()) == EXPECTED


def test_a_config_and_what_it_builds_are_the_same() -> None:
    cfg = build.search()
    built = fdl.build(cfg)
    assert canonical.text(built) == canonical.text(cfg)
    assert canonical.to_json(built) == canonical.to_json(cfg)
    assert fingerprint(built) == fingerprint(cfg)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from([targets.Kind.LINEAR, targets.Needs, targets.some_function])
    | st.frozensets(st.integers(0, 5) | st.text(max_size=2), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(build.box, inner)
        | st.builds(lambda v, o: build.box(v, other=o), inner, inner)
        | inner.map(lambda v: targets.Box(value=v))
    ),
    max_leaves=12,
)


@given(value=VALUES)
@settings(max_examples=300)
def test_building_never_changes_what_a_config_says(value: object) -> None:
    cfg = build.box(value)
    built = fdl.build(cfg)
    assert canonical.text(built) == canonical.text(cfg)
    assert canonical.to_json(built) == canonical.to_json(cfg)
    assert fingerprint(built) == fingerprint(cfg)
    assert canonical.text(copy.deepcopy(cfg)) == canonical.text(cfg)


@given(left=VALUES, right=VALUES)
@settings(max_examples=300)
def test_equal_fingerprints_mean_equal_texts(left: object, right: object) -> None:
    """Without sharing and without operational fields, text and fingerprint must agree on what is the same."""
    one, two = build.box(left), build.box(right)
    if not any(" -> " in canonical.text(cfg) for cfg in (one, two)):
        assert (fingerprint(one) == fingerprint(two)) == (canonical.text(one) == canonical.text(two))


def test_order_and_spelling_do_not_matter() -> None:
    left = build.box({"b": 1, "a": [1, 2]}, other={"x", "y", "z"})
    right = fdl.Config(targets.Box, other=frozenset({"z", "x", "y"}), value={"a": (1, 2), "b": 1})
    assert canonical.text(left) == canonical.text(right)
    assert fingerprint(left) == fingerprint(right)


def test_a_default_is_the_same_as_the_value_spelled_out() -> None:
    left, right = build.search(), build.search()
    right.swarm.proxy.batch = 8
    right.swarm.proxy.limits = {}
    right.swarm.needs = fdl.Config(targets.Needs, cpus=2)
    assert canonical.text(left) == canonical.text(right)
    assert canonical.to_json(left) == canonical.to_json(right)


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", "True"),
        (0.0, -0.0, 0, False, None),
        ("a", ("a",)),
        ((), {}, frozenset(), None, ""),
    ],
)
def test_kinds_that_python_calls_equal_are_kept_apart(values: tuple[object, ...]) -> None:
    assert len({canonical.text(build.box(v)) for v in values}) == len(values)
    assert len({canonical.to_json(build.box(v)) for v in values}) == len(values)
    assert len({fingerprint(build.box(v)) for v in values}) == len(values)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: 1, "found again"),
        (np.zeros(3), ".tolist()"),
        (np.float64(0.1), "use its .item()"),
        (pathlib.Path("x"), "use a str"),
        (object(), "no deterministic spelling"),
        (math.nan, "NaN"),
        (b"x", "no deterministic spelling"),
        ({1: 2}, "str keys"),
        (fdl.Partial(targets.Needs), "fdl.Partial"),
        (fdl.Config(targets.some_function), "not a dataclass"),
        (fdl.Config(targets.Proxy), "learning_rate is required"),
    ],
)
def test_what_cannot_be_written_raises_with_its_path(value: object, words: str) -> None:
    for write in (canonical.text, canonical.to_json, fingerprint):
        with pytest.raises(ConfigError, match=r"^other\['k'\]\[1\]") as caught:
            write(build.box(None, other={"k": [0, value]}))
        assert words in str(caught.value)


def test_cycles_raise_with_their_path() -> None:
    cfg = build.box(None)
    cfg.value = [cfg]
    loop: list[object] = []
    loop.append(loop)
    for write in (canonical.text, canonical.to_json, fingerprint):
        with pytest.raises(ConfigError, match=r"value\[0\] is part of itself"):
            write(cfg)
        with pytest.raises(ConfigError, match=r"value\[0\] is part of itself"):
            write(build.box(loop))


def test_sharing_does_not_explode() -> None:
    start = time.perf_counter()
    deep = build.ladder(20)
    text = canonical.text(deep)
    assert text.count("\n") == 20 * 3 + 4
    assert len(canonical.to_json(deep)) < 20_000
    assert fingerprint(deep) == fingerprint(fdl.build(deep))
    assert time.perf_counter() - start < patience(2)


def test_shared_containers_that_would_explode_raise() -> None:
    value: tuple[object, ...] = (1,)
    for _ in range(30):
        value = (value, value)
    assert len(fingerprint(build.box(value))) == 64
    with pytest.raises(ConfigError, match="more than 100000 lines"):
        canonical.text(build.box(value))


def test_a_shared_node_and_equal_copies_have_one_fingerprint() -> None:
    shared = build.box("x")
    left = build.box(shared, other=shared)
    right = build.box(build.box("x"), other=build.box("x"))
    assert fingerprint(left) == fingerprint(right)
    assert "other: -> value\n" not in canonical.text(right)
    assert "value: -> other\n" in canonical.text(left)


def test_operational_fields_are_not_in_the_fingerprint() -> None:
    base = fingerprint(build.search())
    other = build.search()
    other.name = "another"
    other.swarm.needs = fdl.Config(targets.Needs, cpus=64)
    other.swarm.logging = fdl.Config(targets.Logging, every=1)
    other.swarm.proxy.save_every = 10
    assert fingerprint(other) == base
    other.swarm.seed = 1
    assert fingerprint(other) != base


def test_a_block_that_is_off_is_not_in_the_fingerprint() -> None:
    base = fingerprint(build.search())
    other = build.search()
    other.swarm.proxy.ema = fdl.Config(targets.EMA, decay=0.5)
    assert fingerprint(other) == base
    other.swarm.proxy.ema.enabled = True
    assert fingerprint(other) != base


def test_substitutes_stand_for_what_is_below_the_top() -> None:
    cfg = build.search()
    built = fdl.build(cfg)
    seen: list[object] = []

    def substitute(node: object) -> str | None:
        seen.append(node)
        return "upstream" if isinstance(node, targets.Scan) else None

    first = fingerprint(built.swarm, substitute=substitute)
    assert built.swarm not in seen
    assert built.scan in seen
    cfg.scan.sources = ()
    assert fingerprint(fdl.build(cfg).swarm, substitute=substitute) == first
    assert fingerprint(fdl.build(cfg).swarm) != fingerprint(built.swarm)


def test_lines_carry_the_tags_of_all_fields_above() -> None:
    tags = {line.path: [tag.__name__ for tag in line.tags] for line in canonical.lines(build.search())}
    assert tags["swarm.logging.project"] == ["RunIdentity", "Telemetry"]
    assert tags["swarm.logging.every"] == ["Telemetry"]
    assert tags["swarm.needs.cpus"] == ["Resources"]
    assert tags["swarm.proxy.batch"] == []


def test_strings_stay_on_one_line_and_can_be_encoded() -> None:
    nasty = "a\nb\u2028c\x85d\u202ee\ud800 ünï 数"
    text = canonical.text(build.box(nasty, other={nasty: 1, "it's": 2, 'say "x"': 3}))
    assert len(text.splitlines()) == 6
    text.encode()
    assert "ünï 数" in text
    assert "other['it\\'s']: 2" in text
    assert json.loads(canonical.to_json(build.box(nasty)))["config"]["value"] == nasty


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.config import build, targets
from olmix.config import canonical
from olmix.config.fingerprint import fingerprint
cfg = build.search()
cfg.swarm.proxy.skip = frozenset(["b", "a", "ü", "d", "e"])
cfg.swarm.proxy.limits = dict(z=1.0, a=1e-7, m=float("inf"), k=1e22)
print(canonical.text(cfg), canonical.to_json(cfg), fingerprint(cfg))
"""


def test_it_is_equal_in_every_process() -> None:
    root = str(pathlib.Path(__file__).parents[2])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(root=root)],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_a_known_fingerprint_that_every_machine_and_python_must_give() -> None:
    """Written down once, on 3.11 and 3.12; a change here renames every artifact that anyone has."""
    assert fingerprint(build.search()) == "502dce43dddd1a2631468963289065b430e8265d5ee98ac09df026ed65ac6280"
