"""vLLM's side of `VllmEngine`: options in, then token ids in and out, one JSON document a line, until the input ends."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Loads the model that the first line describes and serves the others."""
    # Whatever vLLM prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    options = json.loads(sys.stdin.readline())

    import vllm

    engine = vllm.LLM(**options)
    defaults = engine.get_default_sampling_params().stop_token_ids or []
    configured = getattr(engine.model_config.hf_config, "eos_token_id", None)
    ends = {*defaults, *(configured if isinstance(configured, list) else [configured])} - {None}
    _say(answers, {"version": vllm.__version__, "ends": sorted(ends)})
    for line in sys.stdin:
        asked = json.loads(line)
        outputs = engine.generate(
            [{"prompt_token_ids": ids} for ids in asked["prompts"]],
            [vllm.SamplingParams(**parameters) for parameters in asked["parameters"]],
            use_tqdm=False,
        )
        _say(answers, {"tokens": [[list(sample.token_ids) for sample in output.outputs] for output in outputs]})


def _say(answers: Any, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=answers, flush=True)


if __name__ == "__main__":
    main()
