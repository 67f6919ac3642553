"""Every page, in a real Chromium, on the drawn contest: at 390x844 and at its own size, light and dark.

At each of them axe-core finds nothing, nothing sticks out sideways, what is tapped is large enough, no key stands where words
should, and a picture is left in build/screenshots/. Nothing in the console's errors and no broken content policy: page_at holds that.
"""

import json
import re

import pytest
from playwright.sync_api import expect

from tests import demos
from tests.client import Http
from tests.demos import Demo
from tests.server import TOP, Server

expect.set_options(timeout=15_000)

PHONE, TABLET, ACROSS, LAPTOP, DESK, SCREEN = (390, 844), (820, 1180), (1180, 820), (1440, 900), (1280, 800), (1920, 1080)
BOTH, DARK, CROSSED = ("light", "dark"), ("dark",), "crossed"
LONG = 6000      # px: of a longer page the picture shows the beginning
LONGEST = ("Maximiliana Donaudampfschifffahrtselektrizitätenhauptbetriebswerk <b>von</b> \"Zu\" 🐉 " * 4)[:300]
ENGLISH = json.loads((TOP / "static" / "words" / "en.json").read_text("utf-8"))

# What is wrong with the layout: things that stick out sideways, and small targets. A link inside a sentence may be as high as its line
# (WCAG 2.2, 2.5.8), a tick or a chosen file is tapped by its label, a slider by its track; and a mark that can also be typed has its slider.
MEASURE = """({least, important}) => {
  const found = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} px wide in ${width}`);
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true });
  const named = (e) => `${e.tagName.toLowerCase()}${e.id && `#${e.id}`}${[...e.classList].map((c) => `.${c}`).join("")} "${(e.ariaLabel || e.innerText || e.value || "").replace(/\\s+/g, " ").slice(0, 40)}"`;
  const scrolls = (e) => { for (let p = e; p && p !== document.body; p = p.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true; return false; };
  for (const e of document.body.querySelectorAll("*")) {
    if (!seen(e)) continue;
    const box = e.getBoundingClientRect();
    if (box.width > 1 && (box.right > width + 1 || box.left < -1) && !scrolls(e)) found.push(`sticks out (${Math.round(box.left)} to ${Math.round(box.right)}): ${named(e)}`);
  }
  const measured = (e) => e.type === "range" ? e.closest("[data-track]") ?? e : (/checkbox|radio|file/.test(e.type) && e.labels?.[0]) || e;
  for (const e of document.body.querySelectorAll("button, a[href], input, select, textarea, summary, [role=button]")) {
    if (!seen(e) || e.type === "hidden" || e.matches(".skip, [aria-hidden=true], input[readonly][data-value]")) continue;
    if (e.tagName === "A" && getComputedStyle(e).display === "inline" && !e.closest("nav")) continue;
    const box = measured(e).getBoundingClientRect();
    if (box.width <= 1 && box.height <= 1) continue;
    const wanted = important && e.matches(important) ? 52 : e.matches("[data-value]") ? 24 : least;
    if (box.height < wanted - 0.5 || box.width < wanted - 0.5) found.push(`${Math.round(box.width)} x ${Math.round(box.height)}, under ${wanted}: ${named(e)}`);
  }
  return [...new Set(found)];
}"""
# Every text a person can see or hear.
TEXTS = """() => [...document.querySelectorAll("body *:not(script, style, noscript)")].flatMap((e) => [
  ...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()),
  ...["aria-label", "alt", "title", "placeholder", "aria-valuetext", "aria-description"].map((a) => e.getAttribute(a) ?? "")]).filter(Boolean)"""
# Ten seconds at most: an image that was taken away meanwhile is never decoded.
SETTLED = """async () => {                                           // a fade begins with the next frame: none to be seen yet is not none to come
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const finite = () => document.getAnimations().filter((a) => a.playState === "running" && Number.isFinite(a.effect?.getComputedTiming().endTime));
  const still = async () => { do { await frames(); await Promise.all(finite().map((a) => a.finished.catch(() => {}))); } while (finite().length);
    await Promise.all([...document.images].filter((i) => i.src && i.checkVisibility() && i.loading !== "lazy").map((i) => i.decode().catch(() => {})));
    await document.fonts.ready; await frames(); };
  await Promise.race([new Promise((done) => setTimeout(done, 10000)), still()]); }"""

KEY = re.compile(r"(?<![\w./@-])(?:" + "|".join(sorted({re.escape(key.split(".")[0]) for key in ENGLISH})) + r")\.[a-z0-9][a-zA-Z0-9_-]*(?:\.[a-z0-9-]+)*(?![\w/])")
HOLE = re.compile(r"\{\w+\}")


class Look:
    """Looks a page over, at sizes and in themes; what is wrong, a line each: `right(look(page, "rules", [PHONE, LAPTOP]))`.

    With themes CROSSED, each size is looked at in one theme, the first in dark: for further states of a page that was seen in all.
    """

    def __init__(self, axe, shot):
        self.axe = axe
        self.shot = shot

    def __call__(self, page, name: str, sizes, themes=BOTH, least: int = 44, important: str = "", full: bool = True) -> list[str]:
        found = []
        for at, (width, height) in enumerate(sizes):
            page.set_viewport_size({"width": width, "height": height})
            here = [("dark", "light")[at % 2]] if themes == CROSSED else themes
            for theme in here:
                page.emulate_media(color_scheme=theme)
                page.evaluate(SETTLED)
                where = f"{name} {width}x{height} {theme}"
                found += [f"{where}: {line}" for line in self.axe(page)]
                if theme == here[0]:
                    found += [f"{where}: {line}" for line in page.evaluate(MEASURE, {"least": least, "important": important})]
                self.shot(page, f"{name}-{width}x{height}-{theme}", full=full and page.evaluate("() => document.documentElement.scrollHeight") < LONG)
        return found + self.words(page, name)

    @staticmethod
    def words(page, name: str) -> list[str]:
        """Keys and unfilled holes where words should be."""
        return [f"{name}: {text[:80]!r} is not words" for text in page.evaluate(TEXTS) if KEY.search(text) or HOLE.search(text)]


def right(found: list[str]) -> None:
    """Nothing was found, or everything that was is told."""
    assert not found, f"{len(found)} faults:\n" + "\n".join(found)


@pytest.fixture(scope="session")
def look(axe, shot):
    return Look(axe, shot)


@pytest.fixture(scope="module")
def demo(tmp_path_factory, photo):
    """One server for all tests of this file that change nothing. Entries in every state, a hidden photo, a recusal, the longest names."""
    running = Server(demos.copy(tmp_path_factory.mktemp("pages") / "data")).start()
    demo = Demo(running)
    try:
        judged = demo.entries("best-colour")
        demo.do(f"/api/entries/{judged[1]}/hide")
        demo.do(f"/api/entries/{judged[2]}/withdraw")
        demo.do(f"/api/entries/{judged[3]}/no-show")
        demo.do(f"/api/entries/{judged[4]}/disqualify", {"reason": "Not made at the show."})
        for verb in ("check-in", "call"):
            demo.do(f"/api/entries/{judged[5]}/{verb}")
        demo.do(f"/api/recusals/{judged[6]}", {"recused": True, "judge": demo.judge("黒田")["id"]}, "put")
        demo.longest = Http(running).submit(photo, category=demo.category("open"), collector=LONGEST, artist=LONGEST, studio=LONGEST, title=LONGEST).json
        yield demo
    finally:
        running.end()
    assert "Traceback" not in running.errors, running.errors


def open_at(page_at, demo, path: str, ready: str, who=None, size=PHONE, errors=(), **options):
    """A page of the demo, loaded and live."""
    page = page_at(*size, errors=errors, http=who, reduced_motion="reduce", **options)
    page.goto(demo.url + path)
    page.locator(ready).first.wait_for()
    return page


LIVE = "[data-status=live]"


# The pages for everybody.

@pytest.mark.parametrize("name, path, ready", [
    ("home", "/", "h1"), ("rules", "/rules", "h2"), ("winners", "/winners", "[data-category]"), ("login", "/login", "#password"),
    ("judge-nobody", "/judge", ".judge-nothing h2"), ("admin-nobody", "/admin", "h1"), ("host-nobody", "/host", "[data-closed]:not([hidden])")])
def test_a_page_for_everybody(name, path, ready, demo, page_at, look):
    page = open_at(page_at, demo, path, ready)
    right(look(page, name, [PHONE, LAPTOP], DARK if name.startswith(("judge", "host")) else BOTH))


@pytest.mark.parametrize("path", ["/nowhere", "/join/nobody", "/mine/nobody", "/setup/spent"])
def test_a_wrong_turn_is_told_in_words(path, demo, page_at, look):
    page = open_at(page_at, demo, path, "h1, [data-failed]:not([hidden])", errors=["Failed to load resource"])
    right(look(page, "wrong" + path.replace("/", "-"), [PHONE, LAPTOP]))


def test_signing_in_says_what_is_wrong(demo, page_at, look):
    page = open_at(page_at, demo, "/login", "#password", errors=["401"])
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("That is not the password.").wait_for()
    right(look(page, "login-wrong", [PHONE, LAPTOP], CROSSED))


def test_choosing_the_first_password(demo, page_at, look):
    link = demo.do("/api/setup-link")["link"]
    page = open_at(page_at, demo, "/setup/" + link.rsplit("/", 1)[1], "#password")
    right(look(page, "setup", [PHONE, LAPTOP]))


# Entering.

def test_entering_from_a_phone(demo, page_at, look, photo):
    page = open_at(page_at, demo, "/submit", "[name=category]")
    found = look(page, "submit", [PHONE, LAPTOP])
    page.get_by_role("button", name="Send entry").click()
    page.locator("[data-summary]:not([hidden])").wait_for()
    found += look(page, "submit-missing", [PHONE, LAPTOP], CROSSED)
    page.set_input_files("#photo-choose", photo)
    page.locator("[data-slot-state=chosen]").wait_for()
    found += look(page, "submit-photo", [PHONE])
    right(found)


def test_entering_at_the_desk(demo, page_at, look):
    page = open_at(page_at, demo, "/submit", "[data-recent]:not([hidden]) li", demo.seat("Registration"), size=DESK)
    right(look(page, "submit-desk", [DESK, PHONE]))


def test_the_submit_page_when_entries_are_closed(page_at, server, look, tmp_path):
    demo = Demo(server())
    demo.do("/api/contest", {"name": LONGEST[:120], "registration": False}, "patch")
    page = open_at(page_at, demo, "/submit", "[data-notice]:not([hidden])")
    right(look(page, "submit-closed", [PHONE, LAPTOP]))


def test_a_collectors_own_page(demo, page_at, look):
    page = open_at(page_at, demo, "/mine/" + demo.longest["mine"].rsplit("/", 1)[1], "[data-entry]:not([hidden])")
    found = look(page, "mine", [PHONE, LAPTOP])
    page.locator("[data-withdraw]").click()
    page.locator("dialog[open]").wait_for()
    right(found + look(page, "mine-withdraw", [PHONE, LAPTOP], CROSSED, full=False))


# Judging.

TAPPED = "[data-step], [data-back], [data-next], [data-list], [data-zoom], [data-close], .menu button, .ask button, .judge-nothing button"


def test_a_judges_sheet(demo, page_at, look):
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("Tadeusz"))
    page.locator("[data-sync=sent]").wait_for()
    found = look(page, "judge", [PHONE, TABLET, ACROSS], DARK, important=TAPPED, full=False)
    page.locator("[data-list]").click()
    page.locator("dialog.menu").wait_for()
    found += look(page, "judge-menu", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    page.locator("[data-recuse]").click()
    page.locator("[data-recuse-confirm]").wait_for()
    found += look(page, "judge-recuse", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    page.keyboard.press("Escape")
    page.locator("[data-zoom]").click()
    page.locator("dialog.zoom").wait_for()
    right(found + look(page, "judge-zoom", [PHONE, TABLET], DARK, important=".zoom button", full=False))


def test_five_criteria_stand_without_scrolling_on_a_phone(demo, page_at):
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("Tadeusz"))
    page.evaluate(SETTLED)
    hidden = page.evaluate("""() => { const foot = document.querySelector(".judge-bottom").getBoundingClientRect().top;
        return [...document.querySelectorAll("[data-row]")].filter((row) => row.getBoundingClientRect().bottom > foot + 1).length; }""")
    assert page.locator("[data-row]").count() == 5 and hidden == 0
    assert page.locator("[data-photo]").bounding_box()["height"] >= 199


@pytest.mark.seconds(120)
def test_a_judge_elsewhere(demo, page_at, look):
    """The other categories of a judge: closed, decided, announced, not open yet; a hidden photo; left to the others."""
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("黒田"))
    found = []
    for category in ("closed", "decided", "announced", "open"):
        page.locator("[data-list]").click()
        page.locator(f"[data-category={demo.category(category)}]").click()
        page.locator("dialog").wait_for(state="detached")
        found += look(page, f"judge-{category}", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    numbers = demo.entries("best-colour")
    for name, number in (("hidden", numbers[1]), ("out", numbers[2]), ("recused", numbers[6])):
        page.goto(f"{demo.url}/judge#{number}")
        page.reload()
        page.locator("[data-rows], [data-recused]").first.wait_for()
        found += look(page, f"judge-{name}", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    right(found)


def test_a_judge_without_a_network_and_with_a_refusal(server, tmp_path, page_at, look):
    demo = Demo(server(demos.copy(tmp_path / "data")))
    numbers = demo.entries("best-colour")
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("Frida"), errors=["Failed to load resource", "ERR_INTERNET_DISCONNECTED", "WebSocket"])
    page.locator("[data-sync=sent]").wait_for()
    page.context.set_offline(True)
    first = page.locator("[data-number]").inner_text().split()[-1]
    page.locator("[data-row] [data-step='1']").first.click()
    page.get_by_text("Offline. 1 on this phone").wait_for()
    found = look(page, "judge-offline", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    # Meanwhile the entry leaves the contest: its mark is refused when the phone is back.
    assert int(first) in numbers
    demo.do(f"/api/entries/{first}/withdraw")
    page.context.set_offline(False)
    page.locator("[data-not-taken]").first.wait_for()
    found += look(page, "judge-refused", [PHONE, TABLET], DARK, important=TAPPED, full=False)
    right(found)


# The big screen.

def test_the_wall(demo, page_at, look):
    page = open_at(page_at, demo, "/display", ".scene.wall", size=SCREEN)
    page.locator(LIVE).wait_for(state="attached")
    right(look(page, "display-wall", [SCREEN, PHONE], DARK, full=False))


LIKE_ANOTHER = ("2-stencil", "2-ink", "shared-slate", "none-slate")      # gone through, not looked at
PHASES = ("slate", "3-stencil", "3-ink", "hold", "shared-ink", "message")      # seen on a phone as well


@pytest.mark.seconds(120)
def test_each_phase_of_a_reveal_on_the_screen(server, tmp_path, page_at, look):
    demo = Demo(server(demos.copy(tmp_path / "data")))
    page = open_at(page_at, demo, "/display", ".scene.wall", size=SCREEN)
    found = []

    def seen(name: str, scene: str) -> None:
        page.locator(f".scene{scene}:not([data-coming])").wait_for()
        page.locator("[data-going]").first.wait_for(state="detached")
        if name in LIKE_ANOTHER:
            return
        found.extend(look(page, f"display-{name}", [SCREEN, PHONE] if name in PHASES else [SCREEN], DARK, full=False))
        page.set_viewport_size({"width": 1920, "height": 1080})

    decided, closed, judged = demo.category("decided"), demo.category("closed"), demo.category("judging")
    steps = [(0, None, "slate", ".slate")]
    for step in (1, 2, 3):      # from the third place to the first
        steps += [(step, "stencil", f"{4 - step}-stencil", ".reveal[data-phase=stencil]"), (step, "ink", f"{4 - step}-ink", ".reveal[data-phase=ink]")]
    for step, phase, name, scene in [*steps, (4, None, "hold", ".hold")]:
        demo.do("/api/reveal", {"category": decided, "step": step, **({"phase": phase} if phase else {})})
        seen(name, scene)
    shared = demo.entries(closed)
    demo.do(f"/api/winners/{closed}", {"places": [shared[:1], shared[1:4]], "reason": "They share it."}, "put")
    for step, phase, name, scene in ((0, None, "shared-slate", ".slate"), (1, "stencil", "shared-stencil", ".reveal[data-phase=stencil]"),
                                     (1, "ink", "shared-ink", ".reveal[data-phase=ink]"), (2, "ink", "shared-first", ".reveal[data-place='1'][data-phase=ink]"), (3, None, "shared-hold", ".hold")):
        demo.do("/api/reveal", {"category": closed, "step": step, **({"phase": phase} if phase else {})})
        seen(name, scene)
    demo.do(f"/api/categories/{judged}/close")
    demo.do(f"/api/winners/{judged}", {"places": [], "reason": "Too few sheets."}, "put")
    for step, name, scene in ((0, "none-slate", ".slate"), (1, "none", ".none")):
        demo.do("/api/reveal", {"category": judged, "step": step})
        seen(name, scene)
    demo.do("/api/stage", {"entry": shared[0]})
    demo.do("/api/screen", {"mode": "stage"})
    seen("stage", ".stage")
    demo.do("/api/screen", {"mode": "message", "text": LONGEST})
    seen("message", ".message")
    demo.do("/api/screen", {"mode": "black"})
    page.locator("html[data-black]").wait_for()
    expect(page.locator(".scene")).to_have_count(0)
    right(found + Look.words(page, "display-black"))


# The organiser and the host.

SECTIONS = {"now": ".lines li", "entries": ".entries li", "judges": "[data-judge]", "scores": "table", "reveal": ".remote", "results": "[data-result]", "settings": "form"}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_of_the_organisers_page(section, demo, page_at, look):
    page = open_at(page_at, demo, f"/admin#{section}", f"[data-section={section}] {SECTIONS[section]}", demo.admin, size=LAPTOP)
    right(look(page, f"admin-{section}", [LAPTOP, PHONE]))


@pytest.mark.seconds(120)
def test_the_organisers_tables_of_every_category(demo, page_at, look):
    page = open_at(page_at, demo, "/admin#now", ".lines li", demo.admin, size=LAPTOP)
    found = []
    for state in ("open", "closed", "decided", "announced"):
        page.goto(f"{demo.url}/admin#scores/{demo.category(state)}")
        page.locator(f"[data-section=scores] .category-links [aria-current=true][href$='{demo.category(state)}']").wait_for()
        page.get_by_text("Loading", exact=True).wait_for(state="detached")
        found += look(page, f"admin-scores-{state}", [LAPTOP, PHONE], CROSSED)
    page.goto(f"{demo.url}/admin#scores/{demo.category('closed')}/decide")
    page.locator("[data-do=save-decision]").wait_for()
    found += look(page, "admin-decide", [LAPTOP, PHONE])
    right(found)


DIALOGS = [("now", "[data-do=change-category]", "category"), ("now", "[data-do=template]", "template"), ("now", "[data-next=judging]", "close-judging"),
           ("entries", "[data-do=change-entry]", "entry"), ("judges", "[data-do=invite]", "invite"), ("judges", "[data-do=link]", "link"), ("judges", "[data-do=revoke]", "revoke")]


@pytest.mark.seconds(120)
def test_the_organisers_dialogs(demo, page_at, look):
    page = open_at(page_at, demo, "/admin#now", ".lines li", demo.admin, size=LAPTOP)
    found = []
    for section, opener, name in DIALOGS:
        page.goto(f"{demo.url}/admin#{section}")
        page.locator(f"[data-section={section}] {opener}").first.click()
        page.locator("dialog[open]").wait_for()
        found += look(page, f"admin-dialog-{name}", [LAPTOP, PHONE], CROSSED, full=False)
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    right(found)


@pytest.mark.seconds(120)
def test_the_first_steps_of_an_empty_contest(server, page_at, look):
    demo = Demo(server())
    page = open_at(page_at, demo, "/admin", ".first-steps li", demo.admin, size=LAPTOP)
    found = look(page, "admin-first", [LAPTOP, PHONE])
    for section in ("entries", "judges", "scores", "reveal", "results"):
        page.goto(f"{demo.url}/admin#{section}")
        page.locator(f"[data-section={section}] h1").wait_for()
        found += look(page, f"admin-empty-{section}", [PHONE], CROSSED)
    for path, ready in (("/display", ".scene"), ("/winners", ".winners-none"), ("/rules", "h2"), ("/", "h1")):
        page.goto(demo.url + path)
        page.locator(ready).first.wait_for()
        found += look(page, f"empty{path.replace('/', '-')}", [SCREEN if path == "/display" else PHONE], DARK, full=False)
    right(found)


def test_the_hosts_phone(demo, page_at, look):
    page = open_at(page_at, demo, "/host", ".remote", demo.seat("Ambrose"))
    page.locator(LIVE).wait_for()
    found = look(page, "host", [PHONE, LAPTOP], DARK)
    page.locator("summary").first.click()
    found += look(page, "host-script", [PHONE, LAPTOP], DARK)
    page.locator("[data-tab=stage]").click()
    page.locator(".queue-row summary").nth(1).click()
    found += look(page, "host-stage", [PHONE, (360, 640)], BOTH)
    page.locator("[data-tab=screen]").click()
    right(found + look(page, "host-screen", [PHONE], BOTH))


# The switch of the theme.

def test_the_theme_can_be_switched_and_stays(demo, page_at):
    page = open_at(page_at, demo, "/rules", "h1", color_scheme="light")
    before = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("body")).not_to_have_css("background-color", before)
    page.reload()
    expect(page.locator("body")).not_to_have_css("background-color", before)
    assert page.get_by_role("button", name="Dark theme").get_attribute("aria-pressed") == "true"
    judge = open_at(page_at, demo, "/judge", "[data-list]", who=demo.seat("Frida"), color_scheme="dark")
    judge.locator("[data-list]").click()
    judge.get_by_role("button", name="Dark theme").click()
    judge.reload()      # a judge's page begins dark, and is light where a judge wants that, whatever the system has
    expect(judge.locator("html")).to_have_attribute("data-theme", "light")


# The keyboard.

FOCUSED = """() => { const e = document.activeElement;
  const ring = (x) => { const s = getComputedStyle(x); return (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2) || /rgb.* 0px 0px 0px [2-9]/.test(s.boxShadow); };
  const drawn = [e, ...(e.labels ?? []), e.parentElement, e.closest("[data-track]"), e.closest(".choice")].filter(Boolean).some(ring);
  return { tag: e.tagName, id: e.id, name: e.name ?? "", type: e.type ?? "", drawn, said: (e.ariaLabel || e.innerText || "").slice(0, 40),
    data: [...e.attributes].filter((a) => a.name.startsWith("data-")).map((a) => a.name), row: e.closest("[data-row]")?.dataset.row ?? "" }; }"""


def walk(page, steps: int) -> list[dict]:
    """Press Tab; where the focus went."""
    found = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUSED))
    return found


def test_the_keyboard_reaches_everything_of_the_form(demo, page_at):
    page = open_at(page_at, demo, "/submit", "[name=category]")
    stops = walk(page, 22)
    reached = {stop["id"] or stop["name"] or next(iter(stop["data"]), "") for stop in stops}
    assert {"photo-take", "photo-choose", "category", "collector", "artist", "studio", "title", "phone", "consent", "adult", "data-send"} <= reached
    assert [stop for stop in stops if not stop["drawn"] and stop["tag"] != "BODY"] == [], "the focus must be seen"


def test_the_keyboard_reaches_everything_of_a_sheet(demo, page_at):
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("Tadeusz"))
    stops = walk(page, 32)
    rows = {stop["row"]: [] for stop in stops if stop["row"]}
    for stop in stops:
        if stop["row"]:
            rows[stop["row"]].append(stop["type"])
    assert len(rows) == 5 and all({"range", "text"} <= set(types) for types in rows.values()), rows
    assert {"data-zoom", "data-back", "data-next", "data-list"} <= {name for stop in stops for name in stop["data"]}
    assert [stop for stop in stops if not stop["drawn"] and stop["tag"] != "BODY"] == [], "the focus must be seen"


def test_a_mark_is_typed_and_moved_by_the_keyboard(server, tmp_path, page_at):
    demo = Demo(server(demos.copy(tmp_path / "data")))
    page = open_at(page_at, demo, "/judge", "[data-rows]", demo.seat("Frida"))
    row = page.locator("[data-row=technique]")
    row.locator("input[type=range]").focus()
    page.keyboard.type("7.5")
    expect(page.locator("[data-row=technique] [data-value]")).to_have_value("7.5")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-row=technique] [data-value]")).to_have_value("8.0")
    page.keyboard.press("Delete")
    expect(page.locator("[data-row=technique] [data-value]")).to_have_value("")


# The words.

SOURCES = [path for folder, pattern in (("static", "**/*.js"), ("views", "*.html")) for path in sorted((TOP / folder).glob(pattern)) if "vendor" not in path.parts]
PREFIXES = {key.split(".")[0] for key in ENGLISH}
PLURALS = ("zero", "one", "two", "few", "many", "other")
SPOKEN = {re.sub(rf"\.({'|'.join(PLURALS)})$", "", key) for key in ENGLISH} | set(ENGLISH)


def spoken(source: str) -> list[str]:
    """The first argument of every t(...) in a source."""
    found = []
    for call in re.finditer(r"(?<![\w.$])t\(", source):
        depth, at, quote = 1, call.end(), ""
        while at < len(source) and depth:
            letter = source[at]
            if quote:
                quote = "" if letter == quote and source[at - 1] != "\\" else quote
            elif letter in "\"'`":
                quote = letter
            elif letter in "([{":
                depth += 1
            elif letter in ")]}":
                depth -= 1
            elif letter == "," and depth == 1:
                break
            at += 1
        found.append(source[call.end():at if depth else at - 1].strip())
    return found


LITERAL = re.compile(r"""["'`]((?:""" + "|".join(sorted(PREFIXES)) + r""")\.[A-Za-z0-9._-]*)["'`]""")
TEMPLATE = re.compile(r"`([^`]*\$\{[^`]*)`")


def pattern(template: str, base: str = "") -> str:
    """What a template literal can become; `base` is what stands for a part at its beginning."""
    parts = re.split(r"\$\{[^}]*\}", template)
    return base + ".+".join(map(re.escape, parts)) if parts[0] or not base else re.escape(base) + ".+".join(map(re.escape, parts[1:]))


def test_every_key_that_is_spoken_has_words():
    missing = []
    for path in SOURCES:
        source = path.read_text("utf-8")
        for said in spoken(source):
            missing += [f"{path.relative_to(TOP)}: {key}" for key in LITERAL.findall(said) if key[-1] not in ".-" and key not in SPOKEN]
            for template in TEMPLATE.findall(said):
                asked = f"has({said})" in source
                if not asked and not any(re.fullmatch(pattern(template), key) for key in SPOKEN):
                    missing.append(f"{path.relative_to(TOP)}: `{template}`")
    right(missing)


def test_every_code_of_a_refusal_has_words():
    codes = set(re.findall(r"""Refused\(\s*["']([a-z_]+)["']""", (TOP / "contest.py").read_text("utf-8")))
    assert codes and {code for code in codes if f"error.{code}" not in ENGLISH} == set()


def test_no_words_are_left_over():
    """A key is used where it stands in a source, whole or put together there: `place.${n}`, t('title.' + page), `${words}-title`."""
    used, patterns = set(), [r"error\..+"]
    for path in [*SOURCES, TOP / "contest.py"]:
        source = path.read_text("utf-8")
        whole = set(LITERAL.findall(source))
        used |= whole
        patterns += [re.escape(key) + ".+" for key in whole if key[-1] in ".-"]
        for template in {template for said in spoken(source) for template in TEMPLATE.findall(said)}:
            patterns += [pattern(template, key) for key in whole] if template.startswith("${") else [pattern(template)]
    kept = {re.sub(rf"\.({'|'.join(PLURALS)})$", "", key) for key in ENGLISH}
    right(sorted(key for key in kept - used if not any(re.fullmatch(one, key) for one in patterns)))
