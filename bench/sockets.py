"""From a POST to 100 sockets: a real server in its own process, a message put on the screen, each socket's arrival."""

import http.client
import json
import selectors
import time

from bench.common import folder, median, percentile, table
from tests.client import Http
from tests.live import Live
from tests.server import Server

SOCKETS = 100
POSTS = 200
# Longer than the hub's pause between two flushes: each POST is measured alone, not the one before it.
PAUSE_SECONDS = 0.05


def measure() -> str:
    """A Markdown part: milliseconds from just before the POST is sent to the arrival at each socket."""
    with folder("sockets") as under:
        server = Server(under / "data").start()
        try:
            arrivals, lasts, answers = _posts(server)
        finally:
            server.end()
    rows = [[name, *(f"{percentile(figures, part):.1f} ms" for part in (0.5, 0.9, 0.99))] for name, figures in (
        ("arrival at a socket", arrivals), (f"arrival at the last of {SOCKETS}", lasts), ("the POST's own answer", answers))]
    return (f"{POSTS} POSTs, one at a time, {SOCKETS} sockets, {len(arrivals):,} deliveries; the sockets are read by the "
            "process that posts, on the same cores.\n\n" + table(["from the POST to", "p50", "p90", "p99"], rows))


def _posts(server: Server) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds: of every arrival, of the last of each round, of each answer."""
    admin = Http(server).login_admin()
    poster = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    headers = {"Cookie": admin.cookie, "Origin": server.url, "Content-Type": "application/json"}
    sockets = [Live(server) for _ in range(SOCKETS)]
    waiter = selectors.DefaultSelector()
    for one in sockets:
        one.hello()
        one.socket.setblocking(False)
        waiter.register(one.socket, selectors.EVENT_READ)
    poster.connect()
    waiter.register(poster.sock, selectors.EVENT_READ)
    arrivals, lasts, answers = [], [], []
    for number in range(POSTS):
        mark = f"bench {number:06d}"
        began = time.perf_counter()
        poster.request("POST", "/api/screen", json.dumps({"mode": "message", "text": mark}), headers)
        *took, answer = _round(waiter, poster, mark.encode(), began)
        arrivals += took
        lasts.append(max(took))
        answers.append(answer)
        time.sleep(PAUSE_SECONDS)
    poster.close()
    for one in sockets:
        one.drop()
    return arrivals, lasts, answers


def _round(waiter, poster, mark: bytes, began: float) -> list[float]:
    """Milliseconds until the mark was at each socket, then until the answer; TimeoutError when one gets nothing for 15 s."""
    arrived: dict = {}
    answered = None
    while answered is None or len(arrived) < SOCKETS:
        ready = waiter.select(15)
        if not ready:
            raise TimeoutError(f"{len(arrived)} of {SOCKETS} sockets were told")
        for key, _ in ready:
            if key.fileobj is poster.sock:
                answer = poster.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()
                answered = (time.perf_counter() - began) * 1000
            elif mark in key.fileobj.recv(1 << 16):
                arrived[key.fd] = (time.perf_counter() - began) * 1000
    return [*arrived.values(), answered]
