"""Standings by each method: exact, explained, and independent of everything that must not matter."""

import dataclasses
import doctest
import re
import statistics
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import contest
from contest import Criterion, Judging, Refused, rounded, standings, what_if
from tests.oracle import opinion

TWO = [Criterion("technique", "Technique"), Criterion("style", "Style")]
ONE = [Criterion("technique", "Technique")]


def sheets(rows: dict) -> dict:
    """{entry: {judge: mark or (marks in the order of the criteria)}} as the sheets of a Judging."""
    ids = [c.id for c in TWO]
    return {(j, e): dict(zip(ids, m)) if isinstance(m, tuple) else {"technique": m}
            for e, row in rows.items() for j, m in row.items()}


def points(rows: dict, panel=("a", "b", "c"), criteria=ONE, **more) -> Judging:
    return Judging(list(rows), panel, criteria, sheets(rows), **more)


def hands(method: str, entries, given_: dict, **more) -> Judging:
    """A judging by tokens or ranking: {judge: entries}."""
    return Judging(entries, list(given_), method=method, hands=given_, **more)


def rank(judging: Judging) -> list[tuple]:
    return [(r["place"], r["entry"], r["decided_by"]) for r in standings(judging)["rows"]]


def test_every_example_in_the_source_is_true():
    tried = doctest.testmod(contest)
    assert tried.attempted >= 6 and tried.failed == 0


# Points.

def test_the_higher_mean_wins():
    assert rank(points({1: {"a": 7, "b": 8}, 2: {"a": 9, "b": 8}})) == [(1, 2, "mean"), (2, 1, "mean")]


def test_a_missing_judge_is_left_out_never_a_zero():
    table = standings(points({1: {"a": 8, "b": 8}, 2: {"a": 9}}, ["a", "b"]))
    assert [(r["entry"], r["score"], r["judges"]) for r in table["rows"]] == [(2, 9.0, 1), (1, 8.0, 2)]
    assert table["provisional"] and table["missing"] == [{"judge": "b", "entry": 2}]


def test_a_judge_who_left_is_missing_nowhere_and_what_was_judged_counts():
    table = standings(points({1: {"a": 8, "b": 8}, 2: {"a": 9}}, ["a", "b"], gone={"b"}))
    assert not table["provisional"] and [(r["entry"], r["judges"]) for r in table["rows"]] == [(2, 1), (1, 2)]


def test_a_recused_judge_is_neither_missing_nor_counted_even_with_marks():
    table = standings(points({1: {"a": 8, "b": 2}}, ["a", "b"], recused={("b", 1)}))
    assert table["rows"][0]["score"] == 8.0 and not table["provisional"]


def test_a_half_filled_sheet_counts_nowhere():
    table = standings(Judging([1, 2], ["a"], TWO, {("a", 1): {"technique": 10}, ("a", 2): {"technique": 5, "style": 5}}))
    assert [r["entry"] for r in table["rows"]] == [2]
    assert table["unranked"] == [1] and table["missing"] == [{"judge": "a", "entry": 1}]


def test_a_criterion_added_later_makes_old_sheets_incomplete_and_a_removed_one_is_not_read():
    given_ = {("a", 1): {"technique": 8, "smell": 1}}
    assert standings(Judging([1], ["a"], TWO, given_))["unranked"] == [1]
    assert standings(Judging([1], ["a"], ONE, given_))["rows"][0]["score"] == 8


def test_what_somebody_outside_the_panel_wrote_is_not_read():
    assert rank(points({1: {"a": 5}, 2: {"a": 6, "x": 1}}, ["a"])) == [(1, 2, "mean"), (2, 1, "mean")]


def test_weights_weigh():
    criteria = [Criterion("technique", "T", 3), Criterion("style", "S", 1)]
    table = standings(points({1: {"a": (8, 6)}, 2: {"a": (7, 10)}}, ["a"], criteria))
    assert [(r["entry"], r["score"]) for r in table["rows"]] == [(2, 7.75), (1, 7.5)]


@pytest.mark.parametrize("weight", [0, -1])
def test_a_weight_that_is_not_positive_is_refused(weight):
    with pytest.raises(Refused) as no:
        standings(points({1: {"a": 8}}, ["a"], [Criterion("technique", "T", weight)]))
    assert no.value.code == "bad_field"


def test_equal_sums_are_equal_though_floats_differ():
    """0.1 + 0.2 is not 0.3 as floats: marks in tenths tie exactly, and the tie is found."""
    criteria = [Criterion(k, k) for k in ("x", "y")]
    given_ = {("a", 1): {"x": 0.1, "y": 0.2}, ("a", 2): {"x": 0.15, "y": 0.15}}
    assert rank(Judging([1, 2], ["a"], criteria, given_)) == [(1, 2, "criterion:x"), (2, 1, "criterion:x")]


def test_a_tie_goes_down_the_criteria_in_order():
    assert rank(points({1: {"a": (7, 9)}, 2: {"a": (9, 7)}}, ["a"], TWO)) == [
        (1, 2, "criterion:technique"), (2, 1, "criterion:technique")]


def test_head_to_head_counts_judges_not_points():
    rows = {1: {"a": 8, "b": 8, "c": 5}, 2: {"a": 7, "b": 7, "c": 7}}
    assert rank(points(rows)) == [(1, 1, "head-to-head"), (2, 2, "head-to-head")]


def test_a_cycle_in_head_to_head_stays_together():
    rows = {1: {"a": 9, "b": 7, "c": 8}, 2: {"a": 8, "b": 9, "c": 7}, 3: {"a": 7, "b": 8, "c": 9}}
    assert rank(points(rows)) == [(1, 1, "shared"), (1, 2, "shared"), (1, 3, "shared")]


def test_places_close_up_after_a_shared_one():
    table = standings(points({1: {"a": 8}, 2: {"a": 8}, 3: {"a": 5}}, ["a"]))
    assert [(r["place"], r["entry"]) for r in table["rows"]] == [(1, 1), (1, 2), (3, 3)]
    assert table["unresolved"] == [[1, 2]] and table["rows"][0]["tied_with"] == [2]


def test_a_tie_below_the_awards_needs_no_resolving():
    assert standings(points({1: {"a": 9}, 2: {"a": 8}, 3: {"a": 8}}, ["a"], places=1))["unresolved"] == []


def test_a_wide_spread_is_pointed_out():
    assert standings(points({1: {"a": 4, "b": 7}}))["flags"] == ["spread:1"]
    assert standings(points({1: {"a": 4.5, "b": 7}}))["flags"] == []


def test_an_entry_below_the_quorum_is_flagged_and_still_placed():
    table = standings(points({1: {"a": 9}, 2: {"a": 8, "b": 8}}, quorum=2))
    assert table["flags"] == ["quorum:1"] and [r["entry"] for r in table["rows"]] == [1, 2]


@pytest.mark.parametrize("method", ["points", "trimmed", "tokens", "ranking"])
@pytest.mark.parametrize("entries, panel", [([], ["a"]), ([1], []), ([], [])])
def test_nothing_to_rank_is_no_error(method, entries, panel):
    table = standings(Judging(entries, panel, ONE, method=method))
    assert table["rows"] == [] and table["unranked"] == entries and table["provisional"] == bool(entries and panel)
    assert entries or table["flags"] == []


@pytest.mark.parametrize("method, given_", [("points", {}), ("tokens", {"a": [1]}), ("ranking", {"a": [1]})])
def test_all_recused_is_unranked_and_not_provisional(method, given_):
    table = standings(Judging([1], ["a"], ONE, method=method, hands=given_, recused={("a", 1)}))
    assert table["unranked"] == [1] and not table["provisional"]


@pytest.mark.parametrize("value, text", [(Fraction(1, 3), 0.33), (Fraction(17, 2) / 10, 0.85), (Fraction(8725, 1000), 8.73),
                                         (Fraction(8715, 1000), 8.72), (Fraction(-125, 1000), -0.12), (Fraction(-1, 3), -0.33)])
def test_rounding_for_print_is_half_up(value, text):
    assert rounded(value) == text


# Trimmed.

def test_the_highest_and_the_lowest_mark_are_dropped_one_of_each():
    """Published for four-judge panels of USA Gymnastics (source: docs/scoring.md): of 9.5, 9.0, 9.2 and 9.4 the middle two count, which makes 9.3."""
    table = standings(points({1: {"a": 9.5, "b": 9.0, "c": 9.2, "d": 9.4}}, "abcd", method="trimmed"))
    assert table["rows"][0]["score"] == 9.3 and table["rows"][0]["judges"] == 4 and table["flags"] == []
    assert standings(points({1: {"a": 9, "b": 9, "c": 9, "d": 5}}, "abcd", method="trimmed"))["rows"][0]["score"] == 9


@pytest.mark.parametrize("rows, flag", [
    ({1: {"a": 9, "b": 9, "c": 3}}, "trim-off:fewer-than-4"),
    ({1: {"a": 9, "b": 9, "c": 3, "d": 3}, 2: {"a": 9, "b": 9, "c": 3}}, "trim-off:unequal-panel"),
    ({1: {"a": 9, "b": 9, "c": 3, "d": 3}, 2: {}}, "trim-off:unequal-panel")])
def test_without_an_equal_panel_of_four_nothing_is_dropped_and_it_says_so(rows, flag):
    table = standings(points(rows, "abcd", method="trimmed"))
    assert flag in table["flags"]
    assert [(r["entry"], r["score"]) for r in table["rows"]] == [
        (r["entry"], r["score"]) for r in standings(points(rows, "abcd"))["rows"]]


def test_the_same_number_suffices_it_need_not_be_the_same_judges():
    rows = {1: {"a": 9, "b": 9, "c": 9, "d": 1}, 2: {"b": 8, "c": 8, "d": 8, "e": 8}}
    table = standings(points(rows, "abcde", method="trimmed", recused={("e", 1), ("a", 2)}))
    assert not [f for f in table["flags"] if f.startswith("trim-off")] and [r["entry"] for r in table["rows"]] == [1, 2]


def test_a_tie_of_trimmed_means_is_broken_by_all_judges():
    rows = {1: {"a": 9, "b": 8, "c": 8, "d": 1}, 2: {"a": 8, "b": 8, "c": 8, "d": 8}}
    assert rank(points(rows, "abcd", method="trimmed")) == [(1, 2, "criterion:technique"), (2, 1, "criterion:technique")]


# Tokens.

def test_who_has_more_tokens_is_ahead_and_none_is_a_score():
    table = standings(hands("tokens", [1, 2, 3], {"a": [1, 2], "b": [1]}, tokens=2))
    assert [(r["place"], r["entry"], r["score"], r["decided_by"]) for r in table["rows"]] == [
        (1, 1, 2, "tokens"), (2, 2, 1, "tokens"), (3, 3, 0, "tokens")]
    assert table["missing"] == [{"judge": "b", "entry": None}] and table["provisional"]


def test_nobody_is_ranked_before_the_first_token():
    assert standings(hands("tokens", [1, 2], {"a": []}))["unranked"] == [1, 2]


def test_a_token_for_who_is_out_or_recused_is_lost_and_missing_again():
    table = standings(hands("tokens", [1, 2, 3], {"a": [1, 2, 9], "b": [1, 2, 3]}, recused={("b", 3)}))
    assert {r["entry"]: r["score"] for r in table["rows"]} == {1: 2, 2: 2, 3: 0}
    assert table["missing"] == [{"judge": "a", "entry": None}] and table["flags"] == ["uneven-panel"]


def test_a_tie_of_tokens_is_for_people_to_break():
    assert rank(hands("tokens", [1, 2], {"a": [1], "b": [2]}, tokens=1)) == [(1, 1, "shared"), (1, 2, "shared")]


@pytest.mark.parametrize("hand", [[1, 2, 3, 4], [1, 1]])
def test_a_token_too_many_or_two_for_one_entry_is_refused(hand):
    with pytest.raises(Refused) as no:
        standings(hands("tokens", [1, 2, 3, 4], {"a": hand}))
    assert no.value.code == "bad_tokens"


# Ranking. The marks and places are those that BallroomSkatingSystem.jl (S. Dobber; its tests, "Individual Dances")
# publishes for the skating system; there a shared place is the mean of the places taken: 2.5, 2.5 is 2, 2 here.

PUBLISHED = {
    "multiple majorities": ([[1, 2, 3, 4, 5], [1, 3, 2, 4, 5], [1, 3, 2, 5, 4], [5, 1, 2, 3, 4], [2, 1, 5, 3, 4]], [1, 2, 3, 4, 5]),
    "clear majorities": ([[1, 2, 3], [1, 2, 3], [2, 1, 3], [2, 1, 3], [3, 2, 1]], [2, 1, 3]),
    "no majority": ([[1, 2, 3], [1, 2, 3], [2, 1, 3], [1, 3, 2], [2, 1, 3]], [1, 2, 3]),
    "shared places": ([[1, 2, 3, 4], [1, 2, 3, 4], [3, 2, 4, 1], [3, 2, 1, 4], [4, 2, 1, 3]], [2, 1, 2, 4]),
    "only some competitors": ([[1, 2, 5, 3, 4], [1, 4, 2, 3, 5], [1, 5, 2, 3, 4], [2, 1, 5, 3, 4], [5, 2, 1, 3, 4]], [1, 2, 3, 4, 5]),
}


def ranking_of(columns: list[list[int]], **more) -> Judging:
    """A judge a column, as a skating protocol shows it: the rank of number 11, 12, ..."""
    orders = {f"j{n}": [11 + column.index(rank) for rank in sorted(column)] for n, column in enumerate(columns)}
    return hands("ranking", list(range(11, 11 + len(columns[0]))), orders, **more)


@pytest.mark.parametrize("columns, places", PUBLISHED.values(), ids=PUBLISHED)
def test_the_published_places_of_the_skating_system_come_out(columns, places):
    rows = standings(ranking_of(columns))["rows"]
    assert [r["place"] for r in sorted(rows, key=lambda r: r["entry"])] == places


def test_each_rule_of_the_skating_system_says_that_it_decided():
    def by(name):
        return [(r["entry"], r["decided_by"]) for r in standings(ranking_of(PUBLISHED[name][0]))["rows"]]
    assert by("multiple majorities") == [(11, "majority"), (12, "lower-sum"), (13, "lower-sum"), (14, "larger-majority"), (15, "larger-majority")]
    assert by("only some competitors") == [(11, "majority"), (12, "next-place"), (13, "next-place"), (14, "majority"), (15, "majority")]
    assert by("shared places") == [(12, "majority"), (11, "shared"), (13, "shared"), (14, "majority")]


def test_a_ranking_with_a_hole_counts_for_nothing_and_is_missing_what_it_lacks():
    table = standings(hands("ranking", [1, 2, 3], {"a": [1, 2, 3], "b": [3, 2]}))
    assert rank(hands("ranking", [1, 2, 3], {"a": [1, 2, 3]})) == [(r["place"], r["entry"], r["decided_by"]) for r in table["rows"]]
    assert [r["judges"] for r in table["rows"]] == [1, 1, 1] and table["missing"] == [{"judge": "b", "entry": 1}]


def test_ranks_close_up_over_those_who_are_out_and_recused():
    table = standings(hands("ranking", [1, 2, 3], {"a": [9, 3, 2, 1], "b": [1, 2]}, recused={("b", 3)}))
    assert {r["entry"]: r["ranks"] for r in table["rows"]} == {3: {"a": 1}, 1: {"a": 3, "b": 1}, 2: {"a": 2, "b": 2}}
    assert not table["provisional"]


def test_a_ranking_that_names_an_entry_twice_is_refused():
    with pytest.raises(Refused) as no:
        standings(hands("ranking", [1, 2], {"a": [1, 1]}))
    assert no.value.code == "bad_ranking"


# Run-offs and decisions.

TIED = {1: {"a": 8, "b": 7}, 2: {"a": 7, "b": 8}, 3: {"a": 5, "b": 5}}


def test_a_run_off_breaks_a_tie_by_votes():
    assert rank(points(TIED, run_offs=[("r1", [1, 2], {"a": 2, "b": 2})])) == [
        (1, 2, "run-off"), (2, 1, "run-off"), (3, 3, "mean")]


def test_a_level_run_off_leaves_the_tie_to_the_next():
    level = ("r1", [1, 2], {"a": 1, "b": 2})
    assert rank(points(TIED, run_offs=[level]))[0] == (1, 1, "shared")
    assert rank(points(TIED, run_offs=[level, ("r2", [1, 2], {"a": 1, "b": 1})]))[0] == (1, 1, "run-off")


@pytest.mark.parametrize("entries", [[1, 3], [1, 2, 3], [1], [1, 2, 9]])
def test_a_run_off_of_others_than_the_tied_is_void(entries):
    table = standings(points(TIED, run_offs=[("r1", entries, {"a": 1, "b": 1})]))
    assert "run-off-stale" in table["flags"] and table["stale"] == ["r1"] and table["unresolved"] == [[1, 2]]


def test_a_vote_of_who_may_not_vote_is_ignored_and_flagged():
    votes = {"a": 1, "b": 2, "x": 2, "c": 3}
    table = standings(points(TIED, recused={("b", 1)}, run_offs=[("r1", [1, 2], votes)]))
    assert [f for f in table["flags"] if "vote" in f] == [], "1 is ahead with one judge left: nothing is tied"
    table = standings(points(TIED | {1: {"a": 7, "b": 9}}, recused={("b", 1)}, run_offs=[("r1", [1, 2], votes)]))
    assert "run-off-stale" in table["flags"]
    table = standings(points({1: {"a": 8}, 2: {"a": 8}}, "abc", recused={("b", 1)}, run_offs=[("r1", [1, 2], votes)]))
    assert table["flags"] == ["run-off-vote:r1:b", "run-off-vote:r1:c", "run-off-vote:r1:x"] and table["rows"][0]["entry"] == 1


def test_the_head_judges_decision_orders_a_tie_or_shares_it_with_a_reason():
    assert rank(points(TIED, decisions=[([[2], [1]], "cleaner lines")]))[:2] == [(1, 2, "decision"), (2, 1, "decision")]
    table = standings(points(TIED, decisions=[([[1, 2]], "both deserve it")]))
    assert [(r["place"], r["decided_by"]) for r in table["rows"]] == [(1, "decision"), (1, "decision"), (3, "mean")]
    assert table["unresolved"] == [] and table["rows"][0]["tied_with"] == [2]


@pytest.mark.parametrize("order, reason", [([[2], [1]], " "), ([[3], [1], [2]], "r"), ([[1], [2], [2]], "r"), ([[1, 2], []], "r")])
def test_a_decision_that_is_none_or_of_others_than_the_tied_is_void(order, reason):
    table = standings(points(TIED, decisions=[(order, reason)]))
    assert table["rows"][0]["decided_by"] == "shared" and table["flags"][0].startswith("decision-void:")


def test_a_later_decision_replaces_an_earlier_one_and_a_void_one_does_not():
    first, second, blank = ([[2], [1]], "r"), ([[1], [2]], "a slip"), ([[2], [1]], "")
    assert rank(points(TIED, decisions=[first, second]))[0][1] == 1
    assert rank(points(TIED, decisions=[first, second, blank]))[0][1] == 1


# What if.

def test_the_judge_effect_takes_strictness_out_and_changes_nothing_with_a_full_panel():
    uneven = points({1: {"a": 9}, 2: {"a": 7, "b": 5}, 3: {"b": 6}}, ["a", "b"])
    assert [(r["place"], r["entry"], r["score"]) for r in what_if(uneven)["judge_effect"]["rows"]] == [
        (1, 1, 8.0), (2, 3, 7.0), (3, 2, 6.0)]
    full = points({1: {"a": 9, "b": 5}, 2: {"a": 7, "b": 4}}, ["a", "b"])
    assert [(r["entry"], r["score"]) for r in what_if(full)["judge_effect"]["rows"]] == [
        (r["entry"], r["score"]) for r in standings(full)["rows"]]


def test_judges_without_an_entry_in_common_cannot_be_compared():
    assert what_if(points({1: {"a": 9}, 2: {"b": 5}}, ["a", "b"]))["judge_effect"] is None


def test_nothing_judged_has_no_what_if():
    assert what_if(points({1: {}}))["judge_effect"] == {"rows": [], "judges": {}} == what_if(points({}))["z_score"]


def test_the_z_score_of_a_judge_who_gives_everybody_the_same_is_nothing():
    rows = what_if(points({1: {"a": 9, "b": 6}, 2: {"a": 7, "b": 6}}, ["a", "b"]))["z_score"]
    assert [(r["entry"], r["score"]) for r in rows["rows"]] == [(1, 0.5), (2, -0.5)] and rows["judges"] == {"a": 1.0, "b": 0.0}


# Against the second opinion, over small random contests.

MARK = st.sampled_from([1, 4.5, 5, 7, 7.5, 8, 10, 0.1, 0.3])
JUDGES = ["a", "b", "c", "d", "e"]


@st.composite
def judgings(draw, methods=("points", "trimmed", "tokens", "ranking", "choice"), whole=False) -> Judging:
    """A small contest, with all that can happen in one; marks are few, so that there are ties."""
    method = draw(st.sampled_from(methods))
    entries = draw(st.lists(st.integers(101, 105), unique=True, min_size=1, max_size=5))
    panel = JUDGES[:draw(st.integers(1, 5))]
    scarce = st.sampled_from([False] * 8 + [True])
    recused = set() if whole else {(j, e) for j in panel for e in entries if draw(scarce)}
    more: dict = {"recused": recused, "places": draw(st.integers(1, 3)), "quorum": draw(st.integers(0, 3))}
    if method in ("points", "trimmed"):
        criteria = TWO if draw(st.booleans()) else ONE
        mark = draw(st.sampled_from([MARK, st.sampled_from([7, 8])]))
        given_ = {(j, e): {c.id: draw(mark) for c in criteria if whole or not draw(scarce)} for j in JUDGES for e in entries}
        more |= {"criteria": criteria, "sheets": given_}
    elif method == "choice":
        panel, more = [], more | {"recused": set(), "votes": draw(st.dictionaries(st.sampled_from([*entries, 199]), st.integers(1, 3)))}
    else:
        most = draw(st.integers(1, 3)) if method == "tokens" else 9
        some = st.permutations([*entries, 199])
        more |= {"tokens": most, "hands": {j: draw(some)[:1 if draw(scarce) else most] for j in JUDGES if whole or not draw(scarce)}}
    if not whole:
        more |= {"gone": {j for j in panel if draw(scarce)}, **draw(st.one_of(st.just({}), by_people(entries)))}
    return Judging(entries, panel, method=method, **more)


@st.composite
def by_people(draw, entries) -> dict:
    """Run-offs and decisions for any entries at all: most are void."""
    some = st.lists(st.sampled_from([*entries, 198]), unique=True, min_size=1)
    votes = st.dictionaries(st.sampled_from([*JUDGES, "x"]), st.sampled_from([*entries, 198]))
    held = draw(st.lists(st.tuples(some, votes), max_size=2))
    order = some.flatmap(lambda named: st.lists(st.integers(0, 2), min_size=len(named), max_size=len(named)).map(
        lambda blocks: [block for n in range(3) if (block := [e for e, b in zip(named, blocks) if b == n])]))
    return {"run_offs": [(f"r{n}", *one) for n, one in enumerate(held, 1)],
            "decisions": draw(st.lists(st.tuples(order, st.sampled_from(["", " ", "r", "because"])), max_size=2))}


def tied_groups(judging: Judging) -> list[list[int]]:
    found = {tuple(sorted([r["entry"], *r["tied_with"]])) for r in standings(judging)["rows"] if r["tied_with"]}
    return sorted(map(list, found))


def agree(judging: Judging) -> None:
    ours, theirs = standings(judging), opinion(judging)
    assert {r["entry"]: (r["place"], r["decided_by"]) for r in ours["rows"]} == theirs["rows"]
    assert {r["entry"]: r["score"] for r in ours["rows"]} == {
        e: s if s is None else rounded(Fraction(s)) for e, s in theirs["scores"].items()}
    assert {(m["judge"], m["entry"]) for m in ours["missing"]} == theirs["missing"] and ours["provisional"] == bool(theirs["missing"])
    assert set(ours["flags"]) == theirs["flags"] and len(set(ours["flags"])) == len(ours["flags"])
    assert all(ours[k] == theirs[k] for k in ("unranked", "unresolved", "stale"))
    assert [(r["place"], r["entry"]) for r in ours["rows"]] == sorted((r["place"], r["entry"]) for r in ours["rows"])


@given(judgings())
@settings(max_examples=400)
def test_the_second_opinion_agrees(judging):
    agree(judging)


@given(judgings(), st.data())
@settings(max_examples=300)
def test_the_second_opinion_agrees_on_run_offs_and_decisions_of_what_is_tied(judging, data):
    """As people would: a run-off of a tie there is, another of what it left, then the decision."""
    judging = dataclasses.replace(judging, run_offs=[], decisions=[])
    for number in range(data.draw(st.integers(0, 2))):
        if tied := tied_groups(judging):
            entries = data.draw(st.sampled_from(tied))
            votes = data.draw(st.dictionaries(st.sampled_from(JUDGES), st.sampled_from(entries)))
            judging = dataclasses.replace(judging, run_offs=[*judging.run_offs, (f"r{number}", entries, votes)])
            agree(judging)
    if tied := tied_groups(judging):
        group = data.draw(st.permutations(data.draw(st.sampled_from(tied))))
        cut = data.draw(st.integers(1, len(group)))
        judging = dataclasses.replace(judging, decisions=[([b for b in (group[:cut], group[cut:]) if b], "r")])
        agree(judging)
        assert "decision" in {r["decided_by"] for r in standings(judging)["rows"]}


# Properties.

@given(judgings(), st.randoms(use_true_random=False))
def test_the_order_of_judges_and_entries_does_not_matter(judging, random):
    def mixed(items):
        items = list(items)
        random.shuffle(items)
        return items
    other = dataclasses.replace(judging, entries=mixed(judging.entries), panel=mixed(judging.panel), sheets=dict(mixed(judging.sheets.items())),
                                hands=dict(mixed(judging.hands.items())))
    one, two = standings(judging), standings(other)
    assert [one[k] for k in ("rows", "unranked", "unresolved", "flags")] == [two[k] for k in ("rows", "unranked", "unresolved", "flags")]


@given(judgings(methods=("points", "trimmed")), st.sampled_from([2, 0.5, 0.1, 3]))
def test_scaling_all_weights_does_not_matter(judging, factor):
    scaled = [Criterion(c.id, c.name, c.weight * factor) for c in judging.criteria]
    assert standings(dataclasses.replace(judging, criteria=scaled)) == standings(judging)


@given(judgings())
def test_who_is_out_might_as_well_never_have_entered(judging):
    """Sheets, tokens and ranks of an entry that is not in the pool are read nowhere; only run-offs and decisions with it are void."""
    gone = sorted(judging.entries)[0]
    left = dataclasses.replace(judging, entries=[e for e in judging.entries if e != gone], run_offs=[], decisions=[])
    never = dataclasses.replace(
        left, sheets={pair: marks for pair, marks in judging.sheets.items() if pair[1] != gone},
        hands={j: [e for e in hand if e != gone] for j, hand in judging.hands.items()}, recused={p for p in judging.recused if p[1] != gone})
    assert standings(left) == standings(never)


@given(judgings(), st.data())
def test_a_recused_judge_changes_nothing(judging, data):
    """One who is recused from everything, whatever that judge has given."""
    assume("e" not in judging.panel)
    more = dataclasses.replace(judging, panel=[*judging.panel, "e"], recused={*judging.recused, *(("e", e) for e in judging.entries)},
                               run_offs=[], decisions=[])
    assert standings(more) == standings(dataclasses.replace(judging, run_offs=[], decisions=[]))


@given(judgings(), st.data())
@settings(max_examples=300)
def test_a_better_mark_never_worsens_a_place(judging, data):
    """By no method: a mark raised, a token moved to the entry, the entry raised in a ranking, with run-offs and decisions as they are."""
    places = {r["entry"]: r["place"] for r in standings(judging)["rows"]}
    assume(places)
    entry = data.draw(st.sampled_from(sorted(places)))
    better = {r["entry"]: r["place"] for r in standings(bettered(judging, entry, data))["rows"]}
    assert better[entry] <= places[entry]


def bettered(judging: Judging, entry: int, data) -> Judging:
    if judging.method == "choice":
        return dataclasses.replace(judging, votes={**judging.votes, entry: judging.votes.get(entry, 0) + 1})
    if judging.method in ("points", "trimmed"):
        pair = (data.draw(st.sampled_from(list(judging.panel))), entry)
        marks = judging.sheets[pair]
        raised = {c: m + data.draw(st.sampled_from([0, 0.5, 3])) for c, m in marks.items()}
        return dataclasses.replace(judging, sheets={**judging.sheets, pair: raised})
    judge = data.draw(st.sampled_from(sorted(judging.hands) or [None]))
    hand = list(judging.hands.get(judge, ()))
    if judging.method == "tokens":
        if entry in hand or not hand:
            return judging
        hand[data.draw(st.integers(0, len(hand) - 1))] = entry
    elif entry in hand:
        at = hand.index(entry)
        hand.insert(data.draw(st.integers(0, at)), hand.pop(at))
    return dataclasses.replace(judging, hands={**judging.hands, judge: hand} if judge else judging.hands)


@given(judgings(methods=("points",)))
def test_the_judge_effect_is_the_least_squares_solution(judging):
    """What is left of the marks adds up to nothing, for every judge and every entry: no other solution has that."""
    found = what_if(judging)["judge_effect"]
    assume(found is not None and found["rows"])
    totals = {e: each for e, each in contest.judge_totals(judging).items() if each}
    by_judge = {j: {e: t[j] for e, t in totals.items() if j in t} for j in judging.panel}
    effects = contest._effects(totals, {j: each for j, each in by_judge.items() if each})
    entries = {e: sum(t - effects[j] for j, t in each.items()) / len(each) for e, each in totals.items()}
    assert sum(effects.values()) == 0
    for judge, each in by_judge.items():
        assert sum((t - entries[e] - effects[judge] for e, t in each.items()), Fraction(0)) == 0
    assert {r["entry"]: r["score"] for r in found["rows"]} == {e: rounded(s) for e, s in entries.items()}


@given(judgings(methods=("points",), whole=True))
def test_the_z_score_is_that_of_the_textbook(judging):
    totals = contest.judge_totals(judging)
    found = {r["entry"]: r["score"] for r in what_if(judging)["z_score"]["rows"]}
    for entry, each in totals.items():
        zs = []
        for judge, total in each.items():
            all_of = [float(t[judge]) for t in totals.values()]
            wide = statistics.pstdev(all_of)
            zs.append((float(total) - statistics.fmean(all_of)) / wide if wide > 1e-9 else 0)
        assert found[entry] == pytest.approx(statistics.fmean(zs), abs=0.0051)


# The page for organisers: every table of marks is followed by the standings that come of it.

PAGE = (Path(__file__).parent.parent / "docs" / "scoring.md").read_text("utf-8")


def table(block: str) -> list[list[str]]:
    """The rows of a Markdown table, header first."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if not line.startswith("|--")]


def examples() -> list:
    """[(heading, words before the marks, marks, standings, what-if or None)]"""
    found = []
    for part in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        heading, _, body = part.partition("\n")
        blocks = [b.strip() for b in body.split("\n\n")]
        for at, block in enumerate(blocks):
            if block.startswith("| entry |"):
                more = table(blocks[at + 2]) if at + 2 < len(blocks) and blocks[at + 2].startswith("| if |") else None
                found.append(pytest.param(heading, blocks[at - 1], table(block), table(blocks[at + 1]), more, id=f"{heading}-{len(found)}"))
    return found


def told(heading: str, words: str, marks: list[list[str]]) -> Judging:
    """The judging that an example tells of."""
    (_, *judges), *lines = marks
    if heading == "People's choice":
        votes = {int(entry): int(count) for entry, count in lines}
        return Judging(sorted(votes), [], method="choice", votes={e: n for e, n in votes.items() if n})
    cells = {(j, int(line[0])): cell for line in lines for j, cell in zip(judges, line[1:])}
    named = re.search(r"Criteria: (.+?)\.$", words)
    criteria = [Criterion(name.lower(), name, float(weight or 1)) for name, weight in
                re.findall(r"(\w+)(?: \(weight (\d+)\))?(?:, |$)", named[1] if named else "Technique")]
    recused = {pair for pair, cell in cells.items() if cell == "recused"}
    more: dict = {"method": heading.lower() if heading in ("Trimmed", "Tokens", "Ranking") else "points", "recused": recused}
    if heading == "Tokens":
        more |= {"tokens": int(re.search(r"Tokens: (\d)", words)[1]),
                 "hands": {j: [e for (k, e), cell in cells.items() if k == j and cell == "token"] for j in judges}}
    elif heading == "Ranking":
        more["hands"] = {j: sorted((e for k, e in cells if k == j), key=lambda e: int(cells[j, e])) for j in judges}
    else:
        more["sheets"] = {pair: {c.id: float(mark) for c, mark in zip(criteria, cell.split(", "))}
                          for pair, cell in cells.items() if cell not in ("-", "recused")}
    if called := re.search(r"Run-off of ([^:]+): ([^.]+)\.", words):
        votes = {judge: int(entry) for judge, entry in re.findall(r"(\w+) (\d+)", called[2])}
        more["run_offs"] = [("r1", [int(n) for n in re.findall(r"\d+", called[1])], votes)]
    if decided := re.search(r"Decision: ([^.]+)\.", words):
        numbers = [int(n) for n in re.findall(r"\d+", decided[1])]
        more["decisions"] = [([numbers] if "share" in decided[1] else [[n] for n in numbers], "the lines")]
    return Judging(sorted({e for _, e in cells}), judges, criteria, **more)


@pytest.mark.parametrize("heading, words, marks, places, more", examples())
def test_the_page_says_what_the_standings_say(heading, words, marks, places, more):
    judging = told(heading, words, marks)
    assert places[0] == ["place", "entry", "score", "judges", "decided by"]
    rows = [[str(r["place"]), str(r["entry"]), "" if r["score"] is None else f"{r['score']:g}", str(r["judges"]), r["decided_by"]]
            for r in standings(judging)["rows"]]
    assert rows == places[1:]
    if more:
        found = what_if(judging)
        z = {r["entry"]: f"{r['score']:g}" for r in found["z_score"]["rows"]}
        assert [[str(r["place"]), str(r["entry"]), f"{r['score']:g}", z[r["entry"]]] for r in found["judge_effect"]["rows"]] == more[1:]


def test_the_page_has_an_example_of_each_method_and_each_flag_there_is():
    assert {example.values[0] for example in examples()} >= {"Points", "Trimmed", "Ties", "Run-off", "Tokens", "Ranking", "People's choice", "What if"}
    there = {flag.split(":")[0] for flag in re.findall(r"`([a-z-]+(?::[^`]*)?)`", PAGE.split("## What is pointed out")[1].split("\n\n")[0])}
    assert there == {"spread", "quorum", "trim-off", "uneven-panel", "run-off-stale", "run-off-vote", "decision-void"}


def test_the_words_under_the_examples_are_true():
    first = standings(told(*(v for v in examples()[0].values[:3])))
    assert first["flags"] == ["spread:130"] and first["missing"] == [{"judge": "Ben", "entry": 121}]
    adored = told(*examples()[1].values[:3])
    assert rank(dataclasses.replace(adored, method="points"))[0][1] == 118
    assert "trim-off:unequal-panel" in standings(told(*examples()[2].values[:3]))["flags"]
    tokens = next(told(*e.values[:3]) for e in examples() if e.values[0] == "Tokens")
    assert standings(tokens)["missing"] == [{"judge": "Ben", "entry": None}] and standings(tokens)["unresolved"] == [[118, 121]]
    each_one = next(told(*e.values[:3]) for e in examples() if e.values[0] == "Run-off")
    assert {r["place"] for r in standings(dataclasses.replace(each_one, run_offs=[("r1", [118, 121, 130], {"Ana": 118, "Ben": 121, "Cho": 130})]))["rows"]} == {1}


def test_with_floats_the_wrong_one_would_win():
    """The default set-up: five criteria of the same weight, marks in halves, three judges. Two of them prefer 2, and the means are equal."""
    criteria = [Criterion(key, name) for key, name in contest.DEFAULT_CRITERIA]
    better = {("c", 1): (0, 1, 2), ("a", 2): (0,), ("b", 2): (1,), ("c", 2): (2,)}  # where a mark is 6.5 and not 6
    given_ = {(j, e): {c.id: 6 + 0.5 * (n in better.get((j, e), ())) for n, c in enumerate(criteria)} for j in "abc" for e in (1, 2)}
    floats = {e: sum(sum(given_[j, e].values()) / 5 for j in "abc") / 3 for e in (1, 2)}
    assert floats[1] > floats[2] and all(str(f) in PAGE for f in floats.values())
    assert rank(Judging([1, 2], "abc", criteria, given_)) == [(1, 2, "head-to-head"), (2, 1, "head-to-head")]
