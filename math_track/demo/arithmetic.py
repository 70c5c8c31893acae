"""Arithmetic problems of the bundled set: money, journeys, means, shares."""

from __future__ import annotations

from random import Random

from math_track.demo.sketch import Facts, Family

NAMES = ("Ana", "Ben", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana")
THINGS = ("pens", "notebooks", "apples", "lamps", "mugs", "stamps", "ropes", "maps")


def _shopping(rng: Random) -> Facts:
    x, y = rng.sample(THINGS, 2)
    a, p, b, q = rng.randint(2, 9), rng.randint(2, 12), rng.randint(2, 9), rng.randint(2, 12)
    facts: Facts = {"name": rng.choice(NAMES), "x": x, "y": y, "a": a, "p": p, "b": b, "q": q}
    return {**facts, "one": a * p, "two": b * q, "answer": a * p + b * q}


SHOPPING = Family(
    _shopping,
    (
        r"""{name} buys {a} {x} at {p} dollars each and {b} {y} at {q} dollars each.
        How many dollars does {name} spend?
        Idea: The price of the {x} and the price of the {y} are added.
        Cost of the {x} | The {a} {x} cost ${a} \times {p} = {one}$ dollars.
        Cost of the {y} | The {b} {y} cost ${b} \times {q} = {two}$ dollars.
        Total | Together this is ${one} + {two} = {answer}$ dollars.""",
        r"""An order lists {a} {x} for {p} dollars apiece and {b} {y} for {q} dollars apiece.
        What does the whole order cost in dollars?
        Idea: Each line of the order has a price of its own.
        Price of all {x} | {a} times {p} dollars for the {x} makes ${a} \times {p} = {one}$ dollars.
        Price of all {y} | {b} times {q} dollars for the {y} makes ${b} \times {q} = {two}$ dollars.
        The whole order | Both lines add up to ${one} + {two} = {answer}$ dollars.""",
    ),
)


def _change(rng: Random) -> Facts:
    a, p, c = rng.randint(3, 9), rng.randint(3, 9), rng.randint(1, 6)
    due = a * p - c
    note = rng.choice([50, 100]) if due < 50 else 100
    facts: Facts = {"name": rng.choice(NAMES), "x": rng.choice(THINGS), "a": a, "p": p, "c": c, "note": note}
    return {**facts, "price": a * p, "due": due, "answer": note - due}


CHANGE = Family(
    _change,
    (
        r"""{name} takes {a} {x} at {p} dollars each, has a coupon worth {c} dollars and pays with a note of {note}
        dollars. How many dollars come back?
        Idea: What has to be paid is taken from the note.
        Price of the {x} | The {a} {x} come to ${a} \times {p} = {price}$ dollars.
        Use the coupon | The coupon leaves ${price} - {c} = {due}$ dollars to pay.
        Change | Out of {note} dollars, ${note} - {due} = {answer}$ dollars come back.""",
        r"""A bill is for {a} {x} that cost {p} dollars each. A voucher takes off {c} dollars, and {name} hands over
        {note} dollars. How large is the change in dollars?
        Idea: The voucher lowers the bill before it is paid.
        Full price | Without the voucher the {x} cost ${a} \times {p} = {price}$ dollars.
        Take off the voucher | With it, ${price} - {c} = {due}$ dollars are due.
        Money back | {name} gets back ${note} - {due} = {answer}$ dollars.""",
    ),
)


def _discount(rng: Random) -> Facts:
    p, d, f = 20 * rng.randint(2, 15), 5 * rng.randint(1, 10), rng.randint(3, 12)
    off = p * d // 100
    facts: Facts = {"x": rng.choice(("coat", "bike", "desk", "tent", "camera", "chair")), "p": p, "d": d, "f": f}
    return {**facts, "off": off, "left": p - off, "answer": p - off + f}


DISCOUNT = Family(
    _discount,
    (
        r"""A {x} costs {p} dollars. It is sold at {d} percent off, and delivery adds {f} dollars.
        How many dollars are paid?
        Idea: First the discount goes off, then the delivery comes on.
        Size of the discount | {d} percent of {p} are ${p} \times {d} / 100 = {off}$ dollars.
        Reduced price | The {x} then costs ${p} - {off} = {left}$ dollars.
        Add the delivery | With delivery it is ${left} + {f} = {answer}$ dollars.""",
        r"""The price of a {x} is {p} dollars. A shop lowers it by {d} percent and then charges {f} dollars for
        shipping. What is the final amount in dollars?
        Idea: The percentage counts for the {x} only, not for the shipping.
        What is taken off | The {x} gets cheaper by ${p} \times {d} / 100 = {off}$ dollars.
        Price after the sale | This leaves ${p} - {off} = {left}$ dollars.
        Shipping | Shipping brings it to ${left} + {f} = {answer}$ dollars.""",
    ),
)


def _trip(rng: Random) -> Facts:
    while True:
        v, t, w, u = 5 * rng.randint(4, 18), rng.randint(1, 5), 5 * rng.randint(4, 18), rng.randint(1, 5)
        way, time = v * t + w * u, t + u
        if v != w and way % time == 0:
            break
    facts: Facts = {"x": rng.choice(("car", "train", "bus", "truck")), "v": v, "t": t, "w": w, "u": u}
    return {**facts, "one": v * t, "two": w * u, "way": way, "time": time, "answer": way // time}


TRIP = Family(
    _trip,
    (
        r"""A {x} drives at {v} km/h for {t} h and then at {w} km/h for {u} h. What is its average speed in km/h?
        Idea: The average speed is the whole distance over the whole time.
        First part | The first part is ${v} \times {t} = {one}$ km long.
        Second part | The second part is ${w} \times {u} = {two}$ km long.
        Whole distance | Together that is ${one} + {two} = {way}$ km.
        Whole time | The {x} drives for ${t} + {u} = {time}$ hours.
        Average speed | Distance over time is ${way} / {time} = {answer}$ km/h.""",
        r"""A {x} covers {v} km in each of {t} hours, and after that {w} km in each of {u} hours.
        How many kilometres does it cover in an hour on average?
        Idea: All kilometres are spread over all hours.
        Distance at first | In {t} hours it covers ${v} \times {t} = {one}$ km.
        Distance after that | In {u} hours it covers ${w} \times {u} = {two}$ km.
        All kilometres | The way has ${one} + {two} = {way}$ km.
        All hours | It takes ${t} + {u} = {time}$ hours.
        Spread them | In each hour these are ${way} / {time} = {answer}$ km.""",
    ),
)


def _mean(rng: Random) -> Facts:
    while True:
        a, b, c, d = (rng.randint(3, 60) for _ in range(4))
        total = a + b + c + d
        if total % 4 == 0:
            break
    return {
        **{"a": a, "b": b, "c": c, "d": d},
        **{"one": a + b, "two": c + d, "total": total, "answer": total // 4},
    }


MEAN = Family(
    _mean,
    (
        r"""What is the average of {a}, {b}, {c} and {d}?
        Idea: The sum is divided by how many numbers there are.
        Add the first two | The first two make ${a} + {b} = {one}$.
        Add the last two | The last two make ${c} + {d} = {two}$.
        Whole sum | All of them make ${one} + {two} = {total}$.
        Divide by the count | There are four numbers, so ${total} / 4 = {answer}$.""",
        r"""Players score {a}, {b}, {c} and {d} points. How many points is that per player?
        Idea: All points are shared among the four players.
        First pair | The first pair scores ${a} + {b} = {one}$ points.
        Second pair | The second pair scores ${c} + {d} = {two}$ points.
        All points | There are ${one} + {two} = {total}$ points.
        Share them | Each of the four has ${total} / 4 = {answer}$ points.""",
    ),
)


def _sharing(rng: Random) -> Facts:
    while True:
        a, b, c, n = rng.randint(5, 60), rng.randint(5, 30), rng.randint(3, 9), rng.randint(3, 8)
        if (a + b - c) % n == 0:
            break
    facts: Facts = {"name": rng.choice(NAMES), "x": rng.choice(("marbles", "cards", "shells", "coins"))}
    numbers = {"a": a, "b": b, "c": c, "n": n, "more": a + b, "left": a + b - c}
    return {**facts, **numbers, "answer": (a + b - c) // n}


SHARING = Family(
    _sharing,
    (
        r"""{name} has {a} {x}, wins {b} more and loses {c}. The rest is shared equally among {n} friends.
        How many does each friend get?
        Idea: What comes and goes is settled before the {x} are divided.
        After winning | {name} then has ${a} + {b} = {more}$ {x}.
        After losing | The loss leaves ${more} - {c} = {left}$ {x}.
        Equal shares | Each friend gets ${left} / {n} = {answer}$ {x}.""",
        r"""A box of {a} {x} is filled up with {b} new ones, and {c} broken ones are thrown away.
        What is left goes into {n} equal bags. How many {x} are in each bag?
        Idea: Only what is left goes into the bags.
        Fill up the box | The box then holds ${a} + {b} = {more}$ {x}.
        Throw away | There remain ${more} - {c} = {left}$ {x}.
        Fill the bags | Each bag takes ${left} / {n} = {answer}$ {x}.""",
    ),
)

FAMILIES = {
    "shopping": SHOPPING,
    "change": CHANGE,
    "discount": DISCOUNT,
    "trip": TRIP,
    "mean": MEAN,
    "sharing": SHARING,
}
