"""What is said before a model is loaded or paid: too long, too dear; and that answers belong to one model only."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from olmix.errors import UserError
from olmix.language_models.asking import Asker
from olmix.language_models.cost import Price
from olmix.language_models.openai_backend import OpenAI
from olmix.language_models.requests import Length, Request, Sampling
from olmix.language_models.transformers_backend import Transformers
from tests.fake_context import FakeContext
from tests.language_models.conftest import LENGTH
from tests.language_models.endpoint import serving

SHORT = Sampling(max_new_tokens=5)


def local(folder: pathlib.Path, sampling: Sampling = SHORT) -> Asker:
    backend = Transformers(model=str(folder), chat=False, dtype="float32")
    return Asker(backend=backend, length=LENGTH, sampling=sampling, batch=4, needs=None)


def requests(*prompts: str) -> list[Request]:
    return [Request(id=f"r{number}", prompt=prompt) for number, prompt in enumerate(prompts)]


def test_a_prompt_that_is_too_long_is_named_before_the_model_is_loaded(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Transformers, "load", None)
    asked = requests("Add: 1 + 2\nSum:", "1 + " * 100, "1 + " * 60)
    words = (
        r"prompt of r1 has \d+ tokens and 5 new tokens and length\.max_length is 96 \(2 of 3 prompts leave no room\)"
    )
    with pytest.raises(UserError, match=words):
        local(tiny).ask(asked, FakeContext(tmp_path))
    assert list(local(tiny).too_long(asked, FakeContext(tmp_path))) == ["r1", "r2"]


def test_answers_of_one_folder_are_not_those_of_another(tiny, tmp_path):
    import torch
    import transformers

    other = tmp_path / "elsewhere" / tiny.name
    shutil.copytree(tiny, other)
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny)
    with torch.no_grad():
        model.lm_head.weight.mul_(-1)
    model.save_pretrained(other)
    book, context = tmp_path / "book", FakeContext(tmp_path)
    first = local(tiny).ask(requests("Add: 1 + 2\nSum:"), context, book)
    assert local(tiny).ask(requests("Add: 1 + 2\nSum:"), context, book).known == 1
    second = local(other).ask(requests("Add: 1 + 2\nSum:"), context, book)
    assert second.known == 0
    assert second.answers != first.answers


def test_the_whole_bill_counts_each_call_once_and_what_is_known_not_at_all(tmp_path):
    with serving(lambda body: "yes") as endpoint:
        backend = OpenAI(
            model="m", base_url=endpoint.url, price=Price(input_per_million=0, output_per_million=1e6), cap_dollars=15.0
        )
        asker = Asker(backend=backend, length=Length(max_length=512), sampling=SHORT, batch=1, needs=None)
        context = FakeContext(tmp_path)
        same = requests("a", "b", "a", "b", "c")
        asked = asker.ask(same, context)
        assert (asked.estimate, asked.dollars, len(endpoint.bodies)) == (3 * 5.0, 3 * 5.0, 3)
        with pytest.raises(UserError, match=r"would cost up to \$20\.00 .* nothing was called"):
            asker.ask(requests("a", "d", "e", "f", "g"), context)
        assert len(endpoint.bodies) == 3
        assert asker.ask(requests("a", "d", "e", "f"), context).known == 1


def test_what_may_be_spent_is_divided_among_tasks():
    priced = OpenAI(
        model="m", base_url="http://h/v1", price=Price(input_per_million=1, output_per_million=1), cap_dollars=20.0
    )
    part = priced.part(0.5).part(0.1)
    assert isinstance(part, OpenAI)
    assert (part.cap_dollars, part.cap_share) == (20.0, pytest.approx(0.05))
    assert part.load("m", None, LENGTH).meter.cap == pytest.approx(1.0)
    assert Transformers(model="m").part(0.1) == Transformers(model="m")
