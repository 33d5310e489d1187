"""The work of several training steps as one stacked model: as `work.train_proxy` has it, for each variant.

What a variant leaves is what a run alone leaves, so that nobody can tell from an artifact how it was trained but by its
`about.json`. Checkpoints alone are of the whole stack: who changes its size while it runs begins the unfinished ones anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Sequence

from olmix.graph.step import Context
from olmix.train import source
from olmix.train.arithmetic import in_force
from olmix.train.continuing import PERIODS, is_kept, keep_state, start_of
from olmix.train.distributed import World
from olmix.train.ladder import padded
from olmix.train.recipe import resolve
from olmix.train.results import ProxyResult
from olmix.train.run import forget_remote, run, terminated
from olmix.train.stacked import StackedTrainer
from olmix.train.training import Place, Training
from olmix.train.work import (
    checked_arithmetic,
    evaluating,
    finish,
    fits_by_arithmetic,
    measures_of,
    open_diary,
    result_of,
    save_model,
)


def train_stack(steps: Sequence[Training], contexts: Sequence[Context], scratch: pathlib.Path) -> list[ProxyResult]:
    """Trains steps that differ in nothing but mixture, seed and name side by side in one model.

    Raises:
      UserError: for a mistake in the settings, or data that do not fit them.
      Interrupted: on SIGTERM, after saving.
    """
    began = time.perf_counter()
    first = steps[0]
    likes = [dataclasses.replace(step, mixture={}, seed=0, name="", continues=None) for step in steps]
    begins = {step.continues and resolve(step.continues.proxy).tokens for step in steps}
    if any(like != likes[0] for like in likes) or len(begins) > 1:
        raise ValueError("Only steps that differ in mixture, seed and name alone can be trained side by side.")
    proxy, arithmetic, plan = first.proxy, checked_arithmetic(first, len(steps)), resolve(first.proxy)
    manifest = source.open_scan(contexts[0], first.scan)
    measures, tokenizer = measures_of(first, manifest)
    found = [start_of(step, context, manifest.scan) for step, context in zip(steps, contexts, strict=True)]
    starts = [start for start in found if start is not None]
    feeds = [source.open_feed(manifest, step.mixture, plan, step.seed, step.repetition_limits) for step in steps]
    with in_force(arithmetic), contextlib.ExitStack() as stack:
        contexts[0].progress(0, plan.tokens, "building the models")
        trainer = StackedTrainer(
            proxy.model,
            plan,
            arithmetic,
            vocabulary=padded(proxy.vocabulary),
            skip=proxy.skip,
            seeds=[step.seed for step in steps],
            begin_with=fits_by_arithmetic(proxy, plan, arithmetic, World(), len(steps)),
        )
        diaries = [
            stack.enter_context(open_diary(step, Place.of(context), plan, arithmetic, feed.leaves))
            for step, context, feed in zip(steps, contexts, feeds, strict=True)
        ]
        setting_up = time.perf_counter() - began

        def evaluate(number: int) -> dict[str, float]:
            model, alive = trainer.variant(number), evaluating(contexts[0].progress, trainer.tokens, plan.tokens)
            return measures.of(model, plan.length, trainer.device, arithmetic.autocast, World(), alive)

        def keep(number: int, folder: pathlib.Path) -> None:
            contexts[0].progress(trainer.tokens, plan.tokens, f"writing model {number + 1} of {len(steps)}")
            model = trainer.variant(number)
            save_model(model, model.state_dict(), folder, plan, tokenizer)

        def period_end(tokens: int) -> None:
            for number, (context, diary) in enumerate(zip(contexts, diaries, strict=True)):
                if proxy.save_model and not diary.reason and tokens < plan.tokens:
                    keep(number, context.scratch / PERIODS / str(tokens))
                if proxy.save_states and not diary.reason:
                    contexts[0].progress(trainer.tokens, plan.tokens, f"writing state {number + 1} of {len(steps)}")
                    keep_state(context.scratch, trainer.state_of(number), diary.state(), trainer.world)

        outcomes = run(
            trainer, feeds, proxy, diaries, scratch=scratch, evaluate=evaluate, progress=contexts[0].progress,
            period_end=period_end,
            kept=lambda tokens: all(is_kept(first, context.scratch, tokens) or diary.reason
                                    for context, diary in zip(contexts, diaries, strict=True)),
            start=(lambda: [start.load() for start in starts]) if starts else None,
        )  # fmt: skip
        stack.enter_context(terminated())  # As in a run alone: what is left is finished.
        contexts[0].progress(plan.tokens, plan.tokens, "writing the results")
        results = []
        for number, (outcome, feed, step, context) in enumerate(zip(outcomes, feeds, steps, contexts, strict=True)):
            model = trainer.variant(number)
            result = result_of(step, outcome, plan, model, feed.leaves, manifest, setting_up / len(steps))
            results.append(result)
            finish(context.scratch, context.out)
            if proxy.save_model and result.finished:
                keep(number, context.out / "model")
        forget_remote(proxy, scratch)
    return results
