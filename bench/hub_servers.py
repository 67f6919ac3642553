"""The servers of the hub's bench: how each is installed, started and asked what it uses."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.common import TOP, folder
from tests.client import Http
from tests.server import Server, free_port

PEERS = TOP / "bench" / "peers"
BUILT = TOP / "build" / "peers"
MOST = 20_000   # connections the contest takes; more than are measured


class Missing(Exception):
    """A peer cannot be measured here; the text says why, in the table."""


@dataclass(frozen=True)
class Serving:
    """A server that runs. headers: what a post to it has to carry."""

    kind: str
    port: int
    pid: int
    headers: dict[str, str]

    def rss(self, field: str = "VmRSS") -> int:
        """Bytes of memory; `VmHWM` is the most it ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise LookupError(field)


def open_server(under: Path) -> Server:
    """The contest as users run it: its own process, a folder on the disk, its log synced. It takes as many as one address opens."""
    settings = subprocess.run([sys.executable, TOP / "contest.py", "settings"], capture_output=True, text=True, check=True).stdout
    wanted = {"CONTEST_MAX_CONNECTIONS": str(MOST), "CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_CONNECTIONS": "0"}
    return Server(under / "data", {name: value for name, value in wanted.items() if name + "=" in settings}).start()


@contextmanager
def ours():
    """The contest with a new folder, until the end of the block."""
    with folder("hub") as under:
        server = open_server(under)
        try:
            admin = Http(server).login_admin()
            yield Serving("contest", server.port, server.pid, {"Cookie": admin.cookie, "Origin": server.url})
        finally:
            server.kill()
            if server.errors:
                print(f"The server said: {server.errors[-2000:]}", file=sys.stderr)


def floor():
    """C and epoll; built with cc."""
    made = BUILT / "floor"
    if not shutil.which("cc"):
        raise Missing("no C compiler (cc) here")
    BUILT.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O2", "-o", made, PEERS / "floor.c"], check=True)
    return peer("plain", [str(made)])


def node(script: str, kind: str = "plain"):
    """A peer in Node; its packages come from npm, once."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("no Node (node, npm) here")
    _install(["package.json"], ["npm", "install", "--prefix", str(BUILT), "--no-package-lock", "--no-audit", "--no-fund", "--silent"])
    return peer(kind, ["node", str(PEERS / script)], NODE_PATH=str(BUILT / "node_modules"))


def python(script: str, kind: str = "plain"):
    """A peer in Python, on the same gevent as ours; what else it needs comes from PyPI, once."""
    _install(["requirements.txt"], [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--no-deps",
                                    "--upgrade", "--target", str(BUILT / "python"), "-r", str(PEERS / "requirements.txt")])
    return peer(kind, [sys.executable, str(PEERS / script)], PYTHONPATH=str(BUILT / "python"))


def _install(names: list[str], command: list[str]) -> None:
    """Run an installer unless it ran for the same list already; Missing when it cannot."""
    BUILT.mkdir(parents=True, exist_ok=True)
    if all((BUILT / name).exists() and (BUILT / name).read_bytes() == (PEERS / name).read_bytes() for name in names):
        return
    for name in names:
        shutil.copy(PEERS / name, BUILT / name)
    if subprocess.run(command, cwd=BUILT).returncode:
        for name in names:
            (BUILT / name).unlink()
        raise Missing(f"{command[0]} could not install it")


@contextmanager
def peer(kind: str, command: list[str], *more: str, **env: str):
    """A process that serves on a free port, its first argument, until the end of the block; Missing when it does not come up."""
    port = free_port()
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "said").open("ab") as said:   # what a peer complains of is not ours to show
        child = subprocess.Popen([*command, str(port), *more], env=os.environ | env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        _await_answer(port, child)
        yield Serving(kind, port, child.pid, {})
    finally:
        child.kill()
        child.wait()


def _await_answer(port: int, child: subprocess.Popen) -> None:
    until = time.monotonic() + 15
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            if child.poll() is not None or time.monotonic() > until:
                raise Missing("it does not start here") from None
            time.sleep(0.02)


OURS, SOCKET_IO, FLOOR = "the contest", "socket.io", "C, epoll"
SERVERS = {
    OURS: ours,
    SOCKET_IO: lambda: node("socketio.js", "socketio"),
    "ws": lambda: node("ws.js"),
    FLOOR: floor,
    "gevent-websocket": lambda: python("gevent_websocket.py"),
    "python-socketio": lambda: python("python_socketio.py", "socketio"),
}
