import pytest

from olmix.data import models
from olmix.errors import UserError


def test_the_registry_of_the_reference():
    assert len(models.NON_EMBEDDING_PARAMETERS) == 20
    assert models.non_embedding_parameters("olmo3_14m") == 14_000_000
    assert models.non_embedding_parameters("olmo2_1b") == 1_000_000_000


@pytest.mark.parametrize(
    ("multiple", "model", "tokens"),
    [(0.5, "olmo2_30m", 300_000_000), (20, "olmo2_7b", 2_800_000_000_000), (0.5, "olmo3_14m", 140_000_000)],
)
def test_tokens_of_a_multiple(multiple, model, tokens):
    assert models.chinchilla_tokens(multiple, model) == tokens
    assert models.chinchilla_multiple(tokens, model) == multiple


def test_wrong_models_and_multiples():
    with pytest.raises(UserError, match=r"no model 'olmo3_15m' \(nearest: .*olmo3_14m"):
        models.chinchilla_tokens(1, "olmo3_15m")
    with pytest.raises(UserError, match="more than 0"):
        models.chinchilla_tokens(0, "olmo3_14m")
