"""Standings by points: exact, explained, and independent of everything that must not matter."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contest import Criterion, rounded, standings

TWO = [Criterion("technique", "Technique"), Criterion("style", "Style")]
ONE = [Criterion("technique", "Technique")]


def sheets(rows: dict) -> dict:
    """{entry: {judge: mark or (marks in the order of the criteria)}} as the sheets that standings takes."""
    ids = [c.id for c in TWO]
    return {(j, e): dict(zip(ids, m)) if isinstance(m, tuple) else {"technique": m}
            for e, row in rows.items() for j, m in row.items()}


def rank(rows: dict, panel=("a", "b", "c"), criteria=ONE, **more) -> list[tuple]:
    result = standings(list(rows), panel, criteria, sheets(rows), **more)
    return [(r["place"], r["entry"], r["decided_by"]) for r in result["rows"]]


def test_the_higher_mean_wins():
    assert rank({1: {"a": 7, "b": 8}, 2: {"a": 9, "b": 8}}) == [(1, 2, "mean"), (2, 1, "mean")]


def test_a_missing_judge_is_left_out_never_a_zero():
    table = standings([1, 2], ["a", "b"], ONE, sheets({1: {"a": 8, "b": 8}, 2: {"a": 9}}))
    assert [(r["entry"], r["score"], r["judges"]) for r in table["rows"]] == [(2, 9.0, 1), (1, 8.0, 2)]
    assert table["provisional"] and table["missing"] == [{"judge": "b", "entry": 2}]


def test_a_recused_judge_is_neither_missing_nor_counted_even_with_marks():
    table = standings([1], ["a", "b"], ONE, sheets({1: {"a": 8, "b": 2}}), recused={("b", 1)})
    assert table["rows"][0]["score"] == 8.0 and not table["provisional"]


def test_a_half_filled_sheet_counts_nowhere():
    table = standings([1, 2], ["a"], TWO, {("a", 1): {"technique": 10}, ("a", 2): {"technique": 5, "style": 5}})
    assert [r["entry"] for r in table["rows"]] == [2]
    assert table["unranked"] == [1] and table["missing"] == [{"judge": "a", "entry": 1}]


def test_what_somebody_outside_the_panel_wrote_is_not_read():
    assert rank({1: {"a": 5}, 2: {"a": 6, "x": 1}}, panel=["a"]) == [(1, 2, "mean"), (2, 1, "mean")]


def test_weights_weigh():
    criteria = [Criterion("technique", "T", 3), Criterion("style", "S", 1)]
    table = standings([1, 2], ["a"], criteria, sheets({1: {"a": (8, 6)}, 2: {"a": (7, 10)}}))
    assert [(r["entry"], r["score"]) for r in table["rows"]] == [(2, 7.75), (1, 7.5)]


def test_equal_sums_are_equal_though_floats_differ():
    """0.1 + 0.2 is not 0.3 as floats: marks in tenths tie exactly, and the tie is found."""
    criteria = [Criterion(k, k) for k in ("x", "y")]
    given_ = {("a", 1): {"x": 0.1, "y": 0.2}, ("a", 2): {"x": 0.15, "y": 0.15}}
    rows = standings([1, 2], ["a"], criteria, given_)["rows"]
    assert [(r["entry"], r["decided_by"]) for r in rows] == [(2, "criterion:x"), (1, "criterion:x")]


def test_a_tie_goes_down_the_criteria_in_order():
    assert rank({1: {"a": (7, 9)}, 2: {"a": (9, 7)}}, ["a"], TWO) == [
        (1, 2, "criterion:technique"), (2, 1, "criterion:technique")]


def test_head_to_head_counts_judges_not_points():
    rows = {1: {"a": 8, "b": 8, "c": 5}, 2: {"a": 7, "b": 7, "c": 7}}
    assert rank(rows) == [(1, 1, "head-to-head"), (2, 2, "head-to-head")]


def test_a_cycle_in_head_to_head_stays_together():
    rows = {1: {"a": 9, "b": 7, "c": 8}, 2: {"a": 8, "b": 9, "c": 7}, 3: {"a": 7, "b": 8, "c": 9}}
    assert rank(rows) == [(1, 1, "shared"), (1, 2, "shared"), (1, 3, "shared")]


def test_places_close_up_after_a_shared_one():
    rows = {1: {"a": 8}, 2: {"a": 8}, 3: {"a": 5}}
    table = standings(list(rows), ["a"], ONE, sheets(rows))
    assert [(r["place"], r["entry"]) for r in table["rows"]] == [(1, 1), (1, 2), (3, 3)]
    assert table["unresolved"] == [[1, 2]] and table["rows"][0]["tied_with"] == [2]


def test_a_tie_below_the_awards_needs_no_resolving():
    rows = {1: {"a": 9}, 2: {"a": 8}, 3: {"a": 8}}
    assert standings(list(rows), ["a"], ONE, sheets(rows), places=1)["unresolved"] == []


def test_a_wide_spread_is_pointed_out():
    assert standings([1], ["a", "b"], ONE, sheets({1: {"a": 4, "b": 7}}))["flags"] == ["spread:1"]
    assert standings([1], ["a", "b"], ONE, sheets({1: {"a": 4.5, "b": 7}}))["flags"] == []


@pytest.mark.parametrize("entries, panel", [([], ["a"]), ([1], []), ([], [])])
def test_nothing_to_rank_is_no_error(entries, panel):
    table = standings(entries, panel, ONE, {})
    assert table["rows"] == [] and table["unranked"] == entries and table["provisional"] == bool(entries and panel)


def test_all_recused_is_unranked_and_not_provisional():
    table = standings([1], ["a"], ONE, {}, recused={("a", 1)})
    assert table["unranked"] == [1] and not table["provisional"]


@pytest.mark.parametrize("value, text", [(Fraction(1, 3), 0.33), (Fraction(17, 2) / 10, 0.85), (Fraction(8725, 1000), 8.73),
                                         (Fraction(8715, 1000), 8.72)])
def test_rounding_for_print_is_half_up(value, text):
    assert rounded(value) == text


# Properties, against a slow and obvious second opinion.

MARK = st.integers(2, 20).map(lambda n: n / 2)
CONTEST = st.integers(1, 4).flatmap(lambda judges: st.integers(1, 4).flatmap(lambda entries: st.fixed_dictionaries(
    {(f"j{j}", e): st.one_of(st.none(), st.tuples(MARK, MARK)) for j in range(judges) for e in range(entries)})))


def table_of(cells: dict, criteria=TWO, order=lambda x: x) -> dict:
    given_ = {pair: dict(zip(("technique", "style"), m)) for pair, m in order(list(cells.items())) if m is not None}
    panel = order(sorted({j for j, _ in cells}))
    return standings(order(sorted({e for _, e in cells})), panel, criteria, given_)


def obvious(cells: dict) -> list[list[int]]:
    """Groups best first: compare every pair by (mean, technique, style), then split by duels as the rule is written."""
    judges, entries = sorted({j for j, _ in cells}), sorted({e for _, e in cells})
    got = {e: [cells[j, e] for j in judges if cells[j, e] is not None] for e in entries}
    ranked = [e for e in entries if got[e]]
    key = {e: tuple(sum(Fraction(str(x)) for m in got[e] for x in part(m)) / len(got[e])
                    for part in (lambda m: m, lambda m: m[:1], lambda m: m[1:])) for e in ranked}
    groups = [[e for e in ranked if key[e] == k] for k in sorted(set(key.values()), reverse=True)]

    def beats(a, b):
        both = [(sum(cells[j, a]), sum(cells[j, b])) for j in judges if cells[j, a] and cells[j, b]]
        return sum(x > y for x, y in both) > sum(x < y for x, y in both)

    out = []
    for group in groups:
        best = [group]
        for size in range(len(group), 0, -1):  # the finest ordered partition: try all of them, most blocks first
            found = [p for p in partitions(group, size) if all(
                beats(a, b) for i, x in enumerate(p) for y in p[i + 1:] for a in x for b in y)]
            if found:
                best = found[0]
                break
        out += [sorted(block) for block in best]
    return out


def partitions(items: list, blocks: int):
    for labels in itertools.product(range(blocks), repeat=len(items)):
        if set(labels) == set(range(blocks)):
            yield [[i for i, k in zip(items, labels) if k == b] for b in range(blocks)]


@given(CONTEST)
def test_the_second_opinion_agrees(cells):
    found: dict[int, list[int]] = {}
    for row in table_of(cells)["rows"]:
        found.setdefault(row["place"], []).append(row["entry"])
    assert list(found.values()) == obvious(cells)


@given(CONTEST, st.randoms(use_true_random=False))
def test_the_order_of_judges_and_entries_does_not_matter(cells, random):
    def shuffled(items):
        items = list(items)
        random.shuffle(items)
        return items
    mixed, plain = table_of(cells, order=shuffled), table_of(cells)
    assert mixed["rows"] == plain["rows"] and mixed["unresolved"] == plain["unresolved"]


@given(CONTEST, st.sampled_from([2, 0.5, 0.1, 3]))
def test_scaling_all_weights_does_not_matter(cells, factor):
    scaled = [Criterion(c.id, c.name, c.weight * factor) for c in TWO]
    assert table_of(cells, scaled)["rows"] == table_of(cells)["rows"]


@given(CONTEST, st.data())
def test_a_better_mark_never_worsens_a_place(cells, data):
    """The mean, the criteria and the duels all move with a mark, so a raised one can only help its entry."""
    filled = [pair for pair, m in cells.items() if m and max(m) < 10]
    if not filled:
        return
    judge, entry = data.draw(st.sampled_from(filled))
    raised = cells | {(judge, entry): tuple(min(10, x + 0.5) for x in cells[judge, entry])}
    place = {r["entry"]: r["place"] for r in table_of(cells)["rows"]}[entry]
    assert {r["entry"]: r["place"] for r in table_of(raised)["rows"]}[entry] <= place


@given(CONTEST, st.tuples(MARK, MARK))
def test_a_recused_judge_changes_nothing(cells, mark):
    one = sorted({e for _, e in cells})[0]
    given_ = {pair: dict(zip(("technique", "style"), m)) for pair, m in cells.items() if m}
    entries, panel = sorted({e for _, e in cells}), sorted({j for j, _ in cells})
    extra = given_ | {("new", one): dict(zip(("technique", "style"), mark))}
    recused = {("new", e) for e in entries}
    assert standings(entries, [*panel, "new"], TWO, extra, recused)["rows"] == standings(entries, panel, TWO, given_)["rows"]
