"""Prompt files: rendering, and that a released version is never edited in place."""

from __future__ import annotations

import importlib.resources

import pytest

from olmix.errors import UserError
from olmix.language_models.prompts import Prompt
from olmix.language_models.requests import Length
from olmix.language_models.transformers_backend import Transformers
from olmix.language_models.tuning import Sft
from olmix.proofs.pipeline.evaluation import Asking, Evaluate
from olmix.proofs.pipeline.generation import GenerateShard
from olmix.proofs.pipeline.judging import Judge
from olmix.proofs.pipeline.sources import Prompted
from olmix.proofs.pipeline.splitting import Split
from olmix.proofs.pipeline.training import Train
from olmix.proofs.pipeline.verification import Verifier, Verify

OTHER = Transformers(model="someone/else")
SFT = Sft(learning_rate=1e-3, epochs=1, batch=8, evaluate_steps=10)

#: The first 16 digits of every released version. A new wording is a new version, and a new line here.
RELEASED = {
    "generate.v1": "1a778c9bc9c4ae5f",
    "judge.v1": "d68abdf70be66ed8",
    "solve.v1": "f76c949685ae2c63",
    "verify.v1": "0b81adbca9698738",
}


def test_released_versions_are_as_they_were():
    files = importlib.resources.files("olmix.proofs.prompts").iterdir()
    names = {file.name.removesuffix(".txt") for file in files if file.name.endswith(".txt")}
    digests = {}
    for name in names:
        prompt, version = name.split(".v")
        digests[name] = Prompt(name=prompt, version=int(version)).digest()[:16]
    assert digests == RELEASED


def test_examples_stand_before_the_prompt():
    request = Prompt(name="solve").render("x", {"problem": "P"}, [{"problem": "A", "proof": "B"}])
    assert request.prompt == "Problem: A\nProof: B\n\nProblem: P\nProof:"
    assert request.system == ""


def test_braces_of_latex_are_left_alone():
    request = Prompt(name="solve").render("x", {"problem": r"\frac{{a}}{b} {{problem}}"})
    assert request.prompt == "Problem: \\frac{{a}}{b} {{problem}}\nProof:"


def test_mistakes_are_named():
    with pytest.raises(UserError, match=r"no prompt solv\.v1\.txt \(nearest: solve\.v1\.txt"):
        Prompt(name="solv").text()
    with pytest.raises(UserError, match=r"asks for 'problem' \(nearest: problems\)"):
        Prompt(name="solve").render("x", {"problems": "P"})
    with pytest.raises(UserError, match="no <<example>> part"):
        Prompt(name="judge").render("x", {"problem": "P", "proof": "Q"}, [{}])


def test_a_prompt_that_was_edited_is_another_step(monkeypatch):
    source = Prompted(techniques=("sos",), length=Length(max_length=2048), backend=Transformers(model="someone/model"))
    asking = Asking(backend=source.backend, length=source.length)
    split = Split(items=None)  # type: ignore[arg-type]
    steps = (
        GenerateShard(source=source, number=0, count=1, seed=0),
        Evaluate(split=split, training_set=split, asking=asking),
        Judge(evaluations={}, known=split, backend=source.backend, length=source.length),
        Verify(generated=(), checked=split, verifier=Verifier(backend=OTHER, length=source.length, known=split)),
        Train(training_set=split, split=split, model="someone/model", tuning=SFT, length=source.length),
    )
    before = [step.observe() for step in steps]
    text = Prompt.text
    monkeypatch.setattr(Prompt, "text", lambda self: text(self) + " Be brief.")
    assert all(step.observe() != old for step, old in zip(steps, before, strict=True))
