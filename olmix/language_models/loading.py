"""Reading a model and its tokenizer from a folder or a hub: whole, or one sentence that says what is wrong.

transformers fills a tensor that is missing with random numbers and warns; nobody who pays for a run wants that.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from olmix import weights
from olmix.errors import UserError
from olmix.lean import import_transformers


def load_tokenizer(name: str) -> Any:
    """The tokenizer. Raises UserError if there is none."""
    import_transformers()
    import transformers

    return _said(lambda: transformers.AutoTokenizer.from_pretrained(name), name, "tokenizer")


def load_model(name: str, **how: Any) -> Any:
    """The causal language model, with every tensor that its config asks for; `how` as for `from_pretrained`.

    Raises:
      UserError: if there is none, or not all of it.
    """
    import_transformers()
    import transformers

    folder = pathlib.Path(name)
    flaw = weights.flaw(folder) if folder.is_dir() else None
    if flaw is not None:
        raise UserError(f"{flaw}: no model can be read from there.")
    model, about = _said(
        lambda: transformers.AutoModelForCausalLM.from_pretrained(name, output_loading_info=True, **how), name, "model"
    )
    missing = sorted(about["missing_keys"])
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(f"The weights in {name} lack {missing[0]}{more}, which its config.json asks for.")
    return model


def _said(read: Callable[[], Any], name: str, what: str) -> Any:
    """What `read` returns; what it says of a name that leads nowhere, or of files that it cannot read, as one sentence."""
    from safetensors import SafetensorError

    try:
        return read()
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The disk itself.
        first = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise UserError(f"No {what} can be read from {name}, as a folder or from a hub: {first}.") from error
