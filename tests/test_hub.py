"""Hub: the live protocol over real sockets: hello, heartbeat, long poll, and a page that only applies frames."""

import contextlib
import json
import random
import secrets
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import contest
from tests.client import Http
from tests.live import CLOSE, Closed
from tests.room import Room, Store, no_traceback, quick, room, texts, until_text  # noqa: F401 (fixtures)
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
