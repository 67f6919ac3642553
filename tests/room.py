"""A contest to listen to, and a page that listens: what the tests of the live side share."""

import itertools
import re
import time

import pytest

from tests.client import Answer, Http
from tests.live import Live
from tests.server import TOP, Server
from tests.test_web import CRITERIA, PHOTO

_rules: dict = {}
exec(re.search(r"```python\n(def take.*?)```", (TOP / "docs/realtime.md").read_text("utf-8"), re.S)[1], _rules)
MARKS = dict.fromkeys(CRITERIA, 8)
take = _rules["take"]   # the rules of the cursor as docs/realtime.md gives them to a client's author


class Room:
    """A running contest with a judge, and something to tell: each `tell` is one line of the log."""

    def __init__(self, server: Server):
        self.server = server
        self.admin = Http(server).login_admin()
        self.numbers = itertools.count(1)
        self.links = {role: self.invite(role) for role in ("judge", "desk", "host")}
        self.people = {"public": Http(server), "admin": self.admin} | {
            role: Http(server).join(link) for role, (_, link) in self.links.items()}
        self.judge_id = self.links["judge"][0]
        self.category = self.ok(self.admin.post("/api/categories", {"name": "Best"}))["category"]["id"]
        self.entry = self.ok(Http(server).submit(PHOTO, category=self.category))["entry"]["number"]
        self.ok(self.admin.post(f"/api/categories/{self.category}/judge"))

    @staticmethod
    def ok(answer: Answer) -> dict:
        assert answer.status in (200, 201), answer
        return answer.json

    def invite(self, role: str) -> tuple[str, str]:
        made = self.ok(self.admin.post("/api/judges", {"name": role.title(), "role": role}))
        return made["judge"]["id"], made["link"]

    def tell(self, text: str = "") -> str:
        """Put a message on the screen: everybody is told, in one frame. Returns the text."""
        text = text or f"message {next(self.numbers)}"
        self.ok(self.admin.post("/api/screen", {"mode": "message", "text": text}))
        return text

    def mark(self, mark: float = 8) -> int:
        """Give the judge's sheet: only the judge and the organiser are told. Returns its seq."""
        now = next((s["seq"] for s in self.state("judge")["sheets"] if s["entry"] == self.entry), None)
        sheet = {"marks": dict.fromkeys(CRITERIA, mark), "base": now}
        return self.ok(self.people["judge"].put(f"/api/sheets/{self.entry}", sheet))["sheet"]["seq"]

    def state(self, role: str = "admin") -> dict:
        return self.ok(self.people[role].get("/api/state"))

    def cursor(self, role: str = "public") -> dict:
        state = self.state(role)
        return {k: state[k] for k in "esha"}

    def events(self, cursor: dict | None, role: str = "public", wait: float = 0) -> dict:
        asked = "&".join([f"wait={wait}", *(f"{k}={v}" for k, v in (cursor or {}).items())])
        return self.ok(self.people[role].get(f"/api/events?{asked}"))


def texts(messages: list[dict]) -> list[str]:
    """The messages for the screen in these frames, in order."""
    return [m["d"]["screen"]["text"] for frame in messages if frame["t"] == "ev" for m in frame["m"]
            if m["d"].get("screen", {}).get("mode") == "message"]


def until_text(live: Live, text: str) -> dict:
    return live.until(lambda message: texts([message]) == [text])


def eventually(holds, pause: float = 0.03) -> None:
    """Ask again and again, up to 15 s."""
    until = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(pause)


class Store:
    """What a page knows: the whole state, then every frame applied to it, without knowing a single event's name."""

    LISTS = {"category": ("categories", lambda c: c["id"]), "entry": ("entries", lambda e: e["number"]), "judge": ("judges", lambda j: j["id"]),
             "sheet": ("sheets", lambda s: (s["entry"], s["judge"])), "hand": ("hands", lambda h: (h["category"], h["judge"])),
             "run_off": ("run_offs", lambda r: r["id"]), "tie": ("ties", lambda t: t["category"]), "choice": ("choices", lambda c: c["category"]), "decision": ("decisions", lambda d: d["category"]),
             "winners": ("winners", lambda w: w["category"])}

    def __init__(self, state: dict):
        self.cursor = {k: state[k] for k in "esha"}
        self.single = {k: state[k] for k in ("contest", "screen", "stage")}
        self.lists = {kind: {key(thing): thing for thing in state[name]} for kind, (name, key) in self.LISTS.items() if name in state}

    def take(self, message: dict) -> bool:
        """Apply a frame; True if it was news. A gap is the fault of the server."""
        if message["t"] not in ("ev", "hb"):
            return False
        stood, verdict = dict(self.cursor), take(self.cursor, message)
        assert verdict != "hello", f"a gap between {stood} and {message}"
        for told in message["m"] if verdict == "apply" else ():
            (kind, thing), = told["d"].items()
            self.put(kind, thing)
        return verdict == "apply"

    def put(self, kind: str, thing) -> None:
        if kind == "gone":
            (kind, key), = thing.items()
            assert self.lists[kind].pop(tuple(key) if isinstance(key, list) else key, None) is not None, f"{kind} {key} was not there"
        elif kind in self.LISTS:
            self.lists[kind][self.LISTS[kind][1](thing)] = thing
        else:
            self.single[kind] = thing

    def same_as(self, state: dict) -> None:
        """The page shows what a fresh load would show."""
        fresh = Store(state)
        assert self.single == fresh.single
        for kind, things in fresh.lists.items():
            assert self.lists[kind] == things, kind
        assert set(self.lists) == set(fresh.lists)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """One contest for all tests of a file: each leaves it usable for the next."""
    server = Server(tmp_path_factory.mktemp("room") / "data").start()
    try:
        yield Room(server)
    finally:
        server.end()


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A server that beats three times a second and lets go of the silent after one and a half."""
    server = Server(tmp_path_factory.mktemp("quick") / "data", {"CONTEST_PING_SECONDS": "0.3", "CONTEST_DEAD_SECONDS": "1.5"}).start()
    try:
        yield Room(server)
    finally:
        server.end()


@pytest.fixture(autouse=True)
def no_traceback(request):
    """Whatever a test did to a shared server, it printed no traceback."""
    servers = [request.getfixturevalue(name).server for name in ("room", "quick") if name in request.fixturenames]
    before = [len(server.errors) for server in servers]
    yield
    for server, seen in zip(servers, before):
        assert "Traceback" not in server.errors[seen:], server.errors[seen:]
