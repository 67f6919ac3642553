"""What a script waits for: a bulk import of photos, the opening of a long history, an event that it follows."""

import os
import random
import statistics
import threading
import time
from pathlib import Path

from PIL import Image, ImageOps

import contest
from bench.common import folder, percentile, table
from bench.history import History, opening
from tests.server import Server

QUICK = bool(os.environ.get("QUICK"))
PHOTOS, EVENTS, OPENINGS, FOLLOWED = (40, 5_000, 1, 20) if QUICK else (1_000, 100_000, 3, 200)
SIZE = (1632, 1224)    # 2 megapixels
DRAWN = 20             # different photos; the rows share them
PAUSE_SECONDS = 0.05   # each event is followed alone
#: What the contest itself does is measured, not how many photos one address may send.
NO_LIMITS = {"CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_CONNECTIONS": "0", "CONTEST_ADDRESS_UPLOADS": "0"}


def measure() -> str:
    """A Markdown part: entries a second and the share of the cores, seconds of `open`, milliseconds of `follow`."""
    with folder("script") as under:
        _draw(under / "in")
        rows = [_import(under, "into a folder, in this process", None), _import(under, "over HTTP", Server(under / "far" / "data", NO_LIMITS))]
        opened, delays = _opened(under / "long"), _followed(under / "live")
    return (f"`import_entries` of {PHOTOS:,} photos of 2 megapixels ({DRAWN} different ones, drawn; each as large as a camera's): each is looked into before the first entry is made, "
            "then stored in three sizes. The share is of all cores, the script and the server together.\n\n"
            + table(["the import", "entries a second", "share of the cores"], rows)
            + f"\n\n`contest.open` of {EVENTS:,} events without a snapshot: {opened:.2f} s (median of {OPENINGS}).\n\n"
            f"`Client.follow()`: from just before a command is sent to its event in the script's hands, {FOLLOWED} commands, one at a time.\n\n"
            + table(["p50", "p90", "p99"], [[f"{percentile(delays, part):.1f} ms" for part in (0.5, 0.9, 0.99)]]))


def _draw(under: Path) -> None:
    """Photos with as much in them as a camera's, coarse more than fine, and their table.

    Beside eleven real ones cut to this size they are as large (0.2 to 0.55 MB) and take as long (60 to 110 ms to store). Noise
    of one size alone takes twice as long: its stencil is all specks.
    """
    under.mkdir()
    dice = random.Random(7)
    for number in range(DRAWN):
        drawn = _noise(dice, 9)
        for halvings in range(8, 0, -1):
            drawn = Image.blend(drawn, _noise(dice, halvings), 0.3)
        ImageOps.autocontrast(drawn).save(under / f"{number}.jpg", quality=88)
    rows = [f"{number % DRAWN}.jpg,Sleeve,Collector {number}" for number in range(PHOTOS)]
    (under / "entries.csv").write_text("\n".join(["photo,category,collector", *rows]) + "\n", "utf-8")


def _noise(dice: random.Random, halvings: int) -> Image.Image:
    """Noise whose grains are a 2**halvings-th of 1,024 pixels."""
    size = tuple(max(2, side * 2**halvings // 1024) for side in SIZE)
    return Image.frombytes("RGB", size, dice.randbytes(size[0] * size[1] * 3)).resize(SIZE, Image.Resampling.BICUBIC)


def _import(under: Path, name: str, server: Server | None) -> list[str]:
    """A row of the table: a new contest is filled."""
    if server is None:
        with contest.open(under / "near") as near:
            return [name, *_filled(near, under / "in", [os.getpid()])]
    server.data.parent.mkdir()
    server.start()
    try:
        far = contest.Client(server.url, contest.Secret(server.data, contest.Disk()).derive("key", "local"))
        return [name, *_filled(far, under / "in", [os.getpid(), server.pid])]
    finally:
        server.end()


def _filled(verbs, source: Path, pids: list[int]) -> list[str]:
    """Entries a second, and the share of all cores that these processes used meanwhile."""
    verbs.add_category("Sleeve")
    began, used = time.monotonic(), _cpu_seconds(pids)
    report = verbs.import_entries(source)
    took = time.monotonic() - began
    assert report.answer["new"] == PHOTOS, report.answer
    share = (_cpu_seconds(pids) - used) / took / (os.cpu_count() or 1)
    return [f"{PHOTOS / took:.1f}", f"{share:.0%}"]


def _cpu_seconds(pids: list[int]) -> float:
    """What processes have used of the processors, as Linux counts it."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def _opened(under: Path) -> float:
    """Seconds until a long history can be asked, the folder being left without a snapshot each time."""
    under.mkdir()
    history = History(under)
    history.write(opening(EVENTS // 100, 40))
    sheets = history.sheets()
    history.write(next(sheets) for _ in range(EVENTS - history.state.seq))
    history.close()
    return statistics.median(_opening(under) for _ in range(OPENINGS))


def _opening(under: Path) -> float:
    for path in contest.snapshot_paths(contest.Disk(), under):
        path.unlink()
    began = time.monotonic()
    with contest.open(under) as opened:
        took = time.monotonic() - began
        assert len(opened.entries()) == EVENTS // 100
    return took


def _followed(under: Path) -> list[float]:
    """Milliseconds from a command to its event, one for each command."""
    under.mkdir()
    server = Server(under / "data", NO_LIMITS).start()
    try:
        client = contest.Client(server.url, contest.Secret(server.data, contest.Disk()).derive("key", "local"))
        arrived, ready = {}, threading.Event()
        following = threading.Thread(target=_follow, args=(client, arrived, ready), daemon=True)
        following.start()
        assert ready.wait(15)
        sent = {}
        for number in range(FOLLOWED):
            time.sleep(PAUSE_SECONDS)
            sent[f"Category {number}"] = time.perf_counter()
            client.add_category(f"Category {number}")
        following.join(15)
        return [(arrived[name] - at) * 1000 for name, at in sent.items()]
    finally:
        server.end()


def _follow(client, arrived: dict, ready: threading.Event) -> None:
    """Note when each category is heard of, until all are."""
    for item in client.follow():
        ready.set()
        if "category" in item:
            arrived.setdefault(item["category"]["name"], time.perf_counter())
        if len(arrived) == FOLLOWED:
            return
