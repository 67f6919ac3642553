"""How far judges agree, and how sure a place is. Every figure has a source, and a test holds it against another program's."""

import dataclasses

import contest
import numpy
import pandas
from scipy import stats

METHODS = ("points", "trimmed", "tokens", "ranking")


def judging(c, category: str) -> contest.Judging:
    """All that the standings of a category are made of, out of what the verbs tell."""
    state = c.state()
    found = next(each for each in state["categories"] if each["id"] == category)
    out = ("no-show", "withdrawn", "disqualified")
    pool = [e["number"] for e in state["entries"] if e["category"] == category and e["state"] not in out]
    panel = [j["id"] for j in state["judges"] if j["role"] == "judge" and category in (j["categories"] or [category])]
    sheets = [s for s in state["sheets"] if s["entry"] in pool and s["counted"]]
    return contest.Judging(pool, panel, [contest.Criterion(**each) for each in found["criteria"]],
                           {(s["judge"], s["entry"]): s["marks"] for s in sheets},
                           {(s["judge"], s["entry"]) for s in sheets if s["recused"]}, found["places"], found["method"])


def totals(given: contest.Judging) -> pandas.DataFrame:
    """What each judge gave each entry, 1 to 10: a row an entry, a column a judge, NaN where a sheet is missing or not whole."""
    weights = {each.id: each.weight for each in given.criteria}
    table = pandas.DataFrame(numpy.nan, index=list(given.entries), columns=list(given.panel))
    for (judge, entry), marks in given.sheets.items():
        if weights.keys() <= marks.keys() and (judge, entry) not in given.recused:
            table.loc[entry, judge] = sum(weights[k] * marks[k] for k in weights) / sum(weights.values())
    return table


def whole(table: pandas.DataFrame) -> pandas.DataFrame:
    """The judges who gave anything, and the entries that all of those marked: what the figures below are made of."""
    return table.dropna(axis=1, how="all").dropna(axis=0)


def under(given: contest.Judging, method: str) -> dict[int, int]:
    """{entry: place} if the same marks were counted by a method.

    For tokens each judge's three best get one, for a ranking the marks give the order; level marks fall to the lower number.
    """
    table = totals(given)
    order = {j: [int(e) for e in sorted(table[j].dropna().index, key=lambda e, j=j: (-table.loc[e, j], e))] for j in table}
    hands = {j: entries[:3] if method == "tokens" else entries for j, entries in order.items()}
    counted = contest.standings(dataclasses.replace(given, method=method, hands=hands if method in ("tokens", "ranking") else {}))
    return {row["entry"]: row["place"] for row in counted["rows"]}


def kendalls_w(table: pandas.DataFrame) -> float:
    """How far judges agree on the order: 0 not at all, 1 wholly; NaN for fewer than two judges or where all is level.

    Source: Kendall and Babington Smith 1939, with the correction for ties.
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
    """An interval for W, 95 %: by bootstrap over the entries, shifted so that its middle is W itself."""
    dice, n, marks = numpy.random.default_rng(seed), len(table), table.to_numpy()
    found = [_w(marks[dice.integers(0, n, n)]) for _ in range(rounds)]
    low, middle, high = numpy.nanpercentile(found, [2.5, 50, 97.5]) if not all(map(numpy.isnan, found)) else [numpy.nan] * 3
    w = kendalls_w(table)
    return max(0.0, w + low - middle), min(1.0, w + high - middle)


def icc(table: pandas.DataFrame) -> pandas.DataFrame:
    """How much of what tells marks apart is the entries: of one judge ("ICC2") and of the mean of all ("ICC2k"), with intervals, 95 %.

    Source: Shrout and Fleiss 1979, two-way random effects, absolute agreement.
    """
    n, k = table.shape
    grand, x = table.to_numpy().mean(), table.to_numpy()
    rows = k * ((x.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((x.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    error = ((x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + grand) ** 2).sum() / ((n - 1) * (k - 1))
    one = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    ratio = columns / error
    a, b = k * one * ratio, n * (1 + (k - 1) * one) - k * one
    freedom = (k - 1) * (n - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2)
    over, below = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * columns + (k * n - k - n) * error
    low, high = n * (rows - over * error) / (over * rest + n * rows), n * (below * rows - error) / (rest + n * below * rows)
    mean = [(rows - error) / (rows + (columns - error) / n), *(k * r / (1 + (k - 1) * r) for r in (low, high))]
    return pandas.DataFrame([[one, low, high], mean], index=["ICC2", "ICC2k"], columns=["value", "low", "high"])


def severity(table: pandas.DataFrame) -> pandas.DataFrame:
    """By judge: how much above the others on the same entries, in points, with an interval (95 %); and whether it is more than chance."""
    found = {}
    for judge in table:
        above = (table[judge] - table.drop(columns=judge).mean(axis=1)).dropna()
        half = stats.t.ppf(0.975, len(above) - 1) * above.sem() if len(above) > 1 else float("nan")
        found[judge] = {"above": above.mean(), "low": above.mean() - half, "high": above.mean() + half, "spread": table[judge].std(), "sheets": len(above)}
    return pandas.DataFrame(found).T


def chances(table: pandas.DataFrame, places: int = 3, rounds: int = 2000, seed: int = 1) -> pandas.DataFrame:
    """How often each entry takes each place when the panel is drawn anew from its judges: a row an entry, a column a place.

    Level entries share the chance. Source: Efron 1979, the judges as the sample.
    """
    dice, x = numpy.random.default_rng(seed), table.to_numpy()
    found = numpy.zeros((len(table), places))
    for _ in range(rounds):
        score = numpy.round(x[:, dice.integers(0, x.shape[1], x.shape[1])].mean(axis=1), 9)
        for place, threshold in enumerate(numpy.sort(score)[::-1][:places]):
            level = numpy.flatnonzero(score == threshold)
            found[level, place] += 1 / len(level)
    return pandas.DataFrame(found / rounds, index=table.index, columns=range(1, places + 1))


def names(c) -> dict[str, str]:
    """{judge's id: name}."""
    return {judge["id"]: judge["name"] for judge in c.judges()}
