"""People's choice: who may vote, for what, once; what nobody is told; and what the organiser makes of it."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

import contest as app
from contest import CODE_LETTERS, Refused, Secret, category_standings, frames, view
from tests import demos
from tests.contests import command, contest, do, done, enter
from tests.demos import Demo
from tests.server import Server
from tests.test_pages import CROSSED, LAPTOP, PHONE, look, right  # noqa: F401
from tests.test_web import House

BATCH = "K7QM3XW"
NARROW = (360, 640)


def refused(state, kind, by="admin", /, **values) -> str:
    """The code of the refusal; the state is a value, so nothing can have changed."""
    with pytest.raises(Refused) as no:
        do(state, kind, by, **values)
    return no.value.code


def hall(stage="judging", ballots="codes", entries=4, **fields) -> app.State:
    """A contest whose entries 101, 102, ... the people choose from, in the category "hall"; with codes there is a batch of them."""
    state = contest(entries=entries, judges=1, stage="open")
    state = do(state, app.AddCategory, fields={"name": "Hall", "method": "choice", "places": 1, "ballots": ballots} | fields)
    if ballots == "codes":
        state = do(state, app.MakeCodes, category="hall", batch=BATCH, count=100)
    verbs = {"open": (), "judging": (app.StartJudging,), "closed": (app.StartJudging, app.CloseJudging)}[stage]
    for verb in verbs:
        state = do(state, verb, category="hall")
    return state


def ballot(number: int, entry: int, batch=BATCH, category="hall") -> dict:
    return {"category": category, "batch": batch, "ballot": f"ballot-{number}", "entry": entry}


def voted(state, counts: dict[int, int], batch=BATCH) -> app.State:
    """So many votes for each entry, each by a ballot of its own."""
    numbers = iter(range(1000))
    for entry, count in counts.items():
        for _ in range(count):
            state = do(state, app.CastVote, "public", **ballot(next(numbers), entry, batch))
    return state


def rows(state, category="hall") -> list[tuple]:
    return [(row["place"], row["entry"], row["score"], row["decided_by"]) for row in category_standings(state, category)["rows"]]


# Codes.

class Key(Secret):
    """A contest's key without a folder."""

    def __init__(self, key: bytes):
        self.key = key


KEY = Key(bytes(range(32)))


@given(st.text(CODE_LETTERS, min_size=7, max_size=7), st.integers(1, 32767))
def test_a_code_is_read_back_however_it_was_typed(batch, number):
    code = KEY.code(batch, number)
    assert len(code) == 10 and set(code) <= set(CODE_LETTERS)
    assert KEY.read_code(code) == (batch, number)
    typed = f" {code[:5].lower()} - {code[5:].lower()} ".replace("0", "o").replace("1", "l").replace("v", "u")
    assert KEY.read_code(typed) == (batch, number)


@given(st.text(max_size=12))
def test_what_was_never_a_code_is_read_without_a_fault(typed):
    batch, number = KEY.read_code(typed)
    assert batch == "" or KEY.code(batch, number) == "".join(c for c in typed.upper() if c.isascii() and c.isalnum()).translate(str.maketrans("OILU", "011V"))


def test_no_two_codes_are_alike_and_neighbours_have_nothing_in_common():
    codes = [KEY.code(batch, number) for batch in (BATCH, "K7QM3XV") for number in range(1, 5001)]
    assert len(set(codes)) == 10_000
    same = sum(a == b for one, other in zip(codes, codes[1:]) for a, b in zip(one, other)) / (10 * 9_999)
    assert 0.02 < same < 0.045        # one letter in 32 by chance


def test_a_guess_finds_none_of_five_thousand_codes_in_twenty_thousand_tries():
    guess = random.Random(5)
    hits = [KEY.read_code("".join(guess.choices(CODE_LETTERS, k=10))) for _ in range(20_000)]
    assert not [number for batch, number in hits if batch == BATCH and 1 <= number <= 5000]


def test_another_contest_has_other_codes():
    other = Key(bytes(32))
    assert other.read_code(KEY.code(BATCH, 1)) != (BATCH, 1)


# Voting.

def test_more_votes_go_first_and_one_without_a_vote_has_no_place():
    state = do(voted(hall(), {102: 3, 101: 1, 104: 2}), app.CloseJudging, category="hall")
    assert rows(state) == [(1, 102, 3, "votes"), (2, 104, 2, "votes"), (3, 101, 1, "votes")]
    assert category_standings(state, "hall")["unranked"] == [103]


def test_a_code_votes_once_and_the_same_vote_again_is_the_same_vote():
    state = voted(hall(), {101: 1})
    for entry in (101, 102):
        assert refused(state, app.CastVote, "public", **ballot(0, entry)) == "code_used"
    assert view(state, "admin", "choice", "hall")["votes"] == 1


def test_a_device_votes_once_where_devices_vote():
    state = voted(hall(ballots="devices"), {101: 1}, "")
    assert refused(state, app.CastVote, "public", **ballot(0, 102, "")) == "device_used"
    assert refused(state, app.CastVote, "public", **ballot(1, 102)) == "wrong_method"
    assert refused(hall(), app.CastVote, "public", **ballot(0, 102, "")) == "wrong_method"
    assert refused(state, app.MakeCodes, category="hall", batch="AAAAAAA", count=1) == "wrong_method"


@pytest.mark.parametrize("stage, code", [("open", "voting_not_open"), ("closed", "voting_closed")])
def test_nobody_votes_before_the_voting_or_after_it(stage, code):
    assert refused(hall(stage), app.CastVote, "public", **ballot(0, 101)) == code


def test_a_vote_is_for_an_entry_that_is_up_for_it():
    state = contest(entries=2, judges=1, stage="open")
    state = do(state, app.AddCategory, fields={"name": "Back"})
    state = enter(state, 3, "back")
    state = do(state, app.AddCategory, fields={"name": "Hall", "method": "choice", "from": ["back"]})
    state = do(do(state, app.MakeCodes, category="hall", batch=BATCH, count=9), app.StartJudging, category="hall")
    assert refused(state, app.CastVote, "public", **ballot(0, 101)) == "not_in_choice"
    assert refused(state, app.CastVote, "public", **ballot(0, 999)) == "no_such_entry"
    assert refused(do(state, app.HidePhoto, entry=103), app.CastVote, "public", **ballot(0, 103)) == "not_in_choice"
    assert refused(do(state, app.SetEntryState, entry=103, state="withdrawn", reason=""), app.CastVote, "public", **ballot(0, 103)) == "withdrawn"
    assert refused(state, app.CastVote, "public", **ballot(0, 103, "AAAAAAA")) == "no_such_code"
    assert rows(do(voted(state, {103: 1}), app.CloseJudging, category="hall")) == [(1, 103, 1, "votes")]


def test_a_vote_for_who_goes_out_is_lost_and_may_be_given_again():
    state = voted(hall(), {101: 1})
    gone = do(state, app.SetEntryState, entry=101, state="withdrawn", reason="")
    again = do(gone, app.CastVote, "public", **ballot(0, 102))
    assert view(again, "admin", "choice", "hall")["batches"][0]["used"] == 1
    back = do(again, app.SetEntryState, entry=101, state="registered", reason="")
    assert rows(do(back, app.CloseJudging, category="hall")) == [(1, 102, 1, "votes")]
    assert refused(back, app.CastVote, "public", **ballot(0, 101)) == "code_used"


def test_a_batch_is_taken_back_with_its_votes_while_the_voting_is_open():
    state = do(voted(hall(), {101: 2}), app.MakeCodes, category="hall", batch="AAAAAAA", count=5)
    state = do(state, app.CastVote, "public", **ballot(50, 102, "AAAAAAA"))
    after = do(state, app.RevokeCodes, batch=BATCH)
    assert view(after, "admin", "choice", "hall")["votes"] == 1
    assert refused(after, app.CastVote, "public", **ballot(60, 101)) == "code_revoked"
    closed = do(after, app.CloseJudging, category="hall")
    assert rows(closed) == [(1, 102, 1, "votes")]
    assert refused(closed, app.RevokeCodes, batch="AAAAAAA") == refused(closed, app.MakeCodes, category="hall", batch="BBBBBBB", count=1) == "wrong_state"
    assert refused(closed, app.RevokeCodes, batch="XXXXXXX") == "no_such_batch"


@pytest.mark.parametrize("count", [0, 5001, -1])
def test_a_batch_has_one_to_five_thousand_codes(count):
    assert refused(hall(), app.MakeCodes, category="hall", batch="AAAAAAA", count=count) == "bad_field"


def test_what_was_taken_back_stays_so_after_a_restore():
    before = voted(hall(), {101: 2})
    carried = app.carried_over(do(before, app.RevokeCodes, batch=BATCH))
    state = do(before, app.RestoreContest, carried=carried)
    assert state.batches[BATCH].revoked and not state.votes["hall"]
    old = {k: v for k, v in carried.items() if k != "batches"}        # written by an older version
    assert not do(before, app.RestoreContest, carried=old).batches[BATCH].revoked


# What it is not.

def test_nothing_is_entered_moved_or_merged_into_a_peoples_choice():
    state = hall("open")
    fields = {"category": "hall", "collector": "Zoë", "consent": True, "adult": True}
    assert refused(state, app.SubmitEntry, "public", fields=fields, photos=[{}]) == "votes_only"
    assert refused(state, app.ChangeEntry, entry=101, fields={"category": "hall"}) == "votes_only"
    assert refused(state, app.MergeCategory, category="sleeve", into="hall", reason="few") == "votes_only"


def test_a_category_does_not_become_a_peoples_choice_nor_one_another():
    assert refused(hall("open"), app.ChangeCategory, category="sleeve", fields={"method": "choice"}) == "wrong_method"
    assert refused(hall("open"), app.ChangeCategory, category="hall", fields={"method": "points"}) == "wrong_method"
    state = do(hall("open"), app.ChangeCategory, category="hall", fields={"from": ["sleeve"]})
    assert refused(voted(do(state, app.StartJudging, category="hall"), {101: 1}), app.ChangeCategory, category="hall", fields={"from": []}) == "category_has_sheets"
    other = {"name": "Kids", "method": "choice", "from": ["hall"]}
    assert refused(hall("open"), app.AddCategory, fields=other) == "bad_field"


def test_judges_have_no_say_in_it_and_it_has_none_in_theirs():
    state = do(voted(hall(), {101: 1, 102: 1}), app.StartJudging, category="sleeve")
    alone = do(contest(entries=4, judges=1, stage="open"), app.StartJudging, category="sleeve")
    assert category_standings(state, "sleeve") == category_standings(alone, "sleeve")
    assert refused(state, app.GiveTokens, "judge:j1", category="hall", judge="j1", entries=[101], base=None) == "wrong_method"
    closed = do(state, app.CloseJudging, category="hall")
    assert refused(closed, app.CallRunOff, category="hall", entries=[101, 102]) == "wrong_method"
    assert category_standings(closed, "hall")["missing"] == []


def test_reopening_it_leaves_the_sheets_of_the_judges_where_they_are():
    state = do(do(hall(), app.StartJudging, category="sleeve"), app.CloseJudging, category="sleeve")
    state = do(state, app.DecideWinners, category="sleeve", places=[], reason="none")
    state = do(state, app.GiveSheet, "judge:j1", entry=101, judge="j1", marks={"style": 8, "technique": 8}, note="", base=None)
    assert 101 in state.after
    state = do(do(voted(state, {101: 1}), app.CloseJudging, category="hall"), app.ReopenCategory, category="hall", reason="a power cut")
    assert 101 in state.after and 101 not in state.sheets
    assert refused(state, app.DeleteCategory, category="hall") == "category_not_empty"


# What nobody is told.

CHANNELS = ("public", "judge", "judge:j1", "desk", "host", "admin")


def told(before: app.State, **vote) -> dict:
    """What each channel hears of a vote."""
    after, fact = done(before, command(app.CastVote, "public", **vote))
    return frames(before, after, fact)


def test_a_vote_is_heard_by_the_organiser_alone_and_only_that_there_is_one_more():
    before = voted(hall(), {101: 2})
    assert told(before, **ballot(9, 102)) == told(before, **ballot(9, 103))
    heard = told(before, **ballot(9, 102))
    assert set(heard) == {"admin"}
    (message,) = heard["admin"]
    assert set(message["d"]) == {"choice"} and message["d"]["choice"]["votes"] == 3 and "102" not in re.sub(r'"at":\d+', "", app.dumps(message).decode())


@pytest.mark.parametrize("stage", ["judging", "closed", "decided"])
def test_until_a_place_is_revealed_two_ways_of_voting_look_alike(stage):
    """To all but the organiser; to the organiser too while people vote, but for the record of how many."""
    one, other = (voted(hall(), counts) for counts in ({101: 3, 102: 1}, {102: 3, 101: 1}))
    if stage != "judging":
        one, other = (do(state, app.CloseJudging, category="hall") for state in (one, other))
    if stage == "decided":
        one, other = (do(state, app.DecideWinners, category="hall", places=[[n]], reason="") for state, n in ((one, 101), (other, 102)))
    for channel in CHANNELS if stage == "judging" else CHANNELS[:4]:
        assert seen(one, channel) == seen(other, channel), channel
    if stage == "judging":
        assert category_standings(one, "hall") == category_standings(other, "hall")
        assert category_standings(one, "hall")["rows"] == [] and category_standings(one, "hall")["provisional"]


def seen(state, channel) -> list:
    return [view(state, channel, kind, key) for kind, key in app.things_of(state)]


def test_no_paper_and_no_file_tells_how_people_voted():
    """The story of how it was decided and the exports: nothing while people vote, the sums afterwards, never a single vote."""
    def papers(state) -> str:
        told = app.how_decided(state, "hall", app.trail(state, "hall", facts)) | {"entry's own": app.trail(state, "sleeve", facts)}
        tables = b"".join(b"".join(app.export_csv(state, what)) for what in sorted(app.TABLES))
        return app.dumps(told).decode() + tables.decode() + b"".join(app.export_json(state, {})).decode()
    one, other, facts = hall(), hall(), []
    for number in range(4):
        one, fact = done(one, command(app.CastVote, "public", **ballot(number, 101)))
        facts.append(fact)
        other = done(other, command(app.CastVote, "public", **ballot(number, 102 + number % 2)))[0]
    assert papers(one) == papers(other) and "ballot-" not in papers(one)
    closed = do(one, app.CloseJudging, category="hall")
    assert '"score":4' in papers(closed) and "ballot-" not in papers(closed) and "vote_cast" not in papers(closed)


def test_who_is_level_is_secret_while_people_vote():
    """Else a decision of a tie would be a question: are these two level?"""
    state = voted(hall(), {101: 2, 102: 2})
    assert refused(state, app.DecideTie, category="hall", order=[[101], [102]], reason="r") == "wrong_state"
    assert refused(voted(hall(), {101: 2, 102: 1}), app.DecideTie, category="hall", order=[[101], [102]], reason="r") == "wrong_state"


def test_the_log_holds_neither_a_code_nor_who_voted():
    secret = Key(bytes(range(32)))
    code = secret.code(BATCH, 7)
    _, fact = done(hall(), command(app.CastVote, "public", **ballot(0, 101) | {"ballot": secret.derive("ballot", f"{BATCH}|7")}))
    public, private = app.fact_json(fact)
    assert not private and code not in str(public) and public["by"] == "public"
    assert set(public["events"][0]) == {"type", "category", "batch", "ballot", "entry"}


# From the close to the stage.

def decided(counts, places, reason="", **fields) -> app.State:
    state = do(voted(hall(**fields), counts), app.CloseJudging, category="hall")
    return do(state, app.DecideWinners, category="hall", places=places, reason=reason)


def test_a_tie_is_shared_or_decided_with_a_reason():
    state = do(voted(hall(), {101: 2, 102: 2}), app.CloseJudging, category="hall")
    assert category_standings(state, "hall")["unresolved"] == [[101, 102]]
    assert refused(state, app.DecideWinners, category="hall", places=[[101, 102]], reason="") == "reason_needed"
    state = do(state, app.DecideTie, category="hall", order=[[102], [101]], reason="louder applause")
    assert rows(state) == [(1, 102, 2, "decision"), (2, 101, 2, "decision")]
    assert refused(state, app.DecideWinners, category="hall", places=[[999]], reason="r") == "no_such_entry"


def test_the_winner_is_named_by_the_reveal_with_the_votes_and_nobody_else_is():
    state = decided({101: 2, 102: 1}, [[101]])
    assert "collector" not in view(state, "public", "entry", 101) and view(state, "public", "winners", "hall") is None
    state = do(state, app.StepReveal, "host:j9", category="hall", step=0, phase="ink")
    before = state
    state, fact = done(state, command(app.StepReveal, "host:j9", category="hall", step=1, phase="ink"))
    assert state.categories["hall"].state == "announced"
    winner = view(state, "public", "winners", "hall")["places"][0]["entries"][0]
    assert (winner["number"], winner["collector"], winner["votes"]) == (101, "Zoë 0", 2) and "score" not in winner
    heard = [message["d"] for message in frames(before, state, fact)["public"]]
    assert [d["entry"]["number"] for d in heard if "entry" in d] == [101]
    assert "collector" not in view(state, "public", "entry", 102)


def test_an_absent_winner_makes_way_for_the_next():
    state = do(decided({101: 3, 102: 2, 103: 1}, [[101]]), app.PassOver, "host:j9", category="hall", entry=101)
    assert state.decisions["hall"].places == ((102,),)


def test_nobody_voted_is_no_award():
    state = decided({}, [])
    assert state.categories["hall"].state == "decided" and state.decisions["hall"].places == ()


def test_the_organiser_is_warned_where_the_reveal_would_name_an_entry_to_its_judges():
    state = do(voted(hall(), {101: 2}), app.CloseJudging, category="hall")
    def warned(of):
        return app.decision_warnings(of, "hall", category_standings(of, "hall"))
    assert warned(state) == []
    judging = do(state, app.StartJudging, category="sleeve")
    assert warned(judging) == [{"code": "still_judged", "entries": [101]}]


def test_a_change_of_name_or_a_withdrawal_reaches_the_peoples_winner_too():
    state = do(decided({101: 2}, [[101]]), app.AnnounceCategory, category="hall")
    after, fact = done(state, command(app.ChangeEntry, entry=101, fields={"collector": "Zoë Núñez"}))
    winners = [m["d"]["winners"] for m in frames(state, after, fact)["public"] if "winners" in m["d"]]
    assert winners[0]["places"][0]["entries"][0]["collector"] == "Zoë Núñez"
    out = do(state, app.SetEntryState, entry=101, state="withdrawn", reason="")
    assert view(out, "host", "decision", "hall")["out"] == [101]


# Over HTTP.

@pytest.fixture(scope="module")
def house(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("choice") / "data", {"CONTEST_TRUST_PROXY": "one-hop"}).start()
    try:
        yield House(running)
        assert "Traceback" not in running.errors, running.errors
    finally:
        running.end()


class Booth:
    """A people's choice of a category's own two or more entries, with codes."""

    def __init__(self, house, entries=2, count=10, ballots="codes", **fields):
        self.house = house
        self.source, self.numbers = house.category(entries=entries)
        self.id = house.ok(house.admin.post("/api/categories", {
            "name": f"Hall of {self.source}", "method": "choice", "places": 1, "from": [self.source], "ballots": ballots, **fields}), 201)["category"]["id"]
        self.batch = self.codes = None
        if ballots == "codes":
            self.batch = house.ok(house.admin.post("/api/choice/codes", {"category": self.id, "count": count}), 201)["batch"]
            self.codes = [one["code"] for one in self.printed()["codes"]]
        self.go("judge")

    def go(self, verb: str, **body):
        self.house.ok(self.house.admin.post(f"/api/categories/{self.id}/{verb}", body))

    def printed(self, first=1) -> dict:
        return self.house.ok(self.house.admin.get(f"/api/choice/codes/{self.batch}?first={first}"))

    def vote(self, code: str, entry: int, who=None, **more):
        return (who or self.house.nobody).put("/api/choice", {"code": code, "entry": entry, **more})

    def standings(self) -> dict:
        return self.house.ok(self.house.admin.get(f"/api/standings/{self.id}"))

    def known(self) -> dict:
        return next(one for one in self.house.state()["choices"] if one["category"] == self.id)


def test_a_code_votes_once_over_http_and_a_lost_answer_costs_no_vote(house):
    booth = Booth(house)
    one, other = booth.numbers
    assert house.ok(house.nobody.post("/api/choice", {"code": booth.codes[0]})) == {"ballot": {"category": booth.id, "state": "judging"}}
    for _ in range(2):        # the second is the same vote, sent again
        assert house.ok(booth.vote(booth.codes[0], one, id="vote-of-code-0")) == {"vote": {"category": booth.id, "entry": one}}
    assert booth.vote(booth.codes[0], other, id="vote-of-code-0").code == "id_reuse"
    again = booth.vote(booth.codes[0], other)
    assert (again.status, again.code) == (409, "code_used")
    assert house.nobody.post("/api/choice", {"code": booth.codes[0]}).code == "code_used"
    house.ok(booth.vote(booth.codes[1].lower().replace("-", " "), one))
    assert booth.known()["votes"] == 2 and booth.known()["batches"][0]["used"] == 2


def test_what_cannot_be_a_vote_is_refused_and_changes_nothing(house):
    booth = Booth(house, ballots="codes")
    elsewhere, (foreign,) = house.category(entries=1)
    house.ok(house.admin.post(f"/api/entries/{booth.numbers[1]}/withdraw"))
    before = house.kept()
    code, device = booth.codes[0], "d" * 22
    spare = {"X-Forwarded-For": "192.0.2.50"}
    for body, status, wanted in (
            ({"code": code, "entry": foreign}, 409, "not_in_choice"), ({"code": code, "entry": booth.numbers[1]}, 409, "withdrawn"),
            ({"code": code, "entry": 99999}, 404, "no_such_entry"), ({"code": code, "entry": "101"}, 400, "bad_field"),
            ({"code": code}, 400, "missing_field"), ({"code": code, "entry": booth.numbers[0], "judge": "j1"}, 400, "unknown_field"),
            ({"code": "AAAAA-AAAAA", "entry": booth.numbers[0]}, 404, "no_such_code"), ({"code": 5, "entry": 1}, 400, "missing_field"),
            ({"category": booth.id, "device": device, "entry": booth.numbers[0]}, 409, "wrong_method"),
            ({"category": booth.id, "device": "short", "entry": booth.numbers[0]}, 400, "bad_field"),
            ({"category": booth.source, "device": device, "entry": booth.numbers[0]}, 409, "wrong_method")):
        answer = house.nobody.put("/api/choice", body, **spare)
        assert (answer.status, answer.code) == (status, wanted), (body, answer)
    assert house.nobody.post("/api/choice", {"code": code, "entry": 1}).code == "unknown_field"
    assert house.admin.get(f"/api/choice/codes/{booth.batch}?first=x").code == "bad_field"
    assert house.nobody.put("/api/choice", {"code": code, "entry": booth.numbers[0]}, Origin="https://elsewhere.example").code == "foreign_origin"
    assert house.kept() == before


def test_wrong_codes_wait_and_good_ones_of_the_same_address_never(house):
    booth = Booth(house)
    here = {"X-Forwarded-For": "192.0.2.51"}
    answers = [house.nobody.post("/api/choice", {"code": "AAAAA-AAAA%d" % n}, **here) for n in range(7)]
    assert [a.code for a in answers] == ["no_such_code"] * 5 + ["too_many_tries"] * 2 and answers[-1].headers["Retry-After"]
    assert house.nobody.put("/api/choice", {"code": booth.codes[0], "entry": booth.numbers[0]}, **here).status == 200


def test_codes_come_in_pages_are_the_same_at_every_printing_and_each_has_a_qr(house):
    booth = Booth(house, count=70)
    first, second = booth.printed(), booth.printed(61)
    assert [one["number"] for one in first["codes"]] == list(range(1, 61)) and [one["number"] for one in second["codes"]] == list(range(61, 71))
    assert first["count"] == 70 and booth.printed() == first
    card = first["codes"][0]
    assert re.fullmatch(r"[0-9A-Z]{5}-[0-9A-Z]{5}", card["code"]) and re.fullmatch(r"(M\d+ \d+h\d+v1h-\d+z)+", card["path"])
    assert drawn(card) == qr(f"{house.state()['contest']['address']}/vote#{card['code'].replace('-', '')}")


def drawn(card: dict) -> list[list[bool]]:
    """The squares that a card's path fills."""
    field = [[False] * card["size"] for _ in range(card["size"])]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)", card["path"]):
        for at in range(int(x), int(x) + int(width)):
            field[int(y)][at] = True
    return field


def qr(text: str) -> list[list[bool]]:
    import segno
    return [[bool(cell) for cell in row] for row in segno.make(text, error="m", mask=2, micro=False).matrix]


def test_the_same_batch_asked_for_twice_is_one_batch(house):
    booth = Booth(house)
    body = {"category": booth.id, "count": 5, "id": "the-same-batch"}
    one, other = (house.admin.post("/api/choice/codes", body) for _ in range(2))
    assert (one.status, other.status) == (201, 200) and one.json["batch"] == other.json["batch"]
    assert len(booth.known()["batches"]) == 2


def test_a_batch_that_is_taken_back_is_dead(house):
    booth = Booth(house)
    house.ok(booth.vote(booth.codes[0], booth.numbers[0]))
    assert house.ok(house.admin.delete(f"/api/choice/codes/{booth.batch}"))["choice"]["votes"] == 0
    assert booth.vote(booth.codes[1], booth.numbers[0]).code == "code_revoked"


def test_a_device_votes_once_and_a_judges_vote_is_the_publics(house):
    booth = Booth(house, ballots="devices")
    body = {"category": booth.id, "device": "device-of-somebody-0001", "entry": booth.numbers[0]}
    house.ok(house.ana.put("/api/choice", body))
    assert house.nobody.put("/api/choice", body).code == "device_used"
    assert house.nobody.post("/api/choice", {k: body[k] for k in ("category", "device")}).code == "device_used"
    (event,) = [e for e in demos.events(house.server.data, "VoteCast") if e["category"] == booth.id]
    log = b"".join(path.read_bytes() for path in sorted((house.server.data / "wal").glob("*.jsonl")))
    line = next(line for line in log.splitlines() if event["ballot"].encode() in line)
    assert b'"by":"public"' in line and b"device-of-somebody" not in log and house.ana_id.encode() not in line


def test_no_code_stands_in_the_log(house):
    booth = Booth(house)
    house.ok(booth.vote(booth.codes[0], booth.numbers[0]))
    log = b"".join(path.read_bytes() for path in sorted((house.server.data / "wal").glob("*.jsonl"))).upper()
    assert not [code for code in booth.codes if code.encode() in log or code.replace("-", "").encode() in log]


def test_nobody_is_sent_who_is_ahead_before_the_announcement_and_then_the_winner(house, live):
    """Every way that anybody is told anything: states, polls, sockets, winners; two booths with opposite votes look alike."""
    people = {"public": house.nobody, "judge": house.ana, "desk": house.desk, "host": house.host}
    booth = Booth(house, entries=3)
    cursors = {name: "&".join(f"{k}={v}" for k, v in ((k, house.state(who)[k]) for k in "esha")) for name, who in people.items()}
    sockets = {name: live(house.server, http=who) for name, who in people.items()}
    for socket in sockets.values():
        socket.hello()
    first, second, third = booth.numbers
    for code, entry in zip(booth.codes, (second, second, second, first, first, third)):
        house.ok(booth.vote(code, entry))
    before = {name: house.state(who) for name, who in people.items()}
    assert all("choices" not in state and "votes" not in str(state) for state in before.values())
    assert booth.standings()["rows"] == [] and booth.standings()["provisional"]
    for name, who in people.items():        # six votes, and not a word of them
        assert house.ok(who.get(f"/api/events?wait=0&{cursors[name]}"))["events"] == []
    lines = [e for line in house.ok(house.admin.get("/api/log?limit=5000"))["records"] for e in line["events"] if e["type"] == "VoteCast"]
    assert len(lines) >= 6 and all(set(e) == {"type", "category"} for e in lines)
    booth.go("close")
    assert [row["entry"] for row in booth.standings()["rows"]] == [second, first, third]
    house.ok(house.admin.put(f"/api/winners/{booth.id}", {"places": [[second]]}))
    for name in ("public", "judge", "desk"):
        state = house.state(people[name])
        assert not [w for w in state["winners"] if w["category"] == booth.id]
        assert {k: v for k, v in state.items() if k == "entries"} == {k: v for k, v in before[name].items() if k == "entries"}
        said = house.ok(people[name].get(f"/api/events?wait=0&{cursors[name]}"))["events"]
        assert {kind for event in said for message in event["m"] for kind in message["d"]} == {"category"}
    house.ok(house.host.post("/api/reveal", {"category": booth.id, "step": 0}))
    house.ok(house.host.post("/api/reveal", {"category": booth.id, "step": 1}))
    winner = next(w for w in house.ok(house.nobody.get("/api/winners"))["winners"] if w["category"] == booth.id)["places"][0]["entries"][0]
    assert (winner["number"], winner["votes"], winner["collector"]) == (second, 3, "Ada")
    named = {e["number"] for e in house.state(house.nobody)["entries"] if "collector" in e} & set(booth.numbers)
    assert named == {second}
    for socket in sockets.values():
        told = socket.until(lambda message: any("winners" in m["d"] for m in message.get("m", ())))
        assert f'"number":{first},' not in str(told)


def test_votes_and_codes_outlive_a_kill(server):
    house = House(server())
    booth = Booth(house)
    house.ok(booth.vote(booth.codes[0], booth.numbers[0], id="vote-before-the-kill"))
    house.server.kill()
    house.server.start()
    house.ok(booth.vote(booth.codes[0], booth.numbers[0], id="vote-before-the-kill"))
    assert booth.vote(booth.codes[0], booth.numbers[0]).code == "code_used"
    assert [one["code"] for one in booth.printed()["codes"]] == booth.codes and booth.known()["votes"] == 1


# In Chromium.

@pytest.mark.seconds(150)
def test_the_hall_votes_by_its_cards_and_the_winner_stands_among_the_winners(server, tmp_path, page_at, look, shot):  # noqa: F811
    demo = Demo(server(demos.copy(tmp_path / "hall" / "data")))
    desk = page_at(*LAPTOP, http=demo.admin)
    desk.goto(demo.url + "/admin#choice")
    found = look(desk, "admin-choice-first", [PHONE], CROSSED)
    desk.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    desk.fill("#choice-name", "Hall of Fame")
    desk.click("[data-do=save-choice]")
    desk.click("[data-next=open]")
    expect(desk.locator("dialog .ask-list")).to_contain_text("nobody can vote")      # opened without codes: it asks
    desk.click("dialog .button-quiet >> text=Cancel")
    desk.fill("[data-count]", "30")
    desk.click("[data-do=make-codes]")
    codes = printed(desk, shot)
    desk.click("[data-next=open]")
    expect(desk.locator("[data-next=judging]")).to_be_visible()
    choice = next(one["id"] for one in demo.state()["categories"] if one["method"] == "choice")

    phone = page_at(*PHONE, locale="de-DE")
    phone.goto(f"{demo.url}/vote#{codes[0]}")
    phone.click("[data-entry='103']")
    found += look(phone, "vote-ask", [PHONE, NARROW], CROSSED)
    phone.click("[data-do]")
    expect(phone.locator("[data-view=done]")).to_be_visible()
    assert codes[0] not in phone.url and [(e["category"], e["entry"]) for e in votes(demo)] == [(choice, 103)]
    found += look(phone, "vote-done", [NARROW], CROSSED)
    phone.reload()
    expect(phone.locator("[data-view=done] [data-number]")).to_have_text("103")

    second = page_at(*PHONE, errors=["409", "ERR_", "WebSocket"])
    second.goto(f"{demo.url}/vote#{codes[0]}")                   # the card lay on the floor
    expect(second.locator("[data-code-error]")).to_have_text("This code has already voted.")
    found += look(second, "vote-code", [NARROW], CROSSED)
    second.fill("#code", codes[1].lower().replace("-", ""))
    second.click("[data-code-go]")
    found += look(second, "vote-choose", [PHONE, NARROW, LAPTOP], CROSSED)
    second.fill("[data-find]", "104")
    second.click("[data-entry='104']")
    second.context.set_offline(True)
    second.click("[data-do]")
    expect(second.locator("[data-view=sending]")).to_be_visible()
    found += look(second, "vote-sending", [PHONE], CROSSED)
    assert len(votes(demo)) == 1
    second.context.set_offline(False)
    expect(second.locator("[data-view=done]")).to_be_visible()

    third = page_at(*PHONE, errors=["ERR_"])
    lost = []
    third.route("**/api/choice", lambda route: lose_the_answer(route, lost))
    third.goto(f"{demo.url}/vote#{codes[2]}")
    third.click("[data-entry='103']")
    third.click("[data-do]")
    expect(third.locator("[data-view=done]")).to_be_visible()
    assert lost and sorted(e["entry"] for e in votes(demo)) == [103, 103, 104]      # the one whose answer was lost counts once

    expect(desk.locator("[data-votes]")).to_have_text("3")
    found += look(desk, "admin-choice", [PHONE, LAPTOP], CROSSED)
    desk.click("[data-next=judging]")
    desk.click("[data-confirm]")
    late = page_at(*PHONE)
    late.goto(f"{demo.url}/vote#{codes[3]}")
    expect(late.locator("[data-wait-title]")).to_have_text("The voting is closed")
    desk.click("[data-next=closed]")
    desk.click("[data-do=save-decision]")
    expect(desk.locator("[data-next=decided]")).to_be_visible()
    demo.do(f"/api/categories/{choice}/announce")
    phone.goto(demo.url + "/winners")
    winner = phone.locator(f"[data-category={choice}] [data-entry='103']")
    expect(winner).to_contain_text("2 Stimmen")
    assert next(e["collector"] for e in demo.state()["entries"] if e["number"] == 103) in winner.inner_text()
    right(found)


def votes(demo) -> list[dict]:
    return demos.events(demo.server.data, "VoteCast")


def lose_the_answer(route, lost: list) -> None:
    """The first vote reaches the server, but its answer does not come back."""
    if route.request.method == "PUT" and not lost:
        lost.append(route.fetch())
        route.abort()
    else:
        route.continue_()


def printed(desk, shot) -> list[str]:
    """Print the batch as the organiser does; returns the codes on the cards."""
    desk.evaluate("() => { window.print = () => { window.cards = document.documentElement.dataset.print; }; }")
    desk.click("[data-do=print-codes]")
    desk.wait_for_function("() => window.cards === 'codes'")
    desk.evaluate("() => { document.documentElement.dataset.print = 'codes'; }")
    desk.set_viewport_size({"width": 794, "height": 1123})
    desk.emulate_media(media="print")
    cards = desk.locator(".code-card")
    expect(cards.first).to_be_visible()
    assert desk.locator(".admin-main > :not(.codes):visible").count() == 0
    cut = desk.evaluate("() => [...document.querySelectorAll('.code-card *')].filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map((e) => e.className)")
    assert cut == [], cut
    shot(desk, "codes-print")
    found = desk.locator(".code-code").all_inner_texts()
    assert len(found) == 30 and desk.locator(".codes-page").count() == 2
    desk.emulate_media(media="screen")
    desk.evaluate("() => { delete document.documentElement.dataset.print; }")
    desk.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    return found


def test_each_phone_has_a_vote_where_devices_vote_and_everybody_is_told_that_this_is_weak(server, tmp_path, page_at, look):  # noqa: F811
    demo = Demo(server(demos.copy(tmp_path / "hall" / "data")))
    choice = demo.do("/api/categories", {"name": "Hall", "method": "choice", "ballots": "devices", "places": 1})["category"]["id"]
    demo.do(f"/api/categories/{choice}/judge")
    phone = page_at(*PHONE)
    phone.goto(demo.url + "/")
    phone.click(".home-links a[href='/vote']")
    phone.click("[data-entry='105']")
    phone.click("[data-do]")
    expect(phone.locator("[data-view=done]")).to_be_visible()
    phone.reload()
    expect(phone.locator("[data-view=done] [data-number]")).to_have_text("105")
    desk = page_at(*LAPTOP, http=demo.admin)
    desk.goto(demo.url + "/admin#choice")
    expect(desk.locator("[data-weak]")).to_be_visible()
    demo.do(f"/api/categories/{choice}/close")
    demo.do(f"/api/winners/{choice}", {"places": [[105]]}, "put")
    demo.do(f"/api/categories/{choice}/announce")
    phone.goto(demo.url + "/winners")
    expect(phone.locator(f"[data-category={choice}] [data-weak]")).to_be_visible()
    right(look(phone, "winners-choice", [PHONE, LAPTOP], CROSSED))
