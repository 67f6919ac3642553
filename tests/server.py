"""A real server for tests and benches: `python contest.py serve` in a process of its own, on a free port of 127.0.0.1."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process and its data folder.

    data   the folder it serves; printed output is appended to `<data>.out` and `<data>.err` beside it
    env    settings on top of the usual ones, {"CONTEST_PING_SECONDS": "1"}
    url    "http://127.0.0.1:<port>"; the port stays the same over `restart`
    """

    program = TOP      # the folder contest.py stands in; a test that changes the program sets a copy

    def __init__(self, data: Path, env: dict[str, str] | None = None, port: int | None = None):
        self.data = Path(data)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTEST_") and name != "PORT"},
            "CONTEST_DATA": str(self.data), "CONTEST_HOST": "127.0.0.1", "CONTEST_PORT": str(self.port),
            "CONTEST_ADMIN_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1", **(env or {}),
        }
        self.child: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def _printed(self) -> tuple[Path, Path]:
        return self.data.with_name(self.data.name + ".out"), self.data.with_name(self.data.name + ".err")

    @property
    def log(self) -> str:
        """All that was printed, over every restart: what went to stdout, then what went to stderr."""
        return "".join(path.read_text("utf-8", "replace") for path in self._printed if path.exists())

    @property
    def errors(self) -> str:
        """What went to stderr, over every restart."""
        path = self._printed[1]
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self, wait: bool = True) -> "Server":
        """Start the process; with `wait`, return once GET /ready answers 200 (AssertionError after 15 s)."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        out, err = self._printed
        with out.open("ab") as stdout, err.open("ab") as stderr:
            self.child = subprocess.Popen(
                [sys.executable, str(self.program / "contest.py"), "serve"], cwd=self.program, env=self.env,
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()   # nobody holds it yet who would end it
                raise
        return self

    def wait_ready(self, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not self.ready():
            assert self.running, f"the server ended with {self.child.returncode}:\n{self.log}"
            assert time.monotonic() < deadline, f"not ready after {seconds} s:\n{self.log}"
            time.sleep(0.005)

    def ready(self) -> bool:
        """Does GET /ready answer 200 now?"""
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return False
        except OSError:
            return False

    def wait(self, seconds: float = 15) -> int:
        """Wait for the process to end by itself; its exit code."""
        return self.child.wait(seconds)

    def stop(self, seconds: float = 45) -> int:
        """SIGTERM, then wait; its exit code."""
        if self.running:
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait(seconds)

    def kill(self) -> int:
        """SIGKILL, as a power cut would end it; -9."""
        if self.running:
            self.child.kill()
        return self.child.wait(15)

    def restart(self, wait: bool = True) -> "Server":
        """Stop it if it runs and start it again on the same port and folder."""
        if self.running:
            self.stop()
        return self.start(wait)

    def end(self) -> None:
        """Whatever state it is in: gone."""
        if self.running:
            try:
                self.stop(10)
            except subprocess.TimeoutExpired:
                self.kill()
