import json
import subprocess
import sys

import pytest


def launch(*flags):
    return subprocess.run(
        [sys.executable, "-m", "launchers.prove", *flags], capture_output=True, text=True, check=False
    )


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
    "flags", [["--statement=ab >= b"], ["--file=nowhere.json"], [], ["--statement=a>=b", "--file=x"]]
)
def test_a_users_mistake_is_one_sentence_and_exit_2(flags):
    done = launch(*flags)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
