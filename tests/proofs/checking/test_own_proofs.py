# ruff: noqa: E501
r"""Proofs as people write them (classical problems in our own words): what a careful reader would say, the checker says."""

import pytest

from olmix.proofs.checking.check_proof import check_proof
from tests.proofs.styles import STYLES

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
    ("prod64", "accepted",
     r"Let $a,b,c$ be positive real numbers such that $a+b+c=1$. Prove that $\left(1+\frac1a\right)\left(1+\frac1b\right)\left(1+\frac1c\right)\ge64$.",
     r"By AM-GM we have $1+\frac1a=\frac{a+a+b+c}{a}\ge\frac{4\sqrt[4]{a^2bc}}{a}$. Similarly $1+\frac1b\ge\frac{4\sqrt[4]{ab^2c}}{b}$ and $1+\frac1c\ge\frac{4\sqrt[4]{abc^2}}{c}$. Multiplying these three inequalities we get $$\left(1+\frac1a\right)\left(1+\frac1b\right)\left(1+\frac1c\right)\ge\frac{64\sqrt[4]{a^4b^4c^4}}{abc}=64.$$"),
    ("cheb", "accepted",
     r"Let $a,b,c>0$. Prove that $3(a^3+b^3+c^3)\ge(a+b+c)(a^2+b^2+c^2)$.",
     r"WLOG let $a\ge b\ge c$. Then $a^2\ge b^2\ge c^2$ and by Chebyshev's inequality $a\cdot a^2+b\cdot b^2+c\cdot c^2\ge\frac13(a+b+c)(a^2+b^2+c^2)$. Multiplying by $3$ gives the result."),
    ("index", "accepted",
     r"Let $x_1,x_2,x_3$ be positive reals. Prove that $(x_1+x_2+x_3)\left(\frac1{x_1}+\frac1{x_2}+\frac1{x_3}\right)\ge9$.",
     r"Expanding, $$(x_1+x_2+x_3)\left(\frac1{x_1}+\frac1{x_2}+\frac1{x_3}\right)=3+\left(\frac{x_1}{x_2}+\frac{x_2}{x_1}\right)+\left(\frac{x_2}{x_3}+\frac{x_3}{x_2}\right)+\left(\frac{x_3}{x_1}+\frac{x_1}{x_3}\right)\ge3+2+2+2=9.$$"),
    ("ravi", "accepted",
     r"Let $a,b,c$ be the side lengths of a triangle. Prove that $abc\ge(a+b-c)(b+c-a)(c+a-b)$.",
     r"Let $a=y+z$, $b=z+x$, $c=x+y$ with $x,y,z>0$. The inequality becomes $(x+y)(y+z)(z+x)\ge8xyz$. By AM-GM $x+y\ge2\sqrt{xy}$, $y+z\ge2\sqrt{yz}$, $z+x\ge2\sqrt{zx}$; multiplying these yields the claim."),
    ("sos1", "accepted",
     r"For real numbers $a,b,c$ prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
     r"""We have
\begin{align*}
a^4+b^4+c^4-abc(a+b+c) &= \frac12\left[(a^2-b^2)^2+(b^2-c^2)^2+(c^2-a^2)^2\right]\\
&\quad+\frac12\left[(ab-bc)^2+(bc-ca)^2+(ca-ab)^2\right]\\
&\ge 0.
\end{align*}"""),
    ("sos_bad", "rejected",
     r"For real numbers $a,b,c$ prove that $a^4+b^4+c^4\ge abc(a+b+c)$.",
     r"""We have
\begin{align*}
a^4+b^4+c^4-abc(a+b+c) &= \frac12\left[(a^2-b^2)^2+(b^2-c^2)^2+(c^2-a^2)^2\right]\\
&\quad+\left[(ab-bc)^2+(bc-ca)^2+(ca-ab)^2\right]\\
&\ge 0.
\end{align*}"""),
    ("iff", "accepted",
     r"Let $a,b>0$. Prove that $\frac{a}{b}+\frac{b}{a}\ge2$.",
     r"$$\frac ab+\frac ba\ge2\iff a^2+b^2\ge2ab\iff(a-b)^2\ge0,$$ which is true."),
    ("iff_bad", "rejected",
     r"Let $a,b>0$. Prove that $\frac{a}{b}+\frac{b}{a}\ge2$.",
     r"$$\frac ab+\frac ba\ge2\iff a^2+b^2\ge4ab\iff(a-b)^2\ge0,$$ which is true."),
    ("weighted", "accepted",
     r"Let $a,b,c\geq 0$. Prove that $a^2b+b^2c+c^2a\le a^3+b^3+c^3$.",
     r"By AM-GM, $\frac{a^3+a^3+b^3}{3}\ge a^2b$, $\frac{b^3+b^3+c^3}{3}\ge b^2c$ and $\frac{c^3+c^3+a^3}{3}\ge c^2a$. Summing gives $a^3+b^3+c^3\ge a^2b+b^2c+c^2a$."),
    ("titu2", "accepted",
     r"If $a,b,c>0$ and $abc=1$, show that $\frac{1}{a^3(b+c)}+\frac{1}{b^3(c+a)}+\frac{1}{c^3(a+b)}\ge\frac32$.",
     r"Let $x=\frac1a,y=\frac1b,z=\frac1c$. Then $xyz=1$ and the inequality is equivalent to $\frac{x^2}{y+z}+\frac{y^2}{z+x}+\frac{z^2}{x+y}\ge\frac32$. By the Cauchy-Schwarz inequality, $\frac{x^2}{y+z}+\frac{y^2}{z+x}+\frac{z^2}{x+y}\ge\frac{(x+y+z)^2}{2(x+y+z)}=\frac{x+y+z}{2}\ge\frac{3\sqrt[3]{xyz}}{2}=\frac32$."),
    ("titu2_bad", "rejected",
     r"If $a,b,c>0$ and $abc=1$, show that $\frac{1}{a^3(b+c)}+\frac{1}{b^3(c+a)}+\frac{1}{c^3(a+b)}\ge\frac32$.",
     r"Let $x=\frac1a,y=\frac1b,z=\frac1c$. Then $xyz=1$ and the inequality is equivalent to $\frac{x^2}{y+z}+\frac{y^2}{z+x}+\frac{z^2}{x+y}\ge\frac32$. By the Cauchy-Schwarz inequality, $\frac{x^2}{y+z}+\frac{y^2}{z+x}+\frac{z^2}{x+y}\ge\frac{(x+y+z)^2}{2(x+y+z)}=\frac{x+y+z}{2}\ge\frac{3\sqrt[3]{xyz}}{2}=\frac52$."),
    ("jensen", "accepted",
     r"Let $a,b,c$ be positive with $a+b+c=3$. Show $\sqrt a+\sqrt b+\sqrt c\le3$.",
     r"Since $f(x)=\sqrt x$ is concave, by Jensen $\frac{\sqrt a+\sqrt b+\sqrt c}{3}\le\sqrt{\frac{a+b+c}{3}}=1$."),
    ("three_var", "accepted",
     r"Let $a$, $b$ and $c$ be nonnegative real numbers such that $a+b+c=3$. Prove that $\sqrt{a}+\sqrt{b}+\sqrt{c}\ge ab+bc+ca$.",
     r"Note that $2(ab+bc+ca)=(a+b+c)^2-(a^2+b^2+c^2)=9-(a^2+b^2+c^2)$. So it is enough to prove $a^2+2\sqrt a+b^2+2\sqrt b+c^2+2\sqrt c\ge9$. By AM-GM, $a^2+\sqrt a+\sqrt a\ge3a$, and similarly $b^2+2\sqrt b\ge3b$, $c^2+2\sqrt c\ge3c$. Adding, $\sum_{cyc}(a^2+2\sqrt a)\ge3(a+b+c)=9$."),
    ("mink", "accepted",
     r"Let $a,b>0$. Prove that $\sqrt{a^2+b^2}\ge\frac{a+b}{\sqrt2}$.",
     r"Squaring, this is equivalent to $2(a^2+b^2)\ge(a+b)^2$, i.e. $(a-b)^2\ge0$."),
    ("constant", "accepted",
     r"Let $a, b, c$ be positive real numbers. Find the largest constant $k$ such that $\frac{a}{b+c}+\frac{b}{c+a}+\frac{c}{a+b} \geq k$ always holds.",
     r"Let $S=a+b+c$. Then $\sum\frac{a}{b+c}=S\sum\frac1{b+c}-3\ge\frac{9S}{2S}-3=\frac32$ by Cauchy-Schwarz. Equality holds at $a=b=c$. Therefore, the answer is $k=\frac32$."),
    ("xyz", "accepted",
     r"Suppose that $x,y,z>0$ satisfy $x+y+z=xyz$. Prove that $xy+yz+zx\ge9$.",
     r"Dividing by $xyz$ we get $\frac1{xy}+\frac1{yz}+\frac1{zx}=1$. By Cauchy-Schwarz, $(xy+yz+zx)\left(\frac1{xy}+\frac1{yz}+\frac1{zx}\right)\ge9$, hence $xy+yz+zx\ge9$."),
    ("long_words", "accepted",
     r"Positive real numbers $p$, $q$ satisfy $p+q=1$. Show that $\left(p+\frac1p\right)^2+\left(q+\frac1q\right)^2\ge\frac{25}2$.",
     r"By QM-AM, $\left(p+\frac1p\right)^2+\left(q+\frac1q\right)^2\ge\frac12\left(p+q+\frac1p+\frac1q\right)^2=\frac12\left(1+\frac1{pq}\right)^2$. Since $pq\le\frac{(p+q)^2}{4}=\frac14$, we have $\frac1{pq}\ge4$, so the expression is at least $\frac12\cdot5^2=\frac{25}{2}$."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "verdict", "problem", "proof"), PROOFS, ids=[p[0] for p in PROOFS])
def test_a_proof_is_judged_like_a_careful_reader_would(name, verdict, problem, proof):
    assert check_proof(problem, proof).verdict == verdict


@pytest.mark.parametrize("written", STYLES, ids=[w.name for w in STYLES])
def test_a_right_proof_in_any_style_is_never_rejected(written):
    verdict = check_proof(written.problem, written.proof)
    assert verdict.verdict == written.verdict, verdict.reason


CORRUPTED = [(w, *change) for w in STYLES for change in (w.turned, w.wrong) if change[0]]


@pytest.mark.parametrize(("written", "old", "new"), CORRUPTED, ids=[f"{w.name}: {new}" for w, _, new in CORRUPTED])
def test_the_same_proof_with_one_relation_or_number_changed_is_rejected(written, old, new):
    assert written.proof.count(old) == 1
    verdict = check_proof(written.problem, written.proof.replace(old, new))
    assert verdict.verdict == "rejected", verdict.reason
    assert verdict.first_failing is not None or "the claim itself fails" in verdict.reason
