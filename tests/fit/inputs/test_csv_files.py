"""CSV files of runs: joined by name, mended aloud, refused with the rows that are wrong."""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import pytest

from olmix.errors import UserError
from olmix.fit.inputs import runs_from_csv
from tests.shared_data import shared_data

RATIOS = "run,web,code,books\na,0.5,0.3,0.2\nb,0.1,0.8,0.1\nc,0.2,0.2,0.6\nd,0.25,0.25,0.5\n"
METRICS = "run,loss,acc\na,1.0,0.1\nb,2.0,0.2\nc,3.0,0.3\nd,4.0,0.4\n"


@pytest.fixture
def read(tmp_path: pathlib.Path):
    def run(ratios: str = RATIOS, metrics: str = METRICS, **settings):
        (tmp_path / "A.csv").write_text(ratios, encoding="utf-8")
        (tmp_path / "B.csv").write_text(metrics, encoding="utf-8")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            table = runs_from_csv(tmp_path / "A.csv", tmp_path / "B.csv", **settings)
        assert tuple(str(warning.message) for warning in said) == table.notes
        return table

    return run


def shuffled(text: str, seed: int) -> str:
    head, *rows = text.splitlines()
    return "\n".join([head, *(rows[i] for i in np.random.default_rng(seed).permutation(len(rows)))])


def test_the_table(read) -> None:
    table = read()
    assert table.runs == ("a", "b", "c", "d")
    assert table.leaves == ("web", "code", "books")
    assert table.metrics == ("loss", "acc")
    assert table.weights[1] == pytest.approx((0.1, 0.8, 0.1))
    assert table.values[1] == (2.0, 0.2)
    assert table.notes == ()


@pytest.mark.parametrize("seed", range(5))
def test_another_order_of_the_metrics_changes_nothing(read, seed) -> None:
    """The peer joined by the order of the rows: a sorted metrics file gave every mixture another run's metrics."""
    assert read(metrics=shuffled(METRICS, seed)) == read()


@pytest.mark.parametrize(
    ("ratios", "metrics"),
    [
        (RATIOS.replace("run,", "run_id,"), METRICS),
        (RATIOS, METRICS.replace("run,", "run_id,")),
        (RATIOS.replace("run,", "index,"), METRICS.replace("run,", "index,")),
        (RATIOS.replace("run,", "Run,"), METRICS.replace("run,", "RUN_ID,")),
        ("\ufeff" + RATIOS, METRICS),
        (RATIOS.replace(",", ";"), METRICS.replace(",", "\t")),
        (RATIOS.replace("\n", "\r\n") + "\r\n\r\n", METRICS),
        (RATIOS.replace("a,", " a ,"), METRICS),
    ],
)
def test_ways_to_write_the_same(read, ratios, metrics) -> None:
    assert read(ratios, metrics) == read()


def with_columns(text: str, names: str, values: str) -> str:
    head, *rows = text.splitlines()
    key, rest = head.split(",", 1)
    first = [f"{key},{names},{rest}"]
    for i, row in enumerate(rows):
        run, rest = row.split(",", 1)
        first.append(f"{run},{values.format(i=i)},{rest}")
    return "\n".join(first)


def test_names_and_indices_beside_the_key_are_no_leaves(read) -> None:
    """allenai/olmix writes run, name and index, and its index is the place in each file, not the run."""
    ratios = with_columns(RATIOS, "name,index", "proxy {i},{i}")
    metrics = with_columns(shuffled(METRICS, 1), "name,index", "proxy {i},{i}")
    assert read(ratios, metrics) == read()


def test_whole_numbers_that_pandas_wrote_as_floats_are_the_same_runs(read) -> None:
    ratios = "index,web,code\n1,0.5,0.5\n2,0.4,0.6\n"
    assert read(ratios, "index,loss\n2.0,5\n1.0,4\n").values == ((4.0,), (5.0,))


def test_any_column_may_name_the_runs(read) -> None:
    ratios, metrics = RATIOS.replace("run,", "proxy,"), METRICS.replace("run,", "proxy,")
    assert read(ratios, metrics, run_column="proxy") == read()
    with pytest.raises(UserError, match=r"run or run_id \(or index\), in both: A.csv begins with proxy, web"):
        read(ratios, metrics)
    with pytest.raises(UserError, match=r"no column 'proxi' \(run_column\) \(nearest: proxy\)"):
        read(ratios, metrics, run_column="proxi")


def test_sums_near_one_are_mended_aloud(read) -> None:
    table = read(RATIOS.replace("0.5,0.3,0.2", "0.5,0.3,0.21"))
    assert sum(table.weights[0]) == pytest.approx(1, abs=1e-15)
    assert table.notes == (
        "renormalised-mixtures: 1 of 4 rows of A.csv summed to 1 to 1.01 and were divided by their sum",
    )


@pytest.mark.parametrize(
    ("ratios", "metrics", "words"),
    [
        (RATIOS.replace("0.5,0.3,0.2", "0.5,0.3,0.22"), METRICS, r"1 of 4 rows.*within 0.01: a \(sum 1.02\)"),
        ("run,x,y\na,50,50\nb,30,70\n", "run,m\na,1\nb,2\n", r"percentages: divide them by 100"),
        (RATIOS.replace("0.5,0.3", "0.9,-0.1"), METRICS, r"negative weights in a\."),
        (
            RATIOS,
            METRICS.replace("2.0", "nan").replace("0.4", ""),
            r"no finite number for 2 of 4 runs: b \(loss\), d \(acc\)",
        ),
        (RATIOS, METRICS.replace("2.0", "inf"), r"no finite number for 1 of 4 runs: b \(loss\)"),
        (RATIOS.replace("0.8", ""), METRICS, r"A.csv has no finite number for 1 of 4 runs: b \(code\)"),
        (RATIOS + "a,0.1,0.8,0.1\n", METRICS, r"A.csv has more than one run of the same name: a\."),
        (RATIOS, METRICS + "c,9,9\n", r"B.csv has more than one run of the same name: c\."),
        (RATIOS.replace("books", "web"), METRICS, r"more than one column of the same name: web\."),
        (RATIOS, METRICS.replace("c,", "C,"), r"A.csv has c, which B.csv has not; B.csv has C, which A.csv has not"),
        (RATIOS, METRICS.replace("b,", "x,").replace("c,", "y,"), r"A.csv has b, c, which .*B.csv has x, y, which"),
        (RATIOS, METRICS.replace("2.0", "two"), r"cells that are no numbers: 'two' of b in 'loss'"),
        (RATIOS, METRICS.replace("a,1.0,0.1", "a,1.0"), r"3 columns, but rows 2 have another number of cells"),
        (RATIOS, "run,loss\n", r"has no rows"),
        (RATIOS, "run\na\nb\nc\nd\n", r"4 runs and 0 columns of metrics"),
        (RATIOS, METRICS.replace("b,", ","), r"rows without a name in the column 'run': 3"),
    ],
)
def test_what_cannot_be_right_is_listed(read, ratios, metrics, words) -> None:
    with pytest.raises(UserError, match=words):
        read(ratios, metrics)


def test_long_lists_are_cut(read) -> None:
    rows = "".join(f"r{i},0.4,0.4\n" for i in range(40))
    with pytest.raises(UserError, match=r"r9 \(sum 0.8\) and 30 more"):
        read("run,x,y\n" + rows, "run,m\n" + "".join(f"r{i},1\n" for i in range(40)))


def test_what_is_left_out_is_left_out_by_name(read) -> None:
    incomplete = METRICS.replace("2.0", "nan")
    assert read(metrics=incomplete, drop_runs=["b"]).runs == ("a", "c", "d")
    assert read(metrics=incomplete, drop_metrics=["lo*"]).metrics == ("acc",)
    assert read(metrics=incomplete, keep_metrics=["acc"]).metrics == ("acc",)
    with pytest.raises(UserError, match=r"drop_metrics names 'los', but there is no such metric \(nearest: loss\)"):
        read(drop_metrics=["los"])
    with pytest.raises(UserError, match="drop_runs names 'z'"):
        read(drop_runs=["z"])


def test_files_that_are_not_there(read, tmp_path) -> None:
    read()
    with pytest.raises(UserError, match=r"AA.csv cannot be read: No such file.*\(nearest in .*: A.csv"):
        runs_from_csv(tmp_path / "AA.csv", tmp_path / "B.csv")
    with pytest.raises(UserError, match="the same file"):
        runs_from_csv(tmp_path / "A.csv", tmp_path / "A.csv")


@pytest.mark.parametrize(("part", "count"), [("train", 512), ("test", 256)])
def test_regmix(part, count) -> None:
    """RegMix's own files, against numpy's reading of them; its weights are rounded to 0.001."""
    mixtures, losses = (
        shared_data("regmix", f"{part}_mixture_1m.csv"),
        shared_data("regmix", f"{part}_pile_loss_1m.csv"),
    )
    with pytest.warns(UserWarning, match="renormalised-mixtures"):
        table = runs_from_csv(mixtures, losses)
    assert (len(table.runs), len(table.leaves), len(table.metrics)) == (count, 17, 13)
    raw = np.genfromtxt(mixtures, delimiter=",", skip_header=1)
    result = np.genfromtxt(losses, delimiter=",", skip_header=1)
    result = result[[list(result[:, 0]).index(index) for index in raw[:, 0]]]
    np.testing.assert_array_equal([int(run) for run in table.runs], raw[:, 0])
    np.testing.assert_allclose(table.weights, raw[:, 1:] / raw[:, 1:].sum(1, keepdims=True), atol=1e-15)
    np.testing.assert_array_equal(table.values, result[:, 1:])


def test_line_ends_within_a_name_do_not_end_the_line(read) -> None:
    """A quoted cell of two lines, and the separators of Unicode that str.splitlines would cut at."""
    names = ('"we\nb"', "co\u2028de", "bo\x0coks")
    table = read(RATIOS.replace("web,code,books", ",".join(names)))
    assert table.leaves == ("we\nb", "co\u2028de", "bo\x0coks")
    assert table.runs == ("a", "b", "c", "d")
