"""How far judges agree, and how sure a place is. Every figure has a source, and a test holds it against another program.

What judges gave is a table: a row an entry, a column a judge, higher is better, NaN where nothing was given.
"""

import collections
import dataclasses
import itertools
import math

import contest
import numpy
import pandas
from scipy import stats

METHODS = ("points", "trimmed", "tokens", "ranking")
#: What can be counted from what judges gave: marks hold an order and the three best, an order holds the three best, tokens nothing else.
COUNTED = {"points": METHODS, "trimmed": METHODS, "ranking": ("tokens", "ranking"), "tokens": ("tokens",), "choice": ("choice",)}


def judging(c, category: str) -> contest.Judging:
    """All that the standings of a category are made of, out of what the verbs tell; standings of it are those of the contest."""
    state, table = c.state(), c.standings(category)
    found = next(each for each in state["categories"] if each["id"] == category)
    pool = [row["entry"] for row in table] + table.answer["unranked"]
    panel = [j for j in state["judges"] if j["role"] == "judge" and (j["categories"] is None or category in j["categories"])]
    sheets = [s for s in state["sheets"] if s["entry"] in pool and s["counted"]]
    decided = [each["decisions"] for each in state["ties"] if each["category"] == category]
    return contest.Judging(
        pool, [j["id"] for j in panel if found["method"] != "choice"], [contest.Criterion(**each) for each in found["criteria"]],
        {(s["judge"], s["entry"]): s["marks"] for s in sheets}, {(s["judge"], s["entry"]) for s in sheets if s["recused"]},
        found["places"], found["method"],
        {h["judge"]: h["entries"] for h in state["hands"] if h["category"] == category and h["counted"]}, found["tokens"], found["quorum"],
        {j["id"] for j in panel if j["revoked"]},
        [(r["id"], r["entries"], r["votes"]) for r in state["run_offs"] if r["category"] == category and r["closed"]],
        [(tie["order"], tie["reason"]) for ties in decided for tie in ties],
        {row["entry"]: row["score"] for row in table} if found["method"] == "choice" else {})


def totals(given: contest.Judging) -> pandas.DataFrame:
    """What each judge gave each entry, on the scale of the marks; NaN where a sheet is missing or not whole, or the judge recused."""
    weights = {each.id: each.weight for each in given.criteria}
    table = pandas.DataFrame(numpy.nan, index=list(given.entries), columns=list(given.panel))
    for (judge, entry), marks in given.sheets.items():
        if weights.keys() <= marks.keys() and (judge, entry) not in given.recused and judge in table:
            table.loc[entry, judge] = round(float(sum(weights[k] * marks[k] for k in weights) / sum(weights.values())), 9)
    return table


def opinions(given: contest.Judging) -> pandas.DataFrame:
    """What each judge thinks of each entry: the total of the marks, the token (1 or 0), or how many stand below it in the ranking.

    A ranking that lacks an entry counts nowhere, so it is not here either.
    """
    if given.method not in ("tokens", "ranking"):
        return totals(given)
    table = pandas.DataFrame(numpy.nan, index=list(given.entries), columns=list(given.panel))
    for judge, hand in given.hands.items():
        seen = [e for e in given.entries if (judge, e) not in given.recused]
        order = [e for e in hand if e in seen]
        if judge in table and order and (given.method == "tokens" or len(order) == len(seen)):
            table.loc[seen, judge] = 0.0
            for at, entry in enumerate(order):
                table.loc[entry, judge] = 1.0 if given.method == "tokens" else float(len(order) - 1 - at)
    return table


def whole(table: pandas.DataFrame) -> pandas.DataFrame:
    """The part that has no gap. What lacks most is left out, a judge or an entry, one after the other: nothing is filled in."""
    while table.size and table.isna().any(axis=None):
        judge, entry = table.isna().mean(axis=0), table.isna().mean(axis=1)
        table = table.drop(columns=judge.idxmax()) if judge.max() >= entry.max() else table.drop(index=entry.idxmax())
    return table


def under(given: contest.Judging, method: str, lots: int = 20, seed: int = 1) -> dict[int, tuple[int, int]]:
    """{entry: (best, worst)}: its place if the same were counted by a method.

    For tokens each judge's best get one, for a ranking the marks give the order. Where a judge's marks are level, a lot says
    which is first, `lots` times: then an entry has more than one place.
    """
    if method == given.method:
        return {row["entry"]: (row["place"], row["place"]) for row in contest.standings(given)["rows"]}
    dice, table = numpy.random.default_rng(seed), opinions(given)
    found = collections.defaultdict(set)
    for _ in range(lots if method in ("tokens", "ranking") else 1):
        again = dataclasses.replace(given, method=method, run_offs=(), decisions=(), hands=hands(table, method, given.tokens, dice))
        for row in contest.standings(again)["rows"]:
            found[row["entry"]].add(row["place"])
    return {entry: (min(places), max(places)) for entry, places in found.items()}


def hands(table: pandas.DataFrame, method: str, tokens: int, dice: numpy.random.Generator) -> dict[str, list[int]]:
    """{judge: entries, best first} as tokens or a ranking would have been given by who thinks so; a lot is drawn between level ones."""
    if method not in ("tokens", "ranking"):
        return {}
    found = {}
    for judge in table:
        seen = table[judge].dropna().iloc[dice.permutation(int(table[judge].notna().sum()))]
        order = [int(e) for e in seen.sort_values(ascending=False, kind="stable").index]
        found[judge] = order[:tokens] if method == "tokens" else order
    return found


def kendalls_w(table: pandas.DataFrame) -> float:
    """How far judges agree on the order: 0 not at all, 1 wholly; NaN for fewer than two judges or entries, or where all is level.

    Source: Kendall and Babington Smith 1939, with the correction for ties. Of tokens it is Cochran's Q / (judges (entries - 1)).
    """
    return _w(table.to_numpy())


def _w(marks: numpy.ndarray) -> float:
    n, k = marks.shape
    if n < 2 or k < 2:
        return float("nan")
    ranks = stats.rankdata(marks, axis=0)
    squares = ((ranks.sum(axis=1) - k * (n + 1) / 2) ** 2).sum()
    ties = sum((counts**3 - counts).sum() for counts in (numpy.unique(column, return_counts=True)[1] for column in ranks.T))
    most = k**2 * (n**3 - n) - k * ties
    return float(12 * squares / most) if most > 0 else float("nan")


def w_interval(table: pandas.DataFrame, rounds: int = 500, seed: int = 1) -> tuple[float, float]:
    """An interval for W, 95 %: by bootstrap over the entries, shifted so that its middle is W itself; NaN where there is no W.

    Both ends are W where every choice of the entries gives the same W: then there is no interval. In simulated contests it held
    the true W in 87 to 97 of 100.
    """
    dice, n, marks = numpy.random.default_rng(seed), len(table), table.to_numpy()
    w = kendalls_w(table)
    found = [each for each in (_w(marks[dice.integers(0, n, n)]) for _ in range(rounds)) if not math.isnan(each)] if not math.isnan(w) else []
    if not found:
        return float("nan"), float("nan")
    low, middle, high = numpy.percentile(found, [2.5, 50, 97.5])
    return float(max(0.0, w + low - middle)), float(min(1.0, w + high - middle))


def squares(table: pandas.DataFrame) -> tuple[float, float, float]:
    """The mean squares of a whole table: of the entries, of the judges, and of what is left."""
    x, (n, k) = table.to_numpy(), table.shape
    grand = x.mean()
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + grand
    found = (k * ((x.mean(axis=1) - grand) ** 2).sum() / (n - 1), n * ((x.mean(axis=0) - grand) ** 2).sum() / (k - 1),
             (rest ** 2).sum() / ((n - 1) * (k - 1)))
    return tuple(0.0 if each < 1e-12 else float(each) for each in found)


def icc(table: pandas.DataFrame) -> pandas.DataFrame:
    """How much of what tells marks apart is the entries: of one judge ("ICC2") and of the mean of all ("ICC2k"), with intervals, 95 %.

    All NaN where it cannot be had: fewer than two judges or entries, or no entry stands above another in the mean.
    Source: Shrout and Fleiss 1979, two-way random effects, absolute agreement.
    """
    n, k = table.shape
    rows, columns, error = squares(table) if n > 1 and k > 1 else (0.0, 0.0, 0.0)
    if rows == 0:
        return pandas.DataFrame(float("nan"), index=["ICC2", "ICC2k"], columns=["value", "low", "high"])
    one = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    a, b = k * one * columns, (n * (1 + (k - 1) * one) - k * one) * error
    freedom = (k - 1) * (n - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2) if a or b else k - 1
    over, below = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * columns + (k * n - k - n) * error
    low, high = n * (rows - over * error) / (over * rest + n * rows), n * (below * rows - error) / (rest + n * below * rows)
    mean = [(rows - error) / (rows + (columns - error) / n), *(k * r / (1 + (k - 1) * r) for r in (low, high))]
    return pandas.DataFrame([[one, low, high], mean], index=["ICC2", "ICC2k"], columns=["value", "low", "high"])


def severity(table: pandas.DataFrame) -> pandas.DataFrame:
    """By judge: how much above the mean of the others on the same entries, in points, with an interval.

    A gap is no mark: each judge is compared on the entries that he and another have marked. The intervals hold for all judges together
    at 95 % (Bonferroni): who is outside is so by more than chance. Source: the paired t interval.
    """
    found, level = {}, 1 - 0.025 / max(1, table.shape[1])
    for judge in table:
        above = (table[judge] - table.drop(columns=judge).mean(axis=1)).dropna()
        half = stats.t.ppf(level, len(above) - 1) * above.sem() if len(above) > 1 else float("nan")
        found[judge] = {"above": above.mean(), "low": above.mean() - half, "high": above.mean() + half, "spread": table[judge].std(), "sheets": len(above)}
    return pandas.DataFrame(found).T


def panels(judges: list[str], most: int = 500, seed: int = 1) -> list[tuple[tuple[str, ...], float]]:
    """Every panel of as many that can be drawn from the judges, a judge more than once too, with its chance; above `most` that many by lot."""
    k, dice = len(judges), numpy.random.default_rng(seed)
    if math.comb(2 * k - 1, k) <= most:
        return [(drawn, math.factorial(k) / math.prod(math.factorial(n) for n in collections.Counter(drawn).values()) / k**k)
                for drawn in itertools.combinations_with_replacement(judges, k)]
    lots = collections.Counter(tuple(sorted(judges[at] for at in dice.integers(0, k, k))) for _ in range(most))
    return [(drawn, times / most) for drawn, times in lots.items()]


def redrawn(given: contest.Judging, drawn: tuple[str, ...]) -> contest.Judging:
    """The same category before another panel: a judge drawn twice counts twice. Run-offs and decisions were of the true panel: left out."""
    seats = [(judge, f"{judge}.{at}") for at, judge in enumerate(drawn)]
    return dataclasses.replace(
        given, panel=[seat for _, seat in seats], run_offs=(), decisions=(), gone=(),
        sheets={(seat, e): marks for judge, seat in seats for (j, e), marks in given.sheets.items() if j == judge},
        recused={(seat, e) for judge, seat in seats for j, e in given.recused if j == judge},
        hands={seat: given.hands[judge] for judge, seat in seats if judge in given.hands})


def chances(given: contest.Judging, places: int = 3) -> pandas.DataFrame:
    """How often each entry takes each place when the panel is drawn anew from its judges: a row an entry, a column a place.

    Each panel is counted by the rules of the category (docs/scoring.md), gaps and all; judges who gave nothing are not drawn; level
    entries share the chance. Of a people's choice the ballots are drawn. Source: Efron 1979, the judges as the sample.
    """
    found = pandas.DataFrame(0.0, index=list(given.entries), columns=range(1, places + 1))
    if given.method == "choice":
        again = [(dataclasses.replace(given, votes=votes, decisions=()), chance) for votes, chance in _ballots(given.votes)]
    else:
        seen = opinions(given).dropna(axis=1, how="all")
        again = [(redrawn(given, drawn), chance) for drawn, chance in panels(list(seen))] if seen.shape[1] else []
    for judged, chance in again:
        for row in contest.standings(judged)["rows"]:
            level = 1 + len(row["tied_with"])
            for place in range(row["place"], min(row["place"] + level, places + 1)):
                found.loc[row["entry"], place] += chance / level
    return found


def _ballots(votes: dict[int, int], rounds: int = 500, seed: int = 1) -> list[tuple[dict[int, int], float]]:
    """As many ballots as were cast, drawn anew from them."""
    entries, count = list(votes), numpy.array([int(votes[e]) for e in votes])
    if not count.sum():
        return []
    drawn = numpy.random.default_rng(seed).multinomial(count.sum(), count / count.sum(), rounds)
    return [({e: int(n) for e, n in zip(entries, row) if n}, 1 / rounds) for row in drawn]


def names(c) -> dict[str, str]:
    """{judge's id: name}."""
    return {judge["id"]: judge["name"] for judge in c.judges()}
