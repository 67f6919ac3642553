"""What was acknowledged is there: after kill -9, a deploy, a full disk, on another machine from a backup."""

import contextlib
import itertools
import subprocess
import threading
from pathlib import Path

import gevent

import contest
from bench.common import MARKS, asked, desk, rehearsal
from deploy.verify.checks import Checkout, require
from deploy.verify.people import Invitations, category, full_disk, kept, tattoo, wait_until
from deploy.verify.server import Served
from tests.live import Live

KILLS = 8
EVENTS = 10_000


def kill_loop(checkout: Checkout) -> str:
    """kill -9 again and again under four writers: what was acknowledged is there, once."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        writers = [Invitations(server, server.admin, f"Writer {number}") for number in range(4)]
        for each in writers:
            each.__enter__()
        try:
            for _ in range(KILLS):
                writers[0].more(5)
                server.kill()
                server.start()
            writers[0].more(5)
        finally:
            for each in writers:
                each.__exit__()
        number = kept(server, {name: id for each in writers for name, id in each.taken.items()})
        _whole(checkout, server.data)
    return f"{KILLS} kills, {number} of {number} acknowledged are there"


def _whole(checkout: Checkout, data: Path) -> None:
    """errors   Wrong with what `contest.py verify` finds"""
    done = _typed(checkout, "verify", "--data", str(data))
    require(done.returncode == 0, done.stdout[-300:])


def _typed(checkout: Checkout, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([checkout.python, "contest.py", *words], cwd=checkout.top, capture_output=True, text=True, timeout=120)


def deploy_rehearsal(checkout: Checkout) -> str:
    """A deploy: the old server stops, a new one starts on the same folder of 10,000 events; a script and a socket go on where they were."""
    with checkout.scratch() as under:
        _fill(under / "data")
        with Served(checkout, under / "data") as server:
            admin = server.admin
            with Live(server.url, http=admin) as live, Invitations(server, admin, "Deploy") as script:
                cursor = live.hello()
                reading = threading.Thread(target=_read_to_the_end, args=(live,))
                reading.start()  # as a page does: a socket that does not answer its close is waited for
                script.more(20)
                code = server.stop()
                require(code == 0, f"The old server ended with {code}.")
                server.start()
                reading.join(20)
                script.more(20)
            before = _followed(live, cursor)
            with Live(server.url, http=admin) as again:
                welcome = again.hello(before)
                require(welcome["mode"] == "resume", f"After the deploy a socket was told to reset ({welcome.get('why')}).")
                again.until_quiet(0.5)
                require(_followed(again, before)["s"] >= before["s"] + 20, "A socket was not told what came with the new server.")
            number = kept(server, script.taken)
    return f"gap {script.longest_gap:.2f} s, {number} of {number} kept, the socket resumed"


def _read_to_the_end(live: Live) -> None:
    with contextlib.suppress(OSError):  # the check has failed already and let go of it
        while not live.closed:
            live.read(0.2)
        live.drop()


def _followed(live: Live, cursor: dict) -> dict:
    """The cursor after all that a socket was told. errors   Wrong for a gap"""
    cursor = {key: cursor[key] for key in "esha"}
    for message in live.received:
        if message["t"] == "ev" and message["s"] > cursor["s"]:
            require(message["p"] <= cursor["s"], f"A socket at {cursor['s']} was told {message['s']} after {message['p']}: a gap.")
            cursor |= {"s": message["s"], "h": message["h"]}
    return cursor


def _fill(folder: Path) -> None:
    """A log of EVENTS lines, written by this checkout's own rules through a hundred writers at once."""
    with desk(folder) as opened:
        judges, entries = rehearsal(opened, entries=400, judges=40)
        left = iter(list(itertools.product(judges, entries))[:EVENTS - opened.state.seq])

        def judge() -> None:
            for who, entry in left:
                opened.submit(asked(contest.GiveSheet, hours_ago=1, entry=entry, judge=who, marks=MARKS, note="", base=None))
        gevent.joinall([gevent.spawn(judge) for _ in range(100)], raise_error=True)


def backup_and_restore(checkout: Checkout) -> str:
    """A backup taken from the running server becomes the same contest in an empty folder, photos included."""
    with checkout.scratch() as under:
        archive = under / "contest.zip"
        with Served(checkout, under / "data") as server:
            admin = server.admin
            sleeve = category(admin)
            entered = server.http.submit(tattoo(), category=sleeve)
            require(entered.status == 201, f"An entry was answered with {entered}.")
            with Invitations(server, admin, "Backup") as script:
                script.more(10)
            done = _typed(checkout, "backup", str(archive), "--data", str(server.data))
            require(done.returncode == 0, f"backup: {done.stderr.strip()}")
            told = _told(admin)
        done = _typed(checkout, "restore", str(archive), "--data", str(under / "second"))
        require(done.returncode == 0, f"restore: {done.stderr.strip()}")
        with Served(checkout, under / "second") as server:
            require(_told(server.admin) == told, "The restored contest is another one.")
            kept(server, script.taken)
            photo = server.admin.get("/photos/" + entered.json["entry"]["photo"]["large"])
            require(photo.status == 200, f"The photo of the restored entry is answered with {photo.status}.")
        _whole(checkout, under / "second")
        size = archive.stat().st_size
    return f"{size >> 10} KiB, {len(script.taken)} judges and a photo"


def _told(admin) -> tuple:
    state = admin.get("/api/state").json
    return state["entries"], state["categories"], sorted(judge["name"] for judge in admin.get("/api/judges").json["judges"])


def full_disk_refuses(checkout: Checkout) -> str:
    """A full disk is a 507 before anything is half written; reads go on, and so does everything when there is room."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        admin, taken = server.admin, {}
        category(admin)
        with full_disk(server, room=4000):
            for number in range(200):
                answer = admin.post("/api/judges", {"name": f"Judge {number}", "role": "judge"})
                if answer.status != 201:
                    break
                taken[f"Judge {number}"] = answer.json["judge"]["id"]
            require((answer.status, answer.code) == (507, "disk_full"), f"A full disk was answered with {answer.status} {answer.code}.")
            require(taken and admin.get("/api/state").status == 200, "Reads stopped with the writes.")
        wait_until(lambda: admin.post("/api/judges", {"name": "Late", "role": "judge"}).status == 201, "It did not go on when there was room")
        server.kill()
        server.start()
        number = kept(server, taken)
        _whole(checkout, server.data)
    return f"507 after {number}, all kept"


DEAR = (kill_loop, deploy_rehearsal, backup_and_restore, full_disk_refuses)
