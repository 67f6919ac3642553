"""The load test itself: a short real run finds nothing, and a server that swallows, doubles or hides a message is found out."""

import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

from loadtest.__main__ import stopped
from loadtest.ledger import Ledger, Tellings
from loadtest.wall import Contradiction, Duplicate, Gap, Heard, Wall
from tests.server import PASSWORD, TOP, free_port

STATE = {"e": "e", "s": 10, "h": "10", "a": "public", "contest": {}, "screen": {"mode": "wall"}, "stage": {}, "categories": [], "winners": [],
         "entries": [{"number": 101}]}


def load(*words: object, password: str = PASSWORD) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "loadtest", *map(str, words)], cwd=TOP, capture_output=True, text=True, timeout=55,
                          env={**os.environ, "CONTEST_ADMIN_PASSWORD": password})


# What a wall holds against what it is told.

def ev(seq: int, before: int, **thing) -> dict:
    return {"t": "ev", "s": seq, "h": str(seq), "p": before, "m": [{"k": "something", "d": thing}] if thing else []}


@pytest.fixture
def wall() -> Wall:
    """A wall that took the state at seq 10 and is connected."""
    made = Wall(Heard())
    made.greeted({"mode": "reset", "s": 10})
    made.take(STATE)
    return made


def test_a_wall_applies_what_follows_and_shows_what_the_state_is(wall):
    wall.hear(ev(12, 9, entry={"number": 102}))
    wall.hear(ev(15, 12, screen={"mode": "black"}))
    wall.hear(ev(16, 15, gone={"entry": 101}))
    assert wall.unlike(STATE | {"screen": {"mode": "black"}, "entries": [{"number": 102}]}) == []
    assert wall.unlike(STATE) == ["entry 101", "entry 102", "screen None"]


def test_a_message_that_is_missing_is_a_gap_also_where_only_a_heartbeat_knows(wall):
    wall.hear(ev(12, 10))
    with pytest.raises(Gap):
        wall.hear(ev(14, 13))
    wall.greeted({"mode": "resume", "s": 14})
    with pytest.raises(Gap):
        wall.beat({"s": 20, "h": "20", "p": 14})


def test_a_message_that_comes_twice_is_a_duplicate_on_a_connection_and_after_a_resume(wall):
    wall.hear(ev(12, 10))
    with pytest.raises(Duplicate):
        wall.hear(ev(12, 10))
    wall.greeted({"mode": "resume", "s": 12})
    with pytest.raises(Duplicate):
        wall.hear(ev(12, 10))


def test_what_the_fetched_state_held_already_is_no_duplicate(wall):
    wall.greeted({"mode": "reset", "s": 11})
    wall.take(STATE | {"s": 13})
    assert wall.hear(ev(12, 11, entry={"number": 102})) == []
    assert len(wall.hear(ev(14, 12, entry={"number": 103}))) == 1


def test_a_message_that_a_wall_was_never_told_is_missed_by_the_others(wall):
    other = Wall(wall.heard)
    other.take(STATE)
    for each in (ev(12, 10), ev(13, 12), ev(15, 13)):
        wall.hear(each)
    other.hear(ev(12, 10))
    other.hear(ev(15, 12))      # the server says that nothing was between
    assert (wall.lacking(), other.lacking()) == (0, 1)


def test_another_hash_for_the_same_message_is_a_contradiction(wall):
    wall.heard.note(12, "else")
    with pytest.raises(Contradiction):
        wall.hear(ev(12, 10))


def test_what_was_acknowledged_and_is_not_there_is_named():
    ledger = Ledger()
    assert ledger.entered("a", 101) == ledger.entered("a", 101) == ledger.entered("b", 102) == ""
    assert "101 and 103" in ledger.entered("a", 103)
    ledger.sheets = {(101, "ana"): {"style": 8}, (101, "bo"): {"style": 7}, (101, "cy"): {"style": 6}}
    ledger.unsettled = {(101, "cy")}
    read = Ledger.from_plain(json.loads(json.dumps(ledger.plain())))
    state = {"entries": [{"number": 101}], "sheets": [{"entry": 101, "judge": "ana", "marks": {"style": 8}}]}
    assert read.missing(state) == ["Entry 102 was acknowledged and is not there.",
                                   "The sheet of bo for entry 101 holds None, acknowledged was {'style': 7}."]


def test_news_that_arrive_before_the_answer_are_timed_from_the_request():
    found = []
    tellings = Tellings(lambda *arrival: found.append(arrival))
    tellings.arrived(("entry", 101), "by socket", 12.5)
    tellings.sent(("entry", 101), 12.0)
    tellings.arrived(("entry", 101), "by poll", 13.0)
    assert found == [("entry", "by socket", 0.5), ("entry", "by poll", 1.0)]


# Whole runs.

def figures(printed: str) -> dict[str, int]:
    """{what: count} of the printed table."""
    return {name.strip(): int(count.replace(",", "")) for name, count in re.findall(r"^(\S.{33}) +([\d,]+) ", printed, re.M)}


def test_a_short_run_finds_no_fault_and_everybody_did_something(tmp_path, real_photos):
    if not real_photos:
        print("No real photos beside the checkout: drawn ones are submitted.")
    ended = load("--users", 12, "--time", 8, "--into", tmp_path, "--photos", real_photos or "")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 gaps, 0 duplicates, 0 contradictions" in ended.stdout
    assert "Nothing was lost, doubled or refused." in ended.stdout
    counts = figures(ended.stdout)
    assert counts.keys() >= {"POST /api/entries", "PUT /api/sheets/N", "hello to welcome", "GET /api/events, waits for news", "POST /api/screen",
                             "screen arrives, by socket", "screen arrives, by poll", "entry arrives, by socket"}
    assert counts["screen arrives, by socket"] > counts["POST /api/screen"]
    assert "PUT /api/sheets/N" in (tmp_path / "report.html").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "result.json"]


class Liar:
    """A man in the middle of every live socket. Of three sockets the first swallows a message, the second doubles one, the third swallows one and hides it."""

    def __init__(self, server):
        self.server, self.lies = server, [self._swallow, self._double, self._hide]
        self.told: set[str] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                inside = self.listener.accept()[0]
                outside = socket.create_connection(("127.0.0.1", self.server.port))
                threading.Thread(target=self._carry, args=(inside, outside), daemon=True).start()
                threading.Thread(target=self._carry_back, args=(outside, inside), daemon=True).start()
        except OSError:
            pass   # the test is over

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        except OSError:
            pass   # one side went: so does the other
        for each in (source, target):
            self._end(each)

    def _end(self, one: socket.socket) -> None:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass   # it is gone already

    def _carry_back(self, source: socket.socket, target: socket.socket) -> None:
        """What the server says; of a live socket frame by frame."""
        with source, target, source.makefile("rb") as reader:
            try:
                first = reader.peek(12)
                if b" 101 " in first[:13]:
                    while (line := reader.readline()) != b"\r\n":
                        target.sendall(line)
                    target.sendall(b"\r\n")
                    self._carry_frames(reader, target)
                while piece := reader.read1(1 << 16):
                    target.sendall(piece)
            except OSError:
                pass   # one side went: so does the other
            self._end(source)
            self._end(target)

    def _carry_frames(self, reader, target: socket.socket) -> None:
        lie, heard = None, 0
        while len(head := reader.read(2)) == 2:
            size = head[1] if head[1] < 126 else int.from_bytes(reader.read(2 if head[1] == 126 else 8), "big")
            body = reader.read(size)
            if len(body) < size:
                break
            if head[0] == 0x81 and (message := json.loads(body))["t"] == "ev":
                heard += 1
                if heard == 2 and self.lies:
                    lie = self.lies.pop(0)
                for told in lie(message, heard) if lie else [message]:
                    target.sendall(self._frame(head[0], json.dumps(told).encode()))
            else:
                target.sendall(self._frame(head[0], body))
        if lie and heard < 3:
            self.lies.append(lie)   # the screen left before the third message, which would have shown it

    @staticmethod
    def _frame(first: int, body: bytes) -> bytes:
        return bytes([first, len(body)] if len(body) < 126 else [first, 126, *len(body).to_bytes(2, "big")]) + body

    def _swallow(self, message: dict, heard: int) -> list[dict]:
        self.told |= {"swallow"} if heard == 3 else set()
        return [] if heard == 2 else [message]

    def _double(self, message: dict, heard: int) -> list[dict]:
        self.told.add("double")
        return [message] * (1 + (heard == 2))

    def _hide(self, message: dict, heard: int) -> list[dict]:
        """Swallow one, and let the next one say that there was nothing."""
        if heard == 2:
            self.before = message["p"]
            return []
        self.told.add("hide")
        return [message | {"p": self.before} if heard == 3 else message]


@pytest.fixture
def liar(server):
    made = Liar(server())
    yield made
    made.listener.shutdown(socket.SHUT_RDWR)
    made.listener.close()


def test_a_server_that_swallows_doubles_or_hides_a_message_is_found_out(liar, tmp_path):
    ended = load("--users", 12, "--time", 8, "--into", tmp_path, "--host", liar.url)
    assert liar.told == {"swallow", "double", "hide"}, "the man in the middle never got to lie"
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(r"^WRONG .*gap, by socket: .*message \d+ follows \d+", ended.stdout, re.M)
    assert re.search(r"^WRONG .*duplicate, by socket: .*message \d+ came after", ended.stdout, re.M)
    assert re.search(r"^WRONG .*Walls lack [1-9]\d* messages that others were told", ended.stdout, re.M)


def test_what_is_not_in_the_folder_is_found_once_the_server_has_stopped(server, tmp_path, capsys):
    running, result = server(), tmp_path / "result.json"
    result.write_text(json.dumps({"ledger": {"entries": {"an-id": 999}, "sheets": [], "unsettled": []}}))
    assert stopped(running, result) == ["Entry 999 was acknowledged and is not there."]
    printed = capsys.readouterr().out
    assert "Everything is whole." in printed and "not all that was acknowledged" in printed


def test_a_server_that_does_not_end_in_order_is_a_fault(server, tmp_path):
    running, result = server(), tmp_path / "result.json"
    result.write_text(json.dumps({"ledger": Ledger().plain()}))
    running.kill()
    assert stopped(running, result) == ["The server ended with -9, not 0."]


# What cannot begin.

def test_a_host_where_nobody_answers_is_said_in_a_sentence():
    ended = load("--host", f"http://127.0.0.1:{free_port()}")
    assert (ended.returncode, ended.stdout) == (64, "")
    assert re.fullmatch(r"load: Nobody answers at http://127\.0\.0\.1:\d+: Connection refused\.\n", ended.stderr)


def test_a_wrong_password_is_said_in_a_sentence(server):
    ended = load("--host", server().url, password="guessed, not known")
    assert (ended.returncode, ended.stdout) == (64, "")
    assert ended.stderr == "load: That is not the organiser's password: set CONTEST_ADMIN_PASSWORD to the one of the server at HOST.\n"


@pytest.mark.parametrize("words, said", [
    (("--users", "0"), "'0' is not a whole number above 0"), (("--time", "soon"), "'soon' is not a whole number"),
    (("--host", "venue"), "HOST is an address like http://192.168.1.5:8000, not venue."), (("--photos", "no-such-folder"), "There is no folder no-such-folder")])
def test_a_wrong_word_is_said_in_a_sentence(words, said):
    ended = load(*words)
    assert ended.returncode == 64
    assert said in ended.stderr and ended.stderr.count("\n") == 1


def test_a_server_that_does_not_start_says_why(tmp_path):
    """Its port is taken by somebody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code = f"import loadtest.__main__ as m, tests.server as t; t.free_port = lambda: {taken.getsockname()[1]}; raise SystemExit(m.main(['--into', {str(tmp_path)!r}]))"
        ended = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 64
    assert re.fullmatch(r"load: The server did not start: .*Cannot listen on 127\.0\.0\.1 port \d+: .*\n", ended.stderr)
    assert list(tmp_path.iterdir()) == []
