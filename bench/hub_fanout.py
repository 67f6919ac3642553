"""From a POST to 100, 1,000, 5,000 and 10,000 displays: what an event costs, how late it is, what a connection weighs; ours beside others."""

from bench.common import TOP, ratio, table
from bench.hub_common import NAMES, QUICK, Failed, beside, goals, middle, rounds, short, watched
from bench.hub_servers import FLOOR, OURS, SOCKET_IO
from bench.picture import bars

SIZES = (100, 1_000) if QUICK else (100, 1_000, 5_000, 10_000)
LARGEST = SIZES[-1]
JUDGED = 5_000 if 5_000 in SIZES else LARGEST   # the size at which the costs are compared
SECONDS = {100: 1, 1_000: 3, 5_000: 3, 10_000: 2}   # of events one at a time
BURST = {100: 100, 1_000: 100, 5_000: 100, 10_000: 25}   # 10,000 times 100 would take the slow ones half a minute a round
# Longer than the hub's pause between two flushes: each event is measured alone, not the one before it.
PAUSE_SECONDS = 0.03
PICTURE = TOP / "docs" / "images" / "hub.svg"


def measure() -> str:
    """A Markdown part: a table for each number of displays, the goals, and the picture of the middle one."""
    found, missing = rounds(_one)
    parts = [_words(found)]
    if not QUICK:
        _draw(found)
        parts.insert(0, "![What an event costs, how late it is and what a connection weighs, the contest beside other servers; "
                     f"the figures stand in the tables below](images/{PICTURE.name})")
    for size in SIZES:
        parts += [f"#### {size:,} displays", _table(found, missing, size)]
    return "\n\n".join([*parts, "#### What was to be reached", goals(_goals(found))])


def _one(start) -> dict[int, dict | str]:
    """One server with more and more displays: its figures at each size, or why there are none."""
    figures: dict[int, dict | str] = {}
    with watched(start) as (server, displays):
        empty = server.rss()
        for size in SIZES:
            try:
                figures[size] = _at(server, displays, size, empty)
            except Failed as why:
                figures[size] = str(why)
                break
    return figures


def _at(server, displays, size: int, empty: int) -> dict:
    rate = displays.ask("grow", count=size)["rate"]
    displays.ask("idle", seconds=0.5)
    rss = server.rss()
    alone = displays.ask("isolated", seconds=SECONDS[size], pause=PAUSE_SECONDS)
    burst = displays.ask("burst", count=BURST[size])
    p50, p99, most = alone["latency"]
    return {"rate": rate, "p50": p50, "p99": p99, "max": most, "alone": alone["cpu"], "burst": burst["cpu"], "bytes": alone["bytes"],
            "each": (rss - empty) / size / 1000, "rss": rss / 2**20, "peak": server.rss("VmHWM") / 2**20}


def _figures(found: dict, name: str, size: int) -> list[dict]:
    """The figures of each round at a size, none where a round failed."""
    made = [one.get(size) for one in found.get(name, [])]
    return made if all(isinstance(one, dict) for one in made) else []


def _table(found: dict, missing: dict[str, str], size: int) -> str:
    ours = _figures(found, OURS, size)
    return table(["server", "connects/s", "p50 ms", "p99 ms", "max ms", "CPU us a delivery", ": ours", "deliveries a CPU second",
                  "in bursts, us", ": ours", "deliveries a CPU second", "RSS a connection, kB", "RSS MiB", "peak MiB"],
                 [[name, *_row(_figures(found, name, size), ours)] if _figures(found, name, size) else
                  [name, missing.get(name) or _why(found[name], size), *[""] * 12] for name in NAMES])


def _row(figures: list[dict], ours: list[dict]) -> list[str]:
    row = [short(middle(figures, name)) for name in ("rate", "p50", "p99", "max")]
    for kind in ("alone", "burst"):
        row += [short(middle(figures, kind)), short(ratio(beside(figures, kind), beside(ours, kind))), f"{1e6 / middle(figures, kind):,.0f}"]
    return row + [short(middle(figures, name)) for name in ("each", "rss", "peak")]


def _why(figures: list[dict], size: int) -> str:
    """What the first round that failed said, at this size or a smaller one."""
    return next(text for one in figures for at, text in one.items() if isinstance(text, str) and at <= size)


def _goals(found: dict) -> list[tuple[str, float, float | None]]:
    def times(name: str, other: str, size: int = JUDGED) -> float | None:
        ours, theirs = _figures(found, OURS, size), _figures(found, other, size)
        return ratio(beside(ours, name), beside(theirs, name)) if ours and theirs else None

    largest = _figures(found, OURS, LARGEST)
    each, rss, peak = (middle(largest, name) if largest and not QUICK else None for name in ("each", "rss", "peak"))
    return [(f"CPU a delivery at {JUDGED:,}, events one at a time, times socket.io's", 0.65, times("alone", SOCKET_IO)),
            ("the same, times the C server's", 1.6, times("alone", FLOOR)),
            (f"CPU a delivery at {JUDGED:,}, in bursts, times socket.io's", 0.2, times("burst", SOCKET_IO)),
            *((f"p99 at {size:,}, times socket.io's", 1.0, times("p99", SOCKET_IO, size)) for size in SIZES if size in (1_000, 5_000)),
            (f"kB a connection, {LARGEST:,} idle", 2.0, each), (f"MiB with {LARGEST:,} connections", 100.0, rss), ("MiB ever", 512.0, peak)]


def _words(found: dict) -> str:
    size = middle(_figures(found, OURS, SIZES[0]), "bytes")
    fewer = f" ({BURST[10_000]} with 10,000 displays)" if 10_000 in SIZES else ""
    return (f"An event is a message on the screens, {size:.0f} bytes on the wire of ours and of the same shape everywhere. Ours is the whole server: "
            "the POST is checked, its line is on disk (fdatasync) before it is told, and held for those who are away; the others keep nothing. "
            "Late is from just before the POST is sent to the arrival at each display; CPU is the server's, user and system, of all its threads. "
            "`: ours` is how many times ours, the median of the rounds' ratios. "
            f"Bursts: {BURST[JUDGED]} posts at once{fewer}. socket.io is connected to by WebSocket from the start; as it comes, a browser would poll "
            "first. The displays are one process on the same cores.")


def _draw(found: dict) -> None:
    groups = {"CPU, microseconds a delivery, events one at a time": "alone", "CPU, microseconds a delivery, in bursts": "burst",
              "From the POST to the arrival, p99, milliseconds": "p99", "Memory of an idle connection, kB": "each"}
    bars(PICTURE, f"An event to {JUDGED:,} displays", "Shorter is better. Each group has its own scale.",
         {heading: {name: middle(figures, key) for name in found if (figures := _figures(found, name, JUDGED))} for heading, key in groups.items()}, OURS)
