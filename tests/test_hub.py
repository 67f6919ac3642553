"""Hub: the live protocol over real sockets: hello, heartbeat, long poll, and a page that only applies frames."""

import contextlib
import gc
import json
import random
import secrets
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

import contest
from tests.client import Http
from tests.live import CLOSE, PING, TEXT, Closed, frame
from tests.room import Room, Store, eventually, no_traceback, quick, room, texts, until_text  # noqa: F401 (fixtures)
from tests.test_resume import Clock
from tests.test_web import CRITERIA, PHOTO, an_id


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
    late = live(room.server, http=person)    # a browser cannot read a refused upgrade, so it is told in the open
    assert late.status == 101 and late.wait_closed().code == 4401


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
        ("post", f"/api/categories/{category}/call", {}),
        ("post", "/api/rehearsal", {"step": dice.randint(0, 4)}),
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


def test_a_poll_that_waits_while_its_sign_in_ends_is_told_so_and_nothing_else(room):
    judge, link = room.invite("judge")
    person = Http(room.server).join(link)
    state = room.ok(person.get("/api/state"))
    asked = "&".join(f"{k}={state[k]}" for k in "esha")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(person.get, f"/api/events?{asked}&wait=25")
        eventually(lambda: room.ok(room.admin.get("/api/realtime-metrics"))["running"] > 1)      # the one who asks is counted too
        room.ok(room.admin.delete(f"/api/judges/{judge}"))
        room.tell()
        answer = waiting.result(15)
    assert (answer.status, answer.code) == (401, "link_revoked")


def test_a_new_password_by_a_setup_link_closes_the_organisers_pages(server, live):
    room = Room(server())
    one = live(room.server, http=room.admin)
    one.hello()
    link = room.ok(room.admin.post("/api/setup-link"))["link"].rpartition("/")[2]
    room.ok(Http(room.server).post("/api/setup", {"link": link, "password": "another long one"}))
    assert one.wait_closed().code == 4401


# A hub in this process, with a clock of its own and real sockets.

class Hall:
    """A hub, what time it is there, and the ends of those who listen.

    peer()  a connected socket as the hub sees it; its other end is the newest of `ends`
    """

    def __init__(self, **settings):
        self.clock = Clock()
        self.hub = contest.Hub(contest.Settings(**settings), self.clock)
        self.hub.begin("e" * 32, 0, "00000000")
        self.ends: list[socket.socket] = []

    def peer(self, session: str = "", receive_bytes: int | None = None) -> contest.Peer:
        with socket.socket() as listening, contextlib.ExitStack() as opened:
            end = opened.enter_context(socket.socket())
            if receive_bytes:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            end.connect(listening.getsockname())
            ours, _ = listening.accept()
            self.ends.append(end)
            opened.pop_all()
        end.settimeout(0.2)
        ours.setblocking(False)
        known = set(self.hub.peers)
        self.hub.connect(ours, contest.Guest(session, "public"))
        return next(peer for peer in self.hub.peers if peer not in known)

    def hello(self, peer: contest.Peer, cid: str = "") -> None:
        said = {"t": "hello", "v": 1, "cid": cid, "cur": None, "page": "test", "waiting": 0}
        peer.feed(frame(TEXT, json.dumps(said).encode()))

    def tell(self, size: int = 100) -> None:
        seq = self.hub.seq + 1
        self.hub.publish(seq, f"{seq:08x}", {"public": [{"k": "x", "d": {"screen": "x" * size}}]})

    def close(self) -> None:
        self.hub.stop()
        for end in self.ends:
            end.close()


@pytest.fixture
def hall():
    made = Hall()
    yield made
    made.close()


def all_said(end: socket.socket) -> list:
    """Whatever has come, as wsproto reads it."""
    reads = Connection(ConnectionType.CLIENT)
    with contextlib.suppress(TimeoutError):
        while got := end.recv(1 << 16):
            reads.receive_data(got)
    return list(reads.events())


def test_after_our_close_a_hello_is_not_heard_any_more(hall):
    """Somebody signed out says hello again before the close has reached him: nothing may follow it."""
    peer = hall.peer("j1")
    peer.close(4401)
    hall.hello(peer)
    hall.tell()
    peer.advance()
    assert [type(event) for event in all_said(hall.ends[0])] == [CloseConnection]
    assert not hall.hub.audience("public").peers


@pytest.mark.parametrize("cids", [["a"], ["a", "b", "c"]], ids=len)
def test_sockets_that_are_gone_leave_nothing_behind(hall, cids):
    for _ in range(20):
        peer = hall.peer()
        for cid in cids:
            hall.hello(peer, f"{cid}-{len(hall.ends)}")
        hall.tell()
        peer.advance()
        peer.drop()
    del peer
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, contest.Peer)]


def test_a_page_replaces_the_socket_that_has_its_cid_now_and_no_other(hall):
    first, second = hall.peer(), hall.peer()
    hall.hello(first, "a")
    hall.hello(first, "b")
    hall.hello(second, "a")
    assert not first.closing


def test_a_socket_that_reads_nothing_costs_the_kernel_little_and_us_one_rest(hall):
    peer = hall.peer(receive_bytes=4096)
    hall.hello(peer)
    for _ in range(20):
        hall.tell(40_000)
        peer.advance()
    assert 0 < len(peer.rest) <= contest.CHUNK_BYTES + contest.FRAME_BYTES
    waiting = sum(len(message) for *_, message in hall.hub.audience("public").after(peer.sent))
    assert waiting > 400_000, "the kernel took what belongs into the ring"


def test_who_asks_and_asks_and_does_not_read_the_answers_is_dropped(hall):
    peer = hall.peer(receive_bytes=4096)
    for _ in range(4000):
        if not peer.is_gone:
            hall.clock.now += 0.1      # enough tokens for all of them
            hall.hello(peer)
    assert peer.is_gone and hall.hub.counts["slow_dropped"] == 1


def test_who_reads_slowly_but_reads_is_not_dropped(hall):
    """Ten seconds without any progress are too many, ten seconds until all has gone out are not."""
    peer = hall.peer(receive_bytes=4096)
    hall.hello(peer)
    peer.send(bytes(250_000))
    for _ in range(3):
        hall.clock.now += 6
        left, until = len(peer.rest), time.monotonic() + 15
        while len(peer.rest) == left:
            assert time.monotonic() < until
            hall.ends[0].recv(4096)
            gevent.sleep(0.001)
        assert peer.rest, "all of it went out: the kernel took more than this test is about"
        peer.tick(hall.clock.now)
        assert not peer.closing
    hall.clock.now += 10.5
    peer.tick(hall.clock.now)
    assert peer.closing and hall.hub.closes == {4008: 1}


def test_a_heartbeat_never_overtakes_the_events_before_it(hall):
    """It comes between a publish and its flush: whoever hears it first would miss what its `p` names, and say hello again."""
    peer = hall.peer()
    hall.hello(peer)
    hall.tell()
    hall.clock.now += 31
    peer.tick(hall.clock.now)
    said = [json.loads(event.data) for event in all_said(hall.ends[0]) if isinstance(event, TextMessage)]
    assert [message["t"] for message in said] == ["welcome", "ev", "hb"]
    assert said[1]["s"] == said[2]["p"] == 1


def seconds_of_pings(hall: Hall, peer: contest.Peer, seconds: int, a_second: int) -> None:
    """So many pings each second, as far as the socket is read; then what the hub does once a second."""
    unread = 0
    for _ in range(seconds):
        unread += a_second
        if peer.reader.active and not peer.closing:
            peer.feed(frame(PING) * unread)
            unread = 0
        hall.clock.now += 1
        hall.hub.peers.release()


def test_who_has_calmed_down_is_not_held_to_an_old_burst(hall):
    peer = hall.peer()
    hall.hello(peer)
    seconds_of_pings(hall, peer, 1, 300)
    assert not peer.reader.active
    seconds_of_pings(hall, peer, 30, 1)
    assert peer.reader.active and not peer.closing and not peer.is_gone


def test_who_stays_too_fast_between_two_pauses_is_closed_all_the_same(hall):
    peer = hall.peer()
    hall.hello(peer)
    seconds_of_pings(hall, peer, 70, 55)      # a bucket of 200 lasts for forty of them; from then on it is empty, and read on, every other second
    assert hall.hub.closes == {1008: 1}


def test_who_keeps_to_the_rate_after_a_burst_is_not_closed(hall):
    peer = hall.peer()
    hall.hello(peer)
    seconds_of_pings(hall, peer, 1, 300)
    seconds_of_pings(hall, peer, 30, 45)
    assert not hall.hub.closes


@pytest.mark.parametrize("connections, lag, recommend, reasons", [
    (15, 0, "websocket", []), (16, 0, "longpoll", ["connections"]), (18, 0, "longpoll", ["connections"]), (19, 0, "poll", ["connections"]),
    (0, 0.249, "websocket", []), (0, 0.25, "longpoll", ["loop_lag"]), (0, 1, "poll", ["loop_lag"]), (16, 0.3, "longpoll", ["connections", "loop_lag"])])
def test_the_advice_is_one_and_follows_the_load(connections, lag, recommend, reasons):
    hall = Hall(max_connections=20)
    try:
        for _ in range(connections):
            hall.peer()
        hall.hub.lag_seconds = lag
        advice, health = hall.hub.advice(), hall.hub.health()
        assert (advice["recommend"], advice["reasons"]) == (recommend, reasons)
        assert (advice["retry_after"] is None) == (recommend != "poll")
        assert (health["recommend"], health["status"]) == (recommend, "degraded" if reasons else "healthy")
    finally:
        hall.close()


def test_between_slices_a_fan_out_stands_aside_for_a_commit_and_others_get_their_turn(hall):
    stood, turns = [], []
    hall.hub.stand_aside = lambda: stood.append(len(turns))
    for _ in range(2 * contest.SLICE):
        hall.hello(hall.peer())
    hall.hub.start()
    ticking = gevent.spawn(lambda: [turns.append(gevent.get_hub().wait(gevent.get_hub().loop.timer(0))) for _ in range(200)])
    hall.tell()
    until = time.monotonic() + 15
    while len(stood) < 2:
        assert time.monotonic() < until
        gevent.sleep(0.01)
    ticking.kill()
    assert stood[1] > stood[0] >= 0


def test_a_poll_over_which_a_change_falls_that_fits_into_no_frame_is_a_reset(hall):
    cursor = contest.Cursor("e" * 32, 0, "00000000", "public")
    waiting = gevent.spawn(hall.hub.events, "public", cursor, 15)
    gevent.sleep(0.01)
    hall.tell(70_000)
    answer = waiting.get(timeout=15)
    assert (answer["mode"], answer["why"], answer["events"]) == ("reset", "lapped", [])


def test_a_change_that_fits_into_no_frame_is_told_as_a_reset_and_what_follows_it_as_ever(hall):
    peer = hall.peer()
    hall.hello(peer)
    hall.tell(70_000)
    peer.advance()
    hall.tell()
    peer.advance()
    said = [json.loads(event.data) for event in all_said(hall.ends[0]) if isinstance(event, TextMessage)]
    assert [(message["t"], message["s"]) for message in said] == [("welcome", 0), ("reset", 1), ("ev", 2)]
    assert said[2]["p"] == 1 and not peer.closing


def test_who_falls_out_of_what_is_held_is_closed_and_not_told_what_comes_behind_the_hole():
    hall = Hall(held_messages=3)
    try:
        peer = hall.peer(receive_bytes=4096)
        hall.hello(peer)
        peer.send(bytes(250_000))
        for _ in range(10):
            hall.tell()
        read, until = b"", time.monotonic() + 15
        while not peer.closing:
            assert time.monotonic() < until
            read += hall.ends[0].recv(1 << 16)
            gevent.sleep(0.001)
        assert b'"ev"' not in read and hall.hub.closes == {4008: 1}
    finally:
        hall.close()
