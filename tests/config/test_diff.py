from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
import random
import time
from typing import Annotated, Any

import fiddle as fdl
import pytest

from olmix.config import as_overlay, blame, canonical, diff, experiments, goldens, parity, show_diff
from olmix.config.diff import Diff
from olmix.config.experiments import Resolved
from olmix.config.overrides import Override
from olmix.config.tags import BatchFactor, Hardware
from olmix.errors import UserError
from tests.config import build, targets
from tests.config.test_experiments import save
from tests.patience import patience

LAB = "tests.config.lab"


def resolved(config: fdl.Config[Any], name: str = "it") -> Resolved:
    """A config as if it had been resolved."""
    return Resolved(
        name=name,
        hypothesis="",
        config=config,
        layers=(),
        blame=blame.blame(config),
        defaults=canonical.document(config)["defaults"],
    )


def compare(left: fdl.Config[Any], right: fdl.Config[Any], profile: str = "parity") -> Diff:
    return diff.diff(resolved(left, "left"), resolved(right, "right"), profile)


def lab(name: str, *sets: str) -> Resolved:
    return experiments.resolve(name, [Override("set", text) for text in sets], LAB)


def paths(items: tuple[diff.Difference, ...]) -> list[str]:
    return [item.path for item in items]


def test_a_config_is_the_same_as_itself_and_as_what_it_builds() -> None:
    assert compare(build.search(), build.search(), "exact").holds
    found = diff.diff(lab("layered"), lab("layered"), "exact")
    assert found.holds
    assert show_diff.headline(found) == "exact holds: no differences"


def test_tags_decide_what_may_differ() -> None:
    found = diff.diff(
        lab("plain"),
        lab(
            "plain", "name=x", "swarm.needs.cpus=8", "swarm.logging.every=1", "swarm.proxy.save_every=5", "swarm.seed=1"
        ),
    )
    assert paths(found.forbidden) == ["swarm.seed"]
    assert {item.path: item.reason for item in found.allowed} == {
        "swarm.needs.cpus": "Resources",
        "name": "RunIdentity",
        "swarm.proxy.save_every": "Schedule",
        "swarm.logging.every": "Telemetry",
    }
    assert [item.reason for item in found.allowed] == sorted(item.reason for item in found.allowed)
    seed = found.forbidden[0]
    assert (seed.left, seed.right) == ("0", "1")
    assert (seed.left_blame, seed.right_blame) == ("default of tests.config.targets:Swarm", "--set=swarm.seed=1")


def test_exact_allows_nothing() -> None:
    found = diff.diff(lab("plain"), lab("plain", "name=x", "swarm.proxy.ema.decay=0.5"), "exact")
    assert paths(found.forbidden) == ["name", "swarm.proxy.ema.decay"]


def test_blocks_that_are_off_on_both_sides_are_ignored_whole() -> None:
    off = diff.diff(lab("plain"), lab("plain", "swarm.proxy.ema.decay=0.5"))
    assert off.holds
    assert [block.path for block in off.ignored] == ["swarm.proxy.ema"]
    on = diff.diff(lab("plain"), lab("plain", "swarm.proxy.ema.decay=0.5", "swarm.proxy.ema.enabled=true"))
    assert paths(on.forbidden) == ["swarm.proxy.ema.decay", "swarm.proxy.ema.enabled"]


def test_what_an_ignored_block_shares_still_counts_where_it_is_used() -> None:
    """The home of the shared node is inside of the block that is off; the other use is not."""

    def config(value: int) -> fdl.Config[Any]:
        node = build.box(value)
        return build.box(fdl.Config(Switch, inner=node), other=build.box([node]))

    found = compare(config(1), config(2))
    assert paths(found.forbidden) == ["other.value[0].value"]


def test_a_node_used_by_an_operational_field_still_counts_where_it_is_semantic() -> None:
    def config(value: int) -> fdl.Config[Any]:
        node = build.box(value)
        return build.box(build.box([[node]]), note=node)

    found = compare(config(1), config(2))
    assert paths(found.allowed) == ["note.value"]
    assert paths(found.forbidden) == ["value.value[0][0].value"]


def test_one_is_not_true_and_not_one_point_zero() -> None:
    for left, right in ((1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (None, "None")):
        assert not compare(build.box(left), build.box(right)).holds


def test_sharing_or_copying_a_node_is_no_difference() -> None:
    shared = build.box("x")
    assert compare(build.box(shared, other=shared), build.box(build.box("x"), other=build.box("x"))).holds
    assert paths(
        compare(build.box(shared, other=shared), build.box(build.box("x"), other=build.box("y"))).forbidden
    ) == ["other.value"]


def test_a_shared_difference_is_told_once_where_it_is_at_home() -> None:
    found = diff.diff(lab("plain"), lab("plain", "laws.swarm.seed=1"))
    assert paths(found.forbidden) == ["swarm.seed"]


def test_deep_sharing_does_not_explode() -> None:
    left, right = build.ladder(20), build.ladder(20)
    bottom = right
    while isinstance(bottom.value, fdl.Config):
        bottom = bottom.value
    bottom.value = "other"
    start = time.perf_counter()
    assert len(compare(left, right).forbidden) == 1
    assert time.perf_counter() - start < patience(2)


def test_what_only_one_side_has_is_told_in_full() -> None:
    found = diff.diff(lab("plain"), lab("plain", "scan.needs.cpus=3", "swarm.proxy.layers=[2]"))
    told = {item.path: (item.left, item.right) for item in (*found.forbidden, *found.allowed)}
    assert told == {
        "scan.needs": ("None", "<tests.config.targets:Needs>"),
        "scan.needs.cpus": (None, "3.0"),
        "scan.needs.gpus": (None, "0"),
        "swarm.proxy.layers[1]": ("4", None),
    }


def test_other_types_are_told_with_their_fields() -> None:
    found = compare(build.box(fdl.Config(targets.EMA, enabled=True)), build.box(fdl.Config(targets.Logging)))
    assert paths(found.forbidden) == ["value", "value.decay", "value.every"]
    assert paths(found.allowed) == ["value.project"]


# ------------------------------------------------------------- hardware


@dataclasses.dataclass(frozen=True, kw_only=True)
class Switch:
    enabled: bool = False
    inner: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    dtype: Annotated[str, Hardware] = "bfloat16"
    micro_batch: Annotated[int, BatchFactor] = 8
    accumulation: Annotated[int, BatchFactor] = 4
    learning_rate: float = 1e-3


def test_the_hardware_profile_forgives_what_is_declared() -> None:
    left = fdl.Config(Trainer)
    right = fdl.Config(Trainer, dtype="float16", micro_batch=2, accumulation=16)
    assert paths(compare(left, right).forbidden) == ["accumulation", "dtype", "micro_batch"]
    found = compare(left, right, "hardware")
    assert found.holds
    assert {item.path: item.reason for item in found.allowed} == {
        "accumulation": "BatchFactor",
        "dtype": "Hardware",
        "micro_batch": "BatchFactor",
    }


def test_but_not_another_global_batch() -> None:
    found = compare(fdl.Config(Trainer), fdl.Config(Trainer, dtype="float16", micro_batch=16), "hardware")
    assert paths(found.forbidden) == ["micro_batch"]
    assert paths(found.allowed) == ["dtype"]


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(UserError, match="parity, exact, hardware"):
        compare(fdl.Config(Trainer), fdl.Config(Trainer), "same")


# ------------------------------------------------------------- meaning


def tree(*sources: tuple[str, float, Any]) -> fdl.Config[Any]:
    """A real data tree; the last of each triple is a path or a dict of weights of topics."""
    from olmix.data.tree import Source, Topic, Tree

    def source(name: str, weight: float, below: Any) -> fdl.Config[Any]:
        if isinstance(below, str):
            return fdl.Config(Source, name=name, weight=weight, paths=[below])
        topics = [fdl.Config(Topic, name=k, weight=v, paths=[f"{name}/{k}"]) for k, v in below.items()]
        return fdl.Config(Source, name=name, weight=weight, topics=topics)

    return build.box(fdl.Config(Tree, sources=[source(*item) for item in sources]))


def test_two_spellings_of_one_mixture_are_equal() -> None:
    left = tree(("web", 0.7, "web"), ("code", 0.3, {"c": 0.5, "python": 0.5}))
    right = tree(("code", 3, {"python": 2, "c": 2}), ("web", 7, "web"))
    found = compare(left, right)
    assert found.holds
    assert [(block.path, block.why) for block in found.ignored] == [("value", "spelled differently, but the same")]
    assert not compare(left, right, "exact").holds


def test_a_silent_shift_is_forbidden_whatever_the_spelling() -> None:
    left = tree(("web", 0.7, "web"), ("code", 0.3, {"c": 0.5, "python": 0.5}))
    right = tree(("web", 7, "web"), ("code", 3, {"c": 1, "python": 2}))
    found = compare(left, right)
    assert paths(found.forbidden) == ["value['code:c']['share']", "value['code:python']['share']"]
    assert (found.forbidden[0].left, found.forbidden[0].right) == ("0.15", "0.1")
    text = show_diff.render(found)
    assert "from value.sources[1].topics[1].weight: 0.5 → 2" in text


def test_other_files_under_the_same_name_are_forbidden() -> None:
    assert paths(compare(tree(("web", 1, "a")), tree(("web", 1, "b"))).forbidden) == ["value['web']['paths']"]


def test_a_tree_that_cannot_be_built_is_an_error() -> None:
    with pytest.raises(UserError, match="right: value has no meaning"):
        compare(tree(("web", 1, "a")), tree(("web", 1, "a"), ("web", 2, "b")))


# ------------------------------------------------------------- changed defaults


def test_changed_defaults_are_told_and_not_forgiven(tmp_path: pathlib.Path) -> None:
    folder = save(lab("plain"), tmp_path)
    document = json.loads((folder / "resolved.json").read_text())
    document["defaults"]["tests.config.targets:Proxy"]["steps"] = 50
    document["config"]["swarm"]["proxy"]["steps"] = 50
    (folder / "resolved.json").write_text(json.dumps(document))
    found = diff.diff(experiments.resolve(str(folder), (), LAB), lab("plain"))
    assert paths(found.forbidden) == ["swarm.proxy.steps"]
    assert [(item.name, item.left, item.right) for item in found.changed_defaults] == [
        ("tests.config.targets:Proxy.steps", "50", "100")
    ]


def test_the_text_is_ordered_for_a_review() -> None:
    found = diff.diff(lab("plain"), lab("plain", "swarm.needs.cpus=8", "swarm.seed=1", "swarm.proxy.ema.decay=0.5"))
    text = show_diff.render(found)
    assert text == (
        "plain (left) and plain (right): parity does not hold: 1 forbidden, 1 allowed, 1 ignored blocks\n"
        "\n## Forbidden\n\n"
        "- swarm.seed: 0 → 1\n"
        "    - left:  default of tests.config.targets:Swarm\n"
        "    - right: --set=swarm.seed=1\n"
        "\n## Allowed: Resources\n\n"
        "- swarm.needs.cpus: 2 → 8.0\n"
        "    - left:  default of tests.config.targets:Swarm\n"
        "    - right: --set=swarm.needs.cpus=8\n"
        "\n## Ignored\n\n"
        "- swarm.proxy.ema: off on both sides\n"
        "    - swarm.proxy.ema.decay: 0.99 → 0.5\n"
    )


# ------------------------------------------------------------- the overlay between two configs


def run_overlay(source: str, config: fdl.Config[Any]) -> fdl.Config[Any]:
    space: dict[str, Any] = {}
    exec(source, space)
    changed = copy.deepcopy(config)
    space["left_to_right"](changed)
    return changed


def test_the_overlay_between_two_experiments_can_be_pasted() -> None:
    source = as_overlay.overlay(lab("plain"), lab("layered", "swarm.proxy.schedule=linear", "scan.needs.cpus=3"))
    assert source == (
        '"""What turns plain into layered."""\n\n'
        "import fiddle as fdl\n\nfrom tests.config import targets\n\n\n"
        "def left_to_right(cfg: fdl.Config[targets.Search]) -> None:\n"
        '    """What turns plain into layered."""\n'
        "    cfg.scan.needs = fdl.Config(targets.Needs, cpus=3.0)\n"
        "    cfg.swarm.needs = fdl.Config(targets.Needs)\n"
        "    cfg.swarm.proxy.layers = (2, 4, 8)\n"
        "    cfg.swarm.proxy.learning_rate = 0.0015\n"
        "    cfg.swarm.proxy.limits = {'code': 0.25, 'web': 0.5}\n"
        "    cfg.swarm.proxy.schedule = targets.Kind.LINEAR\n"
        "    cfg.swarm.seed = 7\n"
        "    cfg.swarm.variants = 4\n"
    )


def test_the_overlay_works_on_what_the_preset_really_returns() -> None:
    """There the needs of the overlay `laptop` are a plain instance, which cannot be changed, only replaced."""
    from tests.config.lab import layered

    source = as_overlay.overlay(lab("layered"), lab("layered", "swarm.needs.gpus=1", "swarm.proxy.ema.decay=0.1"))
    changed = run_overlay(source, layered.experiment())
    assert fdl.build(changed).swarm.needs == targets.Needs(cpus=1, gpus=1)
    assert fdl.build(changed).swarm.proxy.ema.decay == 0.1


def scramble(config: fdl.Config[Any], rng: random.Random) -> fdl.Config[Any]:
    """Some random changes, sharing included."""
    for _ in range(rng.randrange(1, 6)):
        kind = rng.randrange(8)
        if kind == 0:
            config.swarm.proxy.learning_rate = rng.choice([1e-3, 1.0, float("inf")])
        elif kind == 1:
            config.swarm = copy.deepcopy(config.swarm)
        elif kind == 2:
            config.laws.swarm = config.swarm
        elif kind == 3:
            config.swarm.scan = rng.choice([config.scan, fdl.Config(targets.Scan), copy.deepcopy(config.scan)])
        elif kind == 4:
            config.scan.sources = (*config.scan.sources, fdl.Config(targets.Source, name=f"s{rng.randrange(3)}"))
        elif kind == 5:
            config.swarm.proxy = fdl.Config(targets.Proxy, learning_rate=0.5, limits={"it's": 1.0}, skip={"a"})
        elif kind == 6:
            config.scan.needs = config.swarm.needs = fdl.Config(targets.Needs, gpus=rng.randrange(3))
        else:
            config.scan.sources[0].paths = tuple(f"p{i}" for i in range(rng.randrange(3)))
    return config


@pytest.mark.parametrize("seed", range(150))
def test_the_overlay_turns_left_into_right(seed: int) -> None:
    rng = random.Random(seed)
    left, right = scramble(build.search(), rng), scramble(build.search(), rng)
    if seed in HARD:
        with pytest.raises(UserError, match="shared differently"):
            as_overlay.overlay(resolved(left), resolved(right))
        return
    source = as_overlay.overlay(resolved(left), resolved(right))
    assert canonical.text(run_overlay(source, left)) == canonical.text(right)


#: Pairs whose sharing cannot be reached by assignments in a fixed order; the refusal says so rather than to be wrong.
HARD = (108,)


def test_an_overlay_cannot_make_another_kind_of_experiment() -> None:
    with pytest.raises(UserError, match="not what it is"):
        as_overlay.overlay(resolved(build.search()), resolved(build.box(1)))


# ------------------------------------------------------------- parity checklist

PAIRS = """
[[pair]]
old = "plain"
new = "nested.inner"

[[pair]]
old = "plain"
new = "layered"
old_overrides = ["--set=swarm.seed=7", "--overlay=laptop"]
[pair.allow]
"swarm.proxy.l*" = "the old code had | two layers"

[[pair]]
old = "plain"
new = "plain"
new_overrides = ["--set=swarm.seed=7"]
[pair.allow]
"swarm.variants" = "never needed"

[[pair]]
old = "plain"
new = "plian"
"""


def test_the_checklist() -> None:
    results = [parity.check(pair, LAB) for pair in parity.read(PAIRS, "pairs.toml")]
    assert [result.passed for result in results] == [True, True, False, False]
    assert parity.table(results) == (
        "| old | new | status | reasons |\n"
        "| --- | --- | --- | --- |\n"
        "| plain | nested.inner | pass | no differences |\n"
        "| plain --set=swarm.seed=7 --overlay=laptop | layered | pass, with reasons "
        "| `swarm.proxy.l*`: the old code had \\| two layers |\n"
        "| plain | plain --set=swarm.seed=7 | FAIL | `swarm.seed`: 0 → 7 is forbidden; "
        "`swarm.variants` is allowed (never needed) but does not differ |\n"
        "| plain | plian | ERROR | There is no experiment 'plian' (nearest: plain); "
        "`python -m launchers.list` shows them all. |\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "is not TOML"),
        ("", r"must be a list of \[\[pair\]\]"),
        ("y = 1\n[[pair]]\nold='a'\nnew='b'", "it has 'y'"),
        ("[[pair]]\nold='a'", "needs new"),
        ("[[pair]]\nold='a'\nnew='b'\nalow={}", r"unknown 'alow' \(nearest: allow"),
        ("[[pair]]\nold='a'\nnew='b'\nallow={x=''}", "without a reason"),
        ("[[pair]]\nold='a'\nnew='b'\nprofile='x'", "unknown profile 'x'"),
        ("[[pair]]\nold='a'\nnew='b'\nnew_overrides=['seed=1']", "--set=path=value"),
    ],
)
def test_bad_checklists(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parity.read(text, "pairs.toml")


# ------------------------------------------------------------- goldens


def test_goldens_say_what_changed_and_who_did_it(tmp_path: pathlib.Path) -> None:
    assert goldens.write(tmp_path, LAB) == ["layered", "nested.inner", "plain"]
    assert goldens.write(tmp_path, LAB) == []
    assert goldens.check(tmp_path, LAB) == []
    (tmp_path / "plain.txt").unlink()
    (tmp_path / "gone.txt").write_text("")
    file = tmp_path / "layered.txt"
    file.write_text(file.read_text().replace("learning_rate: 0.0015", "learning_rate: 0.002") + "zebra: 1\n")
    assert goldens.check(tmp_path, LAB) == [
        "layered is not what its golden says:\n"
        "  swarm.proxy.learning_rate: 0.002 → 0.0015   <- tests/config/lab/overlays/rates.py:10 low\n"
        "  zebra: 1 → (absent)",
        "plain has no golden; `make goldens` writes it.",
        "gone.txt is a golden of no experiment; `make goldens` removes it.",
    ]
    assert goldens.write(tmp_path, LAB) == ["gone", "layered", "plain"]
    assert not (tmp_path / "gone.txt").exists()


def test_places_are_masked_in_goldens() -> None:
    one = lab("plain", "swarm.logging.project=/elsewhere/out", "name=named")
    text = goldens.golden(one)
    assert 'swarm.logging.project: "<place>"\n' in text
    assert 'name: "named"\n' in text
    assert "s3://data/web" in text  # what is trained on is no place to be masked
    assert goldens.compare(text, lab("plain", "swarm.logging.project=s3://bucket/x", "name=named")) == []


def test_keys_with_colons_do_not_confuse_goldens() -> None:
    one = lab("plain", "swarm.proxy.limits['a: b']=1")
    kept = goldens.golden(one).replace("['a: b']: 1.0", "['a: b']: 2.0")
    assert [line.split("   <-")[0] for line in goldens.compare(kept, one)] == ["swarm.proxy.limits['a: b']: 2.0 → 1.0"]
