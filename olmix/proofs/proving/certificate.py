"""Certificates: proofs as data, checked by replaying them.

A certificate is a tree of plain JSON values: `{"rule": name, ..., "parts": [...]}` or `{"leaf": kind, ...}`, one for every
task that the statement starts with (in `tasks`). A claim that is several at once has a certificate for each (in `parts`);
a product of sums, or a sum of functions of one variable each, may have one of its own (in `factors`, `separate`). Checking
rebuilds the polynomials from the statement and replays every step with `rules.py` and `leaves.py`; nothing that the search
computed is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from olmix.proofs.proving.algebra import Unsupported, build_system
from olmix.proofs.proving.factors import check_factors
from olmix.proofs.proving.leaves import check_leaf
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.separate import check_separate
from olmix.proofs.proving.tasks import RuleError, Task, start_tasks
from olmix.proofs.statements.parts import split_claim
from olmix.proofs.statements.statement import Statement

Node = Mapping[str, Any]


def check_certificate(statement: Statement, certificate: Mapping[str, Any], until: float | None = None) -> str | None:
    """None where the certificate proves the statement, else the reason why it does not.

    Raises TimeoutError where z3, which is asked again about each leaf that rests on it, has not answered `until` then (on
    the monotonic clock).
    """
    try:
        if "parts" in certificate:
            return _check_parts(statement, certificate["parts"], until)
        if "factors" in certificate:
            check_factors(statement, certificate["factors"])
            return None
        if "separate" in certificate:
            check_separate(statement, certificate["separate"], lambda s, c: check_certificate(s, c, until))
            return None
        tasks = start_tasks(build_system(statement))
        roots = certificate["tasks"]
        if len(roots) != len(tasks):
            return f"the certificate has {len(roots)} parts, the statement {len(tasks)}"
        for task, root in zip(tasks, roots, strict=True):
            check_node(task, root, until)
    except (Unsupported, RuleError) as why:
        return str(why)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as why:
        return f"the certificate is malformed: {why!r}"
    return None


def _check_parts(statement: Statement, certificates: Sequence[Mapping[str, Any]], until: float | None) -> str | None:
    """A claim that is several at once, with a certificate for each."""
    parts = split_claim(statement)
    if len(parts) == 1 or len(parts) != len(certificates):
        return f"the certificate has {len(certificates)} parts, the claim {len(parts)}"
    faults = (check_certificate(p, c, until) for p, c in zip(parts, certificates, strict=True))
    return next((fault for fault in faults if fault is not None), None)


def check_node(task: Task, node: Node, until: float | None = None) -> None:
    """Replays one tree on one task; raises RuleError where a step fails, TimeoutError where z3 does not answer in time."""
    stack = [(task, node)]
    while stack:
        at, step = stack.pop()
        if "leaf" in step:
            check_leaf(str(step["leaf"]), at, step, until)
            continue
        parts = apply_rule(str(step["rule"]), at, step)
        if len(parts) != len(step["parts"]):
            raise RuleError(f"{step['rule']} leaves {len(parts)} tasks, the certificate closes {len(step['parts'])}")
        stack.extend(zip(parts, step["parts"], strict=True))


def uses_z3(certificate: Mapping[str, Any]) -> bool:
    """Whether some leaf rests on z3 rather than on a certificate of our own."""
    return any(node.get("leaf") == "z3" for node in _nodes(certificate))


def methods(certificate: Mapping[str, Any]) -> list[str]:
    """The leaves, rules and forms that occur, for reasons and counts."""
    return sorted(
        {str(n.get("leaf") or n.get("rule") or next(k for k in WHOLE if k in n)) for n in _nodes(certificate)}
    )


#: Certificates of a whole statement, by their keys.
WHOLE = ("factors", "separate")


def _nodes(certificate: Mapping[str, Any]) -> Iterator[Node]:
    stack = [certificate]
    while stack:
        node = stack.pop()
        if "leaf" in node or "rule" in node or any(key in node for key in WHOLE):
            yield node
        if "leaf" not in node:
            stack.extend((*node.get("parts", ()), *node.get("tasks", ()), *node.get("separate", {}).get("claims", ())))
