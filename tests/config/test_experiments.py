from __future__ import annotations

import cProfile
import importlib
import json
import pathlib
import shutil
import sys
from collections.abc import Iterator

import pytest

from olmix.config import blame, canonical, catalogue, experiments, remembered, review
from olmix.config.catalogue import Entry
from olmix.config.fingerprint import fingerprint
from olmix.config.overrides import Override
from olmix.errors import UserError

LAB = "tests.config.lab"
HERE = pathlib.Path(__file__).parent


@pytest.fixture
def sandbox(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """A copy of the lab as a package `sandbox`, to add modules to; forgotten afterwards."""
    shutil.copytree(HERE / "lab", tmp_path / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(tmp_path))
    experiments.folder_of.cache_clear()
    yield tmp_path / "sandbox"
    experiments.folder_of.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "sandbox"]:
        del sys.modules[name]
    importlib.invalidate_caches()


# ------------------------------------------------------------- blame


def test_every_line_has_a_blame() -> None:
    resolved = experiments.resolve("layered", (), LAB)
    assert list(resolved.blame) == [line.path for line in canonical.lines(resolved.config)]


def test_blame_names_file_line_and_function_of_every_kind_of_layer() -> None:
    changes = [Override("overlay", "rates.fixed(rate=0.01)"), Override("set", "swarm.seed=9")]
    blame = experiments.resolve("layered", changes, LAB).blame
    lab = "tests/config/lab"
    assert str(blame["scan.sources[0].name"]) == f"{lab}/base.py:13 scan"
    assert str(blame["swarm.proxy.batch"]) == f"{lab}/presets/__init__.py:23 _proxy"
    assert blame["swarm.proxy.batch"].layer == "presets.small"
    assert (blame["swarm.variants"].kind, blame["swarm.variants"].before) == ("overlay", "16")
    assert str(blame["swarm.variants"]) == f"{lab}/overlays/__init__.py:10 laptop"
    assert str(blame["swarm.proxy.learning_rate"]) == f"{lab}/overlays/rates.py:15 fixed"
    assert blame["swarm.proxy.learning_rate"].before == "0.0015"
    assert str(blame["swarm.seed"]) == "--set=swarm.seed=9"
    assert (blame["swarm.seed"].kind, blame["swarm.seed"].before) == ("flag", "7")
    assert str(blame["swarm.proxy.steps"]) == "default of tests.config.targets:Proxy"
    assert all("/" not in str(item).split(":")[0] or not str(item).startswith("/") for item in blame.values())
    assert not any("fiddle" in str(item) for item in blame.values())


def test_a_sentence_gets_who_set_what_it_names() -> None:
    """By its step; a node that steps share stands with the first of them; defaults and what is ambiguous are left out."""
    known = {
        "swarm.proxy.tokens": blame.Blame("--set=swarm.proxy.tokens=1", kind="flag"),
        "swarm.proxy.batch_tokens": blame.Blame("preset.py:3 p", kind="preset"),
        "swarm.proxy.device.dtype": blame.Blame("Device", kind="default"),
        "swarm.stack": blame.Blame("a.py:1", kind="overlay"),
        "validation.stack": blame.Blame("b.py:2", kind="overlay"),
    }
    told = lambda sentence: blame.places(sentence, known)  # noqa: E731
    both = " (proxy.tokens: --set=swarm.proxy.tokens=1, proxy.batch_tokens: preset.py:3 p)"
    assert told("swarm: raise proxy.tokens, lower proxy.batch_tokens.") == both
    assert told("swarm/variant-000: raise proxy.tokens, lower proxy.batch_tokens.") == both
    assert told("validation: lower proxy.batch_tokens.") == " (proxy.batch_tokens: preset.py:3 p)"
    assert told("validation: validation.stack is 0.") == " (validation.stack: b.py:2)"
    assert told("swarm: device.dtype cannot be, nor what.ever in tokenizer.json.") == ""
    assert told("Nobody knows any.stack of these.") == ""


def test_a_profiler_goes_on_afterwards() -> None:
    with cProfile.Profile() as profiler:
        experiments.resolve("plain", (), LAB)
        pathlib.PurePath("counted").as_posix()
    assert any("as_posix" in str(entry.code) for entry in profiler.getstats())


def test_edits_inside_of_containers_are_blamed_on_who_made_them() -> None:
    blame = experiments.resolve("layered", (), LAB).blame
    assert blame["swarm.proxy.limits['code']"].layer == "overlays.deep"
    assert blame["swarm.proxy.limits['web']"].layer == "presets.small"
    assert blame["swarm.proxy.layers[2]"].layer == "overlays.deep"
    assert blame["swarm.proxy.layers[0]"].kind == "default"


def test_an_element_set_by_a_flag_leaves_its_neighbours_alone() -> None:
    changes = [Override("set", "swarm.proxy.layers[1]=5"), Override("set", "scan.sources[1].weight=1")]
    blame = experiments.resolve("layered", changes, LAB).blame
    assert blame["swarm.proxy.layers[1]"].kind == "flag"
    assert blame["swarm.proxy.layers[1]"].before == "4"
    assert blame["swarm.proxy.layers[2]"].layer == "overlays.deep"
    assert blame["scan.sources[1].weight"].kind == "flag"
    assert blame["scan.sources[1].name"].layer == "base.scan"
    assert blame["scan.sources[0]"].layer == "base.scan"


def test_a_replaced_node_still_says_what_was_before(sandbox: pathlib.Path) -> None:
    (sandbox / "overlays" / "swap.py").write_text(
        "import fiddle as fdl\nfrom tests.config import targets\n"
        "def swap(cfg):\n    cfg.swarm.proxy = fdl.Config(targets.Proxy, learning_rate=0.5)\n"
    )
    blame = experiments.resolve("plain", [Override("overlay", "swap")], "sandbox").blame
    assert blame["swarm.proxy.learning_rate"].before == "0.003"
    assert str(blame["swarm.proxy.learning_rate"]) == "sandbox/overlays/swap.py:4 swap"
    assert blame["swarm.proxy.batch"].kind == "default"


def test_comprehensions_are_blamed_on_the_function_around_them(sandbox: pathlib.Path) -> None:
    (sandbox / "overlays" / "many.py").write_text(
        "import fiddle as fdl\nfrom tests.config import targets\n\n\n"
        "def many(cfg):\n"
        "    cfg.scan.sources = tuple(\n        fdl.Config(targets.Source, name=name) for name in ('a', 'b')\n    )\n"
    )
    blame = experiments.resolve("plain", [Override("overlay", "many")], "sandbox").blame
    assert str(blame["scan.sources[1].name"]) == "sandbox/overlays/many.py:7 many"


# ------------------------------------------------------------- layers


def test_layers_are_in_the_order_in_which_they_were_applied() -> None:
    changes = [Override("set", "swarm.seed=1"), Override("overlay", "low(factor=0.1)"), Override("set", "swarm.seed=2")]
    layers = experiments.resolve("layered", changes, LAB).layers
    assert [(layer.kind, layer.name) for layer in layers] == [
        ("base", "base.scan"),
        ("preset", "presets.small"),
        ("overlay", "overlays.deep"),
        ("overlay", "overlays.rates.low"),
        ("overlay", "overlays.laptop"),
        ("experiment", "layered"),
        ("flag", "--set=swarm.seed=1"),
        ("overlay", "overlays.rates.low"),
        ("flag", "--set=swarm.seed=2"),
    ]
    assert layers[1].place == "tests/config/lab/presets/__init__.py:10"
    assert layers[7].via == "--overlay=low(factor=0.1)"


def test_the_hypothesis_is_the_first_sentence_on_one_line() -> None:
    assert experiments.resolve("layered", (), LAB).hypothesis == "Three overlays deep, and still one sentence."


# ------------------------------------------------------------- names


def test_experiments_are_modules_that_define_one() -> None:
    assert experiments.names(LAB) == ["layered", "nested.inner", "plain"]


@pytest.mark.parametrize(
    "text",
    ["nested.inner", "inner", "tests.config.lab.nested.inner", "nested/inner.py", "nested/inner"],
)
def test_experiments_are_found_by_any_of_their_names(text: str) -> None:
    assert experiments.find(text, LAB) == "nested.inner"


def test_an_unnamed_root_is_named_after_its_module() -> None:
    resolved = experiments.resolve("inner", (), LAB)
    assert resolved.build().name == "nested.inner"
    assert str(resolved.blame["name"]) == "tests/config/lab/nested/inner.py:1"
    named = experiments.resolve("inner", [Override("set", "name=other")], LAB)
    assert named.build().name == "other"


# ------------------------------------------------------------- round trip


def save(resolved: experiments.Resolved, folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolved.json").write_text(resolved.to_json())
    (folder / "blame.json").write_text(resolved.blame_json())
    return folder


def test_a_resolved_document_is_exactly_that_config_again(tmp_path: pathlib.Path) -> None:
    changes = [
        Override("set", "swarm.proxy.skip={b,a}"),
        Override("set", "swarm.proxy.limits['$odd: key']=inf"),
        Override("set", "swarm.needs=None"),
    ]
    first = experiments.resolve("layered", changes, LAB)
    folder = save(first, tmp_path / "run")
    for again in (str(folder), str(folder / "resolved.json")):
        second = experiments.resolve(again, (), LAB)
        assert second.text() == first.text()
        assert second.to_json() == first.to_json()
        assert second.build() == first.build()
        assert second.build().swarm is second.build().laws.swarm or second.build().swarm.scan is not None
        assert fingerprint(second.config) == fingerprint(first.config)
        assert second.blame == first.blame
        assert second.blame_json() == first.blame_json()
        assert (second.name, second.hypothesis, second.layers) == (first.name, first.hypothesis, first.layers)
        assert second.warnings == ()
        built = second.build()
        assert built.laws.swarm is built.swarm
        assert isinstance(built.swarm.proxy.layers, tuple)
        assert isinstance(built.swarm.proxy.skip, frozenset)


def test_a_document_can_be_changed_again_and_blames_what_changed(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("layered", (), LAB), tmp_path)
    changed = experiments.resolve(
        str(folder),
        [Override("overlay", "low(factor=0.5)"), Override("set", "laws.swarm.scan.sources[0].weight=1")],
        LAB,
    )
    assert changed.build().swarm.proxy.learning_rate == 3e-3 / 4
    assert changed.blame["swarm.proxy.learning_rate"].before == "0.0015"
    assert changed.blame["scan.sources[0].weight"].kind == "flag"
    assert changed.blame["swarm.proxy.limits['code']"].layer == "overlays.deep"
    assert changed.layers[-1].name == "--set=laws.swarm.scan.sources[0].weight=1"


def edit(folder: pathlib.Path, old: str, new: str) -> None:
    file = folder / "resolved.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_arguments_that_no_longer_exist_are_refused_by_name(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    edit(folder, '"learning_rate"', '"lerning_rate"')
    edit(folder, '"seed"', '"sed"')
    with pytest.raises(UserError) as caught:
        experiments.resolve(str(folder), (), LAB)
    message = str(caught.value)
    assert "no longer has the argument 'lerning_rate' (nearest: learning_rate) (swarm.proxy.lerning_rate)" in message
    assert "no longer has the argument 'sed' (nearest: seed" in message
    assert "now needs 'learning_rate'" in message


def test_types_that_no_longer_exist_are_refused_by_name(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    edit(folder, "targets:Laws", "targets:Lwas")
    with pytest.raises(UserError, match=r"no 'Lwas' in tests.config.targets any more \(nearest: Laws"):
        experiments.resolve(str(folder), (), LAB)


def test_modules_of_python_itself_are_refused(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    edit(folder, "tests.config.targets:Laws", "antigravity:Laws")
    with pytest.raises(UserError, match="a part of Python itself"):
        experiments.resolve(str(folder), (), LAB)
    assert "antigravity" not in sys.modules


def test_changed_defaults_are_reported_and_the_old_value_is_kept(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    document = json.loads((folder / "resolved.json").read_text())
    document["defaults"]["tests.config.targets:Proxy"]["steps"] = 50
    del document["defaults"]["tests.config.targets:Swarm"]["seed"]
    document["config"]["swarm"]["proxy"]["steps"] = 50
    (folder / "resolved.json").write_text(json.dumps(document))
    resolved = experiments.resolve(str(folder), (), LAB)
    assert resolved.build().swarm.proxy.steps == 50
    assert "the default of tests.config.targets:Proxy.steps was 50 and is 100 now" in resolved.warnings
    assert "tests.config.targets:Swarm.seed is new, with the default 0" in resolved.warnings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format=canonical.FORMAT + 1), "written by a newer version of olmix"),
        (lambda d: d.pop("format"), "not a resolved config"),
        (lambda d: d.pop("config"), "not a resolved config"),
        (lambda d: d["config"]["laws"].update(swarm={"$ref": "nowhere"}), "refers to 'nowhere'"),
        (lambda d: d["config"]["laws"].update(swarm={"$ref": "laws"}), "part of itself"),
        (lambda d: d["config"]["swarm"].update(seed="x"), "swarm.seed is an int, but default"),
        (lambda d: d["config"]["swarm"].update(seed={"$float": "x"}), "swarm.seed in the document cannot be read"),
    ],
)
def test_bad_documents(tmp_path: pathlib.Path, change: object, words: str) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    document = json.loads((folder / "resolved.json").read_text())
    change(document)  # type: ignore[operator]
    (folder / "resolved.json").write_text(json.dumps(document))
    with pytest.raises(UserError) as caught:
        experiments.resolve(str(folder), (), LAB)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_config_is_refused_with_the_run_in_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=r"it has no resolved\.json"):
        experiments.resolve(str(tmp_path), (), LAB)
    save(experiments.resolve("plain", (), LAB), tmp_path / "2026-11-20T10-00-00")
    with pytest.raises(UserError, match=r"the newest run in it is .*2026-11-20T10-00-00"):
        experiments.resolve(str(tmp_path), (), LAB)
    with pytest.raises(UserError, match="There is no file"):
        experiments.resolve(str(tmp_path / "x.json"), (), LAB)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        experiments.resolve(str(tmp_path / "bad.json"), (), LAB)


def test_a_document_without_its_sidecar_says_so(tmp_path: pathlib.Path) -> None:
    folder = save(experiments.resolve("plain", (), LAB), tmp_path)
    (folder / "blame.json").unlink()
    resolved = experiments.resolve(str(folder), (), LAB)
    assert "no blame.json beside it" in resolved.warnings[0]
    assert resolved.blame["swarm.seed"].place == "unknown"


# ------------------------------------------------------------- bad experiments

HEAD = '"""A hypothesis."""\nfrom tests.config import targets\nfrom . import presets, overlays\nimport fiddle as fdl\n'


def body(*statements: str) -> str:
    return (
        HEAD
        + "def experiment():\n    cfg = presets.small()\n"
        + "".join(f"    {s}\n" for s in statements)
        + "    return cfg\n"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import nonsense_module\ndef experiment():\n    pass\n",
            "ModuleNotFoundError: No module named 'nonsense_module' (bad.py:1)",
        ),
        ("def experiment(:\n", "SyntaxError"),
        ("raise SystemExit(3)\ndef experiment():\n    pass\n", "SystemExit"),
        ("def experiment():\n    return 1\n", "returns int, not an fdl.Config"),
        ("def experiment():\n    return 1 / 0\n", "ZeroDivisionError: division by zero (bad.py:2)"),
        (body("cfg.swarm.seeed = 1"), "bad.py:7"),
        (body("cfg.swarm.seed = 'one'"), 'swarm.seed is an int, but sandbox/bad.py:7 experiment sets it to "one"'),
        (body("cfg.swarm.proxy = None"), "swarm.proxy is a Proxy, but sandbox/bad.py:7 experiment sets it to None"),
        (body("cfg.swarm.proxy.layers = [cfg]"), "is part of itself"),
        (body("cfg.swarm.proxy.limits = {1: 2.0}"), "swarm.proxy.limits has the key 1"),
        (body("cfg.swarm.proxy.limits['x'] = lambda: 1"), "swarm.proxy.limits['x']"),
        (body("del cfg.swarm.proxy.learning_rate"), "swarm.proxy.learning_rate is required and not set"),
        (body("overlays.laptop(cfg)", "overlays.other(cfg)"), "Two overlays claim swarm.variants"),
    ],
)
def test_bad_experiments_are_one_sentence(sandbox: pathlib.Path, source: str, words: str) -> None:
    with (sandbox / "overlays" / "__init__.py").open("a") as file:
        file.write("\n\ndef other(cfg):\n    cfg.swarm.variants = 5\n")
    (sandbox / "bad.py").write_text(source)
    with pytest.raises(UserError) as caught:
        experiments.resolve("bad", (), "sandbox")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_overlays_on_the_command_line_must_not_claim_one_field() -> None:
    both = [Override("overlay", "rates.low"), Override("overlay", "rates.fixed(rate=1.0)")]
    with pytest.raises(UserError) as caught:
        experiments.resolve("plain", both, LAB)
    assert "Two overlays claim swarm.proxy.learning_rate: overlays.rates.low to 0.0015" in str(caught.value)
    assert "overlays/rates.py:15 fixed" in str(caught.value)


def test_an_overlay_on_the_command_line_wins_over_the_experiment() -> None:
    resolved = experiments.resolve("layered", [Override("overlay", "rates.fixed(rate=1.0)")], LAB)
    assert resolved.build().swarm.proxy.learning_rate == 1.0


def test_unknown_experiments_name_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no experiment 'layred' \(nearest: layered\)"):
        experiments.resolve("layred", (), LAB)
    with pytest.raises(UserError, match=r"no experiment 'iner' \(nearest: nested.inner\)"):
        experiments.resolve("iner", (), LAB)


def test_what_a_class_refuses_is_a_sentence_with_path_and_blame(sandbox: pathlib.Path) -> None:
    (sandbox / "picky.py").write_text(
        '"""H."""\nimport dataclasses\nimport fiddle as fdl\nfrom olmix.errors import UserError\n'
        "@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Inner:\n    a: int = 0\n    x: int\n"
        "    def __post_init__(self):\n        if self.x < 0:\n"
        "            raise UserError(f'x must not be negative; it is {self.x}.')\n"
        "@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Root:\n    inner: Inner\n"
        "def experiment():\n    return fdl.Config(Root, inner=fdl.Config(Inner, x=1))\n"
    )
    # Of those who set something there, the one who set what the sentence names.
    changes = [Override("set", "inner.x=-1"), Override("set", "inner.a=5")]
    resolved = experiments.resolve("picky", changes, "sandbox")
    with pytest.raises(UserError) as caught:
        resolved.build()
    assert str(caught.value) == "x must not be negative; it is -1. (inner, last set by --set=inner.x=-1)"


# ------------------------------------------------------------- catalogue and review


def test_a_broken_experiment_is_listed_and_hides_no_other(sandbox: pathlib.Path) -> None:
    (sandbox / "bad.py").write_text('"""Broken."""\nimport nonsense_module\ndef experiment():\n    pass\n')
    entries = {entry.name: entry for entry in catalogue.entries("sandbox")}
    assert list(entries) == ["bad", "layered", "nested.inner", "plain"]
    assert "nonsense_module" in entries["bad"].error
    assert entries["plain"].error == ""
    assert entries["plain"].hypothesis == "A small swarm finds what a large one finds."
    assert [layer.name for layer in entries["plain"].layers if layer.kind == "preset"] == ["presets.small"]


def test_the_list_can_be_searched() -> None:
    assert [entry.name for entry in catalogue.matching(catalogue.entries(LAB), "SMALL SWARM")] == ["plain"]
    assert [entry.name for entry in catalogue.matching(catalogue.entries(LAB), "nested")] == ["nested.inner"]


def test_the_list_is_remembered_until_a_file_of_it_changes(
    sandbox: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "cache"))
    first = remembered.entries("sandbox")
    assert first == catalogue.entries("sandbox")
    assert len(list((tmp_path / "cache" / "experiments").iterdir())) == 1
    made: list[str] = []
    monkeypatch.setattr(catalogue, "entry", lambda name, package: made.append(name) or Entry(name=name))
    assert remembered.entries("sandbox") == first
    assert made == []
    (sandbox / "presets" / "__init__.py").touch()
    assert [entry.hypothesis for entry in remembered.entries("sandbox")] == ["", "", ""]
    assert made == ["layered", "nested.inner", "plain"]
    (sandbox / "new.py").write_text('"""New."""\ndef experiment():\n    pass\n')
    assert [entry.name for entry in remembered.entries("sandbox")] == ["layered", "nested.inner", "new", "plain"]


def test_a_list_with_a_broken_experiment_is_not_remembered(
    sandbox: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "cache"))
    (sandbox / "bad.py").write_text('"""Broken."""\nimport nonsense_module\ndef experiment():\n    pass\n')
    assert "nonsense_module" in remembered.entries("sandbox")[0].error
    assert not (tmp_path / "cache").exists()


def test_many_experiments_are_made_by_several_processes(
    sandbox: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMIX_CACHE", str(tmp_path / "a file"))
    (tmp_path / "a file").touch()
    monkeypatch.setattr(remembered.os, "cpu_count", lambda: 2)
    for number in range(12):
        shutil.copy(sandbox / "plain.py", sandbox / f"copy{number}.py")
    assert remembered.entries("sandbox") == catalogue.entries("sandbox")


def test_hardware_and_tokens_are_read_off_the_config(sandbox: pathlib.Path) -> None:
    (sandbox / "big.py").write_text(
        '"""H."""\nimport dataclasses\nimport fiddle as fdl\nfrom olmix.graph.resources import Needs\n'
        "@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Training:\n    steps: int\n"
        "    def training_tokens(self):\n        return self.steps * 1000\n"
        "@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Root:\n    training: Training\n    needs: Needs = Needs()\n"
        "def experiment():\n"
        "    return fdl.Config(Root, training=fdl.Config(Training, steps=1310), needs=Needs(gpus=8, accelerator='A100'))\n"
    )
    entry = catalogue.entry("big", "sandbox")
    assert (entry.hardware, entry.tokens) == ("8×A100", 1_310_000)
    assert catalogue.count(entry.tokens) == "1.31M tokens"
    assert catalogue.entry("plain", "sandbox").hardware == "CPU"


def test_the_review_finds_what_a_reviewer_would(sandbox: pathlib.Path) -> None:
    (sandbox / "overlays" / "more.py").write_text(
        "def doubled(cfg):\n    cfg.swarm.seed = cfg.swarm.variants * 2\n\n\n"
        "def much(cfg):\n    cfg.scan.sources = ()\n    cfg.swarm.proxy.learning_rate = 1.0\n"
        "    cfg.swarm.proxy.batch = 1\n    cfg.swarm.variants = 2\n"
    )
    more = "from .overlays import more, deep, laptop\n"
    (sandbox / "order.py").write_text(
        more + body("laptop(cfg)", "more.doubled(cfg)").replace('"""A hypothesis."""', "")
    )
    (sandbox / "much.py").write_text('"""H."""\n' + more + body("more.much(cfg)"))
    (sandbox / "idle.py").write_text('"""H."""\n' + more + body("deep.nothing(cfg)"))
    order = "\n".join(review.review("order", "sandbox"))
    assert "order has no docstring that states its hypothesis" in order
    assert "overlays.laptop and overlays.more.doubled give something else in the other order" in order
    assert "overlays.more.much changes 8 of the 9 values" in "\n".join(review.review("much", "sandbox"))
    assert "idle: overlays.deep.nothing changes nothing" in review.review("idle", "sandbox")
    layered = "\n".join(review.review("layered", "sandbox"))
    assert "layered has 6 layers (base, presets.small, overlays.deep" in layered
    assert "its preset leaves the tokens to a default: swarm.proxy.steps" in layered
    assert "other order" not in layered
