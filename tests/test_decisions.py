"""The rules: what is refused, what happens, who is told what."""

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import contest as app
from contest import Refused, decide, fact_from_json, fact_json, fold, frames, state_from_parts, state_parts, things_of, view
from tests.contests import CRITERIA, command, contest, do, done, enter, judged, marks, photo, tap


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
    for name in ("One", "Two", "Three", "Two"):
        state = do(state, app.AddCategory, fields={"name": name})
    state = do(state, app.ChangeCategory, category="three", fields={"position": 1})
    def order(s):
        return [c.id for c in sorted(s.categories.values(), key=lambda c: c.position)]
    assert order(state) == ["three", "one", "two", "two-2"]
    state = do(state, app.DeleteCategory, category="one")
    assert order(state) == ["three", "two", "two-2"]
    assert sorted(c.position for c in state.categories.values()) == [1, 2, 3]


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


@pytest.mark.parametrize("places", [[[101], [101]], [[]], [[101, 999]], "x", [101], [["101"]], [[True]],
                                    [[101], [102], [103], [104]], [[101, 102, 103], [104]]])
def test_places_that_cannot_be_are_refused(places):
    state = decided([[101]])
    assert refused(state, app.DecideWinners, category="sleeve", places=places, reason="r") in ("bad_field", "no_such_entry")


def test_winners_of_another_category_are_refused():
    state = do(contest(stage="open"), app.AddCategory, fields={"name": "Back"})
    state = do(enter(state, 9, "back"), app.StartJudging, category="sleeve")
    state = do(state, app.CloseJudging, category="sleeve")
    assert refused(state, app.DecideWinners, category="sleeve", places=[[104]], reason="r") == "bad_field"


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

    @initialize()
    def begin(self):
        self.state = contest(entries=3, judges=2, stage="open")
        self.first, self.facts = self.state, []
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
        key = {"category": "id", "judge": "id", "entry": "number", "decision": "category", "winners": "category"}.get(kind)
        client[kind, (value["entry"], value["judge"]) if kind == "sheet" else value[key] if key else None] = value

    entry = st.integers(101, 106)
    judge = st.sampled_from(["j1", "j2"])

    @rule(number=st.integers(0, 99))
    def submit(self, number):
        fields = {"category": "sleeve", "collector": f"C{number}", "artist": "A", "consent": True, "adult": True}
        self.ask(app.SubmitEntry, "public", fields=fields, photos=[photo(len(self.state.entries) + 50)])

    @rule(entry=entry, judge=judge, value=st.sampled_from([1, 5, 8.5, 10]), whole=st.booleans())
    def judge_it(self, entry, judge, value, whole):
        now = self.state.after.get(entry, {}).get(judge) or self.state.sheets.get(entry, {}).get(judge)
        given = marks(value) if whole else {"style": value}
        self.ask(app.GiveSheet, f"judge:{judge}", entry=entry, judge=judge, marks=given, note="fine", base=now.seq if now else None)

    @rule(entry=entry, judge=judge, on=st.booleans())
    def recuse(self, entry, judge, on):
        self.ask(app.RecuseJudge, f"judge:{judge}", entry=entry, judge=judge, recused=on, reason="r")

    @rule(kind=st.sampled_from([app.StartJudging, app.CloseJudging, app.AnnounceCategory]))
    def go_on(self, kind):
        self.ask(kind, category="sleeve")

    @rule(kind=st.sampled_from([app.OpenCategory, app.ReopenCategory]))
    def go_back(self, kind):
        self.ask(kind, category="sleeve", reason="again")

    @rule(entry=entry, kind=st.sampled_from([app.HidePhoto, app.ShowPhoto]))
    def hide(self, entry, kind):
        self.ask(kind, entry=entry)

    @rule(entry=entry, name=st.sampled_from(app.ENTRY_STATES))
    def set_state(self, entry, name):
        self.ask(app.SetEntryState, entry=entry, state=name, reason="r")

    @rule(entry=entry, title=st.sampled_from(["Rose", "Dagger"]))
    def rename(self, entry, title):
        self.ask(app.ChangeEntry, entry=entry, fields={"title": title})

    @rule(wall=st.sampled_from(["at-once", "checked-in"]), publish=st.sampled_from(["placed", "all"]))
    def settings(self, wall, publish):
        self.ask(app.ChangeContest, fields={"wall": wall, "publish": publish})

    @rule(numbers=st.permutations([101, 102, 103]), groups=st.integers(0, 3))
    def decide_winners(self, numbers, groups):
        self.ask(app.DecideWinners, category="sleeve", places=[[n] for n in numbers[:groups]], reason="r")

    @rule(number=st.integers(0, 4), phase=st.sampled_from(["stencil", "ink"]))
    def reveal(self, number, phase):
        self.ask(app.StepReveal, category="sleeve", step=number, phase=phase)

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
