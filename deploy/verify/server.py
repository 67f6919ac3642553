"""A server of the checkout that is verified, in a process of its own, on a free port of 127.0.0.1."""

import subprocess
import time
from pathlib import Path

from deploy.verify.checks import Checkout, require
from tests.client import Http
from tests.server import Server

#: all that is asked here comes from one address
NO_LIMITS = {"CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_UPLOADS": "0", "CONTEST_ADDRESS_CONNECTIONS": "0"}


class Served(Server):
    """A Server with the checkout's own contest.py and Python.

        with Served(checkout, under / "data") as server:
            server.http.get("/ready")

    before         words put before `contest.py serve`: ("-c", program) runs that instead of the file
    start_seconds  how long the last start took, to the first 200 of /ready
    """

    start_seconds = 0.0

    def __init__(self, checkout: Checkout, data: Path, env: dict[str, str] | None = None, before: tuple[str, ...] = ("contest.py",), **more):
        super().__init__(data, {"CONTEST_PUBLIC_URL": "", **NO_LIMITS, **(env or {})})
        self._checkout, self._before, self._more = checkout, before, more

    def start(self, wait: bool = True) -> "Served":
        """Start it. errors   Wrong with what it printed, where it ends or does not become ready"""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        out, err = self._printed
        began = time.monotonic()
        with out.open("ab") as stdout, err.open("ab") as stderr:
            self.child = subprocess.Popen([self._checkout.python, *self._before, "serve"], cwd=self._checkout.top, env=self.env,
                                          stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, **self._more)
        if wait:
            until = began + 30
            while not self.ready():
                require(self.running, f"The server ended with {self.child.returncode}: {self.log.strip()[-400:]}")
                require(time.monotonic() < until, f"The server was not ready after 30 s: {self.log.strip()[-400:]}")
                time.sleep(0.005)
            self.start_seconds = time.monotonic() - began
        return self

    @property
    def http(self) -> Http:
        """Somebody new, who is not signed in."""
        return Http(self.url)

    @property
    def admin(self) -> Http:
        return self.http.login_admin()

    def __enter__(self) -> "Served":
        return self.start()

    def __exit__(self, *error) -> None:
        self.end()
