"""Counting problems of the bundled set: choices, orders, pairs, overlaps, a probability."""

from __future__ import annotations

from math import gcd
from random import Random

from math_track.demo.sketch import Facts, Family


def _outfits(rng: Random) -> Facts:
    a, b, c = rng.randint(3, 12), rng.randint(2, 9), rng.randint(2, 6)
    return {"a": a, "b": b, "c": c, "two": a * b, "three": a * b * c, "answer": a * b * c - 1}


OUTFITS = Family(
    _outfits,
    (
        r"""Someone owns {a} shirts, {b} pairs of trousers and {c} hats, and has worn one of the outfits already.
        How many outfits of a shirt, trousers and a hat are left?
        Idea: Choices that do not depend on each other are multiplied.
        Shirts and trousers | There are ${a} \times {b} = {two}$ ways to choose these.
        With a hat | The hats make it ${two} \times {c} = {three}$ outfits.
        Leave out the worn one | New are ${three} - 1 = {answer}$ outfits.""",
        r"""A menu has {a} starters, {b} main courses and {c} desserts. A guest never takes the one combination that the
        cook proposes. From how many full menus can the guest choose?
        Idea: The number of all menus is a product.
        Starters and mains | They give ${a} \times {b} = {two}$ pairs.
        With the desserts | Each pair goes with each dessert: ${two} \times {c} = {three}$ menus.
        Without the proposal | There remain ${three} - 1 = {answer}$ menus.""",
    ),
)


def _handshakes(rng: Random) -> Facts:
    n = rng.randint(5, 40)
    return {"n": n, "others": n - 1, "ordered": n * (n - 1), "answer": n * (n - 1) // 2}


HANDSHAKES = Family(
    _handshakes,
    (
        r"""At a party of {n} people everyone shakes hands once with everyone else. How many handshakes are there?
        Idea: Counting from every person counts each handshake twice.
        Hands of one person | One person shakes ${n} - 1 = {others}$ hands.
        Count from everyone | All together count ${n} \times {others} = {ordered}$.
        Halve | Each was counted twice, so ${ordered} / 2 = {answer}$.""",
        r"""In a league of {n} teams each pair of teams meets once. How many games are played?
        Idea: Each game belongs to two teams.
        Games of one team | A team meets ${n} - 1 = {others}$ others.
        Sum over the teams | This makes ${n} \times {others} = {ordered}$ entries.
        Two entries a game | So there are ${ordered} / 2 = {answer}$ games.""",
    ),
)


def _podium(rng: Random) -> Facts:
    n = rng.randint(5, 20)
    two = n * (n - 1)
    return {"n": n, "b": n - 1, "c": n - 2, "two": two, "answer": two * (n - 2)}


PODIUM = Family(
    _podium,
    (
        r"""In how many ways can gold, silver and bronze go to {n} runners?
        Idea: Each medal has one runner fewer to go to.
        Silver after gold | Gold goes to any of {n}, silver to ${n} - 1 = {b}$ others.
        Bronze | For bronze there remain ${n} - 2 = {c}$ runners.
        Two medals | Gold and silver have ${n} \times {b} = {two}$ ways.
        Three medals | With bronze it is ${two} \times {c} = {answer}$.""",
        r"""A club of {n} members elects a president, a treasurer and a secretary, all different.
        How many outcomes are possible?
        Idea: The offices are filled one after the other.
        The treasurer | Behind the president, ${n} - 1 = {b}$ members can be treasurer.
        The secretary | Then ${n} - 2 = {c}$ members can be secretary.
        First two offices | They have ${n} \times {b} = {two}$ outcomes.
        All offices | Together ${two} \times {c} = {answer}$ outcomes.""",
    ),
)


def _committee(rng: Random) -> Facts:
    n = rng.randint(5, 18)
    ordered = n * (n - 1) * (n - 2)
    return {"n": n, "b": n - 1, "c": n - 2, "ordered": ordered, "answer": ordered // 6}


COMMITTEE = Family(
    _committee,
    (
        r"""How many groups of three can be chosen out of {n} students?
        Idea: Ordered choices are counted, then the orders are divided out.
        Ordered choices | In order there are ${n} \times {b} \times {c} = {ordered}$ choices.
        Orders of three | A group can be ordered in $3 \times 2 \times 1 = 6$ ways.
        Divide | So there are ${ordered} / 6 = {answer}$ groups.""",
        r"""An ice cream shop has {n} flavours. How many cups with three different flavours are there?
        Idea: In a cup the order does not matter.
        With order | One after the other gives ${n} \times {b} \times {c} = {ordered}$.
        Same cup | Each cup appears $3 \times 2 \times 1 = 6$ times.
        Number of cups | This leaves ${ordered} / 6 = {answer}$ cups.""",
    ),
)


def _codes(rng: Random) -> Facts:
    k, d = rng.randint(3, 20), rng.randint(4, 10)
    digits = d * (d - 1)
    return {"k": k, "d": d, "e": d - 1, "digits": digits, "one": k * digits, "answer": 2 * k * digits}


CODES = Family(
    _codes,
    (
        r"""A code is a letter and two different digits behind it. {k} letters and {d} digits are allowed, and each code
        comes in a red and a blue print. How many prints are there?
        Idea: The second digit has one choice fewer than the first.
        The second digit | For it, ${d} - 1 = {e}$ digits are left.
        Both digits | They have ${d} \times {e} = {digits}$ choices.
        With the letter | This gives ${k} \times {digits} = {one}$ codes.
        Both prints | In two colours, $2 \times {one} = {answer}$ prints.""",
        r"""A flag has a symbol, one of {k}, above two stripes of different colours, chosen out of {d}, and is square or
        long. How many flags are possible?
        Idea: The stripes are chosen one after the other.
        The lower stripe | It has ${d} - 1 = {e}$ colours to choose from.
        Both stripes | Together there are ${d} \times {e} = {digits}$ choices.
        With the symbol | The symbols make it ${k} \times {digits} = {one}$.
        Both shapes | Two shapes give $2 \times {one} = {answer}$ flags.""",
    ),
)


def _neither(rng: Random) -> Facts:
    a, b, c, d = rng.randint(3, 20), rng.randint(3, 20), rng.randint(2, 12), rng.randint(2, 25)
    total = a + b + c + d
    facts: Facts = {"n": total, "a": a + c, "b": b + c, "c": c, "sum": a + b + 2 * c, "any": a + b + c}
    return {**facts, "answer": d}


NEITHER = Family(
    _neither,
    (
        r"""Of {n} students, {a} play football, {b} play chess, and {c} play both. How many play neither?
        Idea: Who plays both is counted twice in the sum.
        Add both groups | Football and chess make ${a} + {b} = {sum}$.
        Counted twice | At least one is played by ${sum} - {c} = {any}$ students.
        The others | Neither is played by ${n} - {any} = {answer}$ students.""",
        r"""A library lends {n} books. {a} are novels, {b} are in French, and {c} are novels in French.
        How many are neither novels nor in French?
        Idea: The overlap has to be taken away once.
        Novels and French books | The two counts add up to ${a} + {b} = {sum}$.
        Take away the overlap | This makes ${sum} - {c} = {any}$ different books.
        The rest | Left are ${n} - {any} = {answer}$ books.""",
    ),
)


def _chance(rng: Random) -> Facts:
    while True:
        r, b, g = rng.randint(2, 12), rng.randint(2, 12), rng.randint(1, 9)
        total, good = r + b + g, r + g
        common = gcd(total, good)
        if common > 1:
            break
    facts: Facts = {"r": r, "b": b, "g": g, "total": total, "good": good, "common": common}
    top, bottom = good // common, total // common
    return {**facts, "top": top, "bottom": bottom, "answer": rf"\frac{{{top}}}{{{bottom}}}"}


CHANCE = Family(
    _chance,
    (
        r"""A bag holds {r} red, {b} blue and {g} green balls. One is drawn.
        What is the probability that it is not blue?
        Idea: The balls that are wanted are divided by all balls.
        All balls | There are ${r} + {b} + {g} = {total}$ balls.
        Balls that are not blue | Red and green make ${r} + {g} = {good}$.
        Reduce | Dividing {good} and {total} by {common} gives the probability ${answer}$.""",
        r"""A drawer has {r} pens, {b} pencils and {g} chalks.
        What is the chance that a thing drawn blindly is no pencil?
        Idea: Every thing is drawn with the same chance.
        Things in the drawer | They are ${r} + {b} + {g} = {total}$.
        No pencils | Pens and chalks are ${r} + {g} = {good}$.
        Lowest terms | {good} of {total}, both divided by {common}, is ${answer}$.""",
    ),
)

FAMILIES = {
    "outfits": OUTFITS,
    "handshakes": HANDSHAKES,
    "podium": PODIUM,
    "committee": COMMITTEE,
    "codes": CODES,
    "neither": NEITHER,
    "chance": CHANCE,
}
