"""The rules: what is refused, what happens, who is told what."""

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import contest as app
from contest import Refused, decide, fact_from_json, fact_json, fold, frames, state_from_parts, state_parts, things_of, view
from tests.contests import CRITERIA, command, contest, deal, do, done, enter, judged, marks, photo, tap


def refused(state, kind, by="admin", /, **values) -> str:
    """The code with which a command is refused; the state it was asked of has not changed."""
    with pytest.raises(Refused) as no:
        decide(state, command(kind, by, **values))
    assert no.value.text and not no.value.text.startswith("'")
    return no.value.code


def sheet(state, judge="j1", entry=101, value=8, base=None, by=None) -> dict:
    return {"entry": entry, "judge": judge, "marks": marks(value), "note": "", "base": base}


# Sheets.

@pytest.mark.parametrize("mark", [11, 0.5, "8", True, None, 8.25, float("nan"), float("inf"), [8], -8])
def test_a_mark_that_is_none_is_refused(mark):
    assert refused(contest(), app.GiveSheet, **sheet(None, value={"technique": mark})) == "bad_mark"


@pytest.mark.parametrize("mark", [1, 1.5, 8.5, 10, 10.0])
def test_a_mark_within_its_scale_is_taken_as_written(mark):
    state = tap(contest(), "j1", 101, {"technique": mark})
    assert dict(state.sheets[101]["j1"].marks) == {"technique": mark}


def test_an_unknown_criterion_is_refused():
    assert refused(contest(), app.GiveSheet, **sheet(None, value={"smell": 8})) == "unknown_criterion"


def test_a_sheet_replaces_the_whole_sheet_and_an_empty_one_unjudges():
    state = tap(tap(contest(), "j1", 101, 8), "j1", 101, {"technique": 9})
    assert dict(state.sheets[101]["j1"].marks) == {"technique": 9}
    assert not tap(state, "j1", 101, {}).sheets[101]["j1"].marks


def test_a_sheet_based_on_an_older_one_is_a_conflict_and_shows_the_newer():
    state = tap(contest(), "j1", 101, 8)
    with pytest.raises(Refused) as no:
        decide(state, command(app.GiveSheet, **sheet(state, base=None)))
    assert no.value.code == "conflict" and no.value.extra["sheet"]["marks"] == marks(8)


def test_nobody_judges_before_the_judging():
    assert refused(contest(stage="open"), app.GiveSheet, **sheet(None)) == "not_judging"


def test_a_sheet_after_the_close_is_late_and_counts():
    state = tap(do(contest(), app.CloseJudging, category="sleeve"), "j1", 101, 8)
    assert state.sheets[101]["j1"].late and state.sheets[101]["j1"].counted
    assert app.category_standings(state, "sleeve")["rows"][0]["score"] == 8


def test_a_sheet_after_the_decision_is_kept_but_not_counted_until_it_is_judged_again():
    state = judged(contest(judges=1, entries=2), {101: [9], 102: [7]})
    state = do(do(state, app.CloseJudging, category="sleeve"), app.DecideWinners, category="sleeve", places=[[101], [102]], reason="")
    after = tap(state, "j1", 102, 10)
    assert [r["score"] for r in app.category_standings(after, "sleeve")["rows"]] == [9, 7]
    assert view(after, "judge:j1", "sheet", (102, "j1"))["counted"] is False
    again = do(after, app.ReopenCategory, category="sleeve", reason="A late sheet")
    assert [r["entry"] for r in app.category_standings(again, "sleeve")["rows"]] == [102, 101]
    assert view(again, "judge:j1", "sheet", (102, "j1"))["counted"] is True


def test_a_recused_judge_counts_for_nothing_and_may_come_back():
    state = judged(contest(judges=2, entries=1), {101: [9, 5]})
    state = do(state, app.RecuseJudge, entry=101, judge="j2", recused=True, reason="my pupil")
    assert app.category_standings(state, "sleeve")["rows"][0]["score"] == 9
    back = do(state, app.RecuseJudge, entry=101, judge="j2", recused=False, reason="")
    assert app.category_standings(back, "sleeve")["rows"][0]["score"] == 7


def test_a_revoked_judge_is_missing_nowhere_and_what_was_judged_counts():
    state = judged(contest(judges=2, entries=2), {101: [9, 5], 102: [8, None]})
    assert app.category_standings(state, "sleeve")["provisional"]
    table = app.category_standings(do(state, app.RevokeJudge, judge="j2"), "sleeve")
    assert not table["provisional"] and {r["entry"]: r["score"] for r in table["rows"]} == {101: 7, 102: 8}


def test_a_judge_of_another_category_has_no_seat_here():
    state = do(contest(), app.AddCategory, fields={"name": "Back"})
    state = do(state, app.InviteJudge, fields={"name": "Eve", "role": "judge", "categories": ["back"]})
    assert refused(state, app.GiveSheet, **sheet(None, judge="j4")) == "not_allowed"


def test_the_desk_is_no_judge():
    state = do(contest(), app.InviteJudge, fields={"name": "Desk", "role": "desk"})
    assert refused(state, app.GiveSheet, **sheet(None, judge="j4")) == "no_such_judge"


@pytest.mark.parametrize("out", ["no-show", "withdrawn", "disqualified"])
def test_an_entry_that_is_out_is_not_judged_and_not_ranked(out):
    state = judged(contest(judges=1, entries=2), {101: [9], 102: [7]})
    state = do(state, app.SetEntryState, entry=101, state=out, reason="why")
    assert refused(state, app.GiveSheet, **sheet(None, base=state.sheets[101]["j1"].seq)) == "withdrawn"
    assert [(r["place"], r["entry"]) for r in app.category_standings(state, "sleeve")["rows"]] == [(1, 102)]


# Tokens and rankings.

def hand(method="tokens", entries=(101,), judge="j1", category="sleeve", base=None) -> dict:
    return {"category": category, "judge": judge, "base": base, "entries" if method == "tokens" else "order": list(entries)}


def two_categories(method: str) -> app.State:
    """Entries 101 to 103 in "sleeve", judged by a method, and 104 in another category."""
    state = do(contest(method=method, stage="open"), app.AddCategory, fields={"name": "Back"})
    return do(enter(state, 9, "back"), app.StartJudging, category="sleeve")


@pytest.mark.parametrize("method, entries, code", [
    ("tokens", [101, 102, 103, 104], "bad_tokens"), ("tokens", [101, 101], "bad_tokens"), ("tokens", [104], "bad_tokens"),
    ("tokens", [999], "no_such_entry"), ("tokens", ["101"], "bad_field"), ("tokens", [True], "bad_field"), ("tokens", [101.0], "bad_field"),
    ("ranking", [101, 102], "bad_ranking"), ("ranking", [101, 102, 102], "bad_ranking"), ("ranking", [101, 102, 102, 103], "bad_ranking"),
    ("ranking", [101, 102, 103, 104], "bad_ranking"), ("ranking", [101, 102, 999], "no_such_entry"), ("ranking", [[101]], "bad_field")])
def test_a_hand_that_cannot_be_is_refused(method, entries, code):
    kind = app.GiveTokens if method == "tokens" else app.GiveRanking
    assert refused(two_categories(method), kind, **hand(method, entries)) == code


def test_a_token_more_than_there_are_is_refused_and_as_many_are_taken():
    state = contest(entries=4, method="tokens", tokens=2)
    assert refused(state, app.GiveTokens, **hand(entries=[101, 102, 103])) == "bad_tokens"
    assert deal(state, "j1", [102, 101]).hands["sleeve"]["j1"].entries == (102, 101)


def test_a_category_takes_what_its_method_asks_for_and_nothing_else():
    for method, right in (("points", app.GiveSheet), ("trimmed", app.GiveSheet), ("tokens", app.GiveTokens), ("ranking", app.GiveRanking)):
        state = contest(method=method)
        for kind, values in ((app.GiveSheet, sheet(state)), (app.GiveTokens, hand()), (app.GiveRanking, hand("ranking", [101, 102, 103]))):
            if kind is not right:
                assert refused(state, kind, **values) == "wrong_method"
            else:
                decide(state, command(kind, **values))


@pytest.mark.parametrize("method, entries", [("tokens", [101]), ("ranking", [101, 102, 103])])
def test_a_hand_is_given_by_a_judge_of_the_category_once_it_is_judged(method, entries):
    kind = app.GiveTokens if method == "tokens" else app.GiveRanking
    assert refused(contest(method=method, stage="open"), kind, **hand(method, entries)) == "not_judging"
    state = do(contest(method=method), app.AddCategory, fields={"name": "Back"})
    state = do(state, app.InviteJudge, fields={"name": "Eve", "role": "judge", "categories": ["back"]})
    state = do(state, app.InviteJudge, fields={"name": "Desk", "role": "desk"})
    assert refused(state, kind, **hand(method, entries, "j4")) == "not_allowed"
    assert refused(state, kind, **hand(method, entries, "j5")) == refused(state, kind, **hand(method, entries, "j9")) == "no_such_judge"
    assert refused(state, kind, **hand(method, entries, category="nose")) == "no_such_category"


@pytest.mark.parametrize("method, entries", [("tokens", [101]), ("ranking", [101, 102, 103])])
def test_a_hand_based_on_an_older_one_is_a_conflict_and_shows_the_newer(method, entries):
    state = deal(contest(method=method), "j1", entries)
    with pytest.raises(Refused) as no:
        decide(state, command(app.GiveTokens if method == "tokens" else app.GiveRanking, **hand(method, entries)))
    assert no.value.code == "conflict" and no.value.extra["hand"]["entries"] == entries


def test_a_token_for_who_is_out_is_refused_and_one_that_was_given_before_is_lost():
    state = deal(contest(judges=1, method="tokens", tokens=2), "j1", [101, 102])
    state = do(state, app.SetEntryState, entry=101, state="withdrawn", reason="")
    assert app.category_standings(state, "sleeve")["missing"] == [{"judge": "j1", "entry": None}]
    kept = deal(state, "j1", [101, 103])
    assert {r["entry"]: r["score"] for r in app.category_standings(kept, "sleeve")["rows"]} == {102: 0, 103: 1}
    other = contest(method="tokens")
    other = do(other, app.SetEntryState, entry=101, state="no-show", reason="")
    assert refused(other, app.GiveTokens, **hand(entries=[101])) == "withdrawn"
    back = do(kept, app.SetEntryState, entry=101, state="registered", reason="")
    assert {r["entry"]: r["score"] for r in app.category_standings(back, "sleeve")["rows"]} == {101: 1, 102: 0, 103: 1}


def test_a_ranking_leaves_out_whom_the_judge_is_recused_from_and_may_name_who_is_out():
    state = do(contest(method="ranking"), app.RecuseJudge, entry=101, judge="j1", recused=True, reason="")
    state = do(state, app.SetEntryState, entry=102, state="withdrawn", reason="")
    assert deal(state, "j1", [103]).hands["sleeve"]["j1"].entries == (103,)
    state = deal(state, "j2", [102, 103, 101])
    rows = app.category_standings(state, "sleeve")["rows"]
    assert [(r["entry"], r["ranks"]) for r in rows] == [(103, {"j2": 1}), (101, {"j2": 2})]
    assert app.category_standings(state, "sleeve")["out"] == [102]


@pytest.mark.parametrize("method, entries", [("tokens", [101, 102, 103]), ("ranking", [101, 102, 103])])
def test_a_hand_is_taken_back_by_an_empty_one(method, entries):
    state = deal(deal(contest(judges=1, method=method), "j1", entries), "j1", [])
    table = app.category_standings(state, "sleeve")
    assert table["unranked"] == [101, 102, 103] and table["provisional"]


@pytest.mark.parametrize("method", ["tokens", "ranking"])
def test_a_late_hand_counts_and_one_after_the_decision_is_kept_until_it_is_judged_again(method):
    first, second = [[101], [102]] if method == "tokens" else [[101, 102], [102, 101]]
    state = do(deal(contest(judges=1, entries=2, method=method, tokens=1), "j1", first), app.CloseJudging, category="sleeve")
    late = deal(state, "j1", second)
    assert (late.hands["sleeve"]["j1"].late, late.hands["sleeve"]["j1"].counted) == (True, True)
    assert app.category_standings(late, "sleeve")["rows"][0]["entry"] == 102
    state = do(state, app.DecideWinners, category="sleeve", places=[[101]], reason="r")
    after = deal(state, "j1", second)
    assert app.category_standings(after, "sleeve")["rows"][0]["entry"] == 101
    assert view(after, "judge:j1", "hand", ("sleeve", "j1"))["counted"] is False
    again = do(after, app.ReopenCategory, category="sleeve", reason="A late hand")
    assert app.category_standings(again, "sleeve")["rows"][0]["entry"] == 102
    assert view(again, "judge:j1", "hand", ("sleeve", "j1"))["counted"] is True


def test_what_a_category_is_judged_by_stays_once_a_hand_was_given():
    state = deal(contest(method="tokens"), "j1", [101])
    for fields in ({"method": "ranking"}, {"tokens": 2}):
        assert refused(state, app.ChangeCategory, category="sleeve", fields=fields) == "category_has_sheets"
    assert do(state, app.ChangeCategory, category="sleeve", fields={"quorum": 2}).categories["sleeve"].quorum == 2
    assert refused(state, app.OpenCategory, category="sleeve", reason="") == "reason_needed"


def test_a_judged_entry_moves_to_no_category_that_counts_otherwise():
    state = do(tap(contest(), "j1", 101, 8), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA, "method": "tokens"})
    state = do(state, app.AddCategory, fields={"name": "Arm", "criteria": CRITERIA, "method": "trimmed"})
    assert refused(state, app.ChangeEntry, entry=101, fields={"category": "back"}) == "category_has_sheets"
    assert do(state, app.ChangeEntry, entry=101, fields={"category": "arm"}).entries[101].category == "arm"
    state = do(state, app.RecuseJudge, entry=102, judge="j1", recused=True, reason="")
    assert do(state, app.ChangeEntry, entry=102, fields={"category": "back"}).entries[102].category == "back"


# Run-offs, and what the head judge decides.

def level(judges=3, entries=3, **fields) -> app.State:
    """101 and 102 are level at the top, judged and closed."""
    state = contest(judges=judges, entries=entries, **fields)
    state = judged(state, {101: [8] * judges, 102: [8] * judges} | {n: [5] * judges for n in range(103, 101 + entries)})
    return do(state, app.CloseJudging, category="sleeve")


def called(**more) -> app.State:
    return do(level(**more), app.CallRunOff, category="sleeve", entries=[102, 101])


def vote(state, judge: str, choice: int) -> app.State:
    return do(state, app.VoteInRunOff, f"judge:{judge}", run_off="r1", judge=judge, choice=choice)


def places(state) -> list[tuple]:
    return [(r["place"], r["entry"], r["decided_by"]) for r in app.category_standings(state, "sleeve")["rows"]]


def test_a_run_off_closes_by_itself_when_all_have_voted_and_breaks_the_tie():
    state = vote(called(), "j1", 102)
    assert places(state)[0] == (1, 101, "shared")   # it counts when it is closed, not before
    state = vote(state, "j2", 101)
    assert not state.run_offs["r1"].closed
    state = vote(state, "j3", 102)
    assert state.run_offs["r1"].closed and places(state)[:2] == [(1, 102, "run-off"), (2, 101, "run-off")]


def test_a_vote_may_be_changed_until_the_run_off_closes():
    state = vote(vote(called(), "j1", 101), "j1", 102)
    assert dict(state.run_offs["r1"].votes) == {"j1": 102}
    assert done(state, command(app.VoteInRunOff, "judge:j1", run_off="r1", judge="j1", choice=102))[1] is None
    state = do(state, app.CloseRunOff, run_off="r1")
    assert refused(state, app.VoteInRunOff, run_off="r1", judge="j2", choice=102) == "run_off_closed"
    assert places(state)[0] == (1, 102, "run-off")
    assert done(state, command(app.CloseRunOff, run_off="r1"))[1] is None


@pytest.mark.parametrize("entries, code", [([101], "not_tied"), ([101, 103], "not_tied"), ([101, 102, 103], "not_tied"), ([], "not_tied"),
                                           ([101, 101], "bad_field"), ([101, 999], "no_such_entry"), ([101, "102"], "bad_field")])
def test_a_run_off_is_called_for_exactly_those_who_are_level(entries, code):
    assert refused(level(), app.CallRunOff, category="sleeve", entries=entries) == code


def test_a_vote_for_another_entry_by_another_or_a_recused_judge_is_refused():
    state = level()
    state = do(state, app.RecuseJudge, entry=102, judge="j2", recused=True, reason="")
    state = do(state, app.CallRunOff, category="sleeve", entries=[101, 102])
    state = do(state, app.AddCategory, fields={"name": "Back"})
    state = do(state, app.InviteJudge, fields={"name": "Eve", "role": "judge", "categories": ["back"]})
    vote_ = {"run_off": "r1", "judge": "j1", "choice": 101}
    assert refused(state, app.VoteInRunOff, **vote_ | {"choice": 103}) == "bad_choice"
    assert refused(state, app.VoteInRunOff, **vote_ | {"judge": "j2"}) == "recused"
    assert refused(state, app.VoteInRunOff, **vote_ | {"judge": "j4"}) == "not_allowed"
    assert refused(state, app.VoteInRunOff, **vote_ | {"run_off": "r2"}) == refused(state, app.CloseRunOff, run_off="r2") == "no_such_run_off"
    assert vote(vote(state, "j1", 101), "j3", 101).run_offs["r1"].closed


@pytest.mark.parametrize("leave", [(app.RevokeJudge, {"judge": "j3"}), (app.RecuseJudge, {"entry": 101, "judge": "j3", "recused": True, "reason": ""})])
def test_a_run_off_closes_when_the_last_who_had_to_vote_leaves(leave):
    kind, values = leave
    state = do(vote(vote(called(), "j1", 102), "j2", 102), kind, **values)
    assert state.run_offs["r1"].closed
    assert not do(vote(called(), "j1", 102), kind, **values).run_offs["r1"].closed


def test_an_open_run_off_holds_up_what_would_pass_over_it():
    state = called()
    assert refused(state, app.CallRunOff, category="sleeve", entries=[101, 102]) == "run_off_open"
    assert refused(state, app.DecideTie, category="sleeve", order=[[101], [102]], reason="r") == "run_off_open"
    assert refused(state, app.DecideWinners, category="sleeve", places=[[101]], reason="r") == "run_off_open"
    again = do(do(state, app.CloseRunOff, run_off="r1"), app.CallRunOff, category="sleeve", entries=[101, 102])
    assert sorted(again.run_offs) == ["r1", "r2"]


def test_an_entry_of_an_open_run_off_stays_in_its_category():
    state = do(called(), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA})
    assert refused(state, app.ChangeEntry, entry=101, fields={"category": "back"}) == "run_off_open"
    assert do(state, app.ChangeEntry, entry=103, fields={"category": "back"}).entries[103].category == "back"
    closed = do(state, app.CloseRunOff, run_off="r1")
    assert do(closed, app.ChangeEntry, entry=101, fields={"category": "back"}).entries[101].category == "back"


def test_a_host_is_told_who_has_won_and_no_score():
    state = decided([[101]])
    assert "scores" in app.view(state, "admin", "decision", "sleeve")
    told = app.view(state, "host", "decision", "sleeve")
    assert told["places"] == [[101]] and "scores" not in told


def test_where_nobody_may_vote_no_run_off_is_called():
    state = do(level(judges=1), app.RevokeJudge, judge="j1")
    assert refused(state, app.CallRunOff, category="sleeve", entries=[101, 102]) == "nobody_votes"


def test_a_withdrawal_voids_a_run_off_and_says_so():
    state = do(vote(vote(vote(called(), "j1", 102), "j2", 102), "j3", 102), app.SetEntryState, entry=102, state="withdrawn", reason="")
    assert app.category_standings(state, "sleeve")["stale"] == ["r1"]


@pytest.mark.parametrize("name", ["open", "decided", "announced"])
def test_ties_are_broken_between_the_judging_and_the_decision(name):
    state = in_state(name)
    assert refused(state, app.CallRunOff, category="sleeve", entries=[101, 102]) == "wrong_state"
    assert refused(state, app.DecideTie, category="sleeve", order=[[101, 102]], reason="r") == "wrong_state"


def test_the_head_judge_decides_a_tie_with_a_reason_and_may_decide_again():
    state = level()
    assert refused(state, app.DecideTie, category="sleeve", order=[[102], [101]], reason=" ") == "reason_needed"
    state = do(state, app.DecideTie, category="sleeve", order=[[102], [101]], reason="cleaner lines")
    assert places(state)[:2] == [(1, 102, "decision"), (2, 101, "decision")]
    state = do(state, app.DecideTie, category="sleeve", order=[[102, 101]], reason="both")
    assert [d["reason"] for d in view(state, "admin", "tie", "sleeve")["decisions"]] == ["cleaner lines", "both"]
    assert not any(view(state, channel, "tie", "sleeve") for channel in ("public", "judge", "judge:j1", "desk", "host"))
    assert places(state)[:2] == [(1, 101, "decision"), (1, 102, "decision")]
    assert app.category_standings(state, "sleeve")["unresolved"] == []
    assert do(state, app.DecideWinners, category="sleeve", places=[[101, 102], [103]], reason="").decisions["sleeve"].scores


@pytest.mark.parametrize("order, code", [([[101], [103]], "not_tied"), ([[101], [102], [103]], "not_tied"), ([[101]], "not_tied"), ([], "not_tied"),
                                         ([[101], [101, 102]], "bad_field"), ([[101], []], "bad_field"), ([101, 102], "bad_field"),
                                         ([[101], [999]], "no_such_entry")])
def test_a_decision_about_others_than_those_who_are_level_is_refused(order, code):
    assert refused(level(), app.DecideTie, category="sleeve", order=order, reason="r") == code


def test_a_decision_names_no_entry_of_another_category():
    state = level()
    state = enter(do(state, app.AddCategory, fields={"name": "Back"}), 9, "back")
    assert refused(state, app.DecideTie, category="sleeve", order=[[101], [104]], reason="r") == "bad_field"


def test_what_was_given_and_called_in_a_category_goes_with_it():
    state = do(deal(contest(judges=2, entries=2, method="tokens", tokens=1), "j1", [101]), app.AddCategory, fields={"name": "Back"})
    state = deal(state, "j2", [102])
    state = do(state, app.DecideTie, category="sleeve", order=[[101, 102]], reason="r")
    state = do(state, app.CallRunOff, category="sleeve", entries=[101, 102]) if app.category_standings(state, "sleeve")["unresolved"] else state
    for entry in (101, 102):
        state = do(state, app.ChangeEntry, entry=entry, fields={"category": "back"})
    after = do(state, app.DeleteCategory, category="sleeve")
    assert not after.hands and not after.ties and not after.run_offs
    assert {kind for kind, _ in things_of(after)} == {"contest", "category", "entry", "judge", "screen", "stage"}


def test_the_winners_of_a_ranking_have_no_score_to_show():
    state = deal(contest(judges=1, method="ranking"), "j1", [102, 101, 103])
    state = do(do(state, app.CloseJudging, category="sleeve"), app.DecideWinners, category="sleeve", places=[[102], [101], [103]], reason="")
    assert dict(state.decisions["sleeve"].scores) == {}


# The same studio.

def with_judge(state, studio="Black  Anchor", **more) -> app.State:
    return do(state, app.InviteJudge, fields={"name": "Eve", "role": "judge", "studio": studio, **more})


def recused_pairs(state) -> set[tuple[int, str]]:
    return {(n, j) for n, sheets in state.sheets.items() for j, sheet in sheets.items() if sheet.recused}


@pytest.mark.parametrize("studio, theirs, same", [
    ("Black Anchor", "black  ANCHOR ", True), ("Zo\u00eb", "ZOE\u0308", True), ("", "", False), (" ", "", False), ("Black Anchor", "Anchor", False)])
def test_a_judge_of_the_same_studio_is_recused_whoever_comes_first(studio, theirs, same):
    late = with_judge(enter(contest(entries=0, judges=0, stage="open"), 1, studio=theirs), studio)
    early = enter(with_judge(contest(entries=0, judges=0, stage="open"), studio), 1, studio=theirs)
    for state in (late, early):
        assert recused_pairs(state) == ({(101, "j1")} if same else set())
        assert app.category_standings(state, "sleeve")["missing"] == ([] if same else [{"judge": "j1", "entry": 101}])


def test_a_judge_of_another_category_and_one_who_left_are_not_recused():
    state = do(contest(entries=0, judges=0, stage="open"), app.AddCategory, fields={"name": "Back"})
    state = with_judge(with_judge(state, categories=["back"]))
    state = enter(do(state, app.RevokeJudge, judge="j2"), 1, studio="Black Anchor")
    assert not recused_pairs(state)
    assert recused_pairs(do(state, app.RenewJudge, judge="j2")) == {(101, "j2")}
    assert recused_pairs(do(state, app.ChangeEntry, entry=101, fields={"category": "back"})) == {(101, "j1")}


def test_a_studio_typed_anew_recuses_and_does_not_lift():
    state = with_judge(contest(entries=1, judges=0))
    state = do(state, app.ChangeEntry, entry=101, fields={"studio": "BLACK ANCHOR"})
    assert recused_pairs(state) == {(101, "j1")}
    assert recused_pairs(do(state, app.ChangeEntry, entry=101, fields={"studio": "Other"})) == {(101, "j1")}
    assert recused_pairs(do(state, app.ErasePerson, entry=101)) == {(101, "j1")}


def test_only_the_organiser_lifts_it_and_says_why_and_it_stays_lifted():
    state = do(with_judge(contest(entries=1, judges=0)), app.ChangeEntry, entry=101, fields={"studio": "Black Anchor"})
    lift = {"entry": 101, "judge": "j1", "recused": False}
    assert refused(state, app.RecuseJudge, "judge:j1", **lift, reason="we never met") == "not_allowed"
    assert refused(state, app.RecuseJudge, **lift, reason=" ") == "reason_needed"
    state = tap(do(state, app.RecuseJudge, **lift, reason="they never met"), "j1", 101, 8)
    assert not recused_pairs(state) and app.category_standings(state, "sleeve")["rows"][0]["score"] == 8
    for again in ({"studio": "Other"}, {"studio": "black anchor"}):
        state = do(state, app.ChangeEntry, entry=101, fields=again)
    assert not recused_pairs(state)


def test_a_judge_lifts_the_own_recusal_not_the_organisers():
    state = do(contest(), app.RecuseJudge, "judge:j1", entry=101, judge="j1", recused=True, reason="my pupil")
    assert not recused_pairs(do(state, app.RecuseJudge, "judge:j1", entry=101, judge="j1", recused=False, reason=""))
    state = do(contest(), app.RecuseJudge, entry=101, judge="j1", recused=True, reason="a pupil")
    assert refused(state, app.RecuseJudge, "judge:j1", entry=101, judge="j1", recused=False, reason="") == "not_allowed"


def test_a_judge_is_told_of_a_recusal_for_the_studio_what_the_organisers_own_tells():
    def told(**more) -> dict:
        state = do(with_judge(contest(entries=1, judges=0)), app.ChangeEntry, entry=101, fields={"title": "x", **more})
        state = state if more else do(state, app.RecuseJudge, entry=101, judge="j1", recused=True, reason="r")
        assert view(state, "admin", "sheet", (101, "j1"))["because"] == ("studio" if more else "organiser")
        return view(state, "judge:j1", "sheet", (101, "j1")) | {"seq": 0}
    assert told(studio="Black Anchor") == told()
    before = with_judge(contest(entries=1, judges=0))
    frame = frames(before, *done(before, command(app.ChangeEntry, entry=101, fields={"studio": "Black Anchor"})))["judge:j1"]
    assert [(m["k"], m["d"]["sheet"]["recused"]) for m in frame] == [("judge_recused", True)]
    assert b"tudio" not in orjson.dumps(frame)


def test_a_judge_is_told_whether_the_recusal_is_the_own():
    state = contest()
    for judge, by in (("j1", "judge:j1"), ("j2", "admin")):
        state = do(state, app.RecuseJudge, by, entry=101, judge=judge, recused=True, reason="a pupil")
    assert [view(state, f"judge:{j}", "sheet", (101, j))["because"] for j in ("j1", "j2")] == ["judge", "organiser"]
    lifted = do(state, app.RecuseJudge, entry=101, judge="j2", recused=False, reason="a mistake")
    assert view(lifted, "judge:j2", "sheet", (101, "j2"))["because"] == ""


def test_what_a_judge_gave_before_the_studio_was_known_is_left_out():
    state = judged(with_judge(contest(entries=1, judges=1)), {101: [9, 5]})
    state = do(state, app.ChangeEntry, entry=101, fields={"studio": "Black Anchor"})
    assert app.category_standings(state, "sleeve")["rows"][0]["score"] == 9
    assert tap(state, "j2", 101, 3).sheets[101]["j2"].because == "studio"


def test_after_the_decision_nothing_moves_by_itself_until_it_is_judged_again():
    state = with_judge(contest(entries=1, judges=1))
    state = do(judged(state, {101: [9, 5]}), app.CloseJudging, category="sleeve")
    state = do(state, app.DecideWinners, category="sleeve", places=[[101]], reason="")
    state = do(state, app.ChangeEntry, entry=101, fields={"studio": "Black Anchor"})
    assert not recused_pairs(with_judge(state)) and app.category_standings(state, "sleeve")["rows"][0]["score"] == 7
    state = do(state, app.ReopenCategory, category="sleeve", reason="the studio was not known")
    assert app.category_standings(state, "sleeve")["rows"][0]["score"] == 9


def test_a_recusal_alone_is_no_judgement():
    state = enter(with_judge(contest(entries=0, judges=0, stage="open")), 1, studio="Black Anchor")
    assert do(state, app.ChangeCategory, category="sleeve", fields={"step": 1}).categories["sleeve"].step == 1
    assert do(do(state, app.StartJudging, category="sleeve"), app.OpenCategory, category="sleeve", reason="").categories["sleeve"].state == "open"


# Entries.

@pytest.mark.parametrize("change, code", [
    ({"consent": False}, "consent_missing"), ({"adult": False}, "adult_missing"), ({"collector": " "}, "missing_field"),
    ({"category": "nose"}, "no_such_category"), ({"collector": "x" * 301}, "bad_field"), ({"colour": "red"}, "unknown_field"),
    ({"collector": 7}, "bad_field"), ({"title": "a\x00b"}, "bad_field"), ({"category": None}, "bad_field")])
def test_an_incomplete_entry_is_refused(change, code):
    fields = {"category": "sleeve", "collector": "Zoë", "consent": True, "adult": True} | change
    assert refused(contest(stage="open"), app.SubmitEntry, "public", fields=fields, photos=["x"]) == code


def test_numbers_run_on_and_are_never_given_twice():
    state = contest(entries=3, stage="open")
    assert sorted(state.entries) == [101, 102, 103]
    state = do(state, app.SetEntryState, entry=103, state="withdrawn", reason="")
    assert sorted(enter(state, 9).entries) == [101, 102, 103, 104]


def test_no_entry_after_judging_began_nor_by_the_public_while_registration_is_closed():
    fields = {"category": "sleeve", "collector": "Zoë", "consent": True, "adult": True}
    assert refused(contest(), app.SubmitEntry, "public", fields=fields, photos=["x"]) == "category_closed"
    closed = do(contest(stage="open"), app.ChangeContest, fields={"registration": False})
    assert refused(closed, app.SubmitEntry, "public", fields=fields, photos=["x"]) == "registration_closed"
    assert len(enter(closed, 9, by="desk:j9").entries) == 4


def test_who_is_out_comes_back_by_the_desk_not_by_the_host_nor_by_the_own_page():
    for out in ("no-show", "withdrawn", "disqualified"):
        state = do(contest(), app.SetEntryState, entry=101, state=out, reason="why")
        back = {"entry": 101, "state": "called", "reason": ""}
        assert refused(state, app.SetEntryState, "host:j9", **back) == "not_allowed"
        assert done(state, command(app.SetEntryState, "public", entry=101, state="withdrawn", reason=""))[1] is None
        assert do(state, app.SetEntryState, "desk:j8", **back).entries[101].state == "called"


def test_only_desk_and_organiser_enter_while_registration_is_closed():
    closed = do(contest(stage="open"), app.ChangeContest, fields={"registration": False})
    fields = {"category": "sleeve", "collector": "Zoë", "consent": True, "adult": True}
    for role in ("public", "judge:j1", "host:j9"):
        assert refused(closed, app.SubmitEntry, role, fields=fields, photos=["x"]) == "registration_closed"


def test_a_judged_entry_moves_only_to_a_category_of_the_same_scale():
    state = do(tap(contest(), "j1", 101, 8), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA, "highest": 100, "lowest": 0})
    assert refused(state, app.ChangeEntry, entry=101, fields={"category": "back"}) == "category_has_sheets"
    assert do(state, app.ChangeEntry, entry=102, fields={"category": "back"}).entries[102].category == "back"


def test_a_recusal_after_the_decision_is_refused():
    assert refused(decided([[101]]), app.RecuseJudge, entry=101, judge="j1", recused=True, reason="r") == "wrong_state"


# Categories.

def test_categories_keep_their_order_when_one_is_moved_or_deleted():
    state = app.State()
    for name in ("One", "Two", "Three", "Two!"):
        state = do(state, app.AddCategory, fields={"name": name})
    state = do(state, app.ChangeCategory, category="three", fields={"position": 1})
    def order(s):
        return [c.id for c in sorted(s.categories.values(), key=lambda c: c.position)]
    assert order(state) == ["three", "one", "two", "two-2"]
    state = do(state, app.DeleteCategory, category="one")
    assert order(state) == ["three", "two", "two-2"]
    assert sorted(c.position for c in state.categories.values()) == [1, 2, 3]


def test_no_two_categories_have_one_name_however_it_is_written():
    state = do(do(app.State(), app.AddCategory, fields={"name": "Black & Grey"}), app.AddCategory, fields={"name": "Très"})
    for name in ("black  & GREY", "Tre\u0300s", " TRÈS "):
        assert refused(state, app.AddCategory, fields={"name": name}) == "name_taken"
    assert refused(state, app.ChangeCategory, category="tres", fields={"name": "BLACK & GREY"}) == "name_taken"
    state = do(state, app.ChangeCategory, category="tres", fields={"name": "TRÈS"})      # its own in other letters
    state = do(do(state, app.DeleteCategory, category="black-grey"), app.AddCategory, fields={"name": "Black & Grey"})
    assert sorted(each.name for each in state.categories.values()) == ["Black & Grey", "TRÈS"]


def test_a_log_with_two_categories_of_one_name_is_read_as_it_is():
    state = do(app.State(), app.AddCategory, fields={"name": "Sleeve"})
    twin = app.CategoryAdded("sleeve-2", {"name": "Sleeve", "position": 2})
    state = app.fold(state, app.Fact(state.seq + 1, 0, 0, "AddCategory", "admin", "", "", (twin,)))
    assert [each.name for each in state.categories.values()] == ["Sleeve", "Sleeve"]
    assert do(state, app.ChangeCategory, category="sleeve", fields={"places": 2}).categories["sleeve"].places == 2


@pytest.mark.parametrize("fields", [
    {"criteria": []}, {"criteria": [{"id": "x"}]}, {"criteria": [{"name": "X", "weight": 0}]}, {"criteria": [{"name": "X", "weight": "1"}]},
    {"criteria": "X"}, {"places": 0}, {"places": 1.5}, {"places": True}, {"lowest": 10, "highest": 1}, {"step": 0.4}, {"step": 0},
    {"method": "magic"}, {"name": ""}, {"state": "announced"}, {"position": 0}])
def test_a_category_that_cannot_be_is_refused(fields):
    assert refused(app.State(), app.AddCategory, fields={"name": "X"} | fields) in ("bad_field", "missing_field", "unknown_field")


def test_a_category_with_entries_is_not_deleted_and_a_judged_one_keeps_its_criteria():
    state = tap(contest(), "j1", 101, 8)
    assert refused(state, app.DeleteCategory, category="sleeve") == "category_not_empty"
    assert refused(state, app.ChangeCategory, category="sleeve", fields={"criteria": [{"name": "New"}]}) == "category_has_sheets"
    assert do(state, app.ChangeCategory, category="sleeve", fields={"name": "Arms"}).categories["sleeve"].name == "Arms"


# The rules of a category.

def ruled(**fields) -> app.State:
    """An open category with these rules, without entries."""
    return do(contest(entries=0, judges=1, stage="open"), app.ChangeCategory, category="sleeve", fields=fields)


def entry_of(**more) -> dict:
    return {"category": "sleeve", "collector": "Zo\u00eb", "artist": "Marta", "consent": True, "adult": True, **more}


RULES = [({"age": "healed"}, {"age": "healed"}, [{"age": "fresh"}, {"age": ""}, {}], "wrong_age"),
         ({"at_show": True}, {"at_show": "yes"}, [{"at_show": False}, {"at_show": "no"}, {}], "not_at_show"),
         ({"size_cm": [5, 12.5]}, {"size_cm": "12,5"}, [{"size_cm": 12.6}, {"size_cm": "4.99"}, {"size_cm": ""}, {}], "size_out_of_range"),
         ({"max_per_artist": 1}, {"artist": "Ben"}, [{"artist": " MARTA  0"}, {"artist": ""}], "too_many_of_artist")]


@pytest.mark.parametrize("rule_, good, bad, code", RULES, ids=[row[-1] for row in RULES])
def test_an_entry_that_breaks_a_rule_is_refused_until_the_desk_says_why_it_may(rule_, good, bad, code):
    state = do(enter(ruled(), 0), app.ChangeCategory, category="sleeve", fields=rule_)
    for fields in bad:
        assert refused(state, app.SubmitEntry, "public", fields=entry_of(**fields), photos=["x"]) == code
        override = entry_of(**fields, override="the jury agreed")
        assert refused(state, app.SubmitEntry, "public", fields=override, photos=["x"]) == "not_allowed"
        let, fact = done(state, command(app.SubmitEntry, "desk:j9", fields=override, photos=[photo(9)]))
        assert app.RulesOverridden(102, [code], "the jury agreed") in fact.events
        assert view(let, "desk", "entry", 102)["overridden"] == [code]
        assert refused(state, app.SubmitEntry, "admin", fields=entry_of(**fields, override=" "), photos=["x"]) == code
    taken = do(state, app.SubmitEntry, "public", fields=entry_of(**good), photos=[photo(9)])
    assert taken.entries[102].overridden == ()
    assert refused(taken, app.ChangeEntry, entry=102, fields=bad[0]) == code
    assert do(taken, app.ChangeEntry, "desk:j9", entry=102, fields=bad[0] | {"override": "agreed"}).entries[102].overridden == (code,)


def test_what_a_rule_asked_for_stands_in_the_entry_and_is_the_staffs():
    state = do(ruled(size_cm=[1, 50]), app.SubmitEntry, "public", fields=entry_of(age="fresh", size_cm="12,50", at_show="yes"), photos=[photo(9)])
    entry = state.entries[101]
    assert (entry.age, entry.size_cm, entry.at_show) == ("fresh", 12.5, True)
    assert all("size_cm" in view(state, c, "entry", 101) for c in ("desk", "host", "admin"))
    assert all("size_cm" not in view(state, c, "entry", 101) for c in ("public", "judge"))


@pytest.mark.parametrize("fields", [{"size_cm": "big"}, {"size_cm": -1}, {"size_cm": 301}, {"size_cm": True}, {"size_cm": "1e2"}, {"age": "old"},
                                    {"at_show": "perhaps"}, {"at_show": 1}, {"override": 7}, {"override": "x" * 1001}, {"size_cm": float("nan")}])
def test_what_is_no_size_and_no_age_is_refused(fields):
    assert refused(ruled(), app.SubmitEntry, "desk:j9", fields=entry_of(**fields), photos=["x"]) == "bad_field"


@pytest.mark.parametrize("fields", [
    {"age": "old"}, {"at_show": "yes"}, {"max_per_artist": -1}, {"max_per_artist": 1.5}, {"needs": "after"}, {"size_cm": [5]}, {"size_cm": [9, 5]},
    {"size_cm": ["1", "2"]}, {"size_cm": 5}, {"size_cm": [0, 301]}, {"closes_at": "noon"}, {"closes_at": 1.5}, {"closes_at": -1},
    {"day": "20261128"}, {"day": "2026-11-31"}, {"day": "Saturday"}, {"day": None}, {"day": 5}])
def test_a_rule_that_cannot_be_is_refused(fields):
    assert refused(app.State(), app.AddCategory, fields={"name": "X"} | fields) == "bad_field"
    assert refused(contest(), app.ChangeCategory, category="sleeve", fields=fields) == "bad_field"


def test_an_entry_after_the_closing_time_is_refused_by_the_clock_of_its_line():
    state = ruled(closes_at=1_790_000_000_000)
    for at, late in ((1_790_000_000_000, False), (1_790_000_000_001, True)):
        order = command(app.SubmitEntry, "public", at=at, fields=entry_of(), photos=[photo(9)])
        if late:
            with pytest.raises(Refused) as no:
                decide(state, order)
            assert no.value.code == "category_closed"
        else:
            assert done(state, order)[0].entries[101]
    late = command(app.SubmitEntry, "desk:j9", at=1_790_000_000_001, fields=entry_of(override="stood in the queue"), photos=[photo(9)])
    assert done(state, late)[0].entries[101].overridden == ("category_closed",)
    assert not do(state, app.ChangeCategory, category="sleeve", fields={"closes_at": None}).categories["sleeve"].closes_at


def test_a_category_has_a_day_and_the_contest_a_zone():
    state = do(ruled(day="2026-11-28"), app.ChangeContest, fields={"zone": "America/Argentina/Buenos_Aires"})
    assert view(state, "public", "category", "sleeve")["day"] == "2026-11-28"
    assert view(state, "public", "contest")["zone"] == "America/Argentina/Buenos_Aires"
    assert do(state, app.ChangeCategory, category="sleeve", fields={"day": ""}).categories["sleeve"].day == ""
    for zone in ("Europe/", "/etc/passwd", "../x", "Europe Berlin", None, "a" * 99):
        assert refused(state, app.ChangeContest, fields={"zone": zone}) == "bad_field"


def test_an_artist_of_an_entry_that_is_out_has_room_again():
    state = enter(ruled(max_per_artist=1), 1, artist="Marta")
    assert refused(state, app.SubmitEntry, "public", fields=entry_of(), photos=["x"]) == "too_many_of_artist"
    state = do(state, app.SetEntryState, entry=101, state="withdrawn", reason="")
    assert enter(state, 2, artist="Marta").entries[102]


def test_an_entry_moves_into_a_category_whose_rules_it_keeps_or_with_a_reason():
    state = do(enter(ruled(), 1), app.AddCategory, fields={"name": "Small", "size_cm": [0.1, 10]})
    assert refused(state, app.ChangeEntry, "desk:j9", entry=101, fields={"category": "small"}) == "size_out_of_range"
    assert do(state, app.ChangeEntry, "desk:j9", entry=101, fields={"category": "small", "size_cm": 9}).entries[101].category == "small"
    moved = do(state, app.ChangeEntry, "desk:j9", entry=101, fields={"category": "small", "override": "measured by eye"})
    assert moved.entries[101].overridden == ("size_out_of_range",)
    assert do(moved, app.ChangeEntry, "desk:j9", entry=101, fields={"artist": "Other"}).entries[101].artist == "Other"   # said once is enough
    assert do(moved, app.ChangeEntry, "desk:j9", entry=101, fields={"category": "sleeve"}).entries[101].overridden == ()


def test_a_second_photo_is_asked_for_at_the_check_in_and_shown_to_judges_not_to_the_public():
    state = enter(ruled(needs="before"), 1)
    check_in = {"entry": 101, "state": "checked-in"}
    assert refused(state, app.SetEntryState, "desk:j9", **check_in, reason="") == "second_photo_missing"
    assert do(state, app.SetEntryState, "desk:j9", **check_in, reason="seen on paper").entries[101].overridden == ("second_photo_missing",)
    with_two = do(state, app.AddPhoto, "public", entry=101, photos=[photo(77)])
    assert do(with_two, app.SetEntryState, "desk:j9", **check_in, reason="").entries[101].state == "checked-in"
    assert [len(view(with_two, c, "entry", 101)["photos"]) for c in ("public", "judge", "desk")] == [1, 2, 2]
    assert with_two.photos[f"{77:032x}"] == 101
    assert not do(with_two, app.ErasePerson, entry=101).photos
    closed = judged(do(state, app.StartJudging, category="sleeve"), {101: [8]})
    assert warned(closed) == [{"code": "second_photo_missing", "entries": [101]}]


def test_a_photo_too_many_or_too_late_is_refused():
    state = enter(ruled(needs="reference"), 1)
    add = {"entry": 101, "photos": [photo(77)]}
    two = do(state, app.AddPhoto, "public", **add)
    assert refused(two, app.AddPhoto, "public", **add) == "too_many_photos"
    assert refused(enter(ruled(), 1), app.AddPhoto, "public", **add) == "too_many_photos"      # nobody asked for one
    four = do(do(two, app.AddPhoto, "desk:j9", entry=101, photos=[photo(78)]), app.AddPhoto, "desk:j9", entry=101, photos=[photo(79)])
    assert refused(four, app.AddPhoto, "desk:j9", **add) == "too_many_photos"
    begun = do(state, app.StartJudging, category="sleeve")
    assert refused(begun, app.AddPhoto, "public", **add) == "wrong_state" and do(begun, app.AddPhoto, "desk:j9", **add)
    assert refused(do(state, app.SetEntryState, entry=101, state="withdrawn", reason=""), app.AddPhoto, **add) == "withdrawn"
    assert refused(do(state, app.ErasePerson, entry=101), app.AddPhoto, **add) == "erased"
    assert refused(state, app.AddPhoto, entry=101, photos=[]) == "photo_missing"


# Best of Day, Best of Show.

def day(**judge) -> app.State:
    """Sleeve won by 101 before 102, Back by 103 and 104 together, both announced; Best of Show takes its entries from them."""
    state = do(contest(entries=2, judges=1, stage="open"), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA})
    state = with_judge(enter(enter(state, 2, "back"), 3, "back"), **judge) if judge else enter(enter(state, 2, "back"), 3, "back")
    state = do(state, app.AddCategory, fields={"name": "Best of Show", "from": ["sleeve", "back"], "criteria": CRITERIA})
    return state


def won(state, category, places) -> app.State:
    for kind, more in ((app.StartJudging, {}), (app.CloseJudging, {}), (app.DecideWinners, {"places": places, "reason": "r"}), (app.AnnounceCategory, {})):
        state = do(state, kind, category=category, **more)
    return state


def finals(state=None) -> app.State:
    state = won(won(state or day(), "sleeve", [[101], [102]]), "back", [[103, 104]])
    return do(state, app.StartJudging, category="best-of-show")


def test_a_best_of_show_takes_the_first_places_under_numbers_of_their_own_and_is_not_blind():
    state = finals()
    assert [(e.number, e.of, e.collector) for e in app.entries_of(state, "best-of-show")] == [(105, 101, "Zo\u00eb 0"), (106, 103, "Zo\u00eb 2"), (107, 104, "Zo\u00eb 3")]
    seen = view(state, "judge", "entry", 105)
    assert (seen["of"], seen["collector"], seen["photo"]) == (101, "Zo\u00eb 0", view(state, "judge", "entry", 101)["photo"]) and "phone" not in seen
    assert (view(state, "public", "category", "best-of-show")["from"], view(state, "public", "category", "best-of-show")["blind"]) == (["sleeve", "back"], False)
    assert view(state, "public", "category", "sleeve")["blind"] is True
    state = do(tap(state, "j1", 105, 9), app.OpenCategory, category="best-of-show", reason="one was forgotten")
    assert [e.number for e in app.entries_of(do(state, app.StartJudging, category="best-of-show"), "best-of-show")] == [105, 106, 107]


def test_it_is_judged_once_every_category_it_takes_from_is_announced():
    assert refused(won(day(), "sleeve", [[101]]), app.StartJudging, category="best-of-show") == "not_announced"


def test_a_winner_of_the_day_and_of_the_category_competes_once():
    state = do(do(day(), app.DeleteCategory, category="best-of-show"), app.AddCategory, fields={"name": "Best of Day", "from": ["sleeve"], "criteria": CRITERIA})
    state = do(state, app.AddCategory, fields={"name": "Best of Show", "from": ["best-of-day", "sleeve", "back"], "criteria": CRITERIA})
    state = won(won(won(state, "sleeve", [[101]]), "back", []), "best-of-day", [[105]])
    state = do(state, app.StartJudging, category="best-of-show")
    assert [(e.number, e.of) for e in app.entries_of(state, "best-of-show")] == [(106, 101)]
    assert warned(do(tap(state, "j1", 106, 9), app.CloseJudging, category="best-of-show"), "best-of-show") == []     # that it has won is how it came here


def test_a_winner_who_is_out_does_not_go_on():
    state = do(won(won(day(), "sleeve", [[101]]), "back", [[103]]), app.SetEntryState, entry=101, state="disqualified", reason="r")
    assert [e.of for e in app.entries_of(do(state, app.StartJudging, category="best-of-show"), "best-of-show")] == [103]


def test_a_source_that_is_corrected_or_whose_winner_is_away_is_told_until_the_best_of_show_has_followed():
    state = finals()      # 105 stands for 101, 106 and 107 for 103 and 104
    assert warned(state, "best-of-show") == [{"code": "incomplete", "entries": [105, 106, 107], "missing": 3}]
    def told(state):
        return [(w["code"], w["entries"]) for w in warned(state, "best-of-show") if w["code"] != "incomplete"]
    corrected = do(state, app.CorrectWinners, category="sleeve", places=[[102], [101]], reason="typed wrongly")
    assert told(corrected) == [("not_first", [105]), ("first_missing", [102])]
    assert told(do(state, app.PassOver, category="back", entry=103)) == [("not_first", [106])]
    followed = do(corrected, app.SetEntryState, entry=105, state="withdrawn", reason="corrected")
    assert told(followed) == [("first_missing", [102])]
    followed = do(do(followed, app.OpenCategory, category="best-of-show", reason="r"), app.StartJudging, category="best-of-show")
    assert told(followed) == [] and [e.of for e in app.entries_of(followed, "best-of-show") if e.state == "registered"] == [103, 104, 102]
    back = do(followed, app.CorrectWinners, category="sleeve", places=[[101], [102]], reason="it was right")
    assert told(do(back, app.SetEntryState, entry=105, state="registered", reason="")) == [("not_first", [108])]
    assert told(do(corrected, app.SetEntryState, entry=102, state="disqualified", reason="r")) == [("not_first", [105])]


def test_recusals_are_carried_over_and_what_was_lifted_stays_so():
    state = do(day(studio="Studio 0"), app.StartJudging, category="back")
    state = do(state, app.RecuseJudge, "judge:j1", entry=103, judge="j1", recused=True, reason="my pupil")
    state = finals(do(state, app.OpenCategory, category="back", reason="r"))
    assert recused_pairs(state) == {(101, "j2"), (105, "j2"), (103, "j1"), (106, "j1")}
    assert state.sheets[105]["j2"].because == "studio" and not state.sheets[105]["j2"].marks
    state = do(do(day(studio="Studio 0"), app.StartJudging, category="sleeve"), app.RecuseJudge, entry=101, judge="j2", recused=False, reason="no")
    assert recused_pairs(finals(do(state, app.OpenCategory, category="sleeve", reason="r"))) == set()


def test_only_winners_get_into_a_best_of_show():
    state = day()
    assert refused(state, app.SubmitEntry, "admin", fields=entry_of(category="best-of-show"), photos=["x"]) == "winners_only"
    assert refused(state, app.ChangeEntry, entry=101, fields={"category": "best-of-show"}) == "winners_only"
    for category, into in (("sleeve", "best-of-show"), ("best-of-show", "sleeve")):
        assert refused(state, app.MergeCategory, category=category, into=into, reason="r") == "winners_only"
    state = finals(do(state, app.AddCategory, fields={"name": "Arms", "criteria": CRITERIA}))
    assert refused(state, app.ChangeEntry, entry=105, fields={"category": "arms"}) == "winners_only"


def test_what_is_changed_or_hidden_of_one_is_so_of_the_other():
    state = finals()
    for asked_ in (101, 105):
        after = do(state, app.ChangeEntry, entry=asked_, fields={"artist": "Martha"})
        assert {after.entries[n].artist for n in (101, 105)} == {"Martha"}
        after = do(state, app.HidePhoto, entry=asked_)
        assert view(after, "public", "entry", 101) is view(after, "public", "entry", 105) is None
        assert do(after, app.ShowPhoto, entry=asked_).entries == state.entries
    assert app.family(state, 101) == app.family(state, 105) == [105, 101]


@pytest.mark.parametrize("sources, code", [(["nose"], "no_such_category"), (["best-of-show"], "bad_field"), (["best-of-day"], "bad_field"), (["sleeve", "sleeve"], "bad_field"),
                                           ("sleeve", "bad_field"), (None, "bad_field"), ([1], "bad_field")])
def test_where_winners_cannot_come_from_is_refused(sources, code):
    state = do(day(), app.AddCategory, fields={"name": "Best of Day", "from": ["best-of-show"]})
    assert refused(state, app.ChangeCategory, category="best-of-show", fields={"from": sources}) == code
    if code != "bad_field" or sources not in (["best-of-show"], ["best-of-day"]):
        assert refused(state, app.AddCategory, fields={"name": "X", "from": sources}) == code


def test_a_category_with_entries_or_judged_already_does_not_become_a_best_of():
    assert refused(day(), app.ChangeCategory, category="sleeve", fields={"from": ["back"]}) == "wrong_state"
    assert refused(finals(), app.ChangeCategory, category="best-of-show", fields={"from": ["back"]}) == "wrong_state"
    assert do(day(), app.ChangeCategory, category="best-of-show", fields={"from": ["back"]}).categories["best-of-show"].sources == ("back",)
    empty = do(do(app.State(), app.AddCategory, fields={"name": "A"}), app.AddCategory, fields={"name": "B", "from": ["a"]})
    assert refused(empty, app.DeleteCategory, category="a") == "last_source"


# Too few entries: merged with another category.

def sleeve_and_back(stage="judging", **fields) -> app.State:
    """Sleeve with 101 and 102, Back with 103; judged by j1."""
    state = do(contest(entries=2, judges=1, stage="open"), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA, **fields})
    state = enter(state, 2, "back")
    for category in ("sleeve", "back"):
        state = do(state, app.StartJudging, category=category) if stage == "judging" else state
    return state


def merge(state, category="back", into="sleeve", reason="one entry is no contest") -> app.State:
    return do(state, app.MergeCategory, category=category, into=into, reason=reason)


def test_a_category_is_merged_with_another_in_one_line_and_its_sheets_come_along():
    before = tap(with_judge(sleeve_and_back(), categories=["sleeve"]), "j1", 103, 8)
    before = do(before, app.ChangeEntry, entry=103, fields={"studio": "Black Anchor"})
    state, fact = done(before, command(app.MergeCategory, category="back", into="sleeve", reason="one is no contest"))
    assert fact.seq == before.seq + 1 and {e.category for e in state.entries.values()} == {"sleeve"}
    assert [r["entry"] for r in app.category_standings(state, "sleeve")["rows"]] == [103]
    assert recused_pairs(state) == {(103, "j2")}                         # of the panel that it comes before
    assert {"k": "category_merged", "d": {"entry": view(state, "public", "entry", 103)}} in frames(before, state, fact)["public"]
    assert done(state, command(app.MergeCategory, category="back", into="sleeve", reason="r"))[1] is None
    assert not do(state, app.DeleteCategory, category="back").categories.get("back")


def fed(**fields) -> app.State:
    """Sleeve and Back, and an award that takes its entries from Back alone, and one from both."""
    state = do(sleeve_and_back("open"), app.AddCategory, fields={"name": "Best of Show", "from": ["back"], **fields})
    return do(state, app.AddCategory, fields={"name": "Crown", "from": ["sleeve", "back"], **fields})


def sources(state) -> dict:
    return {c.id: c.sources for c in state.categories.values() if c.id not in ("sleeve", "back")}


@pytest.mark.parametrize("fields", [{}, {"method": "choice"}])
def test_who_took_entries_from_a_merged_category_takes_them_from_the_other(fields):
    before = fed(**fields)
    state, fact = done(before, command(app.MergeCategory, category="back", into="sleeve", reason="one is no contest"))
    assert sources(state) == {"best-of-show": ("sleeve",), "crown": ("sleeve",)}
    told = [each["d"]["category"] for each in frames(before, state, fact)["public"] if each["k"] == "category_changed"]
    assert {each["id"]: each["from"] for each in told} == {"best-of-show": ["sleeve"], "crown": ["sleeve"]}
    assert sources(do(state, app.DeleteCategory, category="back")) == sources(state)


@pytest.mark.parametrize("fields", [{}, {"method": "choice"}])
def test_the_only_source_of_an_award_is_not_deleted_and_one_of_several_leaves_the_others(fields):
    state = do(fed(**fields), app.ChangeEntry, entry=103, fields={"category": "sleeve"})
    assert refused(state, app.DeleteCategory, category="back") == "last_source"
    state = do(state, app.ChangeCategory, category="best-of-show", fields={"from": ["sleeve"]})
    assert sources(do(state, app.DeleteCategory, category="back")) == {"best-of-show": ("sleeve",), "crown": ("sleeve",)}


@pytest.mark.parametrize("values, code", [
    ({"into": "back"}, "bad_field"), ({"into": "nose"}, "no_such_category"), ({"category": "nose"}, "no_such_category"), ({"reason": " "}, "reason_needed")])
def test_a_merger_that_cannot_be_is_refused(values, code):
    assert refused(sleeve_and_back(), app.MergeCategory, **{"category": "back", "into": "sleeve", "reason": "r"} | values) == code


@pytest.mark.parametrize("fields", [{"highest": 100}, {"step": 1}, {"criteria": [{"name": "Lines"}]}])
def test_where_the_scales_differ_only_what_is_not_judged_is_merged(fields):
    state = sleeve_and_back(**fields)
    assert {e.category for e in merge(state).entries.values()} == {"sleeve"}
    judged_ = tap(state, "j1", 103, {state.categories["back"].criteria[0].id: 8})
    assert refused(judged_, app.MergeCategory, category="back", into="sleeve", reason="r") == "category_has_sheets"


def test_tokens_and_rankings_do_not_move_with_their_entries():
    state = deal(sleeve_and_back(method="tokens"), "j1", [103], "back")
    assert refused(state, app.MergeCategory, category="back", into="sleeve", reason="r") == "category_has_sheets"


def test_an_open_run_off_is_held_before_its_category_is_merged():
    state = do(called(), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA})
    assert refused(state, app.MergeCategory, category="sleeve", into="back", reason="r") == "run_off_open"
    assert merge(do(state, app.CloseRunOff, run_off="r1"), "sleeve", "back").entries[101].category == "back"


@pytest.mark.parametrize("kind", [app.CloseJudging, app.DecideWinners])
def test_nothing_is_merged_into_what_is_no_longer_judged(kind):
    state = do(sleeve_and_back(), app.CloseJudging, category="sleeve")
    state = do(state, app.DecideWinners, category="sleeve", places=[[101]], reason="r") if kind is app.DecideWinners else state
    assert refused(state, app.MergeCategory, category="back", into="sleeve", reason="r") == "wrong_state"
    if kind is app.DecideWinners:
        assert refused(state, app.MergeCategory, category="sleeve", into="back", reason="r") == "wrong_state"


STEPS = [(app.StartJudging, "open", {}), (app.CloseJudging, "judging", {}), (app.OpenCategory, "judging", {"reason": "r"}),
         (app.ReopenCategory, "closed", {"reason": "r"}), (app.AnnounceCategory, "decided", {})]


@pytest.mark.parametrize("kind, right, more", STEPS)
@pytest.mark.parametrize("state_name", ["open", "judging", "closed", "decided", "announced"])
def test_a_category_goes_its_way_and_no_other(kind, right, more, state_name):
    state = in_state(state_name)
    if state_name == right or (kind is app.ReopenCategory and state_name == "decided"):
        assert do(state, kind, category="sleeve", **more).categories["sleeve"].state != state_name
    else:
        assert refused(state, kind, category="sleeve", **more) == "wrong_state"


def in_state(name: str) -> app.State:
    state = contest(stage="open")
    for reached, kind, more in (("judging", app.StartJudging, {}), ("closed", app.CloseJudging, {}),
                                ("decided", app.DecideWinners, {"places": [[101], [102]], "reason": "r"}),
                                ("announced", app.AnnounceCategory, {})):
        if name == state.categories["sleeve"].state:
            break
        state = do(state, kind, category="sleeve", **more)
        assert state.categories["sleeve"].state == reached
    return state


# The decision and the reveal.

def decided(places, values=None, show_scores=True, judges=1) -> app.State:
    state = contest(entries=4, judges=judges)
    state = judged(state, values or {101: [9], 102: [8], 103: [7], 104: [6]})
    state = do(state, app.ChangeCategory, category="sleeve", fields={"show_scores": show_scores})
    state = do(state, app.CloseJudging, category="sleeve")
    return do(state, app.DecideWinners, category="sleeve", places=places, reason="the panel says so")


@pytest.mark.parametrize("places, code", [([[101], [101]], "bad_places"), ([[]], "bad_field"), ([[101, 999]], "no_such_entry"), ("x", "bad_field"), ([101], "bad_field"),
                                          ([["101"]], "bad_field"), ([[True]], "bad_field"), ([[101], [102], [103], [104]], "bad_places"), ([[101, 102, 103], [104]], "bad_places")])
def test_places_that_cannot_be_are_refused(places, code):
    state = decided([[101]])
    assert refused(state, app.DecideWinners, category="sleeve", places=places, reason="r") == code


def test_winners_of_another_category_are_refused():
    state = do(contest(stage="open"), app.AddCategory, fields={"name": "Back"})
    state = do(enter(state, 9, "back"), app.StartJudging, category="sleeve")
    state = do(state, app.CloseJudging, category="sleeve")
    assert refused(state, app.DecideWinners, category="sleeve", places=[[104]], reason="r") == "bad_places"


def test_winners_that_differ_from_the_standings_need_a_reason():
    state = judged(contest(judges=1, entries=2), {101: [9], 102: [8]})
    state = do(state, app.CloseJudging, category="sleeve")
    assert refused(state, app.DecideWinners, category="sleeve", places=[[102], [101]], reason=" ") == "reason_needed"
    same = do(state, app.DecideWinners, category="sleeve", places=[[101], [102]], reason="")
    other = do(state, app.DecideWinners, category="sleeve", places=[[102], [101]], reason="r")
    assert dict(same.decisions["sleeve"].scores) == {"101": 9, "102": 8} and not other.decisions["sleeve"].scores


@pytest.mark.parametrize("values", [{101: [9, None], 102: [8, 8]}, {101: [9, 8], 102: [9, 8]}])
def test_incomplete_or_tied_standings_need_a_reason(values):
    state = do(judged(contest(judges=2, entries=2), values), app.CloseJudging, category="sleeve")
    places = app.category_standings(state, "sleeve")["rows"]
    groups = [[101, 102]] if places[0]["tied_with"] else [[101], [102]]
    assert refused(state, app.DecideWinners, category="sleeve", places=groups, reason="") == "reason_needed"


def step(state, number, phase="ink"):
    return do(state, app.StepReveal, "host:j9", category="sleeve", step=number, phase=phase)


def test_the_reveal_goes_one_step_at_a_time_and_back_anywhere():
    state = decided([[101], [102], [103]])
    assert refused(state, app.StepReveal, category="sleeve", step=1, phase="ink") == "step_skipped"
    state = step(step(step(state, 0), 1), 2)
    assert refused(state, app.StepReveal, category="sleeve", step=4, phase="ink") == "step_skipped"
    state = step(step(state, 0), 2)
    assert view(state, "public", "screen")["place"] == 2
    assert refused(state, app.StepReveal, category="sleeve", step=5, phase="ink") == "bad_field"
    state = step(step(state, 3), 4)
    assert [p["place"] for p in view(state, "public", "screen")["places"]] == [1, 2, 3]


def test_the_same_step_twice_has_one_effect():
    state = step(decided([[101]]), 0)
    assert done(state, command(app.StepReveal, category="sleeve", step=0, phase="ink"))[1] is None


def test_nothing_is_revealed_before_it_is_decided():
    assert refused(contest(), app.StepReveal, category="sleeve", step=0, phase="ink") == "not_decided"


def test_a_decision_made_again_takes_the_stencil_of_the_one_before_off_the_screen():
    state = step(step(decided([[101], [102]]), 0), 1, "stencil")
    again = do(state, app.DecideWinners, category="sleeve", places=[[103], [104]], reason="a slip")
    assert view(again, "public", "screen") == {"mode": "reveal", "category": "sleeve", "phase": "slate"}
    assert view(step(again, 1), "public", "screen")["entries"][0]["number"] == 104


def test_the_stencil_shows_the_place_and_the_drawing_and_reveals_nobody():
    state = step(step(decided([[101], [102]]), 0), 1, "stencil")
    seen = view(state, "public", "screen")
    assert seen == {"mode": "reveal", "category": "sleeve", "phase": "stencil", "place": 2,
                    "stencils": [{"stencil": f"{1:032x}-stencil.webp", "width": 1600, "height": 2000}]}
    assert view(state, "public", "winners", "sleeve") is None
    assert "collector" not in view(state, "public", "entry", 102)


def test_a_place_is_revealed_by_its_step_and_the_category_announced_by_its_first():
    state = step(step(decided([[101], [102]]), 0), 1)
    assert view(state, "public", "entry", 102)["collector"] == "Zoë 1"
    assert "collector" not in view(state, "public", "entry", 101)
    assert state.categories["sleeve"].state == "decided"
    state = step(state, 2)
    assert state.categories["sleeve"].state == "announced"
    assert [e["number"] for p in view(state, "public", "winners", "sleeve")["places"] for e in p["entries"]] == [101, 102]
    assert "phone" not in orjson.dumps(view(state, "public", "winners", "sleeve")).decode()


def test_shared_places_count_1_1_3():
    state = decided([[101, 102], [103]])
    state = do(state, app.AnnounceCategory, category="sleeve")
    assert [(p["place"], [e["number"] for e in p["entries"]]) for p in view(state, "public", "winners", "sleeve")["places"]] == [
        (1, [101, 102]), (3, [103])]


def test_a_contest_without_a_winner_says_so():
    state = step(decided([]), 0)
    state = step(state, 1)
    assert view(state, "public", "screen")["phase"] == "none" and state.categories["sleeve"].state == "announced"
    assert view(state, "public", "winners", "sleeve") == {"category": "sleeve", "places": []}


@pytest.mark.parametrize("show, places, scored", [(True, [[101], [102], [103]], True), (False, [[101], [102], [103]], False),
                                                  (True, [[102], [101], [103]], False)])
def test_a_score_is_sent_only_where_it_is_shown_and_the_decision_equals_the_standings(show, places, scored):
    state = do(decided(places, show_scores=show), app.AnnounceCategory, category="sleeve")
    winners = [e for p in view(state, "public", "winners", "sleeve")["places"] for e in p["entries"]]
    assert all(("score" in e) == scored for e in winners)


def test_losers_stay_numbers_unless_all_are_published():
    state = do(decided([[101]]), app.AnnounceCategory, category="sleeve")
    assert "collector" not in view(state, "public", "entry", 104)
    state = do(state, app.ChangeContest, fields={"publish": "all"})
    assert view(state, "public", "entry", 104)["collector"] == "Zoë 3"


# A winner who is not there, and a correction.

def six(places=3, awards=3) -> app.State:
    """Six entries judged 9, 8, 7, 6, 5, 4; the first of them decided as the standings say."""
    state = judged(contest(entries=6, judges=1, places=awards), {101 + n: [9 - n] for n in range(6)})
    state = do(state, app.CloseJudging, category="sleeve")
    return do(state, app.DecideWinners, category="sleeve", places=[[101 + n] for n in range(places)], reason="so")


def absent(state, entry) -> app.State:
    return do(state, app.PassOver, "host:j9", category="sleeve", entry=entry)


def places_of(state, channel="public") -> list:
    shown = view(state, channel, "winners", "sleeve")
    return shown and [(p["place"], [e["number"] for e in p["entries"]]) for p in shown["places"]]


def shown_to(state, last: int) -> app.State:
    for number in range(last + 1):
        state = step(state, number)
    return state


def test_the_runner_up_moves_up_and_the_next_of_the_standings_takes_the_last_award():
    state = absent(six(), 101)
    assert state.decisions["sleeve"].places == ((102,), (103,), (104,)) and state.decisions["sleeve"].absent == (101,)
    assert dict(state.decisions["sleeve"].scores) == {"102": 8, "103": 7, "104": 6}
    assert absent(state, 102).decisions["sleeve"].places == ((103,), (104,), (105,))
    assert absent(state, 101) is state                                     # the second tap of a nervous thumb


@pytest.mark.parametrize("last", [0, 1, 2, 4])
def test_what_an_absence_would_change_is_told_before_and_comes_to_be_so(last):
    state = shown_to(six(), last)
    told = app.places_without(state, "sleeve", app.category_standings(state, "sleeve"))
    assert set(told) == ({"101", "102", "103"} if last in (0, 4) else {str(104 - n) for n in range(1, last + 1)})
    for number, places in told.items():
        assert [list(group) for group in absent(state, int(number)).decisions["sleeve"].places] == places
    for number in {101, 102, 103} - set(map(int, told)):
        with pytest.raises(app.Refused, match="show its place first"):
            absent(state, number)


def test_before_a_decision_nobody_can_be_absent():
    state = judged(contest(judges=1), {101: [9], 102: [8], 103: [7]})
    assert app.places_without(state, "sleeve", app.category_standings(state, "sleeve")) == {}


def test_nobody_outside_learns_that_a_secret_winner_is_passed_over():
    for state in (six(), step(six(), 0)):
        order = command(app.PassOver, "host:j9", category="sleeve", entry=102)
        after, fact = done(state, order)
        assert set(frames(state, after, fact)) == {"host", "admin"}
        on_show = step(step(state, 0), 1, "stencil")
        told = frames(on_show, *done(on_show, command(app.PassOver, "host:j9", category="sleeve", entry=102)))["public"]
        assert told == [{"k": "winners_decided", "d": {"screen": {"mode": "reveal", "category": "sleeve", "phase": "slate"}}}]
        shown = shown_to(after, 4)
        assert places_of(shown) == [(1, [101]), (2, [103]), (3, [104])]
        assert "collector" not in view(shown, "public", "entry", 102) and "absent" not in view(shown, "public", "winners", "sleeve")


@pytest.mark.parametrize("last, gone, places", [
    (1, 103, [(3, [104])]), (2, 103, [(2, [102]), (3, [104])]), (2, 102, [(2, [103]), (3, [104])]),
    (3, 101, [(1, [102]), (2, [103]), (3, [104])]), (4, 103, [(1, [101]), (2, [102]), (3, [104])])])
def test_a_winner_who_was_shown_is_passed_over_and_stays_known(last, gone, places):
    state = absent(shown_to(six(), last), gone)
    assert places_of(state) == places
    assert view(state, "public", "winners", "sleeve")["absent"] == [gone]
    assert view(state, "public", "entry", gone)["collector"] and view(state, "public", "entry", 104)["collector"]
    secret = {101, 102, 103} - {gone} - {n for _, group in places for n in group}
    assert not any("collector" in view(state, "public", "entry", n) for n in secret)
    assert [n for _, group in places_of(shown_to(state, 4)) for n in group] == [n for n in range(101, 105) if n != gone]


@pytest.mark.parametrize("last", [1, 2])
def test_a_secret_place_does_not_change_while_one_behind_it_is_shown(last):
    assert refused(shown_to(six(), last), app.PassOver, category="sleeve", entry=101) == "place_not_shown"


def test_the_screen_shows_who_moved_up_in_the_place_that_stood_there():
    state = absent(shown_to(six(), 3), 101)
    seen = view(state, "public", "screen")
    assert (seen["place"], [e["number"] for e in seen["entries"]]) == (1, [102])
    stencil = absent(step(shown_to(six(), 1), 2, "stencil"), 103)          # the stencil of the second place stays
    assert view(stencil, "public", "screen")["stencils"][0]["stencil"] == f"{1:032x}-stencil.webp"


def test_without_a_next_the_places_get_fewer_and_no_secret_one_is_shown_by_it():
    state = judged(contest(entries=3, judges=1), {101: [9], 102: [8], 103: [7]})
    state = do(do(state, app.CloseJudging, category="sleeve"), app.DecideWinners, category="sleeve", places=[[101], [102], [103]], reason="")
    state = absent(shown_to(state, 1), 103)
    assert places_of(state) == [] and view(state, "public", "screen")["phase"] == "slate"
    assert view(state, "public", "entry", 103)["collector"] and "collector" not in view(state, "public", "entry", 102)
    assert refused(state, app.DecideWinners, category="sleeve", places=[[102]], reason="r") == "wrong_state"
    assert refused(state, app.ReopenCategory, category="sleeve", reason="r") == "wrong_state"
    assert places_of(step(step(state, 1), 2)) == [(1, [101]), (2, [102])]


def test_everybody_absent_is_no_award():
    state = six(places=1, awards=1)
    for entry in range(101, 107):
        state = absent(state, entry)
    assert state.decisions["sleeve"].places == ()
    assert view(step(step(state, 0), 1), "public", "screen")["phase"] == "none"


def test_shared_places_close_up_and_a_tie_behind_them_shares_the_last_award():
    state = judged(contest(entries=5, judges=1), {101: [9], 102: [9], 103: [7], 104: [6], 105: [6]})
    state = do(do(state, app.CloseJudging, category="sleeve"), app.DecideWinners, category="sleeve", places=[[101, 102], [103]], reason="r")
    assert absent(state, 102).decisions["sleeve"].places == ((101,), (103,), (104, 105))
    shown = absent(do(state, app.AnnounceCategory, category="sleeve"), 102)
    assert places_of(shown) == [(1, [101]), (2, [103]), (3, [104, 105])]


def test_whom_the_organiser_left_out_on_purpose_does_not_come_back_by_an_absence():
    state = do(six(), app.DecideWinners, category="sleeve", places=[[102], [104]], reason="101 and 103 have won elsewhere")
    assert absent(state, 102).decisions["sleeve"].places == ((104,), (105,))


@pytest.mark.parametrize("entry, code", [(104, "not_placed"), (999, "no_such_entry")])
def test_only_a_winner_can_be_absent(entry, code):
    assert refused(six(), app.PassOver, category="sleeve", entry=entry) == code
    assert refused(contest(), app.PassOver, category="sleeve", entry=101) == "not_decided"
    assert refused(contest(), app.PassOver, category="nose", entry=101) == "no_such_category"


def correct(state, places, reason="a slip of the pen"):
    return do(state, app.CorrectWinners, category="sleeve", places=places, reason=reason)


def test_a_correction_shows_as_one_and_takes_back_no_name():
    state = correct(do(six(), app.AnnounceCategory, category="sleeve"), [[102], [101], [105]])
    assert places_of(state) == [(1, [102]), (2, [101]), (3, [105])]
    assert view(state, "public", "winners", "sleeve")["corrected"] == {"at": 1_790_000_000_000, "reason": "a slip of the pen"}
    assert view(state, "public", "entry", 103)["collector"] and "score" not in view(state, "public", "winners", "sleeve")["places"][0]["entries"][0]
    assert correct(state, [[102], [101], [105]], "again") is state
    back = correct(state, [[101], [102], [103]])
    assert view(back, "public", "winners", "sleeve")["places"][0]["entries"][0]["score"] == 9 and back.decisions["sleeve"].known == (105,)


def test_a_category_without_an_award_can_get_one_by_a_correction():
    state = do(do(six(), app.DecideWinners, category="sleeve", places=[], reason="r"), app.AnnounceCategory, category="sleeve")
    assert places_of(correct(state, [[101]])) == [(1, [101])]


def test_who_came_after_all_gets_the_place_back_by_a_correction():
    state = absent(do(six(), app.AnnounceCategory, category="sleeve"), 101)
    state = correct(state, [[101], [102], [103]])
    assert "absent" not in view(state, "public", "winners", "sleeve") and state.decisions["sleeve"].absent == ()


def test_before_the_announcement_there_is_nothing_to_correct_and_after_it_a_reason_is_needed():
    assert refused(six(), app.CorrectWinners, category="sleeve", places=[[102]], reason="r") == "wrong_state"
    state = do(six(), app.AnnounceCategory, category="sleeve")
    assert refused(state, app.CorrectWinners, category="sleeve", places=[[102]], reason=" ") == "reason_needed"
    assert refused(state, app.CorrectWinners, category="sleeve", places=[[102], [102]], reason="r") == "bad_places"


# What the organiser is warned of.

def warned(state, category="sleeve") -> list[dict]:
    return app.decision_warnings(state, category, app.category_standings(state, category))


def test_nothing_speaks_against_clear_and_complete_standings():
    assert warned(six()) == [] and warned(judged(contest(judges=1), {101: [9], 102: [8], 103: [7]})) == []


def test_the_warnings_can_be_about_winners_who_are_only_thought_of():
    state = do(six(), app.SetEntryState, entry=106, state="checked-in", reason="")
    table = app.category_standings(state, "sleeve")
    told = app.decision_warnings(state, "sleeve", table, [105, 106])
    assert told == [{"code": "not_checked_in", "entries": [105]}]
    assert [w["entries"] for w in warned(state)] == [[101], [102], [103]]


def test_a_tie_and_a_missing_sheet_are_warned_of():
    state = judged(contest(judges=1, entries=3), {101: [9], 102: [9], 103: [None]})
    assert warned(state) == [{"code": "tied", "entries": [101, 102]}, {"code": "incomplete", "entries": [103], "missing": 1}]


def test_too_few_entries_are_warned_of():
    state = do(six(), app.ChangeCategory, category="sleeve", fields={"minimum": 7})
    assert warned(state) == [{"code": "below_minimum", "entries": [101, 102, 103, 104, 105, 106], "minimum": 7}]
    assert warned(do(state, app.ChangeCategory, category="sleeve", fields={"minimum": 6})) == []


def test_who_was_not_checked_in_is_warned_of_only_where_anybody_was():
    assert warned(six()) == []
    state = do(six(), app.SetEntryState, entry=106, state="checked-in", reason="")
    assert warned(state) == [{"code": "not_checked_in", "entries": [n]} for n in (101, 102, 103)]


def test_a_winner_who_is_out_since_the_decision_is_told_in_the_decision_at_once():
    before = six()
    for out in ("withdrawn", "disqualified", "no-show"):
        state, fact = done(before, command(app.SetEntryState, entry=102, state=out, reason="r"))
        assert warned(state) == [{"code": out, "entries": [102]}]
        told = frames(before, state, fact)
        assert all({"k": "entry_state_changed", "d": {"decision": view(state, c, "decision", "sleeve")}} in told[c] for c in ("host", "admin"))
        assert view(state, "admin", "decision", "sleeve")["out"] == [102]


@pytest.mark.parametrize("field, theirs, found", [
    ("artist", "MARTA  zero", True), ("collector", "zoe\u0308 one", True), ("artist", "Marta", False), ("collector", "", False), ("studio", "Studio", False)])
def test_who_has_a_place_elsewhere_is_warned_of_however_the_name_is_typed(field, theirs, found):
    state = do(contest(entries=0, judges=1, stage="open"), app.AddCategory, fields={"name": "Back", "criteria": CRITERIA})
    ours = {"artist": "Marta Zero", "collector": "Zo\u00eb One", "studio": "Studio"}
    state = enter(enter(state, 1, "sleeve", **ours), 2, "back", **{"artist": "Other", "collector": "Other", field: theirs or "x"})
    if not theirs:   # nobody is nobody: blank names are not the same person
        state = do(do(state, app.ChangeEntry, entry=101, fields={"artist": ""}), app.ChangeEntry, entry=102, fields={"artist": ""})
    for category, entry in (("sleeve", 101), ("back", 102)):
        state = do(state, app.StartJudging, category=category)
        state = do(tap(state, "j1", entry, 8), app.CloseJudging, category=category)
    state = do(state, app.DecideWinners, category="sleeve", places=[[101]], reason="")
    assert warned(state, "back") == ([{"code": "already_placed", "entries": [102], "who": field, "category": "sleeve", "entry": 101}] if found else [])


# Who knows what.

@pytest.mark.parametrize("channel", ["public", "judge", "judge:j1"])
def test_nobody_outside_the_staff_is_sent_a_name_before_its_time(channel):
    state = decided([[101], [102]])
    seen = orjson.dumps([view(state, channel, kind, key) for kind, key in things_of(state)]).decode()
    for secret in ("Zoë", "Marta", "Rose", "Studio", "+49-555", "the panel says so"):
        assert secret not in seen


def test_a_judge_sees_no_sheet_but_the_own():
    state = judged(contest(), {101: [8, 9, 7]})
    assert view(state, "judge:j1", "sheet", (101, "j1")) and view(state, "judge:j1", "sheet", (101, "j2")) is None
    assert all(view(state, c, "sheet", (101, "j1")) is None for c in ("public", "judge", "desk", "host"))


def test_a_judge_sees_no_hand_and_no_vote_but_the_own():
    state = contest(method="tokens", tokens=1)
    for judge, entry in (("j1", 101), ("j2", 102), ("j3", 103)):
        state = deal(state, judge, [entry])
    state = vote(do(state, app.CallRunOff, category="sleeve", entries=[101, 102, 103]), "j2", 102)
    assert view(state, "judge:j1", "hand", ("sleeve", "j1"))["entries"] == [101] and view(state, "judge:j1", "hand", ("sleeve", "j2")) is None
    assert view(state, "judge:j1", "run_off", "r1") == {
        "id": "r1", "category": "sleeve", "entries": [101, 102, 103], "closed": False, "may_vote": True, "choice": None, "waiting": 2}
    assert view(state, "judge:j2", "run_off", "r1") | {"choice": None} == view(state, "judge:j1", "run_off", "r1"), "how many, not who"
    assert view(state, "judge:j2", "run_off", "r1")["choice"] == 102
    assert view(state, "admin", "run_off", "r1")["votes"] == {"j2": 102} and view(state, "admin", "run_off", "r1")["voters"] == ["j1", "j2", "j3"]
    for channel in ("public", "judge", "desk", "host"):
        assert [view(state, channel, kind, key) for kind, key in things_of(state) if kind in ("hand", "run_off", "tie")] == [None] * 4


def test_a_run_off_is_for_the_judges_of_its_category_and_whoever_is_recused_is_told_so():
    state = do(called(), app.InviteJudge, fields={"name": "Desk", "role": "desk"})
    order = command(app.RecuseJudge, entry=101, judge="j1", recused=True, reason="")
    after, fact = done(state, order)
    told = {c: [m["d"]["run_off"] for m in messages if "run_off" in m["d"]] for c, messages in frames(state, after, fact).items()}
    assert view(state, "judge:j1", "run_off", "r1")["may_vote"] and not view(after, "judge:j1", "run_off", "r1")["may_vote"]
    assert [(r["may_vote"], r["waiting"]) for r in told["judge:j1"] + told["judge:j2"]] == [(False, 2), (True, 2)]
    assert view(after, "judge:j4", "run_off", "r1") is None, "the desk"
    assert view(do(after, app.RevokeJudge, judge="j1"), "judge:j1", "run_off", "r1") is None


def test_before_a_step_no_decision_can_be_told_from_another():
    one, other = decided([[101], [102], [103]]), decided([[104], [103], [101]])
    for channel in ("public", "judge", "desk"):
        for a, b in ((one, other), (step(one, 0), step(other, 0))):
            assert [view(a, channel, *t) for t in things_of(a)] == [view(b, channel, *t) for t in things_of(b)]
    assert view(one, "host", "decision", "sleeve") != view(other, "host", "decision", "sleeve")


# Replay, frames and persistence, over random contests.

class Contests(RuleBasedStateMachine):
    """Random commands: replay equals live, a refusal changes nothing, clients that apply frames know what a page knows."""

    channels = ("public", "judge", "judge:j1", "judge:j2", "desk", "host", "admin")

    @initialize(stage=st.sampled_from(["open", "judging"]))
    def begin(self, stage):
        self.state = with_judge(contest(entries=3, judges=1, stage=stage))
        for name, method in (("Tok", "tokens"), ("Ran", "ranking")):
            self.state = do(self.state, app.AddCategory, fields={"name": name, "method": method, "tokens": 1, "criteria": CRITERIA})
            for number in (1, 2):
                self.state = enter(self.state, number, name.lower())
            self.state = do(self.state, app.StartJudging, category=name.lower())
        self.state = do(self.state, app.AddCategory, fields={"name": "Hall", "method": "choice", "ballots": "codes"})
        self.state = do(self.state, app.MakeCodes, category="hall", batch="AAAAAAA", count=3)
        self.state = do(self.state, app.StartJudging, category="hall")
        for judge, tokens, order in (("j1", [104], [106, 107]), ("j2", [105], [107, 106])):  # level, for run-offs to be called
            self.state = deal(deal(self.state, judge, tokens, "tok"), judge, order, "ran")
        self.first, self.facts, self.known = self.state, [], set()
        self.clients = {c: self.seen(c) for c in self.channels}

    def seen(self, channel) -> dict:
        found = {(k, key): view(self.state, channel, k, key) for k, key in things_of(self.state)}
        return {thing: value for thing, value in found.items() if value is not None}

    def ask(self, kind, by="admin", **values):
        order = command(kind, by, **values)
        before = self.state
        try:
            after, fact = done(before, order)
        except Refused:
            assert self.state is before
            return
        if fact is None:
            return
        for channel, messages in frames(before, after, fact).items():
            for message in messages:
                (kind_, value), = message["d"].items()
                for client in (c for c in self.clients if c == channel):
                    self.apply(self.clients[client], kind_, value)
        self.state = after
        self.facts.append(fact)

    @staticmethod
    def apply(client, kind, value):
        if kind == "gone":
            (kind, key), = value.items()
            client.pop((kind, key), None)
            return
        key = {"category": "id", "judge": "id", "entry": "number", "decision": "category", "winners": "category", "run_off": "id",
               "tie": "category", "choice": "category"}.get(kind)
        pair = {"sheet": ("entry", "judge"), "hand": ("category", "judge")}.get(kind)
        client[kind, tuple(value[name] for name in pair) if pair else value[key] if key else None] = value

    entry = st.integers(101, 109)
    judge = st.sampled_from(["j1", "j2"])
    category = st.sampled_from(["sleeve", "tok", "ran"])

    @rule(number=st.integers(0, 99), studio=st.sampled_from(["", "Black Anchor", "BLACK anchor"]))
    def submit(self, number, studio):
        fields = {"category": "sleeve", "collector": f"C{number}", "artist": "A", "studio": studio, "consent": True, "adult": True}
        self.ask(app.SubmitEntry, "public", fields=fields, photos=[photo(len(self.state.entries) + 50)])

    @rule(entry=entry, judge=judge, value=st.sampled_from([1, 5, 8.5, 10]), whole=st.booleans())
    def judge_it(self, entry, judge, value, whole):
        now = self.state.after.get(entry, {}).get(judge) or self.state.sheets.get(entry, {}).get(judge)
        given = marks(value) if whole else {"style": value}
        self.ask(app.GiveSheet, f"judge:{judge}", entry=entry, judge=judge, marks=given, note="fine", base=now.seq if now else None)

    @rule(judge=judge, entries=st.lists(st.sampled_from([104, 105]), max_size=2))
    def give_tokens(self, judge, entries):
        now = app.newest_hand(self.state, "tok", judge)
        self.ask(app.GiveTokens, f"judge:{judge}", category="tok", judge=judge, entries=entries, base=now.seq if now else None)

    @rule(judge=judge, order=st.lists(st.sampled_from([106, 107]), max_size=2))
    def give_ranking(self, judge, order):
        now = app.newest_hand(self.state, "ran", judge)
        self.ask(app.GiveRanking, f"judge:{judge}", category="ran", judge=judge, order=order, base=now.seq if now else None)

    def level(self, category) -> list[int]:
        tied = app.category_standings(self.state, category)["unresolved"] if category in self.state.categories else []
        return tied[0] if tied else [101]

    @rule(category=category)
    def call_run_off(self, category):
        self.ask(app.CallRunOff, category=category, entries=self.level(category))

    @rule(ballot=st.sampled_from(["a", "b", "c"]), batch=st.sampled_from(["AAAAAAA", "BBBBBBB"]), entry=entry)
    def vote_of_the_people(self, ballot, batch, entry):
        self.ask(app.CastVote, "public", category="hall", batch=batch, ballot=ballot, entry=entry)

    @rule(kind=st.sampled_from([app.CloseJudging, app.ReopenCategory]))
    def end_the_voting(self, kind):
        self.ask(kind, category="hall", **({"reason": "again"} if kind is app.ReopenCategory else {}))

    @precondition(lambda self: self.state.categories["hall"].state in ("closed", "decided"))
    @rule(entry=entry, number=st.integers(0, 2))
    def show_the_peoples_choice(self, entry, number):
        self.ask(app.DecideWinners, category="hall", places=[[entry]], reason="r")
        self.ask(app.StepReveal, category="hall", step=number, phase="ink")

    @rule(batch=st.sampled_from(["AAAAAAA", "BBBBBBB"]))
    def print_or_take_back(self, batch):
        self.ask(app.RevokeCodes if batch in self.state.batches else app.MakeCodes,
                 **({"batch": batch} if batch in self.state.batches else {"category": "hall", "batch": batch, "count": 2}))

    @rule(number=st.integers(1, 2), judge=judge, choice=entry)
    def vote(self, number, judge, choice):
        run_off = self.state.run_offs.get(f"r{number}")
        choice = run_off.entries[choice % len(run_off.entries)] if run_off else choice
        self.ask(app.VoteInRunOff, f"judge:{judge}", run_off=f"r{number}", judge=judge, choice=choice)

    @rule(number=st.integers(1, 2))
    def close_run_off(self, number):
        self.ask(app.CloseRunOff, run_off=f"r{number}")

    @rule(category=category, shared=st.booleans())
    def decide_tie(self, category, shared):
        entries = self.level(category)
        self.ask(app.DecideTie, category=category, order=[entries] if shared else [[n] for n in entries], reason="r")

    @rule(entry=entry, category=category)
    def move(self, entry, category):
        self.ask(app.ChangeEntry, entry=entry, fields={"category": category})

    @rule(category=st.sampled_from(["tok", "ran"]))
    def delete(self, category):
        self.ask(app.DeleteCategory, category=category)

    @rule(entry=entry, judge=judge, on=st.booleans())
    def recuse(self, entry, judge, on):
        self.ask(app.RecuseJudge, f"judge:{judge}", entry=entry, judge=judge, recused=on, reason="r")

    @rule(kind=st.sampled_from([app.StartJudging, app.CloseJudging, app.AnnounceCategory]), category=category)
    def go_on(self, kind, category):
        self.ask(kind, category=category)

    @rule(kind=st.sampled_from([app.OpenCategory, app.ReopenCategory]), category=category)
    def go_back(self, kind, category):
        self.ask(kind, category=category, reason="again")

    @rule(entry=entry, kind=st.sampled_from([app.HidePhoto, app.ShowPhoto]))
    def hide(self, entry, kind):
        self.ask(kind, entry=entry)

    @rule(entry=entry, name=st.sampled_from(app.ENTRY_STATES))
    def set_state(self, entry, name):
        self.ask(app.SetEntryState, entry=entry, state=name, reason="r")

    @rule(entry=entry, title=st.sampled_from(["Rose", "Dagger"]), studio=st.sampled_from(["", "Black Anchor", "Other"]))
    def rename(self, entry, title, studio):
        self.ask(app.ChangeEntry, entry=entry, fields={"title": title, "studio": studio})

    @rule(entry=entry, judge=judge, on=st.booleans())
    def recuse_by_the_organiser(self, entry, judge, on):
        self.ask(app.RecuseJudge, entry=entry, judge=judge, recused=on, reason="r")

    @rule(wall=st.sampled_from(["at-once", "checked-in"]), publish=st.sampled_from(["placed", "all"]))
    def settings(self, wall, publish):
        self.ask(app.ChangeContest, fields={"wall": wall, "publish": publish})

    @rule(numbers=st.permutations([101, 102, 103]), groups=st.integers(0, 3))
    def decide_winners(self, numbers, groups):
        self.ask(app.DecideWinners, category="sleeve", places=[[n] for n in numbers[:groups]], reason="r")

    @rule(category=st.sampled_from(["tok", "ran"]), number=st.sampled_from([104, 106]))
    def decide_others(self, category, number):
        self.ask(app.DecideWinners, category=category, places=[[number]], reason="r")

    @rule(entry=entry, artist=st.sampled_from(["A", "a ", "B"]), size=st.sampled_from([0, 5, "20"]), override=st.sampled_from(["", "so"]))
    def describe(self, entry, artist, size, override):
        self.ask(app.ChangeEntry, "desk:j9", entry=entry, fields={"artist": artist, "size_cm": size, "override": override})

    @rule(fields=st.sampled_from([{"size_cm": [1, 10], "needs": "before"}, {"size_cm": None, "max_per_artist": 2}, {"age": "fresh", "closes_at": 1}]))
    def change_rules(self, fields):
        self.ask(app.ChangeCategory, category="sleeve", fields=fields)

    @rule(entry=entry, number=st.integers(1000, 9999), by=st.sampled_from(["public", "desk:j9"]))
    def add_photo(self, entry, number, by):
        self.ask(app.AddPhoto, by, entry=entry, photos=[photo(number)])

    @precondition(lambda self: "best" not in self.state.categories)
    @rule()
    def add_a_best_of_show(self):
        self.ask(app.AddCategory, fields={"name": "Best", "from": ["sleeve"]})

    @precondition(lambda self: "best" in self.state.categories)
    @rule(kind=st.sampled_from([app.StartJudging, app.OpenCategory]))
    def hold_the_best_of_show(self, kind):
        self.ask(kind, category="best", **({"reason": "again"} if kind is app.OpenCategory else {}))

    @rule(category=category, into=category)
    def merge(self, category, into):
        self.ask(app.MergeCategory, category=category, into=into, reason="too few")

    @rule(entry=entry)
    def pass_over(self, entry):
        self.ask(app.PassOver, "host:j9", category="sleeve", entry=entry)

    @rule(numbers=st.permutations([101, 102, 103, 104]), groups=st.integers(0, 3))
    def correct(self, numbers, groups):
        self.ask(app.CorrectWinners, category="sleeve", places=[[n] for n in numbers[:groups]], reason="a slip")

    @rule(number=st.integers(0, 4), phase=st.sampled_from(["stencil", "ink"]))
    def reveal(self, number, phase):
        self.ask(app.StepReveal, category="sleeve", step=number, phase=phase)

    @rule(entry=entry, number=st.integers(0, 3))
    def call(self, entry, number):
        self.ask(app.CallEntry, "host:j9", entry=entry, call=number)

    @rule(category=category, number=st.integers(0, 3))
    def call_all(self, category, number):
        self.ask(app.CallCategory, category=category, call=number)

    @rule(number=st.integers(0, 5), phase=st.sampled_from(["stencil", "ink"]))
    def rehearse(self, number, phase):
        self.ask(app.StepRehearsal, step=number, phase=phase)

    @rule(mode=st.sampled_from(["wall", "stage", "reveal", "black", "message"]))
    def screen(self, mode):
        self.ask(app.SetScreen, mode=mode, text="Hello")

    @rule(entry=st.one_of(st.none(), entry))
    def stage(self, entry):
        self.ask(app.CallToStage, entry=entry, follow=True)

    @rule(judge=judge, kind=st.sampled_from([app.RevokeJudge, app.RenewJudge]))
    def revoke(self, judge, kind):
        self.ask(kind, judge=judge)

    @rule(fields=st.sampled_from([{"name": "Arms"}, {"position": 1}, {"show_scores": False}]))
    def change_category(self, fields):
        self.ask(app.ChangeCategory, category="sleeve", fields=fields)

    @rule()
    def add_and_delete_a_category(self):
        self.ask(app.AddCategory, fields={"name": "Back", "position": 1})
        self.ask(app.DeleteCategory, category="back")

    @invariant()
    def every_client_knows_what_its_page_would(self):
        for channel, client in self.clients.items():
            assert client == self.seen(channel), channel

    @invariant()
    def what_was_shown_stays_known(self):
        state = app.changed(self.state, rules=app.changed(self.state.rules, publish="placed"))
        known = {n for n in state.entries if "collector" in view(state, "judge", "entry", n)}
        assert known >= self.known
        self.known = known

    @precondition(lambda self: self.facts)
    @invariant()
    def replay_equals_live(self):
        state = self.first
        for fact in self.facts:
            public, private = (orjson.loads(app.dumps(part)) for part in fact_json(fact))
            state = fold(state, fact_from_json(public, private))
        assert state == self.state

    def teardown(self):
        parts = [orjson.loads(app.dumps(part)) for part in state_parts(self.state)]
        assert state_from_parts(parts) == self.state


TestContests = Contests.TestCase
TestContests.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_run_off_is_told_to_everybody_as_their_page_would_show_it_from_call_to_deletion():
    """The steps that random commands seldom take in a row."""
    play = Contests()
    play.begin("judging")
    steps = [lambda: play.decide_tie("tok", True), lambda: play.ask(app.CallRunOff, category="tok", entries=[104, 105]), lambda: play.vote(1, "j1", 104), lambda: play.recuse(104, "j2", True),
             lambda: play.recuse(104, "j2", False), lambda: play.call_run_off("ran"), lambda: play.vote(2, "j2", 106),
             lambda: play.revoke("j1", app.RevokeJudge), lambda: play.revoke("j1", app.RenewJudge),
             lambda: play.ask(app.CloseJudging, category="tok"), lambda: play.decide_others("tok", 104), lambda: play.give_tokens("j2", [104]),
             lambda: play.go_back(app.ReopenCategory, "tok"), lambda: play.move(104, "sleeve"), lambda: play.move(105, "sleeve"),
             lambda: play.delete("tok")]
    told = []
    for take in steps:
        take()
        play.every_client_knows_what_its_page_would()
        play.replay_equals_live()
        told.append([type(event).__name__ for event in play.facts[-1].events])
    play.teardown()
    assert told == [
        ["TieDecided"], ["RunOffCalled"], ["RunOffVoted"], ["JudgeRecused", "RunOffClosed"], ["RecusalLifted"], ["RunOffCalled"], ["RunOffVoted"],
        ["JudgeRevoked", "RunOffClosed"], ["JudgeRenewed"], ["JudgingClosed"], ["WinnersDecided"], ["TokensGiven"],
        ["CategoryReopened"], ["EntryMoved"], ["EntryMoved"], ["CategoryDeleted"]]


def test_a_state_of_any_size_comes_in_small_pieces_and_is_put_together_again():
    state = contest(entries=300, judges=40)
    for entry in range(101, 121):
        for number in range(1, 41):
            state = tap(state, f"j{number}", entry, 8)
    parts = [orjson.loads(app.dumps(part)) for part in state_parts(state)]
    sizes = {name: [sum(map(len, value.values())) if name == "sheets" else len(value) for each, value in parts if each == name]
             for name in ("entries", "sheets", "seen")}
    assert sizes["entries"] == [250, 50] and sum(sizes["sheets"]) == 800 and max(sizes["sheets"]) <= 250 + 40
    assert max(sizes["seen"]) == 250
    assert state_from_parts(iter(parts)) == state


def test_a_sheet_is_shown_as_its_record_says_field_by_field():
    state = tap(contest(), "j1", 101, {"technique": 8.5, "style": 7})
    shown = view(state, "admin", "sheet", (101, "j1"))
    assert orjson.dumps(shown) == orjson.dumps(app.plain(state.sheets[101]["j1"])) and shown["marks"] == {"technique": 8.5, "style": 7}
