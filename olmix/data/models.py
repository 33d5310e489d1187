"""The models that budgets speak of, by name: how many parameters a name stands for, without embeddings.

Sizes are nominal, as in the reference (allenai/olmix): `olmo2_30m` counts as 30,000,000, so that 0.5 Chinchilla multiples
of it are 300 million tokens for everyone. What the network of that name exactly looks like is `olmix.train`'s business.
"""

from __future__ import annotations

from olmix.errors import UserError, nearest

#: J. Hoffmann et al., "Training compute-optimal large language models", 2022: about 20 tokens for each parameter.
TOKENS_PER_PARAMETER = 20

_OLMO2 = ("1m", "30m", "60m", "190m", "1b", "7b")
_OLMO3 = ("1m", "14m", "30m", "60m", "100m", "190m", "370m", "600m", "760m", "1b", "3b", "7b", "13b", "32b")
_SCALE = {"m": 10**6, "b": 10**9}

#: Non-embedding parameters of each model, by name.
NON_EMBEDDING_PARAMETERS: dict[str, int] = {
    f"{family}_{size}": int(size[:-1]) * _SCALE[size[-1]]
    for family, sizes in (("olmo2", _OLMO2), ("olmo3", _OLMO3))
    for size in sizes
}


def non_embedding_parameters(model: str) -> int:
    """Parameters of a model of the registry, without embeddings.

    Raises:
      UserError: when there is no model of that name.
    """
    if model not in NON_EMBEDDING_PARAMETERS:
        raise UserError(
            f"There is no model {model!r}{nearest(model, NON_EMBEDDING_PARAMETERS)}; "
            f"known: {', '.join(NON_EMBEDDING_PARAMETERS)}."
        )
    return NON_EMBEDDING_PARAMETERS[model]


def chinchilla_tokens(multiple: float, model: str) -> int:
    """Training tokens of a Chinchilla multiple: multiple × 20 × non-embedding parameters.

    Raises:
      UserError: for an unknown model or a multiple that is not more than 0.
    """
    if not multiple > 0:
        raise UserError(f"A Chinchilla multiple must be more than 0; it is {multiple!r}.")
    return round(multiple * TOKENS_PER_PARAMETER * non_embedding_parameters(model))


def chinchilla_multiple(tokens: int, model: str) -> float:
    """The Chinchilla multiple that a number of training tokens is."""
    return tokens / (TOKENS_PER_PARAMETER * non_embedding_parameters(model))
