"""What a server owes the machine it runs on: its quotas, its user, an end when it stands still, a restart that nobody notices."""

import os
import subprocess
import sys
import time

import pytest

from deploy.verify.people import tattoo, wait_until
from tests.client import Http
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
    assert stored < 1_300_000  # over by the one photo that did not know yet what it would come to
    assert admin.post("/api/judges", {"name": "Ana", "role": "judge"}).status == 201
    server.restart()  # what is there counts from the first moment, and an entry that is refused leaves nothing behind
    assert Http(server).submit(tattoo(), category=sleeve).status == 507
    assert list((server.data / "photos" / "incoming").iterdir()) == []


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
