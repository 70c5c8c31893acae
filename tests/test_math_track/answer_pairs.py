r"""Pairs (answer, gold answer) that are the same and pairs that are not, by kind; what the grader is measured on.

Gold answers have the forms of MATH, Minerva Math, GSM8K, AMC and AIME; many are theirs. `WRONGLY_JUDGED` are the pairs
that we know to be judged wrongly; those of the kind `mixed` were written when all others were judged as they should be.
"""

from __future__ import annotations

SAME: dict[str, list[tuple[str, str]]] = {
    "whole numbers": [
        ("18", "18"), ("018", "18"), ("+7", "7"), ("27", "27.0"), ("73", "073"), ("$42$", "42"), (r"\(42\)", "42"),
        ("**42**", "42"), ("-10", "-10"), ("−10", "-10"), ("{5}", "5"), ("(5)", "5"), ("5.", "5"), (r"\text{12}", "12"),
        ("twelve", "12"), (r"\text{Two}", "2"), ("x = 5", "x=5"), (r"\mathbf{9}", "9"), (r"\textbf{(073)}", "073"),
        ("2^{10}", "1024"), ("5!", "120"), (r"\binom{5}{2}", "10"), ("3+4=7", "7"), (r"\left(12\right)", "12"),
    ],
    "thousands": [
        ("1450000", "1,450,000"), ("1,450,000", "1450000"), ("10{,}080", r"10,\!080"), ("10080", r"10,\!080"),
        (r"10\,080", r"10,\!080"), ("11111111100", r"11,\! 111,\! 111,\! 100"), ("58500", "58,500"),
        ("32{,}348", r"\$32,\!348"), ("32348.00", r"\$32,\!348"), ("2,125 dollars", "2,125"), ("-1,234.5", "-1234.5"),
    ],
    "decimals": [
        ("0.5", ".5"), ("0.50", "0.5"), ("18.9", r"\$18.90"), (".0000672", "0.0000672"), ("0.35625", ".35625"),
        ("24.31", "24.310"), ("56", "56.0"), ("0.10000", "0.10"), ("0.1", "0.10"), ("671.02", "671.02"),
        ("0.33333", r"\frac{1}{3}"), ("0.666667", r"\frac23"), ("-0.875", r"-\frac{7}{8}"), ("326.50", "326.5"),
        ("3.14159", r"\pi"), ("37.6991", r"12\pi"), ("1.41421", r"\sqrt{2}"), ("0.57735", r"\frac{\sqrt{3}}{3}"),
        (r"\approx 4.49", "4.49"), ("about 12.4", "12.4"), (r"4\pi \approx 12.57", r"4\pi"),
    ],
    "fractions": [
        (r"\frac{1}{2}", "0.5"), (r"\dfrac{3}{4}", r"\frac 34"), ("3/4", r"\frac34"),
        (r"\tfrac{14}{3}", r"\frac{14}{3}"), (r"\frac{2}{4}", r"\frac{1}{2}"), (r"-\frac{35}{9}", r"\frac{-35}{9}"),
        (r"\frac{35}{-9}", r"-\frac{35}{9}"), (r"\frac9{19}", r"\frac{9}{19}"), (r"\frac{9}{19}", r"\frac9{19}"),
        ("½", r"\frac{1}{2}"), ("-1/3", "-1./3"), ("-1.5", "-3./2"), (r"\frac{270}{7}", r"\frac{270}7\text{ degrees}"),
        ("1997/2", r"\frac{1997}{2}"), ("998.5", r"\frac{1997}{2}"), (r"\cfrac{5}{13}", r"\frac{5}{13}"),
        ("(17/50)", r"\dfrac{17}{50}"), (r"{\frac{7}{4}}", r"\frac{7}{4}"), ("7 / 4", r"\frac{7}{4}"),
        (r"17\div 50", r"\frac{17}{50}"), (r"\frac{0.5}{2}", r"\frac14"), (r"1-\frac{1}{3}", r"\frac{2}{3}"),
    ],
    "mixed numbers": [
        (r"1\frac{4}{5}", r"\frac{9}{5}"), ("1.8", r"1\frac{4}{5}"), (r"\frac{9}{5}", r"1\frac{4}{5}"),
        ("137.5", r"137 \frac{1}{2}"), (r"137\frac12", r"137 \frac{1}{2}"), ("137 1/2", r"137 \frac{1}{2}"),
        (r"-2\frac{1}{4}", "-2.25"), (r"3\dfrac{1}{3}", r"\frac{10}{3}"), ("275/2", r"137 \frac{1}{2}"),
    ],
    "scientific notation": [
        (r"4.5 \times 10^{33}", "4.5e33"), ("4.5*10^33", "4.5e33"), ("4.5E33", "4.5e33"),
        (r"4.50\cdot10^{33}", "4.5e33"), ("4.5e+33", "4.5e33"), (r"3 \times 10^{8}", "3e8"), ("300000000", "3e8"),
        ("10^{11}", "1e11"), ("10^{-5}", "1e-5"), (r"1.77 \times 10^{-6}", "1.77e-6"), ("0.00000177", "1.77e-6"),
        (r"6.5 \times 10^{-2}", "6.5e-2"), ("361", "3.61e2"), ("0.065", "6.5e-2"), (r"14.903 \times 10^3", "1.4903e4"),
        ("14903", "1.4903e4"), ("1.325×10⁻²⁷", "1.325e-27"), (r"1.325 \times 10^{-27} \mathrm{g}", "1.325e-27"),
        (r"7 \times 10^{37} \text{ erg/s}", "7e37"), ("2e27", "2.0e27"), ("-1.5e-3", r"-1.5 \times 10^{-3}"),
        ("4.46 x 10^19", "4.46e19"),
    ],
    "percentages": [
        (r"50\%", "50"), ("50%", "0.5"), ("50 percent", "50"), (r"50\%", r"\frac{1}{2}"), ("50", r"50\%"),
        ("0.5", r"50\%"), ("99.9%", "99.9"), (r"12.5\text{ percent}", "12.5"), ("40%", r"40\%"),
        (r"\frac{1}{4}", r"25\%"), (r"33.333\%", r"\frac{1}{3}"), (r"150\%", "1.5"),
    ],
    "money and units": [
        ("36", r"\$36"), (r"\$36", r"\$36"), ("$36", r"\$36"), ("36 dollars", r"\$36"), ("18 apples", "18"),
        ("5 m", "5"), ("5.4", r"5.4 \text{ cents}"), (r"5.4\text{ cents}", r"5.4 \text{ cents}"),
        ("5.4 cents", r"5.4 \text{ cents}"), (r"15 \text{ cm}^2", r"15\mbox{ cm}^2"), ("15", r"15\mbox{ cm}^2"),
        ("15 cm²", r"15\mbox{ cm}^2"), ("15 square centimeters", r"15\mbox{ cm}^2"),
        (r"864 \text{ in}^2", r"864 \mbox{ inches}^2"), (r"864\ \text{square inches}", r"864 \mbox{ inches}^2"),
        (r"1.6 \mathrm{~cm}", "1.6"), ("12 hours", "12"), (r"20\text{ km/h}", "20"), (r"20\,\mathrm{km/h}", "20"),
        ("7 feet", r"7\text{ ft}"), (r"3 \text{ s}", "3"), (r"9.6\ \mathrm{kpc}", "9.6"),
        ("10 minutes", r"10 \text{ min}"), ("€5", "5"), ("18 dollars per day", "18"),
        (r"8.7 \times 10^8 \mathrm{cm}", "8.7e8"), (r"\frac{1}{2} \text{ hour}", r"\frac{1}{2}"),
    ],
    "degrees": [
        ("106", r"106^\circ"), (r"106^{\circ}", r"106^\circ"), ("106°", r"106^\circ"), ("106 degrees", r"106^\circ"),
        (r"106\text{ degrees}", r"106^\circ"), (r"90^\circ", "90"), (r"38.571428^\circ", r"\frac{270}7\text{ degrees}"),
        (r"\angle A = 30^\circ", r"30^\circ"), (r"145\degree", r"145^\circ"), (r"x = 55^\circ", r"55^\circ"),
    ],
    "roots and pi": [
        (r"\sqrt{8}", r"2\sqrt{2}"), (r"2\sqrt5", r"2 \sqrt{5}"), (r"\sqrt{20}", r"2\sqrt{5}"), ("2√5", r"2\sqrt{5}"),
        ("2*sqrt(5)", r"2\sqrt{5}"), (r"2 \cdot \sqrt{5}", r"2\sqrt{5}"),
        (r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt{3}}{3}"), (r"\frac{\sqrt{21}}{5}", r"\frac{1}{5}\sqrt{21}"),
        (r"\frac{3}{4}\sqrt{3}", r"\frac{3\sqrt{3}}{4}"), (r"11+11\sqrt{5}", r"11 \sqrt{5} + 11"),
        (r"11(1+\sqrt5)", r"11 \sqrt{5} + 11"), (r"\pi\cdot 12", r"12\pi"), ("12π", r"12\pi"), ("12*pi", r"12\pi"),
        (r"\frac{20000}{\pi}", r"\frac{20000}{\pi}"), (r"2\pi+18", r"18+2\pi"), (r"2(9+\pi)", r"18+2\pi"),
        (r"-\pi/6", r"-\frac{\pi}{6}"), (r"\sqrt[3]{8}", "2"), ("2^{1/3}", r"\sqrt[3]{2}"),
        (r"8^{\frac12}", r"2\sqrt{2}"), (r"\sqrt{51}", "51^{0.5}"), (r"\sqrt{4+2\sqrt{3}}", r"1+\sqrt{3}"),
    ],
    "logarithms and functions": [
        (r"\ln(4)", r"2\ln 2"), (r"\log_2 8", "3"), ("e^{2}", r"\exp(2)"), ("arcsin(10/13)", "np.arcsin(10/13)"),
        (r"\arcsin\left(\frac{10}{13}\right)", "np.arcsin(10/13)"), (r"\sin^{-1}(10/13)", "np.arcsin(10/13)"),
        (r"\frac{\cos x}{\sin x}", r"\cot x"), (r"\cot(x)", r"\cot x"), (r"\frac{1}{\tan x}", r"\cot x"),
        (r"\ln 2 + \frac{\pi i}{3}", r"\ln 2 + i\pi / 3"), (r"\frac{1}{2}\ln 4", r"\ln 2"),
        (r"\sin(\pi/6)", r"\frac12"),
    ],
    "polynomials and formulas": [
        ("3+x", "x+3"), ("x^3 + 3x - 6", "x^3+3x-6"), ("3x - 6 + x^3", "x^3+3x-6"), ("(b+2)(a+5)", "(a+5)(b+2)"),
        ("ab+2a+5b+10", "(a+5)(b+2)"), ("3-13x", "-13x+3"), ("5*r**5", "5r^5"), ("5 r^{5}", "5r^5"), ("p-q", "p - q"),
        (r"\frac{9a+11}{20}", r"\frac{11+9a}{20}"), ("0.45a+0.55", r"\frac{11+9a}{20}"), ("2k+2", "2(k+1)"),
        ("4n(2n+1)+1", "8n^2 + 4n + 1"), (r"\frac{x^2-1}{x-1}", "x+1"), ("a^{b+c}", "a^b a^c"), ("2 k", "2k"),
        ("s^2+bs+1", "s^{2}+b s+1"), (r"\frac{K}{L}-\frac{1}{L}", r"\frac{K-1}{L}"),
        (r"100\sqrt{p}", r"100 p^{\frac{1}{2}}"), (r"-\frac{1}{2\sqrt{X}}", r"-\frac{1}{2} X^{-\frac{1}{2}}"),
        (r"\frac{2C}{3S}", r"\frac{2}{3} \frac{C}{S}"), (r"\frac{E_1+2E_2}{3}", r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}"),
        (r"2\pi/\omega", r"2 \pi / \omega"), (r"\frac{2\pi}{\omega}", r"2 \pi / \omega"),
        (r"\frac{t}{m}", r"\frac{1}{m} t"), (r"\frac{1-e^{-sT}}{s}", r"\frac{1}{s}-\frac{1}{s} e^{-s T}"),
        (r"\frac{\cos(2t)}{15}", r"\frac{\cos (2 t)}{15}"), (r"\frac{c}{\sqrt{2}}", r"\frac{1}{\sqrt{2}}c"),
        (r"\tau\ln\frac{1}{\Delta}", r"-\tau \ln \Delta"),
        (r"\frac{e^{at}-e^{-at}}{2a}", r"\frac{1}{2a}(\exp{a*t} - \exp{-a*t})"),
        (r"\left(e^{-at}-e^{-bt}\right)/(b-a)", r"\frac{1}{b-a}\left(e^{-a t}-e^{-b t}\right)"),
    ],
    "complex numbers": [
        ("7i-2", "-2 + 7i"), ("-2+7i", "-2 + 7i"), ("1-12i", "1 - 12i"), (r"1+i\sqrt{3}", r"1+\sqrt{3} i"),
        ("3(2+3i)", "6+9i"), (r"2e^{i\pi/3}", r"1+\sqrt{3} i"), (r"-8(1+i\sqrt3)", r"-8-8 \sqrt{3} i"),
    ],
    "equations": [
        ("2x+3", "y = 2x + 3"), ("y=3+2x", "y = 2x + 3"), ("y-2x=3", "y = 2x + 3"), ("y - 2x - 3 = 0", "y = 2x + 3"),
        ("5", "x=5"), ("x=5", "5"), ("k = 5", "5"), ("f(x) = x+1", "x+1"),
        (r"\theta = \frac{\pi}{2}", r"\frac{\pi}{2}"), ("10x - 14y + 22z + 8 = 0", "5x - 7y + 11z + 4 = 0"),
        ("5x+11z=7y-4", "5x - 7y + 11z + 4 = 0"), ("SRMC=MR", "MR=SRMC"), ("MR = SRMC", "MR=SRMC"),
        ("X_d = 125 - 1.25P", "X_{d}=125-1.25 P"), (r"X_d = 125 - \frac{5}{4}P", "X_{d}=125-1.25 P"),
        (r"P(A) = \frac{1}{3}", r"\frac{1}{3}"), (r"\text{Area} = 12", "12"), ("-2x = y", "y = -2x"),
        (r"\frac{d x}{d t}=-a+k x", r"\frac{d x}{d t}=k x-a"),
    ],
    "points": [
        ("(8, -2)", "(8,-2)"), (r"\left(8,-2\right)", "(8,-2)"), ("8, -2", "(8,-2)"),
        ("(1.5, -13)", r"\left( \frac{3}{2}, -13 \right)"),
        (r"\left(3, \tfrac{\pi}{2}\right)", r"\left( 3, \frac{\pi}{2} \right)"), ("(6,31,-1)", "(6, 31, -1)"),
        ("x=6, y=31, z=-1", "(6,31,-1)"), ("(x,y)=(8,-2)", "(8,-2)"), (r"\langle 8,-2\rangle", "(8,-2)"),
        (r"(\sqrt{4}, 4)", "(2,4)"), ("(1, -16, -4, 43)", "(1,-16,-4,43)"), (r"(15,\,-29)", "(15,-29)"),
    ],
    "intervals and inequalities": [
        (r"\left(-\infty, 0\right]", r"(-\infty, 0]"), (r"x \le 0", r"(-\infty, 0]"), (r"0 \geq x", r"(-\infty, 0]"),
        (r"(5,\infty)", "x > 5"), ("x>5", r"(5,\infty)"), ("(5, +∞)", r"(5,\infty)"),
        (r"-2 \leq x \leq 7", r"x \in [-2,7]"), ("[-2, 7]", r"x \in [-2,7]"), (r"7 \ge x \ge -2", r"x \in [-2,7]"),
        (r"x\in[-2,7]", "[-2,7]"), ("3<x<=4", "(3,4]"),
        (r"\left(0.6, \frac{8}{3}\right]", r"\left(\frac{3}{5},\frac{8}{3}\right]"),
        (r"|x|<\sqrt3", r"(-\sqrt{3}, \sqrt{3})"), (r"(-\infty,2)\cup(3,\infty)", r"(-\infty, 2) \cup (3, \infty)"),
        (r"(3,\infty)\cup(-\infty,2)", r"(-\infty, 2) \cup (3, \infty)"),
        (r"x<2 \text{ or } x>3", r"(-\infty, 2) \cup (3, \infty)"),
        ("x > 3 or x < 2", r"(-\infty, 2) \cup (3, \infty)"), (r"(0,9)\cup(9,36)", r"(0,9) \cup (9,36)"),
        (r"(-\infty,\infty)", r"\mathbb{R}"), (r"\R", r"\mathbb{R}"),
    ],
    "sets and lists": [
        ("7, 5, 3", "3, 5, 7"), ("3,5,7", "3, 5, 7"), (r"\{3,5,7\}", "3, 5, 7"), ("3, 5 and 7", "3, 5, 7"),
        ("-2,1", "1, -2"), (r"3, 5, \text{ and } 7", "3, 5, 7"), ("x = 1 or x = -2", "1,-2"), ("x=1, x=-2", "1,-2"),
        (r"\{1,-2\}", "-2,1"), (r"1 + \sqrt{19}, 1 - \sqrt{19}", r"1 \pm \sqrt{19}"),
        (r"1\pm\sqrt{19}", r"1 \pm \sqrt{19}"), ("[1, -2]", "1,-2"),
        (r"1-\sqrt{19} \text{ and } 1+\sqrt{19}", r"1 \pm \sqrt{19}"), (r"x = 1 \pm \sqrt{19}", r"1 \pm \sqrt{19}"),
        (r"3+2\sqrt2, 3-2\sqrt2", r"3 \pm 2 \sqrt{2}"), (r"\{-2, 1-\sqrt5, 1+\sqrt5\}", r"\{1\pm\sqrt{5},-2\}"),
        (r"\emptyset", r"\varnothing"), (r"\{5\}", "5"), ("E_1, E_2", "E_{1},E_{2}"),
        (r"\frac{1}{2}; 0.25", r"\frac14, \frac12"),
    ],
    "matrices": [
        (r"\begin{bmatrix} -1 & 0 \\ 0 & -1 \end{bmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
        (r"\begin{pmatrix}-1&0\\0&-1\end{pmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
        (
            r"\left[\begin{array}{cc} -1 & 0 \\ 0 & -1 \end{array}\right]",
            r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}",
        ),
        (
            r"\begin{pmatrix} -\frac13 \\ \frac23 \\ \frac53 \end{pmatrix}",
            r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}",
        ),
        (r"\left(-\frac13, \frac23, \frac53\right)", r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}"),
        (r"\begin{pmatrix} 0.2 \\ -3.6 \end{pmatrix}", r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}"),
        (r"\begin{pmatrix} 1/5 \\[2pt] -18/5 \end{pmatrix}", r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}"),
        (r"\begin{pmatrix} -7 \\ 16 \\ 5 \\ \end{pmatrix}", r"\begin{pmatrix} -7 \\ 16 \\ 5 \end{pmatrix}"),
    ],
    "words": [
        ("Evelyn", r"\text{Evelyn}"), ("evelyn", r"\text{Evelyn}"), (r"\textbf{Evelyn}", r"\text{Evelyn}"),
        ("Navin.", r"\text{Navin}"), (r"\mathrm{east}", r"\text{east}"), ("East", r"\text{east}"),
        ("an ellipse", r"\text{ellipse}"), ("even", r"\text{even}"), (r"\text{ even }", r"\text{even}"),
        ("No", r"\text{no}"), ("True", r"\text{True}"), ("the ellipse", r"\text{ellipse}"),
    ],
    "choices": [
        ("B", r"\text{(B)}"), ("(B)", r"\text{(B)}"), (r"\textbf{(B)}", r"\text{(B)}"), (r"\text{B}", r"\text{(B)}"),
        ("(B) 25", r"\text{(B)}"), (r"\textbf{(B)}\ 25", r"\text{(B)}"), ("B.", r"\text{(B)}"),
        ("E: none", r"\text{(E)}"),
    ],
    "bases": [
        ("204_5", "204_{5}"), ("204", "204_5"), (r"204_{\text{five}}", "204_5"), ("2516_{8}", "2516_8"),
        ("4210_{5}", "4210_5"),
    ],
    "mixed": [
        ("0.25", r"\frac{1}{4}"), ("1,000,000", "1000000"), (r"6 \text{ inches}", "6"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"), ("(-3, 4)", r"\left(-3,4\right)"), (r"x \geq 3", r"[3,\infty)"),
        (r"\frac{2}{3}x - 1", r"\frac{2x-3}{3}"), (r"8 \text{ hours}", "8"), (r"\$1{,}200", "1200"),
        (r"25 \%", r"25\%"), ("n = 7", "7"), (r"-\frac{1}{2}", "-0.5"), (r"\{-1, 0, 1\}", "-1, 0, 1"), ("6!", "720"),
        (r"\sqrt{12}+\sqrt{3}", r"3\sqrt{3}"), (r"10\pi \text{ cm}^2", r"10\pi"), (r"\text{Friday}", "friday"),
        (r"\frac{n(n+1)}{2}", r"\frac{n^2+n}{2}"), (r"2\sin x\cos x", r"\sin 2x"), (r"1-\cos^2 x", r"\sin^2 x"),
        (r"\ln\sqrt{e}", r"\frac12"), ("x^2 - 5x + 6 = 0", "x^2+6=5x"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(1,2)"), (r"\text{(D)}\ 12", r"\text{(D)}"), (r"\mathrm{C}", "C"),
        (r"0.1\overline{6}", r"\frac16"), (r"0.\overline{3}", r"\frac{1}{3}"), ("5:3", r"\frac{5}{3}"),
        (r"\frac{5\pi}{6} \text{ radians}", r"\frac{5\pi}{6}"), ("2^{100}", "2^{100}"), ("1101_2", "1101_{2}"),
        (r"y = -\frac{1}{2}x + 4", "x + 2y = 8"), (r"(-\infty, -1) \cup (1, \infty)", "|x|>1"),
        (r"x \in (-\infty,-1)\cup(1,\infty)", r"(-\infty, -1) \cup (1, \infty)"),
        (r"3.0 \times 10^{8} \mathrm{~m/s}", "3e8"), (r"\approx 0.693", "0.693"), (r"7\frac{1}{2}\%", r"7.5\%"),
        ("four", "4"), (r"48^\circ", "48"), (r"\overline{AB}", "AB"), (r"\frac{7!}{3!4!}", "35"),
        (r"4\cdot 3^{n-1}", r"\frac{4}{3}3^n"), (r"\sqrt[4]{16}", "2"), (r"e^{i\pi}", "-1"), ("(2+i)(2-i)", "5"),
        ("a=1, b=2", "(1,2)"), (r"\left\lfloor 3.7\right\rfloor", "3"), (r"3 \text{ and } 4", "4,3"),
        ("-2<x<2", "(-2,2)"), (r"1:30 \text{ PM}", r"1:30\text{ pm}"),
        (r"\frac{x+1}{x-1}, x\neq 1", r"\frac{x+1}{x-1}"), ("two-thirds", r"\frac23"), (r"13\text{th}", "13"),
        ("No solution", r"\text{no solution}"), (r"p=\frac{3}{8}", "0.375"), (r"2 \times 3^2", "18"),
        ("1 / (1 + x)", r"\frac{1}{x+1}"), ("6.02e23", r"6.02 \times 10^{23}"), (r"\text{The answer is } 5", "5"),
    ],
}  # fmt: skip

DIFFERENT: dict[str, list[tuple[str, str]]] = {
    "whole numbers": [
        ("19", "18"), ("-18", "18"), ("114201", "114,200"), ("180", "18"), ("1800", "18"), ("0.18", "18"),
        ("18.5", "18"), ("", "18"), ("18, 19", "18"), ("18 or 19", "18"), ("1 8", "18"), ("x", "18"),
        ("2^{11}", "1024"), ("10000", "10001"), ("thirteen", "12"), ("8!", "120"),
    ],
    "thousands": [
        ("1,45,000", "1,450,000"), ("1.450", "1450"), ("145000", "1,450,000"), ("10,080", "1080"),
    ],
    "decimals": [
        ("0.333", r"\frac{1}{3}"), ("3.14", r"\pi"), ("0.36", ".35625"), ("4.5", "4.49"), ("-0.5", "0.5"),
        ("1.4", r"\sqrt{2}"), ("0.00067", ".0000672"), ("18.09", r"\$18.90"), ("38", r"12\pi"), ("0", "1e-8"),
    ],
    "fractions": [
        (r"\frac{4}{3}", r"\frac34"), (r"\frac{35}{9}", r"-\frac{35}{9}"), (r"\frac{1}{3}", "0.5"),
        ("3/40", r"\frac34"), (r"\frac{9}{18}", r"\frac9{19}"), ("9", r"\frac9{19}"), (r"\frac{1}{0}", "1"),
        (r"\frac{10001}{20000}", r"\frac12"), (r"\frac{13}{36}", r"\frac{11}{36}"), ("34", r"\frac34"),
    ],
    "mixed numbers": [
        (r"\frac{4}{5}", r"1\frac{4}{5}"), (r"1\frac{5}{4}", r"1\frac{4}{5}"), ("137", r"137 \frac{1}{2}"),
        ("68.5", r"137 \frac{1}{2}"), (r"-1\frac{1}{2}", r"-\frac{1}{2}"),
    ],
    "scientific notation": [
        (r"4.5 \times 10^{32}", "4.5e33"), (r"4.5 \times 10^{-33}", "4.5e33"), ("4.5", "4.5e33"),
        (r"4.6 \times 10^{33}", "4.5e33"), ("33", "4.5e33"), ("10^{12}", "1e11"), (r"2.88 \times 10^{-19}", "2.88e-18"),
        ("1e-20", "2e-20"), ("0", "1.325e-27"),
    ],
    "percentages": [
        ("5%", "50"), (r"50\%", "5"), ("0.5%", "50"), ("50", "0.5"), ("5000", "50"), ("60%", r"\frac12"),
        ("0.05", r"50\%"),
    ],
    "money and units": [
        ("35", r"\$36"), ("15 cm", r"15\mbox{ cm}^2"), ("15 m^2", r"15\mbox{ cm}^2"),
        (r"5.4 \text{ dollars}", r"5.4 \text{ cents}"), ("10 hours", r"10 \text{ min}"),
        (r"\frac{37}{4}", r"\frac{37}{4} m"), ("5x", "5"), ("5 x", "5"), ("7.6", "7.6 Z"), ("2", "2k"),
        ("0.36", r"\$36"), (r"\frac{1}{2}", "m"),
    ],
    "degrees": [
        ("74", r"106^\circ"), (r"160^\circ", r"106^\circ"), (r"30 \text{ radians}", r"30^\circ"),
        (r"-106^\circ", r"106^\circ"),
    ],
    "roots and pi": [
        (r"\sqrt{5}", r"2\sqrt{5}"), (r"2\sqrt{3}", r"3\sqrt{2}"), (r"\sqrt{25}", r"2\sqrt{5}"), ("12", r"12\pi"),
        (r"12\pi^2", r"12\pi"), (r"\frac{\pi}{6}", r"-\frac{\pi}{6}"), (r"18-2\pi", r"18+2\pi"), (r"20\pi", r"18+2\pi"),
        (r"\sqrt{3}/2", r"\frac{\sqrt{3}}{3}"), (r"11\sqrt{5}-11", r"11 \sqrt{5} + 11"), (r"\sqrt[3]{4}", r"\sqrt{4}"),
        (r"\pi \cdot 10^{-27}", r"2\pi \cdot 10^{-27}"),
    ],
    "logarithms and functions": [
        (r"\ln 3", r"\ln 2"), (r"\log_2 9", "3"), (r"\tan x", r"\cot x"), (r"\cot 2x", r"\cot x"),
        (r"\arccos(10/13)", "np.arcsin(10/13)"), ("e^{-t}", "e^{t}"), (r"\sin x", r"\cos x"),
    ],
    "polynomials and formulas": [
        ("x-3", "x+3"), ("x^3-3x-6", "x^3+3x-6"), ("(a+5)(b-2)", "(a+5)(b+2)"), ("5r^4", "5r^5"), ("q - p", "p - q"),
        ("2k+1", "2k+2"), ("x+3", "y+3"), (r"\frac{11-9a}{20}", r"\frac{11+9a}{20}"), ("-13x-3", "-13x+3"),
        (r"\frac{2\pi}{\omega^2}", r"2 \pi / \omega"), (r"\frac{K+1}{L}", r"\frac{K-1}{L}"),
        (r"\frac{1}{a-b}(e^{-at}-e^{-bt})", r"\frac{1}{b-a}\left(e^{-a t}-e^{-b t}\right)"),
        ("100 p^2", r"100 p^{\frac{1}{2}}"), ("2", "2x"), ("6r^2+4r-24", "6r^2-4r-24"), (r"\alpha", r"\beta"),
        ("x^{2y}", "x^2y"),
    ],
    "complex numbers": [
        ("-2-7i", "-2 + 7i"), ("7-2i", "-2 + 7i"), ("12i", "1 - 12i"), ("13", "1+12i"),
        (r"1-\sqrt{3} i", r"1+\sqrt{3} i"),
    ],
    "equations": [
        ("x=6", "x=5"), ("y = 2x - 3", "y = 2x + 3"), ("x = 2y + 3", "y = 2x + 3"), ("MR=LRMC", "MR=SRMC"),
        ("y=5", "x=5"), ("5x - 7y + 11z - 4 = 0", "5x - 7y + 11z + 4 = 0"), ("x=x+1", "x=x+2"), ("x + 5 = 7", "7"),
        ("2x = 10", "10"), ("x = 3", "3x"),
    ],
    "points": [
        ("(-2, 8)", "(8,-2)"), ("(8, 2)", "(8,-2)"), ("8", "(8,-2)"), ("(8,-2,0)", "(8,-2)"), ("[8,-2]", "(8,-2)"),
        ("(8)", "(8,-2)"), (r"\left(3, \frac{\pi}{3}\right)", r"\left( 3, \frac{\pi}{2} \right)"), ("(82)", "(8,2)"),
    ],
    "intervals and inequalities": [
        (r"(-\infty, 0)", r"(-\infty, 0]"), ("x < 0", r"(-\infty, 0]"), (r"x \ge 0", r"(-\infty, 0]"),
        ("[3,4)", "(3,4]"), ("[3,4]", "(3,4]"), (r"[5,\infty)", r"(5,\infty)"), ("(-2,7)", r"x \in [-2,7]"),
        (r"-7\le x\le 2", r"x \in [-2,7]"), ("(2,3)", r"(-\infty, 2) \cup (3, \infty)"),
        (r"(-\infty,2]\cup[3,\infty)", r"(-\infty, 2) \cup (3, \infty)"), ("(0,36)", r"(0,9) \cup (9,36)"),
        ("2<x<3", r"x<2 \text{ or } x>3"), (r"(-\infty, 3)\cup(2,\infty)", r"(-\infty, 2) \cup (3, \infty)"),
        ("x>5", "x<5"),
    ],
    "sets and lists": [
        ("3, 5", "3, 5, 7"), ("3, 5, 7, 9", "3, 5, 7"), ("3, 5, 8", "3, 5, 7"), ("3", "3, 5, 7"), ("-1, 2", "1,-2"),
        ("1", "1,-2"), (r"1+\sqrt{19}", r"1 \pm \sqrt{19}"), (r"1 \pm \sqrt{17}", r"1 \pm \sqrt{19}"),
        (r"\{1+\sqrt{5},-2\}", r"\{1\pm\sqrt{5},-2\}"), ("357", "3, 5, 7"), (r"\emptyset", "0"), ("1, 1, 2", "1, 2, 2"),
    ],
    "matrices": [
        (r"\begin{pmatrix} 1 & 0 \\ 0 & -1 \end{pmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
        (r"\begin{pmatrix} -1 & 0 & 0 & -1 \end{pmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
        (r"\begin{pmatrix} 16 \\ -7 \\ 5 \end{pmatrix}", r"\begin{pmatrix} -7 \\ 16 \\ 5 \end{pmatrix}"),
        ("-1", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
        (r"\begin{pmatrix} -7 & 16 & 5 \end{pmatrix}", r"\begin{pmatrix} -7 \\ 16 \\ 5 \end{pmatrix}"),
        (r"\begin{pmatrix} -1 & 0 \\ 0 & -1", r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"),
    ],
    "words": [
        ("Navin", r"\text{Evelyn}"), ("seat", r"\text{east}"), ("west", r"\text{east}"), ("odd", r"\text{even}"),
        ("parabola", r"\text{ellipse}"), ("yes", r"\text{no}"), ("Evelyn and Navin", r"\text{Evelyn}"),
        ("not even", r"\text{even}"), ("5", r"\text{even}"),
    ],
    "choices": [
        ("C", r"\text{(B)}"), ("25", r"\text{(B)}"), ("(C) B", r"\text{(B)}"), ("A or B", r"\text{(B)}"),
        ("ABC", r"\text{(B)}"), ("b+1", r"\text{(B)}"),
    ],
    "bases": [
        ("204_6", "204_5"), ("205_5", "204_5"), ("54", "204_5"), ("36", "40_9"), ("40_8", "40_9"),
    ],
    "mixed": [
        ("0.26", r"\frac{1}{4}"), ("100,000", "1000000"), (r"\frac{\sqrt{3}}{2}", r"\frac{1}{\sqrt{2}}"),
        ("(4,-3)", r"\left(-3,4\right)"), ("x > 3", r"[3,\infty)"), (r"\frac{2x-1}{3}", r"\frac{2x-3}{3}"),
        (r"\$1,200.50", "1200"), (r"\{0, 1\}", "-1, 0, 1"), (r"\cos 2x", r"\sin 2x"), ("x^2-5x-6=0", "x^2-5x+6=0"),
        ("(1,2,3)", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"), (r"\text{(E)}", r"\text{(D)}"), ("0.16", r"\frac16"),
        ("3:5", r"\frac{5}{3}"), ("2^{101}", "2^{100}"), ("1101_3", "1101_{2}"),
        ("x + 2y = 9", r"y = -\frac{1}{2}x + 4"), (r"3.0 \times 10^{7}", "3e8"), ("36", "35"),
        ("3^n", r"\frac{4}{3}3^n"), ("1", "-1"), ("5i", "5"), ("3, 4, 5", "4,3"), ("[-2,2]", "(-2,2)"),
        ("two solutions", r"\text{no solution}"), ("x-1", "1-x"), (r"\infty", r"-\infty"), (r"\sqrt{-4}", "2"),
        ("|x|", "x"), (r"\sqrt{x^2}", "x"), ("a+b", "ab"), ("x^2", "2x"), ("12:00", "12"), ("1/2/3", "1/2"),
        ("f(x)", "x"), ("AB", "BC"), (r"\pi", "3"), (r"\frac{1}{2}, \frac{1}{3}", r"\frac12"), ("0", r"\text{none}"),
        ("sin", "cos"),
    ],
}  # fmt: skip

WRONGLY_JUDGED = frozenset(
    {
        (r"\tau\ln\frac{1}{\Delta}", r"-\tau \ln \Delta"),  # holds for positive numbers only
        (r"|x|<\sqrt3", r"(-\sqrt{3}, \sqrt{3})"),  # an absolute value is not read as an interval
        (r"(-\infty, -1) \cup (1, \infty)", "|x|>1"),
        (r"\overline{AB}", "AB"),
        (r"\frac{x+1}{x-1}, x\neq 1", r"\frac{x+1}{x-1}"),  # a list, for all we know
        ("two-thirds", r"\frac23"),
        (r"\text{The answer is } 5", "5"),
    }
)
