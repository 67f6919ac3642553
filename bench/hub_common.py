"""What the parts of the hub's bench share: the process with the displays, rounds over all servers, wanted beside found."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager

from bench.common import TOP, interleaved, median, table
from bench.hub_servers import FLOOR, OURS, SERVERS, SOCKET_IO, Missing, Serving

QUICK = bool(os.environ.get("QUICK"))   # a look in a minute or two, for whoever works on the hub
ROUNDS = 1 if QUICK else 3
NAMES = (OURS, SOCKET_IO, FLOOR) if QUICK else tuple(SERVERS)


class Failed(Exception):
    """The displays could not do what was asked: the server lost them or told them nothing for 10 seconds."""


class Displays:
    """The process with the displays of one server; bench/hub_client.py says what it can be asked."""

    def __init__(self, server: Serving):
        self._child = subprocess.Popen([sys.executable, "-m", "bench.hub_client"], cwd=TOP, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ask("meet", kind=server.kind, port=server.port, pid=server.pid, headers=server.headers)

    def ask(self, do: str, **order) -> dict:
        """What came of an order; Failed where nothing did."""
        print(json.dumps({"do": do, **order}), file=self._child.stdin, flush=True)
        found = json.loads(self._child.stdout.readline() or '{"failed": "the displays ended"}')
        if "failed" in found:
            raise Failed(found["failed"])
        return found

    def end(self) -> None:
        self._child.stdin.close()
        try:
            self._child.wait(15)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


@contextmanager
def watched(start: Callable):
    """A server and the process with its displays: (Serving, Displays)."""
    with start() as server:
        displays = Displays(server)
        try:
            yield server, displays
        finally:
            displays.end()


def rounds(one: Callable[[Callable], object], names=NAMES) -> tuple[dict[str, list], dict[str, str]]:
    """Every server in turn, so many rounds.

    one      function of a server's `start` -> figures of a round
    returns  {name: [figures of each round]}, {name: why it could not be measured here}
    """
    there, missing = {}, {}
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for name in names:
        try:
            with SERVERS[name]():
                there[name] = lambda name=name: one(SERVERS[name])
        except Missing as why:
            missing[name] = str(why)
    return interleaved(there, ROUNDS), missing


def beside(figures: list[Mapping], name: str) -> list[float]:
    """One figure of each round."""
    return [one[name] for one in figures]


def middle(figures: list[Mapping], name: str) -> float:
    """The median of one figure over the rounds."""
    return median(beside(figures, name))


def short(value: float) -> str:
    """A figure with three digits that count.

    >>> short(1234.5), short(34.56), short(0.3456)
    ('1,234', '34.6', '0.35')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def goals(rows: list[tuple[str, float, float | None]]) -> str:
    """A table of what was to be reached: (what, at most, found); None: it could not be measured here."""
    return table(["to be reached", "at most", "found", ""], [[what, short(most), *_reached(most, found)] for what, most, found in rows])


def _reached(most: float, found: float | None) -> tuple[str, str]:
    if found is None:
        return "", "not measured"
    return short(found), "reached" if found <= most else "**missed**"
