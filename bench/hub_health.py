"""How soon /health answers while an event goes out to thousands, while a hundred come at once, while photos are taken in."""

import http.client
import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from bench.common import median, percentile, table
from bench.hub_common import goals, rounds, short, watched
from bench.hub_servers import FLOOR, OURS, SOCKET_IO, ours
from tests.client import Http

SIZE = 5_000
SECONDS = 2
BURST = 100
EVERY_SECONDS = 0.01
BESIDE = (OURS, SOCKET_IO, FLOOR)   # the others say nothing new
UPLOADS = 8
PIXELS = (4000, 3000)   # what a phone's camera makes


class Asking:
    """Asks /health a hundred times a second while the block runs; `took` holds the milliseconds."""

    def __init__(self, port: int):
        self.port, self.took, self._over = port, [], threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self._over.is_set():
            began = time.perf_counter()
            while not self._asked(connection):
                connection.close()
            self.took.append((time.perf_counter() - began) * 1000)
            time.sleep(EVERY_SECONDS)
        connection.close()

    @staticmethod
    def _asked(connection) -> bool:
        """Was it answered? A server that was busy for seconds may end a connection that it takes for idle; who asks asks again."""
        try:
            connection.request("GET", "/health")
            return connection.getresponse().read() is not None
        except (ConnectionError, http.client.HTTPException):
            return False

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._over.set()
        self._thread.join()


def measure() -> str:
    """A Markdown part: p99 and the longest of /health, ours in every storm, socket.io and C in a fan-out."""
    found, missing = rounds(_fan_out, BESIDE)
    uploads = [_uploads() for _ in found[OURS]]
    rows = [[name, *(_row(found[name]) if name in found else [missing[name], *[""] * 3])] for name in BESIDE]
    wanted = [("ms, p99 of /health during events one after the other", 100, _p99(found[OURS], "alone")),
              (f"ms, p99 of /health during {BURST} events at once", 100, _p99(found[OURS], "burst")),
              (f"ms, p99 of /health during {UPLOADS} uploads", 100, median([percentile(one, 0.99) for one in uploads]))]
    return (f"{SIZE:,} displays; /health is asked a hundred times a second while events go out one after the other without a pause, and while {BURST} "
            f"are posted at once. Then, ours alone, while {UPLOADS} photos of {PIXELS[0] * PIXELS[1] / 1e6:.0f} megapixels are sent at once and "
            "1,000 displays are told of them. Medians of the rounds; the longest of all.\n\n"
            + table(["server", "events one after the other: p99 ms", "longest", f"{BURST} at once: p99 ms", "longest"], rows)
            + "\n\n" + goals(wanted))


def _fan_out(start) -> dict[str, list[float]]:
    with watched(start) as (server, displays):
        displays.ask("grow", count=SIZE)
        with Asking(server.port) as alone:
            displays.ask("isolated", seconds=SECONDS, pause=0)
        with Asking(server.port) as burst:
            displays.ask("burst", count=BURST)
    return {"alone": alone.took, "burst": burst.took}


def _p99(figures: list[dict], kind: str) -> float:
    return median([percentile(one[kind], 0.99) for one in figures])


def _row(figures: list[dict]) -> list[str]:
    return [short(value) for kind in ("alone", "burst") for value in (_p99(figures, kind), max(max(one[kind]) for one in figures))]


def _uploads() -> list[float]:
    """Milliseconds of /health while photos come in."""
    with watched(ours) as (server, displays):
        admin = Http(f"http://127.0.0.1:{server.port}").login_admin()
        made = admin.post("/api/categories", {"name": "Best Sleeve", "criteria": [{"id": "technique", "name": "Technique"}]})
        assert made.status == 201, made
        displays.ask("grow", count=1_000)
        photos = [_photo(number) for number in range(UPLOADS)]
        with Asking(server.port) as asking, ThreadPoolExecutor(UPLOADS) as phones:
            answers = list(phones.map(lambda photo: Http(admin.url).submit(photo, category="best-sleeve", title="Rose", artist="Marta", studio="North"), photos))
    assert all(answer.status == 201 for answer in answers), answers
    return asking.took


def _photo(number: int) -> bytes:
    """A JPEG as large and as busy as a camera's, some 4 MB."""
    tile = Image.frombytes("RGB", (PIXELS[0] // 8, PIXELS[1] // 8), random.Random(number).randbytes(PIXELS[0] * PIXELS[1] * 3 // 64))
    made = io.BytesIO()
    tile.resize(PIXELS).save(made, "JPEG", quality=92)
    return made.getvalue()
