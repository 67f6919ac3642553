"""What a host of one's own or of others asks of the process: not root, quotas, a watchdog, a restart that nobody notices."""

import contextlib
import os
import signal
import socket
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

from deploy.verify.checks import Checkout, Unchecked, Wrong, require
from deploy.verify.image import environment
from deploy.verify.people import Invitations, category, kept, screens, tattoo, wait_until
from deploy.verify.server import Served
from tests.server import free_port

USER = 10001
#: two seconds after the start, C code takes the interpreter's lock and keeps it: no Python thread and no loop can turn
STALLED = """
import ctypes, sys, threading, contest
stall = threading.Timer(2, lambda: ctypes.PyDLL(None).sleep(90))
stall.daemon = True
stall.start()
sys.exit(contest.main())
"""
#: take over an open socket the way systemd hands it: as descriptor 3, named in LISTEN_FDS, meant for this process
HANDED = """
import os, sys
os.dup2({fd}, 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "contest.py", "serve"])
"""


def drops_root(checkout: Checkout) -> str:
    """Started as root on a folder of root's, the server makes its own folder and then is CONTEST_USER, also in the image and on Fly."""
    if os.getuid():
        raise Unchecked("Only root can be dropped: run it once as root.")
    with checkout.scratch() as under:
        under.chmod(0o755)
        _reached(under)
        reached, env = _own_python(checkout)
        with Served(reached, under / "volume" / "contest", {"CONTEST_USER": str(USER), **env}) as server:
            ids = {int(id) for line in Path(f"/proc/{server.pid}/status").read_text().splitlines() if line.startswith(("Uid:", "Gid:")) for id in line.split()[1:]}
            require(ids == {USER}, f"The server runs as {sorted(ids)}.")
            require(server.data.stat().st_uid == USER, "Its folder is not its own.")
            require(server.data.parent.stat().st_uid == 0, "It took the volume, where only its own folder is its own.")
    for where, env in (("the Dockerfile", environment(checkout)), ("fly.toml", checkout.fly.get("env", {}))):
        require(env.get("CONTEST_USER", "0") != "0", f"{where} does not set CONTEST_USER.")
    return f"user {USER}"


def _reached(path: Path) -> None:
    """errors   Unchecked where USER cannot come so far"""
    shut = [folder for folder in path.parents if folder.stat().st_mode & 0o001 != 0o001]
    if shut:
        raise Unchecked(f"User {USER} cannot reach {shut[-1]}.")


def _own_python(checkout: Checkout) -> tuple[Checkout, dict[str, str]]:
    """A Python that USER can reach, with what requirements.txt names: the checkout's, else the system's of the same version. errors   Unchecked"""
    try:
        _reached(Path(os.__file__).resolve())
        return checkout, {}
    except Unchecked as why:
        version = "{}.{}".format(*sys.version_info)
        if not Path(f"/usr/bin/python{version}").exists():
            raise why
        return Checkout(checkout.top, f"/usr/bin/python{version}"), {"PYTHONPATH": sysconfig.get_path("purelib")}


def quotas(checkout: Checkout) -> str:
    """Photos stop at their quota with 507 while marks are still taken, so that no part fills the volume for the others."""
    env = {"CONTEST_QUOTA_PHOTOS_BYTES": "1000000"}
    with checkout.scratch() as under, Served(checkout, under / "data", env) as server:
        admin = server.admin
        sleeve, statuses = category(admin), []
        while len(statuses) < 20 and (not statuses or statuses[-1] == 201):
            statuses.append(server.http.submit(tattoo(), category=sleeve).status)
        require(statuses[-1] == 507, f"{len(statuses)} photos were taken past a quota of 1 MB; the last was answered with {statuses[-1]}.")
        require(len(statuses) > 1, "Not one photo was taken under a quota of 1 MB.")
        require(admin.post("/api/judges", {"name": "Ana", "role": "judge"}).status == 201, "Marks and judges stopped with the photos.")
    return f"507 after {len(statuses) - 1} photos"


def watchdog(checkout: Checkout) -> str:
    """A loop that has not turned for 30 s ends the process, also while C code holds the interpreter's lock, and says where it hung."""
    with checkout.scratch() as under:
        server = Served(checkout, under / "data", before=("-c", STALLED))
        try:
            server.start()
            began = time.monotonic()
            wait_until(lambda: not server.running, "A server whose loop stands still went on", 45)
            require(server.child.returncode == 70 or sys.platform != "linux", f"It ended with {server.child.returncode}, not 70: nothing starts it again.")
            require("Thread" in server.errors and "File" in server.errors, "It ended without a word of where it hung.")
        finally:
            with contextlib.suppress(Exception):
                server.kill()
    return f"ended after {time.monotonic() - began - 2:.0f} s"


def restart_in_place(checkout: Checkout) -> str:
    """SIGHUP puts a new process image behind the same port: no request fails, no socket has a gap, the process stays."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        admin = server.admin
        uptime = admin.get("/health").json["uptime"]
        with screens(server, 20) as sockets, Invitations(server, admin, "Restart") as script:
            script.more(10)
            server.child.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            require(server.running, f"SIGHUP ended the server with {server.child.returncode}.")
            wait_until(lambda: server.ready() and admin.get("/health").json["uptime"] < max(uptime, 0.5) + 0.5, "SIGHUP started nothing anew")
            script.more(10)
            for each in sockets:
                each.until_quiet()
        require(script.failures == 0, f"{script.failures} requests failed.")
        require(server.ready(), "The server is not ready afterwards.")
        ends = {each.closed.code for each in sockets if each.closed} - {1012}
        require(not ends, f"Sockets were closed with {ends}.")
        number = kept(server, script.taken)
    return f"0 failed, {number} kept, longest {script.longest_gap:.2f} s"


def socket_activation(checkout: Checkout) -> str:
    """A socket that systemd holds is served, so that whoever comes during a restart waits in its queue; a unit for it is there."""
    listener = socket.create_server(("127.0.0.1", 0))
    fd = listener.fileno()
    with listener, checkout.scratch() as under:
        server = Served(checkout, under / "data", {"CONTEST_PORT": str(free_port())}, ("-c", HANDED.format(fd=fd)), pass_fds=(fd,))
        try:
            for _ in range(2):
                server.start(wait=False)  # asked at once: the question waits in the queue
                _answered(f"http://127.0.0.1:{listener.getsockname()[1]}/ready")
                server.stop()
        finally:
            server.end()
    require("ListenStream" in checkout.text("deploy/contest.socket"), "deploy/contest.socket has no ListenStream.")
    return "served, twice"


def _answered(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=8) as answer:
            require(answer.status == 200, f"The socket's /ready is {answer.status}.")
    except OSError as why:
        raise Wrong(f"Nobody serves the socket that was handed over ({why}).") from None


DEAR = (drops_root, quotas, watchdog, restart_in_place, socket_activation)
