"""Cold start: from the start of the process to the first 200 on /ready, with 10,000 events in the log."""

import itertools
import time
from pathlib import Path

import contest
from bench.common import MARKS, asked, desk, folder, interleaved, median, rehearsal, table
from tests.server import Server

EVENTS = 10_000


def measure() -> str:
    """A Markdown part: seconds with an empty folder and with full ones, after an end in peace and after kill -9."""
    with folder("start") as under:
        empty, day, storm = (Server(under / name / "data") for name in ("empty", "day", "storm"))
        for server, hours_ago in ((day, 1), (storm, 0)):
            server.data.mkdir(parents=True)
            fill(server.data, hours_ago)
        found = interleaved({
            "nothing yet": lambda: _start(empty, Server.stop),
            f"{EVENTS:,} events, stopped in peace": lambda: _start(day, Server.stop),
            f"{EVENTS:,} events, killed": lambda: _start(day, Server.kill),
            f"{EVENTS:,} events, all of the last minutes, killed": lambda: _start(storm, Server.kill)})
    return ("The process itself, Python and its libraries included, and no snapshot: every line is verified and folded. What is minutes old is also held "
            "again for those who were away.\n\n"
            + table(["the folder", "to the first 200"], [[name, f"{median(figures):.2f} s"] for name, figures in found.items()]))


def fill(under: Path, hours_ago: float) -> None:
    """A contest of 400 entries with sheets of 40 judges, up to the wanted number of events."""
    with desk(under) as opened:
        judges, entries = rehearsal(opened, entries=400, judges=40)
        for judge, entry in itertools.islice(itertools.product(judges, entries), EVENTS - opened.state.seq):
            opened.submit(asked(contest.GiveSheet, hours_ago, entry=entry, judge=judge, marks=MARKS, note="", base=None))
        assert opened.state.seq == EVENTS


def _start(server: Server, end) -> float:
    """Seconds until the first 200; the server is ended so that the next start finds its folder that way."""
    began = time.monotonic()
    server.start()
    took = time.monotonic() - began
    end(server)
    return took
