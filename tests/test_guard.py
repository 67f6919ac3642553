"""What a stranger may try: addresses that are not theirs, headers, floods, nonsense on every route. And what is told about requests."""

import http.client
import json
import re
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contest as app
from deploy.verify.people import tattoo
from tests.client import Http, form
from tests.server import Server


@pytest.fixture
def serve(tmp_path):
    """`serve(CONTEST_TRUST_PROXY="fly")` is a running server with these settings; gone at the end."""
    made = []

    def start(**settings) -> Server:
        made.append(Server(tmp_path / f"data{len(made)}", {name: str(value) for name, value in settings.items()}))
        return made[-1].start()
    yield start
    for each in made:
        each.end()


# Who asks.

FLY, XFF, LAST = {"HTTP_FLY_CLIENT_IP": "203.0.113.7"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.8"}, {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9 "}
SOCKET = "192.0.2.1"


@pytest.mark.parametrize(("trust", "headers", "address"), [
    ("none", {}, SOCKET), ("none", FLY, SOCKET), ("none", XFF, SOCKET), ("none", LAST, SOCKET), ("none", FLY | LAST, SOCKET),
    ("fly", {}, SOCKET), ("fly", FLY, "203.0.113.7"), ("fly", XFF, SOCKET), ("fly", FLY | LAST, "203.0.113.7"),
    ("one-hop", {}, SOCKET), ("one-hop", FLY, SOCKET), ("one-hop", XFF, "203.0.113.8"), ("one-hop", LAST, "203.0.113.9"), ("one-hop", FLY | LAST, "203.0.113.9"),
])
def test_a_header_names_the_one_who_asks_only_where_its_proxy_is_believed(trust, headers, address):
    assert app.client_address(app.Settings(trust_proxy=trust), headers | {"REMOTE_ADDR": SOCKET}) == address


def test_an_address_guesses_passwords_and_links_slowly_whatever_its_headers_say(serve):
    server = serve()
    for path, form_ in (("/api/login", {"password": "wrong horse"}), ("/api/setup", {"link": "x" * 24, "password": "correct horse"})):
        statuses = [Http(server).post(path, form_, **{"X-Forwarded-For": f"203.0.113.{number}", "Fly-Client-IP": f"203.0.113.{number}"}).status for number in range(9)]
        assert statuses[0] in (401, 404) and statuses[-1] == 429, (path, statuses)
    server = serve()  # wrong links count together, whatever they would have opened
    statuses = [Http(server).get("/join/ana-" + "a" * 20).status for _ in range(9)]
    assert statuses[0] == 404 and statuses[-1] == 429


def test_an_address_floods_nobody_with_photos_and_the_desk_goes_on(serve):
    server = serve(CONTEST_ADDRESS_UPLOADS=3)
    admin = Http(server).login_admin()
    sleeve = admin.post("/api/categories", {"name": "Best Sleeve"}).json["category"]["id"]
    answers = [Http(server).submit(tattoo(), category=sleeve) for _ in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].code == "too_many_requests" and int(answers[-1].headers["Retry-After"]) >= 1
    assert admin.submit(tattoo(), category=sleeve).status == 201


# What a browser is told.

def test_every_answer_says_what_a_browser_may_do_with_it_and_https_stays_https(serve):
    server = serve(CONTEST_TRUST_PROXY="one-hop")
    paths = ("/", "/judge", "/nothing", "/api/state", "/api/nothing", "/static/base.css", "/static/judge/worker.js", "/photos/none.jpg", "/qr/submit.svg", "/ready", "/join/x")
    for path in paths:
        headers = Http(server).get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "same-origin", path
        assert "default-src 'self'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"], path
        assert headers["Strict-Transport-Security"] is None, path
        assert all(len(headers.get_all(name)) == 1 for name in ("X-Content-Type-Options", "Content-Security-Policy")), path
        assert Http(server).get(path, **{"X-Forwarded-Proto": "https"}).headers["Strict-Transport-Security"], path


def test_the_cookie_is_for_this_site_alone_and_under_https_for_https_alone(serve):
    server = serve(CONTEST_TRUST_PROXY="one-hop")
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
        cookie = Http(server).post("/api/login", {"password": server.env["CONTEST_ADMIN_PASSWORD"]}, **headers).headers["Set-Cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
        assert ("secure" in cookie) == secure
    assert "secure" not in Http(serve()).post("/api/login", {"password": server.env["CONTEST_ADMIN_PASSWORD"]}, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"].lower()


# What is told about requests.

def test_json_lines_tell_every_request_and_no_secret(serve):
    server = serve(CONTEST_LOG_FORMAT="json")
    admin = Http(server).login_admin()
    judge = admin.post("/api/judges", {"name": "Ana", "role": "judge"}).json
    Http(server).get(judge["link"])
    sleeve = admin.post("/api/categories", {"name": "Best Sleeve"}).json["category"]["id"]
    entered = Http(server).submit(tattoo(), category=sleeve, collector="Zoë Secret").json
    Http(server).get(entered["mine"])
    Http(server).get("/api/state?key=hidden")
    setup = admin.post("/api/setup-link").json["link"]
    Http(server).get(setup)
    photo = entered["entry"].get("photo", {}).get("large", "")
    assert server.stop() == 0
    printed = [json.loads(line) for line in server.log.splitlines()]
    told = [(each["method"], each["path"], each["status"]) for each in printed if "path" in each]
    for wanted in (("POST", "/api/judges", 201), ("GET", "/join/*", 303), ("GET", "/mine/*", 200), ("POST", "/api/entries", 201), ("GET", "/setup/*", 200)):
        assert wanted in told
    assert all(each["ms"] >= 0 and each["bytes"] >= 0 and each["address"] == "127.0.0.1" for each in printed if "path" in each)
    assert printed[-1]["message"] == "Stopped. Everything is saved."
    secrets = [judge["link"], entered["mine"], setup, photo, server.env["CONTEST_ADMIN_PASSWORD"], "hidden", "Zoë"]
    assert not [each for each in secrets if each and each.rpartition("/")[2] in server.log]


def test_lines_for_people_do_not_tell_requests(serve):
    server = serve()
    Http(server).get("/api/state")
    assert server.stop() == 0
    assert "/api/state" not in server.log and "Everything is saved." in server.log


# Nonsense on every route.

NAMES = sorted({field.name for kind in app.Command.__subclasses__() for field in app.dataclasses.fields(kind)} | {
    "consent", "adult", "password", "link", "judge", "sheets", "after", "wait", "e", "s", "h", "a", "to_seq", "code", "role"})
JUNK = st.recursive(st.none() | st.booleans() | st.integers(-10**20, 10**20) | st.floats() | st.text(max_size=30) | st.sampled_from(["best-sleeve", "ana", 101, "admin", 8.5]),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=4), max_leaves=12)
BODIES = st.one_of(st.binary(max_size=200), st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=5).map(lambda body: json.dumps(body).encode()),
                   st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40), max_size=4).map(lambda fields: form(b"no photo", fields)))
HEADERS = st.dictionaries(st.sampled_from(["Idempotency-Key", "Origin", "X-Forwarded-For", "Authorization", "Accept-Language", "Content-Type", "Range", "If-Modified-Since",
                                           "Sec-Fetch-Site", "X-Forwarded-Proto", "Accept-Encoding", "Expect"]),
                          st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30).map(str.strip), max_size=3)
WORDS = st.sampled_from(["best-sleeve", "ana", "101", "1", "0", "x", "000001-2-hand", "..", "%00"]) | st.text(max_size=20)
FILES = [("GET", path) for path in (*app.PAGES, "/join/<link>", "/photos/<name>", "/static/<path>", "/qr/<path>.svg")]
ROWS = [(route.method, route.path, route.roles) for route in app.ROUTES] + [(method, path, app.PUBLIC) for method, path in FILES]


@st.composite
def nonsense(draw) -> tuple[str, str, frozenset, bytes, dict]:
    method, path, roles = draw(st.sampled_from(ROWS))
    filled = re.sub(r"<[^>]+>", lambda _: urllib.parse.quote(draw(WORDS).encode("utf-8", "surrogatepass"), safe="%."), path)
    query = draw(st.just("") | st.dictionaries(st.sampled_from(NAMES), st.text(max_size=10), max_size=2).map(
        lambda asked: "?" + urllib.parse.urlencode({k: v.encode("utf-8", "surrogatepass") for k, v in asked.items()})))
    body, headers = draw(BODIES), draw(HEADERS)
    if isinstance(body, tuple):
        body, headers = body[0], headers | {"Content-Type": body[1]}
    return method, filled + query, roles, body if method != "GET" else b"", headers


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A server with a category, an entry and a judge, desk and host, and {role: cookie} of everybody."""
    server = Server(tmp_path_factory.mktemp("nonsense") / "data", {"CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_UPLOADS": "0"}).start()
    admin = Http(server).login_admin()
    admin.post("/api/categories", {"name": "Best Sleeve"})
    assert Http(server).submit(tattoo(), category="best-sleeve").status == 201
    cookies = {"public": "", "admin": admin.cookie}
    for role in ("judge", "desk", "host"):
        cookies[role] = Http(server).join(admin.post("/api/judges", {"name": role, "role": role}).json["link"]).cookie
    yield server, cookies
    server.end()


@pytest.mark.seconds(150)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=nonsense(), role=st.sampled_from(["public", "judge", "desk", "host", "admin"]))
def test_nonsense_is_answered_without_a_fault_and_changes_nothing_that_its_sender_may_not(crowd, asked, role):
    server, cookies = crowd
    method, path, roles, body, headers = asked
    before = Http(server).get("/health").json["seq"]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, {"Origin": server.url, "Content-Type": "application/json", **headers, **({"Cookie": cookies[role]} if cookies[role] else {})})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status < 500, (method, path, body, headers, answer.status)
    assert "Traceback" not in server.log
    if role not in roles:
        assert answer.status in (400, 401, 403, 404, 405, 413) or answer.status < 400 and role == "public", answer.status
        assert Http(server).get("/health").json["seq"] == before
