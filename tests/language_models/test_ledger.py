from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from olmix.language_models.backend import Engine
from olmix.language_models.ledger import Ledger, generate_kept, key_of
from olmix.language_models.requests import Answer, Completion, Request, Sampling


class Counting(Engine):
    name = "counting"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def count(self, request: Request) -> int:
        return 1

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, keep: Callable[[Answer], None] = lambda answer: None
    ) -> list[Answer]:
        self.asked.append([request.id for request in requests])
        answers = [
            Answer(id=r.id, prompt_tokens=1, completions=(Completion(text=f"to {r.prompt}", finished=True, tokens=1),))
            for r in requests
        ]
        for answer in answers:
            keep(answer)
        return answers


def requests(count: int) -> list[Request]:
    return [Request(id=str(n), prompt=f"p{n}") for n in range(count)]


def test_what_is_known_is_not_asked_and_batches_are_cut_at_the_same_places(tmp_path: pathlib.Path):
    book = tmp_path / "book.jsonl"
    first = Counting()
    generate_kept(first, "m", requests(5), Sampling(), book, 4, lambda *_: None)
    assert first.asked == [["0", "1", "2", "3"], ["4"]]
    again = Counting()
    answers, known = generate_kept(again, "m", requests(10), Sampling(), book, 4, lambda *_: None)
    assert again.asked == [["5", "6", "7"], ["8", "9"]]
    assert known == 5
    assert [answer.text for answer in answers] == [f"to p{n}" for n in range(10)]


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: pathlib.Path):
    book = tmp_path / "book.jsonl"
    generate_kept(Counting(), "m", requests(3), Sampling(), book, 4, lambda *_: None)
    data = book.read_bytes()
    book.write_bytes(data[: len(data) - 20])
    again = Counting()
    answers, known = generate_kept(again, "m", requests(3), Sampling(), book, 4, lambda *_: None)
    assert (known, again.asked, len(answers)) == (2, [["2"]], 3)
    assert len(Ledger(book)._known) == 3


def test_equal_questions_are_asked_once_when_greedy_and_apart_when_sampled(tmp_path: pathlib.Path):
    twins = [Request(id="a", prompt="p"), Request(id="b", prompt="p")]
    greedy = Counting()
    answers, _ = generate_kept(greedy, "m", twins, Sampling(), tmp_path / "g", 4, lambda *_: None)
    assert sum(map(len, greedy.asked)) == 1
    assert [answer.id for answer in answers] == ["a", "b"]
    warm = Sampling(temperature=1.0)
    assert key_of("m", twins[0], warm) != key_of("m", twins[1], warm)
    assert key_of("m", twins[0], Sampling()) != key_of("other", twins[0], Sampling())
