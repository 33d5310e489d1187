from __future__ import annotations

import pytest

from olmix.config import experiments
from olmix.config.experiments import Resolved
from olmix.config.overrides import Override, find_overlay
from olmix.errors import UserError
from tests.config.lab import overlays
from tests.config.lab.overlays import deep, rates

LAB = "tests.config.lab"


def resolve(experiment: str, *changes: str) -> Resolved:
    """`set path=value` or `overlay name` as on the command line, without the dashes."""
    parsed = [Override(*change.split(" ", 1)) for change in changes]
    return experiments.resolve(experiment, parsed, LAB)


def test_sets_of_every_kind() -> None:
    swarm = (
        resolve(
            "plain",
            "set swarm.proxy.learning_rate=1e-3",
            "set swarm.proxy.layers=[2,4,8]",
            "set swarm.proxy.layers[0]=1",
            "set swarm.proxy.limits[web]=0.25",
            "set swarm.proxy.limits['new: key']=1",
            "set swarm.proxy.skip={a,b}",
            "set swarm.proxy.schedule=linear",
            "set swarm.proxy.ema.enabled=true",
            "set swarm.proxy.save_every=none",
            "set swarm.scan.sources[1].name=the code",
            "set swarm.scan.sources[-1].weight=None",
            "set swarm.needs=None",
            "set swarm.logging.project=x=y",
        )
        .build()
        .swarm
    )
    assert swarm.proxy.learning_rate == 1e-3
    assert swarm.proxy.layers == (1, 4, 8)
    assert swarm.proxy.limits == {"web": 0.25, "new: key": 1.0}
    assert swarm.proxy.skip == {"a", "b"}
    assert swarm.proxy.schedule.value == "linear"
    assert swarm.proxy.ema.enabled is True
    assert swarm.proxy.save_every is None
    assert swarm.scan.sources[1].name == "the code"
    assert swarm.scan.sources[1].weight is None
    assert swarm.needs is None
    assert swarm.logging.project == "x=y"
    assert swarm.logging.every == 10


def test_a_shared_node_is_set_for_all_that_share_it() -> None:
    root = resolve("plain", "set laws.swarm.scan.sources[0].weight=1", "set laws.swarm.seed=3").build()
    assert root.scan.sources[0].weight == 1.0
    assert root.swarm.scan is root.scan
    assert root.swarm is root.laws.swarm
    assert root.swarm.seed == 3


def test_a_block_that_is_none_is_made() -> None:
    assert resolve("plain", "set scan.needs.cpus=4").build().scan.needs.cpus == 4


def test_order_on_the_command_line_decides() -> None:
    first = resolve("plain", "overlay laptop", "set swarm.variants=9")
    last = resolve("plain", "set swarm.variants=9", "overlay laptop")
    assert first.build().swarm.variants == 9
    assert last.build().swarm.variants == 4
    assert last.blame["swarm.variants"].before == "9"


def test_one_resolve_does_not_leak_into_the_next() -> None:
    before = resolve("layered").text()
    resolve("layered", "overlay rates.low(factor=0.1)", "set swarm.proxy.limits[web]=9", "set scan.sources=[]")
    assert resolve("layered").text() == before


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("laptop", overlays.laptop),
        ("overlays.laptop", overlays.laptop),
        ("tests.config.lab.overlays.laptop", overlays.laptop),
        ("rates.low", rates.low),
        ("low", rates.low),
        ("overlays.rates.low", rates.low),
        ("deep", deep.deep),
        ("overlays.deep", deep.deep),
        ("tests.config.lab.overlays.deep", deep.deep),
        ("deep.nothing", deep.nothing),
        ("nothing", deep.nothing),
    ],
)
def test_overlays_are_found_by_shortened_names(name: str, function: object) -> None:
    assert find_overlay(name, LAB) is function


def test_overlays_take_arguments() -> None:
    rate = 3e-3
    assert resolve("plain", "overlay low").build().swarm.proxy.learning_rate == rate / 2
    assert resolve("plain", "overlay low(0.25)").build().swarm.proxy.learning_rate == rate / 4
    assert resolve("plain", "overlay rates.fixed(rate=1e-2)").build().swarm.proxy.learning_rate == 1e-2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("set swarm.proxy.lerning_rate=1", "no 'lerning_rate' (nearest: learning_rate)"),
        ("set swram.seed=1", "(nearest: swarm"),
        ("set swarm.seed.x=1", "swarm.seed is the int 0, with nothing below it"),
        ("set swarm.proxy.layers[5]=1", "has 2 items"),
        ("set swarm.proxy.layers.x=1", "write its indices in brackets"),
        ("set swarm.proxy.limits.web=1", "write its keys in brackets"),
        ("set swarm.seed=abc", "swarm.seed is an int: 'abc' is not a whole number"),
        ("set swarm.proxy.schedule=liner", "nearest: linear"),
        ("set swarm.seed", "has no value"),
        ("set swarm..seed=1", "is not a path"),
        ("set swarm.proxy=small", "set its fields one by one"),
        ("set scan.sources[wbe].weight=1", "has 2 items, numbered from 0: [0] web, [1] code"),
        ("overlay lptop", "no overlay 'lptop' (nearest: laptop)"),
        ("overlay rates.lo", "nearest: rates.low"),
        ("overlay low(facto=1)", "no argument 'facto' (nearest: factor)"),
        ("overlay low(factor=)", "cannot be read"),
        ("overlay low(factor=f())", "not a plain value"),
        ("overlay fixed", "missing a required argument: 'rate'"),
        ("overlay fixed(1)", "too many positional arguments"),
        ("overlay not a name", "cannot be read"),
    ],
)
def test_wrong_overrides_are_one_sentence_with_the_nearest_right_name(change: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve("plain", change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_overrides_are_parsed_before_one_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setattr("tests.config.lab.overlays.laptop", lambda cfg: called.append(cfg))
    with pytest.raises(UserError):
        resolve("plain", "overlay rates.low", "set swarm")
    assert not called


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        (["set swarm.seed=0"], "--set=swarm.seed=0 changes nothing"),
        (["set swarm.proxy.learning_rate=0.003"], "--set=swarm.proxy.learning_rate=0.003 changes nothing"),
        (["overlay nothing"], "--overlay=nothing changes nothing"),
        (
            ["set swarm.seed=1", "set swarm.seed=2"],
            "--set=swarm.seed=1 has no effect: --set=swarm.seed=2 comes after it",
        ),
        (["set swarm.proxy.limits[wbe]=2"], "swarm.proxy.limits['wbe'] is a new key (nearest: web)"),
    ],
)
def test_overrides_without_effect_are_warnings(changes: list[str], warning: str) -> None:
    assert any(warning in line for line in resolve("plain", *changes).warnings)


def test_overrides_with_effect_are_not() -> None:
    assert resolve("plain", "set swarm.seed=1", "overlay laptop").warnings == ()


def test_shortcuts_of_a_root_stand_for_their_full_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--set rate=1e-3` sets what the root says it does, is blamed for it, and is listed when a name is mistyped."""
    from tests.config import targets

    both = ("swarm.proxy.limits", "laws.swarm.proxy.limits")
    shortcuts = {"rate": "swarm.proxy.learning_rate", "limits": both}
    monkeypatch.setattr(targets.Search, "shortcuts", shortcuts, raising=False)
    found = resolve("plain", "set rate=1e-3", "set limits[web]=0.25", "set swarm.seed=7")
    assert found.build().swarm.proxy.learning_rate == 1e-3
    assert found.build().swarm.proxy.limits["web"] == 0.25
    assert found.build().swarm.seed == 7
    assert found.blame["swarm.proxy.learning_rate"].place == "--set=rate=1e-3"
    with pytest.raises(UserError, match=r"--set=rte=1: the experiment has no 'rte' \(nearest: rate\)"):
        resolve("plain", "set rte=1")
