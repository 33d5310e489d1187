"""The training of a launch config as the fields of our `Proxy`, and its evaluation as in-loop tasks.

The peer trains by the rules that our recipe has too (arXiv:2406.19146): learning rate, warm-up and, where none is given,
the batch follow from the parameter count, and each period of the schedule ends at 0.5, 1, 2, ... Chinchilla multiples.
"""

from __future__ import annotations

from typing import Any

from olmix.data.models import NON_EMBEDDING_PARAMETERS
from olmix.errors import UserError, nearest
from olmix.graph.resources import Needs
from olmix.importing.schema import Evaluation, Launch, Training
from olmix.importing.translation import Notes
from olmix.train.ladder import count_parameters, padded
from olmix.train.recipe import batch_tokens_rule, resolve
from olmix.train.settings import Device, Proxy, Tasks
from olmix.train.tasks import METRIC, known_tasks

#: The peer's tokenizers, by name: the size of the vocabulary before padding.
VOCABULARIES = {"dolma2": 100_278, "gpt_neox": 50_280}

#: What every run here does that the peer does not.
HELD_OUT = (
    "Of every leaf a slice (at most 5 %) is held out of training and evaluated on; the peer trains on everything."
)

_INFRA = {
    "budget": "a Beaker budget; experiments here run on a Ray cluster (--ray_address) and have none",
    "workspace": "a Beaker workspace; runs are kept in a store (--store)",
    "cluster": "a cluster of Beaker; --ray_address says where a run goes, each_needs.accelerator on which GPUs (preset: H100)",
    "priority": "a Beaker priority; Ray starts what fits",
    "preemptible": "a run that is killed goes on from its checkpoint in any case",
    "weka": "a file system of the peer's clusters",
    "shared_filesystem": "a file system of the peer's clusters",
    "wandb_debug": "proxy.wandb=True logs to Weights & Biases; there is no debug mode",
}


def proxy_fields(config: Launch, notes: Notes) -> dict[str, Any]:
    """The fields of `Proxy` that a launch config says, all that matter explicitly.

    Raises:
      UserError: for a model or a tokenizer that is not known.
    """
    training = config.training
    check_model(config, training.model)
    if training.tokenizer not in VOCABULARIES:
        raise UserError(
            f"{config.file}: the tokenizer {training.tokenizer!r} is not known{nearest(training.tokenizer, VOCABULARIES)}; "
            f"known: {', '.join(VOCABULARIES)}."
        )
    fields: dict[str, Any] = {
        "model": training.model,
        "vocabulary": VOCABULARIES[training.tokenizer],
        "tokenizer": f"{training.tokenizer}/tokenizer.json",
        "sequence_length": training.sequence_length,
    }
    if training.tokens is not None:
        fields |= {"tokens": training.tokens, "chinchilla_multiple": None, "periods": False}
    else:
        fields |= {"tokens": None, "chinchilla_multiple": float(training.multiple or 1.0), "periods": True}
    batch = batch_tokens(training)
    fields |= {
        "batch_tokens": None if training.batch is None else batch,
        "learning_rate": None,
        "warmup_tokens": None,
        "decay_fraction": 0.1,
        "weight_decay": 0.1,
        "clip": 1.0,
        "z_loss": 1e-5,
        "tasks": Tasks() if training.no_eval else tasks(config.evaluation, notes),
        "evaluate_tokens": None if training.no_eval else training.eval_interval * batch,
    }
    device = Device(micro_batch=training.device_batch, processes=max(1, config.gpus))
    if device != Device():
        fields["device"] = device
    try:
        resolve(Proxy(**fields))
    except UserError as error:
        raise UserError(f"{config.file}: {error}") from error
    _list_training(config, notes)
    return fields


def check_model(config: Launch, model: str) -> None:
    """Raises UserError for a model that the ladder does not have."""
    if model not in NON_EMBEDDING_PARAMETERS:
        raise UserError(
            f"{config.file}: the model {model!r} is not on the ladder{nearest(model, NON_EMBEDDING_PARAMETERS)}; "
            f"known: {', '.join(NON_EMBEDDING_PARAMETERS)}."
        )


def batch_tokens(training: Training) -> int:
    """Tokens of a global batch: as said, in sequences, or by the rule."""
    if training.batch is not None:
        return training.batch * training.sequence_length
    rule = batch_tokens_rule(NON_EMBEDDING_PARAMETERS[training.model])
    return max(1, rule // training.sequence_length) * training.sequence_length


def needs(config: Launch, *steps: str) -> dict[str, Any]:
    """The GPUs of the runs of these steps; of which kind they are is the preset's to say."""
    return {f"{step}.each_needs{'.gpus' if config.gpus else ''}": config.gpus or Needs() for step in steps}


def tasks(evaluation: Evaluation | None, notes: Notes) -> Tasks:
    """The in-loop tasks, with a family's mean as a metric of its own; what our evaluation does not have is listed."""
    if evaluation is None:
        return Tasks()
    if evaluation.offline:
        notes.drop("eval", "its tasks are for a fit of finished runs; in the loop there are none")
        return Tasks()
    known = set(known_tasks())
    families: dict[str, tuple[str, ...]] = {}
    names: list[str] = []
    for family, members in evaluation.families.items():
        kept = []
        for i, (task, metric) in enumerate(members.items()):
            path = f"eval.tasks.{family}.{task}" if family else f"eval_tasks[{i}]"
            path = path if notes.has(path) else f"eval.tasks.{family}[{i}]"
            if task not in known:
                notes.drop(path, f"there is no in-loop task of that name{nearest(task, known, 1)}")
                continue
            kept.append(task)
            if metric and metric != METRIC.format(task):
                notes.differs(path, f"its metric is called {METRIC.format(task)!r} here")
        names += [task for task in kept if task not in names]
        if kept and family:
            families[family] = tuple(kept)
    return Tasks(names=tuple(names), families=families)


def _list_training(config: Launch, notes: Notes) -> None:
    """Lists what of `training` and `infra` works otherwise, or not at all."""
    training = config.training

    def at(section: str, key: str) -> str:
        return f"{section}.{key}" if notes.has(f"{section}.{key}") else key

    for key, reason in _INFRA.items():
        notes.drop(at("infra", key), reason)
    if config.nodes > 1:
        notes.drop(
            at("infra", "nodes"),
            f"one run is trained on one machine here; it says {config.nodes}. Results are the same",
        )
    notes.drop("group_id", "a label of the peer's Weights & Biases runs; a run here is known by its fingerprint")
    notes.drop(
        at("training", "checkpoint_path"),
        "a run cannot start from a checkpoint of another one here: THIS RUN STARTS FROM RANDOM WEIGHTS",
    )
    if training.train_type == "anneal":
        notes.drop(at("training", "train_type"), "annealing goes on from a checkpoint, and a run cannot do that here")
    notes.drop(
        at("training", "instance_filter"),
        "repetitive sequences are not left out here; clean the text before it is tokenised",
    )
    notes.differs(
        at("training", "tokenizer"),
        f"bits per byte need its file: put it at {training.tokenizer}/tokenizer.json, or set proxy.tokenizer",
    )
    nominal = NON_EMBEDDING_PARAMETERS[training.model]
    built = count_parameters(training.model, padded(VOCABULARIES[training.tokenizer])).non_embedding
    notes.differs(
        at("training", "proxy_model_id"),
        f"rules use the nominal {nominal:,} parameters; the peer's trainer those that it counts ({built:,}), so its learning "
        f"rate is {(built / nominal) ** (-1 / 3) - 1:+.2%} and its length {built / nominal - 1:+.2%} away",
    )
    if training.no_eval:
        notes.drop("eval", "no_eval is set: nothing is evaluated in the loop")
        notes.drop("eval_tasks", "no_eval is set: nothing is evaluated in the loop")
        notes.drop(at("training", "eval_interval"), "no_eval is set: nothing is evaluated in the loop")
