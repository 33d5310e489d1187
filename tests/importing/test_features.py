"""Every field of launch and generate configs, one small file each: carried over with its meaning, or listed."""

from __future__ import annotations

import textwrap

import pytest

from olmix.mix.reuse_steps import ReusedLimits
from olmix.train.recipe import resolve
from tests.importing.imports import DATA, LEAVES, PRIORS, TRAINING, root_of, run, write

NESTED = """
mix:
  web: {weight: 0.8, code: {weight: 0.5, repetition_factor: 2.0, high: 0.75, low: 0.25}, news: 0.5}
  wiki: {weight: 0.2, repetition_factor: 3.0}
"""
FLAT = """
mix:
  web:code:high: {weight: 0.3, repetition_factor: 2.0}
  web:code:low: [0.1, 2.0]
  web:news: {weight: 0.4}
  wiki: {weight: 0.2, repetition_factor: 3.0}
"""
SHARES = {"web:code:high": 0.3, "web:code:low": 0.1, "web:news": 0.4, "wiki": 0.2}
LIMITS = {"web:code:high": 2.0, "web:code:low": 2.0, "web:news": 1.0, "wiki": 3.0}


def launch(tmp_path, *parts: str):
    done = run(tmp_path, write(tmp_path, "name: test\n" + "".join(parts)))
    return root_of(done), done


def reasons(done, carried: bool) -> dict[str, str]:
    return {item.path: item.reason for item in done.translation.listed if item.carried is carried}


@pytest.mark.parametrize("mix", [NESTED, FLAT])
def test_a_mix_nested_or_flat_gives_shares_and_limits(tmp_path, mix):
    root, _ = launch(tmp_path, TRAINING, DATA, mix)
    assert root.scan.tree.mixture({}) == pytest.approx(SHARES)
    assert root.scan.tree.repetition_limits() == LIMITS


def test_siblings_that_do_not_sum_to_one_are_multiplied_as_the_peer_does(tmp_path):
    mix = "mix:\n  web: {weight: 0.5, code: {weight: 0.4, high: 0.5, low: 0.5}, news: 0.2}\n  wiki: 0.7\n"
    root, _ = launch(tmp_path, TRAINING, DATA, mix)
    found = root.scan.tree.mixture({})
    assert found == pytest.approx({"web:code:high": 0.1, "web:code:low": 0.1, "web:news": 0.1, "wiki": 0.7})


def test_a_leaf_without_or_with_weight_0_stays_in_sight_and_out_of_the_run(tmp_path):
    root, _ = launch(tmp_path, TRAINING, DATA, "mix: {web:news: 0.5, wiki: 0.5, web:code:low: 0.0}\n")
    assert set(root.scan.tree.mixture({})) == {"web:news", "wiki"}
    assert {leaf.name for leaf in root.scan.tree.leaves(with_zero=True)} == set(LEAVES)


def test_a_weight_of_0_for_what_is_not_there_is_listed(tmp_path):
    _, done = launch(tmp_path, TRAINING, DATA, "mix: {web:news: 0.5, wiki: 0.5, books: 0}\n")
    assert "books" in reasons(done, False)["mix.books"]


def test_aliases_and_merge_keys_are_followed(tmp_path):
    text = (
        "common: &common {proxy_model_id: olmo3_30m, tokenizer: dolma2, seed: 7}\n"
        "training: {<<: *common, chinchilla_multiple: 2, seed: 8}\n"
        "shares: &half 0.5\n" + DATA + "mix: {web:news: *half, wiki: *half}\n"
    )
    root, done = launch(tmp_path, text)
    assert (root.train.proxy.model, root.train.seed) == ("olmo3_30m", 8)
    assert root.train.proxy.chinchilla_multiple == 2.0
    assert {"common", "shares"} <= reasons(done, False).keys()


def test_training_fields_are_carried(tmp_path):
    more = "  device_batch_size: 2\n  eval_interval: 50\n  dtype_is_not_here: 1\n"
    infra = "infra: {budget: b, workspace: w, cluster: c, gpus: 4, nodes: 2, preemptible: false, weka: true}\n"
    root, done = launch(tmp_path, TRAINING, more, DATA.replace("data:\n", "data:\n  dtype: uint16\n"), NESTED, infra)
    proxy = root.train.proxy
    assert (proxy.device.micro_batch, proxy.device.processes, root.train.each_needs.gpus) == (2, 4, 4)
    assert proxy.evaluate_tokens == 50 * 16 * 8192
    assert resolve(proxy).batch_tokens == 16 * 8192
    assert root.scan.dtype == "uint16"
    dropped = reasons(done, False)
    assert {"infra.nodes", "infra.weka", "infra.preemptible", "training.dtype_is_not_here"} <= dropped.keys()


def test_another_tokenizer_has_its_own_vocabulary(tmp_path):
    root, _ = launch(tmp_path, TRAINING.replace("dolma2", "gpt_neox"), DATA, NESTED)
    assert (root.train.proxy.vocabulary, root.train.proxy.tokenizer) == (50280, "gpt_neox/tokenizer.json")


def test_what_changes_a_result_and_has_no_counterpart_is_listed_loudly(tmp_path):
    more = "  checkpoint_path: s3://b/step1000\n  train_type: anneal\n  instance_filter: {repetition_max_count: 16}\n"
    _, done = launch(tmp_path, TRAINING, more, DATA, NESTED, "group_id: abc\n")
    dropped = reasons(done, False)
    assert "RANDOM WEIGHTS" in dropped["training.checkpoint_path"]
    assert {"training.train_type", "training.instance_filter", "group_id"} <= dropped.keys()
    assert "checkpoint_path (line 9: s3://b/step1000)" in done.text


def test_tasks_are_carried_by_family_and_unknown_ones_listed(tmp_path):
    tasks = """
    eval:
      type: inloop
      tasks:
        math: {gsm8k_gold_bpb_5shot: "eval/downstream/gsm8k_gold_bpb_5shot (BPB v2)"}
        qa: {lambada_bpb_0shot: other name, no_such_task: x}
        code: {also_not: x}
    """
    root, done = launch(tmp_path, TRAINING, DATA, NESTED, tasks.replace("\n    ", "\n"))
    assert root.train.proxy.tasks.families == {"math": ("gsm8k_gold_bpb_5shot",), "qa": ("lambada_bpb_0shot",)}
    assert {"eval.tasks.qa.no_such_task", "eval.tasks.code.also_not"} <= reasons(done, False).keys()
    assert "eval.tasks.qa.lambada_bpb_0shot" in reasons(done, True)


def test_no_eval_means_none(tmp_path):
    tasks = "eval: {tasks: {math: {gsm8k_gold_bpb_5shot: x}}}\n"
    root, done = launch(tmp_path, TRAINING, "  no_eval: true\n", DATA, NESTED, tasks)
    assert root.train.proxy.tasks.names == ()
    assert root.train.proxy.evaluate_tokens is None
    assert "eval" in reasons(done, False)


def test_weights_within_the_data_of_an_older_file(tmp_path):
    data = """
    data:
      sources:
      - name: web
        weight: 3
        max_repetition_factor: 2.0
        topics:
        - {name: a, weight: 0.5, paths: [x/a], max_repetition_factor: 4.0}
        - {name: b, weight: 1.5, paths: [x/b]}
      - {name: wiki, weight: 1, paths: [x/wiki]}
    """.replace("\n    ", "\n")
    root, _ = launch(tmp_path, TRAINING, data)
    assert root.scan.tree.mixture({}) == pytest.approx({"web:a": 3 / 16, "web:b": 9 / 16, "wiki": 1 / 4})
    assert root.scan.tree.repetition_limits() == {"web:a": 4.0, "web:b": 2.0, "wiki": 1.0}


def test_without_mix_and_weights_sources_share_by_tokens_and_it_is_said(tmp_path):
    root, done = launch(tmp_path, TRAINING, DATA)
    tokens = dict(zip(LEAVES, (10, 30, 40, 20), strict=True))
    assert root.scan.tree.mixture(tokens) == pytest.approx({leaf: n / 100 for leaf, n in tokens.items()})
    assert any("no mix" in sentence for sentence in done.translation.assumed)


def test_a_flat_older_file_with_its_final_run(tmp_path):
    text = """
    budget: b
    cluster: c
    proxy_model_id: olmo2_30m
    tokenizer: dolma2
    chinchilla_multiple: 1
    seed: 3
    gpus: 2
    target_chinchilla_multiple: 20
    target_model_id: olmo2_7b
    eval_tasks: [gsm8k_gold_bpb_5shot]
    sources:
    - {name: a, weight: 1, paths: [x/a]}
    - {name: b, weight: 3, paths: [x/b]}
    """.replace("\n    ", "\n")
    root, done = launch(tmp_path, text)
    assert root.plan.target().tokens == 2_800_000_000_000
    assert root.train.proxy.tasks.names == ("gsm8k_gold_bpb_5shot",)
    assert root.train.each_needs.gpus == 2
    assert "budget" in reasons(done, False)


SWARM = """
swarm:
  seed: 3
  variants: 5
  min_strength: 1
  max_strength: 20
  min_topic_strength: 2
  mix_temperature: 0.5
  minimum_weight: 1e-3
  nonzero_weight: [wiki, "web:news"]
  sample_multiplier: 10
  existing_mix_file: old.pkl
"""
GENERATE = "max_tokens: 140_000_000\n"


def test_a_swarm_with_its_prior_and_strengths(tmp_path):
    root, done = launch(tmp_path, DATA, PRIORS, SWARM, GENERATE)
    design, limits = root.design, root.limits
    assert (design.seed, design.variants, design.temperature, design.minimum_weight) == (3, 5, 0.5, 0.001)
    assert (design.source_strength, design.topic_strength) == ((1.0, 20.0), (2.0, 20.0))
    assert limits.prior == pytest.approx({"web:code:high": 0.1, "web:code:low": 0.3, "web:news": 0.4, "wiki": 0.2})
    assert limits.at_least == {"wiki": 0.001, "web:news": 0.001}
    assert (limits.target_tokens, root.swarm.proxy.tokens) == (140_000_000, 140_000_000)
    assert set(root.scan.tree.repetition_limits().values()) == {5.0}
    assert {"swarm.sample_multiplier", "swarm.existing_mix_file"} <= reasons(done, False).keys()


def test_a_manual_prior_of_sources_keeps_the_shares_inside_of_them(tmp_path):
    root, _ = launch(tmp_path, DATA, PRIORS, "swarm: {manual_prior: {wiki: 0.5, web: 0.5}}\n", GENERATE)
    prior = root.limits.prior
    assert prior["wiki"] == pytest.approx(0.5)
    assert prior["web:code:low"] == pytest.approx(0.5 * 3 / 8)


def test_no_repetition_means_a_limit_of_1(tmp_path):
    root, _ = launch(tmp_path, DATA, PRIORS, "swarm: {allow_repetition: false}\n", GENERATE)
    assert set(root.scan.tree.repetition_limits().values()) == {1.0}


def test_fixed_source_weights_are_fixed(tmp_path):
    root, _ = launch(tmp_path, DATA, PRIORS, "swarm: {fixed_source_weights: {web: 3/4, wiki: 0.25}}\n", GENERATE)
    assert root.limits.fixed == {"web": 0.75, "wiki": 0.25}


def test_weights_of_topics_freeze_their_source_also_two_of_them(tmp_path):
    data = """
    data:
      sources:
      - name: one
        topics: [{name: a, weight: 0.25, paths: [x/a]}, {name: b, weight: 0.75, paths: [x/b]}]
      - name: two
        topics: [{name: c, weight: 2, paths: [x/c]}, {name: d, weight: 2, paths: [x/d]}]
      - {name: wiki, paths: [x/wiki]}
    priors: {relative_sizes: {"one:a": 0.1, "one:b": 0.1, "two:c": 0.2, "two:d": 0.2, wiki: 0.4}}
    swarm: {manual_prior: {one: 0.5, two: 0.3, wiki: 0.2}}
    """.replace("\n    ", "\n")
    root, done = launch(tmp_path, data, GENERATE)
    frozen = {}
    limits = root.limits
    while isinstance(limits, ReusedLimits):
        frozen[limits.name] = limits.mixture
        limits = limits.limits
    assert frozen == {"one": {"one:a": 0.25, "one:b": 0.75}, "two": {"two:c": 0.5, "two:d": 0.5}}
    assert limits.prior == pytest.approx({"one": 0.5, "two": 0.3, "wiki": 0.2})
    assert "data.sources[1].topics" in reasons(done, True)


def test_a_base_says_how_variants_are_trained(tmp_path):
    base = write(tmp_path, TRAINING + DATA + "eval: {tasks: {math: {gsm8k_gold_bpb_5shot: x}}}\n", "base.yaml")
    file = write(tmp_path, DATA + PRIORS + SWARM + GENERATE)
    done = run(tmp_path, file, base=base)
    root = root_of(done)
    assert {item.path: item.reason for item in done.translation.listed if item.base}["data"].startswith(
        "they are those"
    )
    assert (root.swarm.proxy.model, root.swarm.proxy.chinchilla_multiple, root.swarm.proxy.tokens) == (
        "olmo3_14m",
        0.5,
        None,
    )
    assert root.swarm.seed == 42
    assert root.proposal.objective == {"family/math": 1.0}
    assert root.validation.proxy == root.swarm.proxy


def test_what_a_base_says_and_variants_cannot_take_is_listed(tmp_path):
    tasks = "eval: {tasks: {math: {gsm8k_gold_bpb_5shot: x, none_such: y}}}\n"
    text = "infra: {budget: b}\n" + TRAINING + DATA.replace("s3://b", "s3://c") + NESTED + tasks + "extra: 1\n"
    done = run(tmp_path, write(tmp_path, DATA + PRIORS + GENERATE), base=write(tmp_path, text, "base.yaml"))
    root_of(done)
    listed = {item.path: item.reason for item in done.translation.listed if item.base}
    assert {"infra.budget", "mix", "eval.tasks.math.none_such", "extra"} <= listed.keys()
    assert "which are others" in listed["data"]
    assert "launch config, infra.budget (line 1: b)" in done.text


def test_an_older_launch_config_with_a_swarm_is_a_search(tmp_path):
    root, _ = launch(tmp_path, TRAINING, DATA, PRIORS, SWARM)
    assert (root.design.variants, root.limits.target_tokens) == (5, 140_000_000)
    assert root.swarm.proxy.model == "olmo3_14m"


def test_every_field_that_the_peer_has_is_carried_or_listed(tmp_path):
    """The proof refuses a file of which a value is in no fact and in no list."""
    swarm = SWARM + (
        "  source_mix_temperature: 0.5\n  topic_mix_temperature: 0.9\n  min_source_strength: 1\n  max_source_strength: 2\n"
        "  max_topic_strength: 30\n  minimum_source_weight: 0.01\n  minimum_topic_weight: 0.02\n"
        "  manual_topic_prior: {a: 1}\n  manual_prior: {wiki: 0.4, nobody: 1}\n  allow_repetition: true\n"
        "  fixed_source_weights: {web: 0.5, wiki: 0.5}\n"
    )
    priors = PRIORS + "  total_tokens: 10\n  relative_sizes: {web: 1}\n"
    _, done = launch(tmp_path, DATA, priors, swarm, GENERATE, "description: all\n")
    assert done.proof.holds
    assert "swarm.manual_prior.nobody" in reasons(done, False)


def test_an_older_experiment_with_weights_in_part_and_one_variant(tmp_path):
    """The peer freezes the topics that have weights, and does not read the weights of sources."""
    data = """
    data:
      sources:
      - name: dclm
        max_repetition_factor: 1.0
        topics:
        - {name: code, weight: 5.0, paths: [x/code/**/*.npy]}
        - {name: news, weight: 3.0, paths: [x/news/**/*.npy]}
      - {name: wikipedia, weight: 1.0, paths: [x/wiki/*.npy], max_repetition_factor: 2.0}
      - {name: arxiv, weight: 1.0, paths: [x/arxiv/*.npy]}
    priors: {token_counts: {arxiv: 2, "dclm:code": 3, "dclm:news": 4, wikipedia: 1}}
    swarm: {seed: 42, variants: 1}
    """.replace("\n    ", "\n")
    root, done = launch(tmp_path, TRAINING, data)
    assert root.limits.mixture == {"dclm:code": 0.625, "dclm:news": 0.375}
    assert root.design.variants == 1
    assert root.scan.tree.repetition_limits() == {"dclm:code": 1.0, "dclm:news": 1.0, "wikipedia": 2.0, "arxiv": 5.0}
    assert "data.sources[1].weight" in reasons(done, False)
    assert any("1 variant" in sentence for sentence in done.translation.assumed)


def test_a_flat_older_swarm_without_priors(tmp_path):
    text = """
    budget: b
    proxy_model_id: olmo2_30m
    tokenizer: dolma2
    max_tokens: 500_000_000
    sequence_length: 2048
    seed: 42
    variants: 10
    mix_temperature: 1.0
    min_strength: 0.1
    sources:
    - name: web
      max_source_ratio: 0.7
      topics:
      - {name: a, quality: [{name: v18, paths: [x/a/18]}, {name: v20, paths: [x/a/20]}]}
      - {name: b, quality: [{name: v18, paths: [x/b/18]}, {name: v20, paths: [x/b/20]}]}
    - {name: wiki, paths: [x/wiki], max_repetition_factor: 3.0}
    """.replace("\n    ", "\n")
    root, done = launch(tmp_path, text)
    proxy = root.swarm.proxy
    assert (proxy.tokens, proxy.sequence_length, root.design.variants) == (500_000_000, 2048, 10)
    assert root.limits.prior == {}
    assert "sources[0].max_source_ratio" in reasons(done, False)


def test_what_the_peer_writes_itself_with_every_default_and_null(tmp_path):
    """The form of the files that its generate command makes: complete launch configs."""
    text = """
    name: swarm-abc-0000
    description: ''
    infra: {budget: b, workspace: w, cluster: c, priority: normal, preemptible: true, nodes: 1, gpus: 1, weka: false,
      shared_filesystem: false, wandb_debug: false}
    training: {proxy_model_id: olmo3_14m, tokenizer: dolma2, chinchilla_multiple: 0.5, seed: 42, device_batch_size: 4,
      global_batch_size: 16, checkpoint_path: null, train_type: pretrain, eval_interval: 1000, no_eval: false,
      instance_filter: null}
    data:
      dtype: uint32
      sources:
      - name: web
        paths: null
        quality: null
        weight: null
        topics:
        - {name: a, paths: [x/a], quality: null, weight: null}
        - {name: b, paths: null, weight: null, quality: [{name: q, paths: [x/b/q], weight: null}]}
      - {name: wiki, paths: [x/wiki], topics: null, quality: null, weight: null}
    eval: {type: inloop, tasks: {math: {gsm8k_gold_bpb_5shot: eval/downstream/gsm8k_gold_bpb_5shot (BPB v2)}}}
    mix:
      web:a: {repetition_factor: 1.234, weight: 0.12345678901234}
      web:b:q: {repetition_factor: 1.0, weight: 0.0}
      wiki: {repetition_factor: 1.0, weight: 0.87654321098766}
    group_id: abc
    """.replace("\n    ", "\n")
    root, done = launch(tmp_path, text.replace("name: swarm-abc-0000\n", ""))
    assert root.scan.tree.mixture({}) == pytest.approx({"web:a": 0.12345678901234, "wiki": 0.87654321098766})
    assert root.scan.tree.repetition_limits()["web:a"] == 1.234
    assert {path for path in reasons(done, False) if not path.startswith("infra.")} == {"group_id"}


def test_tasks_as_lists_and_tasks_of_a_fit(tmp_path):
    tasks = "eval: {type: inloop, tasks: {math: [gsm8k_gold_bpb_5shot, nothing]}}\n"
    root, done = launch(tmp_path, TRAINING, DATA, NESTED, tasks)
    assert root.train.proxy.tasks.families == {"math": ("gsm8k_gold_bpb_5shot",)}
    assert "eval.tasks.math[1]" in reasons(done, False)
    root, done = launch(tmp_path, TRAINING, DATA, NESTED, tasks.replace("inloop", "offline"))
    assert root.train.proxy.tasks.names == ()
    assert "eval" in reasons(done, False)


def test_texts_that_python_must_escape(tmp_path):
    """Quotes, braces, backslashes and letters of other scripts, in names, paths and the description."""
    data = textwrap.dedent(
        r"""
        data:
          sources:
          - name: wörter "x"
            topics:
            - {name: 'a{b}', paths: ['s3://bucket/a folder of some length/a{b}/{0001..0020}/*.npy']}
            - {name: "it's", paths: ['s3://bucket/a folder of some length/it''s/{0001..0020}/*.npy']}
          - {name: back\slash, paths: ['C:\data\*.npy', "x/\u00e9/*.npy"]}
        """
    )
    text = 'description: "He said \\"\\"\\"stop\\"\\"\\" \\\\ and \\u0007 went on"\n'
    root, _ = launch(tmp_path, text, TRAINING, data)
    assert [leaf.name for leaf in root.scan.tree.leaves()] == ['wörter "x":a{b}', 'wörter "x":it\'s', "back\\slash"]
    assert root.scan.tree.leaves()[0].paths == ("s3://bucket/a folder of some length/a{b}/{0001..0020}/*.npy",)
