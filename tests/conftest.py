"""Fixtures: real servers, real people at them, a real Chromium.

    def test_a_phone_submits(server, photo, page_at):
        running = server()
        admin = Http(running).login_admin()
        page = page_at(390, 844)
        page.goto(running.url + "/submit")

A server is a process of its own on a new data folder and a free port (tests/server.py); Http is one person's cookies
(tests/client.py); Live is a socket on /api/live (tests/live.py).
"""

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest

from tests.client import Http
from tests.live import Live
from tests.server import TOP, Server

SECONDS = 60
BUILD = TOP / "build"
AXE = BUILD / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
FAILED = pytest.StashKey[bool]()
# A violation of the policy is reported by the page itself, so that none hides behind a quiet console.
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (e) =>
    console.error(`CSP: ${e.violatedDirective} blocked ${e.blockedURI} in ${e.sourceFile}:${e.lineNumber}`));"""


# How fast an example ran says nothing about the program on a machine that others use; a CI run must be the same run again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")), database=None, print_blob=True,
                                     suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


# What a test writes lies in memory where there is room: a sync that waits for a busy disk proves nothing here, since a kill leaves
# the kernel's pages alone; what a power cut takes is played by tests/disk.py.
MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30 and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# Files in the order of what they take, the longest first: the last to end leaves the other cores idle for a short while only.
LONGEST = ("words", "offline", "pages", "judge_hands", "crash", "journeys", "rehearsal", "papers", "trees", "wire", "log", "live_js", "hosting",
           "web", "resume", "category_pages", "admin_scores", "load", "verify", "script", "choice")


def pytest_xdist_auto_num_workers() -> int:
    """One more than the cores, since a test waits for its server and pages half of its time."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items) -> None:
    rank = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


class TooLong(Exception):
    """A test took longer than it may."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Bound each test: an alarm in the main thread raises there, so fixtures still clean up after a test that hangs."""
    marker = item.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else SECONDS

    def ring(number, stack):
        raise TooLong(f"{item.name} ran for more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Leave on the item how its test went: the pages take their picture when it failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


# Servers and people.

@pytest.fixture
def server(tmp_path):
    """`server(data=None, env={}, wait=True, port=None)` starts a server and returns it; all are ended with the test.

    A server that printed a traceback fails its test, whatever it answered.
    """
    started: list[Server] = []

    def start(data: Path | None = None, env: dict[str, str] | None = None, wait: bool = True, port: int | None = None) -> Server:
        one = Server(data or tmp_path / f"server-{len(started) + 1}" / "data", env, port)
        started.append(one)
        return one.start(wait)

    yield start
    for one in started:
        one.end()
    for one in started:
        assert "Traceback" not in one.errors, f"the server printed a traceback:\n{one.errors}"


@pytest.fixture
def people():
    """`people(server)` is a new Http for one person: no cookie, the server's own Origin."""
    return Http


@pytest.fixture
def live():
    """`live(server, http=judge)` opens a live socket (see Live); all are closed with the test."""
    opened: list[Live] = []

    def connect(url, *args, **options) -> Live:
        opened.append(Live(url, *args, **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


# Photos.

@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    """A small real JPEG, 600 x 800: dark lines on a skin tone, enough for the stencil to find something."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (600, 800), (214, 170, 140))
    pen = ImageDraw.Draw(picture)
    for radius in range(40, 260, 30):
        pen.ellipse((300 - radius, 400 - radius, 300 + radius, 400 + radius), outline=(40, 34, 46), width=6)
    pen.line((60, 740, 540, 60), fill=(40, 34, 46), width=9)
    path = tmp_path_factory.mktemp("photo") / "rose.jpg"
    picture.save(path, quality=85)
    return path


@pytest.fixture(scope="session")
def real_photos() -> Path | None:
    """The folder of real photos beside the checkout, or None where there is none (say so when a test leaves them out)."""
    folder = TOP.parent / "shared" / "photos"
    return folder if folder.is_dir() else None


# Chromium.

def chromium_path() -> str:
    """Where Chromium is: CHROMIUM, then the usual names and places; tests/prepare.sh looks in the same ones.

    The shell is the same engine without a window's own pages: a page in a fresh context costs half.
    """
    names = [os.environ.get("CHROMIUM"), "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
             "/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
    for name in names:
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("no Chromium: make test installs it or says how")


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for all tests; each page has a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page_at(browser, server, request):  # after the servers, so that the pages are closed before those end
    """`page_at(width, height, errors=(), http=None, **options of the context)` opens a page in a new context and returns it.

    errors   patterns of console and page errors that this page may show; True: any. Everything else in the console's
             errors, an uncaught exception or a broken content policy fails the test
    http     an Http whose cookies the page starts with
    options  color_scheme="dark", reduced_motion="reduce", locale="de", is_mobile=True ...

    A failed test leaves a picture of each of its pages in build/screenshots/failed/.
    """
    opened: list[tuple] = []
    seen: list[str] = []

    def watch(page, allowed) -> None:
        def tell(text: str) -> None:
            if allowed is not True and not any(re.search(pattern, text) for pattern in allowed):
                seen.append(f"{page.url}: {text}")

        page.on("console", lambda message: tell(f"{message.text} ({message.location.get('url', '')})") if message.type == "error" else None)
        page.on("pageerror", lambda error: tell(f"uncaught: {error}"))

    def open_page(width: int, height: int, errors=(), http: Http | None = None, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        opened.append(context)
        context.set_default_timeout(15_000)
        context.add_init_script(TELL_VIOLATIONS)
        if http:
            context.add_cookies([{"name": name, "value": value, "url": http.url, "httpOnly": True, "sameSite": "Lax"} for name, value in http.cookies.items()])
        context.on("page", lambda page: watch(page, errors))
        return context.new_page()

    yield open_page
    failed = request.node.stash.get(FAILED, True) or bool(seen)
    for number, context in enumerate(opened, 1):
        for page in context.pages if failed else []:
            _picture(page, f"failed/{re.sub(r'[^a-zA-Z0-9_-]+', '-', request.node.name)}-{number}")
        context.close()
    assert not seen, "the pages complained:\n" + "\n".join(seen)


def _picture(page, name: str, full: bool = False) -> Path:
    path = BUILD / "screenshots" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=full)
    return path


@pytest.fixture(scope="session")
def shot():
    """`shot(page, name, full=False)` writes build/screenshots/<name>.png and returns its path; `full` takes the whole page."""
    return _picture


@pytest.fixture(scope="session")
def axe():
    """`axe(page, *rules_off)` is the list of what axe-core finds wrong, a line each: `assert axe(page) == []`."""
    source = AXE.read_text("utf-8")

    def violations(page, *rules_off: str) -> list[str]:
        if not page.evaluate("Boolean(window.axe)"):
            page.evaluate(source)
        found = page.evaluate("off => axe.run(document, {rules: Object.fromEntries(off.map(r => [r, {enabled: false}]))})", list(rules_off))
        return [f"{violation['id']}: {violation['help']} at {node['target']}: {node['failureSummary']}"
                for violation in found["violations"] for node in violation["nodes"]]

    return violations
