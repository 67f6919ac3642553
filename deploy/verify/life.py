"""A server from its start to its end: ready, healthy in each state, alone, drained."""

import http.client
import signal
import time
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from deploy.verify.checks import Checkout, Wrong, require
from deploy.verify.people import HalfUpload, category, full_disk, screens, tattoo, wait_until
from deploy.verify.server import Served
from tests.live import Live
from tests.server import free_port

HOLD_SECONDS = 5
TIERS = ("/health", "/ready", "/api/realtime-health")
#: a start whose log takes two seconds to read
SLOW_START = """
import sys, time, contest
recover = contest.recover
def slow(*where):
    time.sleep(2)
    return recover(*where)
contest.recover = slow
sys.exit(contest.main())
"""


def start_to_ready(checkout: Checkout) -> str:
    """An empty folder is served, and the server ends with 0 when told."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        took = server.start_seconds
        code = server.stop()
        require(code == 0, f"It ended with {code}: {server.log.strip()[-400:]}")
        require("Traceback" not in server.log, server.log.strip()[-400:])
    return f"{took:.2f} s to the first 200"


def tiers(server: Served) -> tuple[int, ...]:
    """The status of each tier of health: (live, ready, realtime)."""
    return tuple(server.http.get(path).status for path in TIERS)


def health_states(checkout: Checkout) -> str:
    """Health says what is so: well, not ready while the log is read, read-only, draining."""
    with checkout.scratch() as under:
        with Served(checkout, under / "data") as server:
            _expect(server, "well", (200, 200, 200))
            admin = server.admin
            sleeve = category(admin)
            with full_disk(server):
                status = admin.post("/api/categories", {"name": "Best Back"}).status
                require(status == 507, f"On a full disk a command was answered with {status}, not 507.")
                _expect(server, "read-only", (200, 503, 200))
            _expect(server, "well again", (200, 200, 200))
            with HalfUpload(server, sleeve) as upload:
                wait_until(lambda: _running(server, admin), "An upload never began")
                server.child.send_signal(signal.SIGTERM)
                _expect(server, "draining", (200, 503, 503))
                upload.finish()
                server.wait()
        _not_ready_while_it_reads(checkout, under / "data")
    return "well, read-only, draining, starting"


def _expect(server: Served, state: str, wanted: tuple[int, ...]) -> None:
    try:
        wait_until(lambda: tiers(server) == wanted, "", 10)
    except Wrong:
        raise Wrong(f"{state}: live, ready and realtime answer {tiers(server)}, not {wanted}.") from None


def _running(server: Served, admin) -> bool:
    """Is a request under way beside the one that asks?"""
    return admin.get("/api/realtime-metrics").json["running"] > 1


def _not_ready_while_it_reads(checkout: Checkout, data) -> None:
    server = Served(checkout, data, before=("-c", SLOW_START))
    try:
        server.start(wait=False)
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            require(not _says_ready(server.url, 0.3), "starting: it says that it is ready while it reads the log.")
        server.wait_ready()
    finally:
        server.end()


def _says_ready(url: str, seconds: float) -> bool:
    try:
        with urllib.request.urlopen(url + "/ready", timeout=seconds) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError, http.client.HTTPException):
        return False


def drain(checkout: Checkout) -> str:
    """A SIGTERM in the middle of an upload with 50 sockets open: the upload is taken, every socket is told, nothing is lost."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        admin = server.admin
        sleeve = category(admin)
        with screens(server, 50) as sockets, HalfUpload(server, sleeve) as upload:
            wait_until(lambda: _running(server, admin), "An upload never began")
            server.child.send_signal(signal.SIGTERM)
            wait_until(lambda: server.http.get("/ready").status == 503, "/ready never said that the server stops")
            refused = server.http.submit(tattoo(), category=sleeve)
            require(refused.status == 503 and refused.headers["Retry-After"], f"A new request in drain was answered with {refused.status}.")
            _hold(sockets)
            status, told = upload.finish(), time.monotonic()
            require(status == 201, f"The upload under way was answered with {status}.")
            codes = {_ended(each) for each in sockets}
            require(codes == {1012}, f"The sockets were closed with {codes}, not 1012.")
            unwarned = sum(all(message["t"] != "drain" for message in each.received) for each in sockets)
            require(not unwarned, f"{unwarned} sockets were closed without a word before.")
            code, left = server.wait(), time.monotonic() - told
        require(code == 0, f"The server ended with {code}.")
        server.start()
        require(len(server.http.get("/api/feed").json["feed"]) == 1, "The entry of the upload is lost.")
    return f"50 of 50 told, upload kept, gone {left:.2f} s after its answer"


def _hold(sockets: list[Live]) -> None:
    """Let HOLD_SECONDS go by, as a phone on a slow line does in the middle of its upload, while the screens go on reading."""
    until = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < until:
        for each in sockets:
            if each.closed:
                each.drop()
            else:
                each.read(0.002)


def _ended(live: Live) -> int | None:
    """The code a socket is closed with; then it goes, as a browser does when the server has ended its side."""
    code = live.wait_closed().code
    live.drop()
    return code


def second_writer(checkout: Checkout) -> str:
    """A second server on the same folder ends with 75 and a sentence, and the first goes on."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        second = Served(checkout, under / "data")
        try:
            second.start(wait=False)
            wait_until(lambda: not second.running or second.ready(), "A second server on the same folder neither served nor ended")
            require(not second.running, "A second server on the same folder serves beside the first.")
        finally:
            second.end()
        require(second.child.returncode == 75, f"The second ended with {second.child.returncode}, not 75.")
        require(server.ready() and f"process {server.pid}" in server.log, "The first is gone, or the second did not name it.")
    return "75, and the first is named"


def metrics(checkout: Checkout) -> str:
    """The metrics port tells Prometheus its figures and nothing else, and the web port tells them nobody without a key."""
    port = free_port()
    with checkout.scratch() as under, Served(checkout, under / "data", {"CONTEST_METRICS_PORT": str(port)}) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            families = {each.name: each for each in text_string_to_metric_families(answer.read().decode())}
        wanted = {"contest_connections", "contest_seq", "contest_loop_lag_seconds", "contest_read_only", "contest_resumes", "contest_closes"}
        require(wanted <= set(families), f"{', '.join(sorted(wanted - set(families)))} are not told.")
        bare = [name for name, family in families.items() if not family.documentation]
        require(not bare, f"{', '.join(bare)} are told without a word of what they are.")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=10).close()
            raise Wrong("The metrics port tells the contest as well.")
        except urllib.error.HTTPError as no:
            no.close()
        status = server.http.get("/metrics").status
        require(status in (401, 403), f"/metrics without a key was answered with {status} on the web port.")
    return f"{len(families)} figures"


DEAR = (start_to_ready, health_states, second_writer, metrics, drain)
