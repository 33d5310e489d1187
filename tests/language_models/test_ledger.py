from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from olmix.language_models.backend import Engine
from olmix.language_models.cost import FREE
from olmix.language_models.ledger import Ledger, generate_kept, key_of
from olmix.language_models.requests import Answer, Completion, Length, Request, Sampling

GREEDY = Sampling()
LENGTH = Length(max_length=64)


class Counting(Engine):
    name = "counting"
    meter = FREE

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

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


def kept(
    engine: Engine, asked: list[Request], book: pathlib.Path, sampling: Sampling = GREEDY
) -> tuple[list[Answer], int]:
    keys = [key_of("m", request, sampling, LENGTH) for request in asked]
    return generate_kept(engine, keys, asked, sampling, book, 4, lambda *_: None)


def requests(count: int) -> list[Request]:
    return [Request(id=str(n), prompt=f"p{n}") for n in range(count)]


def test_what_is_known_is_not_asked_and_batches_are_cut_at_the_same_places(tmp_path: pathlib.Path):
    book = tmp_path / "book.jsonl"
    first = Counting()
    kept(first, requests(5), book)
    assert first.asked == [["0", "1", "2", "3"], ["4"]]
    again = Counting()
    answers, known = kept(again, requests(10), book)
    assert again.asked == [["5", "6", "7"], ["8", "9"]]
    assert known == 5
    assert [answer.text for answer in answers] == [f"to p{n}" for n in range(10)]


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: pathlib.Path):
    book = tmp_path / "book.jsonl"
    kept(Counting(), requests(3), book)
    data = book.read_bytes()
    book.write_bytes(data[: len(data) - 20])
    again = Counting()
    answers, known = kept(again, requests(3), book)
    assert (known, again.asked, len(answers)) == (2, [["2"]], 3)
    assert len(Ledger(book)._known) == 3


def test_equal_questions_are_asked_once_when_greedy_and_apart_when_sampled(tmp_path: pathlib.Path):
    twins = [Request(id="a", prompt="p"), Request(id="b", prompt="p")]
    greedy = Counting()
    answers, _ = kept(greedy, twins, tmp_path / "g")
    assert sum(map(len, greedy.asked)) == 1
    assert [answer.id for answer in answers] == ["a", "b"]
    warm = Sampling(temperature=1.0)
    assert key_of("m", twins[0], warm, LENGTH) != key_of("m", twins[1], warm, LENGTH)
    longer = Length(max_length=128)
    assert key_of("m", twins[0], Sampling(), LENGTH) != key_of("m", twins[0], Sampling(), longer)
    limited = Sampling(max_new_tokens=8)
    assert key_of("m", twins[0], limited, LENGTH) == key_of("m", twins[0], limited, longer)
    assert key_of("m", twins[0], Sampling(), LENGTH) != key_of("other", twins[0], Sampling(), LENGTH)
