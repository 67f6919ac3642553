"""What a server owes the machine it runs on: its quotas, its user, an end when it stands still, a restart that nobody notices."""

import contextlib
import http.client
import json
import os
import pty
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deploy.verify.people import HalfUpload, Invitations, tattoo, wait_until
from tests.client import Http
from tests.live import Live
from tests.server import PASSWORD, TOP, Server

#: one second after the start, C code takes the interpreter's lock and keeps it for longer than the test waits
STALLED = """
import ctypes, sys, threading, contest
stall = threading.Timer(1, lambda: ctypes.PyDLL(None).sleep(60))
stall.daemon = True
stall.start()
sys.exit(contest.main(["serve"]))
"""


@pytest.fixture
def serve(tmp_path):
    """`serve(CONTEST_QUOTA_LOG_BYTES=9000)` is a running server with these settings; gone at the end."""
    made = []

    def start(ready: bool = True, **settings) -> Server:
        made.append(Server(tmp_path / f"data{len(made)}", {name: str(value) for name, value in settings.items()}))
        made[-1].start(wait=ready)
        wait_until(lambda: served(made[-1]), "the server never answered")
        return made[-1]
    yield start
    for each in made:
        each.end()


def served(server: Server) -> bool:
    try:
        return Http(server).get("/health").status == 200
    except OSError:
        return False


def category(admin: Http) -> str:
    return admin.post("/api/categories", {"name": "Best Sleeve"}).json["category"]["id"]


# Quotas.

def test_photos_stop_at_their_quota_and_marks_do_not(serve):
    server = serve(CONTEST_QUOTA_PHOTOS_BYTES=1_000_000)
    admin, visitor = Http(server).login_admin(), Http(server)
    sleeve, answers = category(admin), []
    while not answers or answers[-1].status == 201 and len(answers) < 40:
        answers.append(visitor.submit(tattoo(), category=sleeve))
    assert (answers[-1].status, answers[-1].code) == (507, "photos_full")
    assert len(answers) > 2, "nothing was taken under the quota"
    stored = sum(path.stat().st_size for path in (server.data / "photos").rglob("*.*"))
    assert 500_000 < stored <= 1_000_000
    assert admin.post("/api/judges", {"name": "Ana", "role": "judge"}).status == 201
    server.restart()  # what is there counts from the first moment, and an entry that is refused leaves nothing behind
    assert Http(server).submit(tattoo(), category=sleeve).status == 507
    assert list((server.data / "photos" / "incoming").iterdir()) == []


def test_uploads_under_way_keep_their_room_and_give_it_back(serve):
    server = serve(CONTEST_QUOTA_PHOTOS_BYTES=1_000_000)
    admin = Http(server).login_admin()
    sleeve = category(admin)
    head = (f"POST /api/entries HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: multipart/form-data; boundary=edge\r\n"
            "Content-Length: 400000\r\n\r\n--edge\r\n").encode()
    with contextlib.ExitStack() as opened:
        for under_way in (1, 2):
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 15)).sendall(head)
            wait_until(lambda: admin.get("/api/realtime-metrics").json["running"] > under_way, "an upload never began")
        with socket.create_connection(("127.0.0.1", server.port), 15) as third:
            third.sendall(head)
            assert b" 507 " in third.recv(4096).partition(b"\r\n")[0], "three of them come to more than the photos have"
        assert Http(server).submit(tattoo(600, 800), category=sleeve).status == 201, "there is room for a smaller one"
    wait_until(lambda: admin.get("/api/realtime-metrics").json["running"] == 1, "an upload that was given up went on")
    assert Http(server).submit(tattoo() + bytes(400_000), category=sleeve).status == 201, "what was given up takes no room"


def test_the_reserve_is_kept_for_marks(serve):
    server = serve(ready=False, CONTEST_RESERVE_BYTES=1 << 60)
    assert not server.ready()
    admin = Http(server).login_admin()
    refused = Http(server).submit(tattoo(), category=category(admin))
    assert (refused.status, refused.code) == (507, "disk_full")
    assert admin.post("/api/judges", {"name": "Ana", "role": "judge"}).status == 201


def test_the_log_stops_at_its_quota_and_reads_go_on(serve):
    server = serve(CONTEST_QUOTA_LOG_BYTES=9000, CONTEST_SEGMENT_BYTES=3000)
    admin = Http(server).login_admin()
    for number in range(200):
        answer = admin.post("/api/judges", {"name": f"Judge {number}", "role": "judge"})
        if answer.status != 201:
            break
    assert (answer.status, answer.code) == (507, "disk_full") and number > 5
    assert sum(path.stat().st_size for path in (server.data / "wal").iterdir()) <= 9000
    assert len(admin.get("/api/judges").json["judges"]) == number
    ready = admin.get("/ready")
    assert ready.status == 503 and "CONTEST_QUOTA_LOG_BYTES" in ready.json["reason"]
    server.env["CONTEST_QUOTA_LOG_BYTES"] = "100000"
    server.restart()
    assert Http(server).login_admin().post("/api/judges", {"name": "Late", "role": "judge"}).status == 201


def test_old_backups_go_for_a_new_one_and_one_that_is_too_large_is_said(serve):
    server = serve(CONTEST_QUOTA_BACKUPS_BYTES=30_000)
    admin = Http(server).login_admin()
    for number in range(40):
        admin.post("/api/judges", {"name": f"Judge {number}", "role": "judge"})
    names = [admin.post("/api/backups").json["backup"]["name"] for _ in range(4)]
    listed = admin.get("/api/backups").json
    left = [each["name"] for each in listed["backups"]]
    assert left == names[::-1][:len(left)] and len(left) < 4, "the newest stay, and the quota lets some go"
    for number in range(200):
        admin.post("/api/judges", {"name": f"Juror {number}", "role": "judge"})
    newest = admin.post("/api/backups").json["backup"]["name"]
    listed = admin.get("/api/backups").json
    assert [each["name"] for each in listed["backups"]] == [newest]
    assert "CONTEST_QUOTA_BACKUPS_BYTES" in listed["quota_fault"]


# The watchdog.

@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a timer that ends a process with a code of one's own")
def test_a_server_that_stands_still_in_c_code_ends_with_70_and_says_where(tmp_path):
    server = Server(tmp_path / "data", {"CONTEST_WATCHDOG_SECONDS": "1"})
    with (tmp_path / "data.err").open("wb") as stderr:
        server.child = subprocess.Popen([sys.executable, "-c", STALLED], cwd=TOP, env=server.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        assert server.wait(20) == 70
    finally:
        server.kill()
    assert "Timeout" in server.errors and "threading.py" in server.errors


def test_a_server_that_turns_is_left_alone_by_its_watchdog(serve):
    server = serve(CONTEST_WATCHDOG_SECONDS=1)
    until = time.monotonic() + 3.5
    while time.monotonic() < until:
        assert server.ready()
        time.sleep(0.2)
    assert server.stop() == 0


# Root.

def test_a_user_who_cannot_be_reached_or_become_is_refused_in_a_sentence(tmp_path):
    if os.getuid():
        pytest.skip("only root can become somebody else")
    (tmp_path / "shut").mkdir(mode=0o700)
    done = subprocess.run([sys.executable, "contest.py", "serve", "--port", "0", "--data", str(tmp_path / "shut" / "data"), "--user", "10001"], cwd=TOP,
                          capture_output=True, text=True, timeout=30, env={**os.environ, "CONTEST_ADMIN_PASSWORD": PASSWORD})
    assert done.returncode == 77
    assert "10001" in done.stderr and "Traceback" not in done.stderr


# A restart in place.

class KeptAlive(threading.Thread):
    """A script on one connection that it keeps: it renames the contest again and again; `failures` holds what went wrong."""

    def __init__(self, server: Server, admin: Http):
        super().__init__(daemon=True)
        self._over, self._connection = threading.Event(), http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self._headers = {"Cookie": admin.cookie, "Origin": server.url, "Content-Type": "application/json"}
        self.names, self.failures, self.longest = 0, [], 0.0

    def run(self) -> None:
        while not self._over.wait(0.01):
            began = time.monotonic()
            try:
                self._connection.request("PATCH", "/api/contest", json.dumps({"name": f"Contest {self.names + 1}"}), self._headers)
                answer = self._connection.getresponse()
                answer.read()
                assert answer.status == 200 and answer.getheader("Connection") != "close", answer.status
                self.names += 1
            except Exception as fault:
                self.failures.append(fault)
                self._connection.close()
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self) -> None:
        self._over.set()
        self.join(30)
        self._connection.close()


def restarted(server: Server, admin: Http) -> None:
    """Send SIGHUP and wait until the new version serves."""
    before = server.log.count("Restarted in place.")
    server.child.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("Restarted in place.") > before or not server.running, "SIGHUP started nothing anew")
    assert server.running, server.log


def followed(live: Live, cursor: int) -> int:
    """The seq at which a socket stands after all that it was told; each message exactly once, without a gap."""
    for message in live.received:
        if message["t"] == "ev":
            assert message["p"] <= cursor < message["s"], "a gap, or the same twice"
            cursor = message["s"]
        elif message["t"] == "hb":
            assert message["p"] <= cursor, "a gap"
            cursor = max(cursor, message["s"])
    return cursor


@contextlib.contextmanager
def read_meanwhile(sockets: list[Live]):
    """Take in what comes, as browsers do, however long the rest takes: who owes nothing is kept through a restart, who is far behind has to come back."""
    ended = threading.Event()

    def read() -> None:
        with selectors.DefaultSelector() as ready:
            for each in sockets:
                ready.register(each.socket, selectors.EVENT_READ, each)
            while not ended.is_set():
                for key, _ in ready.select(0.05):
                    key.data.read(0.05)
                    if key.data.closed:
                        ready.unregister(key.fileobj)
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


@pytest.mark.seconds(150)
def test_five_restarts_in_place_under_200_sockets_lose_no_request_and_no_frame(serve):
    server = serve(CONTEST_ADDRESS_REQUESTS=0)
    admin = Http(server).login_admin()
    pid, idle = server.pid, http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(Live(server, http=admin if number % 10 == 0 else None)) for number in range(200)]
        began = [each.hello()["s"] for each in sockets]
        script = KeptAlive(server, admin)
        script.start()
        with Invitations(server, admin, "Restart") as other, read_meanwhile(sockets):
            for number in range(5):
                idle.request("GET", "/ready")  # then it idles across the restart
                assert idle.getresponse().read()
                other.more(3)
                restarted(server, admin)
                other.more(3)
        script.end()
        assert script.failures == [] and other.failures == 0
        last = admin.post("/api/judges", {"name": "Last", "role": "judge"}).json["judge"]
        for each in sockets:
            each.until_quiet(0.02)
        assert [each.closed for each in sockets if each.closed] == []
        assert {each.received[0]["t"] for each in sockets} == {"welcome"} and all(
            sum(message["t"] == "welcome" for message in each.received) == 1 for each in sockets), "nobody had to say hello again"
        ends = [followed(each, cursor) for each, cursor in zip(sockets, began)]
        assert len(set(ends[::10])) == 1 and min(ends) >= min(began) + script.names
    names = [judge["name"] for judge in admin.get("/api/judges").json["judges"]]
    assert set(other.taken) | {last["name"]} == set(names) and len(names) == len(set(names))
    assert admin.get("/api/contest").json["contest"]["name"] == f"Contest {script.names}"
    idle.close()
    assert server.pid == pid and server.stop() == 0
    assert "Traceback" not in server.log


def program(folder: Path) -> Path:
    """A copy of the program that a test may change."""
    folder.mkdir()
    for name in ("views", "static", "demo.py"):
        (folder / name).symlink_to(TOP / name)
    shutil.copy(TOP / "contest.py", folder)
    return folder


@pytest.mark.seconds(100)
def test_a_new_version_that_does_not_start_is_refused_and_a_good_one_is_taken(tmp_path):
    server = Server(tmp_path / "data")
    server.program = program(tmp_path / "program")
    source, good = server.program / "contest.py", (TOP / "contest.py").read_text("utf-8")
    server.start()
    try:
        admin = Http(server).login_admin()
        with Live(server) as live:
            live.hello()
            for number, (old, new) in enumerate([("import gevent\n", "import gevent_of_another_age\n"), ("def fold(", "def folds(")]):
                source.write_text(good.replace(old, new, 1), "utf-8")
                server.child.send_signal(signal.SIGHUP)
                wait_until(lambda: server.errors.count("not restarted") > number, "a broken version was not refused in a sentence", 30)
                assert admin.post("/api/judges", {"name": f"Ana {number}", "role": "judge"}).status == 201
            uptime = admin.get("/health").json["uptime"]
            source.write_text(good.replace('__version__ = "', '__version__ = "9.', 1), "utf-8")
            restarted(server, admin)
            health = admin.get("/health").json
            assert health["version"].startswith("9.") and health["uptime"] < uptime + 5
            assert len(admin.get("/api/judges").json["judges"]) == 2
            admin.patch("/api/contest", {"name": "Inkfest"})
            live.until("ev")
    finally:
        server.end()


@pytest.mark.seconds(60)
def test_an_upload_under_way_is_taken_across_a_restart_in_place_and_others_are_served_meanwhile(serve):
    server = serve()
    admin = Http(server).login_admin()
    sleeve = category(admin)
    with HalfUpload(server, sleeve) as upload:
        wait_until(lambda: admin.get("/api/realtime-metrics").json["running"] > 1, "the upload never began")
        server.child.send_signal(signal.SIGHUP)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            assert admin.post("/api/categories/none/open").status == 404, "others are served while it takes its time"
            time.sleep(0.05)
        assert "Restarted" not in server.log
        assert upload.finish() == 201
    wait_until(lambda: "Restarted in place." in server.log, "the restart never came")
    assert len(admin.get("/api/feed").json["feed"]) == 1


def test_a_stop_that_comes_in_the_middle_of_a_restart_in_place_stops_the_new_version(serve):
    for seconds in (0.0, 0.25, 0.5):  # from the check of the new version to its first moments
        server = serve()
        server.child.send_signal(signal.SIGHUP)
        time.sleep(seconds)
        assert server.stop() == 0
        assert "Everything is saved" in server.log


@pytest.mark.seconds(60)
def test_a_terminal_that_is_closed_stops_the_server_and_does_not_restart_it(tmp_path):
    server = Server(tmp_path / "data")
    (terminal, slave) = pty.openpty()
    server.child = subprocess.Popen([sys.executable, "contest.py", "serve"], cwd=TOP, env=server.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        server.wait_ready()
        os.close(terminal)
        server.child.send_signal(signal.SIGHUP)
        assert server.wait(20) == 0
    finally:
        server.kill()
