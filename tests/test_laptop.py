"""The laptop at the venue: it sleeps, moves to another address, dies, has no internet; and says so."""

import re
import shutil
import socket
from pathlib import Path

import pytest

import contest as app
from tests.client import Http
from tests.conftest import CHROMIUM_ARGUMENTS, TELL_VIOLATIONS, chromium_path
from tests.server import Server, free_port
from tests.test_journeys import AWAY

PAGES = ("/", "/submit", "/judge", "/display", "/winners", "/rules", "/admin", "/host", "/login")


class Clocks:
    """A wall clock and one that stands still while the machine sleeps."""

    def __init__(self):
        self.now = self.slept = 0.0

    def wall(self) -> float:
        return 1_800_000_000 + self.now + self.slept

    def awake(self) -> float:
        return self.now


@pytest.fixture
def laptop(tmp_path):
    """`laptop(addresses)`: the Machine of a contest in a folder whose codes say the first address, with clocks and addresses of the test's own."""
    opened = []

    def make(addresses: list[str], clocks: Clocks | None = None, count=lambda: 0) -> app.Machine:
        contest = app.open(tmp_path / "data", host="0.0.0.0")
        opened.append(contest)
        site = contest._server.site
        site.address = f"http://{addresses[0]}:8000"
        clocks = clocks or Clocks()
        return app.Machine(site, 8000, clocks.wall, clocks.awake, lambda: list(addresses), count)
    yield make
    for each in opened:
        each.close()


def codes(machine: app.Machine) -> list[str]:
    return [each["code"] for each in machine.warnings()]


def test_a_sleep_is_told_with_its_length_until_it_was_seen_and_a_short_pause_is_none(laptop, capsys):
    clocks = Clocks()
    machine = laptop(["192.168.1.5"], clocks)
    clocks.now += 600
    clocks.slept += 10
    machine.look()
    assert machine.warnings() == [] and capsys.readouterr().err == ""
    clocks.now += 5
    clocks.slept += 1200
    machine.look()
    assert [(each["code"], each["seconds"]) for each in machine.warnings()] == [("slept", 1200)]
    assert "slept for 1200 seconds" in capsys.readouterr().err
    machine.look()
    assert capsys.readouterr().err == "", "once"
    machine.forget()
    assert machine.warnings() == []


def test_a_second_machine_of_the_app_is_told_once_and_as_long_as_it_runs(laptop, capsys, monkeypatch):
    known, asked = {"fdaa::2"}, []

    def resolve(name, port, family):
        asked.append(name)
        if not known:
            raise OSError("no such name")
        return [(family, kind, 0, "", (address, 0, 0, 0)) for address in known for kind in (1, 2, 3)]
    monkeypatch.delenv("FLY_APP_NAME", raising=False)
    assert app.fly_machines(resolve) == 0 and not asked, "elsewhere nobody is asked"
    monkeypatch.setenv("FLY_APP_NAME", "inkfest")
    machine = laptop(["192.168.1.5"], count=lambda: app.fly_machines(resolve))
    machine.look()
    assert machine.warnings() == [] and asked == ["inkfest.internal"]
    known.add("fdaa::3")
    machine.look()
    assert machine.warnings() == [{"code": "machines", "count": 2}]
    assert "2 Machines run this app" in capsys.readouterr().err
    machine.look()
    assert capsys.readouterr().err == "", "once"
    known.clear()
    machine.look()
    assert machine.warnings() == [], "a name that does not lead anywhere accuses nobody"


def test_an_address_that_is_lost_is_told_and_well_again_when_it_is_back(laptop, capsys):
    addresses = ["192.168.1.5"]
    machine = laptop(addresses)
    assert codes(machine) == []
    addresses[:] = ["192.168.1.77"]
    machine.look()
    assert "address_lost" in codes(machine) and "192.168.1.5" in capsys.readouterr().err
    machine.forget()
    assert "address_lost" in codes(machine), "what is so now is not put away"
    addresses[:] = ["192.168.1.5", "10.0.0.2"]
    machine.look()
    assert codes(machine) == []


def test_a_disk_that_fills_is_told_before_photos_are_refused(laptop, capsys):
    machine = laptop(["192.168.1.5"])
    room = machine._site.keeper.room
    free = room.free_bytes()
    room._settings = machine._site.settings = app.dataclasses.replace(room._settings, reserve_bytes=free // 3)
    machine.look()
    assert codes(machine) == ["disk_low"] and "disk" in capsys.readouterr().err


def test_the_name_in_the_network_is_taken_only_where_it_leads_here_and_never_waited_for():
    own = app.lan_addresses()

    def answers(address: str):
        return lambda name, port, family: [(family, socket.SOCK_STREAM, 0, "", (address, 0))]

    def refuses(name, port, family):
        raise OSError("no such name")
    assert app.local_name(refuses) == ""
    assert app.local_name(answers("203.0.113.9")) == ""
    if own:
        assert app.local_name(answers(own[0])) == socket.gethostname().partition(".")[0].lower() + ".local"
    waiting = app.threading.Event()
    assert app.local_name(lambda *asked: waiting.wait(20) and [], seconds=0.05) == ""
    waiting.set()


def test_another_laptop_with_another_name_says_where_the_old_codes_lead(tmp_path):
    """The runbooks "the laptop dies" and a changed address: a backup on a second machine; a page on the old name keeps what is under the old name."""
    port = free_port()
    first = Server(tmp_path / "first", {"CONTEST_PUBLIC_URL": f"http://contest-a.localhost:{port}"}, port).start()
    try:
        admin = Http(first, origin=f"http://contest-a.localhost:{port}").login_admin()
        link = admin.post("/api/judges", {"name": "Ana", "role": "judge"}).json["link"]
        assert link.startswith(f"http://contest-a.localhost:{port}/join/")
        assert admin.get("/api/presence").json["warnings"] == []
    finally:
        first.end()
    shutil.copytree(first.data, tmp_path / "second")
    second = Server(tmp_path / "second", {"CONTEST_PUBLIC_URL": f"http://contest-b.localhost:{port}"}, port).start()
    try:
        admin = Http(second, origin=f"http://contest-b.localhost:{port}").login_admin()
        assert admin.get("/api/presence").json["warnings"] == [{"code": "address_former", "address": f"http://contest-a.localhost:{port}"}]
        judge = admin.get("/api/judges").json["judges"][0]
        assert judge["link"].replace("contest-b", "contest-a") == link, "the same link, at the new name"
        assert Http(second).get(link).status == 303, "an old code opens the door again once its name leads here"
    finally:
        second.end()
    again = Server(tmp_path / "second", {"CONTEST_PUBLIC_URL": f"http://contest-a.localhost:{port}"}, port).start()
    try:
        admin = Http(again, origin=f"http://contest-a.localhost:{port}").login_admin()
        assert [each["address"] for each in admin.get("/api/presence").json["warnings"]] == [f"http://contest-b.localhost:{port}"]
        assert admin.delete("/api/warnings").json == {"warnings": []}
        assert admin.get("/api/presence").json["warnings"] == []
    finally:
        again.end()


@pytest.mark.seconds(120)
def test_the_organiser_sees_where_old_codes_lead_and_puts_it_away(tmp_path, page_at, axe, shot):
    port = free_port()
    for name in ("a", "b"):
        server = Server(tmp_path / "data", {"CONTEST_PUBLIC_URL": f"http://contest-{name}.localhost:{port}"}, port).start()
        if name == "a":
            server.stop()
    try:
        admin = Http(server, origin=f"http://contest-b.localhost:{port}").login_admin()
        admin.patch("/api/contest", {"name": "Inkfest"})
        page = page_at(390, 844, errors=AWAY, locale="de-DE")      # it outlives the server
        page.context.add_cookies([{"name": name, "value": value, "url": f"http://contest-b.localhost:{port}"} for name, value in admin.cookies.items()])
        page.goto(f"http://contest-b.localhost:{port}/admin")
        warning = page.locator("[data-warning=address_former]")
        warning.wait_for()
        assert f"contest-a.localhost:{port}" in warning.inner_text()
        for width, height, scheme in ((390, 844, "light"), (360, 640, "dark"), (1440, 900, "light")):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            shot(page, f"laptop-warning-{width}-{scheme}")
            assert axe(page) == []
        page.locator("[data-do=forget-warnings]").click()
        warning.wait_for(state="detached")
    finally:
        server.end()


@pytest.mark.seconds(120)
def test_every_page_works_with_every_other_host_refused(tmp_path, playwright_of_its_own):
    """A venue without internet: the browser itself can look up no name, and each page is whole all the same."""
    server = Server(tmp_path / "data").start()
    chromium = playwright_of_its_own([*CHROMIUM_ARGUMENTS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"])
    try:
        admin = Http(server).login_admin()
        admin.patch("/api/contest", {"name": "Inkfest"})
        admin.post("/api/categories", {"name": "Best Sleeve"})
        links = {role: admin.post("/api/judges", {"name": role, "role": role}).json["link"] for role in ("judge", "desk", "host")}
        ways = [(path, admin) for path in PAGES] + [("/judge", Http(server).join(links["judge"])), ("/submit", Http(server).join(links["desk"])),
                                                    ("/host", Http(server).join(links["host"])), ("/login", Http(server))]
        for path, who in ways:
            context, wrong = chromium.new_context(), []
            context.add_init_script(TELL_VIOLATIONS)
            context.add_cookies([{"name": name, "value": value, "url": server.url} for name, value in who.cookies.items()])
            page = context.new_page()
            page.on("requestfailed", lambda request: wrong.append(request.url))
            page.on("request", lambda request: wrong.append(request.url) if not re.match(rf"({server.url}|ws://127\.0\.0\.1:{server.port}|data:|blob:)", request.url) else None)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(server.url + path)
            page.locator("main").first.wait_for()
            page.evaluate("() => document.fonts.ready")
            page.wait_for_timeout(300)
            assert wrong == [], path
            context.close()
        with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
            chromium.new_page().goto("http://example.org/")
    finally:
        server.end()


@pytest.fixture
def playwright_of_its_own(browser):
    """`playwright_of_its_own(arguments)` is a Chromium started with these."""
    opened = []

    def launch(arguments: list[str]):
        opened.append(browser.browser_type.launch(executable_path=chromium_path(), args=arguments))
        return opened[-1]
    yield launch
    for each in opened:
        each.close()


def test_what_a_page_loads_names_no_other_host():
    """Read, not tried: no page, script or style names an address elsewhere to load from."""
    top = Path(app.__file__).parent
    for path in [*(top / "views").glob("*.html"), *(top / "static").glob("*.js"), *(top / "static").glob("*/*.js"), *(top / "static").glob("*.css")]:
        found = re.findall(r"""(?:src|href)=["']https?://|@import\s+["']?https?://|url\(["']?https?://|(?:from|import)\s*["']https?://""", path.read_text("utf-8"))
        assert not found, path.name
