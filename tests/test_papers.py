"""Papers: how a category was decided, an entrant's own marks, exports, and the pages that are printed."""

import csv
import io
import json
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings

import contest
from contest import cell, how_decided, own_marks, sheet_totals, standings, tie_chain, trail, written
from playwright.sync_api import expect

from tests import demos
from tests.contests import CRITERIA, command, deal, do, done, enter, judged, marks, photo
from tests.contests import contest as made
from tests.demos import Demo
from tests.oracle import opinion
from tests.test_pages import CROSSED, ENGLISH, LAPTOP, PHONE, look, right  # noqa: F401 (look is a fixture)
from tests.test_scoring import judgings


# How it was decided: the numbers.

@given(judgings())
@settings(max_examples=200)
def test_the_told_steps_lead_to_the_places_and_their_numbers_are_the_second_opinions(judging):
    """Taken by themselves: what each step is told to have made of a group, one after the other, are the places."""
    told, theirs = tie_chain(judging), opinion(judging)
    groups = [sorted(theirs["scores"])] if theirs["scores"] else []
    by = {}
    for step in told:
        if step.get("void"):
            continue
        assert step["entries"] in groups and sorted(sum(step["into"], [])) == step["entries"]
        at = groups.index(step["entries"])
        groups[at:at + 1] = step["into"]
        decided = step["into"] if step["step"] == "decision" else [block for block in step["into"] if len(block) == 1]
        by |= {entry: step["step"] for block in decided for entry in block}
    alone = {"ranking": "majority", "tokens": "tokens", "choice": "votes"}.get(judging.method, "mean")
    places = {e: (1 + sum(map(len, groups[:at])), by.get(e, alone if len(theirs["scores"]) == 1 else "shared")) for at, group in enumerate(groups) for e in group}
    assert places == theirs["rows"]
    for step in told:
        if step["step"] in ("mean", "tokens", "votes"):
            assert {e: Fraction(*map(int, values[0].split("/"))) if "/" in values[0] else Fraction(values[0])
                    for e, values in step["values"].items()} == {e: theirs["scores"][e] for e in step["entries"]}


@given(judgings(methods=("points", "trimmed")))
def test_what_is_told_of_each_sheet_adds_up_to_the_score(judging):
    told, scores = sheet_totals(judging), opinion(judging)["scores"]
    for entry, score in scores.items():
        counted = [Fraction(total) for (_, e), (total, part) in told.items() if e == entry and part == "counted"]
        assert sum(counted, Fraction(0)) / len(counted) == score
    assert {e for _, e in told} == set(scores)


def test_a_duel_is_told_with_its_judges():
    judging = contest.Judging([1, 2], ["a", "b", "c"], [contest.Criterion("t", "T")], {
        ("a", 1): {"t": 8}, ("b", 1): {"t": 8}, ("c", 1): {"t": 5}, ("a", 2): {"t": 7}, ("b", 2): {"t": 7}, ("c", 2): {"t": 7}})
    assert [s["step"] for s in tie_chain(judging)] == ["mean", "criterion:t", "head-to-head"]
    assert tie_chain(judging)[2]["duels"] == [{"entries": [1, 2], "judges": [2, 1]}] and tie_chain(judging)[2]["into"] == [[1], [2]]


@pytest.mark.parametrize("number, text", [("8", "8"), ("8.5", "8.5"), ("349/40", "8.725"), ("26/3", "26/3"), ("0", "0"), ("1/1000", "0.001"), ("10", "10")])
def test_an_exact_number_is_written_as_a_decimal_where_it_has_one(number, text):
    assert written(Fraction(number)) == text


# How it was decided: a contest made by hand, with each case.

class Book:
    """A contest and all its facts, as the log holds them."""

    def __init__(self, state: contest.State = contest.State(epoch="e" * 32)):
        self.state, self.facts = state, []

    def do(self, kind, by="admin", at=1_790_000_000_000, **values):
        self.state, fact = done(self.state, command(kind, by, at, **values))
        self.facts += [fact] if fact else []

    def tap(self, judge: str, entry: int, value, by: str = "", note: str = ""):
        now = contest.newest_sheet(self.state, entry, judge)
        self.do(contest.GiveSheet, by or f"judge:{judge}", entry=entry, judge=judge, marks=marks(value, self.state), note=note, base=now.seq if now else None)

    def told(self, category: str = "sleeve") -> dict:
        return how_decided(self.state, category, trail(self.state, category, self.facts))


def book(judges: int = 3, entries: int = 3, **fields) -> Book:
    it = Book()
    it.do(contest.AddCategory, fields={"name": "Sleeve", "criteria": CRITERIA, "places": 2} | fields)
    it.do(contest.AddCategory, fields={"name": "Other"})
    for number in range(judges):
        it.do(contest.InviteJudge, fields={"name": f"Judge {number + 1}", "role": "judge"})
    for number in range(entries):
        it.do(contest.SubmitEntry, "public", fields={"category": "sleeve", "collector": f"Zoë {number}", "artist": f"Marta {number}", "phone": "+49-555", "consent": True, "adult": True},
              photos=[photo(number)])
    it.do(contest.StartJudging, category="sleeve")
    return it


@pytest.fixture(scope="module")
def evening() -> Book:
    """Seven entries and every reason there is: why a sheet does not count, why a place is what it is, and what came after."""
    it = book(judges=4, entries=7)
    for entry, row in {101: [8, 8, 6, None], 102: [7, 7, 8, None], 103: [7, 7, 8, None], 104: [5, 5, 5, None], 105: [9, 9, 9, None], 106: [9, 9, 9, None]}.items():
        for number, value in enumerate(row, 1):
            if value is not None:
                it.tap(f"j{number}", entry, value)
    it.do(contest.RecuseJudge, entry=104, judge="j3", recused=True, reason="They are cousins.")
    it.tap("j4", 101, {"technique": 3})
    for entry in (102, 103):
        it.tap("j4", entry, {"technique": 7, "style": 7} if entry == 102 else {"technique": 7, "style": 7}, by="admin", note="from paper")
    it.tap("j4", 104, 5)
    it.do(contest.SetEntryState, "desk:j9", entry=105, state="withdrawn", reason="went home")
    it.do(contest.SetEntryState, entry=106, state="disqualified", reason="A sticker, not a tattoo.")
    it.do(contest.CloseJudging, category="sleeve")
    it.do(contest.CallRunOff, category="sleeve", entries=[102, 103])
    for judge, choice in (("j1", 102), ("j2", 103), ("j3", 102), ("j4", 103)):
        it.do(contest.VoteInRunOff, f"judge:{judge}", run_off="r1", judge=judge, choice=choice)
    it.do(contest.DecideTie, category="sleeve", order=[[103], [102]], reason="The lines of 103 are cleaner.")
    it.do(contest.DecideWinners, category="sleeve", places=[[103], [104]], reason="102 was done by a member of staff.")
    it.tap("j4", 101, 10)
    for step in range(3):
        it.do(contest.StepReveal, "host:j9", category="sleeve", step=step, phase="ink")
    it.do(contest.PassOver, "host:j9", category="sleeve", entry=104)
    it.do(contest.CorrectWinners, category="sleeve", places=[[103], [102]], reason="The staff rule does not hold for guests.")
    return it


def test_every_sheet_is_told_with_what_became_of_it(evening):
    told = evening.told()
    parts = {(s["judge"], s["entry"], s["counted"]): (s["part"], s["total"], s["typed"]) for s in told["sheets"]}
    assert parts["j1", 101, True] == ("counted", "8", False)
    assert parts["j3", 104, True] == ("recused", None, False)
    assert parts["j4", 101, True] == ("incomplete", None, False)
    assert parts["j4", 101, False] == ("late", None, False)
    assert parts["j4", 102, True] == ("counted", "7", True), "typed in by the organiser"
    assert parts["j1", 105, True][0] == parts["j1", 106, True][0] == "out"
    assert len(parts) == len(told["sheets"]) == 3 * 6 + 5


def test_a_recusal_says_who_and_why(evening):
    assert [(r["entry"], r["judge"], r["because"], r["by"], r["reason"]) for r in evening.told()["recusals"]] == [(104, "j3", "organiser", "admin", "They are cousins.")]


def test_who_is_out_is_told_with_the_reason(evening):
    told = evening.told()
    assert {e["number"]: (e["state"], e["reason"]) for e in told["entries"] if e["reason"]} == {105: ("withdrawn", "went home"), 106: ("disqualified", "A sticker, not a tattoo.")}
    assert told["standings"]["out"] == [105, 106] and told["standings"]["unranked"] == [107]


def test_each_step_of_the_chain_is_told_with_its_numbers(evening):
    """101: 22/3 of three; 102 and 103: 29/4 of four judges, with the same marks; 104: 5 of three."""
    steps = evening.told()["chain"]
    assert [(s["step"], s["entries"]) for s in steps] == [
        ("mean", [101, 102, 103, 104]), ("criterion:technique", [102, 103]), ("criterion:style", [102, 103]), ("head-to-head", [102, 103]),
        ("run-off", [102, 103]), ("decision", [102, 103])]
    assert steps[0]["values"] == {101: ["22/3"], 102: ["7.25"], 103: ["7.25"], 104: ["5"]} and steps[0]["into"] == [[101], [102, 103], [104]]
    assert steps[3]["duels"] == [{"entries": [102, 103], "judges": [0, 0]}]
    assert (steps[4]["run_off"], steps[4]["values"], steps[4]["into"]) == ("r1", {102: ["2"], 103: ["2"]}, [[102, 103]])
    assert (steps[5]["into"], steps[5]["reason"], steps[5]["void"]) == ([[103], [102]], "The lines of 103 are cleaner.", False)
    assert [(r["place"], r["entry"], r["exact"], r["decided_by"]) for r in evening.told()["standings"]["rows"]] == [
        (1, 101, "22/3", "mean"), (2, 103, "7.25", "decision"), (3, 102, "7.25", "decision"), (4, 104, "5", "mean")]


def test_the_decision_the_absence_and_the_correction_are_told_in_the_order_of_the_log(evening):
    told = evening.told()
    after = [(t["what"], t["by"], t.get("entry"), t.get("places"), t.get("reason")) for t in told["trail"] if t["what"] in ("winners_decided", "winner_absent", "correction_made")]
    assert after == [("winners_decided", "admin", None, [[103], [104]], "102 was done by a member of staff."),
                     ("winner_absent", "host:j9", 104, [[103]], None),
                     ("correction_made", "admin", None, [[103], [102]], "The staff rule does not hold for guests.")]
    assert told["decision"]["places"] == [[103], [102]] and told["decision"]["corrected"]["reason"].startswith("The staff rule")
    seqs = [t["seq"] for t in told["trail"]]
    assert seqs == sorted(seqs) and all(t["at"] and t["by"] for t in told["trail"])
    assert not re.search("\\+49", json.dumps(told, default=list)), "a phone number is no part of the decision"


def test_the_story_is_the_categorys_own_and_follows_an_entry_that_moved():
    it = book(entries=2)
    it.do(contest.ChangeEntry, "desk:j9", entry=102, fields={"category": "other"})
    it.do(contest.SetEntryState, "desk:j9", entry=102, state="checked-in", reason="")
    it.do(contest.SetEntryState, "desk:j9", entry=101, state="checked-in", reason="")
    it.do(contest.SetScreen, mode="black", text="")
    here, there = (trail(it.state, name, it.facts) for name in ("sleeve", "other"))
    late = Book(it.state)
    late.facts = list(it.facts)
    late.do(contest.AddCategory, fields={"name": "New"})
    assert [t["what"] for t in trail(late.state, "new", late.facts)] == ["judge_invited"] * 3 + ["category_added"], "who was there before judges it too"
    assert ("entry_moved", 102) in [(t["what"], t.get("entry")) for t in here], "it says that one left"
    assert [(t["what"], t.get("entry")) for t in there if t.get("entry")] == [("entry_submitted", 102), ("entry_moved", 102), ("entry_state_changed", 102)]
    assert ("entry_state_changed", 102) not in [(t["what"], t.get("entry")) for t in here]
    assert not [t for t in (*here, *there) if t["what"] in ("screen_set", "contest_changed")]


def test_a_judge_who_saves_a_sheet_again_and_again_is_told_once_and_a_change_of_mind_by_itself():
    it = book(judges=2, entries=2)
    for at, mark in enumerate((5, 6, 7)):
        it.tap("j1", 101, mark)
    it.tap("j2", 101, 4)
    it.tap("j1", 102, 9)
    it.tap("j1", 101, 8)
    told = [(t["judge"], t["entry"], t["marks"]["style"], t.get("times", 1)) for t in it.told()["trail"] if t["what"] == "sheet_given"]
    assert told == [("j1", 101, 7, 3), ("j2", 101, 4, 1), ("j1", 102, 9, 1), ("j1", 101, 8, 1)]
    assert it.told()["trail"][-1]["seq"] == it.state.seq


def test_the_dropped_marks_are_named():
    it = book(judges=4, entries=1, method="trimmed")
    for judge, mark in zip(("j1", "j2", "j3", "j4"), (9, 4, 9, 7)):
        it.tap(judge, 101, mark)
    assert {s["judge"]: s["part"] for s in it.told()["sheets"]} == {"j1": "dropped-high", "j2": "dropped-low", "j3": "counted", "j4": "counted"}
    assert it.told()["standings"]["rows"][0]["exact"] == "8"


def test_tokens_and_rankings_are_told_with_who_typed_them():
    tokens = book(judges=2, method="tokens", tokens=2)
    tokens.do(contest.GiveTokens, "judge:j1", category="sleeve", judge="j1", entries=[101, 102], base=None)
    tokens.do(contest.GiveTokens, category="sleeve", judge="j2", entries=[101], base=None)
    assert {h["judge"]: (h["entries"], h["part"], h["typed"]) for h in tokens.told()["hands"]} == {"j1": ([101, 102], "counted", False), "j2": ([101], "counted", True)}
    ranking = book(judges=2, method="ranking")
    ranking.do(contest.GiveRanking, "judge:j1", category="sleeve", judge="j1", order=[103, 101, 102], base=None)
    ranking.do(contest.SubmitEntry, "public", fields={"category": "other", "collector": "Late", "consent": True, "adult": True}, photos=[photo(9)])
    ranking.do(contest.ChangeEntry, entry=104, fields={"category": "sleeve", "override": "was in the queue"})
    assert [(h["judge"], h["part"]) for h in ranking.told()["hands"]] == [("j1", "incomplete")] and ranking.told()["chain"] == []
    ranking.do(contest.GiveRanking, "judge:j2", category="sleeve", judge="j2", order=[103, 101, 104, 102], base=None)
    assert [(h["judge"], h["part"]) for h in ranking.told()["hands"]] == [("j1", "incomplete"), ("j2", "counted")]
    assert ranking.told()["chain"][0] == {"step": "majority", "entries": [101, 102, 103, 104], "into": [[103], [101], [104], [102]],
                                          "values": {103: ["1"], 101: ["2"], 104: ["3"], 102: ["4"]}}


def test_typed_marks_stay_marked_whatever_happens_to_the_sheet():
    it = book()
    it.tap("j1", 101, 8, by="admin")
    it.do(contest.RecuseJudge, "judge:j1", entry=101, judge="j1", recused=True, reason="")
    it.do(contest.RecuseJudge, "judge:j1", entry=101, judge="j1", recused=False, reason="")
    assert it.state.sheets[101]["j1"].by == "judge:j1" and it.state.sheets[101]["j1"].typed
    it.tap("j1", 101, 6, by="admin:k1")
    assert it.state.sheets[101]["j1"].typed, "a script with the organiser's key types as the organiser does"
    it.tap("j1", 101, 7)
    assert not it.state.sheets[101]["j1"].typed
    it.do(contest.RecuseJudge, entry=101, judge="j1", recused=True, reason="")
    it.do(contest.RecuseJudge, entry=101, judge="j1", recused=False, reason="no")
    assert it.state.sheets[101]["j1"].by == "admin" and not it.state.sheets[101]["j1"].typed


# An entrant's own marks.

def test_an_entrant_sees_the_own_marks_only_when_they_are_opened_and_announced():
    state = judged(made(entries=2, judges=3, places=1), {101: [7, 9, 8], 102: [5, 5, 5]})
    state = do(state, contest.RecuseJudge, entry=101, judge="j3", recused=True, reason="")
    opened = do(state, contest.ChangeContest, fields={"sheets_open": True})
    for step in (lambda s: s, lambda s: do(s, contest.CloseJudging, category="sleeve"),
                 lambda s: do(s, contest.DecideWinners, category="sleeve", places=[[101]], reason="")):
        state, opened = step(state), step(opened)
        assert own_marks(state, 101) is own_marks(opened, 101) is None
    state, opened = (do(s, contest.AnnounceCategory, category="sleeve") for s in (state, opened))
    assert own_marks(state, 101) is None, "off is the default"
    assert own_marks(opened, 101) == {"sheets": [{"technique": 9, "style": 9}, {"technique": 7, "style": 7}]}, "the recused judge is not in it"
    assert own_marks(opened, 102) == {"sheets": [{"technique": 5, "style": 5}] * 3}
    gone = do(opened, contest.SetEntryState, entry=102, state="withdrawn", reason="")
    assert own_marks(gone, 102) is None


@pytest.mark.parametrize("method, given_, shown", [
    ("tokens", {"j1": [101, 102], "j2": [101]}, {"tokens": 2, "judges": 2}), ("ranking", {"j1": [101, 102], "j2": [102, 101]}, {"ranks": [1, 2], "judges": 2})])
def test_an_entrant_sees_tokens_and_ranks_without_who_gave_them(method, given_, shown):
    state = made(entries=2, judges=2, places=1, method=method)
    for judge, entries in given_.items():
        state = deal(state, judge, entries)
    state = do(state, contest.ChangeContest, fields={"sheets_open": True})
    for kind, more in ((contest.CloseJudging, {}), (contest.DecideWinners, {"places": [[101]], "reason": "r"}), (contest.AnnounceCategory, {})):
        state = do(state, kind, category="sleeve", **more)
    assert own_marks(state, 101) == shown


# Exports.

@pytest.mark.parametrize("sign", contest.FORMULA)
def test_no_cell_begins_as_a_formula_does(sign):
    assert cell(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"


def tables(state, comma=False) -> dict[str, list[dict]]:
    """Every table, read as a spreadsheet reads it."""
    found = {}
    for what in contest.TABLES:
        raw = b"".join(contest.export_csv(state, what, comma))
        assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
        found[what] = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";" if comma else ",", strict=True))
        assert all(None not in row and None not in row.values() for row in found[what]), what
    return found


EVIL = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\uff1d1", 'a "quoted", name; with\nlines', "Zoë Łukasz 黒龍 مريم"]


def test_no_text_of_anybody_is_a_formula_in_any_table(evening):
    state = evening.state
    for at, text in enumerate(EVIL):
        state = enter(state, 50 + at, "other", collector=text, artist=text, title=text, studio=text, phone=text[:50])
        state = do(state, contest.InviteJudge, fields={"name": text, "role": "judge", "studio": text})
        state = do(state, contest.SetEntryState, entry=state.numbers, state="disqualified", reason=text)
        state = do(state, contest.AddCategory, fields={"name": text})
    for comma in (False, True):
        found = tables(state, comma)
        texts = [value for rows in found.values() for row in rows for value in row.values()]
        assert not [text for text in texts if text.startswith(tuple(contest.FORMULA))]
        assert [row["collector"].removeprefix("'") for row in found["entries"]][-len(EVIL):] == EVIL


def test_the_tables_say_what_the_contest_is(evening):
    found = tables(evening.state)
    assert [(r["place"], r["entry"], r["score"], r["score_numerator"], r["score_denominator"], r["decided_by"]) for r in found["standings"]][:3] == [
        ("1", "101", "7.33", "22", "3", "mean"), ("2", "103", "7.25", "29", "4", "decision"), ("3", "102", "7.25", "29", "4", "decision")]
    assert [(r["place"], r["entry"], r["collector"], r["absent"], r["correction"]) for r in found["winners"]] == [
        ("1", "103", "Zoë 2", "104", "The staff rule does not hold for guests."), ("2", "102", "Zoë 1", "104", "The staff rule does not hold for guests.")]
    assert len(found["sheets"]) == 23 and {r["typed"] for r in found["sheets"] if r["judge"] == "j4" and r["entry"] in ("102", "103")} == {"yes"}
    assert [r for r in found["marks"] if r["entry"] == "101" and r["judge"] == "j4" and r["counted"] == "yes"] == [
        {"category": "sleeve", "entry": "101", "judge": "j4", "name": "Judge 4", "criterion": "technique", "criterion_name": "Technique", "weight": "1", "mark": "3", "counted": "yes"}]
    assert [(r["judge"], r["choice"]) for r in found["run_offs"]] == [("j1", "102"), ("j2", "103"), ("j3", "102"), ("j4", "103")]
    assert found["ties"][0]["order"] == "103 102" and found["ties"][0]["reason"] == "The lines of 103 are cleaner."
    assert found["entries"][0]["phone"] == "'+49-555" and found["entries"][0]["entered_at"] == "2026-09-21T14:13:20Z"
    assert tables(evening.state, comma=True)["standings"][0]["score"] == "7,33"


def test_everything_exported_as_json_gives_the_same_standings_again(evening):
    """A reader who has nothing but the file and docs/scoring.md comes to the same places."""
    for state in (evening.state, deal(deal(made(entries=3, judges=2, method="ranking"), "j1", [103, 101, 102]), "j2", [101, 103, 102])):
        whole = json.loads(b"".join(contest.export_json(state, {"epoch": state.epoch, "seq": state.seq, "hash": "0" * 32})))
        assert whole["export"] == 1 and whole["head"]["seq"] == state.seq
        category = next(c for c in whole["categories"] if c["id"] == "sleeve")
        pool = [e["number"] for e in whole["entries"] if e["category"] == "sleeve" and e["state"] not in contest.OUT_STATES]
        counted = [s for s in whole["sheets"] if s["counted"]]
        again = contest.Judging(
            pool, [j["id"] for j in whole["judges"] if j["role"] == "judge"], [contest.Criterion(**c) for c in category["criteria"]],
            {(s["judge"], s["entry"]): s["marks"] for s in counted}, {(s["judge"], s["entry"]) for s in counted if s["recused"]}, category["places"], category["method"],
            {h["judge"]: h["entries"] for h in whole["hands"] if h["counted"]},
            run_offs=[(r["id"], r["entries"], r["votes"]) for r in whole["run_offs"] if r["closed"]],
            decisions=[(d["order"], d["reason"]) for t in whole["ties"] for d in t["decisions"]])
        there = next(s for s in whole["standings"] if s["category"] == "sleeve")
        assert {k: v for k, v in standings(again).items() if k != "rows"}.items() <= there.items()
        assert [{k: v for k, v in row.items() if k != "exact"} for row in there["rows"]] == standings(again)["rows"]
        assert "generation" not in json.dumps(whole) and "link" not in json.dumps(whole["judges"])


# Over HTTP.

@pytest.fixture(scope="module")
def running(tmp_path_factory):
    from tests.test_web import House
    from tests.server import Server
    server = Server(tmp_path_factory.mktemp("papers") / "data").start()
    try:
        yield House(server)
    finally:
        server.end()
    assert "Traceback" not in server.errors, server.errors


def test_how_it_was_decided_is_told_from_the_log_on_disk_with_its_head(running):
    category, numbers = running.category("judging", entries=2, places=1)
    criteria = dict.fromkeys([c["id"] for c in running.ok(running.admin.get("/api/categories"))["categories"][0]["criteria"]], 8)
    running.ok(running.admin.put(f"/api/sheets/{numbers[0]}", {"marks": criteria, "judge": running.ana_id, "base": None}))
    running.ok(running.ben.put(f"/api/sheets/{numbers[0]}", {"marks": criteria, "base": None}))
    sheet = next(s for s in running.state()["sheets"] if s["entry"] == numbers[0] and s["judge"] == running.ana_id)
    assert sheet["typed"] and sheet["by"] == "admin"
    own = next(s for s in running.state(running.ana)["sheets"] if s["entry"] == numbers[0])
    assert own["typed"], "the judge is told so too"
    running.ok(running.admin.post(f"/api/categories/{category}/close"))
    running.decide(category, [[numbers[0]]], "enough")
    before = running.ok(running.admin.get(f"/api/decided/{category}"))
    assert re.fullmatch("[0-9a-f]{8}", before["head"]["hash"]), "whole hashes only once announced"
    running.ok(running.admin.post(f"/api/categories/{category}/announce"))
    told = running.ok(running.admin.get(f"/api/decided/{category}"))
    lines = [line for path in sorted((running.server.data / "wal").glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    assert lines[-1].startswith(told["head"]["hash"] + " ") and f'"seq":{told["head"]["seq"]},' in lines[-1]
    assert [(t["what"], t["by"]) for t in told["trail"][-6:]] == [
        ("judging_started", "admin"), ("sheet_given", "admin"), ("sheet_given", f"judge:{running.seats['ben']['judge']['id']}"),
        ("judging_closed", "admin"), ("winners_decided", "admin"), ("category_announced", "admin")]
    assert {t["seq"] for t in told["trail"]} <= {int(re.search('"seq":(\\d+)', line)[1]) for line in lines if '"seq"' in line}
    assert running.admin.get("/api/decided/none").code == "no_such_category"


def test_the_own_marks_come_by_the_link_when_the_organiser_opens_them(running):
    category, _ = running.category()
    sent = running.ok(running.submit(category=category), 201)
    number, link = sent["entry"]["number"], sent["mine"].rpartition("/")[2]
    running.bring(category, "judging", [number])
    criteria = dict.fromkeys(contest.DEFAULT_CRITERIA[n][0] for n in range(5))
    running.ok(running.ben.put(f"/api/sheets/{number}", {"marks": dict.fromkeys(criteria, 7.5), "base": None, "note": "a secret note"}))
    running.ok(running.admin.post(f"/api/categories/{category}/close"))
    running.decide(category, [[number]])

    def mine() -> dict:
        return running.ok(running.nobody.get(f"/api/mine/{link}"))
    running.ok(running.admin.patch("/api/contest", {"sheets_open": True}))
    assert "marks" not in mine()
    running.ok(running.admin.post(f"/api/categories/{category}/announce"))
    assert mine()["marks"] == {"sheets": [dict.fromkeys(criteria, 7.5)]}
    assert "secret note" not in json.dumps(mine()) and '"ben"' not in json.dumps(mine())
    running.ok(running.admin.patch("/api/contest", {"sheets_open": False}))
    assert "marks" not in mine()


def test_the_files_are_the_organisers_and_bad_wishes_are_refused(running):
    whole = running.admin.get("/api/export.json")
    assert whole.headers["Content-Disposition"] == 'attachment; filename="contest.json"' and whole.json["export"] == 1
    found = running.admin.get("/api/export.csv?what=judges&decimal=comma")
    assert found.headers["Content-Type"] == "text/csv; charset=utf-8" and found.text.startswith("\ufeffjudge;name;role")
    for query in ("what=secrets", "what=", "decimal=none"):
        assert running.admin.get(f"/api/export.csv?{query}").code == "bad_field", query
    for role in ("public", "judge", "desk", "host"):
        for path in ("/api/export.json", "/api/export.csv", "/api/decided/x"):
            assert running.person(role).get(path).status in (401, 403), (role, path)


# The pages.

@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The drawn contest with what a paper has to tell: a recusal, one who is out, and a judge who has no phone."""
    from tests.server import Server
    running = Server(demos.copy(tmp_path_factory.mktemp("paper-pages") / "data")).start()
    demo = Demo(running)
    try:
        demo.judged = next(c["id"] for c in demo.state()["categories"] if c["state"] == "judging")
        demo.numbers = demo.entries(demo.judged)
        demo.paper_judge = demo.judge("Frida")
        demo.do(f"/api/recusals/{demo.numbers[2]}", {"recused": True, "judge": demo.paper_judge["id"], "reason": "A cousin."}, "put")
        demo.do(f"/api/entries/{demo.numbers[4]}/disqualify", {"reason": "Not made at the show."})
        yield demo
    finally:
        running.end()
    assert "Traceback" not in running.errors, running.errors


def opened(page, demo, paper: str):
    page.goto(f"{demo.url}/papers#{paper}")
    page.locator("main[data-paper]").wait_for()
    return page


@pytest.mark.seconds(150)
def test_the_papers_stand_on_any_screen_and_on_paper(desk, page_at, look):  # noqa: F811
    """Every paper on a phone and a laptop, light and dark, and what is printed: as many pages as it says, and nothing but the paper."""
    page = page_at(*PHONE, http=desk.admin, reduced_motion="reduce")
    decided = [c["id"] for c in desk.state()["categories"] if c["state"] in ("decided", "announced")]
    places = sum(len(group) for d in desk.state()["decisions"] for group in d["places"])
    wanted = {f"sheets/{desk.judged}/{desk.paper_judge['id']}": (".sheet", 2), f"decided/{decided[0]}": ("[data-part=story]", None), "certificates": (".certificate", places),
              "script": (".script-place", None), "awards": ("[data-award]", None), "files": ("[data-file=winners]", None)}
    found = []
    for paper, (part, pages) in wanted.items():
        opened(page, desk, paper)
        page.locator(part).first.wait_for()
        found += look(page, f"papers-{paper.partition('/')[0]}", [PHONE, LAPTOP], CROSSED)
        printed = page.pdf(prefer_css_page_size=True)
        assert pages is None or len(re.findall(rb"/Type\s*/Page\b", printed)) == pages, paper
        if paper == "certificates":
            assert re.search(rb"/MediaBox\s*\[0 0 841\.\d+ 59[45]", printed), "A4 across"
    right(found)


def test_a_sheet_to_fill_in_has_a_box_for_each_mark_and_crosses_out_who_is_recused(desk, page_at):
    page = opened(page_at(*LAPTOP, http=desk.admin), desk, f"sheets/{desk.judged}/{desk.paper_judge['id']}")
    expect(page.locator(".sheet")).to_have_count(2)
    expect(page.locator(".sheet").nth(1)).to_contain_text("Page 2 of 2")
    expect(page.locator(".sheet").first).to_contain_text(desk.paper_judge["name"])
    expect(page.locator("tr[data-entry]")).to_have_count(len(desk.numbers) - 1)     # who is out is not judged
    expect(page.locator(f"tr[data-entry='{desk.numbers[4]}']")).to_have_count(0)
    expect(page.locator(f"tr[data-entry='{desk.numbers[0]}'] .sheet-box")).to_have_count(5)
    expect(page.locator(f"tr[data-entry='{desk.numbers[2]}'] .sheet-box")).to_have_count(0)
    expect(page.locator(f"tr[data-entry='{desk.numbers[2]}']")).to_contain_text("Recused")


def test_how_it_was_decided_says_what_the_server_counted(desk, page_at):
    page = opened(page_at(*LAPTOP, http=desk.admin), desk, f"decided/{desk.judged}")
    told = desk.admin.get(f"/api/decided/{desk.judged}").json
    rows = page.locator("[data-part=standings] tr[data-row]")
    expect(rows).to_have_count(len(told["standings"]["rows"]))
    first = told["standings"]["rows"][0]
    expect(rows.first).to_contain_text(str(first["entry"]))
    expect(rows.first).to_contain_text(first["exact"])
    expect(page.locator("[data-part=left-out]")).to_contain_text("A cousin.")
    expect(page.locator("[data-part=left-out]")).to_contain_text("Not made at the show.")
    expect(page.locator("[data-part=story] tbody tr")).to_have_count(len(told["trail"]))
    expect(page.locator(".decided-seal")).to_contain_text(told["head"]["hash"])
    given = [s for s in told["sheets"] if s["part"] != "empty"]
    expect(page.locator("[data-part=marks] .mark")).to_have_count(len(given))
    expect(page.locator("[data-part=marks] [data-typed]")).to_have_count(len([s for s in given if s["typed"]]))


def test_a_host_prints_script_awards_and_certificates_and_nothing_with_marks(desk, page_at):
    host = desk.seat(next(j["name"] for j in desk.admin.get("/api/judges").json["judges"] if j["role"] == "host"))
    page = opened(page_at(*PHONE, http=host), desk, f"decided/{desk.judged}")
    expect(page.locator(".papers-nav a")).to_have_text(["Host's script", "List of awards", "Certificates"])
    decisions = desk.state()["decisions"]
    number = decisions[0]["places"][0][0]
    assert desk.admin.patch(f"/api/entries/{number}", {"say": "WOO-kash"}).status == 200
    page.reload()
    expect(page.locator(f"[data-script='{number}'] .script-sound")).to_have_text("Said as: WOO-kash")
    for decision in decisions:
        numbers = [str(n) for group in reversed(decision["places"]) for n in reversed(group)]
        assert page.locator(f"[data-category='{decision['category']}'] [data-script]").evaluate_all("all => all.map(e => e.dataset.script)") == numbers, "the last place first"
    nobody = page_at(*PHONE)
    nobody.goto(desk.url + "/papers")
    expect(nobody.locator("main")).to_contain_text("This page is for the organiser and the host.")


def test_sheets_are_typed_in_by_keyboard_and_marked_so(desk, page_at, look):  # noqa: F811
    """Number, tab, mark, tab, mark ..., enter, and the next number stands there."""
    page = page_at(*LAPTOP, http=desk.admin, reduced_motion="reduce")
    page.goto(f"{desk.url}/admin#typing/{desk.judged}/{desk.paper_judge['id']}")
    field = page.locator("#typing-n")
    expect(field).to_be_focused()
    expect(field).to_have_value(str(desk.numbers[0]))
    for text in ("8", "7.5", "9", "8,5", "10"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(field).to_have_value(str(desk.numbers[1]))
    expect(field).to_be_focused()
    expect(page.locator(f"[data-typed-entry='{desk.numbers[0]}'] [data-from=paper]")).to_have_text("typed by the organiser")
    sheet = next(s for s in desk.state()["sheets"] if s["entry"] == desk.numbers[0] and s["judge"] == desk.paper_judge["id"])
    assert sheet["typed"] and sheet["marks"] == {"technique": 8, "composition": 7.5, "placement": 9, "style": 8.5, "creativity": 10}
    before = len(desk.state()["sheets"])
    for number, said in ((desk.numbers[2], "recused"), (desk.numbers[4], "out"), (99, "There is no entry 99")):
        field.fill(str(number))
        page.keyboard.press("Enter")
        expect(page.locator("[data-problem]")).to_contain_text(said)
    field.fill(str(desk.numbers[3]))
    page.keyboard.press("Tab")
    page.keyboard.type("11")
    page.keyboard.press("Enter")
    expect(page.locator("[data-problem]")).to_contain_text("from 1 to 10")
    assert len(desk.state()["sheets"]) == before, "nothing that was refused has changed anything"
    right(look(page, "admin-typing", [PHONE, LAPTOP], CROSSED))


@pytest.mark.parametrize("method, wrong, key", [("tokens", ["{0} {1} {2} {3}", "{0} {0}"], "bad_tokens"), ("ranking", ["{0} {1} {3}", "{0} {1} {2} {2}"], "bad_ranking")])
def test_a_token_too_many_a_hole_and_a_double_are_said_where_they_were_typed_and_change_nothing(running, page_at, method, wrong, key):
    category, numbers = running.category("judging", entries=4, method=method)
    _, (foreign, _) = running.category("judging", entries=2)
    page = page_at(*LAPTOP, http=running.admin, errors=["status of 400"])
    page.goto(f"{running.server.url}/admin#typing/{category}/{running.ana_id}")
    field, problem = page.locator("#typing-hand"), page.locator("[data-problem]")
    for typed in wrong:
        field.fill(typed.format(*numbers))
        page.keyboard.press("Enter")
        expect(problem).to_have_text(ENGLISH[f"error.{key}"])
        field.fill(str(foreign))
        page.keyboard.press("Enter")
        expect(problem).to_contain_text(f"There is no entry {foreign}")
    assert [hand for hand in running.state()["hands"] if hand["category"] == category and hand["entries"]] == []


def test_tokens_are_typed_in_and_a_judge_who_changed_something_meanwhile_is_not_run_over(running, page_at):
    tokens, numbers = running.category("judging", entries=3, method="tokens")
    points, (first, _) = running.category("judging", entries=2)
    page = page_at(*LAPTOP, http=running.admin, errors=["409"])
    page.goto(f"{running.server.url}/admin#typing/{tokens}/{running.ana_id}")
    field, problem = page.locator("#typing-hand"), page.locator("[data-problem]")

    def hand() -> dict:
        return next(h for h in running.state()["hands"] if h["category"] == tokens and h["judge"] == running.ana_id)
    field.fill(f"{numbers[0]}, {numbers[2]}")
    page.keyboard.press("Enter")
    expect(page.locator("[data-typing=hand] [data-from=paper]")).to_have_text("typed by the organiser")
    assert hand()["by"] == "admin" and hand()["entries"] == [numbers[0], numbers[2]]
    field.fill(str(numbers[1]))
    running.ok(running.ana.put(f"/api/tokens/{tokens}", {"entries": [numbers[2]], "base": hand()["seq"]}))
    page.keyboard.press("Enter")
    expect(problem).to_contain_text("has changed this in the meantime")
    expect(field).to_have_value(str(numbers[2]))
    assert hand()["by"] == f"judge:{running.ana_id}", "what the judge gave stands"
    field.fill(f"{numbers[1]} 99999")
    page.keyboard.press("Enter")
    expect(problem).to_contain_text("There is no entry 99999")

    running.ok(running.ana.put(f"/api/sheets/{first}", {"marks": {"technique": 6}, "base": None}))
    page.goto(f"{running.server.url}/admin#typing/{points}/{running.ana_id}")
    expect(page.locator("#typing-n")).to_have_value(str(first))
    expect(page.locator("[data-replaces]")).to_contain_text("came from the judge's phone")
    seen = next(s for s in running.state()["sheets"] if s["entry"] == first)
    running.ok(running.ana.put(f"/api/sheets/{first}", {"marks": {"technique": 7}, "base": seen["seq"]}))
    page.locator("[data-criterion=technique]").fill("9")
    page.keyboard.press("Enter")
    expect(problem).to_contain_text("has changed this in the meantime")
    expect(page.locator("[data-criterion=technique]")).to_have_value("7")
    assert next(s for s in running.state()["sheets"] if s["entry"] == first)["marks"] == {"technique": 7}


def test_an_entrant_reads_the_own_marks_as_soon_as_they_are_announced(running, page_at, look):  # noqa: F811
    category, _ = running.category("open")
    sent = running.ok(running.submit(category=category), 201)
    number = sent["entry"]["number"]
    running.bring(category, "judging", [number])
    given = dict(zip((key for key, _ in contest.DEFAULT_CRITERIA), (9, 8.5, 7, 6, 5)))
    running.ok(running.ben.put(f"/api/sheets/{number}", {"marks": given, "base": None, "note": "never shown"}))
    running.ok(running.admin.post(f"/api/categories/{category}/close"))
    running.decide(category, [[number]])
    running.ok(running.admin.patch("/api/contest", {"sheets_open": True}))
    page = page_at(360, 640, locale="de", reduced_motion="reduce")
    page.goto(f"{running.server.url}/mine/{sent['mine'].rpartition('/')[2]}")
    page.locator("[data-entry]:not([hidden])").wait_for()
    expect(page.locator("[data-marks]")).to_be_hidden()
    running.ok(running.admin.post(f"/api/categories/{category}/announce"))
    expect(page.locator("[data-marks] tbody td")).to_have_text(["9", "8,5", "7", "6", "5"])
    expect(page.locator("[data-marks] thead th")).to_have_text(["Kriterium", "Jury 1"])
    right(look(page, "mine-marks", [(360, 640)]))
    running.ok(running.admin.patch("/api/contest", {"sheets_open": False}))
    expect(page.locator("[data-marks]")).to_be_hidden()


def test_the_papers_fit_a_small_phone_in_german(desk, page_at, look):  # noqa: F811
    page, found = page_at(360, 640, http=desk.admin, locale="de", reduced_motion="reduce"), []
    for paper in (f"sheets/{desk.judged}", f"decided/{desk.judged}", "certificates", "script", "awards", "files"):
        opened(page, desk, paper).wait_for_load_state("networkidle")
        if paper.startswith("decided"):
            page.locator("[data-part=story]").wait_for()
        found += look(page, f"papers-de-{paper.partition('/')[0]}", [(360, 640)], CROSSED)
    right(found)
