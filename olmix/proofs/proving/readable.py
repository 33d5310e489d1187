"""A certificate for people: every step in words and formulas, ending in squares, AM-GM or visible signs.

The certificate is replayed with the same rules that check it, so what is printed is what was proved. Polynomials of more
than a few lines are cut, with the number of their terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from olmix.proofs.proving.algebra import Poly, build_system, rational
from olmix.proofs.proving.factors import explain_factors
from olmix.proofs.proving.leaves import block_value, chamber_rays, in_rays, orthant_form, scaled, split_cone, unit_rays
from olmix.proofs.proving.rules import apply_rule
from olmix.proofs.proving.separate import explain_separate
from olmix.proofs.proving.tasks import Task, read_poly, start_tasks, terms_of
from olmix.proofs.statements.parts import split_claim
from olmix.proofs.statements.printing import relation_text
from olmix.proofs.statements.statement import Statement

LONGEST = 600
MOST_CONES = 6

_WORDS = {
    "product": "Factors of known sign are dropped",
    "homogenise": "By the constraint, everything is made homogeneous",
    "introduce": "A new variable that stands for 1 makes everything homogeneous",
    "power": "Variables are written as powers",
    "reduce_equation": "The constraint loses factors that cannot vanish",
    "interior": "By continuity it is enough to look at positive variables",
    "forget": "Some hypotheses are not needed",
    "linear": "New variables for what the constraints say is non-negative",
    "interval": "A variable between two bounds is written as a weighted mean of them",
    "solve": "The constraint is solved for a variable",
    "ratios": "Variables with a given product are written as ratios",
    "slack": "An inequality becomes an equation with a slack variable",
    "split_in": "As a polynomial in one non-negative variable, each coefficient is treated alone",
    "radical": "A root is taken away by squaring",
    "tangent": "A root is replaced by a bound, by AM-GM or Cauchy-Schwarz",
    "tangents": "Each root is replaced by a bound, by AM-GM",
    "means": "By Hölder's inequality (Cauchy-Schwarz for square roots) the sum of roots is bounded by one root",
    "by_sign": "Each choice of signs is treated alone",
    "cut": "A lemma is shown first",
    "times": "Both sides are multiplied by something positive",
}  # fmt: skip


def explain(statement: Statement, certificate: Mapping[str, Any]) -> list[str]:
    """The lines of a proof that the certificate holds; indented below the step that they belong to."""
    if "parts" in certificate:
        return _parts(statement, certificate["parts"])
    if "factors" in certificate:
        return explain_factors(statement, certificate["factors"])
    if "separate" in certificate:
        return explain_separate(statement, certificate["separate"], explain)
    system = build_system(statement)
    out: list[str] = []
    for name, meaning in system.auxiliary.items():
        out.append(f"Put {_name(name)} = {meaning}.")
    for name, k in system.powers.items():
        out.append(f"Write {name}**{k} for {name}.")
    tasks = start_tasks(system)
    for i, (task, node) in enumerate(zip(tasks, certificate["tasks"], strict=True)):
        lead = "It suffices to show that" if len(tasks) == 1 else f"({i + 1} of {len(tasks)}) To show:"
        out.append(f"{lead} {_describe(task)}.")
        _explain(task, node, 0, out)
    return out


def _parts(statement: Statement, certificates: Sequence[Mapping[str, Any]]) -> list[str]:
    out = [f"The claim says {len(certificates)} things."]
    for i, (part, certificate) in enumerate(zip(split_claim(statement), certificates, strict=True)):
        out.append(f"[{i + 1} of {len(certificates)}] {relation_text(part.claim)}:")
        out.extend("  " + line for line in explain(part, certificate))
    return out


def _explain(task: Task, node: Mapping[str, Any], depth: int, out: list[str]) -> None:
    pad = "  " * depth
    if "leaf" in node:
        out.extend(pad + line for line in _LEAVES[node["leaf"]](task, node))
        return
    parts = apply_rule(str(node["rule"]), task, node)
    words = _WORDS.get(str(node["rule"]), str(node["rule"]))
    detail = _detail(task, node)
    out.append(f"{pad}{words}{detail}{'.' if not parts else ':'}")
    for i, (part, child) in enumerate(zip(parts, node["parts"], strict=True)):
        mark = f"({i + 1}) " if len(parts) > 1 else ""
        out.append(f"{pad}  {mark}{_describe(part)}.")
        _explain(part, child, depth + 1, out)


def _detail(task: Task, node: Mapping[str, Any]) -> str:
    if node["rule"] == "linear":
        forms = [
            f"{new} = {' + '.join((f'{c}*{old}' if old else str(c)) for old, c in form.items())}"
            for new, form in node["forms"].items()
        ]
        return f" ({', '.join(forms)})"
    if node["rule"] == "interval":
        v = node["variable"]
        return f" ({v} = ({node['low']} + {node['high']}*{v})/(1 + {v}), with a new {v} >= 0)"
    if node["rule"] == "ratios":
        order, r = [str(n) for n in node["order"]], "" if str(node["ratio"]) == "1" else f"{node['ratio']}*"
        pairs = zip(order, [*order[1:], order[0]], strict=True)
        return f" ({', '.join(f'{a} -> {r}{a}/{b}' for a, b in pairs)})"
    if node["rule"] == "power":
        return f" ({', '.join(f'{n} -> {n}**{k}' for n, k in node['powers'].items())})"
    if node["rule"] == "tangent":
        top, bottom = (poly_text(read_poly(task, node[k]), task.names) for k in ("top", "bottom"))
        how = "at least" if node.get("mode") == "below" else "compared with"
        return f" ({_name(str(node['variable']))} {how} {top if bottom == '1' else f'({top})/({bottom})'})"
    if node["rule"] == "tangents":
        bounds = []
        for name, *terms in node["roots"]:
            top, bottom = (poly_text(read_poly(task, t), task.names) for t in terms)
            bounds.append(f"{_name(str(name))} compared with {top if bottom == '1' else f'({top})/({bottom})'}")
        return f" ({', '.join(bounds)})"
    if node["rule"] == "means":
        weights = [f"{_name(str(n))} weighs {poly_text(read_poly(task, w), task.names)}" for n, w in node["roots"]]
        return f" ({', '.join(weights)})"
    if "variable" in node:
        return f" ({_name(str(node['variable']))})"
    return ""


def _describe(task: Task) -> str:
    text = f"{poly_text(task.goal, task.names)} {'>' if task.strict else '>='} 0"
    given = [f"{poly_text(p, task.names)} = 0" for p in task.equations]
    given += [f"{poly_text(p, task.names)} {'>' if s else '>='} 0" for p, s in task.inequalities]
    return f"{text}, given {', '.join(given)}" if given else text


# --- leaves ----------------------------------------------------------------------------------------------------------


def _coefficients(task: Task, node: Mapping[str, Any]) -> list[str]:
    if all(c >= 0 for c in task.goal.coeffs()):
        return ["No term is negative."]
    width = len(task.names)
    unit = [tuple(int(i == j) for i in range(width)) for j in range(width)]
    basis = [x for x, d in zip(unit, task.goal.degrees(), strict=True) if d] + [(0,) * width]
    terms = dict(terms_of(task.goal))
    gram = [
        [terms.get(tuple(p + q for p, q in zip(x, y, strict=True)), Fraction(0)) / (1 if x == y else 2) for y in basis]
        for x in basis
    ]
    pieces = [f"{w}*({poly_text(form, task.names)})**2" for w, form in squares(task, {"basis": basis, "gram": gram})]
    return [f"It is {' + '.join(pieces).replace(' 1*(', ' (').removeprefix('1*') or '0'}."]


def _amgm(task: Task, node: Mapping[str, Any]) -> list[str]:
    scale = [Fraction(s) for s in node["scale"]]

    def term(weight: Fraction, exponents: Sequence[int]) -> str:
        for s, e in zip(scale, exponents, strict=True):
            weight /= s**e
        return poly_text(task.context.from_dict({tuple(exponents): rational(weight)}), task.names)

    out = ["By weighted AM-GM:"]
    for step in node["steps"]:
        weights = [(tuple(int(e) for e in x), Fraction(w)) for x, w in step["by"]]
        total = sum((w for _, w in weights), Fraction(0))
        right = " + ".join(term(w, x) for x, w in weights)
        out.append(f"  {term(total, [int(e) for e in step['term']])} <= {right}")
    out.append("Adding these gives the claim; what is left over has no negative term.")
    return out


def _sos(task: Task, node: Mapping[str, Any]) -> list[str]:
    multiplier = read_poly(task, node["multiplier"])
    one = multiplier == task.context.constant(1)
    pieces = []
    for block in node["blocks"]:
        front = [_name(n) for n in block["weight"].get("variables", ())]
        front += [
            f"({poly_text(task.inequalities[int(i)][0], task.names)})" for i in block["weight"].get("inequalities", ())
        ]
        for weight, form in squares(task, block):
            factors = ([] if weight == 1 else [str(weight)]) + front
            text = poly_text(form, task.names)
            square = f"({text})**2"
            if form.is_constant():
                factors = [str(weight), *front] if weight != 1 or not front else front
                pieces.append("*".join(factors) or "1")
                continue
            pieces.append("*".join([*factors, square]))
    for index, terms in node.get("equations", ()):
        q = poly_text(read_poly(task, terms), task.names)
        pieces.append(f"({q})*({poly_text(task.equations[int(index)], task.names)})")
    rest = multiplier * task.goal - _total(task, node)
    if not rest.is_zero():
        pieces.append(poly_text(rest, task.names))
    goal = poly_text(task.goal, task.names)
    left = goal if one else f"({poly_text(multiplier, task.names)})*({goal})"
    return [left, *(f"  {'=' if k == 0 else '+'} {piece}" for k, piece in enumerate(pieces or ["0"]))]


def _total(task: Task, node: Mapping[str, Any]) -> Poly:
    total = task.context.constant(0)
    for block in node["blocks"]:
        total = total + block_value(task, block)
    for index, terms in node.get("equations", ()):
        total = total + read_poly(task, terms) * task.equations[int(index)]
    return total


def squares(task: Task, block: Mapping[str, Any]) -> list[tuple[Fraction, Poly]]:
    """zᵀQz as positive multiples of squares of polynomials with whole coprime coefficients (LDLᵀ)."""
    rows = [[Fraction(v) for v in row] for row in block["gram"]]
    basis = [tuple(int(e) for e in x) for x in block["basis"]]
    out = []
    for k in range(len(rows)):
        pivot = rows[k][k]
        if not pivot:
            continue
        form = [rows[k][j] / pivot if j >= k else Fraction(0) for j in range(len(rows))]
        for i in range(k + 1, len(rows)):
            ratio = rows[i][k] / pivot
            for j in range(k, len(rows)):
                rows[i][j] -= ratio * rows[k][j]
        size = _content(form)
        poly = task.context.from_dict({x: rational(c / size) for x, c in zip(basis, form, strict=True) if c})
        out.append((pivot * size**2, poly))
    return out


def _content(values: Sequence[Fraction]) -> Fraction:
    import math

    live = [v for v in values if v]
    return Fraction(math.gcd(*(v.numerator for v in live)), math.lcm(*(v.denominator for v in live)))


def _cones(task: Task, node: Mapping[str, Any]) -> list[str]:
    form = scaled(orthant_form(task), node.get("scale"))
    size = len(form.degrees())
    names = [*(_name(n) for n in task.used()), "1"][:size]
    chambers = node.get("chambers")
    starts = [chamber_rays([int(i) for i in c]) for c in chambers] if chambers else [unit_rays(size)]
    cones: list[list[list[Fraction]]] = []
    for rays, tree in zip(starts, node["trees"], strict=True):
        stack = [(rays, tree)]
        while stack:
            cone, step = stack.pop()
            if step is None:
                cones.append(cone)
                continue
            stack.extend(zip(split_cone(cone, [Fraction(x) for x in step["at"]]), step["parts"], strict=True))
    scale = node.get("scale")
    if scale:
        names = [f"{n}/({s})" if Fraction(s) != 1 else n for n, s in zip(names, scale, strict=True)]
    how = " (the other orders of the variables follow by symmetry)" if chambers else ""
    out = [f"With non-negative coordinates on each of {len(cones)} cones, no term is negative{how}:"]
    for cone in cones[:MOST_CONES]:
        new = [f"t{k + 1}" for k in range(size)]
        images = [
            " + ".join(f"{ray[i]}*{t}" if ray[i] != 1 else t for ray, t in zip(cone, new, strict=True) if ray[i]) or "0"
            for i in range(size)
        ]
        out.append("  " + ", ".join(f"{n} = {image}" for n, image in zip(names, images, strict=True)))
        out.append(f"    gives {poly_text(in_rays(form, cone), new)}")
    if len(cones) > MOST_CONES:
        out.append(f"  and {len(cones) - MOST_CONES} more")
    return out


def _z3(task: Task, node: Mapping[str, Any]) -> list[str]:
    return ["z3 (nonlinear real arithmetic) finds that no point fails."]


_LEAVES = {"coefficients": _coefficients, "amgm": _amgm, "sos": _sos, "cones": _cones, "z3": _z3}


# --- polynomials as text ---------------------------------------------------------------------------------------------


def _name(name: str) -> str:
    """`u_1_`, an internal name, as `u1`."""
    return name.replace("_", "") if name.endswith("_") else name


def poly_text(poly: Poly, names: Sequence[str]) -> str:
    """A polynomial as text that `parse_text` reads back, cut where it is very long."""
    pieces: list[str] = []
    for exponents, c in terms_of(poly):
        factors = [_name(n) if e == 1 else f"{_name(n)}**{e}" for n, e in zip(names, exponents, strict=True) if e]
        size = abs(c)
        if size != 1 or not factors:
            factors.insert(0, str(size) if size.denominator == 1 or not factors else f"{size}")
        sign = ("-" if c < 0 else "") if not pieces else (" - " if c < 0 else " + ")
        pieces.append(sign + "*".join(factors))
    text = "".join(pieces) or "0"
    if len(text) <= LONGEST:
        return text
    return f"{text[: text.rfind(' ', 0, LONGEST)]} ... ({len(pieces)} terms)"
