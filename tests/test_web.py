"""Web: who may do what, what bad input meets, and what is secret until its time; over real servers."""

import dataclasses
import gzip
import html
import http.client
import io
import itertools
import json
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
from PIL import Image, ImageDraw
from wsproto.events import TextMessage

import contest
from tests.client import Answer, Http, form
from tests.live import Live
from tests.server import PASSWORD, TOP, Server

ROLES = ("public", "judge", "desk", "host", "admin")
CRITERIA = [key for key, _ in contest.DEFAULT_CRITERIA]
NAMES = ["Zoë \"Zed\" O'Neill & Söhne", "<b>bold</b><script>alert(1)</script>", "🐉🌹👩‍🎤 ink", "مريم العلي", "שרה כהן",
         "\\u0000 \\n %s {{name}} ${x}", "Donaudampfschifffahrtsgesellschaftskapitänskajüte", "a" * 120]


def jpeg(width=120, height=160, ink=(40, 34, 46)) -> bytes:
    """A small real photo: some lines on skin."""
    picture = Image.new("RGB", (width, height), (214, 170, 140))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 30, width - 20, height - 30), outline=ink, width=6)
    pen.line((10, height - 10, width - 10, 10), fill=ink, width=5)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


PHOTO = jpeg()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises this size; there is next to nothing behind it."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def wire(url: str, request: bytes) -> Answer:
    """The answer to bytes that no HTTP client would send."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(request.replace(b"HOST", f"{host}:{port}".encode()))
        connection.shutdown(socket.SHUT_WR)
        with http.client.HTTPResponse(connection) as answer:
            answer.begin()
            return Answer(answer.status, answer.headers, answer.read())


class House:
    """A running contest and the people at it. Tests share one: each makes its own categories and entries in it."""

    def __init__(self, server: Server):
        self.server = server
        self.admin = Http(server).login_admin()
        self.counter = itertools.count(1)
        self.seats = {name: self.invite(name, role) for name, role in (
            ("ana", "judge"), ("ben", "judge"), ("dora", "desk"), ("hugo", "host"))}
        self.ana, self.ben, self.desk, self.host = (Http(server).join(seat["link"]) for seat in self.seats.values())
        self.ana_id = self.seats["ana"]["judge"]["id"]

    def invite(self, name: str, role: str, **fields) -> dict:
        return self.ok(self.admin.post("/api/judges", {"name": name, "role": role, **fields}), 201)

    @staticmethod
    def ok(answer: Answer, status: int = 200) -> dict:
        assert answer.status == status, answer
        return answer.json

    @property
    def nobody(self) -> Http:
        return Http(self.server)

    def person(self, role: str) -> Http:
        """Somebody of this role, with a copy of the cookies: signing out hurts nobody else."""
        found = Http(self.server)
        found.cookies = dict({"public": found, "judge": self.ana, "desk": self.desk, "host": self.host,
                              "admin": self.admin}[role].cookies)
        return found

    def category(self, state: str = "open", entries: int = 0, **fields) -> tuple[str, list[int]]:
        """A new category in a state, and its entries' numbers."""
        fields = {"name": f"Category {next(self.counter)}", **fields}
        made = self.ok(self.admin.post("/api/categories", fields), 201)["category"]["id"]
        numbers = [self.enter(made) for _ in range(entries)]
        self.bring(made, state, numbers)
        return made, numbers

    def bring(self, category: str, state: str, numbers: list[int]) -> None:
        """Take an open category on to a state."""
        for verb in {"open": (), "judging": ("judge",)}.get(state, ("judge", "close")):
            self.ok(self.admin.post(f"/api/categories/{category}/{verb}"))
        if state == "decided":
            self.decide(category, [[n] for n in numbers[:3]])

    def decide(self, category: str, places: list[list[int]], reason: str = "as agreed") -> None:
        self.ok(self.admin.put(f"/api/winners/{category}", {"places": places, "reason": reason}))

    def call(self, category: str, entries: list[int]) -> str:
        """A run-off between entries that are level; its id."""
        return self.ok(self.admin.post(f"/api/categories/{category}/run-off", {"entries": entries}), 201)["run_off"]["id"]

    def submit(self, who: Http | None = None, photo=PHOTO, **fields) -> Answer:
        return (who or self.nobody).submit(photo, **fields)

    def enter(self, category: str, **names) -> int:
        return self.ok(self.submit(category=category, **names), 201)["entry"]["number"]

    def state(self, who: Http | None = None) -> dict:
        return self.ok((who or self.admin).get("/api/state"))

    def entry(self, number: int, who: Http | None = None) -> dict | None:
        return next((e for e in self.state(who)["entries"] if e["number"] == number), None)

    def kept(self) -> tuple[dict, set[str]]:
        """Everything that must not move when something is refused: the contest, and the photos on disk."""
        state = {k: v for k, v in self.state().items() if k not in "esh"}
        return state, {str(path) for path in (self.server.data / "photos").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("web") / "data", {"CONTEST_TRUST_PROXY": "one-hop"}).start()
    try:
        yield House(server)
    finally:
        server.end()


@pytest.fixture(autouse=True)
def no_traceback(request):
    """Whatever a test did to the shared server, it printed no traceback."""
    if "house" not in request.fixturenames:
        yield
        return
    server = request.getfixturevalue("house").server
    before = len(server.errors)
    yield
    assert "Traceback" not in server.errors[before:], server.errors[before:]


# Every route by role.

@dataclasses.dataclass(frozen=True)
class Row:
    """Who may ask a route, and what a good question of theirs is answered with.

    who     the roles that may; everybody else is told 401 (public) or 403
    stage   the state of the category that the question is about; "" where it is about none
    body    JSON, or a function of {"category", "entry", "judge", "mine"}
    fields  more of the category's; one that is judged by tokens has two entries, level, and what is asked of a run-off has one
    """

    method: str
    path: str
    who: tuple[str, ...]
    status: int = 200
    stage: str = ""
    body: object = None
    fields: dict = dataclasses.field(default_factory=dict)


ALL, ADMIN, HOSTS, DESKS, JUDGES, FLOOR = (
    ROLES, ("admin",), ("host", "admin"), ("desk", "admin"), ("judge", "admin"), ("desk", "host", "admin"))
MARKS = dict.fromkeys(CRITERIA, 8)
ROWS = [
    Row("GET", "/api/state", ALL),
    Row("GET", "/api/events", ALL),
    Row("POST", "/api/setup", ALL, 401, body={"link": "no-such-link", "password": "long enough"}),
    Row("POST", "/api/setup-link", ADMIN, 201),
    Row("POST", "/api/login", ALL, body={"password": PASSWORD}),
    Row("POST", "/api/logout", ALL),
    Row("PUT", "/api/password", ADMIN, 400, body={"current": PASSWORD, "password": "short"}),
    Row("GET", "/api/contest", ALL),
    Row("PATCH", "/api/contest", ADMIN, body={"calm": False}),
    Row("GET", "/api/categories", ALL),
    Row("POST", "/api/categories", ADMIN, 201, body={"name": "By table"}),
    Row("PATCH", "/api/categories/<category>", ADMIN, stage="open", body={"places": 2}),
    Row("DELETE", "/api/categories/<category>", ADMIN, 409, "open"),
    Row("POST", "/api/categories/<category>/open", ADMIN, stage="judging"),
    Row("POST", "/api/categories/<category>/judge", ADMIN, stage="open"),
    Row("POST", "/api/categories/<category>/close", ADMIN, stage="judging"),
    Row("POST", "/api/categories/<category>/reopen", ADMIN, stage="closed", body={"reason": "one was forgotten"}),
    Row("POST", "/api/categories/<category>/announce", ADMIN, stage="decided"),
    Row("POST", "/api/categories/<category>/call", FLOOR, stage="open"),
    Row("POST", "/api/categories/<category>/merge", ADMIN, 404, "open", body={"into": "none", "reason": "too few"}),
    Row("GET", "/api/judges", ADMIN),
    Row("POST", "/api/judges", ADMIN, 201, body={"name": "Cleo", "role": "judge"}),
    Row("POST", "/api/judges/<judge>/renew", ADMIN),
    Row("DELETE", "/api/judges/<judge>", ADMIN),
    Row("GET", "/api/keys", ADMIN),
    Row("POST", "/api/keys", ADMIN, 201, body={"name": "Printer", "role": "desk"}),
    Row("DELETE", "/api/keys/<key>", ADMIN, 404),
    Row("POST", "/api/entries", ALL, 201, "open"),
    Row("POST", "/api/entries/check", DESKS, body={"rows": []}),
    Row("POST", "/api/entries/<entry:int>/photos", DESKS, 201, "open"),
    Row("PATCH", "/api/entries/<entry:int>", DESKS, stage="open", body={"title": "Koi"}),
    Row("POST", "/api/entries/<entry:int>/check-in", DESKS, stage="open"),
    Row("POST", "/api/entries/<entry:int>/call", FLOOR, stage="open"),
    Row("POST", "/api/entries/<entry:int>/no-show", FLOOR, stage="open"),
    Row("POST", "/api/entries/<entry:int>/withdraw", DESKS, stage="open"),
    Row("POST", "/api/entries/<entry:int>/reinstate", DESKS, stage="open"),
    Row("POST", "/api/entries/<entry:int>/disqualify", ADMIN, stage="open", body={"reason": "not a tattoo"}),
    Row("POST", "/api/entries/<entry:int>/hide", FLOOR, stage="open"),
    Row("POST", "/api/entries/<entry:int>/show", FLOOR, stage="open"),
    Row("PUT", "/api/sheets/<entry:int>", JUDGES, stage="judging", body=lambda it: {"marks": MARKS, "base": None, "judge": it["ana"]}),
    Row("PUT", "/api/recusals/<entry:int>", JUDGES, stage="judging", body=lambda it: {"recused": True, "judge": it["ana"]}),
    Row("PUT", "/api/tokens/<category>", JUDGES, stage="judging", fields={"method": "tokens"},
        body=lambda it: {"entries": [], "judge": it["ana"], "base": it["hand"]}),
    Row("PUT", "/api/rankings/<category>", JUDGES, stage="judging", fields={"method": "ranking"},
        body=lambda it: {"order": [it["entry"]], "judge": it["ana"], "base": None}),
    Row("POST", "/api/categories/<category>/run-off", ADMIN, 201, "closed", lambda it: {"entries": it["level"]}, {"method": "tokens"}),
    Row("PUT", "/api/run-offs/<run_off>", JUDGES, 200, "closed", lambda it: {"choice": it["entry"], "judge": it["ana"]}, {"method": "tokens"}),
    Row("POST", "/api/run-offs/<run_off>/close", ADMIN, 200, "closed", None, {"method": "tokens"}),
    Row("PUT", "/api/ties/<category>", ADMIN, 200, "closed", lambda it: {"order": [it["level"]], "reason": "both"}, {"method": "tokens"}),
    Row("POST", "/api/choice/codes", ADMIN, 404, body={"category": "none", "count": 1}),
    Row("GET", "/api/choice/codes/<batch>", ADMIN, 404),
    Row("DELETE", "/api/choice/codes/<batch>", ADMIN, 404),
    Row("DELETE", "/api/warnings", ADMIN),
    Row("POST", "/api/choice", ALL, 404, body={"category": "none", "device": "a" * 22}),
    Row("PUT", "/api/choice", ALL, 404, body={"category": "none", "device": "a" * 22, "entry": 101}),
    Row("GET", "/api/standings/<category>", ADMIN, stage="closed"),
    Row("GET", "/api/decided/<category>", ADMIN, stage="closed"),
    Row("PUT", "/api/winners/<category>", ADMIN, stage="closed", body=lambda it: {"places": [[it["entry"]]], "reason": "one entry"}),
    Row("POST", "/api/winners/<category>/absent", HOSTS, stage="decided", body=lambda it: {"entry": it["entry"]}),
    Row("POST", "/api/winners/<category>/correct", ADMIN, 409, "decided", body=lambda it: {"places": [], "reason": "nobody"}),
    Row("GET", "/api/winners", ALL),
    Row("GET", "/api/feed", ALL),
    Row("POST", "/api/reveal", HOSTS, stage="decided", body=lambda it: {"category": it["category"], "step": 0}),
    Row("POST", "/api/rehearsal", HOSTS, 400, body={"step": 5}),
    Row("POST", "/api/screen", HOSTS, body={"mode": "wall"}),
    Row("POST", "/api/stage", HOSTS, body={"entry": None}),
    Row("GET", "/api/mine/<link>", ALL, stage="open"),
    Row("POST", "/api/mine/<link>/photos", ALL, 409, "open"),
    Row("POST", "/api/mine/<link>/withdraw", ALL, stage="open"),
    Row("DELETE", "/api/entries/<entry:int>/person", ADMIN, stage="open"),
    Row("GET", "/api/log", ADMIN),
    Row("GET", "/api/export.json", ADMIN),
    Row("GET", "/api/export.csv", ADMIN),
    Row("GET", "/api/backups", ADMIN),
    Row("POST", "/api/backups", ADMIN, 201),
    Row("GET", "/api/backups/<name>", ADMIN, 404),
    Row("POST", "/api/restore", ADMIN, 404, body={"name": "0000000000000000-hand"}),
    Row("POST", "/api/rescue", ADMIN, body=lambda it: {"judge": {"id": it["ana"]}, "sheets": []}),
    Row("GET", "/api/presence", HOSTS),
    Row("GET", "/health", ALL),
    Row("GET", "/ready", ALL),
    Row("GET", "/api/realtime-health", ALL),
    Row("GET", "/api/realtime-fallback", ALL),
    Row("GET", "/api/realtime-metrics", ADMIN),
    Row("GET", "/metrics", ADMIN),
]


STREAMS = {"/metrics": ("text/plain", b"contest_connections"), "/api/export.csv": ("text/csv", b"\xef\xbb\xbfentry,category,")}


def test_every_route_of_the_server_has_its_row_here():
    assert {(r.method, r.path) for r in contest.ROUTES} == {(row.method, row.path) for row in ROWS}


def prepared(house: House, row: Row) -> dict:
    """What a row's question is about, made new."""
    it = {"ana": house.ana_id}
    if "<judge>" in row.path:
        it["judge"] = house.invite("Guest", "judge")["judge"]["id"]
    if row.stage:
        it["category"], _ = house.category(**row.fields)
        made = house.ok(house.submit(category=it["category"]), 201)
        it["entry"], it["link"] = made["entry"]["number"], made["mine"].rpartition("/")[2]
        it["level"] = [it["entry"], house.enter(it["category"])] if row.fields.get("method") == "tokens" else []
        house.bring(it["category"], row.stage, [it["entry"]])
    if it.get("level"):
        it["hand"] = house.ok(house.ana.put(f"/api/tokens/{it['category']}", {"entries": it["level"], "base": None}))["hand"]["seq"]
    if "<run_off>" in row.path:
        it["run_off"] = house.call(it["category"], it["level"])
    return it


def asked(person: Http, row: Row, it: dict) -> Answer:
    path = re.sub(r"<(\w+)(:int)?>", lambda m: str(it.get(m[1], "none")), row.path)
    body = row.body(it) if callable(row.body) else row.body
    if row.path == "/api/entries":
        return person.submit(PHOTO, category=it["category"])
    if path.endswith("/photos"):
        return send_photo(person, path)
    if row.method == "GET":
        return person.get(path)
    spare = {"X-Forwarded-For": "192.0.2.1"} if row.path == "/api/setup" else {}   # wrong tries count against this address
    return getattr(person, row.method.lower())(path, body, **spare)


def send_photo(person: Http, path: str, photo: bytes = PHOTO, **fields) -> Answer:
    body, kind = form(photo, fields)
    return person.request("POST", path, body, {"Content-Type": kind})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_each_route_answers_each_role_as_the_table_says(house, row):
    it = prepared(house, row)
    for role in ROLES:
        if role not in row.who:
            refused = asked(house.person(role), row, it)
            assert (refused.status, refused.code) == ((401, "sign_in") if role == "public" else (403, "not_allowed")), role
    for count, role in enumerate(row.who):
        it = prepared(house, row) if count else it
        answer = asked(house.person(role), row, it)
        assert answer.status == row.status, (role, answer)
        if row.path in STREAMS:
            kind, begin = STREAMS[row.path]
            assert answer.headers["Content-Type"].startswith(kind) and begin in answer.body
        else:
            assert answer.headers["Content-Type"] == "application/json" and isinstance(answer.json, dict)


def test_the_folders_key_is_the_organiser_and_needs_no_origin(house):
    key = contest.Secret(house.server.data, contest.Disk()).derive("key", "local")
    script = Http(house.server, origin=None, key=key)
    assert script.get("/api/state").json["me"]["role"] == "admin"
    assert script.patch("/api/contest", {"calm": False}).status == 200
    wrong = Http(house.server, origin=None, key="x" + key).get("/api/state")
    assert (wrong.status, wrong.code) == (401, "bad_key")


def test_what_stays_outside_the_table_answers_too(house):
    link = house.seats["ana"]["link"]
    for _ in range(2):   # a link preview fetches it first
        joined = Http(house.server).get(link)
        assert joined.status == 303 and joined.headers["Location"] == "/judge"
        assert "HttpOnly" in joined.headers["Set-Cookie"] and "SameSite=Lax" in joined.headers["Set-Cookie"].replace("lax", "Lax")
    assert house.nobody.get("/api/nothing").code == "not_found"
    assert house.nobody.get("/photos/nothing").code == "not_found"
    wrong = house.admin.put("/api/state", {})
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert house.nobody.get("/static/../contest.py").status in (403, 404)
    assert house.nobody.get("/static/%2e%2e/contest.py").status in (403, 404)


def test_a_text_file_goes_packed_to_whoever_unpacks_it_and_only_when_it_is_another(house):
    plain = house.nobody.get("/static/words/de.json")
    packed = house.nobody.get("/static/words/de.json", **{"Accept-Encoding": "deflate, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 2
    assert plain.headers["Content-Encoding"] is None and plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert house.nobody.get("/static/words/de.json", **{"Accept-Encoding": "gzip; q=0, br"}).body == plain.body
    assert house.nobody.get("/static/words/de.json", **{"If-None-Match": plain.headers["ETag"]}).status == 304
    # A version that is put back is older than what a browser keeps: dates say nothing.
    assert plain.headers["Last-Modified"] is None
    assert house.nobody.get("/static/live.js", **{"If-None-Match": plain.headers["ETag"]}).status == 200
    font = house.nobody.get("/static/fonts/archivo@5.3.0/latin.woff2", **{"Accept-Encoding": "gzip"})
    assert font.headers["Content-Encoding"] is None and font.body.startswith(b"wOF2")


# Origins.

HERE, ELSEWHERE = "ours", "http://evil.example"
ORIGINS = {
    "a cookie and our origin": ("admin", HERE, None, 200),
    "a cookie, no origin, the browser says same-origin": ("admin", None, "same-origin", 200),
    "a cookie, no origin, the browser says cross-site": ("admin", None, "cross-site", 403),
    "a cookie and no origin at all": ("admin", None, None, 403),
    "a cookie and a foreign origin": ("admin", ELSEWHERE, None, 403),
    "a cookie and the origin null": ("admin", "null", None, 403),
    "a cookie and our host with another port": ("admin", "http://127.0.0.1:1", None, 403),
    "a cookie and an origin that is none": ("admin", "http://[", None, 403),
    "the public without an origin": ("public", None, None, 200),
    "the public with ours": ("public", HERE, None, 200),
    "the public with a foreign one": ("public", ELSEWHERE, None, 403),
    "the public with null": ("public", "null", None, 403),
    "the public with one that is none": ("public", "http://[", None, 403),
}


@pytest.mark.parametrize("role, origin, fetch_site, status", ORIGINS.values(), ids=ORIGINS)
def test_another_sites_page_changes_nothing_here(house, role, origin, fetch_site, status):
    person = house.person(role)
    person.origin = person.url if origin == HERE else origin
    headers = {"Sec-Fetch-Site": fetch_site} if fetch_site else {}
    answer = person.post("/api/logout", {}, **headers)
    assert answer.status == status, answer
    assert status == 200 or answer.code == "foreign_origin"
    before = house.kept()
    if status == 403:
        assert person.patch("/api/contest", {"name": "Taken over"}, **headers).status in (401, 403)
        assert house.kept() == before


# Bad input: the right status, the one shape, nothing changed, no traceback.

@pytest.fixture(scope="module")
def stage(house):
    """What the bad questions are about: an open category, one that is judged, an entry there, and a judge who was sent away."""
    house.open, _ = house.category()
    house.judged, (house.number,) = house.category("judging", entries=1)
    house.tokens, house.held = house.category("judging", entries=3, method="tokens", tokens=2)
    house.ranked, house.order = house.category("judging", entries=3, method="ranking")
    house.ok(house.ana.put(f"/api/tokens/{house.tokens}", {"entries": house.held[:2], "base": None}))
    house.run_off = house.call(house.tokens, house.held[:2])
    house.ok(house.ben.put(f"/api/recusals/{house.held[0]}", {"recused": True}))
    house.level, pair = house.category("judging", entries=2, method="tokens", tokens=2)
    house.ok(house.ana.put(f"/api/tokens/{house.level}", {"entries": pair, "base": None}))
    house.pair = pair
    done = house.call(house.level, pair)
    house.ok(house.admin.post(f"/api/run-offs/{done}/close"))
    house.over = done
    house.link = house.invite("Gone", "judge")["link"]
    house.gone = Http(house.server).join(house.link)
    assert house.state(house.gone)["me"]["name"] == "Gone"
    house.ok(house.admin.delete(f"/api/judges/{house.state(house.gone)['me']['id']}"))
    return house


def marks(house, *, raw: bytes | None = None, criterion: str = "technique", **value) -> Answer:
    """Give one mark, as a JSON value or as the raw bytes that stand for it."""
    body = raw if raw is not None else json.dumps(value["mark"]).encode()
    return house.ana.request("PUT", f"/api/sheets/{house.number}", b'{"base":null,"marks":{"%s":%s}}' % (criterion.encode(), body),
                             {"Content-Type": "application/json"})


def tokens(house, entries) -> Answer:
    return house.ben.put(f"/api/tokens/{house.tokens}", {"entries": entries, "base": None})


def ranking(house, order) -> Answer:
    return house.ana.put(f"/api/rankings/{house.ranked}", {"order": order, "base": None})


def tie(house, order, reason="cleaner lines") -> Answer:
    return house.admin.put(f"/api/ties/{house.level}", {"order": order, "reason": reason})


def raw(house, body: bytes, method: str = "POST", path: str = "/api/categories") -> Answer:
    return house.admin.request(method, path, body, {"Content-Type": "application/json"})


def field(house, name: str, value: bytes) -> Answer:
    """An entry one of whose fields holds these bytes."""
    body, kind = form(PHOTO, {"category": house.open, "collector": "Ada", "consent": "yes", "adult": "yes", name: "MARK"})
    return house.nobody.request("POST", "/api/entries", body.replace(b"MARK", value), {"Content-Type": kind})


def unsized(house, chunked: bool, path: bytes = b"/api/entries") -> Answer:
    kind = b"multipart/form-data; boundary=x" if path == b"/api/entries" else b"application/json"
    head = b"POST " + path + b" HTTP/1.1\r\nHost: HOST\r\nContent-Type: " + kind + b"\r\n"
    if chunked:
        return wire(house.server.url, head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    return wire(house.server.url, head + b"\r\n")


def two_photos(house) -> Answer:
    """A form whose photo comes twice; as one file they would be a photo with something behind it."""
    body, kind = form(PHOTO, {"category": house.open, "collector": "Ada", "consent": "yes", "adult": "yes"})
    edge = kind.partition("boundary=")[2].encode()
    first, photo = body.split(b"--" + edge, 5)[:5], body.split(b"--" + edge, 5)[5].removesuffix(b"--" + edge + b"--\r\n")
    return house.nobody.request("POST", "/api/entries", (b"--" + edge).join([*first, photo, photo, b"--\r\n"]), {"Content-Type": kind})


def cut_short(house) -> Answer:
    return wire(house.server.url, b'POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"password"')


BAD: dict[str, tuple[Callable, int, str]] = {
    "an entry for an unknown category": (lambda h: h.submit(category="nowhere"), 404, "no_such_category"),
    "an entry for a category that is being judged": (lambda h: h.submit(category=h.judged), 409, "category_closed"),
    "an entry without consent": (lambda h: h.submit(category=h.open, consent=None), 400, "consent_missing"),
    "an entry with another word for consent": (lambda h: h.submit(category=h.open, consent="no"), 400, "consent_missing"),
    "an entry without being of age": (lambda h: h.submit(category=h.open, adult=None), 400, "adult_missing"),
    "an entry without a category": (lambda h: h.submit(), 400, "missing_field"),
    "an entry without a collector": (lambda h: h.submit(category=h.open, collector=None), 400, "missing_field"),
    "an entry with a blank collector": (lambda h: h.submit(category=h.open, collector="  "), 400, "missing_field"),
    "an entry without a photo": (lambda h: h.submit(category=h.open, photo=None), 400, "photo_missing"),
    "an entry with an empty photo": (lambda h: h.submit(category=h.open, photo=b""), 400, "photo_missing"),
    "an entry with an unknown field": (lambda h: h.submit(category=h.open, stuido="x"), 400, "unknown_field"),
    "an entry that chooses its number": (lambda h: h.submit(category=h.open, number="1"), 400, "unknown_field"),
    "a text file named .jpg": (lambda h: h.submit(category=h.open, photo=("rose.jpg", b"no photo at all\n" * 99)), 415, "not_a_photo"),
    "a header of 30,000 x 30,000 px": (lambda h: h.submit(category=h.open, photo=png_claiming(30_000, 30_000)), 413, "photo_too_many_pixels"),
    "a truncated JPEG": (lambda h: h.submit(category=h.open, photo=PHOTO[:len(PHOTO) * 2 // 3]), 415, "photo_broken"),
    "a body of 26 MiB": (lambda h: h.submit(category=h.open, photo=PHOTO + bytes(26 << 20)), 413, "body_too_large"),
    "a photo of a byte more than 25 MiB": (lambda h: h.submit(category=h.open, photo=PHOTO + bytes((25 << 20) + 1 - len(PHOTO))), 413, "body_too_large"),
    "an upload in chunks": (lambda h: unsized(h, True), 411, "length_required"),
    "an upload that says no length": (lambda h: unsized(h, False), 411, "length_required"),
    "JSON in chunks": (lambda h: unsized(h, True, b"/api/login"), 411, "length_required"),
    "two lengths": (lambda h: wire(h.server.url, b'POST /api/logout HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nContent-Length: 7\r\n\r\n{"a":1}'), 400, "bad_request"),
    "JSON of 300 kB": (lambda h: raw(h, b'{"name":"%s"}' % (b"x" * 300_000)), 413, "body_too_large"),
    "JSON that ends before its length": (cut_short, 400, "bad_json"),
    "an entry sent as JSON": (lambda h: h.nobody.post("/api/entries", {"category": h.open}), 400, "bad_form"),
    "a form with another boundary": (lambda h: h.nobody.request("POST", "/api/entries", form(PHOTO, {"category": h.open})[0], {
        "Content-Type": "multipart/form-data; boundary=other"}), 400, "bad_form"),
    "a form that ends in the middle": (lambda h: h.nobody.request("POST", "/api/entries", b'--x\r\nContent-Disposition: form-data; name="category"\r\n\r\nop', {
        "Content-Type": "multipart/form-data; boundary=x"}), 400, "bad_form"),
    "a form of 25 fields": (lambda h: h.submit(category=h.open, **{f"field{n}": "x" for n in range(25)}), 400, "bad_form"),
    "a form with two photos": (two_photos, 400, "bad_form"),
    "a field of 9 kB": (lambda h: h.submit(category=h.open, title="x" * 9000), 400, "bad_field"),
    "a collector of 301 characters": (lambda h: h.submit(category=h.open, collector="a" * 301), 400, "bad_field"),
    "a title of 301 characters": (lambda h: h.submit(category=h.open, title="ß" * 301), 400, "bad_field"),
    "a control character in a form": (lambda h: h.submit(category=h.open, title="bell\x07"), 400, "bad_field"),
    "a zero byte in a form": (lambda h: field(h, "title", b"a\x00b"), 400, "bad_field"),
    "a lone surrogate in a form": (lambda h: field(h, "title", b"\xed\xa0\x80"), 400, "bad_form"),
    "Latin-1 in a form": (lambda h: field(h, "title", "Zoë".encode("latin-1")), 400, "bad_form"),
    "a mark of 11": (lambda h: marks(h, mark=11), 400, "bad_mark"),
    "a mark of 0": (lambda h: marks(h, mark=0), 400, "bad_mark"),
    "a mark of -8": (lambda h: marks(h, mark=-8), 400, "bad_mark"),
    "a mark between two steps": (lambda h: marks(h, mark=8.25), 400, "bad_mark"),
    "a mark that is nearly one": (lambda h: marks(h, mark=8.000000001), 400, "bad_mark"),
    'a mark of "8"': (lambda h: marks(h, mark="8"), 400, "bad_mark"),
    "a mark that is true": (lambda h: marks(h, mark=True), 400, "bad_mark"),
    "a mark that is null": (lambda h: marks(h, mark=None), 400, "bad_mark"),
    "a mark that is a list": (lambda h: marks(h, mark=[8]), 400, "bad_mark"),
    "a mark of NaN": (lambda h: marks(h, raw=b"NaN"), 400, "bad_json"),
    "a mark of Infinity": (lambda h: marks(h, raw=b"Infinity"), 400, "bad_json"),
    "a mark of 1e999": (lambda h: marks(h, raw=b"1e999"), 400, "bad_json"),
    "an unknown criterion": (lambda h: marks(h, mark=8, criterion="charm"), 400, "unknown_criterion"),
    "marks that are a list": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"marks": [8]}), 400, "bad_field"),
    "a sheet without marks": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"base": None}), 400, "missing_field"),
    "a sheet with an unknown field": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"marks": {}, "late": False}), 400, "unknown_field"),
    "a sheet that names the entry twice": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"marks": {}, "entry": 1}), 400, "unknown_field"),
    "a sheet on a base that is none": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"marks": {}, "base": "yesterday"}), 400, "bad_field"),
    "a sheet for another judge": (lambda h: h.ben.put(f"/api/sheets/{h.number}", {"marks": MARKS, "judge": h.ana_id}), 403, "not_allowed"),
    "a sheet for an entry that is not there": (lambda h: h.ana.put("/api/sheets/99999", {"marks": {}}), 404, "no_such_entry"),
    "an entry's number of 5,000 digits": (lambda h: h.ana.put("/api/sheets/" + "9" * 5000, {"marks": {}}), 400, "bad_request"),
    "a token too many": (lambda h: tokens(h, h.held), 400, "bad_tokens"),
    "two tokens for one entry": (lambda h: tokens(h, h.held[:1] * 2), 400, "bad_tokens"),
    "a token for an entry of another category": (lambda h: tokens(h, [h.number]), 400, "bad_tokens"),
    "a token for an entry that is not there": (lambda h: tokens(h, [99999]), 404, "no_such_entry"),
    "a token for a text": (lambda h: tokens(h, ["one"]), 400, "bad_field"),
    "a token for true": (lambda h: tokens(h, [True]), 400, "bad_field"),
    "tokens that are no list": (lambda h: tokens(h, {"1": 2}), 400, "bad_field"),
    "no tokens at all": (lambda h: h.ben.put(f"/api/tokens/{h.tokens}", {"base": None}), 400, "missing_field"),
    "tokens on a base that is none": (lambda h: h.ben.put(f"/api/tokens/{h.tokens}", {"entries": [], "base": "yesterday"}), 400, "bad_field"),
    "tokens for another judge": (lambda h: h.ben.put(f"/api/tokens/{h.tokens}", {"entries": [], "judge": h.ana_id}), 403, "not_allowed"),
    "tokens where marks are given": (lambda h: h.ben.put(f"/api/tokens/{h.judged}", {"entries": [h.number]}), 409, "wrong_method"),
    "tokens for a category that is not there": (lambda h: h.ben.put("/api/tokens/nowhere", {"entries": []}), 404, "no_such_category"),
    "tokens before the judging": (lambda h: h.ben.put(f"/api/tokens/{h.open}", {"entries": []}), 409, "not_judging"),
    "marks where tokens are given": (lambda h: h.ana.put(f"/api/sheets/{h.held[0]}", {"marks": MARKS, "base": None}), 409, "wrong_method"),
    "a ranking with a hole": (lambda h: ranking(h, h.order[:2]), 400, "bad_ranking"),
    "a ranking with a double": (lambda h: ranking(h, [*h.order[:2], h.order[1]]), 400, "bad_ranking"),
    "a ranking with an entry of another category": (lambda h: ranking(h, [*h.order, h.number]), 400, "bad_ranking"),
    "a ranking of places": (lambda h: ranking(h, [[n] for n in h.order]), 400, "bad_field"),
    "a run-off of entries that are not level": (lambda h: h.admin.post(f"/api/categories/{h.tokens}/run-off", {"entries": h.held[1:]}), 409, "not_tied"),
    "a run-off while one is open": (lambda h: h.admin.post(f"/api/categories/{h.tokens}/run-off", {"entries": h.held[:2]}), 409, "run_off_open"),
    "a run-off without entries": (lambda h: h.admin.post(f"/api/categories/{h.tokens}/run-off"), 400, "missing_field"),
    "a vote of a judge who is recused": (lambda h: h.ben.put(f"/api/run-offs/{h.run_off}", {"choice": h.held[1]}), 409, "recused"),
    "a vote for an entry that is not in the run-off": (lambda h: h.ana.put(f"/api/run-offs/{h.run_off}", {"choice": h.held[2]}), 400, "bad_choice"),
    "a vote for true": (lambda h: h.ana.put(f"/api/run-offs/{h.run_off}", {"choice": True}), 400, "bad_field"),
    "a vote for another judge": (lambda h: h.ben.put(f"/api/run-offs/{h.run_off}", {"choice": h.held[0], "judge": h.ana_id}), 403, "not_allowed"),
    "a vote in a run-off that is closed": (lambda h: h.ana.put(f"/api/run-offs/{h.over}", {"choice": h.pair[0]}), 409, "run_off_closed"),
    "a vote in a run-off that is not there": (lambda h: h.ana.put("/api/run-offs/r999", {"choice": 1}), 404, "no_such_run_off"),
    "closing a run-off that is not there": (lambda h: h.admin.post("/api/run-offs/nothing/close"), 404, "no_such_run_off"),
    "the head judge's decision without a reason": (lambda h: tie(h, [h.pair], ""), 400, "reason_needed"),
    "the head judge's decision of places that overlap": (lambda h: tie(h, [h.pair, h.pair[:1]]), 400, "bad_field"),
    "the head judge's decision about an entry of another category": (lambda h: tie(h, [[n] for n in (h.pair[0], h.number)]), 400, "bad_field"),
    "the head judge's decision about one who is not level": (lambda h: tie(h, [h.pair[:1]]), 409, "not_tied"),
    "the head judge's decision that is a word": (lambda h: h.admin.put(f"/api/ties/{h.level}", {"order": "them", "reason": "r"}), 400, "bad_field"),
    "a category of an unknown method": (lambda h: h.admin.post("/api/categories", {"name": "A", "method": "dice"}), 400, "bad_field"),
    "a category without tokens": (lambda h: h.admin.post("/api/categories", {"name": "A", "method": "tokens", "tokens": 0}), 400, "bad_field"),
    "a quorum below nothing": (lambda h: h.admin.post("/api/categories", {"name": "A", "quorum": -1}), 400, "bad_field"),
    "another method after the first token": (lambda h: h.admin.patch(f"/api/categories/{h.tokens}", {"method": "points"}), 409, "category_has_sheets"),
    "a note of 2,001 characters": (lambda h: h.ana.put(f"/api/sheets/{h.number}", {"marks": {}, "note": "x" * 2001}), 400, "bad_field"),
    "a recusal that is a word": (lambda h: h.ana.put(f"/api/recusals/{h.number}", {"recused": "yes"}), 400, "bad_field"),
    "the session of a judge who was sent away": (lambda h: h.gone.put(f"/api/sheets/{h.number}", {"marks": {}}), 401, "link_revoked"),
    "the state for a judge who was sent away": (lambda h: h.gone.get("/api/state"), 401, "link_revoked"),
    "an admin's route as judge": (lambda h: h.ana.post("/api/categories", {"name": "Mine"}), 403, "not_allowed"),
    "a host's route as judge": (lambda h: h.ana.post("/api/screen", {"mode": "black"}), 403, "not_allowed"),
    "an admin's route as nobody": (lambda h: h.nobody.post("/api/categories", {"name": "Mine"}), 401, "sign_in"),
    "a forged cookie": (lambda h: forged(h).post("/api/categories", {"name": "Mine"}), 401, "sign_in"),
    "half an object": (lambda h: raw(h, b'{"name":'), 400, "bad_json"),
    "a list for an object": (lambda h: raw(h, b"[]"), 400, "bad_json"),
    "a text for an object": (lambda h: raw(h, b'"name"'), 400, "bad_json"),
    "bytes that are no UTF-8": (lambda h: raw(h, b'{"name":"\xff"}'), 400, "bad_json"),
    "100,000 brackets": (lambda h: raw(h, b"[" * 100_000), 400, "bad_json"),
    "a lone surrogate": (lambda h: raw(h, rb'{"name":"\ud800"}'), 400, "bad_json"),
    "a lone surrogate as a key": (lambda h: raw(h, rb'{"name":"a","\udfff":1}'), 400, "bad_json"),
    "a category without a name": (lambda h: raw(h, b""), 400, "missing_field"),
    "a category with an unknown field": (lambda h: h.admin.post("/api/categories", {"name": "A", "prize": 5}), 400, "unknown_field"),
    "a category that says its state": (lambda h: h.admin.patch(f"/api/categories/{h.open}", {"state": "decided"}), 400, "unknown_field"),
    "a category's name of 121 characters": (lambda h: h.admin.post("/api/categories", {"name": "x" * 121}), 400, "bad_field"),
    "a category's name with a control character": (lambda h: h.admin.post("/api/categories", {"name": "a\u0000b"}), 400, "bad_field"),
    "a category's name that is a number": (lambda h: h.admin.post("/api/categories", {"name": 7}), 400, "bad_field"),
    "no places": (lambda h: h.admin.post("/api/categories", {"name": "A", "places": 0}), 400, "bad_field"),
    "places that are true": (lambda h: h.admin.post("/api/categories", {"name": "A", "places": True}), 400, "bad_field"),
    "marks upside down": (lambda h: h.admin.post("/api/categories", {"name": "A", "lowest": 10, "highest": 1}), 400, "bad_field"),
    "a step that does not fit": (lambda h: h.admin.post("/api/categories", {"name": "A", "step": 0.7}), 400, "bad_field"),
    "a criterion without a name": (lambda h: h.admin.post("/api/categories", {"name": "A", "criteria": [{"weight": 1}]}), 400, "missing_field"),
    "a category that is not there": (lambda h: h.admin.patch("/api/categories/nowhere", {"name": "A"}), 404, "no_such_category"),
    "an id that is too short": (lambda h: h.admin.post("/api/categories", {"name": "A", "id": "short"}), 400, "bad_id"),
    "an id with spaces": (lambda h: h.admin.post("/api/categories", {"name": "A", "id": "an id with spaces"}), 400, "bad_id"),
    "an id that is a number": (lambda h: h.admin.post("/api/categories", {"name": "A", "id": 123456789}), 400, "bad_id"),
    "an id in the header that is no UTF-8": (lambda h: h.admin.post("/api/categories", {"name": "A"}, **{"Idempotency-Key": "\xff\xfe12345678"}), 400, "bad_id"),
    "an id of 65 characters in the header": (lambda h: h.admin.post("/api/categories", {"name": "A"}, **{"Idempotency-Key": "x" * 65}), 400, "bad_id"),
    "a contest with an unknown field": (lambda h: h.admin.patch("/api/contest", {"adress": "here"}), 400, "unknown_field"),
    "a contest in Klingon": (lambda h: h.admin.patch("/api/contest", {"language": "tlh"}), 400, "bad_field"),
    "a judge of an unknown role": (lambda h: h.admin.post("/api/judges", {"name": "A", "role": "admin"}), 400, "bad_field"),
    "a judge of an unknown category": (lambda h: h.admin.post("/api/judges", {"name": "A", "role": "judge", "categories": ["x"]}), 404, "no_such_category"),
    "a judge who is not there": (lambda h: h.admin.delete("/api/judges/j999"), 404, "no_such_judge"),
    "winners of a category that is being judged": (lambda h: h.admin.put(f"/api/winners/{h.judged}", {"places": [[h.number]]}), 409, "wrong_state"),
    "a reveal without a decision": (lambda h: h.host.post("/api/reveal", {"category": h.judged, "step": 0}), 409, "not_decided"),
    "a screen of an unknown mode": (lambda h: h.host.post("/api/screen", {"mode": "disco"}), 400, "bad_field"),
    "an entry on stage that is not there": (lambda h: h.host.post("/api/stage", {"entry": 99999}), 404, "no_such_entry"),
    "an entry on stage that is true": (lambda h: h.host.post("/api/stage", {"entry": True}), 400, "bad_field"),
    "somebody else's link of an entry": (lambda h: h.nobody.get(f"/api/mine/{h.number}-aaaaaaaaaaaaaaaaaaaa"), 404, "no_such_link"),
    "a cursor that is half": (lambda h: h.nobody.get("/api/events?wait=0&e=x&s=one&h=x&a=public"), 400, "bad_cursor"),
    "a cursor that is no UTF-8": (lambda h: h.nobody.get("/api/events?wait=0&e=%ED%A0%80&s=0&h=x&a=public"), 400, ""),
    "a wait that is a word": (lambda h: h.nobody.get("/api/events?wait=long"), 400, "bad_field"),
}


def forged(house) -> Http:
    """An organiser's cookie that somebody else signed."""
    person = house.person("admin")
    person.cookies = {name: value[:-3] + "AAA" for name, value in person.cookies.items()}
    return person


@pytest.mark.parametrize("ask, status, code", BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_shape_and_changes_nothing(stage, ask, status, code):
    before = stage.kept()
    answer = ask(stage)
    assert (answer.status, answer.code) == (status, code or answer.code), answer
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"error"} and answer.json["error"]["message"]
    assert stage.kept() == before


def test_a_link_that_was_revoked_says_so_and_signs_nobody_in(stage):
    person = Http(stage.server)
    answer = person.get(stage.link)
    assert answer.status == 401 and answer.headers["Content-Type"].startswith("text/html") and person.cookies == {}


def test_a_link_that_was_renewed_is_dead_and_the_new_one_works(house):
    seat = house.invite("Nia", "judge")
    nia = Http(house.server).join(seat["link"])
    again = house.ok(house.admin.post(f"/api/judges/{seat['judge']['id']}/renew"))
    assert again["link"] != seat["link"] and nia.get("/api/state").code == "link_revoked"
    assert Http(house.server).get(seat["link"]).status == 401
    assert house.state(Http(house.server).join(again["link"]))["me"]["name"] == "Nia"


def test_registration_that_is_closed_refuses_the_public_and_lets_the_desk_go_on(house):
    category, _ = house.category()
    house.ok(house.admin.patch("/api/contest", {"registration": False}))
    try:
        before = house.kept()
        refused = house.submit(category=category)
        assert (refused.status, refused.code) == (409, "registration_closed") and house.kept() == before
        assert house.submit(house.desk, category=category).status == 201
    finally:
        house.ok(house.admin.patch("/api/contest", {"registration": True}))


# Names are only names.

@pytest.mark.parametrize("name", [*NAMES, "ﷺ" * 300, "字" * 300], ids=ascii)
def test_a_name_comes_back_as_it_was_typed(house, name):
    category, _ = house.category()
    names = dict.fromkeys(("title", "artist", "studio", "collector"), name)
    made = house.ok(house.submit(category=category, **names), 201)
    number = made["entry"]["number"]
    assert {k: house.entry(number)[k] for k in names} == names
    assert {k: house.nobody.get("/api/mine/" + made["mine"].rpartition("/")[2]).json["entry"][k] for k in names} == names
    house.bring(category, "decided", [number])
    for step in (0, 1):
        house.ok(house.host.post("/api/reveal", {"category": category, "step": step}))
    shown = next(w for w in house.nobody.get("/api/winners").json["winners"] if w["category"] == category)
    assert {k: shown["places"][0]["entries"][0][k] for k in names} == names


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_page_shows_a_name_literally_and_never_as_markup(house, name):
    house.category(name=name)
    house.ok(house.admin.patch("/api/contest", {"name": name}))
    assert house.invite(name, "judge")["judge"]["name"] == name
    for path in ("/", "/rules", "/submit", "/winners"):
        page = house.nobody.get(path).text
        assert "<b>bold" not in page and "<script>alert" not in page
        assert name in html.unescape(page), path


# The same command twice.

def an_id() -> str:
    return secrets.token_urlsafe(16)


def test_a_command_sent_twice_has_one_effect_and_the_same_answer(house):
    command = {"name": "Once only", "id": an_id()}
    first, second = (house.admin.post("/api/categories", command) for _ in range(2))
    assert (first.status, second.status) == (201, 200) and first.json == second.json
    assert [c["name"] for c in house.state()["categories"]].count("Once only") == 1
    house.ok(house.admin.patch(f"/api/categories/{first.json['category']['id']}", {"places": 2}))
    assert house.admin.post("/api/categories", command).json["category"]["places"] == 2   # the thing as it is now


def test_an_id_in_the_header_counts_like_one_in_the_body(house):
    key = an_id()
    first = house.admin.post("/api/judges", {"name": "Ida", "role": "host"}, **{"Idempotency-Key": key})
    second = house.admin.post("/api/judges", {"name": "Ida", "role": "host", "id": key})
    assert (first.status, second.status) == (201, 200) and first.json["link"] == second.json["link"]


def test_a_row_that_is_only_asked_about_is_told_what_its_id_would_meet(house):
    category, (number,) = house.category("open", entries=1)
    other, row = an_id(), {"category": category, "collector": "Ida", "consent": True, "adult": True}
    house.ok(house.admin.post("/api/screen", {"mode": "message", "text": "one", "id": other}))
    rows = [{**row, "id": given} for given in ([1], {"a": 1}, 5, other, an_id())]
    told = house.ok(house.desk.post("/api/entries/check", {"rows": rows}))["rows"]
    assert [said.get("code") for said in told] == ["bad_id", "bad_id", "bad_id", "id_reuse", None] and told[-1] == {}
    house.ok(house.admin.post("/api/screen", {"mode": "wall"}))


def test_an_id_used_for_something_else_is_refused(house):
    key = an_id()
    house.ok(house.admin.post("/api/screen", {"mode": "message", "text": "one", "id": key}))
    before = house.kept()
    for answer in (house.admin.post("/api/screen", {"mode": "message", "text": "two", "id": key}),
                   house.host.post("/api/screen", {"mode": "message", "text": "one", "id": key}),
                   house.admin.post("/api/categories", {"name": "Two", "id": key})):
        assert (answer.status, answer.code) == (409, "id_reuse")
    assert house.kept() == before
    house.ok(house.admin.post("/api/screen", {"mode": "wall"}))


def test_a_refusal_is_not_remembered(house):
    category, (number,) = house.category(entries=1)
    sheet = {"marks": MARKS, "base": None, "id": an_id()}
    assert house.ana.put(f"/api/sheets/{number}", sheet).code == "not_judging"
    house.bring(category, "judging", [number])
    assert house.ana.put(f"/api/sheets/{number}", sheet).status == 200


def test_an_upload_repeated_is_one_entry_and_leaves_three_files(house):
    category, _ = house.category()
    files = house.kept()[1]
    command = {"category": category, "collector": "Ada", "id": an_id()}
    first, second = (house.submit(**command) for _ in range(2))
    assert (first.status, second.status) == (201, 200) and first.json == second.json
    assert len(house.kept()[1] - files) == 3
    for other in ({**command, "photo": jpeg(ink=(90, 10, 10))}, {**command, "collector": "Eve"}):
        answer = house.submit(**other)
        assert (answer.status, answer.code) == (409, "id_reuse")
    assert len(house.kept()[1] - files) == 3
    assert [e["category"] for e in house.state()["entries"]].count(category) == 1


def test_the_same_upload_from_eight_threads_at_once_is_one_entry(house):
    category, _ = house.category()
    files = house.kept()[1]
    command = {"category": category, "collector": "Ada", "id": an_id()}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: house.submit(**command), range(8)))
    assert sorted(a.status for a in answers) == [200] * 7 + [201]
    assert len({(a.json["entry"]["number"], a.json["mine"]) for a in answers}) == 1
    assert len(house.kept()[1] - files) == 3


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_command_sent_again_after_a_restart_is_known(server, end):
    house = House(server())
    category, (number,) = house.category("judging", entries=1)
    open_category, _ = house.category()
    sheet, entry = {"marks": MARKS, "base": None, "id": an_id()}, {"category": open_category, "collector": "Ada", "id": an_id()}
    was = house.ok(house.ana.put(f"/api/sheets/{number}", sheet))
    entered = house.ok(house.submit(**entry), 201)
    before = house.kept()
    getattr(house.server, end)()
    house.server.start()
    assert house.kept() == before
    assert house.ok(house.ana.put(f"/api/sheets/{number}", sheet)) == was
    assert house.ok(house.submit(**entry)) == entered
    assert house.ana.put(f"/api/sheets/{number}", sheet | {"note": "other"}).code == "id_reuse"
    assert house.submit(**entry | {"title": "other"}).code == "id_reuse"
    assert house.kept() == before


def test_a_sheet_on_a_stale_base_is_a_conflict_that_shows_the_newer_one(house):
    _, (number,) = house.category("judging", entries=1)
    epoch, path = house.state()["e"], f"/api/sheets/{number}"
    first = house.ok(house.ana.put(path, {"marks": {"technique": 8}, "base": None}))["sheet"]
    before = house.kept()
    for base in (None, first["seq"] - 1, f"{epoch}:{first['seq'] + 1}", f"{'0' * 32}:{first['seq']}"):
        answer = house.ana.put(path, {"marks": {"technique": 2}, "base": base})
        assert (answer.status, answer.code) == (409, "conflict") and answer.json["sheet"] == first, base
    assert house.kept() == before
    second = house.ok(house.ana.put(path, {"marks": {"technique": 9}, "base": f"{epoch}:{first['seq']}"}))["sheet"]
    assert house.ok(house.ana.put(path, {"marks": {}, "base": second["seq"]}))["sheet"]["marks"] == {}


# What is secret until its time.

@pytest.mark.parametrize("method", ["tokens", "ranking"])
def test_a_hand_on_a_stale_base_is_a_conflict_that_shows_the_newer_one(house, method):
    category, (one, two) = house.category("judging", entries=2, method=method)
    path, name = (f"/api/tokens/{category}", "entries") if method == "tokens" else (f"/api/rankings/{category}", "order")
    first = house.ok(house.ana.put(path, {name: [one, two], "base": None}))["hand"]
    assert first == {"category": category, "judge": house.ana_id, "entries": [one, two], "late": False, "counted": True, "seq": first["seq"],
                     "by": f"judge:{house.ana_id}"}
    epoch = house.state()["e"]
    for base in (None, first["seq"] - 1, f"{'0' * 32}:{first['seq']}"):
        answer = house.ana.put(path, {name: [two, one], "base": base})
        assert (answer.status, answer.code) == (409, "conflict") and answer.json["hand"] == first, base
    second = house.ok(house.ana.put(path, {name: [two, one], "base": f"{epoch}:{first['seq']}"}))["hand"]
    typed = house.ok(house.admin.put(path, {name: [], "base": second["seq"], "judge": house.ana_id}))["hand"]
    assert typed["entries"] == [] and typed["by"] == "admin"


def test_a_run_off_goes_from_the_call_to_the_place_it_decides(house):
    category, entries = house.category("judging", entries=3, method="tokens", tokens=1)
    judges = [house.invite(f"guest {n}", "judge", categories=[category])["judge"]["id"] for n in range(2)]
    for judge, entry in zip(judges, entries):
        house.ok(house.admin.put(f"/api/tokens/{category}", {"entries": [entry], "judge": judge}))
    table = house.ok(house.admin.get(f"/api/standings/{category}"))
    assert table["unresolved"] == [entries[:2]] and {m["entry"] for m in table["missing"]} == {None}
    run_off = house.call(category, entries[:2])
    for person in (house.ana, house.ben):
        mine = next(r for r in house.state(person)["run_offs"] if r["id"] == run_off)
        assert mine == {"id": run_off, "category": category, "entries": entries[:2], "closed": False, "may_vote": True, "choice": None,
                        "waiting": mine["waiting"]}
        house.ok(person.put(f"/api/run-offs/{run_off}", {"choice": entries[1]}))
    voted = next(r for r in house.state()["run_offs"] if r["id"] == run_off)
    assert len(voted["votes"]) == 2 and {house.ana_id, *judges} < set(voted["voters"])   # who is a judge of everything has a seat here too
    for judge in set(voted["voters"]) - set(voted["votes"]):
        assert not voted["closed"]
        voted = house.ok(house.admin.put(f"/api/run-offs/{run_off}", {"choice": entries[1], "judge": judge}))["run_off"]
    assert voted["closed"]
    rows = house.ok(house.admin.get(f"/api/standings/{category}"))["rows"]
    assert [(r["place"], r["entry"], r["decided_by"]) for r in rows] == [
        (1, entries[1], "run-off"), (2, entries[0], "run-off"), (3, entries[2], "tokens")]
    for judge in judges:
        house.ok(house.admin.delete(f"/api/judges/{judge}"))


def test_what_if_is_shown_when_it_is_asked_for_and_where_marks_are_given(house):
    category, (one, two) = house.category("judging", entries=2)
    for person, entry, mark in ((house.ana, one, 9), (house.ana, two, 8), (house.ben, two, 6)):
        house.ok(person.put(f"/api/sheets/{entry}", {"marks": dict.fromkeys(CRITERIA, mark), "base": None}))
    assert "what_if" not in house.ok(house.admin.get(f"/api/standings/{category}"))
    found = house.ok(house.admin.get(f"/api/standings/{category}?what_if=1"))["what_if"]
    assert found["judge_effect"]["judges"] == {house.ana_id: 1.0, house.seats["ben"]["judge"]["id"]: -1.0}
    assert [r["entry"] for r in found["z_score"]["rows"]] == [one, two]
    other, _ = house.category("judging", method="ranking")
    assert "what_if" not in house.ok(house.admin.get(f"/api/standings/{other}?what_if=1"))


class Ear:
    """All that a person is sent: answers of every route and page open to them, and live frames as they came."""

    PATHS = ("/api/state", "/api/feed", "/api/winners", "/api/categories", "/api/contest", "/", "/display", "/judge", "/winners", "/rules", "/submit")

    def __init__(self, house: House, person: Http, also: tuple[str, ...] = ()):
        self.house, self.person, self.also = house, person, also
        self.heard: list[str] = []
        self.begun = house.state(person)
        self.live = Live(house.server, http=person)
        self.live.hello({k: self.begun[k] for k in "esha"})

    def hear(self) -> str:
        """Ask everything again and wait for the frames until now; all that was ever heard."""
        cursor = "&".join(f"{k}={self.begun[k]}" for k in "esha")
        for path in (*self.PATHS, *self.also, f"/api/events?wait=0&{cursor}"):
            answer = self.person.get(path)
            assert answer.status == 200, answer
            self.heard.append(answer.text)
        self.house.ok(self.house.admin.patch("/api/contest", {"calm": not self.house.state()["contest"]["calm"]}))
        mark = self.house.state()["s"]
        self.live.until(lambda message: message.get("s") == mark)
        return "\n".join([*self.heard, repr(self.live.received)])


@pytest.fixture
def ear(house):
    opened: list[Ear] = []

    def listen(person: Http, *also: str) -> Ear:
        opened.append(Ear(house, person, also))
        return opened[-1]

    yield listen
    for one in opened:
        one.live.close()


NAMES = ("title", "artist", "studio", "collector")
PRIVATE = (*NAMES, "say", "phone")


def personal(token: str) -> dict[str, str]:
    return {field: f"{field}-{token}" for field in PRIVATE}


def test_what_is_personal_reaches_nobody_before_its_place_is_revealed_and_a_phone_number_never(house, ear):
    category, _ = house.category()
    winner, loser, out = (personal(f"{who}{an_id()}") for who in ("winner", "loser", "out"))
    house.submit(category=category, **loser)
    mine = house.submit(category=category).json["mine"].rpartition("/")[2]   # somebody else's own page
    public, ana, ben = ear(house.nobody, f"/api/mine/{mine}"), ear(house.ana), ear(house.ben)
    desk, host = ear(house.desk), ear(house.host)
    one, two, three = (house.enter(category, **names) for names in (winner, loser, out))
    note, *reasons = (f"{word}-{an_id()}" for word in ("note", "recusal", "disqualified", "reopened", "decided", "opened"))
    changed = f"changed-{an_id()}"
    house.ok(house.desk.patch(f"/api/entries/{one}", {"title": changed}))
    winner["title"] = changed
    for verb in ("check-in", "call", "hide", "show"):
        house.ok(house.desk.post(f"/api/entries/{one}/{verb}"))
    house.bring(category, "judging", [])
    house.ok(house.ana.put(f"/api/sheets/{one}", {"marks": MARKS, "base": None, "note": note}))
    house.ok(house.ben.put(f"/api/recusals/{one}", {"recused": True, "reason": reasons[0]}))
    house.ok(house.admin.post(f"/api/entries/{three}/disqualify", {"reason": reasons[1]}))
    house.ok(house.admin.post(f"/api/categories/{category}/open", {"reason": reasons[4]}))
    house.bring(category, "closed", [])
    house.ok(house.admin.post(f"/api/categories/{category}/reopen", {"reason": reasons[2]}))
    house.ok(house.admin.post(f"/api/categories/{category}/close"))
    house.ok(house.host.post("/api/stage", {"entry": one}))
    house.ok(house.host.post("/api/screen", {"mode": "stage"}))
    public.hear()
    house.decide(category, [[one]], reasons[3])
    for step in ({"step": 0}, {"step": 1, "phase": "stencil"}):
        house.ok(house.host.post("/api/reveal", {"category": category, **step}))
        secret = [*winner.values(), *loser.values(), *out.values(), *reasons]
        for one_ear, allowed in ((public, []), (ana, [note]), (ben, [])):
            heard = one_ear.hear()
            assert [marker for marker in [*secret, note] if marker in heard and marker not in allowed] == []
        assert note in ana.hear()
    staff = desk.hear()
    assert all(value in staff for value in [*winner.values(), *loser.values()])
    assert not any(marker in staff for marker in [note, *reasons])
    assert all(winner[k] in host.hear() for k in PRIVATE if k != "phone")

    house.ok(house.host.post("/api/reveal", {"category": category, "step": 1}))
    house.ok(house.host.post("/api/reveal", {"category": category, "step": 2}))
    for one_ear in (public, ana, ben):
        heard = one_ear.hear()
        assert all(winner[k] in heard for k in NAMES)
        assert not any(marker in heard for marker in [winner["phone"], winner["say"], *loser.values(), *out.values(), *reasons])
    house.ok(house.admin.patch("/api/contest", {"publish": "all"}))
    try:
        for one_ear in (public, ana, ben, host):
            heard = one_ear.hear()
            assert all(loser[k] in heard for k in NAMES) and (loser["say"] in heard) == (one_ear is host)
            assert not any(names["phone"] in heard for names in (winner, loser, out))
            assert not any(reason in heard for reason in reasons if one_ear is not host)
    finally:
        house.ok(house.admin.patch("/api/contest", {"publish": "placed"}))


# A judge's own: tokens, ranks and votes.

class Whispers:
    """Somebody who listens by socket, poll and page, and what of judges' own was heard: {("hand", judge), ("vote", judge), ("own vote",)}."""

    def __init__(self, house: House, person: Http):
        self.house, self.person = house, person
        self.cursor = {k: house.state(person)[k] for k in "esha"}

    def listen(self) -> None:
        self.live = Live(self.house.server, http=self.person)
        assert self.live.hello(self.cursor)["mode"] == "resume"

    def heard(self, last: int) -> list[set[tuple]]:
        """By each way in turn, up to the seq of a line that everybody is told."""
        self.live.until(lambda message: message.get("s") == last)
        polled = self.house.ok(self.person.get("/api/events?wait=0&" + "&".join(f"{k}={v}" for k, v in self.cursor.items())))
        told = [[message["d"] for frame in frames if frame["t"] == "ev" for message in frame["m"]] for frames in (self.live.received, polled["events"])]
        page = self.house.state(self.person)
        shown = [{kind: thing} for kind, name in (("hand", "hands"), ("run_off", "run_offs"), ("tie", "ties")) for thing in page.get(name, ())]
        self.live.close()
        return [own_things(things) for things in (*told, shown)]


def own_things(things: list[dict]) -> set[tuple]:
    found: set[tuple] = {("hand", thing["hand"]["judge"]) for thing in things if "hand" in thing} | {("tie",) for thing in things if "tie" in thing}
    for run_off in (thing["run_off"] for thing in things if "run_off" in thing):
        votes = run_off["votes"] if "choice" not in run_off else {}
        found |= {("vote", judge) for judge in votes} | ({("own vote",)} if run_off.get("choice") else set())
    return found


def test_tokens_ranks_and_votes_reach_their_judge_and_the_organiser_by_no_way_anybody_else(server):
    """On the state, on a socket, in what is held for one who was away, by a poll, and again after a restart from the log."""
    house = House(server())
    tokens, (one, two) = house.category("judging", entries=2, method="tokens", tokens=1)
    ranking, order = house.category("judging", entries=2, method="ranking")
    people = {role: Whispers(house, house.person(role)) for role in ROLES} | {"other judge": Whispers(house, house.ben)}
    for listener in people.values():
        listener.listen()
    house.ok(house.ana.put(f"/api/tokens/{tokens}", {"entries": [one], "base": None}))
    house.ok(house.ben.put(f"/api/tokens/{tokens}", {"entries": [two], "base": None}))
    house.ok(house.ana.put(f"/api/rankings/{ranking}", {"order": order, "base": None}))
    run_off = house.call(tokens, [one, two])
    house.ok(house.ana.put(f"/api/run-offs/{run_off}", {"choice": one}))
    house.ok(house.ana.put(f"/api/run-offs/{run_off}", {"choice": two}))
    house.ok(house.ben.put(f"/api/run-offs/{run_off}", {"choice": one}))
    house.ok(house.admin.put(f"/api/ties/{tokens}", {"order": [[one], [two]], "reason": "cleaner lines"}))
    ana, ben = house.ana_id, house.seats["ben"]["judge"]["id"]
    may = {"judge": {("hand", ana), ("own vote",)}, "other judge": {("hand", ben), ("own vote",)},
           "admin": {("hand", ana), ("hand", ben), ("vote", ana), ("vote", ben), ("tie",)}}
    for end in (None, "stop", "kill"):
        if end:
            getattr(house.server, end)()
            house.server.start()
            for listener in people.values():
                listener.listen()
        house.ok(house.admin.patch("/api/contest", {"calm": not house.state()["contest"]["calm"]}))
        last = house.state()["s"]
        for role, listener in people.items():
            assert listener.heard(last) == [may.get(role, set())] * 3, (role, end)
            assert ("hands" in house.state(listener.person)) == (role in may) and ("ties" in house.state(listener.person)) == (role == "admin")


# The reveal.

def step(house, category: str, number: int, phase: str = "ink") -> Answer:
    return house.host.post("/api/reveal", {"category": category, "step": number, "phase": phase})


def test_the_reveal_goes_forward_one_step_at_a_time_and_back_anywhere(house):
    category, (a, b, c, d) = house.category("closed", entries=4)
    assert step(house, category, 0).code == "not_decided"
    house.decide(category, [[a, b], [c]])
    assert step(house, category, 1).code == "step_skipped"
    screen = step(house, category, 0).json["screen"]
    assert screen == {"mode": "reveal", "category": category, "phase": "slate", "step": 0, "steps": 3}
    assert step(house, category, 2).code == "step_skipped"
    stencil = step(house, category, 1, "stencil").json["screen"]
    assert (stencil["phase"], stencil["place"], len(stencil["stencils"])) == ("stencil", 3, 1)
    assert step(house, category, 2, "stencil").code == "step_skipped"      # the ink of 1 comes first
    assert house.state(house.nobody)["winners"] == [w for w in house.state(house.nobody)["winners"] if w["category"] != category]
    ink = step(house, category, 1).json["screen"]
    assert (ink["phase"], ink["place"], [e["number"] for e in ink["entries"]]) == ("ink", 3, [c])
    assert category_of(house, category)["state"] == "decided"
    assert len(step(house, category, 2, "stencil").json["screen"]["stencils"]) == 2
    first = step(house, category, 2).json["screen"]
    assert (first["place"], [e["number"] for e in first["entries"]]) == (1, [a, b])
    assert category_of(house, category)["state"] == "announced"
    hold = step(house, category, 3).json["screen"]
    assert [(p["place"], [e["number"] for e in p["entries"]]) for p in hold["places"]] == [(1, [a, b]), (3, [c])]
    assert step(house, category, 4).status == 400
    revealed = house.nobody.get("/api/winners").json
    assert step(house, category, 1).json["screen"]["place"] == 3           # back changes the screen only
    house.ok(house.host.post("/api/screen", {"mode": "black"}))
    assert house.nobody.get("/api/winners").json == revealed
    assert house.entry(d, house.nobody).keys().isdisjoint({"title", "collector"})
    assert house.admin.put(f"/api/winners/{category}", {"places": [[d]], "reason": "too late"}).code == "wrong_state"


def category_of(house, category: str) -> dict:
    return next(c for c in house.state(house.nobody)["categories"] if c["id"] == category)


def test_the_same_step_twice_has_one_effect(house):
    category, numbers = house.category("decided", entries=2)
    for number in (0, 1):
        first, seq = step(house, category, number).json, house.state()["s"]
        assert step(house, category, number).json == first
        assert house.state()["s"] == seq


def test_a_category_without_a_winner_shows_no_award(house):
    category, _ = house.category("closed", entries=1)
    house.decide(category, [])
    assert step(house, category, 0).json["screen"] == {"mode": "reveal", "category": category, "phase": "slate", "step": 0, "steps": 1}
    assert step(house, category, 1).json["screen"]["phase"] == "none"
    assert category_of(house, category)["state"] == "announced"
    assert {"category": category, "places": []} in house.nobody.get("/api/winners").json["winners"]


def test_a_contest_without_a_show_announces_at_once(house):
    category, (a, b) = house.category("decided", entries=2)
    assert all(w["category"] != category for w in house.nobody.get("/api/winners").json["winners"])
    house.ok(house.admin.post(f"/api/categories/{category}/announce"))
    shown = next(w for w in house.nobody.get("/api/winners").json["winners"] if w["category"] == category)
    assert [[e["number"] for e in p["entries"]] for p in shown["places"]] == [[a], [b]]
    assert house.admin.post(f"/api/categories/{category}/announce").code == "wrong_state"


def test_an_absent_winner_is_passed_over_in_one_tap_and_a_correction_says_that_it_is_one(house):
    category, numbers = house.category("judging", entries=4)
    for mark, number in zip((9, 8, 7, 6), numbers):
        house.ok(house.admin.put(f"/api/sheets/{number}", {"marks": dict.fromkeys(CRITERIA, mark), "base": None, "judge": house.ana_id}))
    house.ok(house.admin.post(f"/api/categories/{category}/close"))
    house.decide(category, [[n] for n in numbers[:3]])
    assert house.desk.post(f"/api/winners/{category}/absent", {"entry": numbers[0]}).code == "not_allowed"
    moved = house.ok(house.host.post(f"/api/winners/{category}/absent", {"entry": numbers[1]}))["decision"]
    assert (moved["places"], moved["absent"]) == ([[numbers[0]], [numbers[2]], [numbers[3]]], [numbers[1]])
    for number in range(5):
        house.ok(step(house, category, number))
    house.ok(house.host.post(f"/api/winners/{category}/absent", {"entry": numbers[0]}))
    def shown() -> dict:
        return next(w for w in house.nobody.get("/api/winners").json["winners"] if w["category"] == category)
    assert [[e["number"] for e in p["entries"]] for p in shown()["places"]] == [[numbers[2]], [numbers[3]]]
    assert shown()["absent"] == [numbers[0]] and "corrected" not in shown()
    slip = f"slip-{an_id()}"
    house.ok(house.admin.post(f"/api/winners/{category}/correct", {"places": [[numbers[3]], [numbers[2]]], "reason": slip}))
    assert [[e["number"] for e in p["entries"]] for p in shown()["places"]] == [[numbers[3]], [numbers[2]]]
    assert shown()["corrected"]["reason"] == slip and "collector" not in house.entry(numbers[1], house.nobody)


def test_a_best_of_show_goes_on_with_the_first_places(house):
    category, (number,) = house.category("decided", entries=1)
    best, _ = house.category(**{"from": [category]})
    assert house.admin.post(f"/api/categories/{best}/judge").code == "not_announced"
    assert house.submit(category=best).code == "winners_only"
    house.ok(house.admin.post(f"/api/categories/{category}/announce"))
    house.ok(house.admin.post(f"/api/categories/{best}/judge"))
    entry = next(e for e in house.state(house.ana)["entries"] if e["category"] == best)
    assert entry["of"] == number and entry["number"] > number and "collector" in entry
    assert category_of(house, best)["blind"] is False
    house.ok(house.ana.put(f"/api/sheets/{entry['number']}", {"marks": MARKS, "base": None}))
    assert house.ok(house.admin.get(f"/api/standings/{best}"))["rows"][0]["entry"] == entry["number"]


def test_the_warnings_of_the_standings_are_the_organisers(house):
    category, numbers = house.category("judging", entries=2, minimum=5)
    told = house.ok(house.admin.get(f"/api/standings/{category}"))["warnings"]
    assert [w["code"] for w in told] == ["incomplete", "below_minimum"]
    assert told[1] == {"code": "below_minimum", "entries": numbers, "minimum": 5}
    asked = house.ok(house.admin.get(f"/api/standings/{category}?placed={numbers[1]}"))
    own = [w["code"] for w in asked["warnings"] if w["code"] not in ("already_placed", "not_checked_in")]      # the others' collectors have one name
    assert own == ["incomplete", "below_minimum"] and asked["if_absent"] == {}
    for wrong in ("118x", f"{numbers[0]},99999", "-1"):
        assert house.admin.get(f"/api/standings/{category}?placed={wrong}").code == "bad_query"


# Two rehearsals with two different decisions over the same marks.

class Tape(Live):
    """A live socket that keeps what came as it came, a line a message."""

    def __init__(self, *args, **options):
        self.text = ""
        super().__init__(*args, **options)

    def _heed(self, event) -> None:
        if isinstance(event, TextMessage):
            self.text += event.data + "\n" * event.message_finished
        super()._heed(event)


class Rehearsal:
    """One contest played by the same commands under the same ids, up to the winners; then its reveal, step by step.

    moments   {step: {what: bytes}}: all that public, judge and desk were sent until just before that step, with what chance
              made (epoch, hashes, times, names of files, the port) replaced by what it stands for
    """

    PATHS = ("/api/state", "/api/winners", "/api/feed", "/api/contest", "/api/categories")

    def __init__(self, server: Server, places: list[list[int]], reason: str):
        self.server = server
        self.count = itertools.count(1)
        self.admin = Http(server).login_admin()
        self.moments: dict[int, dict[str, bytes]] = {}
        self.order: list[str] = []
        self.set_up()
        try:
            self.play(places, reason)
        finally:
            for tape in self.tapes.values():
                tape.close()

    def do(self, person: Http, method: str, path: str, body: dict | None = None) -> dict:
        answer = getattr(person, method)(path, {**(body or {}), "id": f"rehearsal-{next(self.count):04d}"})
        assert answer.status in (200, 201), answer
        return answer.json

    def set_up(self) -> None:
        self.do(self.admin, "post", "/api/categories", {"name": "Best of show"})
        links = [self.do(self.admin, "post", "/api/judges", {"name": name, "role": role})["link"]
                 for name, role in (("Ana", "judge"), ("Ben", "judge"), ("Dora", "desk"))]
        ana, ben, desk = (Http(self.server).join(link) for link in links)
        self.people = {"public": Http(self.server), "judge": ana, "desk": desk}
        self.tapes = {name: Tape(self.server, http=person) for name, person in self.people.items()}
        self.cursors = {}
        for name, tape in self.tapes.items():
            tape.hello(cid="rehearsal")
            state = self.people[name].get("/api/state").json
            self.cursors[name] = "&".join(f"{k}={state[k]}" for k in "esha")
        for number in range(101, 105):
            answer = Http(self.server).submit(PHOTO, category="best-of-show", collector=f"Collector {number}", artist=f"Artist {number}",
                                              title=f"Title {number}", studio="Atelier", id=f"rehearsal-entry-{number}")
            assert answer.status == 201 and answer.json["entry"]["number"] == number, answer
            self.order.append(answer.json["entry"]["photo"]["large"][:32])
        self.do(self.admin, "post", "/api/categories/best-of-show/judge")
        for number in range(101, 105):
            for judge in (ana, ben):
                self.do(judge, "put", f"/api/sheets/{number}", {"marks": dict.fromkeys(CRITERIA, 110 - number), "base": None})
        self.do(self.admin, "post", "/api/categories/best-of-show/close")

    def play(self, places, reason) -> None:
        self.do(self.admin, "put", "/api/winners/best-of-show", {"places": places, "reason": reason})
        for number in range(len(places) + 2 if places else 2):
            self.moments[number] = self.heard()
            for phase in ("stencil", "ink"):
                self.do(self.admin, "post", "/api/reveal", {"category": "best-of-show", "step": number, "phase": phase})
        self.moments[number + 1] = self.heard()

    def heard(self) -> dict[str, bytes]:
        """All that came until now: the frames, and each address asked anew."""
        for calm in (True, False):      # told to everybody: behind it nothing is on its way any more
            self.do(self.admin, "patch", "/api/contest", {"calm": calm})
        mark = self.admin.get("/api/state").json["s"]
        found = {}
        for name, person in self.people.items():
            for path in (*self.PATHS, "/api/events?wait=0&" + self.cursors[name]):
                found[f"{name} {path.partition('?')[0]}"] = self.masked(person.get(path).body)
            tape = self.tapes[name]
            tape.until(lambda message: message.get("s") == mark)
            found[f"{name} live"] = self.masked(tape.text.encode())
        return found

    def masked(self, raw: bytes) -> bytes:
        raw = re.sub(rb'"(e|h)":"[0-9a-f]+"', rb'"\1":"*"', raw)
        raw = re.sub(rb'"(at|now)":\d{13}\b', rb'"\1":*', raw)
        raw = raw.replace(self.server.url.encode(), b"http://here")
        for number, name in enumerate(self.order, 101):
            raw = raw.replace(name.encode(), b"photo-of-%d" % number)
        return raw


def difference(one: Rehearsal, other: Rehearsal, step: int) -> str:
    """What a public, a judge or a desk could have told the two rehearsals apart by before a step; "" for nothing."""
    for moment in range(step + 1):
        for what, heard in one.moments[moment].items():
            also = other.moments[moment][what]
            if heard != also:
                at = max(0, len(os.path.commonprefix([heard, also])) - 100)
                return f"before step {moment}, {what}: {heard[at:at + 250]} or {also[at:at + 250]}"
    return ""


STANDINGS = [[101], [102], [103]]
DECISIONS = {
    "the standings": (STANDINGS, ""),
    "two changed": ([[102], [101], [103]], "a better night"),
    "another third": ([[102], [101], [104]], "a better night"),
    "another second": ([[102], [104], [103]], "a better night"),
    "another first": ([[104], [101], [103]], "a better night"),
    "two firsts": ([[101, 102], [104]], "a better night"),
    "no award": ([], "nobody was good enough"),
}


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory):
    """The same contest once for each decision, each on a server of its own."""
    def play(item) -> tuple[str, Rehearsal]:
        name, (places, reason) = item
        server = Server(tmp_path_factory.mktemp("rehearsal") / "data").start()
        try:
            return name, Rehearsal(server, places, reason)
        finally:
            server.end()
            assert "Traceback" not in server.errors, server.errors

    with ThreadPoolExecutor(2) as threads:
        return dict(threads.map(play, DECISIONS.items()))


@pytest.mark.parametrize("one, other, step", [
    ("two changed", "another third", 1), ("two changed", "another second", 2), ("two changed", "another first", 3),
    ("two changed", "two firsts", 0), ("two changed", "no award", 0), ("the standings", "another third", 1),
    ("the standings", "two changed", 2), ("the standings", "another first", 2)])
def test_nothing_sent_before_a_step_tells_two_decisions_apart(rehearsals, one, other, step):
    assert difference(rehearsals[one], rehearsals[other], step) == ""


def test_the_comparison_sees_a_winner_who_is_named_a_step_early(rehearsals):
    whole, other = rehearsals["two changed"], rehearsals["another second"]
    assert "before step 3" in difference(whole, other, 3)          # after the step that differs they do differ
    for what in whole.moments[1]:
        early = object.__new__(Rehearsal)
        early.moments = {step: dict(heard) for step, heard in other.moments.items()}
        early.moments[1][what] += b'{"number":103,"collector":"Collector 103"}'
        assert difference(whole, early, 1).startswith(f"before step 1, {what}")


def test_a_rehearsal_holds_what_it_should_have_heard(rehearsals):
    played = rehearsals["two changed"].moments
    for name in ("public", "judge"):
        assert b"Collector" not in b"".join(v for k, v in played[1].items() if k.startswith(name))
        assert b"Collector 103" in played[2][f"{name} live"] and b"Collector 101" not in played[2][f"{name} live"]
        assert b"Collector 102" in played[4][f"{name} /api/winners"]
    assert b"Collector 104" in played[0]["desk live"] and b'"winners"' not in played[1]["desk live"]


# Signing in.

def test_guessing_the_password_is_slowed_down_for_that_address_only(house):
    here, there = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "192.0.2.8"}
    for _ in range(5):
        answer = house.nobody.post("/api/login", {"password": "guess"}, **here)
        assert (answer.status, answer.code) == (401, "wrong_password")
    refused = house.nobody.post("/api/login", {"password": PASSWORD}, **here)
    assert (refused.status, refused.code) == (429, "too_many_tries") and int(refused.headers["Retry-After"]) >= 1
    assert house.nobody.post("/api/login", {"password": PASSWORD}, **there).status == 200
    until = time.monotonic() + 15
    while (answer := house.nobody.post("/api/login", {"password": PASSWORD}, **here)).status == 429:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert answer.status == 200


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": None}, {"password": ["x"]}, {"password": "x" * 1001}])
def test_a_login_without_a_password_is_refused(house, body):
    answer = house.nobody.post("/api/login", body)
    assert (answer.status, answer.code) == (400, "missing_field")


def test_signing_out_forgets_the_cookie(house):
    person = Http(house.server).login_admin()
    assert person.cookies and house.state(person)["me"]["role"] == "admin"
    assert person.post("/api/logout").json == {"me": {"role": "public"}}
    assert person.cookies == {} and house.state(person)["me"] == {"role": "public"}
    sent_away = Http(house.server)
    sent_away.cookies = {"contest_0000000": "nonsense"}
    assert sent_away.post("/api/logout").status == 200


def test_a_judge_who_was_sent_away_can_still_sign_out(stage):
    gone = Http(stage.server)
    gone.cookies = dict(stage.gone.cookies)
    assert gone.post("/api/logout").status == 200 and stage.state(gone)["me"] == {"role": "public"}


def setup_link(server: Server) -> str:
    printed = subprocess.run([sys.executable, str(TOP / "contest.py"), "setup-link"], env=server.env, cwd=TOP,
                             capture_output=True, text=True, timeout=30)
    assert printed.returncode == 0, printed
    return re.search(r"/setup/(\S+)", printed.stdout)[1]


def test_the_setup_link_works_once_and_looking_at_it_spends_nothing(server):
    running = server(env={"CONTEST_ADMIN_PASSWORD": ""})
    first, link = setup_link(running), setup_link(running)
    person = Http(running)
    assert person.post("/api/login", {"password": ""}).status == 400
    for _ in range(2):
        assert person.get(f"/setup/{link}").status == 200
    assert person.post("/api/setup", {"link": first, "password": "long enough"}).code == "setup_link_spent"   # the newer one replaced it
    assert person.post("/api/setup", {"link": link, "password": "short"}).code == "password_too_short"
    assert person.cookies == {}
    assert person.post("/api/setup", {"link": link, "password": "a new password"}).json == {"me": {"role": "admin"}}
    assert person.get("/api/state").json["me"]["role"] == "admin"
    again = Http(running).post("/api/setup", {"link": link, "password": "another one"})
    assert (again.status, again.code) == (401, "setup_link_spent")
    running.restart()
    assert person.get("/api/state").json["me"]["role"] == "admin"
    Http(running).login_admin("a new password")


def test_a_new_password_signs_everybody_else_out(server):
    running = server()
    one, other = Http(running).login_admin(), Http(running).login_admin()
    with Live(running, http=other) as live:
        live.hello()
        assert one.put("/api/password", {"current": "wrong", "password": "long enough"}).code == "wrong_password"
        assert one.put("/api/password", {"current": PASSWORD, "password": "short"}).code == "password_too_short"
        assert other.get("/api/state").json["me"]["role"] == "admin"
        assert one.put("/api/password", {"current": PASSWORD, "password": "a new password"}).status == 200
        assert live.wait_closed().code == 4401
    assert one.get("/api/presence").status == 200 and other.get("/api/presence").code == "sign_in"
    assert Http(running).post("/api/login", {"password": PASSWORD}).code == "wrong_password"
    Http(running).login_admin("a new password")


# Photos and pictures.

def test_a_photo_is_kept_for_ever_and_gone_for_the_public_while_it_is_hidden(house):
    _, (number,) = house.category(entries=1)
    photo = house.entry(number)["photo"]
    for size, kind in (("large", "image/jpeg"), ("thumb", "image/webp"), ("stencil", "image/webp")):
        path = "/photos/" + photo[size]
        seen = house.nobody.get(path)
        assert (seen.status, seen.headers["Content-Type"]) == (200, kind) and seen.headers["X-Content-Type-Options"] == "nosniff"
        assert seen.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        with Image.open(io.BytesIO(seen.body)) as picture:
            picture.load()
        house.ok(house.desk.post(f"/api/entries/{number}/hide"))
        for role in ROLES:
            answer = house.person(role).get(path)
            assert answer.status == (410 if role in ("public", "judge") else 200), role
            assert answer.status == 200 or answer.code == "photo_gone"
        house.ok(house.host.post(f"/api/entries/{number}/show"))
        assert house.nobody.get(path).status == 200


@pytest.mark.parametrize("verb, who", [("withdraw", "desk"), ("disqualify", "admin")])
def test_a_photo_is_gone_with_its_entry(house, verb, who):
    _, (number,) = house.category(entries=1)
    path = "/photos/" + house.entry(number)["photo"]["large"]
    house.ok(house.person(who).post(f"/api/entries/{number}/{verb}", {"reason": "so"} if verb == "disqualify" else {}))
    assert (house.nobody.get(path).status, house.nobody.get(path).code) == (410, "photo_gone")
    house.ok(house.desk.post(f"/api/entries/{number}/reinstate"))
    assert house.nobody.get(path).status == 200


@pytest.mark.parametrize("name", ["0" * 32 + "-large.jpg", "secret.json", "..%2fsecret.json", "%2e%2e%2f%2e%2e%2fsecret.json", "x" * 500, "%00", "%ED%A0%80"])
def test_a_photo_that_is_not_ours_is_not_found(house, name):
    answer = house.admin.get("/photos/" + name)
    assert (answer.status, answer.code) == (404, "not_found")


def test_a_qr_code_is_a_picture_of_one_of_our_addresses(house):
    answer = house.nobody.get("/qr/join/j1-abcdefghijklmnop.svg")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.text.startswith("<svg ") and "<script" not in answer.text and "viewBox" in answer.text
    assert house.nobody.get("/qr/submit.svg").body != answer.body
    assert house.nobody.get("/qr/" + "x" * 300 + ".svg").status == 404


def test_a_second_photo_comes_by_the_own_link_and_is_not_the_publics(house):
    category, _ = house.category(needs="reference")
    made = house.ok(house.submit(category=category), 201)
    number, link = made["entry"]["number"], made["mine"].rpartition("/")[2]
    assert house.desk.post(f"/api/entries/{number}/check-in").code == "second_photo_missing"
    files, again = house.kept()[1], an_id()
    first = send_photo(house.nobody, f"/api/mine/{link}/photos", jpeg(ink=(90, 10, 10)), id=again)
    assert first.status == 201 and len(first.json["entry"]["photos"]) == 2
    assert send_photo(house.nobody, f"/api/mine/{link}/photos", jpeg(ink=(90, 10, 10)), id=again).status == 200
    assert len(house.kept()[1] - files) == 3
    for refused_, code in ((send_photo(house.nobody, f"/api/mine/{link}/photos"), "too_many_photos"),
                           (send_photo(house.desk, f"/api/entries/{number}/photos", b"no photo"), "not_a_photo"),
                           (send_photo(house.desk, f"/api/entries/{number}/photos", title="x"), "unknown_field"),
                           (house.desk.post(f"/api/entries/{number}/photos", {}), "bad_form")):
        assert refused_.code == code
    assert len(house.kept()[1] - files) == 3
    assert [len(house.entry(number, who)["photos"]) for who in (house.nobody, house.ana, house.desk)] == [1, 2, 2]
    house.ok(house.desk.post(f"/api/entries/{number}/check-in"))
    second = "/photos/" + house.entry(number)["photos"][1]["large"]
    house.ok(house.desk.post(f"/api/entries/{number}/hide"))
    assert (house.nobody.get(second).code, house.desk.get(second).status) == ("photo_gone", 200)


def test_the_desk_overrides_a_rule_of_the_form_and_the_public_does_not(house):
    category, _ = house.category(size_cm=[5, 10], age="healed")
    assert house.submit(category=category, size_cm="7,5", age="healed").status == 201
    answer = house.submit(category=category, size_cm="11", age="healed")
    assert (answer.status, answer.code, answer.json["error"]["field"]) == (400, "size_out_of_range", "size_cm")
    assert house.submit(category=category, override="please").code == "not_allowed"
    made = house.ok(house.submit(house.desk, category=category, override="measured again"), 201)["entry"]
    assert made["overridden"] == ["wrong_age", "size_out_of_range"]


# Pages.

class Inline(HTMLParser):
    """What a strict content policy would block in a page."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith("on")]
        self.found += [value for name, value in attributes if name in ("src", "href", "action") and re.match(r"(https?:)?//|javascript:", value or "")]


@pytest.mark.parametrize("path", [*sorted(contest.PAGES), "/nothing-here", "/join/nobody-aaaa"])
def test_a_page_holds_to_the_policy_and_says_it_in_its_headers(house, path):
    answer = house.nobody.get(path.replace("<link>", "someone-aaaaaaaa"))
    assert answer.status == (404 if path.startswith(("/nothing", "/join")) else 200), answer
    assert answer.headers["Content-Type"].lower() == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'" and policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == ("'self'" if path == "/display" else "'none'")     # the host's page mirrors the screen
    assert "unsafe" not in answer.headers["Content-Security-Policy"] and policy["form-action"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin" and answer.headers["Cache-Control"] == "no-store"
    assert Inline(answer.text).found == []


@pytest.mark.parametrize("wanted, language", [("en", "en"), ("tlh, xx;q=0.5", "en"), ("../../etc/passwd", "en"), ("caf\xe9;q=\xff", "en"), ("", "en")])
def test_a_page_speaks_a_language_we_have_whatever_the_browser_asks_for(house, wanted, language):
    answer = house.nobody.get("/", **{"Accept-Language": wanted})
    assert answer.status == 200 and f'<html lang="{language}"' in answer.text


def test_a_request_of_two_hundred_headers_is_refused_quietly(house):
    lines = b"".join(b"X-%d: y\r\n" % n for n in range(200))
    assert wire(house.server.url, b"GET / HTTP/1.1\r\nHost: HOST\r\n" + lines + b"\r\n").status == 400


# How the server is.

def test_the_three_tiers_of_health_answer(house):
    health = house.nobody.get("/health").json
    assert health["status"] == "ok" and health["seq"] == house.state()["s"] and health["version"] == contest.__version__
    assert house.nobody.get("/ready").json == {"ready": True}
    live = house.nobody.get("/api/realtime-health").json
    assert {"status", "connections", "head", "held", "loop_lag_ms", "resumes", "resets", "slow_dropped", "heartbeat_timeouts", "recommend"} <= set(live)
    assert live["status"] in ("healthy", "degraded") and live["head"] == house.state()["s"]
    advice = house.nobody.get("/api/realtime-fallback").json
    assert advice["recommend"] in ("websocket", "longpoll", "poll") and advice["retry"] == [1, 30] and {"reasons", "retry_after"} <= set(advice)
    assert set(live) <= set(house.admin.get("/api/realtime-metrics").json)


def test_presence_says_who_listens_and_what_waits_on_their_phone(house):
    with Live(house.server, http=house.ana) as live:
        live.hello(page="presence-test", waiting=3)
        def seen() -> dict:
            return next(c for c in house.admin.get("/api/presence").json["connections"] if c["page"] == "presence-test")
        assert (seen()["audience"], seen()["waiting"]) == (f"judge:{house.ana_id}", 3)
        live.send({"t": "pong", "waiting": 0})
        until = time.monotonic() + 15
        while seen()["waiting"]:
            assert time.monotonic() < until
            time.sleep(0.02)


# Bottle's locals.

YIELDING = """
import sys
import bottle, gevent, gevent.event, gevent.pool, gevent.pywsgi, gevent.socket
import contest

if "rebased" in sys.argv:
    contest._rebase_bottle()
app, inside, everybody = bottle.Bottle(), [], gevent.event.Event()

@app.get("/")
def echo():
    asked = bottle.request.query["n"]
    bottle.response.set_header("X-First", asked)
    inside.append(asked)
    if len(inside) == 50:
        everybody.set()
    everybody.wait(15)
    gevent.sleep(0.001 * (int(asked) % 7))
    bottle.response.set_header("X-Second", bottle.request.query["n"])
    return asked

server = gevent.pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None, spawn=gevent.pool.Pool(100))
server.start()

def ask(n):
    with gevent.socket.create_connection(("127.0.0.1", server.server_port), 15) as one:
        one.sendall(f"GET /?n={n} HTTP/1.0\\r\\n\\r\\n".encode())
        answer = b""
        while chunk := one.recv(4096):
            answer += chunk
    return answer.startswith(b"HTTP/1.1 200") and f"X-First: {n}\\r\\n".encode() in answer and f"X-Second: {n}\\r\\n".encode() in answer and answer.endswith(f"\\r\\n\\r\\n{n}".encode())

jobs = [gevent.spawn(ask, n) for n in range(50)]
gevent.joinall(jobs, timeout=30)
print(sum(bool(job.value) for job in jobs))
server.stop(timeout=1)
"""


@pytest.mark.parametrize("how", ["rebased", "as bottle is"])
def test_fifty_requests_that_yield_keep_apart_only_on_the_rebased_locals(how):
    ran = subprocess.run([sys.executable, "-c", YIELDING, how], cwd=TOP, capture_output=True, text=True, timeout=50,
                         env={**os.environ, "PYTHONPATH": str(TOP)})
    right = int(ran.stdout.split()[-1]) if ran.stdout else ran.stderr
    assert right == 50 if how == "rebased" else right < 50, ran
