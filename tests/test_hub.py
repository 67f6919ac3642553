"""Hub: the live protocol over real sockets: resume, heartbeat, bad frames, slow readers, and what is held."""

import base64
import contextlib
import http.client
import itertools
import json
import os
import random
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import wsproto.events
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.utilities import RemoteProtocolError

import contest
from tests.client import Answer, Http
from tests.live import BINARY, CLOSE, PING, PONG, TEXT, Closed, Live, frame
from tests.server import Server
from tests.test_web import CRITERIA, PHOTO, an_id, wire

MARKS = dict.fromkeys(CRITERIA, 8)


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


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("hub") / "data").start()
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


class Store:
    """What a page knows: the whole state, then every frame applied to it, without knowing a single event's name."""

    LISTS = {"category": ("categories", lambda c: c["id"]), "entry": ("entries", lambda e: e["number"]), "judge": ("judges", lambda j: j["id"]),
             "sheet": ("sheets", lambda s: (s["entry"], s["judge"])), "decision": ("decisions", lambda d: d["category"]),
             "winners": ("winners", lambda w: w["category"])}

    def __init__(self, state: dict):
        self.cursor = {k: state[k] for k in "esha"}
        self.single = {k: state[k] for k in ("contest", "screen", "stage")}
        self.lists = {kind: {key(thing): thing for thing in state[name]} for kind, (name, key) in self.LISTS.items() if name in state}

    def take(self, message: dict) -> bool:
        """Apply a frame; True if it was news. A gap is the fault of the server."""
        if message["t"] == "hb" and message["p"] <= self.cursor["s"] or message["t"] == "ev" and message["s"] > self.cursor["s"]:
            assert message["p"] <= self.cursor["s"] <= message["s"], f"a gap before {message}"
            self.cursor |= {k: message[k] for k in "sh"}
            for told in message.get("m", ()):
                (kind, thing), = told["d"].items()
                self.put(kind, thing)
            return message["t"] == "ev"
        return False

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


# Hello, welcome, resume.

def test_a_new_client_is_told_to_fetch_the_state_and_hears_what_comes(room, live):
    one = live(room.server)
    assert (one.status, one.headers["sec-websocket-protocol"]) == (101, "contest.v1")
    welcome, state = one.hello(), room.state("public")
    assert (welcome["mode"], welcome["why"], welcome["a"]) == ("reset", "new", "public")
    assert {k: welcome[k] for k in "esh"} == {k: state[k] for k in "esh"}
    assert (welcome["ping"], welcome["dead"], welcome["retry"]) == (30, 45, [1, 30]) and welcome["recommend"] in ("websocket", "longpoll", "poll")
    event = until_text(one, room.tell())
    assert event["p"] <= welcome["s"] < event["s"] == room.state()["s"] and event["h"] == room.state()["h"]


@pytest.mark.parametrize("role", ["public", "judge", "desk", "host", "admin"])
def test_the_audience_is_the_sessions(room, live, role):
    one = live(room.server, http=room.people[role])
    name = f"judge:{room.judge_id}" if role == "judge" else role
    assert one.hello()["a"] == name == room.state(role)["a"]


def test_without_an_origin_a_cookie_gives_no_role_and_a_key_does(room, live):
    assert live(room.server, headers={"Cookie": room.admin.cookie}).hello()["a"] == "public"
    key = contest.Secret(room.server.data, contest.Disk()).derive("key", "local")
    assert live(room.server, headers={"Authorization": f"Bearer {key}"}).hello()["a"] == "admin"


def test_who_comes_back_gets_what_was_missed_once_and_in_order(room, live):
    cursor = room.cursor()
    missed = [room.tell() for _ in range(3)]
    room.mark()   # nothing the public is told
    missed += [room.tell() for _ in range(2)]
    one = live(room.server)
    welcome = one.hello(cursor)
    assert (welcome["mode"], welcome["why"], welcome["s"]) == ("resume", "", room.state()["s"])
    last = room.tell()
    until_text(one, last)
    assert texts(one.received) == [*missed, last]
    store = Store(room.state("public") | cursor)
    assert sum(store.take(message) for message in one.received) == 6


def test_who_missed_nothing_resumes_in_silence(room, live):
    room.mark()
    one = live(room.server)
    assert one.hello(room.cursor())["mode"] == "resume"
    assert one.silence()


def test_a_judge_is_told_the_own_sheets_and_the_public_is_not(room, live):
    judge, public, admin = (live(room.server, http=room.people[role]) for role in ("judge", "public", "admin"))
    for one in (judge, public, admin):
        one.hello()
    other_id, link = room.invite("judge")
    other = live(room.server, http=Http(room.server).join(link))
    other.hello()
    seq, last = room.mark(), room.tell()
    for one, told in ((judge, True), (admin, True), (public, False), (other, False)):
        until_text(one, last)
        sheets = [m["d"]["sheet"] for e in one.received if e["t"] == "ev" and e["s"] == seq for m in e["m"] if "sheet" in m["d"]]
        assert [s["seq"] for s in sheets] == [seq] * told


@pytest.mark.parametrize("change, why", [
    ({"e": "0" * 32}, "epoch"), ({"h": "00000000"}, "hash"), ({"a": "admin"}, "audience"), ({"a": "judge:j1"}, "audience"), ({"s": 10**6}, "ahead")])
def test_a_cursor_that_does_not_fit_is_reset_and_says_why(room, live, change, why):
    cursor = room.cursor() | change
    one = live(room.server)
    welcome = one.hello(cursor)
    assert (welcome["mode"], welcome["why"]) == ("reset", why)
    until_text(one, room.tell())
    polled = room.events(cursor)
    assert (polled["mode"], polled["why"], polled["events"]) == ("reset", why, [])


def test_a_second_hello_attaches_again(room, live):
    one = live(room.server)
    cursor = room.cursor()
    one.hello()
    text = room.tell()
    until_text(one, text)
    assert one.hello(cursor)["mode"] == "resume"
    until_text(one, text)          # said again, since the cursor asked for it
    last = room.tell()
    until_text(one, last)
    assert texts(one.received) == [text, text, last]


def test_the_same_page_on_a_newer_socket_replaces_the_older_one(room, live):
    cid = secrets.token_urlsafe(16)
    first, of_another = live(room.server), live(room.server, http=room.people["judge"])
    first.hello(cid=cid)
    of_another.hello(cid=cid)      # another session may not push anybody out
    second = live(room.server)
    second.hello(cid=cid)
    assert first.wait_closed().code == 4001
    last = room.tell()
    until_text(second, last)
    until_text(of_another, last)


def test_a_judge_who_is_sent_away_is_closed_with_4401(room, live):
    judge, link = room.invite("judge")
    person = Http(room.server).join(link)
    one, bystander = live(room.server, http=person), live(room.server, http=room.people["judge"])
    one.hello()
    bystander.hello()
    room.ok(room.admin.delete(f"/api/judges/{judge}"))
    assert one.wait_closed().code == 4401
    until_text(bystander, room.tell())
    refused = live(room.server, http=person)
    assert refused.status == 401 and json.loads(refused.answer)["error"]["code"] == "link_revoked"


def test_bye_is_answered_with_a_close_and_a_close_with_its_echo(room, live):
    one, two, three = (live(room.server) for _ in range(3))
    for each in (one, two):
        each.hello()
    one.send({"t": "bye"})
    assert one.wait_closed().code == 1000
    two.answering = False
    for each, payload, code in ((two, struct.pack("!H", 1001) + b"going", 1001), (three, b"", 1000)):
        each.frame(CLOSE, payload)
        assert each.wait_closed().code == code


# Heartbeat.

def test_a_heartbeat_moves_a_cursor_over_what_the_audience_was_not_told(quick, live):
    one = live(quick.server)
    one.hello()
    told = until_text(one, quick.tell())
    seq = quick.mark()
    beat = one.until(lambda message: message["t"] == "hb" and message["s"] == seq)
    assert (beat["p"], beat["h"]) == (told["s"], quick.state()["h"]) and abs(beat["now"] / 1000 - time.time()) < 60
    assert one.pings >= 1
    assert live(quick.server).hello({k: beat[k] for k in "sh"} | {"e": quick.state()["e"], "a": "public"})["mode"] == "resume"


def test_the_silent_are_let_go_and_who_answers_stays(quick, live):
    silent, answering, talking = live(quick.server, answering=False), live(quick.server), live(quick.server, answering=False)
    for one in (silent, answering, talking):
        one.hello()
    until = time.monotonic() + 15
    while not silent.closed:
        assert time.monotonic() < until
        talking.send({"t": "pong", "waiting": 0})
        for one in (answering, talking, silent):
            with contextlib.suppress(TimeoutError, Closed):
                one.receive(0.1)
    assert silent.closed.code == 4045 and answering.closed is talking.closed is None
    last = quick.tell()
    until_text(answering, last)
    until_text(talking, last)
    assert quick.ok(quick.admin.get("/api/realtime-metrics"))["heartbeat_timeouts"] >= 1


def test_who_never_says_hello_is_let_go_after_five_seconds(room, live):
    one = live(room.server)
    assert one.wait_closed().code == 4408
    assert one.received == []      # not even a heartbeat: it was nobody yet


# What a client must not send.

HELLO = json.dumps({"t": "hello", "v": 1, "cid": "a-client-of-the-tests", "cur": None, "page": "test", "waiting": 0}).encode()


def hello_with(**changes) -> bytes:
    return json.dumps({**json.loads(HELLO), **changes}).encode()


BAD = {
    "an unmasked frame": (frame(TEXT, HELLO, masked=False), 1002),
    "a reserved bit": (frame(TEXT, HELLO, reserved=4), 1002),
    "an unknown opcode": (frame(3, b"x"), 1002),
    "an unknown control opcode": (frame(0xB, b"x"), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a ping in pieces": (frame(PING, b"x", last=False), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"{", last=False) + frame(TEXT, b"}"), 1002),
    "a short length written long": (b"\x81\xfe\x00\x05mask" + bytes(5), 1002),
    "a shorter length written longer": (b"\x81\xff" + struct.pack("!Q", 200) + b"mask" + bytes(200), 1002),
    "a length with its highest bit": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"mask", 1002),
    "over 64 KiB": (frame(TEXT, b" " * 65537), 1009),
    "a length of 1 GiB and nothing more": (b"\x81\xff" + struct.pack("!Q", 1 << 30) + b"mask", 1009),
    "over 64 KiB in pieces": (frame(TEXT, b" " * 40000, last=False) + frame(0, b" " * 40000), 1009),
    "binary": (frame(BINARY, HELLO), 1003),
    "bad UTF-8": (frame(TEXT, b'{"t":"hello\xff"}'), 1007),
    "a surrogate as UTF-8": (frame(TEXT, b'{"t":"\xed\xa0\x80"}'), 1007),
    "no JSON": (frame(TEXT, b"hello"), 4400),
    "an empty message": (frame(TEXT, b""), 4400),
    "a list": (frame(TEXT, b"[1]"), 4400),
    "a number": (frame(TEXT, b"1"), 4400),
    "20,000 brackets": (frame(TEXT, b"[" * 20000), 4400),
    "an unknown kind": (frame(TEXT, b'{"t":"dance"}'), 4400),
    "a kind that is a list": (frame(TEXT, b'{"t":["hello"]}'), 4400),
    "a cursor that is a text": (frame(TEXT, hello_with(cur="here")), 4400),
    "half a cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": 1})), 4400),
    "a negative cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": -1, "h": "x", "a": "public"})), 4400),
    "an endless cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": float("inf"), "h": "x", "a": "public"})), 4400),
    "a cursor that is not a number": (frame(TEXT, hello_with(cur={"e": "x", "s": float("nan"), "h": "x", "a": "public"})), 4400),
    "another version": (frame(TEXT, hello_with(v=2)), 4426),
    "no version": (frame(TEXT, b'{"t":"hello"}'), 4426),
}


@pytest.mark.parametrize("sent, code", BAD.values(), ids=BAD)
@pytest.mark.parametrize("greeted", [False, True], ids=["as first", "later"])
def test_what_a_client_must_not_send_closes_with_its_code(room, live, sent, code, greeted):
    one = live(room.server)
    if greeted:
        one.hello()
    one.raw(sent)
    assert one.wait_closed().code == code


@pytest.mark.parametrize("payload", [b"x", struct.pack("!H", 999), struct.pack("!H", 1005), struct.pack("!H", 1006), struct.pack("!H", 5000)])
def test_a_close_that_is_none_is_a_broken_protocol(room, live, payload):
    one = live(room.server, answering=False)
    one.frame(CLOSE, payload)
    assert one.wait_closed().code == 1002


@pytest.mark.parametrize("changes", [{"page": "\ud800"}, {"cid": "\udfff"}, {"page": None}, {"cid": 7}, {"waiting": "three"}, {"waiting": -1},
                                     {"waiting": True}, {"page": "p" * 5000}, {"page": ["x"]}], ids=ascii)
def test_a_strange_hello_never_spoils_what_the_organiser_sees(room, live, changes):
    one = live(room.server)
    one.raw(frame(TEXT, hello_with(**changes)))
    with contextlib.suppress(Closed):
        one.until("welcome")
    seen = room.ok(room.admin.get("/api/presence"))["connections"]
    assert all(isinstance(c["waiting"], int) and 0 <= c["waiting"] and len(c["page"]) <= 20 for c in seen)


def test_a_message_of_exactly_64_kib_is_taken(room, live):
    one = live(room.server)
    one.frame(TEXT, HELLO + b" " * (65536 - len(HELLO)))
    assert one.until("welcome")


def test_a_message_in_pieces_with_control_frames_between_them_is_whole(room, live):
    one = live(room.server)
    one.frame(PING, b"before")
    for at, byte in enumerate(HELLO):
        one.frame(TEXT if at == 0 else 0, bytes([byte]), last=False)
        if at % 40 == 0:
            one.frame(PING, b"%d" % at)
            one.frame(PONG, b"unasked")
    one.frame(0, b"", last=True)
    assert one.until("welcome")
    assert one.pongs == [b"before", *(b"%d" % at for at in range(0, len(HELLO), 40))]


def test_bytes_that_come_one_by_one_are_read_like_any(room, live):
    one = live(room.server)
    for byte in frame(TEXT, HELLO) + frame(PING, b"slowly"):
        one.raw(bytes([byte]))
    assert one.until("welcome")
    until_text(one, room.tell())
    assert one.pongs == [b"slowly"]


def test_what_comes_with_the_upgrade_is_read(room):
    """A client may send its hello behind the handshake without waiting for 101; here in the same packet."""
    where = urlsplit(room.server.url)
    with socket.create_connection((where.hostname, where.port), timeout=15) as one:
        one.sendall(handshake(room.server, {}) + frame(TEXT, HELLO))
        got = b""
        while b'"welcome"' not in got:
            chunk = one.recv(4096)
            assert chunk, got
            got += chunk


# The upgrade.

def handshake(server, changes: dict, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    headers = {"Host": server.url.removeprefix("http://"), "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "contest.v1"} | changes
    lines = [f"{method} /api/live {version}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


REFUSED = {
    "no subprotocol": ({"Sec-WebSocket-Protocol": None}, 400, "bad_upgrade"),
    "another subprotocol": ({"Sec-WebSocket-Protocol": "contest.v2, chat"}, 400, "bad_upgrade"),
    "no key": ({"Sec-WebSocket-Key": None}, 400, "bad_upgrade"),
    "a key of 15 bytes": ({"Sec-WebSocket-Key": base64.b64encode(bytes(15)).decode()}, 400, "bad_upgrade"),
    "a key that is no base64": ({"Sec-WebSocket-Key": "not a key at all!!"}, 400, "bad_upgrade"),
    "a key with umlauts": ({"Sec-WebSocket-Key": "schlüssel"}, 400, "bad_upgrade"),
    "an older version": ({"Sec-WebSocket-Version": "8"}, 426, "upgrade_required"),
    "no version": ({"Sec-WebSocket-Version": None}, 426, "upgrade_required"),
    "no upgrade": ({"Upgrade": None}, 426, "upgrade_required"),
    "another upgrade": ({"Upgrade": "h2c"}, 426, "upgrade_required"),
    "a connection that is kept": ({"Connection": "keep-alive"}, 426, "upgrade_required"),
    "a body": ({"Content-Length": "5"}, 400, "bad_upgrade"),
    "a body in chunks": ({"Transfer-Encoding": "chunked"}, 411, "length_required"),
    "a foreign origin": ({"Origin": "http://evil.example"}, 403, "foreign_origin"),
    "the origin null": ({"Origin": "null"}, 403, "foreign_origin"),
    "an origin that is none": ({"Origin": "http://["}, 403, "foreign_origin"),
    "a bad key for scripts": ({"Authorization": "Bearer wrong"}, 401, "bad_key"),
}


@pytest.mark.parametrize("changes, status, code", REFUSED.values(), ids=REFUSED)
def test_an_upgrade_that_is_not_ours_is_refused_in_words(room, changes, status, code):
    answer = wire(room.server.url, handshake(room.server, changes) + b"hello" * ("Content-Length" in changes))
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["Content-Type"] == "application/json" and answer.json["error"]["message"]
    assert answer.headers["Sec-WebSocket-Version"] == ("13" if status == 426 else None)


def test_a_plain_request_and_an_old_one_are_told_to_upgrade(room):
    assert Http(room.server).get("/api/live").code == "upgrade_required"
    assert wire(room.server.url, handshake(room.server, {}, version="HTTP/1.0")).status == 426
    assert wire(room.server.url, handshake(room.server, {}, method="POST")).status == 426


def test_more_than_the_most_connections_are_refused_until_one_goes(server, live):
    running = server(env={"CONTEST_MAX_CONNECTIONS": "2"})
    first, second = live(running), live(running)
    first.hello(), second.hello()
    refused = live(running)
    assert refused.status == 503 and json.loads(refused.answer)["error"]["code"] == "full" and "retry-after" in refused.headers
    first.send({"t": "bye"})
    first.wait_closed()
    until = time.monotonic() + 15
    while live(running).status != 101:
        assert time.monotonic() < until
        time.sleep(0.05)


# Frames, with wsproto as the oracle.

MESSAGES = st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING, PONG]), st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4)), max_size=8)
OPCODES = {wsproto.events.TextMessage: TEXT, wsproto.events.BytesMessage: BINARY, wsproto.events.Ping: PING, wsproto.events.Pong: PONG}


def pieces(whole: bytes, cuts) -> list[bytes]:
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)})
    return [whole[a:b] for a, b in zip([0, *ends], ends)]


def written(messages, between) -> bytes:
    """The messages as a client's bytes: data in pieces, control frames before some piece."""
    out = []
    for opcode, payload, cuts in messages:
        if opcode in (PING, PONG):
            out.append(frame(opcode, payload[:125]))
            continue
        parts = pieces(payload.hex().encode() if opcode == TEXT else payload, cuts)
        for at, part in enumerate(parts):
            out.append(frame(opcode if at == 0 else 0, part, last=at == len(parts) - 1))
            if between and at < len(parts) - 1:
                out.append(frame(PING, b"between"))
    return b"".join(out)


def by_ours(chunks: list[bytes]) -> Iterator[tuple[int, bytes]]:
    frames = contest.Frames()
    for chunk in chunks:
        yield from frames.feed(chunk)


def by_wsproto(chunks: list[bytes]) -> Iterator[tuple[int, bytes]]:
    peer, parts = Connection(ConnectionType.SERVER), []
    for chunk in chunks:
        peer.receive_data(chunk)
        for event in peer.events():
            if isinstance(event, (wsproto.events.Ping, wsproto.events.Pong)):
                yield OPCODES[type(event)], bytes(event.payload)
            elif isinstance(event, wsproto.events.CloseConnection):
                yield CLOSE, b""
                return
            else:
                parts.append(event.data.encode() if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    yield OPCODES[type(event)], b"".join(parts)
                    parts = []


@given(MESSAGES, st.booleans(), st.lists(st.integers(0, 3000), max_size=12))
@settings(max_examples=150)
def test_frames_are_read_as_wsproto_reads_them_however_they_are_cut(messages, between, cuts):
    chunks = pieces(written(messages, between), cuts)
    assert [*by_ours(chunks)] == [*by_wsproto(chunks)] == [*by_ours([bytes([byte]) for byte in b"".join(chunks)])]


@st.composite
def strange_frames(draw) -> bytes:
    """A frame that may break any rule of RFC 6455; its payload is ASCII, since the text's encoding is the hub's business."""
    opcode = draw(st.sampled_from([0, 0, TEXT, TEXT, BINARY, PING, PONG, CLOSE, 3, 0xB]))
    sizes = st.just(0) if opcode == CLOSE else st.sampled_from([0, 1, 5, 125, 126, 127, 200])
    payload = b"x" * draw(sizes)
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0, 0, 0xC0, 0x90])) | opcode
    form = draw(st.sampled_from(["short", "short", "short", "!H", "!Q"])) if len(payload) < 126 else draw(st.sampled_from(["!H", "!H", "!Q"]))
    bit = draw(st.sampled_from([0x80, 0x80, 0x80, 0x80, 0]))
    head = bytes([first, bit | {"short": len(payload), "!H": 126, "!Q": 127}[form]])
    head += b"" if form == "short" else struct.pack(form, len(payload))
    mask = draw(st.binary(min_size=4, max_size=4)) if bit else b""
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload)) if bit else head + payload


@given(st.lists(strange_frames(), max_size=6), st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=400)
def test_a_broken_rule_is_found_where_wsproto_finds_it(frames, cuts):
    chunks = pieces(b"".join(frames), cuts) + [bytes(300)]      # the zeros end every stream: an unmasked frame
    assert until_the_end(by_ours, chunks) == until_the_end(by_wsproto, chunks)


def until_the_end(reader, chunks: list[bytes]) -> list[tuple[int, bytes]]:
    """What a reader finds before the first broken rule or close."""
    found = []
    with contextlib.suppress(contest.BrokenFrame, RemoteProtocolError):
        for opcode, payload in reader(chunks):
            if opcode == CLOSE:
                break
            found.append((opcode, payload))
    return found


# Slow readers.

def test_who_stops_reading_is_dropped_and_the_others_get_everything(room, live):
    wide = [room.ok(room.admin.post("/api/categories", {"name": f"Wide {n}", "criteria": [
        {"name": f"{c} " + "x" * 110, "weight": 1} for c in range(20)]}))["category"] for n in range(8)]
    stalled, reader = live(room.server, receive_bytes=4096), live(room.server)
    cursor = room.cursor()
    stalled.hello()
    reader.hello(cursor)
    dropped = room.ok(room.admin.get("/api/realtime-metrics"))["slow_dropped"]
    for turn in range(400):    # the last of eight becomes the first, so all move: some 25 kB a frame
        room.ok(room.admin.patch(f"/api/categories/{wide[7 - turn % 8]['id']}", {"position": 2}))
        reader.until(lambda message: message["t"] == "ev" and message["s"] == room.state()["s"])
        if room.ok(room.admin.get("/api/realtime-metrics"))["slow_dropped"] > dropped:
            break
    else:
        raise AssertionError("a reader that never reads was kept")
    store = Store(room.state("public") | cursor)
    assert sum(store.take(message) for message in reader.received if message["t"] == "ev") == turn + 1
    with pytest.raises(Closed):
        stalled.until(lambda message: False)      # it reads at last: what was on its way, then the end
    kept = Store(room.state("public") | cursor)
    news = [message for message in stalled.received if message["t"] == "ev" and kept.take(message)]
    again = live(room.server)
    assert again.hello(kept.cursor)["mode"] == "resume"
    last = room.tell()
    until_text(again, last)
    assert len(news) + len([m for m in again.received if m["t"] == "ev"]) == turn + 2
    for category in wide:
        room.ok(room.admin.delete(f"/api/categories/{category['id']}"))


# The long poll.

def test_a_poll_waits_answers_and_goes_on_from_there(room):
    cursor = room.cursor()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(room.events, cursor, wait=14)
        until = time.monotonic() + 15
        while room.ok(room.admin.get("/api/realtime-metrics"))["running"] < 2:    # the metrics' own request, and the poll
            assert time.monotonic() < until
        assert not waiting.done()
        text = room.tell()
        answer = waiting.result(15)
    assert (answer["mode"], texts(answer["events"]), answer["a"]) == ("resume", [text], "public")
    assert {k: answer[k] for k in "esh"} == {k: room.state()[k] for k in "esh"}
    more = [room.tell() for _ in range(3)]
    again = room.events({k: answer[k] for k in "esha"}, wait=14)
    assert texts(again["events"]) == more
    assert room.events({k: again[k] for k in "esha"})["events"] == []


def test_a_poll_without_a_cursor_says_where_to_begin(room):
    answer = room.events(None)
    assert (answer["mode"], answer["why"], answer["events"], answer["s"]) == ("reset", "new", [], room.state()["s"])


def test_a_poll_hears_the_same_frames_as_a_socket(room, live):
    one = live(room.server, http=room.people["judge"])
    cursor = room.cursor("judge")
    one.hello(cursor)
    room.tell()
    room.mark()
    until_text(one, room.tell())
    assert room.events(cursor, "judge")["events"] == [m for m in one.received if m["t"] == "ev"]
    assert room.events(cursor)["why"] == "audience"


def test_what_one_is_not_told_does_not_end_the_wait(room):
    """A sheet is nothing to the public: the poll goes on waiting, and then answers with the message alone."""
    cursor = room.cursor()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(room.events, cursor, wait=14)
        room.mark()
        text = room.tell()
        assert texts(waiting.result(15)["events"]) == [text]


# Restarts.

@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("role", ["public", "judge"])
def test_who_was_connected_resumes_across_a_restart_without_a_gap(server, live, end, role):
    room = Room(server())
    room.mark()
    state = room.state(role)
    store, one = Store(state), live(room.server, http=room.people[role])
    one.hello(store.cursor)
    away = dict(store.cursor)      # somebody who is away from here on
    for mark in (7, 6):
        room.tell()
        room.mark(mark)
    last = room.tell()
    until_text(one, last)
    for message in one.received:
        store.take(message)
    with ThreadPoolExecutor(1) as threads:
        ending = threads.submit(getattr(room.server, end))
        ended = one.wait_closed()
        ending.result(15)
    if end == "stop":
        assert ended.code == 1012
        drain = next(message for message in one.received if message["t"] == "drain")
        assert drain["spread"] > 0 and "in" in drain
    room.server.start()
    returned, missed = Store(state), (5 if role == "judge" else 3) + 1      # and what the first is told below
    assert returned.cursor == away
    for back, count in ((store, 0), (returned, missed)):
        polled, again = room.events(back.cursor, role), live(room.server, http=room.people[role])
        assert again.hello(back.cursor)["mode"] == polled["mode"] == "resume"
        assert len(polled["events"]) == count
        text = room.tell()
        until_text(again, text)
        assert sum(back.take(message) for message in again.received) == count + 1
        back.same_as(room.state(role))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_poll_that_waits_is_answered_or_ended_by_a_stop_and_does_not_hold_it_up(server, end):
    room = Room(server())
    cursor = room.cursor()

    def poll():
        try:
            return room.events(cursor, wait=25)
        except (OSError, http.client.HTTPException) as gone:
            return gone

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(poll)
        until = time.monotonic() + 15
        while room.ok(room.admin.get("/api/realtime-metrics"))["running"] < 2:
            assert time.monotonic() < until
        assert (room.server.stop(12) if end == "stop" else room.server.kill()) == (0 if end == "stop" else -9)
        answer = waiting.result(15)
        if end == "stop":
            assert isinstance(answer, dict) and answer["events"] == [], answer


def test_who_was_away_for_longer_than_is_held_is_never_told_to_resume_over_a_hole(tmp_path, server):
    """A quiet evening, then a power cut: lines older than what is held are behind the floor after the start too."""
    folder = tmp_path / "old" / "data"
    folder.mkdir(parents=True, mode=0o700)
    running = server(folder)
    room = Room(running)
    cursor = room.cursor()
    for _ in range(3):
        room.tell()
    running.kill()
    backdate(folder, seconds=3600)
    cursor["h"] = seq_hash(folder, cursor["s"])
    running.start()
    now = room.state("public")
    answer = room.events(cursor)
    assert (answer["mode"], answer["why"] in ("ttl", "lapped")) == ("reset", True), answer
    assert room.events({k: now[k] for k in "esha"})["mode"] == "resume"    # who missed nothing always does


def log_lines(folder) -> list[tuple]:
    """The records of a log of one segment: (path, header, [record])."""
    path, = (folder / "wal").glob("wal-*.jsonl")
    header, *records = path.read_bytes().splitlines()
    return path, header, records


def seq_hash(folder, seq: int) -> str:
    return log_lines(folder)[2][seq - 1][:8].decode()


def backdate(folder, seconds: int) -> None:
    """Write a log as if all in it had happened so long ago: `at` and the chain of hashes are made anew."""
    path, header, records = log_lines(folder)
    previous, lines = header[:32].decode(), [header]
    for record in records:
        body = record[33:]
        shown, end = json.JSONDecoder().raw_decode(body.decode())
        private = body.decode()[end:].encode()
        text = contest.dumps(shown | {"at": shown["at"] - seconds * 1000})
        previous = contest.chain(previous, text)
        lines.append(previous.encode() + b" " + text + private)
    path.write_bytes(b"\n".join(lines) + b"\n")
    (folder / "HEAD").unlink(missing_ok=True)


# What is held, by an injected clock.

class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hub():
    clock = Clock()
    made = contest.Hub(contest.Settings(), clock)
    made.begin("e" * 32, 0, "00000000")
    made.time = clock
    return made


def digest(seq: int) -> str:
    return f"{seq:08x}"


def publish(hub, seq: int, *channels: str, age: float = 0.0) -> None:
    hub.publish(seq, digest(seq), {channel: [{"k": "screen_set", "d": {"screen": {"mode": "message", "text": str(seq)}}}]
                                   for channel in channels or contest.CHANNELS}, age)


def ask(hub, seq: int, audience: str = "public") -> dict:
    return hub.events(audience, contest.Cursor("e" * 32, seq, digest(seq), audience), 0)


@pytest.mark.parametrize("count, mode", [(1000, "resume"), (1001, "reset")])
def test_a_thousand_messages_are_held_and_not_one_more(hub, count, mode):
    for seq in range(1, count + 1):
        publish(hub, seq)
    answer = ask(hub, 0)
    assert (answer["mode"], len(answer["events"])) == (mode, count if mode == "resume" else 0)
    assert answer["why"] == ("" if mode == "resume" else "lapped")
    assert ask(hub, 1)["mode"] == "resume" and len(ask(hub, 1)["events"]) == count - 1


@pytest.mark.parametrize("seconds, mode", [(299, "resume"), (301, "reset")])
def test_a_message_is_held_for_three_hundred_seconds(hub, seconds, mode):
    publish(hub, 1)
    publish(hub, 2)
    hub.time.now += seconds
    answer = ask(hub, 0)
    assert (answer["mode"], answer["why"], len(answer["events"])) == (mode, "" if mode == "resume" else "ttl", 2 if mode == "resume" else 0)
    assert ask(hub, 2)["mode"] == "resume"      # who missed nothing always resumes


@pytest.mark.parametrize("age, mode", [(299, "resume"), (301, "reset")])
def test_a_line_read_at_the_start_is_as_old_as_it_is(hub, age, mode):
    publish(hub, 1, age=age)
    publish(hub, 2)
    assert ask(hub, 0)["mode"] == mode and ask(hub, 1)["mode"] == ask(hub, 2)["mode"] == "resume"


def test_a_limit_counts_what_an_audience_was_sent_and_nothing_else(hub):
    publish(hub, 1)
    for seq in range(2, 1502):
        publish(hub, seq, "admin")
    assert len(ask(hub, 0)["events"]) == 1 and ask(hub, 0, "admin")["why"] == "lapped"
    assert ask(hub, 1000)["mode"] == ask(hub, 1501)["mode"] == "resume" and ask(hub, 1000)["events"] == []


def test_a_judge_who_comes_late_has_missed_what_all_judges_were_sent(hub):
    publish(hub, 1)
    publish(hub, 2, "judge:j1")
    publish(hub, 3)
    assert [json.loads(bytes(e))["s"] for e in held(hub, "judge:j1", 0)] == [1, 2, 3]
    assert [json.loads(bytes(e))["s"] for e in held(hub, "judge:j2", 0)] == [1, 3]
    chain = [json.loads(bytes(e)) for e in held(hub, "judge:j1", 0)]
    assert [(e["p"], e["s"]) for e in chain] == [(0, 1), (1, 2), (2, 3)]
    hub.time.now += 301
    assert ask(hub, 0, "judge:j1")["why"] == ask(hub, 0, "judge:j9")["why"] == "ttl"


def held(hub, audience: str, seq: int) -> list[bytes]:
    return [item[3] for item in hub.audience(audience).after(seq)]


def test_a_change_too_large_for_a_frame_resets_instead(hub):
    publish(hub, 1)
    hub.publish(2, digest(2), {"public": [{"k": "x", "d": {"screen": {"mode": "message", "text": "x" * 70_000}}}]})
    assert ask(hub, 0)["mode"] == ask(hub, 1)["mode"] == "reset" and ask(hub, 2)["mode"] == "resume"
    publish(hub, 3)
    assert len(ask(hub, 2)["events"]) == 1


def test_a_cursor_is_checked_against_the_hash_of_its_line(hub):
    for seq in (1, 2, 3):
        publish(hub, seq)
    wrong = contest.Cursor("e" * 32, 2, digest(1), "public")
    assert hub.events("public", wrong, 0)["why"] == "hash"
    assert hub.events("public", None, 0)["why"] == "new"


# A page that only applies frames shows what a fresh load shows.

def acts(room: Room, dice: random.Random) -> None:
    """One command of chance, in the order an evening might bring them; many are refused, which is as good."""
    state = room.state()
    categories, entries = [c["id"] for c in state["categories"]] or ["none"], [e["number"] for e in state["entries"]] or [0]
    category, entry = dice.choice(categories), dice.choice(entries)
    inside = [e["number"] for e in state["entries"] if e["category"] == category]
    judges = [j["id"] for j in state["judges"] if j["role"] == "judge"]
    sheet = {s["judge"]: s["seq"] for s in state["sheets"] if s["entry"] == entry}
    judge = dice.choice(judges)
    decision = next((d for d in state["decisions"] if d["category"] == category), None)
    step = dice.choice([0, (decision or {}).get("step", -1) + 1, (decision or {}).get("step", -1) + 1])
    places = [[n] for n in dice.sample(inside, min(len(inside), dice.choice([0, 1, 2, 3])))]
    verb = dice.choice(["check-in", "call", "no-show", "withdraw", "reinstate", "reinstate", "disqualify", "hide", "show"])
    choices = [
        ("post", "/api/categories", {"name": dice.choice(["Sleeve", "Back", "Hand"])}),
        ("patch", f"/api/categories/{category}", {"position": dice.randint(1, 5)}),
        ("patch", f"/api/categories/{category}", {"show_scores": dice.random() < 0.5}),
        ("patch", f"/api/categories/{category}", {"name": f"Renamed {dice.randint(1, 99)}"}),
        ("delete", f"/api/categories/{category}", {}),
        *[("post", f"/api/categories/{category}/judge", {})] * 2,
        *[("post", f"/api/categories/{category}/close", {})] * 2,
        ("post", f"/api/categories/{category}/open", {"reason": "again"}),
        ("post", f"/api/categories/{category}/reopen", {"reason": "again"}),
        ("post", f"/api/categories/{category}/announce", {}),
        *[("put", f"/api/winners/{category}", {"places": places, "reason": "so"})] * 3,
        *[("post", "/api/reveal", {"category": category, "step": max(0, step), "phase": dice.choice(["stencil", "ink"])})] * 5,
        *[("post", "/api/screen", {"mode": mode}) for mode in ("wall", "stage", "reveal", "black")],
        *[("post", "/api/stage", {"entry": dice.choice([entry, None])})] * 2,
        *[("post", f"/api/entries/{entry}/{verb}", {"reason": "so"} if verb == "disqualify" else {})] * 6,
        ("patch", f"/api/entries/{entry}", {"title": f"Title {dice.randint(1, 99)}"}),
        ("patch", f"/api/entries/{entry}", {"category": dice.choice(categories)}),
        *[("put", f"/api/sheets/{entry}", {"judge": judge, "marks": dict.fromkeys(CRITERIA, dice.randint(1, 10)), "base": sheet.get(judge)})] * 6,
        ("put", f"/api/recusals/{entry}", {"judge": judge, "recused": dice.random() < 0.5}),
        ("patch", "/api/contest", {"wall": dice.choice(["at-once", "checked-in"])}),
        ("patch", "/api/contest", {"publish": dice.choice(["placed", "all"])}),
        ("patch", "/api/contest", {"name": f"Contest {dice.randint(1, 9)}", "calm": dice.random() < 0.5}),
        ("post", "/api/judges", {"name": "Late", "role": "judge"}),
        *[("post", f"/api/judges/{judge}/renew", {}) for judge in judges[1:2]],
        *[("delete", f"/api/judges/{judge}", {}) for judge in judges[2:3]],
    ]
    method, path, body = dice.choice(choices)
    answer = getattr(room.admin, method)(path, body)
    assert answer.status < 500, answer
    if dice.random() < 0.15:
        Http(room.server).submit(PHOTO, category=category, id=an_id())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_page_that_applies_frames_shows_what_a_fresh_load_shows(server, live, seed):
    room, dice = Room(server()), random.Random(seed)
    for _ in range(3):
        Http(room.server).submit(PHOTO, category=room.category)
    stores, sockets = {}, {}
    for role, person in room.people.items():
        stores[role] = Store(room.state(role))
        sockets[role] = live(room.server, http=person)
        sockets[role].hello(stores[role].cursor)
    for turn in range(120):
        acts(room, dice)
        if turn % 30 == 29:
            compare(room, stores, sockets)
            role = dice.choice(list(room.people))      # somebody's wifi breaks: back by cursor
            sockets[role].drop()
            acts(room, dice)
            sockets[role] = live(room.server, http=room.people[role])
            assert sockets[role].hello(stores[role].cursor)["mode"] == "resume"


def test_what_changes_after_the_reveal_reaches_every_page(server, live):
    room = Room(server())
    room.ok(room.admin.post(f"/api/categories/{room.category}/open", {"reason": ""}))
    other, third = (room.ok(Http(room.server).submit(PHOTO, category=room.category, title=title, artist="Mo"))["entry"]["number"]
                    for title in ("Koi", "Crane"))
    spare = room.ok(room.admin.post("/api/categories", {"name": "Nobody came"}))["category"]["id"]
    stores, sockets = {}, {}
    for role, person in room.people.items():
        stores[role] = Store(room.state(role))
        sockets[role] = live(room.server, http=person)
        sockets[role].hello(stores[role].cursor)
    here, admin = f"/api/categories/{room.category}", room.admin

    def act(method: str, path: str, **body) -> None:
        room.ok(getattr(admin, method)(path, body))
        compare(room, stores, sockets)

    act("patch", here, places=2)
    act("post", here + "/judge")
    for number, mark in ((room.entry, 9), (other, 7), (third, 3)):
        act("put", f"/api/sheets/{number}", judge=room.judge_id, marks=dict.fromkeys(CRITERIA, mark), base=None)
    act("post", here + "/close")
    act("put", f"/api/winners/{room.category}", places=[[room.entry], [third]], reason="a mistake")
    late = next(s["seq"] for s in room.state("judge")["sheets"] if s["entry"] == third)
    act("put", f"/api/sheets/{third}", judge=room.judge_id, marks=dict.fromkeys(CRITERIA, 4), base=late)
    assert [s["counted"] for s in room.state("judge")["sheets"]] == [True, True, False]
    act("post", here + "/reopen", reason="a mistake")
    assert [s["counted"] for s in room.state("judge")["sheets"]] == [True, True, True]
    act("post", here + "/close")
    act("put", f"/api/winners/{room.category}", places=[[room.entry], [other]])      # as the standings say: with scores
    for step in range(4):
        act("post", "/api/reveal", category=room.category, step=step, phase="stencil")
        act("post", "/api/reveal", category=room.category, step=step)
    assert room.state("public")["winners"][0]["places"][0]["entries"][0]["score"]
    for shown in (False, True):
        act("patch", here, show_scores=shown)
    for number in (other, third):
        act("post", "/api/stage", entry=number)
        act("post", "/api/screen", mode="stage")
        for verb in ("reinstate", "hide", "show", "withdraw", "reinstate"):
            act("post", f"/api/entries/{number}/{verb}")
            for changes in ({"wall": "checked-in"}, {"publish": "all"}, {"wall": "at-once"}, {"publish": "placed"}):
                act("patch", "/api/contest", **changes)
    act("patch", f"/api/entries/{other}", title="Carp", artist="Mona")
    act("post", "/api/reveal", category=room.category, step=1)
    act("post", f"/api/entries/{other}/hide")
    for verb in ("judge", "close"):
        act("post", f"/api/categories/{spare}/{verb}")
    act("put", f"/api/winners/{spare}", places=[], reason="nobody came")
    act("post", "/api/reveal", category=spare, step=0)
    act("post", "/api/reveal", category=spare, step=1)
    act("delete", f"/api/categories/{spare}")
    assert room.state()["screen"]["mode"] == "wall"
    act("post", "/api/categories", name="Nobody came")
    assert [d["category"] for d in room.state()["decisions"]] == [room.category]
    act("patch", "/api/contest", name="Ink & Iron")
    act("post", "/api/judges", name="Late", role="judge")
    act("post", f"/api/judges/{room.state()['judges'][-1]['id']}/renew")
    act("delete", f"/api/judges/{room.state()['judges'][-1]['id']}")


def compare(room: Room, stores: dict, sockets: dict) -> None:
    room.ok(room.admin.patch("/api/contest", {"calm": not room.state()["contest"]["calm"]}))   # told to everybody, and to no screen
    mark = room.state()["s"]
    for role, one in sockets.items():
        one.until(lambda message: message.get("s") == mark)
        for message in one.received:
            if message["t"] == "ev":
                stores[role].take(message)
        one.received.clear()
        stores[role].same_as(room.state(role))


def test_a_flood_of_empty_fragments_is_ended_before_it_costs_anything():
    frames = contest.Frames()
    masked = bytes([0x00, 0x80]) + b"mask"
    with pytest.raises(contest.BrokenFrame) as why:
        list(frames.feed(bytes([0x01, 0x80]) + b"mask" + masked * 5000))
    assert why.value.code == 1009
