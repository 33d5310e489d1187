# ruff: noqa: E501
r"""Classical problems with proofs in the many ways in which people and language models write them, in our own words.

Each proof comes with two corruptions: one relation turned, and one number of an equality changed (empty where there is
none, or where a turned relation is no error that can be certain, as inside a proof by contradiction).
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Written:
    """A problem, a right proof, the verdict that it gets, and (old, new) for a turned relation and a wrong equality."""

    name: str
    verdict: str
    problem: str
    proof: str
    turned: tuple[str, str]
    wrong: tuple[str, str]


STYLES = [
    Written(
        "markdown headings", "accepted",
        r"Let $a,b,c$ be positive real numbers. Prove that $$\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\ge a+b+c.$$",
        r"""### Step 1: Apply AM-GM to each term

For positive reals we have:

$$\frac{a^2}{b} + b \geq 2\sqrt{\frac{a^2}{b}\cdot b} = 2a$$

$$\frac{b^2}{c} + c \geq 2b$$

$$\frac{c^2}{a} + a \geq 2c$$

### Step 2: Add up

Adding the three inequalities, we obtain

$$\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a} + (a+b+c) \geq 2(a+b+c).$$

### Conclusion

Therefore
$$\boxed{\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a} \geq a+b+c}$$

**Equality** holds if and only if $a=b=c$.""",
        (r"\frac{b^2}{c} + c \geq 2b", r"\frac{b^2}{c} + c \leq 2b"), (r"\cdot b} = 2a", r"\cdot b} = 3a"),
    ),
    Written(
        "bullets", "accepted",
        r"Let $x, y, z$ be positive reals with $xyz = 1$. Prove that \[ x^2 + y^2 + z^2 \geq x + y + z. \]",
        r"""We proceed in steps.

- First, by the QM-AM inequality, \( x^2+y^2+z^2 \ge \dfrac{(x+y+z)^2}{3} \).
- Next, by AM-GM, \( x+y+z \ge 3\sqrt[3]{xyz} = 3 \).
- Combining these, \[ x^2+y^2+z^2 \ge \frac{(x+y+z)\cdot(x+y+z)}{3} \ge \frac{3(x+y+z)}{3} = x+y+z. \]

Equality holds when \( x=y=z=1 \).""",
        (r"x+y+z \ge 3\sqrt[3]", r"x+y+z \le 3\sqrt[3]"), ("x=y=z=1", "x=y=z=2"),
    ),
    Written(
        "aligned with reasons", "accepted",
        r"Prove that for all positive real numbers $a,b,c$: $$(a+b)(b+c)(c+a) \geqslant 8abc.$$",
        r"""$$
\begin{aligned}
(a+b)(b+c)(c+a) &\overset{\text{AM-GM}}{\geqslant} 2\sqrt{ab}\cdot 2\sqrt{bc}\cdot 2\sqrt{ca} \\
&= 8\sqrt{a^2b^2c^2} \\
&= 8abc .
\end{aligned}
$$""",
        (r"{\geqslant} 2", r"{\leqslant} 2"), (r"&= 8\sqrt", r"&= 9\sqrt"),
    ),
    Written(
        "stackrel", "accepted",
        r"Let $x,y>0$. Show that $\frac{x}{y}+\frac{y}{x}+\frac{4xy}{(x+y)^2}\ge 3$.",
        r"""Put $t=\frac{(x+y)^2}{xy}$. Since $(x+y)^2\ge 4xy$ we have $t\ge 4$. The left side equals $t-2+\frac{4}{t}$, so we need $t-2+\frac4t\ge 3$, i.e.
\[ t^2-5t+4\ge 0 \iff (t-1)(t-4)\ge 0, \]
which is true because $t\ge 4$. Equality holds iff $x=y$.""",
        (r"we have $t\ge 4$", r"we have $t\le 4$"), (r"Put $t=\frac{(x+y)^2}{xy}$", r"Put $t=\frac{(x+y)^2}{2xy}$"),
    ),
    Written(
        "eqnarray", "accepted",
        r"Let $a,b$ be positive reals with $a+b=1$. Prove that $a^4+b^4\ge \frac18$.",
        r"""We have
\begin{eqnarray*}
a^4+b^4 & \ge & \frac{(a^2+b^2)^2}{2} \\
& \ge & \frac12\left(\frac{(a+b)^2}{2}\right)^2 \\
& = & \frac18 .
\end{eqnarray*}
Equality occurs iff $a=b=\frac12$.""",
        (r"& \ge & \frac12", r"& \le & \frac12"), (r"& = & \frac18", r"& = & \frac19"),
    ),
    Written(
        "gather", "accepted",
        r"Let $a,b,c\geq 0$ with $a+b+c=3$. Prove that $a^2+b^2+c^2+ab+bc+ca\geq 6$.",
        r"""Note that
\begin{gather*}
a^2+b^2+c^2+ab+bc+ca = (a+b+c)^2-(ab+bc+ca), \\
ab+bc+ca \le \frac{(a+b+c)^2}{3} = 3.
\end{gather*}
Hence $a^2+b^2+c^2+ab+bc+ca \ge 9-3=6$.""",
        (r"ab+bc+ca \le \frac", r"ab+bc+ca \ge \frac"), (r"{3} = 3", r"{3} = 4"),
    ),
    Written(
        "normalisation", "accepted",
        r"Let $a,b,c>0$. Prove that $\frac{(a+b+c)^2}{a^2+b^2+c^2} \le 3$.",
        r"""The inequality is homogeneous of degree $0$, so WLOG $a+b+c=3$. Then we have to prove $a^2+b^2+c^2\ge 3$. Since $a^2\ge 2a-1$, $b^2\ge 2b-1$ and $c^2\ge 2c-1$, summing up we get
$$a^2+b^2+c^2\ge 2(a+b+c)-3=3,$$
as desired.""",
        (r"$b^2\ge 2b-1$", r"$b^2\le 2b-1$"), (r"-3=3", r"-3=4"),
    ),
    Written(
        "ravi", "accepted",
        r"Let $a,b,c$ be the sides of a triangle. Prove that $\frac{a}{b+c-a}+\frac{b}{c+a-b}+\frac{c}{a+b-c}\ge 3$.",
        r"""Using the Ravi substitution $a=y+z$, $b=z+x$, $c=x+y$ with $x,y,z>0$, the inequality becomes
$$\frac{y+z}{2x}+\frac{z+x}{2y}+\frac{x+y}{2z}\ge 3.$$
Rearranging, the left-hand side is $$\frac12\left[\left(\frac xy+\frac yx\right)+\left(\frac yz+\frac zy\right)+\left(\frac zx+\frac xz\right)\right]\ge\frac12(2+2+2)=3.$$""",
        (r"\right)\right]\ge\frac12", r"\right)\right]\le\frac12"), (r"(2+2+2)=3", r"(2+2+2)=4"),
    ),
    Written(
        "tangent line trick", "accepted",
        r"Let $a,b,c$ be positive reals with $a+b+c=1$. Prove that $\frac{1}{a^2+1}+\frac{1}{b^2+1}+\frac{1}{c^2+1}\le\frac{27}{10}$.",
        r"""**Claim.** For $0<x<1$ we have $\frac{1}{x^2+1}\le \frac{27}{50}(2-x)$.

*Proof.* The claim is equivalent to $50\le 27(2-x)(x^2+1)$, i.e. to $-27x^3+54x^2-27x+4\ge0$, or $(3x-1)^2(4-3x)\ge0$, which holds for $0<x<1$.

Applying the claim to $a$, $b$ and $c$ and adding,
$$\frac{1}{a^2+1}+\frac{1}{b^2+1}+\frac{1}{c^2+1}\le\frac{27}{50}(6-(a+b+c))=\frac{27}{50}\cdot5=\frac{27}{10}.$$""",
        (r"(3x-1)^2(4-3x)\ge0", r"(3x-1)^2(4-3x)\le0"), (r"\cdot5=\frac{27}{10}", r"\cdot5=\frac{28}{10}"),
    ),
    Written(
        "sos by hand", "accepted",
        r"For any reals $x,y$ prove that $x^2+xy+y^2\ge 0$.",
        r"Completing the square, $$x^2+xy+y^2=\left(x+\frac{y}{2}\right)^2+\frac{3y^2}{4}\ge 0.$$ Equality holds iff $x=y=0$. $\blacksquare$",
        (r"{4}\ge 0", r"{4}\le 0"), (r"\frac{3y^2}{4}", r"\frac{5y^2}{4}"),
    ),
    Written(
        "schur cited", "accepted",
        r"Let $a,b,c$ be non-negative reals with $a+b+c=1$. Prove that $4(ab+bc+ca)\le 1+9abc$.",
        r"""By Schur's inequality of degree $1$, $$a(a-b)(a-c)+b(b-a)(b-c)+c(c-a)(c-b)\ge 0.$$ In terms of $p=a+b+c=1$, $q=ab+bc+ca$ and $r=abc$ this reads $p^3-4pq+9r\ge 0$. As $p=1$, we get $1-4q+9r\ge 0$, that is $4q\le 1+9r$, which is what we wanted.""",
        (r"$p^3-4pq+9r\ge 0$", r"$p^3-4pq+9r\le 0$"), ("p=a+b+c=1", "p=a+b+c=2"),
    ),
    Written(
        "muirhead notation", "accepted",
        r"Let $a,b,c>0$. Prove that $a^4+b^4+c^4\ge a^2bc+b^2ca+c^2ab$.",
        r"""The inequality can be written as $\frac{T[4,0,0]}{2}\geq\frac{T[2,1,1]}{2}$, i.e. $T[4,0,0]\ge T[2,1,1]$, which is true by Muirhead's theorem since $(4,0,0)\succ(2,1,1)$. Equality holds iff $a=b=c$.""",
        (r"$T[4,0,0]\ge T[2,1,1]$", r"$T[4,0,0]\le T[2,1,1]$"), (r"\frac{T[2,1,1]}{2}", r"\frac{T[2,1,1]}{1}"),
    ),
    Written(
        "rearrangement", "accepted",
        r"Let $a,b,c$ be positive real numbers. Prove that $a^3+b^3+c^3\ge a^2b+b^2c+c^2a$.",
        r"""Assume without loss of generality that $a$ is the largest. The sequences $(a^2,b^2,c^2)$ and $(a,b,c)$ are similarly sorted, hence by the rearrangement inequality
$$a^2\cdot a+b^2\cdot b+c^2\cdot c\ge a^2\cdot b+b^2\cdot c+c^2\cdot a .$$
This is the desired inequality.""",
        (r"c\ge a^2\cdot b", r"c\le a^2\cdot b"), ("", ""),
    ),
    Written(
        "derivative", "accepted",
        r"Let $x$ be a positive real number. Prove that $x^3-3x+2\ge 0$.",
        r"""Consider $f(x)=x^3-3x+2$ for $x>0$. Then $f'(x)=3x^2-3$. We see that $f'(x)<0$ for $0<x<1$ and $f'(x)>0$ for $x>1$, so $f$ has its minimum at $x=1$, where $f(1)=0$. Hence $f(x)\ge 0$ for all $x>0$.""",
        (r"$f(x)\ge 0$", r"$f(x)\le 0$"), (r"f'(x)=3x^2-3", r"f'(x)=3x^2-4"),
    ),
    Written(
        "cases", "accepted",
        r"Let $x$ be a real number. Prove that $x^2+|x-1|\ge\frac34$.",
        r"""**Case 1:** $x\ge 1$. Then $x^2+|x-1|=x^2+x-1\ge 1\ge\frac34$.

**Case 2:** $x<1$. Then $x^2+|x-1|=x^2-x+1=\left(x-\frac12\right)^2+\frac34\ge\frac34$.

In both cases the inequality holds.""",
        (r"\frac34\ge\frac34", r"\frac34\le\frac34"), (r"x^2-x+1=", r"x^2-x+2="),
    ),
    Written(
        "contradiction", "accepted",
        r"Let $a,b,c$ be positive reals with $abc=1$. Prove that $a+b+c\ge 3$.",
        r"""Suppose, to the contrary, that $a+b+c<3$. By AM-GM, $\frac{a+b+c}{3}\ge\sqrt[3]{abc}=1$. So $a+b+c\ge 3$, a contradiction.""",
        ("", ""), (r"{abc}=1$. So", r"{abc}=2$. So"),
    ),
    Written(
        "jensen with f", "accepted",
        r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $\frac{1}{1+a}+\frac{1}{1+b}+\frac1{1+c}\ge\frac32$.",
        r"""Let $f(x)=\frac{1}{1+x}$. Since $f''(x)=\frac{2}{(1+x)^3}>0$ for $x>0$, $f$ is convex, and by Jensen's inequality
$$f(a)+f(b)+f(c)\ge 3f\left(\frac{a+b+c}{3}\right)=3f(1)=\frac32.$$""",
        (r"f(c)\ge 3f", r"f(c)\le 3f"), (r"3f(1)=\frac32", r"3f(1)=\frac52"),
    ),
    Written(
        "chebyshev wlog", "accepted",
        r"Let $a,b,c$ be positive reals. Show that $\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}\geq\frac32$.",
        r"""WLOG $a\ge b\ge c$. Then $\frac{1}{b+c}\ge\frac1{c+a}\ge\frac1{a+b}$. By Chebyshev,
$$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}\ge\frac13(a+b+c)\left(\frac1{b+c}+\frac1{c+a}+\frac1{a+b}\right).$$
By the AM-HM inequality, $\frac1{b+c}+\frac1{c+a}+\frac1{a+b}\ge\frac{9}{2(a+b+c)}$. Therefore
$$\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}\ge\frac13(a+b+c)\cdot\frac{9}{2(a+b+c)}=\frac32.$$""",
        (r"{c+a}\ge\frac1{a+b}$. By", r"{c+a}\le\frac1{a+b}$. By"), (r"{2(a+b+c)}=\frac32", r"{2(a+b+c)}=\frac42"),
    ),
    Written(
        "LHS and RHS", "unknown",
        r"Let $a,b,c$ be positive numbers. Prove that $\frac{ab}{c}+\frac{bc}{a}+\frac{ca}{b}\geq a+b+c$.",
        r"""Multiplying both sides by $2$, we get
$$2\cdot\text{LHS}=\left(\frac{ab}{c}+\frac{bc}{a}\right)+\left(\frac{bc}{a}+\frac{ca}{b}\right)+\left(\frac{ca}{b}+\frac{ab}{c}\right)\ge 2b+2c+2a=2\cdot\text{RHS}.$$""",
        (r"\ge 2b", r"\le 2b"), (r"=2\cdot\text{RHS}", r"=3\cdot\text{RHS}"),
    ),
    Written(
        "cauchy with roots", "accepted",
        r"Let $a,b,c\ge0$ with $a+b+c=1$. Prove that $\sqrt{4a+1}+\sqrt{4b+1}+\sqrt{4c+1}\le\sqrt{21}$.",
        r"""By the Cauchy–Schwarz inequality,
$$\left(\sqrt{4a+1}+\sqrt{4b+1}+\sqrt{4c+1}\right)^2\le 3\left((4a+1)+(4b+1)+(4c+1)\right)=3(4(a+b+c)+3)=21.$$
Taking square roots gives the result. Equality iff $a=b=c=\tfrac13$.""",
        (r"\right)^2\le 3", r"\right)^2\ge 3"), (r"+3)=21", r"+3)=22"),
    ),
    Written(
        "weighted am-gm", "accepted",
        r"Let $x,y>0$. Prove that $2x^3+y^3\ge 3x^2y$.",
        r"By AM–GM applied to $x^3,x^3,y^3$ we have $$\frac{x^3+x^3+y^3}{3}\;\geq\;\sqrt[3]{x^3\cdot x^3\cdot y^3}\;=\;x^2y,$$ so $2x^3+y^3\geq 3x^2y$. \qed",
        (r"\;\geq\;\sqrt", r"\;\leq\;\sqrt"), (r"\;=\;x^2y", r"\;=\;2x^2y"),
    ),
    Written(
        "left right and factors", "accepted",
        r"Let $a,b,c$ be positive real numbers such that $ab+bc+ca=3$. Prove that $\frac{1}{a^2+2}+\frac{1}{b^2+2}+\frac{1}{c^2+2}\le 1$.",
        r"""We rewrite $\frac{1}{a^2+2}=\frac12\left(1-\frac{a^2}{a^2+2}\right)$, so the inequality is equivalent to $$\frac{a^2}{a^2+2}+\frac{b^2}{b^2+2}+\frac{c^2}{c^2+2}\ge 1.$$ By Cauchy–Schwarz in Engel form the left side is at least $\frac{(a+b+c)^2}{a^2+b^2+c^2+6}$, and $a^2+b^2+c^2+6=a^2+b^2+c^2+2(ab+bc+ca)=(a+b+c)^2$. Thus
$$\frac{a^2}{a^2+2}+\frac{b^2}{b^2+2}+\frac{c^2}{c^2+2}\ge\frac{(a+b+c)^2}{a^2+b^2+c^2+6}=1.$$""",
        (r"{c^2+2}\ge\frac{(a+b+c)^2}", r"{c^2+2}\le\frac{(a+b+c)^2}"), (r"+6}=1", r"+6}=2"),
    ),
    Written(
        "substitution abc", "accepted",
        r"Let $a,b,c$ be positive reals with $abc=1$. Prove that $\frac{1}{1+a+ab}+\frac{1}{1+b+bc}+\frac{1}{1+c+ca}\ge 1$.",
        r"""Substitute $a=\frac{x}{y}$, $b=\frac{y}{z}$, $c=\frac{z}{x}$ where $x,y,z>0$. Then
\[\frac{1}{1+a+ab}=\frac{1}{1+\frac xy+\frac xz}=\frac{yz}{yz+zx+xy},\]
and similarly $\frac{1}{1+b+bc}=\frac{zx}{xy+yz+zx}$ and $\frac{1}{1+c+ca}=\frac{xy}{xy+yz+zx}$. Adding, the sum is
\[\frac{yz+zx+xy}{xy+yz+zx}=1\ge 1.\]""",
        (r"=1\ge 1", r"=2\ge 1"), (r"=\frac{xy}{xy+yz+zx}$. Adding", r"=\frac{2xy}{xy+yz+zx}$. Adding"),
    ),
    Written(
        "numbers as words", "accepted",
        r"Let $m,n$ be positive real numbers with $m+n=4$. Prove that $\frac1m+\frac1n\ge1$.",
        r"Since $mn\le\left(\frac{m+n}{2}\right)^2=4$, we obtain $\frac1m+\frac1n=\frac{m+n}{mn}=\frac{4}{mn}\ge\frac44=1$. Equality is attained at $m=n=2$.",
        (r"$mn\le", r"$mn\ge"), (r"m=n=2", r"m=n=3"),
    ),
    Written(
        "induction on n", "unknown",
        r"Let $n$ be a positive integer and $x$ a real number with $x\ge 0$. Prove that $(1+x)^n\ge 1+nx$.",
        r"""We use induction on $n$. For $n=1$ we have equality. Assume $(1+x)^n\ge 1+nx$. Then $(1+x)^{n+1}=(1+x)^n(1+x)\ge(1+nx)(1+x)=1+(n+1)x+nx^2\ge1+(n+1)x$.""",
        (r"nx^2\ge1+", r"nx^2\le1+"), (r"=1+(n+1)x+nx^2", r"=2+(n+1)x+nx^2"),
    ),
    Written(
        "difference", "accepted",
        r"For positive reals $a,b$ show that $\frac{a^2}{b}+\frac{b^2}{a}\ge a+b$.",
        r"""Consider the difference of the two sides:
$$\frac{a^2}{b}+\frac{b^2}{a}-a-b=\frac{a^3+b^3-a^2b-ab^2}{ab}=\frac{(a+b)(a-b)^2}{ab}\ge0.$$
Hence the claim. Equality holds exactly when $a=b$.""",
        (r"{ab}\ge0", r"{ab}\le0"), (r"{ab}=\frac{(a+b)(a-b)^2}{ab}", r"{ab}=\frac{(a+b)(a-b)^2}{2ab}"),
    ),
    Written(
        "cyclic sums", "accepted",
        r"For $a,b,c>0$ prove that $\sum_{\text{cyc}}\frac{a^3}{bc}\ge a+b+c$.",
        r"""By AM-GM, $\frac{a^3}{bc}+b+c\ge 3\sqrt[3]{\frac{a^3}{bc}\cdot b\cdot c}=3a$. Summing cyclically, $$\sum_{\text{cyc}}\frac{a^3}{bc}+2\sum_{\text{cyc}}a\ge3\sum_{\text{cyc}}a,$$ whence $\sum_{\text{cyc}}\frac{a^3}{bc}\ge\sum_{\text{cyc}}a=a+b+c$.""",
        (r"\ge3\sum", r"\le3\sum"), (r"c}=3a", r"c}=4a"),
    ),
    Written(
        "symmetric sums", "accepted",
        r"Let $a,b,c\ge0$. Show that $(a+b+c)(ab+bc+ca)\ge9abc$.",
        r"""Expanding, $$(a+b+c)(ab+bc+ca)=\sum_{sym}a^2b+3abc.$$ By AM-GM, $\sum_{sym}a^2b\ge6\sqrt[6]{a^6b^6c^6}=6abc$. Adding $3abc$ we get $(a+b+c)(ab+bc+ca)\ge6abc+3abc=9abc$.""",
        (r"\sum_{sym}a^2b\ge6", r"\sum_{sym}a^2b\le6"), (r"b+3abc.$$", r"b+2abc.$$"),
    ),
    Written(
        "four variables", "accepted",
        r"Let $a,b,c,d$ be positive reals. Prove that $\frac1a+\frac1b+\frac4c+\frac{16}{d}\ge\frac{64}{a+b+c+d}$.",
        r"""By Titu's lemma $$\frac{1^2}{a}+\frac{1^2}{b}+\frac{2^2}{c}+\frac{4^2}{d}\ge\frac{(1+1+2+4)^2}{a+b+c+d}=\frac{64}{a+b+c+d}.$$ Equality holds iff $a=b=\frac c2=\frac d4$.""",
        (r"{d}\ge\frac{(1", r"{d}\le\frac{(1"), (r"\frac c2=\frac d4", r"\frac c2=\frac d3"),
    ),
    Written(
        "equality with ratios", "accepted",
        r"Let $x,y$ be real numbers with $x^2+4y^2=8$. Prove that $x+2y\le4$.",
        r"By Cauchy-Schwarz, $(x+2y)^2\le(1^2+1^2)(x^2+4y^2)=16$, so $x+2y\le|x+2y|\le4$. Equality holds when $x=2$ and $y=1$.",
        (r"(x+2y)^2\le", r"(x+2y)^2\ge"), (r"$x=2$ and", r"$x=3$ and"),
    ),
    Written(
        "trigonometric", "unknown",
        r"Let $x$ be a real number. Prove that $\sin x\cos x\le\frac12$.",
        r"We have $2\sin x\cos x\le\sin^2x+\cos^2x=1$, so $\sin x\cos x\le\frac12$.",
        (r"\cos x\le\sin^2", r"\cos x\ge\sin^2"), (r"\cos^2x=1", r"\cos^2x=2"),
    ),
    Written(
        "smoothing words", "accepted",
        r"Let $a,b,c$ be non-negative reals with $a+b+c=1$. Prove that $ab+bc+ca-2abc\le\frac{7}{27}$.",
        r"""WLOG let $c=\min(a,b,c)$, so $c\le\frac13$. Put $f(a,b,c)=ab+bc+ca-2abc=ab(1-2c)+c(1-c)$. As $1-2c>0$ and $ab\le\frac{(a+b)^2}{4}=\frac{(1-c)^2}{4}$, $$f(a,b,c)\le\frac{(1-c)^2(1-2c)}{4}+c(1-c)=\frac{1+c^2-2c^3}{4}\le\frac{7}{27},$$ the last step because $27(1+c^2-2c^3)\le28$, that is $(3c-1)^2(6c+1)\ge0$.""",
        (r"(6c+1)\ge0", r"(6c+1)\le0"), (r"=\frac{1+c^2-2c^3}{4}", r"=\frac{1+c^2-3c^3}{4}"),
    ),
    Written(
        "two lemmas", "accepted",
        r"Let $a,b,c>0$. Prove that $\frac{a^3+b^3+c^3}{3}\ge\left(\frac{a+b+c}{3}\right)^3$.",
        r"""**Lemma 1.** $a^3+b^3\ge ab(a+b)$. Indeed $a^3+b^3-ab(a+b)=(a+b)(a-b)^2\ge0$.

**Lemma 2.** $(a+b+c)^3=a^3+b^3+c^3+3\left(ab(a+b)+bc(b+c)+ca(c+a)\right)+6abc$.

By Lemma 1 and its cyclic versions $b^3+c^3\ge bc(b+c)$, $c^3+a^3\ge ca(c+a)$ and by $a^3+b^3+c^3\ge3abc$,
$$(a+b+c)^3\le a^3+b^3+c^3+6(a^3+b^3+c^3)+2(a^3+b^3+c^3)=9(a^3+b^3+c^3),$$
and dividing by $27$ yields the inequality.""",
        (r"$b^3+c^3\ge bc(b+c)$", r"$b^3+c^3\le bc(b+c)$"), (r"+6abc$.", r"+7abc$."),
    ),
    Written(
        "constant to find", "accepted",
        r"Let $a,b,c$ be positive reals with $a+b+c=1$. Find the smallest constant $C$ such that $ab+bc+ca\le C$ for all such $a,b,c$.",
        r"""We have $1=(a+b+c)^2\ge3(ab+bc+ca)$, hence $ab+bc+ca\le\frac13$. For $a=b=c=\frac13$ we have $ab+bc+ca=\frac13$. Therefore, the answer is $C=\frac13$.""",
        (r"^2\ge3", r"^2\le3"), (r"we have $ab+bc+ca=\frac13$", r"we have $ab+bc+ca=\frac23$"),
    ),
    Written(
        "blank to fill", "accepted",
        r"Let $x,y,z$ be positive reals with $x+y+z=3$. Consider: $$\frac{1}{x}+\frac1y+\frac1z \quad () \quad 3$$ Determine the correct inequality relation to fill in the blank. Options: (A) $\leq$ (B) $\geq$",
        r"""By AM-HM, $$\frac{3}{\frac1x+\frac1y+\frac1z}\leq\frac{x+y+z}{3}=1,$$ so $\frac1x+\frac1y+\frac1z\geq3$. Equality when $x=y=z=1$. Therefore, the answer is (B) $\geq$.""",
        (r"\leq\frac{x+y+z}", r"\geq\frac{x+y+z}"), (r"{3}=1", r"{3}=2"),
    ),
    Written(
        "since then the case", "accepted",
        r"Let $x, y$ be positive reals such that $xy=4$. Prove that $x+4y\ge8$.",
        r"By AM-GM we have $x+4y\ge2\sqrt{4xy}=8$. For equality we need $x=4y$; since $xy=4$ we get $4y^2=4$, so that equality holds iff $x=4$, $y=1$.",
        (r"$x+4y\ge2", r"$x+4y\le2"), (r"$x=4$, $y=1$", r"$x=4$, $y=2$"),
    ),
    Written(
        "multiplying", "accepted",
        r"Let $a,b,c>0$. Prove that $\left(1+\frac ab\right)\left(1+\frac bc\right)\left(1+\frac ca\right)\ge8$.",
        r"""By AM-GM we have $1+\frac ab\ge2\sqrt{\frac ab}$, $1+\frac bc\ge2\sqrt{\frac bc}$ and $1+\frac ca\ge2\sqrt{\frac ca}$. Multiplying, $$\left(1+\frac ab\right)\left(1+\frac bc\right)\left(1+\frac ca\right)\ge8\sqrt{\frac ab\cdot\frac bc\cdot\frac ca}=8.$$ Equality iff $a=b=c$.""",
        (r"$1+\frac bc\ge2", r"$1+\frac bc\le2"), (r"\frac ca}=8", r"\frac ca}=9"),
    ),
    Written(
        "definition of a sum", "accepted",
        r"Let $a,b,c$ be positive reals. Prove that $\frac{a}{a+b}+\frac{b}{b+c}+\frac{c}{c+a}>1$.",
        r"""Let $S=a+b+c$. Then $\frac{a}{a+b}>\frac aS$, $\frac{b}{b+c}>\frac bS$ and $\frac{c}{c+a}>\frac cS$. Adding these up, $$\frac{a}{a+b}+\frac{b}{b+c}+\frac{c}{c+a}>\frac{a+b+c}{S}=1.$$""",
        (r"\frac{b}{b+c}>\frac bS", r"\frac{b}{b+c}<\frac bS"), (r"{S}=1", r"{S}=2"),
    ),
    Written(
        "numbered display", "accepted",
        r"Let $x,y,z$ be real numbers. Prove that $x^2+y^2+z^2+3\ge2(x+y+z)$.",
        r"""\begin{align}
x^2+1 &\ge 2x, \label{one}\\
y^2+1 &\ge 2y, \\
z^2+1 &\ge 2z.
\end{align}
Adding (1), (2) and (3): $x^2+y^2+z^2+3\ge2x+2y+2z=2(x+y+z)$. Equality for $x=y=z=1$.""",
        (r"y^2+1 &\ge", r"y^2+1 &\le"), (r"x=y=z=1", r"x=y=z=2"),
    ),
    Written(
        "sqrt equal parts", "accepted",
        r"Let $a, b \geq 0$ with $a+b=2$. Prove that $a^3+b^3\geq2$.",
        r"""$a^3+b^3=(a+b)(a^2-ab+b^2)=2\left[(a+b)^2-3ab\right]=2(4-3ab)=8-6ab.$ Because $ab\leq\left(\frac{a+b}2\right)^2=1$ we find that $a^3+b^3=8-6ab\geq8-6=2$.""",
        (r"$ab\leq", r"$ab\geq"), (r"=2(4-3ab)", r"=2(5-3ab)"),
    ),
    Written(
        "implies arrows", "accepted",
        r"Let $a,b>0$ with $a+b\le ab$. Prove that $a+b\ge4$.",
        r"$$ab\le\frac{(a+b)^2}{4}\implies a+b\le ab\le\frac{(a+b)^2}{4}\implies 4(a+b)\le(a+b)^2\implies a+b\ge4.$$",
        (r"4(a+b)\le(a+b)^2", r"4(a+b)\ge(a+b)^2"), (r"\implies 4(a+b)\le", r"\implies 5(a+b)\le"),
    ),
    Written(
        "definite choice", "accepted",
        r"Let $a,b,c>0$ and $a^2+b^2+c^2=3$. Prove that $a+b+c\le3$.",
        r"Since $(a-1)^2\ge0$ we have $a\le\frac{a^2+1}{2}$. Likewise, $b\le\frac{b^2+1}2$ and $c\le\frac{c^2+1}2$. It follows that $a+b+c\le\frac{a^2+b^2+c^2+3}{2}=\frac{3+3}{2}=3$.",
        (r"$b\le\frac", r"$b\ge\frac"), (r"\frac{3+3}{2}=3", r"\frac{3+3}{2}=4"),
    ),
    Written(
        "verbose model", "accepted",
        r"Let $a$, $b$, $c$ be positive real numbers satisfying $a+b+c=1$. Show that $$\left(\frac1a-1\right)\left(\frac1b-1\right)\left(\frac1c-1\right)\geq8.$$",
        r"""To prove the inequality, we first rewrite each factor. Since $a + b + c = 1$, we have:

1. $\frac{1}{a} - 1 = \frac{1-a}{a} = \frac{b+c}{a}$
2. $\frac{1}{b} - 1 = \frac{c+a}{b}$
3. $\frac{1}{c} - 1 = \frac{a+b}{c}$

Thus, the product is:
\[
\left(\frac1a-1\right)\left(\frac1b-1\right)\left(\frac1c-1\right) = \frac{(a+b)(b+c)(c+a)}{abc}
\]

Now, by the AM-GM inequality, $b+c \geq 2\sqrt{bc}$, $c+a \geq 2\sqrt{ca}$, and $a+b \geq 2\sqrt{ab}$. Multiplying these together:
\[
(a+b)(b+c)(c+a) \geq 8\sqrt{a^2b^2c^2} = 8abc
\]

Therefore:
\[
\frac{(a+b)(b+c)(c+a)}{abc} \geq \frac{8abc}{abc} = 8
\]

Equality holds if and only if $a = b = c = \frac{1}{3}$.""",
        (r"$c+a \geq 2\sqrt", r"$c+a \leq 2\sqrt"), (r"b = c = \frac{1}{3}", r"b = c = \frac{1}{2}"),
    ),
]  # fmt: skip
