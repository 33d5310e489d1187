"""vLLM's side of `VllmEngine`: options in, then token ids in and out, one JSON document a line, until the input ends.

The input is read in a thread of its own: when whoever asked is gone, it ends in the middle of a batch too. A task that was
killed would otherwise leave GPUs full, and the next attempt would find no room on them.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any

from olmix.lean import nothing_thrown_away


def main() -> None:
    """Loads the model that the first line describes and serves the others."""
    # Whatever vLLM prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = _listen()
    options = asked.get()

    with nothing_thrown_away():
        import vllm

        load = vllm.LLM  # Asking for it imports most.
    engine = load(**options)
    defaults = engine.get_default_sampling_params().stop_token_ids or []
    configured = getattr(engine.model_config.hf_config, "eos_token_id", None)
    ends = {*defaults, *(configured if isinstance(configured, list) else [configured])} - {None}
    _say(answers, {"version": vllm.__version__, "ends": sorted(ends)})
    while True:
        message = asked.get()
        outputs = engine.generate(
            [{"prompt_token_ids": ids} for ids in message["prompts"]],
            [vllm.SamplingParams(**parameters) for parameters in message["parameters"]],
            use_tqdm=False,
        )
        _say(answers, {"tokens": [[list(sample.token_ids) for sample in output.outputs] for output in outputs]})


def _listen() -> queue.Queue[dict[str, Any]]:
    """What comes in; at its end the process ends, whatever it is doing."""
    asked: queue.Queue[dict[str, Any]] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            asked.put(json.loads(line))
        # vLLM's own workers notice that their parent is gone.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return asked


def _say(answers: Any, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=answers, flush=True)


if __name__ == "__main__":
    main()
