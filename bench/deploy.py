"""What hosting costs: the gap of a stop and a start, the longest request across a restart in place, the memory of a small machine."""

import contextlib
import re
import signal
import threading
import time
from pathlib import Path

from bench.common import folder, median, table
from bench.start import EVENTS, fill
from deploy.verify.people import Invitations, category, tattoo, wait_until
from tests.client import Http
from tests.live import Live
from tests.server import Server

SOCKETS, RESTARTS, STOPS = 200, 5, 3
NO_LIMITS = {"CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_CONNECTIONS": "0", "CONTEST_ADDRESS_UPLOADS": "0"}


def measure() -> str:
    """A Markdown part: seconds without an answer, and MB of memory."""
    with folder("deploy") as under:
        gap, longest, failed = _gaps(under / "full")
        idle, listened, photos = _memory(under / "small")
    return (f"A script goes on asking, each request on a connection of its own, with {EVENTS:,} events in the log and {SOCKETS} live sockets; medians.\n\n"
            + table(["the server", "longest time between two answers", "requests refused or lost"], [
                ["is stopped and started", f"{gap:.2f} s", "asked again, none lost"], ["restarts in place (SIGHUP)", f"{longest:.2f} s", str(failed)]])
            + "\n\nThe memory of the whole process, as the system counts it; the goal is a machine of 512 MB.\n\n"
            + table(["it", "MB"], [["idles", f"{idle:.0f}"], ["has 100 live sockets", f"{listened:.0f}"],
                                   ["takes three photos of 48 megapixels, at its highest", f"{photos:.0f}"]]))


def _gaps(data: Path) -> tuple[float, float, int]:
    """Median seconds of a stop and start, and of a restart in place; how many requests failed in the latter."""
    data.parent.mkdir(parents=True, exist_ok=True)
    fill(data, 1)
    server = Server(data, NO_LIMITS).start()
    try:
        admin = Http(server).login_admin()
        stopped = [_gap(server, admin, f"Stop {number}", lambda: (server.stop(), server.start()))[0] for number in range(STOPS)]
        with contextlib.ExitStack() as opened:
            sockets = [opened.enter_context(Live(server)) for _ in range(SOCKETS)]
            for each in sockets:
                each.hello()
            restarted = [_gap(server, admin, f"Restart {number}", lambda: _restart(server)) for number in range(RESTARTS)]
    finally:
        server.end()
    return median(stopped), median([gap for gap, _ in restarted]), sum(failures for _, failures in restarted)


def _gap(server: Server, admin: Http, label: str, end) -> tuple[float, int]:
    with Invitations(server, admin, label) as script:
        script.more(20)
        end()
        script.more(20)
    return script.longest_gap, script.failures


def _restart(server: Server) -> None:
    before = server.log.count("Restarted in place.")
    server.child.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("Restarted in place.") > before, "SIGHUP started nothing anew", 60)


def _memory(data: Path) -> tuple[float, float, float]:
    """MB: idle, with 100 sockets, at the highest while three photos of 48 megapixels arrive at once."""
    photo = tattoo(8000, 6000)
    with contextlib.ExitStack() as opened:
        server = Server(data, NO_LIMITS).start()
        opened.callback(server.end)
        admin = Http(server).login_admin()
        sleeve = category(admin)
        time.sleep(1)
        idle = _megabytes(server, "VmRSS")
        for _ in range(100):
            opened.enter_context(Live(server)).hello()
        listened = _megabytes(server, "VmRSS")
        phones = [threading.Thread(target=lambda: Http(server).submit(photo, category=sleeve)) for _ in range(3)]
        for each in phones:
            each.start()
        for each in phones:
            each.join(120)
        assert len(admin.get("/api/feed").json["feed"]) == 3
        return idle, listened, _megabytes(server, "VmHWM")


def _megabytes(server: Server, figure: str) -> float:
    return int(re.search(rf"^{figure}:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text(), re.M)[1]) / 1024
