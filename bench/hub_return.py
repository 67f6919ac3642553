"""1,000 displays lose their server and come back by themselves: how long it takes, and whether they are a storm."""

import threading
import time

from bench.common import folder, table
from bench.hub_common import ROUNDS, Displays, goals, middle, short
from bench.hub_servers import Serving, open_server

SIZE = 1_000
AWAY_SECONDS = 3   # long enough that every display tries in vain once or more


def measure() -> str:
    """A Markdown part: seconds until all are back, and what failed before and after the server was there again."""
    found = [_one() for _ in range(ROUNDS)]
    rows = [[name, short(middle(found, key))] for name, key in (
        ("half of them are back, seconds after it answers again", "half"), ("all are back, seconds", "last"), ("attempts in vain while it was away", "vain"),
        ("most of them in one second", "peak"), ("attempts in vain once it answered", "late"))]
    return (f"kill -9 with {SIZE:,} displays, started again {AWAY_SECONDS} s later. The displays wait as docs/realtime.md says: "
            f"U(0.5, 1) x min(30 s, 1 s x 2^n). Medians of the rounds: {ROUNDS}; the worst counts below.\n\n"
            + table(["", ""], rows) + "\n\n"
            + goals([("seconds until all are back", 30, max(one["last"] for one in found)),
                     ("attempts in vain once it answered", 0, max(one["late"] for one in found))]))


def _one() -> dict:
    with folder("return") as under:
        server = open_server(under)
        displays = Displays(Serving("contest", server.port, server.pid, {}))
        try:
            displays.ask("grow", count=SIZE)
            again: list[float] = []
            server.kill()
            back = threading.Thread(target=lambda: (time.sleep(AWAY_SECONDS), server.start(), again.append(time.monotonic())))
            back.start()
            came = displays.ask("come_back", seconds=60)
            back.join()
        finally:
            displays.end()
            server.kill()
    late = [at for at in came["vain"] if at > again[0]]
    return {"half": came["back"][SIZE // 2] - again[0], "last": came["back"][-1] - again[0], "vain": len(came["vain"]) - len(late), "late": len(late),
            "peak": _most_in_a_second(came["vain"])}


def _most_in_a_second(times: list[float]) -> int:
    """The most of these moments that any second holds.

    >>> _most_in_a_second([0.0, 0.5, 0.9, 1.2, 3.0])
    3
    """
    times = sorted(times)
    return max((sum(at <= other < at + 1 for other in times) for at in times), default=0)
