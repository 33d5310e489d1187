# ruff: noqa: E501
r"""Proofs as people write them (classical problems in our own words): what a careful reader would say, the checker says."""

import pytest

from olmix.proofs.check_proof import check_proof

PROOFS = [
    ("nes1", "accepted",
     r"Let $a,b,c>0$. Prove that $\sum_{cyc} \frac{a}{b+c} \ge \frac32$.",
     r"""Let $x=b+c$, $y=c+a$, $z=a+b$. Then $a=\frac{y+z-x}{2}$, $b=\frac{z+x-y}{2}$, $c=\frac{x+y-z}{2}$, and
$$\sum_{cyc}\frac{a}{b+c}=\frac12\left(\frac{y}{x}+\frac{z}{x}+\frac{z}{y}+\frac{x}{y}+\frac{x}{z}+\frac{y}{z}-3\right).$$
By AM-GM, $\frac{x}{y}+\frac{y}{x}\ge 2$, $\frac{y}{z}+\frac{z}{y}\ge2$, $\frac{z}{x}+\frac{x}{z}\ge 2$. Hence the sum is at least $\frac12(6-3)=\frac32$. $\blacksquare$"""),
    ("nes2", "accepted",
     r"Let $a,b,c$ be positive reals. Show that \[ \frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}\geq \frac{3}{2}. \]",
     r"""Adding $3$ to both sides, it suffices to prove that
\begin{align*}
(a+b+c)\left(\frac1{b+c}+\frac1{c+a}+\frac1{a+b}\right) \ge \frac92.
\end{align*}
By Cauchy--Schwarz, $\left((b+c)+(c+a)+(a+b)\right)\left(\frac1{b+c}+\frac1{c+a}+\frac1{a+b}\right)\ge 9$, and we are done."""),
    ("schur", "accepted",
     r"Prove that for nonnegative reals $x,y,z$ we have $x^3+y^3+z^3+3xyz \ge x^2y+x^2z+y^2x+y^2z+z^2x+z^2y$.",
     r"""WLOG assume $x\ge y\ge z$. The inequality can be rewritten as
$$(x-y)\left[x(x-z)-y(y-z)\right]+z(x-z)(y-z)\ge 0.$$
Since $x\ge y\ge z$, we have $x(x-z)\ge y(y-z)$ and $z(x-z)(y-z)\ge0$, so the inequality holds."""),
    ("imo2000", "accepted",
     r"Let $a,b,c$ be positive real numbers with $abc=1$. Prove that $\left(a-1+\frac1b\right)\left(b-1+\frac1c\right)\left(c-1+\frac1a\right)\le 1$.",
     r"""Substitute $a=\frac xy$, $b=\frac yz$, $c=\frac zx$ with $x,y,z>0$. Then the inequality becomes
$$(x-y+z)(y-z+x)(z-x+y)\le xyz.$$
This is equivalent to Schur's inequality $x^3+y^3+z^3+3xyz\ge x^2y+x^2z+y^2x+y^2z+z^2x+z^2y$, which is true."""),
    ("amgm3", "accepted",
     r"For $x,y,z\ge 0$ prove that $x^2+y^2+z^2\ge xy+yz+zx$.",
     r"By AM-GM, $x^2+y^2\ge 2xy$, $y^2+z^2\ge 2yz$, $z^2+x^2\ge2zx$. Summing up gives $2(x^2+y^2+z^2)\ge 2(xy+yz+zx)$ as desired."),
    ("amgm_chain", "accepted",
     r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $\frac1a+\frac1b+\frac1c\ge 3$.",
     r"We have $$\frac1a+\frac1b+\frac1c\ge\frac{9}{a+b+c}=\frac93=3$$ by Cauchy-Schwarz, with equality iff $a=b=c=1$."),
    ("tangent", "accepted",
     r"Let $a,b,c$ be positive reals with $a+b+c=3$. Prove that $\frac{1}{1+a^2}+\frac1{1+b^2}+\frac{1}{1+c^2}\ge\frac32$.",
     r"We claim that $\frac{1}{1+a^2}\ge 1-\frac a2$. Indeed, $\frac1{1+a^2}=1-\frac{a^2}{1+a^2}\ge1-\frac{a^2}{2a}=1-\frac a2$ by AM-GM. Similarly $\frac1{1+b^2}\ge1-\frac b2$ and $\frac1{1+c^2}\ge1-\frac c2$. Adding these, $\sum\frac1{1+a^2}\ge3-\frac{a+b+c}{2}=\frac32$."),
    ("cauchy2", "accepted",
     r"Let $x,y,z>0$ such that $x+y+z=1$. Prove that $\sqrt{x}+\sqrt{y}+\sqrt{z}\le\sqrt3$.",
     r"By Cauchy-Schwarz, $(\sqrt x+\sqrt y+\sqrt z)^2\le(1+1+1)(x+y+z)=3$. Taking square roots, $\sqrt x+\sqrt y+\sqrt z\le\sqrt3$."),
    ("root3", "accepted",
     r"Let $a,b,c$ be positive. Prove $\frac{a+b+c}{3}\geq\sqrt[3]{abc}$.",
     r"Put $a=x^3$, $b=y^3$, $c=z^3$ with $x,y,z>0$. Then we need $x^3+y^3+z^3\ge3xyz$. But $x^3+y^3+z^3-3xyz=\frac12(x+y+z)\left((x-y)^2+(y-z)^2+(z-x)^2\right)\ge0$."),
    ("bad_sign", "rejected",
     r"For $x,y,z\ge 0$ prove that $x^2+y^2+z^2\ge xy+yz+zx$.",
     r"By AM-GM, $x^2+y^2\ge 2xy$, $y^2+z^2\ge 2yz$, $z^2+x^2\le 2zx$. Summing up gives $2(x^2+y^2+z^2)\ge 2(xy+yz+zx)$ as desired."),
    ("bad_eq", "rejected",
     r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $\frac1a+\frac1b+\frac1c\ge 3$.",
     r"We have $$\frac1a+\frac1b+\frac1c\ge\frac{9}{a+b+c}=\frac93=2\ge 3$$."),
    ("bad_amgm", "rejected",
     r"Let $a,b,c>0$. Prove that $a^3+b^3+c^3\ge 3abc$.",
     r"By AM-GM $a^3+b^3+c^3\ge 3\sqrt[3]{a^2b^2c^2}=3abc$."),
    ("bad_logic", "unknown",
     r"Let $a,b,c>0$. Prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
     r"We have $a^4+b^4\ge 2a^2b^2$. Therefore the inequality holds."),
    ("circular", "unknown",
     r"Let $a,b,c>0$. Prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
     r"It suffices to show that $2a^4+2b^4+2c^4\ge 2abc(a+b+c)$. Hence $a^4+b^4+c^4\ge abc(a+b+c)$."),
    ("two_step", "accepted",
     r"Let $a,b,c>0$. Prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
     r"Using $x^2+y^2+z^2\ge xy+yz+zx$ twice, $a^4+b^4+c^4\ge a^2b^2+b^2c^2+c^2a^2\ge ab\cdot bc+bc\cdot ca+ca\cdot ab=abc(a+b+c)$."),
    ("triangle", "accepted",
     r"Let $a,b,c$ be the sides of a triangle. Prove that $\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}<2$.",
     r"Since $a<b+c$, we have $\frac{a}{b+c}<\frac{2a}{a+b+c}$. Similarly, $\frac{b}{c+a}<\frac{2b}{a+b+c}$ and $\frac{c}{a+b}<\frac{2c}{a+b+c}$. Adding up, $\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}<\frac{2(a+b+c)}{a+b+c}=2$."),
    ("pqr", "accepted",
     r"Let $a,b,c\ge0$ with $a+b+c=1$. Prove that $ab+bc+ca\le\frac13$.",
     r"Since $(a+b+c)^2=a^2+b^2+c^2+2(ab+bc+ca)\ge3(ab+bc+ca)$ we get $1\ge3(ab+bc+ca)$, i.e. $ab+bc+ca\le\frac13$."),
    ("titu", "accepted",
     r"Let $a,b,c,d$ be positive reals. Prove that $\frac{a}{b+c}+\frac{b}{c+d}+\frac{c}{d+a}+\frac{d}{a+b}\ge2$.",
     r"By Titu's lemma, $$\sum_{cyc}\frac{a}{b+c}=\sum_{cyc}\frac{a^2}{ab+ac}\ge\frac{(a+b+c+d)^2}{ab+2ac+bc+2bd+cd+da}.$$ So it remains to show that $(a+b+c+d)^2\ge2(ab+bc+cd+da+2ac+2bd)$, which is equivalent to $(a-c)^2+(b-d)^2\ge0$."),
    ("holder", "accepted",
     r"Let $a,b,c$ be positive real numbers. Prove that $(a^5-a^2+3)(b^5-b^2+3)(c^5-c^2+3)\ge(a+b+c)^3$.",
     r"Note that $a^5-a^2+3\ge a^3+2$ because $a^5-a^3-a^2+1=(a^3-1)(a^2-1)\ge0$. Hence by H\"older's inequality $(a^5-a^2+3)(b^5-b^2+3)(c^5-c^2+3)\ge(a^3+1+1)(1+b^3+1)(1+1+c^3)\ge(a+b+c)^3$."),
    ("abc_le", "accepted",
     r"Let $x,y,z$ be positive reals satisfying $xyz=1$. Show that $\frac{x^3}{(1+y)(1+z)}+\frac{y^3}{(1+z)(1+x)}+\frac{z^3}{(1+x)(1+y)}\ge\frac34$.",
     r"By AM-GM we have $$\frac{x^3}{(1+y)(1+z)}+\frac{1+y}{8}+\frac{1+z}{8}\ge\frac{3x}{4}.$$ Summing the cyclic versions, $$\sum_{cyc}\frac{x^3}{(1+y)(1+z)}+\frac{3+x+y+z}{4}\ge\frac{3(x+y+z)}4.$$ Therefore $$\sum_{cyc}\frac{x^3}{(1+y)(1+z)}\ge\frac{x+y+z}{2}-\frac34\ge\frac{3\sqrt[3]{xyz}}{2}-\frac34=\frac34.$$"),
    ("usamo", "accepted",
     r"Let $a,b,c$ be positive real numbers. Prove that $\frac1{a^3+b^3+abc}+\frac1{b^3+c^3+abc}+\frac1{c^3+a^3+abc}\le\frac1{abc}$.",
     r"Since $a^3+b^3\ge ab(a+b)$, we get $\frac{1}{a^3+b^3+abc}\le\frac1{ab(a+b)+abc}=\frac{1}{ab(a+b+c)}=\frac{c}{abc(a+b+c)}$. Similarly $\frac1{b^3+c^3+abc}\le\frac{a}{abc(a+b+c)}$ and $\frac{1}{c^3+a^3+abc}\le\frac{b}{abc(a+b+c)}$. Summing, we obtain $\frac1{abc}$."),
    ("muir", "accepted",
     r"Let $a,b,c\ge0$. Prove that $2(a^3+b^3+c^3)\ge\sum_{sym}a^2b$.",
     r"By Muirhead, since $(3,0,0)\succ(2,1,0)$, $\sum_{sym}a^3\ge\sum_{sym}a^2b$. But $\sum_{sym}a^3=2(a^3+b^3+c^3)$."),
    ("sqrt2", "accepted",
     r"Let $x,y>0$ with $x+y=2$. Prove that $\sqrt{x}+\sqrt{y}\leqslant2$.",
     r"$\left(\sqrt x+\sqrt y\right)^2=x+y+2\sqrt{xy}\leqslant x+y+(x+y)=4$, hence $\sqrt x+\sqrt y\leqslant2$."),
    ("wlog1", "accepted",
     r"Let $a,b,c>0$. Prove that $\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b}\ge\frac32$.",
     r"Since the inequality is homogeneous, we may assume $a+b+c=1$. Then it becomes $\frac{a}{1-a}+\frac{b}{1-b}+\frac{c}{1-c}\ge\frac32$. The function $f(x)=\frac{x}{1-x}$ satisfies $\frac{x}{1-x}\ge\frac{9x-1}{4}$ for $0<x<1$, because this is equivalent to $(3x-1)^2\ge0$. Hence $\frac{a}{1-a}+\frac{b}{1-b}+\frac{c}{1-c}\ge\frac{9(a+b+c)-3}{4}=\frac32$."),
    ("garbled", "unknown",
     r"Let $a,b$ be real numbers. Prove that $a^2+b^2\ge \frac{2ab$.",
     r"$(a-b)^2\ge0$."),
    ("false_claim", "rejected",
     r"Let $a,b$ be real numbers. Prove that $a^2+b^2\ge 3ab$.",
     r"$(a-b)^2\ge0$, so $a^2+b^2\ge 3ab$."),
    ("contra", "unknown",
     r"Let $a,b$ be real numbers such that $a>2$ and $a<1$ and $b = 1$. Prove that $a \ge b$.",
     r"Clear as $a>2>1=b$."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "verdict", "problem", "proof"), PROOFS, ids=[p[0] for p in PROOFS])
def test_a_proof_is_judged_like_a_careful_reader_would(name, verdict, problem, proof):
    assert check_proof(problem, proof).verdict == verdict
