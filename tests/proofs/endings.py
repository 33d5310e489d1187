# ruff: noqa: E501
r"""Right proofs that differ in how they end, and the same with a step too little or a step that proves something else.

Classical problems in our own words. `gap` (old, new) turns the proof into one that does not prove the claim, although
every relation that is left in it is true; what is `false` (old, new) makes a relation of it false.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Ending:
    """A problem, a right proof, and two ways of spoiling it (empty where there is none that is of interest)."""

    name: str
    problem: str
    proof: str
    gap: tuple[str, str] = ("", "")
    false: tuple[str, str] = ("", "")
    verdict: str = "accepted"


ENDINGS = [
    Ending(
        "square root of both sides",
        r"Let $u,v,w>0$ with $u+v+w=12$. Prove that $\sqrt{u}+\sqrt{v}+\sqrt{w}\le 6$.",
        r"By the Cauchy--Schwarz inequality $(\sqrt u+\sqrt v+\sqrt w)^2\le 3(u+v+w)=36$. Taking square roots of both sides finishes the proof.",
        (r"(\sqrt u+\sqrt v+\sqrt w)^2\le 3(u+v+w)=36", r"(\sqrt u+\sqrt v+\sqrt w)^2\le 4(u+v+w)=48"),
        (r"\le 3(u+v+w)", r"\ge 3(u+v+w)"),
    ),
    Ending(
        "we square",
        r"Let $p,q\ge 0$. Show that $\sqrt{p^2+q^2}+\sqrt{2pq}\ge p+q$.",
        r"""As both sides are nonnegative, squaring shows that the inequality is equivalent to
$$p^2+q^2+2pq+2\sqrt{2pq(p^2+q^2)}\ge p^2+2pq+q^2,$$
that is, to $2\sqrt{2pq(p^2+q^2)}\ge 0$, which is obvious.""",
        ("", ""),
        (r"\ge 0$, which", r"< 0$, which"),
    ),
    Ending(
        "cubes",
        r"Let $a,b>0$. Prove that $\sqrt[3]{4(a^3+b^3)}\ge a+b$.",
        r"We have $4(a^3+b^3)-(a+b)^3=3a^3+3b^3-3a^2b-3ab^2=3(a+b)(a-b)^2\ge 0$. Hence $4(a^3+b^3)\ge(a+b)^3$, and the claim follows by taking cube roots.",
        (
            r"4(a^3+b^3)-(a+b)^3=3a^3+3b^3-3a^2b-3ab^2=3(a+b)(a-b)^2\ge 0$. Hence $4(a^3+b^3)\ge(a+b)^3$",
            r"(a+b)(a+b)^2\ge 0$. Hence $4(a^3+b^3)\ge(a+b)^3$",
        ),
        (r"3(a+b)(a-b)^2\ge 0", r"3(a+b)(a-b)^2\le 0"),
    ),
    Ending(
        "absolute value",
        r"Let $x,y,z$ be real numbers with $x^2+y^2+z^2=9$. Prove that $x+2y+2z\ge -9$.",
        r"By Cauchy-Schwarz $(x+2y+2z)^2\le(1+4+4)(x^2+y^2+z^2)=81$. Therefore $|x+2y+2z|\le 9$. In particular $x+2y+2z\ge-9$.",
        (
            r"By Cauchy-Schwarz $(x+2y+2z)^2\le(1+4+4)(x^2+y^2+z^2)=81$. Therefore $|x+2y+2z|\le 9$.",
            r"By Cauchy-Schwarz $(x+2y+2z)^2\le 2(1+4+4)(x^2+y^2+z^2)=162$.",
        ),
        (r"\le(1+4+4)", r"\ge(1+4+4)"),
    ),
    Ending(
        "numbered displays",
        r"Let $a,b,c$ be positive reals. Prove that $\frac{a^3}{b^2}+\frac{b^3}{c^2}+\frac{c^3}{a^2}\ge a+b+c$.",
        r"""By AM-GM,
$$\frac{a^3}{b^2}+b+b\ge 3a. \tag{1}$$
In the same way
$$\frac{b^3}{c^2}+2c\ge 3b,\tag{2}$$
$$\frac{c^3}{a^2}+2a\ge 3c.\tag{3}$$
The result follows from adding (1), (2) and (3).""",
        ("", ""),
        (r"+b+b\ge 3a", r"+b+b\le 3a"),
    ),
    Ending(
        "combining two displays",
        r"Let $x,y,z\ge0$ with $x+y+z=3$. Prove that $x^4+y^4+z^4\ge 3$.",
        r"""By the power mean inequality (or QM-AM applied to $x^2,y^2,z^2$)
\begin{equation} x^4+y^4+z^4\ge\frac{(x^2+y^2+z^2)^2}{3}. \end{equation}
On the other hand, QM-AM gives
\begin{equation} x^2+y^2+z^2\ge\frac{(x+y+z)^2}{3}=3. \end{equation}
Combining the last two inequalities proves the claim.""",
        (r"\ge\frac{(x+y+z)^2}{3}=3.", r"\ge\frac{(x+y+z)^2}{4}=\frac94."),
        (r"x^4+y^4+z^4\ge", r"x^4+y^4+z^4\le"),
    ),
    Ending(
        "cyclic analogues in words",
        r"Let $a,b,c>0$ with $a+b+c=3$. Prove that $\frac{a}{1+b^2}+\frac{b}{1+c^2}+\frac{c}{1+a^2}\ge\frac32$.",
        r"Since $1+b^2\ge 2b$, $$\frac{a}{1+b^2}=a-\frac{ab^2}{1+b^2}\ge a-\frac{ab}{2}.$$ Adding this to its two cyclic analogues and using $ab+bc+ca\le\frac{(a+b+c)^2}{3}=3$ we get $$\frac{a}{1+b^2}+\frac{b}{1+c^2}+\frac{c}{1+a^2}\ge 3-\frac{ab+bc+ca}{2}\ge\frac32.$$",
        (
            r"Adding this to its two cyclic analogues and using $ab+bc+ca\le\frac{(a+b+c)^2}{3}=3$ we get $$\frac{a}{1+b^2}+\frac{b}{1+c^2}+\frac{c}{1+a^2}\ge 3-\frac{ab+bc+ca}{2}\ge\frac32.$$",
            r"Now sum up.",
        ),
        (r"-\frac{ab^2}{1+b^2}\ge", r"-\frac{ab^2}{1+b^2}\le"),
    ),
    Ending(
        "two cases",
        r"Let $x$ be a real number. Prove that $x^8-x^5+x^2-x+1>0$.",
        r"""We consider two cases.

Case 1: $x\ge 1$. Then $x^8-x^5+x^2-x+1=x^5(x^3-1)+x(x-1)+1\ge 1>0$.

Case 2: $x<1$. Then $x^8-x^5+x^2-x+1=x^8+x^2(1-x^3)+(1-x)>0$.

This completes the proof.""",
        (
            r"Case 1: $x\ge 1$. Then $x^8-x^5+x^2-x+1=x^5(x^3-1)+x(x-1)+1\ge 1>0$.",
            r"Case 1: $x\ge 2$. Then $x^8-x^5+x^2-x+1=x^5(x^3-1)+x(x-1)+1\ge 1>0$.",
        ),
        (r"(1-x)>0", r"(1-x)<0"),
    ),
    Ending(
        "if and otherwise",
        r"Let $a,b,c$ be real numbers. Prove that $\max(a,b)\ge\frac{a+b}{2}$.",
        r"If $a\ge b$, then $\max(a,b)=a\ge\frac{a+b}{2}$. If $a<b$, then $\max(a,b)=b\ge\frac{a+b}{2}$. So in both cases $\max(a,b)\ge\frac{a+b}2$.",
        (r"If $a<b$, then $\max(a,b)=b\ge\frac{a+b}{2}$.", r""),
        ("", ""),
    ),
    Ending(
        "contradiction by squares",
        r"Let $x,y$ be real numbers. Prove that $x^2+5y^2\ge 4xy$.",
        r"Assume, for the sake of contradiction, that $x^2+5y^2<4xy$. Then $x^2-4xy+5y^2<0$, i.e. $(x-2y)^2+y^2<0$, which is impossible since squares are nonnegative.",
        (r"Then $x^2-4xy+5y^2<0$, i.e. $(x-2y)^2+y^2<0$, which", r"Then $x^2-4xy+5y^2<0$, which"),
        ("", ""),
    ),
    Ending(
        "contradiction by a bound",
        r"Let $a,b,c$ be positive real numbers with $ab+bc+ca=3$. Prove that $a+b+c\ge 3$.",
        r"Suppose that, on the contrary, $a+b+c<3$. We know that $(a+b+c)^2\ge 3(ab+bc+ca)=9$. But then $a+b+c\ge 3$, a contradiction.",
        (r"\ge 3(ab+bc+ca)=9", r"\ge 2(ab+bc+ca)=6"),
        ("", ""),
    ),
    Ending(
        "a named sum",
        r"Let $x,y,z>0$ with $x+y+z=1$. Prove that $\frac{x}{1+x}+\frac{y}{1+y}+\frac{z}{1+z}\le\frac34$.",
        r"Denote the left-hand side by $S$. Writing $\frac{t}{1+t}=1-\frac1{1+t}$ we find $S=3-T$ where $T=\frac1{1+x}+\frac1{1+y}+\frac1{1+z}$. By Cauchy-Schwarz $T\ge\frac{9}{3+x+y+z}=\frac94$. Hence $S\le 3-\frac94=\frac34$.",
        (r"\ge\frac{9}{3+x+y+z}=\frac94$. Hence $S\le 3-\frac94=\frac34$", r"\ge\frac{8}{3+x+y+z}=2$. Hence $S\le 1$"),
        (r"T\ge\frac{9}{3+x+y+z}", r"T\le\frac{9}{3+x+y+z}"),
    ),
    Ending(
        "P and Q",
        r"Let $a,b,c>0$. Prove that $(a^2+b^2+c^2)(a+b+c)\le 3(a^3+b^3+c^3)$.",
        r"Let $P=(a^2+b^2+c^2)(a+b+c)$ and $Q=a^3+b^3+c^3$. Then $$3Q-P=(a+b)(a-b)^2+(b+c)(b-c)^2+(c+a)(c-a)^2\ge0.$$ Thus $P\le 3Q$.",
        (r"$$3Q-P=(a+b)(a-b)^2+(b+c)(b-c)^2+(c+a)(c-a)^2\ge0.$$", r"$$9Q-P\ge0.$$"),
        (r"(c+a)(c-a)^2", r"(c+a)(c+a)^2"),
    ),
    Ending(
        "a fraction and its numerator",
        r"Let $a,b>0$. Prove that $\frac{a}{b^2}+\frac{b}{a^2}\ge\frac1a+\frac1b$.",
        r"Observe that $$\frac{a}{b^2}+\frac{b}{a^2}-\frac1a-\frac1b=\frac{a^3+b^3-ab(a+b)}{a^2b^2}=\frac{(a+b)(a-b)^2}{a^2b^2}.$$ This is clearly nonnegative, which is what we wanted.",
        (r"=\frac{a^3+b^3-ab(a+b)}{a^2b^2}=\frac{(a+b)(a-b)^2}{a^2b^2}.", r"=\frac{a^3+b^3-ab(a+b)}{a^2b^2}."),
        (r"(a+b)(a-b)^2}{a^2b^2}", r"(a+b)(a+b)^2}{a^2b^2}"),
    ),
    Ending(
        "so it is at least zero",
        r"Let $r,s,t$ be real. Show that $3(r^2+s^2+t^2)\ge(r+s+t)^2$.",
        r"The difference of the two sides is $3(r^2+s^2+t^2)-(r+s+t)^2=(r-s)^2+(s-t)^2+(t-r)^2$, which is $\ge 0$, and we are done.",
        ("", ""),
        (r"(s-t)^2", r"(s+t)^2"),
    ),
    Ending(
        "substitution and back",
        r"Let $a,b,c>0$ with $abc=1$. Prove that $\frac{1}{a+b+1}+\frac1{b+c+1}+\frac1{c+a+1}\le 1$.",
        r"Put $a=x^3$, $b=y^3$, $c=z^3$, where $x,y,z>0$ and $xyz=1$. From $x^3+y^3\ge xy(x+y)$ we get $$\frac{1}{x^3+y^3+1}\le\frac{1}{xy(x+y)+xyz}=\frac{z}{x+y+z}.$$ Summing this and the two similar inequalities, $$\frac{1}{x^3+y^3+1}+\frac{1}{y^3+z^3+1}+\frac{1}{z^3+x^3+1}\le\frac{z+x+y}{x+y+z}=1.$$",
        ("", ""),
        (r"=\frac{z}{x+y+z}", r"=\frac{2z}{x+y+z}"),
    ),
    Ending(
        "it suffices",
        r"Let $a,b,c\ge0$ with $a+b+c=3$. Prove that $a^2+b^2+c^2+abc\ge 4-\frac{(a-b)^2(b-c)^2}{100}$.",
        r"It suffices to show that $a^2+b^2+c^2+abc\ge4$. With $a+b+c=3$, Schur's inequality $(a+b+c)^3-4(a+b+c)(ab+bc+ca)+9abc\ge 0$ reads $27-12(ab+bc+ca)+9abc\ge0$, so $abc\ge\frac{4(ab+bc+ca)}{3}-3$. Hence $a^2+b^2+c^2+abc\ge 9-2(ab+bc+ca)+\frac43(ab+bc+ca)-3=6-\frac23(ab+bc+ca)\ge 6-\frac23\cdot 3=4$, because $ab+bc+ca\le\frac{(a+b+c)^2}{3}=3$.",
        ("", ""),
        (r"reads $27-12", r"reads $27-18"),
    ),
    Ending(
        "multiplying",
        r"Let $a,b,c>0$. Prove that $\left(1+\frac ab\right)\left(1+\frac bc\right)\left(1+\frac ca\right)\ge 8$.",
        r"By AM--GM, $1+\frac ab\ge 2\sqrt{\frac ab}$, $1+\frac bc\ge 2\sqrt{\frac bc}$ and $1+\frac ca\ge 2\sqrt{\frac ca}$. Multiply.",
        (r"and $1+\frac ca\ge 2\sqrt{\frac ca}$. Multiply", r"and $1+\frac ca\ge \sqrt{\frac ca}$. Multiply"),
        (r"1+\frac ab\ge", r"1+\frac ab\le"),
    ),
    Ending(
        "telescoping",
        r"Let $x$ be a positive real number. Prove that $\frac{1}{x(x+1)}+\frac{1}{(x+1)(x+2)}+\frac{1}{(x+2)(x+3)}<\frac1x$.",
        r"Each term telescopes: $\frac1{x(x+1)}=\frac1x-\frac1{x+1}$, $\frac1{(x+1)(x+2)}=\frac1{x+1}-\frac1{x+2}$ and $\frac{1}{(x+2)(x+3)}=\frac1{x+2}-\frac1{x+3}$. So the sum is $\frac1x-\frac1{x+3}<\frac1x$.",
        ("", ""),
        (r"=\frac1{x+1}-\frac1{x+2}", r"=\frac1{x+1}-\frac2{x+2}"),
    ),
    Ending(
        "a discriminant",
        r"Let $a,b,c$ be real numbers. Prove that $a^2+2b^2+5c^2+2ab+2bc-2ac\ge 0$.",
        r"Regard the left-hand side as a quadratic in $a$: $f(a)=a^2+2(b-c)a+2b^2+5c^2+2bc$. Its leading coefficient is positive and its discriminant is $\Delta=4(b-c)^2-4(2b^2+5c^2+2bc)=-4(b^2+4bc+4c^2)=-4(b+2c)^2\le 0$. Hence $f(a)\ge0$ for all $a$.",
        ("", ""),
        (r"=-4(b+2c)^2", r"=-4(b+c)^2"),
        verdict="unknown",
    ),
    Ending(
        "an identity",
        r"Let $a,b,c>0$ with $abc=1$. Prove that $\frac{a}{1+a+ab}+\frac{b}{1+b+bc}+\frac{c}{1+c+ca}\ge 1$.",
        r"Using $abc=1$ we have $\frac{b}{1+b+bc}=\frac{ab}{a+ab+abc}=\frac{ab}{1+a+ab}$ and $\frac{c}{1+c+ca}=\frac{abc}{ab+abc+a\cdot abc}=\frac{1}{ab+1+a}$. Therefore $$\frac{a}{1+a+ab}+\frac{b}{1+b+bc}+\frac{c}{1+c+ca}=\frac{a+ab+1}{1+a+ab}=1,$$ so equality always holds.",
        (
            r"Using $abc=1$ we have $\frac{b}{1+b+bc}=\frac{ab}{a+ab+abc}=\frac{ab}{1+a+ab}$ and $\frac{c}{1+c+ca}=\frac{abc}{ab+abc+a\cdot abc}=\frac{1}{ab+1+a}$. Therefore $$\frac{a}{1+a+ab}+\frac{b}{1+b+bc}+\frac{c}{1+c+ca}=\frac{a+ab+1}{1+a+ab}=1,$$ so",
            r"We have $$\frac{a}{1+a+ab}+\frac{b}{1+b+bc}+\frac{c}{1+c+ca}=1,$$ so",
        ),
        (r"=\frac{a+ab+1}{1+a+ab}=1", r"=\frac{a+ab+2}{1+a+ab}=1"),
    ),
    Ending(
        "AM-GM on differences",
        r"Let $x>y>z>0$. Prove that $x-z+\frac{1}{(x-y)(y-z)}\ge 3$.",
        r"Writing $x-z=(x-y)+(y-z)$, we obtain from the inequality of the arithmetic and geometric means $$x-z+\frac{1}{(x-y)(y-z)}=(x-y)+(y-z)+\frac{1}{(x-y)(y-z)}\ge 3\sqrt[3]{(x-y)\cdot(y-z)\cdot\frac{1}{(x-y)(y-z)}}=3.$$",
        ("", ""),
        (r"(y-z)}}=3", r"(y-z)}}=2"),
    ),
    Ending(
        "Jensen by name",
        r"Let $a,b,c>0$ with $a+b+c=6$. Prove that $\frac{1}{a}+\frac1b+\frac1c\ge\frac32$.",
        r"The function $f(t)=\frac1t$ is convex on $(0,\infty)$. By Jensen's inequality $f(a)+f(b)+f(c)\ge 3f\left(\frac{a+b+c}{3}\right)=3f(2)=\frac32$.",
        ("", ""),
        (r"=3f(2)=\frac32", r"=3f(2)=\frac52"),
    ),
    Ending(
        "Hoelder by name",
        r"Let $a,b,c>0$. Prove that $(a^3+2)(b^3+2)(c^3+2)\ge(a+b+c)^3$.",
        r"By H\"older's inequality, $(a^3+1+1)(1+b^3+1)(1+1+c^3)\ge(a+b+c)^3$, which is the desired inequality.",
        ("H\\\"older's inequality", "an easy computation"),
        (r"\ge(a+b+c)^3", r"\le(a+b+c)^3"),
    ),
    Ending(
        "Minkowski by name",
        r"Let $x,y>0$ with $x+y=1$. Prove that $\sqrt{x^2+1}+\sqrt{y^2+1}\ge\sqrt5$.",
        r"By Minkowski's inequality $\sqrt{x^2+1^2}+\sqrt{y^2+1^2}\ge\sqrt{(x+y)^2+(1+1)^2}=\sqrt{1+4}=\sqrt5$.",
        ("", ""),
        (r"\sqrt{1+4}=\sqrt5", r"\sqrt{1+4}=\sqrt6"),
    ),
    Ending(
        "rearrangement by name",
        r"Let $a,b,c>0$. Prove that $\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\ge a+b+c$.",
        r"The sequences $(a^2,b^2,c^2)$ and $\left(\frac1a,\frac1b,\frac1c\right)$ are oppositely sorted, so by the rearrangement inequality $$\frac{a^2}{b}+\frac{b^2}{c}+\frac{c^2}{a}\ge\frac{a^2}{a}+\frac{b^2}{b}+\frac{c^2}{c}=a+b+c.$$",
        (
            r"The sequences $(a^2,b^2,c^2)$ and $\left(\frac1a,\frac1b,\frac1c\right)$ are oppositely sorted, so by the rearrangement inequality",
            r"Clearly",
        ),
        (r"\frac{b^2}{b}+\frac{c^2}{c}=a+b+c", r"\frac{b^2}{b}+\frac{c^2}{c}=a+b+2c"),
    ),
    Ending(
        "can be rewritten as",
        r"Let $m,n>0$. Prove that $\frac{m+n}{2}\ge\frac{2mn}{m+n}$.",
        r"The inequality can be rewritten as $(m+n)^2\ge4mn$, which is the same as $(m-n)^2\ge0$, and this is true.",
        (r"$(m+n)^2\ge4mn$, which is the same as $(m-n)^2\ge0$, and this", r"$m+n\ge\frac{4mn}{m+n}$, and this"),
        (r"the same as $(m-n)^2\ge0$", r"the same as $(m-2n)^2\ge0$"),
    ),
    Ending(
        "i.e.",
        r"Let $k,l$ be real numbers. Prove that $2(k^2+l^2)\ge(k+l)^2$.",
        r"We have $(k-l)^2\ge0$, i.e. $k^2+l^2\ge2kl$. Adding $k^2+l^2$ to both sides, $2(k^2+l^2)\ge k^2+2kl+l^2=(k+l)^2$.",
        ("", ""),
        (r"i.e. $k^2+l^2\ge2kl$", r"i.e. $k^2+l^2\ge kl$"),
    ),
    Ending(
        "LHS and RHS",
        r"Let $a,b,c>0$. Prove that $\frac{bc}{a}+\frac{ca}{b}+\frac{ab}{c}\ge a+b+c$.",
        r"We multiply by $2$ and group: $$2\cdot\text{LHS}=\left(\frac{bc}{a}+\frac{ca}{b}\right)+\left(\frac{ca}{b}+\frac{ab}{c}\right)+\left(\frac{ab}{c}+\frac{bc}{a}\right)\ge 2c+2a+2b=2\cdot\text{RHS},$$ where each bracket was estimated by AM-GM.",
        ("", ""),
        (r"\ge 2c+2a+2b", r"\le 2c+2a+2b"),
    ),
    Ending(
        "a tangent line that is verified",
        r"Let $a,b,c>0$ with $a+b+c=1$. Prove that $\frac{1}{1+a^2}+\frac{1}{1+b^2}+\frac{1}{1+c^2}\le\frac{27}{10}$.",
        r"We claim that for $0<t<1$ $$\frac{1}{1+t^2}\le\frac{9}{10}-\frac{27}{50}\left(t-\frac13\right).$$ Indeed the difference is $\frac{9}{10}-\frac{27}{50}\left(t-\frac13\right)-\frac1{1+t^2}=\frac{(3t-1)^2(4-3t)}{50(1+t^2)}\ge0$. Taking $t=a,b,c$ and adding, $$\frac{1}{1+a^2}+\frac{1}{1+b^2}+\frac{1}{1+c^2}\le\frac{27}{10}-\frac{27}{50}(a+b+c-1)=\frac{27}{10}.$$",
        ("", ""),
        (r"(4-3t)", r"(4+3t)"),
        verdict="unknown",
    ),
    Ending(
        "order of the variables",
        r"Let $x\ge y\ge z>0$. Prove that $x^2y+y^2z+z^2x\ge xy^2+yz^2+zx^2$.",
        r"We compute $x^2y+y^2z+z^2x-xy^2-yz^2-zx^2=(x-y)(y-z)(x-z)$. As $x\ge y\ge z$ all three factors are nonnegative, and the proof is complete.",
        ("", ""),
        (r"=(x-y)(y-z)(x-z)", r"=(x-y)(y-z)(z-x)"),
    ),
    Ending(
        "the sum of three",
        r"Let $a,b,c$ be nonnegative real numbers. Prove that $a^3+b^3+c^3\ge a^2b+b^2c+c^2a$ whenever $a,b,c\ge 0$.",
        r"By AM-GM, $\frac{2a^3+b^3}{3}\ge a^2b$. The claim is the sum of this and of the two inequalities $\frac{2b^3+c^3}{3}\ge b^2c$ and $\frac{2c^3+a^3}{3}\ge c^2a$.",
        ("", ""),
        (r"\frac{2b^3+c^3}{3}\ge b^2c", r"\frac{2b^3+c^3}{3}\le b^2c"),
    ),
]
