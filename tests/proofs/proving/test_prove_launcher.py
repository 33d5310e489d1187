import json
import signal
import subprocess
import sys

import pytest

from launchers._items import answer_all, read_list
from olmix.errors import UserError
from tests import launching


def launch(*flags):
    return launching.launch("prove", *flags)


def test_one_statement_by_flags():
    done = launch("--statement=a/(b+c)+b/(c+a)+c/(a+b) >= 3/2", "--domain=pos")
    assert done.returncode == 0
    assert done.stdout.startswith("proved")


def test_a_file_gives_one_json_object_a_line(tmp_path):
    items = [
        {"id": "right", "statement": "a + b >= 2", "domain": "pos", "constraints": ["a*b = 1"]},
        {"id": "wrong", "statement": "a >= b", "domain": "real", "constraints": []},
        {"id": "unreadable", "statement": "a >= foo(b)", "domain": "real", "constraints": []},
    ]
    (tmp_path / "s.json").write_text(json.dumps(items))
    done = launch(f"--file={tmp_path / 's.json'}", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["id"], line["verdict"]) for line in lines] == [
        ("right", "proved"),
        ("wrong", "refuted"),
        ("unreadable", "unknown"),
    ]
    assert all(set(line) == {"id", "verdict", "reason", "seconds"} for line in lines)


@pytest.mark.parametrize(
    "flags",
    [
        ["--statement=ab >= b"],
        ["--file=nowhere.json"],
        [],
        ["--statement=a>=b", "--file=x"],
        ["--statement=a>=0", "--wall_seconds=nan"],
        ["--statement=a>=b", "--statement=a>=0"],
        ["--statement=" + "(" * 5000 + "a" + ")" * 5000 + ">=0"],
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_2(flags):
    done = launch(*flags)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_one_bad_item_costs_none_of_the_others(tmp_path):
    items = [
        {"id": "domain", "statement": "a >= 0", "domain": ["pos"]},
        {"id": "kind", "statement": "a >= 0", "domain": "posi"},
        {"id": "constraints", "statement": "a >= 0", "domain": "pos", "constraints": "a = 1"},
        7,
        {"id": "digits", "statement": "1" * 5000 + " >= a"},
        {"id": {"no": "id"}, "statement": None},
        {"id": "key", "statement": "a >= 0", "constraint": ["a >= 0"]},
        {"id": "good", "statement": "a >= 0", "domain": "pos", "constraints": None},
        {"id": "good", "statement": "a**2 >= 0", "domain": None},
    ]
    (tmp_path / "s.json").write_text(json.dumps(items))
    done = launch(f"--file={tmp_path / 's.json'}", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [line["id"] for line in lines] == [
        "domain",
        "kind",
        "constraints",
        "3",
        "digits",
        "5",
        "key",
        "good",
        "good",
    ]
    assert all(line["verdict"] == "unknown" and line["reason"].startswith("not read: ") for line in lines[:7])
    assert [line["verdict"] for line in lines[7:]] == ["proved", "proved"]
    assert "nearest: pos" in lines[1]["reason"]


def test_a_file_that_is_no_list_of_items_is_a_mistake(tmp_path):
    for text in ("[" * 100_000, "{}", "[]", "[1, 2]", '[{"id": NaN, "statement": "a >= 0"}]', ""):
        (tmp_path / "s.json").write_text(text)
        with pytest.raises(UserError, match=str(tmp_path)):
            read_list(tmp_path / "s.json", "statement", "statement")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "is empty: it must hold a JSON list of statements"),
        (b'["\xe9"]', "no text in UTF-8: .* at byte 2"),
        (None, "is a folder"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, words):
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_list(tmp_path / "s.json" if content is not None else tmp_path, "statement", "statement")


def test_identities_and_claims_about_numbers(tmp_path):
    """What has no degree or no variables is decided like anything else."""
    claims = {
        "a = a": "proved", "0 >= 0": "proved", "1 = 1": "proved", "(a+b)^2 = a^2 + 2*a*b + b^2": "proved", "a*b/b = a": "proved",
        "2 >= 1": "proved", "sqrt(2) + sqrt(3) > 3": "proved", "sqrt(2) * sqrt(3) = sqrt(6)": "proved", "1 >= 2": "refuted",
        "a > a": "refuted", "sqrt(2) + sqrt(3) > 3.2": "refuted",
    }  # fmt: skip
    (tmp_path / "s.json").write_text(json.dumps([{"id": claim, "statement": claim} for claim in claims]))
    done = launch(f"--file={tmp_path / 's.json'}", "--json")
    lines = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {claim: line["verdict"] for claim, line in lines.items()} == claims
    assert done.returncode == 0
    assert lines["1 >= 2"]["reason"] == "fails at these numbers: left 1, right 2"


def test_a_fault_of_ours_costs_one_item_only_and_is_told(capsys):
    def answer(item):
        return {"verdict": "proved", "reason": str(1 // item["x"]), "seconds": 0.0}

    shown = []
    assert answer_all([("a", {"x": 0}), ("b", {"x": 1})], answer, shown.append) == 1
    assert [(s["id"], s["verdict"]) for s in shown] == [("a", "unknown"), ("b", "proved")]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_unknown_choice_of_a_flag_names_the_nearest():
    done = launch("--statement=a>=0", "--domain=posi")
    assert done.returncode == 2
    assert done.stderr == "error: --domain=posi is unknown (nearest: pos); it is one of real, nonneg, pos, natural.\n"


def test_chains_latex_and_contradictions(tmp_path):
    items = [
        {"id": "chain", "statement": "0 <= x*y <= 1/4", "domain": "nonneg", "constraints": ["x + y = 1"]},
        {"id": "half", "statement": "0 <= x*y <= 1/5", "domain": "nonneg", "constraints": ["x + y = 1"]},
        {"id": "latex", "statement": "\\frac{a}{b} + \\frac{b}{a} \\ge 2", "domain": "pos"},
        {"id": "empty", "statement": "a >= 0", "domain": "real", "constraints": ["a > 2", "a < 1"]},
        {"id": "pole", "statement": "1/(a - b)**2 > 0", "domain": "real"},
    ]
    (tmp_path / "s.json").write_text(json.dumps(items))
    done = launch(f"--file={tmp_path / 's.json'}", "--json")
    lines = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert [lines[i["id"]]["verdict"] for i in items] == ["proved", "refuted", "proved", "unknown", "proved"]
    assert "contradict" in lines["empty"]["reason"]
    assert "is not 0" in lines["pole"]["reason"]


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    hard = "sqrt((a-b)*(b-c)*(c-a)*(a+b+c)**3 + 7*a**6 + 9*b**6 + 9*c**6) + a**5/b**2 >= 31*a*b*c/9 - a**11 + a**4/3"
    items = [{"id": "easy", "statement": "a*a >= 0"}, {"id": "hard", "statement": hard, "domain": "pos"}]
    (tmp_path / "s.json").write_text(json.dumps(items))
    process = subprocess.Popen(
        [sys.executable, "-m", "launchers.prove", f"--file={tmp_path / 's.json'}", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert first["verdict"] == "proved"
    # A library that is interrupted while it loads makes Python end itself by the signal: the same 130 in a shell.
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
