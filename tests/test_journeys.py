"""Whole ways through the contest, with a real server and a real Chromium: people at several devices, and nothing reloaded.

Each page carries a mark in its window; a reload would lose it: `same(page)` says whether it is still the same page.
"""

import contextlib
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests import demos
from tests.client import Http
from tests.demos import Demo
from tests.server import PASSWORD, TOP

PHONE, LAPTOP, SCREEN = (390, 844), (1440, 900), (1920, 1080)
AWAY = ["Failed to load resource", "ERR_", "WebSocket connection"]      # what a browser itself says of a server that is away
OFFLINE = 30_000      # ms: a page that lost its server waits longer from try to try

expect.set_options(timeout=15_000)


def goto(page, url: str, ready: str):
    """Load a page, wait for something on it, and mark its window."""
    page.goto(url)
    page.locator(ready).first.wait_for()
    page.evaluate("() => { window.untouched = true; }")
    return page


def same(page) -> bool:
    return page.evaluate("() => window.untouched === true")


def until(true, seconds: float = 15, what: str = ""):
    """Wait until `true()` is; its value."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, what or "that did not happen"
        time.sleep(0.05)
    return found


def sideways(page) -> int:
    """How many px the page is wider than its window."""
    return page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def demo(server, tmp_path):
    """A running copy of the drawn contest, to be changed."""
    return Demo(server(demos.copy(tmp_path / "data")))


class Wire:
    """A way to the server that keeps every byte that comes back over it: answers, photos and frames of sockets, as they were sent.

    url     where a page goes instead of to the server
    heard   a bytearray a connection
    deaf    while it is set, what the server says is lost, and the connection with it: commands arrive, their answers do not
    """

    def __init__(self, server):
        self.deaf = self._closed = False
        self._server = server.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.heard: list[bytearray] = []
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listening.accept()[0]
            except OSError:      # closed, with the test
                return
            if self._closed:      # a close does not wake who waits here: the next one who comes does
                return near.close()
            try:
                far = socket.create_connection(("127.0.0.1", self._server))
            except OSError:      # the server is away: so is the way to it
                near.close()
                continue
            self._open += [near, far]
            self.heard.append(bytearray())
            threading.Thread(target=self._carry, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, self.heard[-1]), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        """One way of a connection; `kept` takes what comes from the server."""
        try:
            while some := source.recv(1 << 16):
                if kept is not None:
                    if self.deaf:
                        break
                    kept += some
                target.sendall(some)
            target.shutdown(socket.SHUT_RDWR if self.deaf else socket.SHUT_WR)
        except OSError:      # the other side is gone
            pass

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for one in self._open:
            one.close()


@pytest.fixture
def wire():
    """`wire(server)` is a Wire; all are closed with the test."""
    opened: list[Wire] = []

    def lay(server) -> Wire:
        opened.append(Wire(server))
        return opened[-1]

    yield lay
    for one in opened:
        one.close()


def display_of(page_at, demo, scene=".scene.wall", **options):
    """The big screen, live."""
    page = goto(page_at(*SCREEN, **options), demo.url + "/display", scene)
    expect(page.locator("[data-status=live]")).to_be_attached()
    return page


# A phone enters a tattoo.

def test_a_phone_enters_a_tattoo_and_the_wall_shows_it(demo, page_at, photo, shot):
    screen = display_of(page_at, demo)
    phone = goto(page_at(*PHONE, has_touch=True, is_mobile=True), demo.url + "/submit", "[name=category]")
    phone.set_input_files("#photo-choose", photo)
    expect(phone.locator("[data-slot-state=chosen]")).to_be_visible()
    phone.locator(".choice", has=phone.locator("[name=category]")).first.tap()
    phone.get_by_label("Your name").fill("Zoë Núñez")
    phone.locator("[name=consent]").check()
    phone.locator("[name=adult]").check()
    phone.get_by_role("button", name="Send entry").tap()
    expect(phone.locator("[data-done]")).to_be_visible()
    number = int(re.search(r"\d+$", phone.locator("[data-done-number]").inner_text())[0])
    assert number == 131

    tile = screen.locator(f".tile[data-entry='{number}']")
    expect(tile).to_be_visible()
    expect(tile).to_have_attribute("data-phase", "ink")
    expect(tile.locator(".tile-number")).to_have_text(str(number))
    assert same(screen) and same(phone)
    shot(screen, "journey-wall")

    phone.get_by_role("link", name="Open my page").tap()
    expect(phone.locator("[data-entry]:not([hidden])")).to_be_visible()
    expect(phone.locator("[data-number]")).to_contain_text(str(number))
    expect(phone.locator("[data-facts]")).to_contain_text("Zoë Núñez")
    # The desk checks the entry in; the collector's page says so by itself.
    demo.do(f"/api/entries/{number}/check-in")
    expect(phone.locator("[data-state]")).to_have_text("You are checked in")


def test_an_entry_whose_answer_is_lost_is_made_once(demo, page_at, photo, wire):
    """The upload arrives and its answer does not: the phone sends again by itself, and is told the number of the same entry."""
    way = wire(demo.server)
    page = goto(page_at(*PHONE, errors=AWAY), way.url + "/submit", "[name=category]")
    page.set_input_files("#photo-choose", photo)
    page.locator("[name=category]").first.check()
    page.get_by_label("Your name").fill("Łukasz")
    page.locator("[name=consent]").check()
    page.locator("[name=adult]").check()
    expect(page.locator("[data-slot-state=chosen]")).to_be_visible()
    way.deaf = True
    page.get_by_role("button", name="Send entry").click()
    expect(page.locator("[data-try]")).to_be_visible()
    assert until(lambda: [entry for entry in demo.state()["entries"] if entry["collector"] == "Łukasz"])
    way.deaf = False
    expect(page.locator("[data-done]")).to_be_visible(timeout=OFFLINE)
    entry, = [entry for entry in demo.state()["entries"] if entry["collector"] == "Łukasz"]
    expect(page.locator("[data-done-number]")).to_contain_text(str(entry["number"]))


# A judge marks without a network.

def mark(page, marks: dict[str, float]) -> int:
    """Mark the entry on show, all criteria, by tapping and typing; its number."""
    number = int(page.locator("[data-number]").inner_text().split()[-1])
    for criterion, value in marks.items():
        field = page.locator(f"[data-row={criterion}] [data-value]")
        field.fill(str(value))
        field.press("Tab")
    for criterion, value in marks.items():
        expect(page.locator(f"[data-row={criterion}] [data-value]")).to_have_value(f"{value:.1f}")
    return number


ON_DISK = """([judge, entry]) => new Promise((done) => {
  const asked = indexedDB.open(`contest-judge-${judge}`);
  asked.onsuccess = () => {
    const db = asked.result, got = db.transaction("entries").objectStore("entries").get(entry);
    got.onsuccess = () => { db.close(); done(got.result?.waiting?.marks ?? got.result?.sent?.wish.marks ?? null); };
  };
})"""


def on(page, after: int) -> None:
    """Tap Next, and wait until another entry is there."""
    page.locator("[data-next]").click()
    until(lambda: int(page.locator("[data-number]").inner_text().split()[-1]) != after, what="Next went nowhere")


CRITERIA = ("technique", "composition", "placement", "style", "creativity")


def sheet(at: int) -> dict[str, float]:
    return {criterion: 3 + at + position / 2 for position, criterion in enumerate(CRITERIA)}


def mark_six(page, take_away) -> dict[int, dict[str, float]]:
    """One entry with a network and, after `take_away()`, five without: {entry: marks}."""
    chip = page.locator(".judge-sync")
    wanted = {mark(page, sheet(0)): sheet(0)}
    expect(chip).to_have_text("All sent")
    take_away()
    for at in range(1, 6):
        on(page, list(wanted)[-1])
        wanted[mark(page, sheet(at))] = sheet(at)
        expect(page.locator("[data-way]")).to_have_text("Saved on this phone")
    assert len(wanted) == 6
    expect(chip).to_have_text("Offline. 5 on this phone", timeout=OFFLINE)
    return wanted


def kept_once(demo, page, wanted: dict[int, dict[str, float]]) -> None:
    """The server has exactly these sheets of the judge on this page, each once."""
    state = page.context.request.get(demo.url + "/api/state").json()
    judge = state["me"]["id"]
    here = set(demo.entries(demo.category("judging")))
    assert {one["entry"]: one["marks"] for one in state["sheets"] if one["entry"] in here} == wanted
    given = [event for event in demos.events(demo.server.data, "SheetGiven") if event["judge"] == judge and event["entry"] in here]
    for entry, marks in wanted.items():
        mine = [event["marks"] for event in given if event["entry"] == entry]
        assert mine[-1] == marks
        # A sheet may have been sent half-filled, while it was being marked; never twice the same.
        assert all(len(one) < len(other) for one, other in zip(mine, mine[1:])), f"entry {entry} was given {mine}"
    assert len({event["id"] for event in given}) == len(given)
    assert {event["entry"] for event in given} == set(wanted)


@pytest.mark.seconds(120)
def test_a_judge_marks_five_entries_without_a_network(demo, page_at, shot):
    page = goto(page_at(*PHONE, errors=AWAY), demo.link("Frida"), "[data-rows]")
    assert urlsplit(page.url).path == "/judge"
    wanted = mark_six(page, lambda: page.context.set_offline(True))
    shot(page, "journey-judge-offline")
    before = {event["id"] for event in demos.events(demo.server.data, "SheetGiven")}
    page.context.set_offline(False)
    expect(page.locator(".judge-sync")).to_have_text("All sent", timeout=OFFLINE)
    assert same(page), "nothing was reloaded"
    kept_once(demo, page, wanted)
    new = [event for event in demos.events(demo.server.data, "SheetGiven") if event["id"] not in before]
    assert len(new) >= 5
    expect(page.locator(".judge-count")).to_have_text("6 of 11 judged")


@pytest.mark.seconds(120)
def test_a_judge_marks_five_entries_while_the_server_is_dead(demo, page_at):
    page = goto(page_at(*PHONE, errors=AWAY), demo.link("Frida"), "[data-rows]")
    wanted = mark_six(page, demo.server.kill)
    demo.server.start()
    expect(page.locator(".judge-sync")).to_have_text("All sent", timeout=OFFLINE)
    assert same(page), "nothing was reloaded"
    kept_once(demo, page, wanted)


def test_a_sheet_whose_answer_is_lost_is_given_once(demo, page_at, wire):
    way = wire(demo.server)
    page = goto(page_at(*PHONE, errors=AWAY), way.url + urlsplit(demo.link("Frida")).path, "[data-rows]")
    expect(page.locator(".judge-sync")).to_have_text("All sent")
    way.deaf = True
    number = mark(page, sheet(2))
    until(lambda: [event for event in demos.events(demo.server.data, "SheetGiven") if event["entry"] == number and event["marks"] == sheet(2)],
          what="the sheet did not arrive")
    expect(page.locator(".judge-sync")).to_contain_text("1 on this phone")
    way.deaf = False
    expect(page.locator(".judge-sync")).to_have_text("All sent", timeout=OFFLINE)
    kept_once(demo, page, {number: sheet(2)})
    assert same(page)


def test_marks_survive_a_closed_tab(demo, page_at):
    """What was marked without a network is still there in a new tab, and is sent from there."""
    page = goto(page_at(*PHONE, errors=AWAY), demo.link("Frida"), "[data-rows]")
    expect(page.locator(".judge-sync")).to_have_text("All sent")
    judge = demo.judge("Frida")["id"]
    demo.server.kill()
    number = mark(page, sheet(3))
    expect(page.locator("[data-way]")).to_have_text("Saved on this phone")
    until(lambda: page.evaluate(ON_DISK, [judge, number]) == sheet(3), what="the marks are not on the phone's disk")
    context = page.context
    page.close()
    demo.server.start()
    page = goto(context.new_page(), f"{demo.url}/judge", "[data-rows]")
    expect(page.locator(".judge-sync")).to_have_text("All sent", timeout=OFFLINE)
    kept_once(demo, page, {number: sheet(3)})


def test_a_judge_takes_back_leaves_out_and_notes(demo, page_at):
    page = goto(page_at(*PHONE), demo.link("Frida"), "[data-rows]")
    number = mark(page, sheet(1))
    page.locator("[data-undo]").click()
    expect(page.locator("[data-row=creativity] [data-value]")).to_have_value("")
    page.locator("[data-list]").click()
    page.locator("[data-note]").fill("Lines are very clean.")
    page.locator("[data-recuse]").click()
    page.locator("[data-recuse-confirm]").click()
    expect(page.locator("[data-recused]")).to_be_visible()
    expect(page.locator(".judge-sync")).to_have_text("All sent")
    mine = next(one for one in demo.state()["sheets"] if one["entry"] == number and one["judge"] == demo.judge("Frida")["id"])
    assert mine["recused"] and mine["note"] == "Lines are very clean."
    on(page, number)


def test_a_revoked_judge_is_told_and_keeps_the_marks(demo, page_at):
    page = goto(page_at(*PHONE, errors=["401", "WebSocket"]), demo.link("Frida"), "[data-rows]")
    expect(page.locator(".judge-sync")).to_have_text("All sent")
    demo.do(f"/api/judges/{demo.judge('Frida')['id']}", method="delete")
    expect(page.locator("[data-problem=link_revoked]")).to_be_visible()
    mark(page, sheet(2))
    expect(page.locator("[data-way]")).to_have_text("Saved on this phone")


# The reveal.

def decide(demo, category: str, places: list[list[int]]) -> None:
    demo.do(f"/api/winners/{category}", {"places": places, "reason": "The panel agreed."}, "put")


def people(demo, number: int) -> list[str]:
    """The names that must not be seen before their time."""
    entry = next(one for one in demo.state()["entries"] if one["number"] == number)
    return [entry["collector"], entry["title"]]


@pytest.mark.seconds(120)
def test_the_reveal_from_slate_to_hold(demo, page_at, shot):
    category = demo.category("closed")
    third, second, first = demo.entries(category)[2:5]
    decide(demo, category, [[first], [second], [third]])
    names = {number: people(demo, number) for number in (third, second, first)}
    screen = display_of(page_at, demo)
    winners = goto(page_at(*LAPTOP), demo.url + "/winners", "[data-category]")
    host = goto(page_at(*PHONE), demo.link("Ambrose"), ".remote")
    host.get_by_label("Category").select_option(category)
    scene = screen.locator(".scene:not([data-coming]):not([data-going])")
    won = winners.locator(f"[data-category='{category}']")

    def hidden(*numbers: int) -> None:
        """Neither the screen nor the winners page holds a name of these, anywhere in their documents."""
        for page in (screen, winners):
            held = page.evaluate("() => document.documentElement.outerHTML + document.title")
            found = [name for number in numbers for name in names[number] if name in held]
            assert not found, f"{found} in {page.url}"

    def step(label: str) -> None:
        expect(host.locator("[data-key=next]")).to_have_text(re.compile(label))
        host.locator("[data-key=next]").click()

    hidden(third, second, first)
    step("Show ")
    expect(scene).to_have_class(re.compile("slate"))
    hidden(third, second, first)
    left = [third, second, first]
    for place, label in ((3, "Show the drawing of 3rd place"), (2, "Show the drawing of 2nd place"), (1, "Show the drawing of 1st place")):
        number = left[0]
        step(label)
        expect(screen.locator(f".reveal[data-place='{place}'][data-phase=stencil]")).to_be_visible()
        expect(won.locator(f"[data-entry='{number}']")).to_have_count(0)
        hidden(*left)
        shot(screen, f"journey-reveal-{place}-stencil")
        step("Show the name")
        ink = screen.locator(f".reveal[data-place='{place}'][data-phase=ink]")
        expect(ink).to_be_visible()
        expect(ink.locator(".winner-name")).to_have_text(names[number][0])
        expect(ink.locator(".winner-name")).to_be_visible()
        expect(won.locator(f"[data-entry='{number}'] .winner-name")).to_have_text(names[number][0])
        left.pop(0)
        hidden(*left)
        if place == 3:
            # A screen that is loaded again in the middle stands where it stood.
            again = display_of(page_at, demo, ".reveal[data-place='3'][data-phase=ink]")
            expect(again.locator(".winner-name")).to_have_text(names[number][0])
            assert again.locator(".numeral [aria-hidden]").inner_text() == "3"
            again.context.close()
            # One step back takes the name off the screen; the same step again brings it back.
            host.locator("[data-key=back]").click()
            expect(screen.locator(".reveal[data-place='3'][data-phase=stencil]")).to_be_visible()
            expect(screen.locator(".winner-name")).to_have_count(0)
            host.locator("[data-key=black]").click()
            expect(screen.locator(".scene")).to_have_count(0)
            step("Back to the reveal")
            expect(screen.locator(".reveal[data-place='3'][data-phase=stencil]")).to_be_visible()
            step("Show the name")
            expect(screen.locator(".reveal[data-place='3'][data-phase=ink] .winner-name")).to_have_text(names[number][0])
    step("Hold: all three")
    hold = screen.locator(".hold:not([data-coming])")
    expect(hold.locator(".hold-card")).to_have_count(3)
    for number in (third, second, first):
        expect(hold.get_by_text(names[number][0], exact=True)).to_be_visible()
    shot(screen, "journey-reveal-hold")
    assert same(screen) and same(winners) and same(host)
    assert next(one for one in demo.state()["categories"] if one["id"] == category)["state"] == "announced"


# The screen over restarts.

@pytest.mark.seconds(120)
def test_the_screen_outlives_the_server(demo, page_at, photo):
    screen = display_of(page_at, demo, errors=AWAY)
    status = screen.locator("[data-status]")
    for end in (demo.server.stop, demo.server.kill):
        end()
        expect(status).to_have_text(re.compile("Reconnecting|Offline"))
        expect(screen.locator(".scene.wall .tile").first).to_be_visible()      # the last picture stays
        demo.server.start()
        number = Http(demo.server).submit(photo, category=demo.category("open")).json["entry"]["number"]
        expect(screen.locator(f".tile[data-entry='{number}'][data-phase=ink]")).to_be_visible(timeout=OFFLINE)
        expect(status).to_have_text(re.compile("^Live"), timeout=OFFLINE)      # by a socket, or by asking until one is tried again
    assert same(screen), "nothing was reloaded"


# Names as they come.

AWKWARD = ["<b>Bold</b> \"Quotes\" & 'Sons' </script><img src=x onerror=\"window.harmed=1\">", "{{7*7}} ${7*7} %s {number}", "🐉👩🏽‍🎤 Mika", "محمد الأمين القرطبي", "\u202eevil", "W" * 300]


@pytest.mark.seconds(120)
def test_awkward_names_stand_literally_everywhere(server, page_at, photo):
    demo = Demo(server())
    contest, category = "<i>Ink & \"Bone\"</i> 🐉", "<u>Großflächen</u> & 'Co' محمد"
    demo.do("/api/contest", {"name": contest}, "patch")
    chosen = demo.do("/api/categories", {"name": category, "criteria": [{"name": "<s>Line & Light</s>", "weight": 1}], "places": len(AWKWARD)})["category"]["id"]
    judge = demo.do("/api/judges", {"name": "Dr. <b>\"Ana\"</b> & 'Co'", "role": "judge"})
    desk = demo.do("/api/judges", {"name": "<i>Desk</i>", "role": "desk"})
    numbers = [Http(demo.server).submit(photo, category=chosen, collector=name, artist=name, studio=name, title=name).json["entry"]["number"] for name in AWKWARD]
    names = [name.strip() for name in AWKWARD]

    def literal(page, texts, where: str) -> None:
        held = until(lambda: (lambda shown: shown if all(text in shown for text in texts) else None)(
            re.sub("[\u2068\u2069]", "", page.evaluate("() => document.body.innerText"))) or None,
            what=f"{where}: {[text[:40] for text in texts]} in {page.evaluate('() => document.body.innerText')[:3000]!r}")
        assert held
        assert page.evaluate("() => window.harmed") is None
        assert page.locator("body b:has-text('Bold'), body u, body s, body img[src=x], h1 i, a i").count() == 0, where
        page.set_viewport_size({"width": 390, "height": 844})
        assert sideways(page) <= 0, f"{where} is {sideways(page)} px too wide"

    admin = goto(page_at(*LAPTOP, http=demo.admin), demo.url + "/admin#entries", ".entries li")
    literal(admin, [*names, category], "/admin#entries")
    for section, texts in (("now", [category]), ("judges", ["Dr. <b>\"Ana\"</b> & 'Co'", "<i>Desk</i>"]), ("settings", [])):
        goto(admin, f"{demo.url}/admin#{section}", f"[data-section={section}]")
        literal(admin, texts, f"/admin#{section}")
    at_desk = goto(page_at(1280, 800, http=Http(demo.server).join(desk["link"])), demo.url + "/submit", ".recent-row")
    literal(at_desk, [*names, category], "/submit at the desk")
    for verb in ("judge", "close"):
        demo.do(f"/api/categories/{chosen}/{verb}")
    on_phone = goto(page_at(*PHONE, http=Http(demo.server).join(judge["link"])), demo.url + "/judge", "[data-rows]")
    literal(on_phone, [category, "<s>Line & Light</s>"], "/judge")
    decide(demo, chosen, [[number] for number in numbers])
    goto(admin, f"{demo.url}/admin#results", "[data-result]")
    literal(admin, [names[0], category], "/admin#results")

    screen = display_of(page_at, demo, reduced_motion="reduce")
    literal(screen, [contest], "/display")
    demo.do("/api/reveal", {"category": chosen, "step": 0})
    for step, name in enumerate(reversed(names), 1):
        for phase in ("stencil", "ink"):
            screen.set_viewport_size({"width": 1920, "height": 1080})
            demo.do("/api/reveal", {"category": chosen, "step": step, "phase": phase})
            expect(screen.locator(f".reveal[data-place='{len(names) + 1 - step}'][data-phase={phase}]:not([data-coming])")).to_be_visible()
        expect(screen.locator(".reveal .winner-name")).to_have_text(name)
        assert sideways(screen) <= 0
        literal(screen, [], f"/display, step {step}")
    winners = goto(page_at(*PHONE), demo.url + "/winners", f"[data-category='{chosen}']")
    literal(winners, [*names, contest, category], "/winners")
    for path in ("/", "/rules", "/submit"):
        goto(winners, demo.url + path, "h1:visible")
        literal(winners, [contest] if path == "/" else [], path)


# Nothing leaks.

FIELDS = ("title", "artist", "studio", "collector", "say", "phone")


@pytest.mark.seconds(120)
def test_no_name_reaches_a_judge_or_a_screen_before_its_reveal(server, page_at, photo, wire):
    demo = Demo(server())
    demo.do("/api/contest", {"name": "Ink Days"}, "patch")
    chosen = demo.do("/api/categories", {"name": "Sleeve", "criteria": [{"name": "Technique", "weight": 1}, {"name": "Style", "weight": 1}], "places": 2})["category"]["id"]
    judge = demo.do("/api/judges", {"name": "Ana", "role": "judge"})
    secret = secrets.token_hex(6)
    marker = lambda field, number: f"{field}-{secret}-{number}"       # noqa: E731

    def enter(number: int) -> int:
        fields = {field: marker(field, number) for field in FIELDS}
        return Http(demo.server).submit(photo, category=chosen, **fields).json["entry"]["number"]

    numbers = [enter(1), enter(2)]
    wires, opened = {}, {}
    for name, path, ready in (("display", "/display", ".scene"), ("winners", "/winners", ".winners-none"), ("submit", "/submit", "[name=category]"),
                              ("judge", urlsplit(judge["link"]).path, "#main")):
        wires[name] = wire(demo.server)
        opened[name] = goto(page_at(*(SCREEN if name == "display" else PHONE)), wires[name].url + path, ready)

    def found() -> dict[str, set[str]]:
        """The markers that came to each page."""
        return {name: {word.decode() for heard in one.heard for word in re.findall(rb"\w+-%s-\d" % secret.encode(), heard)} for name, one in wires.items()}

    numbers.append(enter(3))
    expect(opened["display"].locator(f".tile[data-entry='{numbers[2]}']")).to_be_visible()
    demo.do(f"/api/entries/{numbers[0]}/check-in")
    demo.do(f"/api/entries/{numbers[0]}", {"title": marker("title", 9)}, "patch")
    demo.do(f"/api/entries/{numbers[1]}/hide")
    demo.do(f"/api/entries/{numbers[1]}/show")
    demo.do("/api/stage", {"entry": numbers[0]})
    demo.do("/api/screen", {"mode": "stage"})
    expect(opened["display"].locator(".stage-number")).to_be_visible()
    demo.do(f"/api/categories/{chosen}/judge")
    expect(opened["judge"].locator("[data-rows]")).to_be_visible()
    for _ in numbers:
        here = int(opened["judge"].locator("[data-number]").inner_text().split()[-1])
        for row in opened["judge"].locator("[data-row]").all():
            row.locator("[data-step='1']").click()
        if here != numbers[-1]:
            on(opened["judge"], here)
    expect(opened["judge"].locator(".judge-sync")).to_have_text("All sent")
    demo.do(f"/api/categories/{chosen}/close")
    decide(demo, chosen, [[numbers[0]], [numbers[1]]])
    for step, phase in ((0, None), (1, "stencil")):
        demo.do("/api/reveal", {"category": chosen, "step": step, **({"phase": phase} if phase else {})})
    expect(opened["display"].locator(".reveal[data-phase=stencil]")).to_be_visible()
    opened["winners"].reload()
    expect(opened["winners"].locator(".winners-none")).to_be_visible()
    opened["submit"].reload()
    expect(opened["submit"].locator(".states")).to_be_visible()
    assert found() == {name: set() for name in wires}

    # The control: with the ink the second place's names come to everybody, theirs alone, and never a phone number.
    demo.do("/api/reveal", {"category": chosen, "step": 1, "phase": "ink"})
    expect(opened["display"].locator(".winner-name")).to_have_text(marker("collector", 2))
    expect(opened["winners"].locator(".winner-name")).to_have_text(marker("collector", 2))
    named = {marker(field, 2) for field in FIELDS[:4]}
    until(lambda: all(heard == named for heard in found().values()), what=f"{named} was not what came: {found()}")


# The organiser.

def test_the_first_run(server, page_at, tmp_path, shot):
    running = server(env={"CONTEST_ADMIN_PASSWORD": ""})
    printed = subprocess.run([sys.executable, str(TOP / "contest.py"), "setup-link"], cwd=TOP, env=running.env, capture_output=True, text=True, timeout=30)
    assert printed.returncode == 0, printed.stderr
    link = re.search(r"/setup/[\w-]+", printed.stdout)[0]
    for _ in range(2):      # a preview of a messenger fetches it: that spends nothing
        assert Http(running).get(link).status == 200
    page = goto(page_at(*LAPTOP, errors=["400"]), running.url + link, "#password")
    page.locator("#password").fill("short")
    page.get_by_role("button", name="Save and begin").click()
    expect(page.locator("[data-problem]")).to_have_text("Use at least 8 characters.")
    page.locator("#password").fill("a long enough password")
    page.get_by_role("button", name="Save and begin").click()
    page.wait_for_url("**/admin")

    page.get_by_label("Name of the contest").fill("Silesia Ink Days")
    page.locator("[data-do=name-contest]").click()
    expect(page.locator(".rail-name")).to_have_text("Silesia Ink Days")
    page.locator(".first [data-do=template]").click()
    page.locator("dialog").get_by_text("Fineline", exact=True).click()
    page.locator("[data-do=add-template]").click()
    expect(page.locator(".line h2")).to_have_text(["Fineline"])
    page.locator("[data-do=add-category]").last.click()
    page.locator("dialog").get_by_label("Name", exact=True).fill("Großflächen & Körperkunst")
    page.locator("[data-do=save-category]").click()
    expect(page.locator(".line h2")).to_have_text(["Fineline", "Großflächen & Körperkunst"])

    page.goto(running.url + "/admin#judges")
    page.locator("[data-do=invite]").click()
    page.locator("dialog").get_by_label("Name", exact=True).fill("Ana Łęcka")
    page.locator("[data-do=send-invite]").click()
    invited = page.locator("#judge-link").input_value()
    assert "/join/" in invited
    code = page.locator("dialog img.qr")
    expect(code).to_be_visible()
    until(lambda: code.evaluate("(image) => image.complete && image.naturalWidth > 0"), what="the QR is not drawn")
    shot(page, "journey-invited")
    page.keyboard.press("Escape")
    expect(page.locator("[data-judge]")).to_contain_text("Ana Łęcka")

    phone = goto(page_at(*PHONE), running.url + urlsplit(invited).path, "#main")
    expect(phone.locator(".judge-nothing")).to_contain_text("Fineline")
    expect(phone.locator(".judge-sync")).to_have_text("All sent")
    page.locator(".rail-nav [href='#now']").click()
    page.locator(".rail-nav [href='#judges']").click()
    expect(page.locator("[data-judge] .seen")).to_have_text("Connected")      # the organiser sees the judge come in
    # The link is spent: the page can be opened, the password stays.
    late = goto(page_at(*PHONE, errors=["401"]), running.url + link, "h1")
    if late.locator("#password").count():
        late.locator("#password").fill("somebody else's")
        late.get_by_role("button", name="Save and begin").click()
        expect(late.locator("[data-problem]")).to_contain_text("This link has been used")
    assert Http(running).post("/api/login", {"password": "a long enough password"}).status == 200


def test_the_organiser_clicks_from_judging_to_the_reveal(demo, page_at):
    category = demo.category("open")
    numbers = demo.entries(category)
    screen = display_of(page_at, demo)
    page = goto(page_at(*LAPTOP, http=demo.admin), demo.url + "/admin", ".lines li")
    line = page.locator(f".line[data-category='{category}']")
    next_step = line.locator("[data-next]")
    next_step.click()
    expect(line.locator("[data-state]")).to_have_text("Being judged")
    judges = [one for one in demo.admin.get("/api/judges").json["judges"] if one["role"] == "judge"]
    for at, number in enumerate(numbers):
        for judge in judges[:-1]:
            demo.do(f"/api/sheets/{number}", {"marks": {criterion: 6 + at for criterion in CRITERIA}, "judge": judge["id"]}, "put")
    expect(line.locator(".scored")).to_contain_text("75 % scored")
    expect(line.locator(".missing")).to_contain_text(judges[-1]["name"])
    next_step.click()
    expect(page.locator("dialog")).to_contain_text(judges[-1]["name"])
    page.locator("[data-confirm]").click()
    expect(line.locator("[data-state]")).to_have_text("Judging has closed")
    next_step.click()
    expect(page.locator("[data-places] [data-group]")).to_have_count(len(numbers))
    expect(page.locator("[data-places] [data-group]").first).to_have_attribute("data-group", str(numbers[-1]))
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("#decide-problem")).to_have_text("Give a reason.")      # sheets are missing
    page.get_by_label("Reason").fill("One judge had to leave.")
    page.locator("[data-do=save-decision]").click()
    expect(page.locator(".decided")).to_be_visible()
    assert next(one for one in demo.state()["decisions"] if one["category"] == category)["places"] == [[number] for number in reversed(numbers)]

    page.goto(demo.url + "/admin#now")
    next_step.click()
    expect(page.locator("[data-section=reveal]")).to_be_visible()
    expect(page.locator("#remote-category")).to_have_value(category)
    page.locator("[data-key=next]").click()
    expect(screen.locator(".slate .slate-title")).to_have_text("Traditionelle Großflächenkompositionen")
    page.locator("[data-key=next]").click()
    expect(screen.locator(".reveal[data-phase=stencil]")).to_be_visible()
    page.locator("[data-key=next]").click()
    expect(screen.locator(".reveal[data-phase=ink] .winner-name")).to_have_text(people(demo, numbers[0])[0])
    assert same(screen)


def test_a_hidden_photo_leaves_every_screen_at_once(demo, page_at):
    number = max(entry["number"] for entry in demo.state()["entries"])
    screen = display_of(page_at, demo)
    expect(screen.locator(f".tile[data-entry='{number}']")).to_be_visible()
    page = goto(page_at(*LAPTOP, http=demo.admin), demo.url + "/admin#entries", ".entries li")
    page.locator(f".entry[data-entry='{number}'] [data-do=hide]").click()
    expect(screen.locator(f".tile[data-entry='{number}']")).to_have_count(0)
    page.locator(f".entry[data-entry='{number}'] [data-do=show]").click()
    expect(screen.locator(f".tile[data-entry='{number}']")).to_be_visible()


def test_the_password_is_asked_for_again_after_signing_out(demo, page_at):
    page = goto(page_at(*LAPTOP), demo.url + "/login", "#password")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".lines li").first.wait_for()
    page.goto(demo.url + "/admin#settings")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile(r"/(login)?$"))
    page.goto(demo.url + "/admin")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
