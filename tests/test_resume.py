"""Resume: what a cursor gets after any break: over sockets and polls, restarts and kills, and what is held for it."""

import http.client
import json
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import contest
from tests.client import Http
from tests.racer import Racer
from tests.room import MARKS, Room, Store, eventually, no_traceback, quick, room, texts, until_text  # noqa: F401 (fixtures)
from tests.wire import OtherServer

POURED = 30_000


# Over a socket and a poll.

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


# What a page meets when it starts.

def test_a_state_that_is_younger_than_the_welcome_is_not_told_again_what_it_holds(room, live):
    """Subscribe first, then fetch: what comes in between is in both."""
    one = live(room.server)
    assert one.hello()["mode"] == "reset"
    before = [room.tell() for _ in range(2)]
    store = Store(room.state("public"))
    after = [room.tell() for _ in range(2)]
    until_text(one, after[-1])
    assert texts(one.received) == before + after
    assert sum(store.take(message) for message in one.received) == 2
    store.same_as(room.state("public"))


def test_a_quiet_hour_of_heartbeats_then_an_event(quick, live):
    """Marks are given, which the public is not told: heartbeats carry its cursor over them, and the next event fits behind."""
    store, one = Store(quick.state("public")), live(quick.server)
    one.hello(store.cursor)
    for mark in (5, 6, 7):
        seq = quick.mark(mark)
        one.until(lambda message: message["t"] == "hb" and message["s"] == seq)
    text = quick.tell()
    until_text(one, text)
    assert sum(store.take(message) for message in one.received) == 1 and store.cursor["s"] == quick.state()["s"]
    assert quick.events(store.cursor)["events"] == []


def test_who_signs_in_is_another_audience_and_starts_anew(room, live):
    person, cursor = Http(room.server), room.cursor()
    listening = live(room.server, http=person)
    listening.hello(cursor)
    person.join(room.links["judge"][1])
    again = live(room.server, http=person)
    welcome = again.hello(cursor)
    assert (welcome["mode"], welcome["why"], welcome["a"]) == ("reset", "audience", f"judge:{room.judge_id}")
    polled = person.get("/api/events?wait=0&" + "&".join(f"{k}={v}" for k, v in cursor.items())).json
    assert (polled["mode"], polled["why"]) == ("reset", "audience")
    seq, last = room.mark(), room.tell()
    for one, told in ((listening, 0), (again, 1)):      # a socket stays what it was when it was opened
        until_text(one, last)
        assert sum(message.get("s") == seq for message in one.received) == told


def test_a_sheet_is_told_to_its_judge_and_the_organiser_by_no_way_to_anybody_else(server, live):
    """Not on a socket, not in what is held for one who was away, not by a poll, not after a restart from the log."""
    room = Room(server())
    room.people["other judge"] = Http(room.server).join(room.invite("judge")[1])
    cursors = {role: room.cursor(role) for role in room.people}
    listening = {role: live(room.server, http=person) for role, person in room.people.items()}
    for role, one in listening.items():
        one.hello(cursors[role])
    note = "nobody else may read this"
    room.ok(room.people["judge"].put(f"/api/sheets/{room.entry}", {"marks": MARKS, "note": note, "base": None}))
    for end in (None, "stop", "kill"):
        if end:
            for one in listening.values():
                one.close()
            getattr(room.server, end)()
            room.server.start()
            listening = {role: live(room.server, http=person) for role, person in room.people.items()}
            for role, one in listening.items():
                assert one.hello(cursors[role])["mode"] == "resume"
        last = room.tell()
        for role, one in listening.items():
            until_text(one, last)
            polled = room.events(cursors[role], role)
            assert polled["mode"] == "resume" and texts(polled["events"])[-1] == last
            for heard in (one.received, polled["events"]):
                assert (note in json.dumps(heard)) == (role in ("judge", "admin")), (role, end)
                assert ('"sheet"' in json.dumps(heard)) == (role in ("judge", "admin")), (role, end)
    stolen = room.events(cursors["judge"], "other judge")
    assert (stolen["mode"], stolen["why"], stolen["events"]) == ("reset", "audience", [])


# As much as is held, and not one more.

@pytest.mark.parametrize("end", [None, "stop", "kill"])
def test_exactly_a_thousand_missed_are_told_and_a_thousand_and_one_are_a_reset(tmp_path, live, end):
    server = OtherServer(tmp_path / "data", module="tests.pouring", arguments=("100000", "1000")).start()
    try:
        room = Room(server)
        cursor = room.cursor()
        os.kill(server.pid, signal.SIGUSR1)
        eventually(lambda: room.state()["screen"] == {"mode": "message", "text": "1000"})
        if end:
            getattr(server, end)()
            server.start()
        one = live(server)
        assert one.hello(cursor)["mode"] == "resume"
        until_text(one, "1000")
        assert texts(one.received) == texts(room.events(cursor)["events"]) == [str(number) for number in range(1, 1001)]
        last = room.tell()
        late = live(server)
        assert (welcome := late.hello(cursor))["mode"] == "reset" and welcome["why"] == room.events(cursor)["why"] == "lapped"
        second = one.received[1]
        assert second["m"][0]["d"]["screen"]["text"] == "1"
        behind = room.events({k: second[k] for k in "sh"} | {"e": cursor["e"], "a": "public"})
        assert behind["mode"] == "resume" and len(behind["events"]) == 1000 and texts(behind["events"])[-1] == last
    finally:
        server.kill()
    assert "Traceback" not in server.errors, server.errors


def test_what_is_too_old_is_not_told_and_who_missed_nothing_resumes(server, live):
    """The clock of a real server, with a second instead of five minutes."""
    room = Room(server(env={"CONTEST_HELD_SECONDS": "1"}))
    before = room.cursor()
    room.tell()
    after = room.cursor()
    eventually(lambda: room.events(before)["mode"] == "reset")
    welcome = live(room.server).hello(before)
    assert (welcome["mode"], welcome["why"]) == ("reset", "ttl")
    assert live(room.server).hello(after)["mode"] == room.events(after)["mode"] == "resume"


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


# The attach race.

@pytest.mark.seconds(240)
def test_fifty_clients_who_come_and_go_under_two_thousand_events_a_second_miss_nothing_and_hear_nothing_twice(tmp_path):
    """Thirty thousand lines of the log, fifteen seconds of them where the machine keeps up; heartbeats come between them."""
    server = OtherServer(tmp_path / "data", {"CONTEST_PING_SECONDS": "0.3", "CONTEST_ADDRESS_REQUESTS": "0"},
                         module="tests.pouring", arguments=("2000", str(POURED))).start()
    racers = [Racer(server, seed, POURED) for seed in range(50)]
    try:
        for racer in racers:
            racer.start()
        os.kill(server.pid, signal.SIGUSR1)
        until = time.monotonic() + 200
        while any(racer.is_alive() for racer in racers) and not any(racer.fault for racer in racers):
            assert time.monotonic() < until, [racer.number for racer in racers]
            time.sleep(0.1)
        state = Http(server).get("/api/state").json
    finally:
        for racer in racers:
            racer.leave.set()
        for racer in racers:
            racer.join(15)
        server.kill()
    for racer in racers:
        if racer.fault:
            raise racer.fault
        racer.store.same_as(state)
    counts = sum((racer.counts for racer in racers), Counter())
    assert state["screen"]["text"] == str(POURED) and "Traceback" not in server.errors, server.errors
    assert counts["cut"] > 500 and counts["resume"] > 250 and counts["reset"] >= 50 and counts["events"] > POURED, counts
