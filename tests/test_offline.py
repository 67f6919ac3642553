"""A day's marks on phones that lose everything but themselves: the network, the server, the tab, the browser, the log.

The proof is read where the truth is: from the phone's IndexedDB and from the log on the server's disk, not from the page's words.
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
from tests.client import Http
from tests.conftest import CHROMIUM_ARGUMENTS, chromium_path
from tests.demos import Demo
from tests.live import Live
from tests.server import TOP, Server
from tests.test_journeys import AWAY, LAPTOP, OFFLINE, PHONE, goto, on, same, until, wire      # noqa: F401 (a fixture)
from tests.test_pages import BOTH, DARK, look, right      # noqa: F401 (a fixture)

CRITERIA = ("line", "colour")
SMALL = (360, 640)
HOST = "contest.test"      # a name that is no secure origin, as an address in a venue is none
RECORDS = """(judge) => new Promise((done, fail) => {
  const asked = indexedDB.open(`contest-judge-${judge}`);
  asked.onerror = () => fail(asked.error);
  asked.onsuccess = () => {
    const db = asked.result, tx = db.transaction(["entries", "kept"]), found = {};
    for (const name of ["entries", "kept"]) tx.objectStore(name).getAll().onsuccess = (e) => { found[name] = e.target.result; };
    tx.oncomplete = () => { db.close(); done(found); };
  };
})"""


# A hall: one category of 22 entries with two criteria, judged by Ana and Ben.

@functools.cache
def filled() -> Path:
    """Its data folder, never served itself."""
    top = Path(tempfile.mkdtemp(prefix="contest-hall-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    with app.open(top / "data") as c:
        c.change_contest(name="Night of Ink")
        c.add_category("Sleeve", criteria=[{"id": name, "name": name.title(), "weight": 1} for name in CRITERIA])
        for name in ("Ana", "Ben"):
            c.invite(name)
        for number in range(22):
            Image.new("RGB", (240, 320), (214, 170 - 3 * number, 140)).save(top / "one.jpg")
            c.submit(top / "one.jpg", "sleeve", collector=f"Collector {number}")
        c.start_judging("sleeve")
    return top / "data"


@pytest.fixture
def hall(server, tmp_path):
    """A running copy of it."""
    return Demo(server(Path(shutil.copytree(filled(), tmp_path / "hall"))))


@pytest.fixture
def quick(server, tmp_path):
    """Another, where a phone that is silent for four seconds counts as away."""
    return Demo(server(Path(shutil.copytree(filled(), tmp_path / "hall")), {"CONTEST_PING_SECONDS": "1", "CONTEST_DEAD_SECONDS": "4"}))


def mark(page, *values: float) -> int:
    """Type these marks for the entry on show; its number."""
    number = int(page.locator("[data-number]").inner_text().split()[-1])
    for criterion, value in zip(CRITERIA, values):
        field = page.locator(f"[data-row={criterion}] [data-value]")
        field.fill(f"{value:g}")
        field.press("Tab")
        expect(field).to_have_value(f"{value:.1f}")
    return number


def at_entry(page, number: int) -> None:
    """Go to an entry by the list."""
    page.locator("[data-list]").click()
    page.locator(f".menu [data-entry='{number}']").click()
    expect(page.locator("[data-number]")).to_contain_text(str(number))


def on_disk(page, judge: str, store: str = "entries") -> list[dict]:
    return page.evaluate(RECORDS, judge)[store]


def unsent(page, judge: str) -> dict[int, dict]:
    """{entry: marks} of what the phone's disk holds and the server has not acknowledged."""
    return {r["entry"]: (r.get("waiting") or r["sent"]["wish"])["marks"] for r in on_disk(page, judge) if r.get("waiting") or r.get("sent")}


def given(hall, judge: str) -> list[dict]:
    """The sheets of a judge in the log, oldest first."""
    return [event for event in demos.events(hall.server.data, "SheetGiven") if event["judge"] == judge]


def newest(hall, judge: str) -> dict[int, dict]:
    return {event["entry"]: event["marks"] for event in given(hall, judge)}


def once(hall, judge: str) -> None:
    """No command stands twice in the log, and no entry was given the same sheet twice in a row."""
    events = given(hall, judge)
    assert len({event["id"] for event in events}) == len(events)
    for entry in {event["entry"] for event in events}:
        mine = [event["marks"] for event in events if event["entry"] == entry]
        assert all(one != other for one, other in zip(mine, mine[1:])), f"entry {entry} was given {mine}"


def sent(page) -> None:
    expect(page.locator("[data-sync=sent]")).to_be_visible(timeout=OFFLINE)


def phone(page_at, hall, name: str = "Ana", errors=(), **options):
    """That judge's phone, live; (page, judge's id)."""
    page = goto(page_at(*PHONE, errors=[*AWAY, *errors], **options), hall.link(name), "[data-rows]")
    sent(page)
    return page, hall.judge(name)["id"]


def value(step: int) -> tuple[float, float]:
    return 1 + step % 10, 1.5 + step % 9


def pair(first: float, second: float) -> dict[str, float]:
    return dict(zip(CRITERIA, (first, second)))


# A dead wifi.

@pytest.mark.seconds(180)
def test_twenty_entries_without_wifi_survive_a_reload_in_the_middle(hall, page_at, shot):
    page, ana = phone(page_at, hall)
    expect(page.locator(".judge-mode, .judge-way")).to_have_text(re.compile("Works without wifi"), timeout=OFFLINE)
    until(lambda: page.evaluate("() => caches.open('judge-photos').then((shelf) => shelf.keys()).then((all) => all.length)") == 22, what="the thumbs")
    wanted = {}
    page.context.set_offline(True)
    hall.server.kill()
    for step in range(10):
        number = mark(page, *value(step))
        wanted[number] = pair(*value(step))
        on(page, number)
    expect(page.locator("[data-sync=off]")).to_have_text("Offline. 10 on this phone", timeout=OFFLINE)
    until(lambda: unsent(page, ana) == wanted, what="the marks are not on the disk")
    page.reload()
    page.locator("[data-rows]").wait_for()
    expect(page.locator("[data-count]")).to_have_text("10 of 22 judged")
    page.locator("[data-list]").click()
    expect(page.locator(".menu-list img")).to_have_count(22)
    page.locator(".menu-list img").last.scroll_into_view_if_needed()
    until(lambda: page.evaluate("() => [...document.querySelectorAll('.menu-list img')].every((i) => i.naturalWidth > 0)"), what="every thumb")
    shot(page, "offline-list-after-reload")
    page.locator("[data-close]").click()
    for step in range(10, 20):
        number = mark(page, *value(step))
        wanted[number] = pair(*value(step))
        on(page, number)
    until(lambda: unsent(page, ana) == wanted and len(wanted) == 20, what="the marks are not on the disk")
    assert given(hall, ana) == []
    shot(page, "offline-after-reload")
    hall.server.start()
    page.context.set_offline(False)
    sent(page)
    assert newest(hall, ana) == wanted and len(given(hall, ana)) == 20
    once(hall, ana)


@pytest.fixture
def venue(request):
    """A Chromium to which HOST is this machine: `venue()` opens a page in a context of its own."""
    browser = request.getfixturevalue("browser").browser_type.launch(
        executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1"])

    def open_page():
        context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
        context.set_default_timeout(15_000)
        return context.new_page()

    yield open_page
    browser.close()


@pytest.mark.seconds(180)
def test_twenty_entries_on_plain_http_without_a_reload(hall, venue, shot):
    page = venue()
    goto(page, f"http://{HOST}:{hall.server.port}{urlsplit(hall.link('Ana')).path}", "[data-rows]")
    sent(page)
    ana = hall.judge("Ana")["id"]
    assert page.evaluate("() => [isSecureContext, 'serviceWorker' in navigator]") == [False, False]
    page.locator("[data-list]").click()
    expect(page.locator("[data-mode]")).to_have_attribute("data-mode", "tab")
    expect(page.locator("[data-mode]")).to_contain_text("do not reload this tab without wifi")
    page.locator("[data-mode]").scroll_into_view_if_needed()
    shot(page, "offline-plain-http")
    page.locator("[data-close]").click()
    wanted = {}
    page.context.set_offline(True)
    hall.server.kill()
    for step in range(20):
        number = mark(page, *value(step))
        wanted[number] = pair(*value(step))
        on(page, number)
    until(lambda: unsent(page, ana) == wanted, what="the marks are not on the disk")
    hall.server.start()
    page.context.set_offline(False)
    sent(page)
    assert same(page) and newest(hall, ana) == wanted and len(given(hall, ana)) == 20
    once(hall, ana)


@pytest.mark.seconds(120)
def test_marks_survive_a_restart_of_the_browser(hall, browser, tmp_path):
    """Offline marks, the browser closed and opened again, still offline: page and marks are there; then they are sent."""
    def opened():
        context = browser.browser_type.launch_persistent_context(
            str(tmp_path / "phone"), executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS, viewport={"width": 390, "height": 844})
        context.set_default_timeout(15_000)
        return context, context.pages[0] if context.pages else context.new_page()

    context, page = opened()
    goto(page, hall.link("Ana"), "[data-rows]")
    expect(page.locator("[data-way=none], .judge-mode")).to_have_text(re.compile("Works without wifi"), timeout=OFFLINE)
    ana = hall.judge("Ana")["id"]
    sent(page)
    hall.server.kill()
    number = mark(page, 7, 8)
    until(lambda: unsent(page, ana) == {number: pair(7, 8)}, what="the marks are not on the disk")
    context.close()
    context, page = opened()
    page.goto(f"{hall.url}/judge#{number}")
    page.locator("[data-rows]").wait_for()
    expect(page.locator("[data-row=line] [data-value]")).to_have_value("7.0")
    assert given(hall, ana) == []
    hall.server.start()
    sent(page)
    assert newest(hall, ana) == {number: pair(7, 8)} and len(given(hall, ana)) == 1
    context.close()


def test_entries_that_came_after_the_page_was_opened_are_there_after_an_offline_reload(hall, page_at, photo):
    page, _ = phone(page_at, hall)
    expect(page.locator(".judge-mode, .judge-way")).to_have_text(re.compile("Works without wifi"), timeout=OFFLINE)
    hall.do("/api/categories/sleeve/close")
    late = hall.do("/api/categories", {"name": "Back", "criteria": [{"id": "line", "name": "Line", "weight": 1}]})["category"]["id"]
    entered = hall.admin.submit(photo, category=late)
    assert entered.status == 201
    hall.do(f"/api/categories/{late}/judge")
    number = entered.json["entry"]["number"]
    until(lambda: page.evaluate("""(number) => new Promise((done) => {
      indexedDB.databases().then(([{ name }]) => { indexedDB.open(name).onsuccess = (e) => {
        e.target.result.transaction("own").objectStore("own").get("state").onsuccess = (got) => {
          e.target.result.close(); done(got.target.result.entries.some((one) => one.number === number)); }; }; });
    })""", number), what="the new entry is not on the disk")
    hall.server.kill()
    page.goto(f"{hall.url}/judge#{number}")
    page.reload()
    expect(page.locator("[data-number]")).to_contain_text(str(number))
    hall.server.start()


# A lost answer, two devices, the organiser.

@pytest.mark.seconds(120)
def test_a_lost_answer_followed_by_a_new_tap(hall, page_at, wire):
    way = wire(hall.server)
    page = goto(page_at(*PHONE, errors=AWAY), way.url + urlsplit(hall.link("Ana")).path, "[data-rows]")
    sent(page)
    ana = hall.judge("Ana")["id"]
    way.deaf = True
    number = mark(page, 6, 6)
    until(lambda: newest(hall, ana).get(number) == pair(6, 6), what="the sheet did not arrive")
    mark(page, 6, 9)
    until(lambda: unsent(page, ana) == {number: pair(6, 9)}, what="the new tap is not on the disk")
    record, = [r for r in on_disk(page, ana) if r["entry"] == number]
    assert record["sent"]["wish"]["marks"] == pair(6, 6), "the first command is repeated unchanged"
    way.deaf = False
    sent(page)
    assert newest(hall, ana) == {number: pair(6, 9)}
    assert page.locator("[data-conflict]").count() == 0, "nobody else wrote"
    once(hall, ana)


@pytest.mark.parametrize("choice", ["mine", "theirs"])
@pytest.mark.seconds(120)
def test_two_devices_of_one_judge_in_conflict(hall, page_at, look, choice):
    page, ana = phone(page_at, hall)
    other, _ = phone(page_at, hall)
    page.context.set_offline(True)
    number = mark(page, 4, 5)
    assert mark(other, 9, 8) == number
    until(lambda: newest(hall, ana) == {number: pair(9, 8)}, what="the other device's sheet")
    page.context.set_offline(False)
    page.locator(f"[data-conflict='{number}']").wait_for(timeout=OFFLINE)
    assert newest(hall, ana) == {number: pair(9, 8)} and unsent(page, ana) == {number: pair(4, 5)}, "both are kept"
    found = look(page, "conflict", [PHONE, SMALL], DARK, full=False)
    page.locator("[data-conflict] button").click()
    expect(page.locator(".conflict dd")).to_have_text(["4", "5", "9", "8"])
    found += look(page, "conflict-choice", [PHONE, SMALL], DARK, full=False)
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(f"[data-choose={choice}]").click()
    sent(page)
    wanted = pair(4, 5) if choice == "mine" else pair(9, 8)
    assert newest(hall, ana) == {number: wanted}
    expect(other.locator("[data-row=line] [data-value]")).to_have_value(f"{wanted['line']:.1f}")
    once(hall, ana)
    right(found)


@pytest.mark.seconds(120)
def test_a_mark_that_the_organiser_typed_is_changed_only_by_choice(hall, page_at):
    page, ana = phone(page_at, hall)
    number = int(page.locator("[data-number]").inner_text().split()[-1])
    hall.do(f"/api/sheets/{number}", {"judge": ana, "marks": pair(3, 3), "base": None}, "put")
    expect(page.locator("[data-row=line] [data-value]")).to_have_value("3.0")
    mark(page, 8, 8)
    page.locator(f"[data-conflict='{number}'] button").click()
    expect(page.locator(".conflict")).to_contain_text("Typed in by the organiser")
    expect(page.locator(".conflict dd")).to_have_text(["8", "8", "3", "3"])
    assert newest(hall, ana) == {number: pair(3, 3)}, "nothing is sent before the choice"
    page.locator("[data-choose=mine]").click()
    sent(page)
    assert newest(hall, ana) == {number: pair(8, 8)}
    mark(page, 8, 9)
    sent(page)
    assert page.locator("[data-conflict]").count() == 0, "asked once"


# The organiser sees the phones.

def organiser(page_at, hall, section: str = "now", **options):
    return goto(page_at(*LAPTOP, http=hall.admin, errors=AWAY, **options), f"{hall.url}/admin#{section}", "main h1")


@pytest.mark.seconds(120)
def test_before_a_close_the_organiser_is_told_which_phones_hold_marks(quick, page_at, look):
    hall = quick
    page, ana = phone(page_at, hall)
    page.route("**/api/sheets/**", lambda route: route.abort())
    number = mark(page, 7, 7)
    admin = organiser(page_at, hall, "judges")
    expect(admin.locator(f"[data-judge={ana}] [data-waiting='1']")).to_be_visible()
    found = look(admin, "admin-devices", [LAPTOP, PHONE, SMALL], BOTH, full=False)
    admin.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    admin.goto(f"{hall.url}/admin#now")
    admin.locator("[data-next=judging]").click()
    expect(admin.locator("[data-dialog]")).to_contain_text(re.compile("Marks are still on these phones:.*Ana.*1 sheet", re.S))
    admin.locator("[data-dialog] .button-quiet", has_text="Cancel").click()
    page.context.set_offline(True)
    until(lambda: any(not one["here"] for one in hall.admin.get("/api/presence").json["devices"]), what="the phone is still here")
    admin.locator("[data-next=judging]").click()
    expect(admin.locator("[data-dialog]")).to_contain_text(re.compile(r"Ana.*1 sheet, last contact \d", re.S))
    found += look(admin, "admin-close-with-marks", [LAPTOP, PHONE, SMALL], BOTH, full=False)
    admin.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    admin.locator("[data-confirm]").click()
    until(lambda: hall.state()["categories"][0]["state"] == "closed")
    page.unroute("**/api/sheets/**")
    page.context.set_offline(False)
    page.evaluate("() => dispatchEvent(new Event('online'))")
    until(lambda: newest(hall, ana) == {number: pair(7, 7)}, 30, "the late sheet")
    assert given(hall, ana)[-1]["late"] and given(hall, ana)[-1]["counted"]
    right(found)


@pytest.mark.seconds(120)
def test_a_phone_without_a_socket_says_what_waits_by_its_polls(hall, page_at):
    opened = page_at(*PHONE, errors=[*AWAY, "no sockets"])
    opened.add_init_script("window.WebSocket = class { static OPEN = 1; constructor() { throw new Error('no sockets here'); } };")
    page = goto(opened, hall.link("Ana"), "[data-rows]")
    sent(page)
    ana = hall.judge("Ana")["id"]

    def devices() -> list[dict]:
        return [one for one in hall.admin.get("/api/presence").json["devices"] if one["audience"] == f"judge:{ana}"]

    until(devices, 30, "no poll was noted")
    assert [(one["page"], one["waiting"], one["here"]) for one in devices()] == [("judge", 0, True)]
    page.route("**/api/sheets/**", lambda route: route.abort())
    mark(page, 7, 7)
    until(lambda: devices()[0]["waiting"] == 1, what="what waits was not told")
    page.unroute("**/api/sheets/**")
    until(lambda: devices()[0]["waiting"] == 0, OFFLINE / 1000, "that it was sent was not told")
    assert len(devices()) == 1, "one phone is one device"


@pytest.mark.seconds(90)
def test_a_socket_that_is_refused_for_good_is_not_called_offline(hall, page_at, look):
    said = []
    opened = page_at(*PHONE, errors=AWAY)
    opened.on("websocket", lambda socket: socket.on("framesent", lambda text: said.append(json.loads(text))))
    page = goto(opened, hall.link("Ana"), "[data-rows]")
    sent(page)
    while not any(one["t"] == "hello" for one in said):
        page.wait_for_timeout(20)       # what is heard of a page comes only while the page is asked for something
    cid = next(one["cid"] for one in said if one["t"] == "hello")
    twin = Http(hall.server)
    twin.cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    with Live(hall.server, http=twin) as live:
        live.hello(cid=cid, page="judge")
        page.locator("[data-deaf=replaced]").wait_for()
    expect(page.locator(".judge-sync")).to_have_text("Not live")
    found = look(page, "deaf", [PHONE, SMALL], DARK, full=False)
    page.set_viewport_size({"width": 390, "height": 844})
    number = mark(page, 7, 7)
    until(lambda: newest(hall, hall.judge("Ana")["id"]) == {number: pair(7, 7)}, what="marks go over HTTP all the same")
    page.locator("[data-deaf] button").click()
    sent(page)
    right(found)


# A backup is restored.

def restore(hall, name: str, **more) -> None:
    epoch = hall.state()["e"]
    answer = hall.admin.post("/api/restore", {"name": name, **more})
    assert answer.status == 202, answer

    def moved():
        try:
            return hall.admin.get("/api/state").json["e"] != epoch
        except (OSError, ValueError, KeyError):
            return False
    until(moved, 30, "the restore did not end")


@pytest.mark.seconds(180)
def test_after_a_restore_the_phones_send_again_what_was_lost_and_nothing_twice(hall, page_at):
    page, ana = phone(page_at, hall)
    second, ben = phone(page_at, hall, "Ben")
    wanted = {}
    for step in range(2):
        number = mark(page, *value(step))
        wanted[number] = pair(*value(step))
        on(page, number)
    sent(page)
    seq = hall.state()["s"]
    mark(second, 5, 5)
    for step in range(2, 5):
        number = mark(page, *value(step))
        wanted[number] = pair(*value(step))
        on(page, number)
    sent(page), sent(second)
    lost = {event["entry"]: event["id"] for event in given(hall, ana)[-3:]}
    name = hall.do("/api/backups")["backup"]["name"]
    second.context.set_offline(True)
    first = int(second.locator("[data-number]").inner_text().split()[-1])
    restore(hall, name, to_seq=seq)
    until(lambda: newest(hall, ana) == wanted, 45, "what was lost was not sent again")
    assert {event["entry"]: event["id"] for event in given(hall, ana)[-3:]} == lost, "under the same ids"
    once(hall, ana)
    assert newest(hall, ben) == {}
    # Meanwhile the organiser typed Ben's sheet: Ben has not seen that one, so he chooses.
    hall.do(f"/api/sheets/{first}", {"judge": ben, "marks": pair(2, 2), "base": None}, "put")
    second.context.set_offline(False)
    second.reload()
    second.locator(f"[data-conflict='{first}'] button").click(timeout=OFFLINE)
    expect(second.locator(".conflict dd")).to_have_text(["5", "5", "2", "2"])
    second.locator("[data-choose=mine]").click()
    until(lambda: newest(hall, ben) == {first: pair(5, 5)})
    once(hall, ben)


@pytest.mark.seconds(180)
def test_marks_laid_aside_by_a_wrong_restore_come_back_with_the_right_one(hall, page_at, tmp_path, look):
    page, ana = phone(page_at, hall)
    whole = hall.do("/api/backups")["backup"]["name"]
    page.route("**/api/sheets/**", lambda route: route.abort())
    number = mark(page, 7, 7)
    until(lambda: unsent(page, ana) == {number: pair(7, 7)})
    restore(hall, whole, to_seq=4)      # the name, the category and the judges: no entry yet
    page.locator("[data-aside='1']").wait_for(timeout=OFFLINE)
    assert on_disk(page, ana) == [] and len(on_disk(page, ana, "kept")) == 1
    expect(page.locator(".judge-sync")).to_have_text("1 on this phone")
    found = look(page, "aside", [PHONE, SMALL], DARK, full=False)
    page.set_viewport_size({"width": 390, "height": 844})
    page.unroute("**/api/sheets/**")
    restore(hall, whole)
    until(lambda: newest(hall, ana) == {number: pair(7, 7)}, 45, "it did not come back")
    sent(page)
    assert on_disk(page, ana, "kept") == []
    once(hall, ana)
    right(found)


# The rescue file.

@pytest.mark.seconds(180)
def test_a_rescue_file_is_saved_offline_and_loaded_and_the_phone_adds_nothing(hall, page_at, look, tmp_path):
    page, ana = phone(page_at, hall)
    acknowledged = mark(page, 6, 6)
    sent(page)
    wanted = {acknowledged: pair(6, 6)}
    page.context.set_offline(True)
    for step in range(3):
        on(page, list(wanted)[-1])
        wanted[mark(page, *value(step))] = pair(*value(step))
    on(page, list(wanted)[-1])
    left_out = int(page.locator("[data-number]").inner_text().split()[-1])
    page.locator("[data-list]").click()
    page.locator("[data-recuse]").click()
    page.locator("[data-recuse-confirm]").click()
    page.locator("[data-list]").click()
    with page.expect_download() as coming:
        page.locator("[data-rescue]").click()
    page.locator("[data-close]").click()
    file = tmp_path / "rescue.json"
    coming.value.save_as(file)
    content = json.loads(file.read_text("utf-8"))
    assert content["contest"] == {"name": "Night of Ink", "epoch": hall.state()["e"]} and content["judge"]["id"] == ana
    assert {row["entry"]: row["marks"] for row in content["sheets"] if row["entry"] != left_out} == wanted
    assert all(row["id"] and row["when"] for row in content["sheets"])
    waiting = {row["entry"]: row["id"] for row in content["sheets"] if not row.get("answered")}
    assert {r["entry"]: r["sent"]["id"] for r in on_disk(page, ana) if r["sent"]} == waiting, "the phone will send under the ids in the file"

    admin = organiser(page_at, hall, "judges")
    admin.set_input_files("[data-rescue-file]", file)
    found = look(admin, "admin-rescue", [LAPTOP, PHONE, SMALL], BOTH, full=False)
    admin.locator("[data-do=load-rescue]").click()
    expect(admin.locator("[data-report=taken]")).to_contain_text("4 entries taken")
    expect(admin.locator("[data-report=known]")).to_contain_text("1 entry was here already")
    found += look(admin, "admin-rescue-report", [LAPTOP, PHONE, SMALL], BOTH, full=False)
    assert newest(hall, ana) == wanted
    sheets = {one["entry"]: one for one in hall.state()["sheets"] if one["judge"] == ana}
    assert sheets[left_out]["recused"] and {one["by"] for n, one in sheets.items() if n != acknowledged} == {f"rescue:{ana}"}

    lines = hall.state()["s"]
    again = hall.do("/api/rescue", content)
    assert again["taken"] == [] and again["refused"] == [] and len(again["known"]) == 5
    page.context.set_offline(False)
    sent(page)
    assert hall.state()["s"] == lines, "the phone's sending adds nothing"
    once(hall, ana)
    # And it goes on from there.
    page.goto(f"{hall.url}/judge#{acknowledged}")
    page.reload()
    mark(page, 6, 7)
    sent(page)
    assert newest(hall, ana) == wanted | {acknowledged: pair(6, 7)} and page.locator("[data-conflict]").count() == 0
    right(found)


@pytest.mark.seconds(120)
def test_a_mark_changed_after_the_file_was_saved_still_wins(hall, page_at, tmp_path):
    page, ana = phone(page_at, hall)
    page.context.set_offline(True)
    number = mark(page, 6, 6)
    page.locator("[data-list]").click()
    with page.expect_download() as coming:
        page.locator("[data-rescue]").click()
    page.locator("[data-close]").click()
    coming.value.save_as(tmp_path / "rescue.json")
    mark(page, 6, 9)
    assert hall.do("/api/rescue", json.loads((tmp_path / "rescue.json").read_text("utf-8")))["taken"] == [number]
    page.context.set_offline(False)
    sent(page)
    assert newest(hall, ana) == {number: pair(6, 9)} and page.locator("[data-conflict]").count() == 0
    once(hall, ana)


def row(hall, entry: int, **more) -> dict:
    """A row of a rescue file, for an entry nobody has judged."""
    at = next(one["at"] for one in hall.state()["entries"] if one["number"] == entry)
    return {"entry": entry, "at": at, "kind": "sheet", "id": f"rescued-{entry}", "base": None, "over": [], "marks": pair(5, 5), "note": "",
            "recused": False, **more}


def rescue(hall, *rows, judge: str = "") -> dict:
    answer = hall.do("/api/rescue", {"judge": {"id": judge or hall.judge("Ana")["id"]}, "sheets": list(rows)})
    return {"taken": answer["taken"], "known": answer["known"], "refused": [(one["entry"], one["code"]) for one in answer["refused"]]}


def test_each_row_of_a_rescue_file_stands_for_itself(hall):
    ana = hall.judge("Ana")["id"]
    hall.do("/api/sheets/104", {"judge": ana, "marks": pair(9, 9), "base": None}, "put")
    hall.do("/api/entries/105/withdraw")
    report = rescue(hall, row(hall, 101), row(hall, 102, at=1), {**row(hall, 103), "marks": pair(99, 5)}, row(hall, 104), row(hall, 105),
                    {**row(hall, 106), "entry": 999}, row(hall, 107, id="x"), row(hall, 108, marks="none"), row(hall, 109, conflict=True), {}, row(hall, 110))
    assert report["taken"] == [101, 110] and report["known"] == []
    assert report["refused"] == [(102, "other_contest"), (103, "bad_mark"), (104, "conflict"), (105, "withdrawn"), (999, "no_such_entry"),
                                 (107, "bad_id"), (108, "bad_field"), (109, "conflict"), (None, "no_such_entry")]
    assert newest(hall, ana) == {101: pair(5, 5), 104: pair(9, 9), 110: pair(5, 5)}


def test_a_rescued_sheet_and_the_judges_own_command_are_one(hall):
    ana = hall.seat("Ana")
    assert rescue(hall, row(hall, 101))["taken"] == [101]
    lines = hall.state()["s"]
    answer = ana.put("/api/sheets/101", {"marks": pair(5, 5), "note": "", "base": None, "id": "rescued-101", "judge": hall.judge("Ana")["id"]})
    assert answer.status == 200 and hall.state()["s"] == lines
    hall.do("/api/sheets/102", {"marks": pair(5, 5), "note": "", "base": None, "id": "rescued-102"}, "put", who=ana)
    assert rescue(hall, row(hall, 102)) == {"taken": [], "known": [102], "refused": []}


def test_two_changes_of_one_entry_are_taken_in_their_order(hall):
    first, second = row(hall, 101), {**row(hall, 101), "id": "rescued-later", "marks": pair(5, 8), "after": "rescued-101"}
    leave = {**row(hall, 102), "kind": "recusal", "recused": True}
    assert rescue(hall, first, second, leave) == {"taken": [101, 101, 102], "known": [], "refused": []}
    assert rescue(hall, first, second, leave)["taken"] == []
    assert newest(hall, hall.judge("Ana")["id"]) == {101: pair(5, 8)}


def test_a_rescue_file_from_before_a_restore_replaces_only_what_the_judge_had_seen(hall):
    ana, old = hall.judge("Ana")["id"], "f" * 32
    for number in (101, 102):
        hall.do(f"/api/sheets/{number}", {"judge": ana, "marks": pair(2, 2), "base": None}, "put")
    seq = {one["entry"]: one["seq"] for one in hall.state()["sheets"]}
    report = rescue(hall, row(hall, 101, base=f"{old}:900", over=[seq[101]]), row(hall, 102, base=f"{old}:900", over=[899]), row(hall, 103, base=f"{old}:900"))
    assert report == {"taken": [101, 103], "known": [], "refused": [(102, "conflict")]}


@pytest.mark.parametrize("body", [{}, {"judge": {"id": 7}, "sheets": []}, {"judge": "j1", "sheets": []}, {"judge": {"id": "j1"}, "sheets": "all"},
                                  {"judge": {"id": "j1"}, "sheets": [7]}])
def test_what_is_no_rescue_file_is_refused_whole(hall, body):
    answer = hall.admin.post("/api/rescue", body)
    assert (answer.status, answer.code) == (400, "not_a_rescue_file")


def test_a_rescue_file_of_nobodys_is_refused(hall):
    answer = hall.admin.post("/api/rescue", {"judge": {"id": "nobody"}, "sheets": []})
    assert (answer.status, answer.code) == (404, "no_such_judge")


def test_a_file_that_is_none_is_told_in_words(hall, page_at, tmp_path):
    admin = organiser(page_at, hall, "judges")
    (tmp_path / "notes.json").write_text('{"shopping": ["milk"]}')
    admin.set_input_files("[data-rescue-file]", tmp_path / "notes.json")
    expect(admin.locator("[data-not-a-rescue]")).to_have_text("That is not a file that a judge's phone has saved.")


# The page that is kept on the phone.

def test_the_worker_says_what_it_keeps_and_nothing_of_the_api_is_in_it(hall):
    answer = Http(hall.server).get("/static/judge/worker.js")
    version, files = re.match(r'const VERSION = "(\w+)";\nconst FILES = (.*);\n', answer.text).groups()
    assert answer.headers["Service-Worker-Allowed"] == "/judge" and answer.headers["Cache-Control"] == "no-cache"
    assert Http(hall.server).get("/judge").headers["Contest-Shell"] == version
    assert all(path.startswith("/static/") for path in json.loads(files))


def test_every_file_that_the_page_asks_for_is_told_of_and_kept(hall, page_at):
    asked = set()
    opened = page_at(*PHONE)
    opened.on("request", lambda request: asked.add(urlsplit(request.url).path))
    goto(opened, hall.link("Ana"), "[data-rows]")
    sent(opened)
    files = json.loads(re.search(r"FILES = (.*);\n", Http(hall.server).get("/static/judge/worker.js").text)[1])
    assert {path for path in asked if path.startswith("/static/")} - set(files) <= {"/static/judge/worker.js"}
    told = set(opened.evaluate("() => [...document.querySelectorAll('link[rel=modulepreload], link[as=fetch]')].map((link) => link.getAttribute('href'))"))
    found = {path for path in asked if path.endswith((".js", ".json"))} - {"/static/judge.js", "/static/theme.js", "/static/judge/worker.js"}
    assert told == found, "each module is told of, so that none waits behind another, and none in vain"


@pytest.mark.seconds(120)
def test_after_an_update_no_page_is_put_together_from_two_versions(page_at, tmp_path):
    program = tmp_path / "program"
    for name in ("views", "static"):
        shutil.copytree(TOP / name, program / name)
    shutil.copy(TOP / "contest.py", program)
    shutil.copytree(filled(), tmp_path / "data")
    one = Server(tmp_path / "data")
    one.program = program
    try:
        one.start()
        hall = Demo(one)
        page, _ = phone(page_at, hall)
        until(lambda: page.evaluate("() => Boolean(navigator.serviceWorker.controller)"), 30)
        # Two modules change together: each is broken without the other's new half.
        menu, dialog = program / "static" / "judge" / "menu.js", program / "static" / "judge" / "dialog.js"
        dialog.write_text(dialog.read_text("utf-8").replace("export function Dialog(", "export function Frame("), "utf-8")
        for path in (program / "static" / "judge").glob("*.js"):
            path.write_text(path.read_text("utf-8").replace("import { Dialog }", "import { Frame as Dialog }"), "utf-8")
        menu.write_text(menu.read_text("utf-8") + "\ndocument.documentElement.dataset.release = 'two';\n", "utf-8")
        one.restart()
        page.reload()
        page.locator("[data-rows]").wait_for()
        assert page.locator("[data-release=two]").count() == 1, "online, the new version at once"
        version = Http(one).get("/judge").headers["Contest-Shell"]
        until(lambda: sorted(page.evaluate("() => caches.keys()")) == sorted([f"judge-{version}", "judge-photos"]), 30, "the new version is not kept")
        one.kill()
        page.reload()
        page.locator("[data-rows]").wait_for()
        assert page.locator("[data-release=two]").count() == 1, "and without the server"
        one.start()
    finally:
        one.end()


# What the server remembers of devices.

def test_a_judge_with_many_devices_and_a_crowd_of_polls_cost_a_bounded_memory():
    now = [0.0]
    devices = app.Devices(lambda: now[0])
    devices.note("judge:j1", "holds", "judge", 3, 0.0, False)
    for number in range(100):
        devices.note("judge:j1", f"phone-{number}", "judge", 0, float(number), False)
    for number in range(5000):
        devices.note_poll("public", {"device": f"screen-{number}", "page": "display", "waiting": "0"})
    rows = list(devices.rows())
    assert [row[1] for row in rows if row[0] == "judge:j1"][0] == "holds" and len(rows) == 16 + 2000
    assert [row[-1] for row in rows].count(True) == 2000
    now[0] = 46
    assert not any(row[-1] for row in devices.rows()), "who has not polled for 45 s is away"


@pytest.mark.parametrize("said", [{}, {"device": "a b", "page": "judge", "waiting": "1"}, {"device": "a", "page": "judge", "waiting": "many"},
                                  {"device": "a" * 65, "page": "judge", "waiting": "1"}, {"device": "a", "page": "judge", "waiting": "1\n"}])
def test_a_poll_that_says_nothing_of_itself_is_nobody(said):
    devices = app.Devices(lambda: 0.0)
    devices.note_poll("judge:j1", said)
    assert list(devices.rows()) == []


@pytest.mark.seconds(90)
def test_a_phone_that_left_stays_in_the_list_with_its_last_contact(hall, page_at):
    page, ana = phone(page_at, hall)
    page.goto(f"{hall.url}/rules")
    until(lambda: [(one["audience"], one["here"]) for one in hall.admin.get("/api/presence").json["devices"]] == [(f"judge:{ana}", False)])
    assert all(one["audience"] != f"judge:{ana}" for one in hall.admin.get("/api/presence").json["connections"])
    page.goto(f"{hall.url}/judge")
    sent(page)
    assert [(one["audience"], one["here"]) for one in hall.admin.get("/api/presence").json["devices"]] == [(f"judge:{ana}", True)], "the same phone"
