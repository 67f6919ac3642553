"""Tokens, rankings and run-offs on the judges' phones, and the stage that a phone follows.

As in test_offline.py the network is cut by the browser and the server is stopped; the proof is read from the phone's IndexedDB
and from the log on the server's disk, not from the page's words.
"""

import atexit
import functools
import json
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

import contest as app
from tests import demos
from tests.demos import Demo
from tests.test_journeys import AWAY, OFFLINE, PHONE, goto, same, until, wire      # noqa: F401 (a fixture)
from tests.test_offline import restore
from tests.test_pages import BOTH, DARK, ENGLISH, look, right      # noqa: F401 (a fixture)

SMALL, TABLET, ACROSS = (360, 640), (820, 1180), (1180, 820)
CRITERIA = [{"id": name, "name": name.title(), "weight": 1} for name in ("line", "colour")]
HANDS = """(judge) => new Promise((done, fail) => {
  const asked = indexedDB.open(`contest-judge-${judge}`);
  asked.onerror = () => fail(asked.error);
  asked.onsuccess = () => {
    const db = asked.result;
    db.transaction("hands").objectStore("hands").getAll().onsuccess = (e) => { db.close(); done(e.target.result); };
  };
})"""


# A hall: tokens (101 to 106), a ranking (107 to 110), points (111 to 114), judged by Ana, Ben and Cho.

@functools.cache
def filled() -> Path:
    """Its data folder, never served itself."""
    top = Path(tempfile.mkdtemp(prefix="contest-hands-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    with app.open(top / "data") as c:
        c.change_contest(name="Night of Ink")
        for name in ("Ana", "Ben", "Cho"):
            c.invite(name)
        for name, method, entries in (("Black", "tokens", 6), ("Fine", "ranking", 4), ("Sleeve", "points", 4)):
            c.add_category(name, method=method, criteria=CRITERIA)
            for number in range(entries):
                Image.new("RGB", (240, 320), (214 - 20 * number, 170, 60 + 30 * number)).save(top / "one.jpg")
                c.submit(top / "one.jpg", name.lower(), collector=f"Collector {number}")
        for name in ("black", "fine", "sleeve"):
            c.start_judging(name)
    return top / "data"


@pytest.fixture
def hall(server, tmp_path):
    """A running copy of it."""
    return Demo(server(Path(shutil.copytree(filled(), tmp_path / "hall"))))


def sent(page) -> None:
    expect(page.locator("[data-sync=sent]")).to_be_visible(timeout=OFFLINE)


def phone(page_at, hall, name="Ana", category="black", size=PHONE, url="", **options):
    """That judge's phone, live and in a category; (page, judge's id)."""
    page = goto(page_at(*size, errors=AWAY, **options), (url or hall.url) + urlsplit(hall.link(name)).path, "[data-tokens]")
    sent(page)
    if category != "black":
        enter(page, category)
    return page, hall.judge(name)["id"]


def enter(page, category: str) -> None:
    page.locator("[data-list]").click()
    page.locator(f"[data-category={category}]").click()
    page.locator({"black": "[data-tokens]", "fine": "[data-ranking]"}.get(category, "[data-rows]")).wait_for()


def hands(page, judge: str) -> dict[str, dict]:
    """What the phone's disk holds of hands and votes, by key."""
    return {record["key"]: record for record in page.evaluate(HANDS, judge)}


def waiting(page, judge: str, key: str):
    """What the judge wants there and the server has not acknowledged; None."""
    record = hands(page, judge).get(key) or {}
    wish = record.get("waiting") or (record.get("sent") or {}).get("wish")
    return wish and wish.get("entries", wish.get("choice"))


def dealt(hall, judge: str, kind="TokensGiven") -> list[list[int]]:
    """The hands of a judge in the log, oldest first; no command is in it twice."""
    found = [event for event in demos.events(hall.server.data, kind) if event["judge"] == judge]
    assert len({event["id"] for event in found}) == len(found)
    return [event.get("entries", event.get("order")) for event in found]


def votes(hall) -> list[tuple[str, int]]:
    return [(event["judge"], event["choice"]) for event in demos.events(hall.server.data, "RunOffVoted")]


def token(page, number: int):
    return page.locator(f"[data-tile='{number}'] [data-token]")


def give(page, *numbers: int) -> None:
    """Tap the tokens of these entries: each is given, or taken back."""
    for number in numbers:
        before = token(page, number).get_attribute("data-given")
        token(page, number).click()
        if before:
            expect(token(page, number)).not_to_have_attribute("data-given", re.compile("."))
        else:
            expect(token(page, number)).to_have_attribute("data-given", re.compile("here|sent"))


def order(page) -> list[int]:
    return [int(row.get_attribute("data-rank")) for row in page.locator("[data-rank]").all()]


# Tokens.

@pytest.mark.seconds(150)
def test_tokens_given_without_wifi_survive_a_reload_and_are_sent_once(hall, page_at, look):
    page, ana = phone(page_at, hall)
    expect(page.locator(".judge-way, .judge-mode").first).to_have_text(re.compile("Works without wifi"), timeout=OFFLINE)
    page.context.set_offline(True)
    hall.server.kill()
    give(page, 103, 101)
    expect(page.locator("[data-count]")).to_have_text("2 of 3 tokens given")
    expect(page.locator("[data-pip=here]")).to_have_count(2)
    until(lambda: waiting(page, ana, "hand/black") == [101, 103], what="the tokens are not on the disk")
    page.reload()
    page.locator("[data-tokens]").wait_for()
    expect(page.locator("[data-given=here]")).to_have_count(2)
    give(page, 106)
    token(page, 104).click()
    expect(page.locator("[data-full]")).to_have_text("All 3 tokens are given. Take one back first.")
    found = look(page, "tokens", [PHONE, SMALL, TABLET, ACROSS], DARK, full=False)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    give(page, 103)
    page.locator("[data-undo]").click()
    expect(token(page, 103)).to_have_attribute("data-given", "here")
    until(lambda: waiting(page, ana, "hand/black") == [101, 103, 106], what="the tokens are not on the disk")
    assert dealt(hall, ana) == []
    hall.server.start()
    page.context.set_offline(False)
    sent(page)
    expect(page.locator("[data-given=sent]")).to_have_count(3)
    assert dealt(hall, ana) == [[101, 103, 106]] and waiting(page, ana, "hand/black") is None
    right(found)


@pytest.mark.seconds(120)
def test_a_lost_answer_followed_by_a_new_tap_on_tokens(hall, page_at, wire):      # noqa: F811
    way = wire(hall.server)
    page, ana = phone(page_at, hall, url=way.url)
    way.deaf = True
    give(page, 102)
    until(lambda: dealt(hall, ana) == [[102]], what="the hand did not arrive")
    give(page, 105)
    until(lambda: waiting(page, ana, "hand/black") == [102, 105], what="the new tap is not on the disk")
    assert hands(page, ana)["hand/black"]["sent"]["wish"]["entries"] == [102], "the first command is repeated unchanged"
    way.deaf = False
    sent(page)
    assert dealt(hall, ana) == [[102], [102, 105]] and page.locator("[data-conflict]").count() == 0, "nobody else wrote"


@pytest.mark.seconds(120)
def test_a_recused_entry_gets_no_token_and_its_token_comes_back(hall, page_at, look):      # noqa: F811
    page, ana = phone(page_at, hall)
    give(page, 101, 102)
    page.locator("[data-look='102']").click()
    found = look(page, "token-look", [PHONE, SMALL], DARK, full=False)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator(".look [data-recuse]").click()
    page.locator("[data-recuse-confirm]").click()
    expect(page.locator("[data-tile='102'] .tile-why")).to_have_text("Left to the others")
    expect(page.locator("[data-count]")).to_have_text("1 of 3 tokens given")
    sent(page)
    assert [e["entry"] for e in demos.events(hall.server.data, "JudgeRecused")] == [102]
    give(page, 103, 104)
    expect(page.locator("[data-count]")).to_have_text("3 of 3 tokens given")
    sent(page)
    assert dealt(hall, ana)[-1] == [101, 103, 104]
    # What the organiser decided, only the organiser lifts.
    hall.do("/api/recusals/105", {"recused": True, "reason": "a pupil", "judge": ana}, "put")
    expect(page.locator("[data-tile='105'] .tile-why")).to_have_text("Left to the others")
    enter(page, "sleeve")
    hall.do("/api/recusals/111", {"recused": True, "reason": "a pupil", "judge": ana}, "put")
    expect(page.locator("[data-recused=organiser]")).to_contain_text("only the organiser can lift that")
    assert page.locator("[data-unrecuse]").count() == 0
    expect(page.locator("[data-count]")).to_have_text("0 of 3 judged")
    right(found + look(page, "recused-organiser", [PHONE, SMALL], DARK, full=False))


@pytest.mark.seconds(90)
def test_tokens_for_an_entry_that_was_withdrawn_meanwhile_cost_the_others_nothing(hall, page_at):
    page, ana = phone(page_at, hall)
    page.context.set_offline(True)
    give(page, 101, 102)
    hall.do("/api/entries/102/withdraw")
    page.context.set_offline(False)
    until(lambda: dealt(hall, ana) == [[101]], 30, "the other token did not arrive")
    expect(page.locator("[data-tile='102'] .tile-why")).to_have_text("Withdrawn")
    expect(page.locator("[data-count]")).to_have_text("1 of 3 tokens given")
    sent(page)


# A ranking.

@pytest.mark.seconds(150)
def test_a_ranking_is_a_draft_until_it_is_whole_and_then_sent_as_one(hall, page_at, look):
    page, ana = phone(page_at, hall, category="fine")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/api/rankings/" in request.url else None)
    page.context.set_offline(True)
    for number in (108, 107, 110):
        page.locator(f"[data-place='{number}']").click()
    expect(page.locator("[data-draft]")).to_contain_text("sent once all are placed: 1 is left")
    found = look(page, "ranking", [PHONE, SMALL, TABLET, ACROSS], DARK, full=False)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator("[data-rank='110'] [data-move='-1']").click()
    assert order(page) == [108, 110, 107]
    assert page.evaluate("() => document.activeElement.closest('[data-rank]').dataset.rank") == "110", "the focus goes with the row"
    page.keyboard.press("Enter")
    assert order(page) == [110, 108, 107]
    page.locator("[data-place-of='107']").fill("1")
    page.keyboard.press("Enter")
    assert order(page) == [107, 110, 108]
    drag(page, 107, 108)
    assert order(page) == [110, 108, 107]
    until(lambda: waiting(page, ana, "hand/fine") == [110, 108, 107], what="the draft is not on the disk")
    page.context.set_offline(False)
    until(lambda: page.evaluate("() => navigator.onLine"))
    expect(page.locator("[data-sync=here]")).to_have_text("1 on this phone", timeout=OFFLINE)
    expect(page.locator("[data-left='1']")).to_be_visible()
    assert page.locator("[data-done]").count() == 0 and asked == [], "a draft is not sent"
    page.locator("[data-place='109']").click()
    sent(page)
    assert dealt(hall, ana, "RankingGiven") == [[110, 108, 107, 109]]
    expect(page.locator("[data-count]")).to_have_text("4 of 4 placed")
    right(found)


def drag(page, number: int, to: int) -> None:
    """Drag a row by its photo onto another row."""
    start, end = page.locator(f"[data-rank='{number}'] .thumb").bounding_box(), page.locator(f"[data-rank='{to}'] .thumb").bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(start["x"] + 20, start["y"] + 40, steps=3)
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] / 2, steps=5)
    page.mouse.up()


@pytest.mark.parametrize("choice", ["mine", "theirs"])
@pytest.mark.seconds(150)
def test_two_devices_of_one_judge_rank_in_conflict(hall, page_at, look, choice):
    page, ana = phone(page_at, hall, category="fine")
    other, _ = phone(page_at, hall, category="fine")
    page.context.set_offline(True)
    for device, numbers in ((page, (107, 108, 109, 110)), (other, (110, 109, 108, 107))):
        for number in numbers:
            device.locator(f"[data-place='{number}']").click()
    until(lambda: dealt(hall, ana, "RankingGiven") == [[110, 109, 108, 107]], what="the other device's order")
    page.context.set_offline(False)
    page.locator("[data-conflict='hand/fine']").wait_for(timeout=OFFLINE)
    assert waiting(page, ana, "hand/fine") == [107, 108, 109, 110], "both are kept"
    page.locator("[data-conflict] button").click()
    expect(page.locator(".hand-side .number")).to_have_text(["107", "108", "109", "110", "110", "109", "108", "107"])
    found = look(page, "ranking-conflict", [PHONE, SMALL], DARK, full=False) if choice == "mine" else []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator(f"[data-choose={choice}]").click()
    sent(page)
    mine = [[107, 108, 109, 110]] if choice == "mine" else []
    assert dealt(hall, ana, "RankingGiven") == [[110, 109, 108, 107], *mine]
    expect(other.locator("[data-rank]").first).to_have_attribute("data-rank", "107" if mine else "110")
    right(found)


@pytest.mark.seconds(120)
def test_an_entry_that_goes_makes_a_draft_whole_and_one_that_comes_makes_the_order_a_draft(hall, page_at, photo):
    page, ana = phone(page_at, hall, category="fine")
    for number in (107, 108, 109):
        page.locator(f"[data-place='{number}']").click()
    hall.do("/api/entries/110/withdraw")
    until(lambda: dealt(hall, ana, "RankingGiven") == [[107, 108, 109]], what="the order is whole by now")
    sent(page)
    # One more comes back that this phone has not heard of when it sends.
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/api/rankings/" in request.url else None)
    page.context.set_offline(True)
    page.locator("[data-rank='108'] [data-move='-1']").click()
    hall.do("/api/entries/110/reinstate")
    page.context.set_offline(False)
    expect(page.locator("[data-place='110']")).to_be_visible(timeout=OFFLINE)
    until(lambda: (hands(page, ana)["hand/fine"]["waiting"] or {}).get("draft") is True, what="a draft again")
    assert len(asked) <= 6, "what is refused is not sent again and again"
    assert page.locator("[data-not-taken]").count() == 0 and page.locator("[data-done]").count() == 0
    page.locator("[data-place='110']").click()
    sent(page)
    assert dealt(hall, ana, "RankingGiven")[-1] == [108, 107, 109, 110]


# The rescue file.

@pytest.mark.seconds(120)
def test_a_rescue_file_holds_tokens_and_rankings_and_the_phone_adds_nothing(hall, page_at, tmp_path):
    page, ana = phone(page_at, hall)
    page.context.set_offline(True)
    give(page, 101)
    until(lambda: (hands(page, ana).get("hand/black") or {}).get("sent"), what="a command is on its way")
    give(page, 104)
    enter(page, "fine")
    page.locator("[data-place='108']").click()
    page.locator("[data-list]").click()
    with page.expect_download() as coming:
        page.locator("[data-rescue]").click()
    page.locator("[data-close]").click()
    coming.value.save_as(tmp_path / "rescue.json")
    content = json.loads((tmp_path / "rescue.json").read_text("utf-8"))
    assert [(row["category"], row["entries"], row.get("draft")) for row in content["hands"]] == [
        ("black", [101], None), ("black", [101, 104], None), ("fine", [108], True)]
    other = {**content, "hands": [{**content["hands"][0], "at": {"101": 1}}, {**content["hands"][0], "category": "nose"}, {**content["hands"][0], "id": "x"}]}
    assert [row["code"] for row in hall.do("/api/rescue", other)["refused"]] == ["other_contest", "no_such_category", "bad_id"]
    report = hall.do("/api/rescue", content)
    assert report["taken"] == ["black", "black"] and [(row["category"], row["code"]) for row in report["refused"]] == [("fine", "bad_ranking")]
    assert dealt(hall, ana) == [[101], [101, 104]] and hall.do("/api/rescue", content)["taken"] == []
    assert {one["by"] for one in hall.state()["hands"]} == {f"rescue:{ana}"}
    page.context.set_offline(False)
    until(lambda: waiting(page, ana, "hand/black") is None, 30, "the phone's own")
    assert dealt(hall, ana) == [[101], [101, 104]] and page.locator("[data-conflict]").count() == 0, "the phone adds nothing"


# A backup is restored.

@pytest.mark.seconds(150)
def test_after_a_restore_a_hand_is_sent_again_and_one_of_a_missing_category_is_laid_aside_until_it_is_back(hall, page_at):
    page, ana = phone(page_at, hall)
    seq = hall.state()["s"]
    give(page, 101, 106)
    sent(page)
    until(lambda: dealt(hall, ana), what="the hand")
    name = hall.do("/api/backups")["backup"]["name"]
    page.route("**/api/tokens/**", lambda route: route.abort())
    give(page, 103)
    until(lambda: waiting(page, ana, "hand/black") == [101, 103, 106], what="the new token is not on the disk")
    restore(hall, name, to_seq=4)      # the name and the judges: no category yet
    page.locator("[data-aside='1']").wait_for(timeout=OFFLINE)
    assert hands(page, ana) == {} and page.locator("[data-sync=sent]").count() == 0
    page.unroute("**/api/tokens/**")
    restore(hall, name, to_seq=seq)      # all but the hand
    until(lambda: dealt(hall, ana)[-1:] == [[101, 103, 106]], 45, "it was not sent again")
    sent(page)
    assert len(dealt(hall, ana)) == 1 and page.locator("[data-aside]").count() == 0


# A run-off.

def level(hall) -> None:
    """Level 111 and 112 of the points category by all three judges."""
    for name in ("Ana", "Ben", "Cho"):
        for number, mark in ((111, 8), (112, 8), (113, 3), (114, 2)):
            hall.do(f"/api/sheets/{number}", {"marks": {"line": mark, "colour": mark}, "base": None}, "put", who=hall.seat(name))


def call(hall) -> str:
    """Level 111 and 112, and call them to a run-off; its id."""
    level(hall)
    return hall.do("/api/categories/sleeve/run-off", {"entries": [111, 112]})["run_off"]["id"]


@pytest.mark.seconds(180)
def test_a_run_off_is_called_on_the_organisers_page_and_voted_on_two_phones_of_which_one_is_without_wifi(hall, page_at, look):
    page, ana = phone(page_at, hall)
    second, ben = phone(page_at, hall, "Ben")
    cho = hall.seat("Cho")
    give(page, 101)
    expect(second.locator(".judge-way, .judge-mode").first).to_have_text(re.compile("Works without wifi"), timeout=OFFLINE)
    second.context.set_offline(True)
    level(hall)
    desk = page_at(1440, 900, http=hall.admin, reduced_motion="reduce")
    desk.goto(f"{hall.url}/admin#scores/sleeve")
    desk.locator("[data-tie='111,112'] [data-do=run-off]").click()
    page.locator(".run-off").wait_for()
    run_off = hall.state()["run_offs"][0]["id"]
    assert page.locator("[data-vote]").is_disabled()
    found = look(page, "run-off", [PHONE, SMALL, TABLET, ACROSS], DARK, full=False)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator("[data-pick='112']").click()
    page.locator("[data-vote]").click()
    expect(page.locator("[data-run-off-state=sent]")).to_have_text("Your vote: 112. Waiting for 2 more judges.")
    hall.do(f"/api/run-offs/{run_off}", {"choice": 111}, "put", who=cho)
    expect(page.locator("[data-run-off-state=sent]")).to_have_text("Your vote: 112. Waiting for 1 more judge.")
    assert second.locator(".run-off").count() == 0 and votes(hall) == [(ana, 112), (hall.judge("Cho")["id"], 111)]
    mine = next(one for one in hall.state(hall.seat("Ana"))["run_offs"] if one["id"] == run_off)
    assert set(mine) == {"id", "category", "entries", "closed", "may_vote", "choice", "waiting"}, "not who, not for whom"
    # Ben's phone hears of it, loses the server again, and votes.
    second.context.set_offline(False)
    second.locator(".run-off").wait_for(timeout=OFFLINE)
    second.context.set_offline(True)
    second.locator("[data-pick='112']").click()
    second.locator("[data-vote]").click()
    expect(second.locator("[data-run-off-state=here]")).to_contain_text("saved on this phone")
    until(lambda: waiting(second, ben, f"vote/{run_off}") == 112, what="the vote is not on the disk")
    second.reload()
    second.locator("[data-run-off-notice]").wait_for()
    second.context.set_offline(False)
    until(lambda: demos.events(hall.server.data, "RunOffClosed"), 30, "the last vote closes it")
    assert votes(hall)[-1] == (ben, 112) and len(votes(hall)) == 3
    # The organiser reads which step decided, now and in what is kept.
    expect(desk.locator("[data-run-off][data-closed=true]")).to_contain_text("2 votes")
    expect(desk.locator("[data-row='112'] [data-by=run-off]")).to_have_text("Run-off")
    desk.goto(f"{hall.url}/papers#decided/sleeve")
    expect(desk.locator("[data-part=run-offs]")).to_contain_text("112")
    for one in (page, second):
        expect(one.locator(".run-off, [data-run-off-notice]")).to_have_count(0)
        expect(one.locator("[data-tokens]")).to_be_visible()
    expect(page.locator("[data-given=sent]")).to_have_count(1)
    assert same(page)
    right(found)


@pytest.mark.seconds(120)
@pytest.mark.parametrize("meanwhile, said", [("closed", "This run-off is closed."), ("recused", ENGLISH["error.recused"])])
def test_a_vote_that_may_not_count_any_more_is_said(hall, page_at, meanwhile, said):
    page, ana = phone(page_at, hall)
    run_off = call(hall)
    page.locator(".run-off").wait_for()
    page.context.set_offline(True)
    page.locator("[data-pick='111']").click()
    page.locator("[data-vote]").click()
    page.locator(".run-off [data-close]").click()
    if meanwhile == "closed":
        hall.do(f"/api/run-offs/{run_off}/close")
    else:
        hall.do("/api/recusals/112", {"recused": True, "reason": "A pupil.", "judge": ana}, "put")
    page.context.set_offline(False)
    expect(page.locator("[data-not-taken]")).to_contain_text("Not taken: your vote in the run-off", timeout=OFFLINE)
    expect(page.locator("[data-not-taken]")).to_contain_text(said)
    assert votes(hall) == []
    page.locator("[data-dismiss]").click()
    expect(page.locator("[data-not-taken]")).to_have_count(0)
    sent(page)


@pytest.mark.seconds(90)
def test_a_recused_judge_is_told_that_there_is_no_vote(hall, page_at):
    page, _ = phone(page_at, hall)
    hall.do("/api/recusals/112", {"recused": True}, "put", who=hall.seat("Ana"))
    for name in ("Ben", "Cho"):
        for number in (111, 112, 113, 114):
            hall.do(f"/api/sheets/{number}", {"marks": {"line": 5, "colour": 5}, "base": None}, "put", who=hall.seat(name))
    tied = hall.admin.get("/api/standings/sleeve").json["unresolved"][0]
    hall.do("/api/categories/sleeve/run-off", {"entries": tied})
    expect(page.locator("[data-run-off-notice]")).to_contain_text("left to the other judges, so you do not vote")
    assert page.locator(".run-off, [data-run-off-open]").count() == 0


# The stage.

def mark(page, row: str, value: float) -> None:
    field = page.locator(f"[data-row={row}] [data-value]")
    field.fill(f"{value:g}")
    field.press("Tab")


def here(page, number: int) -> None:
    expect(page.locator("[data-number]")).to_contain_text(str(number), timeout=OFFLINE)


@pytest.mark.seconds(150)
def test_a_phone_follows_the_stage_until_the_judge_moves_away_and_never_from_a_half_marked_entry(hall, page_at, look):
    page, ana = phone(page_at, hall)
    hall.do("/api/stage", {"entry": 113, "follow": True})
    here(page, 113)
    expect(page.locator("[data-on-stage='113']")).to_be_visible()
    # Half marked: the stage goes on, the phone stays, and nothing is lost.
    mark(page, "line", 7)
    hall.do("/api/stage", {"entry": 114, "follow": True})
    expect(page.locator("[data-stage='114']")).to_be_visible()
    page.wait_for_timeout(3200)      # longer than a phone waits after the last tap
    here(page, 113)
    found = look(page, "stage", [PHONE, SMALL, ACROSS], DARK, full=False)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    mark(page, "colour", 8)
    page.locator("[data-row=colour] [data-value]").blur()
    here(page, 114)
    until(lambda: [(e["entry"], e["marks"]) for e in demos.events(hall.server.data, "SheetGiven")][-1:] == [(113, {"line": 7, "colour": 8})])
    # Moved away by hand: the stage is said, and not followed, until the judge goes back to it.
    page.locator("[data-back]").click()
    away = int(page.locator("[data-number]").inner_text().split()[-1])
    hall.do("/api/stage", {"entry": 112, "follow": True})
    expect(page.locator("[data-stage='112']")).to_be_visible()
    page.wait_for_timeout(3200)
    here(page, away)
    page.reload()
    expect(page.locator("[data-stage='112']")).to_be_visible()
    page.wait_for_timeout(1000)
    here(page, away)      # also after a reload
    page.locator("[data-stage='112']").click()
    here(page, 112)
    hall.do("/api/stage", {"entry": 111, "follow": True})
    here(page, 111)
    # Into another category; and where the organiser says so, nobody follows.
    hall.do("/api/stage", {"entry": 104, "follow": True})
    expect(page.locator("[data-tile='104'][data-current]")).to_be_visible(timeout=OFFLINE)
    hall.do("/api/stage", {"entry": 108, "follow": False})
    expect(page.locator("[data-stage='108']")).to_be_visible()
    page.wait_for_timeout(1000)
    assert page.locator("[data-tokens]").count() == 1
    right(found)
