"""Reading the sections that several kinds of config have."""

from __future__ import annotations

import math
from typing import Any

from olmix.errors import UserError
from olmix.importing.block import Block
from olmix.importing.schema import Evaluation, Priors


def common(top: Block) -> dict[str, Any]:
    """The fields of every config."""
    name, description = top.text("name", "") or "", top.text("description", "") or ""
    return {
        "file": top.file,
        "entry": top.entry,
        "unknown": (),
        "name": name,
        "description": " ".join(description.split()),
    }


def evaluation(top: Block, default: str) -> Evaluation | None:
    """The section `eval`, or the plain list of tasks of older files; None if there is neither."""
    if "eval_tasks" in top:
        names = top.texts("eval_tasks")
        return Evaluation(offline=False, families={"": dict.fromkeys(names, "")}) if names else None
    if top.get("eval") is None:
        return None
    block = top.block("eval")
    offline = block.one_of("type", default, ("inloop", "offline")) == "offline"
    families: dict[str, dict[str, str]] = {}
    tasks = block.block("tasks")
    for family in tasks.entry.value if isinstance(tasks.entry.value, dict) else ():
        found = tasks.get(family)
        if found is not None and isinstance(found.value, dict):
            inner = tasks.within(found)
            families[family] = {task: inner.text(task, "") or "" for task in found.value}
        else:
            families[family] = dict.fromkeys(tasks.texts(family), "")
    block.close()
    return Evaluation(offline=offline, families=families)


def priors(top: Block) -> Priors:
    """The section `priors`; the counts of one published file stand beside it, having lost their indentation."""
    block = top.block("priors")
    sizes, tokens = block.numbers("relative_sizes", least=0), block.numbers("token_counts", least=0)
    block.number("total_tokens", least=0)
    block.close()
    elsewhere = ""
    if not tokens and "token_counts" in top:
        tokens, elsewhere = top.numbers("token_counts", least=0), "token_counts"
    for what, table in (("relative_sizes", sizes), ("token_counts", tokens)):
        if table and math.fsum(table.values()) <= 0:
            raise UserError(f"{top.at(block.entry)}.{what} are all 0.")
    return Priors(sizes=sizes, tokens=tokens, elsewhere=elsewhere)
