"""From a `Proxy` to the numbers of a run: the Chinchilla rules of the published ladder, each one overridable.

Batch and learning rate as functions of the parameter count follow Porian et al. (arXiv:2406.19146), the rate halved because
a warm-up–stable–decay schedule holds its peak for longer than a cosine does. N is the *nominal* count, the one that
budgets are made from, so that two vocabularies do not train one model differently.
"""

from __future__ import annotations

import dataclasses
import math

from olmix.data.models import NON_EMBEDDING_PARAMETERS, TOKENS_PER_PARAMETER
from olmix.errors import UserError
from olmix.train.ladder import Foreign, Shape, count_foreign, count_parameters, shape_of
from olmix.train.schedule import WarmupStableDecay
from olmix.train.settings import Proxy

#: With the quickstart's vocabulary of 4,096: 476,224 beside the input embedding.
MICRO_PARAMETERS = 500_000
LARGE_BATCH_TOKENS = 524_288
#: Non-embedding parameters from which on a model on several processes is sharded (FSDP2) instead of replicated (DDP).
SHARD_FROM = 1_000_000_000


def nominal_parameters(model: str | Shape | Foreign) -> int | None:
    """The nominal non-embedding parameters that a ladder name stands for (`olmo3_14m`: 14,000,000), else None."""
    if not isinstance(model, str):
        return None
    shape_of(model)  # Raises on an unknown name.
    return MICRO_PARAMETERS if model == "olmo3_micro" else NON_EMBEDDING_PARAMETERS[model]


def sharded(model: str | Shape | Foreign, vocabulary: int) -> bool:
    """Whether the several processes of a run each hold a part of every layer, and not the whole model."""
    if isinstance(model, Foreign):
        return count_foreign(model, vocabulary) >= SHARD_FROM
    return (nominal_parameters(model) or count_parameters(model, vocabulary).non_embedding) >= SHARD_FROM


def batch_tokens_rule(parameters: float) -> int:
    """2048 · 160 · (N / 108M)^(2/3) tokens, rounded up to a power of two."""
    return 2 ** math.ceil(math.log2(2048 * 160 * (parameters / 108e6) ** (2 / 3)))


def learning_rate_rule(parameters: float) -> float:
    """0.0047 · (N / 108M)^(−1/3) / 2."""
    return 0.0047 * (parameters / 108e6) ** (-1 / 3) / 2


def warmup_rule(parameters: float, tokens: int) -> int:
    """One token per parameter, but at most a twentieth of the run."""
    return int(min(parameters, tokens / 20))


def beta2_rule(batch_tokens: int) -> float:
    """0.95 for batches of 524,288 tokens or more, else 0.99: small batches need a longer memory."""
    return 0.95 if batch_tokens >= LARGE_BATCH_TOKENS else 0.99


def budget(multiple: float, parameters: float) -> int:
    """multiple × 20 × N tokens."""
    return round(multiple * TOKENS_PER_PARAMETER * parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A run in numbers. `tokens` = `steps` × `batch_tokens`, and `batch_tokens` = `batch` sequences × `length` tokens.

    `declared_tokens` is what was asked for, before rounding down to whole batches.
    """

    length: int
    batch: int
    steps: int
    declared_tokens: int
    learning_rate: float
    warmup_tokens: int
    period_ends: tuple[int, ...]
    decay_fraction: float
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    clip: float
    z_loss: float

    @property
    def batch_tokens(self) -> int:
        """Tokens of one global batch."""
        return self.batch * self.length

    @property
    def tokens(self) -> int:
        """Tokens of the run, exactly."""
        return self.steps * self.batch_tokens

    def schedule(self) -> WarmupStableDecay:
        """The learning rate over the run."""
        return WarmupStableDecay(
            peak=self.learning_rate,
            warmup_tokens=self.warmup_tokens,
            period_ends=self.period_ends,
            decay_fraction=self.decay_fraction,
        )


def _period_ends(multiple: float, parameters: float, tokens: int, batch_tokens: int) -> tuple[int, ...]:
    """0.5×, 1×, 2×, … of the Chinchilla length below the whole run, each in whole batches, then the whole run."""
    ends: list[int] = []
    power = 0.5
    while power < multiple:
        end = budget(power, parameters) // batch_tokens * batch_tokens
        if end > (ends[-1] if ends else 0):
            ends.append(end)
        power *= 2
    return (*[end for end in ends if end < tokens], tokens)


def check_split(plan: Plan, processes: int, sharded: bool = False) -> None:
    """Raises UserError if a global batch has fewer sequences than there are processes, or sharded ones would have unequal parts.

    Sharded processes put every layer together for every piece of a batch: one with a piece more would wait for ever.
    """
    if plan.batch < processes:
        raise UserError(
            f"A global batch of {plan.batch} sequences cannot be split over {processes} processes; "
            f"lower device.processes or raise proxy.batch_tokens."
        )
    if sharded and plan.batch % processes:
        each = -(-plan.batch // processes)
        raise UserError(
            f"A global batch of {plan.batch} sequences is not the same number for each of {processes} processes that share a "
            f"model (FSDP); proxy.batch_tokens={each * processes * plan.length:,} would be, or change device.processes."
        )


def resolve(proxy: Proxy, parameters: float | None = None) -> Plan:
    """Fills in what a `Proxy` leaves to the rules.

    `parameters` is the count N that the rules use; by default the nominal count of a ladder name.

    Raises:
      UserError: if a rule needs N and nobody knows it, or the budget holds no whole batch.
    """
    known = parameters if parameters is not None else nominal_parameters(proxy.model)
    needs = [
        name
        for name, value in (
            ("batch_tokens", proxy.batch_tokens),
            ("learning_rate", proxy.learning_rate),
            ("warmup_tokens", proxy.warmup_tokens),
        )
        if value is None
    ]
    if known is None and proxy.chinchilla_multiple is not None:
        rest = f", and {', '.join(needs)} too" if needs else ""
        raise UserError(
            f"proxy.chinchilla_multiple counts in the parameters of the model's name, and a {type(proxy.model).__name__} has "
            f"none; set proxy.tokens in its place{rest}."
        )
    if known is None and needs:
        raise UserError(
            f"The rule for proxy.{needs[0]} needs a parameter count, and a {type(proxy.model).__name__} has no nominal one; set "
            f"{', '.join(needs)}."
        )
    n = float(known or 0)
    declared = proxy.tokens if proxy.tokens is not None else budget(proxy.chinchilla_multiple or 0, n)
    length = proxy.sequence_length
    if proxy.batch_tokens is None:
        batch = max(1, batch_tokens_rule(n) // length)
    elif proxy.batch_tokens < length or proxy.batch_tokens % length:
        raise UserError(
            f"proxy.batch_tokens={proxy.batch_tokens:,} is not a whole number of sequences of {length:,} tokens; "
            f"{max(1, round(proxy.batch_tokens / length)) * length:,} would be."
        )
    else:
        batch = proxy.batch_tokens // length
    batch_tokens = batch * length
    steps = declared // batch_tokens
    if steps < 1:
        raise UserError(
            f"A budget of {declared:,} tokens is smaller than one global batch of {batch_tokens:,} tokens; "
            f"raise proxy.tokens (or chinchilla_multiple) or lower proxy.batch_tokens."
        )
    tokens = steps * batch_tokens
    periods: tuple[int, ...] = (tokens,)
    if proxy.periods:
        if proxy.chinchilla_multiple is None:
            raise UserError(
                "proxy.periods ends a period at 0.5×, 1×, 2×, … Chinchilla, so it needs proxy.chinchilla_multiple "
                "instead of tokens."
            )
        periods = _period_ends(proxy.chinchilla_multiple, n, tokens, batch_tokens)
    plan = Plan(
        length=length,
        batch=batch,
        steps=steps,
        declared_tokens=declared,
        learning_rate=proxy.learning_rate if proxy.learning_rate is not None else learning_rate_rule(n),
        warmup_tokens=proxy.warmup_tokens if proxy.warmup_tokens is not None else warmup_rule(n, tokens),
        period_ends=periods,
        decay_fraction=proxy.decay_fraction,
        weight_decay=proxy.weight_decay,
        beta1=proxy.beta1,
        beta2=proxy.beta2 if proxy.beta2 is not None else beta2_rule(batch_tokens),
        epsilon=proxy.epsilon,
        clip=proxy.clip,
        z_loss=proxy.z_loss,
    )
    plan.schedule()  # Raises where warm-up and decay do not fit into the run.
    return plan
