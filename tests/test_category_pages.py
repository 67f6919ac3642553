"""The rules of a category on the pages: its form, what entering asks for, the desk, the second photo, /rules and /mine.

Each refusal of the server that a person can meet here is said on the page in a plain sentence, beside the field it is about.
"""

import datetime
import json
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.client import Http
from tests.demos import events
from tests.server import TOP
from tests.test_journeys import wire  # noqa: F401
from tests.test_pages import CROSSED, DESK, LAPTOP, PHONE, Look, right
from tests.test_web import CRITERIA

ENGLISH = json.loads((TOP / "static" / "words" / "en.json").read_text("utf-8"))
REFUSALS = [r"status of 4\d\d"]
AWAY = [r"ERR_", r"status of", r"WebSocket"]
HOUR = 3_600_000


class House:
    """A contest with one organiser: `house.category("Sleeve", age="healed")`, `house.enter(sleeve, "Ada")`."""

    def __init__(self, running, photo):
        self.server, self.url, self.photo = running, running.url, photo
        self.admin = Http(running).login_admin()

    def do(self, method: str, path: str, body=None, who=None) -> dict:
        person = who or self.admin
        answer = person.get(path) if method == "get" else getattr(person, method)(path, body)
        assert answer.status in (200, 201), answer
        return answer.json

    def category(self, name: str, **rules) -> str:
        return self.do("post", "/api/categories", {"name": name, **rules})["category"]["id"]

    def change(self, category: str, **rules) -> None:
        self.do("patch", f"/api/categories/{category}", rules)

    def seen(self, category: str) -> dict:
        return next(one for one in self.do("get", "/api/categories")["categories"] if one["id"] == category)

    def entry(self, number: int) -> dict:
        return next(one for one in self.do("get", "/api/state")["entries"] if one["number"] == number)

    def enter(self, category: str, collector: str = "Ada", who=None, **fields) -> dict:
        answer = (who or self.admin).submit(self.photo, category=category, collector=collector, **fields)
        assert answer.status == 201, answer
        return answer.json

    def invite(self, role: str, name: str = "Somebody") -> tuple[str, Http]:
        made = self.do("post", "/api/judges", {"name": name, "role": role})
        return made["judge"]["id"], Http(self.server).join(made["link"])

    def announce(self, category: str, judge: str, marks: dict[int, float]) -> None:
        """Judge it, one mark for all criteria of an entry, and announce the places as they stand."""
        self.do("post", f"/api/categories/{category}/judge")
        for number, mark in marks.items():
            self.do("put", f"/api/sheets/{number}", {"marks": dict.fromkeys(CRITERIA, mark), "base": None, "judge": judge})
        self.do("post", f"/api/categories/{category}/close")
        self.do("put", f"/api/winners/{category}", {"places": [[n] for n in sorted(marks, key=marks.get, reverse=True)][:3]})
        self.do("post", f"/api/categories/{category}/announce")


@pytest.fixture
def house(server, photo):
    return House(server(), photo)


@pytest.fixture(scope="session")
def look(axe, shot):
    return Look(axe, shot)


def open_at(page_at, house, path: str, ready: str, who=None, size=PHONE, errors=(), **options):
    page = page_at(*size, errors=errors, http=who, reduced_motion="reduce", **options)
    page.goto(house.url + path)
    page.locator(ready).first.wait_for()
    return page


def until(found, seconds: float = 15):
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


def beside(page, field: str):
    """What is said beside a field."""
    return page.locator(f"[data-field='{field}'] .field-error:not([hidden])").last


# The organiser's form.

def form_of(page, house, category: str):
    page.goto(f"{house.url}/admin#now")
    page.locator(f"[data-category='{category}'] [data-do=change-category]").click()
    page.locator("dialog[open] form [name=name]").wait_for()
    return page.locator("dialog[open] form")


def unfold(form) -> None:
    for part in form.locator("details").all():
        if part.get_attribute("open") is None:
            part.locator("summary").click()


@pytest.mark.seconds(120)
def test_the_organiser_gives_a_category_its_method_its_rules_and_a_closing_time_of_the_venue(house, page_at, look):
    house.do("patch", "/api/contest", {"zone": "America/New_York"})
    sleeve = house.category("Sleeve")
    page = open_at(page_at, house, "/admin#now", "[data-do=change-category]", house.admin, size=LAPTOP, timezone_id="Europe/Berlin")
    form = form_of(page, house, sleeve)
    unfold(form)
    right(look(page, "admin-category-form", [LAPTOP, PHONE], CROSSED, full=False))
    page.set_viewport_size({"width": 1440, "height": 900})
    form.locator("[name=method][value=tokens]").check()
    expect(form.locator("[data-field=criteria]")).to_have_count(0)
    form.locator("[name=tokens]").fill("5")
    form.locator("[name=day]").fill("2026-11-28")
    form.locator("[name=age]").select_option("healed")
    form.locator("[name=needs]").select_option("before")
    form.locator("[name=size_from]").fill("5")
    form.locator("[name=size_to]").fill("12.5")
    form.locator("[name=max_per_artist]").fill("2")
    form.locator("[name=minimum]").fill("5")
    form.locator("[name=quorum]").fill("3")
    form.locator("[name=at_show]").check()
    form.locator("[name=closes_at]").fill("2030-06-01T18:30")
    form.locator("[data-do=save-category]").click()
    page.locator("dialog").wait_for(state="detached")
    seen = house.seen(sleeve)
    assert {key: seen[key] for key in ("method", "tokens", "day", "age", "needs", "size_cm", "max_per_artist", "minimum", "quorum", "at_show")} == {
        "method": "tokens", "tokens": 5, "day": "2026-11-28", "age": "healed", "needs": "before", "size_cm": [5, 12.5], "max_per_artist": 2, "minimum": 5, "quorum": 3, "at_show": True}
    moment = datetime.datetime(2030, 6, 1, 22, 30, tzinfo=datetime.timezone.utc)      # 18:30 in New York, in summer
    assert seen["closes_at"] == moment.timestamp() * 1000
    form = form_of(page, house, sleeve)
    expect(form.locator("[name=closes_at]")).to_have_value("2030-06-01T18:30")
    form.locator("details[data-part=rules] > summary").click()
    form.locator("[name=size_from]").fill("")
    form.locator("[name=size_to]").fill("")
    form.locator("[name=closes_at]").fill("")
    form.locator("[data-do=save-category]").click()
    page.locator("dialog").wait_for(state="detached")
    assert (house.seen(sleeve)["size_cm"], house.seen(sleeve)["closes_at"], house.seen(sleeve)["day"]) == (None, None, "2026-11-28")


# What is typed, past what the browser itself would stop -> the field beside which it is said, and the key of the sentence.
WRONG = [({"places": "0"}, "places", "admin.wrong-places"), ({"places": "21"}, "places", "admin.wrong-places"),
         ({"quorum": "101"}, "quorum", "admin.wrong-quorum"), ({"minimum": "1001"}, "minimum", "admin.wrong-minimum"),
         ({"max_per_artist": "101"}, "max_per_artist", "admin.wrong-max_per_artist"), ({"max_per_artist": "1.5"}, "max_per_artist", "admin.wrong-max_per_artist"),
         ({"size_from": "9", "size_to": "5"}, "size_cm", "admin.wrong-size_cm"), ({"size_to": "301"}, "size_cm", "admin.wrong-size_cm"),
         ({"name": ""}, "name", "admin.wrong-name"), ({"#scale-step": "4"}, "scale", "admin.wrong-step"), ({"#scale-highest": "101"}, "scale", "admin.wrong-highest"),
         ({"#scale-lowest": "-1"}, "scale", "admin.wrong-lowest"), ({".criteria .weight input": "0"}, "criteria", "admin.wrong-weight"),
         ({".criteria li > input": ""}, "criteria", "admin.wrong-criteria"), ({"name": "  SMALL "}, "name", "error.name_taken")]


@pytest.mark.seconds(150)
def test_every_refusal_of_a_category_is_said_beside_its_field(house, page_at):
    sleeve, small = house.category("Sleeve"), house.category("Small")
    page = open_at(page_at, house, "/admin#now", "[data-do=change-category]", house.admin, size=LAPTOP, errors=REFUSALS)
    for typed, field, key in WRONG:
        form = form_of(page, house, sleeve)
        unfold(form)
        form.evaluate("form => { form.dataset.unchecked = 'true'; }")
        for name, value in typed.items():
            form.locator(name if name[0] in "#." else f"[name={name}]").first.fill(value)
        form.locator("[data-do=save-category]").click()
        expect(beside(page, field), f"{typed}").to_have_text(ENGLISH[key])
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    house.change(small, **{"from": [sleeve]})
    form = form_of(page, house, sleeve)
    unfold(form)
    form.locator(f"[name=from][value={small}]").check()
    form.locator("[data-do=save-category]").click()
    expect(beside(page, "from")).to_have_text(ENGLISH["admin.wrong-from"])
    assert house.seen(sleeve)["from"] == [] and house.seen(sleeve)["places"] == 3


def test_what_stays_as_it_is_once_judges_have_marked_says_why(house, page_at):
    sleeve = house.category("Sleeve")
    house.category("Small")
    number = house.enter(sleeve)["entry"]["number"]
    judge, _ = house.invite("judge")
    house.announce(sleeve, judge, {number: 8})
    page = open_at(page_at, house, "/admin#now", "[data-do=change-category]", house.admin, size=LAPTOP)
    form = form_of(page, house, sleeve)
    unfold(form)
    for field, key in (("method", "admin.criteria-fixed"), ("places", "admin.locked-places"), ("from", "admin.locked-from")):
        expect(form.locator(f"[data-field={field}] [data-locked]")).to_have_text(ENGLISH[key])
        assert not form.locator(f"[data-field={field}] input:not(:disabled)").count()


@pytest.mark.seconds(120)
def test_several_categories_come_from_the_list_with_their_rules_and_one_is_merged_into_another(house, page_at, look):
    house.category("Freehand")
    page = open_at(page_at, house, "/admin#now", "[data-do=template]", house.admin, size=LAPTOP, errors=[r"409 .*/api/categories/best-healed"])
    page.locator("[data-do=template]").first.click()
    for key in ("portrait", "cover-up", "best-healed", "best-of-show"):
        page.locator(f"dialog input[value={key}]").check()
    page.locator("[data-do=add-template]").click()
    page.locator("dialog").wait_for(state="detached")
    made = {one["name"]: one for one in house.do("get", "/api/categories")["categories"]}
    assert (made["Portrait"]["needs"], made["Cover-up"]["needs"], made["Best healed"]["age"]) == ("reference", "before", "healed")
    assert made["Best of Show"]["from"] == [made[name]["id"] for name in ("Freehand", "Portrait", "Cover-up", "Best healed")]
    number = house.enter(made["Portrait"]["id"])["entry"]["number"]
    form_of(page, house, made["Portrait"]["id"])
    page.locator("[data-do=merge]").click()
    right(look(page, "admin-merge", [PHONE], CROSSED, full=False))
    page.locator("[data-do=merge-now]").click()
    expect(page.locator("#merge-into")).to_have_text(ENGLISH["submit.choose-category"])
    page.locator(f"dialog [name=into][value={made['Cover-up']['id']}]").check()
    page.locator("dialog [name=reason]").fill("Too few portraits.")
    page.locator("[data-do=merge-now]").click()
    page.locator("dialog").wait_for(state="detached")
    assert house.entry(number)["category"] == made["Cover-up"]["id"]
    left = {one["name"]: one for one in house.do("get", "/api/categories")["categories"]}["Best of Show"]["from"]
    assert left == [made[name]["id"] for name in ("Freehand", "Cover-up", "Best healed")]
    house.do("patch", f"/api/categories/{made['Best of Show']['id']}", {"from": [made["Best healed"]["id"]]})
    form_of(page, house, made["Best healed"]["id"])
    page.locator("[data-do=delete-category]").click()
    page.locator("[data-confirm]").click()
    expect(page.locator("dialog [data-problem]")).to_contain_text(ENGLISH["error.last_source"])
    right(look(page, "admin-last-source", [PHONE], CROSSED, full=False))


# Backups.

@pytest.mark.seconds(120)
def test_a_backup_is_made_and_restored_on_the_page_which_comes_back_by_itself(house, page_at, look):
    sleeve = house.category("Sleeve")
    house.enter(sleeve, "Ada")
    page = open_at(page_at, house, "/admin#settings", "[data-do=backup]", house.admin, size=LAPTOP, errors=AWAY)
    page.locator("[data-do=backup]").click()
    made = page.locator("[data-backup$=-hand]")
    expect(made).to_have_count(1)
    number = made.locator("strong").inner_text()
    house.enter(sleeve, "Grace")
    house.category("Portrait")
    made.locator("[data-do=restore]").click()
    dialog = page.locator("dialog")
    expect(dialog.locator(".ask-list")).to_contain_text("2 categories")      # what it replaces
    expect(dialog).to_contain_text(number)
    found = look(page, "admin-restore", [PHONE, LAPTOP], CROSSED, full=False)
    dialog.locator("[data-first]").click()
    expect(dialog).to_have_count(0)
    assert len(house.do("get", "/api/state")["entries"]) == 2, "nothing was done yet"
    made.locator("[data-do=restore]").click()
    dialog.locator("[data-confirm]").click()
    expect(dialog.locator("[data-restoring=done]")).to_contain_text(ENGLISH["admin.restored"], timeout=40_000)
    found += look(page, "admin-restored", [PHONE], CROSSED, full=False)
    dialog.locator("[data-do=close-restore]").click()
    expect(page.locator("[data-backup$=-restore]")).to_have_count(1)      # what was there is one more backup
    page.goto(f"{house.url}/admin#entries")
    expect(page.locator(".entries li")).to_have_count(1)
    state = house.do("get", "/api/state")
    assert [entry["collector"] for entry in state["entries"]] == ["Ada"] and [each["name"] for each in state["categories"]] == ["Sleeve"]
    right(found)


# Entering.

def fill(page, house, category: str, collector: str = "Zoë", **texts) -> None:
    page.set_input_files("#photo-choose", house.photo)
    page.locator(f"[name=category][value={category}]").check()
    page.fill("#collector", collector)
    for name, value in texts.items():
        page.fill(f"#{name}", value)
    page.locator("[name=consent]").check()
    page.locator("[name=adult]").check()
    expect(page.locator("[data-slot-state=chosen]")).to_be_visible()


@pytest.mark.seconds(120)
def test_a_phone_is_asked_for_what_the_category_needs_and_told_what_is_wrong(house, page_at, look):
    sleeve = house.category("Sleeve", age="healed", size_cm=[5, 12.5], at_show=True, max_per_artist=1, closes_at=int(time.time() * 1000) + HOUR, day="2026-11-28")
    free = house.category("Free for all")
    house.category("Best of Show", **{"from": [sleeve]})
    house.enter(sleeve, artist="Marta", age="healed", size_cm="8", at_show="yes")
    page = open_at(page_at, house, "/submit", "[name=category]", errors=REFUSALS)
    expect(page.locator("[name=category]")).to_have_count(2)      # a Best of Show is not entered
    page.locator(f"[name=category][value={free}]").check()
    expect(page.locator("[data-field=age]")).to_be_hidden()
    expect(page.locator("[data-consent-version], .consent-version")).to_contain_text("2026-1")
    fill(page, house, sleeve)
    expect(page.locator("[data-asks] li")).to_have_count(6)
    page.locator("[data-send]").click()
    for field, key in (("age", "submit.choose-age"), ("size_cm", "submit.size-missing"), ("at_show", "error.not_at_show"), ("artist", "submit.artist-missing")):
        expect(beside(page, field)).to_have_text(ENGLISH[key])
    right(look(page, "submit-asks", [PHONE], important=".send"))
    page.locator("[name=age][value=fresh]").check()
    page.fill("#size_cm", "13")
    page.locator("[name=at_show]").check()
    page.fill("#artist", " MARTA ")
    page.locator("[data-send]").click()
    expect(beside(page, "age")).to_have_text(ENGLISH["submit.wrong-age"])
    expect(beside(page, "size_cm")).to_have_text("This category takes 5 to 12.5 cm.")
    page.locator("[name=age][value=healed]").check()
    page.fill("#size_cm", "12,5")
    page.locator("[data-send]").click()
    expect(beside(page, "artist")).to_have_text(ENGLISH["error.too_many_of_artist"])      # only the server knows who has entered
    house.change(sleeve, closes_at=int(time.time() * 1000) - HOUR)
    page.fill("#artist", "Ben")
    page.locator("[data-send]").click()
    expect(beside(page, "category")).to_have_text(ENGLISH["error.category_closed"])
    house.change(sleeve, closes_at=None)
    expect(page.locator("[data-asks] li")).to_have_count(5)
    page.locator("[data-send]").click()
    expect(page.locator("[data-done]")).to_be_visible()
    entry = house.do("get", "/api/state")["entries"][-1]
    assert (entry["age"], entry["size_cm"], entry["at_show"], entry["overridden"]) == ("healed", 12.5, True, [])
    own = Http(house.server).get("/api/mine/" + urlsplit(page.locator("[data-done-address]").input_value()).path.split("/mine/")[1]).json
    assert own["entry"]["number"] == entry["number"]


# What the server may answer to an entry -> where it is said. The page never asks for these by itself, so the answer is put in its place.
ANSWERS = [({"code": "wrong_age", "field": "age"}, 400, "age", "error.wrong_age"), ({"code": "not_at_show", "field": "at_show"}, 400, "at_show", "error.not_at_show"),
           ({"code": "size_out_of_range", "field": "size_cm"}, 400, "size_cm", "error.size_out_of_range"),
           ({"code": "bad_field", "field": "size_cm"}, 400, "size_cm", "submit.size-missing"), ({"code": "winners_only"}, 409, "category", "error.winners_only"),
           ({"code": "consent_missing"}, 400, "consent", "error.consent_missing"), ({"code": "adult_missing"}, 400, "adult", "error.adult_missing"),
           ({"code": "photo_missing"}, 400, "photo", "error.photo_missing"), ({"code": "no_such_category"}, 404, "category", "error.no_such_category")]


def test_each_answer_of_the_server_to_an_entry_stands_beside_its_field(house, page_at):
    sleeve = house.category("Sleeve", age="healed", size_cm=[5, 12.5], at_show=True)
    page = open_at(page_at, house, "/submit", "[name=category]", errors=REFUSALS)
    fill(page, house, sleeve, size_cm="9")
    page.locator("[name=age][value=healed]").check()
    page.locator("[name=at_show]").check()
    for error, status, field, key in ANSWERS:
        page.route("**/api/entries", lambda route: route.fulfill(status=status, json={"error": {"message": "No.", **error}}))
        page.locator("[data-send]").click()
        expect(beside(page, field), str(error)).to_have_text(ENGLISH[key])
        page.unroute("**/api/entries")


@pytest.mark.seconds(120)
def test_a_second_photo_goes_out_after_the_first_and_a_lost_answer_does_not_double_it(house, page_at, wire, look):  # noqa: F811
    cover = house.category("Cover-up", needs="before")
    way = wire(house.server)
    page = page_at(*PHONE, errors=AWAY, reduced_motion="reduce")
    page.goto(way.url + "/submit")
    page.locator("[name=category]").first.wait_for()
    fill(page, house, cover)
    page.locator("[data-second-slot] input").last.set_input_files(house.photo)
    expect(page.locator("[data-second-slot] img")).to_be_visible()
    # The first photo's answer comes; that of the second is lost with its connection.
    page.route("**/photos", lambda route: (setattr(way, "deaf", True), route.continue_()))
    page.locator("[data-send]").click()
    expect(page.locator("[data-done-number]")).to_be_visible()
    assert until(lambda: len(house.do("get", "/api/state")["entries"][0]["photos"]) == 2)
    expect(page.locator("[data-second=waiting]")).to_be_visible()
    page.unroute("**/photos")
    way.deaf = False
    page.locator("[data-try-second]").click()
    expect(page.locator("[data-second=done]")).to_be_visible()
    right(look(page, "submit-second-done", [PHONE], CROSSED))
    assert len(events(house.server.data, "PhotoAdded")) == 1
    page.reload()
    expect(page.locator("[data-done-second]")).to_be_hidden()      # nothing is asked for again


def test_a_collector_brings_the_second_photo_later_and_reads_what_was_said(house, page_at, look):
    sleeve = house.category("Portrait", needs="reference", size_cm=[1, 40], day="2026-11-28")
    made = house.enter(sleeve, size_cm="12.5", age="fresh", at_show="yes")
    page = open_at(page_at, house, urlsplit(made["mine"]).path, "[data-second=asked]", errors=REFUSALS)
    right(look(page, "mine-second", [PHONE], CROSSED))
    expect(page.locator("[data-facts]")).to_contain_text("12.5 cm")
    expect(page.locator("[data-facts]")).to_contain_text("28 November" if page.evaluate("navigator.language") == "en-GB" else "November 28")
    page.locator("[data-second] input").last.set_input_files(files=[{"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}])
    expect(page.locator("[data-second=refused] [data-error]")).to_have_text(ENGLISH["error.photo_broken"] if page.locator("[data-error]", has_text="damaged").count() else ENGLISH["error.not_a_photo"])
    page.locator("[data-second] input").last.set_input_files(house.photo)
    expect(page.locator("[data-second=done]")).to_be_visible()
    assert len(house.entry(made["entry"]["number"])["photos"]) == 2
    other = house.enter(sleeve, "Bo", size_cm="9")
    house.do("post", f"/api/categories/{sleeve}/judge")
    page.goto(house.url + urlsplit(other["mine"]).path)
    expect(page.locator("[data-mine-late]")).to_contain_text(ENGLISH["mine.second-desk"])


@pytest.mark.seconds(150)
def test_the_desk_lets_in_with_a_reason_finds_moves_and_completes_an_entry(house, page_at, look):
    cover = house.category("Cover-up", needs="before", size_cm=[5, 10])
    small = house.category("Small", max_per_artist=1)
    house.enter(small, "Bo", artist="Marta")
    desk = house.invite("desk")[1]
    page = open_at(page_at, house, "/submit", "[data-recent-list] li", desk, size=DESK, errors=REFUSALS)
    fill(page, house, cover, "Ann", artist="Marta", size_cm="30")
    page.locator("[data-send]").click()
    expect(beside(page, "size_cm")).to_have_text("This category takes 5 to 10 cm.")
    right(look(page, "submit-desk-override", [DESK], CROSSED))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.fill("#override", "The jury agreed.")
    page.locator("[data-send]").click()
    expect(page.locator("[data-saved]")).to_be_visible()
    number = house.do("get", "/api/state")["entries"][-1]["number"]
    assert house.entry(number)["overridden"] == ["size_out_of_range"]
    row = page.locator(f"[data-recent-list] [data-entry='{number}']")
    expect(row.locator(".recent-rules")).to_have_text("Let in although: size")
    # The check-in asks for the photo, or for a reason.
    row.get_by_role("button", name=f"Check in entry {number}").click()
    dialog = page.locator("dialog.edit")
    expect(dialog.locator("[data-problem]")).to_have_text(ENGLISH["error.second_photo_missing"])
    right(look(page, "submit-desk-edit", [DESK], CROSSED, full=False))
    dialog.locator("[data-second] input").last.set_input_files(house.photo)
    expect(dialog.locator("[data-second=done]")).to_be_visible()
    dialog.locator("[data-do=check-in]").click()
    assert until(lambda: house.entry(number)["state"] == "checked-in") and len(house.entry(number)["photos"]) == 2
    # Moving to a category whose rule it breaks is refused in words, and done in the same step with a reason.
    dialog.locator("[name=category]").select_option(small)
    dialog.locator("[data-save]").click()
    expect(dialog.locator("[data-problem]")).to_have_text(ENGLISH["error.too_many_of_artist"])
    dialog.locator("[name=override]").fill("Bo has withdrawn anyway.")
    dialog.locator("[data-save]").click()
    expect(dialog).to_be_hidden()
    assert (house.entry(number)["category"], house.entry(number)["overridden"]) == (small, ["too_many_of_artist"])
    page.fill("[data-find]", "Bo")
    expect(page.locator("[data-recent-list] li")).to_have_count(1)


@pytest.mark.seconds(120)
def test_the_organiser_puts_an_entry_right_and_sees_what_it_was_let_in_although(house, page_at, look):
    cover, small = house.category("Cover-up", needs="before"), house.category("Small", size_cm=[1, 5])
    number = house.enter(cover, "Ann", artist="Marta")["entry"]["number"]
    page = open_at(page_at, house, "/admin#entries", "[data-do=change-entry]", house.admin, size=LAPTOP, errors=REFUSALS)
    page.locator("[data-do=check-in]").click()
    page.locator("#ask-reason").fill("Seen on the phone.")
    page.locator("[data-confirm]").click()
    page.locator("dialog").wait_for(state="detached")
    expect(page.locator("[data-overridden]")).to_have_text("Let in although: no second photo")
    page.locator("[data-do=change-entry]").click()
    page.select_option("#edit-category", small)
    page.fill("#edit-size_cm", "30")
    page.select_option("#edit-age", "fresh")
    page.locator("[data-do=save-entry]").click()
    expect(page.locator("dialog [data-problem]")).to_have_text(ENGLISH["error.size_out_of_range"])
    page.fill("#edit-override", "Measured at the desk.")
    right(look(page, "admin-entry-although", [LAPTOP, PHONE], CROSSED, full=False))
    page.locator("[data-do=save-entry]").click()
    page.locator("dialog").wait_for(state="detached")
    entry = house.entry(number)
    assert (entry["category"], entry["size_cm"], entry["age"], entry["overridden"]) == (small, 30, "fresh", ["size_out_of_range"])
    page.locator("[data-do=change-entry]").click()
    page.locator("dialog [data-second] input").last.set_input_files(house.photo)
    expect(page.locator("dialog .entry-more img")).to_be_visible()
    assert len(house.entry(number)["photos"]) == 2


# What everybody reads.

def test_the_rules_print_each_categorys_method_and_its_chain_as_the_server_applies_it(house, page_at, look):
    sleeve = house.category("Sleeve", criteria=[{"name": "Lines", "weight": 2}, {"name": "Shade", "weight": 1}], size_cm=[5, 12.5], age="healed", needs="before",
                            max_per_artist=2, closes_at=int(time.time() * 1000) + HOUR, day="2026-11-28")
    house.category("Tokens", method="tokens", tokens=4)
    house.category("Best of Show", method="ranking", **{"from": [sleeve]})
    house.do("patch", "/api/contest", {"zone": "Asia/Tokyo"})
    page = open_at(page_at, house, "/rules", ".rules-category", timezone_id="Europe/Berlin")
    first = page.locator("[data-category=sleeve]")
    assert first.locator(".rules-chain li").evaluate_all("all => all.map((one) => one.dataset.step)") == ["criterion", "criterion", "head-to-head", "run-off", "decision"]
    assert first.locator(".rules-chain b").all_inner_texts() == ["Lines", "Shade"]
    for text in ("66.7", "Healed tattoos only", "Longest side 5 to 12.5 cm", "At most 2 entries of each artist", "A photo from before"):
        expect(first).to_contain_text(text)
    moment = datetime.datetime.fromtimestamp(house.seen(sleeve)["closes_at"] / 1000, datetime.timezone(datetime.timedelta(hours=9)))
    expect(first.locator("time[data-moment]")).to_contain_text(f"{moment:%M}")
    assert f"{int(moment.strftime('%I'))}" in first.locator("time[data-moment]").inner_text()
    for category, words in (("tokens", ENGLISH["method.tokens-text"]), ("best-of-show", ENGLISH["method.ranking-text"])):
        other = page.locator(f"[data-category={category}]")
        expect(other).to_contain_text(words)
        assert other.locator(".rules-chain li").evaluate_all("all => all.map((one) => one.dataset.step)") == ["run-off", "decision"]
    expect(page.locator("[data-category=best-of-show]")).to_contain_text(ENGLISH["rules.from"])
    right(look(page, "rules-all", [PHONE, LAPTOP], CROSSED))
    page.goto(house.url + "/")
    expect(page.locator(".home-closes")).to_contain_text("Sleeve")
    right(look(page, "home-closes", [PHONE, LAPTOP], CROSSED))
    plain = {path: Http(house.server).get(path).text for path in ("/", "/rules", "/winners")}      # as it reads without a script
    assert f"{datetime.datetime.fromtimestamp(house.seen(sleeve)['closes_at'] / 1000, datetime.UTC):%Y-%m-%d %H:%M UTC}" in plain["/rules"]
    assert [path for path, text in plain.items() if "<noscript>" in text] == ["/winners"]


def test_the_wall_says_until_when_entries_are_taken(house, page_at, look):
    sleeve = house.category("Sleeve", closes_at=int(time.time() * 1000) + HOUR)
    house.enter(sleeve)
    page = open_at(page_at, house, "/display", ".way-closes:not([hidden])", size=(1920, 1080))
    expect(page.locator(".way-closes")).to_contain_text("Entries until")
    house.category("Small")
    expect(page.locator(".way-closes")).to_contain_text("SleeveEntries until")
    right(look(page, "wall-closes", [(1920, 1080)], ("dark",), least=0, full=False))
    house.change(sleeve, closes_at=None)
    expect(page.locator(".way-closes")).to_be_hidden()


# Best of Show, from the form to its entries.

@pytest.mark.seconds(150)
def test_a_best_of_show_is_made_of_the_winners_of_the_chosen_categories_and_is_not_blind(house, page_at, look):
    sleeve, small, left_out = house.category("Sleeve"), house.category("Small"), house.category("Lettering")
    numbers = {name: house.enter(category, name, artist=f"Artist of {name}")["entry"]["number"]
               for category, name in ((sleeve, "Ann"), (sleeve, "Bo"), (small, "Cho"), (left_out, "Dee"))}
    judge, seat = house.invite("judge", "Ines")
    page = open_at(page_at, house, "/admin#now", "[data-do=change-category]", house.admin, size=LAPTOP, errors=REFUSALS)
    page.locator("[data-do=add-category]").first.click()
    form = page.locator("dialog[open] form")
    form.locator("[name=name]").fill("Best of Show")
    form.locator("[data-part=best] > summary").click()
    for category in (sleeve, small):
        form.locator(f"[name=from][value={category}]").check()
    expect(form.locator("[data-part=rules]")).to_have_count(0)
    form.locator("[data-do=save-category]").click()
    page.locator("dialog").wait_for(state="detached")
    best = next(one for one in house.do("get", "/api/categories")["categories"] if one["name"] == "Best of Show")
    assert (best["from"], best["blind"]) == ([sleeve, small], False)
    house.announce(sleeve, judge, {numbers["Ann"]: 9, numbers["Bo"]: 7})
    line = page.locator(f"[data-category='{best['id']}']")
    line.locator("[data-next=open]").click()
    expect(line.locator("[data-problem]")).to_have_text(ENGLISH["error.not_announced"])      # Small is not announced yet
    house.announce(small, judge, {numbers["Cho"]: 8})
    expect(page.locator(f"[data-category='{small}'] [data-next=announced]")).to_be_visible()
    line.locator("[data-next=open]").click()
    expect(line.locator("[data-next=judging]")).to_be_visible()
    made = [one for one in house.do("get", "/api/state")["entries"] if one["category"] == best["id"]]
    assert [(one["of"], one["collector"]) for one in made] == [(numbers["Ann"], "Ann"), (numbers["Cho"], "Cho")]
    assert [event["of"] for event in events(house.server.data, "EntryAdvanced")] == [numbers["Ann"], numbers["Cho"]]
    # Named for everybody, the judge too: their names were announced.
    for who in (seat, Http(house.server)):
        assert {one["collector"] for one in house.do("get", "/api/state", who=who)["entries"] if one["category"] == best["id"]} == {"Ann", "Cho"}
    page.goto(f"{house.url}/admin#entries")
    page.locator(f"[data-entry='{made[0]['number']}'] [data-do=change-entry]").click()
    expect(page.locator("dialog[open]")).to_contain_text(f"Stands for entry {numbers['Ann']}")
    page.goto(f"{house.url}/rules")
    expect(page.locator(f"[data-category='{best['id']}']")).to_contain_text("Their names are public by then")
    # The winner of a source is corrected while this is judged: said, with what to do.
    house.do("post", f"/api/winners/{sleeve}/correct", {"places": [[numbers["Bo"]], [numbers["Ann"]]], "reason": "Typed wrongly."})
    page.goto(f"{house.url}/admin#scores/{best['id']}")
    for code, number in (("not_first", made[0]["number"]), ("first_missing", numbers["Bo"])):
        expect(page.locator(f"[data-warning={code}]")).to_have_text(ENGLISH[f"admin.warning-{code}"].replace("{entries}", str(number)))
    right(look(page, "admin-best-corrected", [PHONE, LAPTOP], CROSSED))
