# ruff: noqa: E501
r"""Classical olympiad inequalities with proofs as a language model of today writes them: headings, bullets, steps, boxes.

In our own words. Each comes with a turned relation and a wrong equality (or constant), as in `styles.py`.
"""

from __future__ import annotations

from tests.proofs.styles import Written

PROOFS = [
    Written(
        "titu steps",
        "accepted",
        r"Let $a, b, c$ be positive real numbers with $a + b + c = 3$. Prove that $$\frac{a^2}{b + c} + \frac{b^2}{c + a} + \frac{c^2}{a + b} \geq \frac{3}{2}.$$",
        r"""**Step 1: Apply Titu's Lemma (Cauchy–Schwarz in Engel form).**

By Titu's Lemma we have
$$\frac{a^2}{b+c} + \frac{b^2}{c+a} + \frac{c^2}{a+b} \geq \frac{(a+b+c)^2}{(b+c)+(c+a)+(a+b)}.$$

**Step 2: Simplify.**

Since $(b+c)+(c+a)+(a+b) = 2(a+b+c)$, the right-hand side equals
$$\frac{(a+b+c)^2}{2(a+b+c)} = \frac{a+b+c}{2} = \frac{3}{2}.$$

**Conclusion.** Hence
$$\boxed{\frac{a^2}{b+c} + \frac{b^2}{c+a} + \frac{c^2}{a+b} \geq \frac{3}{2}}$$

Equality holds if and only if $a = b = c = 1$. This completes the proof. $\blacksquare$""",
        (r"\frac{c^2}{a+b} \geq \frac{(a+b+c)^2}{(b", r"\frac{c^2}{a+b} \leq \frac{(a+b+c)^2}{(b"),
        (r"= 2(a+b+c)$", r"= 3(a+b+c)$"),
    ),
    Written(
        "product of sums",
        "accepted",
        r"Let $x, y, z > 0$. Prove that $$(x+y)(y+z)(z+x) \geq 8xyz.$$",
        r"""## Solution

We use the **AM–GM inequality** on each factor:

* $x + y \geq 2\sqrt{xy}$
* $y + z \geq 2\sqrt{yz}$
* $z + x \geq 2\sqrt{zx}$

All quantities are positive, so we may multiply these three inequalities:

\begin{align*}
(x+y)(y+z)(z+x) &\geq 2\sqrt{xy} \cdot 2\sqrt{yz} \cdot 2\sqrt{zx} \\
&= 8\sqrt{x^2y^2z^2} \\
&= 8xyz.
\end{align*}

**Equality case.** Equality holds iff $x = y$, $y = z$ and $z = x$, i.e. when $x = y = z$. $\blacksquare$""",
        (r"* $y + z \geq", r"* $y + z \leq"),
        (r"&= 8xyz.", r"&= 6xyz."),
    ),
    Written(
        "sos",
        "accepted",
        r"Prove that for all real numbers $a, b, c$: $$a^2 + b^2 + c^2 \geq ab + bc + ca.$$",
        r"""**Proof.** Consider the difference of the two sides:

$$
\begin{aligned}
a^2+b^2+c^2-ab-bc-ca &= \frac{1}{2}\left(2a^2+2b^2+2c^2-2ab-2bc-2ca\right) \\
&= \frac{1}{2}\left[(a-b)^2+(b-c)^2+(c-a)^2\right].
\end{aligned}
$$

Since squares of real numbers are non-negative, this expression is $\geq 0$. Therefore $a^2+b^2+c^2 \geq ab+bc+ca$, with equality if and only if $a=b=c$. $\qquad\blacksquare$""",
        (r"expression is $\geq 0$", r"expression is $< 0$"),
        (r"\frac{1}{2}\left[(a-b)", r"\frac{1}{3}\left[(a-b)"),
    ),
    Written(
        "tangent line",
        "accepted",
        r"Let $a, b, c$ be positive real numbers such that $a + b + c = 3$. Prove that $$a^3 + b^3 + c^3 \geq 3.$$",
        r"""**Idea.** We use the tangent line trick at $t = 1$.

**Claim.** For every $t > 0$, we have $t^3 \geq 3t - 2$.

*Proof of the claim.* Indeed,
$$t^3 - 3t + 2 = (t-1)^2(t+2) \geq 0,$$
because $t > 0$.

Applying the claim to $a$, $b$ and $c$ and adding, we get
$$a^3+b^3+c^3 \geq 3(a+b+c) - 6 = 9 - 6 = 3,$$
as desired. Equality holds if and only if $a=b=c=1$.""",
        (r"(t+2) \geq 0", r"(t+2) \leq 0"),
        (r"= 9 - 6 = 3", r"= 9 - 6 = 4"),
    ),
    Written(
        "derivative",
        "accepted",
        r"Let $x > 0$. Prove that $$2x^3 + 1 \geq 3x^2.$$",
        r"""Define $f(x) = 2x^3 - 3x^2 + 1$ for $x > 0$.

**Step 1.** Compute the derivative:
$$f'(x) = 6x^2 - 6x = 6x(x-1).$$

**Step 2.** For $0 < x < 1$ we have $f'(x) < 0$, and for $x > 1$ we have $f'(x) > 0$. So $f$ is decreasing on $(0,1)$ and increasing on $(1,\infty)$, and it attains its minimum at $x = 1$.

**Step 3.** Therefore $f(x) \geq f(1) = 0$ for all $x > 0$, which is exactly $2x^3+1 \geq 3x^2$. $\blacksquare$""",
        (r"f(x) \geq f(1)", r"f(x) \leq f(1)"),
        (r"= 6x(x-1)", r"= 6x(x-2)"),
    ),
    Written(
        "monotone from a border",
        "accepted",
        r"Let $x \ge 1$. Prove that $$x^4 + 3 \geq 4x.$$",
        r"""Let $g(x) = x^4 - 4x + 3$. Then $g'(x) = 4x^3 - 4 \geq 0$ for $x \geq 1$, so $g$ is increasing on $[1, \infty)$. Hence $g(x) \geq g(1) = 0$, that is, $x^4 + 3 \geq 4x$. Equality holds at $x = 1$.""",
        (r"4x^3 - 4 \geq 0", r"4x^3 - 4 < 0"),
        (r"g(1) = 0", r"g(1) = 1"),
    ),
    Written(
        "two cases",
        "accepted",
        r"Let $a, b, c$ be real numbers with $a, b \in [0, 1]$. Prove that $a + b - ab \leq 1$.",
        r"""We have
$$1 - (a + b - ab) = (1-a)(1-b).$$

Since $a, b \in [0,1]$, both factors $1 - a$ and $1 - b$ are non-negative. Hence $(1-a)(1-b) \geq 0$, and therefore
$$a + b - ab \leq 1.$$
This completes the proof.""",
        (r"(1-a)(1-b) \geq 0", r"(1-a)(1-b) < 0"),
        (r"= (1-a)(1-b).", r"= (1-a)(2-b)."),
    ),
    Written(
        "substitution t with cases",
        "unknown",
        r"Let $a, b$ be nonzero real numbers. Prove that $$\frac{a^2}{b^2} + \frac{b^2}{a^2} - 3\left(\frac{a}{b} + \frac{b}{a}\right) + 4 \geq 0.$$",
        r"""Let $t = \frac{a}{b} + \frac{b}{a}$. Then $t^2 = \frac{a^2}{b^2} + \frac{b^2}{a^2} + 2$, and the left-hand side becomes
$$t^2 - 2 - 3t + 4 = t^2 - 3t + 2 = (t-1)(t-2).$$

By AM-GM, $|t| \geq 2$.

- **Case 1:** $t \geq 2$. Then $t - 1 > 0$ and $t - 2 \geq 0$, so $(t-1)(t-2) \geq 0$.
- **Case 2:** $t \leq -2$. Then $t - 1 < 0$ and $t - 2 < 0$, so $(t-1)(t-2) > 0$.

In both cases the inequality holds. $\blacksquare$""",
        (r"so $(t-1)(t-2) > 0$", r"so $(t-1)(t-2) < 0$"),
        (r"= (t-1)(t-2).", r"= (t-1)(t-3)."),
    ),
    Written(
        "nesbitt by ravi",
        "accepted",
        r"Let $a, b, c$ be positive real numbers. Prove that $$\frac{a}{b+c} + \frac{b}{c+a} + \frac{c}{a+b} \geq \frac{3}{2}.$$",
        r"""### Step 1: Rewrite

Add $3$ to the left-hand side:
$$\frac{a}{b+c} + \frac{b}{c+a} + \frac{c}{a+b} + 3 = (a+b+c)\left(\frac{1}{b+c} + \frac{1}{c+a} + \frac{1}{a+b}\right).$$

### Step 2: Cauchy–Schwarz

By the Cauchy–Schwarz inequality,
$$\left[(b+c)+(c+a)+(a+b)\right]\left(\frac{1}{b+c} + \frac{1}{c+a} + \frac{1}{a+b}\right) \geq (1+1+1)^2 = 9.$$
Since $(b+c)+(c+a)+(a+b) = 2(a+b+c)$, we obtain
$$(a+b+c)\left(\frac{1}{b+c} + \frac{1}{c+a} + \frac{1}{a+b}\right) \geq \frac{9}{2}.$$

### Step 3: Conclude

Therefore
$$\frac{a}{b+c} + \frac{b}{c+a} + \frac{c}{a+b} \geq \frac{9}{2} - 3 = \frac{3}{2}.$$

**Equality** occurs precisely when $a = b = c$. ∎""",
        (r"\geq \frac{9}{2}.", r"\leq \frac{9}{2}."),
        (r"\frac{9}{2} - 3 = \frac{3}{2}", r"\frac{9}{2} - 3 = \frac{5}{2}"),
    ),
    Written(
        "am-gm with constraint",
        "accepted",
        r"Let $a, b, c$ be positive real numbers with $abc = 1$. Prove that $$a^2 + b^2 + c^2 \geq a + b + c.$$",
        r"""**Proof.**

1. By the QM–AM inequality, $a^2+b^2+c^2 \geq \frac{(a+b+c)^2}{3}$.
2. By the AM–GM inequality, $a+b+c \geq 3\sqrt[3]{abc} = 3$.

Combining (1) and (2):
$$a^2+b^2+c^2 \geq \frac{(a+b+c)^2}{3} = (a+b+c)\cdot\frac{a+b+c}{3} \geq (a+b+c)\cdot 1 = a+b+c.$$

Equality holds iff $a=b=c=1$. **Q.E.D.**""",
        (r"\frac{a+b+c}{3} \geq (a", r"\frac{a+b+c}{3} \leq (a"),
        (r"\sqrt[3]{abc} = 3", r"\sqrt[3]{abc} = 4"),
    ),
    Written(
        "discriminant free square",
        "accepted",
        r"Prove that for all real $x$ and $y$, $x^2 + y^2 + 1 \geq xy + x + y$.",
        r"""Multiply both sides by $2$; it suffices to show that
$$2x^2 + 2y^2 + 2 - 2xy - 2x - 2y \geq 0.$$

Grouping the terms, the left-hand side can be written as
$$(x-y)^2 + (x-1)^2 + (y-1)^2,$$
which is clearly non-negative as a sum of squares. Hence the inequality is proved. Equality holds iff $x = y = 1$.""",
        (r"- 2y \geq 0", r"- 2y \leq 0"),
        (r"x = y = 1", r"x = y = 2"),
    ),
    Written(
        "contradiction",
        "accepted",
        r"Let $a, b > 0$ with $a^2 + b^2 = 2$. Prove that $a + b \leq 2$.",
        r"""We argue by contradiction. Suppose that $a + b > 2$. Squaring both sides (both are positive), we get
$$a^2 + 2ab + b^2 > 4.$$
Since $a^2 + b^2 = 2$, this gives $2ab > 2$, i.e. $ab > 1$. But by AM-GM, $ab \leq \frac{a^2+b^2}{2} = 1$, a contradiction. Hence $a + b \leq 2$. $\blacksquare$""",
        (r"this gives $2ab > 2$", r"this gives $2ab < 2$"),
        (r"\frac{a^2+b^2}{2} = 1", r"\frac{a^2+b^2}{2} = 2"),
    ),
    Written(
        "same side of one",
        "accepted",
        r"Let $a, b, c > 0$. Prove that $$a^2 + b^2 + c^2 + 2abc + 1 \geq 2(ab + bc + ca).$$",
        r"""Among the three numbers $a-1$, $b-1$, $c-1$, at least two have the same sign (by the pigeonhole principle). Without loss of generality, assume $(a-1)(b-1) \geq 0$.

Then $2c(a-1)(b-1) \geq 0$, which gives
$$2abc \geq 2ac + 2bc - 2c.$$

Therefore
\begin{align*}
a^2+b^2+c^2+2abc+1 - 2(ab+bc+ca) &\geq a^2+b^2+c^2+1+2ac+2bc-2c-2ab-2bc-2ca \\
&= (a-b)^2 + (c-1)^2 \\
&\geq 0.
\end{align*}

This proves the inequality, with equality iff $a=b=c=1$.""",
        (r"2abc \geq 2ac", r"2abc \leq 2ac"),
        (r"&= (a-b)^2 + (c-1)^2", r"&= (a-b)^2 + (c-2)^2"),
    ),
    Written(
        "wlog order",
        "accepted",
        r"Let $a, b, c$ be non-negative real numbers. Prove that $a^3+b^3+c^3 \geq a^2b+b^2c+c^2a$.",
        r"""By AM-GM we have the three inequalities

$$\frac{2a^3 + b^3}{3} \geq a^2 b, \qquad \frac{2b^3+c^3}{3} \geq b^2 c, \qquad \frac{2c^3+a^3}{3} \geq c^2 a.$$

Adding them up, we obtain
$$a^3+b^3+c^3 = \frac{2a^3 + b^3}{3} + \frac{2b^3+c^3}{3} + \frac{2c^3+a^3}{3} \geq a^2b+b^2c+c^2a. \qquad \blacksquare$$""",
        (r"\frac{2b^3+c^3}{3} \geq b^2 c", r"\frac{2b^3+c^3}{3} \leq b^2 c"),
        (r"$a^3+b^3+c^3 = \frac{2a^3", r"$a^3+b^3+c^3 = \frac{5a^3"),
    ),
    Written(
        "one minus",
        "accepted",
        r"Let $a,b,c>0$ with $a+b+c=1$. Prove that $$\left(\frac1a-1\right)\left(\frac1b-1\right)\left(\frac1c-1\right)\ge 8.$$",
        r"""Because $a+b+c=1$, we can write

- $\frac{1}{a}-1 = \frac{1-a}{a} = \frac{b+c}{a} \ge \frac{2\sqrt{bc}}{a}$,
- $\frac{1}{b}-1 = \frac{c+a}{b} \ge \frac{2\sqrt{ca}}{b}$,
- $\frac{1}{c}-1 = \frac{a+b}{c} \ge \frac{2\sqrt{ab}}{c}$.

Multiplying the three inequalities (all sides are positive) yields
$$\left(\frac1a-1\right)\left(\frac1b-1\right)\left(\frac1c-1\right) \ge \frac{8\sqrt{bc}\sqrt{ca}\sqrt{ab}}{abc} = \frac{8abc}{abc} = \boxed{8}.$$""",
        (r"\frac{c+a}{b} \ge", r"\frac{c+a}{b} \le"),
        (r"= \frac{8abc}{abc}", r"= \frac{9abc}{abc}"),
    ),
    Written(
        "jensen",
        "accepted",
        r"Let $a,b,c$ be positive real numbers with $a+b+c=3$. Prove that $\sqrt{a}+\sqrt{b}+\sqrt{c}\le 3$.",
        r"""**Solution.** By the Cauchy–Schwarz inequality,
$$(\sqrt a+\sqrt b+\sqrt c)^2 \le (1+1+1)(a+b+c) = 9.$$
Taking square roots (both sides are nonnegative) gives $\sqrt a+\sqrt b+\sqrt c \le 3$.

Equality holds iff $\sqrt a=\sqrt b=\sqrt c$, i.e. $a=b=c=1$. $\square$""",
        (r")^2 \le (1", r")^2 \ge (1"),
        (r"(a+b+c) = 9", r"(a+b+c) = 12"),
    ),
    Written(
        "equivalences",
        "accepted",
        r"Let $a, b$ be positive real numbers. Prove that $\frac{1}{a} + \frac{1}{b} \geq \frac{4}{a+b}$.",
        r"""The following are equivalent (all denominators are positive):
$$\frac{1}{a}+\frac{1}{b} \geq \frac{4}{a+b} \iff \frac{a+b}{ab} \geq \frac{4}{a+b} \iff (a+b)^2 \geq 4ab \iff (a-b)^2 \geq 0.$$
The last inequality is obviously true. Hence the original inequality holds, with equality if and only if $a = b$.""",
        (r"(a-b)^2 \geq 0", r"(a-b)^2 < 0"),
        (r"(a+b)^2 \geq 4ab", r"(a+b)^2 \geq 5ab"),
    ),
    Written(
        "quadratic range",
        "accepted",
        r"Let $x, y$ be real numbers with $x + y = 4$ and $xy \ge 3$. Prove that $x \leq 3$.",
        r"""Substituting $y = 4 - x$ into $xy \geq 3$ gives
$$x(4-x) \geq 3 \iff x^2 - 4x + 3 \leq 0 \iff (x-1)(x-3) \leq 0.$$
Therefore $1 \leq x \leq 3$; in particular $x \leq 3$. ∎""",
        (r"(x-1)(x-3) \leq 0", r"(x-1)(x-3) \geq 0"),
        (r"(x-1)(x-3)", r"(x-2)(x-3)"),
    ),
    Written(
        "rearranged halves",
        "accepted",
        r"Let $x, y, z$ be positive real numbers with $xy+yz+zx=1$. Prove that $$\frac{x}{\sqrt{1+x^2}}+\frac{y}{\sqrt{1+y^2}}+\frac{z}{\sqrt{1+z^2}} \le \frac32.$$",
        r"""**Key observation.** $1 + x^2 = xy+yz+zx+x^2 = (x+y)(x+z)$, and similarly for the other two.

By AM–GM,
$$\frac{x}{\sqrt{1+x^2}} = \frac{x}{\sqrt{(x+y)(x+z)}} \le \frac12\left(\frac{x}{x+y}+\frac{x}{x+z}\right).$$

Likewise,
$$\frac{y}{\sqrt{1+y^2}} \le \frac12\left(\frac{y}{y+z}+\frac{y}{y+x}\right), \qquad \frac{z}{\sqrt{1+z^2}} \le \frac12\left(\frac{z}{z+x}+\frac{z}{z+y}\right).$$

Summing the three inequalities, the right-hand sides add up to $\frac12(1+1+1) = \frac32$. This completes the proof.""",
        (r"\frac{y}{\sqrt{1+y^2}} \le", r"\frac{y}{\sqrt{1+y^2}} \ge"),
        (r"\frac12(1+1+1) = \frac32", r"\frac12(1+1+1) = \frac52"),
    ),
    Written(
        "ap difference",
        "accepted",
        r"Let $x, y \geq 1$ be real numbers. Prove that $$\frac{1}{1+x^2} + \frac{1}{1+y^2} \geq \frac{2}{1+xy}.$$",
        r"""Let us compute the difference $D$ of the two sides:
\[
D = \frac{1}{1+x^2} + \frac{1}{1+y^2} - \frac{2}{1+xy} = \frac{(x-y)^2(xy-1)}{(1+x^2)(1+y^2)(1+xy)}.
\]
Since $x, y \ge 1$, we have $xy \geq 1$, so every factor is non-negative and $D \geq 0$. The claim follows.""",
        (r"we have $xy \geq 1$", r"we have $xy \leq 1$"),
        (r"(xy-1)}", r"(xy-2)}"),
    ),
    Written(
        "final answer",
        "accepted",
        r"Let $a,b,c$ be positive reals with $a+b+c=6$. Prove that $$\left(1+\frac1a\right)\left(1+\frac1b\right)\left(1+\frac1c\right)\ge\frac{27}{8}.$$",
        r"""**Step 1.** Expanding,
$$\left(1+\frac1a\right)\left(1+\frac1b\right)\left(1+\frac1c\right) = 1 + \frac1a+\frac1b+\frac1c + \frac{1}{ab}+\frac1{bc}+\frac1{ca} + \frac{1}{abc}.$$

**Step 2.** By AM–GM, $abc \leq \left(\frac{a+b+c}{3}\right)^3 = 8$, so $\frac{1}{abc} \geq \frac18$.

**Step 3.** Again by AM–GM,
$$\frac1a+\frac1b+\frac1c \geq \frac{3}{\sqrt[3]{abc}} \geq \frac32, \qquad \frac{1}{ab}+\frac1{bc}+\frac1{ca} \geq \frac{3}{\sqrt[3]{(abc)^2}} \geq \frac34.$$

**Step 4.** Adding everything,
$$\left(1+\frac1a\right)\left(1+\frac1b\right)\left(1+\frac1c\right) \geq 1+\frac32+\frac34+\frac18 = \frac{27}{8}.$$

Equality holds if and only if $a=b=c=2$. $\blacksquare$""",
        (r"\frac{1}{abc} \geq \frac18", r"\frac{1}{abc} \leq \frac18"),
        (r"\frac18 = \frac{27}{8}", r"\frac18 = \frac{25}{8}"),
    ),
    Written(
        "schur wlog",
        "accepted",
        r"Let $a, b, c \geq 0$. Prove that $a(a-b)(a-c)+b(b-a)(b-c)+c(c-a)(c-b) \geq 0$.",
        r"""By symmetry, we may assume **without loss of generality** that $a \geq b \geq c$.

We group the first two terms:
$$a(a-b)(a-c)+b(b-a)(b-c) = (a-b)\left[a(a-c)-b(b-c)\right].$$

Since $a \geq b$ and $a - c \geq b - c \geq 0$, we have $a(a-c) \geq b(b-c)$, so the product above is non-negative:
$$(a-b)\left[a(a-c)-b(b-c)\right] \geq 0.$$

Moreover, $c(c-a)(c-b) \geq 0$ because both $c-a \leq 0$ and $c-b \leq 0$.

Adding the two gives the desired inequality. $\blacksquare$""",
        (r"we have $a(a-c) \geq", r"we have $a(a-c) <"),
        (r"= (a-b)\left[a(a-c)-b(b-c)\right].", r"= (a-b)\left[a(a-c)+b(b-c)\right]."),
    ),
    Written(
        "power mean box",
        "accepted",
        r"Let $a,b>0$ with $a+b=2$. Show that $a^4+b^4\ge 2$.",
        r"""By the power mean inequality (or by applying Cauchy–Schwarz twice):
$$a^4+b^4 \ge \frac{(a^2+b^2)^2}{2}, \qquad a^2+b^2 \ge \frac{(a+b)^2}{2} = 2.$$
Hence
$$a^4+b^4 \ge \frac{2^2}{2} = 2.$$
The bound is attained at $a=b=1$.""",
        (r"a^2+b^2 \ge \frac", r"a^2+b^2 \le \frac"),
        (r"\frac{2^2}{2} = 2", r"\frac{2^2}{2} = 3"),
    ),
    Written(
        "induction",
        "unknown",
        r"Let $x > -1$ be a real number and let $n$ be a positive integer. Prove that $(1+x)^n \geq 1 + nx$.",
        r"""We proceed by **induction on $n$**.

**Base case.** For $n = 1$, both sides equal $1 + x$.

**Inductive step.** Assume $(1+x)^n \geq 1+nx$ for some $n \geq 1$. Since $1 + x > 0$,
$$(1+x)^{n+1} = (1+x)^n(1+x) \geq (1+nx)(1+x) = 1+(n+1)x+nx^2 \geq 1+(n+1)x.$$

By induction, the inequality holds for all positive integers $n$. $\blacksquare$""",
        (r"+nx^2 \geq 1", r"+nx^2 < 1"),
        (r"(1+nx)(1+x) = 1+(n+1)x+nx^2", r"(1+nx)(1+x) = 1+(n+1)x+2nx^2"),
    ),
    Written(
        "muirhead replaced",
        "unknown",
        r"Let $a,b,c$ be positive reals. Prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
        r"""We apply the well-known inequality $x^2+y^2+z^2 \ge xy+yz+zx$ **twice**.

First, with $x=a^2,\ y=b^2,\ z=c^2$:
$$a^4+b^4+c^4 \ge a^2b^2+b^2c^2+c^2a^2.$$

Second, with $x=ab,\ y=bc,\ z=ca$:
$$a^2b^2+b^2c^2+c^2a^2 \ge ab\cdot bc+bc\cdot ca+ca\cdot ab = abc(a+b+c).$$

Combining the two yields the result. Equality iff $a=b=c$.""",
        (r"c^2a^2 \ge ab\cdot bc", r"c^2a^2 \le ab\cdot bc"),
        (r"ca\cdot ab = abc(a+b+c)", r"ca\cdot ab = 2abc(a+b+c)"),
    ),
    Written(
        "unequal weights",
        "accepted",
        r"Let $x,y>0$ with $x+2y=3$. Prove that $xy^2\le 1$.",
        r"""By the AM–GM inequality applied to the three numbers $x, y, y$:
$$\frac{x+y+y}{3} \geq \sqrt[3]{x\cdot y\cdot y}.$$
The left side equals $\frac{3}{3} = 1$. Cubing both sides, $1 \geq xy^2$, i.e. $$\boxed{xy^2 \leq 1}.$$
Equality occurs when $x = y = 1$.""",
        (r"\frac{x+y+y}{3} \geq", r"\frac{x+y+y}{3} \leq"),
        (r"\frac{3}{3} = 1", r"\frac{3}{3} = 2"),
    ),
    Written(
        "chebyshev",
        "accepted",
        r"Let $a,b,c$ be positive real numbers. Prove that $3(a^3+b^3+c^3)\ge(a+b+c)(a^2+b^2+c^2)$.",
        r"""Compute the difference:
\begin{align*}
&3(a^3+b^3+c^3)-(a+b+c)(a^2+b^2+c^2) \\
&= 2(a^3+b^3+c^3) - (a^2b+ab^2+b^2c+bc^2+c^2a+ca^2) \\
&= (a+b)(a-b)^2+(b+c)(b-c)^2+(c+a)(c-a)^2 \geq 0.
\end{align*}
Hence the inequality is true, and equality holds only for $a=b=c$.""",
        (r"(c+a)(c-a)^2 \geq 0", r"(c+a)(c-a)^2 \leq 0"),
        (r"&= 2(a^3+b^3+c^3) -", r"&= 3(a^3+b^3+c^3) -"),
    ),
    Written(
        "cauchy reverse",
        "accepted",
        r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $$\frac{a}{1+b^2}+\frac{b}{1+c^2}+\frac{c}{1+a^2}\ge\frac32.$$",
        r"""**Step 1 (Rewriting).** Observe that
$$\frac{a}{1+b^2} = a - \frac{ab^2}{1+b^2}.$$

**Step 2 (AM–GM in the denominator).** Since $1+b^2\geq 2b$, we get
$$a - \frac{ab^2}{1+b^2} \geq a - \frac{ab^2}{2b} = a - \frac{ab}{2}.$$

Similarly, $\frac{b}{1+c^2} \geq b - \frac{bc}{2}$ and $\frac{c}{1+a^2} \geq c - \frac{ca}{2}$.

**Step 3 (Summation).** Adding these,
$$\sum_{cyc}\frac{a}{1+b^2} \geq (a+b+c) - \frac{ab+bc+ca}{2} = 3 - \frac{ab+bc+ca}{2}.$$

**Step 4.** Because $ab+bc+ca \leq \frac{(a+b+c)^2}{3} = 3$, the right-hand side is at least $3 - \frac32 = \frac32$. $\blacksquare$""",
        (r"\frac{b}{1+c^2} \geq b", r"\frac{b}{1+c^2} \leq b"),
        (r"\frac{(a+b+c)^2}{3} = 3$", r"\frac{(a+b+c)^2}{3} = 2$"),
    ),
    Written(
        "squares and roots",
        "unknown",
        r"Let $a, b, c, d$ be real numbers. Prove that $$\sqrt{a^2+b^2}+\sqrt{c^2+d^2} \ge \sqrt{(a+c)^2+(b+d)^2}.$$",
        r"""Both sides are non-negative, so we may square. It suffices to prove
$$a^2+b^2+c^2+d^2+2\sqrt{(a^2+b^2)(c^2+d^2)} \ge (a+c)^2+(b+d)^2,$$
which simplifies to
$$\sqrt{(a^2+b^2)(c^2+d^2)} \ge ac+bd.$$
This is precisely the Cauchy–Schwarz inequality. $\blacksquare$""",
        (r"\ge ac+bd", r"\le ac+bd"),
        (r"\sqrt{(a^2+b^2)(c^2+d^2)} \ge (a+c)^2", r"\sqrt{(a^2+b^2)(c^2+d^2)} \ge (a+2c)^2"),
    ),
]
