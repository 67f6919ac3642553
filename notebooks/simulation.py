"""Contests whose truth is known: which entry is the best is decided first, then judges mark it as well as they can."""

import dataclasses

import contest
import numpy
import pandas

METHODS = ("points", "trimmed", "tokens", "ranking")
CRITERION = (contest.Criterion("look", "Look"),)


@dataclasses.dataclass(frozen=True)
class Hall:
    """How judges mark.

    noise      by how many points (standard deviation) two marks for the same tattoo differ
    severity   the same, between two judges on the average
    missing    the share of sheets that never come
    tens       judges who give everything a ten
    """

    entries: int = 10
    judges: int = 5
    noise: float = 0.6
    severity: float = 0.5
    missing: float = 0.0
    tens: int = 0


def rehearsal(hall: Hall, dice: numpy.random.Generator) -> tuple[contest.Judging, int]:
    """A judged category, and its best entry by the truth."""
    truth, severity = dice.normal(6.5, 1.0, hall.entries), dice.normal(0, hall.severity, hall.judges)
    seen = truth[:, None] + severity + dice.normal(0, hall.noise, (hall.entries, hall.judges))
    marks = numpy.clip(numpy.round(seen * 2) / 2, 1, 10)
    marks[:, :hall.tens] = 10
    sheets = {(f"j{j}", e): {"look": float(marks[e, j])} for e in range(hall.entries) for j in range(hall.judges)
              if dice.random() >= hall.missing}
    return contest.Judging(range(hall.entries), [f"j{j}" for j in range(hall.judges)], CRITERION, sheets), int(truth.argmax())


def first(given: contest.Judging, method: str) -> list[int]:
    """Who gets the first place if the marks are counted by a method; for tokens and rankings the marks give the order, as agreement.under says."""
    marks = {judge: {} for judge in given.panel}
    for (judge, entry), sheet in given.sheets.items():
        marks[judge][entry] = sheet["look"]
    order = {judge: sorted(seen, key=lambda e, seen=seen: (-seen[e], e)) for judge, seen in marks.items()}
    hands = {judge: entries[:3] if method == "tokens" else entries for judge, entries in order.items()} if method in ("tokens", "ranking") else {}
    rows = contest.standings(dataclasses.replace(given, method=method, hands=hands))["rows"]
    return [row["entry"] for row in rows if row["place"] == 1]


def found(hall: Hall, method: str, rounds: int = 100, seed: int = 1) -> float:
    """How often a method gives the first place to the entry that is the best; a shared first place counts in part."""
    dice, hits = numpy.random.default_rng(seed), 0.0
    for _ in range(rounds):
        given, best = rehearsal(hall, dice)
        winners = first(given, method)
        hits += (best in winners) / max(1, len(winners))
    return hits / rounds


def by_method(hall: Hall, judges: tuple[int, ...] = (3, 5, 7), rounds: int = 100) -> pandas.DataFrame:
    """The same halls under every method: a row a number of judges, a column a method."""
    return pandas.DataFrame({method: [found(dataclasses.replace(hall, judges=n), method, rounds) for n in judges] for method in METHODS}, index=judges)


def half_width(share: float, rounds: int) -> float:
    """How far a simulated share may be off, 95 %. Source: the normal interval of a proportion."""
    return 1.96 * (share * (1 - share) / rounds) ** 0.5
