"""Contests whose truth is known: which entry is the best is decided first, then judges mark it as well as they can."""

import dataclasses

import agreement
import contest
import numpy
import pandas

METHODS = agreement.METHODS
CRITERION = (contest.Criterion("look", "Look"),)


@dataclasses.dataclass(frozen=True)
class Hall:
    """How judges mark.

    spread     by how many points (standard deviation) the tattoos themselves differ
    noise      the same, between two marks for the same tattoo
    severity   the same, between two judges on the average
    missing    the share of sheets that never come
    tens       judges who give everything a ten
    """

    entries: int = 10
    judges: int = 5
    spread: float = 1.0
    noise: float = 0.6
    severity: float = 0.5
    missing: float = 0.0
    tens: int = 0


def like(table: pandas.DataFrame, hall: Hall | None = None) -> Hall:
    """A hall whose judges mark as those of a contest do; what a table without gaps cannot tell stays as it is in `hall`.

    Source: the expected mean squares of the two-way random effects model.
    """
    hall = hall or Hall()
    if min(table.shape) < 2:
        return hall
    rows, columns, error = agreement.squares(table)
    n, k = table.shape
    return dataclasses.replace(hall, entries=n, judges=k, noise=round(error**0.5, 2), severity=round(max(0, (columns - error) / n) ** 0.5, 2),
                               spread=round(max(0.01, (rows - error) / k) ** 0.5, 2))


def rehearsal(hall: Hall, dice: numpy.random.Generator) -> tuple[contest.Judging, int]:
    """A judged category, and its best entry by the truth."""
    truth, severity = dice.normal(6.5, hall.spread, hall.entries), dice.normal(0, hall.severity, hall.judges)
    seen = truth[:, None] + severity + dice.normal(0, hall.noise, (hall.entries, hall.judges))
    marks = numpy.clip(numpy.round(seen * 2) / 2, 1, 10)
    marks[:, :hall.tens] = 10
    came = dice.random((hall.entries, hall.judges)) >= hall.missing
    sheets = {(f"j{j}", e): {"look": float(marks[e, j])} for e in range(hall.entries) for j in range(hall.judges) if came[e, j]}
    return contest.Judging(range(hall.entries), [f"j{j}" for j in range(hall.judges)], CRITERION, sheets), int(truth.argmax())


def panel(given: contest.Judging, judges: int) -> contest.Judging:
    """The same category before the first so many of its judges."""
    seats = list(given.panel)[:judges]
    return dataclasses.replace(given, panel=seats, sheets={pair: marks for pair, marks in given.sheets.items() if pair[0] in seats})


def hit(given: contest.Judging, best: int, method: str, dice: numpy.random.Generator) -> float:
    """Whether a method gives the best entry the first place, 1 or 0; a shared first place counts in part.

    For tokens and rankings each judge's marks give the order, between level ones a lot. A ranking that lacks an entry counts
    for nothing, as everywhere.
    """
    hands = {}
    if method in ("tokens", "ranking"):
        marks = pandas.DataFrame({j: {e: given.sheets[j, e]["look"] for e in given.entries if (j, e) in given.sheets} for j in given.panel})
        hands = agreement.hands(marks, method, given.tokens, dice)
    rows = contest.standings(dataclasses.replace(given, method=method, hands=hands))["rows"]
    winners = [row["entry"] for row in rows if row["place"] == 1]
    return (best in winners) / max(1, len(winners))


def tried(hall: Hall, cases: dict[str, tuple[str, int]], rounds: int = 150, seed: int = 1) -> pandas.DataFrame:
    """What each case found in the same contests: a row a contest, a column a case (method, number of judges), 0 to 1.

    The panels grow: five judges are the three of before and two more. So cases differ by what they are, not by luck.
    """
    dice, most = numpy.random.default_rng(seed), max(n for _, n in cases.values())
    lots, rows = numpy.random.default_rng(seed + 1), []
    for _ in range(rounds):
        given, best = rehearsal(dataclasses.replace(hall, judges=most), dice)
        rows.append({name: hit(panel(given, n), best, method, lots) for name, (method, n) in cases.items()})
    return pandas.DataFrame(rows)


def share(hits: pandas.Series) -> tuple[float, float, float]:
    """A simulated share and its interval, 95 %. Source: Wilson 1927."""
    n, p, z = len(hits), float(hits.mean()), 1.96
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return p, max(0.0, middle - half), min(1.0, middle + half)


def ahead(a: pandas.Series, b: pandas.Series) -> tuple[float, float, float]:
    """By how much a found the best more often than b in the same contests, with an interval, 95 %. Source: the paired normal interval."""
    apart = a.to_numpy() - b.to_numpy()
    half = 1.96 * float(apart.std(ddof=1)) / len(apart) ** 0.5
    return float(apart.mean()), float(apart.mean()) - half, float(apart.mean()) + half


def compared(hits: pandas.DataFrame, numbers: tuple[int, ...]) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The shares of each method and number of judges; and by method how far it is behind the best one, over all numbers, with an interval."""
    shares = pandas.DataFrame({m: [hits[f"{m}, {n}"].mean() for n in numbers] for m in METHODS}, index=numbers)
    whole = {m: sum(hits[f"{m}, {n}"] for n in numbers) / len(numbers) for m in METHODS}
    best = shares.mean().idxmax()
    return shares, pandas.DataFrame({m: ahead(whole[best], whole[m]) for m in METHODS}, index=["behind", "low", "high"]).T
